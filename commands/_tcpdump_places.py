"""Where tcpdump looks: interfaces of this host and of others, buses, the whole lab (tcpdump -i)."""

from __future__ import annotations

from commands.command import Context, Failure
from stack.addr import Ip4
from stack.net.bpf import DLT_EN10MB, linktype_of
from stack.net.ifnet import Ifnet
from stack.net.wire import Bus

Place = tuple[str, Ifnet | Bus]  # a host, and an interface of it; or "" and a bus


def places_of(ctx: Context, word: str | None, *, lab: bool) -> list[Place]:
    """The interfaces that are meant; Failure when there are none such."""
    if lab:
        return [(host.name, ifp) for host in ctx.lab.hosts.values() for ifp in host.interfaces.values()]
    if word is None:
        ordered = sorted(ctx.host.interfaces.values(), key=lambda ifp: (not ifp.runs, ifp.is_loopback))
        return [(ctx.host.name, ordered[0])]
    if word == "any":
        return [(ctx.host.name, ifp) for ifp in ctx.host.interfaces.values()]
    if word.startswith("bus:"):
        bus = ctx.lab.buses.get(word[4:])
        if bus is None:
            raise Failure(f"{word[4:]}: no such bus; there are {', '.join(ctx.lab.buses) or 'none'}")
        return [("", bus)]
    name, colon, ifname = word.rpartition(":")
    host = ctx.lab.hosts.get(name) if colon else ctx.host
    if host is None:
        raise Failure(f"{name}: no such host")
    if ifname == "any" and colon:
        return [(host.name, ifp) for ifp in host.interfaces.values()]
    ifp = host.interfaces.get(ifname)
    if ifp is None:
        raise Failure(f"{ifname}: no such interface on {host.name}; it has {', '.join(host.interfaces)}")
    return [(host.name, ifp)]


def netmask_of(places: list[Place]) -> Ip4 | None:
    """That of the only interface, for `ip broadcast`."""
    place = places[0][1]
    if len(places) > 1 or isinstance(place, Bus) or not place.addresses:
        return None
    return place.addresses[0].prefix.mask


def linktype_at(place: Ifnet | Bus) -> int:
    """What frames begin with there."""
    return DLT_EN10MB if isinstance(place, Bus) else linktype_of(place)
