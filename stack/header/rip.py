"""RIP messages, version 2 (BSD protocols/routed.h; RFC 2453 4)."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

from stack.addr import INADDR_ANY, Ip4, Prefix, plen_of

RIP_PORT = 520
INADDR_RIP_GROUP = Ip4(0xE0000009)  # 224.0.0.9

RIPCMD_REQUEST = 1
RIPCMD_RESPONSE = 2
RIP_VERSION = 2
RIP_AF_UNSPEC = 0
RIP_AF_INET = 2
RIP_AF_AUTH = 0xFFFF

HOPCNT_INFINITY = 16
NETS_LEN = 25  # routes a message has at most

_RIP = Struct("!BBH")
_NETINFO = Struct("!HHIIII")
LENGTH, NETINFO_LENGTH = _RIP.size, _NETINFO.size

_COMMANDS = {RIPCMD_REQUEST: "Request", RIPCMD_RESPONSE: "Response"}


class BadRip(ValueError):
    """A message that makes no sense; `reason` is the name of its drop."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Netinfo(NamedTuple):
    """A route in a message (struct netinfo); `family` is not RIP_AF_INET where it is none."""

    family: int
    tag: int
    net: Ip4
    mask: Ip4
    nexthop: Ip4  # 0.0.0.0: whoever sends the message
    metric: int

    @property
    def prefix(self) -> Prefix:
        """The destination; ValueError when the mask has holes, or the destination host bits."""
        plen = plen_of(self.mask)
        if self.net & ~self.mask:
            raise ValueError(f"{self.net}: host bits behind its mask")
        return Prefix(self.net, plen)


class Rip(NamedTuple):
    """struct rip.

    ::

         0                   1                   2                   3
         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |    Command    |    Version    |         must be zero          |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |   Address Family Identifier   |           Route Tag           |  each route,
        +-------------------------------+-------------------------------+  up to 25 of them
        |                          IP Address                           |
        +---------------------------------------------------------------+
        |                          Subnet Mask                          |
        +---------------------------------------------------------------+
        |                           Next Hop                            |
        +---------------------------------------------------------------+
        |                            Metric                             |
        +---------------------------------------------------------------+
    """

    command: int
    nets: tuple[Netinfo, ...]
    version: int = RIP_VERSION

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Rip:
        """Read a message; BadRip with the reason when it is none that we speak."""
        if len(data) < LENGTH or (len(data) - LENGTH) % NETINFO_LENGTH:
            raise BadRip("badlen")
        if len(data) > LENGTH + NETS_LEN * NETINFO_LENGTH:
            raise BadRip("toolong")
        command, version, _ = _RIP.unpack_from(data)
        if version < RIP_VERSION:  # RFC 2453 4: version 1 has no masks; 0 never was
            raise BadRip("badversion")
        if command not in (RIPCMD_REQUEST, RIPCMD_RESPONSE):
            raise BadRip("badcommand")
        nets = tuple(
            Netinfo(family, tag, Ip4(net), Ip4(mask), Ip4(nexthop), metric)
            for family, tag, net, mask, nexthop, metric in _NETINFO.iter_unpack(data[LENGTH:])
        )
        if any(net.family == RIP_AF_AUTH for net in nets):  # RFC 2453 5.2: who does not ask for it drops it
            raise BadRip("authenticated")
        return cls(command, nets, version)

    def pack(self) -> bytes:
        """The bytes of the message."""
        return b"".join([_RIP.pack(self.command, self.version, 0), *(_NETINFO.pack(*net) for net in self.nets)])

    def __str__(self) -> str:
        return f"RIPv{self.version}, {_COMMANDS[self.command]}, routes: {len(self.nets)}"


WHOLE_TABLE = Netinfo(RIP_AF_UNSPEC, 0, INADDR_ANY, INADDR_ANY, INADDR_ANY, HOPCNT_INFINITY)


def netinfo(dst: Prefix, metric: int, *, tag: int = 0, nexthop: Ip4 = INADDR_ANY) -> Netinfo:
    """A route as a message has it."""
    return Netinfo(RIP_AF_INET, tag, dst.net, dst.mask, nexthop, metric)


def messages(command: int, nets: Sequence[Netinfo]) -> list[Rip]:
    """As many messages as so many routes take."""
    return [Rip(command, tuple(nets[at : at + NETS_LEN])) for at in range(0, len(nets), NETS_LEN)]


def is_destination(dst: Prefix) -> bool:
    """Whether a route may lead there: not to nets 0 and 127, nor to groups (RFC 2453 3.9.2); 0/0 is the default."""
    first = dst.net >> 24
    return dst == Prefix(INADDR_ANY, 0) or (0 < first < 224 and first != 127)
