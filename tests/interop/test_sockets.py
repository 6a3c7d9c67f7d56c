"""Sockets of ours against sockets of the kernel's, where streams have edges: half-closed, reset, full, tiny."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import pytest

from stack.addr import Ip4
from stack.kern.socket import SHUT_WR, SO_LINGER, SO_RCVBUF, SO_SNDBUF, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, Socket
from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import needs_program, needs_root_tun
from tests.interop.world import World

pytestmark = [needs_root_tun, needs_program("tcpdump")]

PORT = 7000
HERE, THERE = (Ip4.parse(OURS), PORT), (Ip4.parse(THEIRS), PORT)
CALLERS = pytest.mark.parametrize("caller", ["we", "linux"])
T = TypeVar("T")
Either = Socket | socket.socket


def attempt(w: World, verb: Callable[[], T]) -> T:
    """Try until it need not wait."""
    results: list[T] = []

    def tried() -> bool:
        try:
            results.append(verb())
        except BlockingIOError:
            return False
        return True

    w.until(tried, what="a socket")
    return results[0]


def receive(w: World, so: Either, size: int) -> bytes:
    """Read so many bytes, or up to the end."""
    data = bytearray()
    while len(data) < size:
        piece = attempt(w, lambda: so.recv(65536))
        if not piece:
            break
        data += piece
    return bytes(data)


def fill(w: World, so: Either, quiet: float = 0.3) -> int:
    """Send until nothing more is taken for a while; how many bytes that were."""
    sent, last = 0, time.monotonic()

    def full() -> bool:
        nonlocal sent, last
        try:
            while True:
                sent += so.send(bytes(65536))
                last = time.monotonic()
        except BlockingIOError:
            return time.monotonic() - last > quiet

    w.until(full, what="the buffers to be full")
    return sent


def send(w: World, so: Either, data: bytes) -> None:
    """Send all of it."""
    sent = 0
    while sent < len(data):
        sent += attempt(w, partial(so.send, data[sent:]))


@contextmanager
def stream(pair: Pair, caller: str) -> Iterator[tuple[Socket, socket.socket]]:
    """Both ends of a connection: ours and the kernel's."""
    w, ours = pair.world, pair.me.socket(SOCK_STREAM)
    with pair.linux.enter():
        theirs = socket.socket()
    theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    theirs.setblocking(False)
    if caller == "linux":
        ours.bind(HERE)
        ours.listen()
        theirs.connect_ex((OURS, PORT))
        listener, (ours, _) = ours, attempt(w, ours.accept)
        listener.close()
    else:
        theirs.bind((THEIRS, PORT))
        theirs.listen()
        with pytest.raises(BlockingIOError):
            ours.connect(THERE)
        listening, (theirs, _) = theirs, attempt(w, theirs.accept)
        listening.close()
        theirs.setblocking(False)
        w.until(lambda: ours.writable)
    with theirs:
        yield ours, theirs
        ours.close()


@CALLERS
def test_a_word_and_an_answer(pair: Pair, caller: str) -> None:
    with stream(pair, caller) as (ours, theirs):
        send(pair.world, ours, b"hello")
        assert receive(pair.world, theirs, 5) == b"hello"
        send(pair.world, theirs, b"answer")
        assert receive(pair.world, ours, 6) == b"answer"
        assert ours.getpeername() == (Ip4.parse(THEIRS), theirs.getsockname()[1])


@CALLERS
def test_we_close_one_half(pair: Pair, caller: str) -> None:
    w, data = pair.world, os.urandom(200_000)
    with stream(pair, caller) as (ours, theirs):
        send(w, ours, b"question")
        ours.shutdown(SHUT_WR)
        assert receive(w, theirs, 100) == b"question"
        theirs.setblocking(True)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        theirs.sendall(data)
        theirs.close()
        assert receive(w, ours, len(data) + 1) == data
        w.until(lambda: "TIME_WAIT" in w.command("me", "netstat -an -f inet").text, what="the last state")


@CALLERS
def test_linux_closes_one_half(pair: Pair, caller: str) -> None:
    w, data = pair.world, os.urandom(200_000)
    with stream(pair, caller) as (ours, theirs):
        send(w, theirs, b"question")
        theirs.shutdown(socket.SHUT_WR)
        assert receive(w, ours, 100) == b"question"
        assert "CLOSE_WAIT" in w.command("me", "netstat -an -f inet").text
        for at in range(0, len(data), 20_000):
            send(w, ours, data[at : at + 20_000])
            assert receive(w, theirs, 20_000) == data[at : at + 20_000]
        ours.close()
        assert receive(w, theirs, 1) == b""
        w.until(lambda: "LAST_ACK" not in w.command("me", "netstat -an -f inet").text, what="the last acknowledgement")


@CALLERS
def test_linux_resets(pair: Pair, caller: str) -> None:
    with stream(pair, caller) as (ours, theirs):
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        with pytest.raises(ConnectionResetError):
            receive(pair.world, ours, 1)


@CALLERS
def test_we_reset(pair: Pair, caller: str) -> None:
    with stream(pair, caller) as (ours, theirs):
        ours.setsockopt(SOL_SOCKET, SO_LINGER, 0)
        ours.close()
        with pytest.raises(ConnectionResetError):
            receive(pair.world, theirs, 1)


def test_linux_does_not_read_for_a_while(pair: Pair) -> None:
    """Its window closes; when it opens, all that waited goes there."""
    w = pair.world
    with stream(pair, "we") as (ours, theirs):
        sent = fill(w, ours)
        w.until(lambda: bool(pair.me.tcp.stat["sndprobe"]), what="a window probe")
        assert len(receive(w, theirs, sent)) == sent
        send(w, ours, b"more")
        assert receive(w, theirs, 4) == b"more"


@CALLERS
def test_we_do_not_read_for_a_while(pair: Pair, caller: str) -> None:
    w = pair.world
    with stream(pair, caller) as (ours, theirs):
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 200_000)
        sent = fill(w, theirs)
        assert len(receive(w, ours, sent)) == sent
        send(w, theirs, b"more")
        assert receive(w, ours, 4) == b"more"


def test_a_small_buffer_of_ours(pair: Pair) -> None:
    """Linux never sends beyond the window that we offer."""
    w, data = pair.world, os.urandom(300_000)
    with stream(pair, "we") as (ours, theirs):
        ours.setsockopt(SOL_SOCKET, SO_RCVBUF, 2000)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        theirs.setblocking(True)
        theirs.sendall(data)
        assert receive(w, ours, len(data)) == data
        assert pair.me.tcp.stat["rcvpackafterwin"] == 0


@CALLERS
def test_small_segments(pair: Pair, caller: str) -> None:
    w, data = pair.world, os.urandom(100_000)
    pair.virt.set_mtu(600)
    with stream(pair, caller) as (ours, theirs):
        send(w, ours, data[:50_000])
        assert receive(w, theirs, 50_000) == data[:50_000]
        theirs.setblocking(True)
        theirs.sendall(data[50_000:])
        assert receive(w, ours, 50_000) == data[50_000:]
    assert pair.me.ip.stat["fragmented"] == pair.me.ip.stat["reassembled"] == 0


def test_many_little_words(pair: Pair) -> None:
    w = pair.world
    with stream(pair, "we") as (ours, theirs):
        for number in range(100):
            word = number.to_bytes(2)
            send(w, ours, word)
            assert receive(w, theirs, 2) == word
            send(w, theirs, word)
            assert receive(w, ours, 2) == word


def test_linux_keeps_an_idle_connection_alive(pair: Pair) -> None:
    w = pair.world
    with stream(pair, "linux") as (ours, theirs):
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT):
            theirs.setsockopt(socket.IPPROTO_TCP, option, 1)
        begun = pair.me.tcp.stat["rcvtotal"]
        w.until(lambda: pair.me.tcp.stat["rcvtotal"] >= begun + 2, what="two probes")
        send(w, theirs, b"still here")
        assert receive(w, ours, 10) == b"still here"


@pytest.mark.parametrize("size", [0, 1, 1472, 1473, 30_000, 65_507])
def test_datagrams_come_back(pair: Pair, size: int) -> None:
    w, data = pair.world, os.urandom(size)
    ours = pair.me.socket(SOCK_DGRAM)
    ours.bind(HERE)
    for option in (SO_RCVBUF, SO_SNDBUF):
        ours.setsockopt(SOL_SOCKET, option, 100_000)
    with pair.linux.enter():
        theirs = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with theirs:
        theirs.setblocking(False)
        theirs.bind((THEIRS, PORT))
        theirs.sendto(data, (OURS, PORT))
        got, source = attempt(w, lambda: ours.recvfrom(70_000))
        assert (got, source) == (data, THERE)
        ours.sendto(got, source)
        assert attempt(w, lambda: theirs.recvfrom(70_000)) == (data, (OURS, PORT))
    ours.close()
