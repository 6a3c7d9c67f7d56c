"""What nc does with a connection: input goes out, what comes in is shown, until both are over (netcat.c: readwrite)."""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator

from commands.command import Data
from stack.kern.pipe import Pipe
from stack.kern.proc import Channel, pause, tsleep
from stack.kern.socket import SHUT_WR, SOCK_STREAM, Socket

_STREAM_CHUNK = 65536
_DATAGRAM = 1024  # bytes of input that make a datagram, as in BSD
_GRACE = 0.5  # seconds: when the peer has closed, input that does not come by then is somebody who thinks
_BREATH = 0.01  # seconds until a full queue is tried again


class Relay:
    """One conversation.  `stdin` None: nothing is said; `timeout`: it ends when nothing happens for so long."""

    def __init__(self, so: Socket, stdin: Pipe | None, timeout: float | None) -> None:
        self.so = so
        self.stdin = stdin
        self.timeout = timeout
        self.stream = so.kind == SOCK_STREAM
        self.hearing = True  # more may come from the network
        self.talking = stdin is not None  # more may come from our input
        self.out = b""  # taken from our input, and not yet sent

    async def run(self) -> AsyncGenerator[Data, None]:
        """What comes in; OSError when the conversation breaks."""
        while self.hearing or self.talking or self.out:
            if self.hearing and self.so.readable:
                data = self._receive()
                if data:
                    yield Data(data)
            elif self.out and self.so.writable:
                if not self._send():
                    await pause(_BREATH)
            elif not self.out and self.talking and self.stdin is not None and self.stdin.ready:
                self._take(self.stdin)
            elif not await self._sleep():
                return

    def _receive(self) -> bytes:
        data = self.so.recv(_STREAM_CHUNK)
        if not data and self.stream:
            self.hearing = False
        return data

    def _send(self) -> bool:
        """Send something; False when a queue on the way is full."""
        try:
            self.out = self.out[self.so.send(self.out) :]
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return False
            if self.hearing:
                raise
            self.talking, self.out = False, b""  # it has closed both ways, which is its right
        return True

    def _take(self, stdin: Pipe) -> None:
        """Take input to be sent; at its end the peer is told."""
        self.out = stdin.take(_STREAM_CHUNK if self.stream else _DATAGRAM)
        if self.out:
            return
        self.talking = False
        if self.stream:
            try:
                self.so.shutdown(SHUT_WR)
            except OSError:
                if self.hearing:
                    raise

    async def _sleep(self) -> bool:
        """Wait until something can be done; False when it is time to end."""
        channels: list[Channel] = [self.so.rcv.channel]
        timeout = self.timeout
        if self.out:
            channels.append(self.so.snd.channel)
        elif self.talking and self.stdin is not None:
            channels.append(self.stdin.readable)
            if not self.hearing:
                timeout = _GRACE if timeout is None else min(timeout, _GRACE)
        return await tsleep(*channels, timeout=timeout)
