"""IPv6 in tcpdump's words, as much as bridges carry between kernels that speak it (print-ip6.c, print-icmp6.c)."""

from __future__ import annotations

from commands._tcpdump_core import Netdissect, bits, hex_lines, in_cksum, need, shouldbe, u8, u16, u32
from commands._tcpdump_domain import ip6_text
from commands._tcpdump_tcp import tcp_print
from commands._tcpdump_udp import udp_print
from stack.header.ip import IPPROTO_TCP, IPPROTO_UDP

_HBH, _ICMP6 = 0, 58
_NAMES = {_HBH: "Options", IPPROTO_TCP: "TCP", IPPROTO_UDP: "UDP", _ICMP6: "ICMPv6"}
_DST_UNREACH, _TOO_BIG, _TIME_EXCEEDED, _ECHO, _REPLY = 1, 2, 3, 128, 129
_MLD_QUERY, _MLD_REPORT, _MLD_DONE, _RS, _RA, _NS, _NA, _MLD2_REPORT = 130, 131, 132, 133, 134, 135, 136, 143
_TYPES = {
    _DST_UNREACH: "destination unreachable", _TOO_BIG: "packet too big", _TIME_EXCEEDED: "time exceeded in-transit",
    4: "parameter problem", _ECHO: "echo request", _REPLY: "echo reply", _MLD_QUERY: "multicast listener query",
    _MLD_REPORT: "multicast listener report", _MLD_DONE: "multicast listener done", _RS: "router solicitation",
    _RA: "router advertisement", _NS: "neighbor solicitation", _NA: "neighbor advertisement", 137: "redirect",
    _MLD2_REPORT: "multicast listener report v2",
}  # fmt: skip
_UNREACHABLE = {0: "unreachable route", 1: "unreachable prohibited", 3: "unreachable address", 4: "unreachable port"}
_NEIGHBORS = {_RS: 8, _RA: 16, _NS: 24, _NA: 24}  # and where their options begin
_NA_FLAGS = {0x80: "router", 0x40: "solicited", 0x20: "override"}
_OPTIONS = {1: "source link-address", 2: "destination link-address", 3: "prefix info", 5: "mtu"}
_PREFERENCES = ("medium", "high", "reserved", "low")
_RECORDS = {1: "is_in", 2: "is_ex", 3: "to_in", 4: "to_ex", 5: "allow", 6: "block"}


def ip6_print(ndo: Netdissect, data: bytes, length: int) -> None:
    """A packet (RFC 8200)."""
    ndo.protocol = "ip6"
    need(data, 0, 40)
    if data[0] >> 4 != 6:
        ndo.put(f"IP{data[0] >> 4}, wrong link-layer encapsulation")
        return ndo.invalid()
    if not ndo.options.link:
        ndo.put("IP6 ")
    payload, following = u16(data, 4), data[6]
    if length < payload + 40:
        ndo.put(f"truncated-ip6 - {payload + 40 - length} bytes missing!")
    if ndo.verbose:
        word = u32(data, 0)
        kind, flow = word >> 20 & 0xFF, word & 0xFFFFF
        ndo.put(f"({f'class 0x{kind:02x}, ' if kind else ''}{f'flowlabel 0x{flow:05x}, ' if flow else ''}")
        ndo.put(f"hlim {data[7]}, next-header {_NAMES.get(following, 'unknown')} ({following}) ")
        ndo.put(f"payload length: {payload}) ")
    ndo.source, ndo.destination = ip6_text(data[8:24]), ip6_text(data[24:40])
    ndo.name = _NAMES.get(following, "IPv6")
    if following not in (IPPROTO_TCP, IPPROTO_UDP):
        ndo.put(f"{ndo.source} > {ndo.destination}: ")
    _next(ndo, data[: 40 + payload], following, payload)
    return None


def _next(ndo: Netdissect, packet: bytes, following: int, length: int) -> None:
    """The headers one after the other."""
    data = packet[40:]
    while following == _HBH:
        ndo.protocol = "hbh"
        size = (u8(data, 1) + 1) * 8
        ndo.protocol = "hbhopt"
        need(data, 0, size)
        ndo.put("HBH ")
        if ndo.verbose:
            _hop_options(ndo, data[:size])
        following, data, length = data[0], data[size:], length - size
    if following == IPPROTO_TCP:
        tcp_print(ndo, data, length, packet, fragmented=False)
    elif following == IPPROTO_UDP:
        udp_print(ndo, data, length, packet, fragmented=False)
    elif following == _ICMP6:
        _icmp6(ndo, data, length, packet)
    else:
        ndo.put(f" ip-proto-{following} {length}" if following != 59 else "no next header")


def _hop_options(ndo: Netdissect, data: bytes) -> None:
    at = 2
    while at < len(data):
        kind = data[at]
        if kind == 5:  # RFC 2711
            ndo.put(f"(rtalert: 0x{u16(data, at + 2):04x}) ")
        elif kind == 1:
            ndo.put("(padn) ")
        at += 1 if kind == 0 else 2 + u8(data, at + 1)


def _icmp6(ndo: Netdissect, data: bytes, length: int, packet: bytes) -> None:
    """A message (RFC 4443, 4861, 3810)."""
    ndo.protocol = "icmp6"
    ndo.name = "ICMPv6"
    kind, code = u8(data, 0), u8(data, 1)
    if ndo.verbose and len(data) >= length:
        pseudo = int.from_bytes(packet[8:24]) + int.from_bytes(packet[24:40]) + _ICMP6 + length
        found, wrong = u16(data, 2), in_cksum(data[:length], pseudo)
        ndo.put(f"[bad icmp6 cksum 0x{found:04x} -> 0x{shouldbe(found, wrong):04x}!] " if wrong else "[icmp6 sum ok] ")
    ndo.put(f"ICMP6, {_TYPES.get(kind, f'unknown icmp6 type ({kind})')}")
    if ndo.verbose and kind in _NEIGHBORS:
        ndo.put(f", length {length}")
    if kind in (_ECHO, _REPLY):
        ndo.put(f", id {u16(data, 4)}, seq {u16(data, 6)}")
    elif kind == _DST_UNREACH:
        ndo.put(f", {_UNREACHABLE.get(code, f'unknown unreach code ({code})')}")
    elif kind == _TOO_BIG:
        ndo.put(f", mtu {u32(data, 4)}")
    elif kind == _NS:
        ndo.put(f", who has {ip6_text(need(data, 8, 16))}")
    elif kind == _NA:
        ndo.put(f", tgt is {ip6_text(need(data, 8, 16))}")
    elif kind in (_MLD_QUERY, _MLD_REPORT, _MLD_DONE):
        if len(data) >= 24:
            ndo.put(f"max resp delay: {u16(data, 4)} addr: {ip6_text(data[8:24])}")
    elif kind == _MLD2_REPORT:
        _mld2(ndo, data)
    if not ndo.verbose:
        ndo.put(f", length {length}")
    elif kind in _NEIGHBORS:
        _neighbors(ndo, data, length, kind)


def _neighbors(ndo: Netdissect, data: bytes, length: int, kind: int) -> None:
    """The rest of neighbour discovery's."""
    at = _NEIGHBORS[kind]
    if kind == _NA:
        ndo.put(f", Flags [{bits(u8(data, 4), _NA_FLAGS)}]")
    elif kind == _RA:
        names = {0x80: "managed", 0x40: "other stateful", 0x20: "home agent"}
        flags = need(data, 0, 16)[5]
        ndo.put(f"\n\thop limit {data[4]}, Flags [{bits(flags, names)}], pref {_PREFERENCES[flags >> 3 & 3]}, ")
        ndo.put(f"router lifetime {u16(data, 6)}s, reachable time {u32(data, 8)}ms, retrans timer {u32(data, 12)}ms")
    while at + 8 <= length and at < len(data):
        option, size = u8(data, at), u8(data, at + 1) * 8
        need(data, at, size)
        ndo.put(f"\n\t  {_OPTIONS.get(option, 'unknown')} option ({option}), length {size} ({data[at + 1]}): ")
        if not size:
            return
        if option in (1, 2):
            ndo.put(data[at + 2 : at + size].hex(":"))
        elif option == 3:
            names = {0x80: "onlink", 0x40: "auto", 0x20: "router"}
            valid, preferred = (
                "infinity" if time == 0xFFFFFFFF else f"{time}s" for time in (u32(data, at + 4), u32(data, at + 8))
            )
            ndo.put(f"{ip6_text(need(data, at + 16, 16))}/{data[at + 2]}, Flags [{bits(data[at + 3], names)}]")
            ndo.put(f", valid time {valid}, pref. time {preferred}")
        elif option == 5:
            ndo.put(f" {u32(data, at + 4)}")
        if ndo.verbose > 1 or option not in _OPTIONS:
            ndo.put(hex_lines(data[at + 2 : at + size], "\n\t    " if ndo.verbose > 1 else "\n\t  "))
        at += size


def _mld2(ndo: Netdissect, data: bytes) -> None:
    groups = u16(data, 6)
    ndo.put(f", {groups} group record(s)")
    at = 8
    for _ in range(groups if ndo.verbose else 0):
        kind, sources = u8(data, at), u16(data, at + 2)
        ndo.put(f" [gaddr {ip6_text(need(data, at + 4, 16))} {_RECORDS.get(kind, f'[v2-report-#{kind}]')}")
        shown = "".join(f" {ip6_text(need(data, at + 20 + each * 16, 16))}" for each in range(sources))
        ndo.put(f" {{{shown} }}]" if ndo.verbose > 1 else f", {sources} source(s)]")
        at += 20 + sources * 16
