"""Files of the real machine that the shell reads, and writes at the end of what is there."""

from __future__ import annotations

import errno
import os
import stat

_MOST = 1 << 24  # letters of what is no file: it may never end


class AppendedFile:
    """A file that grows at its end, at once."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = open(path, "ab", buffering=0)  # noqa: SIM115
        self.empty = True

    def write(self, data: bytes) -> None:
        """Write it now."""
        self.empty = False
        self.file.write(data)

    def commit(self) -> None:
        """No more will come."""
        self.file.close()

    discard = commit


def read_text(path: str) -> str:
    """A text whole; OSError when it cannot be read, ValueError when it is no text, or of a device that never ends."""
    with open(path, encoding="utf-8-sig") as file:
        endless = not stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        try:
            text = file.read(_MOST + 1 if endless else -1)
        except UnicodeDecodeError:
            raise ValueError("this is no text") from None
    if endless and len(text) > _MOST:
        raise ValueError(f"this is no file, and has more than {_MOST >> 20} million letters")
    return text


def open_for_reading(path: str) -> int:
    """A descriptor of a file; it does not block, not even for a pipe that nobody writes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return descriptor
