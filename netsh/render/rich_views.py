"""Rows as rich tables: one column a field, coloured by what a value is, never wider than the window.

Imported only when a table is to be drawn.  A row type may have a view of its own in netsh.render.own_views;
all others share `view_of_fields`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from netsh.render.palette import ADDRESS, BAD, FAINT, GOOD, MAC, NAME, visible
from stack.addr import Ip4, Mac, Prefix

View = Callable[[Sequence[Any], int], RenderableType]  # the rows, and the width there is

_NAME_FIELDS = {"name", "host", "hostname", "interface", "ifname", "bus", "command"}
_WORDS = {"up": GOOD, "ok": GOOD, "established": GOOD, "listen": GOOD, "down": BAD, "incomplete": BAD, "reject": BAD}


def draw(
    title: str, view: View, rows: Sequence[Any], out: TextIO, width: int | None,
    environ: Mapping[str, str] = os.environ,
) -> None:  # fmt: skip
    """Draw rows of one type on a file; the width is the window's when it is None."""
    console = console_on(out, width, environ)
    if title:
        console.print(Text(title, style=NAME))
    console.print(view(rows, console.width))


def console_on(out: TextIO, width: int | None, environ: Mapping[str, str] = os.environ) -> Console:
    """A console on that file; rich itself finds out about colours and obeys NO_COLOR."""
    return Console(
        file=out, width=width, legacy_windows=False, highlight=False, emoji=False, markup=False, _environ=environ
    )


Column = tuple[str, list[Text], bool]  # its heading, its cells, and whether they are numbers


def view_of_fields(rows: Sequence[Any], width: int) -> RenderableType:
    """The view of any rows: a column a field, without those that are empty in every row."""
    columns: list[Column] = []
    for name in type(rows[0])._fields:
        values = [getattr(row, name) for row in rows]
        number = all(value is None or _is_number(value) for value in values)
        columns.append((heading(name), [cell(name, value) for value in values], number))
    return fitting(columns, width)


def column(title: str, cells: Sequence[Text | str], number: bool = False) -> Column:
    """A column made by hand."""
    return title, [cell if isinstance(cell, Text) else Text(cell) for cell in cells], number


def fitting(columns: Sequence[Column], width: int) -> RenderableType:
    """Columns side by side where they fit, closer together if need be; else a card a row."""
    columns = [found for found in columns if any(cell.plain for cell in found[1])]
    needed = sum(max([cell_len(title), *(widest(cell) for cell in cells)]) for title, cells, _ in columns)
    for gap in (3, 2, 1):
        if needed + gap * (len(columns) - 1) <= width:
            return _table(columns, gap)
    return _cards(columns)


def widest(cell: Text) -> int:
    """The columns of the screen that the longest line of a cell takes."""
    return max(map(cell_len, cell.plain.split("\n")))


def _table(columns: Sequence[Column], gap: int) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0), header_style=FAINT)
    for title, _, number in columns:
        drawn.add_column(title, justify="right" if number else "left", no_wrap=True)
    for row in zip(*(cells for _, cells, _ in columns), strict=True):
        drawn.add_row(*row)
    return drawn


def _cards(columns: Sequence[Column]) -> Table:
    """Field by field, one under the other, for narrow windows and rows of many fields."""
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(style=FAINT, no_wrap=True)
    drawn.add_column(overflow="fold")
    for at in range(len(columns[0][1])):
        if at:
            drawn.add_row()
        for title, cells, _ in columns:
            if cells[at]:
                drawn.add_row(title, cells[at])
    return drawn


def heading(name: str) -> str:
    """A field's name as a person writes it."""
    return name.rstrip("_").replace("_", " ")


def cell(name: str, value: Any) -> Text:
    """A value with the colour of its meaning."""
    match value:
        case None:
            return Text("")
        case bool():
            return Text("yes" if value else "")
        case Ip4() | Prefix():
            return Text(str(value), style=ADDRESS)
        case Mac():
            return Text(str(value), style=MAC)
        case float():
            return Text(f"{value:.6g}")
        case bytes():
            return Text(visible(value.decode(errors="replace")))
        case tuple() | list() if not hasattr(value, "_fields"):
            return Text("\n").join(cell(name, item) for item in value)
    text = visible(str(value))
    return Text(text, style=NAME if name in _NAME_FIELDS else _WORDS.get(text.lower(), ""))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool | Ip4)
