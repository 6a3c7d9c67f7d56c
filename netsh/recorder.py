"""Records of what happens at a prompt: a script with its outputs, a cast for asciinema, a picture.

    FILE.cast    asciinema's format, version 2: what the terminal is sent, and when
    FILE.svg     a picture of the lines and of what they said, in their colours
    FILE.md      the same as a block of a lesson
    FILE.netsh   a script that can be run, the outputs as its comments
    FILE         prompts, lines, and outputs, as plain text
"""

from __future__ import annotations

import json
import os
import time
from codecs import getincrementaldecoder
from collections.abc import Callable
from io import StringIO

from stack.dev.files import WholeFile
from stack.kern.errors import reason

_MOST = 1 << 26  # bytes of a record: what comes after them is lost


class Tape:
    """One record; it hears of lines, of what they said as plain text, and of what the terminal is sent."""

    def __init__(self, file: WholeFile) -> None:
        self.file = file
        self.size = 0

    def line(self, prompt: str, text: str) -> None:
        """A line was typed, and runs now."""

    def said(self, text: str) -> None:
        """A row, or a complaint."""

    def sent(self, data: bytes, *, drawn: bool) -> None:
        """The terminal was sent something: by the editor that draws the line, or by what runs."""

    def put(self, text: str) -> None:
        """Add to the record, unless it is full."""
        data = text.encode(errors="replace")
        self.size += len(data)
        if self.size <= _MOST:
            self.file.write(data)

    def end(self) -> None:
        """There is no more: the file is there."""
        try:
            self.file.commit()
        finally:
            self.file.discard()


class Text(Tape):
    """Prompts, lines and outputs; or a script, whose outputs are comments."""

    def __init__(self, file: WholeFile, *, script: bool = False, fence: bool = False) -> None:
        super().__init__(file)
        self.script = script
        self.fence = fence
        self.fresh = True  # at the beginning of a line
        if fence:
            self.put("```netsh\n")

    def line(self, prompt: str, text: str) -> None:
        first, *others = text.rstrip("\n").split("\n")
        begin, more = ("", "") if self.script else (prompt, "> ")
        self.put("" if self.fresh else "\n")
        self.put("".join(f"{each}\n" for each in [begin + first, *(more + other for other in others)]))
        self.fresh = True

    def said(self, text: str) -> None:
        for line in text.splitlines(keepends=True):
            self.put(f"# {line}" if self.script and self.fresh else line)
            self.fresh = line.endswith("\n")

    def end(self) -> None:
        self.put("" if self.fresh else "\n")
        self.put("```\n" if self.fence else "")
        super().end()


class Cast(Tape):
    """What the terminal is sent, each piece with its time (asciicast v2)."""

    def __init__(self, file: WholeFile, columns: int, lines: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(file)
        self.clock = clock
        self.begun = clock()
        self.decoder = getincrementaldecoder("utf-8")("replace")  # a character may come in pieces
        kept = {"TERM": os.environ.get("TERM", "xterm-256color"), "SHELL": "netsh"}
        self._put({"version": 2, "width": columns, "height": lines, "timestamp": int(time.time()), "env": kept})

    def _put(self, value: object) -> None:
        self.put(json.dumps(value) + "\n")

    def sent(self, data: bytes, *, drawn: bool) -> None:
        text = self.decoder.decode(data)
        if not drawn:  # a terminal makes this of a newline
            text = text.replace("\r\n", "\n").replace("\n", "\r\n")
        if text:
            self._put([round(self.clock() - self.begun, 6), "o", text])


class Picture(Tape):
    """Lines and outputs as a terminal would show them, drawn by rich."""

    def __init__(self, file: WholeFile, columns: int, title: str) -> None:
        super().__init__(file)
        self.columns = columns
        self.title = title
        self.shown: list[str] = []

    def line(self, prompt: str, text: str) -> None:
        self._show("".join(f"\x1b[1m{prompt}\x1b[0m{each}\n" for each in text.rstrip("\n").split("\n")))

    def sent(self, data: bytes, *, drawn: bool) -> None:
        if not drawn:
            self._show(data.decode(errors="replace"))

    def _show(self, text: str) -> None:
        self.size += len(text)
        if self.size <= _MOST:
            self.shown.append(text)

    def end(self) -> None:
        from rich.console import Console
        from rich.text import Text as Styled

        console = Console(
            record=True, width=self.columns, file=StringIO(), force_terminal=True, color_system="truecolor"
        )
        for line in "".join(self.shown).replace("\r\n", "\n").rstrip().split("\n"):
            console.print(Styled.from_ansi(line.rpartition("\r")[2]), soft_wrap=False)
        self.file.write(console.export_svg(title=self.title).encode())
        super().end()


class Recorder:
    """What is told to the tape that runs, if one does."""

    def __init__(self, size: Callable[[], tuple[int, int]] | None = None) -> None:
        self.size = size  # the columns and the lines of the terminal; None when there is none
        self.tape: Tape | None = None
        self.path = ""
        self.held: tuple[str, str] | None = None  # a line that is told only when another thing is

    def start(self, path: str) -> None:
        """Record into a file; OSError, and ValueError for a form that needs a terminal."""
        ending = os.path.splitext(path)[1]
        if ending in (".cast", ".svg") and self.size is None:
            raise ValueError("a cast and a picture are of a prompt in a terminal")
        columns, lines = self.size() if self.size is not None else (80, 24)
        file = WholeFile(path)
        self.path, self.held = path, None
        if ending == ".cast":
            self.tape = Cast(file, columns, lines)
        elif ending == ".svg":
            self.tape = Picture(file, columns, os.path.basename(path))
        else:
            self.tape = Text(file, script=ending == ".netsh", fence=ending == ".md")

    def stop(self) -> None:
        """The record is complete; OSError when it cannot be kept."""
        tape, self.tape, self.held = self.tape, None, None
        if tape is not None:
            tape.end()

    def heed(self, word: str) -> str:
        """Do what `record FILE` and `record off` say; what is being recorded, when there is no word.

        ValueError when it cannot be, in words.
        """
        if not word:
            return self.path if self.tape is not None else ""
        if word == "off" and self.tape is None:
            raise ValueError("nothing is being recorded")
        if word != "off" and self.tape is not None:
            raise ValueError(f"{self.path} is being recorded; 'record off' ends it")
        try:
            self.stop() if word == "off" else self.start(word)
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.path if word == 'off' else word}: {reason(error)}") from None
        return ""

    def line(self, prompt: str, text: str) -> None:
        """A line runs: `record off` is none of the record, so it waits until something follows."""
        self._release()
        self.held = prompt, text

    def said(self, text: str) -> None:
        """A row, or a complaint, as plain text."""
        if self.tape is not None and text:
            self._release()
            self.tape.said(text)

    def sent(self, data: bytes) -> None:
        """What runs has written to the terminal."""
        if self.tape is not None:
            self._release()
            self.tape.sent(data, drawn=False)

    def drawn(self, data: bytes) -> None:
        """The editor has drawn."""
        if self.tape is not None:
            self.tape.sent(data, drawn=True)

    def _release(self) -> None:
        held, self.held = self.held, None
        if held is not None and self.tape is not None:
            self.tape.line(*held)
