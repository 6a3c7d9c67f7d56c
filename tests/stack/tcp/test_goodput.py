"""How much gets through, in virtual time and by the seed: growing buffers, and recovery without time-outs."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean

import pytest

from stack.kern.proc import Proc
from stack.kern.socket import SOCK_STREAM
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab
from stack.net.wire import Personality
from stack.netinet.tcp_do_segment import tcp_grow_rcvbuf
from stack.netinet.tcp_var import Tcpcb

PORT = 80
LARGE = {"sendbuf_max": "4194304", "recvbuf_max": "4194304"}
FAST = Personality(delay=0.020, rate=1e9, queue=10_000)
SEEDS = range(6)
BAD = Personality(delay=0.020, loss=0.05)
SHUFFLED = Personality(delay=0.020, rate=4e7, queue=10_000, reorder=0.01)


def goodput(personality: Personality, seconds: float, seed: int = 1, **knobs: str) -> tuple[float, Mapping[str, int]]:
    """Megabytes a second that one host sends another in the first so many seconds; and the sender's counters."""
    lab = Lab(seed)
    hosts = a, b = lab.add_host("a"), lab.add_host("b")
    _, there = lab.link(a, b, None, personality)
    for host in hosts:
        for name, value in {**LARGE, **knobs}.items():
            host.sysctl.set(f"net.inet.tcp.{name.replace('__', '.')}", value)
    got = 0

    async def sink(proc: Proc) -> int:
        nonlocal got
        listener = b.socket(SOCK_STREAM)
        listener.bind((0, PORT))
        listener.listen()
        so, _ = await accept(listener)
        while data := await recv(so, 65536):
            got += len(data)
        return 0

    async def source(proc: Proc) -> int:
        so = a.socket(SOCK_STREAM)
        await connect(so, (there.addresses[0].address, PORT))
        while True:
            await sendall(so, bytes(65536))

    lab.spawn(b, ["sink"], sink)
    lab.spawn(a, ["source"], source)
    lab.run(seconds)
    return got / seconds / 1e6, a.tcp.stat


def test_buffers_grow_as_fast_as_slow_start() -> None:
    """From 14 kB a round trip to 4 MB in a second; by steps of recvbuf_inc it would be at 400 kB then."""
    rate, stat = goodput(FAST, 1.0)
    assert rate > 25 and not stat["sndrexmitpack"]
    assert goodput(FAST, 1.0, recvbuf_auto="0")[0] < 1


def test_a_buffer_that_fills_in_less_than_a_round_trip_grows_at_once() -> None:
    """What srtt says is too much where the SYN had to wait for ARP."""
    tp = Lab().add_host("a").socket(SOCK_STREAM).pcb
    assert isinstance(tp, Tcpcb)
    tp.srtt, before = 10.0, tp.rcv.hiwat
    tcp_grow_rcvbuf(tp, before - 1)
    assert tp.rcv.hiwat == before
    tcp_grow_rcvbuf(tp, 1)
    assert tp.rcv.hiwat == 2 * before


@pytest.mark.parametrize("control", ["newreno", "cubic"])
def test_recovery_seldom_waits_for_the_timer(control: str) -> None:
    """At 5 % loss, a second's time-out is a quarter of all that a small window could have sent."""
    runs = [goodput(BAD, 20.0, seed, congctl__selected=control) for seed in SEEDS]
    off = {"congctl__selected": control, "sack__lrd": "0", "early_retrans": "0"}
    plain = [goodput(BAD, 20.0, seed, **off) for seed in SEEDS]
    assert mean(rate for rate, _ in runs) > 1.05 * mean(rate for rate, _ in plain)
    timeouts = [mean(stat["rexmttimeo"] for _, stat in kind) for kind in (runs, plain)]
    assert timeouts[0] < 0.6 * timeouts[1]
    assert sum(stat["sack_lostrexmt"] for _, stat in runs) > 6


@pytest.mark.parametrize("control", ["newreno", "cubic"])
@pytest.mark.parametrize("timestamps", ["0", "1"])
def test_reordering_costs_next_to_nothing(control: str, timestamps: str) -> None:
    """Where each hundredth segment comes late; without RACK each looks like a loss, and only timestamps deny it."""

    def run(personality: Personality, rack: str = "1") -> tuple[float, Mapping[str, int]]:
        return goodput(personality, 2.5, congctl__selected=control, timestamps=timestamps, rack__enable=rack)

    (clean, _), (rate, stat) = run(SHUFFLED._replace(reorder=0.0)), run(SHUFFLED)
    off, plain = run(SHUFFLED, rack="0")
    assert rate > 0.96 * clean
    assert stat["reordered"] == stat["fastrexmt"] == 1 and not stat["rexmttimeo"]
    assert plain["fastrexmt"] > 5
    assert timestamps == "1" or off < 0.3 * rate


@pytest.mark.parametrize("control", ["newreno", "cubic"])
def test_losses_among_what_is_shuffled_are_found(control: str) -> None:
    """By time alone, and without time-outs: as much gets through as where only the losses are."""
    roads = [SHUFFLED._replace(loss=0.003, reorder=reorder) for reorder in (0.01, 0.0)]
    both, lost = [[goodput(road, 5.0, seed, congctl__selected=control) for seed in SEEDS] for road in roads]
    assert mean(rate for rate, _ in both) > 0.85 * mean(rate for rate, _ in lost)
    assert not any(stat["rexmttimeo"] for _, stat in both)
