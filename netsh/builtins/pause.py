"""Stop the lab's time; 'go' lets it go on, 'step' takes an event.

Nothing moves then, on no host and for nobody: no frame arrives, no timer runs out.  Commands that look at things or
configure them work as ever; one that has to wait is suspended, and goes on with 'go'.

Examples:

    ping -c 3 www &
    pause
    netstat -an         # look, as long as you like
    go

See go, step, clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from netsh.builtins import builtin, no_rows, no_words
from netsh.shell import ShellContext

SYNOPSIS = "pause"


async def run(ctx: ShellContext, _args: None) -> AsyncIterator[Any]:
    """Stop it."""
    ctx.session.world.pause(ctx.session)
    return
    yield


COMMAND = builtin("pause", SYNOPSIS, no_words, run, no_rows)
