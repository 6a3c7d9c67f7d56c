"""Packets a second across a chain of 100 routers, in bursts of 32 (python -m bench.forward).

Once through every layer (net.inet.ip.maxflows=0), once the fast way (stack/netinet/ip_flow.py).
"""

from __future__ import annotations

import time

from bench.chains import chain, far_end
from bench.measure import Figure, arguments, calibrate, figure, report
from stack.kern.sockbuf import RecordBuf
from stack.kern.socket import SOCK_DGRAM
from stack.lab import Lab

BURST = 32
WAYS = {"layered": (0, "450,000"), "ipflow": (256, "900,000")}  # flows that are remembered, and the target


def hops_per_second(routers: int, size: int, bursts: int, maxflows: int) -> float:
    """Send UDP datagrams so that frames have `size` bytes; every router forwards all of them."""
    lab = Lab()
    hosts = chain(lab, routers + 2)
    for host in hosts:
        host.ip.maxflows = maxflows
    first, last = hosts[0], hosts[-1]
    sink = last.socket(SOCK_DGRAM)
    sink.bind((0, 9))
    source = first.socket(SOCK_DGRAM)
    source.connect((far_end(last), 9))
    data = bytes(size - 42)
    source.send(data)
    lab.callouts.advance(lab.callouts.now + 1)  # every ARP is answered
    assert isinstance(sink.rcv, RecordBuf)
    sink.rcv.hiwat = 1 << 30
    sink.rcv.flush()
    begin = time.perf_counter()
    for _ in range(bursts):
        for _ in range(BURST):
            source.send(data)
        lab.callouts.advance(lab.callouts.now)
    elapsed = time.perf_counter() - begin
    assert len(sink.rcv.records) == bursts * BURST
    assert hosts[routers // 2].ip.forwarded == bursts * BURST + 1
    return bursts * BURST * (routers + 1) / elapsed


def measure(way: str, routers: int, size: int, bursts: int, times: int) -> Figure:
    """The figure for one way and one size of frames."""
    maxflows, target = WAYS[way]
    name = f"{routers} routers, {size}-byte frames, {way}"
    return figure(name, lambda: hops_per_second(routers, size, bursts, maxflows), times, "hops/s", target)


def main() -> None:
    """Measure frames of 64 and of 1514 bytes, either way."""
    args = arguments(__doc__ or "", repeat=7, routers=100, bursts=40)
    before = calibrate()
    figures = [measure(way, args.routers, size, args.bursts, args.repeat) for way in WAYS for size in (64, 1514)]
    report("forward", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
