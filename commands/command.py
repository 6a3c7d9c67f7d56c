"""What a command is: it parses, it acts and yields rows, and it says how a row reads; it never prints.

A module of this package named `ping` *is* the command `ping`.  It holds, in this order: `Args`, the
row types (NamedTuples), `parse`, `run`, `show`, and last

    COMMAND = Command("ping", SYNOPSIS, parse, run, show)

`run` is an async generator, since ping speaks while it works: it awaits the lab's own wait channels
(stack.kern.proc.tsleep), never asyncio.  It leaves by returning (status `ctx.status`, 0 unless set), or by
raising `Usage` (status 2), `Failure` (its status, mostly 1) or OSError (status 1).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from typing import Any, NamedTuple

import commands
from stack.addr import Ip4
from stack.host import Host
from stack.kern.pipe import Pipe
from stack.kern.proc import Proc
from stack.kern.socket import Socket
from stack.lab import Lab

_BEFORE, _SHOWN = 50, 72  # characters of a line with a mark


class Usage(Exception):
    """The command line makes no sense; the shell prints the words given here, then the synopsis."""


class Failure(Exception):
    """The command could not do it: one line for stderr, without the command's name; and a status.

    Where a word of several is wrong, `line` is what was typed and `column` where: they stand below, with a mark.
    """

    def __init__(self, message: str, status: int = 1, *, line: str = "", column: int = 0) -> None:
        super().__init__(message)
        self.status = status
        begin = max(column - _BEFORE, 0)
        self.mark = f"    {line[begin : begin + _SHOWN]}\n    {' ' * (column - begin)}^" if line else ""


class Note(NamedTuple):
    """Words around rows that are no data: a heading, a blank line.  JSON and rich views leave them out.

    With `draw` there are no words at all: what was gathered for a view is to be drawn now, since more may take a while.
    """

    text: str
    draw: bool = False


class Complaint(NamedTuple):
    """A line for stderr, while the command goes on; the shell puts `command: ` before it."""

    text: str


class Data(NamedTuple):
    """Raw bytes for stdout, as they are: the body of a page, what nc received.

    `kind` is the media type of a whole text such as a page, which may be coloured on a terminal.
    """

    data: bytes
    kind: str = ""


class ErrorData(NamedTuple):
    """Raw bytes for stderr, as they are: what a program says there."""

    data: bytes


class Context:
    """What a command may touch: the host it runs on, its process, its input (ping.c's `prog_ops`)."""

    def __init__(
        self,
        lab: Lab,
        host: Host,
        proc: Proc,
        stdin: Pipe,
        *,
        terminal: bool = False,
        columns: Callable[[], int] = lambda: 80,
    ) -> None:
        self.lab = lab
        self.host = host
        self.proc = proc
        self.stdin = stdin
        self.terminal = terminal  # a person watches: progress bars make sense
        self.columns = columns  # how wide that terminal is now
        self.status = 0
        self.last_words = ""  # a complaint of who ends because nobody takes what it says

    @property
    def now(self) -> float:
        """The lab's time in seconds."""
        return self.lab.callouts.now

    def resolve(self, name: str) -> Ip4:
        """The address of a host by name or in dots, the one nearest to us; Failure when there is none."""
        try:
            return self.lab.resolve(name, self.host)
        except OSError:
            raise Failure(f"{name}: Host name lookup failure") from None

    def name_of(self, address: int) -> str | None:
        """The name of the host that has an address; None when nobody has."""
        return self.lab.name_of(address, self.host)

    def socket(self, kind: int, protocol: int = 0) -> Socket:
        """A new socket on this host, closed when the process ends (socket(2))."""
        so = self.host.socket(kind, protocol)
        self.proc.closers.append(so.close)
        return so


class Command(NamedTuple):
    """A command of the language; see the module's docstring."""

    name: str
    synopsis: str  # one line a form, without "usage: "
    parse: Callable[[list[str]], Any]
    run: Callable[[Context, Any], AsyncIterator[Any]]
    show: Callable[[Any], str]  # a row as BSD prints it, without the last newline


# Those that are content with sockets, whoever's they are, with processes or the lab; all others need the stack itself.
FOR_ANY_SOCKETS = frozenset(
    {"drops", "explain", "fetch", "hostname", "httpd", "kill", "nc", "ps", "python", "trace", "ttcp"}
)

FOR_NO_HOST = frozenset({"kill"})  # a job of the shell's own is of no host, and a lab need not have any

_NOT_COMMANDS = {"command"}


@lru_cache(maxsize=1)
def names() -> list[str]:
    """The names of all commands, without importing any."""
    files = (name for folder in commands.__path__ for name in os.listdir(folder))
    found = (name.removesuffix(".py") for name in files if name.endswith(".py"))  # pkgutil takes 5 ms to import
    return sorted(name for name in found if name not in _NOT_COMMANDS and not name.startswith("_"))


def find(name: str) -> Command | None:
    """The command of that name, its module imported now; None when there is none."""
    if not name.isidentifier() or name not in names():
        return None
    found: Command = importlib.import_module(f"commands.{name}").COMMAND
    return found


