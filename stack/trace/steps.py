"""What a trace remembers: packets with their serials and causes, and the steps that they took."""

from __future__ import annotations

from stack.mbuf import Mbuf
from stack.trace.door import Door, Facts, path_of

SNAPLEN = 192  # bytes of a packet that are remembered: all headers, and what begins the data

# How a packet came from the one that caused it
COPY, FRAGMENT, SEGMENT, WHOLE = "copy", "fragment", "segment", "whole"
ERROR, ASKS, ANSWER, AGAIN, SENT = "error", "asks", "answer", "again", "sent"
SAME = frozenset({COPY, FRAGMENT, SEGMENT, WHOLE})  # it is the same packet still, or a part of it


class Packet:
    """A packet that was seen."""

    __slots__ = (
        "born", "cause", "count", "fate", "frame", "header", "host", "kind", "length", "m", "parts", "serial", "time",
        "wanted",
    )  # fmt: skip

    def __init__(
        self, serial: int, cause: int, kind: str, born: int, time: float, host: str, m: Mbuf | None
    ) -> None:  # fmt: skip
        self.serial = serial
        self.cause = cause  # the serial of the packet that it is because of; 0 for none
        self.kind = kind
        self.born = born  # the number of the step in which it was made
        self.time = time
        self.host = host  # where it began
        self.m = m  # until it is known whether it is wanted
        self.wanted: bool | None = None  # None: not known yet
        self.header = b""  # the IP header that it is to get
        self.frame = b""  # how it begins, with a link header, if need be an empty one
        self.length = 0  # of the whole frame
        self.parts: tuple[int, ...] = ()  # the fragments that it was made of
        self.fate = ""
        self.count = 0  # of its steps


class Step:
    """A function that a packet went through."""

    __slots__ = (
        "depth", "door", "facts", "function", "host", "line", "name", "number", "path", "place", "serial", "time",
        "verdict",
    )  # fmt: skip

    def __init__(self, number: int, time: float, host: str, depth: int, door: Door) -> None:
        self.number = number
        self.time = time
        self.host = host
        self.serial = self.place = 0  # whose step it is, and which of its steps; 0 for nobody's
        self.depth = depth  # how many others it is in
        self.door = door
        self.function = door.bsd
        self.name = door.name  # as `source` knows it
        self.path = path_of(door.code)
        self.line = door.code.co_firstlineno  # then the line where it returned
        self.facts: Facts = {}
        self.verdict = ""

    def belongs(self, packet: Packet) -> None:
        """It is the next step of a packet."""
        packet.count += 1
        self.serial, self.place = packet.serial, packet.count
