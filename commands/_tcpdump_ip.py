"""IPv4, ICMP and IGMP in tcpdump's words (print-ip.c, print-icmp.c, print-igmp.c)."""

from __future__ import annotations

from commands._tcpdump_core import Netdissect, Truncated, bits, in_cksum, need, relative_time, shouldbe, u8, u16, u32
from commands._tcpdump_tcp import tcp_print
from commands._tcpdump_udp import udp_print
from stack.header.ip import IPPROTO_ICMP, IPPROTO_IGMP, IPPROTO_TCP, IPPROTO_UDP

_IPPROTO_IPIP, _SCTP, _DCCP = 4, 132, 33
PROTOCOLS = {
    0: "Options", IPPROTO_ICMP: "ICMP", IPPROTO_IGMP: "IGMP", _IPPROTO_IPIP: "IPIP", IPPROTO_TCP: "TCP", 8: "EGP",
    9: "IGRP", IPPROTO_UDP: "UDP", _DCCP: "DCCP", 41: "IPv6", 43: "IPv6-Route", 44: "IPv6-Fragment", 46: "RSVP",
    47: "GRE", 50: "ESP", 51: "AH", 55: "Mobile IP", 58: "ICMPv6", 59: "no-next-header", 60: "DSTOPT", 88: "EIGRP",
    89: "OSPF", 103: "PIM", 108: "Compressed IP", 112: "VRRP", 113: "PGM", _SCTP: "SCTP", 135: "Mobility",
}  # fmt: skip
_NAMES = {  # /etc/protocols, which is asked for what is not decoded
    2: "igmp", 3: "ggp", 8: "egp", 9: "igp", 12: "pup", 20: "hmp", 22: "xns-idp", 27: "rdp", 33: "dccp", 46: "rsvp",
    47: "gre", 50: "esp", 51: "ah", 73: "rspf", 81: "vmtp", 88: "eigrp", 89: "ospf", 94: "ipip", 98: "encap",
    103: "pim", 108: "ipcomp", 112: "vrrp", 115: "l2tp", 132: "sctp", 137: "mpls-in-ip", 1: "icmp", 6: "tcp",
    17: "udp", 4: "ipencap", 41: "ipv6",
}  # fmt: skip
_FRAGMENT = {0x2000: "+", 0x4000: "DF", 0x8000: "rsvd"}
_ECN = ("", ",ECT(1)", ",ECT(0)", ",CE")
_EOL, _NOP, _RR, _TS, _LSRR, _SSRR, _RA = 0, 1, 7, 68, 131, 137, 148
_IP_OPTIONS = {
    _EOL: "EOL", _NOP: "NOP", _TS: "timestamp", 130: "security", _RR: "RR", _SSRR: "SSRR", _LSRR: "LSRR", _RA: "RA",
    82: "traceroute",
}  # fmt: skip
_TS_KINDS = {0: "TSONLY", 1: "TS+ADDR", 3: "PRESPEC"}


def ip_print(ndo: Netdissect, data: bytes, length: int) -> None:
    """A packet (RFC 791)."""
    ndo.protocol = "ip"
    if u8(data, 0) >> 4 != 4:
        version = data[0] >> 4
        ndo.put("IP6, wrong link-layer encapsulation" if version == 6 else f"IP{version}")
        return ndo.invalid()
    if not ndo.options.link:
        ndo.put("IP ")
    need(data, 0, 20)
    if length < 20:
        return ndo.put(f"truncated-ip {length}")
    hlen, total = (data[0] & 15) * 4, u16(data, 2)
    if hlen < 20:
        return ndo.put(f"bad-hlen {hlen}")
    if length < total:
        ndo.put(f"truncated-ip - {total - length} bytes missing! ")
    if total < hlen:
        return ndo.put(f"bad-len {total}")
    _packet(ndo, data[:total], total, hlen)


def _packet(ndo: Netdissect, data: bytes, total: int, hlen: int) -> None:
    offset, proto = u16(data, 6), data[9]
    if ndo.verbose:
        ndo.put(_header(data))
        if hlen > 20 and not _options_of(ndo, data, hlen):
            ndo.put(")\n    ")
            ndo.put(f"{ndo.address(data, 12)} > {ndo.address(data, 16)}: ")
            return ndo.trunc()
        _checksum(ndo, data, hlen)
        ndo.put(")\n    ")
    source, destination = ndo.address(data, 12), ndo.address(data, 16)
    if not ndo.source:
        ndo.source, ndo.destination = source, destination
        ndo.name = PROTOCOLS.get(proto, str(proto))
    if offset & 0x1FFF:  # not the first fragment: there is no header of the next protocol
        ndo.put(f"{source} > {destination}:")
        return ndo.put(_unknown(ndo, proto))
    if proto not in (IPPROTO_TCP, IPPROTO_UDP, _SCTP, _DCCP):
        ndo.put(f"{source} > {destination}: ")
    if len(data) < hlen:
        ndo.put(f" [remaining caplen({len(data)}) < header length({hlen})]")
        raise Truncated
    demux(ndo, proto, data, hlen, total - hlen, fragmented=bool(offset & 0x2000))


def _header(data: bytes) -> str:
    """`-v`: the fields of the header."""
    tos, ttl, offset, proto = data[1], data[8], u16(data, 6), data[9]
    return (
        f"(tos 0x{tos:x}{_ECN[tos & 3]}{f', ttl {ttl}' if ttl else ''}, id {u16(data, 4)}, "
        f"offset {(offset & 0x1FFF) * 8}, flags [{bits(offset, _FRAGMENT)}], "
        f"proto {PROTOCOLS.get(proto, 'unknown')} ({proto}), length {u16(data, 2)}"
    )


def _options_of(ndo: Netdissect, data: bytes, hlen: int) -> bool:
    """The options; False when one was cut off."""
    ndo.put(", options (")
    whole = _ip_optprint(ndo, data[:hlen], 20, hlen)
    ndo.put(")" if whole else " [truncated-option])")
    return whole


def _checksum(ndo: Netdissect, data: bytes, hlen: int) -> None:
    if len(data) >= hlen and (wrong := in_cksum(data[:hlen])):
        found = u16(data, 10)
        ndo.put(f", bad cksum {found:x} (->{shouldbe(found, wrong):x})!")


def demux(ndo: Netdissect, proto: int, packet: bytes, at: int, length: int, *, fragmented: bool) -> None:
    """What is in a packet (ip_demux_print)."""
    data = packet[at:]
    if proto == IPPROTO_TCP:
        tcp_print(ndo, data, length, packet, fragmented=fragmented)
    elif proto == IPPROTO_UDP:
        udp_print(ndo, data, length, packet, fragmented=fragmented)
    elif proto == IPPROTO_ICMP:
        icmp_print(ndo, data, length, fragmented=fragmented)
    elif proto == IPPROTO_IGMP:
        igmp_print(ndo, data, length)
    elif proto == _IPPROTO_IPIP:
        ip_print(ndo, data, length)
    else:
        ndo.put(f"{_unknown(ndo, proto)} {length}")


def _unknown(ndo: Netdissect, proto: int) -> str:
    """A protocol that is only named."""
    name = None if ndo.options.numeric else _NAMES.get(proto)
    return f" {name}" if name else f" ip-proto-{proto}"


def _ip_optprint(ndo: Netdissect, data: bytes, at: int, end: int) -> bool:
    """The options of a header; False when one was cut off behind its length."""
    between = ""
    while at < end:
        ndo.put(between)
        between = ","
        code = u8(data, at)
        ndo.put(_IP_OPTIONS.get(code, f"unknown {code}"))
        size = 1 if code in (_EOL, _NOP) else u8(data, at + 1)
        if size < 1 + (code > _NOP) or at + size > end:
            ndo.put(f" [bad length {size}]")
            return True
        if at + size > len(data):
            return False
        option = data[at : at + size]
        if code == _EOL:
            return True
        if code == _TS:
            _timestamps(ndo, option)
        elif code in (_RR, _SSRR, _LSRR):
            _route(ndo, option)
        elif code == _RA:
            _alert(ndo, option)
        at += size
    return True


def _alert(ndo: Netdissect, option: bytes) -> None:
    """Router alert (RFC 2113)."""
    if len(option) < 4:
        ndo.put(f" [bad length {len(option)}]")
    elif value := u16(option, 2):
        ndo.put(f" value {value}")


def _route(ndo: Netdissect, option: bytes) -> None:
    """A recorded or a source route (ip_printroute); a comma follows those that have been passed."""
    size = len(option)
    if size < 3:
        return ndo.put(f" [bad length {size}]")
    if size + 1 & 3:
        ndo.put(f" [bad length {size}]")
    pointer = option[2] - 1
    if pointer < 3 or pointer + 1 & 3 or pointer > size + 1:
        ndo.put(f" [bad ptr {option[2]}]")
    for at in range(3, size, 4):
        ndo.put(f" {ndo.address(option, at)}{',' if pointer > at else ''}")
    return None


def _timestamps(ndo: Netdissect, option: bytes) -> None:
    """Times of the routers on the way (ip_printts)."""
    size = len(option)
    if size < 4:
        return ndo.put(f"[bad length {size}]")
    ndo.put(" TS{")
    kind, missed = option[3] & 15, option[3] >> 4
    step = 4 if kind == 0 else 8
    if size - 4 & step - 1:
        ndo.put(f"[bad length {size}]")
    pointer, at = option[2] - 1, 0
    if pointer < 4 or pointer - 4 & step - 1 or pointer > size + 1:
        ndo.put(f"[bad ptr {option[2]}]")
    ndo.put(_TS_KINDS.get(kind, f"[bad ts type {kind}]"))
    if kind in _TS_KINDS:
        for at in range(4, size, step):
            address = ndo.address(option, at) if step == 8 else ""
            ndo.put(f"{' ^ ' if pointer == at else ' '}{u32(option, at + step - 4)}@{address}")
        at = 4 + -(-(size - 4) // step) * step
    ndo.put(" ^ " if pointer == at else "")
    ndo.put(f" [{missed} hops not recorded]}} " if missed else "}")
    return None


# --- ICMP ------------------------------------------------------------------------------------------------

_UNREACHABLE = {
    0: "net %s unreachable", 1: "host %s unreachable", 5: "%s unreachable - source route failed",
    6: "net %s unreachable - unknown", 7: "host %s unreachable - unknown",
    8: "%s unreachable - source host isolated", 9: "net %s unreachable - admin prohibited",
    10: "host %s unreachable - admin prohibited", 11: "net %s unreachable - tos prohibited",
    12: "host %s unreachable - tos prohibited", 13: "host %s unreachable - admin prohibited filter",
    14: "host %s unreachable - host precedence violation", 15: "host %s unreachable - precedence cutoff",
}  # fmt: skip
_REDIRECTS = {0: "redirect %s to net %s", 1: "redirect %s to host %s", 2: "redirect-tos %s to net %s"}
_REDIRECTS |= {3: "redirect-tos %s to host %s"}
_ICMP_TYPES = {
    4: "source quench", 9: "router advertisement", 10: "router solicitation", 15: "information request",
    16: "information reply", 17: "address mask request",
}  # fmt: skip
_ERRORS = {3, 4, 5, 11, 12}  # they quote a packet


def icmp_print(ndo: Netdissect, data: bytes, length: int, *, fragmented: bool) -> None:
    """A message (RFC 792)."""
    ndo.protocol = "icmp"
    kind = u8(data, 0)
    text = _icmp_text(ndo, data, kind, u8(data, 1))
    ndo.put(f"ICMP {text}, length {length}")
    if not ndo.verbose:
        return
    if not fragmented and len(data) >= length and (wrong := in_cksum(data[:length])):
        found = u16(data, 2)
        ndo.put(f" (wrong icmp cksum {found:x} (->{shouldbe(found, wrong):x})!)")
    if kind in _ERRORS:
        ndo.put("\n\t")
        ip_print(ndo, data[8:], u16(data, 10))


def _icmp_text(ndo: Netdissect, data: bytes, kind: int, code: int) -> str:
    match kind:
        case 0 | 8:
            return f"echo {'request' if kind else 'reply'}, id {u16(data, 4)}, seq {u16(data, 6)}"
        case 3:
            return _unreachable(ndo, data, code)
        case 5:
            text = _REDIRECTS.get(code, f"redirect-#{code} %s to %s")
            return text % (ndo.address(data, 24), ndo.address(data, 4))
        case 11:
            need(data, 24, 4)
            known = {0: "time exceeded in-transit", 1: "ip reassembly time exceeded"}
            return known.get(code, f"time exceeded-#{code}")
        case 12:
            return f"parameter problem - code {code}" if code else f"parameter problem - octet {u8(data, 4)}"
        case 13:
            return f"time stamp query id {u16(data, 4)} seq {u16(data, 6)}"
        case 14:
            org, recv, xmit = (_day_time(u32(data, at)) for at in (8, 12, 16))
            return f"time stamp reply id {u16(data, 4)} seq {u16(data, 6)}: org {org}, recv {recv}, xmit {xmit}"
        case 18:
            return f"address mask is 0x{u32(data, 8):08x}"
    return _ICMP_TYPES.get(kind, f"type-#{kind}")


def _unreachable(ndo: Netdissect, data: bytes, code: int) -> str:
    to = ndo.address(data, 24)
    if code == 2:
        return f"{to} protocol {u8(data, 17)} unreachable"
    if code == 3:
        proto, port = data[17], u16(data, 8 + (data[8] & 15) * 4 + 2)
        if proto in (IPPROTO_TCP, IPPROTO_UDP):
            return f"{to} {'tcp' if proto == IPPROTO_TCP else 'udp'} port {ndo.port(port)} unreachable"
        return f"{to} protocol {proto} port {port} unreachable"
    if code == 4:
        mtu = u16(data, 6)
        return f"{to} unreachable - need to frag{f' (mtu {mtu})' if mtu else ''}"
    text = _UNREACHABLE.get(code)
    return text % to if text is not None else f"{to} unreachable - #{code}"


def _day_time(milliseconds: int) -> str:
    """Milliseconds since midnight (icmp_tstmp_print)."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"


# --- IGMP ------------------------------------------------------------------------------------------------

_RECORDS = {1: "is_in", 2: "is_ex", 3: "to_in", 4: "to_ex", 5: "allow", 6: "block"}
_QUERY, _V1_REPORT, _V2_REPORT, _LEAVE, _V3_REPORT = 0x11, 0x12, 0x16, 0x17, 0x22


def igmp_print(ndo: Netdissect, data: bytes, length: int) -> None:
    """A message (RFC 1112, 2236, 3376)."""
    ndo.protocol = "igmp"
    if ndo.options.quick:
        return ndo.put("igmp")
    kind = u8(data, 0)
    if kind == _QUERY:
        ndo.put("igmp query")
        _igmp_query(ndo, data, length)
    elif kind == _V1_REPORT:
        ndo.put(f"igmp v1 report {ndo.address(data, 4)}{f' [len {length}]' if length != 8 else ''}")
    elif kind == _V2_REPORT:
        ndo.put(f"igmp v2 report {ndo.address(data, 4)}")
    elif kind == _LEAVE:
        ndo.put(f"igmp leave {ndo.address(data, 4)}")
    elif kind == _V3_REPORT:
        ndo.put("igmp v3 report")
        _igmp_report(ndo, data, length)
    else:
        ndo.put(f"igmp-{kind}")
    if ndo.verbose and len(data) >= length and in_cksum(data[:length]):
        ndo.put(f" bad igmp cksum {u16(data, 2):x}!")
    return None


def _igmp_query(ndo: Netdissect, data: bytes, length: int) -> None:
    if length >= 12:
        return _igmp_v3_query(ndo, data, length)
    response = u8(data, 1)
    ndo.put(" v2" if response else " v1")
    if response not in (0, 100):
        ndo.put(f" [max resp time {response}]")
    if u32(data, 4):
        ndo.put(f" [gaddr {ndo.address(data, 4)}]")
    if length != 8:
        ndo.put(f" [len {length}]")
    return None


def _igmp_v3_query(ndo: Netdissect, data: bytes, length: int) -> None:
    ndo.put(" v3")
    if length & 3:
        return ndo.put(f" [invalid len {length}]")
    code = u8(data, 1)
    tenths = code if code < 128 else (code & 15 | 16) << (code >> 4 & 7) + 3
    if code != 100:
        ndo.put(f" [max resp time {f'{tenths / 10:.1f}s' if tenths < 600 else relative_time(tenths // 10)}]")
    if not u32(data, 4):
        return None
    ndo.put(f" [gaddr {ndo.address(data, 4)}")
    if count := u16(data, 10):
        if length < 12 + count * 4:
            ndo.put(" [invalid number of sources]")
        elif ndo.verbose > 1:
            ndo.put(f" {{{''.join(f' {ndo.address(data, 12 + each * 4)}' for each in range(count))} }}")
        else:
            ndo.put(f", {count} source(s)")
    return ndo.put("]")


def _igmp_report(ndo: Netdissect, data: bytes, length: int) -> None:
    if length < 16 or length & 3:
        return ndo.put(f" [invalid len {length}]")
    groups = u16(data, 6)
    ndo.put(f", {groups} group record(s)")
    at = 8
    for _ in range(groups if ndo.verbose else 0):
        if length < at + 8:
            return ndo.put(" [invalid number of groups]")
        kind, sources = u8(data, at), u16(data, at + 2)
        ndo.put(f" [gaddr {ndo.address(data, at + 4)} {_RECORDS.get(kind, f' [v3-report-#{kind}]')}")
        if length < at + 8 + sources * 4:
            return ndo.put(f" [invalid number of sources {sources}]")
        if ndo.verbose == 1:
            ndo.put(f", {sources} source(s)]")
        else:
            ndo.put(f" {{{''.join(f' {ndo.address(data, at + 8 + each * 4)}' for each in range(sources))} }}]")
        at += 8 + sources * 4
    return None
