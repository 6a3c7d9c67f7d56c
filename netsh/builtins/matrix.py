"""Build a matrix of M routers along each of N dimensions.

Examples:

    matrix 4 4 --print      # 256 routers, from r1_1_1_1 to r4_4_4_4
    matrix 2 3              # 8 of them
    r1_1_1 traceroute r2_2_2

See grid.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from commands.command import Usage
from netsh.builtins import _topology, builtin
from netsh.builtins._topology import Args, Make, Row, show
from netsh.shell import ShellContext
from netsh.topology.shapes import Mesh

SYNOPSIS = f"matrix m n {_topology.OPTIONS}"
WORDS = _topology.WORDS

__doc__ = _topology.with_options(__doc__ or "")

_MOST = 20  # dimensions


def parse(argv: list[str]) -> Args:
    """Routers along a dimension, dimensions, and options."""
    return _topology.parse(argv, ("routers along a dimension", "dimensions"), _shape)


def _shape(size: int, dimensions: int) -> Make:
    if size < 2:
        raise Usage("a dimension has two routers at least")
    if dimensions > _MOST:
        raise Usage(f"{dimensions}: there are {_MOST} dimensions at most")
    return lambda _seed: Mesh((size,) * dimensions)


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[Row]:
    """Build it."""
    async for row in _topology.rows(ctx, args):
        yield row


COMMAND = builtin("matrix", SYNOPSIS, parse, run, show)
