"""Wait for a job.

It has the keyboard; Ctrl-C ends it, Ctrl-Z stops it again.

Examples:

    sleep 2 &
    fg           # the latest
    ping -c 2 www &
    fg %ping     # that one ('jobs' lists them)

See sh(1); bg, jobs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from commands.command import Note
from netsh.builtins import builtin
from netsh.builtins.bg import job_of, parse
from netsh.jobs import Job, JobRow, row_of, show
from netsh.shell import ShellContext
from stack.kern.proc import SIGKILL, SIGSTOP, Channel, Interrupt, tsleep

SYNOPSIS = "fg [%job]"
_PATIENCE = 3  # signals, the last of which nobody ignores


async def run(ctx: ShellContext, word: str) -> AsyncIterator[JobRow | Note]:
    """Let it go on, and wait until it is over or stopped again."""
    session = ctx.session
    job = session.resume(job_of(ctx, word))
    yield Note(job.line)
    session.bring(job)
    stopped = Channel("stopped")
    before, session.stop_key = session.stop_key, lambda: _stop(ctx, job, stopped)
    try:
        await _wait(ctx, job, stopped)
    finally:
        session.stop_key = before
        if job.proc.status is None and not job.proc.held:
            session.send_back(job)
    if job.proc.status is None:
        if not job.proc.held:  # the lab stands still: it goes on with that
            session.jobs.suspend(job.number)
        ctx.status = 128 + SIGSTOP
        yield row_of(session.jobs.table[job.number])
    else:
        session.jobs.forget(job.number)
        ctx.status = job.proc.status


def _stop(ctx: ShellContext, job: Job, stopped: Channel) -> None:
    ctx.session.send_back(job)
    ctx.session.hold(job)
    stopped.wakeup()


async def _wait(ctx: ShellContext, job: Job, stopped: Channel) -> None:
    drive, signals = ctx.session.clock.drive, 0
    while job.proc.status is None and not job.proc.held and not drive.stands:
        try:
            await tsleep(job.proc.exited, stopped, drive.halted)
        except Interrupt as interrupt:
            signals += 1
            job.proc.signal(interrupt.signal if signals < _PATIENCE else SIGKILL)


COMMAND = builtin("fg", SYNOPSIS, parse, run, show)
