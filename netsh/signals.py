"""Signals of the real machine, for whoever waits in poll(2)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType


class Signals:
    """Signals of the real machine, kept until somebody looks; a pipe wakes who waits in poll(2)."""

    def __init__(self) -> None:
        self.pending: int | None = None
        self.running = False  # a command is, and gets the signal; else the program does
        self.awake: tuple[int, int] | None = None
        self.leave: Callable[[int], None] | None = None  # at a prompt: how the program is told, between two events

    def catch(self) -> None:
        """Take SIGINT, SIGTERM and SIGHUP from now on."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        self.awake = reader, writer
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._caught)
        self.arm()

    def catch_stop(self) -> None:
        """Take Ctrl-Z, too: somebody is at a prompt, and stops commands, not us."""
        signal.signal(signal.SIGTSTP, self._caught)

    def arm(self) -> None:
        """See to it that a signal wakes poll(2): also one that comes just before it, when Python has no time to look.

        That needs C to write into the pipe; a prompt's loop has the same need, and takes this over from us.
        """
        if self.awake is not None:
            signal.set_wakeup_fd(self.awake[1], warn_on_full_buffer=False)

    def _caught(self, number: int, _frame: FrameType | None) -> None:
        if not self.running and number != signal.SIGINT:
            if number == signal.SIGTSTP:
                return
            if self.leave is not None:
                return self.leave(number)
            raise SystemExit(128 + number)
        self.pending = number
        if self.awake is not None:
            with suppress(BlockingIOError):
                os.write(self.awake[1], b"\0")

    def begin(self) -> None:
        """A line that was typed is about to run: what comes from now on is for it, and what came is not."""
        self.pending = None
        self.running = True

    def end(self) -> None:
        """It has run: SystemExit for what came too late for it, and was to end the program."""
        self.running = False
        number = self.take()
        if number in (signal.SIGTERM, signal.SIGHUP):
            raise SystemExit(128 + number)

    def take(self) -> int | None:
        """The one that came, once."""
        number, self.pending = self.pending, None
        return number
