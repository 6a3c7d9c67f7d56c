"""Segments that came in one burst, joined into super-segments (Linux net/ipv4/tcp_offload.c; FreeBSD tcp_lro.c).

Joined are neighbours of one flow that `segments` (net/gso.py) would make again to the byte: the same headers but for
sequence number and identification, which go on; the same size, but for the last; good sums.  So a bridge or a router
between may join too, and nobody behind it can tell.
"""

from __future__ import annotations

from stack.header.checksum import partial, pseudo4
from stack.header.ip import IP_MAXPACKET, IPPROTO_TCP
from stack.header.tcp import TH_ACK, TH_PUSH
from stack.mbuf import CSUM_TCP, Mbuf

_M16, _M32 = 0xFFFF, 0xFFFFFFFF
_BETWEEN = (1 << 64) - 1  # of the IP header: the addresses
_NET_ALIKE = ~(_M32 << 112 | _M16 << 64)  # of the IP header: not the length, the identification and the sum


class _Run:
    """Segments of one flow, each of which follows the one before."""

    __slots__ = ("alike", "ident", "m", "net", "parts", "push", "seq", "size", "tcp", "total")

    def __init__(self, m: Mbuf, net: int, tcp: int) -> None:
        self.m = m  # the first of them
        self.net, self.tcp = net, tcp  # its headers
        bits = len(m.transport) * 8
        self.alike = ~(_M32 << bits - 64 | TH_PUSH << bits - 112 | _M16 << bits - 144)  # not number, PSH and sum
        self.size = len(m.data)
        self.total = m.len
        self.parts: list[bytes | memoryview] = [m.data]
        self.push = 0
        self.seq = (tcp >> bits - 64) + self.size & _M32  # of the next one
        self.ident = (net >> 112) + 1 & _M16

    def take(self, m: Mbuf, net: int, tcp: int) -> bool:
        """Take a segment that follows; False for one that does not."""
        header, size = m.transport, len(m.data)
        if (
            tcp >> len(header) * 8 - 64 & _M32 != self.seq
            or net >> 112 & _M16 != self.ident
            or (net ^ self.net) & _NET_ALIKE
            or (tcp ^ self.tcp) & self.alike
            or len(header) != len(self.m.transport)
            or not 0 < size <= self.size
            or self.total + size > IP_MAXPACKET
            or not (_whole(m, net) and _good(m) and (len(self.parts) > 1 or _good(self.m)))
        ):
            return False
        self.parts.append(m.data)
        self.total += size
        self.seq = self.seq + size & _M32
        self.ident = self.ident + 1 & _M16
        self.push = header[13] & TH_PUSH
        return True

    def finish(self) -> None:
        """Make the first of them the super-segment of all."""
        m, header = self.m, self.m.transport
        m.data = b"".join(self.parts)
        m.len = self.total
        x = self.net & ~(_M16 << 128 | _M16 << 64) | self.total << 128
        m.net = (x | 0xFFFF - x % 0xFFFF << 64).to_bytes(20)
        flags = bytes((header[13] | self.push,))
        m.transport = b"".join((header[:13], flags, header[14:16], b"\0\0", header[18:]))
        m.csum, m.gso_size = CSUM_TCP, self.size


def join(burst: list[Mbuf]) -> list[Mbuf]:
    """The packets of a burst in their order, with runs of segments joined."""
    open_: dict[tuple[int, bytes, bytes], _Run] = {}
    runs: list[_Run] = []
    joined: list[Mbuf] = []
    for m in burst:
        header, network = m.transport, m.net
        if len(header) < 20 or len(network) != 20 or network[9] != IPPROTO_TCP or m.gso_size:
            joined.append(m)
            continue
        if not m.data and not open_:  # an acknowledgement, which can end no run
            joined.append(m)
            continue
        net, tcp = int.from_bytes(network), int.from_bytes(header)
        flow = net & _BETWEEN, header[:4], m.link
        run = open_.get(flow)
        if run is not None and run.take(m, net, tcp):
            if run.push or len(m.data) < run.size:
                del open_[flow]
            continue
        joined.append(m)
        if header[13] == TH_ACK and m.data and _whole(m, net):
            run = open_[flow] = _Run(m, net, tcp)
            runs.append(run)
        elif run is not None:
            del open_[flow]  # nothing overtakes what does not follow
    for run in runs:
        if len(run.parts) > 1:
            run.finish()
    return joined


def _whole(m: Mbuf, net: int) -> bool:
    """Whether its IP header is a plain good one: no fragment, no padding behind."""
    return net >> 152 == 0x45 and not net % 0xFFFF and not net >> 96 & 0xBFFF and net >> 128 & _M16 == m.len


def _good(m: Mbuf) -> bool:
    """Whether its TCP sum holds, or is still to be made."""
    if m.csum:
        return True
    header, size = m.transport, len(m.transport) + len(m.data)
    return not pseudo4(partial(m.net[12:20]), partial(header) + partial(m.data), IPPROTO_TCP, size) % 0xFFFF
