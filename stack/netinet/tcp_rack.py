"""What a sender has learnt of the order in which its segments arrive (RFC 8985 6.2; FreeBSD tcp_stacks/rack.c).

Until something was overtaken, three duplicates are a loss (RFC 6675).  From then on only time tells: what lies below
something that has been there for the reordering window is lost.  RFC 8985 asks when each segment was sent; here it
is when a later one was first reported, a round trip after that, so that no segment bears a clock.

Read also: RFC 3708 (a duplicate that is reported says that a retransmission was needless).
"""

from __future__ import annotations

from stack.netinet.tcp_seq import SEQ_GEQ, SEQ_LT, SEQ_SUB

_PERSIST = 16  # recoveries without a needless retransmission, and the window is the least again
_MULT_MAX = 255


class Rack:
    """One connection's; there is none while all was in order and nothing was sent again."""

    __slots__ = ("again", "credit", "degree", "end", "first", "mult", "persist", "prior", "round")

    def __init__(self) -> None:
        self.degree = 0  # bytes by which something was overtaken at most; 0: not yet
        self.mult = 1  # quarters of the least round trip to wait
        self.persist = 0
        self.round: int | None = None  # once this is acknowledged the window may grow again
        self.credit = 0  # bytes that have opened the congestion window already when they were SACKed
        # the last recovery: what it began with (pipe, ssthresh), where it lay, bytes sent again and not reported twice
        self.prior: tuple[int, int] | None = None
        self.first = self.end = self.again = 0

    def reo_wnd(self, rtt: float, srtt: float) -> float:
        """How long something may be overtaken and is not lost, seconds (RACK_update_reo_wnd)."""
        return min(self.mult * rtt / 4, srtt)

    def overtaken(self, distance: int, una: int, high: int) -> bool:
        """Something arrived after what was sent so many bytes later (step 3); True when that is new to us."""
        new = not self.degree
        self.degree = max(self.degree, distance)
        if new:
            self.round = high  # what was sent needlessly in this round trip was sent before we knew
        return new

    def begin(self, una: int, high: int, prior: tuple[int, int]) -> None:
        """A recovery begins."""
        self.prior, self.first, self.end, self.again = prior, una, high, 0
        self.credit = 0
        if self.persist:
            self.persist -= 1
            if not self.persist:
                self.mult = 1

    def uncounted(self, acked: int) -> int:
        """How many of so many bytes that are acknowledged have not opened the window yet."""
        counted = min(self.credit, acked)
        self.credit -= counted
        return acked - counted

    def needless(self, una: int, high: int) -> None:
        """A retransmission was: wait longer, but not twice for one round trip (step 4)."""
        if self.round is not None and SEQ_GEQ(una, self.round):
            self.round = None
        if self.round is None:
            self.round = high
            self.mult = min(self.mult + 1, _MULT_MAX)
            self.persist = _PERSIST

    def reported(self, start: int, end: int) -> bool:
        """These bytes have come twice: whether they had been sent twice, by the last recovery."""
        if self.prior is None or SEQ_LT(start, self.first) or SEQ_LT(self.end, end) or self.again <= 0:
            return False
        self.again -= SEQ_SUB(end, start)
        return True
