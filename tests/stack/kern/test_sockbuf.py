"""Socket buffers against what they stand for: plain bytes, and a list of datagrams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stack.kern.sockbuf import Piece, Record, RecordBuf, StreamBuf

SIZES = st.integers(0, 20) | st.integers(1000, 1050) | st.integers(8000, 20000)


class Stream(RuleBasedStateMachine):
    """A StreamBuf and a bytes object, treated alike."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = StreamBuf(1 << 20, "netio")
        self.model = b""
        self.made = 0

    def bytes(self, size: int) -> bytes:
        self.made += 1
        return bytes((self.made * 7 + place) % 251 for place in range(size))

    @rule(size=SIZES, view=st.booleans())
    def append(self, size: int, view: bool) -> None:
        data: Piece = self.bytes(size)
        self.model += data
        self.buffer.append(memoryview(data) if view else data)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        size = data.draw(st.integers(0, len(self.model)))
        self.buffer.drop(size)
        self.model = self.model[size:]

    @rule(size=SIZES)
    def take(self, size: int) -> None:
        taken = self.buffer.take(size)
        assert type(taken) is bytes
        assert taken == self.model[:size]
        self.model = self.model[size:]

    @rule(data=st.data())
    def copy(self, data: st.DataObject) -> None:
        offset = data.draw(st.integers(0, len(self.model)))
        size = data.draw(st.integers(0, len(self.model) - offset))
        assert bytes(self.buffer.copy(offset, size)) == self.model[offset : offset + size]

    @rule()
    def flush(self) -> None:
        self.buffer.flush()
        self.model = b""

    @rule(hiwat=st.integers(1, 40000))
    def resize(self, hiwat: int) -> None:
        self.buffer.hiwat = hiwat

    @invariant()
    def same(self) -> None:
        assert self.buffer.cc == len(self.model)
        assert self.buffer.space == max(self.buffer.hiwat - len(self.model), 0)
        assert bytes(self.buffer.copy(0, len(self.model))) == self.model
        assert all(self.buffer.pieces)


test_stream = Stream.TestCase


def test_small_pieces_are_joined() -> None:
    """A program that writes single bytes does not make a list of them."""
    buffer = StreamBuf(10000, "netio")
    for _ in range(5000):
        buffer.append(b"x")
    assert len(buffer.pieces) < 10
    assert buffer.take(10000) == b"x" * 5000


def test_large_slices_are_not_copied() -> None:
    data = bytes(100_000)
    buffer = StreamBuf(1 << 20, "netio")
    buffer.append(data)
    slice_ = buffer.copy(10, 50_000)
    assert isinstance(slice_, memoryview)
    assert slice_.obj is data


@given(st.lists(st.binary(max_size=100), max_size=30), st.integers(0, 1000))
def test_records(datagrams: list[bytes], hiwat: int) -> None:
    """Whole datagrams in order; one that does not fit is refused and changes nothing."""
    buffer, kept = RecordBuf(hiwat, "netio"), []
    for number, data in enumerate(datagrams):
        before = buffer.cc
        if buffer.append(Record(data, (1, number), 2, 64)):
            kept.append((data, number))
        else:
            assert buffer.cc == before
            assert before + len(data) + 16 > hiwat  # a sender's address counts too
        assert buffer.cc <= hiwat
    taken = [buffer.take() for _ in kept]
    assert [(record.data, record.source[1]) for record in taken] == kept
    assert buffer.cc == 0
    with pytest.raises(IndexError):
        buffer.take()


def test_records_flush() -> None:
    buffer = RecordBuf(1000, "netio")
    buffer.append(Record(b"abc", (1, 2), 3, 64))
    buffer.flush()
    assert buffer.cc == 0
    assert not buffer.records
