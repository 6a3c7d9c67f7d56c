"""The machine's kernel at the same work, for bench.performance: routers and cables of namespaces, and what one costs.

All of it happens in network namespaces that are made here, as root.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

from tests.interop.netns import Netns, forward, netns

PORT = 5001
_FEATURES = ("tx", "tso", "gso", "gro")
_FAR_TTL = "/proc/sys/net/ipv4/ip_default_ttl"


@contextmanager
def line(routers: int, *, offloads: bool) -> Iterator[tuple[Netns, Netns, str]]:
    """Two ends and so many kernels between them, on cables (veth): the first, the last, and the last's address."""
    with ExitStack() as stack:
        spaces = [stack.enter_context(netns()) for _ in range(routers + 2)]
        last = f"10.0.{routers}.2"
        for number in range(routers + 1):
            _cable(spaces[number], spaces[number + 1], number, offloads)
        for number, space in enumerate(spaces):
            forward(space)
            with space.enter():
                Path(_FAR_TTL).write_text("255")
            if number < routers:
                space.run("ip", "route", "add", f"10.0.{routers}.0/24", "via", f"10.0.{number}.2")
            if number > 1:
                space.run("ip", "route", "add", "10.0.0.0/24", "via", f"10.0.{number - 1}.1")
        yield spaces[0], spaces[-1], last


def _cable(left: Netns, right: Netns, number: int, offloads: bool) -> None:
    """A cable between neighbours, an address at either end."""
    left.run("ip", "link", "add", "right", "type", "veth", "peer", "name", "left", "netns", right.name)
    for octet, space, device in ((1, left, "right"), (2, right, "left")):
        space.run("ip", "addr", "add", f"10.0.{number}.{octet}/24", "dev", device)
        space.run("ip", "link", "set", device, "up")
        for feature in () if offloads else _FEATURES:
            space.run("ethtool", "-K", device, feature, "off")


def kernel(seconds: float, routers: int, *, offloads: bool = True) -> float:
    """Gbit/s of iperf3 through so many kernels; 0: from one to the next."""
    with line(routers, offloads=offloads) as (near, far, address):
        return iperf3(near, far, address, seconds)


def iperf3(near: Netns, far: Netns, address: str, seconds: float, *words: str) -> float:
    """Gbit/s of one TCP stream of iperf3 between two namespaces, as its receiver has it."""
    server = far.popen("iperf3", "-s", "-1", "-p", str(PORT), "--forceflush")
    assert server.stdout is not None
    while "listening" not in server.stdout.readline():
        assert server.poll() is None
    argv = "iperf3", "-c", address, "-p", str(PORT), "-t", f"{max(1, seconds):.0f}", "-O", "1", "-J"
    told = json.loads(near.run(*argv, *words, timeout=seconds + 30).stdout)
    return float(told["end"]["sum_received"]["bits_per_second"]) / 1e9


def namespaces(count: int) -> tuple[float, float]:
    """Milliseconds and kilobytes of the kernel's memory for one namespace with a cable and an address."""
    before, begin = _slab(), time.perf_counter()
    with ExitStack() as stack:
        spaces = [stack.enter_context(netns()) for _ in range(count)]
        for left, right in pairwise(spaces):
            _cable(left, right, 1, True)
        elapsed = time.perf_counter() - begin
        return elapsed * 1e3 / count, (_slab() - before) / count


def _slab() -> float:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("Slab:")))
