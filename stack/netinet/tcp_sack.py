"""Selective acknowledgements: what the peer has beyond a gap, and what to send again (BSD netinet/tcp_sack.c).

Read first: RFC 2018, and RFC 6675 3 to 5, whose names (HighACK, HighData, HighRxt, pipe, IsLost, NextSeg)
the methods bear.  A sequence number is always one of the 4 GiB space; the scoreboard compares by distance
from HighACK, which is `snd_una`.
"""

from __future__ import annotations

from stack.netinet.tcp_seq import SEQ_MASK, SEQ_SUB

DUPTHRESH = 3  # RFC 5681 3.2, RFC 6675 2
_MAX_BLOCKS = 256  # a peer that acknowledges single bytes does not fill our memory

Block = tuple[int, int]  # from, and up to but not including


class Scoreboard:
    """What a connection's peer has selectively acknowledged, and what was sent again."""

    __slots__ = ("blocks", "high_rxt", "sacked")

    def __init__(self) -> None:
        self.blocks: list[Block] = []  # in order, apart from each other, all above HighACK
        self.sacked = 0  # bytes in them
        self.high_rxt: int | None = None  # end of what was sent again in this recovery

    def update(self, una: int, high: int, told: tuple[Block, ...]) -> bool:
        """Take in an ack and its blocks; True when they tell something new.

        `una` and `high` are HighACK and the end of what was ever sent; blocks outside are lies or old.
        """
        ranges = [(SEQ_SUB(start, una), SEQ_SUB(end, una)) for start, end in self.blocks]
        limit = SEQ_SUB(high, una)
        news = False
        for start, end in told:
            first, last = SEQ_SUB(start, una), SEQ_SUB(end, una)
            if 0 < first < last <= limit:  # RFC 2883's duplicates lie below
                news = news or not any(left <= first and last <= right for left, right in ranges)
                ranges.append((first, last))
        merged = _merge(ranges)
        self.blocks = [(una + first & SEQ_MASK, una + last & SEQ_MASK) for first, last in merged[:_MAX_BLOCKS]]
        self.sacked = sum(last - first for first, last in merged[:_MAX_BLOCKS])
        return news

    def loss_edge(self, una: int, mss: int) -> int:
        """The end of what is lost (IsLost): holes below it have enough SACKed above them; `una` when none has."""
        octets = 0
        for count, (start, end) in enumerate(reversed(self.blocks), 1):
            octets += SEQ_SUB(end, start)
            if count >= DUPTHRESH or octets > (DUPTHRESH - 1) * mss:
                return start
        return una

    def holes(self, una: int, edge: int) -> list[Block]:
        """What is not SACKed between HighACK and an edge."""
        found: list[Block] = []
        at = una
        for start, end in self.blocks:
            if SEQ_SUB(start, edge) >= 0:
                break
            if SEQ_SUB(start, at) > 0:
                found.append((at, start))
            at = end
        if SEQ_SUB(edge, at) > 0:
            found.append((at, edge))
        return found

    def pipe(self, una: int, high: int, mss: int) -> int:
        """Bytes that are still in the network (SetPipe)."""
        edge = self.loss_edge(una, mss)
        lost = _octets(self.holes(una, edge))
        again = _octets(self.holes(una, self.high_rxt)) if self.high_rxt is not None else 0
        return SEQ_SUB(high, una) - self.sacked - lost + again

    def next_hole(self, una: int, mss: int, *, only_lost: bool = True) -> Block | None:
        """What to send again next, at most a segment: NextSeg's rule 1, or its rule 3."""
        if not self.blocks:
            return None
        edge = self.loss_edge(una, mss) if only_lost else self.blocks[-1][0]
        for start, end in self.holes(una, edge):
            if self.high_rxt is not None and SEQ_SUB(self.high_rxt, start) > 0:
                start = self.high_rxt
            if SEQ_SUB(end, start) > 0:
                return start, start + min(SEQ_SUB(end, start), mss) & SEQ_MASK
        return None


def _merge(ranges: list[Block]) -> list[Block]:
    merged: list[Block] = []
    for first, last in sorted(ranges):
        if last <= 0:
            continue
        first = max(first, 0)
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return merged


def _octets(ranges: list[Block]) -> int:
    return sum(SEQ_SUB(end, start) for start, end in ranges)
