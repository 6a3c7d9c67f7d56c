"""List what runs in the background."""

from __future__ import annotations

from collections.abc import AsyncIterator

from netsh.builtins import builtin, no_words
from netsh.jobs import JobRow, row_of, show
from netsh.shell import ShellContext

SYNOPSIS = "jobs"


async def run(ctx: ShellContext, _args: None) -> AsyncIterator[JobRow]:
    """A row a job; those that are over are listed this once more."""
    jobs = ctx.session.jobs
    for job in list(jobs.table.values()):
        yield row_of(job)
    jobs.ended()


COMMAND = builtin("jobs", SYNOPSIS, no_words, run, show)
