"""List what runs in the background.

A line with & at its end becomes a job, and so does a command that Ctrl-Z stops.  What a job says stands above the
prompt.  %1 is the job of that number, %ping the latest that begins so.

Examples:

    ping -c 3 www &
    jobs
    wait

See sh(1); fg, bg, kill, wait.
"""

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
