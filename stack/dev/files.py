"""Files of the real machine that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import BinaryIO


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
        folder, name = os.path.split(self.path)
        self.temporary = os.path.join(folder, f".{name}.{os.getpid()}.{id(self):x}~")
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self.file = open(os.open(self.temporary, flags, 0o666), "w+b")  # noqa: SIM115
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
