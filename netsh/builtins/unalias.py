"""Forget a name that 'alias' gave a command; -a forgets all of them.

Examples:

    alias rt='netstat -rn' ll='ls -l'
    unalias rt
    unalias -a

See sh(1); alias.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from commands.command import Complaint, Usage
from netsh.builtins import builtin, no_rows
from netsh.shell import ShellContext

SYNOPSIS = "unalias -a | alias ..."


def parse(argv: list[str]) -> list[str]:
    """The names, or -a."""
    if not argv:
        raise Usage("a name is missing; -a is all of them")
    return argv


async def run(ctx: ShellContext, names: list[str]) -> AsyncIterator[Any]:
    """Forget them."""
    aliases = ctx.session.aliases
    for name in list(aliases) if names == ["-a"] else names:
        if aliases.pop(name, None) is None:
            ctx.status = 1
            yield Complaint(f"{name}: no such alias")


COMMAND = builtin("unalias", SYNOPSIS, parse, run, no_rows)
