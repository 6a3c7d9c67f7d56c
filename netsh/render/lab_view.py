"""A lab drawn: hosts as boxes, one below the other, buses as lines down their right side; large ones as an outline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from netsh.render.palette import ADDRESS, BAD, FAINT, NAME, OWN, host_style
from netsh.render.rich_views import Look

_MOST = 48  # hosts; a drawing of more is no help
_RAIL = 2  # columns that a bus takes


class Place(NamedTuple):
    """A line of the drawing: its left side; the bus that an interface in it is on."""

    left: Text
    bus: str | None


def labs(rows: Sequence[Any], look: Look) -> RenderableType:
    """The line that counts things, then the drawing, or the outline if that is too wide or too long."""
    head, *parts = rows
    ports = [row for row in parts if hasattr(row, "interface")]
    hosts = list(dict.fromkeys(row.host for row in parts if hasattr(row, "host")))
    segments = {row.bus: row for row in parts if hasattr(row, "personality")}
    drawing = Drawing(hosts, ports, segments).lines(look.width) if 0 < len(hosts) <= _MOST else None
    return Group(_head(head), *(_outline(parts) if drawing is None else ["", *drawing]))


def _head(row: Any) -> Text:
    counts = f"{row.hosts} host{'' if row.hosts == 1 else 's'}, {row.buses} bus{'' if row.buses == 1 else 'es'}"
    return Text(f"{counts}, seed {row.seed}, clock {row.clock}, {row.now:.6f} s", FAINT)


class Drawing:
    """Where everything stands."""

    def __init__(self, hosts: list[str], ports: list[Any], segments: dict[str, Any]) -> None:
        self.ports = {host: [port for port in ports if port.host == host] for host in hosts}
        self.segments = segments
        self.members: dict[str, list[str]] = {bus: [] for bus in segments}  # the hosts on each
        for port in ports:
            if port.bus is not None:
                self.members[port.bus].append(port.host)
        self.hosts = min((hosts, self._walk(hosts)), key=self._length)
        self.rank = {host: at for at, host in enumerate(self.hosts)}

    def _walk(self, hosts: list[str]) -> list[str]:
        """Hosts in the order in which they are met on a walk from neighbour to neighbour."""
        order: dict[str, None] = {}
        for start in hosts:
            queue = [start]
            while queue:
                host = queue.pop(0)
                if host not in order:
                    order[host] = None
                    buses = [port.bus for port in self.ports[host] if port.bus is not None]
                    queue += [member for bus in buses for member in self.members[bus] if member not in order]
        return list(order)

    def _length(self, order: list[str]) -> int:
        """How long the lines of all buses are together."""
        rank = {host: at for at, host in enumerate(order)}
        places = [[rank[host] for host in members] for members in self.members.values() if members]
        return sum(max(each) - min(each) for each in places)

    def lines(self, width: int) -> list[Text] | None:
        """The drawing; None when it is too wide."""
        places = [place for host in self.hosts for place in self._box(host)]
        spans = _spans(places)
        columns = _columns(spans)
        left = max(place.left.cell_len for place in places) + 1
        right = left + _RAIL * (max(columns.values(), default=-1) + 1)
        room = width - right - 2
        if right > width or room < max((len(bus) for bus in spans), default=0):
            return None
        return [self._line(at, place, left, spans, columns, room) for at, place in enumerate(places)]

    def _box(self, host: str) -> Iterator[Place]:
        """A host with its interfaces, ordered so that few lines cross."""
        ports = sorted(self.ports[host], key=lambda port: self._direction(host, port))
        names = max((len(port.interface) for port in ports), default=0)
        style, bar = host_style(host), "─" * (len(host) + 2)
        yield Place(Text(f"╭{bar}╮", style), None)
        for at, port in enumerate(ports or [None]):
            left = Text.assemble(("│ ", style), (host if not at else " " * len(host), style))
            left.append(" │" if port is None else " ├╴", style)
            if port is not None:
                left.append(f"{port.interface:<{names}}", NAME)
                left.append(f"  {' '.join(port.addresses) or 'no address'}", OWN if port.addresses else BAD)
                if port.bus is None:
                    left.append(f"  on {' '.join(port.made_of)}" if port.made_of else "  on no bus", FAINT)
            yield Place(left, port.bus if port is not None else None)
        yield Place(Text(f"╰{bar}╯", style), None)

    def _direction(self, host: str, port: Any) -> tuple[int, int]:
        """First what goes up, the nearest first; last what goes down, the nearest last."""
        if port.bus is None:
            return 3, 0
        here = self.rank[host]
        others = [self.rank[member] for member in self.members[port.bus] if member != host]
        if all(other < here for other in others):
            return 0, here - min(others, default=here)
        if all(other > here for other in others):
            return 2, here - max(others)
        return 1, 0

    def _line(
        self, at: int, place: Place, left: int, spans: dict[str, tuple[int, int]], columns: dict[str, int], room: int
    ) -> Text:
        """A line with the buses that pass it."""
        rails = [" "] * (_RAIL * (max(columns.values(), default=-1) + 1))
        end = -1
        if place.bus is not None:
            end = _RAIL * columns[place.bus] + _RAIL - 1
            rails[: end + 1] = "─" * (end + 1)
        for bus, (first, last) in spans.items():
            if first <= at <= last and first != last:
                rails[_RAIL * columns[bus] + _RAIL - 1] = "│"
        first, last = spans.get(place.bus or "", (-1, -1))
        if place.bus is not None:
            rails[end] = "●" if first == last else "╮" if at == first else "╯" if at == last else "┤"
        gap = left - place.left.cell_len
        text = place.left + Text(" " + "─" * (gap - 1) if end >= 0 else " " * gap, FAINT)
        text.append("".join(rails), FAINT)
        if at == first:
            text += self._label(place.bus or "", room)
        text.rstrip()
        return text

    def _label(self, bus: str, room: int) -> Text:
        """What a bus is called, and as much of the rest as there is room for."""
        row = self.segments[bus]
        text = Text(f"  {bus}", NAME)
        state = BAD if "down" in row.personality else FAINT
        for part, style in (" ".join(row.networks), ADDRESS), (row.personality, state):
            if part and text.cell_len + len(part) <= room:
                text.append(f"  {part}", style)
        return text


def _spans(places: list[Place]) -> dict[str, tuple[int, int]]:
    """From which line to which line each bus goes."""
    spans: dict[str, tuple[int, int]] = {}
    for at, place in enumerate(places):
        if place.bus is not None:
            spans[place.bus] = (spans.get(place.bus, (at, at))[0], at)
    return spans


def _columns(spans: dict[str, tuple[int, int]]) -> dict[str, int]:
    """The column of each bus: the short ones on the left, and no two at one place."""
    columns: dict[str, int] = {}
    for bus, (first, last) in sorted(spans.items(), key=lambda item: (item[1][1] - item[1][0], item[1])):
        taken = {columns[other] for other in columns if spans[other][0] <= last and first <= spans[other][1]}
        columns[bus] = next(column for column in range(len(columns) + 1) if column not in taken)
    return columns


def _outline(rows: Sequence[Any]) -> Iterator[Text]:
    """Buses, and who is on them; then hosts that are on none."""
    for row in rows:
        if hasattr(row, "personality"):
            yield Text("")
            networks = " ".join(row.networks)
            yield Text.assemble((row.bus, NAME), "  ", (networks, ADDRESS), "  ", (row.personality, FAINT))
        elif not hasattr(row, "interface"):
            yield Text.assemble("\n", (row.host, host_style(row.host)), ("  no interface", FAINT))
        else:
            yield _port(row)


def _port(row: Any) -> Text:
    corner = "\n" if row.bus is None else " ╰─ " if row.last else " ├─ "
    place = "" if row.bus is not None else f"on {' '.join(row.made_of)}" if row.made_of else "on no bus"
    addresses = " ".join(row.addresses)
    return Text.assemble(
        (corner, FAINT), (f"{row.host:<11}", host_style(row.host)), (f" {row.interface:<8}", NAME), " ",
        (addresses or "no address", OWN if addresses else BAD), (f"  {place}" if place else "", FAINT),
    )  # fmt: skip
