"""Raw sockets: every packet of a protocol, header and all (BSD netinet/raw_ip.c)."""

from __future__ import annotations

import errno

from stack.addr import Ip4
from stack.header.ip import IPPROTO_RAW
from stack.header.ip import Ip as IpHeader
from stack.kern.errors import oserror
from stack.kern.sockbuf import Piece
from stack.kern.socket import SS_ISCONNECTED, Address, Socket
from stack.mbuf import Mbuf
from stack.netinet.datagram import Datagrams
from stack.netinet.in_ import IP_HDRINCL, IPPROTO_IP
from stack.netinet.ip_output import M32, ip_template
from stack.netinet.pcb import Inpcb

_RIPSPACE = 65536  # bytes: a raw socket sends, and takes, packets of any length


class RawIp(Datagrams):
    """The raw sockets of one host.  A raw socket's port is its protocol, 0 meaning every one."""

    name = "rawip"
    sendspace = _RIPSPACE
    recvspace = 2 * _RIPSPACE

    def setup(self) -> None:
        """Start with no sockets."""
        self.sockets: list[Inpcb] = []

    def attach(self, so: Socket) -> None:
        """A new socket."""
        super().attach(so)
        inp = self.inpcb(so)
        inp.lport = so.protocol
        inp.ttl = 255
        self.sockets.append(inp)
        if so.protocol == IPPROTO_RAW:
            inp.hdrincl = True

    def detach(self, so: Socket) -> None:
        """The socket goes away."""
        inp = self.inpcb(so)
        self.sockets.remove(inp)
        self.table.detach(inp)
        so.pcb = None

    abort = detach

    def bind(self, so: Socket, address: Address) -> None:
        """Take packets for one address of ours only."""
        laddr = Ip4(address[0])
        if laddr and self.table.services.control.local(laddr) is None:
            raise oserror(errno.EADDRNOTAVAIL)
        self.inpcb(so).laddr = laddr

    def connect(self, so: Socket, address: Address) -> None:
        """Take packets of one sender only, and send to it; 0.0.0.0 means all again."""
        if not address[0]:
            return self.disconnect(so)
        self.inpcb(so).faddr = Ip4(address[0])
        return so.isconnected()

    def disconnect(self, so: Socket) -> None:
        """Take packets of all senders."""
        self.inpcb(so).faddr = Ip4(0)
        so.state &= ~SS_ISCONNECTED

    def sockaddr(self, so: Socket) -> Address:
        """The local address; there are no ports."""
        return self.inpcb(so).laddr, 0

    def setopt(self, so: Socket, level: int, option: int, value: object) -> None:
        """Set an option: IP_HDRINCL is ours."""
        if level == IPPROTO_IP and option == IP_HDRINCL:
            self.inpcb(so).hdrincl = bool(value)
        else:
            super().setopt(so, level, option, value)

    def input(self, m: Mbuf, x: int) -> bool:
        """A packet for us: a copy for every raw socket that wants it; whether there was one (rip_input)."""
        if not self.sockets:
            return False
        proto, src, dst = x >> 80 & 0xFF, x >> 32 & M32, x & M32
        taken = False
        whole = b""
        for inp in self.sockets:
            if inp.lport not in (0, proto) or inp.laddr not in (0, dst) or inp.faddr not in (0, src):
                continue
            if not whole:
                whole = m.net + m.payload()
            taken = True
            self.deliver(inp, m, x, whole, 0)
        return taken

    def send(self, so: Socket, data: Piece, address: Address | None) -> None:
        """Send a packet: payload alone, or with the header the program made (rip_output).

        Of such a header, the length and the checksum are filled in, and what is 0 of identification and source.
        """
        inp = self.inpcb(so)
        if address is not None and so.state & SS_ISCONNECTED:
            raise oserror(errno.EISCONN)
        faddr = Ip4(address[0]) if address is not None else inp.faddr
        more = self.table.output_options(inp)
        if inp.hdrincl:
            self.ip.stat["rawout"] += 1
            try:
                header = IpHeader.parse(data)
            except ValueError:
                raise oserror(errno.EINVAL) from None
            template = ip_template(header.src, header.dst, header.p, header.ttl, header.tos, header.off)
            template |= header.id << 112
            error = self.ip.output(Mbuf(data[header.hlen :]), template, more._replace(options=header.options))
        else:
            if len(data) > 65535 - 20:
                raise oserror(errno.EMSGSIZE)
            ttl = inp.mttl if faddr.is_multicast else inp.ttl
            error = self.ip.output(
                Mbuf(data), ip_template(inp.laddr, faddr, inp.lport, ttl, inp.tos, inp.df), more
            )
        if error:
            raise oserror(error)
