"""A terminal for tests: a program behind a pty, and the screen it draws; nothing sleeps, all waits have an end."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
from collections.abc import Callable
from copy import copy, deepcopy
from pathlib import Path
from typing import Any, Self, cast

import pexpect
import pyte

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0  # seconds; reached only when something is broken


class Screen(pyte.Screen):
    """A screen that has a second one, as xterm (mode 1049)."""

    def set_mode(self, *modes: int, **words: bool) -> None:
        super().set_mode(*modes, **words)
        if 1049 in modes:
            screen: Any = self
            self.first: tuple[Any, Any] = deepcopy(screen.buffer), copy(screen.cursor)
            self.erase_in_display(2)

    def reset_mode(self, *modes: int, **words: bool) -> None:
        super().reset_mode(*modes, **words)
        if 1049 in modes:
            self.buffer, self.cursor = self.first
            self.dirty.update(range(self.lines))


class Terminal:
    """A program in a terminal of 80 by 24 that answers as xterm does."""

    def __init__(self, home: Path, *words: str, columns: int = 80, lines: int = 24, **environ: str) -> None:
        self.screen = Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "netsh", *words],
            cwd=str(ROOT),
            env={**kept, "HOME": str(home), "TERM": "xterm-256color", **environ},
            dimensions=(lines, columns),
            timeout=PATIENCE,
        )
        self.child.delaybeforesend = None  # pexpect would wait 50 ms before each key
        self.screen.write_process_input = self.child.send

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.close(force=True)

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, without white space at the ends."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def line(self) -> str:
        """The line the cursor is in."""
        return self.lines[int(self.screen.cursor.y)]

    @property
    def shows_keys(self) -> bool:
        """Whether it is an ordinary terminal now: it shows what is typed, a line at a time."""
        ordinary = termios.ICANON | termios.ECHO
        return int(termios.tcgetattr(self.child.child_fd)[3]) & ordinary == ordinary

    @property
    def signals(self) -> bool:
        """Whether Ctrl-C is a signal now, and not a key of the prompt's."""
        return bool(termios.tcgetattr(self.child.child_fd)[3] & termios.ISIG)

    def type(self, text: str) -> None:
        """Press keys."""
        self.child.send(text)

    def until(self, seen: Callable[[Terminal], object], seconds: float = PATIENCE) -> None:
        """Follow what the program draws until a condition holds; AssertionError with the screen if it never does."""
        deadline = time.monotonic() + seconds
        while not seen(self):
            if time.monotonic() > deadline or not self._read():
                raise AssertionError("never came; the screen is:\n" + "\n".join(self.lines).rstrip())

    def until_text(self, text: str) -> None:
        """Follow until a text stands on the screen."""
        self.until(lambda terminal: any(text in line for line in terminal.lines))

    def until_prompt(self, prompt: str = "me#") -> None:
        """Follow until the cursor stands behind an empty prompt."""
        self.until(lambda terminal: terminal.line == prompt and terminal.screen.cursor.x == len(prompt) + 1)

    def vanish(self) -> int:
        """Take the terminal away; the status of the program, which has nobody to ask any more."""
        child = cast(Any, self.child)  # to close it and no more, of which pexpect says nothing
        ended = os.pidfd_open(child.pid)
        child.ptyproc.fileobj.close()
        try:
            assert select.select([ended], [], [], PATIENCE)[0], "it goes on without a terminal"
        finally:
            os.close(ended)
            self.child.close(force=True)
        return 128 + (self.child.signalstatus or 0) if self.child.exitstatus is None else int(self.child.exitstatus)

    def until_exit(self) -> int:
        """Follow until the program is over; its status."""
        deadline = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < deadline, "it does not end; the screen is:\n" + "\n".join(self.lines).rstrip()
        self.child.wait()
        status = self.child.exitstatus
        return -(self.child.signalstatus or 0) if status is None else status

    def _read(self) -> bool:
        """Draw what has come; False when the program is over."""
        try:
            self.stream.feed(self.child.read_nonblocking(65536, timeout=0.1))
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:
            return False
        return True
