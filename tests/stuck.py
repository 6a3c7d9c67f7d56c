"""What a test that has hung was waiting for: the processes that it had started, and where each of them stood.

A Python that gets SIGABRT says where all its threads are (PYTHONFAULTHANDLER), on its standard error, which mostly is
a pipe that nobody will read any more.  So it is read here, past whoever holds it.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PATIENCE = 3.0  # seconds for the last words of all
_CHUNK = 1 << 20


class _Process(NamedTuple):
    pid: int
    parent: int
    began: float  # seconds since the machine was started


class _Child:
    """One that has to end."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        self.over = os.pidfd_open(pid)
        self.errors = _standard_error(pid)

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.over, number)

    def last_words(self) -> str:
        """What it has said there since, and nobody has read."""
        os.close(self.over)
        said = b""
        if self.errors is not None:
            with suppress(BlockingIOError):
                said = os.read(self.errors, _CHUNK)
            os.close(self.errors)
        return f"{self.pid}: {self.command}\n{said.decode(errors='replace')}"


def end_children(since: float) -> str:
    """End what this process has started since a time (CLOCK_BOOTTIME), and what that started; what they say."""
    children = []
    for pid in sorted(_descendants(since)):
        with suppress(OSError):  # it has just ended
            children.append(_Child(pid))
    for child in reversed(children):  # a program of the lab's dies with its shell
        child.signal(signal.SIGABRT)
    deadline = time.monotonic() + _PATIENCE
    for child in children:
        select.select([child.over], [], [], max(deadline - time.monotonic(), 0.0))
        child.signal(signal.SIGKILL)
    return "\n".join(child.last_words() for child in children)


def _descendants(since: float) -> set[int]:
    everybody = list(_processes())
    found = {os.getpid()}
    while more := {each.pid for each in everybody if each.parent in found and each.began >= since} - found:
        found |= more
    return found - {os.getpid()}


def _processes() -> list[_Process]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            found.append(_Process(int(path.parent.name), int(fields[1]), int(fields[19]) / os.sysconf("SC_CLK_TCK")))
    return found


def _standard_error(pid: int) -> int | None:
    """A descriptor to read what a process will say there; none for a terminal, whose reader would be robbed."""
    path = f"/proc/{pid}/fd/2"
    kind = os.stat(path).st_mode
    if not (stat.S_ISFIFO(kind) or stat.S_ISREG(kind)):
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if stat.S_ISREG(kind):
        os.lseek(descriptor, 0, os.SEEK_END)
    return descriptor
