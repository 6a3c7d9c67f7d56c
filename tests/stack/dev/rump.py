"""A peer on a bus file that is none of ours: a packet at a time, byte after byte, as NetBSD's rump kernel does it.

It is written from the description of the format, and shares no code with stack/dev/busring.py, so that the two can
be held against each other.  `memory` may be a mapping; then `Peer` is one more station on a real bus.
"""

from __future__ import annotations

import struct
import sys
from mmap import mmap

SIZE = 1048544  # of the ring
MAGIC = 0xCA11D054


class Peer:
    """One interface."""

    def __init__(self, memory: mmap | bytearray, sender: int) -> None:
        self.memory = memory
        self.sender = sender
        self.overruns = 0
        if self.get(0) == 0:
            self.put(0, MAGIC)
            self.put(16, SIZE)
        self.next = self.get(20)
        self.generation = self.get(8, "Q")

    # --- numbers and bytes --------------------------------------------------------------------------

    def get(self, at: int, kind: str = "I") -> int:
        value: int = struct.unpack_from("=" + kind, self.memory, at)[0]
        return value

    def put(self, at: int, value: int, kind: str = "I") -> None:
        struct.pack_into("=" + kind, self.memory, at, value)

    def fetch(self, offset: int, count: int) -> bytes:
        offset %= SIZE
        data = bytes(self.memory[32 + offset : 32 + min(offset + count, SIZE)])
        return data + bytes(self.memory[32 : 32 + count - len(data)])

    def after(self, offset: int) -> int:
        """Where the packet at an offset ends."""
        return (offset + 24 + int.from_bytes(self.fetch(offset, 4), sys.byteorder)) % SIZE

    # --- sending ------------------------------------------------------------------------------------

    def send(self, frame: bytes, seconds: int = 0, microseconds: int = 0) -> None:
        last = self.after(self.get(20))
        self.put(20, last)
        header = struct.pack("=IIIIQ", len(frame), seconds, microseconds, 0, self.sender)
        offset, wrapped = self.store(last, header)
        _, again = self.store(offset, frame)
        if wrapped or again:
            self.put(8, self.get(8, "Q") + 1, "Q")

    def store(self, offset: int, data: bytes) -> tuple[int, bool]:
        """Write at an offset; where it ends, and whether it touched the ring's end."""
        size = min(len(data), SIZE - offset)
        touched = offset + size == SIZE
        self.make_room(offset, size + touched)
        self.memory[32 + offset : 32 + offset + size] = data[:size]
        if size < len(data):
            self.make_room(0, len(data) - size)
            self.memory[32 : 32 + len(data) - size] = data[size:]
        return (offset + len(data)) % SIZE, touched

    def make_room(self, offset: int, size: int) -> None:
        while offset <= self.get(16) + 24 and offset + size > self.get(16):
            self.put(16, self.after(self.get(16) % SIZE))

    # --- receiving ----------------------------------------------------------------------------------

    def receive(self) -> list[bytes]:
        """All that others sent since the last time."""
        frames: list[bytes] = []
        while True:
            first, end, now = self.get(16), self.after(self.get(20)), self.get(8, "Q")
            if self.generation == now and end == self.next:
                return frames
            if not self.is_valid(first, end, now - self.generation):
                self.overruns += 1
                self.next = first
                # NetBSD holds `first` against `last`: when the newest packet lies across the ring's end, it
                # reads all of them again and again, until somebody sends one more
                self.generation = now - 1 if first >= end else now
            size, _, _, _, sender = struct.unpack("=IIIIQ", self.fetch(self.next, 24))
            behind = self.next + 24 + size
            frame = self.fetch(self.next + 24, size)
            self.next = behind % SIZE
            self.generation += behind >= SIZE
            if size >= 14 and sender != self.sender:
                frames.append(frame)

    def is_valid(self, first: int, end: int, behind: int) -> bool:
        if behind > 1:
            return False
        if first >= end:
            return first <= self.next + SIZE * (behind == 0) <= end + SIZE
        return behind == 0 and first <= self.next <= end
