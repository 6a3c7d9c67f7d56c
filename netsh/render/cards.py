"""Interfaces as cards: addresses, and how fast they count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from netsh.render.palette import ADDRESS, BAD, DROP, FAINT, GOOD, MAC, NAME, OWN, WARN
from netsh.render.rich_views import Look, cell

_SOON, _EARLY = 0.01, 1.0  # seconds: two looks that are closer say nothing about rates; a lab so young neither


def interfaces(rows: Sequence[Any], look: Look) -> RenderableType:
    """A card an interface, as many side by side as there is room for."""
    cards = [_card(row, _rates(row, look)) for row in rows]
    return Columns(cards, padding=(0, 1)) if look.width >= 60 else Group(*cards)


def _card(row: Any, rates: tuple[str, str]) -> Panel:
    up = "UP" in row.flags
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=FAINT, no_wrap=True)
    grid.add_column(overflow="fold", max_width=26)  # so that two cards stand side by side in 80 columns
    for name, text in _lines(row, rates):
        grid.add_row(name, text)
    title = Text.assemble((row.name, NAME), " ", ("up", GOOD) if up else ("down", BAD))
    return Panel(grid, title=title, title_align="left", box=box.ROUNDED, expand=False, border_style=GOOD if up else BAD)


def _lines(row: Any, rates: tuple[str, str]) -> Iterator[tuple[str, Text]]:
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
    for way, traffic, rate in (("in", row.input, rates[0]), ("out", row.output, rates[1])):
        if traffic is not None and (traffic.packets or row.link is not None):
            yield way, _traffic(traffic)
        if rate:
            yield "", Text(rate, GOOD)
    yield "flags", Text(" ".join(word for word in row.flags if word != "UP").lower())


def _address(row: Any) -> Text:
    text = Text.assemble((str(row.address), OWN), (f"/{row.prefixlen}", ADDRESS))
    if row.destination is not None:
        text += Text(f" -> {row.destination}")
    for word in row.flags:
        text += Text(f" {word.lower()}", WARN)
    return text


def _traffic(row: Any) -> Text:
    text = Text(f"{row.packets} packet{'' if row.packets == 1 else 's'}, {_scaled(row.bytes)}B")
    for word in ("errors", "drops", "collisions"):
        if count := getattr(row, word):
            text += Text(f", {count} {word}", DROP)
    return text


def _rates(row: Any, look: Look) -> tuple[str, str]:
    """What came in and went out a second, since the last look or else since the lab began."""
    if row.input is None or row.output is None or look.before is None:
        return "", ""
    key = look.host, row.name
    now = row.time, row.input.packets, row.input.bytes, row.output.packets, row.output.bytes
    before, least = look.before.get(key), _SOON
    if before is None or any(new < old for new, old in zip(now, before, strict=True)):
        before, least = (0.0, 0, 0, 0, 0), _EARLY  # the first, or they were cleared meanwhile
    look.before[key] = now
    lapse = now[0] - before[0]
    if lapse < least:
        return "", ""
    packets_in, bytes_in, packets_out, bytes_out = (new - old for new, old in zip(now[1:], before[1:], strict=True))
    return _rate(packets_in / lapse, bytes_in / lapse), _rate(packets_out / lapse, bytes_out / lapse)


def _rate(packets: float, bytes: float) -> str:
    if not packets:
        return ""
    return f"{_scaled(packets)}packets/s, {_scaled(bytes * 8)}bit/s"


def _scaled(number: float) -> str:
    """A number of two or three digits and its prefix: `14.3 k`."""
    for prefix in ("", "k", "M", "G"):
        if number < 1000 or prefix == "G":
            break
        number /= 1000
    text = str(number) if isinstance(number, int) else f"{number:.3g}" if number < 999.5 else f"{number:.0f}"
    return f"{text} {prefix}"
