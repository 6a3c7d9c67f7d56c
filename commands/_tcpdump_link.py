"""Link headers, ARP and the spanning tree in tcpdump's words (print-ether.c, print-llc.c, print-arp.c, print-stp.c)."""

from __future__ import annotations

from commands._tcpdump_core import Netdissect, bits, hex_ascii_lines, need, u8, u16, u32
from commands._tcpdump_ip import ip_print
from commands._tcpdump_ip6 import ip6_print
from stack.header.arp import ARPOP_REPLY, ARPOP_REQUEST
from stack.header.ether import ETHERTYPE_ARP, ETHERTYPE_IP, ETHERTYPE_VLAN

ETHER_HDRLEN = 14
_MAX_LENGTH = 1500  # a type up to here is a length: IEEE 802.3
_IPV6, _REVARP, _TRAIL, _LOOPBACK = 0x86DD, 0x8035, 0x1000, 0x9000
_TAGS = {ETHERTYPE_VLAN, 0x9100, 0x9200, 0x88A8}
ETHERTYPES = {
    ETHERTYPE_IP: "IPv4", 0x8847: "MPLS unicast", 0x8848: "MPLS multicast", _IPV6: "IPv6",
    ETHERTYPE_VLAN: "802.1Q", 0x9100: "802.1Q-9100", 0x88A8: "802.1Q-QinQ", 0x9200: "802.1Q-9200",
    ETHERTYPE_ARP: "ARP", _REVARP: "Reverse ARP", _TRAIL: "Trail", 0x6558: "TEB", 0x809B: "Appletalk",
    0x80F3: "Appletalk ARP", 0x8137: "IPX", 0x880B: "PPP", 0x8809: "Slow Protocols", 0x8863: "PPPoE D",
    0x8864: "PPPoE S", 0x888E: "EAPOL", _LOOPBACK: "Loopback", 0x88CC: "LLDP", 0x8902: "CFM", 0x88A2: "AoE",
}  # fmt: skip
_SAPS = {
    0x00: "Null", 0x02: "802.1B I", 0x06: "IP", 0x0E: "ProWay NM", 0x42: "STP", 0x7E: "ISO8208", 0x8E: "ProWay",
    0xAA: "SNAP", 0xE0: "IPX", 0xF0: "NetBeui", 0xFE: "ISO NS", 0xFF: "Global",
}  # fmt: skip
_STP = 0x42
_HARDWARE = {1: "Ethernet", 6: "TokenRing", 7: "ArcNet", 15: "FrameRelay", 24: "IEEE 1394", 32: "InfiniBand"}
_REVREQUEST, _REVREPLY, _INVREQUEST, _INVREPLY = 3, 4, 8, 9
_OPERATIONS = {
    ARPOP_REQUEST: "Request", ARPOP_REPLY: "Reply", _REVREQUEST: "Reverse Request", _REVREPLY: "Reverse Reply",
    _INVREQUEST: "Inverse Request", _INVREPLY: "Inverse Reply", 10: "NACK Reply",
}  # fmt: skip
_BPDU_FLAGS = {1: "Topology change", 2: "Proposal", 0x10: "Learn", 0x20: "Forward", 0x40: "Agreement"}
_BPDU_FLAGS |= {0x80: "Topology change ACK"}
_BPDU_TYPES = {0: "Config", 2: "Rapid STP", 0x80: "Topology Change"}
_BPDU_VERSIONS = {0: "802.1d", 2: "802.1w", 3: "802.1s", 4: "802.1aq"}
_PORT_ROLES = {0: "Unknown", 4: "Alternate", 8: "Root", 12: "Designated"}


def ether_print(ndo: Netdissect, data: bytes, length: int) -> int:
    """A whole frame; how long its link header is, which -x and -A leave out."""
    ndo.protocol = "ether"
    if len(data) < ETHER_HDRLEN:
        ndo.trunc()
        return len(data)
    if ndo.options.link:
        ndo.put(f"{ndo.mac(data, 6)} > {ndo.mac(data)}, ")
    kind, at = u16(data, 12), ETHER_HDRLEN
    how_long = f", length {length}: "  # behind the first type
    while kind in _TAGS:
        ndo.protocol = "vlan"
        if len(data) < at + 4:
            ndo.trunc()
            return len(data)
        tag, outer, kind = u16(data, at), kind, u16(data, at + 2)
        if ndo.options.link:
            ndo.put(
                f"{_type(ndo, outer)}{how_long}vlan {tag & 0xFFF}, p {tag >> 13}{', DEI' if tag & 0x1000 else ''}, "
            )
        how_long = ", "
        at += 4
    rest = data[at:]
    if kind <= _MAX_LENGTH:
        ndo.put(f"802.3, length {kind}: " if ndo.options.link else "")
        return at + _llc(ndo, rest, length - at)
    if ndo.options.link:
        ndo.put(f"{_type(ndo, kind)}{how_long}")
    if not _ethertype(ndo, kind, rest, length - at):
        if not ndo.options.link:
            ndo.put(f"{ndo.mac(data, 6)} > {ndo.mac(data)}, {_type(ndo, kind)}, length {length}: ")
        _default(ndo, rest)
    return at


def _type(ndo: Netdissect, kind: int) -> str:
    """What a frame holds, by its type."""
    if ndo.options.quick:
        return ETHERTYPES.get(kind, f"Unknown Ethertype (0x{kind:04x})")
    return f"ethertype {ETHERTYPES.get(kind, 'Unknown')} (0x{kind:04x})"


def _ethertype(ndo: Netdissect, kind: int, data: bytes, length: int) -> bool:
    """What is in a frame, if its type is known (ethertype_print)."""
    if kind == ETHERTYPE_IP:
        ip_print(ndo, data, length)
    elif kind == _IPV6:
        ip6_print(ndo, data, length)
    elif kind in (ETHERTYPE_ARP, _REVARP):
        arp_print(ndo, data, length)
    else:
        return False
    return True


def _default(ndo: Netdissect, data: bytes) -> None:
    """Bytes that nobody can read (ND_DEFAULTPRINT), unless they are printed anyway."""
    options = ndo.options
    if not (options.hex or options.hex_ascii or options.quick):
        ndo.put(hex_ascii_lines(data))


def null_print(ndo: Netdissect, data: bytes, length: int) -> int:
    """A frame of a loopback interface (print-null.c)."""
    ndo.protocol = "null"
    if len(data) < 4:
        ndo.trunc()
        return len(data)
    family = int.from_bytes(data[:4], "little")
    if family >> 16:  # written by a machine of the other byte order
        family = int.from_bytes(data[:4])
    inet, inet6 = family == 2, family in (10, 24, 28, 30)
    name = "IPv4" if inet else "IPv6" if inet6 else ""
    if ndo.options.link or not name:
        words = name or f"Unknown AF {family}"
        words = words if ndo.options.quick else f"AF {name or 'Unknown'} ({family})"
        ndo.put(f"{words}, length {length}: ")
    if inet:
        ip_print(ndo, data[4:], length - 4)
    elif inet6:
        ip6_print(ndo, data[4:], length - 4)
    else:
        _default(ndo, data[4:])
    return 4


def raw_print(ndo: Netdissect, data: bytes, length: int) -> int:
    """A packet without a link header (print-raw.c)."""
    if ndo.options.link:
        ndo.put("ip: ")
    if data[:1] and data[0] >> 4 == 6:
        ip6_print(ndo, data, length)
    else:
        ip_print(ndo, data, length)
    return 0


# --- IEEE 802.2, and the spanning tree ------------------------------------------------------------------


def _llc(ndo: Netdissect, data: bytes, length: int) -> int:
    """A frame with a length in the place of its type: the spanning tree's are such (llc_print); its header's length."""
    ndo.protocol = "llc"
    if len(data) < 3:
        ndo.trunc()
        ndo.put(hex_ascii_lines(data))
        return len(data)
    dsap, ssap, control = data[0], data[1], data[2]
    header = f"LLC, {_sap('dsap', dsap, 'Individual', 'Group')}, {_sap('ssap', ssap, 'Command', 'Response')}, ctrl "
    header += f"0x{control:02x}: "
    if ndo.options.link:
        ndo.put(header)
    if (dsap, ssap, control) == (_STP, _STP, 3):
        stp_print(ndo, data[3:], length - 3)
        return 3
    if not ndo.options.link:
        ndo.put(header)
    ndo.put(f"Unnumbered, ui, Flags [Command], length {length}" if control == 3 else f"length {length}")
    return 3


def _sap(name: str, sap: int, even: str, odd: str) -> str:
    """A service access point, whose lowest bit is a flag."""
    return f"{name} {_SAPS.get(sap & ~1, 'Unknown')} (0x{sap & ~1:02x}) {odd if sap & 1 else even}"


def stp_print(ndo: Netdissect, data: bytes, length: int) -> None:
    """A message of the spanning tree (IEEE 802.1D-1998 9.3)."""
    ndo.protocol = "stp"
    if length < 4:
        return ndo.invalid()
    if u16(data, 0):
        return ndo.put(f"unknown STP version, length {length}")
    version = u8(data, 2)
    ndo.put(f"STP {_BPDU_VERSIONS.get(version, f'Unknown STP protocol (0x{version:02x})')}")
    kind = u8(data, 3)
    ndo.put(f", {_BPDU_TYPES.get(kind, f'Unknown BPDU Type (0x{kind:02x})')}")
    if kind in (0, 2):
        if length < (36 if kind else 35):
            return ndo.invalid()
        _config(ndo, data, length, rapid=kind == 2)


def _bridge(data: bytes, at: int) -> str:
    bridge = need(data, at, 8)
    return f"{bridge[:2].hex()}.{bridge[2:].hex(':')}"


def _config(ndo: Netdissect, data: bytes, length: int, *, rapid: bool) -> None:
    flags = u8(data, 4)
    ndo.put(f", Flags [{bits(flags, _BPDU_FLAGS)}]")
    ndo.put(f", bridge-id {_bridge(data, 17)}.{u16(data, 25):04x}, length {length}")
    if not ndo.verbose:
        return
    age, most, hello, delay = (u16(data, at) / 256 for at in range(27, 35, 2))
    ndo.put(f"\n\tmessage-age {age:.2f}s, max-age {most:.2f}s, hello-time {hello:.2f}s, forwarding-delay {delay:.2f}s")
    ndo.put(f"\n\troot-id {_bridge(data, 5)}, root-pathcost {u32(data, 13)}")
    if rapid:
        ndo.put(f", port-role {_PORT_ROLES[flags & 12]}")


# --- ARP ------------------------------------------------------------------------------------------------


def arp_print(ndo: Netdissect, data: bytes, length: int) -> None:
    """Who has that address (RFC 826)."""
    ndo.protocol = "arp"
    ndo.name = ndo.name or "ARP"
    need(data, 0, 8)
    hardware, protocol, operation = u16(data, 0), u16(data, 2), u16(data, 6)
    hlen, plen = data[4], data[5]
    need(data, 8, 2 * (hlen + plen))
    options = ndo.options
    if not options.link:
        ndo.put("ARP, ")
    known = protocol in (ETHERTYPE_IP, _TRAIL) and plen == 4 and hlen != 0
    if not known or ndo.verbose:
        ndo.put(f"{_HARDWARE.get(hardware, f'Unknown Hardware ({hardware})')} (len {hlen}), ")
        ndo.put(f"{ETHERTYPES.get(protocol, f'Unknown Protocol (0x{protocol:04x})')} (len {plen})")
        if not ndo.verbose:
            return ndo.put(f", length {length}")
        ndo.put(", ")
    ndo.put(f"{_OPERATIONS.get(operation, f'Unknown ({operation})')} ")
    _operation(ndo, data, operation)
    if operation in _OPERATIONS and operation != 10:
        ndo.put(f", length {length}")


def _operation(ndo: Netdissect, data: bytes, operation: int) -> None:
    protocol, hlen, plen = u16(data, 2), data[4], data[5]
    sha, spa = data[8 : 8 + hlen], 8 + hlen
    tha, tpa = data[spa + plen : spa + plen + hlen], spa + plen + hlen
    if plen == 4 and not ndo.source:
        ndo.source, ndo.destination = ndo.address(data, spa), ndo.address(data, tpa)

    def address(at: int) -> str:
        if protocol not in (ETHERTYPE_IP, _TRAIL):
            return "<wrong proto type>"
        return "<wrong len>" if plen != 4 else ndo.address(data, at)

    def hardware(address: bytes) -> str:
        return ndo.mac(address) if hlen == 6 else address.hex(":") or "<empty>"

    if operation == ARPOP_REQUEST:
        asked = f" ({hardware(tha)})" if any(tha) else ""
        ndo.put(f"who-has {address(tpa)}{asked} tell {address(spa)}")
    elif operation == ARPOP_REPLY:
        ndo.put(f"{address(spa)} is-at {hardware(sha)}")
    elif operation in (_REVREQUEST, _INVREQUEST):
        ndo.put(f"who-is {hardware(tha)} tell {hardware(sha)}")
    elif operation == _REVREPLY:
        ndo.put(f"{hardware(tha)} at {address(tpa)}")
    elif operation == _INVREPLY:
        ndo.put(f"{hardware(sha)} at {address(spa)}")
    else:
        ndo.put(hex_ascii_lines(data))
