"""Our ends of a stream (stream.py has the kernel's): processes of a host that send it, or take it, and count."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Coroutine
from typing import NamedTuple, cast

from stack.addr import Ip4
from stack.host import Host
from stack.kern.proc import Nap, Proc
from stack.kern.socket import SHUT_WR, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, Socket
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab
from stack.netinet.tcp_var import Tcpcb
from tests.interop.stream import blocks, digest_of

_READ = 1 << 18


class Report(NamedTuple):
    """What went through: as stream.py says it."""

    bytes: int
    sha256: str
    seconds: float

    @classmethod
    def of(cls, text: str) -> Report:
        """What a stream.py has said."""
        told = json.loads(text)
        return cls(told["bytes"], told["sha256"], told["seconds"])


class Bulk:
    """One end of one stream; `report` is there when its process is over."""

    def __init__(self, lab: Lab, host: Host, port: int, address: Ip4 | None = None) -> None:
        self.lab = lab
        self.host = host
        self.port = port
        self.address = address  # whom to call; None waits for a call
        self.report: Report | None = None
        self.flags = 0  # of the control block: what was agreed

    def source(self, size: int, seconds: float = 1e9) -> Proc:
        """Send so many bytes, or as many as one can in that time (of the wall clock)."""
        return self.lab.spawn(self.host, ["source"], lambda proc: self._source(size, seconds))

    def sink(self) -> Proc:
        """Take all there is."""
        return self.lab.spawn(self.host, ["sink"], lambda proc: self._sink())

    async def _socket(self) -> Socket:
        so = self.host.socket(SOCK_STREAM)
        if self.address is not None:
            await connect(so, (self.address, self.port))
            self.flags = cast(Tcpcb, so.pcb).flags
            return so
        so.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        so.bind((0, self.port))
        so.listen()
        connected, _ = await accept(so)
        so.close()
        self.flags = cast(Tcpcb, connected.pcb).flags
        return connected

    async def _source(self, size: int, seconds: float) -> int:
        so = await self._socket()
        digest, count, begin = hashlib.sha256(), 0, time.monotonic()
        for block in blocks(size):
            if time.monotonic() - begin > seconds:
                break
            await sendall(so, block)
            digest.update(block)
            count += len(block)
        so.shutdown(SHUT_WR)
        assert await recv(so, 1) == b""
        so.close()
        self.report = Report(count, digest.hexdigest(), time.monotonic() - begin)
        return 0

    async def _sink(self) -> int:
        so = await self._socket()
        digest, count = hashlib.sha256(), 0
        data = await recv(so, _READ)
        begin = time.monotonic()
        while data:
            digest.update(data)
            count += len(data)
            data = await recv(so, _READ)
        so.close()
        self.report = Report(count, digest.hexdigest(), time.monotonic() - begin)
        return 0


async def ask(host: Host, address: tuple[Ip4, int], size: int) -> bool:
    """Send one stream; whether the answer is right."""
    so = host.socket(SOCK_STREAM)
    await connect(so, address)
    for block in blocks(size):
        await sendall(so, block)
    so.shutdown(SHUT_WR)
    answer = b""
    while data := await recv(so, _READ):
        answer += data
    so.close()
    return answer == digest_of(size)


def answering(so: Socket) -> Callable[[Proc], Coroutine[Nap, bool | None, int]]:
    """A process that takes one stream and answers it."""

    async def answer(proc: Proc) -> int:
        digest = hashlib.sha256()
        while data := await recv(so, _READ):
            digest.update(data)
        await sendall(so, digest.digest())
        so.close()
        return 0

    return answer
