"""The layers that Tab knows in `send`: what each is, and its fields; scapy, which knows them all, is slow to start."""

from __future__ import annotations

LAYERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Ether": ("an Ethernet frame", ("dst", "src", "type")),
    "Dot1Q": ("a VLAN's tag", ("prio", "dei", "vlan", "type")),
    "ARP": (
        "who has an address",
        ("hwtype", "ptype", "hwlen", "plen", "op", "hwsrc", "psrc", "hwdst", "pdst"),
    ),
    "IP": (
        "an IPv4 packet",
        ("version", "ihl", "tos", "len", "id", "flags", "frag", "ttl", "proto", "chksum", "src", "dst", "options"),
    ),
    "ICMP": ("an ICMP message", ("type", "code", "chksum", "id", "seq", "gw", "ptr", "nexthopmtu", "addr_mask")),
    "UDP": ("a UDP datagram", ("sport", "dport", "len", "chksum")),
    "TCP": (
        "a TCP segment",
        ("sport", "dport", "seq", "ack", "dataofs", "reserved", "flags", "window", "chksum", "urgptr", "options"),
    ),
    "Raw": ("any bytes", ("load",)),
    "DNS": ("a question to a name server", ("id", "qr", "opcode", "aa", "tc", "rd", "ra", "rcode", "qd", "an")),
    "DNSQR": ("what is asked", ("qname", "qtype", "qclass")),
    "RIP": ("a message of RIP", ("cmd", "version")),
    "RIPEntry": ("a route in it", ("AF", "RouteTag", "addr", "mask", "nextHop", "metric")),
    "LLC": ("the header before a BPDU", ("dsap", "ssap", "ctrl")),
    "Dot3": ("a frame with its length", ("dst", "src", "len")),
    "STP": (
        "a message of the spanning tree",
        ("version", "bpdutype", "bpduflags", "rootid", "rootmac", "pathcost", "bridgeid", "bridgemac", "portid", "age"),
    ),
    "IPOption_RR": ("record the route", ("length", "pointer", "routers")),
    "IPOption_LSRR": ("a loose source route", ("length", "pointer", "routers")),
    "IPOption_Timestamp": ("time stamps on the way", ("length", "pointer", "flg", "timestamp")),
}
