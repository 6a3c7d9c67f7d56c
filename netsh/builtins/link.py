"""Join two hosts by a new bus of their own.

Each gets a shmif interface with one of the first two addresses of the prefix, which is the next free /30 of
10.255.0.0/16 when none is given; a host whose name is new is made.  Delay and rate are one way.
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

SYNOPSIS = f"link A B [prefix] {personality.SYNOPSIS}"
WORDS = personality.WORDS


class Args(NamedTuple):
    """Two hosts, their network, and what the bus does to frames."""

    a: str
    b: str
    prefix: Prefix | None
    personality: Personality


def parse(argv: list[str]) -> Args:
    """Two names, a prefix if the next word begins with a digit, pairs of words."""
    if len(argv) < 2:
        raise Usage("two hosts are wanted")
    a, b, *rest = argv
    if a == b:
        raise Usage(f"{a}: a host is not linked to itself")
    prefix = _prefix(rest.pop(0)) if rest and rest[0][:1].isdigit() else None
    try:
        return Args(a, b, prefix, personality.changed(Personality(), personality.parse(rest)))
    except ValueError as error:
        raise Usage(str(error)) from None


def _prefix(text: str) -> Prefix:
    try:
        prefix = Prefix.parse(text)
    except ValueError:
        raise Usage(f"{text}: not a prefix, such as 10.0.1.0/24") from None
    if prefix.plen > 31:
        raise Usage(f"{text}: too small for two hosts")
    if prefix.net >> 28 >= 14 or prefix.net >> 24 in (0, 127):
        raise Usage(f"{text}: not for hosts")
    return prefix


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[Any]:
    """Make it; silent, as ifconfig is."""
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
    return
    yield


def _refuse_taken(hosts: list[Host], prefix: Prefix) -> None:
    """The two addresses must be nobody's."""
    first = prefix.net + (0 if prefix.plen == 31 else 1)
    for host in hosts:
        for ifp in host.interfaces.values():
            for ifa in ifp.addresses:
                if first <= ifa.address <= first + 1:
                    raise Failure(f"{prefix}: {ifa.address} is {host.name}'s already")


COMMAND = builtin("link", SYNOPSIS, parse, run, no_rows)
