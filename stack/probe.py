"""Tracepoints, and the one door through which a packet dies.

Modelled on FreeBSD's SDT probes (sys/netinet/in_kdtrace.h) and on BSD's protocol statistics.
Each probe is a tuple of functions; a site is one loop over it, 24 ns while nobody listens.  One
`Probes` belongs to a lab and every host of it holds the same.

A `Protocol` counts.  `self.drop("badsum", m)` is at once the counter that `netstat -s` prints,
the tracepoint, and the comment that says why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from stack.mbuf import Mbuf

DropProbe = Callable[[str, str, str, Mbuf | None], None]  # host, protocol, reason, packet
PacketProbe = Callable[[str, str, Mbuf], None]  # host, protocol, packet
StateProbe = Callable[[str, str, str, str, str], None]  # host, protocol, which, old, new
AttachProbe = Callable[[str, object], None]  # host, a new interface of it
LogProbe = Callable[[str, str], None]  # host, message: what a kernel writes to its console


class Probes:
    """Who listens: add with `probes.drop += (function,)`."""

    __slots__ = ("attach", "drop", "log", "receive", "send", "state")

    def __init__(self) -> None:
        self.drop: tuple[DropProbe, ...] = ()
        self.receive: tuple[PacketProbe, ...] = ()
        self.send: tuple[PacketProbe, ...] = ()
        self.state: tuple[StateProbe, ...] = ()
        self.attach: tuple[AttachProbe, ...] = ()
        self.log: tuple[LogProbe, ...] = ()


class Protocol:
    """What every protocol of a host has: a name, its counters, and its door out for the dead."""

    name = "?"

    def __init__(self, hostname: str, probes: Probes) -> None:
        self.hostname = hostname
        self.probes = probes
        self.stat: defaultdict[str, int] = defaultdict(int)

    def drop(self, reason: str, m: Mbuf | None = None) -> None:
        """Count a packet's death under its reason, and tell whoever listens."""
        self.stat[reason] += 1
        for trace in self.probes.drop:
            trace(self.hostname, self.name, reason, m)

    def log(self, message: str) -> None:
        """Say something on the host's console, as a BSD kernel's log(9) does."""
        for trace in self.probes.log:
            trace(self.hostname, message)
