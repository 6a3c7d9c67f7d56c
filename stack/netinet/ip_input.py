"""IP input: is it well formed, is it ours, else forward it (BSD netinet/ip_input.c; RFC 791, 1122 3.2, 1812 4 and 5).

The header is read as one number `x` of 160 bits, the first byte on top:

    x >> 152             version and header length: 0x45 for a header without options
    x >> 128 & 0xffff    total length                    x >> 88 & 0xff      TTL
    x >> 96 & 0xffff     flags and fragment offset       x >> 80 & 0xff      protocol
    x >> 32 & M32        source                          x & M32             destination
    x % 65535 == 0       the checksum holds (65536 is 1 modulo 65535)

and a hop is one subtraction: TTL - 1, checksum + 0x100 (RFC 1624).
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from stack.addr import Ip4
from stack.header.checksum import partial
from stack.header.icmp import (
    ICMP_REDIRECT,
    ICMP_REDIRECT_HOST,
    ICMP_TIMXCEED,
    ICMP_TIMXCEED_INTRANS,
    ICMP_UNREACH,
    ICMP_UNREACH_HOST,
    ICMP_UNREACH_NEEDFRAG,
    ICMP_UNREACH_NET,
    ICMP_UNREACH_PROTOCOL,
)
from stack.header.ip import IP_DF, IP_MF, IP_OFFMASK
from stack.kern.sysctl import Variable
from stack.mbuf import M_BCAST, M_LOOP, M_MCAST, Mbuf
from stack.net.gso import fits
from stack.net.ifnet import Ifnet
from stack.net.route import (
    RTF_BLACKHOLE,
    RTF_BROADCAST,
    RTF_DYNAMIC,
    RTF_LOCAL,
    RTF_MODIFIED,
    RTF_MULTICAST,
    RTF_REJECT,
    RTF_SPECIAL,
    Rtentry,
)
from stack.netinet.ip_options import do_options
from stack.netinet.ip_output import M16, M32, IpOutput
from stack.netinet.ip_reass import Reassembly

HOP = (1 << 88) - (1 << 72)  # TTL - 1 and checksum + 0x100, as one number to subtract
CARRY = HOP + (0xFFFF << 64)  # the same when the checksum carries around
HIGH = 0xFF00 << 64  # a checksum that will carry
_UNUSUAL = (IP_OFFMASK | IP_MF) << 96  # a fragment

# RFC 1812 5.3.7, RFC 1122 3.2.1.3: first octets no source address on a link may have (but see _martian)
MARTIAN = frozenset([0, 127, *range(224, 256)])

Input = Callable[[Mbuf, int], None]  # a protocol's input: the packet, and its IP header as a number

SYSCTLS = {
    "net.inet.ip.forwarding": Variable("ip", "forwarding", "forward packets that are for others", 0, 1),
    "net.inet.ip.redirect": Variable("ip", "redirect", "send ICMP redirects", 0, 1),
    "net.inet.ip.ttl": Variable("ip", "default_ttl", "time to live of what we send", 1, 255),
    "net.inet.ip.forwsrcrt": Variable("ip", "forwsrcrt", "forward source-routed packets", 0, 1),
    "net.inet.ip.directed-broadcast": Variable("ip", "directed_broadcast", "forward to a net's broadcast", 0, 1),
    "net.inet.ip.allowsrcrt": Variable("ip", "allowsrcrt", "accept source-routed packets for us", 0, 1),
    "net.inet.ip.mtudisc": Variable("ip", "mtudisc", "find the MTU of the way (RFC 1191)", 0, 1),
    "net.inet.ip.mtudisctimeout": Variable("ip", "mtudisctimeout", "seconds a found MTU is remembered", 0),
    "net.inet.ip.maxfragpackets": Variable("ip", "maxfragpackets", "packets in reassembly at once", 0, 65535),
    "net.inet.ip.checkinterface": Variable("ip", "checkinterface", "take packets only where their address is", 0, 1),
}


class Ip(IpOutput):
    """IP of one host."""

    forwarding = 1
    redirect = 1
    forwsrcrt = 1
    allowsrcrt = 1
    directed_broadcast = 0
    checkinterface = 0

    error: Callable[[Mbuf, int, int, int], None]  # icmp_error: packet, type, code, rest; set by Host
    raw_input: Callable[[Mbuf, int], bool]  # rip_input: copies for raw sockets; whether there was one

    total = 0
    forwarded = 0
    delivered = 0
    reassembly: Reassembly | None = None

    @property
    def milliseconds(self) -> int:
        """The time as the timestamp option wants it."""
        return int(self.callouts.now * 1000)

    def setup(self, protosw: dict[int, Input]) -> None:
        """The host hands in its table of protocols, by number."""
        self.protosw = protosw

    def input(self, m: Mbuf) -> None:
        """A packet has come in on `m.rcvif` (ip_input)."""
        self.total += 1
        net = m.net
        x = int.from_bytes(net)
        if x >> 152 != 0x45 or x % 0xFFFF or x >> 128 & 0xFFFF != m.len:
            x = self._check(m)
            if not x:
                return
            net = m.net
        for trace in self.probes.receive:
            trace(self.hostname, "ip", m)
        if net[12] in MARTIAN and not m.flags & M_LOOP and self._martian(m, x):
            return None
        dst = x & 0xFFFFFFFF
        rt = self.cache.get(dst) or self.routes.lookup(dst)
        if rt is None:
            return self._unreachable(m, "noroute", ICMP_UNREACH_NET)
        if rt.flags & RTF_SPECIAL:
            if rt.flags & RTF_LOCAL and not (m.flags or x & _UNUSUAL or self.unready or self.checkinterface):
                protocol = self.protosw.get(x >> 80 & 0xFF)
                if protocol is not None and dst >> 24 != 127 and x >> 32 & M32 not in self.routes.broadcasts:
                    self.delivered += 1
                    return protocol(m, x)
            return self._special(m, x, rt)
        return self.forward(m, x, rt)

    def _check(self, m: Mbuf) -> int:
        """The full check of a header that is not a plain good one; its number, or 0 when it was dropped."""
        net = m.net
        hlen = (net[0] & 15) << 2 if net else 0
        if len(net) != hlen or hlen < 20:  # not split where its header ends: make it so
            whole = net + m.payload()
            if len(whole) < 20:
                return self._bad("toosmall", m)
            if whole[0] >> 4 != 4:
                return self._bad("badvers", m)
            hlen = (whole[0] & 15) << 2
            if hlen < 20 or hlen > len(whole):
                return self._bad("badhlen", m)
            m.net, m.transport, m.data, m.csum, m.gso_size = whole[:hlen], b"", whole[hlen:], 0, 0
            net = m.net
        if net[0] >> 4 != 4:
            return self._bad("badvers", m)
        if partial(net):
            return self._bad("badsum", m)
        length = net[2] << 8 | net[3]
        if length < hlen:
            return self._bad("badlen", m)
        if length > m.len:
            return self._bad("tooshort", m)
        if length < m.len:  # padding of a short frame (RFC 894)
            payload = m.payload()
            m.transport, m.data, m.csum, m.gso_size = b"", payload[: length - hlen], 0, 0
            m.len = length
        if hlen > 20 and not do_options(self, m):
            return 0
        return int.from_bytes(m.net[:20])

    def _martian(self, m: Mbuf, x: int) -> bool:
        """A source that is nobody's: dropped, but for who has no address yet and does not ask for a router's help."""
        if not x >> 32 & M32:  # RFC 1122 3.2.1.3 (a)
            rt = self.routes.lookup(x & M32)
            if rt is not None and rt.flags & (RTF_LOCAL | RTF_BROADCAST | RTF_MULTICAST):
                return False
        self.drop("badsource", m)
        return True

    def _bad(self, reason: str, m: Mbuf) -> int:
        self.drop(reason, m)
        return 0

    # --- not simply forwarded -----------------------------------------------------------------

    def _special(self, m: Mbuf, x: int, rt: Rtentry) -> None:
        """For us, for everybody, for a group, or for nobody."""
        flags = rt.flags
        rcvif = m.rcvif
        assert isinstance(rcvif, Ifnet)
        if x >> 32 & M32 in self.routes.broadcasts:
            return self.drop("badsource", m)  # RFC 1122 3.2.1.3: everybody is no sender
        if flags & RTF_LOCAL:
            if not m.flags & M_LOOP and (x >> 24 & 0xFF == 127 or not self._accepts(rt, rcvif)):
                return self.drop("badaddr", m)
            if m.flags & (M_BCAST | M_MCAST):
                return self.drop("linkbcast", m)  # RFC 1122 3.3.6: link broadcast, but not IP broadcast
            self.deliver(m, x)
        elif flags & RTF_BROADCAST:
            self._broadcast(m, x, rt, rcvif)
        elif flags & RTF_MULTICAST:
            if m.flags & M_LOOP or rcvif.in_group(x & M32):
                m.flags |= M_MCAST
                self.deliver(m, x)
            else:
                self.drop("notmember", m)
        elif flags & RTF_BLACKHOLE:
            self.drop("badaddr" if flags & RTF_REJECT else "blackhole", m)  # both: RFC 1812 5.3.7, nobody's address
        else:
            self._unreachable(m, "reject", ICMP_UNREACH_HOST)

    def _accepts(self, rt: Rtentry, rcvif: Ifnet) -> bool:
        """RFC 1122 3.3.4.2: the weak model, unless checkinterface asks for the strong one."""
        if self.unready and rt.dst.net in self.unready:
            return False
        return not self.checkinterface or rt.ifa is None or rt.ifa.ifp is rcvif

    def _broadcast(self, m: Mbuf, x: int, rt: Rtentry, rcvif: Ifnet) -> None:
        dst = x & M32
        if m.flags & M_LOOP or rcvif.is_broadcast(dst):
            m.flags |= M_BCAST
            return self.deliver(m, x)
        if not self.directed_broadcast or rt.ifa is None or m.flags & (M_BCAST | M_MCAST):
            return self.drop("directedbcast", m)  # RFC 2644: not forwarded unless asked for
        return self.forward(m, x, rt)

    def _unreachable(self, m: Mbuf, reason: str, code: int) -> None:
        """A packet that cannot be forwarded: RFC 1812 5.2.7.1, but silence where we are no router."""
        if m.flags & (M_BCAST | M_MCAST):
            self.drop("linkbcast", m)
        elif not self.forwarding:
            self.drop("notforward", m)
        else:
            self.drop(reason, m)
            self.error(m, ICMP_UNREACH, code, 0)

    # --- for us -------------------------------------------------------------------------------

    def deliver(self, m: Mbuf, x: int) -> None:
        """A packet for this host: reassemble it, and hand it to its protocol."""
        if x >> 96 & (IP_OFFMASK | IP_MF):
            if self.reassembly is None:
                self.reassembly = Reassembly(self)
            whole = self.reassembly.input(m, x)
            if whole is None:
                return
            m, x = whole, int.from_bytes(whole.net[:20])
        self.delivered += 1
        protocol = self.protosw.get(x >> 80 & 0xFF)
        if protocol is not None:
            protocol(m, x)
        elif not self.raw_input(m, x):
            self.drop("noproto", m)
            if not m.flags & (M_BCAST | M_MCAST):
                self.error(m, ICMP_UNREACH, ICMP_UNREACH_PROTOCOL, 0)

    # --- for others ---------------------------------------------------------------------------

    def forward(self, m: Mbuf, x: int, rt: Rtentry) -> None:
        """A packet for somebody else, on its way through us (ip_forward; RFC 1812 5.2)."""
        if m.flags or not self.forwarding:
            return self.drop("linkbcast" if m.flags & (M_BCAST | M_MCAST) else "notforward", m)
        received = m.net
        if received[8] < 2:
            self.drop("ttl", m)
            return self.error(m, ICMP_TIMXCEED, ICMP_TIMXCEED_INTRANS, 0)
        ifp = rt.ifp
        if ifp is m.rcvif and self.redirect:
            self._redirect(m, x, rt)
        hopped = x - (CARRY if x & HIGH == HIGH else HOP)
        if m.len > (rt.mtu or ifp.mtu) or len(received) > 20:
            return self._forward_hard(m, hopped, rt)
        m.net = hopped.to_bytes(20)
        rt.use += 1
        for trace in self.probes.send:
            trace(self.hostname, "ip", m)
        error = ifp.output(m, rt.nexthop or Ip4(x & 0xFFFFFFFF))
        if error:
            m.net = received
            return self._not_sent(m, error)
        self.forwarded += 1

    def _forward_hard(self, m: Mbuf, x: int, rt: Rtentry) -> None:
        """A packet with options, a super-segment, or one that does not fit: RFC 1812 5.2.6, RFC 1191 4."""
        mtu = rt.mtu or rt.ifp.mtu
        fit = fits(m, mtu)
        if not fit and x >> 96 & IP_DF:
            self.drop("cantfrag", m)
            return self.error(m, ICMP_UNREACH, ICMP_UNREACH_NEEDFRAG, mtu)
        received, options = m.net, m.net[20:]
        x &= ~(M16 << 64)
        m.net = (x | 0xFFFF - (x + partial(options)) % 0xFFFF << 64).to_bytes(20) + options
        rt.use += 1
        nexthop = rt.nexthop or Ip4(x & M32)
        if not fit:
            error = self.send_fragments(m, mtu, rt.ifp, nexthop)
        else:
            for trace in self.probes.send:
                trace(self.hostname, "ip", m)
            error = rt.ifp.output(m, nexthop)
        if error:
            m.net = received
            return self._not_sent(m, error)
        self.forwarded += 1

    def _not_sent(self, m: Mbuf, error: int) -> None:
        """The next hop's interface would not have it, and has dropped it: we count it as one of those."""
        if error == errno.ENOBUFS:
            return self.drop("odropped", m)  # RFC 1812 4.3.3.3: no source quench any more
        self.stat["cantforward"] += 1
        self.error(m, ICMP_UNREACH, ICMP_UNREACH_HOST, 0)

    def _redirect(self, m: Mbuf, x: int, rt: Rtentry) -> None:
        """It leaves where it came in: the sender may as well use the better way (RFC 1812 5.2.7.2)."""
        if rt.flags & (RTF_DYNAMIC | RTF_MODIFIED) or not rt.dst.plen or len(m.net) > 20:
            return
        source = rt.ifp.on_link(x >> 32 & M32)
        if source is None:
            return
        better = rt.nexthop or Ip4(x & M32)
        if rt.ifp.on_link(better) is not source or better == x >> 32 & M32:
            return
        self.stat["redirectsent"] += 1
        self.error(m, ICMP_REDIRECT, ICMP_REDIRECT_HOST, better)  # RFC 1812 5.2.7.2: host redirects only
