"""Wait until background jobs are over: those named, or all.

Examples:

    ping -c 2 www & ping -c 3 gw & wait
    sleep 2 &
    wait %sleep
    wait

See sh(1); jobs, fg.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from commands.command import Failure
from netsh.builtins import builtin, no_rows
from netsh.shell import ShellContext
from stack.kern.proc import Proc, tsleep

SYNOPSIS = "wait [%job | pid ...]"


def parse(argv: list[str]) -> list[str]:
    """The shell has made process numbers of `%1` already."""
    return argv


async def run(ctx: ShellContext, words: list[str]) -> AsyncIterator[Any]:
    """Wait for each; the status is that of the last."""
    jobs = ctx.session.jobs
    procs = [_find(ctx, word) for word in words] or [job.proc for job in jobs.running()]
    for proc in procs:
        while proc.status is None:
            await tsleep(proc.exited)
        ctx.status = (proc.status or 0) if words else 0
    if not ctx.session.interactive:
        jobs.ended()
    return
    yield


def _find(ctx: ShellContext, word: str) -> Proc:
    job = next((job for job in ctx.session.jobs.table.values() if str(job.proc.pid) == word), None)
    if job is None:
        raise Failure(f"{word}: no such job; 'jobs' lists them")
    return job.proc


COMMAND = builtin("wait", SYNOPSIS, parse, run, no_rows)
