"""Fail: the status is 1.

Examples:

    false || echo failed

See false(1); true, lists.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from netsh.builtins import builtin, no_rows
from netsh.shell import ShellContext

SYNOPSIS = "false"


async def run(ctx: ShellContext, _words: list[str]) -> AsyncIterator[Any]:
    """It does nothing, in vain."""
    ctx.status = 1
    return
    yield


COMMAND = builtin("false", SYNOPSIS, list, run, no_rows)
