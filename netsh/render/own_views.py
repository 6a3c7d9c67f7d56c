"""The views that know what their rows are: routes, the ARP table, interfaces, sockets, buses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from netsh.render import packet_view
from netsh.render.palette import ADDRESS, BAD, FAINT, GOOD, MAC, NAME
from netsh.render.rich_views import Column, View, cell, column, fitting, view_of_fields


def routes(rows: Sequence[Any], width: int) -> RenderableType:
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
    return fitting(columns, width)


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
    return cell("gateway", row.gateway) + Text(f" {row.router}" if row.router else "")


def neighbours(rows: Sequence[Any], width: int) -> RenderableType:
    """The ARP table."""
    columns = [
        column("address", [Text(str(row.address), ADDRESS) for row in rows]),
        column("host", [Text(row.host or "", NAME) for row in rows]),
        column("at", [Text(str(row.lladdr), MAC) if row.lladdr else Text("incomplete", BAD) for row in rows]),
        column("interface", [Text(row.interface, NAME) for row in rows]),
        column("state", [_state(row) for row in rows]),
        column("expires", ["" if row.expires is None else f"{row.expires:.0f} s" for row in rows], number=True),
    ]
    return fitting(columns, width)


def _state(row: Any) -> Text:
    words = [word for word in ("permanent", "published", "proxy") if getattr(row, word) and word != row.state]
    return cell("state", row.state) + Text("".join(f" {word}" for word in words))


def interfaces(rows: Sequence[Any], width: int) -> RenderableType:
    """A card an interface, as many side by side as there is room for."""
    return Columns([_card(row) for row in rows], padding=(0, 1)) if width >= 60 else Group(*map(_card, rows))


def _card(row: Any) -> Panel:
    up = "UP" in row.flags
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=FAINT, no_wrap=True)
    grid.add_column(overflow="fold", max_width=26)  # so that two cards stand side by side in 80 columns
    for name, text in _lines(row):
        grid.add_row(name, text)
    title = Text.assemble((row.name, NAME), " ", ("up", GOOD) if up else ("down", BAD))
    return Panel(grid, title=title, title_align="left", box=box.ROUNDED, expand=False, border_style=GOOD if up else BAD)


def _lines(row: Any) -> Iterator[tuple[str, Text]]:
    for address in row.inet:
        yield "inet", _address(address)
    if row.linkstr is not None:
        yield "bus", Text(row.linkstr, NAME)
    if row.vlan is not None:
        yield "vlan", Text.assemble(f"{row.vlan} on ", (row.parent, NAME))
    if row.address is not None:
        yield "address", Text(str(row.address), MAC)
    if row.link is not None:
        yield "link", cell("link", row.link)
    yield "mtu", Text(str(row.mtu) + (f"  metric {row.metric}" if row.metric else ""))
    for way, traffic in (("in", row.input), ("out", row.output)):
        if traffic is not None:
            yield way, _traffic(traffic)
    yield "flags", Text(" ".join(word for word in row.flags if word != "UP").lower())


def _address(row: Any) -> Text:
    text = Text(f"{row.address}/{row.prefixlen}", ADDRESS)
    if row.destination is not None:
        text += Text(f" -> {row.destination}")
    for word in row.flags:
        text += Text(f" {word.lower()}", BAD)
    return text


def _traffic(row: Any) -> Text:
    text = Text(f"{row.packets} packets, {row.bytes} bytes")
    for word in ("errors", "drops", "collisions"):
        if count := getattr(row, word):
            text += Text(f", {count} {word}", BAD)
    return text


def traffic(rows: Sequence[Any], width: int) -> RenderableType:
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
    return fitting(columns, width)


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


def sockets(rows: Sequence[Any], width: int) -> RenderableType:
    """`netstat -a`: connections, and who waits for some."""
    columns = [
        column("proto", [row.proto for row in rows]),
        column("local", [_port(row.local_host, row.local, row.local_service, row.local_port) for row in rows]),
        column(
            "foreign", [_port(row.foreign_host, row.foreign, row.foreign_service, row.foreign_port) for row in rows]
        ),
        column("state", [cell("state", row.state) for row in rows]),
        column("recv-q", [str(row.recv_q or "") for row in rows], number=True),
        column("send-q", [str(row.send_q or "") for row in rows], number=True),
    ]
    return fitting(columns, width)


def _port(host: str | None, address: Any, service: str | None, port: int) -> Text:
    """One end, as BSD writes it: `10.0.0.1.80`, `www.http`, `*.*`."""
    return Text(host or (str(address) if address else "*"), ADDRESS) + Text(f".{service or port or '*'}")


def buses(rows: Sequence[Any], width: int) -> RenderableType:
    """What a bus does to frames in the words that would make it so, and who is on it."""
    columns = [
        column("name", [Text(row.name, NAME) for row in rows]),
        column("does", [row.personality for row in rows]),
        column("ports", ["\n".join(row.ports) for row in rows]),
    ]
    return fitting(columns, width)


def bridges(rows: Sequence[Any], width: int) -> RenderableType:
    """A bridge after the other: what it is, its members, who is behind which."""
    return Group(*(part for row in rows for part in _bridge(row, width)))


def _bridge(row: Any, width: int) -> Iterator[RenderableType]:
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
            width,
        )
    if row.addresses:
        yield view_of_fields(row.addresses, width)


_STATES = {"forwarding": GOOD, "disabled": BAD}


def _root(row: Any) -> str:
    """Who is the root of the spanning tree, if there is one."""
    if row.root is None:
        return ""
    return f"root {row.root}" + (f", cost {row.root_cost} by {row.root_port}" if row.root_port else ": itself")


def drops(rows: Sequence[Any], width: int) -> RenderableType:
    """What was dropped; the sentence that says why has what room is left, and takes more lines if it must."""
    if width < 60:
        return view_of_fields(rows, width)
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style=FAINT)
    for title in ("host", "protocol", "reason"):
        drawn.add_column(title, no_wrap=True)
    drawn.add_column("count", justify="right", no_wrap=True)
    drawn.add_column("why")
    for row in rows:
        cells = Text(row.host, NAME), row.protocol, Text(row.reason, BAD), str(row.count_), Text(row.sentence)
        drawn.add_row(*cells)
    return drawn


def source(rows: Sequence[Any], _width: int) -> RenderableType:
    """Lines of Python, numbered, those that are marked with an arrow."""
    from rich.syntax import Syntax  # pygments, which other views do without

    code = Syntax(
        "\n".join(row.text for row in rows), "python", theme="ansi_dark", line_numbers=True,
        start_line=rows[0].number, highlight_lines={row.number for row in rows if row.marked}, word_wrap=True,
    )  # fmt: skip
    code.background_style = Style.null()
    return code


VIEWS: dict[str, View] = {
    "commands.brconfig.BridgeRow": bridges,
    "commands._routes.Route": routes,
    "commands._neighbors.ArpEntry": neighbours,
    "commands._drops.Drop": drops,
    "commands._netstat_if.InterfaceTraffic": traffic,
    "commands._netstat_sockets.Connection": sockets,
    "commands.ifconfig.Interface": interfaces,
    "commands.packet.Field": packet_view.draw,
    "netsh.builtins.bus.BusRow": buses,
    "netsh.builtins.source.SourceLine": source,
}


def view_of(row_type: type) -> View:
    """The view of a row type: its own, or the one for all."""
    return VIEWS.get(f"{row_type.__module__}.{row_type.__name__}", view_of_fields)
