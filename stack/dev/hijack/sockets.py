"""`_socket`, of which Python's own socket module is built: its class and functions, on sockets of the lab.

Unix sockets stay the machine's: they are how threads and programs talk among themselves.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
from collections.abc import Iterable
from contextlib import suppress
from operator import index
from typing import cast
from warnings import warn

from stack.dev.hijack.door import Door

AF_INET, AF_UNIX = int(_socket.AF_INET), int(_socket.AF_UNIX)
_ANY, _BROADCAST = 0, 0xFFFFFFFF
_MOST = 65536  # bytes in one call
_MSG_DONTWAIT, _MSG_WAITALL = int(_socket.MSG_DONTWAIT), int(_socket.MSG_WAITALL)
_MSG_PEEK, _MSG_TRUNC = int(_socket.MSG_PEEK), int(_socket.MSG_TRUNC)
_FLAGS = int(getattr(_socket, "SOCK_NONBLOCK", 0)) | int(getattr(_socket, "SOCK_CLOEXEC", 0))

Buffer = bytes | bytearray | memoryview
Address = tuple[str, int]


class RealFile(_socket.socket):
    """A socket of the machine's; what is written to one may be for another thread of ours, or another process."""

    door: Door

    def close(self) -> None:
        """As ever; another may get its number."""
        fd = self.fileno()
        self.door.inner.discard(fd)
        super().close()
        self.door.gone(fd)
        self.door.told()


def _patient(name: str, events: int) -> object:
    """A call that may have to wait for the peer, or has something for it."""
    call = getattr(_socket.socket, name)

    def method(self: RealFile, *arguments: object, **named: object) -> object:
        if events:
            self.door.expect(self.fileno(), events, self.gettimeout())
        answer = call(self, *arguments, **named)
        if events == select.POLLIN:
            self.door.told()
        else:
            self.door.nudge()
        return answer

    return method


for _name in ("send", "sendall", "sendmsg", "sendto"):
    setattr(RealFile, _name, _patient(_name, select.POLLOUT))
for _name in ("_accept", "recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into"):
    setattr(RealFile, _name, _patient(_name, select.POLLIN))
for _name in ("connect", "shutdown"):
    setattr(RealFile, _name, _patient(_name, 0))


class LabFile:
    """A socket of the lab: what `_socket.socket` does, by system calls."""

    def __init__(self, door: Door, fd: int) -> None:
        self.door = door
        self.fd = fd
        self.family, self.type, self.proto = door.kinds[fd]
        self.timeout = door.timeout

    # --- state ----------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """Its descriptor; -1 when it is closed."""
        return self.fd

    def detach(self) -> int:
        """Its descriptor, which stays open without it."""
        fd, self.fd = self.fd, -1
        return fd

    def close(self) -> None:
        """Close it; harmless when done before."""
        fd = self.detach()
        if fd >= 0:
            self.door.close(fd, block=self.timeout != 0.0)

    def settimeout(self, timeout: float | None) -> None:
        """How long a call may wait."""
        self.timeout = timeout_of(timeout)

    def gettimeout(self) -> float | None:
        """How long a call may wait."""
        return self.timeout

    def setblocking(self, flag: bool) -> None:
        """For ever, or not at all."""
        self.timeout = None if flag else 0.0

    def getblocking(self) -> bool:
        """Whether calls may wait."""
        return self.timeout != 0.0

    # --- calls ----------------------------------------------------------------------------------------

    def _call(self, name: str, *arguments: object) -> object:
        return self.door.call(name, self.fd, *arguments)

    def _deadline(self, flags: int = 0) -> float | None:
        return 0.0 if flags & _MSG_DONTWAIT else self.door.gate().deadline(self.timeout)

    def _patiently(self, deadline: float | None, name: str, *arguments: object) -> object:
        """A call that may wait: `timed out` when that took too long."""
        try:
            return self._call(name, *arguments, deadline)
        except BlockingIOError:
            if deadline is None or deadline == 0.0:  # SO_RCVTIMEO has passed, or nothing was to be waited for
                raise
            raise TimeoutError("timed out") from None

    def _accept(self) -> tuple[int, Address]:
        new = self.door.place((self.family, self.type, self.proto))
        try:
            peer = self._patiently(self._deadline(), "accept", new)
        except BaseException:
            self.door.forget(new)
            raise
        return new, shown(peer)

    def bind(self, address: object) -> None:
        """Take a local address."""
        self._call("bind", *self._address("bind()", address))

    def listen(self, backlog: int = 128) -> None:
        """Accept connections."""
        if index(backlog) > 0x7FFFFFFF:
            raise OverflowError("signed integer is greater than maximum")
        self._call("listen", max(backlog, 0))

    def connect(self, address: object) -> None:
        """Connect."""
        host, port = self._address("connect()", address)
        self._patiently(self._deadline(), "connect", host, port)

    def connect_ex(self, address: object) -> int:
        """Connect; the errno."""
        host, port = self._address("connect_ex()", address)
        try:
            self._patiently(self._deadline(), "connect", host, port)
        except OSError as error:
            return error.errno or errno.EAGAIN
        return 0

    def shutdown(self, how: int) -> None:
        """Close one direction or both."""
        if not -(1 << 31) <= index(how) < 1 << 31:
            raise OverflowError("Python int too large to convert to C int")
        self._call("shutdown", index(how))

    def getsockname(self) -> Address:
        """The local address."""
        return shown(self._call("getsockname"))

    def getpeername(self) -> Address:
        """The peer's address."""
        return shown(self._call("getpeername"))

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Bytes, at most so many."""
        if index(size) < 0:
            raise ValueError("negative buffersize in recv")
        deadline = self._deadline(flags)
        data = cast(bytes, self._patiently(deadline, "recv", size, int(flags)))
        if flags & _MSG_WAITALL and not flags & _MSG_PEEK and self.type == int(_socket.SOCK_STREAM):
            data = self._all(data, size, int(flags), deadline)
        return data

    def _all(self, data: bytes, size: int, flags: int, deadline: float | None) -> bytes:
        """More of them, until they are so many; fewer at the end, and when time is up."""
        pieces, left = [data], size - len(data)
        with suppress(BlockingIOError):
            while left > 0 and pieces[-1]:
                pieces.append(cast(bytes, self._call("recv", left, flags, deadline)))
                left -= len(pieces[-1])
        return b"".join(pieces)

    def recv_into(self, buffer: bytearray | memoryview, nbytes: int = 0, flags: int = 0) -> int:
        """Bytes, into a buffer; how many."""
        view = _writable(buffer)
        return _fill(view, self.recv(_room(view, nbytes), flags))

    def recvfrom(self, size: int, flags: int = 0) -> tuple[bytes, Address | None]:
        """Bytes, and of a datagram who sent it."""
        if size < 0:
            raise ValueError("negative buffersize in recvfrom")
        answer = cast(tuple[bytes, object], self._patiently(self._deadline(flags), "recvfrom", size, int(flags)))
        return answer[0], shown(answer[1]) if answer[1] is not None else None

    def recvfrom_into(
        self, buffer: bytearray | memoryview, nbytes: int = 0, flags: int = 0
    ) -> tuple[int, Address | None]:
        """Bytes into a buffer, and who sent them."""
        view = _writable(buffer)
        data, source = self.recvfrom(_room(view, nbytes), flags)
        return _fill(view, data), source

    def recvmsg(
        self, bufsize: int, ancbufsize: int = 0, flags: int = 0
    ) -> tuple[bytes, list[object], int, Address | None]:
        """As recvfrom, and whether that was all of a datagram; nothing comes beside the bytes."""
        if bufsize < 0:
            raise ValueError("negative buffer size in recvmsg()")
        if ancbufsize < 0:
            raise ValueError("invalid ancillary data buffer length")
        stream = self.type == int(_socket.SOCK_STREAM)
        data, source = self.recvfrom(bufsize if stream else bufsize + 1, flags)
        return data[:bufsize], [], _MSG_TRUNC if len(data) > bufsize else 0, source

    def recvmsg_into(
        self, buffers: Iterable[bytearray | memoryview], ancbufsize: int = 0, flags: int = 0
    ) -> tuple[int, list[object], int, Address | None]:
        """As recvmsg, into buffers."""
        views = [_writable(buffer) for buffer in buffers]
        data, _, told, source = self.recvmsg(sum(len(view) for view in views), ancbufsize, flags)
        rest = data
        for view in views:
            rest = rest[_fill(view, rest[: len(view)]) :]
        return len(data), [], told, source

    def send(self, data: Buffer, flags: int = 0) -> int:
        """Send some of the bytes; how many."""
        return self._send(_bytes(data), flags, self._deadline(flags))

    def _send(self, data: bytes, flags: int, deadline: float | None) -> int:
        return cast(int, self._patiently(deadline, "send", data, int(flags)))

    def sendall(self, data: Buffer, flags: int = 0) -> None:
        """Send all of the bytes."""
        rest = memoryview(data).cast("B")
        deadline = self._deadline(flags)
        while True:
            sent = self._send(bytes(rest[:_MOST]), flags, deadline)
            if sent >= len(rest):
                return
            rest = rest[sent:]

    def sendto(self, data: Buffer, *more: object) -> int:
        """Send a datagram: [flags,] address."""
        if len(more) not in (1, 2):
            raise TypeError(f"sendto() takes 2 or 3 arguments ({1 + len(more)} given)")
        flags = cast(int, more[0]) if len(more) == 2 else 0
        if self.type == int(_socket.SOCK_STREAM):
            return self.send(data, flags)
        return cast(int, self._call("sendto", _bytes(data), int(flags), *self._address("sendto()", more[-1])))

    def sendmsg(
        self, buffers: Iterable[Buffer], ancdata: Iterable[object] = (), flags: int = 0, address: object = None
    ) -> int:
        """Send what is in several buffers."""
        control = False
        for item in ancdata:
            if not isinstance(item, tuple) or len(item) != 3:
                raise TypeError("[sendmsg() ancillary data items] must be sequences of length 3")
            index(item[0]), index(item[1]), memoryview(item[2])  # TypeError
            control = True
        if control:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        if address is not None:
            self._address("sendmsg()", address)
        data = b"".join(buffers)
        if self.type == int(_socket.SOCK_STREAM):
            data = data[:_MOST]
        return self.send(data, flags) if address is None else self.sendto(data, flags, address)

    def setsockopt(self, level: int, option: int, value: object, length: int | None = None) -> None:
        """Set an option."""
        if isinstance(value, str) or (value is None and length is None):
            raise TypeError(f"a bytes-like object is required, not {type(value).__name__!r}")
        plain = int(value) if isinstance(value, int) else bytes(cast(Buffer, value or b""))
        self._call("setsockopt", int(level), int(option), plain)

    def getsockopt(self, level: int, option: int, size: int = 0) -> int | bytes:
        """Read an option: a number, or with a size its bytes."""
        if not 0 <= size <= 1024:
            raise OSError("getsockopt buflen out of range")
        value = self._call("getsockopt", int(level), int(option))
        if size:
            return (value if isinstance(value, bytes) else cast(int, value).to_bytes(4, "little"))[:size]
        return int.from_bytes(value[:4], "little") if isinstance(value, bytes) else cast(int, value)

    # --- addresses ------------------------------------------------------------------------------------

    def _address(self, caller: str, address: object) -> tuple[int, int]:
        """An address as the lab takes it, its name looked up."""
        if not isinstance(address, tuple):
            raise TypeError(f"{caller}: AF_INET address must be tuple, not {type(address).__name__}")
        if len(address) != 2:
            raise TypeError("AF_INET address must be a pair (host, port)")
        host, port = address
        if not isinstance(port, int):
            raise TypeError(f"{type(port).__name__!r} object cannot be interpreted as an integer")
        if not 0 <= port <= 65535:
            raise OverflowError(f"{caller}: port must be 0-65535.")
        return lookup(self.door, host), port


class Socket:
    """`_socket.socket`: a socket of the lab, or for AF_UNIX one of the machine's."""

    __slots__ = ("_file",)
    door: Door
    _file: LabFile | RealFile

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
        door = self.door
        self._file = None  # type: ignore[assignment]
        kind = (AF_INET if family == -1 else int(family), (1 if type == -1 else int(type)) & ~_FLAGS, max(proto, 0))
        if fileno is not None:
            self._file = LabFile(door, fileno) if fileno in door.kinds else self._real(family, type, proto, fileno)
        elif kind[0] == AF_UNIX:
            self._file = self._real(family, type, proto, None)
        else:
            fd = door.place(kind)
            try:
                door.call("socket", fd, *kind)
            except BaseException:
                door.forget(fd)
                raise
            self._file = LabFile(door, fd)
            if type != -1 and int(type) & int(getattr(_socket, "SOCK_NONBLOCK", 0)):
                self._file.timeout = 0.0

    def _real(self, family: int, kind: int, proto: int, fileno: int | None) -> RealFile:
        real = RealFile(family, kind, proto, fileno)
        real.door = self.door
        return real

    def __del__(self) -> None:
        file = getattr(self, "_file", None)
        if isinstance(file, LabFile) and file.fd >= 0:
            warn(f"unclosed {Socket.__repr__(self)}", ResourceWarning, stacklevel=2, source=self)
            self.door.kinds.pop(file.fd, None)
            self.door.garbage.append(file.detach())  # not now: a thread may be in the midst of a call

    def __repr__(self) -> str:
        file = self._file
        return f"<socket object, fd={file.fileno()}, family={file.family}, type={file.type}, proto={file.proto}>"

    @property
    def family(self) -> int:
        """Its address family."""
        return self._file.family

    @property
    def type(self) -> int:
        """Its type."""
        return self._file.type

    @property
    def proto(self) -> int:
        """Its protocol."""
        return self._file.proto

    @property
    def timeout(self) -> float | None:
        """How long its calls may wait."""
        return self._file.gettimeout()


def _forward(name: str) -> object:
    def method(self: Socket, *arguments: object, **named: object) -> object:
        return getattr(self._file, name)(*arguments, **named)

    method.__name__ = name
    return method


for _name in (
    "_accept", "bind", "close", "connect", "connect_ex", "detach", "fileno", "getblocking", "getpeername",
    "getsockname", "getsockopt", "gettimeout", "listen", "recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg",
    "recvmsg_into", "send", "sendall", "sendmsg", "sendto", "setblocking", "setsockopt", "settimeout", "shutdown",
):  # fmt: skip
    setattr(Socket, _name, _forward(_name))


def shown(address: object) -> Address:
    """An address of the lab's as Python has it."""
    host, port = cast(tuple[int, int], address)
    return _socket.inet_ntoa(host.to_bytes(4)), port


def lookup(door: Door, host: object) -> int:
    """The address of a name or of dots; gaierror when there is none."""
    if isinstance(host, bytes | bytearray):
        host = host.decode("ascii")
    if not isinstance(host, str):
        raise TypeError(f"str, bytes or bytearray expected, not {type(host).__name__}")
    if host in ("", "<broadcast>"):
        return _BROADCAST if host else _ANY
    try:
        return int.from_bytes(_socket.inet_aton(host))
    except (OSError, ValueError):
        pass
    if "\0" not in host:
        try:
            return cast(int, door.call("resolve", host.encode("idna").decode()))
        except (OSError, UnicodeError):
            pass
    raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")


def timeout_of(timeout: object) -> float | None:
    """A time-out as a program gives it."""
    if timeout is None:
        return None
    if not isinstance(timeout, int | float):
        raise TypeError(f"{type(timeout).__name__!r} object cannot be interpreted as an integer")
    if timeout < 0:
        raise ValueError("Timeout value out of range")
    return float(timeout)


def _bytes(data: Buffer) -> bytes:
    if isinstance(data, str | int | float | complex | None):
        raise TypeError(f"a bytes-like object is required, not {type(data).__name__!r}")
    return bytes(memoryview(data)[:_MOST]) if len(data) > _MOST and memoryview(data).itemsize == 1 else bytes(data)


def _writable(buffer: bytearray | memoryview) -> memoryview:
    view = memoryview(buffer)
    if view.readonly:
        kind = type(buffer).__name__
        raise TypeError(f"recv_into() argument 1 must be read-write bytes-like object, not {kind}")
    return view.cast("B")


def _room(view: memoryview, nbytes: int) -> int:
    if nbytes < 0:
        raise ValueError("negative buffersize in recv_into")
    if nbytes > len(view):
        raise ValueError("buffer too small for requested bytes")
    return nbytes or len(view)


def _fill(view: memoryview, data: bytes) -> int:
    view[: len(data)] = data
    return len(data)
