"""Take out the packet in hand at a stop.

It dies there, counted as ip/stopped or ether/stopped, and what called the function goes on as if it had been called.

Examples:

    break gw ip_input if icmp
    ping -c 1 www
    drop
    go
    drops -p ip

See break, edit, drops.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from commands.command import Failure
from netsh.builtins import builtin, no_rows, no_words
from netsh.builtins.edit import in_hand
from netsh.shell import ShellContext

SYNOPSIS = "drop"


async def run(ctx: ShellContext, _args: None) -> AsyncIterator[Any]:
    """Take it out."""
    breaks, _ = in_hand(ctx)
    try:
        breaks.take_out()
    except ValueError as error:
        raise Failure(str(error)) from None
    return
    yield


COMMAND = builtin("drop", SYNOPSIS, no_words, run, no_rows)
