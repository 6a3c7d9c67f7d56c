"""The labs in which completion is tried, and the form of the table of what it should offer."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from netsh import home
from netsh.prompt.candidates import candidates
from netsh.render.printer import Printer
from netsh.session import Session
from stack.lab import Lab

TABLE = Path(__file__).with_name("completion.txt")


class Case(NamedTuple):
    """A line with its cursor, in a lab, and what fits there; `more` when these are only some of it."""

    number: int
    lab: str
    line: str
    cursor: int
    expected: list[str]
    more: bool


def cases() -> Iterator[Case]:
    """The table: `line|rest => candidate ...`, where | is the cursor; a last `...` says that there are more."""
    lab = ""
    for number, text in enumerate(TABLE.read_text().splitlines(), 1):
        if text.startswith("@"):
            lab = text.removeprefix("@")
        elif "=>" in text:
            line, _, expected = text.partition(" =>")
            cursor = line.rindex("|")
            words = expected.split()
            more = words[-1:] == ["..."]
            yield Case(number, lab, line[:cursor] + line[cursor + 1 :], cursor, words[:-1] if more else words, more)


def session() -> Session:
    return Session(Lab(), Printer("text", io.StringIO(), io.StringIO()))


def in_home() -> Session:
    found = session()
    home.build(found)
    found.run("name=www; up() { ping -c 1 $1 }; alias nr='netstat -rn'; sleep 100 & drops -f &")
    return found


def with_bridges() -> Session:
    found = session()
    found.run("host room; for i in 0..2 { ifconfig shmif$i create; ifconfig shmif$i linkstr wire$i }")
    found.run("ifconfig bridge0 create; brconfig bridge0 add shmif0 add shmif1 up; ifconfig vlan0 create; host roof")
    found.run("host room")
    return found


LABS: dict[str, Callable[[], Session]] = {"home": in_home, "bridges": with_bridges, "empty": session}


def offered(found: Session, line: str, cursor: int) -> list[str]:
    """What completion offers."""
    return [candidate.text.replace(" ", "\N{OPEN BOX}") for candidate in candidates(line, found, cursor)]
