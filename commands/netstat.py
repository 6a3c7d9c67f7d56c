"""Show sockets, routes, interfaces and statistics.

    -a  servers too (-i: groups too)    -n  numbers, no names      -f inet  the family
    -r  routes        -L  without neighbours
    -i  interfaces    -I IF  one        -b  in bytes               -d  with what was dropped
    -s  statistics    -p PROTOCOL  of one                          -w SECONDS  again and again

Examples:

    netstat -an                     # all sockets, servers too, in numbers
    netstat -rn                     # the routing table
    netstat -in                     # interfaces and what they have counted
    netstat -s                      # what every protocol has counted; -ss without the zeroes
    netstat -p tcp                  # what TCP has counted
    netstat -w 1 -I shmif0          # what an interface carries each second, until Ctrl-C

See netstat(1), inet(4); drops, tcpstat.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands._getopt import getopt, seconds, too_many, wrong
from commands._netstat_if import (
    InterfaceTraffic,
    Interval,
    Membership,
    heading,
    intervals,
    lines,
    show_interval,
    show_line,
)
from commands._netstat_sockets import HEADING as SOCKETS
from commands._netstat_sockets import Connection, show_socket, sockets
from commands._netstat_stats import BLOCKS, Statistics, protocol_of, show_statistics, statistics
from commands._routes import HEADING as ROUTES
from commands._routes import Route, routes, show_route
from commands.command import Command, Context, Failure, Note

SYNOPSIS = """netstat [-an] [-f inet]
netstat -r [-Ln] [-f inet]
netstat -i [-abdn] [-I interface]
netstat -s [-s] [-p protocol]
netstat -w seconds [-bd] [-I interface]"""

WORDS = {name: f"the statistics of {name} (-p)" for name in BLOCKS}

TABLES: dict[type, str] = {
    Route: "Routes",
    Connection: "Internet connections",
    InterfaceTraffic: "Interfaces",
    Statistics: "",
}


class Args(NamedTuple):
    """What is asked: options by letter (a flag's value repeats its letter), the seconds of -w."""

    options: dict[str, str]
    wait: float | None


Row = Connection | Route | InterfaceTraffic | Membership | Interval | Statistics


def parse(argv: list[str]) -> Args:
    """Options, and perhaps the seconds of -w alone."""
    options, words = getopt("netstat", argv, "abdf:I:iLnp:rsw:")
    if words and "w" not in options:
        options["w"] = words.pop(0)
    if words:
        raise too_many(words[0])
    family = options.get("f", "inet")
    if family != "inet":
        known = "there is no IPv6 yet" if family == "inet6" else "unknown address family; there is inet"
        raise wrong(f"{family}: {known}")
    if "p" in options and options["p"] not in BLOCKS:
        raise wrong(f"{options['p']}: unknown or uninstrumented protocol; there are {' '.join(BLOCKS)}")
    return Args(options, seconds(options["w"], least=0.001) if "w" in options else None)


async def run(ctx: Context, args: Args) -> AsyncIterator[Row | Note]:
    """Show what is asked; of several things the first of: protocol, interfaces, routes, statistics, sockets."""
    options = args.options
    if "p" in options:
        yield statistics(ctx.host, options["p"], brief=options.get("s") == "ss")
    elif args.wait is not None:
        async for row in intervals(ctx, _interface(ctx, options), args.wait, options):
            yield row
    elif "i" in options or "I" in options:
        chosen = [_interface(ctx, options)] if "I" in options else list(ctx.host.interfaces)
        yield Note(heading(options))
        for name in chosen:
            for line in lines(ctx, ctx.host.interfaces[name], options):
                yield line
    elif "r" in options:
        for text in ("Routing tables", "", "Internet:", ROUTES):
            yield Note(text)
        for route in routes(ctx, names="n" not in options, neighbours="L" not in options, netstat=True):
            yield route
    elif "s" in options:
        for name, block in BLOCKS.items():
            found = statistics(ctx.host, name, brief=options["s"] == "ss")
            if (block and protocol_of(ctx.host, name) is not None) or found.others or found.drops:
                yield found
    else:
        yield Note("Active Internet connections" + (" (including servers)" if "a" in options else ""))
        yield Note(SOCKETS)
        for socket in sockets(ctx, servers="a" in options, numeric="n" in options):
            yield socket


def _interface(ctx: Context, options: dict[str, str]) -> str:
    """The interface that -I names, else the first that is no loopback."""
    if "I" not in options:
        found = (name for name, ifp in ctx.host.interfaces.items() if not ifp.is_loopback)
        return next(found, next(iter(ctx.host.interfaces)))
    try:
        return ctx.host.interface(options["I"]).name
    except OSError:
        raise Failure(f"{options['I']}: unknown interface ('ifconfig -l' lists them)") from None


def show(row: Row) -> str:
    """As NetBSD's netstat."""
    if isinstance(row, Connection):
        return show_socket(row)
    if isinstance(row, Route):
        return show_route(row)
    if isinstance(row, Statistics):
        return show_statistics(row)
    if isinstance(row, Interval):
        return show_interval(row)
    return show_line(row)


COMMAND = Command("netstat", SYNOPSIS, parse, run, show)
