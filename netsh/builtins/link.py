"""Join two hosts by a new bus of their own; cut a bus, or mend it.

Each gets a shmif interface with one of the first two addresses of the prefix, which is the next free /30 of
10.255.0.0/16 when none is given; a host whose name is new is made.  Delay and rate are one way.

Examples:

    link r1 r2 10.7.0.0/30 delay 2ms
    link r1-r2 down                   # its interfaces lose their carrier; 'bus' and 'lab' show the names
    link r1-r2 up

See bus, ifconfig.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from commands.command import Failure, Usage
from netsh import personality
from netsh.builtins import builtin, no_rows
from netsh.builtins.host import refuse_taken_word
from netsh.shell import ShellContext
from stack.addr import Prefix
from stack.host import Host
from stack.kern.errors import strerror
from stack.lab import is_name
from stack.net.wire import Personality

SYNOPSIS = f"link A B [prefix] {personality.SYNOPSIS}\nlink bus down|up"
WORDS = {"down": "cut the bus of that name", "up": "mend it", **personality.WORDS}


class Args(NamedTuple):
    """Two hosts, their network, and what the bus does to frames."""

    a: str
    b: str
    prefix: Prefix | None
    personality: Personality


class Carrier(NamedTuple):
    """A bus, and what is to become of it."""

    bus: str
    word: str


def parse(argv: list[str]) -> Args | Carrier:
    """Two names, a prefix if the next word begins with a digit, pairs of words; or a bus and `down` or `up`."""
    if len(argv) == 2 and argv[1] in ("down", "up"):
        return Carrier(*argv)
    if len(argv) < 2:
        raise Usage("two hosts are wanted")
    a, b, *rest = argv
    if a == b:
        raise Usage(f"{a}: a host is not linked to itself")
    prefix = prefix_of(rest.pop(0)) if rest and rest[0][:1].isdigit() else None
    try:
        return Args(a, b, prefix, personality.changed(Personality(), personality.parse(rest)))
    except ValueError as error:
        raise Usage(str(error)) from None


def prefix_of(text: str) -> Prefix:
    """A prefix that hosts may be numbered from."""
    try:
        prefix = Prefix.parse(text)
    except ValueError:
        raise Usage(f"{text}: not a prefix, such as 10.0.1.0/24") from None
    if prefix.plen > 31:
        raise Usage(f"{text}: too small for two hosts")
    if prefix.net >> 28 >= 14 or prefix.net >> 24 in (0, 127):
        raise Usage(f"{text}: not for hosts")
    return prefix


async def run(ctx: ShellContext, args: Args | Carrier) -> AsyncIterator[Any]:
    """Do it; silent, as ifconfig is."""
    if isinstance(args, Args):
        _refuse_bus(ctx, args)
        _make(ctx, args)
    elif args.word in ctx.session.lab.hosts and args.bus not in ctx.session.lab.buses:
        _make(ctx, Args(args.bus, args.word, None, Personality()))
    elif args.bus in ctx.session.lab.buses:
        ctx.session.lab.buses[args.bus].set_carrier(args.word == "up")
    else:
        raise Failure(f"{args.bus}: no such bus; 'bus' lists them")
    return
    yield


def _refuse_bus(ctx: ShellContext, args: Args) -> None:
    """A bus is named, and so no host is meant."""
    lab = ctx.session.lab
    if args.a in lab.buses and args.a not in lab.hosts and args.b not in lab.hosts:
        raise Failure(f"{args.b}: what is done to the bus {args.a} is down or up", 2)


def _make(ctx: ShellContext, args: Args) -> None:
    lab = ctx.session.lab
    for name in (args.a, args.b):
        if name in lab.hosts:
            continue
        refuse_taken_word(ctx, name)
        if not is_name(name):
            raise Failure(f"{name}: a host's name is letters, digits, '-' and '_', and begins with a letter")
    if args.prefix is not None:
        _refuse_taken(list(lab.hosts.values()), args.prefix)
    ends = [lab.hosts.get(name) or lab.add_host(name) for name in (args.a, args.b)]
    try:
        lab.link(ends[0], ends[1], args.prefix, args.personality)
    except OSError as error:
        raise Failure(strerror(error.errno or 0)) from None


def _refuse_taken(hosts: list[Host], prefix: Prefix) -> None:
    """The two addresses must be nobody's."""
    first = prefix.net + (0 if prefix.plen == 31 else 1)
    for host in hosts:
        for ifp in host.interfaces.values():
            for ifa in ifp.addresses:
                if first <= ifa.address <= first + 1:
                    raise Failure(f"{prefix}: {ifa.address} is {host.name}'s already")


COMMAND = builtin("link", SYNOPSIS, parse, run, no_rows)
