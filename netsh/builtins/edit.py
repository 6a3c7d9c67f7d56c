"""Change the packet in hand at a stop.

Any field of any layer can be changed, as 'packet' names them; the layer may be left out where it is clear.
Lengths and checksums follow, unless they are given: 'edit ip.chksum=0' makes a wrong one.

Examples:

    break gw ip_input if icmp
    ping -c 1 www
    edit ip.ttl=1               # one field
    edit ttl=9 icmp.seq=7       # several
    edit ip.dst=gw              # an address may be the name of a host
    go

See packet, break, drop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from commands.command import Failure, Usage
from netsh import hand, rewrite
from netsh.breaks import Breaks
from netsh.builtins import builtin, no_rows
from netsh.rewrite import Change
from netsh.shell import ShellContext
from stack.lab import Stop

SYNOPSIS = "edit field=value ..."
WORDS = {
    "ip.ttl=": "how many hops it may still go",
    "ip.src=": "an address or a host",
    "ip.dst=": "an address or a host",
    "ip.id=": "what its fragments have in common",
    "ip.flags=": "DF, MF",
    "tcp.dport=": "a port",
    "tcp.flags=": "such as SA",
    "tcp.seq=": "a number",
    "udp.dport=": "a port",
    "icmp.type=": "a number",
    "ether.dst=": "six bytes in hex",
    "raw.load=": "what it carries",
}


def parse(argv: list[str]) -> list[Change]:
    """Fields and their values."""
    if not argv:
        raise Usage("a field and its value are wanted, such as ip.ttl=1")
    try:
        return [rewrite.parse(word) for word in argv]
    except ValueError as error:
        raise Usage(str(error)) from None


async def run(ctx: ShellContext, changes: list[Change]) -> AsyncIterator[Any]:
    """Change them, all or none."""
    breaks, stop = in_hand(ctx)
    lab = ctx.session.lab

    def resolve(name: str) -> str:
        try:
            return str(lab.resolve(name, ctx.session.host))
        except OSError:
            raise ValueError(f"{name}: no address, and no host of the lab") from None

    assert stop.seen is not None
    data, linktype = hand.bytes_of(stop.seen)
    try:
        breaks.change(rewrite.rewrite(data, linktype, changes, resolve))
    except ValueError as error:
        raise Failure(str(error)) from None
    return
    yield


def in_hand(ctx: ShellContext) -> tuple[Breaks, Stop]:
    """The breakpoints and the stop, if a packet is in hand that still lives; Failure if not."""
    breaks, stop = ctx.session.world.breaks, ctx.session.lab.stopped
    if stop is None or not isinstance(breaks, Breaks):
        raise Failure("no packet is in hand; 'break' stops one")
    if stop.m is None:
        raise Failure(f"no packet is in hand in {stop.function}; 'break' stops one")
    if breaks.call is None:
        raise Failure("nothing can be done to this packet any more; 'break HOST ip_input' stops it earlier")
    return breaks, stop


COMMAND = builtin("edit", SYNOPSIS, parse, run, no_rows)
