"""Rows as rich tables: one column a field, coloured by what a value is, never wider than the window.

Imported only when a table is to be drawn.  A row type may have a view of its own in netsh.render.own_views;
all others share `view_of_fields`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, NamedTuple, TextIO, cast

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text
from rich.theme import Theme as Styles

from netsh.render.palette import ADDRESS, BAD, DARK, FAINT, GOOD, MAC, NAME, Theme, ascii_of, host_style, visible
from stack.addr import Ip4, Mac, Prefix


class Look(NamedTuple):
    """Who looks at rows: how wide the window is, on which host the rows are, and what was seen there before."""

    width: int
    host: str = ""
    before: dict[tuple[str, str], Any] | None = None  # what a view wants to know at the next look, by host and name


View = Callable[[Sequence[Any], Look], RenderableType]

_NAME_FIELDS = {"name", "interface", "ifname", "bus", "command"}
_HOST_FIELDS = {"host", "hostname"}
_WORDS = {"up": GOOD, "ok": GOOD, "established": GOOD, "listen": GOOD, "down": BAD, "incomplete": BAD, "reject": BAD}


def draw(title: str, view: View, rows: Sequence[Any], console: Console, look: Look) -> None:
    """Draw rows of one type, with a title over them."""
    if title:
        console.print(Text(title, style=NAME))
    console.print(view(rows, look._replace(width=console.width)))


class Plain:
    """A file of which only ASCII is wanted."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.isatty = out.isatty
        self.flush = out.flush

    def write(self, text: str) -> int:
        """Write it, what is drawn in it in ASCII."""
        return self.out.write(ascii_of(text))


def console_on(
    out: TextIO, width: int | None, environ: Mapping[str, str], theme: Theme = DARK, *, plain: bool = False,
) -> Console:  # fmt: skip
    """A console on that file; rich itself finds out about colours and obeys NO_COLOR."""
    styles = theme.styles | {f"host{at}": style for at, style in enumerate(theme.hosts)}
    return Console(
        file=cast(IO[str], Plain(out)) if plain else out, width=width, legacy_windows=False, highlight=False,
        emoji=False, markup=False, theme=Styles(styles), _environ=environ,
    )  # fmt: skip


Column = tuple[str, list[Text], bool]  # its heading, its cells, and whether they are numbers


def view_of_fields(rows: Sequence[Any], look: Look) -> RenderableType:
    """The view of any rows: a column a field, without those that are empty in every row."""
    columns: list[Column] = []
    for name in type(rows[0])._fields:
        values = [getattr(row, name) for row in rows]
        number = all(value is None or _is_number(value) for value in values)
        columns.append((heading(name), [cell(name, value) for value in values], number))
    return fitting(columns, look.width)


def column(title: str, cells: Sequence[Text | str], number: bool = False) -> Column:
    """A column made by hand."""
    return title, [cell if isinstance(cell, Text) else Text(cell) for cell in cells], number


def fitting(columns: Sequence[Column], width: int) -> RenderableType:
    """Columns side by side where they fit, closer together if need be; else a card a row."""
    columns = [found for found in columns if any(cell.plain for cell in found[1])]
    for gap in (3, 2, 1):
        if needed(columns, gap) <= width:
            return _table(columns, gap)
    return _cards(columns)


def needed(columns: Sequence[Column], gap: int) -> int:
    """How wide columns are with such gaps between them."""
    widths = [max([cell_len(title), *(widest(cell) for cell in cells)]) for title, cells, _ in columns]
    return sum(widths) + gap * (len(columns) - 1)


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
    if name in _HOST_FIELDS and text:
        return Text(text, style=host_style(text))
    return Text(text, style=NAME if name in _NAME_FIELDS else _WORDS.get(text.lower(), ""))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool | Ip4)
