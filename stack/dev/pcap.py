"""Files of captured frames that tcpdump and Wireshark read (libpcap sf-pcap.c, pcap-savefile(5)).

file     24 bytes: magic 0xa1b23c4d (nanoseconds), version 2.4, time zone and accuracy 0, snapshot length, link type
a frame  16 bytes: seconds, nanoseconds, length kept, length on the wire; then the bytes kept
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct

from stack.dev.files import WholeFile
from stack.net.bpf import Captured

_MAGIC_NANOSECONDS = 0xA1B23C4D
_LINKTYPE_ETHERNET = 1
_SNAPLEN = 262144
_HEADER = Struct("<IHHiIII")
_RECORD = Struct("<IIII")


def header() -> bytes:
    """What a file begins with."""
    return _HEADER.pack(_MAGIC_NANOSECONDS, 2, 4, 0, 0, _SNAPLEN, _LINKTYPE_ETHERNET)


def record(captured: Captured, epoch: float = 0.0) -> bytes:
    """One frame; `epoch` is when the lab's clock stood at 0, in seconds since 1970."""
    seconds, rest = divmod(round(captured.time * 1e9) + round(epoch * 1e9), 1_000_000_000)
    size = len(captured.frame)
    return _RECORD.pack(seconds, rest, size, size) + captured.frame


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
