"""Build a tree of routers.

r1 is the root; below it are `depth` levels, and each router has `fanout` branches.

Examples:

    tree 3 2 --print
    tree 2 3      # 1 + 3 + 9 routers, counted depth first: below r1 are r2, r6 and r10
    r3 traceroute r13

See chain, star.
"""

from __future__ import annotations

import math

from commands.command import Usage
from netsh.builtins import _topology
from netsh.builtins._topology import Make
from netsh.topology.shapes import Tree

WORDS = _topology.WORDS

__doc__ = _topology.with_options(__doc__ or "")

_DEEPEST = 255  # levels: no packet gets further
_TOO_MANY = 32  # bits


def _shape(depth: int, fanout: int) -> Make:
    if depth > _DEEPEST or (fanout > 1 and depth * math.log2(fanout) > _TOO_MANY):
        raise Usage(f"{depth} levels are too many; a deeper tree has more routers than there are addresses")
    return lambda _seed: Tree(depth, fanout)


COMMAND = _topology.builder("tree", "depth fanout", ("levels", "branches"), _shape)
