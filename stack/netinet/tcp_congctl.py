"""Congestion control: Reno, behind the interface that others will share (BSD netinet/tcp_congctl.c; RFC 5681).

The methods are the moments of NetBSD's struct tcp_congctl.  They only turn `snd_cwnd` and `snd_ssthresh`.
"""

from __future__ import annotations

from typing import Protocol


class Flow(Protocol):
    """What a congestion control sees of a connection, in bytes."""

    maxseg: int
    snd_cwnd: int
    snd_ssthresh: int
    snd_wnd: int
    dupacks: int


class CongestionControl(Protocol):
    """How a flow learns what the network bears."""

    name: str

    def newack(self, tp: Flow, acked: int) -> None: ...
    def fast_retransmit(self, tp: Flow, flight: int) -> None: ...
    def duplicate_ack(self, tp: Flow) -> None: ...
    def recovered(self, tp: Flow, flight: int) -> None: ...
    def slow_retransmit(self, tp: Flow, flight: int) -> None: ...


class Reno:
    """RFC 5681: slow start, congestion avoidance, fast retransmit and fast recovery."""

    name = "reno"

    def newack(self, tp: Flow, acked: int) -> None:
        """New data was acknowledged: (2) below ssthresh, else (3), with at most a segment an ack."""
        if tp.snd_cwnd < tp.snd_ssthresh:
            tp.snd_cwnd += min(acked, tp.maxseg)
        else:
            tp.snd_cwnd += max(tp.maxseg * tp.maxseg // tp.snd_cwnd, 1)
        tp.snd_cwnd = min(tp.snd_cwnd, 65535 << 14)

    def fast_retransmit(self, tp: Flow, flight: int) -> None:
        """3.2 steps 2 and 3: the third duplicate; three segments have left the network."""
        tp.snd_ssthresh = max(flight // 2, 2 * tp.maxseg)
        tp.snd_cwnd = tp.snd_ssthresh + 3 * tp.maxseg

    def duplicate_ack(self, tp: Flow) -> None:
        """3.2 step 4: another segment has left."""
        tp.snd_cwnd += tp.maxseg

    def recovered(self, tp: Flow, flight: int) -> None:
        """3.2 step 6: deflate; not to more than the flight and a segment, so that no burst leaves (RFC 6582 3.2)."""
        tp.snd_cwnd = min(tp.snd_ssthresh, max(flight, tp.maxseg) + tp.maxseg)

    def slow_retransmit(self, tp: Flow, flight: int) -> None:
        """3.1: the timer ran out; (4), and begin again from one segment."""
        tp.snd_ssthresh = max(flight // 2, 2 * tp.maxseg)
        tp.snd_cwnd = tp.maxseg
        tp.dupacks = 0
