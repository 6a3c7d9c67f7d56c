"""Socket buffers: bytes in order for streams, records for datagrams (BSD kern/uipc_socket2.c).

A stream buffer is a queue of pieces, as BSD's is a chain of mbufs: what the writer gave and what the
wire brought are kept as they came, and a segment is a slice of them.  Pieces are immutable.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from stack.kern.proc import Channel

_VIEW_FROM = 8192  # bytes; a longer slice is a view, a shorter one is cheaper to copy
_COMPRESS_BELOW = 1024  # bytes; smaller neighbours are joined (sbcompress)

_SOCKADDR = 16  # bytes: sizeof(struct sockaddr_in)

Piece = bytes | memoryview


class StreamBuf:
    """Bytes in order, up to `hiwat` of them; `cc` counts those here."""

    __slots__ = ("auto", "cc", "channel", "hiwat", "lowat", "pieces", "sndptr", "sndptroff", "start", "timeo")

    def __init__(self, hiwat: int, wmesg: str, lowat: int = 1) -> None:
        self.hiwat = hiwat
        self.lowat = lowat
        self.sndptr = self.sndptroff = 0  # the piece that was copied from last, and the bytes before it
        self.auto = True  # the protocol may let it grow (SB_AUTOSIZE), until a program sets its size
        self.cc = 0
        self.timeo: float | None = None  # seconds that a call may wait here (sb_timeo)
        self.pieces: deque[Piece] = deque()
        self.start = 0  # bytes of the first piece that are gone already
        self.channel = Channel(wmesg)

    @property
    def space(self) -> int:
        """Bytes that may still be appended; never negative, though `hiwat` may shrink."""
        return max(self.hiwat - self.cc, 0)

    def append(self, data: Piece) -> None:
        """Put bytes at the end (sbappendstream)."""
        size = len(data)
        if not size:
            return
        self.cc += size
        pieces = self.pieces
        if size < _COMPRESS_BELOW and pieces and len(pieces[-1]) < _COMPRESS_BELOW:
            pieces[-1] = b"".join((pieces[-1], data))
        else:
            pieces.append(data)

    def copy(self, offset: int, size: int) -> Piece:
        """`size` bytes from `offset` on, left where they are (m_copym); they must be there."""
        offset += self.start
        pieces = self.pieces
        at, before = (self.sndptr, self.sndptroff) if offset >= self.sndptroff else (0, 0)
        if at:
            offset -= before
        count = len(pieces)
        while at < count and offset >= (length := len(pieces[at])):
            offset -= length
            before += length
            at += 1
        self.sndptr, self.sndptroff = at, before
        parts: list[Piece] = []
        while size and at < count:
            piece = pieces[at]
            if not parts and offset + size <= (length := len(piece)):
                if size >= _VIEW_FROM and size < length:
                    return memoryview(piece)[offset : offset + size]
                return piece[offset : offset + size]
            part = piece[offset : offset + size]
            parts.append(part)
            size -= len(part)
            offset = 0
            at += 1
        return b"".join(parts)

    def drop(self, size: int) -> None:
        """Forget the first `size` bytes (sbdrop)."""
        self.cc -= size
        pieces = self.pieces
        size += self.start
        while pieces and size >= (length := len(pieces[0])):
            size -= length
            pieces.popleft()
            if self.sndptr:
                self.sndptr -= 1
                self.sndptroff -= length
        self.start = size

    def take(self, size: int) -> bytes:
        """Remove and return the first bytes, at most `size` of them."""
        size = min(size, self.cc)
        if not size:
            return b""
        pieces = self.pieces
        if not self.start and len(pieces[0]) == size:
            self.cc -= size
            self.sndptr = self.sndptroff = 0
            return bytes(pieces.popleft())
        data = bytes(self.copy(0, size))
        self.drop(size)
        return data

    def flush(self) -> None:
        """Forget everything (sbflush)."""
        self.pieces.clear()
        self.cc = self.start = self.sndptr = self.sndptroff = 0


class Record(NamedTuple):
    """A datagram that waits to be read: its bytes, who sent it, and where it had been sent to."""

    data: bytes
    source: tuple[int, int]
    destination: int
    ttl: int


class RecordBuf:
    """Datagrams in order, up to `hiwat` bytes of them; one that does not fit is not taken.

    The sender's address counts too, as in BSD: so there is an end even to empty datagrams.
    """

    __slots__ = ("cc", "channel", "hiwat", "lowat", "records", "timeo")

    def __init__(self, hiwat: int, wmesg: str, lowat: int = 1) -> None:
        self.hiwat = hiwat
        self.lowat = lowat
        self.cc = 0
        self.timeo: float | None = None
        self.records: deque[Record] = deque()
        self.channel = Channel(wmesg)

    def append(self, record: Record) -> bool:
        """Put a datagram at the end (sbappendaddr); False when it does not fit."""
        size = len(record.data) + _SOCKADDR
        if self.cc + size > self.hiwat:
            return False
        self.cc += size
        self.records.append(record)
        return True

    def take(self) -> Record:
        """Remove and return the first datagram; IndexError when there is none."""
        record = self.records.popleft()
        self.cc -= len(record.data) + _SOCKADDR
        return record

    def flush(self) -> None:
        """Forget everything."""
        self.records.clear()
        self.cc = 0
