"""Bridges in small labs: how to build them, and who hears what."""

from __future__ import annotations

from stack.addr import ETHER_BROADCAST, Mac
from stack.host import Host
from stack.lab import Lab
from stack.net.bridge import IFBIF_STP, Bridge, Member
from stack.net.ethernet import Ethernet
from stack.net.stp_port import STATE_NAMES
from tests.stack.labs import Station, settle

STRANGE = 0x88B5  # IEEE 802: an ethertype for experiments


def ethernet(host: Host, name: str) -> Ethernet:
    """An interface of a host."""
    ifp = host.interfaces[name]
    assert isinstance(ifp, Ethernet)
    return ifp


def make_bridge(lab: Lab, name: str, *buses: str, stp: bool = False, priority: int = 0x8000) -> Bridge:
    """A host with bridge0 between buses: shmif0 on the first, and so on; it is up."""
    host = lab.add_host(name)
    bridge = host.ifcreate("bridge0")
    assert isinstance(bridge, Bridge)
    bridge.set_priority(priority)
    for number, bus in enumerate(buses):
        ifp = host.ifcreate(f"shmif{number}")
        ifp.set_linkstr(bus)
        ifp.up()
        bridge.add(ifp)
        if stp:
            bridge.set_member_flags(bridge.member(ifp), bridge.member(ifp).flags | IFBIF_STP)
    bridge.up()
    settle(lab)
    return bridge


def member(bridge: Bridge, number: int) -> Member:
    """The member shmifN."""
    return next(found for found in bridge.members if found.ifp.name == f"shmif{number}")


def states(bridge: Bridge) -> list[str]:
    """The states of shmif0, shmif1 ..."""
    return [STATE_NAMES[found.state] for found in reversed(bridge.members)]


def say(station: Station, to: Mac = ETHER_BROADCAST, data: bytes = b"hello") -> None:
    """Let a station send a frame, and the frame go all its ways."""
    station.send(to, STRANGE, data)
    station.ether.callouts.advance(station.ether.callouts.now)


def heard(*stations: Station) -> list[int]:
    """How many experimental frames each station heard since the last time."""
    return [sum(frame.ether.type == STRANGE for frame in station.take()) for station in stations]


def where(bridge: Bridge) -> dict[str, str]:
    """Where a bridge thinks that stations are: by the last octet of their addresses."""
    bridge.rtable.age()
    return {str(node.lladdr)[-2:]: node.member.ifp.name for node in bridge.rtable.nodes.values()}
