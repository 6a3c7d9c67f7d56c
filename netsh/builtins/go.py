"""Let the lab's time go on after 'pause', a step or a breakpoint.

A command that was suspended is waited for again, until it is over or the lab stops anew; Ctrl-C is for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from netsh.builtins import builtin, no_rows, no_words
from netsh.jobs import Job
from netsh.shell import ShellContext
from stack.kern.proc import SIGKILL, Interrupt, tsleep

SYNOPSIS = "go"
_PATIENCE = 3  # signals, the last of which nobody ignores


async def run(ctx: ShellContext, _args: None) -> AsyncIterator[Any]:
    """Go on, and wait for what was suspended."""
    session = ctx.session
    jobs = session.jobs.suspended()
    session.world.go()
    await _wait(ctx, jobs)
    for job in jobs:
        if job.proc.status is None:
            session.jobs.suspend(job.number)
        else:
            session.jobs.forget(job.number)
            ctx.status = job.proc.status
    return
    yield


async def _wait(ctx: ShellContext, jobs: list[Job]) -> None:
    """Wait until they are over, or the lab stands still again."""
    drive, signals = ctx.session.clock.drive, 0
    while not drive.stands and (left := [job.proc for job in jobs if job.proc.status is None]):
        try:
            await tsleep(*(proc.exited for proc in left), drive.halted)
        except Interrupt as interrupt:
            signals += 1
            for proc in left:
                proc.signal(interrupt.signal if signals < _PATIENCE else SIGKILL)


COMMAND = builtin("go", SYNOPSIS, no_words, run, no_rows)
