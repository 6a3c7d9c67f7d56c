"""Addresses as small typed values: Ip4 is an int, Mac is bytes, Prefix a pair (sys/netinet/in.h).

An `Ip4` *is* its 32 bits, so masks and table look-ups cost what an int costs.  Tables are kept
per family, since `Ip4(5) == Ip6(5)`.
"""

from __future__ import annotations

from typing import NamedTuple, Self

_OCTETS = frozenset(map(str, range(256)))


class Ip4(int):
    """An IPv4 address; prints as a dotted quad."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `a.b.c.d`, exactly four decimal parts; else ValueError.

        A leading zero is refused, as by inet_pton(3): inet_aton(3) would take `010` for 8.
        """
        parts = text.split(".")
        if len(parts) != 4:
            raise ValueError(f"{text}: not an IPv4 address")
        value = 0
        for part in parts:
            if part not in _OCTETS:
                raise ValueError(f"{text}: not an IPv4 address")
            value = value << 8 | int(part)
        return cls(value)

    def __str__(self) -> str:
        return f"{self >> 24}.{self >> 16 & 255}.{self >> 8 & 255}.{self & 255}"

    def __repr__(self) -> str:
        return f"Ip4('{self}')"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    @property
    def packed(self) -> bytes:
        """Four bytes, network order."""
        return self.to_bytes(4)

    @property
    def is_multicast(self) -> bool:
        """Class D, 224/4."""
        return self >> 28 == 14

    @property
    def is_loopback(self) -> bool:
        """127/8."""
        return self >> 24 == 127

    @property
    def is_experimental(self) -> bool:
        """Class E, 240/4; the limited broadcast is its last address."""
        return self >> 28 == 15


INADDR_ANY = Ip4(0)
INADDR_BROADCAST = Ip4(0xFFFFFFFF)
INADDR_LOOPBACK = Ip4(0x7F000001)
INADDR_ALLHOSTS_GROUP = Ip4(0xE0000001)  # 224.0.0.1
INADDR_ALLRTRS_GROUP = Ip4(0xE0000002)  # 224.0.0.2

_HEX = frozenset("0123456789abcdefABCDEF")


class Mac(bytes):
    """A 48-bit Ethernet address; prints as `b2:a0:..`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read six hex parts of one or two digits, joined by colons; else ValueError."""
        parts = text.split(":")
        # int() alone would also take a sign, a space, and other scripts' digits
        if len(parts) == 6 and all(1 <= len(part) <= 2 and _HEX.issuperset(part) for part in parts):
            return cls(int(part, 16) for part in parts)
        raise ValueError(f"{text}: not an Ethernet address")

    def __str__(self) -> str:
        return self.hex(":")

    def __repr__(self) -> str:
        return f"Mac('{self}')"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    @property
    def is_multicast(self) -> bool:
        """The group bit, which the broadcast address has too."""
        return bool(self[0] & 1)


ETHER_BROADCAST = Mac(b"\xff" * 6)


def mask_of(plen: int) -> int:
    """The netmask of a prefix length, as an int: 24 gives 0xffffff00."""
    return 0xFFFFFFFF << 32 - plen & 0xFFFFFFFF


def plen_of(mask: int) -> int:
    """The prefix length of a contiguous netmask; ValueError for one with holes."""
    plen = mask.bit_count()
    if mask_of(plen) != mask:
        raise ValueError(f"{Ip4(mask)}: netmask with holes")
    return plen


_LENGTHS = frozenset(map(str, range(33)))


class Prefix(NamedTuple):
    """A network: its first address and the length of its mask; host bits are 0."""

    net: Ip4
    plen: int

    @classmethod
    def of(cls, address: int, plen: int) -> Prefix:
        """The network of that length in which an address lies."""
        return cls(Ip4(address & mask_of(plen)), plen)

    @classmethod
    def parse(cls, text: str) -> Prefix:
        """Read `10.0.1.0/24`, BSD's shortened `10.0.1/24`, or `default`; host bits are cut off."""
        if text == "default":
            return cls(INADDR_ANY, 0)
        address, _, length = text.partition("/")
        octets = address.split(".")
        octets += ["0"] * (4 - len(octets))
        if length not in _LENGTHS or len(octets) > 4 or not _OCTETS.issuperset(octets):
            raise ValueError(f"{text}: not a network prefix")
        return cls.of(Ip4.parse(".".join(octets)), int(length))

    @property
    def mask(self) -> Ip4:
        """The netmask as an address."""
        return Ip4(mask_of(self.plen))

    @property
    def broadcast(self) -> Ip4:
        """The directed broadcast: host bits all ones."""
        return Ip4(self.net | ~mask_of(self.plen) & 0xFFFFFFFF)

    def has(self, address: int) -> bool:
        """Whether an address lies in this network."""
        return address & mask_of(self.plen) == self.net

    def __str__(self) -> str:
        return f"{self.net}/{self.plen}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)
