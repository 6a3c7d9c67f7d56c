"""Follows packets through the lab as they go: taps on all interfaces, and the door through which packets die."""

from __future__ import annotations

from collections.abc import Collection, Hashable

from commands._ladder_journey import AF_INET, Journey, Journeys, Loss, Seen, look
from commands._ladder_names import Names
from commands._tcpdump_filter import Filter
from commands._tcpdump_places import Place
from stack.kern.proc import Channel
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.bpf import DLT_EN10MB, DLT_NULL, Death, Frame, Recent, Source, linktype_of
from stack.net.bpf_filter import bpf_filter
from stack.net.ifnet import Ifnet, Tap
from stack.net.wire import Bus, Shmif

_INSIDE = ("vlan", "bridge")  # what they send another interface of the same host sends, too


class Follower:
    """All packets of a lab; those are wanted that pass one of the places and the filter."""

    def __init__(self, lab: Lab, names: Names, places: Collection[Place] | None, chosen: Filter) -> None:
        self.lab = lab
        self.names = names
        self.places = None if places is None else {id(place) for _, place in places}
        self.programs = {linktype: chosen.program(linktype) for linktype in (DLT_EN10MB, DLT_NULL)}
        self.journeys = Journeys(names.is_end)
        self.sources: list[Source] = []
        self.recent = Recent(self.sources)
        self.channel = Channel("ladder")
        self.taps: list[tuple[Ifnet, Tap]] = []
        for host in lab.hosts.values():
            for ifp in host.interfaces.values():
                self.attach(host.name, ifp)
        lab.probes.attach += (self.attach,)
        lab.probes.drop += (self.dropped,)

    def close(self) -> None:
        """Look no more."""
        probes = self.lab.probes
        probes.attach = tuple(each for each in probes.attach if each != self.attach)
        probes.drop = tuple(each for each in probes.drop if each != self.dropped)
        for ifp, tap in self.taps:
            ifp.taps = tuple(each for each in ifp.taps if each is not tap)
        self.taps.clear()

    def attach(self, host: str, ifp: object) -> None:
        """See the frames of an interface, in and out."""
        assert isinstance(ifp, Ifnet)
        number, linktype = len(self.sources), linktype_of(ifp)
        self.sources.append(Source(host, ifp.name, linktype))
        header = AF_INET if linktype == DLT_NULL else b""

        def tap(ifp: Ifnet, m: Mbuf, outgoing: bool) -> None:
            data = header + m.frame()
            now = self.lab.callouts.now
            self.recent.add([Frame(round(now * 1e9), number, outgoing, data, len(data))])
            journey = self._seen(host, ifp, look(data, linktype), outgoing)
            if journey is None:
                return
            if not journey.frame:
                journey.frame, journey.length, journey.linktype = data, len(data), linktype
            journey.wanted = journey.wanted or self._wants(ifp, data, linktype)
            self.channel.wakeup()

        ifp.taps += (tap,)
        self.taps.append((ifp, tap))

    def _seen(self, host: str, ifp: Ifnet, seen: Seen, outgoing: bool) -> Journey | None:
        """The packet that passes an interface."""
        now, journeys = self.lab.callouts.now, self.journeys
        inside = ifp.kind in _INSIDE
        wire = _wire(host, ifp)
        if outgoing:
            journey = journeys.sent(seen, now, host, wire, inside=inside)
            if seen.group and isinstance(ifp, Shmif) and not _has_others(ifp):
                journey.flying.discard(wire)
            if ifp.is_loopback:
                journey.arrives(host, now, wire, ours=True)
            elif wire is None and not inside and not seen.group:  # nobody here sees it arrive
                journey.arrives(self.names.destination(seen), now, None, ours=True)
            return journey
        if inside:
            journeys.count += 1
            return journeys.at(seen, host)
        ours = seen.group or not seen.dst or seen.dst == ifp.lladdr
        return journeys.received(seen, now, host, ifp if wire is None else wire, self.names.source(seen), ours=ours)

    def _wants(self, ifp: Ifnet, data: bytes, linktype: int) -> bool:
        """Whether a frame is one that was asked for."""
        if self.places is not None and id(ifp) not in self.places:
            if not isinstance(ifp, Shmif) or id(ifp.bus) not in self.places:
                return False
        program = self.programs[linktype]
        return program is None or bpf_filter(program, data, len(data)) > 0

    def dropped(self, host: str, protocol: str, reason: str, m: Mbuf | None) -> None:
        """A packet died somewhere."""
        if m is None:
            return
        now = self.lab.callouts.now
        data = AF_INET + m.net + m.payload() if len(m.net) >= 20 else m.frame()
        seen = look(data, DLT_NULL if len(m.net) >= 20 else DLT_EN10MB)
        self.recent.deaths.append(Death(round(now * 1e9), self.recent.count, host, protocol, reason, data))
        if protocol == "bus":
            known = self.journeys.dropped(seen, now, host, host, reason)
        else:
            known = self.journeys.dropped(seen, now, host, None, f"{protocol}/{reason}")
        if known:
            self.channel.wakeup()
        elif protocol in ("ip", "arp", "ether") and len(m.net) >= 20 and self.places is None:
            self._stillborn(host, m, data, f"{protocol}/{reason}")

    def _stillborn(self, host: str, m: Mbuf, data: bytes, reason: str) -> None:
        """A packet that its own host could not send."""
        source, local = int.from_bytes(m.net[12:16]), self.lab.hosts[host].control.local
        if (source and local(source) is None) or local(int.from_bytes(m.net[16:20])) is not None:
            return
        journey = self.journeys.begin(look(data, DLT_NULL), self.lab.callouts.now, host)
        journey.frame, journey.length, journey.linktype = data, len(data), DLT_NULL
        program = self.programs[DLT_NULL]
        journey.wanted = program is None or bpf_filter(program, data, len(data)) > 0
        journey.losses.append(Loss(host, False, reason))
        self.channel.wakeup()


def _has_others(ifp: Shmif) -> bool:
    """Whether anybody else is on its bus."""
    return ifp.bus is not None and any(port is not ifp and port.runs for port in ifp.bus.ports)


def _wire(host: str, ifp: Ifnet) -> Hashable:
    """On which wire of the lab its frames go; None for a road out of the lab, which nobody watches to its end."""
    if ifp.is_loopback:
        return f"{host}:{ifp.name}"
    if isinstance(ifp, Shmif) and type(ifp.bus) is Bus:
        return ifp.bus.label
    return None
