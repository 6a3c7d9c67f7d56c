"""The socket calls of a script, by their C names: what they do, and what they return as text."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Coroutine
from typing import Any

from stack.addr import Ip4
from stack.header.ip import IPPROTO_TCP
from stack.host import Host
from stack.kern import socket, syscalls
from stack.kern.socket import Socket
from stack.netinet import in_
from stack.netinet.in_ import IPPROTO_IP
from stack.netinet.tcp_var import Tcpcb
from tests.stack.tcp.notation import pattern

PEER = Ip4.parse("192.0.2.2")
PORT = 8080


class Mismatch(Exception):
    """A call did something else than the script says, beyond what it returned."""


class Calls:
    """The files that a script has open, and what may be done with them."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.files: dict[int, Socket] = {}
        self.read: dict[int, int] = {}  # by file: bytes so far
        self.written: dict[int, int] = {}
        self.pulled: dict[int, int | None] = {}  # where the urgent byte was that is beside the stream

    def call(self, name: str, args: list[str]) -> str:
        """Make a call that does not wait; its result, as a script writes it."""
        try:
            result = VERBS[name](self, *args)
        except OSError as error:
            return f"-1 {errno.errorcode[error.errno or 0]}"
        return str(result or 0)

    async def wait(self, name: str, args: list[str]) -> str:
        """Make a call, and wait until it is done."""
        try:
            result = await WAITING[name](self, *args)
        except OSError as error:
            return f"-1 {errno.errorcode[error.errno or 0]}"
        return str(result or 0)

    def _open(self, file: Socket) -> int:
        fd = 3 + len(self.files)
        self.files[fd], self.read[fd], self.written[fd], self.pulled[fd] = file, 0, 0, None
        return fd

    def _got(self, fd: int, data: bytes) -> int:
        """Bytes were read in order; the urgent one that was taken out of them is missing."""
        begin, size, pulled = self.read[fd], len(data), self.pulled[fd]
        expected = pattern(begin, size)
        if pulled is not None and begin <= pulled < begin + size:
            expected = pattern(begin, pulled - begin) + pattern(pulled + 1, begin + size - pulled)
            size += 1
        if data != expected:
            raise Mismatch(f"the {len(data)} bytes after {begin} are not what the peer sent")
        self.read[fd] += size
        return len(data)

    def _recv_oob(self, fd: int, *, peek: bool) -> int:
        """The urgent byte was read, and must be that of its place."""
        data, tp = self.files[fd].recv(1, peek=peek, oob=True), self.files[fd].pcb
        assert isinstance(tp, Tcpcb) and tp.urgent is not None
        self.pulled[fd] = at = tp.urgent.rcv_up - tp.irs - 2 & 0xFFFFFFFF
        if data != pattern(at, 1):
            raise Mismatch(f"{data!r} is not the byte at {at}")
        return len(data)

    def socket(self, domain: str, kind: str, protocol: str) -> int:
        return self._open(self.host.socket(constant(kind)))

    def bind(self, fd: str, *address: str) -> None:
        self.files[int(fd)].bind((Ip4(0), PORT))

    def listen(self, fd: str, backlog: str) -> None:
        self.files[int(fd)].listen(int(backlog))

    def connect(self, fd: str, *address: str) -> None:
        self.files[int(fd)].connect((PEER, PORT))

    async def wait_connect(self, fd: str, *address: str) -> None:
        await syscalls.connect(self.files[int(fd)], (PEER, PORT))

    def accept(self, fd: str, *address: str) -> int:
        return self._open(self.files[int(fd)].accept()[0])

    async def wait_accept(self, fd: str, *address: str) -> int:
        return self._open((await syscalls.accept(self.files[int(fd)]))[0])

    def recv(self, fd: str, buffer: str, size: str, *flags: str) -> int:
        if "MSG_OOB" in " ".join(flags):
            return self._recv_oob(int(fd), peek="MSG_PEEK" in flags[0])
        return self._got(int(fd), self.files[int(fd)].recv(int(size)))

    async def wait_recv(self, fd: str, buffer: str, size: str, *flags: str) -> int:
        return self._got(int(fd), await syscalls.recv(self.files[int(fd)], int(size)))

    def send(self, fd: str, buffer: str, size: str, *flags: str) -> int:
        number = int(fd)
        count = self.files[number].send(pattern(self.written[number], int(size)), oob="MSG_OOB" in flags)
        self.written[number] += count
        return count

    async def wait_send(self, fd: str, buffer: str, size: str, *flags: str) -> int:
        number = int(fd)
        data = pattern(self.written[number], int(size))
        self.written[number] += len(data)
        await syscalls.sendall(self.files[number], data)
        return len(data)

    def shutdown(self, fd: str, how: str) -> None:
        self.files[int(fd)].shutdown(constant(how))

    def close(self, fd: str) -> None:
        self.files[int(fd)].close()

    def fcntl(self, fd: str, *args: str) -> None:
        """Nothing: whether a call waits is seen from its times."""

    def ioctl(self, fd: str, request: str, value: str) -> None:
        """Of all there are, SIOCATMARK."""
        assert request == "SIOCATMARK"
        if (found := int(self.files[int(fd)].sockatmark())) != int(value.strip("[]")):
            raise Mismatch(f"it is {found}")

    def setsockopt(self, fd: str, level: str, option: str, value: str, *size: str) -> None:
        if value.startswith('"'):
            return self.files[int(fd)].setsockopt(constant(level), constant(option), value.strip('"'))
        linger = re.fullmatch(r"\{onoff=(\d), linger=(\d+)\}", value)
        number = (int(linger[2]) if linger[1] != "0" else None) if linger else int(value.strip("[]"))
        return self.files[int(fd)].setsockopt(constant(level), constant(option), number)

    def getsockopt(self, fd: str, level: str, option: str, value: str, *size: str) -> None:
        found, wanted = self.files[int(fd)].getsockopt(constant(level), constant(option)), value.strip('[]"')
        if found not in (wanted, int(wanted) if wanted.isdecimal() else getattr(errno, wanted, None)):
            raise Mismatch(f"the option is {found}")


VERBS: dict[str, Callable[..., int | None]] = {
    "socket": Calls.socket,
    "bind": Calls.bind,
    "listen": Calls.listen,
    "connect": Calls.connect,
    "accept": Calls.accept,
    "read": Calls.recv,
    "recv": Calls.recv,
    "write": Calls.send,
    "send": Calls.send,
    "shutdown": Calls.shutdown,
    "close": Calls.close,
    "fcntl": Calls.fcntl,
    "ioctl": Calls.ioctl,
    "setsockopt": Calls.setsockopt,
    "getsockopt": Calls.getsockopt,
}
WAITING: dict[str, Callable[..., Coroutine[Any, Any, int | None]]] = {
    "connect": Calls.wait_connect,
    "accept": Calls.wait_accept,
    "read": Calls.wait_recv,
    "recv": Calls.wait_recv,
    "write": Calls.wait_send,
    "send": Calls.wait_send,
}


def constant(name: str) -> int:
    """The number of a level, a kind or an option."""
    names = {"SOL_TCP": IPPROTO_TCP, "IPPROTO_TCP": IPPROTO_TCP, "SOL_IP": IPPROTO_IP, "IPPROTO_IP": IPPROTO_IP}
    value = names.get(name, getattr(socket, name, getattr(in_, name, None)))
    assert isinstance(value, int), name
    return value
