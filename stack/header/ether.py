"""The Ethernet header (BSD net/if_ether.h, net/ethertypes.h; RFC 894, and RFC 1112 6.4 for multicast)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, Self

from stack.addr import Mac

ETHER_ADDR_LEN = 6
ETHER_TYPE_LEN = 2
ETHER_HDR_LEN = 14
ETHER_CRC_LEN = 4
ETHER_VLAN_ENCAP_LEN = 4
ETHER_MIN_LEN = 64  # with the CRC, as is the next
ETHER_MAX_LEN = 1518
ETHERMTU = 1500
ETHERMIN = 46  # the least payload; a shorter one is padded on a real wire

ETHERTYPE_IP = 0x0800
ETHERTYPE_ARP = 0x0806
ETHERTYPE_VLAN = 0x8100
ETHERTYPE_IPV6 = 0x86DD

ETHERTYPES = {ETHERTYPE_IP: "IPv4", ETHERTYPE_ARP: "ARP", ETHERTYPE_VLAN: "802.1Q", ETHERTYPE_IPV6: "IPv6"}

_ETHER = Struct("!6s6sH")
LENGTH = _ETHER.size


class Ether(NamedTuple):
    """struct ether_header: the 14 bytes before every payload.

    ::

        +--------+--------+--------+--------+--------+--------+
        |              Destination Address (48)               |
        +--------+--------+--------+--------+--------+--------+
        |                Source Address (48)                  |
        +--------+--------+--------+--------+--------+--------+
        |    Type (16)    |  up to 1536 it is an 802.3 length
        +--------+--------+
    """

    dst: Mac
    src: Mac
    type: int

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Self:
        """Read the first 14 bytes; ValueError when there are fewer."""
        if len(data) < 14:
            raise ValueError("short Ethernet header")
        dst, src, ethertype = _ETHER.unpack_from(data)
        return cls(Mac(dst), Mac(src), ethertype)

    def pack(self) -> bytes:
        """The 14 bytes."""
        return _ETHER.pack(*self)

    def __str__(self) -> str:
        if self.type < 0x0600:  # IEEE 802.3 3.2.6
            return f"{self.src} > {self.dst}, 802.3, length {self.type}"
        return f"{self.src} > {self.dst}, ethertype {ETHERTYPES.get(self.type, 'Unknown')} (0x{self.type:04x})"


def multicast_mac(group: int) -> Mac:
    """The Ethernet address of an IP multicast group (ETHER_MAP_IP_MULTICAST)."""
    # RFC 1112 6.4: the low-order 23 bits of the IP address; so 32 groups share one address
    return Mac(b"\x01\x00\x5e" + (group & 0x7FFFFF).to_bytes(3))
