"""Files of the real machine that the shell writes: whole or not at all, or at the end of what is there."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import BinaryIO

from stack.kern.errors import STRERROR


class WholeFile:
    """A file that gets its new content in one go, when `commit` is called; until then the old one stays.

    What is no regular file (a device, a pipe) is written as it comes.  OSError when it cannot be written.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        self.temporary: str | None = None
        self.empty = True
        try:
            mode: int | None = os.stat(self.path).st_mode
        except FileNotFoundError:
            mode = None
        if mode is not None and stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if mode is not None and not stat.S_ISREG(mode):
            self.file: BinaryIO = open(self.path, "wb", buffering=0)  # noqa: SIM115 - it outlives this call
            return
        if mode is not None:
            os.close(os.open(self.path, os.O_WRONLY))  # may we at all?  rename(2) would not ask
        self.temporary = os.path.join(os.path.dirname(self.path), f".{os.path.basename(self.path)}.{os.getpid()}~")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self.file = open(os.open(self.temporary, flags, 0o666), "wb")  # noqa: SIM115
        if mode is not None:
            os.fchmod(self.file.fileno(), stat.S_IMODE(mode))

    def write(self, data: bytes) -> None:
        """Add to the new content."""
        self.empty = False
        self.file.write(data)

    def commit(self) -> None:
        """The content is complete: it takes the file's place."""
        try:
            self.file.close()
            if self.temporary is not None:
                os.replace(self.temporary, self.path)
                self.temporary = None
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave everything as it was; harmless after `commit`."""
        with suppress(OSError):
            self.file.close()
        if self.temporary is not None:
            with suppress(OSError):
                os.unlink(self.temporary)
            self.temporary = None


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


def reason(error: OSError | ValueError) -> str:
    """Why something failed, in BSD's words where it has some; ValueError is what open(2) makes of a NUL in a name."""
    if isinstance(error, ValueError):
        return str(error)
    return STRERROR.get(error.errno or 0) or error.strerror or str(error)


def read_text(path: str) -> str:
    """A text whole; OSError when it cannot be read, ValueError when it is no text."""
    with open(path, encoding="utf-8-sig") as file:
        try:
            return file.read()
        except UnicodeDecodeError:
            raise ValueError("this is no text") from None


def open_for_reading(path: str) -> int:
    """A descriptor of a file; it does not block, not even for a pipe that nobody writes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return descriptor
