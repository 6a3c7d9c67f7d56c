"""The UDP header (BSD netinet/udp.h; RFC 768)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, Self

_UDP = Struct("!HHHH")
LENGTH = _UDP.size


class Udp(NamedTuple):
    """struct udphdr.

    ::

         0      7 8     15 16    23 24    31
        +--------+--------+--------+--------+
        |     Source      |   Destination   |
        |      Port       |      Port       |
        +--------+--------+--------+--------+
        |     Length      |    Checksum     |
        +--------+--------+--------+--------+
    """

    sport: int
    dport: int
    ulen: int = 8  # header and data
    sum: int = 0  # RFC 768: 0 is no checksum

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Self:
        """Read the first 8 bytes; ValueError when there are fewer."""
        if len(data) < 8:
            raise ValueError("short UDP header")
        return cls._make(_UDP.unpack_from(data))

    def pack(self) -> bytes:
        """The 8 bytes; the checksum stands as it is, for it needs the addresses and the data."""
        return _UDP.pack(*self)

    def __str__(self) -> str:
        return f"{self.sport} > {self.dport}: UDP, length {self.ulen - 8}"
