"""A packet's whole journey: its steps on all hosts, in what it became, and what happened because of it.

What became of it (copies, fragments, the whole that they were put together to) is told in full, and so are the ARP
questions that it waited for, the ICMP errors about it, and the segments that bore its bytes again.  Of all else that it
caused there is a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stack.trace.recorder import Recorder
from stack.trace.steps import AGAIN, ANSWER, ASKS, ERROR, SAME, Packet, Step

_TOLD = SAME | {ASKS, ERROR, AGAIN}


class Leg(NamedTuple):
    """A part of a journey: a packet, and its own steps between those that it caused; `told` whether they follow."""

    level: int
    packet: Packet
    step: Step | None  # None: here the packet begins
    told: bool


class Journeys:
    """The packets of a recorder, by what caused them."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.caused: dict[int, list[Packet]] = {}
        for packet in recorder.packets.values():
            if packet.count and packet.wanted:
                self.caused.setdefault(packet.cause, []).append(packet)
        self.steps: dict[int, list[Step]] = {}
        for step in recorder.steps:
            self.steps.setdefault(step.serial, []).append(step)

    def beginning(self, packet: Packet) -> Packet:
        """The packet that this one was once, before it was copied, cut or put together."""
        while packet.kind in SAME and (before := self.recorder.packets.get(packet.cause)) is not None:
            packet = before
        return packet

    def fate(self, packet: Packet) -> str:
        """The last that is known of a packet, in all that became of it."""
        fate, last, waiting = "", 0, [packet]
        while waiting:
            part = waiting.pop()
            if part.fate and part.serial >= last:
                fate, last = part.fate, part.serial
            waiting += self._same(part)
        return fate

    def _same(self, packet: Packet) -> list[Packet]:
        return [child for child in self.caused.get(packet.serial, ()) if child.kind in SAME]

    def tell(self, packet: Packet) -> Iterator[Leg]:
        """A journey, in the order of its steps; what a step caused follows it."""
        yield Leg(0, packet, None, True)
        stack = [self._of(packet, 0, packet.kind == ASKS)]  # no recursion: a frame that goes round is copied for ever
        while stack:
            told = next(stack[-1], None)
            if told is None:
                stack.pop()
                continue
            leg, asked = told
            yield leg
            if leg.step is None and leg.told:
                stack.append(self._of(leg.packet, leg.level, asked or leg.packet.kind == ASKS))

    def _of(self, packet: Packet, level: int, asked: bool) -> Iterator[tuple[Leg, bool]]:
        """A packet's own steps, and those that it caused, which may be told in full; `asked` is ARP's business."""
        steps = iter(sorted(self.steps.get(packet.serial, ()), key=lambda step: step.number))
        step = next(steps, None)
        alone = len(self._same(packet)) == 1
        for child in sorted(self.caused.get(packet.serial, ()), key=lambda each: (each.born, each.serial)):
            while step is not None and step.number <= child.born:
                yield Leg(level, packet, step, True), asked
                step = next(steps, None)
            told = child.kind in _TOLD or asked and child.kind == ANSWER
            below = level if child.kind in SAME and alone else level + 1
            yield Leg(below, child, None, told), asked
        while step is not None:
            yield Leg(level, packet, step, True), asked
            step = next(steps, None)
