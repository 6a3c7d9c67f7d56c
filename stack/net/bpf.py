"""Captures: what a tap on an interface keeps (BSD net/bpf.c).

`ifp.taps` is a tuple of functions, called with every frame that an interface sends or receives;
this is the one place where frames are captured.  A tap must take the bytes it wants at once
(`m.frame()`), since the packet goes on its way and is changed there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from stack.mbuf import Mbuf
from stack.net.ifnet import Ifnet


class Captured(NamedTuple):
    """A frame as it was seen on an interface."""

    time: float  # seconds of the lab's clock
    interface: str
    outgoing: bool
    frame: bytes


class Capture:
    """Keeps every frame that passes the given interfaces, until it is closed."""

    def __init__(self, now: Callable[[], float], interfaces: Iterable[Ifnet]) -> None:
        self.now = now
        self.interfaces = list(interfaces)
        self.frames: list[Captured] = []
        for ifp in self.interfaces:
            ifp.taps += (self.tap,)

    def tap(self, ifp: Ifnet, m: Mbuf, outgoing: bool) -> None:
        """See one frame."""
        self.frames.append(Captured(self.now(), ifp.name, outgoing, m.frame()))

    def close(self) -> None:
        """Take the taps off."""
        for ifp in self.interfaces:
            ifp.taps = tuple(tap for tap in ifp.taps if tap != self.tap)
