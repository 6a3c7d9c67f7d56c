"""Succeed.

`while true { ... }` goes on until Ctrl-C, or a `break` in it.

Examples:

    true && echo yes
    while true { ping -c 1 www; break }

See true(1); false, while.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from netsh.builtins import builtin, no_rows
from netsh.shell import ShellContext

SYNOPSIS = "true"


async def run(_ctx: ShellContext, _words: list[str]) -> AsyncIterator[Any]:
    """It does nothing, well."""
    return
    yield


COMMAND = builtin("true", SYNOPSIS, list, run, no_rows)
