"""Content codings, both ways: gzip and deflate, a piece of a body at a time (RFC 9110 8.4, RFC 1952)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Protocol

_PIECE = 65536  # bytes at a time, on either side
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's names for what is around the data: gzip's head, zlib's, nothing
_GZIP_MAGIC = b"\x1f\x8b"
_ITEM = re.compile(r"\s*([\w!#$%&'*+.^`|~-]+)\s*(?:;\s*[qQ]\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.ASCII)

ACCEPTED = "gzip, deflate"  # what a client may be sent


class Inflate:
    """Undoes a coding, piece by piece; ValueError for data that are broken."""

    def __init__(self, coding: str) -> None:
        self.coding = coding
        self.head = b""  # of `deflate`, until it is known which of the two it is
        self.begun = False
        self.inner = zlib.decompressobj(_GZIP)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes become, in pieces however much that is."""
        if not self.begun:
            self.head += data
            if len(self.head) < 2:
                return
            data, self.begun = self.head, True
            if self.coding == "deflate":
                # RFC 9110 8.4.1.2 means zlib's format; some servers leave its head away
                with_head = data[0] & 15 == 8 and int.from_bytes(data[:2]) % 31 == 0
                self.inner = zlib.decompressobj(_ZLIB if with_head else _RAW)
        while data and (not self.inner.eof or self._goes_on(data)):
            yield from self._inflate(data)
            data = self.inner.unused_data

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        """Up to the end of the data, or of the member that they are of."""
        piece = b""
        while not self.inner.eof and (data or len(piece) == _PIECE):  # behind a full piece there may be more inside
            try:
                piece = self.inner.decompress(data, _PIECE)
            except zlib.error:
                raise ValueError(f"broken {self.coding} data") from None
            if piece:
                yield piece
            data = self.inner.unconsumed_tail

    def _goes_on(self, data: bytes) -> bool:
        """Whether this is another member (RFC 1952 2.2), and not padding."""
        if self.coding == "gzip" and data.startswith(_GZIP_MAGIC[: len(data)]):
            self.inner = zlib.decompressobj(_GZIP)
            return True
        if data.strip(b"\0"):
            raise ValueError(f"something else behind the {self.coding} data")
        return False

    def end(self) -> None:
        """There is no more; ValueError when there should be."""
        if self.head and not self.inner.eof:
            raise ValueError(f"the {self.coding} data end too early")


def decoder(coding: str) -> Inflate | None:
    """What undoes a Content-Encoding; None where there is nothing to do, ValueError for one that was not asked for."""
    if not coding:
        return None
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise ValueError(f"in a coding that nobody asked for: {coding}")
    return Inflate(coding.removeprefix("x-"))


def accepts_gzip(accepted: str) -> bool:
    """Whether a client with that Accept-Encoding takes gzip (RFC 9110 12.5.3)."""
    weights = {found[1].lower(): float(found[2] or 1) for found in map(_ITEM.fullmatch, accepted.split(",")) if found}
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


class Source(Protocol):
    """What can be read."""

    def read(self, size: int, /) -> bytes:
        """Some bytes, b"" at the end."""

    def close(self) -> None:
        """No more are wanted."""


class Deflated:
    """A file that is compressed with gzip while it is read; the same file always gives the same bytes."""

    def __init__(self, file: Source) -> None:
        self.file = file
        self.outer = zlib.compressobj(wbits=_GZIP)
        self.ended = False

    def read(self, size: int, /) -> bytes:
        """More of it, about `size` bytes at most; b"" at the end."""
        data = b""
        while not data and not self.ended:
            plain = self.file.read(size)
            self.ended = not plain
            data = self.outer.compress(plain) if plain else self.outer.flush()
        return data

    def close(self) -> None:
        """Close the file."""
        self.file.close()
