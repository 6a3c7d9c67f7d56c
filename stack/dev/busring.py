"""What is in a bus file: a header and a ring of packets (NetBSD rump/net/lib/libshmif/shmifvar.h, shmif_busops.c).

    bus      magic u32 | version u32 | generation u64 | first u32 | last u32 | lock u32 | spare u32 | the ring
    packet   length u32 | seconds u32 | microseconds u32 | 4 bytes unused | sender u64 | the frame

Integers are in the machine's byte order.  Packets follow each other without a gap, and wrap byte by byte at the
ring's end.  `first` is the offset of the oldest whole packet, `last` that of the newest one's header, and
`generation` counts how often a packet has touched the ring's end.

A *place* is an offset that goes on counting where the ring begins anew: generation * RING_SIZE + offset.  So what
is new to a reader is the difference of two places, and a reader that was too slow stands before the oldest one.

Nothing here locks or waits: stack/dev/busfile.py does.  ValueError, with words, for what cannot be in a bus.
"""

from __future__ import annotations

from mmap import mmap
from struct import Struct
from typing import NamedTuple

MAGIC = 0xCA11D054
VERSION = 3
BUS_SIZE = 1 << 20
FRAME_MIN = 14  # shorter packets are no frames, and are skipped
FRAME_MAX = 14 + 4 + 65535  # NetBSD sends no more than 1514; among ourselves the MTU may be larger

_HEADER = Struct("=IIQIIII")
_PACKET = Struct("=IIIxxxxQ")
_LENGTH = Struct("=I")
HEADER_SIZE = _HEADER.size
PACKET_SIZE = _PACKET.size
RING_SIZE = BUS_SIZE - HEADER_SIZE
_HEAD = Struct("=IIQII")  # all but the lock
_STATE = Struct("=QII")  # generation, first, last
VERSION_AT, FIRST_AT, LOCK_AT, SPARE_AT = 4, 16, 24, 28
STATE = slice(8, 24)
HEAD, LOCK = slice(0, 24), slice(24, 28)
_FREE = bytes(4)

Frames = list[bytes]


class Header(NamedTuple):
    """The head of a bus."""

    magic: int
    version: int
    generation: int
    first: int
    last: int
    lock: int
    spare: int

    @classmethod
    def unpack(cls, data: bytes | bytearray | mmap) -> Header:
        """Read it; ValueError when this is no bus, or one of another version."""
        header = cls(*_HEADER.unpack_from(data))
        if header.magic != MAGIC:
            raise ValueError(f"not a bus: it begins with {header.magic:#010x}, a bus with {MAGIC:#x}")
        # a rump kernel writes the version not before it first wakes somebody
        if header.version not in (0, VERSION):
            raise ValueError(f"a bus of version {header.version}; we know {VERSION}")
        if header.first > RING_SIZE or header.last >= RING_SIZE:
            raise ValueError("the bus is broken: its header points outside of it")
        return header


class Packet(NamedTuple):
    """A packet in the ring."""

    offset: int  # of its frame
    length: int
    seconds: int
    microseconds: int
    sender: int
    frame: bytes


class Reading(NamedTuple):
    """Bytes that were read from the ring."""

    data: bytes
    place: int  # where they begin
    end: int  # where the newest packet ends
    overrun: bool  # what the reader wanted had been overwritten


NEW = _HEADER.pack(MAGIC, VERSION, 0, RING_SIZE, 0, 0, 0)  # the head of a bus that nobody has sent on


def pack(frames: Frames, sender: int, time: float) -> tuple[bytes, int]:
    """Packets of some frames, and where in them the last begins."""
    seconds, fraction = divmod(time, 1)
    microseconds = int(fraction * 1e6)
    stamp = int(seconds) & 0xFFFFFFFF
    pieces: list[bytes] = []
    for frame in frames:
        pieces.append(_PACKET.pack(len(frame), stamp, microseconds, sender))
        pieces.append(frame)
    data = b"".join(pieces)
    return data, len(data) - len(frames[-1]) - PACKET_SIZE


def frames_of(data: bytes, place: int, end: int, own: int, most: int) -> tuple[Frames, int]:
    """Whole frames at the head of what was read from a place on, but our own; and the place behind them."""
    size = len(data)
    unpack = _PACKET.unpack_from
    frames: Frames = []
    at = 0
    while at + PACKET_SIZE <= size and len(frames) < most:
        length, _, _, sender = unpack(data, at)
        begin = at + PACKET_SIZE
        if begin + length > size:
            break
        at = begin + length
        if sender != own and length >= FRAME_MIN:
            frames.append(data[begin:at])
    if at == 0 < size or (place + size == end and len(frames) < most and at != size):
        raise ValueError("the bus is broken: its packets do not end where it ends")
    return frames, place + at


class Ring:
    """The packets of a bus, in memory that others see too."""

    __slots__ = ("head", "known", "memory")

    def __init__(self, memory: mmap | bytearray) -> None:
        self.memory = memory
        self.head = b""  # as it was when its bounds were found out
        self.known = (0, 0, 0)

    def bounds(self) -> tuple[int, int, int]:
        """The places of the oldest packet and behind the newest one, and `first` as it stands."""
        head = self.memory[HEAD]
        if head == self.head:
            return self.known
        magic, version, generation, first, last = _HEAD.unpack(head)
        if magic != MAGIC or version != VERSION or first > RING_SIZE or last >= RING_SIZE:
            Header.unpack(self.memory)  # which says what is wrong
        lap = generation * RING_SIZE
        end = lap + (last + PACKET_SIZE + self._length(last)) % RING_SIZE
        oldest = lap + first % RING_SIZE  # a new bus has the ring's size there
        if oldest >= end:
            oldest -= RING_SIZE
        if oldest < 0:
            raise ValueError("the bus is broken: its oldest packet is newer than its newest")
        self.known = oldest, end, first
        self.head = bytes(head)
        return self.known

    def append(self, data: bytes, newest: int) -> int:
        """Add packets; `newest` says where in `data` the last begins.  Returns the place where they stand.

        Whoever is killed in the middle leaves a whole bus: what is overwritten is given up first, and the
        new packets count from one store on, of 16 bytes.
        """
        oldest, end, first = self.bounds()
        behind = end + len(data)
        limit = behind - RING_SIZE
        if oldest < limit or oldest == limit == 0:  # the empty packet of a new bus goes with its first lap
            oldest = self._make_room(oldest, limit)
            first = oldest % RING_SIZE
            _LENGTH.pack_into(self.memory, FIRST_AT, first)
        self._put(end % RING_SIZE, data)
        self.memory[STATE] = _STATE.pack(behind // RING_SIZE, first, (end + newest) % RING_SIZE)
        self.known = oldest, behind, first
        self.head = bytes(self.memory[HEAD])
        return end

    def peek(self, place: int, most: int) -> tuple[bytes, int] | None:
        """All from a place on, without the lock: the bytes, and where the newest packet ends.

        None when it is more than `most`, for which the lock costs little, or when only `read` can tell.

        We load, in this order, the head, the lock, the packets, the head again.  Whoever writes takes the lock, then
        changes the head, always before packets that are in the ring are overwritten, then gives the lock back.  If the
        head is the same both times and the lock was free between, then of whoever had changed it before the first time
        all was in place (the lock was given back since), and nobody had changed it before the packets were loaded, so
        nobody had overwritten them.  A head never comes back: the generation counts on.  All this holds where the
        machine keeps the order of memory (stack/dev/buslock.py, ORDERED).
        """
        memory = self.memory
        head = memory[HEAD]
        if memory[LOCK] != _FREE:
            return None
        try:
            oldest, end, _ = self.bounds()
        except ValueError:
            oldest, end = 0, -1
        size = end - place
        if oldest <= place and 0 <= size <= most:
            begin = HEADER_SIZE + place % RING_SIZE
            data = memory[begin : begin + size]
            if begin + size > BUS_SIZE:
                data = self._get(place % RING_SIZE, size)
            if memory[HEAD] == head:
                return bytes(data), end
        self.head = b""  # what was found out of it may be of packets that were not there yet
        return None

    def read(self, place: int, most: int) -> Reading:
        """Bytes from a place on; from the oldest packet on where that place has been overwritten."""
        oldest, end, _ = self.bounds()
        overrun = not oldest <= place <= end
        if overrun:
            place = oldest
        return Reading(self._get(place % RING_SIZE, min(end - place, most)), place, end, overrun)

    def packets(self) -> list[Packet]:
        """All there are, the oldest first, but those that are empty."""
        oldest, end, _ = self.bounds()
        found: list[Packet] = []
        while oldest < end:
            length, seconds, microseconds, sender = _PACKET.unpack(self._get(oldest % RING_SIZE, PACKET_SIZE))
            offset = (oldest + PACKET_SIZE) % RING_SIZE
            oldest += PACKET_SIZE + length
            if oldest > end:
                raise ValueError("the bus is broken: its packets do not end where it ends")
            if length:
                found.append(Packet(offset, length, seconds, microseconds, sender, self._get(offset, length)))
        return found

    def _make_room(self, oldest: int, limit: int) -> int:
        """The oldest packet that stays when all before a place of the last lap is overwritten."""
        while oldest < limit or oldest == limit == 0:
            oldest += PACKET_SIZE + self._length(oldest % RING_SIZE)
        return oldest

    def _length(self, offset: int) -> int:
        """The length of the frame in the packet there."""
        length: int
        if offset + 4 <= RING_SIZE:
            (length,) = _LENGTH.unpack_from(self.memory, HEADER_SIZE + offset)
        else:
            (length,) = _LENGTH.unpack(self._get(offset, 4))
        if length > FRAME_MAX:
            raise ValueError(f"the bus is broken: it has a frame of {length} bytes")
        return length

    def _put(self, offset: int, data: bytes) -> None:
        begin = HEADER_SIZE + offset
        room = RING_SIZE - offset
        if len(data) <= room:
            self.memory[begin : begin + len(data)] = data
        else:
            self.memory[begin:BUS_SIZE] = data[:room]
            self.memory[HEADER_SIZE : HEADER_SIZE + len(data) - room] = data[room:]

    def _get(self, offset: int, size: int) -> bytes:
        begin = HEADER_SIZE + offset
        room = RING_SIZE - offset
        if size <= room:
            return bytes(self.memory[begin : begin + size])
        return bytes(self.memory[begin:BUS_SIZE]) + bytes(self.memory[HEADER_SIZE : HEADER_SIZE + size - room])
