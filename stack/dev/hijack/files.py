"""`os`: what can be done with a descriptor of the lab by its number alone."""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Callable
from typing import cast

from stack.dev.hijack.door import Door

_MOST = 65536  # bytes in one call


class Files:
    """os.read, os.write, os.close and the like, which know the lab's descriptors from the machine's.

    For the program there are no descriptors that lead into the lab.
    """

    def __init__(self, door: Door) -> None:
        self.door = door
        self.ways = door.ways
        self.os_read, self.os_write, self.os_close = os.read, os.write, os.close
        self.os_closerange, self.os_dup, self.os_dup2 = os.closerange, os.dup, os.dup2
        self.os_sendfile: Callable[[int, int, int | None, int], int] | None = getattr(os, "sendfile", None)

    def install(self) -> None:
        """Let whoever asks `os` have these."""
        for name in ("read", "write", "close", "closerange", "dup", "dup2"):
            setattr(os, name, getattr(self, name))
        if self.os_sendfile is not None:
            os.sendfile = self.sendfile

    def read(self, fd: int, size: int, /) -> bytes:
        """Bytes, at most so many."""
        if fd not in self.door.kinds:
            self.door.expect(fd, select.POLLIN)
            data = self.os_read(fd, size)
            self.door.told()
            return data
        return cast(bytes, self.door.call("recv", fd, size, 0, None))

    def write(self, fd: int, data: bytes | bytearray | memoryview, /) -> int:
        """Write some of the bytes; how many."""
        if fd in self.door.kinds:
            return cast(int, self.door.call("send", fd, bytes(memoryview(data)[:_MOST]), 0, None))
        written = self._write(fd, memoryview(data)) if self.ways.forked else self.os_write(fd, data)
        self.door.nudge()
        return written

    def _write(self, fd: int, data: memoryview) -> int:
        """Write to what another process may read: so much at once that it never blocks."""
        if len(data) <= select.PIPE_BUF or not stat.S_ISFIFO(os.fstat(fd).st_mode) or not os.get_blocking(fd):
            self.door.expect(fd, select.POLLOUT)
            return self.os_write(fd, data)
        whole, rest = len(data), data.cast("B")
        while rest:
            if not self.door.wait({fd: select.POLLOUT}, 0.0):
                self.door.nudge()
                self.door.expect(fd, select.POLLOUT)
            rest = rest[self.os_write(fd, rest[: select.PIPE_BUF]) :]
        return whole

    def close(self, fd: int) -> None:
        """Close it."""
        if fd in self.door.kinds:
            self.door.close(fd)
        elif fd in self.ways:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        else:
            self.os_close(fd)
            self.door.gone(fd)
            self.door.told()

    def closerange(self, fd_low: int, fd_high: int, /) -> None:
        """Close all from one to another, which itself is not closed."""
        for fd in [fd for fd in self.door.kinds if fd_low <= fd < fd_high]:
            self.close(fd)
        for fd in sorted(self.ways):
            if fd_low <= fd < fd_high:
                self.os_closerange(fd_low, fd)
                fd_low = fd + 1
        self.os_closerange(fd_low, fd_high)
        self.door.told()

    def dup(self, fd: int, /) -> int:
        """One more descriptor for the same."""
        return self.os_dup(fd) if fd not in self.door.kinds else self.door.dup(fd)

    def dup2(self, fd: int, fd2: int, inheritable: bool = True) -> int:
        """One more descriptor for the same, with a number of one's choice."""
        if fd == fd2 and fd in self.door.kinds:
            return fd
        if fd2 in self.ways:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if fd2 in self.door.kinds:
            self.close(fd2)
        self.os_dup2(fd, fd2, inheritable)
        if fd in self.door.kinds:
            self.door.kinds[fd2] = self.door.kinds[fd]
            self.door.call("dup", fd, fd2)
        return fd2

    def sendfile(self, out_fd: int, in_fd: int, offset: int | None, count: int) -> int:
        """Send a part of a file; how many bytes; it does not wait."""
        if out_fd not in self.door.kinds:
            assert self.os_sendfile is not None
            return self.os_sendfile(out_fd, in_fd, offset, count)
        at = os.lseek(in_fd, 0, os.SEEK_CUR) if offset is None else offset
        data = os.pread(in_fd, min(count, _MOST), at)
        sent = cast(int, self.door.call("send", out_fd, data, 0, 0.0)) if data else 0
        if offset is None:
            os.lseek(in_fd, sent, os.SEEK_CUR)
        return sent
