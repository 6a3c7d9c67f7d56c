"""Sessions in prose: blocks marked `netsh` in README.md and lessons are run, and must print what stands there.

A block's lines that begin with `host# ` are typed, the others are what is printed.  One file is one session in
virtual time, so all of it is exact.  After a change that is meant, write the new outputs in with

    python -m tests.lessons.transcript README.md tutorials/*.md
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from netsh import home
from netsh.lessons import parse, replay
from netsh.render.printer import Printer
from netsh.session import Session
from stack.lab import Lab

_BLOCK = re.compile(r"^```netsh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def rewritten(path: Path) -> str:
    """The same text, with what its lines print today."""
    text = path.read_text()
    if text.startswith("---\n"):
        return replay.rewritten(parse.parse(text, str(path)), text)
    return _page(text)


def _page(text: str) -> str:
    """The same of a page that is no lesson."""
    screen = io.StringIO()
    session = Session(Lab(), Printer("text", screen, screen))
    home.build(session)

    def block(match: re.Match[str]) -> str:
        return f"```netsh\n{_replay_block(session, screen, match.group(1))}```"

    return _BLOCK.sub(block, text)


def _replay_block(session: Session, screen: io.StringIO, lines: str) -> str:
    shown = ""
    for line in lines.splitlines():
        typed = parse.TYPED.fullmatch(line)
        if typed is None:
            continue
        assert session.host is not None
        assert typed[1] == session.host.name, f"the prompt is {session.host.name}#, the text says {line!r}"
        screen.seek(0)
        screen.truncate()
        session.run(typed[2])
        shown += f"{line}\n{screen.getvalue()}"
    return shown


def main() -> None:
    """Write today's outputs into the files that are named."""
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(rewritten(path))


if __name__ == "__main__":
    main()
