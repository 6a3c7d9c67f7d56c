"""A line of routers, for benchmarks: r1 - r2 - ... - rN, static routes both ways, addresses as in a lesson."""

from __future__ import annotations

from itertools import pairwise

from stack.addr import Ip4, Prefix
from stack.host import Host
from stack.lab import Lab

_FIRST = 0x0A000000  # 10.0.0.0/30, 10.0.0.4/30, ...


def chain(lab: Lab, count: int) -> list[Host]:
    """The hosts of a line; the first and the last are its ends."""
    hosts = [lab.add_host(f"r{number}") for number in range(1, count + 1)]
    for number, (left, right) in enumerate(pairwise(hosts)):
        lab.link(left, right, Prefix(Ip4(_FIRST + 4 * number), 30))
        left.ip.default_ttl = right.ip.default_ttl = 255
    ends = Prefix(Ip4(_FIRST), 30), Prefix(Ip4(_FIRST + 4 * (count - 2)), 30)
    for number, host in enumerate(hosts):
        if number < count - 2:
            host.add_route(ends[1], Ip4(_FIRST + 4 * number + 2))
        if number > 1:
            host.add_route(ends[0], Ip4(_FIRST + 4 * (number - 1) + 1))
    return hosts


def far_end(host: Host) -> Ip4:
    """The address of a line's last host."""
    return host.interfaces["shmif0"].addresses[0].address
