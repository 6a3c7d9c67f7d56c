"""End the served lab that this is.

All who are in it are told so; what the lab made on the machine, its socket first of all, is gone when this returns.

Examples:

    halt

See exit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from commands.command import Failure
from netsh.builtins import builtin, no_rows, no_words
from netsh.shell import ShellContext

SYNOPSIS = "halt"


async def run(ctx: ShellContext, _args: None) -> AsyncIterator[Any]:
    """Ask the server to end."""
    halt = ctx.session.world.halt
    if halt is None:
        raise Failure("this lab is not served; 'exit' leaves it")
    ctx.session.exiting = 0
    halt(ctx.session)
    return
    yield


COMMAND = builtin("halt", SYNOPSIS, no_words, run, no_rows)
