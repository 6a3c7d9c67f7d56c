"""A packet as a tree of its layers, beside its bytes, each layer and its bytes in one colour."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from netsh.render.palette import FAINT
from netsh.render.rich_views import Look

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")  # of layers, from the outermost
_ROW = 16  # bytes a line
_DUMP = 6 + 3 * _ROW + _ROW  # columns that a line of bytes takes
_LONGEST = 60  # characters of a value


def draw(rows: Sequence[Any], look: Look) -> RenderableType:
    """Side by side where there is room, else one below the other."""
    tree, dump = _tree(rows), _dump(rows)
    if look.width < _DUMP + 40:
        return Group(tree, dump)
    both = Table.grid(padding=(0, 2))
    both.add_column(ratio=1, overflow="fold")
    both.add_column(no_wrap=True, width=_DUMP)
    both.add_row(tree, dump)
    return both


def _colour(depth: int) -> str:
    return _COLOURS[depth % len(_COLOURS)]


def _tree(rows: Sequence[Any]) -> Tree:
    root = Tree("", hide_root=True, guide_style=FAINT)
    branch = root
    for depth, fields in groupby(rows, key=lambda row: row.depth):
        parts = list(fields)
        branch = branch.add(Text(parts[0].layer, f"bold {_colour(depth)}"))
        for part in parts:
            value = part.value if len(part.value) <= _LONGEST else f"{part.value[: _LONGEST - 1]}…"
            branch.add(Text.assemble((f"{part.field} ", FAINT), (value, _colour(depth))))
    return root


def _dump(rows: Sequence[Any]) -> Text:
    """The bytes in hex and as characters."""
    data: dict[int, tuple[int, str]] = {}
    for row in rows:
        for at, byte in enumerate(bytes.fromhex(row.data), row.offset):
            data[at] = byte, _colour(row.depth)
    text, places = Text(), sorted(data)
    for begin in range(0, len(places), _ROW):
        text.append(f"{places[begin]:04x}  ", FAINT)
        line = [data[at] for at in places[begin : begin + _ROW]]
        for byte, colour in line:
            text.append(f"{byte:02x} ", colour)
        text.append("   " * (_ROW - len(line)))
        for byte, colour in line:
            text.append(chr(byte) if 0x20 <= byte < 0x7F else ".", colour)
        text.append("\n")
    text.rstrip()
    return text
