"""Run the program netsh in a process of its own, as from a terminal.

What its words mean, `netsh --help` says.  It reads no input, so give it a command, a script or -c.  Ctrl-C and other
signals go to it, and its status is ours.  A server that goes to the background (-d) ends when this lab does.

Examples:

    netsh serve unix://bob --lab none -H bob -d
    netsh -s unix://bob -- ifconfig -a
    netsh -s unix://bob -- halt
    netsh --lab none -c 'host bob; ping -c 1 127.0.0.1'

See sockets, python.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from commands.command import Data, ErrorData, Failure, Usage
from netsh.builtins import builtin, no_rows
from netsh.filters import Sink
from netsh.program import Program
from netsh.shell import ShellContext
from stack.kern.errors import reason
from stack.kern.proc import SIGINT, SIGTERM, Interrupt, Outside, tsleep

SYNOPSIS = "netsh word ..."
WORDS = {
    "serve": "serve a lab: serve URL --lab none -H name -d",
    "-s": "in the lab that is served at a URL",
    "--": "one command stands behind it, its words as they are",
    "-c": "lines stand behind it",
    "-d": "the server goes to the background",
    "-H": "a host to begin on, or to make in a lab that has none",
    "--lab": "home, none, or a file that save wrote",
    "router": "route between TAPs of this machine",
    "bridge": "bridge TAPs of this machine",
    "run": "run a Python program on a host",
}
_SERVING = b"serving "  # says a server, once it can be used


class Args(NamedTuple):
    """What the program is told, and whether we wait until it is over."""

    words: list[str]
    background: bool


class _Said(Sink):
    """What the program says, until somebody takes it."""

    def __init__(self) -> None:
        super().__init__()
        self.text = self.complaints = b""
        self.changed = Outside("netsh")

    def feed(self, data: bytes) -> None:
        """A piece of it."""
        self.text += data
        self.changed.wakeup()

    def complain(self, data: bytes) -> None:
        """A piece of what it says on its standard error."""
        self.complaints += data
        self.changed.wakeup()

    def end(self) -> None:
        """There will be no more."""

    def take(self) -> Iterator[Data | ErrorData]:
        """All that has been said."""
        text, complaints = self.text, self.complaints
        self.text = self.complaints = b""
        if text:
            yield Data(text)
        if complaints:
            yield ErrorData(complaints)


def parse(argv: list[str]) -> Args:
    """The words; -d of a server is ours to do."""
    if not argv:
        raise Usage("what it is to do is missing, such as: netsh -s unix://lab -- ifconfig")
    background = argv[0] == "serve" and "-d" in argv
    return Args([word for word in argv if not (background and word == "-d")], background)


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[Data | ErrorData]:
    """Start it, and say what it says."""
    said = _Said()
    try:
        lifeline = ["--until-eof"] if args.background else []  # so that it ends with us, even if we are killed
        argv = [sys.executable, "-m", "netsh", *args.words, *lifeline]
        program = Program(argv, said, ctx.session.clock, said.complain)
    except (OSError, ValueError) as error:
        raise Failure(reason(error)) from None
    if not args.background:
        program.end()
    serves = False
    try:
        while not _is_over(program):
            await _news(said, program)
            if args.background and said.text.startswith(_SERVING):
                serves, program.complain = True, _drop
                ctx.session.spawn(None, ["netsh", *args.words], lambda proc: _keep(program))
                return
            for row in said.take():
                yield row
        ctx.status = program.status
    finally:
        if not serves:
            _stop(program)


def _drop(data: bytes) -> None:
    """What a server in the background says nobody reads."""


def _is_over(program: Program) -> bool:
    return not program.running and program.stdout is None and program.stderr is None


async def _news(said: _Said, program: Program) -> None:
    """Sleep until it has said something, or is over; a signal is for it."""
    while not (said.text or said.complaints or _is_over(program)):
        try:
            await tsleep(said.changed, program.changed)
        except Interrupt as interrupt:
            if program.running:
                os.kill(program.pid, interrupt.signal if interrupt.signal == SIGINT else SIGTERM)


async def _keep(program: Program) -> int:
    """Be the server's process in this lab: it ends with us, and we with it."""
    try:
        await program.wait()
    finally:
        _stop(program)
    return program.status


def _stop(program: Program) -> None:
    if program.running:
        os.kill(program.pid, SIGTERM)


COMMAND = builtin("netsh", SYNOPSIS, parse, run, no_rows)
