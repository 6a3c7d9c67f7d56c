"""IP options on the way in: record route, timestamp, source routes (BSD netinet/ip_input.c, ip_dooptions).

Read first: RFC 791 3.1, RFC 1122 3.2.1.8, RFC 1812 5.2.4.

An option that is done with is left as it came; one that wants our address or our time gets it.  The
header's checksum is mended at once, so that what follows sees a good packet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from stack.addr import Ip4
from stack.header.checksum import partial
from stack.header.icmp import (
    ICMP_PARAMPROB,
    ICMP_UNREACH,
    ICMP_UNREACH_NET_PROHIB,
    ICMP_UNREACH_SRCFAIL,
)
from stack.header.ip import (
    IPOPT_LSRR,
    IPOPT_MINOFF,
    IPOPT_NOP,
    IPOPT_RA,
    IPOPT_RR,
    IPOPT_SECURITY,
    IPOPT_SSRR,
    IPOPT_TS,
    IPOPT_TS_PRESPEC,
    IPOPT_TS_TSANDADDR,
    IPOPT_TS_TSONLY,
    OptionError,
    options,
)
from stack.mbuf import Mbuf
from stack.net.ifnet import Ifnet
from stack.net.route import RTF_LOCAL, RouteTable

_M16, _M32 = 0xFFFF, 0xFFFFFFFF
_DAY = 86_400_000  # milliseconds


class _Refused(Exception):
    """The packet ends here: which ICMP error says why; code None for a parameter problem."""

    def __init__(self, offset: int, unreach: int | None = None) -> None:
        self.offset = offset
        self.unreach = unreach


class Router(Protocol):
    """What options need of IP."""

    routes: RouteTable
    forwsrcrt: int
    allowsrcrt: int
    forwarding: int
    error: Callable[[Mbuf, int, int, int], None]

    @property
    def milliseconds(self) -> int: ...

    def drop(self, reason: str, m: Mbuf | None = None) -> None: ...


class _Header:
    """A header on the bench: its first 20 bytes as a number, and its options to be written in."""

    __slots__ = ("changed", "ip", "options", "rcvif", "x")

    def __init__(self, ip: Router, m: Mbuf) -> None:
        self.ip = ip
        self.x = int.from_bytes(m.net[:20])
        self.options = bytearray(m.net[20:])
        self.rcvif = m.rcvif
        self.changed = False

    @property
    def dst(self) -> int:
        return self.x & _M32

    def is_ours(self, address: int) -> bool:
        rt = self.ip.routes.lookup(address)
        return rt is not None and bool(rt.flags & RTF_LOCAL)

    def out_address(self, dst: int) -> Ip4 | None:
        """Our address on the interface by which a packet to `dst` leaves (ip_rtaddr)."""
        rt = self.ip.routes.lookup(dst)
        return rt.ifa.address if rt is not None and rt.ifa is not None else None

    def write(self, at: int, data: bytes) -> None:
        self.options[at : at + len(data)] = data
        self.changed = True

    def pack(self) -> bytes:
        """The header with its checksum mended."""
        x = self.x & ~(_M16 << 64)
        return (x | _M16 - (x + partial(self.options)) % _M16 << 64).to_bytes(20) + bytes(self.options)


def do_options(ip: Router, m: Mbuf) -> bool:
    """Process all options of a packet; False when it was dropped (ip_dooptions)."""
    header = _Header(ip, m)
    at = 0
    try:
        for kind, option in options(bytes(header.options)):
            action = _ACTIONS.get(kind)
            if action is not None:
                action(header, at, option)
            at += len(option)
    except OptionError as bad:
        return _refuse(ip, m, _Refused(bad.offset))
    except _Refused as refused:
        return _refuse(ip, m, refused)
    if header.changed:
        m.net = header.pack()
    return True


def _refuse(ip: Router, m: Mbuf, refused: _Refused) -> bool:
    ip.drop("badoptions", m)
    if refused.unreach is not None:
        ip.error(m, ICMP_UNREACH, refused.unreach, 0)
    else:
        ip.error(m, ICMP_PARAMPROB, 0, 20 + refused.offset << 24)
    return False


def _record_route(header: _Header, at: int, option: bytes) -> None:
    """RFC 791: our address, where the packet leaves (or arrives, when it is ours)."""
    pointer = _pointer(option, at)
    if pointer > len(option):
        return  # full: RFC 791 lets it pass
    address = Ip4(header.dst) if header.is_ours(header.dst) else header.out_address(header.dst) or _arrived_at(header)
    if address is None:
        return  # it goes nowhere, for a reason of its own
    header.write(at + pointer - 1, address.packed)
    header.write(at + 2, bytes((pointer + 4,)))


def _source_route(header: _Header, at: int, option: bytes) -> None:
    """RFC 791, RFC 1812 5.2.4.1: we are the next stop named, or only on the way."""
    pointer, strict = _pointer(option, at), option[0] == IPOPT_SSRR
    if not header.is_ours(header.dst):
        if strict:
            raise _Refused(at, ICMP_UNREACH_SRCFAIL)
        if not header.ip.forwsrcrt:
            raise _Refused(at, ICMP_UNREACH_NET_PROHIB)
        return
    while pointer <= len(option):
        _next_stop(header, at, pointer, strict=strict)
        pointer += 4
        if not header.is_ours(header.dst):
            return
        # we are the next stop, too, by another of our addresses: BSD comes here again, by lo0
    if not header.ip.allowsrcrt:  # the route is used up: it is for us
        raise _Refused(at, ICMP_UNREACH_NET_PROHIB)


def _next_stop(header: _Header, at: int, pointer: int, *, strict: bool) -> None:
    """Send it where the pointer says, and leave our address there."""
    if not header.ip.forwsrcrt or not header.ip.forwarding:
        raise _Refused(at, ICMP_UNREACH_SRCFAIL)
    nexthop = int.from_bytes(header.options[at + pointer - 1 : at + pointer + 3])
    rt = header.ip.routes.lookup(nexthop)
    if rt is None or rt.ifa is None or (strict and rt.nexthop):
        raise _Refused(at, ICMP_UNREACH_SRCFAIL)
    header.write(at + pointer - 1, rt.ifa.address.packed)
    header.write(at + 2, bytes((pointer + 4,)))
    header.x = header.x & ~_M32 | nexthop


def _timestamp(header: _Header, at: int, option: bytes) -> None:
    """RFC 791, RFC 1122 3.2.1.8(e): when we saw it, and who we are if that is asked."""
    if len(option) < 4:
        raise _Refused(at + 1)
    pointer, flag, overflow = option[2], option[3] & 15, option[3] >> 4
    if pointer < 5:
        raise _Refused(at + 2)
    size = 4 if flag == IPOPT_TS_TSONLY else 8
    if len(option) - size < pointer - 1 < len(option):
        raise _Refused(at + 2)  # RFC 791: some room, but not for a whole one
    if pointer > len(option):
        if overflow == 15:
            raise _Refused(at + 3)
        header.write(at + 3, bytes((overflow + 1 << 4 | flag,)))
        return
    stamp = header.ip.milliseconds % _DAY
    place = at + pointer - 1
    if flag == IPOPT_TS_TSANDADDR:
        address = Ip4(header.dst) if header.is_ours(header.dst) else _arrived_at(header)
        header.write(place, (address or Ip4(0)).packed)
        place += 4
    elif flag == IPOPT_TS_PRESPEC:
        if not header.is_ours(int.from_bytes(option[pointer - 1 : pointer + 3])):
            return
        place += 4
    elif flag != IPOPT_TS_TSONLY:
        raise _Refused(at + 3)
    header.write(place, stamp.to_bytes(4))
    header.write(at + 2, bytes((pointer + size,)))


def _arrived_at(header: _Header) -> Ip4 | None:
    """Our address on the interface the packet came in by."""
    rcvif = header.rcvif
    return rcvif.addresses[0].address if isinstance(rcvif, Ifnet) and rcvif.addresses else None


def _pointer(option: bytes, at: int) -> int:
    """The pointer of a route option, counted from 1; what it points at must be an address, or the option's end."""
    if len(option) < 3:
        raise _Refused(at + 1)
    pointer = option[2]
    if pointer < IPOPT_MINOFF or len(option) - 4 < pointer - 1 < len(option):
        raise _Refused(at + 2)
    return pointer


def _nothing(header: _Header, at: int, option: bytes) -> None:
    """Passed on as it is."""


_ACTIONS: dict[int, Callable[[_Header, int, bytes], None]] = {
    IPOPT_NOP: _nothing,
    IPOPT_RR: _record_route,
    IPOPT_LSRR: _source_route,
    IPOPT_SSRR: _source_route,
    IPOPT_TS: _timestamp,
    IPOPT_SECURITY: _nothing,
    IPOPT_RA: _nothing,
}


def reflected(net: bytes) -> tuple[bytes, int]:
    """The options of an answer, and its first stop (icmp_reflect, ip_srcroute; RFC 1122 3.2.2.6).

    Records go on; a source route is taken back by the way it came, and ends at the sender.
    """
    answer, firsthop = b"", 0
    for kind, option in options(net[20:]):
        if kind in (IPOPT_LSRR, IPOPT_SSRR):
            stops = [option[place : place + 4] for place in range(3, option[2] - 1, 4)]
            if stops:
                firsthop = int.from_bytes(stops.pop())
                way = b"".join(reversed(stops)) + net[12:16]
                answer += bytes((kind, 3 + len(way), IPOPT_MINOFF)) + way
        elif kind in (IPOPT_RR, IPOPT_TS, IPOPT_SECURITY):
            answer += option
    return answer + bytes(-len(answer) % 4), firsthop
