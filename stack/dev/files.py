"""Files of the real machine that are written whole or not at all."""

from __future__ import annotations

import errno
import fcntl
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
        self.modified = 0  # when the content was made, in seconds since 1970, if that is known
        try:
            mode: int | None = os.stat(self.path).st_mode
        except FileNotFoundError:
            mode = None
        if mode is not None and stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if mode is not None and not stat.S_ISREG(mode):
            flags = os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO that nobody reads would hold us up for ever
            self.file: BinaryIO = open(os.open(self.path, flags), "wb", buffering=0)  # noqa: SIM115
            os.set_blocking(self.file.fileno(), True)
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
                if self.modified:
                    os.utime(self.temporary, (self.modified, self.modified))
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


def write_whole(path: str, data: bytes) -> None:
    """Write a file in one go, or leave it as it was; OSError when it cannot be written."""
    file = WholeFile(path)
    try:
        file.write(data)
        file.commit()
    finally:
        file.discard()


class PartFile:
    """A file that is written in its part, `PATH.part`; a part that is left when writing breaks off is gone on with.

    `size` bytes of it are there, and `modified` is when the whole was last changed, in seconds since 1970; 0 is
    unknown.  It stands in the part's own time of modification, as FreeBSD's fetch has it, so it survives a
    crash, too.  OSError when it cannot be written, ValueError when it is none that could be gone on with.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        self.part = f"{self.path}.part"
        self.mode = _mode_of(self.path)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        self.descriptor = os.open(self.part, flags, 0o666)
        try:
            found = os.fstat(self.descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ValueError(f"{self.part} is no ordinary file")
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.stat(self.part), found):
                raise BlockingIOError  # whoever had it has just made the whole of it
        except BlockingIOError:
            os.close(self.descriptor)
            raise ValueError(f"{self.part} is being written already") from None
        except BaseException:
            os.close(self.descriptor)
            raise
        self.size = os.lseek(self.descriptor, 0, os.SEEK_END)
        seconds, fraction = divmod(found.st_mtime_ns, 10**9)
        self.modified = 0 if fraction else seconds  # with a fraction it is our own clock's, not a server's

    def restart(self, modified: int = 0) -> None:
        """Begin from nothing, with a part of that age."""
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        self.size, self.modified = 0, modified

    def write(self, data: bytes) -> None:
        """Add to the part."""
        rest = memoryview(data)
        while rest:
            done = os.write(self.descriptor, rest)
            self.size += done
            rest = rest[done:]
        with suppress(PermissionError):  # somebody else's file that we may write: then it is not gone on with
            os.utime(self.descriptor, (self.modified, self.modified))

    def commit(self) -> None:
        """The part is the whole: it takes the file's place."""
        if self.mode is not None:
            os.fchmod(self.descriptor, self.mode)
        os.replace(self.part, self.path)
        self.discard()

    def discard(self) -> None:
        """Write no more; the file is as it was, and what there is of a part stays, to be gone on with the next time."""
        if self.descriptor < 0:
            return
        with suppress(OSError):
            if not self.size and os.path.samestat(os.stat(self.part), os.fstat(self.descriptor)):
                os.unlink(self.part)
        os.close(self.descriptor)
        self.descriptor = -1


def _mode_of(path: str) -> int | None:
    """The permissions of a file that is to be replaced, if there is one; OSError or ValueError when it may not be."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise ValueError("not an ordinary file, so there is no going on with a part of it")
    os.close(os.open(path, os.O_WRONLY))  # may we at all?  rename(2) would not ask
    return stat.S_IMODE(mode)
