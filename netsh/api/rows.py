"""What a command has said: its rows, and how they look as text, on a terminal and in a notebook."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, TypeVar

from commands.command import Command, Data, Note
from netsh.render.printer import Printer, text_of

T = TypeVar("T")
R = TypeVar("R")

_PAGE = """<pre style="font-family:monospace;line-height:1.2;overflow-x:auto;margin:0">{code}</pre>"""
_WIDTH = 110  # columns in a notebook


class CommandFailed(Exception):
    """A command ended with a status other than 0; its `rows` have that, and what it complained of."""

    def __init__(self, what: str, rows: Rows[Any]) -> None:
        super().__init__(f"{what}: " + ("; ".join(rows.complained) or f"exit status {rows.status}"))
        self.rows = rows
        self.status = rows.status


class Rows(list[T]):
    """The rows of a command, a list; headings and blank lines are in `str()` alone."""

    status = 0
    complained: Sequence[str] = ()  # the lines for stderr

    def __init__(self, command: Command | None = None) -> None:
        self.command = command
        self.said: list[Any] = []  # all of it, in order
        super().__init__()

    def add(self, row: Any) -> None:
        """One more."""
        self.said.append(row)
        if not isinstance(row, Note | Data):
            self.append(row)

    @property
    def data(self) -> bytes:
        """The bytes that it wrote: a page, what nc received."""
        return b"".join(row.data for row in self.said if isinstance(row, Data))

    def of(self, kind: type[R]) -> list[R]:
        """Those of one type."""
        return [row for row in self if isinstance(row, kind)]

    def only(self, kind: type[R]) -> R:
        """The one of a type; LookupError when there is none, or more."""
        found = self.of(kind)
        if len(found) != 1:
            raise LookupError(f"{len(found)} rows are of type {kind.__name__}")
        return found[0]

    def __str__(self) -> str:
        """BSD's text."""
        if self.command is None:
            return ""
        texts = (text_of(self.command, row) for row in self.said)
        return "".join(text if isinstance(text, str) else text.decode(errors="replace") for text in texts).rstrip("\n")

    def __repr__(self) -> str:
        return str(self) or super().__repr__()

    def _repr_html_(self) -> str:
        """As on a rich terminal, for a notebook."""
        from rich.console import Console
        from rich.text import Text

        out = io.StringIO()
        console = Console(file=io.StringIO(), record=True, width=_WIDTH, force_terminal=True)
        if self.command is not None:
            printer = Printer("rich", out, io.StringIO(), width=_WIDTH, environ={"FORCE_COLOR": "1", "TERM": "xterm"})
            for row in self.said:
                printer.row(self.command, row, host="")
            printer.end(self.command)
        console.print(Text.from_ansi(out.getvalue().rstrip("\n")), soft_wrap=True)
        return console.export_html(inline_styles=True, code_format=_PAGE)
