"""IP output: route, source address, options, fragments, groups (BSD netinet/ip_output.c; RFC 791, 1122 3.3, 1112).

A caller describes the header it wants by one number, `ip_template(...)`, in which the length, the
identification and the checksum are still 0; a connection keeps its own and gives it again and again.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from typing import NamedTuple

from stack.addr import INADDR_BROADCAST
from stack.callout import Callouts
from stack.header.checksum import partial
from stack.header.ip import IP_DF, IP_MAXPACKET, IP_MF, IP_OFFMASK, IPPROTO_IGMP, copied
from stack.mbuf import Mbuf
from stack.net.gso import send_segments
from stack.net.ifnet import IFF_BROADCAST, IFF_MULTICAST, IFF_UP, IN_IFF_DETACHED, IN_IFF_DUPLICATED, Ifaddr, Ifnet
from stack.net.route import (
    RTF_BLACKHOLE,
    RTF_BROADCAST,
    RTF_LOCAL,
    RTF_MULTICAST,
    RTF_REJECT,
    RTF_SPECIAL,
    RouteTable,
    Rtentry,
    rt_check_reject_route,
)
from stack.probe import Probes, Protocol

M16, M32 = 0xFFFF, 0xFFFFFFFF
_HOLD_MAX = 64  # packets that wait for an address which is still tentative


def ip_template(src: int, dst: int, proto: int, ttl: int, tos: int = 0, off: int = 0) -> int:
    """The IP header as one 160-bit number, without length, identification and checksum."""
    return 0x45 << 152 | tos << 144 | off << 96 | ttl << 88 | proto << 80 | src << 32 | dst


class OutputOptions(NamedTuple):
    """What a sender asks of ip_output beyond the header (its flags, and struct ip_moptions)."""

    options: bytes = b""  # IP options, padded to 4
    broadcast: bool = False  # SO_BROADCAST: the sender knows what it does
    dontroute: bool = False  # only to neighbours
    interface: Ifnet | None = None  # for groups, and for the limited broadcast
    loop: bool = True  # groups that we are in get a copy
    firsthop: int = 0  # with a source route among the options: where the packet goes first


PLAIN = OutputOptions()


class IpOutput(Protocol):
    """The sending half of IP."""

    name = "ip"
    default_ttl = 64
    maxfragpackets = 200
    mtudisc = 1
    mtudisctimeout = 600

    def __init__(
        self, hostname: str, probes: Probes, callouts: Callouts, rng: random.Random, routes: RouteTable,
        interfaces: dict[str, Ifnet],
    ) -> None:  # fmt: skip
        super().__init__(hostname, probes)
        self.callouts = callouts
        self.routes = routes
        self.cache = routes.cache
        self.interfaces = interfaces
        self.ident = rng.getrandbits(16)
        self.unready: dict[int, Ifaddr] | None = None  # our addresses that packets may not bear (yet)
        self.localout = 0
        self.loopback: Callable[[Mbuf], int] | None = None  # how a copy for ourselves comes back; set by Host

    def newid(self) -> int:
        """The next identification (ip_newid); RFC 6864: unique while fragments may be about."""
        self.ident = self.ident + 1 & M16
        return self.ident

    def output(self, m: Mbuf, template: int, more: OutputOptions = PLAIN) -> int:
        """Send transport header and data under a header; 0, or the errno the sender is told (ip_output)."""
        dst = template & M32
        rt = self.cache.get(dst) or self.routes.lookup(dst)
        if rt is None or rt.flags & RTF_SPECIAL or more is not PLAIN or not template >> 32 & M32 or self.unready:
            return self._output_special(m, template, rt, more)
        total = m.len + 20
        if total > (rt.mtu or rt.ifp.mtu):
            return self._too_big(m, template, rt, more, rt.ifp, rt.nexthop or dst)
        x = template | total << 128 | self.newid() << 112
        m.net = (x | 0xFFFF - x % 0xFFFF << 64).to_bytes(20)
        m.len = total
        self.localout += 1
        rt.use += 1
        for trace in self.probes.send:
            trace(self.hostname, "ip", m)
        return rt.ifp.output(m, rt.nexthop or dst)

    def _output_special(self, m: Mbuf, template: int, rt: Rtentry | None, more: OutputOptions) -> int:
        """Everything that is not a plain packet on a plain route."""
        dst = template & M32
        if more.firsthop:
            return self._output_source_routed(m, template, rt, more)
        if rt is not None and rt.flags & RTF_MULTICAST:
            return self._output_group(m, template, more)
        if dst == INADDR_BROADCAST or (rt is not None and rt.flags & RTF_BROADCAST):
            return self._output_broadcast(m, template, rt, more)
        if more.dontroute:
            rt = self._neighbour_route(dst)
        if rt is None:
            self.drop("noroute", m)
            return errno.ENETUNREACH if more.dontroute else errno.EHOSTUNREACH
        if rt.flags & RTF_REJECT:
            self.drop("reject", m)
            return rt_check_reject_route(rt)
        if rt.flags & RTF_BLACKHOLE:
            self.drop("blackhole", m)
            return 0
        rt.use += 1
        return self._finish(m, template, rt.ifp, rt.nexthop or dst, rt, more)

    def _output_source_routed(self, m: Mbuf, template: int, rt: Rtentry | None, more: OutputOptions) -> int:
        """RFC 791 3.1: it is addressed to the first stop, and its own destination is the option's last."""
        if rt is not None:
            template = self._with_source(template, rt.ifp, rt.nexthop or template & M32, rt)
        if m.csum:  # it is the last stop that will verify it, so it is summed while the header names that
            m.net = template.to_bytes(20)
            m.transport, m.csum, m.net = m.summed(), 0, b""
        template = template & ~M32 | more.firsthop
        return self._output_special(m, template, self.routes.lookup(more.firsthop), more._replace(firsthop=0))

    def _neighbour_route(self, dst: int) -> Rtentry | None:
        """The route to a neighbour or to ourselves, never through a gateway."""
        rt = self.routes.unicast(dst)
        return rt if rt is not None and not rt.nexthop else None

    def _finish(
        self, m: Mbuf, template: int, ifp: Ifnet, nexthop: int, rt: Rtentry | None, more: OutputOptions
    ) -> int:
        """The source is settled, the way is known: header, fragments, out."""
        template = self._with_source(template, ifp, nexthop, rt)
        src = template >> 32 & M32
        if not src and template >> 80 & 0xFF != IPPROTO_IGMP:  # RFC 2236: a report may come before the address
            self.drop("noaddr", m)
            return errno.EADDRNOTAVAIL
        if self.unready and src in self.unready and not self._stays_here(rt, src):
            return self._wait_ready(m, template, more)
        if m.len + 20 + len(more.options) > ((rt.mtu if rt is not None else 0) or ifp.mtu):
            return self._too_big(m, template, rt, more, ifp, nexthop)
        self._header(m, template, more.options)
        self.localout += 1
        for trace in self.probes.send:
            trace(self.hostname, "ip", m)
        return ifp.output(m, nexthop)

    def _with_source(self, template: int, ifp: Ifnet, nexthop: int, rt: Rtentry | None) -> int:
        """The header with a source, when it has none: ours that fits best; still none where there is none."""
        if template >> 32 & M32:
            return template
        ifa = rt.ifa if rt is not None and rt.ifa is not None and rt.ifa.ready else source_on(ifp, nexthop)
        return template | ifa.address << 32 if ifa is not None else template

    def _stays_here(self, rt: Rtentry | None, src: int) -> bool:
        """Whether a packet is for ourselves: then a source that is not ready yet, or has no link, harms nobody."""
        assert self.unready is not None
        return rt is not None and bool(rt.flags & RTF_LOCAL) and not self.unready[src].flags & IN_IFF_DUPLICATED

    def _wait_ready(self, m: Mbuf, template: int, more: OutputOptions) -> int:
        """The source is still tentative: the packet waits, as one waits for ARP (RFC 5227 2.1.1)."""
        assert self.unready is not None
        ifa = self.unready[template >> 32 & M32]
        if ifa.hold is None:
            self.drop("badsource", m)
            return errno.ENETDOWN if ifa.flags & IN_IFF_DETACHED else errno.EADDRNOTAVAIL  # or it is a duplicate
        if len(ifa.hold) >= _HOLD_MAX:
            self.drop("tentative", m)
            return errno.ENOBUFS
        ifa.hold.append((m, lambda: self._send_held(m, template, more)))
        return 0

    def _send_held(self, m: Mbuf, template: int, more: OutputOptions) -> None:
        self.output(m, template, more)

    def _header(self, m: Mbuf, template: int, options: bytes) -> None:
        """Build the header bytes: length, identification (unless a program chose one), options, checksum."""
        size = 20 + len(options)
        m.len += size
        ident = template >> 112 & M16 or self.newid()
        x = (template | m.len << 128 | ident << 112) + (len(options) >> 2 << 152)  # the template says 5
        m.net = (x | 0xFFFF - (x + partial(options)) % 0xFFFF << 64).to_bytes(20) + options

    # --- fragments ----------------------------------------------------------------------------

    def _too_big(
        self, m: Mbuf, template: int, rt: Rtentry | None, more: OutputOptions, ifp: Ifnet, nexthop: int
    ) -> int:
        """A packet of our own larger than the MTU: a super-segment, or one to be cut into fragments."""
        mtu = (rt.mtu if rt is not None else 0) or ifp.mtu
        if m.gso_size and 20 + len(more.options) + len(m.transport) + m.gso_size <= mtu:
            return self._super_segment(m, template, more, ifp, nexthop)
        if m.len + 20 + len(more.options) > IP_MAXPACKET or template >> 96 & IP_DF:
            self.drop("cantfrag", m)
            return errno.EMSGSIZE
        self._header(m, template, more.options)
        self.localout += 1
        return self.send_fragments(m, mtu, ifp, nexthop)

    def _super_segment(self, m: Mbuf, template: int, more: OutputOptions, ifp: Ifnet, nexthop: int) -> int:
        """A super-segment of our own whose segments fit the MTU."""
        self._header(m, template, more.options)
        self.localout += 1
        for trace in self.probes.send:
            trace(self.hostname, "ip", m)
        return ifp.output(m, nexthop)

    def send_fragments(self, m: Mbuf, mtu: int, ifp: Ifnet, nexthop: int) -> int:
        """Cut a packet into fragments and send them all (ip_fragment)."""
        if m.gso_size:
            return send_segments(m, lambda segment: self.send_fragments(segment, mtu, ifp, nexthop))
        try:
            fragments = fragment(m, mtu)
        except ValueError:
            self.drop("cantfrag", m)
            return errno.EMSGSIZE
        self.stat["fragmented"] += 1
        error = 0
        for piece in fragments:
            self.stat["ofragments"] += 1
            for trace in self.probes.send:
                trace(self.hostname, "ip", piece)
            error = ifp.output(piece, nexthop) or error
        return error

    # --- everybody, and groups ----------------------------------------------------------------

    def _output_broadcast(self, m: Mbuf, template: int, rt: Rtentry | None, more: OutputOptions) -> int:
        """RFC 919: to everybody on a link; a program has to say that it means it."""
        if not more.broadcast:
            self.drop("nobroadcast", m)
            return errno.EACCES
        if rt is not None and rt.ifa is not None:  # a net's own; 255.255.255.255 is anybody's
            ifp: Ifnet | None = rt.ifp
        else:
            ifp = more.interface or self.group_interface(template & M32)
        if ifp is None:
            self.drop("noroute", m)
            return errno.EHOSTUNREACH
        if m.len + 20 + len(more.options) > ifp.mtu:  # everybody would have to put it together again
            self.drop("cantfrag", m)
            return errno.EMSGSIZE
        return self._output_all(m, template, ifp, more, loop=True)

    def _output_group(self, m: Mbuf, template: int, more: OutputOptions) -> int:
        """RFC 1112 6: out of one interface, and back to ourselves when we are in the group."""
        dst = template & M32
        ifp = more.interface or self.group_interface(dst)
        if ifp is None or not ifp.flags & IFF_MULTICAST:
            self.drop("noroute", m)
            return errno.EHOSTUNREACH
        return self._output_all(m, template, ifp, more, loop=more.loop and ifp.in_group(dst))

    def _output_all(self, m: Mbuf, template: int, ifp: Ifnet, more: OutputOptions, *, loop: bool) -> int:
        """To everybody, or a group, on one link; and to ourselves, once the source may be used."""
        template = self._with_source(template, ifp, template & M32, None)
        if loop and not (self.unready and template >> 32 & M32 in self.unready):
            self._loop_copy(m, template, more)
        if not template >> 88 & 0xFF:  # RFC 1122 3.2.1.7: TTL 0 does not leave the host
            self.drop("ttl0", m)
            return 0
        return self._finish(m, template, ifp, template & M32, None, more)

    def group_interface(self, dst: int) -> Ifnet | None:
        """Where a group, or everybody, is meant to be: the way the routes point, else the first that can."""
        flag = IFF_MULTICAST if dst >> 28 == 14 else IFF_BROADCAST
        route = self.routes.unicast(dst)
        if route is not None and route.ifp.flags & flag:
            return route.ifp
        for ifp in self.interfaces.values():
            if ifp.flags & flag and ifp.flags & IFF_UP and ifp.addresses and not ifp.is_loopback:
                return ifp
        return None

    def _loop_copy(self, m: Mbuf, template: int, more: OutputOptions) -> None:
        """A copy for ourselves: an Ethernet does not hear its own frames (ip_mloopback)."""
        copy = m.copy()
        self._header(copy, template, more.options)
        if self.loopback is not None:
            self.loopback(copy)


def source_on(ifp: Ifnet, nexthop: int) -> Ifaddr | None:
    """The address of an interface that fits a neighbour best: on its network, else the first (in_selectsrc)."""
    fits = ifp.on_link(nexthop)
    if fits is not None and fits.ready:
        return fits
    for ifa in ifp.addresses:
        if ifa.ready:
            return ifa
    return fits or (ifp.addresses[0] if ifp.addresses else None)


def fragment(m: Mbuf, mtu: int) -> list[Mbuf]:
    """Cut a packet with a complete header into pieces of at most `mtu` bytes (RFC 791 3.2).

    The first piece has all the options, the others those with the copy bit.  ValueError when not even
    eight bytes of data fit.
    """
    net, payload = m.net, m.payload()
    head = int.from_bytes(net[:20]) & ~(M16 << 64)
    base, more = head >> 96 & IP_OFFMASK, head >> 96 & IP_MF
    options, later = net[20:], copied(net[20:]) if len(net) > 20 else b""
    fragments: list[Mbuf] = []
    at = 0
    while at < len(payload):
        size = mtu - 20 - len(options) & ~7
        if size < 8:
            raise ValueError("MTU too small")
        data = payload[at : at + size]
        last = at + size >= len(payload)
        offset = base + (at >> 3) | (more if last else IP_MF)
        total = 20 + len(options) + len(data)
        x = head & ~((IP_OFFMASK | IP_MF) << 96) & ~(M16 << 128) & ~(0xF << 152)
        x |= offset << 96 | total << 128 | 5 + (len(options) >> 2) << 152
        x |= 0xFFFF - (x + partial(options)) % 0xFFFF << 64
        piece = Mbuf(data, b"", x.to_bytes(20) + options)
        piece.flags, piece.rcvif = m.flags, m.rcvif
        fragments.append(piece)
        options = later
        at += size
    return fragments
