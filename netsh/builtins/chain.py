"""Build a line of routers: r1 - r2 - ... - rN.

Examples:

    chain 3 --print
    chain 5 --border virt0 10.1.0.254/24 --border virt1 10.2.0.254/24 --print
    chain 5 delay 2ms; r1 ping -c 1 r5

See ring, grid, tree, star, random, matrix, link.
"""

from __future__ import annotations

from commands.command import Usage
from netsh.builtins import _topology
from netsh.builtins._topology import Make
from netsh.topology.shapes import Chain

WORDS = _topology.WORDS

__doc__ = _topology.with_options(__doc__ or "")


def _shape(count: int) -> Make:
    if count < 2:
        raise Usage("a chain has two routers at least")
    return lambda _seed: Chain(count)


COMMAND = _topology.builder("chain", "n", ("routers",), _shape)
