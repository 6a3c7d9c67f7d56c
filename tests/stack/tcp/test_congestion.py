"""The shape of congestion windows: the formulas of RFC 5681 and RFC 9438, on paper and on the wire, and fairness."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stack.addr import Prefix
from stack.kern.proc import Proc, pause
from stack.kern.socket import SO_RCVBUF, SO_SNDBUF, SOCK_STREAM, SOL_SOCKET, Socket
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.wire import Bus, Personality, Shmif
from stack.netinet.in_ import TCP_CONGCTL
from stack.netinet.tcp_congctl import CongestionControl, NewReno, Reno
from stack.netinet.tcp_cubic import BETA, C, Cubic
from stack.netinet.tcp_var import Tcpcb
from tests.stack.labs import attach, ip4

IPPROTO_TCP = 6
MSS = 1000
ALPHA = 3 * (1 - BETA) / (1 + BETA)


class Paper:
    """A connection of which there is no more than a congestion control sees; windows are in bytes, times in seconds."""

    def __init__(self, cc: CongestionControl, cwnd: int, rtt: float = 0.1, ssthresh: int = 2) -> None:
        self.cc = cc
        self.maxseg, self.abc_limit, self.dupacks = MSS, 2, 0
        self.snd_cwnd, self.snd_ssthresh = cwnd * MSS, ssthresh * MSS
        self.snd_wnd = 1 << 30
        self.srtt: float | None = rtt
        self.now = 0.0

    @property
    def window(self) -> float:
        """In segments."""
        return self.snd_cwnd / MSS

    def round_trip(self, each: int = 1) -> None:
        """All that was out is acknowledged, so many segments an ack, evenly over a round trip."""
        count = self.snd_cwnd // MSS // each
        for _ in range(count):
            self.now += (self.srtt or 0.0) / count
            self.cc.newack(self, each * MSS)

    def until(self, seconds: float) -> None:
        while self.now < seconds:
            self.round_trip()

    def lose(self) -> None:
        """A loss, recovered from at once."""
        self.cc.fast_retransmit(self, self.snd_cwnd)
        self.cc.recovered(self, self.snd_cwnd)


# --- Reno, on paper ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", [1, 2])
def test_slow_start_doubles_each_round_trip(each: int) -> None:
    """RFC 5681 3.1; with RFC 3465's L of 2 delayed acks do not slow it down."""
    flow = Paper(Reno(), 4, ssthresh=10_000)
    for expected in (8, 16, 32, 64, 128):
        flow.round_trip(each)
        assert flow.window == expected


def test_without_counting_bytes_delayed_acks_cost_half_of_the_growth() -> None:
    flow = Paper(Reno(), 4, ssthresh=10_000)
    flow.abc_limit = 1
    flow.round_trip(2)
    assert flow.window == 6


@pytest.mark.parametrize("each", [1, 2])
def test_congestion_avoidance_adds_a_segment_a_round_trip(each: int) -> None:
    """RFC 5681 3.1 (2), (3)."""
    flow = Paper(Reno(), 40)
    for count in range(1, 101):
        flow.round_trip(each)
        assert flow.window == pytest.approx(40 + count, abs=0.1 + 0.06 * count)


@pytest.mark.parametrize("cc", [Reno, NewReno])
def test_a_loss_halves(cc: Callable[[], CongestionControl]) -> None:
    """RFC 5681 3.1 (4), 3.2; a time-out begins again from one segment, and slow start ends where it was halved."""
    flow = Paper(cc(), 40)
    flow.lose()
    assert (flow.window, flow.snd_ssthresh) == (20, 20 * MSS)
    flow.cc.slow_retransmit(flow, flow.snd_cwnd)
    assert (flow.window, flow.snd_ssthresh) == (1, 10 * MSS)
    windows = []
    for _ in range(6):
        flow.round_trip()
        windows.append(flow.window)
    assert windows[:3] == [2, 4, 8] and 10 <= windows[3] < 11
    assert windows[4:] == pytest.approx([windows[3] + 1, windows[3] + 2], abs=0.2)
    flow.cc.slow_retransmit(flow, MSS)
    assert flow.snd_ssthresh == 2 * MSS


def test_a_partial_ack_deflates_by_what_has_left() -> None:
    """RFC 6582 3.2 step 5: and a segment more may leave, if a whole one has."""
    flow = Paper(NewReno(), 20)
    for acked, left in ((3 * MSS, 18), (MSS, 18), (MSS // 2, 17.5), (100 * MSS, 1)):
        flow.cc.partial_ack(flow, acked)
        assert flow.window == left


def test_a_mark_halves_and_never_opens() -> None:
    """RFC 3168 6.1.2."""
    flow = Paper(Reno(), 40)
    flow.cc.congestion_exp(flow, flow.snd_cwnd)
    assert (flow.window, flow.snd_ssthresh) == (20, 20 * MSS)
    flow.snd_cwnd = MSS
    flow.cc.congestion_exp(flow, MSS)
    assert (flow.window, flow.snd_ssthresh) == (1, 2 * MSS)


# --- CUBIC, on paper --------------------------------------------------------------------------------------


def w_cubic(t: float, w_max: float, epoch: float) -> float:
    """RFC 9438 4.2, equations 1 and 2."""
    k: float = ((w_max - epoch) / C) ** (1 / 3)
    return C * (t - k) ** 3 + w_max


@pytest.mark.parametrize("w_max", [400, 1000])
def test_cubic_follows_equation_1(w_max: int) -> None:
    """4.4 and 4.5: concave up to where the network was full, flat there, convex beyond."""
    flow = Paper(Cubic(), w_max)
    flow.lose()
    assert flow.window == pytest.approx(BETA * w_max)
    k = ((1 - BETA) * w_max / C) ** (1 / 3)
    for tenth in range(1, 19):
        flow.until(k * tenth / 10)
        # the target is a round trip ahead, and so the window is a little before its time
        low, high = (w_cubic(flow.now + ahead, w_max, BETA * w_max) for ahead in (-0.1, 0.2))
        assert low - 1 <= flow.window <= high + 1, tenth


def test_cubic_is_where_it_was_after_k_seconds() -> None:
    flow = Paper(Cubic(), 1000)
    flow.lose()
    k = (300 / C) ** (1 / 3)
    assert k == pytest.approx(9.086, abs=0.001)
    flow.until(k)
    assert flow.window == pytest.approx(1000, abs=2)


def test_cubic_aims_a_round_trip_ahead() -> None:
    """4.4: what is let out now is acknowledged a round trip later; or a long one would be behind by as much."""
    flow = Paper(Cubic(), 1000, rtt=1.0)
    flow.lose()
    while flow.now < 5.5:  # later on a step is a small part of a segment
        flow.round_trip()
        low, high = (w_cubic(flow.now + ahead, 1000, 700) for ahead in (-0.5, 0.1))
        assert low <= flow.window <= high, flow.now


def test_cubic_does_not_depend_on_the_round_trip() -> None:
    windows = []
    for rtt in (0.05, 0.1, 0.2):
        flow = Paper(Cubic(), 2000, rtt)
        flow.lose()
        flow.until(8)
        windows.append(flow.window)
    assert max(windows) - min(windows) < 0.01 * max(windows)


def test_cubic_is_as_friendly_as_reno_where_reno_is_faster() -> None:
    """4.3: with small windows and short round trips W_est; alpha until it is where it was, then a segment each time."""
    flow = Paper(Cubic(), 20, rtt=0.01)
    flow.lose()
    for count in range(1, 40):
        flow.round_trip()
        slow = min(count, 6 / ALPHA)  # round trips from 14 to 20
        assert flow.window == pytest.approx(14 + ALPHA * slow + (count - slow), rel=0.04), count


def test_cubic_is_friendly_up_to_where_it_was_not_to_where_others_may_have_more() -> None:
    """4.3: alpha holds until W_est is cwnd_prior, which fast convergence does not move."""
    flow = Paper(Cubic(), 40, rtt=0.01)
    flow.lose()
    flow.until(0.05)
    flow.lose()
    start, prior = flow.window, flow.window / BETA
    for count in range(1, 16):
        flow.round_trip()
        assert start + ALPHA * count < prior
        assert flow.window == pytest.approx(start + ALPHA * count, rel=0.03), count


def test_cubic_lets_others_have_more() -> None:
    """4.7, fast convergence: a second loss below the first says that there are more of us."""
    flow = Paper(Cubic(), 1000)
    flow.lose()
    cc = flow.cc
    assert isinstance(cc, Cubic)
    assert cc.w_max == 1000
    flow.until(3)
    before = flow.window
    assert before < 1000
    flow.lose()
    assert (cc.w_max, cc.cwnd_prior) == (before * (1 + BETA) / 2, before)


def test_cubic_after_a_time_out() -> None:
    """4.8: slow start to 0.7 of what it was, and from there by equation 1 with K = 0."""
    flow = Paper(Cubic(), 1000)
    flow.cc.slow_retransmit(flow, flow.snd_cwnd)
    assert (flow.window, flow.snd_ssthresh) == (1, 700 * MSS)
    while flow.snd_cwnd < flow.snd_ssthresh:
        flow.round_trip()
    began, start = flow.now, flow.window
    for seconds in (2, 4, 6, 8):
        flow.until(began + seconds)
        ideal = start + C * (flow.now - began) ** 3
        assert start < flow.window <= ideal + start * 0.1 + 20
        assert flow.window == pytest.approx(ideal, rel=0.12)


def test_cubic_first_grows_from_where_slow_start_ended() -> None:
    flow = Paper(Cubic(), 300, ssthresh=300)
    flow.until(6)
    assert flow.window == pytest.approx(300 + C * flow.now**3, rel=0.08)


def test_cubic_does_not_leap() -> None:
    """4.2: at most half as much again a round trip, however late it is; and time not used does not count (5.8)."""
    flow = Paper(Cubic(), 100)
    flow.lose()
    flow.round_trip()
    flow.now += 100
    before = flow.window
    flow.round_trip()
    assert flow.window <= before * 1.5 + 1
    flow.cc.unused(flow)
    flow.now += 100
    before = flow.window
    flow.round_trip()
    assert flow.window < before + 1.5


# --- on the wire ------------------------------------------------------------------------------------------


class Careless(Bus):
    """A bus with a delay that loses one full segment when it is told to."""

    def __init__(self, lab: Lab) -> None:
        super().__init__("lan", lab.callouts, lab.probes, 0)
        self.careless = False

    def transmit(self, sender: Shmif, m: Mbuf) -> int:
        if self.careless and m.len > 1000:
            self.careless = False
            return 0
        return super().transmit(sender, m)


class Stream:
    """A program that sends without end, and one that takes it all."""

    def __init__(self, lab: Lab, source: str, sink: str, to: str, port: int, cc: str, wait: float = 0.0) -> None:
        self.lab, self.to, self.port, self.cc, self.wait = lab, ip4(to), port, cc, wait
        self.received = 0
        self.so: Socket = lab[source].socket(SOCK_STREAM)
        self.listener: Socket = lab[sink].socket(SOCK_STREAM)
        lab.spawn(lab[sink], ["sink"], self._sink)
        lab.spawn(lab[source], ["source"], self._source)

    @property
    def tp(self) -> Tcpcb:
        assert isinstance(self.so.pcb, Tcpcb)
        return self.so.pcb

    async def _sink(self, proc: Proc) -> int:
        self.listener.setsockopt(SOL_SOCKET, SO_RCVBUF, 4_000_000)
        self.listener.bind((0, self.port))
        self.listener.listen()
        so, _ = await accept(self.listener)
        while data := await recv(so, 1 << 20):
            self.received += len(data)
        return 0

    async def _source(self, proc: Proc) -> int:
        await pause(self.wait)
        self.so.setsockopt(SOL_SOCKET, SO_SNDBUF, 4_000_000)
        self.so.setsockopt(IPPROTO_TCP, TCP_CONGCTL, self.cc)
        await connect(self.so, (self.to, self.port))
        while True:
            await sendall(self.so, bytes(65536))


def lossy_flow(cc: str) -> tuple[Lab, Careless, Stream]:
    """A flow over a round trip of 100 ms, at 100 segments when it ends slow start; two seconds have passed."""
    lab = Lab()
    bus = lab.buses["lan"] = Careless(lab)
    for name, address in (("a", "10.0.0.1"), ("b", "10.0.0.2")):
        attach(lab, lab.add_host(name), "lan", address)
    bus.set(Personality(delay=0.05))
    stream = Stream(lab, "a", "b", "10.0.0.2", 80, cc)
    lab.run(0.5)
    stream.tp.snd_ssthresh = 100 * stream.tp.maxseg
    lab.run(2.0)
    return lab, bus, stream


@pytest.mark.parametrize("cc", ["reno", "newreno"])
def test_reno_on_the_wire(cc: str) -> None:
    lab, bus, stream = lossy_flow(cc)
    tp, begun = stream.tp, stream.tp.snd_cwnd / stream.tp.maxseg
    lab.run(4.0)
    assert tp.snd_cwnd / tp.maxseg == pytest.approx(begun + 20, abs=1.5)
    bus.careless = True
    before = tp.snd_cwnd / tp.maxseg
    lab.run(4.5)
    assert lab["a"].tcp.stat["fastrexmt"] == 1 and not tp.in_recovery
    assert tp.snd_ssthresh / tp.maxseg == pytest.approx(before / 2, abs=2)
    after = tp.snd_cwnd / tp.maxseg
    assert before / 2 < after < before / 2 + 7  # some round trips later
    for second in range(5, 9):
        lab.run(second + 0.5)
        assert tp.snd_cwnd / tp.maxseg == pytest.approx(after + 10 * (second - 4), abs=1.5)
    assert not lab["a"].tcp.stat["rexmttimeo"]


def test_cubic_on_the_wire() -> None:
    lab, bus, stream = lossy_flow("cubic")
    tp = stream.tp
    bus.careless = True
    lab.run(2.25)
    cc = tp.cc
    assert isinstance(cc, Cubic) and not tp.in_recovery and lab["a"].tcp.stat["fastrexmt"] == 1
    w_max, start = cc.w_max, tp.snd_ssthresh / tp.maxseg
    assert start == pytest.approx(BETA * w_max, rel=0.03)
    k = ((w_max - start) / C) ** (1 / 3)
    for tenth in range(4, 20):
        lab.run(2.25 + k * tenth / 10)
        t = lab.callouts.now - (cc.epoch or 0.0)
        reno = start + ALPHA * t / 0.1
        low, high = (max(C * (t + ahead - k) ** 3 + w_max, 0) for ahead in (-0.25, 0.2))
        assert min(low, w_max) - 2 <= tp.snd_cwnd / tp.maxseg <= max(high, reno) + 2, tenth


# --- together ---------------------------------------------------------------------------------------------


def jain(shares: list[int]) -> float:
    """Jain's fairness index: 1 when all have the same, 1/n when one has all."""
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


def bottleneck(personality: Personality, *, ecn: int, sack: int) -> Lab:
    """a and b, each on a wire of its own to the router r, and c behind a bottleneck."""
    lab = Lab()
    a, b, r, c = (lab.add_host(name) for name in "abrc")
    lab.link(a, r, Prefix.parse("10.0.1.0/24"), Personality(delay=0.001))
    lab.link(b, r, Prefix.parse("10.0.2.0/24"), Personality(delay=0.001))
    lab.link(r, c, Prefix.parse("10.0.3.0/24"), personality)
    for host, gateway in ((a, "10.0.1.2"), (b, "10.0.2.2"), (c, "10.0.3.1")):
        host.add_route(Prefix.parse("default"), ip4(gateway))
        host.tcp.ecn_enable, host.tcp.sack_enable = ecn, sack
    return lab


SLOW = Personality(rate=5e6, delay=0.01, queue=30)


@pytest.mark.parametrize(
    ("cc", "sack", "ecn"),
    [("reno", 0, 0), ("newreno", 0, 0), ("newreno", 1, 0), ("cubic", 1, 0), ("reno", 1, 1), ("cubic", 1, 1)],
)
def test_two_flows_share_a_bottleneck(cc: str, sack: int, ecn: int) -> None:
    """The second begins when the first has everything; and of what the wire bears little is left unused."""
    lab = bottleneck(SLOW._replace(ecn=10 * ecn), ecn=ecn, sack=sack)
    one, other = Stream(lab, "a", "c", "10.0.3.2", 81, cc), Stream(lab, "b", "c", "10.0.3.2", 82, cc, wait=3)
    lab.run(15)
    before = one.received, other.received
    lab.run(55)
    shares = [one.received - before[0], other.received - before[1]]
    assert jain(shares) > 0.95
    assert sum(shares) * 8 / 40 > 0.9 * SLOW.rate
    if ecn:
        retransmitted = sum(lab[name].tcp.stat["sndrexmitpack"] for name in "ab")
        assert retransmitted < 100 and lab["c"].tcp.stat["ecn_ce"] > 100
