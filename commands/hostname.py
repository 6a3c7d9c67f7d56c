"""Show or set what the host calls itself.

    -s  without the domain

Examples:

    hostname gw.example      # another name, for this host alone: the lab still finds it by its own
    hostname                 # its name
    hostname -s              # up to the first dot

See hostname(1).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands._getopt import getopt, too_many, wrong
from commands.command import Command, Context

SYNOPSIS = """hostname [-s]
hostname name"""

_MAXHOSTNAMELEN = 256


class Args(NamedTuple):
    """A new name, or whether the short one is wanted."""

    name: str | None
    short: bool


class Hostname(NamedTuple):
    """What the host calls itself."""

    hostname: str


def parse(argv: list[str]) -> Args:
    """An option, a name."""
    options, words = getopt("hostname", argv, "s")
    if not words:
        return Args(None, "s" in options)
    if len(words) > 1:
        raise too_many(words[1])
    name = words[0]
    if not 0 < len(name) <= _MAXHOSTNAMELEN or not all(char.isalnum() or char in "-._" for char in name):
        raise wrong(f"{name}: a name has letters, digits, '-', '_' and '.', at most {_MAXHOSTNAMELEN} of them")
    return Args(name, "s" in options)


async def run(ctx: Context, args: Args) -> AsyncIterator[Hostname]:
    """Show or set it."""
    if args.name is not None:
        ctx.host.hostname = args.name
        return
    name = ctx.host.hostname
    yield Hostname(name.partition(".")[0] if args.short else name)


def show(row: Hostname) -> str:
    """The name."""
    return row.hostname


COMMAND = Command("hostname", SYNOPSIS, parse, run, show)
