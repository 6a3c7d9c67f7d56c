"""The socket verbs for processes: each waits, on the lab's clock, until it can be done (BSD kern/uipc_syscalls.c).

`timeout` is in seconds; when it has passed, what SO_RCVTIMEO gives comes back: EWOULDBLOCK
(BlockingIOError), for `connect` ETIMEDOUT.  None is what SO_RCVTIMEO and SO_SNDTIMEO say.
"""

from __future__ import annotations

import errno

from stack.kern.errors import oserror
from stack.kern.proc import tsleep
from stack.kern.sockbuf import Record, RecordBuf, StreamBuf
from stack.kern.socket import SOCK_STREAM, SS_ISCONNECTED, SS_ISCONNECTING, Address, Socket


async def accept(so: Socket, timeout: float | None = None) -> tuple[Socket, Address]:
    """Wait for a connection."""
    while True:
        try:
            return so.accept()
        except BlockingIOError:
            if not await tsleep(so.rcv.channel, timeout=timeout):
                raise
        except ConnectionAbortedError:
            continue


async def connect(so: Socket, address: Address, timeout: float | None = None) -> None:
    """Connect, and wait until it is done or has failed."""
    try:
        so.connect(address)
    except BlockingIOError as error:
        if error.errno != errno.EINPROGRESS:
            raise
    while so.state & SS_ISCONNECTING and not so.error:
        if not await tsleep(so.snd.channel, timeout=timeout):
            raise oserror(errno.ETIMEDOUT)
    so.raise_error()
    if not so.state & SS_ISCONNECTED:
        so.getpeername()


async def send(so: Socket, data: bytes | memoryview, timeout: float | None = None) -> int:
    """Send some of the bytes, at least one; returns how many."""
    while not so.writable and so.state & SS_ISCONNECTED:
        await _wait(so.snd, timeout)
    while True:
        try:
            return so.send(data)
        except BlockingIOError:
            await _wait(so.snd, timeout)


async def sendall(so: Socket, data: bytes, timeout: float | None = None) -> None:
    """Send all of the bytes; `timeout` is of each wait, not of all of them together."""
    sent = await send(so, data, timeout)
    if sent < len(data):
        rest = memoryview(data)
        while sent < len(data):
            sent += await send(so, rest[sent:], timeout)


async def sendto(so: Socket, data: bytes, address: Address) -> int:
    """Send a datagram; it never waits, but for the sake of symmetry."""
    return so.sendto(data, address)


async def recv(so: Socket, size: int, timeout: float | None = None) -> bytes:
    """Wait for bytes; b"" at the end."""
    if not so.readable and so.state & SS_ISCONNECTED:  # an exception costs more than to look
        await _wait(so.rcv, timeout)
    while True:
        try:
            return so.recv(size)
        except BlockingIOError:
            await _wait(so.rcv, timeout)


async def recvfrom(so: Socket, size: int, timeout: float | None = None) -> tuple[bytes, Address]:
    """Wait for a datagram, and say who sent it."""
    while True:
        try:
            return so.recvfrom(size)
        except BlockingIOError:
            await _wait(so.rcv, timeout)


async def recvmsg(so: Socket, timeout: float | None = None) -> Record:
    """Wait for a datagram with all that is known of it."""
    while True:
        try:
            return so.recvmsg()
        except BlockingIOError:
            await _wait(so.rcv, timeout)


async def close(so: Socket) -> None:
    """Let it go; with SO_LINGER, wait until its bytes have arrived, or so many seconds (soclose)."""
    so.close()
    while so.linger and so.kind == SOCK_STREAM and so.state & SS_ISCONNECTED:
        if not await tsleep(so.snd.channel, timeout=so.linger):
            return


async def _wait(buffer: StreamBuf | RecordBuf, timeout: float | None) -> None:
    if not await tsleep(buffer.channel, timeout=buffer.timeo if timeout is None else timeout):
        raise oserror(errno.EAGAIN)
