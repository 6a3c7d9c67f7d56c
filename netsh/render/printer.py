"""The one place that prints: rows go in, and come out as BSD text, as rich tables, or as JSON.

Text and JSON are written row by row.  In the rich format rows stream as coloured lines of text, but those
a command module lists in TABLES are gathered and drawn as one table when another kind of row comes,
or at `end`.  Each job gathers for itself, so two that speak at once do not mix.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, TextIO

from commands.command import Command, Complaint, Data, ErrorData, Note
from netsh.render.fold import folded
from netsh.render.json_rows import json_of
from netsh.render.palette import (
    BAD,
    FAINT,
    ascii_of,
    highlight,
    host_style,
    paint,
    steady,
    theme_of,
    visible,
    visible_bytes,
    wants_ascii,
    wants_colour,
)
from netsh.render.panel import Held, Panel, Sight
from netsh.render.plot import bars
from netsh.render.pointer import Pointer
from netsh.render.screen import Screen, terminal_size, terminal_width
from stack.trace.hook import Away

__all__ = ["FORMATS", "Printer", "json_of", "tables_of", "text_of"]

_NARROWEST = 10  # columns that a line has at least, whatever is said of the window


def text_of(command: Command, row: Any) -> str | bytes:
    """What the text format prints for a row: text with its newline, or bytes as they are."""
    if isinstance(row, Data):
        return row.data
    if isinstance(row, Complaint) or isinstance(row, Note) and row.draw:
        return ""
    return (row.text if isinstance(row, Note) else command.show(row)) + "\n"


@cache
def tables_of(command: Command) -> dict[type, str]:
    """The row types that a command wants drawn, with their titles."""
    tables: dict[type, str] = getattr(sys.modules[command.run.__module__], "TABLES", {})
    return tables


@cache
def panels_of(command: Command) -> dict[type, Callable[[Any], Sight]]:
    """The row types that fill a screen of their own where there is one."""
    panels: dict[type, Callable[[Any], Sight]] = getattr(sys.modules[command.run.__module__], "PANELS", {})
    return panels


@cache
def series_of(command: Command) -> dict[type, Callable[[Any], tuple[float | None, ...]]]:
    """The row types that tell of several measurements one after the other, which are drawn as bars."""
    series: dict[type, Callable[[Any], tuple[float | None, ...]]]
    series = getattr(sys.modules[command.run.__module__], "SERIES", {})
    return series


class Gathered:
    """What a job has said that is not drawn yet: rows of one type, or notes that may be a table's heading."""

    __slots__ = ("drawn", "host", "notes", "rows")

    def __init__(self, host: str) -> None:
        self.host = host  # which they are about
        self.rows: list[Any] = []
        self.notes: list[Note] = []
        self.drawn = False  # there has been a table, or a line


class Printer:
    """Prints rows in one format: `text`, `rich` or `json`.

    `width` is for rich, None is the window's; a `theme` is dark or light, None for what COLORFGBG says.
    """

    complain_raw: Callable[[bytes], None] | None = None  # where a program's stderr goes; None for our own
    heard: Callable[[str], None] | None = None  # who listens to all that is said, as plain text
    tagged = False  # lines of a job have the name of their host before them
    pointer: Pointer | None = None  # what was typed, as long as nothing has been said since
    pointed = False  # the last complaint stands below its place

    def __init__(
        self, format: str, out: TextIO, err: TextIO, *, width: int | None = None,
        environ: Mapping[str, str] = os.environ, theme: str | None = None,
    ) -> None:  # fmt: skip
        self.format = format
        self.out = out
        self.err = err
        self.width = width
        self.height: int | None = None  # as width
        self.environ = environ  # what the terminal is, and what its user wants to see
        self.theme = theme_of(theme, environ)
        self.colour = wants_colour(out.isatty(), environ)
        self.plain = wants_ascii(out, environ)
        self.seen: dict[tuple[str, str], Any] = {}  # what views know from the last look
        self.panel: Panel | None = None  # it has the screen
        self.gathered: dict[int | None, Gathered] = {}
        self._draw = FORMATS[format]

    def columns(self) -> int:
        """How wide a line may be."""
        return self.width or terminal_width(self.out)

    def window(self) -> tuple[int, int]:
        """Columns and lines of the terminal."""
        columns, lines = terminal_size(self.out)
        return self.width or columns, self.height or lines

    def row(self, command: Command, row: Any, *, host: str, job: int | None = None) -> None:
        """Print a row, or keep it for its table; `host` and `job` are where it comes from."""
        if job is None:
            return self._row(command, row, host, job)
        with self.beside(job):
            self._row(command, row, host, job)
        return None

    @contextmanager
    def beside(self, job: int | None) -> Iterator[None]:
        """While a job speaks; what it says is not what the line at the prompt says."""
        screen = self._screen() if job is not None else None
        if screen is None:
            yield
            return
        screen.aside = True
        try:
            yield
        finally:
            screen.aside = False

    def _row(self, command: Command, row: Any, host: str, job: int | None) -> None:
        self.pointer = None
        if self.heard is not None:
            text = text_of(command, row)
            self.heard(text if isinstance(text, str) else text.decode(errors="replace"))
        if isinstance(row, Complaint):
            self.complaint(command.name, row.text)
        elif isinstance(row, ErrorData):
            self.out.flush()
            data = visible_bytes(row.data) if self.err.isatty() else row.data
            self.err.write(data.decode(errors="replace"))
            self.err.flush()
        elif job is None and (sight_of := panels_of(command).get(type(row))) is not None and self.may_redraw():
            self._open_panel().show(sight_of(row))
        else:
            with Away():
                self._draw(self, command, row, host, job)

    def may_redraw(self) -> bool:
        """Whether what is printed goes to a terminal that can be drawn on anywhere, for people to see."""
        return self.format != "json" and self.out.isatty() and self.environ.get("TERM") not in ("dumb", "unknown")

    def lend(self) -> None:
        """Show all that was printed, since somebody else has the terminal now."""
        self.out.flush()
        if (screen := self._screen()) is not None:
            screen.lend()

    def _screen(self) -> Screen | None:
        """The terminal of a prompt."""
        screen = getattr(self.out, "buffer", None)
        return screen if isinstance(screen, Screen) else None

    def _open_panel(self) -> Panel:
        """The panel; it has the screen, and what others say waits."""
        if self.panel is None:
            if (screen := self._screen()) is not None:
                screen.settle()
            self.panel = Panel(self.out, self.window, self.theme, colour=self.colour, plain=self.plain)
            is_one = self.err is self.out
            self.out = Held(self.out)
            self.err = self.out if is_one else Held(self.err)
        return self.panel

    def leave(self, job: int | None) -> None:
        """The screen is as it was before the panel of a command, and has what others said meanwhile."""
        if self.panel is not None and job is None:
            self.panel.close()
            self.panel = None
            held = {id(out): out for out in (self.out, self.err) if isinstance(out, Held)}
            self.out, self.err = (out.real if isinstance(out, Held) else out for out in (self.out, self.err))
            for out in held.values():
                out.real.write(out.getvalue())

    async def drain(self) -> None:
        """Wait until more can be taken; our own files take it at once."""

    def end(self, command: Command, *, job: int | None = None) -> None:
        """A command has said all: draw what was gathered."""
        self.leave(job)
        gathered = self.gathered.pop(job, None)
        if gathered is not None:
            with Away():
                self._draw_gathered(command, gathered)
            if not gathered.drawn:
                self._draw_headings(gathered)
        self.out.flush()

    def move(self, job: int | None, to: int | None) -> None:
        """What speaks has another number now."""
        self.leave(job)
        gathered = self.gathered.pop(job, None)
        if gathered is not None:
            self.gathered[to] = gathered

    def complaint(self, name: str, text: str) -> None:
        """One line on stderr, in every format; whatever was typed, nothing in it steers a terminal."""
        self.out.flush()
        if self.heard is not None:
            self.heard(f"{name}: {steady(text)}\n")
        mark = self.pointer.under(name, text) if self.pointer is not None else ""
        self.pointer = None
        self.pointed = bool(mark)
        self.err.write(f"{paint(mark, BAD) if mark and self.colour else mark}{name}: {steady(text)}\n")
        self.err.flush()

    def below(self, mark: str) -> None:
        """What stands below a complaint, to show the place, where it could not be shown above."""
        if self.pointed:
            return
        self.err.write("".join(f"{steady(line)}\n" for line in mark.split("\n")))
        self.err.flush()

    def write(self, data: str | bytes) -> None:
        """Text or raw bytes, as they are, in order."""
        self.pointer = None
        if isinstance(data, str):
            self.out.write(ascii_of(data) if self.plain else data)
        elif (buffer := getattr(self.out, "buffer", None)) is not None:
            self.out.flush()
            buffer.write(data)
        else:
            self.out.write(data.decode(errors="replace"))

    def _text(self, command: Command, row: Any, _host: str, _job: int | None) -> None:
        self.write(text_of(command, row))

    def _json(self, _command: Command, row: Any, host: str, job: int | None) -> None:
        if not isinstance(row, Note):
            self.write(json_of(row, **({} if job is None else {"host": host, "job": job})) + "\n")

    def _rich(self, command: Command, row: Any, host: str, job: int | None) -> None:
        tables = tables_of(command)
        if not tables:
            return self._line(command, row, host, job)
        gathered = self.gathered.setdefault(job, Gathered(host))
        if gathered.rows and tables.get(type(row)) != tables[type(gathered.rows[0])]:
            self._draw_gathered(command, gathered)
        if isinstance(row, Note) and row.draw:
            self.out.flush()
        elif isinstance(row, Note):
            gathered.notes.append(row)
        elif type(row) in tables:
            gathered.rows.append(row)
            gathered.notes.clear()
        else:
            self._write_notes(gathered)
            gathered.drawn = True
            self._line(command, row, host, job)

    def _tag(self, command: Command, host: str, job: int | None) -> str:
        """What stands before a line that nobody waits for."""
        if job is None or not self.tagged or not host or not command.run.__module__.startswith("commands."):
            return ""
        return f"{paint(host, host_style(host), self.theme) if self.colour else host}| "

    def _line(self, command: Command, row: Any, host: str, job: int | None) -> None:
        """A row as text, coloured; on a terminal, what would steer it is shown instead, and it is folded."""
        text, tag = text_of(command, row), self._tag(command, host, job)
        if isinstance(row, Data) and row.kind and self.colour:
            from netsh.render import pages  # pygments takes 20 ms to import

            self.write(pages.coloured(row.data, row.kind, self.theme))
        elif isinstance(text, bytes):
            self.write(visible_bytes(text) if self.out.isatty() else text)
        else:
            shown = self._folded(visible(text), len(host) + 2 if tag else 0)
            shown = highlight(shown, self.theme) if self.colour else shown
            self.write("".join(tag + line for line in shown.splitlines(keepends=True)) if tag else shown)
            if (series := series_of(command).get(type(row))) is not None:
                self.write(bars(series(row), self.columns(), self.theme if self.colour else None))

    def _folded(self, text: str, taken: int = 0) -> str:
        """Lines that fit on a terminal, of which so many columns are taken; anywhere else as they are."""
        if not self.out.isatty():
            return text
        return folded(text, max(self.columns() - taken, _NARROWEST))

    def _draw_gathered(self, command: Command, gathered: Gathered) -> None:
        if gathered.rows:
            from netsh.render import own_views, rich_views  # rich takes 50 ms to import: only when there is a table

            kind = type(gathered.rows[0])
            console = rich_views.console_on(self.out, self.width, self.environ, self.theme, plain=self.plain)
            look = rich_views.Look(console.width, gathered.host, self.seen)
            rich_views.draw(tables_of(command)[kind], own_views.view_of(kind), gathered.rows, console, look)
            gathered.rows.clear()
            gathered.drawn = True

    def _draw_headings(self, gathered: Gathered) -> None:
        """Headings of rows that never came say what there is none of."""
        for note in gathered.notes:
            text = visible(note.text)[: self.columns()]
            self.write(f"{paint(text, FAINT, self.theme) if self.colour and text else text}\n")

    def _write_notes(self, gathered: Gathered) -> None:
        for note in gathered.notes:
            self.write(f"{self._folded(visible(note.text))}\n")
        gathered.notes.clear()


Draw = Callable[[Printer, Command, Any, str, int | None], None]
FORMATS: dict[str, Draw] = {"text": Printer._text, "rich": Printer._rich, "json": Printer._json}
