"""The modes of the terminal's keys: ordinary, kept for later, or the editor's."""

from __future__ import annotations

import os
import select
import sys
import termios
from contextlib import suppress
from typing import Any, Self

_CHUNK = 65536

Mode = list[Any]  # as termios.tcgetattr returns it


class Modes:
    """The terminal on standard input; it is left as it was found.

    `ordinary`: it shows what is typed and has it mended.  `kept`: keys are neither shown nor lost, be they Ctrl-D or
    arrows, and Ctrl-C is a signal.  `editing`: every key is the editor's.
    """

    def __init__(self) -> None:
        self.descriptor = sys.stdin.fileno()
        self.ordinary: Mode = termios.tcgetattr(self.descriptor)
        self.kept = _changed(self.ordinary, termios.ICANON | termios.ECHO)
        self.editing = _changed(self.ordinary, termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
        self.mode = self.ordinary

    def __enter__(self) -> Self:
        self.set(self.editing)
        return self

    def __exit__(self, *_: object) -> None:
        self.set(self.ordinary)

    def lend(self, typed: bytes) -> tuple[bytes, bool]:
        """Be `kept`: the keys that were typed before, behind what is known of them, and whether Ctrl-C was one.

        It is a signal from now on; before it was a key, which waits here to be read.
        """
        self.set(self.kept)
        with suppress(OSError):
            while select.select([self.descriptor], [], [], 0)[0] and (piece := os.read(self.descriptor, _CHUNK)):
                typed += piece
        _, interrupt, typed = typed.rpartition(b"\x03")  # as in a terminal, it ends what was typed
        return typed, bool(interrupt)

    def set(self, mode: Mode) -> None:
        """Be in a mode."""
        if mode is not self.mode:
            with suppress(termios.error):
                termios.tcsetattr(self.descriptor, termios.TCSANOW, mode)
            self.mode = mode


def _changed(ordinary: Mode, off: int) -> Mode:
    """A mode of the terminal with some of its local flags off."""
    iflag, oflag, cflag, lflag, ispeed, ospeed, characters = ordinary
    characters = [*characters]
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    return [iflag, oflag, cflag, lflag & ~off, ispeed, ospeed, characters]
