"""Lines of routers as `chain N` builds them: set-up, memory, pings and TCP from end to end, on the real clock.

    python -m bench.chain [--routers 250]

What lives longest passes 255 routers: in longer lines the far end is the one that is 255 links away.
"""

from __future__ import annotations

import gc
import statistics
import time
from typing import NamedTuple

from bench.measure import Figure, arguments, calibrate, in_child, megabytes, report
from netsh.session import Session
from netsh.topology.network import MAX_TTL, Network, build, free_net, plen_for
from netsh.topology.shapes import Chain
from stack.addr import Ip4
from stack.header.icmp import ICMP_ECHO
from stack.header.icmp import build as build_icmp
from stack.header.ip import IPPROTO_ICMP
from stack.host import Host
from stack.kern.proc import Proc
from stack.kern.socket import SOCK_RAW, SOCK_STREAM
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab

LATER = 20  # pings after the first
PORT = 5001
SECONDS = 1.0  # of TCP
PIECE = bytes(65536)


class Run(NamedTuple):
    """What was measured: milliseconds, megabytes above the bare shell, Mbit/s."""

    set_up: float
    memory: float
    first: float
    later: float
    tcp: float


TARGETS = {250: Run(100, 15, 20, 2, 20)}
UNITS = {"set-up": "ms", "memory": "MB", "first ping": "ms", "later pings": "ms", "TCP": "Mbit/s"}


def run(count: int) -> Run:
    """Build a line, then ping along it and send along it."""
    assert Session is not None  # the shell is there: what is measured is above it
    before = megabytes()
    begin = time.perf_counter()
    lab = Lab()
    lab.callouts.clock = time.perf_counter
    lab.callouts.now = time.perf_counter()
    shape = Chain(count)
    net = free_net(lab, plen_for(shape, False))
    assert net is not None
    gc.disable()  # as the command does
    for _ in build(lab, Network(shape, net)):
        pass
    gc.enable()
    lab.callouts.advance(time.perf_counter())
    set_up = time.perf_counter() - begin
    memory = megabytes() - before
    hosts = list(lab.hosts.values())
    near, far = hosts[0], hosts[min(count - 1, MAX_TTL)]
    target = far.interfaces["shmif0"].addresses[0].address
    times = pings(lab, near, target)
    return Run(set_up * 1e3, memory, times[0] * 1e3, statistics.median(times[1:]) * 1e3, tcp(lab, near, far, target))


def pings(lab: Lab, near: Host, target: Ip4) -> list[float]:
    """Seconds of one ping after the other, the first with ARP on every link."""
    times: list[float] = []

    async def ping(proc: Proc) -> int:
        so = near.socket(SOCK_RAW, IPPROTO_ICMP)
        for number in range(LATER + 1):
            sent = time.perf_counter()
            so.sendto(build_icmp(ICMP_ECHO, 0, number, bytes(56)), (target, 0))
            await recv(so, 2000)
            times.append(time.perf_counter() - sent)
        return 0

    drive(lab, lab.spawn(near, ["ping"], ping))
    return times


def tcp(lab: Lab, near: Host, far: Host, target: Ip4) -> float:
    """Mbit/s of one flow, as long as it lasts."""
    begin, received = 0.0, 0

    async def sink(proc: Proc) -> int:
        nonlocal begin, received
        listener = far.socket(SOCK_STREAM)
        listener.bind((0, PORT))
        listener.listen()
        so, _ = await accept(listener)
        begin = time.perf_counter()
        while time.perf_counter() < begin + SECONDS:
            received += len(await recv(so, len(PIECE)))
        return 0

    async def source(proc: Proc) -> int:
        so = near.socket(SOCK_STREAM)
        await connect(so, (target, PORT))
        while True:
            await sendall(so, PIECE)

    server = lab.spawn(far, ["sink"], sink)
    lab.spawn(near, ["source"], source)
    drive(lab, server)
    return received * 8 / (time.perf_counter() - begin) / 1e6


def drive(lab: Lab, proc: Proc) -> None:
    """Move time until a process is over."""
    while proc.status is None:
        lab.callouts.advance(time.perf_counter(), 10_000)
    assert proc.failure is None, proc.failure


def main() -> None:
    """Measure lines of 10 to 5,000 routers."""
    args = arguments(__doc__ or "", repeat=5, routers=0)
    before = calibrate()
    figures = []
    for count in [args.routers] if args.routers else (10, 50, 250, 1000, 5000):
        runs = [in_child(run, count) for _ in range(args.repeat)]
        targets = TARGETS.get(count, ("",) * len(UNITS))
        for (name, unit), target, column in zip(UNITS.items(), targets, zip(*runs, strict=True), strict=True):
            middle = statistics.median(column)
            figures.append(Figure(f"{count:,} routers, {name}", middle, min(column), max(column), unit, str(target)))
    report("chain", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
