"""Build a matrix of M routers along each of N dimensions.

Examples:

    matrix 4 4 --print      # 256 routers, from r1_1_1_1 to r4_4_4_4
    matrix 2 3              # 8 of them
    r1_1_1 traceroute r2_2_2

See grid.
"""

from __future__ import annotations

from commands.command import Usage
from netsh.builtins import _topology
from netsh.builtins._topology import Make
from netsh.topology.shapes import Mesh

WORDS = _topology.WORDS

__doc__ = _topology.with_options(__doc__ or "")

_MOST = 20  # dimensions


def _shape(size: int, dimensions: int) -> Make:
    if size < 2:
        raise Usage("a dimension has two routers at least")
    if dimensions > _MOST:
        raise Usage(f"{dimensions}: there are {_MOST} dimensions at most")
    return lambda _seed: Mesh((size,) * dimensions)


COMMAND = _topology.builder("matrix", "m n", ("routers along a dimension", "dimensions"), _shape)
