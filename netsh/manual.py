"""Manual pages from the pages of help: `python -m netsh.manual FOLDER` writes netsh(1) and one for each command."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import NamedTuple

from commands.command import Command
from commands.command import names as command_names
from netsh import builtins, helptext
from netsh.helptext import HelpText, kind_of
from netsh.local import VERSION
from netsh.mdoc import body, escape, literal, quoted, synopsis
from netsh.options import HELP, USAGE
from netsh.summaries import first_sentence
from netsh.topics import TOPICS
from stack.dev.files import write_whole
from stack.kern.errors import reason

_USAGE = 2
_LANGUAGE = "netsh-language"
_MANUAL = re.compile(r"([\w.-]+)\((\d)\)")


class _Entry(NamedTuple):
    """A command, its page taken apart, and the keywords it knows."""

    command: Command
    help: HelpText
    known: Mapping[str, str]

    @property
    def summary(self) -> str:
        return first_sentence(self.help.text)


def main(argv: list[str]) -> int:
    """Write all pages into a folder, which is made; the status."""
    if len(argv) != 1 or argv[0].startswith("-"):
        sys.stderr.write("usage: python -m netsh.manual folder\n")
        return _USAGE
    folder = argv[0]
    try:
        os.makedirs(folder, exist_ok=True)
        for name, text in pages(_today()).items():
            write_whole(os.path.join(folder, name), text.encode())
    except OSError as error:
        sys.stderr.write(f"netsh.manual: {error.filename or folder}: {reason(error)}\n")
        return 1
    return 0


def _today() -> str:
    """The date of the pages; builds that are to be the same every time say which (reproducible-builds.org)."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = time.gmtime(int(epoch)) if epoch.isdecimal() and epoch.isascii() else time.localtime()
    return f"{time.strftime('%B', now)} {now.tm_mday}, {now.tm_year}"


def pages(date: str) -> dict[str, str]:
    """All pages, by the names of their files."""
    entries = {name: _entry("commands", name) for name in command_names()}
    own = {name: _entry("netsh.builtins", name) for name in builtins.names()}
    found = {"netsh.1": _netsh(date, entries, own), f"{_LANGUAGE}.7": _language(date)}
    for name, entry in {**entries, **own}.items():
        found[f"netsh-{name}.1"] = _command(date, name, entry)
    return {name: "\n".join(lines) + "\n" for name, lines in found.items()}


def _entry(package: str, name: str) -> _Entry:
    module = import_module(f"{package}.{name}")
    return _Entry(module.COMMAND, helptext.parse(module.__doc__ or ""), getattr(module, "WORDS", {}))


def _head(date: str, name: str, section: int, summary: str) -> Iterator[str]:
    yield f".Dd {date}"
    yield f".Dt {name.upper()} {section}"
    yield f".Os netsh {VERSION}"
    yield ".Sh NAME"
    yield f".Nm {name}"
    yield f".Nd {escape(summary[:1].lower() + summary[1:])}"


def _command(date: str, name: str, entry: _Entry) -> Iterator[str]:
    yield from _head(date, f"netsh-{name}", 1, entry.summary)
    yield ".Sh SYNOPSIS"
    yield from synopsis(entry.command.synopsis, entry.known)
    yield ".Sh DESCRIPTION"
    yield from body(entry.help.text)
    yield ".Sh EXAMPLES"
    yield from literal(entry.help.examples)
    yield ".Sh SEE ALSO"
    yield from _references({("netsh", 1), *_named(entry.help.see)} - {(f"netsh-{name}", 1)})
    standards = [other for other in entry.help.see if kind_of(other) == "RFC"]
    if standards:
        yield ".Sh STANDARDS"
        yield f"{', '.join(standards)}."


def _named(see: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """The pages of the manual that a page of help names: BSD's, and ours."""
    for other in see:
        if found := _MANUAL.fullmatch(other):
            yield found[1], int(found[2])
        elif kind_of(other) == "help":
            yield (_LANGUAGE, 7) if other in TOPICS else (f"netsh-{other}", 1)


def _references(named: set[tuple[str, int]]) -> Iterator[str]:
    """In the order that mdoc(7) wants: by section, then by name."""
    ordered = sorted(named, key=lambda page: (page[1], page[0]))
    for name, section in ordered:
        yield f".Xr {name} {section}{' ,' if (name, section) != ordered[-1] else ''}"


def _netsh(date: str, entries: Mapping[str, _Entry], own: Mapping[str, _Entry]) -> Iterator[str]:
    yield from _head(date, "netsh", 1, "a shell for networks of BSD hosts, with a TCP/IP stack of its own")
    yield ".Sh SYNOPSIS"
    yield from literal([line[len("usage: ") :] for line in USAGE.rstrip().splitlines()])
    yield ".Sh DESCRIPTION"
    yield from body(re.sub("(?m)^  (?=[- ])", "    ", HELP.rstrip()))
    for title, listed in (("Commands", entries), ("The shell's own", own)):
        yield f".Ss {title}"
        yield ".Bl -tag -width Ds"
        for name, entry in listed.items():
            yield f".It Xr netsh-{name} 1"
            yield escape(f"{entry.summary}.")
        yield ".El"
    yield ".Sh SEE ALSO"
    yield from _references({(_LANGUAGE, 7), ("sh", 1)})


def _language(date: str) -> Iterator[str]:
    yield from _head(date, _LANGUAGE, 7, "the words of netsh's language")
    yield ".Sh DESCRIPTION"
    named: set[tuple[str, int]] = {("netsh", 1)}
    for name, topic in TOPICS.items():
        help = helptext.parse(topic.page)
        named.update(_named(help.see))
        yield f".Ss {quoted(name)}"
        yield from literal(topic.synopsis.splitlines())
        yield from (".Pp", *body(help.text))
        yield from literal(help.examples)
    yield ".Sh SEE ALSO"
    yield from _references(named - {(_LANGUAGE, 7)})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
