"""Files of captured frames that tcpdump and Wireshark read (libpcap sf-pcap.c, pcap-savefile(5)).

file     24 bytes: magic 0xa1b23c4d (nanoseconds), version 2.4, time zone and accuracy 0, snapshot length, link type
a frame  16 bytes: seconds, nanoseconds, length kept, length on the wire; then the bytes kept
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct

from stack.dev.files import WholeFile
from stack.net.bpf import Captured, Frame

_MAGIC_NANOSECONDS = 0xA1B23C4D
_MAGIC_MICROSECONDS = 0xA1B2C3D4
_LINKTYPE_ETHERNET = 1
_SNAPLEN = 262144
_HEADER = Struct("<IHHiIII")
_RECORD = Struct("<IIII")
_SECOND = 1_000_000_000


def header(linktype: int = _LINKTYPE_ETHERNET, snaplen: int = _SNAPLEN) -> bytes:
    """What a file begins with."""
    return _HEADER.pack(_MAGIC_NANOSECONDS, 2, 4, 0, 0, snaplen, linktype)


def record(captured: Captured, epoch: float = 0.0) -> bytes:
    """One frame; `epoch` is when the lab's clock stood at 0, in seconds since 1970."""
    seconds, rest = divmod(round(captured.time * 1e9) + round(epoch * 1e9), 1_000_000_000)
    size = len(captured.frame)
    return _RECORD.pack(seconds, rest, size, size) + captured.frame


def saved(frame: Frame) -> bytes:
    """One frame that knows its time in nanoseconds."""
    seconds, rest = divmod(frame.time, _SECOND)
    return _RECORD.pack(seconds & 0xFFFFFFFF, rest, len(frame.data), frame.length) + frame.data


def pack(frames: Iterable[Captured], epoch: float = 0.0) -> Iterator[bytes]:
    """A file, a piece a frame."""
    yield header()
    for captured in frames:
        yield record(captured, epoch)


def write(path: str, frames: Iterable[Captured], epoch: float = 0.0) -> None:
    """Write a file whole or not at all: until it is complete, what stood there before stays."""
    file = WholeFile(path)
    try:
        for piece in pack(frames, epoch):
            file.write(piece)
        file.commit()
    finally:
        file.discard()


def is_magic(head: bytes) -> bool:
    """Whether a file that begins with these four bytes is one of this kind, of any byte order."""
    magics = (_MAGIC_MICROSECONDS, _MAGIC_NANOSECONDS)
    return int.from_bytes(head, "little") in magics or int.from_bytes(head, "big") in magics


class Reader:
    """What a file's header says, and its frames."""

    def __init__(self, head: bytes) -> None:
        magic = int.from_bytes(head[:4], "little")
        order = "<" if magic in (_MAGIC_MICROSECONDS, _MAGIC_NANOSECONDS) else ">"
        self._unpack = Struct(f"{order}IIII").unpack_from
        magic, major, minor, _, _, snaplen, linktype = Struct(f"{order}IHHiIII").unpack(head)
        if major != 2:
            raise ValueError(f"pcap files of version {major}.{minor} are not known")
        self.linktype: int = linktype & 0xFFFF
        self.snaplen: int = snaplen or _SNAPLEN
        self._tick = 1 if magic == _MAGIC_NANOSECONDS else 1000

    def size(self, head: bytes) -> int:
        """How long the record is that begins with these 16 bytes; ValueError when it cannot be one."""
        kept: int = self._unpack(head)[2]
        if kept > max(self.snaplen, _SNAPLEN):
            raise ValueError(f"invalid packet capture length {kept}, bigger than snaplen of {self.snaplen}")
        return _RECORD.size + kept

    def record(self, data: bytes) -> Frame:
        """A frame."""
        seconds, fraction, kept, length = self._unpack(data)
        return Frame(seconds * _SECOND + fraction * self._tick, 0, None, data[16 : 16 + kept], length)
