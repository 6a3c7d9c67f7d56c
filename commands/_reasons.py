"""All reasons for which something is dropped, by protocol and name."""

from __future__ import annotations

from commands import _why_ip, _why_link, _why_tcp
from commands._why import Why

WHY: dict[str, dict[str, Why]] = {
    "ether": _why_link.ETHER, "vlan": _why_link.VLAN, "bridge": _why_link.BRIDGE, "bus": _why_link.BUS,
    "arp": _why_ip.ARP, "in": _why_ip.IN, "ip": _why_ip.IP, "icmp": _why_ip.ICMP, "igmp": _why_ip.IGMP,
    "tcp": _why_tcp.TCP, "udp": _why_tcp.UDP, "rawip": _why_tcp.RAWIP, "rip": _why_tcp.RIP,
}  # fmt: skip
