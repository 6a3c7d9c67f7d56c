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

PORT = 80
LARGE = {"sendbuf_max": "4194304", "recvbuf_max": "4194304"}
FAST = Personality(delay=0.020, rate=1e9, queue=10_000)
SEEDS = range(6)
BAD = Personality(delay=0.020, loss=0.05)


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
