"""`os`: what can be done with a descriptor of the lab by its number alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import cast

from stack.dev.hijack.sockets import Door

_MOST = 65536  # bytes in one call


class Files:
    """os.read, os.write, os.close and os.sendfile, which know the lab's descriptors from the machine's."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.os_read, self.os_write, self.os_close = os.read, os.write, os.close
        self.os_sendfile: Callable[[int, int, int | None, int], int] | None = getattr(os, "sendfile", None)

    def install(self) -> None:
        """Let whoever asks `os` have these."""
        new = {"read": self.read, "write": self.write, "close": self.close}
        for name, function in new.items():
            setattr(os, name, function)
        if self.os_sendfile is not None:
            os.sendfile = self.sendfile

    def read(self, fd: int, size: int, /) -> bytes:
        """Bytes, at most so many."""
        if fd not in self.door.kinds:
            return self.os_read(fd, size)
        return cast(bytes, self.door.call("recv", fd, size, 0, None))

    def write(self, fd: int, data: bytes | bytearray | memoryview, /) -> int:
        """Write some of the bytes; how many."""
        if fd in self.door.kinds:
            return cast(int, self.door.call("send", fd, bytes(memoryview(data)[:_MOST]), 0, None))
        written = self.os_write(fd, data)
        self.door.nudge()
        return written

    def close(self, fd: int) -> None:
        """Close it."""
        if fd not in self.door.kinds:
            return self.os_close(fd)
        self.door.call("close", fd)
        return self.door.forget(fd)

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
