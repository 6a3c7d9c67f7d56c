"""CUBIC: the window grows with the time since the last loss, not with the round trip (RFC 9438; BSD's cc_cubic.c).

Windows are kept in segments here, as in the RFC, and turned to bytes when they are set.
"""

from __future__ import annotations

from stack.netinet.tcp_congctl import CWND_MAX, Flow, NewReno

C = 0.4  # RFC 9438 5.1, segments a second cubed
BETA = 0.7
Stage = tuple[float, float, float, float, float | None]
_ALPHA = 3 * (1 - BETA) / (1 + BETA)  # RFC 9438 4.3: as friendly as Reno


class Cubic(NewReno):
    """One flow's CUBIC; a stage of congestion avoidance begins with the first ack after slow start or a reduction."""

    name = "cubic"

    def __init__(self) -> None:
        self.w_max = 0.0  # where the network was full last; 0 when nothing is known
        self.cwnd_prior = 0.0  # the window before the last reduction
        self.w_est = 0.0  # what Reno would have
        self.k = 0.0  # seconds until the window is w_max again
        self.epoch: float | None = None  # when the present stage began
        self.prior: Stage = 0.0, 0.0, 0.0, 0.0, None  # all of them before the last reduction

    def newack(self, tp: Flow, acked: int) -> None:
        """RFC 9438 4.2 to 4.5."""
        if tp.snd_cwnd < tp.snd_ssthresh:
            self.epoch = None
            super().newack(tp, acked)
            return
        mss = tp.maxseg
        window = tp.snd_cwnd / mss
        if self.epoch is None:
            self._begin(tp.now, window)
        elapsed = tp.now - (self.epoch or 0.0)
        target = self.w_cubic(elapsed + (tp.srtt or 0.0))
        target = min(max(target, window), 1.5 * window)
        alpha = _ALPHA if self.w_est < self.cwnd_prior else 1.0
        self.w_est += alpha * acked / mss / window
        if self.w_cubic(elapsed) < self.w_est:  # 4.3: the Reno-friendly region
            tp.snd_cwnd = max(tp.snd_cwnd, int(self.w_est * mss))
        else:
            tp.snd_cwnd += int((target - window) / window * acked)
        tp.snd_cwnd = min(tp.snd_cwnd, CWND_MAX)

    def w_cubic(self, t: float) -> float:
        """Equation 1, segments."""
        return C * (t - self.k) ** 3 + self.w_max

    def _begin(self, now: float, window: float) -> None:
        """Equation 2; and where nothing is known, or more is had than was known, from here on upwards."""
        self.epoch, self.w_est = now, window
        if window < self.w_max:
            self.k = ((self.w_max - window) / C) ** (1 / 3)
        else:
            self.k, self.w_max = 0.0, window

    def unused(self, tp: Flow) -> None:
        """4.2, 5.8: time in which the window does not grow does not count."""
        self.epoch = None

    def reduce(self, tp: Flow, flight: int) -> int:
        """4.6 and 4.7: the new ssthresh; a flow that lost below its old maximum lets others have more."""
        window = tp.snd_cwnd / tp.maxseg
        self.prior = self.w_max, self.cwnd_prior, self.w_est, self.k, self.epoch
        self.w_max = window * (1 + BETA) / 2 if window < self.w_max else window
        self.cwnd_prior = window
        self.epoch = None
        return max(int(flight * BETA), 2 * tp.maxseg)

    def undo(self) -> None:
        """4.9.2: as before."""
        self.w_max, self.cwnd_prior, self.w_est, self.k, self.epoch = self.prior

    def slow_retransmit(self, tp: Flow, flight: int) -> None:
        """4.8: after a time-out nothing is known of what the network bears."""
        super().slow_retransmit(tp, flight)
        self.w_max = 0.0
