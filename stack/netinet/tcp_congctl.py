"""Congestion control: Reno and NewReno behind one small interface (BSD netinet/tcp_congctl.c).

The methods are the moments of NetBSD's struct tcp_congctl.  They only turn `snd_cwnd` and `snd_ssthresh`.
Read first: RFC 5681, RFC 3465 (bytes are counted, not acks), RFC 6582 (NewReno).
"""

from __future__ import annotations

from typing import Protocol

CWND_MAX = 65535 << 14  # bytes: the largest window that a peer can give (RFC 7323 2.3)


class Flow(Protocol):
    """What a congestion control sees of a connection, in bytes."""

    maxseg: int
    snd_cwnd: int
    snd_ssthresh: int
    snd_wnd: int
    dupacks: int
    srtt: float | None  # seconds
    abc_limit: int  # segments that one ack may count for in slow start

    @property
    def now(self) -> float: ...


class CongestionControl(Protocol):
    """How a flow learns what the network bears."""

    name: str
    partial_acks: bool  # whether recovery goes on after a partial ack

    def newack(self, tp: Flow, acked: int) -> None: ...
    def unused(self, tp: Flow) -> None: ...
    def reduce(self, tp: Flow, flight: int) -> int: ...
    def partial_ack(self, tp: Flow, acked: int) -> None: ...
    def fast_retransmit(self, tp: Flow, flight: int) -> None: ...
    def duplicate_ack(self, tp: Flow) -> None: ...
    def recovered(self, tp: Flow, flight: int) -> None: ...
    def slow_retransmit(self, tp: Flow, flight: int) -> None: ...
    def congestion_exp(self, tp: Flow, flight: int) -> None: ...
    def undo(self) -> None: ...


class Reno:
    """RFC 5681: slow start, congestion avoidance, fast retransmit and fast recovery."""

    name = "reno"
    partial_acks = False

    def newack(self, tp: Flow, acked: int) -> None:
        """New data was acknowledged: RFC 5681 3.1, with RFC 3465's limit on what one ack may count for."""
        if tp.snd_cwnd < tp.snd_ssthresh:
            tp.snd_cwnd += min(acked, tp.abc_limit * tp.maxseg)
        else:
            counted = acked if tp.abc_limit > 1 else min(acked, tp.maxseg)
            tp.snd_cwnd += max(tp.maxseg * min(counted, tp.snd_cwnd) // tp.snd_cwnd, 1)
        tp.snd_cwnd = min(tp.snd_cwnd, CWND_MAX)

    def unused(self, tp: Flow) -> None:
        """New data was acknowledged, but the program (or the peer's window) does not fill the window."""

    def reduce(self, tp: Flow, flight: int) -> int:
        """Equation (4): the new ssthresh after a loss."""
        return max(flight // 2, 2 * tp.maxseg)

    def partial_ack(self, tp: Flow, acked: int) -> None:
        """An ack in recovery for part of what was out: for Reno that is the end of recovery."""

    def fast_retransmit(self, tp: Flow, flight: int) -> None:
        """3.2 steps 2 and 3: the third duplicate; three segments have left the network."""
        tp.snd_ssthresh = self.reduce(tp, flight)
        tp.snd_cwnd = tp.snd_ssthresh + 3 * tp.maxseg

    def duplicate_ack(self, tp: Flow) -> None:
        """3.2 step 4: another segment has left."""
        tp.snd_cwnd += tp.maxseg

    def recovered(self, tp: Flow, flight: int) -> None:
        """3.2 step 6: deflate; not to more than the flight and a segment, so that no burst leaves (RFC 6582 3.2)."""
        tp.snd_cwnd = min(tp.snd_ssthresh, max(flight, tp.maxseg) + tp.maxseg)

    def slow_retransmit(self, tp: Flow, flight: int) -> None:
        """3.1: the timer ran out; (4), and begin again from one segment."""
        tp.snd_ssthresh = self.reduce(tp, flight)
        tp.snd_cwnd = tp.maxseg
        tp.dupacks = 0

    def congestion_exp(self, tp: Flow, flight: int) -> None:
        """RFC 3168 6.1.2: a router has marked what it might have dropped; (4), and nothing to recover."""
        tp.snd_ssthresh = self.reduce(tp, flight)
        tp.snd_cwnd = min(tp.snd_cwnd, tp.snd_ssthresh)

    def undo(self) -> None:
        """What the window was reduced for last was no loss (RFC 4015); the window itself is set already."""


class NewReno(Reno):
    """RFC 6582: a partial ack says which segment is missing next, so recovery goes on."""

    name = "newreno"
    partial_acks = True

    def partial_ack(self, tp: Flow, acked: int) -> None:
        """3.2 step 5: deflate by what was acknowledged, and let one segment more leave."""
        tp.snd_cwnd = max(tp.snd_cwnd - acked, 0)
        if acked >= tp.maxseg:
            tp.snd_cwnd += tp.maxseg
        tp.snd_cwnd = max(tp.snd_cwnd, tp.maxseg)
