"""Build a network that chance has made.

In a lab with the same seed it is the same.

Examples:

    random 20 3 --print     # 20 routers with 3 links each, all connected
    random 10 3
    r1 traceroute r10

See chain, lab.
"""

from __future__ import annotations

from commands.command import Usage
from netsh.builtins import _topology
from netsh.builtins._topology import Make
from netsh.topology.chance import Random

WORDS = _topology.WORDS

__doc__ = _topology.with_options(__doc__ or "")


def _shape(count: int, degree: int) -> Make:
    if degree >= count:
        raise Usage(f"{count} routers have {count - 1} links each at most")
    if count * degree % 2:
        raise Usage(f"{count} routers with {degree} links each would leave half a link: one number must be even")
    if degree == 1 and count > 2:
        raise Usage("with one link each they are only pairs; two are wanted at least")
    return lambda seed: Random(count, degree, seed)


COMMAND = _topology.builder("random", "n degree", ("routers", "links of each"), _shape)
