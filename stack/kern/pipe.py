"""A pipe: bytes from somebody who writes to a process that reads (BSD sys_pipe.c).

The shell feeds a command's standard input through one; the writer may be no process at all.
"""

from __future__ import annotations

from stack.kern.proc import Outside, tsleep


class Pipe:
    """Bytes in, bytes out, in order; `close` makes the reader see the end after the last of them."""

    __slots__ = ("buffer", "closed", "readable")

    def __init__(self, data: bytes = b"", closed: bool = False) -> None:
        self.buffer = bytearray(data)
        self.closed = closed
        self.readable = Outside("piperd")

    def write(self, data: bytes) -> None:
        """Append bytes and wake the reader; what comes after `close` is lost."""
        if data and not self.closed:
            self.buffer += data
            self.readable.wakeup()

    def close(self) -> None:
        """No more will come."""
        self.closed = True
        self.readable.wakeup()

    @property
    def ready(self) -> bool:
        """Whether a read would not wait."""
        return self.closed or bool(self.buffer)

    def take(self, size: int = 65536) -> bytes:
        """What there is, at most `size` bytes, without waiting."""
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    async def read(self, size: int = 65536) -> bytes:
        """Wait for bytes; b"" at the end."""
        while not self.ready:
            await tsleep(self.readable)
        return self.take(size)
