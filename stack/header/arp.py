"""Address resolution for IP on Ethernet (BSD net/if_arp.h; RFC 826)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, Self

from stack.addr import Ip4, Mac
from stack.header.ether import ETHER_ADDR_LEN, ETHERTYPE_IP

ARPHRD_ETHER = 1

ARPOP_REQUEST = 1
ARPOP_REPLY = 2

_ARP = Struct("!HHBBH6sI6sI")
LENGTH = _ARP.size


class Arp(NamedTuple):
    """struct ether_arp: always six-byte hardware and four-byte protocol addresses.

    ::

         0                   1                   2                   3
         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
        +-------------------------------+-------------------------------+
        |    Hardware type (hrd) = 1    |  Protocol type (pro) = 0x800  |
        +---------------+---------------+-------------------------------+
        |    hln = 6    |    pln = 4    |         Operation (op)        |
        +---------------+---------------+-------------------------------+
        |                 Sender hardware address (sha)                 |
        +                               +-------------------------------+
        |                               |   Sender protocol addr (spa)  |
        +-------------------------------+-------------------------------+
        |                               |   Target hardware addr (tha)  |
        +-------------------------------+                               +
        |                                                               |
        +---------------------------------------------------------------+
        |                 Target protocol address (tpa)                 |
        +---------------------------------------------------------------+
    """

    op: int
    sha: Mac
    spa: Ip4
    tha: Mac
    tpa: Ip4

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Self:
        """Read the first 28 bytes; ValueError for fewer, and for what is not IP on Ethernet."""
        if len(data) < 28:
            raise ValueError("short ARP")
        hrd, pro, hln, pln, op, sha, spa, tha, tpa = _ARP.unpack_from(data)
        # RFC 826, packet reception: the checks in the order that it asks them
        if hrd != ARPHRD_ETHER:
            raise ValueError("bad hardware type")
        if hln != ETHER_ADDR_LEN:
            raise ValueError("bad hardware address length")
        if pro != ETHERTYPE_IP:
            raise ValueError("bad protocol type")
        if pln != 4:
            raise ValueError("bad protocol address length")
        return cls(op, Mac(sha), Ip4(spa), Mac(tha), Ip4(tpa))

    def pack(self) -> bytes:
        """The 28 bytes."""
        op, sha, spa, tha, tpa = self
        return _ARP.pack(ARPHRD_ETHER, ETHERTYPE_IP, ETHER_ADDR_LEN, 4, op, sha, spa, tha, tpa)

    def __str__(self) -> str:
        if self.op == ARPOP_REQUEST:
            return f"Request who-has {self.tpa} tell {self.spa}"
        if self.op == ARPOP_REPLY:
            return f"Reply {self.spa} is-at {self.sha}"
        return f"op {self.op} {self.spa} ({self.sha}) > {self.tpa} ({self.tha})"
