"""The loopback interface: what goes out comes in, later (BSD net/if_loop.c)."""

from __future__ import annotations

import errno
from typing import Protocol

from stack.callout import Callouts
from stack.mbuf import M_LOOP, Mbuf
from stack.net.ifnet import IFF_LOOPBACK, IFF_MULTICAST, IFF_RUNNING, IFF_UP, IFQ_MAXLEN, Ifnet

LOMTU = 33624


class Inet(Protocol):
    """What a loopback needs of IP."""

    def input(self, m: Mbuf) -> None: ...
    def drop(self, reason: str, m: Mbuf | None = None) -> None: ...


class Loopback(Ifnet):
    """loN."""

    kind = "lo"
    __slots__ = ("callouts", "inet", "inq")

    def __init__(self, name: str, index: int, callouts: Callouts) -> None:
        super().__init__(name, index, IFF_LOOPBACK | IFF_MULTICAST, LOMTU, None)
        self.callouts = callouts
        self.inet: Inet  # set by Host
        self.inq: list[Mbuf] = []

    def init(self) -> None:
        """It runs whenever it is up."""
        self.flags = self.flags | IFF_RUNNING if self.flags & IFF_UP else self.flags & ~IFF_RUNNING

    def output(self, m: Mbuf, nexthop: int) -> int:
        """Send a packet to ourselves (looutput)."""
        if not self.flags & IFF_UP:
            self.inet.drop("ifdown", m)
            return errno.ENETDOWN
        return self.transmit(m)

    def transmit(self, m: Mbuf) -> int:
        """Count it, show it to taps, and queue it for input."""
        m.link = b""
        self.opackets += 1
        self.obytes += m.len
        for tap in self.taps:
            tap(self, m, True)
        queue = self.inq
        if not queue:
            self.callouts.soon(self.intr)
        elif len(queue) >= IFQ_MAXLEN:
            self.iqdrops += 1
            self.inet.drop("iqdrops", m)
            return errno.ENOBUFS
        queue.append(m)
        return 0

    def intr(self) -> None:
        """Take in what was sent since the last time."""
        queue, self.inq = self.inq, []
        for m in queue:
            self.ipackets += 1
            self.ibytes += m.len
            m.rcvif = self
            m.flags = M_LOOP
            self.inet.input(m)
