"""Super-segments, cut into the segments that they stand for (Linux net/ipv4/tcp_offload.c; RFC 9293 3.1, 3168 6.1.2).

TCP hands down one packet with up to 64 kB and one header; it crosses the stack as cheaply as a small one.  Where a
road wants wire frames, `segments` makes them, to the byte what tcp_output would have sent one by one: sequence
number and identification go on from segment to segment, PSH and FIN are the last one's, CWR is the first one's.
"""

from __future__ import annotations

from collections.abc import Callable

from stack.header.checksum import partial
from stack.header.tcp import TH_CWR, TH_FIN, TH_PUSH
from stack.mbuf import CSUM_TCP, Mbuf

_M16, _M32 = 0xFFFF, 0xFFFFFFFF
_OWN = 0xFFFFFFFF << 112 | _M16 << 64  # of an IP header: what each segment has of its own


def fits(m: Mbuf, mtu: int) -> bool:
    """Whether a packet, or each segment of a super-segment, is within an MTU."""
    return m.len <= mtu or (m.gso_size > 0 and len(m.net) + len(m.transport) + m.gso_size <= mtu)


def segments(m: Mbuf) -> list[Mbuf]:
    """The wire's packets of one that may be a super-segment; the TCP sums are still to be filled in."""
    size = m.gso_size
    if not size:
        return [m]
    x = int.from_bytes(m.net[:20]) & ~_OWN
    ident, seq, flags = m.net[4] << 8 | m.net[5], int.from_bytes(m.transport[4:8]), m.transport[13]
    options, headers = m.net[20:], len(m.net) + len(m.transport)
    summed = x + partial(options)
    cut: list[Mbuf] = []
    for at in range(0, len(m.data), size):
        data = m.data[at : at + size]
        own = headers + len(data) << 128 | (ident + len(cut) & _M16) << 112
        net = (x | own | 0xFFFF - (summed + own) % 0xFFFF << 64).to_bytes(20) + options
        others = (TH_CWR if at else 0) | (TH_PUSH | TH_FIN if at + size < len(m.data) else 0)
        segment = Mbuf(data, _header(m.transport, seq + at, flags & ~others), net, m.link)
        segment.csum, segment.flags, segment.rcvif = CSUM_TCP, m.flags, m.rcvif
        cut.append(segment)
    return cut


def _header(common: bytes, seq: int, flags: int) -> bytes:
    """One segment's TCP header; the checksum is 0 until it is filled in."""
    own = (seq & _M32).to_bytes(4)
    return b"".join((common[:4], own, common[8:13], bytes((flags,)), common[14:16], b"\0\0", common[18:]))


def frames(m: Mbuf) -> list[bytes]:
    """What a capture sees of a packet: the wire's frames."""
    return [segment.frame() for segment in segments(m)]


def send_segments(m: Mbuf, send: Callable[[Mbuf], int]) -> int:
    """Send a super-segment where only wire frames can go; 0, or the first error, which ends it."""
    for segment in segments(m):
        error = send(segment)
        if error:
            return error
    return 0
