"""TLS over sockets of the lab: OpenSSL speaks to buffers in memory, and those to the socket (ssl.MemoryBIO).

Python's own ssl.SSLSocket stays as it is.  It asks its context for an object that reads, writes and shakes hands over
a socket of the machine's; for one of the lab's it gets this one.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar, cast

from stack.dev.hijack.door import Door
from stack.dev.hijack.sockets import LabFile, RealFile, Socket

_RECORD = 1 << 14  # bytes: as large as TLS makes them
_HEAD = 5
_Answer = TypeVar("_Answer")


class Record:
    """How far the record has been read that comes in: five bytes, of which the last two tell how many follow."""

    def __init__(self) -> None:
        self.head = b""
        self.wanted = _HEAD  # bytes, to its end or to that of its head

    def took(self, data: bytes) -> None:
        """So much of it was read."""
        self.wanted -= len(data)
        if len(self.head) < _HEAD:
            self.head += data
            self.wanted = self.wanted or int.from_bytes(self.head[3:])
        if not self.wanted:
            self.head, self.wanted = b"", _HEAD


class LabSSL:
    """What `_ssl._SSLSocket` is, on a socket of the lab."""

    def __init__(self, context: ssl.SSLContext, sock: Socket, server_side: bool, name: str | None) -> None:
        self.__dict__["incoming"] = ssl.MemoryBIO()
        self.__dict__["outgoing"] = ssl.MemoryBIO()
        self.__dict__["file"] = sock._file
        self.__dict__["record"] = Record()
        self.__dict__["inner"] = context._wrap_bio(  # type: ignore[attr-defined]
            self.incoming, self.outgoing, server_side=server_side, server_hostname=name
        )

    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    file: LabFile | RealFile
    record: Record
    inner: ssl.SSLObject

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)  # cipher, version, getpeercert ...

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.inner, name, value)  # context, session, owner

    def do_handshake(self) -> None:
        """Agree on keys."""
        self._drive(self.inner.do_handshake)

    def read(self, size: int = 1024, buffer: bytearray | memoryview | None = None) -> bytes | int:
        """What the peer says."""
        if buffer is None:
            return self._drive(lambda: self.inner.read(size))
        view = memoryview(buffer).cast("B")
        view = view[: size if 0 < size < len(view) else len(view)]
        return cast(int, self._drive(lambda: self.inner.read(len(view), view)))

    def write(self, data: bytes | memoryview) -> int:
        """Say something; how much was taken."""
        self._flush()  # what an earlier call left because the socket would not take it
        piece = memoryview(data).cast("B")[:_RECORD]
        return self._drive(lambda: self.inner.write(piece))

    def shutdown(self) -> Socket:
        """Say good-bye, and hear it."""
        self._drive(self.inner.shutdown)  # type: ignore[attr-defined]
        return cast(Socket, self.inner.owner)  # type: ignore[attr-defined]

    def _drive(self, step: Callable[[], _Answer]) -> _Answer:
        """Do something, carrying bytes to and fro until it is done."""
        while True:
            try:
                answer = step()
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()
                continue
            except ssl.SSLError:
                self._farewell()
                raise
            self._flush()
            return answer

    def _flush(self) -> None:
        """Hand on what OpenSSL wants to be sent."""
        while self.outgoing.pending:
            data = self.outgoing.read()
            if self.file.timeout != 0.0:
                self.file.sendall(data)
                continue
            sent = 0
            try:
                while sent < len(data):
                    sent += self.file.send(data[sent:])
            except BlockingIOError:
                self._keep(data[sent:])
                raise ssl.SSLWantWriteError(ssl.SSL_ERROR_WANT_WRITE, "The operation did not complete") from None

    def _keep(self, rest: bytes) -> None:
        """Put back what the socket did not take, before what comes later."""
        later = self.outgoing.read()
        self.outgoing.write(rest + later)

    def _feed(self) -> None:
        """Fetch what the peer has sent, no more than OpenSSL would: who waits with select should see the rest."""
        try:
            data = self.file.recv(self.record.wanted)
        except TimeoutError as error:
            if error.errno is None:
                raise TimeoutError("The read operation timed out") from None
            raise
        except BlockingIOError:
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "The operation did not complete") from None
        if data:
            self.record.took(data)
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def _farewell(self) -> None:
        """The peer is told why, if it can be."""
        try:
            self._flush()
        except OSError:
            return


def install(module: ModuleType, _door: Door) -> None:
    """Let the contexts of an ssl module wrap sockets of the lab, too."""
    wrapped = module.SSLContext._wrap_socket

    def wrap(
        self: ssl.SSLContext, sock: object, server_side: bool, server_hostname: str | None = None, *,
        owner: object = None, session: object = None,
    ) -> object:  # fmt: skip
        if isinstance(sock, Socket):
            inner = LabSSL(self, sock, server_side, server_hostname)
            inner.owner = owner
            if session is not None:
                inner.session = session
            return inner
        return wrapped(self, sock, server_side, server_hostname, owner=owner, session=session)

    module.SSLContext._wrap_socket = wrap
