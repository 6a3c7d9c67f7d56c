"""Build a ring of routers: a chain that is closed.

Examples:

    ring 8 --routed --print     # routes by RIP
    ring 6
    r1 traceroute r4

See chain, routed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from commands.command import Usage
from netsh.builtins import _topology, builtin
from netsh.builtins._topology import Args, Make, Row, show
from netsh.shell import ShellContext
from netsh.topology.shapes import Ring

SYNOPSIS = f"ring n {_topology.OPTIONS}"
WORDS = _topology.WORDS

__doc__ = _topology.with_options(__doc__ or "")


def parse(argv: list[str]) -> Args:
    """Their number, and options."""
    return _topology.parse(argv, ("routers",), _shape)


def _shape(count: int) -> Make:
    if count < 3:
        raise Usage("a ring has three routers at least")
    return lambda _seed: Ring(count)


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[Row]:
    """Build it."""
    async for row in _topology.rows(ctx, args):
        yield row


COMMAND = builtin("ring", SYNOPSIS, parse, run, show)
