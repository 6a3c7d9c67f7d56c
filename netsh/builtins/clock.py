"""Show or set how the lab's time runs.

`real` is the wall clock, `x0.1` ten times slower, and `fast` jumps to the next event and stands still at the prompt.

Examples:

    clock          # how it runs now
    clock x0.1     # ten times slower
    clock fast     # from event to event

See pause, step, sleep.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands.command import Failure, Usage
from netsh.builtins import builtin
from netsh.mode import parse_mode
from netsh.shell import ShellContext

SYNOPSIS = "clock [real | fast | xRATE]"
WORDS = {
    "real": "timers follow the wall clock",
    "fast": "time jumps to the next event",
    "x0.1": "ten times slower than the wall clock",
    "x10": "ten times quicker than the wall clock",
}


class ClockRow(NamedTuple):
    """The lab's clock: its mode, its time in seconds, what it has done and what is pending; how it stands still."""

    mode: str
    now: float
    events: int
    next_due: float | None
    stands: str


def parse(argv: list[str]) -> str | None:
    """A mode, or none."""
    if len(argv) > 1:
        raise Usage(f"{argv[1]}: one mode is wanted")
    if not argv:
        return None
    try:
        parse_mode(argv[0])
    except ValueError as error:
        raise Usage(str(error)) from None
    return argv[0]


async def run(ctx: ShellContext, mode: str | None) -> AsyncIterator[ClockRow]:
    """Do it."""
    clock = ctx.session.clock
    if mode is None:
        callouts = clock.lab.callouts
        yield ClockRow(clock.mode, callouts.now, callouts.events, callouts.next_due(), clock.drive.state)
        return
    try:
        clock.set_mode(mode)
    except ValueError as error:
        raise Failure(str(error)) from None


def show(row: ClockRow) -> str:
    """A line."""
    due = "nothing pending" if row.next_due is None else f"next event in {max(row.next_due - row.now, 0):.6f} s"
    state = f", {row.stands}" if row.stands else ""
    return f"clock {row.mode}{state}: {row.now:.6f} s since the lab began, {row.events} events, {due}"


COMMAND = builtin("clock", SYNOPSIS, parse, run, show)
