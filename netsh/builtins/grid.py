"""Build a grid of M rows of N routers: r1_1 to rM_N.

Examples:

    grid 2 3 --print
    grid 4 4 --print delay 2ms
    grid 3 3; r1_1 traceroute r3_3

See chain, matrix.
"""

from __future__ import annotations

from commands.command import Usage
from netsh.builtins import _topology
from netsh.builtins._topology import Make
from netsh.topology.shapes import Mesh

WORDS = _topology.WORDS

__doc__ = _topology.with_options(__doc__ or "")


def _shape(rows: int, columns: int) -> Make:
    if rows * columns < 2:
        raise Usage("a grid has two routers at least")
    return lambda _seed: Mesh((rows, columns))


COMMAND = _topology.builder("grid", "m n", ("rows", "columns"), _shape)
