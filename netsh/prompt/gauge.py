"""What the line below the prompt tells of the lab: events a second, drops, captures."""

from __future__ import annotations

import time
from collections.abc import Callable

from stack.lab import Lab
from stack.mbuf import Mbuf

_PERIOD = 1.0  # seconds between two readings
_CAPTURES = {"tcpdump", "trace", "ladder"}


class Gauge:
    """Watches the lab that a prompt is in, one after the other."""

    def __init__(self, lab: Callable[[], Lab], clock: Callable[[], float] = time.monotonic) -> None:
        self.lab = lab
        self.clock = clock
        self.watched: Lab | None = None
        self.drops = 0
        self.rate = 0.0  # events a second
        self.events = 0
        self.read = 0.0

    def tell(self) -> list[str]:
        """What there is to tell, in words."""
        lab = self.lab()
        if lab is not self.watched:
            self._watch(lab)
        now = self.clock()
        if now - self.read >= _PERIOD:
            self.rate = (lab.callouts.events - self.events) / (now - self.read)
            self.events, self.read = lab.callouts.events, now
        captures = sum(proc.argv[0] in _CAPTURES for proc in lab.procs.values())
        told = [f"{self.rate:,.0f} events/s"] if self.rate >= 1 else []
        told += [f"{self.drops:,} drop{'s' if self.drops > 1 else ''}"] if self.drops else []
        return told + ([f"{captures} capture{'s' if captures > 1 else ''}"] if captures else [])

    def _watch(self, lab: Lab) -> None:
        self.watched = lab
        self.drops, self.rate = 0, 0.0
        self.events, self.read = lab.callouts.events, self.clock()
        lab.probes.drop += (self._dropped,)

    def _dropped(self, _host: str, _protocol: str, _reason: str, _m: Mbuf | None) -> None:
        self.drops += 1
