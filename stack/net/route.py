"""The routing table: longest match, with a cache in front and listeners behind (BSD net/route.c, rtsock.c).

One dictionary for each prefix length that is in use, tried from the longest on; before them a cache of
destinations, emptied whenever a route changes.  Own addresses are host routes with RTF_LOCAL, so one
look-up says whether a packet is ours.  Broadcast and multicast destinations, which BSD recognizes
elsewhere, get entries in the cache alone, which no listing shows.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from typing import NamedTuple

from stack.addr import INADDR_ANY, INADDR_BROADCAST, Ip4, Prefix, mask_of
from stack.kern.errors import oserror
from stack.net.ifnet import Ifaddr, Ifnet

# Rtentry.flags (net/route.h)
RTF_UP = 0x1
RTF_GATEWAY = 0x2
RTF_HOST = 0x4
RTF_REJECT = 0x8
RTF_DYNAMIC = 0x10
RTF_MODIFIED = 0x20
RTF_DONE = 0x40
RTF_CONNECTED = 0x100
RTF_LLDATA = 0x400
RTF_STATIC = 0x800
RTF_BLACKHOLE = 0x1000
RTF_PROTO2 = 0x4000
RTF_PROTO1 = 0x8000
RTF_LOCAL = 0x40000
RTF_BROADCAST = 0x80000
RTF_MULTICAST = 0x100000  # ours: a class D destination, which has no route of its own

RTF_WORDS = {
    RTF_UP: "UP",
    RTF_GATEWAY: "GATEWAY",
    RTF_HOST: "HOST",
    RTF_REJECT: "REJECT",
    RTF_DYNAMIC: "DYNAMIC",
    RTF_MODIFIED: "MODIFIED",
    RTF_DONE: "DONE",
    RTF_CONNECTED: "CONNECTED",
    RTF_LLDATA: "LLINFO",
    RTF_STATIC: "STATIC",
    RTF_BLACKHOLE: "BLACKHOLE",
    RTF_PROTO2: "PROTO2",
    RTF_PROTO1: "PROTO1",
    RTF_LOCAL: "LOCAL",
    RTF_BROADCAST: "BROADCAST",
}
# what decides where a packet goes when it is not simply forwarded
RTF_SPECIAL = RTF_LOCAL | RTF_BROADCAST | RTF_MULTICAST | RTF_REJECT | RTF_BLACKHOLE

# RFC 1122 3.2.1.3, RFC 1812 5.3.7: first octets that no packet on a wire is sent to, by a default route or any
_NOWHERE = frozenset([0, 127, *range(240, 256)])
_CACHE_MAX = 8192  # destinations; then the cache starts anew


class Rtentry:
    """A route.  `nexthop` is the gateway, or 0 for a destination on the link itself."""

    __slots__ = ("dst", "expires", "flags", "ifa", "ifp", "mtu", "nexthop", "refs", "use")

    def __init__(
        self, dst: Prefix, ifp: Ifnet, flags: int, *, gateway: Ip4 | None = None, ifa: Ifaddr | None = None,
        mtu: int = 0,
    ) -> None:  # fmt: skip
        self.dst = dst
        self.ifp = ifp
        self.flags = flags
        self.nexthop = gateway if gateway is not None else INADDR_ANY
        self.ifa = ifa
        self.mtu = mtu  # bytes; 0 means the interface's
        self.use = 0
        self.refs = 0
        self.expires: float | None = None

    @property
    def gateway(self) -> Ip4 | None:
        """The gateway's address; None for a route to the link."""
        return self.nexthop if self.flags & RTF_GATEWAY else None


def rt_check_reject_route(rt: Rtentry) -> int:
    """What a program hears when its packet's route refuses it: errno, by what the route is for and by."""
    if rt.ifp.is_loopback:
        return errno.EHOSTUNREACH if rt.flags & RTF_HOST else errno.ENETUNREACH
    return errno.EHOSTUNREACH if rt.flags & RTF_GATEWAY else errno.EHOSTDOWN


IFAN_ARRIVAL, IFAN_DEPARTURE = 0, 1


class RtMessage(NamedTuple):
    """What a routing socket says (net/route.h, struct rt_msghdr): `type` is RTM_ADD, RTM_IFINFO, ..."""

    type: str
    dst: Prefix | None = None
    gateway: Ip4 | None = None
    ifname: str | None = None
    ifindex: int = 0
    flags: int = 0
    address: Ip4 | None = None
    broadcast: Ip4 | None = None
    pid: int = 0
    error: int = 0


class RouteTable:
    """The IPv4 routes of one host."""

    def __init__(self, loopback: Ifnet) -> None:
        self.tables: dict[int, dict[int, Rtentry]] = {}  # prefix length -> network -> route
        self.lengths: list[tuple[int, dict[int, Rtentry]]] = []  # (mask, its table), longest first
        self.broadcasts: dict[int, Ifaddr] = {}  # directed broadcasts, and whose they are
        self.loopback = loopback
        self.cache: dict[int, Rtentry] = {}
        self.generation = 0  # of the table, for caches elsewhere
        self.listeners: tuple[Callable[[RtMessage], None], ...] = ()

    # --- looking ------------------------------------------------------------------------------

    def lookup(self, dst: int) -> Rtentry | None:
        """The route that a packet to an address takes; None when there is none (rtalloc1)."""
        rt = self.cache.get(dst)
        if rt is None:
            rt = self._match(dst)
            if rt is not None:
                if len(self.cache) >= _CACHE_MAX:
                    self.cache.clear()
                self.cache[dst] = rt
        return rt

    def _match(self, dst: int) -> Rtentry | None:
        if self.is_broadcast(dst):
            ifa = self.broadcasts.get(dst)
            flags = RTF_UP | RTF_HOST | RTF_BROADCAST
            return Rtentry(Prefix(Ip4(dst), 32), ifa.ifp if ifa else self.loopback, flags, ifa=ifa)
        if dst >> 28 == 14:
            return Rtentry(Prefix(Ip4(dst), 32), self.loopback, RTF_UP | RTF_HOST | RTF_MULTICAST)
        rt = self.unicast(dst)
        if dst >> 24 in _NOWHERE and (rt is None or not rt.ifp.is_loopback):
            return Rtentry(Prefix(Ip4(dst), 32), self.loopback, RTF_UP | RTF_HOST | RTF_REJECT | RTF_BLACKHOLE)
        return rt

    def is_broadcast(self, dst: int) -> bool:
        """Whether an address means everybody: on a net of ours, on any (RFC 919), or BSD's old 0.0.0.0."""
        return dst in self.broadcasts or dst in (INADDR_BROADCAST, INADDR_ANY)

    def set_broadcast(self, address: Ip4, ifa: Ifaddr | None) -> None:
        """A net's broadcast address is there now, or (None) no longer."""
        if ifa is not None:
            self.broadcasts[address] = ifa
        else:
            self.broadcasts.pop(address, None)
        self.changed()

    def unicast(self, dst: int) -> Rtentry | None:
        """The longest match among the routes of the table alone."""
        for mask, table in self.lengths:
            rt = table.get(dst & mask)
            if rt is not None:
                return rt
        return None

    def exact(self, dst: Prefix) -> Rtentry | None:
        """The route of just that network or host."""
        return self.tables.get(dst.plen, {}).get(dst.net)

    def __iter__(self) -> Iterator[Rtentry]:
        """All routes by destination, shorter prefixes first, as the kernel's tree is walked."""
        routes = [rt for table in self.tables.values() for rt in table.values()]
        return iter(sorted(routes, key=lambda rt: (int(rt.dst.net), rt.dst.plen)))

    def __len__(self) -> int:
        return sum(len(table) for table in self.tables.values())

    # --- changing -----------------------------------------------------------------------------

    def add(self, rt: Rtentry, *, pid: int = 0) -> None:
        """Enter a route; OSError EEXIST when the destination has one (rtrequest: RTM_ADD)."""
        table = self.tables.get(rt.dst.plen)
        if table is None:
            table = self.tables[rt.dst.plen] = {}
            self.lengths = [(mask_of(plen), self.tables[plen]) for plen in sorted(self.tables, reverse=True)]
        if rt.dst.net in table:
            raise oserror(errno.EEXIST)
        table[rt.dst.net] = rt
        self.changed()
        self.notify_route("RTM_ADD", rt, pid)

    def delete(self, dst: Prefix, *, pid: int = 0) -> Rtentry:
        """Remove a route and return it; OSError ESRCH when it is not in the table (rtrequest: RTM_DELETE)."""
        table = self.tables.get(dst.plen, {})
        rt = table.pop(dst.net, None)
        if rt is None:
            raise oserror(errno.ESRCH)
        if not table:
            del self.tables[dst.plen]
            self.lengths = [pair for pair in self.lengths if pair[1] is not table]
        rt.flags &= ~RTF_UP
        self.changed()
        self.notify_route("RTM_DELETE", rt, pid)
        return rt

    def narrow(self, ifp: Ifnet) -> None:
        """An interface's MTU may be less now, and no way is wider than its first link."""
        for table in self.tables.values():
            for rt in table.values():
                if rt.ifp is ifp and rt.mtu > ifp.mtu:
                    rt.mtu = 0

    def changed(self) -> None:
        """Something in a route changed: whoever remembers an answer must ask again."""
        self.cache.clear()
        self.generation += 1

    # --- telling ------------------------------------------------------------------------------

    def notify_route(self, kind: str, rt: Rtentry, pid: int = 0) -> None:
        """Tell the routing sockets of a route (rt_newmsg)."""
        if self.listeners:
            address, flags = rt.ifa.address if rt.ifa else None, rt.flags | RTF_DONE
            message = RtMessage(kind, rt.dst, rt.gateway, rt.ifp.name, rt.ifp.index, flags, address, pid=pid)
            self.notify(message)

    def notify_interface(self, ifp: Ifnet, what: int) -> None:
        """Tell the routing sockets that an interface came or went: IFAN_ARRIVAL, IFAN_DEPARTURE (rt_ifannouncemsg)."""
        if self.listeners:
            self.notify(RtMessage("RTM_IFANNOUNCE", ifname=ifp.name, ifindex=ifp.index, flags=what))

    def notify(self, message: RtMessage) -> None:
        """Tell the routing sockets something (route_enqueue)."""
        for listener in self.listeners:
            listener(message)
