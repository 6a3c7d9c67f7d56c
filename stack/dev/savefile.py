"""Files of captured frames: written so that they can be read at the same time, and read (libpcap savefile.c).

A file whose name ends in .pcapng is of that kind, any other is a pcap (stack/dev/pcap.py), whose frames all have
one link type.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence

from stack.dev import pcap, pcapng
from stack.net.bpf import SNAPLEN, Frame, Source

_CHUNK = 1 << 18
_HEADER, _RECORD, _BLOCK = 24, 16, 12  # bytes: of a pcap, of its records, and of what a pcapng's blocks begin with


class Packer:
    """Frames as the bytes of a file, which are the same for a file and for a pipe."""

    def __init__(
        self, sources: Sequence[Source], snaplen: int = SNAPLEN, *, newer: bool = False, comment: str = ""
    ) -> None:
        """ValueError when the kind of file cannot hold them."""
        self.newer = newer
        self.snaplen = snaplen
        self.described = len(sources)
        linktypes = {source.linktype for source in sources}
        if not newer and len(linktypes) > 1:
            raise ValueError("Ethernet and loopback do not go into one pcap file; a name that ends in .pcapng has both")
        if newer:
            self.head = pcapng.section(comment) + b"".join(pcapng.interface(source, snaplen) for source in sources)
        else:
            self.head = pcap.header(next(iter(linktypes), 1), snaplen)

    def more(self, sources: Sequence[Source]) -> bytes:
        """Sources that have come up since; an older file has no room for them."""
        new, self.described = sources[self.described :], len(sources)
        return b"".join(pcapng.interface(source, self.snaplen) for source in new) if self.newer else b""

    def pack(self, frame: Frame) -> bytes:
        """One frame."""
        return pcapng.packet(frame) if self.newer else pcap.saved(frame)


class SaveFile:
    """A file that grows by whole frames: each `write` is in it at once, and when the disk is full it is cut back.

    OSError when it cannot be written.
    """

    def __init__(self, path: str, head: bytes) -> None:
        self.path = path
        try:
            self.is_regular = stat.S_ISREG(os.stat(path).st_mode)
        except FileNotFoundError:
            self.is_regular = True
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO that nobody reads says so
        self.descriptor = os.open(path, flags, 0o666)
        os.set_blocking(self.descriptor, True)
        if self.is_regular:
            os.ftruncate(self.descriptor, 0)
        self.size = 0
        self.write([head])

    def write(self, pieces: Iterable[bytes]) -> None:
        """Add frames; OSError when they do not all fit: then those that did are there, whole."""
        pieces = list(pieces)
        data = memoryview(b"".join(pieces))
        done = 0
        try:
            while done < len(data):
                done += os.write(self.descriptor, data[done:])
        except OSError:
            for piece in pieces:
                if done < len(piece):
                    break
                done -= len(piece)
                self.size += len(piece)
            if self.is_regular:
                os.ftruncate(self.descriptor, self.size)
            raise
        self.size += len(data)

    def close(self) -> None:
        """No more will come; harmless when it is closed."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Loader:
    """Takes a file of either kind apart, however it comes in pieces."""

    def __init__(self) -> None:
        self.snaplen = SNAPLEN
        self.kind = ""  # pcap or pcapng, once that is known
        self._waiting = bytearray()
        self._older: pcap.Reader | None = None
        self._newer = pcapng.Reader()
        self.sources = self._newer.sources

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now; ValueError where it makes no sense any more."""
        self._waiting += data
        if not self.kind and not self._begin():
            return
        at, waiting = 0, self._waiting
        try:
            while (size := self._next(at)) and at + size <= len(waiting):
                piece = bytes(waiting[at : at + size])
                at += size
                frame = self._newer.block(piece) if self._older is None else self._older.record(piece)
                if frame is not None:
                    yield frame
        finally:
            del waiting[:at]

    def _begin(self) -> bool:
        """Whether the file's kind is known by now."""
        head = bytes(self._waiting[:_HEADER])
        if head[:4] == b"\n\r\r\n":
            self.kind = "pcapng"
        elif len(head) >= 4 and not pcap.is_magic(head[:4]):
            raise ValueError("unknown file format")
        elif len(head) == _HEADER:
            self._older = pcap.Reader(head)
            self.kind, self.snaplen = "pcap", self._older.snaplen
            self.sources.append(Source("", "", self._older.linktype))
            del self._waiting[:_HEADER]
        return bool(self.kind)

    def _next(self, at: int) -> int:
        """How long the piece is that begins there; 0 when that cannot be told yet."""
        size = _BLOCK if self._older is None else _RECORD
        head = bytes(self._waiting[at : at + size])
        if len(head) < size:
            return 0
        return self._newer.size(head) if self._older is None else self._older.size(head)

    def end(self) -> None:
        """There is no more; ValueError when it ends in the middle of something."""
        left = len(self._waiting)
        if not self.kind:
            wanted = 4 if left < 4 else _HEADER
            raise ValueError(f"truncated dump file; tried to read {wanted} file header bytes, only got {left}")
        if left and self._older is not None:
            size = self._next(0)
            wanted, had, what = (size - _RECORD, left - _RECORD, "captured") if size else (_RECORD, left, "header")
            raise ValueError(f"truncated dump file; tried to read {wanted} {what} bytes, only got {had}")
        if left:
            raise ValueError(f"truncated pcapng dump file; {left} bytes of its last block are there")


def chunks(path: str) -> Iterator[bytes]:
    """A file piece by piece; OSError when it cannot be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while data := os.read(descriptor, _CHUNK):
            yield data
    finally:
        os.close(descriptor)
