"""UDP (BSD netinet/udp_usrreq.c; RFC 768, 1122 4.1)."""

from __future__ import annotations

import errno
from collections.abc import Callable
from struct import Struct

from stack.addr import Ip4
from stack.header.checksum import partial
from stack.header.icmp import ICMP_UNREACH, ICMP_UNREACH_PORT
from stack.header.ip import IPPROTO_UDP, Ip
from stack.kern.errors import oserror
from stack.kern.sockbuf import Piece
from stack.kern.socket import SS_ISCONNECTED, Address, Socket
from stack.kern.sysctl import Variable
from stack.mbuf import CSUM_UDP, M_BCAST, M_LOOP, M_MCAST, Mbuf
from stack.netinet.datagram import Datagrams
from stack.netinet.ip_output import M32, ip_template
from stack.netinet.pcb import Inpcb

_UDP = Struct("!HHHH")

SYSCTLS = {
    "net.inet.udp.checksum": Variable("udp", "checksum", "compute checksums of what is sent", 0, 1),
    "net.inet.udp.sendspace": Variable("udp", "sendspace", "largest datagram by default, bytes", 1),
    "net.inet.udp.recvspace": Variable("udp", "recvspace", "receive buffer by default, bytes", 1),
}


class Udp(Datagrams):
    """UDP of one host."""

    name = "udp"
    checksum = 1
    sendspace = 9216
    recvspace = 41600

    error: Callable[[Mbuf, int, int, int], None]  # icmp_error, set by Host

    # --- input --------------------------------------------------------------------------------

    def input(self, m: Mbuf, x: int) -> None:
        """A datagram for us (udp_input)."""
        self.stat["ipackets"] += 1
        if not m.pullup(8):
            return self.drop("hdrops", m)
        sport, dport, length, cksum = _UDP.unpack(m.transport)
        size = 8 + len(m.data)
        if length > size or length < 8:
            return self.drop("badlen", m)
        if length < size:
            m.data = m.data[: length - 8]
        if not m.csum and cksum:
            addresses = (x >> 32 & M32) + (x & M32)
            if (partial(m.transport) + partial(m.data) + addresses + IPPROTO_UDP + length) % 0xFFFF:
                return self.drop("badsum", m)
        faddr, laddr = x >> 32 & M32, x & M32
        if m.flags & (M_BCAST | M_MCAST) or laddr >> 28 == 14:
            return self._to_many(m, x, sport, dport)
        inp = self.table.lookup(laddr, dport, faddr, sport)
        if inp is None or not inp.fport:
            self.stat["pcbhashmiss"] += 1
        if inp is None:
            self.drop("noport", m)
            if not self.raw_input(m, x):
                self.error(m, ICMP_UNREACH, ICMP_UNREACH_PORT, 0)  # RFC 1122 4.1.3.1
            return None
        return self.deliver(inp, m, x, bytes(m.data), sport)

    def _to_many(self, m: Mbuf, x: int, sport: int, dport: int) -> None:
        """RFC 1122 3.2.2, 3.3.6: everybody who listens gets a copy; nobody is told when nobody does."""
        laddr = x & M32
        takers = self.table.matching(laddr, dport, x >> 32 & M32, sport)
        if laddr >> 28 == 14:
            takers = [inp for inp in takers if self._in_group(inp, m, laddr)]
        if not takers:
            return self.drop("noportbcast", m)
        for inp in takers:
            self.deliver(inp, m, x, bytes(m.data), sport)
        return None

    def _in_group(self, inp: Inpcb, m: Mbuf, group: int) -> bool:
        """Whether a socket joined a group where the datagram came in (a copy for ourselves comes in by lo0)."""
        return any(
            joined == group and (ifp is m.rcvif or m.flags & M_LOOP) for ifp, joined in inp.groups or ()
        )

    # --- output -------------------------------------------------------------------------------

    def send(self, so: Socket, data: Piece, address: Address | None) -> None:
        """Send a datagram (udp_send, udp_output)."""
        inp = self.inpcb(so)
        if address is not None:
            if so.state & SS_ISCONNECTED:
                raise oserror(errno.EISCONN)
            faddr, fport = Ip4(address[0]) or self.table.ourselves(), address[1]
            if not 1 <= fport <= 65535:
                raise oserror(errno.EADDRNOTAVAIL)
        else:
            faddr, fport = inp.faddr, inp.fport
        if len(data) > 65535 - 28:
            raise oserror(errno.EMSGSIZE)
        laddr = inp.laddr
        if not laddr or laddr.is_multicast or self.ip.routes.is_broadcast(laddr):
            laddr = self.table.source(inp, faddr)
        if not inp.lport:
            self.table.bind(inp, (inp.laddr, 0))
        ttl = inp.mttl if faddr.is_multicast else inp.ttl
        m = Mbuf(data, _UDP.pack(inp.lport, fport, 8 + len(data), 0))
        if self.checksum:
            m.csum = CSUM_UDP
        self.stat["opackets"] += 1
        error = self.ip.output(
            m, ip_template(laddr, faddr, IPPROTO_UDP, ttl, inp.tos, inp.df), self.table.output_options(inp)
        )
        if error:
            raise oserror(error)

    def ctlinput(self, error: int, about: Ip, quoted: bytes, mtu: int) -> None:
        """An ICMP error came back: whoever sent it is told (udp_ctlinput)."""
        if len(quoted) < 4 or not error:
            return
        lport, fport = int.from_bytes(quoted[:2]), int.from_bytes(quoted[2:4])
        inp = self.table.connected.get((about.src, lport, about.dst, fport))
        if inp is not None:  # RFC 1122 4.1.3.3; an unconnected socket sent to many, so it is not told
            inp.so.fail(error)
