"""What stands in a bus file, byte by byte, and against a peer that was written from the description alone."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stack.dev.busring import (
    BUS_SIZE,
    FRAME_MAX,
    HEADER_SIZE,
    NEW,
    PACKET_SIZE,
    RING_SIZE,
    Header,
    Ring,
    frames_of,
    pack,
)
from tests.stack.dev.rump import Peer

OURS, THEIRS = 0x1122334455667788, 7
BROADCAST = b"\xff" * 6 + b"\xb2\xa0\0\0\0\1" + b"\x12\x34"


def new() -> bytearray:
    """A bus that nobody has sent on."""
    return bytearray(NEW + bytes(RING_SIZE))


def frame(size: int, number: int = 0) -> bytes:
    """A frame of that size, unlike the others."""
    return (struct.pack("=I", number) + BROADCAST + bytes(range(256)) * (size // 256 + 1))[:size]


def send(memory: bytearray, *frames: bytes, time: float = 5.25) -> None:
    """Send a burst."""
    Ring(memory).append(*pack(list(frames), OURS, time))


class Reader:
    """Reads as BusFile does."""

    def __init__(self, memory: bytearray, own: int = THEIRS) -> None:
        self.ring = Ring(memory)
        self.place = self.ring.bounds()[1]
        self.own = own
        self.overruns = 0

    def receive(self, bytes_at_once: int = 96 * 1024, frames_at_once: int = 128) -> list[bytes]:
        found: list[bytes] = []
        while True:
            peeked = self.ring.peek(self.place, bytes_at_once)
            reading = self.ring.read(self.place, bytes_at_once)
            assert peeked is None or peeked == (reading.data, reading.end) and not reading.overrun
            assert self.ring.bounds() == Ring(self.ring.memory).bounds()  # what it remembers is true
            self.overruns += reading.overrun
            frames, self.place = frames_of(reading.data, reading.place, reading.end, self.own, frames_at_once)
            found += frames
            if self.place == reading.end:
                return found


# --- bytes ------------------------------------------------------------------------------------------


def test_a_new_bus() -> None:
    magic, version, generation, first, last, lock, spare = 0xCA11D054, 3, 0, 1048544, 0, 0, 0
    assert struct.pack("=IIQIIII", magic, version, generation, first, last, lock, spare) == NEW
    assert (BUS_SIZE, HEADER_SIZE, PACKET_SIZE, RING_SIZE) == (1048576, 32, 24, 1048544)


def test_the_first_packets() -> None:
    memory = new()
    send(memory, b"A" * 42, b"B" * 15)
    first = struct.pack("=III4xQ", 42, 5, 250000, OURS) + b"A" * 42
    second = struct.pack("=III4xQ", 15, 5, 250000, OURS) + b"B" * 15
    assert bytes(memory[32 + 24 : 32 + 24 + 66 + 39]) == first + second
    assert not any(memory[32 : 32 + 24]) and not any(memory[32 + 24 + 66 + 39 :])  # nothing between, no padding
    assert Header.unpack(memory) == (0xCA11D054, 3, 0, RING_SIZE, 24 + 66, 0, 0)


def fill(memory: bytearray, until: int) -> None:
    """Send until the newest packet ends there."""
    at = PACKET_SIZE
    while at < until:
        size = min(1514, until - at - PACKET_SIZE)
        if 0 < until - at - PACKET_SIZE - size < PACKET_SIZE + 14:
            size -= 100
        send(memory, frame(size, at))
        at += PACKET_SIZE + size
    assert Ring(memory).bounds()[1] == until


def test_a_packet_that_ends_with_the_ring() -> None:
    memory = new()
    fill(memory, RING_SIZE)
    header = Header.unpack(memory)
    assert header.generation == 1 and header.first == PACKET_SIZE  # the empty packet of the beginning is gone
    send(memory, frame(20))
    header = Header.unpack(memory)
    assert (header.generation, header.last) == (1, 0)
    assert struct.unpack_from("=I", memory, 32) == (20,)


@pytest.mark.parametrize("before", [1, 3, 4, 12, 23, 24, 25, 60])
def test_a_packet_over_the_end_of_the_ring(before: int) -> None:
    memory = new()
    fill(memory, RING_SIZE - before)
    reader = Reader(memory)
    send(memory, frame(100, 9))
    assert Header.unpack(memory)[2:5] == (1, Header.unpack(memory).first, RING_SIZE - before)
    whole = struct.pack("=III4xQ", 100, 5, 250000, OURS) + frame(100, 9)
    assert bytes(memory[BUS_SIZE - before :]) == whole[:before]
    assert bytes(memory[32 : 32 + 124 - before]) == whole[before:]
    assert reader.receive() == [frame(100, 9)]
    send(memory, frame(14))
    assert Header.unpack(memory)[2] == 1 and reader.receive() == [frame(14)]


def test_time_is_seconds_and_microseconds() -> None:
    data, _ = pack([frame(14)], 1, 1700000000.999999)
    assert struct.unpack_from("=II", data, 4) == (1700000000, 999999)


# --- against the other peer -------------------------------------------------------------------------

BURSTS = st.lists(st.lists(st.integers(14, 1514), min_size=1, max_size=60), min_size=1, max_size=60)


@settings(max_examples=15, deadline=None)
@given(BURSTS, st.sampled_from([0, 1, 11, 24, 40]))
def test_we_leave_the_bytes_that_a_rump_kernel_leaves(bursts: list[list[int]], before: int) -> None:
    ours = new()
    fill(ours, RING_SIZE - 30000 - before)
    theirs = bytearray(ours)
    peer = Peer(theirs, OURS)
    for number, burst in enumerate(bursts):
        frames = [frame(size, number) for size in burst]
        send(ours, *frames)
        for each in frames:
            peer.send(each, 5, 250000)
        assert ours[:32] == theirs[:32]
    assert ours == theirs


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(14, 1514), st.integers(0, 3)), min_size=1, max_size=80))
def test_we_understand_each_other(turns: list[tuple[bool, int, int]]) -> None:
    memory = new()
    fill(memory, RING_SIZE - 40000)
    reader, peer = Reader(memory, OURS), Peer(memory, THEIRS)
    peer.receive()  # they read the newest packet once more
    sent: list[bytes] = []
    seen: list[bytes] = []
    for number, (ours, size, reads) in enumerate(turns):
        frames = [frame(size, number), frame(14, number)]
        if ours:
            send(memory, *frames)
            assert peer.receive() == frames
        else:
            for each in frames:
                peer.send(each)
            sent += frames
        if reads:
            seen += reader.receive(100000, reads)
    assert seen + reader.receive() == sent


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 1600), min_size=1, max_size=8))
@example(0, [682, 1, 1364])  # the newest packet lies across the ring's end
def test_a_reader_that_is_overrun_goes_on_with_the_oldest(start: int, counts: list[int]) -> None:
    memory = new()
    reader, peer = Reader(memory), Peer(memory, THEIRS)
    sent = start
    seen: list[int] = []
    for count in counts:
        for _ in range(count):
            sent += 1
            send(memory, frame(1514, sent % 2**32))
        before = reader.overruns
        got = [struct.unpack_from("=I", each)[0] for each in reader.receive()]
        assert got == [struct.unpack_from("=I", each)[0] for each in peer.receive()]
        assert (reader.overruns > before) == (len(got) != count)
        assert got == [number % 2**32 for number in range(sent - len(got) + 1, sent + 1)]
        assert len(got) == count or len(got) > 600  # all that the ring holds
        seen += got
    assert len(seen) == len(set(seen)) and peer.overruns == reader.overruns


def test_our_own_and_empty_packets_are_skipped() -> None:
    memory = new()
    reader = Reader(memory, OURS)
    peer = Peer(memory, THEIRS)
    send(memory, frame(20))
    peer.send(b"")
    peer.send(b"x" * 13)
    peer.send(frame(14, 3))
    assert reader.receive() == [frame(14, 3)]


def test_packets_of_a_bus_that_was_wrapped() -> None:
    memory = new()
    for number in range(2000):
        send(memory, frame(1514, number))
    packets = Ring(memory).packets()
    assert [struct.unpack_from("=I", each.frame)[0] for each in packets] == list(range(2000 - len(packets), 2000))
    assert len(packets) == 681 and {each.sender for each in packets} == {OURS}


# --- a reader without the lock ----------------------------------------------------------------------


class Recorded(bytearray):
    """A bus that keeps, one by one, what is stored in it: where, and the bytes."""

    def __init__(self, memory: bytearray) -> None:
        super().__init__(memory)
        self.stores: list[tuple[int, bytes]] = []
        self.header = bytes(memory[:32])

    def look(self) -> None:
        """Words of the header that have changed since; they may be seen one without the other."""
        for at, size in ((20, 4), (16, 4), (8, 8), (24, 4)):
            if self.header[at : at + size] != (now := bytes(self[at : at + size])):
                self.stores.append((at, now))
        self.header = bytes(self[:32])

    def __setitem__(self, key: slice, value: bytes) -> None:  # type: ignore[override]
        self.look()
        super().__setitem__(key, value)
        if key.start >= 32:
            half = len(value) // 2
            self.stores += [(key.start, value[:half]), (key.start + half, value[half:])]
        self.look()


class Rump(Peer):
    """A rump kernel at work in such a bus."""

    def put(self, at: int, value: int, kind: str = "I") -> None:
        super().put(at, value, kind)
        if isinstance(self.memory, Recorded):
            self.memory.look()


class Torn(bytearray):
    """A bus in which somebody stores while it is loaded: something may happen before each word of its header."""

    stores: list[tuple[int, bytes]]
    chance: random.Random
    pace = 0.0

    def __getitem__(self, key: slice) -> bytearray:  # type: ignore[override]
        begin, end, _ = key.indices(BUS_SIZE)
        if end > 32:
            self.go_on()
            return super().__getitem__(key)
        words = list(range(begin, end, 4))
        self.chance.shuffle(words)  # a copy may be made in any order
        loaded: dict[int, bytearray] = {}
        for at in words:
            self.go_on()
            loaded[at] = super().__getitem__(slice(at, at + 4))
        return bytearray().join(loaded[at] for at in sorted(loaded))

    def go_on(self) -> None:
        while self.stores and self.chance.random() < self.pace:
            self.store()

    def store(self) -> None:
        at, value = self.stores.pop(0)
        super().__setitem__(slice(at, at + len(value)), value)


def send_slowly(before: bytearray, writer: str) -> tuple[list[tuple[int, bytes]], bytearray]:
    """All that is stored one after the other when some frames are sent, and the bus as it is then."""
    memory = Recorded(before)
    memory[24:28] = b"\1\0\0\0"
    if writer == "netsh":
        Ring(memory).append(*pack([frame(1514, 7), frame(60, 8)], OURS, 5.25))
    else:
        Rump(memory, OURS).send(frame(1514, 7))
    memory[24:28] = bytes(4)
    return memory.stores, bytearray(memory)


@pytest.mark.parametrize("writer", ["netsh", "rump"])
@pytest.mark.parametrize(("sent", "late"), [(100, 0), (100, 1), (700, 679), (700, 680), (1361, 0), (1361, 680)])
def test_what_is_read_without_the_lock_is_whole(writer: str, late: int, sent: int) -> None:
    before = new()
    places: list[int] = []
    for number in range(sent):
        send(before, frame(1514, number))
        places.append(Ring(before).bounds()[1])
    place = places[-1 - late]
    stores, after = send_slowly(before, writer)
    truths = [Ring(memory).read(place, BUS_SIZE) for memory in (before, after)]
    true = [(truth.data, truth.end) for truth in truths if not truth.overrun]
    seen: set[int] = set()
    for seed in range(300):
        memory = Torn(before)
        memory.stores, memory.chance = [], random.Random(seed)
        ring = Ring(memory)
        ring.bounds()
        memory.stores, memory.pace = list(stores), memory.chance.choice((0.02, 0.1, 0.4))
        for _ in range(memory.chance.randrange(len(stores)) if seed % 2 else 0):
            memory.store()
        peeked = ring.peek(place, BUS_SIZE)
        assert peeked is None or peeked in true
        seen.add(true.index(peeked) if peeked is not None else -1)
        while memory.stores:
            memory.store()
        assert ring.bounds() == Ring(after).bounds()  # and it has learnt nothing that is not so
    assert len(seen) >= 2


# --- what is no bus ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (0, 0x12345678, "not a bus: it begins with 0x12345678, a bus with 0xca11d054"),
        (4, 2, "a bus of version 2; we know 3"),
        (16, RING_SIZE + 1, "its header points outside of it"),
        (20, RING_SIZE, "its header points outside of it"),
        (16, 200, "its oldest packet is newer than its newest"),
        (32 + 24, FRAME_MAX + 1, f"it has a frame of {FRAME_MAX + 1} bytes"),
    ],
)
def test_what_cannot_be_in_a_bus(at: int, value: int, words: str) -> None:
    memory = new()
    send(memory, frame(60))
    struct.pack_into("=I", memory, at, value)
    with pytest.raises(ValueError, match=words):
        Ring(memory).read(24, 1000)
    with pytest.raises(ValueError, match=words):
        send(memory, frame(60))


def test_a_version_not_yet_written() -> None:
    memory = bytearray(BUS_SIZE)
    peer = Peer(memory, THEIRS)  # writes the version not before it wakes somebody
    assert Ring(memory).bounds() == (0, 24, RING_SIZE)
    peer.send(frame(14))
    assert Ring(memory).bounds() == (0, 62, RING_SIZE)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_scribbles_are_noticed_or_read_as_frames_but_nothing_else(data: st.DataObject) -> None:
    memory = new()
    fill(memory, RING_SIZE - 500)
    reader = Reader(memory)
    reader.place = 24
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.one_of(st.integers(0, 200), st.integers(0, BUS_SIZE - 8)))
        memory[at : at + 8] = data.draw(st.binary(min_size=8, max_size=8))
    for attempt in (reader.receive, lambda: send(memory, frame(1514)), reader.receive, Ring(memory).packets):
        try:
            attempt()
        except ValueError as error:
            assert "bus" in str(error)
