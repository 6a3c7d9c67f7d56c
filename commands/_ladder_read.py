"""Follows packets through a capture: what one host sent and another one received is the same packet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from commands._ladder_journey import AF_INET, Journey, Journeys, Loss, Seen, look
from commands._ladder_names import Names
from commands._tcpdump_filter import Filter
from stack.net.bpf import DLT_EN10MB, DLT_NULL, Death, Frame, Recent, Source
from stack.net.bpf_filter import bpf_filter

_WIRE = "wire"
_SECOND = 1e9
_PATIENCE = 0.5  # seconds after which a frame that was not seen to arrive is lost


class Reader:
    """The packets of a capture that a filter wants."""

    def __init__(self, names: Names, chosen: Filter) -> None:
        self.names = names
        self.chosen = chosen
        self.journeys = Journeys(self._is_end)
        self.hosts: set[str] = set()  # whose interfaces were captured
        self.since: int | None = None  # when the first frame was seen
        self.now = 0.0

    def feed(self, frames: Iterable[Frame], sources: Sequence[Source]) -> None:
        """More frames."""
        for frame in frames:
            self._frame(frame, sources[frame.source])

    def feed_recent(self, recent: Recent) -> None:
        """What was seen last, and what became of it, as far as that is known."""
        deaths = list(recent.deaths)
        for number, frame in enumerate(recent.frames, recent.count - len(recent.frames) + 1):
            self._frame(frame, recent.sources[frame.source])
            while deaths and deaths[0].frames <= number:
                self._died(deaths.pop(0))

    def _died(self, death: Death) -> None:
        seen = look(death.data, DLT_NULL if death.data[:4] == AF_INET else DLT_EN10MB)
        if death.protocol == "bus":
            self.journeys.dropped(seen, self.now, death.place, _WIRE, death.reason)
        else:
            self.journeys.dropped(seen, self.now, death.place, None, f"{death.protocol}/{death.reason}")

    def _frame(self, frame: Frame, source: Source) -> None:
        self.since = frame.time if self.since is None else self.since
        now = self.now = (frame.time - self.since) / _SECOND
        seen = look(frame.data, source.linktype)
        if source.host and frame.outgoing is not None:
            self.hosts.add(source.host)
            journey = self._directed(seen, now, source.host, frame.outgoing)
            if source.linktype == DLT_NULL:
                journey.arrives(source.host, now, _WIRE, ours=True)
        else:
            journey = self._on_a_wire(seen, now)
        if not journey.frame:
            journey.frame, journey.length, journey.linktype = frame.data, frame.length, source.linktype
        if not journey.wanted:
            program = self.chosen.program(source.linktype)
            journey.wanted = program is None or bpf_filter(program, frame.data, frame.length) > 0

    def _directed(self, seen: Seen, now: float, host: str, outgoing: bool) -> Journey:
        """A frame that a host sends or sees come."""
        if outgoing:
            journey = self.journeys.sent(seen, now, host, _WIRE)
            if journey.number == self.journeys.count:
                self.names.learn(seen, host)
            return journey
        ours = seen.group or self.names.owner(seen.dst) in ("", host)
        return self.journeys.received(seen, now, host, _WIRE, self.names.source(seen), ours=ours)

    def _on_a_wire(self, seen: Seen, now: float) -> Journey:
        """A frame that was seen between hosts: known by their link addresses, or else by what it says itself."""
        names = self.names
        sender, receiver = names.owner(seen.src), names.owner(seen.dst)
        if not sender or not (receiver or seen.group):
            sender, receiver = names.source(seen), names.destination(seen)
        journey = self.journeys.sent(seen, now, sender, _WIRE)
        if receiver and not seen.group:
            journey.arrives(receiver, now, _WIRE, ours=True)
        return journey

    def _is_end(self, host: str, seen: Seen) -> bool:
        return self.names.destination(seen) == host

    def take(self, *, all: bool = False) -> Iterator[Journey]:
        """Those whose end is known."""
        for journey in self.journeys.take(self.now, all=all):
            self._complete(journey)
            yield journey

    def _complete(self, journey: Journey) -> None:
        """Add what was not captured: hosts that the link addresses tell of, and the end."""
        names, seen, hops = self.names, journey.seen, journey.hops
        by = names.owner(seen.src)
        if hops and by not in ("", journey.origin, hops[0][1]) and not journey.carried:  # it came from farther
            hops[:1] = [(journey.origin, by), (by, hops[0][1])]
        source = names.source(seen)
        if by == journey.origin and by not in self.hosts and seen.net and source not in (by, *journey.reached):
            hops.insert(0, (source, by))
            journey.origin = source
        target = names.destination(seen) or names.asked(seen)
        if journey.losses or not target or target in (journey.origin, *journey.reached):
            return
        last = hops[-1][1] if hops else journey.origin
        if target in self.hosts and not seen.group:
            if self.now > journey.last + _PATIENCE:
                journey.losses.append(Loss(last, True, ""))
            return
        by = names.owner(seen.dst)
        if not hops and by not in ("", target, last):
            hops.append((last, by))
            last = by
        hops.append((last, target))
