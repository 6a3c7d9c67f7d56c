"""Waits that a socket's options bound: SO_RCVTIMEO, SO_SNDTIMEO, SO_LINGER; and what TCP_INFO tells."""

from __future__ import annotations

import errno
from collections.abc import Coroutine

import pytest

from stack.addr import Ip4
from stack.kern import syscalls
from stack.kern.proc import Nap, pause
from stack.kern.socket import (
    SO_LINGER,
    SO_RCVBUF,
    SO_RCVTIMEO,
    SO_SNDTIMEO,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    Socket,
)
from stack.lab import Lab
from stack.netinet.in_ import IPPROTO_IP, TCP_INFO
from stack.netinet.tcp_fsm import TCPS_ESTABLISHED, TCPS_FIN_WAIT_2
from stack.netinet.tcp_info import TcpInfo
from tests.commands.labs import pair

IPPROTO_TCP = 6
B = Ip4.parse("10.0.0.2")


@pytest.fixture
def lab() -> Lab:
    return pair(delay=0.01)


def run(lab: Lab, coro: Coroutine[Nap, bool | None, None]) -> None:
    """Run a story to its end."""

    async def story() -> int:
        await coro
        return 0

    proc = lab.spawn(lab["a"], ["story"], lambda _: story())
    assert lab.run_proc(proc) == 0, proc.failure


async def connected(lab: Lab, room: int = 32768) -> tuple[Socket, Socket]:
    """Both ends of a connection from `a` to `b`, whose socket takes in so many bytes."""
    listener = lab["b"].socket(SOCK_STREAM)
    listener.setsockopt(SOL_SOCKET, SO_RCVBUF, room)
    listener.setsockopt(SOL_SOCKET, SO_RCVTIMEO, 7.5)
    listener.bind((0, 80))
    listener.listen()
    client = lab["a"].socket(SOCK_STREAM)
    await syscalls.connect(client, (B, 80))
    server, _ = await syscalls.accept(listener)
    return client, server


def test_a_wait_ends(lab: Lab) -> None:
    async def story() -> None:
        client, server = await connected(lab)
        assert server.getsockopt(SOL_SOCKET, SO_RCVTIMEO) == 7.5  # the listener's
        began = lab.callouts.now
        with pytest.raises(BlockingIOError):
            await syscalls.recv(server, 1)
        assert lab.callouts.now == pytest.approx(began + 7.5)
        with pytest.raises(BlockingIOError):
            await syscalls.recv(server, 1, timeout=1)  # the caller's goes before
        assert lab.callouts.now == pytest.approx(began + 8.5)
        client.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 2)
        with pytest.raises(BlockingIOError):
            await syscalls.sendall(client, bytes(1_000_000))
        client.setsockopt(SOL_SOCKET, SO_SNDTIMEO, 0)
        assert client.getsockopt(SOL_SOCKET, SO_SNDTIMEO) == 0.0
        datagram = lab["a"].socket(SOCK_DGRAM)
        datagram.setsockopt(SOL_SOCKET, SO_RCVTIMEO, 0.5)
        with pytest.raises(BlockingIOError):
            await syscalls.recvfrom(datagram, 1)

    run(lab, story())


@pytest.mark.parametrize("value", [-1, None, "x"])
def test_wrong_values(lab: Lab, value: object) -> None:
    with pytest.raises(OSError) as caught:
        lab["a"].socket(SOCK_STREAM).setsockopt(SOL_SOCKET, SO_RCVTIMEO, value)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize(
    ("linger", "least", "most"), [(60.0, 4.0, 8.0), (2.0, 2.0, 2.0), (None, 0.0, 0.0), (0.0, 0.0, 0.0)]
)
def test_close_lingers(lab: Lab, linger: float | None, least: float, most: float) -> None:
    """While the peer, which reads after 4 seconds, has not acknowledged all."""

    async def story() -> None:
        client, server = await connected(lab, room=2048)

        async def slow() -> int:
            await pause(4)
            while await syscalls.recv(server, 65536):
                pass
            return 0

        lab.spawn(lab["b"], ["slow"], lambda _: slow())
        client.setsockopt(SOL_SOCKET, SO_LINGER, linger)
        await syscalls.sendall(client, bytes(5000))
        await pause(0.1)
        began = lab.callouts.now
        await syscalls.close(client)
        assert least - 0.2 <= lab.callouts.now - began <= most + 0.2

    run(lab, story())


def test_info(lab: Lab) -> None:
    async def story() -> None:
        client, server = await connected(lab)
        await syscalls.sendall(client, bytes(5000))
        info = client.getsockopt(IPPROTO_TCP, TCP_INFO)
        assert isinstance(info, TcpInfo)
        assert (info.state, info.unacked, info.notsent_bytes, info.ca_state) == (TCPS_ESTABLISHED, 3, 656, 0)
        await pause(1)
        client.shutdown(1)
        await pause(1)
        info = client.getsockopt(IPPROTO_TCP, TCP_INFO)
        assert isinstance(info, TcpInfo)
        assert (info.state, info.unacked, info.bytes_acked) == (TCPS_FIN_WAIT_2, 0, 5001)
        assert 20_000 <= info.rtt < 400_000
        told = server.getsockopt(IPPROTO_TCP, TCP_INFO)
        assert isinstance(told, TcpInfo)
        assert (told.bytes_received, told.rcv_space) == (5001, server.rcv.hiwat - 5000)
        with pytest.raises(OSError, match="not available"):
            client.getsockopt(IPPROTO_IP, 999)

    run(lab, story())
