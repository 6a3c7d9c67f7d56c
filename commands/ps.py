"""Show the processes of a host.

    -a  all hosts

STAT is R when it runs, S when it sleeps; WCHAN says on what.  TIME is how long it has lived.

Examples:

    ps              # those of this host
    ps -a           # those of all hosts of the lab
    www ps          # those of another

See ps(1); kill, jobs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands._getopt import getopt, wrong
from commands.command import Command, Context, Note

SYNOPSIS = "ps [-a]"

_HEADING = f"{'PID':>5} {'HOST':<12} {'STAT':<4} {'WCHAN':<9} {'TIME':>10} COMMAND"


class Process(NamedTuple):
    """A process: what it waits for, and since when it lives, in seconds."""

    pid: int
    host: str
    state: str
    wmesg: str
    time: float
    command: str


TABLES: dict[type, str] = {Process: "Processes"}


def parse(argv: list[str]) -> bool:
    """Whether all hosts are meant."""
    options, words = getopt("ps", argv, "a")
    if words:
        raise wrong(f"{words[0]}: no words are wanted")
    return "a" in options


async def run(ctx: Context, everywhere: bool) -> AsyncIterator[Process | Note]:
    """List them by number; this one itself is left out."""
    yield Note(_HEADING)
    for pid, proc in sorted(ctx.lab.procs.items()):
        if proc is not ctx.proc and (everywhere or proc.hostname == ctx.host.name):
            yield Process(pid, proc.hostname, proc.state, proc.wmesg, ctx.now - proc.started, " ".join(proc.argv))


def show(row: Process) -> str:
    """A line."""
    return f"{row.pid:>5} {row.host:<12} {row.state:<4} {row.wmesg:<9} {clock(row.time):>10} {row.command}"


def clock(seconds: float) -> str:
    """A time as ps(1) has it: 0:01.50."""
    minutes, rest = divmod(round(seconds * 100), 6000)
    return f"{minutes}:{rest // 100:02}.{rest % 100:02}"


COMMAND = Command("ps", SYNOPSIS, parse, run, show)
