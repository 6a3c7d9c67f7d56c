"""Control messages (BSD netinet/ip_icmp.h; RFC 792, RFC 950, RFC 1191 4, RFC 1256, RFC 1812 4.3 and 5.2.7)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, Self

from stack.addr import Ip4
from stack.header.checksum import checksum, partial

ICMP_ECHOREPLY = 0
ICMP_UNREACH = 3
ICMP_SOURCEQUENCH = 4
ICMP_REDIRECT = 5
ICMP_ECHO = 8
ICMP_ROUTERADVERT = 9
ICMP_ROUTERSOLICIT = 10
ICMP_TIMXCEED = 11
ICMP_PARAMPROB = 12
ICMP_TSTAMP = 13
ICMP_TSTAMPREPLY = 14
ICMP_IREQ = 15
ICMP_IREQREPLY = 16
ICMP_MASKREQ = 17
ICMP_MASKREPLY = 18
ICMP_MAXTYPE = 18

ICMP_UNREACH_NET = 0
ICMP_UNREACH_HOST = 1
ICMP_UNREACH_PROTOCOL = 2
ICMP_UNREACH_PORT = 3
ICMP_UNREACH_NEEDFRAG = 4
ICMP_UNREACH_SRCFAIL = 5
ICMP_UNREACH_NET_UNKNOWN = 6
ICMP_UNREACH_HOST_UNKNOWN = 7
ICMP_UNREACH_ISOLATED = 8
ICMP_UNREACH_NET_PROHIB = 9
ICMP_UNREACH_HOST_PROHIB = 10
ICMP_UNREACH_TOSNET = 11
ICMP_UNREACH_TOSHOST = 12
ICMP_UNREACH_FILTER_PROHIB = 13  # NetBSD: ADMIN_PROHIBIT
ICMP_UNREACH_HOST_PRECEDENCE = 14
ICMP_UNREACH_PRECEDENCE_CUTOFF = 15

ICMP_REDIRECT_NET = 0
ICMP_REDIRECT_HOST = 1
ICMP_REDIRECT_TOSNET = 2
ICMP_REDIRECT_TOSHOST = 3

ICMP_TIMXCEED_INTRANS = 0
ICMP_TIMXCEED_REASS = 1

ICMP_PARAMPROB_ERRATPTR = 0
ICMP_PARAMPROB_OPTABSENT = 1
ICMP_PARAMPROB_LENGTH = 2

ICMP_MINLEN = 8
ICMP_TSLEN = 20  # a timestamp message
ICMP_MASKLEN = 12  # an address mask message

# RFC 1122 3.2.2: the messages that report an error, about which none is ever sent
ICMP_ERRORS = frozenset({ICMP_UNREACH, ICMP_SOURCEQUENCH, ICMP_REDIRECT, ICMP_TIMXCEED, ICMP_PARAMPROB})

ICMP_NAMES = (  # by type: the words of netstat's histograms
    "echoreply", "unassigned_1", "unassigned_2", "unreach", "sourcequench", "redirect", "althostaddr",
    "unassigned_7", "echo", "routeradvert", "routersolicit", "timxceed", "paramprob", "tstamp", "tstampreply",
    "ireq", "ireqreply", "maskreq", "maskreply",
)  # fmt: skip

ICMP_CODE_NAMES = {  # by type, then by code
    ICMP_UNREACH: (
        "net", "host", "protocol", "port", "needfrag", "srcfail", "net_unknown", "host_unknown", "isolated",
        "net_prohib", "host_prohib", "tosnet", "toshost", "admin_prohibit", "host_prec", "prec_cutoff",
    ),
    ICMP_REDIRECT: ("net", "host", "tosnet", "toshost"),
    ICMP_TIMXCEED: ("intrans", "reass"),
    ICMP_PARAMPROB: ("erratptr", "optabsent", "length"),
}  # fmt: skip

_ICMP = Struct("!BBHI")
LENGTH = _ICMP.size


class Icmp(NamedTuple):
    """struct icmp, its first 8 bytes; what `rest` means goes by the type.

    ::

         0                   1                   2                   3
         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |     Type      |     Code      |          Checksum             |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |           Identifier          |        Sequence Number        |  echo, timestamp, mask
        +-------------------------------+-------------------------------+
        |             unused            |          Next-Hop MTU         |  unreach, needfrag
        +-------------------------------+-------------------------------+
        |                    Gateway Internet Address                   |  redirect
        +---------------+-----------------------------------------------+
        |    Pointer    |                     unused                    |  paramprob
        +---------------+-----------------------------------------------+
    """

    type: int
    code: int = 0
    sum: int = 0
    rest: int = 0

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Self:
        """Read the first 8 bytes; ValueError when there are fewer."""
        if len(data) < 8:
            raise ValueError("short ICMP header")
        return cls._make(_ICMP.unpack_from(data))

    def pack(self) -> bytes:
        """The 8 bytes; the checksum stands as it is, for it needs the data: see `build`."""
        return _ICMP.pack(*self)

    @property
    def id(self) -> int:
        """Whose echo it is."""
        return self.rest >> 16

    @property
    def seq(self) -> int:
        """Which echo it is."""
        return self.rest & 0xFFFF

    @property
    def nextmtu(self) -> int:
        """RFC 1191 4: the MTU of the hop that was too narrow; 0 from an old router."""
        return self.rest & 0xFFFF

    @property
    def gateway(self) -> Ip4:
        """The better first hop."""
        return Ip4(self.rest)

    @property
    def pointer(self) -> int:
        """Which byte of the datagram is wrong."""
        return self.rest >> 24

    def __str__(self) -> str:
        words = type_name(self.type)
        if self.type in (ICMP_ECHO, ICMP_ECHOREPLY):
            words = "echo request" if self.type == ICMP_ECHO else "echo reply"
            return f"{words}, id {self.id}, seq {self.seq}"
        if self.code or self.type in ICMP_CODE_NAMES:
            words += f" {code_name(self.type, self.code)}"
        if self.type == ICMP_REDIRECT:
            return f"{words} to {self.gateway}"
        if self.type == ICMP_UNREACH and self.code == ICMP_UNREACH_NEEDFRAG:
            return f"{words}, mtu {self.nextmtu}"
        if self.type == ICMP_PARAMPROB and self.code == ICMP_PARAMPROB_ERRATPTR:
            return f"{words}, octet {self.pointer}"
        return words


def build(type: int, code: int, rest: int, data: bytes | memoryview = b"") -> bytes:
    """A whole message, with its checksum."""
    total = checksum(_ICMP.pack(type, code, 0, rest), partial(data))
    return _ICMP.pack(type, code, total, rest) + data


def type_name(type: int) -> str:
    """netstat's word for a type; `#41` where it has none."""
    return ICMP_NAMES[type] if type <= ICMP_MAXTYPE else f"#{type}"


def code_name(type: int, code: int) -> str:
    """The word for a code of that type; `#3` where it has none."""
    names = ICMP_CODE_NAMES.get(type, ())
    return names[code] if code < len(names) else f"#{code}"
