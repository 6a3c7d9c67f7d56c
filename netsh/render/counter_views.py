"""Counters and knobs: what has counted something, and what it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from commands._netstat_stats import show_statistics
from commands._reasons import WHY
from netsh.render.palette import DROP, FAINT, NAME, visible
from netsh.render.rich_views import Look, column, fitting

_NARROW = 60
_LINE = re.compile(r"(\t*)(\d+) (.*)")
_OURS = re.compile(r"\t\t(\w+): (\d+)")


def statistics(rows: Sequence[Any], _look: Look) -> RenderableType:
    """Protocol by protocol, without what is 0."""
    parts = [part for row in rows for part in _protocol(row)]
    left_out = any(not count for row in rows for count in row.counters.values())
    return Group(*parts, Text("zeroes are left out; '| text' has them", FAINT) if left_out else Text(""))


def _protocol(row: Any) -> Iterator[RenderableType]:
    brief = row._replace(counters={name: count for name, count in row.counters.items() if count}, drops={})
    title, *lines = show_statistics(brief).split("\n")
    if not lines and not row.drops:
        return
    yield Text(title.rstrip(":"), NAME)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row(*_cells(line))
    for name, count in row.drops.items():
        why = WHY.get(row.protocol, {}).get(name)
        grid.add_row(Text(str(count), DROP), Text.assemble((name, DROP), (f"  {why.sentence}" if why else "", FAINT)))
    yield grid


def _cells(line: str) -> tuple[Text, Text]:
    """A line of `netstat -s` as its number and its words."""
    if (found := _LINE.fullmatch(line)) is not None:
        return Text(found[2]), Text("  " * (len(found[1]) - 1) + found[3])
    if (found := _OURS.fullmatch(line)) is not None:
        return Text(found[2]), Text(f"  {found[1]}")
    return Text(""), Text(line.strip(), FAINT)


def knobs(rows: Sequence[Any], look: Look) -> RenderableType:
    """Names and values; what several have in common is faint."""
    columns = [
        column("variable", [_variable(row.name) for row in rows]),
        column("value", [visible(str(row.value)) for row in rows]),
    ]
    return fitting(columns, look.width)


def descriptions(rows: Sequence[Any], look: Look) -> RenderableType:
    """Names and what they are for, in as many lines as it takes."""
    if look.width < _NARROW:
        return Group(*(Text.assemble(_variable(row.name), f"\n  {row.description}") for row in rows))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(_variable(row.name), Text(row.description))
    return grid


def _variable(name: str) -> Text:
    head, dot, last = name.rpartition(".")
    return Text.assemble((head + dot, FAINT), (last, NAME))
