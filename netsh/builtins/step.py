"""Let the lab do one thing, or a little, and stop it again.

    step         the next event: a frame arrives, a timer runs out, a process goes on; at a breakpoint, as 'step packet'
    step packet  to the next function that the packet in hand comes to, or the next that comes in anywhere

Time is the lab's: 'step 600s' takes as long as it takes to compute, whatever the clock is.  Where the real machine has
a part in the lab (a TAP, a bus file, sockets), 'step 1s' takes a second, and what comes in that second arrives; and
'step 20' begins with what has come.

Examples:

    pause
    ping -c 2 www &
    step            # the next event
    step packet     # the next function
    step 20         # so many events
    step 10ms       # all that happens in that time
    go

See pause, go, break.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands.command import Failure, Note, Usage
from netsh import units
from netsh.breaks import breaks_of
from netsh.builtins import builtin
from netsh.drive import Drive, Step
from netsh.events import event_of
from netsh.shell import ShellContext
from stack.kern.proc import tsleep

SYNOPSIS = "step [packet | count | time]"
WORDS = {
    "packet": "to the next function of the packet in hand",
    "10ms": "all that happens in that time",
    "20": "so many events",
}
_MOST = 10**9  # events, or seconds


class Args(NamedTuple):
    """So many events, or so many seconds, or a function further; nothing is what fits best."""

    events: int | None = None
    seconds: float | None = None
    packet: bool = False


class Stepped(NamedTuple):
    """What has happened: how many events, the last of them; the time, and what comes next."""

    events: int
    now: float
    event: str
    next_due: float | None
    next: str


def parse(argv: list[str]) -> Args:
    """A number of events, or a time."""
    if len(argv) > 1:
        raise Usage(f"{argv[1]}: one count or one time is wanted")
    if not argv or argv[0] == "packet":
        return Args(packet=bool(argv))
    word = argv[0]
    if word.isascii() and word.isdigit():
        if not 0 < int(word) <= _MOST:
            raise Usage(f"{word}: not a number of events from 1 to {_MOST}")
        return Args(int(word))
    try:
        seconds = units.parse(units.DURATION, word)
    except ValueError:
        raise Usage(f"{word}: neither a number of events nor a time such as 10ms") from None
    if not 0 < seconds <= _MOST:
        raise Usage(f"{word}: not a time between 0 and thirty years")
    return Args(seconds=seconds)


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[Stepped | Note]:
    """Take the step."""
    drive = ctx.session.clock.drive
    ctx.session.world.pause(ctx.session)
    stop = drive.lab.stopped
    if args.packet or (args == Args() and stop is not None and stop.m is not None):
        del stop
        async for row in _packet(ctx, drive):
            yield row
        return
    if args == Args():
        args = Args(1)
    if drive.next_due() is None and args.seconds is None and not drive.lab.has_devices:
        raise Failure("nothing more can happen")
    drive.lab.stopped = None
    step = Step(args.events, None if args.seconds is None else drive.callouts.now + args.seconds)
    await take(drive, step)
    if drive.lab.stopped is None:
        callouts = drive.callouts
        if not step.done and step.until is None:
            raise Failure("nothing is pending, and no device has brought anything")
        yield Stepped(step.done, callouts.now, step.last, callouts.next_due(), event_of(callouts))


async def _packet(ctx: ShellContext, drive: Drive) -> AsyncIterator[Stepped | Note]:
    """To the next function that the packet comes to; one that is stopped there is told by the breakpoints."""
    breaks, step = breaks_of(ctx.session.world), Step()
    followed = drive.lab.stopped is not None and drive.lab.stopped.m is not None
    breaks.follow(drive.lab.stopped.m if drive.lab.stopped is not None else None)
    step.over = breaks.gone
    drive.lab.stopped = None
    try:
        await take(drive, step)
    finally:
        breaks.unfollow()
    if drive.lab.stopped is None:
        if not followed:
            raise Failure("nothing more can happen")
        yield Note("the packet has reached its end")


async def take(drive: Drive, step: Step) -> None:
    """Wait until a step is over; whoever moves time takes it."""
    if drive.stepping is not None:
        raise Failure("somebody takes a step just now")
    drive.stepping = step
    try:
        while drive.stepping is step:
            await tsleep(drive.halted)
    finally:
        if drive.stepping is step:
            drive.stepping = None


def show(row: Stepped) -> str:
    """When and what, and what comes next."""
    count = f" ({row.events} events)" if row.events != 1 else ""
    last = f"{row.now:.6f} {row.event or 'nothing'}{count}"
    if row.next_due is None:
        return f"{last}\nnext     nothing is pending"
    return f"{last}\nnext     {row.next_due:.6f} {row.next}"


COMMAND = builtin("step", SYNOPSIS, parse, run, show)
