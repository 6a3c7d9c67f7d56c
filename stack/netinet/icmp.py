"""ICMP: answers, errors with their quotations and limits, news for protocols (BSD netinet/ip_icmp.c).

Read first: RFC 792, RFC 1122 3.2.2, RFC 1812 4.3.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from stack.addr import Ip4, Prefix
from stack.callout import Callouts
from stack.header.checksum import partial
from stack.header.icmp import (
    ICMP_ECHO,
    ICMP_ECHOREPLY,
    ICMP_ERRORS,
    ICMP_MASKLEN,
    ICMP_MASKREPLY,
    ICMP_MASKREQ,
    ICMP_MAXTYPE,
    ICMP_PARAMPROB,
    ICMP_REDIRECT,
    ICMP_TIMXCEED,
    ICMP_TSLEN,
    ICMP_TSTAMP,
    ICMP_TSTAMPREPLY,
    ICMP_UNREACH,
    ICMP_UNREACH_NEEDFRAG,
    ICMP_UNREACH_PORT,
    ICMP_UNREACH_PROTOCOL,
    build,
    type_name,
)
from stack.header.ip import IP_OFFMASK, IPPROTO_ICMP, MAXTTL, Ip
from stack.kern.sysctl import Variable
from stack.mbuf import M_BCAST, M_LOOP, M_MCAST, Mbuf
from stack.net.gso import segments
from stack.net.ifnet import Ifnet
from stack.net.route import RTF_DYNAMIC, RTF_GATEWAY, RTF_HOST, RTF_LOCAL, RTF_STATIC, RTF_UP, Rtentry, RtMessage
from stack.netinet.ip_options import reflected
from stack.netinet.ip_output import M32, PLAIN, IpOutput, OutputOptions, ip_template, source_on
from stack.probe import Probes, Protocol

SYSCTLS = {
    "net.inet.icmp.maskrepl": Variable("icmp", "maskrepl", "answer address mask requests", 0, 1),
    "net.inet.icmp.returndatabytes": Variable("icmp", "returndatabytes", "bytes quoted in errors", 8, 512),
    "net.inet.icmp.errppslimit": Variable("icmp", "errppslimit", "errors sent a second; -1: any", -1),
    "net.inet.icmp.rediraccept": Variable("icmp", "rediraccept", "accept redirects", 0, 1),
    "net.inet.icmp.redirtimeout": Variable("icmp", "redirtimeout", "seconds a redirected route stays", 0),
    "net.inet.icmp.bmcastecho": Variable("icmp", "bmcastecho", "answer echo requests to everybody", 0, 1),
}

# what a socket is told (inetctlerrmap); unreachables not listed mean EHOSTUNREACH
_UNREACH_ERRNO = {
    ICMP_UNREACH_PROTOCOL: errno.ECONNREFUSED,
    ICMP_UNREACH_PORT: errno.ECONNREFUSED,
    ICMP_UNREACH_NEEDFRAG: errno.EMSGSIZE,
}

# how many codes a type has that is news for us; the requests we answer; the types that report no error
_CODES = {ICMP_UNREACH: 16, ICMP_REDIRECT: 4, ICMP_TIMXCEED: 2, ICMP_PARAMPROB: 3}
_REQUESTS = frozenset({ICMP_ECHO, ICMP_TSTAMP, ICMP_MASKREQ})
_INFORMATION = frozenset(range(ICMP_MAXTYPE + 1)) - ICMP_ERRORS

# errno (0: only a hint), the header quoted, the bytes behind it, the MTU that would do
CtlInput = Callable[[int, Ip, bytes, int], None]


class Icmp(Protocol):
    """ICMP of one host."""

    name = "icmp"
    maskrepl = 0
    returndatabytes = 8
    errppslimit = 100
    rediraccept = 1
    redirtimeout = 600
    bmcastecho = 0

    raw_input: Callable[[Mbuf, int], bool]  # set by Host: copies for raw sockets
    ctlinput: Callable[[int], CtlInput | None]  # set by Host: who is told of errors about a protocol's packets

    def __init__(self, hostname: str, probes: Probes, callouts: Callouts, ip: IpOutput) -> None:
        super().__init__(hostname, probes)
        self.callouts = callouts
        self.ip = ip
        self.second = -1  # the rate limit's window, and the errors sent in it
        self.sent = 0

    # --- input --------------------------------------------------------------------------------

    def input(self, m: Mbuf, x: int) -> None:
        """An ICMP message for us (icmp_input)."""
        if not m.pullup(8):
            return self.drop("tooshort", m)
        if (partial(m.transport) + partial(m.data)) % 0xFFFF:
            return self.drop("checksum", m)
        kind, code = m.transport[0], m.transport[1]
        self.stat[f"in_{type_name(kind)}"] += 1
        if kind in _CODES and code >= _CODES[kind]:
            self.drop("badcode", m)
        elif kind in _REQUESTS:  # the stack's own business: raw sockets do not see it
            return self._requested(m, x, kind)
        elif kind == ICMP_REDIRECT:
            self._redirected(m, x)
        elif kind in _CODES:
            self._error_came(m, kind, code)
        self.raw_input(m, x)
        return None

    def _requested(self, m: Mbuf, x: int, kind: int) -> None:
        """Somebody wants an answer."""
        if m.flags & (M_BCAST | M_MCAST) and not self.bmcastecho:
            return self.drop("bmcasttstamp" if kind == ICMP_TSTAMP else "bmcastecho", m)
        if kind == ICMP_ECHO:
            return self._echo(m, x)
        return self._tstamp(m, x) if kind == ICMP_TSTAMP else self._maskreq(m, x)

    def _echo(self, m: Mbuf, x: int) -> None:
        """RFC 1122 3.2.2.6: send the data back."""
        head = int.from_bytes(m.transport)
        cksum = (head >> 32 & 0xFFFF) + (ICMP_ECHO << 8)  # the type's byte goes from 8 to 0
        if cksum > 0xFFFF:
            cksum -= 0xFFFF
        transport = (ICMP_ECHOREPLY << 56 | (head & M32) | cksum << 32 | head & 0xFF << 48).to_bytes(8)
        self.stat["reflect"] += 1
        self._reflect(Mbuf(m.data, transport), m, x)

    def _tstamp(self, m: Mbuf, x: int) -> None:
        """RFC 1122 3.2.2.8: our time when it came and when the answer goes, in ms since midnight."""
        if len(m.data) + 8 < ICMP_TSLEN:
            return self.drop("badlen", m)
        stamp = (int(self.callouts.now * 1000) % 86_400_000).to_bytes(4)
        rest = int.from_bytes(m.transport[4:8])
        self.stat["reflect"] += 1
        return self._reflect(Mbuf(build(ICMP_TSTAMPREPLY, 0, rest, bytes(m.data[:4]) + stamp * 2)), m, x)

    def _maskreq(self, m: Mbuf, x: int) -> None:
        """RFC 1122 3.2.2.9: what our netmask is, if we are an authority."""
        if len(m.data) + 8 < ICMP_MASKLEN:
            return self.drop("badlen", m)
        ifa = m.rcvif.on_link(x >> 32 & M32) if isinstance(m.rcvif, Ifnet) else None
        if not self.maskrepl or ifa is None:
            return self.drop("maskreq", m)
        rest = int.from_bytes(m.transport[4:8])
        self.stat["reflect"] += 1
        return self._reflect(Mbuf(build(ICMP_MASKREPLY, 0, rest, ifa.prefix.mask.packed)), m, x)

    def _reflect(self, answer: Mbuf, m: Mbuf, x: int) -> None:
        """Send an answer back to where a message came from (icmp_reflect)."""
        src, dst = x >> 32 & M32, x & M32
        rt = self.ip.routes.lookup(dst)
        if rt is None or not rt.flags & RTF_LOCAL:
            dst = self._address_towards(m)
        more = PLAIN
        if len(m.net) > 20:
            options, firsthop = reflected(m.net)
            more = OutputOptions(options, firsthop=firsthop)
        if not answer.transport:
            answer.transport, answer.data = bytes(answer.data[:8]), answer.data[8:]
        self._send(answer, ip_template(dst, src, IPPROTO_ICMP, MAXTTL, x >> 144 & 0xFF), more)

    def _send(self, m: Mbuf, template: int, more: OutputOptions = PLAIN) -> None:
        self.stat[f"out_{type_name(m.transport[0])}"] += 1
        self.ip.output(m, template, more)

    def _address_towards(self, m: Mbuf) -> int:
        """Our address on the interface a packet came in by, as BSD's icmp_reflect has it; 0 lets the route choose."""
        rcvif = m.rcvif
        if not isinstance(rcvif, Ifnet) or rcvif.is_loopback:
            return 0
        ifa = source_on(rcvif, int.from_bytes(m.net[12:16]))
        return ifa.address if ifa is not None and ifa.ready else 0

    def _error_came(self, m: Mbuf, kind: int, code: int) -> None:
        """RFC 1122 3.2.2: an error about a packet of ours reaches the protocol that sent it."""
        try:
            about = Ip.parse(m.data)
        except ValueError:
            return self.drop("badlen", m)
        handler = self.ctlinput(about.p)
        if handler is None:
            return
        mtu = 0
        if kind == ICMP_UNREACH:
            error = _UNREACH_ERRNO.get(code, errno.EHOSTUNREACH)
            mtu = int.from_bytes(m.transport[6:8]) if code == ICMP_UNREACH_NEEDFRAG else 0
        else:
            error = errno.ENOPROTOOPT if kind == ICMP_PARAMPROB else 0
        handler(error, about, bytes(m.data[about.hlen :]), mtu)

    def _redirected(self, m: Mbuf, x: int) -> None:
        """RFC 1122 3.2.2.2: only from the gateway in use, only to a neighbour, only for one host."""
        try:
            about = Ip.parse(m.data)
        except ValueError:
            return self.drop("badlen", m)
        gateway, routes = Ip4.from_bytes(m.transport[4:8]), self.ip.routes
        rt = routes.lookup(about.dst)
        if not self.rediraccept or rt is None or rt.ifa is None:
            return self.drop("redirignored", m)
        if not self._believable(rt, x >> 32 & M32, gateway, about):
            return self.drop("badredirect", m)
        if rt.flags & RTF_HOST:
            if rt.flags & RTF_STATIC:
                return self.drop("redirignored", m)
            routes.delete(rt.dst)
        flags = RTF_UP | RTF_GATEWAY | RTF_HOST | RTF_DYNAMIC
        new = Rtentry(Prefix(about.dst, 32), rt.ifp, flags, gateway=gateway, ifa=rt.ifa)
        routes.add(new)
        routes.notify(RtMessage("RTM_REDIRECT", new.dst, gateway, rt.ifp.name, rt.ifp.index, flags))
        if self.redirtimeout:
            new.expires = self.callouts.now + self.redirtimeout
            self.callouts.schedule(self.redirtimeout, lambda: self._redirect_expired(new))

    def _believable(self, rt: Rtentry, sender: int, gateway: Ip4, about: Ip) -> bool:
        """Whether a redirect is from the gateway that we use, about a packet of ours, to somebody on that link."""
        ours = self.ip.routes.unicast(about.src)
        if not rt.nexthop or rt.nexthop != sender or ours is None or not ours.flags & RTF_LOCAL:
            return False  # 0 is a neighbour, or ourselves: 0.0.0.0 is not their gateway
        link = rt.ifp
        return link.on_link(gateway) is not None and link.find(gateway) is None and not link.is_broadcast(gateway)

    def _redirect_expired(self, rt: Rtentry) -> None:
        if self.ip.routes.exact(rt.dst) is rt:
            self.ip.routes.delete(rt.dst)

    # --- errors -------------------------------------------------------------------------------

    def error(self, m: Mbuf, kind: int, code: int, rest: int = 0) -> None:
        """Report what is wrong with a packet to whoever sent it (icmp_error)."""
        self.stat["error"] += 1
        if not self._may_report(m, kind):
            return
        m = segments(m)[0]  # of a super-segment, its sender knows only what was on a wire
        x = int.from_bytes(m.net[:20])
        quoted = m.net + (m.summed() + bytes(m.data[: self.returndatabytes]))[: self.returndatabytes]
        message = build(kind, code, rest, quoted)
        tos = x >> 144 & 0xE0 | 0xC0  # RFC 1812 4.3.2.5: precedence 6, or 7 about a packet with 7
        template = ip_template(self._error_source(m, x), x >> 32 & M32, IPPROTO_ICMP, MAXTTL, tos)
        self._send(Mbuf(message[8:], message[:8]), template)

    def _error_source(self, m: Mbuf, x: int) -> int:
        """The address that was meant, if ours; else that of where the packet came in, as in BSD.

        RFC 1812 4.3.2.4 asks for one of the interface that the error leaves by, which mostly is the same.
        """
        rt = self.ip.routes.lookup(x & M32)
        if rt is not None and rt.flags & RTF_LOCAL:
            return x & M32
        return self._address_towards(m)

    def _may_report(self, m: Mbuf, kind: int) -> bool:
        """RFC 1122 3.2.2: the packets about which nothing is said, and the rate above which nothing is."""
        x = int.from_bytes(m.net[:20])
        src, dst = x >> 32 & M32, x & M32
        if m.flags & (M_BCAST | M_MCAST) or dst >> 28 == 14 or self.ip.routes.is_broadcast(dst):
            return self._silent("errbcast", m)
        if x >> 96 & IP_OFFMASK:
            return self._silent("errfrag", m)  # not the first fragment
        if src >> 28 >= 14 or self.ip.routes.is_broadcast(src) or (src >> 24 == 127 and not m.flags & M_LOOP):
            return self._silent("errsrc", m)  # no single host
        head = m.transport[:1] or bytes(m.data[:1])
        if x >> 80 & 0xFF == IPPROTO_ICMP and kind != ICMP_REDIRECT and head and head[0] not in _INFORMATION:
            return self._silent("oldicmp", m)  # never answer an error with an error (BSD: nor what we do not know)
        return self._in_rate(m)

    def _in_rate(self, m: Mbuf) -> bool:
        """RFC 1812 4.3.2.8: so many a second and no more (ppsratecheck)."""
        if self.errppslimit < 0:
            return True
        second = int(self.callouts.now)
        if second != self.second:
            self.second, self.sent = second, 0
        self.sent += 1
        return self.sent <= self.errppslimit or self._silent("errrate", m)

    def _silent(self, reason: str, m: Mbuf) -> bool:
        self.drop(reason, m)
        return False
