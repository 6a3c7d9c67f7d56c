"""Build a ring of routers: a chain that is closed.

Examples:

    ring 8 --routed --print     # routes by RIP
    ring 6
    r1 traceroute r4

See chain, routed.
"""

from __future__ import annotations

from commands.command import Usage
from netsh.builtins import _topology
from netsh.builtins._topology import Make
from netsh.topology.shapes import Ring

WORDS = _topology.WORDS

__doc__ = _topology.with_options(__doc__ or "")


def _shape(count: int) -> Make:
    if count < 3:
        raise Usage("a ring has three routers at least")
    return lambda _seed: Ring(count)


COMMAND = _topology.builder("ring", "n", ("routers",), _shape)
