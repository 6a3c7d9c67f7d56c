"""What becomes of each packet of a lab: who sent it, who passed it on, where it arrived or died.

A packet is known again by what no router changes: length, identification, fragment, protocol, addresses, and its first
ports and numbers (RFC 791 3.1).  A frame that is no IP packet is known by all of its bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple

from stack.header.ip import IP_OFFMASK, IPPROTO_TCP
from stack.net.bpf import DLT_EN10MB, DLT_NULL

AF_INET = (2).to_bytes(4, "little")  # what stands before a packet without a link header
_TAGS = (b"\x81\x00", b"\x88\xa8")
_IP, _TCP = b"\x08\x00", bytes([IPPROTO_TCP])
_MOST = 10_000  # packets that may be under way at once
_GROUP = 0.001  # seconds in which a frame for many is passed on by bridges,
_PATIENCE = 5.0  # a router may keep a packet, as while it asks for its neighbour,
_FLIGHT = 60.0  # and a frame may be on a wire


class Seen(NamedTuple):
    """What a frame says of itself."""

    key: Hashable
    family: Hashable  # what all fragments of its packet share
    group: bool  # for many
    src: bytes  # link addresses; b"" where there are none
    dst: bytes
    net: bytes  # the IP header and what follows; b"" for others


def look(data: bytes, linktype: int) -> Seen:
    """Look at a frame."""
    if linktype != DLT_EN10MB:
        net = data[4:] if linktype == DLT_NULL else data
        return Seen(*_keys(net), False, b"", b"", net)
    at = 12
    while data[at : at + 2] in _TAGS:
        at += 4
    dst, src, net = data[:6], data[6:12], data[at + 2 :]
    group = bool(dst[:1]) and bool(dst[0] & 1)
    if data[at : at + 2] != _IP or len(net) < 20:
        whole = dst + src + data[at:]
        return Seen(whole, whole, group, src, dst, b"")
    return Seen(*_keys(net), group, src, dst, net)


def _keys(net: bytes) -> tuple[Hashable, Hashable]:
    """What an IP packet is known by, and what its fragments share."""
    size = (net[0] & 15) * 4 if net else 0
    head = net[size : size + (16 if net[9:10] == _TCP else 4)]
    if int.from_bytes(net[6:8]) & IP_OFFMASK:
        head = b""
    family = net[4:6] + net[9:10] + net[12:20]
    return (net[2:4] + net[6:8] + head, family), family


class Loss(NamedTuple):
    """Where a packet died: at a host, or on its way from one, and for which reason."""

    host: str
    on_the_way: bool
    reason: str  # "" when nobody knows


class Journey:
    """A packet, from where it was sent."""

    def __init__(self, number: int, time: float, origin: str, seen: Seen) -> None:
        self.number = number  # of its first frame
        self.time = time
        self.origin = origin
        self.seen = seen
        self.frame = b""
        self.length = 0
        self.linktype = DLT_EN10MB
        self.wanted = False  # what was asked for
        self.hops: list[tuple[str, str]] = []
        self.losses: list[Loss] = []
        self.arrived: float | None = None
        self.last = time
        self.done = False
        self.carried: dict[Hashable, str] = {}  # who put it on which wire
        self.flying: set[Hashable] = set()  # wires on which it still is
        self.at = {origin}  # hosts that have it
        self.left: dict[str, float] = {}  # when it left a host
        self.heard: dict[str, str] = {}  # who has seen it although it was not addressed to them, and from whom

    @property
    def reached(self) -> list[str]:
        """Hosts that it came to, in their order."""
        return [to for _, to in self.hops]

    def has(self, host: str, now: float) -> bool:
        """Whether a host that sends it now only passes it on."""
        return host in self.at or host in self.heard or self.left.get(host) == now

    def leaves(self, host: str, now: float, wire: Hashable) -> None:
        """A host puts it on a wire; None for one whose other end nobody sees."""
        if host in self.heard:
            self.hops.append((self.heard.pop(host), host))
        self.at.discard(host)
        self.left[host] = self.last = now
        self.carried[wire] = host
        if wire is not None:
            self.flying.add(wire)

    def arrives(self, host: str, now: float, wire: Hashable, *, ours: bool) -> None:
        """A host sees it come."""
        before = self.carried.get(wire, self.origin if not self.hops else self.hops[-1][1])
        if not ours:
            self.heard[host] = before
            return
        self.flying.discard(wire)
        self.hops.append((before, host))
        self.at.add(host)
        self.last = self.arrived = now

    def dies(self, host: str, now: float, reason: str, *, on_the_way: bool) -> None:
        """It is dropped."""
        self.losses.append(Loss(host, on_the_way, reason))
        self.at.discard(host)
        self.last = now


class Journeys:
    """All of them; `is_end` says whether a host is one that a packet was meant for."""

    def __init__(self, is_end: Callable[[str, Seen], bool]) -> None:
        self.is_end = is_end
        self.count = 0  # frames that were seen
        self.order: deque[Journey] = deque()  # in which they were sent
        self.known: dict[Hashable, list[Journey]] = {}
        self.families: dict[Hashable, list[Journey]] = {}

    def at(self, seen: Seen, host: str) -> Journey | None:
        """The packet that a host has."""
        return next((each for each in self.known.get(seen.key, ()) if host in each.at), None)

    def sent(self, seen: Seen, now: float, host: str, wire: Hashable, *, inside: bool = False) -> Journey:
        """A host sends a frame: a new one, or one that it passes on; `inside` when only to itself as yet."""
        self.count += 1
        journey = next((each for each in self.known.get(seen.key, ()) if each.has(host, now)), None)
        if journey is None:
            for other in self.families.get(seen.family, ()):  # what it is a fragment of has come to its end
                other.done |= host in other.at
            journey = self.begin(seen, now, host)
        if not inside:
            journey.leaves(host, now, wire)
        return journey

    def received(self, seen: Seen, now: float, host: str, wire: Hashable, outside: str, *, ours: bool) -> Journey:
        """A host sees a frame come, from another one or from `outside`."""
        self.count += 1
        known = self.known.get(seen.key, ())
        coming = [each for each in known if wire in each.carried and host not in each.at]
        journey = next((each for each in coming if wire in each.flying), coming[-1] if coming else None)
        if journey is None:
            journey = self.begin(seen, now, outside)
            journey.at.clear()
        journey.arrives(host, now, wire, ours=ours)
        return journey

    def dropped(self, seen: Seen, now: float, place: str, wire: Hashable, reason: str) -> bool:
        """A packet died at a host, or on a wire; False when it is none that is known."""
        candidates = [*self.known.get(seen.key, ()), *self.families.get(seen.family, ())]
        for each in candidates:
            if wire is None and place in each.at:
                each.dies(place, now, reason, on_the_way=False)
                return True
        for each in candidates:
            road = wire if wire is not None or place in each.heard else next(iter(each.flying), None)
            if road not in each.flying:
                continue
            each.flying.discard(road)
            sender = each.carried[road]
            if wire is None and place != sender:  # it came, and was not even looked at
                each.hops.append((sender, place))
                each.dies(place, now, reason, on_the_way=False)
            else:
                each.dies(sender, now, reason, on_the_way=True)
            return True
        return False

    def begin(self, seen: Seen, now: float, host: str) -> Journey:
        """A packet nobody has seen yet."""
        journey = Journey(self.count, now, host, seen)
        self.order.append(journey)
        self.known.setdefault(seen.key, []).append(journey)
        self.families.setdefault(seen.family, []).append(journey)
        return journey

    def take(self, now: float, *, all: bool = False) -> Iterator[Journey]:
        """Those whose end is known, in the order in which they were sent; they are forgotten."""
        while self.order and (all or len(self.order) > _MOST or self.is_over(self.order[0], now)):
            journey = self.order.popleft()
            for table, key in ((self.known, journey.seen.key), (self.families, journey.seen.family)):
                table[key].remove(journey)
                if not table[key]:
                    del table[key]
            yield journey

    def due(self, now: float) -> float | None:
        """In how many seconds the oldest will be over if nothing more happens to it; None when there is none."""
        if not self.order:
            return None
        return max(self.order[0].last + self._patience(self.order[0]) - now, 0.0)

    def is_over(self, journey: Journey, now: float) -> bool:
        """Whether nothing more is to be expected of it."""
        return journey.done or now >= journey.last + self._patience(journey)

    def _patience(self, journey: Journey) -> float:
        if journey.flying:
            return _FLIGHT
        if journey.seen.group:
            return _GROUP
        ended = journey.losses or None in journey.carried or any(self.is_end(host, journey.seen) for host in journey.at)
        return 0.0 if ended else _PATIENCE
