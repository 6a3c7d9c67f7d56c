"""To be told that a file has changed, when there are no more instances of inotify: dnotify (fcntl(2), F_NOTIFY).

Linux gives a user 128 instances of inotify, which hundreds of processes on bus files use up.  Of this older way there
is no end, but it tells of a whole directory, and by a signal: so a bus had better have a directory of its own.

The first few who watch have a signal each, which waits in a signalfd(2) until it is read: to be told so costs no more
than with inotify.  A signal that waits already is not sent once more, so nothing heaps up.  All others share SIGIO, a
handler and a pipe each, and all of them look when any has reason to.
"""

from __future__ import annotations

import fcntl
import os
import signal
from _thread import get_ident
from contextlib import suppress
from functools import cache
from types import FrameType

# Nobody sends them to a program such as this one; not every system has them all.
_OWN = [signal.Signals[name] for name in ("SIGPWR", "SIGSTKFLT", "SIGURG") if name in signal.Signals.__members__]
_SIGINFO = 128  # bytes of a struct signalfd_siginfo


class Watchers:
    """Those of this process."""

    def __init__(self) -> None:
        self.ends: dict[int, tuple[int, int]] = {}  # of each watcher: the directory, and the end that wakes it
        self.signals: dict[int, tuple[int, signal.Signals]] = {}  # or the directory, and its own signal
        self.main = get_ident()

    def add(self, folder: str) -> int:
        """A descriptor that becomes readable when a file of a directory may have been written to.  Main thread only."""
        taken = {number for _, number in self.signals.values()}
        number = next((number for number in _OWN if number not in taken), signal.SIGIO)
        signal.signal(signal.SIGIO, self._caught)
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if number != signal.SIGIO:
                return self._add_own(directory, number)
            fcntl.fcntl(directory, fcntl.F_NOTIFY, fcntl.DN_MODIFY | fcntl.DN_MULTISHOT)
        except OSError:
            os.close(directory)
            raise
        watcher, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.ends[watcher] = directory, wake
        return watcher

    def _add_own(self, directory: int, number: signal.Signals) -> int:
        """Watch by a signal that is nobody else's: it waits for who reads it, and interrupts nothing."""
        from stack.dev import libc

        signal.signal(number, self._strayed)
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        watcher = libc.signalfd(number)
        with suppress(BlockingIOError):
            os.read(watcher, _SIGINFO)  # one that waits still was for who had it before us
        try:
            fcntl.fcntl(directory, fcntl.F_SETSIG, number)
            fcntl.fcntl(directory, fcntl.F_NOTIFY, fcntl.DN_MODIFY | fcntl.DN_MULTISHOT)
        except OSError:
            os.close(watcher)
            raise
        self.signals[watcher] = directory, number
        return watcher

    def remove(self, watcher: int) -> None:
        """Look no more; harmless for a descriptor that is none of these."""
        for end in self.ends.pop(watcher, ()):
            os.close(end)
        if watcher in self.signals:
            os.close(self.signals.pop(watcher)[0])

    def _caught(self, _number: int, _frame: FrameType | None) -> None:
        for _, wake in self.ends.values():
            with suppress(BlockingIOError):
                os.write(wake, b"\0")

    def _strayed(self, number: int, _frame: FrameType | None) -> None:
        """A thread that does not block it was interrupted: the signal is for the main one, which reads it."""
        signal.pthread_kill(self.main, number)


@cache
def watchers() -> Watchers:
    """The ones of this process, whose signals are nobody else's."""
    return Watchers()
