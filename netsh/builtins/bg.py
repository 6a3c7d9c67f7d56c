"""Let a job that Ctrl-Z has stopped go on in the background.

Examples:

    ping -c 5 www &
    kill -STOP %1
    bg              # the latest
    wait
    ping -c 5 gw &
    kill -STOP %ping
    bg %ping        # that one ('jobs' lists them)

See sh(1); fg, jobs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from commands.command import Failure, Usage
from netsh.builtins import builtin
from netsh.jobs import Job, JobRow, row_of, show
from netsh.shell import ShellContext

SYNOPSIS = "bg [%job]"


def parse(argv: list[str]) -> str:
    """A job, or none."""
    if len(argv) > 1:
        raise Usage(f"{argv[1]}: one job is wanted")
    return argv[0] if argv else "%"


def job_of(ctx: ShellContext, word: str) -> Job:
    """The job that a word means; Failure when there is none, or it is over."""
    job = ctx.session.jobs.find(word)
    if job is None or job.proc.status is not None:
        raise Failure(f"{word}: no such job; 'jobs' lists them" if word != "%" else "there is no job")
    return job


async def run(ctx: ShellContext, word: str) -> AsyncIterator[JobRow]:
    """Let it go on."""
    yield row_of(ctx.session.resume(job_of(ctx, word)))


COMMAND = builtin("bg", SYNOPSIS, parse, run, show)
