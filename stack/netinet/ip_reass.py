"""Reassembly of fragments, with limits and time-outs (BSD netinet/ip_reass.c; RFC 791 3.2, 1122 3.3.2, 3168 5.3, 5722).

The pieces of one packet wait together for at most 30 seconds (BSD's IPFRAGTTL).  Pieces that overlap
throw the whole packet away, in the spirit of RFC 5722: whoever sends such means no good.  A piece that
comes twice, byte range for byte range, is only ignored: wires do duplicate.
"""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from stack.callout import Callout, Callouts
from stack.header.checksum import partial
from stack.header.icmp import ICMP_TIMXCEED, ICMP_TIMXCEED_REASS
from stack.header.ip import IP_MAXPACKET, IP_MF, IP_OFFMASK, IPTOS_ECN_CE, IPTOS_ECN_MASK, IPTOS_ECN_NOTECT
from stack.mbuf import Mbuf

IPFRAGTTL = 30.0  # seconds
_MAX_PIECES = 2048  # of one packet: the longest has 1365 on a link with the least MTU, 68

Key = int  # source, destination, protocol and identification, as they stand in the header


class Owner(Protocol):
    """What reassembly needs of IP."""

    callouts: Callouts
    maxfragpackets: int
    error: Callable[[Mbuf, int, int, int], None]
    stat: defaultdict[str, int]

    def drop(self, reason: str, m: Mbuf | None = None) -> None: ...


class _Packet:
    """The pieces of one packet, by where they begin (struct ipfr_queue)."""

    __slots__ = ("have", "order", "pieces", "size", "timer")

    def __init__(self) -> None:
        self.pieces: dict[int, Mbuf] = {}
        self.order: list[int] = []  # where they begin, sorted
        self.have = 0  # bytes
        self.size: int | None = None  # known when the last piece is here
        self.timer: Callout | None = None


class Reassembly:
    """All packets of a host that are not whole yet."""

    def __init__(self, ip: Owner) -> None:
        self.ip = ip
        self.packets: dict[Key, _Packet] = {}

    def input(self, m: Mbuf, x: int) -> Mbuf | None:
        """A fragment has come; the whole packet when it was the last that was missing (ip_reass)."""
        self.ip.stat["fragments"] += 1
        if m.csum:
            m.transport, m.data, m.csum, m.gso_size = b"", m.payload(), 0, 0
        start, more = (x >> 96 & IP_OFFMASK) * 8, x >> 96 & IP_MF
        end = start + m.len - len(m.net)
        if end == start or (more and (end - start) % 8) or end > IP_MAXPACKET - 20:
            self.ip.drop("badfrags", m)
            return None
        key = (x & (1 << 64) - 1) << 24 | (x >> 112 & 0xFFFF) << 8 | x >> 80 & 0xFF
        packet = self.packets.get(key)
        if packet is None:
            packet = self._begin(key, m)
            if packet is None:
                return None
        return self._add(key, packet, m, start, end, bool(more))

    def _begin(self, key: Key, m: Mbuf) -> _Packet | None:
        """The first piece to come: RFC 1122 3.3.2 wants limits, so the oldest packet makes room."""
        if not self.ip.maxfragpackets:
            self.ip.drop("fragdropped", m)
            return None
        if len(self.packets) >= self.ip.maxfragpackets:
            self._discard(next(iter(self.packets)), "fragdropped")
        packet = self.packets[key] = _Packet()
        packet.timer = self.ip.callouts.schedule(IPFRAGTTL, lambda: self._timed_out(key))
        return packet

    def _add(self, key: Key, packet: _Packet, m: Mbuf, start: int, end: int, more: bool) -> Mbuf | None:
        twin = packet.pieces.get(start)
        if twin is not None and twin.len - len(twin.net) == end - start:
            self.ip.drop("fragdup", m)
            return None
        if self._overlaps(packet, start, end, more):
            self.ip.drop("fragoverlap", m)
            self._discard(key, "fragoverlap")
            return None
        if len(packet.pieces) >= _MAX_PIECES:
            self.ip.drop("rcvmemdrop", m)
            self._discard(key, "rcvmemdrop")
            return None
        packet.pieces[start] = m
        packet.order.insert(bisect(packet.order, start), start)
        packet.have += end - start
        if not more:
            packet.size = end
        return self._join(key, packet) if packet.have == packet.size else None

    def _overlaps(self, packet: _Packet, start: int, end: int, more: bool) -> bool:
        """Whether a piece lies over another, or beyond the packet's end, or moves that end."""
        if packet.size is not None and (end > packet.size or not more):
            return True
        order = packet.order
        if not order:
            return False
        if not more and order[-1] >= end:
            return True
        at = bisect(order, start)
        if at < len(order) and order[at] < end:
            return True
        before = packet.pieces[order[at - 1]] if at else None
        return before is not None and order[at - 1] + before.len - len(before.net) > start

    def _join(self, key: Key, packet: _Packet) -> Mbuf | None:
        """All pieces are here: the packet is as it was sent, but for the length and the flags."""
        self._forget(key)
        order = [packet.pieces[start] for start in packet.order]
        first = order[0]
        size = len(first.net) + packet.have
        if size > IP_MAXPACKET:
            for piece in order:
                self.ip.drop("toolong", piece)
            return None
        codepoints = {piece.net[1] & IPTOS_ECN_MASK for piece in order}
        marked = IPTOS_ECN_CE if IPTOS_ECN_CE in codepoints else 0
        if marked and IPTOS_ECN_NOTECT in codepoints:  # RFC 3168 5.3: the mark must not be lost, nor given to such
            for piece in order:
                self.ip.drop("fragecn", piece)
            return None
        data = b"".join(part for piece in order for part in (piece.transport, piece.data))
        x = int.from_bytes(first.net[:20])
        x = x & ~(0xFFFF << 128 | 0xFFFF << 96 | 0xFFFF << 64) | size << 128 | marked << 144
        x |= 0xFFFF - (x + partial(first.net[20:])) % 0xFFFF << 64  # who is quoted from it may verify the quotation
        whole = Mbuf(data, b"", x.to_bytes(20) + first.net[20:], first.link)
        whole.flags, whole.rcvif = first.flags, first.rcvif
        self.ip.stat["reassembled"] += 1
        return whole

    def _timed_out(self, key: Key) -> None:
        """RFC 792, RFC 1122 3.3.2: say so, if the first piece is here to be quoted."""
        first = self.packets[key].pieces.get(0)
        self._discard(key, "fragtimeout")
        if first is not None:
            self.ip.error(first, ICMP_TIMXCEED, ICMP_TIMXCEED_REASS, 0)

    def _discard(self, key: Key, reason: str) -> None:
        """Throw the pieces of a packet away, each counted."""
        for piece in self._forget(key).pieces.values():
            self.ip.drop(reason, piece)

    def _forget(self, key: Key) -> _Packet:
        packet = self.packets.pop(key)
        if packet.timer is not None:
            packet.timer.stop()
        return packet
