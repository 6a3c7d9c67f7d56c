"""Rows of a trace: packets and their steps, as `trace` and `explain` show them."""

from __future__ import annotations

from typing import NamedTuple

from commands._tcpdump_core import Options
from commands._tcpdump_filter import Filter, resolved
from commands._tcpdump_lines import Lines
from commands.command import Context, Failure
from stack.dev.doors import DOORS
from stack.lab import Lab
from stack.net.bpf import DLT_EN10MB, SNAPLEN, Frame, Source
from stack.net.bpf_filter import bpf_filter
from stack.trace.door import Fact
from stack.trace.journey import Journeys, Leg
from stack.trace.recorder import Filter as Wanted
from stack.trace.recorder import Recorder
from stack.trace.steps import Packet, Step

_KINDS = {
    "copy": "a copy of {}", "fragment": "a fragment of {}", "segment": "a segment of {}",
    "whole": "put together with {}", "error": "an error about {}", "asks": "asked for {}", "answer": "the answer to {}",
    "again": "the bytes of {} again", "sent": "because of {}",
}  # fmt: skip
_SOURCES = [Source("", "", DLT_EN10MB)]


class TracedPacket(NamedTuple):
    """A packet: what it is, what it is because of, and what became of it."""

    level: int
    packet: int
    cause: int | None
    kind: str
    time: float
    host: str
    text: str
    length: int
    fate: str

    @property
    def why(self) -> str:
        """What it is because of, in words; else where it began."""
        return _KINDS[self.kind].format(f"#{self.cause}") if self.kind else f"from {self.host}"


class TraceStep(NamedTuple):
    """A step: a function of the stack that a packet went through."""

    level: int
    time: float
    host: str
    packet: int
    step: int  # which of its steps
    depth: int
    function: str
    name: str  # as `source` knows it
    file: str
    line: int
    facts: dict[str, Fact]
    verdict: str


def recorder_of(lab: Lab) -> Recorder:
    """The recorder of a lab, made when it is first asked for."""
    if not isinstance(lab.trace, Recorder):
        lab.trace = Recorder(lab, DOORS)
    lab.trace.settle()
    return lab.trace


def wanted(ctx: Context, text: str) -> Wanted | None:
    """A filter of tcpdump's as the recorder asks it; None for no filter, Failure when it does not compile."""
    program = Filter(resolved(ctx, text), SNAPLEN).program(DLT_EN10MB)
    return None if program is None else lambda frame: bool(bpf_filter(program, frame, len(frame)))


def packet_of(lab: Lab, word: str) -> Packet:
    """The packet of that number; Failure when there is none."""
    recorder = recorder_of(lab)
    packet = recorder.packets.get(int(word)) if word.isdecimal() and len(word) < 19 else None
    if packet is None or not packet.count or not packet.wanted:
        if not recorder.packets:
            raise Failure(f"there is no packet {word}: nothing was traced yet; 'trace on' begins")
        raise Failure(f"there is no packet {word} in the trace; 'trace' lists the last ones")
    return packet


def step_of(lab: Lab, word: str) -> Step:
    """The step `12.3`, the third of packet 12; Failure when there is none."""
    number, _, place = word.partition(".")
    packet = packet_of(lab, number)
    for step in recorder_of(lab).steps:
        if step.serial == packet.serial and str(step.place) == place:
            return step
    raise Failure(f"there is no step {word}: packet {number} has {packet.count}")


class Rows:
    """Makes rows of what a recorder has."""

    def __init__(self, ctx: Context, recorder: Recorder, *, numeric: bool = False) -> None:
        self.recorder = recorder
        self.lines = Lines(Options(numeric=numeric, stamp=1), ctx.name_of)

    def packet(self, packet: Packet, level: int = 0, fate: str | None = None) -> TracedPacket:
        """A packet."""
        return TracedPacket(
            level, packet.serial, packet.cause or None, packet.kind if packet.cause else "", packet.time, packet.host,
            self.text(packet), packet.length, packet.fate if fate is None else fate,
        )  # fmt: skip

    def text(self, packet: Packet) -> str:
        """A packet as tcpdump has it."""
        if not packet.frame:
            return "a packet without a header"
        return self.lines.row(Frame(0, 0, None, packet.frame, packet.length), _SOURCES).text

    def step(self, step: Step, level: int = 0) -> TraceStep:
        """A step."""
        return TraceStep(
            level, step.time, step.host, step.serial, step.place, step.depth, step.function, step.name, step.path,
            step.line, step.facts, step.verdict,
        )  # fmt: skip

    def leg(self, leg: Leg, journeys: Journeys) -> TracedPacket | TraceStep:
        """A part of a journey."""
        if leg.step is not None:
            return self.step(leg.step, leg.level)
        return self.packet(leg.packet, leg.level, journeys.fate(leg.packet))


def facts_text(facts: dict[str, Fact]) -> str:
    """What is known at a step, in a line."""
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def show_packet(row: TracedPacket) -> str:
    """`#7 (the answer to #3) IP 10.0.0.1 > ...: delivered to ...`."""
    fate = f" => {row.fate}" if row.fate else ""
    return f"{'  ' * row.level}#{row.packet} ({row.why}) {row.text}{fate}"


def show_step(row: TraceStep) -> str:
    """`0.010000 gw   7.3  ip_forward  ttl 64>63, ...`."""
    facts = facts_text(row.facts)
    verdict = f" => {row.verdict}" if row.verdict else ""
    label = f"{row.packet}.{row.step}" if row.packet else "-"
    text = f"{'  ' * row.depth}{row.function}{': ' + facts if facts else ''}{verdict}"
    return f"{'  ' * row.level}{row.time:9.6f} {row.host:<10} {label:<6} {text}"
