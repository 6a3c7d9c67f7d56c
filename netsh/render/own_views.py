"""The views that know what their rows are: routes, the ARP table, traffic, sockets, buses, bridges, drops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from netsh.render import cards, counter_views, graph_view, lab_view, packet_view, route_view, trace_view
from netsh.render.palette import ADDRESS, BAD, DROP, FAINT, GOOD, MAC, NAME, OWN, WARN, host_style
from netsh.render.rich_views import Column, Look, View, cell, column, fitting, view_of_fields


def routes(rows: Sequence[Any], look: Look) -> RenderableType:
    """The routing table, each route with its kind in a word; the default route stands out."""
    kinds = [kind_of(row) for row in rows]
    columns = [
        column("destination", [_destination(row) for row in rows]),
        column("gateway", [_gateway(row) for row in rows]),
        column("interface", [Text(row.interface, NAME) for row in rows]),
        column("kind", [Text(kind, _KINDS[kind]) for kind in kinds]),
        column("flags", [row.flags for row in rows]),
        column("mtu", [str(row.mtu or "") for row in rows], number=True),
        column("use", [str(row.use or "") for row in rows], number=True),
    ]
    return fitting(columns, look.width)


_KINDS = {
    "default": NAME, "gateway": "", "connected": GOOD, "neighbour": FAINT, "local": FAINT, "host": "",
    "reject": BAD, "blackhole": BAD,
}  # fmt: skip


def kind_of(row: Any) -> str:
    """What a route is, from its letters."""
    for letter, kind in (("R", "reject"), ("B", "blackhole"), ("l", "local"), ("L", "neighbour")):
        if letter in row.flags:
            return kind
    if "G" in row.flags:
        return "gateway" if row.destination.plen else "default"
    return "host" if "H" in row.flags else "connected"


def _destination(row: Any) -> Text:
    prefix = row.destination
    text = "default" if not prefix.plen else str(prefix.net if prefix.plen == 32 else prefix)
    return Text.assemble((text, NAME if not prefix.plen else ADDRESS), f" {row.host}" if row.host else "")


def _gateway(row: Any) -> Text:
    return cell("gateway", row.gateway) + Text(f" {row.router}" if row.router else "", host_style(row.router or ""))


def neighbours(rows: Sequence[Any], look: Look) -> RenderableType:
    """The ARP table."""
    columns = [
        column("address", [Text(str(row.address), ADDRESS) for row in rows]),
        column("host", [Text(row.host or "", host_style(row.host or "")) for row in rows]),
        column("at", [Text(str(row.lladdr), MAC) if row.lladdr else Text("incomplete", BAD) for row in rows]),
        column("interface", [Text(row.interface, NAME) for row in rows]),
        column("state", [_state(row) for row in rows]),
        column("expires", ["" if row.expires is None else f"{row.expires:.0f} s" for row in rows], number=True),
    ]
    return fitting(columns, look.width)


def _state(row: Any) -> Text:
    words = [word for word in ("permanent", "published", "proxy") if getattr(row, word) and word != row.state]
    style = {"reachable": GOOD, "local": OWN, "incomplete": BAD, "failed": BAD}.get(row.state, WARN)
    return Text(row.state, style) + Text("".join(f" {word}" for word in words))


def traffic(rows: Sequence[Any], look: Look) -> RenderableType:
    """`netstat -i`: a line an interface, its addresses one under the other."""
    links: dict[str, list[Any]] = {}
    for row in rows:
        links.setdefault(row.name, []).append(row)
    first = [lines[0] for lines in links.values()]
    columns = [
        column("name", [Text(row.name, NAME) for row in first]),
        column("is", [Text("up", GOOD) if row.up else Text("down", BAD) for row in first]),
        column("mtu", [str(row.mtu) for row in first], number=True),
        column("network", [Text("\n").join(Text(row.network) for row in lines) for lines in links.values()]),
        column("address", [Text("\n").join(_end(row) for row in lines) for lines in links.values()]),
        *(_counts(name, first) for name in ("ipkts", "ibytes", "ierrs", "opkts", "obytes", "oerrs", "colls", "drops")),
    ]
    return fitting(columns, look.width)


def _end(row: Any) -> Text:
    return cell("address", row.address) + Text(f" {row.host}" if row.host else "")


def _counts(name: str, rows: Sequence[Any]) -> Column:
    """A column of counters, which is left out if they are of no interest: errors that are not there."""
    values = [getattr(row, name) for row in rows]
    boring = name in ("ierrs", "oerrs", "colls") and not any(values)
    style = BAD if name in ("ierrs", "oerrs", "drops") else ""
    return column(
        name, ["" if boring or value is None else Text(str(value), style if value else "") for value in values], True
    )


def sockets(rows: Sequence[Any], look: Look) -> RenderableType:
    """`netstat -a`: connections, and who waits for some."""
    columns = [
        column("proto", [row.proto for row in rows]),
        column("local", [_port(row.local_host, row.local, row.local_service, row.local_port, OWN) for row in rows]),
        column(
            "foreign",
            [_port(row.foreign_host, row.foreign, row.foreign_service, row.foreign_port, ADDRESS) for row in rows],
        ),
        column("state", [_tcp_state(row.state) for row in rows]),
        column("recv-q", [str(row.recv_q or "") for row in rows], number=True),
        column("send-q", [str(row.send_q or "") for row in rows], number=True),
    ]
    return fitting(columns, look.width)


def _tcp_state(state: str | None) -> Text:
    """A connection's state: well, on its way, or a listener."""
    return Text(state or "", {"ESTABLISHED": GOOD, "LISTEN": NAME, "CLOSED": FAINT}.get(state or "", WARN))


def _port(host: str | None, address: Any, service: str | None, port: int, style: str) -> Text:
    """One end, as BSD writes it: `10.0.0.1.80`, `www.http`, `*.*`."""
    return Text(host or (str(address) if address else "*"), style if address else "") + Text(
        f".{service or port or '*'}"
    )


def buses(rows: Sequence[Any], look: Look) -> RenderableType:
    """What a bus does to frames in the words that would make it so, and who is on it."""
    columns = [
        column("name", [Text(row.name, NAME) for row in rows]),
        column("does", [row.personality for row in rows]),
        column("ports", ["\n".join(row.ports) for row in rows]),
    ]
    return fitting(columns, look.width)


def bridges(rows: Sequence[Any], look: Look) -> RenderableType:
    """A bridge after the other: what it is, its members, who is behind which."""
    return Group(*(part for row in rows for part in _bridge(row, look)))


def _bridge(row: Any, look: Look) -> Iterator[RenderableType]:
    up = "UP" in row.flags
    yield Text.assemble((row.name, NAME), " ", ("up", GOOD) if up else ("down", BAD), f"  {_root(row)}")
    if row.interfaces:
        yield fitting(
            [
                column("member", [Text(each.interface, NAME) for each in row.interfaces]),
                column("state", [Text(each.state or "", _STATES.get(each.state, FAINT)) for each in row.interfaces]),
                column("cost", [str(each.path_cost or "") for each in row.interfaces], number=True),
                column("priority", [str(each.priority) for each in row.interfaces], number=True),
                column("flags", [" ".join(each.flags).lower() for each in row.interfaces]),
            ],
            look.width,
        )
    if row.addresses:
        yield view_of_fields(row.addresses, look)


_STATES = {"forwarding": GOOD, "listening": WARN, "learning": WARN, "blocking": WARN, "disabled": BAD}


def _root(row: Any) -> str:
    """Who is the root of the spanning tree, if there is one."""
    if row.root is None:
        return ""
    return f"root {row.root}" + (f", cost {row.root_cost} by {row.root_port}" if row.root_port else ": itself")


def drops(rows: Sequence[Any], look: Look) -> RenderableType:
    """What was dropped; the sentence that says why has what room is left, and takes more lines if it must."""
    if look.width < 60:
        return view_of_fields(rows, look)
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style=FAINT)
    for title in ("host", "protocol", "reason"):
        drawn.add_column(title, no_wrap=True)
    drawn.add_column("count", justify="right", no_wrap=True)
    drawn.add_column("why")
    for row in rows:
        host, reason = Text(row.host, host_style(row.host)), Text(row.reason, DROP)
        drawn.add_row(host, row.protocol, reason, str(row.count_), row.sentence)
    return drawn


def source(rows: Sequence[Any], _look: Look) -> RenderableType:
    """Lines of Python, numbered, those that are marked with an arrow."""
    from rich.syntax import Syntax  # pygments, which other views do without

    code = Syntax(
        "\n".join(row.text for row in rows), "python", theme="ansi_dark", line_numbers=True,
        start_line=rows[0].number, highlight_lines={row.number for row in rows if row.marked}, word_wrap=True,
    )  # fmt: skip
    code.background_style = Style.null()
    return code


def _lesson(name: str) -> View:
    """A view of a lesson's, whose Markdown takes 40 ms to import."""

    def view(rows: Sequence[Any], look: Look) -> RenderableType:
        from netsh.render import lesson_views

        found: View = getattr(lesson_views, name)
        return found(rows, look)

    return view


VIEWS: dict[str, View] = {
    "commands.brconfig.BridgeRow": bridges,
    "commands._routes.Route": routes,
    "commands._neighbors.ArpEntry": neighbours,
    "commands._drops.Drop": drops,
    "commands._netstat_if.InterfaceTraffic": traffic,
    "commands._netstat_sockets.Connection": sockets,
    "commands._netstat_stats.Statistics": counter_views.statistics,
    "commands._trace.TracedPacket": trace_view.journey,
    "commands._trace.TraceStep": trace_view.steps,
    "commands._trace_path.Hop": trace_view.path,
    "commands._tcpgraph.Graph": graph_view.graphs,
    "commands.ifconfig.Interface": cards.interfaces,
    "commands.packet.Field": packet_view.draw,
    "commands.route.Lookup": route_view.lookups,
    "commands.sysctl.Description": counter_views.descriptions,
    "commands.sysctl.Knob": counter_views.knobs,
    "netsh.builtins.bus.BusRow": buses,
    "netsh.builtins.lab.LabRow": lab_view.labs,
    "netsh.builtins.source.SourceLine": source,
    **{
        f"netsh.lessons.rows.{row}": _lesson(name)
        for row, name in {
            **dict.fromkeys(("Page", "Try", "Question", "Goal", "Told"), "speech"), "Listed": "lessons",
        }.items()
    },
}


def view_of(row_type: type) -> View:
    """The view of a row type: its own, or the one for all."""
    return VIEWS.get(f"{row_type.__module__}.{row_type.__name__}", view_of_fields)
