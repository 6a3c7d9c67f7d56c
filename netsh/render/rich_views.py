"""Rows as rich tables: one column a field, coloured by what a value is, never wider than the window.

Imported only when a table is to be drawn.  A row type may have a view of its own in VIEWS, by the name of
its command and class; all others share `table`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from commands.command import Command
from netsh.render.palette import ADDRESS, BAD, FAINT, GOOD, MAC, NAME, visible
from stack.addr import Ip4, Mac, Prefix

View = Callable[[str, Sequence[Any]], RenderableType]

_NAME_FIELDS = {"name", "host", "hostname", "interface", "ifname", "bus", "command"}
_WORDS = {"up": GOOD, "ok": GOOD, "established": GOOD, "listen": GOOD, "down": BAD, "incomplete": BAD, "reject": BAD}


def draw(command: Command, title: str, rows: Sequence[Any], out: TextIO, width: int | None) -> None:
    """Draw rows of one type on a file; the width is the window's when it is None."""
    view = VIEWS.get((command.name, type(rows[0]).__name__), table)
    console(out, width).print(view(title, rows))


def console(out: TextIO, width: int | None, environ: Mapping[str, str] = os.environ) -> Console:
    """A console on that file; rich itself finds out about colours and obeys NO_COLOR."""
    return Console(
        file=out, width=width, legacy_windows=False, highlight=False, emoji=False, markup=False, _environ=environ
    )


def table(title: str, rows: Sequence[Any]) -> Table:
    """The view of any rows: a column a field, without those that are empty in every row."""
    drawn = Table(
        title=title, title_justify="left", title_style=NAME, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False
    )
    fields = [(name, [getattr(row, name) for row in rows]) for name in type(rows[0])._fields]
    filled = [(name, values) for name, values in fields if any(value not in (None, "", (), []) for value in values)]
    for name, values in filled:
        right = all(_is_number(value) or value is None for value in values)
        drawn.add_column(heading(name), justify="right" if right else "left", overflow="fold")
    for row in zip(*(values for _, values in filled), strict=True):
        drawn.add_row(*(cell(name, value) for (name, _), value in zip(filled, row, strict=True)))
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
            return Text("yes" if value else "no", style=GOOD if value else FAINT)
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


VIEWS: dict[tuple[str, str], View] = {}
