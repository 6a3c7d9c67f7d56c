"""The way from one host to another, as the routing tables have it: no packet is sent for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stack.addr import Ip4
from stack.host import Host
from stack.lab import Lab
from stack.net.bridge import Bridge, Member
from stack.net.ethernet import Ethernet
from stack.net.ifnet import Ifnet
from stack.net.route import RTF_BLACKHOLE, RTF_LOCAL, RTF_REJECT
from stack.net.stp_port import BSTP_IFSTATE_FORWARDING
from stack.net.vlan import Vlan
from stack.net.wire import Bus, Shmif
from stack.trace.ip import beaten, destination

_Port = tuple[Shmif, int]  # where frames get onto a bus, and with which tag; 0 is none
_LONGEST = 255  # routers that the largest time to live lets a packet pass


class Hop(NamedTuple):
    """A host on the way: where packets come in, the route that they take there, and over which buses they go on."""

    host: str
    address: Ip4 | None  # the one that they came to
    interface: str | None  # where it is
    route: str | None  # the one that was chosen; None where the way ends
    beats: tuple[str, ...]  # less specific ones, which match too
    via: Ip4 | None  # the next router
    out: str | None  # the interface
    buses: tuple[str, ...]  # and the bridges between them
    end: str  # why the way ends here; "" where it goes on


class _Place(NamedTuple):
    """An address somewhere on a link, and the buses and bridges on the way to it."""

    host: Host
    ifp: Ifnet
    way: tuple[str, ...]


def path(lab: Lab, start: Host, target: Ip4) -> Iterator[Hop]:
    """The hosts on the way, the last one with the reason why it ends there."""
    host, address, interface = start, None, None
    for _ in range(_LONGEST):
        rt = host.routes.unicast(target)
        end = "no route" if rt is None else ""
        if rt is not None and rt.flags & RTF_LOCAL:
            end = "here"
        elif rt is not None and rt.flags & (RTF_REJECT | RTF_BLACKHOLE):
            end = "the route rejects" if rt.flags & RTF_REJECT else "the route swallows"
        elif host is not start and not host.ip.forwarding:
            end = "no router: net.inet.ip.forwarding is 0"
        if rt is None or end:
            yield Hop(host.name, address, interface, None, (), None, None, (), end)
            return
        nexthop, out = Ip4(rt.nexthop or target), rt.ifp
        found = None
        if not out.runs:
            end = f"{out.name} does not run"
        elif (found := _find(lab, out, nexthop)) is None:
            end = f"nobody on the link of {out.name} has {nexthop}"
        yield Hop(
            host.name, address, interface, destination(rt), tuple(beaten(host.routes, rt, target)),
            Ip4(rt.nexthop) if rt.nexthop else None, out.name, found.way if found is not None else (), end,
        )  # fmt: skip
        if found is None:
            return
        host, address, interface = found.host, nexthop, found.ifp.name
    yield Hop(host.name, address, interface, None, (), None, None, (), "it goes round and round")


def _find(lab: Lab, out: Ifnet, address: int) -> _Place | None:
    """Who has an address on the link of an interface, bridges and VLANs or not."""
    ways: list[tuple[_Port, tuple[str, ...]]] = [(each, ()) for each in _ports(out)]
    seen: set[tuple[Bus, int]] = set()
    for (port, tag), way in ways:  # which grows
        bus = port.bus
        if bus is None or (bus, tag) in seen:
            continue
        seen.add((bus, tag))
        way = (*way, f"bus:{bus.label}")
        for other in bus.ports:
            host = lab.hosts.get(other.ether.hostname)
            if other is port or host is None or not other.runs:
                continue
            for ifp, left in _takers(host, other, tag):
                found = [each for each in _same(ifp) if not left and each.find(address) is not None]
                if found:
                    return _Place(host, found[0], way)
                ways += [(beyond, (*way, host.name)) for beyond in _beyond(ifp, left)]
    return None


def _ports(ifp: Ifnet, tag: int = 0) -> list[_Port]:
    """The interfaces on buses by which frames of an interface leave, and the tags that they bear there; 0 is none."""
    if isinstance(ifp, Shmif):
        return [(ifp, tag)]
    if isinstance(ifp, Vlan):
        return [] if ifp.parent is None or tag else _ports(ifp.parent, ifp.vid)
    return [port for member in ifp.members for port in _ports(member.ifp, tag)] if isinstance(ifp, Bridge) else []


def _takers(host: Host, port: Shmif, tag: int) -> Iterator[tuple[Ethernet, int]]:
    """The interfaces of a host that get a frame from one on a bus, and the tag that it still bears then."""
    yield port, tag
    for ifp in host.interfaces.values():
        if tag and isinstance(ifp, Vlan) and ifp.parent is port and ifp.vid == tag and ifp.runs:
            yield ifp, 0


def _same(ifp: Ethernet) -> list[Ifnet]:
    """The interfaces whose addresses are on the link of one: its bridge, and the members of that."""
    bridge = _bridge(ifp)
    return [ifp] if bridge is None else [ifp, bridge, *(member.ifp for member in bridge.members)]


def _bridge(ifp: Ethernet) -> Bridge | None:
    return ifp.bridge.bridge if isinstance(ifp.bridge, Member) else None


def _beyond(ifp: Ethernet, tag: int) -> list[_Port]:
    """Where the other members of its bridge lead, if it forwards."""
    bridge = _bridge(ifp)
    forwards = isinstance(ifp.bridge, Member) and ifp.bridge.state == BSTP_IFSTATE_FORWARDING
    if bridge is None or not forwards:
        return []
    others = [member for member in bridge.members if member.state == BSTP_IFSTATE_FORWARDING]
    return [each for member in others if member.ifp is not ifp for each in _ports(member.ifp, tag)]


def show_hop(row: Hop) -> str:
    """A host, and below it the route and the buses that lead on."""
    where = f" ({row.address} on {row.interface})" if row.address is not None else ""
    lines = [f"{row.host}{where}{f': {row.end}' if row.end else ''}"]
    if row.route is not None:
        via = f" via {row.via}" if row.via is not None else ""
        beats = f", which beats {' and '.join(row.beats)}" if row.beats else ""
        lines.append(f"|  {row.route}{via} on {row.out}{beats}")
    if row.buses:
        lines.append(f"|  {' - '.join(row.buses)}")
    return "\n".join(lines)
