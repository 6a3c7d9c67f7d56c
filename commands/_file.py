"""A file of the real machine that a command writes: whole, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from stack.kern.errors import STRERROR


def reason(error: OSError) -> str:
    """Why something failed, in BSD's words where it has some."""
    return STRERROR.get(error.errno or 0) or error.strerror or str(error)


class WholeFile:
    """A file that gets its new content in one go, by `commit`; until then the old one stays.

    What is no regular file, such as /dev/null, is written as it comes.  OSError when it cannot be.
    """

    def __init__(self, path: str, serial: int) -> None:
        self.path = os.path.realpath(path)
        self.temporary: str | None = None
        try:
            mode = os.stat(self.path).st_mode
        except FileNotFoundError:
            mode = 0
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if mode:
            self.file = open(self.path, "r+b", buffering=0)  # noqa: SIM115 - may we?  rename(2) would not ask
            if not stat.S_ISREG(mode):
                return
            self.file.close()
        folder, name = os.path.split(self.path)
        self.temporary = os.path.join(folder, f".{name}.{os.getpid()}.{serial}~")
        self.file = open(self.temporary, "w+b", buffering=0)  # noqa: SIM115
        if mode:
            os.fchmod(self.file.fileno(), stat.S_IMODE(mode))

    def write(self, data: bytes) -> None:
        """Add to the new content."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.file.write(rest) :]

    def commit(self) -> None:
        """The content is complete: it takes the old one's place."""
        self.file.close()
        if self.temporary is not None:
            os.replace(self.temporary, self.path)
            self.temporary = None

    def discard(self) -> None:
        """Leave everything as it was; harmless after `commit`."""
        with suppress(OSError):
            self.file.close()
        if self.temporary is not None:
            with suppress(OSError):
                os.unlink(self.temporary)
            self.temporary = None
