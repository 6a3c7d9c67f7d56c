"""ICMP messages in NetBSD's words, and what is quoted in them (sbin/ping/ping.c: pr_icmph, pr_retip)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from stack.addr import Ip4
from stack.header.icmp import (
    ICMP_ECHO,
    ICMP_ECHOREPLY,
    ICMP_ERRORS,
    ICMP_IREQ,
    ICMP_IREQREPLY,
    ICMP_MASKREPLY,
    ICMP_MASKREQ,
    ICMP_PARAMPROB,
    ICMP_REDIRECT,
    ICMP_ROUTERADVERT,
    ICMP_ROUTERSOLICIT,
    ICMP_SOURCEQUENCH,
    ICMP_TIMXCEED,
    ICMP_TSTAMP,
    ICMP_TSTAMPREPLY,
    ICMP_UNREACH,
    ICMP_UNREACH_NEEDFRAG,
    Icmp,
)
from stack.header.ip import IP_OFFMASK, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP
from stack.header.ip import Ip as IpHeader

_WORDS = {  # by type: the words for its codes, and for a code that is none of them
    ICMP_UNREACH: (
        (
            "Destination Net Unreachable",
            "Destination Host Unreachable",
            "Destination Protocol Unreachable",
            "Destination Port Unreachable",
            "frag needed and DF set.",
            "Source Route Failed",
            "Unreachable unknown net",
            "Unreachable unknown host",
            "Unreachable host isolated",
            "Net prohibited access",
            "Host prohibited access",
            "Bad TOS for net",
            "Bad TOS for host",
            "Communication prohibited",
            "Host precedence violation",
            "Precedence cutoff",
        ),
        "Bad Destination Unreachable Code: {}",
    ),
    ICMP_REDIRECT: (
        (
            "Redirect Network",
            "Redirect Host",
            "Redirect Type of Service and Network",
            "Redirect Type of Service and Host",
        ),
        "Redirect--Bad Code: {}",
    ),
    ICMP_TIMXCEED: (("Time To Live exceeded", "Frag reassembly time exceeded"), "Time exceeded, Bad Code: {}"),
    ICMP_SOURCEQUENCH: ((), "Source Quench"),
    ICMP_PARAMPROB: ((), "Parameter problem: pointer = 0x{pointer:02x}"),
    ICMP_ECHO: ((), "Echo Request: ID={id} seq={seq}"),
    ICMP_ECHOREPLY: ((), "Echo Reply: ID={id} seq={seq}"),
    ICMP_ROUTERADVERT: ((), "Router Discovery Advert"),
    ICMP_ROUTERSOLICIT: ((), "Router Discovery Solicit"),
    ICMP_TSTAMP: ((), "Timestamp"),
    ICMP_TSTAMPREPLY: ((), "Timestamp Reply"),
    ICMP_IREQ: ((), "Information Request"),
    ICMP_IREQREPLY: ((), "Information Reply"),
    ICMP_MASKREQ: ((), "Address Mask Request"),
    ICMP_MASKREPLY: ((), "Address Mask Reply"),
}


class Quoted(NamedTuple):
    """What an error quotes: the header of the packet it is about, and the bytes behind that."""

    header: IpHeader
    data: bytes

    @property
    def echo(self) -> Icmp | None:
        """The echo request that it is about, if that is what it was."""
        if self.header.p != IPPROTO_ICMP or self.header.off & IP_OFFMASK or len(self.data) < 8:
            return None
        icmp = Icmp.parse(self.data)
        return icmp if icmp.type == ICMP_ECHO else None


def quoted(message: bytes) -> Quoted | None:
    """The packet quoted in an ICMP message; None when it is no error, or quotes too little."""
    if not message or message[0] not in ICMP_ERRORS:
        return None
    try:
        header = IpHeader.parse(message[8:], strict=False)
    except ValueError:
        return None
    return Quoted(header, message[8 + header.hlen :])


def describe(icmp: Icmp, name: Callable[[Ip4], str]) -> str:
    """A message in ping's words; `name` makes an address readable."""
    codes, other = _WORDS.get(icmp.type, ((), f"Bad ICMP type: {icmp.type}"))
    if icmp.code < len(codes):
        text = codes[icmp.code]
    else:
        text = other.format(icmp.code, pointer=icmp.pointer, id=icmp.id, seq=icmp.seq)
    if icmp.type == ICMP_UNREACH and icmp.code == ICMP_UNREACH_NEEDFRAG:
        return f"{text}  Next MTU={icmp.nextmtu}"
    if icmp.type == ICMP_REDIRECT:
        return f"{text} New router addr: {name(icmp.gateway)}"
    return text


def dump(packet: Quoted) -> tuple[str, ...]:
    """A quoted packet as `ping -v` shows it, in lines (pr_iph, pr_retip)."""
    h = packet.header
    lines = [
        " Vr HL TOS  Len   ID Flg  off TTL Pro  cks      Src\t     Dst",
        f"  4  {h.hlen >> 2:x}  {h.tos:02x} {h.len:04x} {h.id:04x}   {h.off >> 13:x} {h.off & IP_OFFMASK:04x}"
        f"  {h.ttl:02x}  {h.p:02x} {h.sum:04x} {h.src:>15}  {h.dst} {h.options.hex()}",
    ]
    echo = packet.echo
    if echo is not None:
        lines.append(f"  ID={echo.id} icmp_seq={echo.seq}")
    elif h.p in (IPPROTO_TCP, IPPROTO_UDP) and len(packet.data) >= 4:
        sport, dport = int.from_bytes(packet.data[:2]), int.from_bytes(packet.data[2:4])
        lines.append(f"  {'TCP' if h.p == IPPROTO_TCP else 'UDP'}: from port {sport}, to port {dport}")
    return tuple(lines)
