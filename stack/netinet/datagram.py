"""What UDP and raw sockets have in common: no handshake, records to read, ICMP errors as errnos."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import cast

from stack.addr import Ip4
from stack.kern.errors import oserror
from stack.kern.sockbuf import Piece, Record, RecordBuf
from stack.kern.socket import SS_CANTRCVMORE, SS_ISCONNECTED, Address, Socket
from stack.mbuf import Mbuf
from stack.netinet.ip_output import M32, IpOutput
from stack.netinet.pcb import Inpcb, PcbDefaults, PcbTable, Services
from stack.probe import Probes, Protocol


class Datagrams(Protocol):
    """A protocol of datagrams: the verbs that need no state."""

    sendspace = 9216
    recvspace = 41600

    raw_input: Callable[[Mbuf, int], bool]  # set by Host: copies for raw sockets

    def __init__(
        self, hostname: str, probes: Probes, ip: IpOutput, services: Services, defaults: PcbDefaults
    ) -> None:
        super().__init__(hostname, probes)
        self.ip = ip
        self.table = PcbTable(services, defaults)

    def inpcb(self, so: Socket) -> Inpcb:
        """The control block of a socket of ours."""
        return cast(Inpcb, so.pcb)

    def attach(self, so: Socket) -> None:
        """A new socket (in_pcballoc)."""
        so.pcb = Inpcb(so, self.ip.default_ttl)

    def detach(self, so: Socket) -> None:
        """The socket goes away."""
        self.table.detach(self.inpcb(so))
        so.pcb = None

    abort = detach

    def bind(self, so: Socket, address: Address) -> None:
        """Take a local address and port."""
        self.table.bind(self.inpcb(so), address)

    def listen(self, so: Socket) -> None:
        """There is nothing to accept."""
        raise oserror(errno.EOPNOTSUPP)

    def connect(self, so: Socket, address: Address) -> None:
        """Take a peer; a second one replaces the first, and (0, 0) dissolves."""
        inp = self.inpcb(so)
        if inp.fport or inp.faddr:
            self.disconnect(so)
        if address[0] or address[1]:
            self.table.connect(inp, address)
            so.isconnected()

    def disconnect(self, so: Socket) -> None:
        """Give up the peer."""
        inp = self.inpcb(so)
        self.table.disconnect(inp)
        inp.laddr = Ip4(0)
        so.state &= ~SS_ISCONNECTED

    def shutdown(self, so: Socket) -> None:
        """No more will be sent."""
        so.cantsendmore()

    def rcvd(self, so: Socket) -> None:
        """Room in the buffer means nothing to a datagram protocol."""

    def sendoob(self, so: Socket, data: Piece) -> None:
        """No datagram is more urgent than another."""
        raise oserror(errno.EOPNOTSUPP)

    def rcvoob(self, so: Socket, *, peek: bool) -> bytes:
        """Nor is there a byte beside them."""
        raise oserror(errno.EOPNOTSUPP)

    def sockaddr(self, so: Socket) -> Address:
        """The local address and port."""
        return self.inpcb(so).local

    def peeraddr(self, so: Socket) -> Address:
        """The peer's address and port."""
        return self.inpcb(so).foreign

    def setopt(self, so: Socket, level: int, option: int, value: object) -> None:
        """Set an option of the IP level."""
        self.table.setopt(self.inpcb(so), level, option, value)

    def getopt(self, so: Socket, level: int, option: int) -> object:
        """Read an option of the IP level."""
        return self.table.getopt(self.inpcb(so), level, option)

    def deliver(self, inp: Inpcb, m: Mbuf, x: int, data: bytes, port: int) -> None:
        """Put a datagram into a socket's buffer (udp4_sendup, rip_sbappendaddr)."""
        so = inp.so
        if so.state & SS_CANTRCVMORE:
            return self.drop("cantrcvmore", m)
        record = Record(data, (Ip4(x >> 32 & M32), port), x & M32, x >> 88 & 0xFF)
        if not cast(RecordBuf, so.rcv).append(record):
            return self.drop("fullsock", m)
        self.stat["delivered"] += 1
        so.rcv.channel.wakeup()
        return None
