"""The IPv4 header and its options (BSD netinet/ip.h, netinet/in.h; RFC 791 3.1, RFC 1122 3.2.1, RFC 2113)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, Self

from stack.addr import INADDR_ANY, Ip4
from stack.header.checksum import partial

IPVERSION = 4
IP_MAXPACKET = 65535
MAX_IPOPTLEN = 40
MAXTTL = 255
IPDEFTTL = 64
IPTTLDEC = 1
IP_MSS = 576  # RFC 791: every host takes in a datagram of this size

# in `off`
IP_RF = 0x8000
IP_DF = 0x4000
IP_MF = 0x2000
IP_OFFMASK = 0x1FFF  # in units of 8 bytes

# in `p` (netinet/in.h)
IPPROTO_IP = 0
IPPROTO_ICMP = 1
IPPROTO_IGMP = 2
IPPROTO_IPIP = 4
IPPROTO_TCP = 6
IPPROTO_UDP = 17
IPPROTO_IPV6 = 41
IPPROTO_GRE = 47
IPPROTO_ICMPV6 = 58
IPPROTO_RAW = 255

IPPROTO_NAMES = {
    IPPROTO_ICMP: "ICMP",
    IPPROTO_IGMP: "IGMP",
    IPPROTO_IPIP: "IPIP",
    IPPROTO_TCP: "TCP",
    IPPROTO_UDP: "UDP",
    IPPROTO_IPV6: "IPv6",
    IPPROTO_GRE: "GRE",
    IPPROTO_ICMPV6: "ICMPv6",
}

# in `tos` (RFC 1349; the low two bits are RFC 3168's)
IPTOS_LOWDELAY = 0x10
IPTOS_THROUGHPUT = 0x08
IPTOS_RELIABILITY = 0x04
IPTOS_PREC_ROUTINE = 0x00
IPTOS_PREC_PRIORITY = 0x20
IPTOS_PREC_IMMEDIATE = 0x40
IPTOS_PREC_FLASH = 0x60
IPTOS_PREC_FLASHOVERRIDE = 0x80
IPTOS_PREC_CRITIC_ECP = 0xA0
IPTOS_PREC_INTERNETCONTROL = 0xC0
IPTOS_PREC_NETCONTROL = 0xE0
IPTOS_ECN_NOTECT = 0
IPTOS_ECN_ECT1 = 1
IPTOS_ECN_ECT0 = 2
IPTOS_ECN_CE = 3
IPTOS_ECN_MASK = 3

# options; all but the first two have a length byte
IPOPT_EOL = 0
IPOPT_NOP = 1
IPOPT_RR = 7
IPOPT_TS = 68
IPOPT_SECURITY = 130
IPOPT_LSRR = 131
IPOPT_SSRR = 137
IPOPT_RA = 148

IPOPT_NAMES = {
    IPOPT_EOL: "EOL",
    IPOPT_NOP: "NOP",
    IPOPT_RR: "RR",
    IPOPT_TS: "timestamp",
    IPOPT_SECURITY: "security",
    IPOPT_LSRR: "LSRR",
    IPOPT_SSRR: "SSRR",
    IPOPT_RA: "RA",
}

IPOPT_COPY = 0x80  # in the kind: every fragment has a copy

# where things are in an option
IPOPT_OPTVAL = 0
IPOPT_OLEN = 1
IPOPT_OFFSET = 2
IPOPT_MINOFF = 4  # the least pointer, which counts from 1

# the low half of a timestamp option's fourth byte
IPOPT_TS_TSONLY = 0
IPOPT_TS_TSANDADDR = 1
IPOPT_TS_PRESPEC = 3

_IP = Struct("!BBHHHBBHII")
LENGTH = _IP.size


class Ip(NamedTuple):
    """struct ip and the options behind it.

    ::

         0                   1                   2                   3
         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |Version|  IHL  |Type of Service|          Total Length         |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |         Identification        |Flags|      Fragment Offset    |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |  Time to Live |    Protocol   |         Header Checksum       |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |                       Source Address                          |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |                    Destination Address                        |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |                    Options                    |    Padding    |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    tos: int = 0
    len: int = 20  # header and data, bytes
    id: int = 0
    off: int = 0  # flags and fragment offset, as on the wire
    ttl: int = IPDEFTTL
    p: int = 0
    sum: int = 0
    src: Ip4 = INADDR_ANY
    dst: Ip4 = INADDR_ANY
    options: bytes = b""

    @classmethod
    def parse(cls, data: bytes | memoryview, *, strict: bool = True) -> Self:
        """Read a header with its options; ValueError when it is short or not one.

        Without `strict` the options may be cut off, as in a capture's or an ICMP error's quotation.
        """
        if len(data) < 20:
            raise ValueError("short IP header")
        vhl, tos, length, ident, off, ttl, p, cksum, src, dst = _IP.unpack_from(data)
        if vhl == 0x45:
            return cls(tos, length, ident, off, ttl, p, cksum, Ip4(src), Ip4(dst))
        if vhl >> 4 != IPVERSION:
            raise ValueError("not version 4")
        hlen = (vhl & 15) << 2
        if hlen < 20 or (strict and hlen > len(data)):
            raise ValueError("bad header length")
        return cls(tos, length, ident, off, ttl, p, cksum, Ip4(src), Ip4(dst), bytes(data[20:hlen]))

    @property
    def hlen(self) -> int:
        """The header's length with its options, bytes; a multiple of 4."""
        return 20 + (len(self.options) + 3 & ~3)

    def pack(self) -> bytes:
        """The header with its checksum, whatever `sum` says; short options are padded with EOL."""
        tos, length, ident, off, ttl, p, _, src, dst, opts = self
        vhl = 0x45
        if opts:
            vhl = IPVERSION << 4 | self.hlen >> 2
            if vhl > 0x4F:
                raise ValueError("IP options longer than 40 bytes")
            opts = opts.ljust(self.hlen - 20, b"\0")
        # summed before it is packed: each field counts by its place in a 16-bit word
        total = (vhl << 8) + tos + length + ident + off + (ttl << 8) + p + src + dst + partial(opts)
        return _IP.pack(vhl, tos, length, ident, off, ttl, p, 0xFFFF - total % 0xFFFF, src, dst) + opts

    def __str__(self) -> str:
        flags = ", ".join(word for bit, word in ((IP_MF, "+"), (IP_DF, "DF"), (IP_RF, "rsvd")) if self.off & bit)
        return (
            f"{self.src} > {self.dst}: (tos 0x{self.tos:x}, ttl {self.ttl}, id {self.id}, "
            f"offset {(self.off & IP_OFFMASK) * 8}, flags [{flags or 'none'}], "
            f"proto {IPPROTO_NAMES.get(self.p, 'unknown')} ({self.p}), length {self.len}"
            f"{f', options ({options_str(self.options)})' if self.options else ''})"
        )


class OptionError(ValueError):
    """A malformed option list; `offset` is where in the list, so ICMP's pointer is 20 more."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"bad IP option length at byte {offset}")
        self.offset = offset


def options(data: bytes | memoryview) -> list[tuple[int, bytes]]:
    """Split an option list into (kind, the whole option with kind, length and pointer bytes).

    NOPs are options like any other; EOL ends the list and is left out.  OptionError for a length
    byte that is missing, below 2, or beyond the end: its offset is the length byte's, as in BSD.
    """
    found = []
    at = 0
    end = len(data)
    while at < end and (kind := data[at]) != IPOPT_EOL:
        size = 1
        if kind != IPOPT_NOP:
            size = data[at + IPOPT_OLEN] if at + IPOPT_OLEN < end else 0
            if size < 2 or at + size > end:
                raise OptionError(at + IPOPT_OLEN)
        found.append((kind, bytes(data[at : at + size])))
        at += size
    return found


def set_ce(header: bytes) -> bytes:
    """An ECN-capable packet's header, marked (RFC 3168 5: congestion experienced), its checksum updated (RFC 1624)."""
    added = IPTOS_ECN_CE - (header[1] & IPTOS_ECN_MASK)
    cksum = (int.from_bytes(header[10:12]) - added) % 0xFFFF
    return b"".join((header[:1], bytes((header[1] | IPTOS_ECN_CE,)), header[2:10], cksum.to_bytes(2), header[12:]))


def copied(data: bytes | memoryview) -> bytes:
    """The options that every fragment has, not the first alone (RFC 791 3.1; ip_optcopy), padded with EOL."""
    kept = b"".join(option for kind, option in options(data) if kind & IPOPT_COPY)
    return kept.ljust(len(kept) + 3 & ~3, b"\0")


def options_str(data: bytes | memoryview) -> str:
    """The options' names, as tcpdump lists them; a malformed list ends in `bad`."""
    try:
        kinds = [kind for kind, _ in options(data)]
    except OptionError as error:
        return ",".join(filter(None, (options_str(data[: error.offset - 1]), "bad")))
    return ",".join(IPOPT_NAMES.get(kind, f"unknown {kind}") for kind in kinds)
