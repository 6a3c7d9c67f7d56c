"""The terminal, as the rows see it: what is written is kept in order and shown in batches.

While a line is edited, a batch is drawn above it and the line is drawn again below, in one go; else it goes
out as it is.  The two never mix, since nobody else writes.
"""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Callable
from typing import IO, Any, BinaryIO, TextIO

Draw = Callable[[], None]


def terminal_size(out: IO[Any] | io.BufferedIOBase) -> tuple[int, int]:
    """The columns and the lines of the terminal behind a file; 80 and 24 where there is none, or it does not know."""
    try:
        columns, lines = os.get_terminal_size(out.fileno())
    except (OSError, ValueError):
        return 80, 24
    return columns or 80, lines or 24


def terminal_width(out: IO[Any]) -> int:
    """The columns alone."""
    return terminal_size(out)[0]


def _lead_nowhere(descriptor: int) -> None:
    """What is written there from now on is lost, and nobody fails by it."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def hang_up() -> None:
    """The terminal has disappeared: the signal that says so ends us, also where nobody else sends it."""
    os.kill(os.getpid(), signal.SIGHUP)


class Screen(io.BufferedIOBase):
    """The bytes on their way to a terminal; `text` is the same as a text file, for a Printer.

    While it `holds`, what is written is kept for a moment, for a pager perhaps; but not what jobs say, `aside`.
    `editor`, set while a line is edited, calls a function while that line is out of the way.  `writers`, set
    while a command runs, are the clock's: what to call when a descriptor can be written.
    """

    name = "<terminal>"

    def __init__(self, out: BinaryIO) -> None:
        self.out = out
        self.pieces: list[bytes] = []
        self.aside = False  # what is written now is a job's
        self.asides: set[int] = set()  # which pieces are
        self.editor: Callable[[Draw], None] | None = None
        self.writers: dict[int, Draw] | None = None
        self.until: float | None = None  # so long it holds, by our own work: on a busy machine it is the same
        self.away = False  # a pager has the terminal, and what is written waits
        self.lender: Draw | None = None  # makes it a terminal that shows keys
        self.sent: Callable[[bytes], None] = lambda data: None  # who hears of what the terminal is sent
        self.at_margin = True  # the cursor stands in the first column
        self.lost = False  # others have written, too: keys were shown, or a program ran
        self.text = io.TextIOWrapper(self, encoding="utf-8", errors="replace", write_through=True)

    def write(self, data: Any) -> int:
        """Keep bytes for the next batch."""
        if self.aside:
            self.asides.add(len(self.pieces))
        self.pieces.append(bytes(data))
        if self.writers is not None:
            self.writers[self.fileno()] = self.flush
        return len(data)

    def flush(self) -> None:
        """Show what was written; while a line is edited only `show` does, at its own pace."""
        if self.away:
            if self.writers is not None:  # it is no news that more could be written
                self.writers.pop(self.fileno(), None)
            return
        if self.until is not None and time.process_time() < self.until:
            return
        self.until = None
        if self.editor is None and self.pieces:
            self._write()

    def hold(self, seconds: float) -> None:
        """Show nothing for so many seconds of work, unless it is settled before."""
        self.until = time.process_time() + seconds

    def settle(self) -> None:
        """Show what was held, and hold no more."""
        self.until = None
        self.flush()

    def lend(self) -> None:
        """The terminal is a program's from now on, which finds it as others do."""
        self.settle()
        if self.lender is not None:
            self.lender()

    def taken(self) -> bytes:
        """What the line said that is held to the end; nothing, if some of it was shown."""
        if self.until is None:
            return b""
        self.until = None
        pieces = list(enumerate(self.pieces))
        self.pieces = [piece for at, piece in pieces if at in self.asides]
        data = b"".join(piece for at, piece in pieces if at not in self.asides)
        self.asides = set(range(len(self.pieces)))
        return data

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
        self.asides.clear()
        if self.writers is not None:
            self.writers.pop(self.fileno(), None)
        if data:
            self.at_margin = data.endswith((b"\n", b"\r"))
            self.sent(data)
            try:
                self.out.write(data)
                self.out.flush()
            except OSError:
                _lead_nowhere(self.fileno())
                hang_up()

    def isatty(self) -> bool:
        return self.out.isatty()

    def fileno(self) -> int:
        return self.out.fileno()

    def writable(self) -> bool:
        return True


class Overheard:
    """A terminal for prompt_toolkit to draw on, and who hears of it."""

    encoding = "utf-8"

    def __init__(self, terminal: TextIO, heard: Callable[[bytes], None]) -> None:
        self.terminal = terminal
        self.heard = heard
        self.buffer = self
        self.fileno = terminal.fileno
        self.isatty = terminal.isatty
        self.flush = terminal.flush

    def write(self, data: bytes) -> int:
        """Draw, and tell."""
        self.heard(data)
        return self.terminal.buffer.write(data)
