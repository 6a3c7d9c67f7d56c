"""The routing table as rows and in BSD's columns: what route and netstat share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from commands._neighbors import entries
from commands.command import Context
from stack.addr import Ip4, Mac, Prefix
from stack.net.route import (
    RTF_BLACKHOLE,
    RTF_CONNECTED,
    RTF_DYNAMIC,
    RTF_GATEWAY,
    RTF_HOST,
    RTF_LLDATA,
    RTF_LOCAL,
    RTF_MODIFIED,
    RTF_PROTO1,
    RTF_PROTO2,
    RTF_REJECT,
    RTF_STATIC,
    RTF_UP,
    Rtentry,
)

LETTERS = {
    RTF_UP: "U",
    RTF_GATEWAY: "G",
    RTF_HOST: "H",
    RTF_REJECT: "R",
    RTF_BLACKHOLE: "B",
    RTF_DYNAMIC: "D",
    RTF_MODIFIED: "M",
    RTF_CONNECTED: "C",
    RTF_LLDATA: "L",
    RTF_STATIC: "S",
    RTF_PROTO1: "1",
    RTF_PROTO2: "2",
    RTF_LOCAL: "l",
}
HEADING = "Destination        Gateway            Flags    Refs      Use    Mtu Interface"
_UNINTERESTING = RTF_STATIC | RTF_CONNECTED  # to route(8), of routes


class Route(NamedTuple):
    """A line of the routing table; `host` and `router` are names, where they are asked for and known."""

    destination: Prefix
    host: str | None
    gateway: Ip4 | Mac | str
    router: str | None
    flags: str
    refs: int
    use: int
    mtu: int | None
    interface: str


def routes(
    ctx: Context, *, names: bool, neighbours: bool = True, netstat: bool = False, having: int = 0
) -> Iterator[Route]:
    """The table as the kernel dumps it: routes by destination, then the neighbours; all with the flags `having`."""
    hidden = 0 if netstat else _UNINTERESTING
    for rt in ctx.host.routes:
        if rt.flags & having == having:
            yield _route(ctx, rt, hidden, names)
    if neighbours:
        yield from _neighbours(ctx, names, having)


def _route(ctx: Context, rt: Rtentry, hidden: int, names: bool) -> Route:
    host = ctx.name_of(rt.dst.net) if names and rt.flags & RTF_HOST else None
    router = ctx.name_of(rt.nexthop) if names and rt.flags & RTF_GATEWAY else None
    return Route(
        rt.dst, host, gateway_of(rt), router, letters(rt.flags & ~hidden), rt.refs, rt.use, rt.mtu or None, rt.ifp.name
    )


def gateway_of(rt: Rtentry) -> Ip4 | str:
    """A route's gateway: an address, or the interface by its name or number."""
    if rt.flags & RTF_GATEWAY:
        return rt.nexthop
    if rt.ifa is not None and not rt.ifa.ifp.is_loopback:
        return f"link#{rt.ifa.ifp.index}"
    return rt.ifp.name if rt.ifp.is_loopback else f"link#{rt.ifp.index}"


def _neighbours(ctx: Context, names: bool, having: int) -> Iterator[Route]:
    for entry in entries(ctx, names=names):
        flags = RTF_UP | RTF_HOST | RTF_LLDATA | (RTF_STATIC if entry.permanent else 0)
        if entry.state in ("local", "proxy") or flags & having != having:
            continue
        gateway = entry.lladdr or f"link#{ctx.host.interfaces[entry.interface].index}"
        destination = Prefix(entry.address, 32)
        yield Route(destination, entry.host, gateway, None, letters(flags), 0, 0, None, entry.interface)


def letters(flags: int) -> str:
    """The letters of a route's flags, in BSD's order."""
    return "".join(letter for bit, letter in LETTERS.items() if flags & bit)


def show_route(row: Route) -> str:
    """A line of `route show` and `netstat -r`."""
    destination = row.host or (str(row.destination.net) if "H" in row.flags else netname(row.destination))
    gateway = row.router or str(row.gateway)
    use, refs, mtu = row.use or "-", row.refs or "-", row.mtu or "-"
    return f"{destination:<18.18} {gateway:<18.18} {row.flags:<6} {refs:>6} {use:>8} {mtu:>6}  {row.interface:.16}"


def netname(prefix: Prefix) -> str:
    """A network as BSD writes it: octets that are all host bits are left out (10.0.1/24), 0/0 is `default`."""
    if not prefix.plen and not prefix.net:
        return "default"
    octets = str(prefix.net).split(".")[: max((prefix.plen + 7) // 8, 1)]
    return f"{'.'.join(octets)}/{prefix.plen}"
