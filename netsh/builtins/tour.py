"""A first look around, in two minutes.

It is a small lesson, with something to type at each step.  Enter goes on and types for you; `exit` leaves it, and
your lab is as it was.

Examples:

    tour

See tutorial, help.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from netsh.builtins import builtin, no_words, tutorial
from netsh.lessons import find
from netsh.lessons.rows import Row, show
from netsh.shell import ShellContext

SYNOPSIS = "tour"
TABLES = tutorial.TABLES


async def run(ctx: ShellContext, _: None) -> AsyncIterator[Row]:
    """Take it from its beginning."""
    async for row in tutorial.take(ctx, find.TOUR, again=True):
        yield row


COMMAND = builtin("tour", SYNOPSIS, no_words, run, show)
