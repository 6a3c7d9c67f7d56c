"""Run a Python program on this host: its network and its clock are the lab's.

    -c text     the program is this text
    -m module   it is a module, such as http.server
    -           it comes from standard input

The program is a process of the machine, with its files; what it knows as the network is the lab's.  In fast time the
clock stands still while it computes.  It ends as it would anywhere, and its exit status is the command's; Ctrl-C and
`kill` reach it as signals do.

Examples:

    www python -m http.server 8000 &
    sleep 1                       # until it listens
    fetch http://www:8000/
    python -c 'import urllib.request as r; print(r.urlopen("http://www/").read(60))'

See sockets, py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands._getopt import wrong
from commands.command import Command, Context, Data, ErrorData
from stack.kern.proc import Interrupt, tsleep

SYNOPSIS = "python [-c text | -m module | file | -] [argument ...]"
WORDS = {"-c": "the program is this text", "-m": "the program is this module", "-": "it comes from standard input"}


class Args(NamedTuple):
    """What python is to be given."""

    argv: list[str]


def parse(argv: list[str]) -> Args:
    """Read the command line: what comes behind the program is the program's."""
    if not argv:
        raise wrong("a program is missing: a file, -c text, or -m module")
    option = argv[0][:2]
    if option not in ("-c", "-m"):
        if option[:1] == "-" and option != "-":
            raise wrong(f"unknown option -- {argv[0][1:]}")
        return Args(argv)
    if argv[0] != option:
        argv = [option, argv[0][2:], *argv[1:]]
    if len(argv) == 1:
        raise wrong(f"option requires an argument -- {option[1]}")
    return Args(argv)


async def run(ctx: Context, args: Args) -> AsyncIterator[Data | ErrorData]:
    """Start it, and hand on what it prints until it is over."""
    from stack.dev.sysproxy import Program

    program = Program(ctx.lab, ctx.host, ctx.proc, ctx.stdin, args.argv)
    while program.status is None or program.output.ready or program.errors.ready:
        if program.errors.buffer:
            yield ErrorData(program.take(program.errors))
        elif program.output.buffer:
            yield Data(program.take(program.output))
        else:
            try:
                await tsleep(program.said)
            except Interrupt as interrupt:
                program.signal(interrupt.signal)
    ctx.status = program.status


def show(row: Data) -> str:
    """Nothing but what the program says."""
    return row.data.decode(errors="replace")


COMMAND = Command("python", SYNOPSIS, parse, run, show)
