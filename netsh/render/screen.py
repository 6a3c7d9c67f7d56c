"""The terminal, as the rows see it: what is written is kept in order and shown in batches.

While a line is edited, a batch is drawn above it and the line is drawn again below, in one go; else it goes
out as it is.  The two never mix, since nobody else writes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import IO, Any, BinaryIO

Draw = Callable[[], None]


def terminal_width(out: IO[Any]) -> int:
    """The columns of the terminal behind a file; 80 where there is none."""
    try:
        return os.get_terminal_size(out.fileno()).columns
    except (OSError, ValueError):
        return 80


def _lead_nowhere(descriptor: int) -> None:
    """What is written there from now on is lost, and nobody fails by it."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


class Screen(io.BufferedIOBase):
    """The bytes on their way to a terminal; `text` is the same as a text file, for a Printer.

    `editor`, set while a line is edited, calls a function while that line is out of the way.  `writers`, set
    while a command runs, are the clock's: what to call when a descriptor can be written.
    """

    name = "<terminal>"

    def __init__(self, out: BinaryIO) -> None:
        self.out = out
        self.pieces: list[bytes] = []
        self.editor: Callable[[Draw], None] | None = None
        self.writers: dict[int, Draw] | None = None
        self.at_margin = True  # the cursor stands in the first column
        self.lost = False  # others have written, too: keys were shown, or a program ran
        self.text = io.TextIOWrapper(self, encoding="utf-8", errors="replace", write_through=True)

    def write(self, data: Any) -> int:
        """Keep bytes for the next batch."""
        self.pieces.append(bytes(data))
        if self.writers is not None:
            self.writers[self.fileno()] = self.flush
        return len(data)

    def flush(self) -> None:
        """Show what was written; while a line is edited only `show` does, at its own pace."""
        if self.editor is None and self.pieces:
            self._write()

    def show(self) -> None:
        """Show what was written, above the line that is edited."""
        if self.editor is None or not any(self.pieces):
            self.flush()
        else:
            self.editor(self.to_margin)

    def to_margin(self) -> None:
        """Show what was written, and go to the beginning of a line."""
        self._write()
        if self.lost:  # so many spaces reach the next line, unless they begin at the margin
            self.pieces.append(b" " * (terminal_width(self.out) - 1) + b"\r")
        elif not self.at_margin:
            self.pieces.append(b"\n")
        self.lost = False
        self._write()

    def _write(self) -> None:
        data = b"".join(self.pieces)
        self.pieces.clear()
        if self.writers is not None:
            self.writers.pop(self.fileno(), None)
        if data:
            self.at_margin = data.endswith((b"\n", b"\r"))
            try:
                self.out.write(data)
                self.out.flush()
            except OSError:  # the terminal has disappeared; the signal that says so ends us
                _lead_nowhere(self.fileno())

    def isatty(self) -> bool:
        return self.out.isatty()

    def fileno(self) -> int:
        return self.out.fileno()

    def writable(self) -> bool:
        return True
