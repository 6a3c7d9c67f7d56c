"""Leave the shell, or a script and all that it started.

Examples:

    exit
    exit 3                         # with this status
    ping -c 1 www || exit 1        # a line of a script

See sh(1); return.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from commands.command import Usage
from netsh.builtins import builtin, no_rows
from netsh.shell import ShellContext

SYNOPSIS = "exit [status]"


def parse(argv: list[str]) -> int | None:
    """The status; None for that of the last command."""
    if not argv:
        return None
    if len(argv) > 1 or not (argv[0].isascii() and argv[0].isdigit() and int(argv[0]) < 256):
        raise Usage(f"{' '.join(argv)}: not a status from 0 to 255")
    return int(argv[0])


async def run(ctx: ShellContext, status: int | None) -> AsyncIterator[Any]:
    """Ask the session to end once this command is over."""
    ctx.status = ctx.shell.scope.status if status is None else status
    if ctx.shell.job is None:
        ctx.session.exiting = ctx.status
    return
    yield


COMMAND = builtin("exit", SYNOPSIS, parse, run, no_rows)
