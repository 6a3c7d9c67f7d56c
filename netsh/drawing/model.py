"""What of a lab is drawn: hosts, buses, and wires between them, made of the rows of `lab`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple


class Wire(NamedTuple):
    """An interface of a host, on a bus."""

    host: str
    interface: str
    addresses: tuple[str, ...]
    bus: str

    @property
    def short(self) -> str:
        """What of its first address differs on its network: `.1` of 10.0.0.1/24, `.2.1` of 10.0.2.1/16."""
        if not self.addresses:
            return ""
        address, _, plen = self.addresses[0].partition("/")
        return "." + ".".join(address.split(".")[min(int(plen) // 8, 3) :])


class Picture(NamedTuple):
    """A lab: `cables` join two hosts each, `buses` are those with more or fewer interfaces."""

    hosts: list[str]
    routers: set[str]
    cables: list[tuple[Wire, Wire]]
    buses: dict[str, list[Wire]]
    about: dict[str, list[str]]  # of a bus, what stands beside it: its name, its networks, what it does to frames

    def graph(self) -> dict[str, list[str]]:
        """Hosts and buses, each with its neighbours; a bus has a space before its name."""
        graph: dict[str, list[str]] = {name: [] for name in [*self.hosts, *(f" {bus}" for bus in self.buses)]}
        pairs = [(a.host, b.host) for a, b in self.cables]
        pairs += [(wire.host, f" {bus}") for bus, wires in self.buses.items() for wire in wires]
        for a, b in pairs:
            if a != b and b not in graph[a]:
                graph[a].append(b)
                graph[b].append(a)
        return graph


def picture_of(rows: Iterable[Any]) -> Picture:
    """The picture of a lab's rows (netsh.builtins.lab.rows_of)."""
    members: dict[str, list[Wire]] = {}
    about: dict[str, list[str]] = {}
    hosts: dict[str, int] = {}
    for row in rows:
        if hasattr(row, "personality"):
            members[row.bus] = []
            about[row.bus] = [row.bus, *row.networks, *filter(None, [row.personality])]
        elif hasattr(row, "host"):
            wired = getattr(row, "bus", None)
            hosts[row.host] = hosts.get(row.host, 0) + (wired is not None)
            if wired is not None:
                members[wired].append(Wire(row.host, row.interface, row.addresses, wired))
    cables, buses = [], {}
    for bus, wires in members.items():
        if len(wires) == 2 and wires[0].host != wires[1].host:
            cables.append((wires[0], wires[1]))
            if bus in (f"{wires[0].host}-{wires[1].host}", f"{wires[1].host}-{wires[0].host}"):
                del about[bus][0]  # a name that says nothing
        else:
            buses[bus] = wires
    routers = {host for host, count in hosts.items() if count > 1}
    return Picture(sorted(hosts, key=_natural), routers, cables, buses, about)


def _natural(name: str) -> tuple[object, ...]:
    """`r10` behind `r9`."""
    head = name.rstrip("0123456789")
    return head, int(name[len(head) :] or 0)
