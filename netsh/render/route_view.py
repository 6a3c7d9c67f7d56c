"""`route get` as a contest: which route wins, which ones it beats, and the bits by which it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from netsh.render.palette import ADDRESS, BAD, FAINT, GOOD, NAME, OWN, host_style
from netsh.render.rich_views import Look, column, fitting, needed


def lookups(rows: Sequence[Any], look: Look) -> RenderableType:
    """One after the other."""
    return Group(*(part for row in rows for part in _lookup(row, look.width)))


def _lookup(row: Any, width: int) -> Iterator[RenderableType]:
    yield _sentence(row)
    if row.candidates:
        yield _contest(row, width)


def _sentence(row: Any) -> Text:
    """Where packets go."""
    text = Text.assemble("to ", (str(row.target), ADDRESS), _name(row.target_name))
    if row.gateway is not None:
        text += Text.assemble(" by ", (str(row.gateway), ADDRESS), _name(row.router))
    text += Text.assemble(" out of ", (row.interface, NAME))
    if row.local is not None:
        text += Text.assemble(" from ", (str(row.local), OWN))
    for word in ("REJECT", "BLACKHOLE"):
        if word in row.flags:
            text += Text(f" {word.lower()}", BAD)
    return text + Text(f" mtu {row.mtu}" if row.mtu else "")


def _name(name: str | None) -> tuple[str, str]:
    return (f" {name}", host_style(name)) if name else ("", "")


def _contest(row: Any, width: int) -> RenderableType:
    """A line a route; what does not fit is left out, the bits before the rest."""
    routes = [(each, each.matches and each is row.candidates[0]) for each in row.candidates]
    mark = column("", [Text("→" if won else "", GOOD) for _, won in routes])
    where = column("destination", [Text(_destination(each), NAME if won else FAINT) for each, won in routes])
    bits = column("bits", [_bits(each, won) for each, won in routes])
    verdict = column("", [_verdict(each, won) for each, won in routes])
    way = column("gateway", [Text(f"{each.router or each.gateway}", "" if won else FAINT) for each, won in routes])
    for columns in ([mark, where, bits, verdict, way], [mark, where, bits, verdict]):
        if needed(columns, 1) <= width:
            return fitting(columns, width)
    return fitting([mark, where, verdict], width)


def _destination(route: Any) -> str:
    return str(route.destination) if route.destination.plen else "default"


def _bits(route: Any, won: bool) -> Text:
    """The bits of a prefix: those that match, the first that does not, and what comes behind it."""
    text = Text()
    for at in range(route.destination.plen):
        if at and at % 8 == 0:
            text.append(".", FAINT)
        bit = str(int(route.destination.net) >> 31 - at & 1)
        text.append(bit, (GOOD if won else "") if at < route.common else BAD if at == route.common else FAINT)
    return text


def _verdict(route: Any, won: bool) -> Text:
    bits = f"{route.destination.plen} bit{'' if route.destination.plen == 1 else 's'}"
    if won:
        return Text(f"longest match, {bits}", GOOD)
    return Text(f"shorter, {bits}" if route.matches else f"differs in bit {route.common + 1}", FAINT)
