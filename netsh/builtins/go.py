"""Let the lab's time go on after 'pause', a step or a breakpoint.

A command that was suspended is waited for again, until it is over or the lab stops anew; Ctrl-C ends it, Ctrl-Z
stops it alone.

Examples:

    break gw ip_input if icmp
    ping -c 1 www               # stops on gw
    go

See break, pause, step.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from netsh.builtins import builtin, no_rows, no_words
from netsh.jobs import Job
from netsh.shell import ShellContext
from stack.kern.proc import SIGKILL, Channel, Interrupt, tsleep

SYNOPSIS = "go"
_PATIENCE = 3  # signals, the last of which nobody ignores


async def run(ctx: ShellContext, _args: None) -> AsyncIterator[Any]:
    """Go on, and wait for what was suspended."""
    session = ctx.session
    jobs = session.jobs.suspended()
    session.world.go()
    if len(jobs) == 1:  # it has the keyboard again
        session.bring(jobs[0])
    stopped = Channel("stopped")
    before, session.stop_key = session.stop_key, lambda: _hold(ctx, jobs, stopped)
    try:
        await _wait(ctx, jobs, stopped)
    finally:
        session.stop_key = before
        _settle(ctx, jobs)
    return
    yield


def _hold(ctx: ShellContext, jobs: list[Job], stopped: Channel) -> None:
    """Ctrl-Z."""
    for job in jobs:
        ctx.session.hold(job)
    stopped.wakeup()


def _settle(ctx: ShellContext, jobs: list[Job]) -> None:
    """They are over, or jobs again: held ones, or until time goes on once more."""
    session = ctx.session
    for job in jobs:
        if job.proc.status is not None:
            session.jobs.forget(job.number)
            ctx.status = job.proc.status
            continue
        if len(jobs) == 1:
            session.send_back(job)
        if session.clock.drive.stands and not job.proc.held:
            session.jobs.suspend(job.number)


async def _wait(ctx: ShellContext, jobs: list[Job], stopped: Channel) -> None:
    """Wait until they are over or held, or the lab stands still again."""
    drive, signals = ctx.session.clock.drive, 0
    while not drive.stands:
        left = [job.proc for job in jobs if job.proc.status is None and not job.proc.held]
        if not left:
            return
        try:
            await tsleep(*(proc.exited for proc in left), drive.halted, stopped)
        except Interrupt as interrupt:
            signals += 1
            for proc in left:
                proc.signal(interrupt.signal if signals < _PATIENCE else SIGKILL)


COMMAND = builtin("go", SYNOPSIS, no_words, run, no_rows)
