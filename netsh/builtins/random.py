"""Build a network that chance has made.

In a lab with the same seed it is the same.

Examples:

    random 20 3 --print     # 20 routers with 3 links each, all connected
    random 10 3
    r1 traceroute r10

See chain, lab.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from commands.command import Usage
from netsh.builtins import _topology, builtin
from netsh.builtins._topology import Args, Make, Row, show
from netsh.shell import ShellContext
from netsh.topology.chance import Random

SYNOPSIS = f"random n degree {_topology.OPTIONS}"
WORDS = _topology.WORDS

__doc__ = _topology.with_options(__doc__ or "")


def parse(argv: list[str]) -> Args:
    """Routers and links of each, and options."""
    return _topology.parse(argv, ("routers", "links of each"), _shape)


def _shape(count: int, degree: int) -> Make:
    if degree >= count:
        raise Usage(f"{count} routers have {count - 1} links each at most")
    if count * degree % 2:
        raise Usage(f"{count} routers with {degree} links each would leave half a link: one number must be even")
    if degree == 1 and count > 2:
        raise Usage("with one link each they are only pairs; two are wanted at least")
    return lambda seed: Random(count, degree, seed)


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[Row]:
    """Build it."""
    async for row in _topology.rows(ctx, args):
        yield row


COMMAND = builtin("random", SYNOPSIS, parse, run, show)
