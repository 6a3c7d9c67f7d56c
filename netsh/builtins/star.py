"""Build a star: r1 in the middle, all other routers linked to it.

Examples:

    star 5 --print delay 2ms
    star 5
    r2 traceroute r5

See chain, tree.
"""

from __future__ import annotations

from commands.command import Usage
from netsh.builtins import _topology
from netsh.builtins._topology import Make
from netsh.topology.shapes import Tree

WORDS = _topology.WORDS

__doc__ = _topology.with_options(__doc__ or "")

_MOST = 10_001  # routers


def _shape(count: int) -> Make:
    if not 2 <= count <= _MOST:
        raise Usage(f"a star has 2 to {_MOST} routers: that many interfaces the one in the middle may have")
    return lambda _seed: Tree(1, count - 1)


COMMAND = _topology.builder("star", "n", ("routers",), _shape)
