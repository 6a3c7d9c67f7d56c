"""CUBIC: the window grows with the time since the last loss, not with the round trip (RFC 9438; BSD's cc_cubic.c).

Windows are kept in segments here, as in the RFC, and turned to bytes when they are set.
"""

from __future__ import annotations

from stack.netinet.tcp_congctl import Flow, NewReno

C = 0.4  # RFC 9438 5.1, segments a second cubed
BETA = 0.7
_ALPHA = 3 * (1 - BETA) / (1 + BETA)  # RFC 9438 4.3: as friendly as Reno


class Cubic(NewReno):
    """One flow's CUBIC."""

    name = "cubic"

    def __init__(self) -> None:
        self.w_max = 0.0  # the window before the last reduction
        self.w_est = 0.0  # what Reno would have
        self.k = 0.0  # seconds until the window is w_max again
        self.epoch: float | None = None  # when the present growth began

    def newack(self, tp: Flow, acked: int) -> None:
        """RFC 9438 4.2 to 4.4."""
        if tp.snd_cwnd < tp.snd_ssthresh:
            super().newack(tp, acked)
            return
        mss = tp.maxseg
        window = tp.snd_cwnd / mss
        if self.epoch is None:
            self.epoch = tp.now
            self.w_est = window
            if window < self.w_max:
                self.k = ((self.w_max - window) / C) ** (1 / 3)
            else:
                self.k, self.w_max = 0.0, window
        elapsed = tp.now - self.epoch
        target = C * (elapsed + (tp.srtt or 0.0) - self.k) ** 3 + self.w_max
        target = min(max(target, window), 1.5 * window)
        alpha = _ALPHA if self.w_est < self.w_max else 1.0
        self.w_est += alpha * acked / mss / window
        if C * (elapsed - self.k) ** 3 + self.w_max < self.w_est:  # 4.3: the Reno-friendly region
            tp.snd_cwnd = max(tp.snd_cwnd, int(self.w_est * mss))
        else:
            tp.snd_cwnd += int((target - window) / window * acked)

    def reduce(self, tp: Flow, flight: int) -> int:
        """4.6 and 4.7: the new ssthresh; a flow that lost below its old maximum lets others have more."""
        window = flight / tp.maxseg
        self.w_max = window * (1 + BETA) / 2 if window < self.w_max else window
        self.epoch = None
        return max(int(flight * BETA), 2 * tp.maxseg)
