"""UDP and RIP in tcpdump's words (print-udp.c, print-rip.c)."""

from __future__ import annotations

from commands._tcpdump_core import Netdissect, Truncated, hex_lines, in_cksum, need, printable, shouldbe, u16, u32
from commands._tcpdump_domain import DOMAIN, domain_print
from commands._tcpdump_tcp import pseudo_header
from stack.header.ip import IPPROTO_UDP

_RIP = 520
_COMMANDS = {1: "Request", 2: "Response", 3: "Trace on", 4: "Trace off", 5: "Poll", 6: "Poll Entry"}
_ENTRY = 20
_AUTHENTICATION = 0xFFFF
_FAMILIES = {1: "Unix", 2: "IPv4"}


def udp_print(ndo: Netdissect, data: bytes, length: int, packet: bytes, *, fragmented: bool) -> None:
    """A datagram (RFC 768)."""
    ndo.protocol = "udp"
    if packet[0] >> 4 == 4:
        source, destination = ndo.address(packet, 12), ndo.address(packet, 16)
    else:
        source, destination = ndo.source, ndo.destination
    if len(data) < 4:
        ndo.put(f"{source} > {destination}: ")
        return ndo.trunc()
    sport, dport = u16(data, 0), u16(data, 2)
    ndo.put(f"{source}.{ndo.port(sport)} > {destination}.{ndo.port(dport)}: ")
    if length < 8:
        return ndo.put(f"truncated-udp {length}")
    ulen = u16(data, 4)
    if ulen < 8:
        return ndo.put(f"truncated-udplength {ulen}")
    if len(data) < 8:
        return ndo.trunc()
    ulen -= 8
    length = min(ulen, length - 8)
    if ndo.verbose > (packet[0] >> 4 == 4) and not fragmented:
        _checksum(ndo, data, length, packet)
    if not ndo.options.quick:
        if DOMAIN in (sport, dport):
            return domain_print(ndo, data[8 : 8 + length], length)
        if _RIP in (sport, dport):
            return rip_print(ndo, data[8:], length)
    bad = f"bad length {ulen} > {length}" if ulen > length and not fragmented else f"length {ulen}"
    return ndo.put(f"UDP, {bad}")


def _checksum(ndo: Netdissect, data: bytes, length: int, packet: bytes) -> None:
    found = u16(data, 6)
    if found == 0:
        ndo.put("[no cksum] ")
    elif len(data) >= length + 8:
        wrong = in_cksum(data[: length + 8], pseudo_header(packet, IPPROTO_UDP, length + 8))
        ndo.put(f"[bad udp cksum 0x{found:04x} -> 0x{shouldbe(found, wrong):04x}!] " if wrong else "[udp sum ok] ")


# --- RIP -------------------------------------------------------------------------------------------------


def rip_print(ndo: Netdissect, data: bytes, length: int) -> None:
    """Routes (RFC 2453)."""
    ndo.protocol = "rip"
    data = data[:length]
    need(data, 0, 4)
    command, version = data[0], data[1]
    ndo.put("\n\tRIPv" if ndo.verbose else "RIPv")
    ndo.put(str(version))
    if not version:
        return ndo.put(hex_lines(data))
    ndo.put(f", {_COMMANDS.get(command, f'unknown command ({command})')}, length: {length}")
    if not ndo.verbose:
        return None
    if command in (1, 2):
        _routes(ndo, data, length, version)
    elif command not in (4, 5, 6) and ndo.verbose == 1:
        ndo.put(hex_lines(data))
    if ndo.verbose > 1:
        ndo.put(hex_lines(data))
    return None


def _routes(ndo: Netdissect, data: bytes, length: int, version: int) -> None:
    if version not in (1, 2):
        return ndo.put(", unknown version")
    ndo.put(f", routes: {length // _ENTRY}{' or less' if version == 2 else ''}")
    for at in range(4, len(data), _ENTRY):
        try:
            (_entry_v1 if version == 1 else _entry_v2)(ndo, data, at)
        except Truncated:
            return ndo.trunc()
        if at + _ENTRY > len(data):
            ndo.put(f" [remaining entries length {len(data) - at} < {_ENTRY}]")
            return ndo.invalid()
    return None


def _entry_v1(ndo: Netdissect, data: bytes, at: int) -> None:
    family = u16(need(data, at, _ENTRY), 0)
    if family not in (0, 2):
        ndo.put(f"\n\t AFI {_FAMILIES.get(family, f'Unknown ({family})')}, ")
        return ndo.put(hex_lines(data[at + 4 : at + _ENTRY], "\n\t  "))
    if u16(data, at + 2) or u32(data, at + 8) or u32(data, at + 12):
        return ndo.put(hex_lines(data[at : at + _ENTRY], "\n\t  "))
    return ndo.put(f"\n\t  {'' if family else 'AFI 0, '}{ndo.address(data, at + 4)}, metric: {u32(data, at + 16)}")


def _entry_v2(ndo: Netdissect, data: bytes, at: int) -> None:
    family, tag = u16(data, at), u16(data, at + 2)
    if family == _AUTHENTICATION:
        if tag == 2:
            secret, nul, _ = data[at + 4 : at + _ENTRY].partition(b"\0")
            ndo.put(f"\n\t  Simple Text Authentication data: {printable(secret)}")
            if not nul and len(secret) < 16:
                raise Truncated
            return None
        ndo.put(f"\n\t  Unknown ({tag}) Authentication data:")
        return ndo.put(hex_lines(data[at + 4 :], "\n\t  "))
    if family not in (0, 2):
        ndo.put(f"\n\t  AFI {_FAMILIES.get(family, f'Unknown ({family})')}")
        return ndo.put(hex_lines(data[at + 4 : at + _ENTRY], "\n\t  "))
    gateway = u32(need(data, at, _ENTRY), 12)
    ndo.put(f"\n\t  AFI {_FAMILIES.get(family, family)}, {ndo.address(data, at + 4):>15}/{_plen(u32(data, at + 8)):<2}")
    ndo.put(f", tag 0x{tag:04x}, metric: {u32(data, at + 16)}")
    return ndo.put(f", next-hop: {ndo.address(data, at + 12) if gateway else 'self'}")


def _plen(mask: int) -> int:
    """How many bits a mask has; -1 when it is none (mask2plen)."""
    plen = mask.bit_count()
    return plen if mask == (0xFFFFFFFF << 32 - plen) & 0xFFFFFFFF else -1
