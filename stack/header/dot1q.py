"""The VLAN tag, between the source address and the type of a frame (BSD net/if_vlanvar.h; IEEE 802.1Q-1998 9.3)."""

from __future__ import annotations

from typing import NamedTuple, Self

from stack.header.ether import ETHER_VLAN_ENCAP_LEN, ETHERTYPES

EVL_VLID_MASK = 0x0FFF
VLAN_MIN, VLAN_MAX = 1, 4094  # 802.1Q 9.3.2.3: 0 means no VLAN but a priority, 4095 is reserved

LENGTH = ETHER_VLAN_ENCAP_LEN


class Dot1q(NamedTuple):
    """The four bytes that follow type 0x8100 (struct ether_vlan_header, its second half).

    ::

        +--------+-+---------------------------+----------------+
        | PCP (3)|D|         VID (12)          |   Type (16)    |
        +--------+-+---------------------------+----------------+
    """

    vid: int
    type: int  # of the frame inside
    pcp: int = 0  # priority code point
    dei: int = 0  # drop eligible

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Self:
        """Read the first 4 bytes; ValueError when there are fewer."""
        if len(data) < LENGTH:
            raise ValueError("short VLAN tag")
        tci = int.from_bytes(data[:2])
        return cls(tci & EVL_VLID_MASK, int.from_bytes(data[2:4]), tci >> 13, tci >> 12 & 1)

    def pack(self) -> bytes:
        """The 4 bytes."""
        return (self.pcp << 29 | self.dei << 28 | self.vid << 16 | self.type).to_bytes(4)

    def __str__(self) -> str:
        eligible = ", DEI" if self.dei else ""
        inside = f"ethertype {ETHERTYPES.get(self.type, 'Unknown')} (0x{self.type:04x})"
        return f"vlan {self.vid}, p {self.pcp}{eligible}, {inside}"
