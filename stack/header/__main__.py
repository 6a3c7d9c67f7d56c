"""Print the headers of the Ethernet frame on standard input, a line each: python -m stack.header < frame."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from stack.header import bpdu
from stack.header.arp import Arp
from stack.header.dot1q import Dot1q
from stack.header.ether import ETHER_HDR_LEN, ETHERMTU, ETHERTYPE_ARP, ETHERTYPE_IP, ETHERTYPE_VLAN, Ether
from stack.header.icmp import Icmp
from stack.header.igmp import Igmp
from stack.header.ip import IP_OFFMASK, IPPROTO_ICMP, IPPROTO_IGMP, IPPROTO_TCP, IPPROTO_UDP, Ip
from stack.header.tcp import LENGTH as TCP_LENGTH
from stack.header.tcp import Tcp, TcpOptions
from stack.header.udp import Udp

_PARSERS = {IPPROTO_ICMP: Icmp.parse, IPPROTO_IGMP: Igmp.parse, IPPROTO_TCP: Tcp.parse, IPPROTO_UDP: Udp.parse}


def headers(frame: bytes) -> Iterator[tuple[object, ...]]:
    """Each header of a frame, from the outside in; ValueError where one does not parse."""
    ether = Ether.parse(frame)
    yield ether
    packet, ethertype = frame[ETHER_HDR_LEN:], ether.type
    while ethertype == ETHERTYPE_VLAN:
        tag = Dot1q.parse(packet)
        yield tag
        packet, ethertype = packet[4:], tag.type
    if ethertype == ETHERTYPE_ARP:
        yield Arp.parse(packet)
    if ethertype <= ETHERMTU and ether.dst == bpdu.BSTP_ETHERADDR:
        yield bpdu.Config.parse(packet[:ethertype])
    if ethertype != ETHERTYPE_IP:
        return
    ip = Ip.parse(packet)
    yield ip
    if ip.p not in _PARSERS or ip.off & IP_OFFMASK:
        return
    segment = packet[ip.hlen : ip.len]
    header = _PARSERS[ip.p](segment)
    yield header
    if isinstance(header, Tcp) and header.off > TCP_LENGTH:
        yield TcpOptions.parse(segment[TCP_LENGTH : header.off])


if __name__ == "__main__":
    for line in headers(sys.stdin.buffer.read()):
        print(line)
