"""Build a grid of M rows of N routers: r1_1 to rM_N.

Examples:

    grid 2 3 --print
    grid 4 4 --print delay 2ms
    grid 3 3; r1_1 traceroute r3_3

See chain, matrix.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from commands.command import Usage
from netsh.builtins import _topology, builtin
from netsh.builtins._topology import Args, Make, Row, show
from netsh.shell import ShellContext
from netsh.topology.shapes import Mesh

SYNOPSIS = f"grid m n {_topology.OPTIONS}"
WORDS = _topology.WORDS

__doc__ = _topology.with_options(__doc__ or "")


def parse(argv: list[str]) -> Args:
    """Rows and columns, and options."""
    return _topology.parse(argv, ("rows", "columns"), _shape)


def _shape(rows: int, columns: int) -> Make:
    if rows * columns < 2:
        raise Usage("a grid has two routers at least")
    return lambda _seed: Mesh((rows, columns))


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[Row]:
    """Build it."""
    async for row in _topology.rows(ctx, args):
        yield row


COMMAND = builtin("grid", SYNOPSIS, parse, run, show)
