"""Which hosts stand side by side in a ladder, and how a packet's way runs over their columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from commands._ladder_journey import Loss


class Way(NamedTuple):
    """A packet's way: from whom to whom it went, where it died, and whom it was meant for ("" for everybody)."""

    origin: str
    hops: tuple[tuple[str, str], ...]
    losses: tuple[Loss, ...]
    target: str


class Leg(NamedTuple):
    """A part of a packet's way that goes out from one column to one side or to both."""

    origin: str
    ends: tuple[str, ...]  # where it comes to rest, or goes on in the next leg
    passed: tuple[str, ...]  # who passes it on, on this leg
    lost: Loss | None


class Columns:
    """Names in an order in which most ways go from one to the next; no more than there is room for."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.names: list[str] = []
        self.used: dict[str, int] = {}  # which packet used it last
        self.hops: Counter[tuple[str, str]] = Counter()
        self.count = 0
        self.left: list[tuple[str, str]] = []  # hops of a way that are not drawn yet

    def take(self, way: Way) -> bool:
        """Make room for a packet's hosts; whether the columns are others now."""
        self.count += 1
        before = list(self.names)
        wanted = list(dict.fromkeys([way.origin, *(name for hop in way.hops for name in hop)]))
        if len(wanted) > self.most:  # the way is longer than the window is wide: its ends, and whom we have
            inner = sorted(wanted[1:-1], key=lambda name: name not in self.names)[: self.most - 2]
            wanted = [name for name in wanted if name in (wanted[0], wanted[-1], *inner)]
            if not set(wanted) <= set(self.names):  # it stands alone, the same end on the left as before
                self.names = wanted[::-1] if wanted[-1] in self.names[:1] else list(wanted)
        self.hops.update(hop for hop in way.hops if hop[0] != hop[1])
        for name in wanted:
            self.used[name] = self.count
        for name in wanted:
            if name not in self.names:
                self._insert(name, wanted)
        return self.names != before

    def _insert(self, name: str, wanted: Iterable[str]) -> None:
        """Put a name where it makes the ways shortest, at the right if that is all the same."""
        if len(self.names) >= self.most:
            idle = min((each for each in self.names if each not in wanted), key=lambda each: self.used[each])
            self.names.remove(idle)
        places = range(len(self.names), -1, -1)
        best = min(places, key=lambda at: self._cost([*self.names[:at], name, *self.names[at:]]))
        self.names.insert(best, name)

    def _cost(self, names: list[str]) -> int:
        at = {name: place for place, name in enumerate(names)}
        known = ((pair, count) for pair, count in self.hops.items() if pair[0] in at and pair[1] in at)
        return sum(abs(at[a] - at[b]) * count for (a, b), count in known)

    def legs(self, way: Way) -> list[Leg]:
        """A packet's way in parts of one direction each, or of two from one host."""
        at = {name: place for place, name in enumerate(self.names)}
        self.left = [hop for hop in self._shown(way.hops) if hop[0] != hop[1]]
        losses = list(way.losses)
        legs: list[Leg] = []
        starts = [way.origin]
        while starts:
            start = starts.pop(0)
            ends: list[str] = []
            passed: list[str] = []
            for side in (1, -1):
                self._follow(start, side, at, ends, passed)
            loss = next((each for each in losses if each.host in (start, *ends, *passed)), None)
            losses = [each for each in losses if each is not loss]
            if ends or loss is not None or not legs:
                legs.append(Leg(start, tuple(ends), tuple(passed), loss))
            starts += [name for name in (*ends, *passed) if any(hop[0] == name for hop in self.left)]
        return legs

    def _shown(self, hops: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Hops between hosts that have columns; where some have none, from the last one that has."""
        shown: list[tuple[str, str]] = []
        before: dict[str, str] = {}
        for sender, receiver in hops:
            origin = sender if sender in self.names else before.get(sender, "")
            if receiver not in self.names:
                before[receiver] = origin
            elif origin:
                shown.append((origin, receiver))
        return shown

    def _follow(self, start: str, side: int, at: dict[str, int], ends: list[str], passed: list[str]) -> None:
        """Go on to one side, from host to host, as far as the packet goes."""
        here = [start]
        while here:
            name = here.pop()
            following = [hop for hop in self.left if hop[0] == name and (at[hop[1]] - at[name]) * side > 0]
            self.left = [hop for hop in self.left if hop not in following]
            if name != start:
                (passed if following else ends).append(name)
            here += [to for _, to in following]
