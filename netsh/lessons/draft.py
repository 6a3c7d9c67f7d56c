"""The beginning of a lesson: an empty one, or one made of what is typed at the prompt.

Only what is typed is noted; the outputs are then found by running the draft, so that they are exact.
"""

from __future__ import annotations

import io
import os

from commands.command import Command
from netsh import grammar, home
from netsh.lessons import parse, replay
from netsh.lessons.form import BadLesson
from netsh.render.printer import Printer
from netsh.saved import script_of
from netsh.session import Session
from netsh.world import end
from stack.dev.files import write_whole
from stack.kern.errors import reason
from stack.lab import Lab

_HEAD = """\
---
title: "{title}"
minutes: 15
level: beginner
teaches: "what the reader knows afterwards"
rfcs: "RFC 0000 section 0"
books: "Author, Title: Chapter"
---

# {title}

What this is about, and why it matters, in a few sentences. docs/lessons.md says how a lesson is written;
`tutorial --check {name}` runs this one.

"""
_EXAMPLE = """\
```
    me                    gw                          www
 10.0.0.2 --- lan --- 10.0.0.1
                      203.0.113.1 --- wan --- 203.0.113.80
```

```quiz
A question about what comes next?
a) something that many believe
b) what really happens
```

<details><summary>Answer</summary>

```answer
b
Why it is so.
```

</details>

```netsh
me# ping -c 1 gw | grep from
64 bytes from 10.0.0.1: icmp_seq=0 ttl=255 time=0.300000 ms
```

What was seen, and what it means.

"""
_TASK = """\
## Task 1: its name

Some words about it.

```task
What the learner must reach, with all its numbers.
check not arp {host} {other}
```

<!-- wrong: why this is wrong
{host}# sleep 1
-->

<details><summary>Hint</summary>

```hint
A little help.
```

</details>

<details><summary>Solution</summary>

```solution
{host}# arp -d {other}
```

</details>
"""


def empty(path: str) -> str:
    """The text of a lesson that has everything in it once."""
    head = _HEAD.format(title=_title(path), name=path)
    return head + _EXAMPLE + _TASK.format(host="me", other="gw")


def _title(path: str) -> str:
    """A title, made of the file's name: tutorials/09-udp-ports.md is Udp ports."""
    stem = os.path.splitext(os.path.basename(path))[0]
    words = [word for word in stem.replace("_", "-").split("-") if word and not word.isdigit()]
    return " ".join(words).capitalize().replace('"', "'") or "A lesson"


class Recorder:
    """Notes what is typed at the prompt, and makes a draft of a lesson of it."""

    def __init__(self, session: Session, path: str) -> None:
        self.session = session
        self.path = path
        self.commands: dict[str, Command] = {}
        self.start = _start_of(session)
        self.typed: list[tuple[str, str]] = []  # the host, the line
        self.line: tuple[str, str] | None = None

    def toolbar(self) -> str:
        """What becomes of it."""
        return f"recording {self.path}"

    def meant(self, text: str) -> str:
        """What was typed, and note it."""
        host = self.session.host.name if self.session.host is not None else ""
        words = text.split()
        if words[:1] in (["exit"], ["quit"]):
            return "tutorial end"
        self.line = (host, text) if host and words and words[0] != "tutorial" and _is_whole(text) else None
        return text

    def look(self) -> None:
        """The line was run: it is kept, on the disk, too."""
        if self.line is not None:
            self.typed.append(self.line)
            self.line = None
            self._write(self._draft())

    def more(self) -> str:
        """Nothing is typed for anybody."""
        return ""

    def leave(self) -> None:
        """All was typed: find what it prints, and write that in."""
        self.session.companion = None
        text = self._draft()
        try:
            text = replay.rewritten(parse.parse(text, self.path), text)
        except BadLesson as bad:
            self.session.complain("tutorial", str(bad.faults[0]))
        self._write(text)

    def _draft(self) -> str:
        blocks = [f"```netsh\n{_block(host, line)}\n```\n\nWhat it shows.\n\n" for host, line in self.typed]
        first, second = [*self.session.lab.hosts, "me", "gw"][:2]
        task = _TASK.format(host=self.typed[-1][0] if self.typed else first, other=second)
        return _HEAD.format(title=_title(self.path), name=self.path) + self.start + "".join(blocks) + task

    def _write(self, text: str) -> None:
        try:
            write_whole(self.path, text.encode())
        except OSError as error:
            self.session.complain("tutorial", f"{self.path}: {reason(error)}; the draft is not written")


def _block(host: str, line: str) -> str:
    return f"{host}# " + line.strip().replace("\n", "\n> ")


def _is_whole(text: str) -> bool:
    try:
        grammar.parse(text)
    except grammar.GrammarError:
        return False
    return True


def _start_of(session: Session) -> str:
    """The block that makes the lab that the session is in; "" for the built-in one."""
    script = script_of(session)
    fresh = Session(Lab(), Printer("text", io.StringIO(), io.StringIO()))
    home.build(fresh)
    built_in = script_of(fresh)
    end(fresh.lab)
    return "" if script == built_in else f"```lab\n{script}```\n\n"
