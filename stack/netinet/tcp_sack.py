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
Mark = tuple[float, int]  # when something was reported to have arrived, and its end
Resent = tuple[int, int, int]  # such a block that was sent again, and what was the end of all at that time


class Scoreboard:
    """What a connection's peer has selectively acknowledged, and what was sent again."""

    __slots__ = (
        "blocks",
        "cut",
        "high_rxt",
        "late",
        "lost_again",
        "marks",
        "newest",
        "ordered",
        "probe",
        "resent",
        "sacked",
    )

    def __init__(self) -> None:
        self.blocks: list[Block] = []  # in order, apart from each other, all above HighACK
        self.sacked = 0  # bytes in them
        self.ordered = True  # nothing was ever overtaken: so what has three segments above it is lost
        self.late: int | None = None  # below that, time enough has passed for what is only overtaken
        self.newest: Mark = 0.0, 0  # the highest of them
        self.marks: list[Mark] = []  # what that was some time ago; a timer runs as long as there are any
        self.begin(0)

    def begin(self, high: int) -> None:
        """A recovery begins, `high` is the end of what was ever sent: nothing has been sent again yet."""
        self.probe: tuple[int, bool] | None = None  # where what the timer sent ends, and whether it was sent before
        self.cut = high  # for what was sent since then and lost the window has not been cut yet
        self.high_rxt: int | None = None  # end of what was sent again in this recovery
        self.resent: list[Resent] = []  # each piece of it, while nobody knows what became of it
        self.lost_again: list[Block] = []  # pieces of it that were lost once more

    def update(self, una: int, high: int, told: tuple[Block, ...]) -> bool:
        """Take in an ack and its blocks; True when they tell something new.

        `una` and `high` are HighACK and the end of what was ever sent; blocks outside are lies or old.
        """
        if self.late is not None and SEQ_SUB(self.late, una) <= 0:
            self.late = None  # before it comes to lie ahead when numbers wrap
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
        octets, start = 0, una
        if self.ordered:
            for count, (first, end) in enumerate(reversed(self.blocks), 1):
                octets += SEQ_SUB(end, first)
                if count >= DUPTHRESH or octets > (DUPTHRESH - 1) * mss:
                    start = first
                    break
        if self.late is not None and SEQ_SUB(self.late, start) > 0:
            return self.late  # RFC 8985 6.2: or time has told
        return start

    def reported(self, now: float, apart: float) -> bool:
        """Remember what the highest block is now, but not two marks nearer than that; True when it is the first."""
        self.newest = now, self.blocks[-1][1]
        if self.marks and now - self.marks[-1][0] < apart:
            return False
        self.marks.append(self.newest)
        return len(self.marks) == 1

    def time_tells(self, before: float) -> None:
        """Whatever lies below what was here before that time is lost."""
        while self.marks and self.marks[0][0] <= before:
            self.late = self.marks.pop(0)[1]
        if not self.marks and self.late != self.newest[1]:
            self.marks.append(self.newest)

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

    def is_sacked(self, seq: int) -> bool:
        """Whether a byte is in one of the blocks."""
        return any(SEQ_SUB(seq, start) >= 0 and SEQ_SUB(end, seq) > 0 for start, end in self.blocks)

    def sent_again(self, start: int, end: int, high: int) -> None:
        """A piece was sent again, when `high` was the end of what was ever sent."""
        if self.lost_again and self.lost_again[0][0] == start:
            _, last = self.lost_again.pop(0)
            if SEQ_SUB(last, end) > 0:
                self.lost_again.insert(0, (end, last))
        else:
            self.high_rxt = end
        self.resent.append((start, end, high))

    def find_lost_again(self, una: int, mss: int) -> int | None:
        """Look for pieces that were sent again and lost again: by now enough of what was sent later has arrived.

        It is IsLost's rule, asked of the end that a piece was sent at; RFC 6675 itself leaves such pieces to the
        timer.  Returns the last such end, when there are new ones.
        """
        high, count = None, 0
        for _, _, mark in self.resent:
            late = self.late is not None and SEQ_SUB(self.late, mark) > 0
            if not late and not (self.ordered and self._sacked_above(mark) > (DUPTHRESH - 1) * mss):
                break  # and those sent later have even less above them
            high, count = mark, count + 1
        found = [*self.lost_again, *((start, end) for start, end, _ in self.resent[:count])]
        del self.resent[:count]
        self.lost_again = [
            (start if SEQ_SUB(start, una) > 0 else una, end)
            for start, end in found
            if SEQ_SUB(end, una) > 0 and not self.is_sacked(start)
        ]
        return high if self.lost_again else None

    def _sacked_above(self, seq: int) -> int:
        return sum(min(SEQ_SUB(end, start), max(SEQ_SUB(end, seq), 0)) for start, end in self.blocks)

    def pipe(self, una: int, high: int, mss: int) -> int:
        """Bytes that are still in the network (SetPipe)."""
        edge = self.loss_edge(una, mss)
        lost = _octets(self.holes(una, edge))
        again = _octets(self.holes(una, self.high_rxt)) if self.high_rxt is not None else 0
        return SEQ_SUB(high, una) - self.sacked - lost + again - _octets(self.lost_again)

    def next_hole(self, una: int, mss: int, *, only_lost: bool = True) -> Block | None:
        """What to send again next, at most a segment: NextSeg's rule 1, or its rule 3."""
        if not self.blocks:
            return None
        if self.lost_again:
            start, end = self.lost_again[0]
            return start, start + min(SEQ_SUB(end, start), mss) & SEQ_MASK
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
