"""To be told that a file has changed, when there are no more instances of inotify: dnotify (fcntl(2), F_NOTIFY).

Linux gives a user 128 instances of inotify, which hundreds of processes on bus files use up.  Of this older way there
is no end, but it tells of a whole directory, and by a signal: so a bus had better have a directory of its own, and
all who watch in this process look when any of them has reason to.
"""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import suppress
from functools import cache
from types import FrameType


class Watchers:
    """Those of this process."""

    def __init__(self) -> None:
        self.ends: dict[int, tuple[int, int]] = {}  # of each watcher: the directory, and the end that wakes it

    def add(self, folder: str) -> int:
        """A descriptor that becomes readable when a file of a directory may have been written to.  Main thread only."""
        signal.signal(signal.SIGIO, self._caught)
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.fcntl(directory, fcntl.F_NOTIFY, fcntl.DN_MODIFY | fcntl.DN_MULTISHOT)
        except OSError:
            os.close(directory)
            raise
        watcher, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.ends[watcher] = directory, wake
        return watcher

    def remove(self, watcher: int) -> None:
        """Look no more; harmless for a descriptor that is none of these."""
        for end in self.ends.pop(watcher, ()):
            os.close(end)

    def _caught(self, _number: int, _frame: FrameType | None) -> None:
        for _, wake in self.ends.values():
            with suppress(BlockingIOError):
                os.write(wake, b"\0")


@cache
def watchers() -> Watchers:
    """The ones of this process, whose signals are nobody else's."""
    return Watchers()
