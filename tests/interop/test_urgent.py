"""Urgent data, and new connections in the place of old ones, against the kernel's TCP."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from stack.kern.socket import SO_OOBINLINE, SOCK_STREAM, SOL_SOCKET
from stack.netinet.tcp_fsm import TCPS_TIME_WAIT
from stack.netinet.tcp_var import Tcpcb
from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import needs_program, needs_root_tun
from tests.interop.test_sockets import CALLERS, HERE, PORT, attempt, fill, receive, send, stream

pytestmark = [needs_root_tun, needs_program("tcpdump")]


def exceptional(so: socket.socket) -> bool:
    """What select's third set says of a socket of the kernel's."""
    return bool(select.select([], [], [so], 0)[2])


def in_time_wait(tp: Tcpcb) -> bool:
    """Whether both sides of a connection are done."""
    return tp.state == TCPS_TIME_WAIT


@CALLERS
def test_linux_is_urgent(pair: Pair, caller: str) -> None:
    w = pair.world
    with stream(pair, caller) as (ours, theirs):
        theirs.send(b"some words!", socket.MSG_OOB)
        w.until(lambda: ours.exceptional, what="urgent data")
        assert attempt(w, lambda: ours.recv(9, oob=True)) == b"!"
        assert receive(w, ours, 10) == b"some words"
        assert ours.sockatmark()
        send(w, theirs, b"and more")
        assert receive(w, ours, 8) == b"and more"
        assert not ours.exceptional


@CALLERS
def test_we_are_urgent(pair: Pair, caller: str) -> None:
    w = pair.world
    with stream(pair, caller) as (ours, theirs):
        ours.send(b"some words!", oob=True)
        w.until(lambda: exceptional(theirs), what="urgent data")
        assert theirs.recv(1, socket.MSG_OOB) == b"!"
        assert receive(w, theirs, 10) == b"some words"
        send(w, ours, b"and more")
        assert receive(w, theirs, 8) == b"and more"
        assert not exceptional(theirs)


def test_in_line_both_ways(pair: Pair) -> None:
    w = pair.world
    with stream(pair, "we") as (ours, theirs):
        ours.setsockopt(SOL_SOCKET, SO_OOBINLINE, 1)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        ours.send(b"to linux!", oob=True)
        theirs.send(b"to us!", socket.MSG_OOB)
        w.until(lambda: ours.exceptional and exceptional(theirs), what="urgent data")
        assert attempt(w, lambda: ours.recv(100)) == b"to us"
        assert ours.sockatmark()
        assert ours.recv(100) == b"!"
        assert receive(w, theirs, 9) == b"to linux!"


@contextmanager
def signals(so: socket.socket) -> Iterator[list[int]]:
    """The SIGURGs that a socket sends: with them the kernel tells of urgent data whose byte has not come yet."""
    caught: list[int] = []
    before = signal.signal(signal.SIGURG, lambda number, frame: caught.append(number))
    fcntl.fcntl(so, fcntl.F_SETOWN, os.getpid())
    try:
        yield caught
    finally:
        signal.signal(signal.SIGURG, before)


def test_we_are_urgent_though_the_window_is_closed(pair: Pair) -> None:
    w = pair.world
    with stream(pair, "we") as (ours, theirs), signals(theirs) as caught:
        sent = fill(w, ours)
        assert ours.send(b"?", oob=True) == ours.send(b"!", oob=True) == 1
        w.until(lambda: bool(caught), what="the news of urgent data")
        assert pair.me.tcp.stat["sndurg"] >= 1  # the first may have found a bit of window
        with pytest.raises(BlockingIOError):
            theirs.recv(1, socket.MSG_OOB)
        assert receive(w, theirs, sent + 1)[-1:] == b"?"  # overtaken by the second, so it is in line
        assert attempt(w, lambda: theirs.recv(1, socket.MSG_OOB)) == b"!"


def test_linux_is_urgent_though_the_window_is_closed(pair: Pair) -> None:
    w = pair.world
    with stream(pair, "linux") as (ours, theirs):
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 200_000)
        sent = fill(w, theirs)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400_000)
        assert theirs.send(b"!", socket.MSG_OOB) == 1
        w.until(lambda: ours.exceptional, what="the news of urgent data")
        assert len(receive(w, ours, sent)) == sent
        assert attempt(w, lambda: ours.recv(1, oob=True)) == b"!"


def test_linux_comes_again_from_the_same_port(pair: Pair) -> None:
    """RFC 6191: its clock has moved on, so its SYN ends our TIME_WAIT."""
    w = pair.world
    listener = pair.me.socket(SOCK_STREAM)
    listener.bind(HERE)
    listener.listen()
    for count in range(1, 4):
        with pair.linux.enter():
            theirs = socket.socket()
        with theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            theirs.setblocking(False)
            theirs.bind((THEIRS, 5555))
            theirs.connect_ex((OURS, PORT))
            ours, _ = attempt(w, listener.accept)
            ours.close()  # the first to close waits
            assert receive(w, theirs, 1) == b""
        tp = next(tp for tp in pair.me.tcp.table.connected.values() if isinstance(tp, Tcpcb))
        w.until(partial(in_time_wait, tp), what="TIME_WAIT")
        assert pair.me.tcp.stat["sc_completed"] == count
        assert len(pair.me.tcp.table.connected) == 1
    listener.close()
