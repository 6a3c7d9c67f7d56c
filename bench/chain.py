"""A line of N routers: set-up, then pings from end to end, all on the real clock (python -m bench.chain)."""

from __future__ import annotations

import statistics
import time

from bench.chains import chain, far_end
from bench.measure import Figure, arguments, calibrate, report
from stack.header.icmp import ICMP_ECHO, build
from stack.header.ip import IPPROTO_ICMP
from stack.kern.proc import Proc
from stack.kern.socket import SOCK_RAW
from stack.kern.syscalls import recv
from stack.lab import Lab

LATER = 20  # pings after the first


def run(count: int) -> tuple[float, float, float]:
    """Milliseconds: set-up, first ping (with ARP on every link), median of the later ones."""
    begin = time.perf_counter()
    lab = Lab()
    lab.callouts.clock = time.perf_counter
    lab.callouts.now = time.perf_counter()
    hosts = chain(lab, count)
    set_up = time.perf_counter() - begin
    target = far_end(hosts[-1])
    times: list[float] = []

    async def ping(proc: Proc) -> int:
        so = hosts[0].socket(SOCK_RAW, IPPROTO_ICMP)
        for number in range(LATER + 1):
            sent = time.perf_counter()
            so.sendto(build(ICMP_ECHO, 0, number, bytes(56)), (target, 0))
            await recv(so, 2000)
            times.append(time.perf_counter() - sent)
        return 0

    proc = lab.spawn(hosts[0], ["ping"], ping)
    while proc.status is None:
        lab.callouts.advance(time.perf_counter())
    assert proc.failure is None, proc.failure
    return set_up * 1e3, times[0] * 1e3, statistics.median(times[1:]) * 1e3


def main() -> None:
    """Measure a line of 250 routers."""
    args = arguments(__doc__ or "", repeat=9, routers=250)
    before = calibrate()
    runs = [run(args.routers) for _ in range(args.repeat)]
    figures = []
    for name, target, column in zip(
        ("set-up", "first ping", "later pings"), ("100", "20", "2"), zip(*runs, strict=True), strict=True
    ):
        median = statistics.median(column)
        figures.append(Figure(f"{args.routers} routers, {name}", median, min(column), max(column), "ms", target))
    report("chain", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
