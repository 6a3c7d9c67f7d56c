"""Urgent data between two hosts, as programs see it: who is woken, what select's third set says."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.kern.socket import SHUT_RD, SO_OOBINLINE, SOCK_DGRAM, SOL_SOCKET, Socket
from stack.net.wire import Personality
from tests.stack.tcp.notation import pattern
from tests.stack.tcp.test_socket import World, fails


@pytest.fixture
def world() -> World:
    return World()


def test_who_waits_is_woken_for_what_is_exceptional(world: World) -> None:
    client, server = world.pair()
    calls: list[bool] = []
    server.rcv.channel.upcall = lambda: calls.append(server.exceptional)
    client.send(b"!", oob=True)
    world.pass_time(1)
    assert calls and all(calls)
    assert server.exceptional and not server.readable  # all there is, is beside the stream
    assert server.recv(9, oob=True) == b"!"
    assert server.exceptional  # as in BSD, until the mark is passed
    client.send(b"and on")
    world.pass_time(1)
    assert (server.recv(9), server.exceptional) == (b"and on", False)


def test_errors(world: World) -> None:
    client, server = world.pair()
    datagrams = world.a.socket(SOCK_DGRAM)
    fails(errno.EOPNOTSUPP, lambda: datagrams.send(b"x", oob=True))
    fails(errno.EOPNOTSUPP, lambda: datagrams.recv(1, oob=True))
    fails(errno.EINVAL, lambda: server.recv(1, oob=True))
    client.close()
    fails(errno.EBADF, lambda: client.send(b"x", oob=True))
    fails(errno.EBADF, client.sockatmark)
    world.pass_time(1)
    assert not server.sockatmark()


def test_nothing_is_urgent(world: World) -> None:
    client, server = world.pair()
    assert client.send(b"", oob=True) == 0
    world.pass_time(1)
    assert not server.exceptional


def test_who_reads_no_more_has_no_mark(world: World) -> None:
    client, server = world.pair()
    client.send(b"ab!cd"[:3], oob=True)
    world.pass_time(1)
    server.shutdown(SHUT_RD)
    assert not server.exceptional
    client.send(b"!", oob=True)
    world.pass_time(1)
    assert not server.exceptional
    fails(errno.EINVAL, lambda: server.recv(1, oob=True))


def test_two_who_are_urgent_in_closed_windows_fall_silent(world: World) -> None:
    """4.4BSD sends the pointer with every call of tcp_output, and two such would answer each other for ever."""
    client, server = world.pair()
    for so in (client, server):
        while so.writable:
            so.send(bytes(4096))
            world.pass_time(1)
        so.send(b"!", oob=True)
    world.pass_time(1)
    before = world.a.tcp.stat["sndtotal"] + world.b.tcp.stat["sndtotal"]
    world.pass_time(600)
    probes = world.a.tcp.stat["sndprobe"] + world.b.tcp.stat["sndprobe"]
    assert world.a.tcp.stat["sndtotal"] + world.b.tcp.stat["sndtotal"] - before <= 2 * probes + 4
    assert client.exceptional and server.exceptional


def drain(so: Socket, got: list[bytes]) -> None:
    while so.readable:
        data = so.recv(700)
        if not data:
            return
        got.append(data)


@settings(max_examples=40)
@given(
    parts=st.lists(st.tuples(st.integers(1, 4000), st.booleans(), st.sampled_from([0, 0.001, 0.05, 3])), max_size=12),
    inline=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_stream_arrives_whole(parts: list[tuple[int, bool, float]], inline: bool, seed: int) -> None:
    """Over a bad wire: in line nothing is missing, else at most the urgent bytes, and each mark is before one."""
    world = World()
    client, server = world.pair()
    if inline:
        server.setsockopt(SOL_SOCKET, SO_OOBINLINE, 1)
    for bus in world.lab.buses.values():
        bus.seed = seed
        bus.set(Personality(delay=0.01, loss=0.1, duplicate=0.1, reorder=0.1))
    got: list[bytes] = []
    urgent: list[int] = []
    sent = 0
    for size, oob, pause in parts:
        while size:
            drain(server, got)
            if not client.writable:
                world.pass_time(0.5)
                continue
            count = client.send(pattern(sent, size), oob=oob)
            sent, size = sent + count, size - count
            if oob:
                urgent.append(sent - 1)
        world.pass_time(pause)
        drain(server, got)
    client.close()
    for _ in range(400):
        world.pass_time(1)
        drain(server, got)
    stream = b"".join(got)
    whole = pattern(0, sent)
    if inline:
        assert stream == whole
        return
    at = 0
    for byte in stream:
        while whole[at] != byte:
            assert at in urgent
            at += 1
        at += 1
    assert all(rest in urgent for rest in range(at, sent))
