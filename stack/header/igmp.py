"""Group membership messages (BSD netinet/igmp.h; RFC 2236 2, RFC 1112 appendix I for version 1)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, Self

from stack.addr import INADDR_ANY, Ip4
from stack.header.checksum import checksum

IGMP_MEMBERSHIP_QUERY = 0x11
IGMP_V1_REPORT = 0x12
IGMP_V2_REPORT = 0x16
IGMP_LEAVE = 0x17

IGMP_TIMER_SCALE = 10  # `code` counts tenths of a second

_IGMP = Struct("!BBHI")
LENGTH = _IGMP.size


class Igmp(NamedTuple):
    """struct igmp.

    ::

         0                   1                   2                   3
         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |      Type     | Max Resp Time |           Checksum            |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |                         Group Address                         |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    type: int
    code: int = 0  # Max Resp Time, in 1/10 s; 0 in a query is a version 1 router's
    sum: int = 0
    group: Ip4 = INADDR_ANY  # 0 in a general query

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Self:
        """Read the first 8 bytes; ValueError when there are fewer."""
        if len(data) < 8:
            raise ValueError("short IGMP message")
        kind, code, cksum, group = _IGMP.unpack_from(data)
        return cls(kind, code, cksum, Ip4(group))

    def pack(self) -> bytes:
        """The 8 bytes with their checksum, whatever `sum` says."""
        body = _IGMP.pack(self.type, self.code, 0, self.group)
        return body[:2] + checksum(body).to_bytes(2) + body[4:]

    def __str__(self) -> str:
        if self.type == IGMP_MEMBERSHIP_QUERY:
            version = "v2" if self.code else "v1"
            wait = f" [max resp time {self.code / IGMP_TIMER_SCALE:g} s]" if self.code else ""
            return f"igmp query {version}{wait}" + (f" [gaddr {self.group}]" if self.group else "")
        if self.type == IGMP_LEAVE:
            return f"igmp leave {self.group}"
        version = {IGMP_V1_REPORT: "v1 report", IGMP_V2_REPORT: "v2 report"}.get(self.type, f"type 0x{self.type:02x}")
        return f"igmp {version} {self.group}"
