"""The newer files of captured frames, which tell interfaces apart (draft-ietf-opsawg-pcapng, libpcap sf-pcapng.c).

    block    type, length, body, length again; bodies are padded to four bytes
    options  code, length, value, padded; code 0 ends them

A file is a section header, a block for each interface, and a block for each frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from stack.net.bpf import SNAPLEN, Frame, Source

SHB, IDB, SPB, EPB = 0x0A0D0D0A, 1, 3, 6  # section header, interface description, simple and enhanced packet
MAGIC = 0x1A2B3C4D
_COMMENT, _SHB_USERAPPL, _IF_NAME, _EPB_FLAGS, _IF_TSRESOL, _IF_TSOFFSET = 1, 4, 2, 2, 9, 14
_INBOUND, _OUTBOUND = 1, 2  # in EPB_FLAGS
_NANOSECONDS = 9  # tsresol: 10 to the minus 9
_MOST = 64 << 20  # bytes of a block
_BLOCK, _WORD = Struct("<II"), Struct("<I")
_EPB, _IDB, _SHB, _OPTION = Struct("<IIIII"), Struct("<HHI"), Struct("<IHHq"), Struct("<HH")


def section(comment: str = "") -> bytes:
    """What a file begins with; the comment is what Wireshark shows of the whole of it."""
    options = _option(_COMMENT, comment.encode()) if comment else b""
    options += _option(_SHB_USERAPPL, b"netsh") + bytes(4)
    return _block(SHB, _SHB.pack(MAGIC, 1, 0, -1) + options)


def interface(source: Source, snaplen: int = SNAPLEN) -> bytes:
    """One place where frames were seen, in the order of `Frame.source`."""
    options = _option(_IF_NAME, str(source).encode()) + _option(_IF_TSRESOL, bytes([_NANOSECONDS])) + bytes(4)
    return _block(IDB, _IDB.pack(source.linktype, 0, snaplen) + options)


def packet(frame: Frame) -> bytes:
    """One frame, with its direction and its comment."""
    options = b""
    if frame.comment:
        options += _option(_COMMENT, frame.comment.encode())
    if frame.outgoing is not None:
        options += _option(_EPB_FLAGS, _WORD.pack(_OUTBOUND if frame.outgoing else _INBOUND))
    high, low = divmod(frame.time, 1 << 32)
    head = _EPB.pack(frame.source, high, low, len(frame.data), frame.length)
    return _block(EPB, head + _padded(frame.data) + (options + bytes(4) if options else b""))


def _block(kind: int, body: bytes) -> bytes:
    size = len(body) + 12
    return _BLOCK.pack(kind, size) + body + _WORD.pack(size)


def _option(code: int, value: bytes) -> bytes:
    return _OPTION.pack(code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


class Reader:
    """Takes blocks apart, as they come."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self._clocks: list[tuple[int, int]] = []  # of each interface: ticks a second, nanoseconds to add
        self._snaplens: list[int] = []
        self._first = 0  # where the interfaces of this section begin
        self._order = "<"

    def size(self, head: bytes) -> int:
        """How long the block is that begins with these 12 bytes; ValueError when it is none."""
        if head[:4] == b"\n\r\r\n":
            self._order = "<" if int.from_bytes(head[8:12], "little") == MAGIC else ">"
            if self._number(head[8:12]) != MAGIC:
                raise ValueError("a section of a pcapng file has a byte order that nobody has")
        size = self._number(head[4:8])
        if size < 12 or size % 4 or size > _MOST:
            raise ValueError(f"a block of a pcapng file has an impossible length: {size}")
        return size

    def block(self, block: bytes) -> Frame | None:
        """The frame of a block that holds one; ValueError for what makes no sense."""
        kind, body = self._number(block[:4]), block[8:-4]
        if block[-4:] != block[4:8]:
            raise ValueError("a block of a pcapng file has two lengths that differ")
        if kind == SHB:
            self._first = len(self.sources)
        elif kind == IDB:
            self._describe(body)
        elif kind == EPB:
            return self._enhanced(body)
        elif kind == SPB:
            return self._simple(body)
        return None  # what we do not know is skipped, as it should be

    def _describe(self, body: bytes) -> None:
        if len(body) < 8:
            raise ValueError("an interface of a pcapng file is cut short")
        name, ticks, offset = "", 1_000_000, 0
        for code, value in self._options(body[8:]):
            if code == _IF_NAME:
                name = value.decode(errors="replace")
            elif code == _IF_TSRESOL and value:
                ticks = (2 if value[0] & 0x80 else 10) ** (value[0] & 0x7F)
            elif code == _IF_TSOFFSET and len(value) == 8:
                offset = int.from_bytes(value, "little" if self._order == "<" else "big", signed=True)
        host, colon, interface = name.partition(":")
        source = Source(host, interface, 0) if colon and host != "bus" else Source("", name, 0)
        self.sources.append(source._replace(linktype=self._number(body[:2])))
        self._clocks.append((ticks, offset * 1_000_000_000))
        self._snaplens.append(self._number(body[4:8]))

    def _enhanced(self, body: bytes) -> Frame:
        if len(body) < 20:
            raise ValueError("a packet of a pcapng file is cut short")
        number, high, low, kept, length = (self._number(body[at : at + 4]) for at in range(0, 20, 4))
        source = self._source(number)
        if kept > len(body) - 20:
            raise ValueError("a packet of a pcapng file is longer than its block")
        outgoing, comment = None, ""
        for code, value in self._options(body[20 + kept + -kept % 4 :]):
            if code == _EPB_FLAGS:
                outgoing = {_INBOUND: False, _OUTBOUND: True}.get(self._number(value) & 3)
            elif code == _COMMENT:
                comment = value.decode(errors="replace")
        ticks, offset = self._clocks[source]
        time = (high << 32 | low) * 1_000_000_000 // ticks + offset
        return Frame(time, source, outgoing, body[20 : 20 + kept], length, comment)

    def _simple(self, body: bytes) -> Frame:
        source = self._source(0)
        length = self._number(body[:4])
        kept = min(length, self._snaplens[source] or length, len(body) - 4)
        return Frame(0, source, None, body[4 : 4 + kept], length)

    def _source(self, number: int) -> int:
        if self._first + number >= len(self.sources):
            raise ValueError(f"a packet of a pcapng file is of interface {number}, which the file does not describe")
        return self._first + number

    def _options(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 4 <= len(data):
            code, size = self._number(data[at : at + 2]), self._number(data[at + 2 : at + 4])
            if code == 0:
                return
            yield code, data[at + 4 : at + 4 + size]
            at += 4 + size + -size % 4

    def _number(self, data: bytes) -> int:
        return int.from_bytes(data, "little" if self._order == "<" else "big")
