"""Show the routing table and change it.

    -n  no names       -q  say nothing       -L  no neighbours (show)       -s  the gateway alone (get)
    -f  flush first    -v  say more

A gateway may be the name of a host.  Packets on a route with -reject are answered with ICMP unreachable, those on one
with -blackhole with nothing.

Examples:

    route monitor -c 3 &                             # what happens from now on, three messages of it
    route show                                       # the table; -n prints no names
    route get www                                    # the way to a destination
    route add 10.9/16 gw
    route add -net 10.6.0.0 -netmask 255.255.0.0 gw
    route add -host 10.0.1.7 -iface 10.0.0.2         # no gateway: on the link of our address 10.0.0.2
    route add 10.8/16 127.0.0.1 -reject              # answered with ICMP unreachable
    route change 10.9/16 10.0.0.254 -mtu 1400
    route delete 10.9/16
    route flush                                      # delete all that go through a gateway
    route add default 10.0.0.1

See RFC 1812 5.2.4, RFC 1122 3.3.1; route(8), route(4).
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from commands import _neighbors
from commands._getopt import add_to_page, getopt, number, wrong
from commands._route_monitor import RoutingMessage, bits, messages, show_message
from commands._route_words import WORDS, Wanted, parse_words
from commands._routes import HEADING, Route, gateway_of, netname, routes, show_route
from commands.command import Command, Complaint, Context, Failure, Note
from stack.addr import Ip4, Prefix
from stack.kern.errors import oserror, strerror
from stack.net.ifnet import Ifaddr, Ifnet
from stack.net.route import (
    RTF_DONE,
    RTF_GATEWAY,
    RTF_HOST,
    RTF_LLDATA,
    RTF_LOCAL,
    RTF_STATIC,
    RTF_UP,
    RTF_WORDS,
    Rtentry,
)

SYNOPSIS = """route [-fnqv] add|change|delete [-net | -host] destination [gateway] [modifiers ...]
route [-nqsv] get destination
route [-nLv] show [-inet] [-host | -gateway | -static | -llinfo]
route [-nqv] flush|flushall
route [-n] monitor [-c count]"""

_KEYWORDS = "\n".join(f"    {word:<13} {text}" for word, text in WORDS.items())
__doc__ = add_to_page(__doc__ or "", f"Keywords:\n\n{_KEYWORDS}")

_NEAR = 5  # routes that do not match, and are shown all the same

_COMMANDS = ("add", "change", "delete", "get", "show", "flush", "flushall", "monitor")
_FILTERS = {"-inet": 0, "-host": RTF_HOST, "-gateway": RTF_GATEWAY, "-static": RTF_STATIC, "-llinfo": RTF_LLDATA}


class Args(NamedTuple):
    """What is asked: the command, options by letter, and what its words say."""

    command: str
    options: dict[str, str]
    wanted: Wanted = Wanted()
    having: int = 0  # flags of the routes to show
    limit: int | None = None  # messages to wait for


class Change(NamedTuple):
    """A route was added, changed or deleted, or was not."""

    command: str
    kind: str  # net or host
    destination: str
    gateway: str
    error: str | None


class Candidate(NamedTuple):
    """A route that a destination might have had: how many of its bits it shares, counted from the left."""

    destination: Prefix
    gateway: Ip4 | str
    router: str | None
    interface: str
    common: int
    matches: bool


class Lookup(NamedTuple):
    """The route that a destination has, and what it was chosen from: the longest match is the first."""

    target: Ip4
    target_name: str | None
    destination: Prefix
    host: str | None
    gateway: Ip4 | None
    router: str | None
    local: Ip4 | None
    interface: str
    flags: tuple[str, ...]
    mtu: int
    expire: int
    candidates: tuple[Candidate, ...] = ()


class Gateway(NamedTuple):
    """The gateway alone (-s)."""

    gateway: Ip4
    router: str | None


class Flushed(NamedTuple):
    """A route that is gone."""

    destination: Prefix
    gateway: Ip4 | str


TABLES: dict[type, str] = {Route: "Routes", Lookup: ""}

Row = Route | Change | Lookup | Gateway | Flushed | RoutingMessage


# --- parse ------------------------------------------------------------------------------------------


def parse(argv: list[str]) -> Args:
    """Options, a command, and its words."""
    options, words = getopt("route", argv, "fLnqsv")
    if not words:
        if "f" in options:
            return Args("flush", options)
        raise wrong(f"a command is missing: {' '.join(_COMMANDS)}")
    command, rest = words[0], words[1:]
    if command not in _COMMANDS:
        raise wrong(f"botched keyword: {command} (commands are {' '.join(_COMMANDS)})")
    if command == "monitor":
        return Args(command, options, limit=_count(rest))
    if command in ("show", "flush", "flushall"):
        return Args(command, options, having=_having(rest))
    return Args(command, options, parse_words(command, rest))


def _count(words: list[str]) -> int | None:
    if not words:
        return None
    if words[0] != "-c":
        raise wrong(f"botched keyword: {words[0]} (monitor takes -c count)")
    if len(words) != 2:
        raise wrong("-c: one number of messages is wanted")
    return number(words[1], "a number of messages", 1)


def _having(words: list[str]) -> int:
    having = 0
    for word in words:
        if word == "-inet6":
            raise wrong("-inet6: there is no IPv6 yet")
        if word not in _FILTERS:
            raise wrong(f"botched keyword: {word.lstrip('-')} (there are {' '.join(_FILTERS)})")
        having |= _FILTERS[word]
    return having


# --- run --------------------------------------------------------------------------------------------


async def run(ctx: Context, args: Args) -> AsyncIterator[Row | Note | Complaint]:
    """Do it."""
    names = "n" not in args.options
    if args.command == "show":
        for heading in ("Routing tables", "", "Internet:", HEADING):
            yield Note(heading)
        for row in routes(ctx, names=names, neighbours="L" not in args.options, having=args.having):
            yield row
        return
    if args.command == "monitor":
        async for message in messages(ctx, args.limit):
            yield message
        return
    if "f" in args.options or args.command.startswith("flush"):
        for gone in _flush(ctx, args):
            yield gone
    if args.command == "get":
        found = _get(ctx, args, names)
        if "s" not in args.options:
            yield found
        elif found.gateway is not None:
            yield Gateway(found.gateway, found.router)
        else:
            ctx.status = 1
    elif not args.command.startswith("flush"):
        error = _attempt(ctx, args)
        if error is not None:
            ctx.status = 1
            yield Complaint(f"writing to routing socket: {error}")
        if "q" not in args.options:
            wanted = args.wanted
            yield Change(args.command, "host" if wanted.is_host else "net", wanted.destination, wanted.gateway, error)


def _attempt(ctx: Context, args: Args) -> str | None:
    """Change the table; None, or what the routing socket says."""
    try:
        if args.wanted.lladdr is not None:
            _neighbour(ctx, args)
        else:
            {"add": _add, "change": _change, "delete": _delete}[args.command](ctx, args.wanted)
    except OSError as error:
        return _strerror(error)
    return None


def _strerror(error: OSError) -> str:
    code = error.errno or 0
    return {errno.ESRCH: "not in table", errno.EBUSY: "entry in use"}.get(code) or strerror(code)


def _prefix(ctx: Context, wanted: Wanted) -> Prefix:
    return wanted.prefix if wanted.prefix is not None else Prefix(ctx.resolve(wanted.destination), 32)


class Way(NamedTuple):
    """How a route leaves: its gateway if there is one, its interface, our address there."""

    gateway: Ip4 | None
    ifp: Ifnet
    ifa: Ifaddr | None


def _way(ctx: Context, wanted: Wanted) -> Way:
    """Find the interface and our address for a route (rt_getifa); OSError ENETUNREACH when there are none."""
    way = _interface_way(ctx, wanted.gateway) if wanted.is_interface else _gateway_way(ctx, wanted)
    if wanted.ifp:
        ifp = _interface(ctx, wanted.ifp)
        way = Way(way.gateway, ifp, ifp.on_link(way.gateway or 0) or next(iter(ifp.addresses), None))
    if wanted.ifa:
        ifa = ctx.host.control.local(ctx.resolve(wanted.ifa))
        if ifa is None:
            raise oserror(errno.EADDRNOTAVAIL)
        way = way._replace(ifa=ifa)
    return way


def _interface(ctx: Context, name: str) -> Ifnet:
    try:
        return ctx.host.interface(name)
    except OSError:
        raise Failure(f"{name}: no such interface ('ifconfig -l' lists them)") from None


def _interface_way(ctx: Context, word: str) -> Way:
    """`-iface`: an interface by its name or number, or by an address of ours on it."""
    if word in ctx.host.interfaces or word.isdecimal():
        ifp = _interface(ctx, word)
        return Way(None, ifp, next(iter(ifp.addresses), None))
    ifa = ctx.host.control.local(ctx.resolve(word))
    if ifa is None:
        raise oserror(errno.ENETUNREACH)
    return Way(None, ifa.ifp, ifa)


def _gateway_way(ctx: Context, wanted: Wanted) -> Way:
    """A gateway must be a neighbour; one behind another gateway is refused."""
    gateway = ctx.resolve(wanted.gateway)
    rt = ctx.host.routes.unicast(gateway)
    if rt is None or rt.flags & RTF_GATEWAY or gateway.is_multicast:
        if wanted.ifp and not gateway.is_multicast:
            return Way(gateway, _interface(ctx, wanted.ifp), None)
        raise oserror(errno.ENETUNREACH)
    if rt.flags & RTF_LOCAL and rt.ifa is not None:
        return Way(gateway, rt.ifa.ifp, rt.ifa)
    return Way(gateway, rt.ifp, rt.ifp.on_link(gateway) or rt.ifa)


def _add(ctx: Context, wanted: Wanted) -> None:
    prefix = _prefix(ctx, wanted)
    way = _way(ctx, wanted)
    flags = RTF_UP | wanted.on | (RTF_HOST if wanted.is_host else 0)
    flags |= RTF_GATEWAY if way.gateway is not None else 0
    rt = Rtentry(prefix, way.ifp, flags, gateway=way.gateway, ifa=way.ifa, mtu=wanted.mtu or 0)
    ctx.host.routes.add(rt, pid=ctx.proc.pid)


def _change(ctx: Context, wanted: Wanted) -> None:
    """Change a route where it stands: what is not named stays, its use too."""
    table = ctx.host.routes
    rt = table.exact(_prefix(ctx, wanted))
    if rt is None:
        raise oserror(errno.ESRCH)
    if rt.flags & RTF_LOCAL:
        raise oserror(errno.EPERM)
    if wanted.gateway or wanted.ifp or wanted.ifa:
        if not wanted.gateway:
            wanted = wanted._replace(gateway=str(rt.gateway or rt.ifp.name), is_interface=rt.gateway is None)
        way = _way(ctx, wanted)
        rt.nexthop, rt.ifp, rt.ifa = way.gateway or Ip4(0), way.ifp, way.ifa
        rt.flags = rt.flags & ~RTF_GATEWAY | (RTF_GATEWAY if way.gateway is not None else 0)
    rt.flags = (rt.flags | wanted.on & ~RTF_STATIC) & ~wanted.off
    if wanted.mtu is not None:
        rt.mtu = wanted.mtu
    table.changed()
    table.notify_route("RTM_CHANGE", rt, ctx.proc.pid)


def _delete(ctx: Context, wanted: Wanted) -> None:
    prefix = _prefix(ctx, wanted)
    rt = ctx.host.routes.exact(prefix)
    if rt is None and prefix.plen == 32:
        neighbours = _neighbors.table_for(ctx.host, prefix.net)
        if neighbours is not None and _neighbors.remove(neighbours, prefix.net):
            return
    if rt is not None and rt.flags & RTF_LOCAL:
        raise oserror(errno.EPERM)
    ctx.host.routes.delete(prefix, pid=ctx.proc.pid)


def _neighbour(ctx: Context, args: Args) -> None:
    """`-link`: a host route with a link-layer address is an entry of the ARP table."""
    wanted, prefix = args.wanted, _prefix(ctx, args.wanted)
    table = _neighbors.table_for(ctx.host, prefix.net)
    if table is None or prefix.plen != 32 or wanted.lladdr is None:
        raise oserror(errno.ENETUNREACH)
    if args.command != "add" and not _neighbors.remove(table, prefix.net):
        raise oserror(errno.ESRCH)
    if args.command != "delete":
        _neighbors.enter(table, prefix.net, wanted.lladdr, published=wanted.proxy, proxy=False, seconds=None)


def _get(ctx: Context, args: Args, names: bool) -> Lookup:
    """Look a destination up, as a packet would be."""
    target = _prefix(ctx, args.wanted).net
    rt = ctx.host.routes.unicast(target)
    if rt is None:
        raise Failure("writing to routing socket: not in table")
    flags = rt.flags | RTF_DONE
    name = ctx.name_of if names else lambda _address: None
    return Lookup(
        target, name(target), rt.dst, name(rt.dst.net) if rt.flags & RTF_HOST else None,
        rt.gateway, name(rt.nexthop) if rt.flags & RTF_GATEWAY else None,
        rt.ifa.address if rt.ifa is not None else None, rt.ifp.name,
        tuple(word for bit, word in RTF_WORDS.items() if flags & bit),
        rt.mtu, 0 if rt.expires is None else int(rt.expires - ctx.now), tuple(_candidates(ctx, target, names)),
    )  # fmt: skip


def _candidates(ctx: Context, target: Ip4, names: bool) -> Iterator[Candidate]:
    """The routes that match, the longest first, then some that come near."""
    def common(rt: Rtentry) -> int:
        return min(32 - (int(rt.dst.net) ^ target).bit_length(), rt.dst.plen)

    found = sorted(ctx.host.routes, key=lambda rt: (common(rt) == rt.dst.plen, common(rt)), reverse=True)
    near = sum(common(rt) == rt.dst.plen for rt in found) + _NEAR
    for rt in found[:near]:
        router = ctx.name_of(rt.nexthop) if names and rt.flags & RTF_GATEWAY else None
        yield Candidate(rt.dst, gateway_of(rt), router, rt.ifp.name, common(rt), common(rt) == rt.dst.plen)


def _flush(ctx: Context, args: Args) -> list[Flushed]:
    """Delete all routes through a gateway or made by hand; `flushall` those of the links, too."""
    gone = []
    for rt in list(ctx.host.routes):
        unasked = args.command != "flushall" and not rt.flags & (RTF_GATEWAY | RTF_STATIC)
        if unasked or rt.flags & RTF_LOCAL or rt.flags & args.having != args.having:
            continue
        ctx.host.routes.delete(rt.dst, pid=ctx.proc.pid)
        gone.append(Flushed(rt.dst, gateway_of(rt)))
    return [] if "q" in args.options else gone


# --- show -------------------------------------------------------------------------------------------


def show(row: Row) -> str:
    """As NetBSD's route."""
    if isinstance(row, Route):
        return show_route(row)
    if isinstance(row, RoutingMessage):
        return show_message(row)
    if isinstance(row, Lookup):
        return _show_lookup(row)
    if isinstance(row, Gateway):
        return str(row.router or row.gateway)
    if isinstance(row, Flushed):
        return f"{netname(row.destination):<20.20} {row.gateway!s:<20.20} done"
    gateway = f": gateway {row.gateway}" if row.gateway else ""
    error = f": {row.error}" if row.error else ""
    return f"{row.command} {row.kind} {row.destination}{gateway}{error}"


def _show_lookup(row: Lookup) -> str:
    net = str(row.destination.net) if row.destination.net or row.destination.plen else "default"
    lines = [f"   route to: {row.target_name or row.target}", f"destination: {row.host or net}"]
    if "HOST" not in row.flags:
        lines.append(f"       mask: {row.destination.mask if row.destination.plen else 'default'}")
    if row.gateway is not None:
        lines.append(f"    gateway: {row.router or row.gateway}")
    if row.local is not None:
        lines.append(f" local addr: {row.local}")
    metrics = (0, 0, 0, 0, 0, 0, row.mtu, row.expire)
    return "\n".join(
        [
            *lines,
            f"  interface: {row.interface}",
            f"      flags: {bits(row.flags, RTF_WORDS)}",
            " recvpipe  sendpipe  ssthresh  rtt,msec    rttvar  hopcount      mtu     expire",
            " ".join(f"{metric:8} " for metric in metrics),
        ]
    )


COMMAND = Command("route", SYNOPSIS, parse, run, show)
