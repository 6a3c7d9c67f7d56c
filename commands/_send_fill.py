"""What a packet does not say itself when it is sent: addresses of ours, and the next hop's link address."""

from __future__ import annotations

from typing import NamedTuple

from commands.command import Context, Failure
from stack.addr import ETHER_BROADCAST, Ip4, Mac
from stack.dev.craft import Crafted
from stack.header.ether import multicast_mac
from stack.host import Host
from stack.kern.proc import pause
from stack.net.ethernet import Ethernet
from stack.net.ifnet import Ifnet
from stack.netinet.ip_output import source_on

_TRIES, _STEP, _STEPS = 3, 0.01, 100  # questions, and how often it is looked for an answer to each
_FRAMES = ("Ether", "Dot3")


class Ready(NamedTuple):
    """A packet as it is sent: a frame on an interface, or an IP packet that finds its way by itself."""

    data: bytes
    interface: Ethernet | None
    destination: Ip4


async def fill(ctx: Context, host: Host, ifp: Ifnet | None, packet: Crafted) -> Ready:
    """Complete a packet; Failure when it cannot be sent."""
    kinds = packet.layers()
    if kinds[0] == "ARP":
        packet = packet.wrapped()
        kinds = packet.layers()
    if kinds[0] in _FRAMES:
        return await _frame(ctx, host, ifp, packet, kinds)
    if kinds[0] != "IP":
        raise Failure(f"{kinds[0]} does not go by itself; put Ether() or IP(dst=...) before it, and a /")
    destination = _destination(packet)
    way = _way(host, ifp, destination)
    if way is None or (ifp is not None and way[0] is not ifp):
        name = ifp.name if ifp is not None else host.name
        raise Failure(f"{destination}: no route to it{f' through {name}' if ifp is not None else ''}")
    _addresses(host, packet, way[0], way[1], kinds)
    return Ready(packet.data(), None, destination)


async def _frame(ctx: Context, host: Host, ifp: Ifnet | None, packet: Crafted, kinds: list[str]) -> Ready:
    """A frame of its own, on an interface."""
    destination = _destination(packet) if "IP" in kinds else Ip4(0)
    if "ARP" in kinds and isinstance(target := packet.get("ARP", "pdst"), str):
        destination = Ip4.parse(target)
    way = _way(host, ifp, destination) if destination else None
    out = ifp if ifp is not None else way[0] if way is not None else _first(host)
    if not isinstance(out, Ethernet):
        raise Failure(f"{out.name}: it has no frames; leave Ether() out")
    if not out.runs:
        raise Failure(f"{out.name}: it is down; 'ifconfig {out.name} up', and a bus, make it run")
    nexthop = way[1] if way is not None else destination
    _addresses(host, packet, out, nexthop, kinds)
    assert out.lladdr is not None
    packet.fill(kinds[0], src=str(out.lladdr))
    if packet.get(kinds[0], "dst") is None:
        to = await _link_address(ctx, host, out, nexthop) if "IP" in kinds else ETHER_BROADCAST
        packet.fill(kinds[0], dst=str(to))
    return Ready(packet.data(), out, destination)


def _destination(packet: Crafted) -> Ip4:
    found = packet.get("IP", "dst")
    if not isinstance(found, str):
        raise Failure("IP: it goes nowhere; IP(dst='10.0.0.1') says where")
    return Ip4.parse(found)


def _way(host: Host, ifp: Ifnet | None, destination: Ip4) -> tuple[Ifnet, Ip4] | None:
    """The interface and the next hop, through an interface that was chosen if there is one."""
    if ifp is not None and (ifp.on_link(destination) is not None or ifp.is_broadcast(destination)):
        return ifp, destination
    if destination.is_multicast or destination == 0xFFFFFFFF:
        return ifp or _first(host), destination
    rt = host.routes.lookup(destination)
    return None if rt is None else (rt.ifp, Ip4(rt.nexthop or destination))


def _first(host: Host) -> Ifnet:
    """The interface that is meant when none is named."""
    ordered = sorted(host.interfaces.values(), key=lambda ifp: (not ifp.runs, ifp.is_loopback))
    return ordered[0]


def _addresses(host: Host, packet: Crafted, ifp: Ifnet, nexthop: Ip4, kinds: list[str]) -> None:
    """Where it comes from."""
    ours = source_on(ifp, nexthop)
    source = str(ours.address) if ours is not None else "0.0.0.0"
    for number in range(1, kinds.count("IP") + 1):
        packet.fill("IP", number, src=source, id=host.ip.newid())
    for number in range(1, kinds.count("IPv6") + 1):
        packet.fill("IPv6", number, src="::", dst="ff02::1")
    if "ARP" in kinds:
        packet.fill("ARP", hwsrc=str(ifp.lladdr or Mac(bytes(6))), psrc=source, hwdst="00:00:00:00:00:00", pdst=source)


async def _link_address(ctx: Context, host: Host, ifp: Ethernet, nexthop: Ip4) -> bytes:
    """The link address of a neighbour, who is asked if it is not known; Failure when nobody answers."""
    if ifp.is_broadcast(nexthop):
        return ETHER_BROADCAST
    if nexthop.is_multicast:
        return multicast_mac(nexthop)
    ours = source_on(ifp, nexthop)
    table = ifp.arptab
    for _ in range(_TRIES):
        for step in range(_STEPS):
            entry = table.entries.get(nexthop) if table is not None else None
            if entry is not None and entry.lladdr is not None:
                return entry.lladdr
            if not step:
                host.arp.request(ifp, ours.address if ours is not None else Ip4(0), nexthop)
            await pause(_STEP)
    name = ctx.name_of(nexthop)
    raise Failure(f"{name or nexthop}: nobody says which link address it has; Ether(dst=...) would")
