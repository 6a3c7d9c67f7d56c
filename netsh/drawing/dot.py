"""A lab as text for Graphviz: `dot`, `neato` and the like draw it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from netsh.drawing.model import Wire, picture_of


def dot_of(rows: Iterable[Any]) -> str:
    """The whole text, of the rows of `lab`."""
    return "\n".join(_lines(rows)) + "\n"


def _lines(rows: Iterable[Any]) -> Iterator[str]:
    picture = picture_of(rows)
    yield "graph lab {"
    yield '    graph [layout=neato, overlap=false, splines=true, fontname="sans-serif"];'
    yield '    node [shape=box, style=rounded, fontname="sans-serif"];'
    yield '    edge [fontname="sans-serif", fontsize=9];'
    for host in picture.hosts:
        yield f"    {_quoted(host)}{' [penwidth=2]' if host in picture.routers else ''};"
    for bus in picture.buses:
        yield f"    {_quoted(f'bus {bus}')} [shape=plaintext, label={_quoted(*picture.about[bus])}];"
    for a, b in picture.cables:
        ends = f"taillabel={_quoted(*_end(a))}, headlabel={_quoted(*_end(b))}"
        yield f"    {_quoted(a.host)} -- {_quoted(b.host)} [{ends}, label={_quoted(*picture.about[a.bus])}];"
    for bus, wires in picture.buses.items():
        for wire in wires:
            yield f"    {_quoted(wire.host)} -- {_quoted(f'bus {bus}')} [taillabel={_quoted(*_end(wire))}];"
    yield "}"


def _end(wire: Wire) -> tuple[str, ...]:
    return (wire.interface, *wire.addresses)


def _quoted(*lines: str) -> str:
    """A string of DOT's, of several lines perhaps."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
