"""What bridges tell each other, in its LLC header (BSD net/bridgestp.c, net/if_llc.h; IEEE 802.1D-1998 9.3).

A bridge protocol data unit stands in an 802.3 frame: the type field of the Ethernet header is its length.
Times are in 256ths of a second.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, Self

from stack.addr import Mac

BSTP_ETHERADDR = Mac(b"\x01\x80\xc2\0\0\0")  # 802.1D 7.12.3: all bridges, and no frame to it is relayed

LLC_8021D_LSAP = 0x42
LLC_UI = 0x03

BSTP_MSGTYPE_CFG = 0x00
BSTP_MSGTYPE_TCN = 0x80

BSTP_FLAG_TC = 0x01  # the topology changes: forget addresses soon
BSTP_FLAG_TCA = 0x80  # your notification has arrived

TICKS = 256  # a second

_HEAD = Struct("!BBBHBB")
_CONFIG = Struct("!BQIQHHHHH")
_LLC = (LLC_8021D_LSAP, LLC_8021D_LSAP, LLC_UI)
HEAD_LENGTH = _HEAD.size
CONFIG_LENGTH = HEAD_LENGTH + _CONFIG.size


def bridge_id(priority: int, lladdr: bytes) -> int:
    """A bridge's identifier; the lowest of all is the root's."""
    return priority << 48 | int.from_bytes(lladdr)


def show_bridge_id(identifier: int) -> str:
    """As tcpdump prints one: `8000.b2:a0:29:84:30:88`."""
    return f"{identifier >> 48:04x}.{Mac((identifier & 0xFFFFFFFFFFFF).to_bytes(6))}"


def bpdu_type(data: bytes | memoryview) -> int:
    """Which message an 802.3 frame carries; ValueError when it is none that bridges know."""
    if len(data) < HEAD_LENGTH:
        raise ValueError("short BPDU")
    dsap, ssap, control, protocol, _, kind = _HEAD.unpack_from(data)
    if (dsap, ssap, control) != _LLC:
        raise ValueError("bad LLC header")
    if protocol != 0:
        raise ValueError("bad protocol identifier")
    return int(kind)  # 802.1D 9.3.4 asks no version: later ones say the same to us in these two messages


# The topology change notification, sent towards the root: all that it says is its type.
#
#     +--------+--------+--------+-----------------+--------+--------+
#     |DSAP 42 |SSAP 42 | UI 03  |  Protocol = 0   |Version0|Type 80 |
#     +--------+--------+--------+-----------------+--------+--------+
TCN = _HEAD.pack(*_LLC, 0, 0, BSTP_MSGTYPE_TCN)


class Config(NamedTuple):
    """A configuration message (struct bstp_cbpdu): 38 bytes with the LLC header.

    ::

        +--------+--------+--------+-----------------+--------+--------+
        |DSAP 42 |SSAP 42 | UI 03  |  Protocol = 0   |Version0|Type 00 |
        +--------+--------+--------+-----------------+--------+--------+
        | Flags  |                  Root Identifier (64)               |
        +--------+-----------------------------------------------------+
        |      Root Path Cost (32)          |  Bridge Identifier (64)  |
        +-----------------+-----------------+--------------------------+
        |  Port Id (16)   |   Message Age   |         Max Age          |
        +-----------------+-----------------+--------------------------+
        |   Hello Time    |  Forward Delay  |
        +-----------------+-----------------+
    """

    flags: int
    root: int
    cost: int
    bridge: int
    port: int
    message_age: int
    max_age: int
    hello_time: int
    forward_delay: int

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Self:
        """Read the first 38 bytes; ValueError for fewer, and for another message."""
        if bpdu_type(data) != BSTP_MSGTYPE_CFG:
            raise ValueError("bad BPDU type")
        if len(data) < CONFIG_LENGTH:
            raise ValueError("short BPDU")
        return cls._make(_CONFIG.unpack_from(data, HEAD_LENGTH))

    def pack(self) -> bytes:
        """The 38 bytes."""
        return _HEAD.pack(*_LLC, 0, 0, BSTP_MSGTYPE_CFG) + _CONFIG.pack(*self)

    def __str__(self) -> str:
        names = ((BSTP_FLAG_TC, "Topology change"), (BSTP_FLAG_TCA, "Topology change ACK"))
        words = ", ".join(word for bit, word in names if self.flags & bit) or "none"
        return (
            f"STP 802.1d, Config, Flags [{words}], bridge-id {show_bridge_id(self.bridge)}.{self.port:04x}, "
            f"root-id {show_bridge_id(self.root)}, root-pathcost {self.cost}, "
            f"message-age {self.message_age / TICKS:.2f}s, max-age {self.max_age / TICKS:.2f}s, "
            f"hello-time {self.hello_time / TICKS:.2f}s, forwarding-delay {self.forward_delay / TICKS:.2f}s"
        )
