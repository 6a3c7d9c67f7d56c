"""Rows as comma-separated values (RFC 4180, with newlines of our own): a line of names, then a line a row.

A row inside a row becomes columns such as `send.snd_wnd`, a list one cell with spaces between.  When rows of
another kind come, an empty line and their names come first.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from commands.command import Data
from netsh.render.json_rows import fields_of, value_of


class CsvRows:
    """Writes rows; it knows under which names the last one came."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def text_of(self, row: Any) -> str:
        """A row as its lines."""
        fields = {"data": value_of(row.data)} if isinstance(row, Data) else fields_of(row)
        cells = dict(_flat(fields, ""))
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        if list(cells) != self.names:
            if self.names:
                out.write("\n")
            self.names = list(cells)
            writer.writerow(self.names)
        writer.writerow(cells.values())
        return out.getvalue()


def _flat(fields: dict[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        elif isinstance(value, list):
            yield above + name, " ".join(map(_word, value))
        else:
            yield above + name, _word(value)


def _word(item: Any) -> str:
    """A value; of a row or a list in a list, what values it has."""
    if isinstance(item, dict | list):
        values = item.values() if isinstance(item, dict) else item
        return ",".join(filter(None, map(_word, values)))
    return "" if item is None else str(item).lower() if isinstance(item, bool) else str(item)
