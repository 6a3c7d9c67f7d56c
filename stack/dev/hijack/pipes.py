"""`os.fdopen`: file objects on pipes, which read and write as os does; those of C would block where nobody sees it."""

from __future__ import annotations

import io
import os
import stat
from typing import IO

from stack.dev.hijack.door import Door

_MOST = 65536  # bytes in one call


class PipeFile(io.FileIO):
    """The raw end of a file object on a pipe."""

    door: Door

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Bytes, into a buffer; how many."""
        data = os.read(self.fileno(), len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """All there is, to the end."""
        return b"".join(iter(lambda: os.read(self.fileno(), _MOST), b""))

    def read(self, size: int | None = -1) -> bytes:
        """Bytes, at most so many."""
        return self.readall() if size is None or size < 0 else os.read(self.fileno(), size)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write some of the bytes; how many."""
        return os.write(self.fileno(), data)

    def close(self) -> None:
        """As ever; another process may wait for that."""
        open_before = not self.closed
        super().close()
        if open_before:
            self.door.told()


def install(door: Door) -> None:
    """Let whoever asks `os` for a file object have these, for pipes that are only read or only written."""
    kind = type("FileIO", (PipeFile,), {"door": door})
    plain = os.fdopen

    def fdopen(
        fd: int, mode: str = "r", buffering: int = -1, encoding: str | None = None, errors: str | None = None,
        newline: str | None = None, closefd: bool = True,
    ) -> IO[bytes] | IO[str] | PipeFile:  # fmt: skip
        if not _is_pipe(fd) or sorted(mode.strip("bt")) not in (["r"], ["w"]) or (not buffering and "b" not in mode):
            return plain(fd, mode, buffering, encoding, errors, newline, closefd)
        raw: PipeFile = kind(fd, mode.strip("bt"), closefd)
        if not buffering:
            return raw
        size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
        buffered = io.BufferedReader(raw, size) if "r" in mode else io.BufferedWriter(raw, size)  # type: ignore[type-var]
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, encoding, errors, newline, line_buffering=buffering == 1)

    os.fdopen = fdopen  # type: ignore[assignment]


def _is_pipe(fd: object) -> bool:
    try:
        return isinstance(fd, int) and stat.S_ISFIFO(os.fstat(fd).st_mode)
    except OSError:
        return False
