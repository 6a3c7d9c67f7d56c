"""A panel: a screenful of lines that is drawn anew in its place, only what has changed, and what has changed marked.

It has the terminal's other screen while it lasts, and gives the first one back as it was.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from typing import NamedTuple, TextIO
from unicodedata import east_asian_width

from netsh.render.palette import CHANGED, FAINT, NAME, Theme, ascii_of, visible

_FASTEST = 0.05  # seconds between two pictures; more would not be seen
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[2J", "\x1b[0m\x1b[?25h\x1b[?1049l\r"
_SGR = re.compile(r"\x1b\[([0-9;]*)m")
_NEAR = 6  # cells that are cheaper written again than jumped over
_HELD = 1 << 20  # characters of others that are kept

Cell = tuple[str, str]  # a character ("" is the right half of a wide one), and how it looks
_BLANK: Cell = (" ", "")


class Sight(NamedTuple):
    """What is to be seen: a title with its right end, lines, and the first of these that is shown."""

    title: str
    aside: str
    lines: tuple[str, ...]
    first: int = 0


class Held(io.StringIO):
    """What others print while a panel has the screen; it is kept for later."""

    def __init__(self, out: TextIO) -> None:
        super().__init__()
        self.real = out

    def write(self, text: str) -> int:
        """Keep it; of very much the end."""
        if self.tell() > _HELD:
            kept = self.getvalue()[-_HELD // 2 :]
            self.seek(0)
            self.truncate()
            super().write(kept[kept.find("\n") + 1 :])
        return super().write(text)

    def isatty(self) -> bool:
        return self.real.isatty()

    def fileno(self) -> int:
        return self.real.fileno()


class Panel:
    """A terminal's other screen."""

    def __init__(
        self, out: TextIO, window: Callable[[], tuple[int, int]], theme: Theme, *, colour: bool, plain: bool
    ) -> None:
        self.out = out
        self.window = window  # its columns and lines
        self.theme = theme
        self.colour = colour
        self.plain = plain
        self.shown: list[list[Cell]] = []  # what stands on the screen
        self.before: list[list[Cell]] = []  # the sight before, without marks
        self.size = (0, 0)
        self.first = 0
        self.drawn = 0.0  # when
        self.out.write(_ENTER)

    def show(self, sight: Sight) -> None:
        """Draw a sight, unless the one before has only just been drawn."""
        now, size = time.monotonic(), self.window()
        is_other = size != self.size or sight.first != self.first
        if now - self.drawn < _FASTEST and not is_other:
            return
        self.drawn, self.first = now, sight.first
        if size != self.size:
            self.size = size
            self.out.write("\x1b[0m\x1b[2J")
            self.shown = [[_BLANK] * size[0] for _ in range(size[1])]
        grid = self._grid(sight)
        marked = grid if is_other else self._marked(grid)
        self.before = grid
        self.out.write("".join(self._strokes(marked)))
        self.out.flush()
        self.shown = marked

    def close(self) -> None:
        """Give the screen back."""
        self.out.write(_LEAVE)
        self.out.flush()

    def _grid(self, sight: Sight) -> list[list[Cell]]:
        """A sight as cells: the title, the lines that there is room for, and how many more there are."""
        width, height = self.size
        title = self._style(sight.title, NAME)[: max(width - len(sight.aside) - 2, 0)]
        title += [_BLANK] * (width - len(title) - len(sight.aside)) + self._style(sight.aside, FAINT)
        rows = [title, *map(self._cells, sight.lines[sight.first :])]
        if len(rows) > height > 1:
            more = len(rows) - height + 1
            rows[height - 1 :] = [self._style(f"... {more} more line{'s' if more > 1 else ''}", FAINT)]
        rows = [row[:width] + [_BLANK] * (width - len(row)) for row in rows[:height]]
        return rows + [[_BLANK] * width for _ in range(height - len(rows))]

    def _style(self, text: str, style: str) -> list[Cell]:
        return [(char, self.theme.sgr(style) if self.colour else "") for char in visible(text)]

    def _cells(self, line: str) -> list[Cell]:
        """A line with its colours; all else that would steer the terminal is shown."""
        cells: list[Cell] = []
        style = ""
        for at, part in enumerate(_SGR.split(line.expandtabs())):
            if at % 2:
                style = "" if part in ("", "0") else f"{style};{part}".strip(";")
                continue
            for char in visible(ascii_of(part) if self.plain else part):
                cells.append((char, style))
                if east_asian_width(char) in "WF":
                    cells.append(("", style))
        return cells

    def _marked(self, grid: list[list[Cell]]) -> list[list[Cell]]:
        """The same, what is new marked; the title is always new."""
        if not self.before:
            return grid
        mark = self.theme.sgr(CHANGED)
        return [grid[0]] + [
            row if row == old else [
                cell if cell[0] == was[0] else (cell[0], f"{cell[1]};{mark}".strip(";"))
                for cell, was in zip(row, old, strict=True)
            ]
            for row, old in zip(grid[1:], self.before[1:], strict=True)
        ]  # fmt: skip

    def _strokes(self, grid: list[list[Cell]]) -> list[str]:
        """What a terminal must be told so that the grid stands on it."""
        strokes: list[str] = []
        for y, (row, old) in enumerate(zip(grid, self.shown, strict=True)):
            changed = [x for x, (cell, was) in enumerate(zip(row, old, strict=True)) if cell != was]
            at = -1  # where the cursor is
            for x in changed:
                if x < at:
                    continue
                begin = x if at < 0 or x - at > _NEAR else at
                if begin != at:
                    strokes.append(f"\x1b[{y + 1};{begin + 1}H")
                for char, style in row[begin : x + 1]:
                    strokes.append(f"\x1b[0;{style}m{char}" if style else f"\x1b[0m{char}")
                at = x + 1
        return [*strokes, "\x1b[0m"] if strokes else []
