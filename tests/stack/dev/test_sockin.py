"""The machine's own sockets below ours; the other end is a plain socket in a thread, on loopback."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from netsh.clock import Clock
from netsh.world import end
from stack.addr import Ip4
from stack.dev import sockin
from stack.header.ip import IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP
from stack.host import Host
from stack.kern.proc import pause
from stack.kern.socket import (
    SHUT_RD,
    SHUT_WR,
    SO_BROADCAST,
    SO_ERROR,
    SO_KEEPALIVE,
    SO_LINGER,
    SO_REUSEADDR,
    SOCK_DGRAM,
    SOCK_RAW,
    SOCK_STREAM,
    SOL_SOCKET,
    SS_ISCONNECTED,
    Socket,
)
from stack.kern.syscalls import accept, connect, recv, recvfrom, recvmsg, send, sendall
from stack.lab import Lab
from stack.netinet.in_ import (
    IP_ADD_MEMBERSHIP,
    IP_DONTFRAG,
    IP_DROP_MEMBERSHIP,
    IP_MULTICAST_IF,
    IP_MULTICAST_TTL,
    IP_TTL,
    IPPROTO_IP,
    TCP_CONGCTL,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINIT,
    TCP_KEEPINTVL,
    TCP_NODELAY,
)

LOOPBACK = Ip4.parse("127.0.0.1")
BIG = os.urandom(5_000_000)
PATIENCE = 20.0


class World:
    """A lab with one host, whose sockets are the machine's."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.me: Host = self.lab.add_host("me")
        sockin.use(self.lab, self.me)
        self.clock = Clock(self.lab)

    def run(self, coro: Coroutine[Any, Any, Any]) -> Any:
        """Run a program to its end; what it returns or raises."""
        result: list[Any] = []

        async def body() -> int:
            result.append(await coro)
            return 0

        proc = self.lab.spawn(self.me, ["test"], lambda _: body())
        self.clock.run(proc, lambda: pytest.fail("nothing more can happen"))
        if proc.failure is not None:
            raise proc.failure
        return result[0]

    def until(self, met: Callable[[], object]) -> None:
        """Let the lab go on until a condition holds."""

        async def wait() -> None:
            deadline = self.lab.callouts.now + PATIENCE
            while not met():
                assert self.lab.callouts.now < deadline, "it never came"
                await pause(0.002)

        with closing(self.stream()):  # an open socket keeps the clock real
            self.run(wait())

    def stream(self) -> Socket:
        return self.me.socket(SOCK_STREAM)

    def datagrams(self, port: int | None = None) -> Socket:
        so = self.me.socket(SOCK_DGRAM)
        if port is not None:
            so.bind((LOOPBACK, port))
        return so

    def listener(self) -> tuple[Socket, int]:
        so = self.stream()
        so.bind((LOOPBACK, 0))
        so.listen()
        return so, so.getsockname()[1]

    def call(self, port: int) -> Socket:
        """A connection to a port."""
        so = self.stream()
        self.run(connect(so, (LOOPBACK, port), PATIENCE))
        return so

    def receive(self, so: Socket) -> bytes:
        """All that comes, to its end."""

        async def read() -> bytes:
            parts = []
            while part := await recv(so, 65536, PATIENCE):
                parts.append(part)
            return b"".join(parts)

        data: bytes = self.run(read())
        return data

    @property
    def idle(self) -> bool:
        """Whether nothing of the machine is left in the lab."""
        return not (self.lab.readers or self.lab.writers or self.lab.has_devices)


@pytest.fixture
def w() -> Iterator[World]:
    world = World()
    before = len(os.listdir("/proc/self/fd"))
    yield world
    end(world.lab)
    assert world.idle
    assert len(os.listdir("/proc/self/fd")) == before


@contextmanager
def thread(work: Callable[[], None]) -> Iterator[None]:
    """Something that goes on beside the lab."""
    failures: list[BaseException] = []

    def body() -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    running = threading.Thread(target=body, daemon=True)
    running.start()
    yield
    running.join(PATIENCE)
    assert not running.is_alive()
    if failures:
        raise failures[0]


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A plain server for one connection; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work() -> None:
            listener.settimeout(PATIENCE)
            conn, _ = listener.accept()
            with conn:
                conn.settimeout(PATIENCE)
                serve(conn)

        with thread(work):
            yield listener.getsockname()[1]


@contextmanager
def connection(w: World) -> Iterator[tuple[Socket, socket.socket]]:
    """Ours, and the plain other end, in hand."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        so = w.call(listener.getsockname()[1])
        peer, _ = listener.accept()
        peer.settimeout(PATIENCE)
        with peer, closing(so):
            yield so, peer


def reset(peer: socket.socket) -> None:
    """Close by a reset."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def read_all(conn: socket.socket) -> bytes:
    parts = []
    while part := conn.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def closed_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def error_of(call: Callable[..., object], *words: object) -> int | None:
    with pytest.raises(OSError) as caught:
        call(*words)
    return caught.value.errno


# --- streams ----------------------------------------------------------------------------------------------


def test_a_conversation(w: World) -> None:
    def serve(conn: socket.socket) -> None:
        conn.sendall(conn.recv(100).upper())

    with server(serve) as port:
        so = w.call(port)
        assert so.getpeername() == (LOOPBACK, port)
        assert so.getsockname()[0] == LOOPBACK and so.getsockname()[1] > 0
        w.run(sendall(so, b"hello"))
        assert w.receive(so) == b"HELLO"
        assert so.recv(10) == b"" and not so.error
        so.close()
        so.close()
    assert w.idle
    assert error_of(so.recv, 1) == errno.EBADF


def test_connection_refused(w: World) -> None:
    so = w.stream()
    assert error_of(w.run, connect(so, (LOOPBACK, closed_port()))) == errno.ECONNREFUSED
    assert not so.state & SS_ISCONNECTED
    assert error_of(so.send, b"x") in (errno.EPIPE, errno.ENOTCONN)
    so.close()
    assert w.idle


def test_connections_are_accepted_in_turn(w: World) -> None:
    so, port = w.listener()
    peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
    names = []
    for peer in peers:
        conn, address = w.run(accept(so, PATIENCE))
        names.append(address)
        assert conn.getpeername() == address and conn.getsockname() == (LOOPBACK, port)
        conn.close()
        assert peer.recv(1) == b""
        peer.close()
    assert names == [(LOOPBACK, int(port)) for port in [address[1] for address in names]]
    assert len(set(names)) == 5
    assert error_of(so.accept) == errno.EAGAIN
    so.close()
    assert w.idle


def test_a_listener_that_closes_resets_who_waits(w: World) -> None:
    so, port = w.listener()
    here = ("127.0.0.1", port)
    with socket.create_connection(here) as first, socket.create_connection(here) as second:
        w.until(lambda: so.readable)
        so.close()
        for peer in (first, second):
            with pytest.raises(ConnectionResetError):
                peer.recv(1)
    assert w.idle


def test_who_was_reset_before_it_is_accepted(w: World) -> None:
    so, port = w.listener()
    peer = socket.create_connection(("127.0.0.1", port))
    w.until(lambda: so.readable)
    child = so.q[0] if so.q else None
    reset(peer)
    w.until(lambda: child is not None and child.error)
    assert error_of(so.accept) == errno.ECONNABORTED
    with socket.create_connection(("127.0.0.1", port)):
        conn, _ = w.run(accept(so, PATIENCE))  # the next one comes all the same
        conn.close()
    so.close()


def test_no_descriptors_left(w: World) -> None:
    so, port = w.listener()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.create_connection(("127.0.0.1", port)) as peer:
        resource.setrlimit(resource.RLIMIT_NOFILE, (peer.fileno() + 1, hard))
        try:
            w.clock.pump()
            assert not so.readable and not w.lab.readers  # it does not spin
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        conn, _ = w.run(accept(so, PATIENCE))
        conn.close()
    so.close()


def test_five_megabytes_each_way_at_once(w: World) -> None:
    def serve(conn: socket.socket) -> None:
        with thread(lambda: conn.sendall(BIG)):
            assert hashlib.sha256(read_all(conn)).digest() == hashlib.sha256(BIG).digest()

    async def talk(so: Socket) -> None:
        await sendall(so, BIG, PATIENCE)
        so.shutdown(SHUT_WR)

    with server(serve) as port:
        so = w.call(port)
        w.lab.spawn(w.me, ["sender"], lambda _: talked(talk(so)))
        assert w.receive(so) == BIG
        w.until(lambda: len(w.lab.procs) == 1)
        so.close()
        assert not so.snd.cc


async def talked(coro: Coroutine[Any, Any, None]) -> int:
    await coro
    return 0


def test_half_closes(w: World) -> None:
    def serve(conn: socket.socket) -> None:
        assert read_all(conn) == b"question"
        conn.sendall(b"answer")

    with server(serve) as port:
        so = w.call(port)
        w.run(sendall(so, b"question"))
        so.shutdown(SHUT_WR)
        assert error_of(so.send, b"x") == errno.EPIPE
        assert w.receive(so) == b"answer"
        so.close()

    def serve_first(conn: socket.socket) -> None:
        conn.shutdown(socket.SHUT_WR)
        assert read_all(conn) == b"late"

    with server(serve_first) as port:
        so = w.call(port)
        assert w.receive(so) == b""
        assert not w.lab.readers  # the end is not looked at again and again
        w.run(sendall(so, b"late"))
        so.close()


def test_a_shutdown_waits_for_what_was_sent(w: World) -> None:
    go = threading.Event()

    def serve(conn: socket.socket) -> None:
        assert go.wait(PATIENCE)
        assert len(read_all(conn)) == sent
        conn.sendall(b"all")

    with server(serve) as port:
        so = w.call(port)
        sent = fill(so)
        so.shutdown(SHUT_WR)
        assert so.snd.cc
        go.set()
        assert w.receive(so) == b"all"
        so.close()


def fill(so: Socket) -> int:
    """Send until no more is taken; how much was."""
    sent = 0
    while so.writable:
        sent += so.send(BIG)
    assert error_of(so.send, b"x") == errno.EAGAIN and so.snd.cc
    return sent


def test_nobody_listens_any_more(w: World) -> None:
    """After SHUT_RD what comes is thrown away, and the peer is not held up."""
    with connection(w) as (so, peer):
        peer.sendall(b"x" * 1000)
        w.until(lambda: so.readable)
        so.shutdown(SHUT_RD)
        assert so.recv(10) == b""
        sent = threading.Event()

        def send_all() -> None:
            peer.sendall(BIG)
            sent.set()

        with thread(send_all):
            w.until(sent.is_set)
        assert so.recv(10) == b"" and not so.rcv.cc


def test_the_peer_resets(w: World) -> None:
    with connection(w) as (so, peer):
        peer.sendall(b"last words")
        w.until(lambda: so.readable)
        reset(peer)
        w.until(lambda: so.error)
        assert so.recv(100) == b"last words"
        assert error_of(so.recv, 1) == errno.ECONNRESET
        assert so.recv(1) == b""
        assert error_of(so.send, b"x") == errno.EPIPE
        assert error_of(so.getpeername) == errno.ENOTCONN
        assert error_of(so.getsockname) == errno.EINVAL


def test_a_send_finds_the_reset(w: World) -> None:
    with connection(w) as (so, peer):
        reset(peer)
        assert error_of(so.send, b"x") in (errno.ECONNRESET, errno.EPIPE)
        assert error_of(so.send, b"x") == errno.EPIPE
        assert w.run(recv(so, 10, PATIENCE)) == b""


def test_a_reset_while_bytes_wait_to_be_sent(w: World) -> None:
    with connection(w) as (so, peer):
        fill(so)
        reset(peer)
        assert error_of(w.run, send(so, b"x", PATIENCE)) in (errno.ECONNRESET, errno.EPIPE)
        assert not so.snd.cc and not w.lab.writers


def test_what_was_not_read_makes_a_close_a_reset(w: World) -> None:
    with connection(w) as (so, peer):
        peer.sendall(b"unread")
        w.until(lambda: so.readable)
        so.close()
        with pytest.raises(ConnectionResetError):
            peer.recv(1)


def test_no_linger_is_a_reset(w: World) -> None:
    with connection(w) as (so, peer):
        so.setsockopt(SOL_SOCKET, SO_LINGER, 0)
        so.close()
        with pytest.raises(ConnectionResetError):
            peer.recv(1)


def test_a_slow_reader_slows_its_peer_down(w: World) -> None:
    with connection(w) as (so, peer):
        w.until(lambda: w.lab.readers)
        peer.setblocking(False)
        sent = idle = 0
        while idle < 20:
            try:
                sent += peer.send(BIG[:65536])
                idle = 0
            except BlockingIOError:
                idle += 1
                w.run(pause(0.002))
        assert so.rcv.cc == so.rcv.hiwat and sent > so.rcv.cc
        assert not w.lab.readers and w.lab.has_devices  # nobody looks, but it is open
        peer.shutdown(socket.SHUT_WR)
        assert len(w.receive(so)) == sent


def test_a_slow_peer_slows_us_down(w: World) -> None:
    with connection(w) as (so, peer):
        sent = fill(so)
        assert so.snd.cc <= so.snd.hiwat and not so.writable and w.lab.writers
        so.close()  # and yet all of it arrives
        assert not w.idle
        got: list[bytes] = []
        with thread(lambda: got.append(read_all(peer))):
            w.until(lambda: got)
        assert len(got[0]) == sent
    assert w.idle


def test_a_lab_that_ends_says_what_it_has_to_say(w: World) -> None:
    with connection(w) as (so, peer):
        sent = fill(so)
        so.close()
        got: list[bytes] = []
        with thread(lambda: got.append(read_all(peer))):
            end(w.lab)
        assert len(got[0]) == sent


def test_a_lab_that_ends_does_not_wait_for_ever(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockin, "_LINGER", 0.05)
    with connection(w) as (so, _):
        fill(so)
        so.close()
        end(w.lab)
        assert w.idle


def test_times_pass(w: World) -> None:
    with connection(w) as (so, _):
        began = w.lab.callouts.now
        assert error_of(w.run, recv(so, 1, timeout=0.05)) == errno.EAGAIN
        assert 0.05 <= w.lab.callouts.now - began < 5
    listener, _ = w.listener()
    assert error_of(w.run, accept(listener, timeout=0.02)) == errno.EAGAIN
    listener.close()
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for sock in (first, second):
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        so = w.stream()
        assert error_of(w.run, connect(so, (LOOPBACK, full.getsockname()[1]), timeout=0.1)) == errno.ETIMEDOUT
        so.close()


def test_addresses_that_cannot_be_had(w: World) -> None:
    so, port = w.listener()
    for kind in (SOCK_STREAM, SOCK_DGRAM):
        other = w.me.socket(kind)
        assert error_of(other.bind, (Ip4.parse("192.0.2.1"), 0)) == errno.EADDRNOTAVAIL
        assert error_of(other.bind, (LOOPBACK, 65536)) == errno.EADDRNOTAVAIL
        assert error_of(other.getpeername) == errno.ENOTCONN
        if kind == SOCK_STREAM:
            assert error_of(other.bind, (LOOPBACK, port)) == errno.EADDRINUSE
        other.bind((LOOPBACK, 0))
        assert error_of(other.bind, (LOOPBACK, 0)) == errno.EINVAL
        other.close()
    so.close()
    with closing(w.stream()) as so, pytest.raises(OSError, match="Can't assign requested address"):
        so.bind((Ip4.parse("192.0.2.1"), 0))  # BSD's words, not this machine's


def test_a_port_is_used_again_at_once(w: World) -> None:
    so = w.stream()
    so.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    so.bind((LOOPBACK, 0))
    so.listen()
    port = so.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)) as peer:
        conn, _ = w.run(accept(so, PATIENCE))
        conn.close()  # the first to close: TIME_WAIT is ours
        assert peer.recv(1) == b""
    so.close()
    with closing(w.stream()) as again:
        again.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        again.bind((LOOPBACK, port))
        again.listen()


def test_verbs_out_of_place(w: World) -> None:
    with closing(w.stream()) as so:
        assert error_of(so.recv, 1) == errno.ENOTCONN
        assert error_of(so.send, b"x") == errno.ENOTCONN
        assert error_of(so.accept) == errno.EINVAL
        assert error_of(so.shutdown, SHUT_WR) == errno.ENOTCONN
        assert error_of(so.getpeername) == errno.ENOTCONN
        assert so.getsockname() == (0, 0)
        so.bind((LOOPBACK, 0))
        so.listen()
        assert error_of(so.connect, (LOOPBACK, 1)) == errno.EOPNOTSUPP
    with connection(w) as (so, _):
        assert error_of(so.connect, (LOOPBACK, 1)) == errno.EISCONN
        assert error_of(so.listen) == errno.EINVAL
    assert error_of(w.me.socket, SOCK_RAW, IPPROTO_ICMP) == errno.EPROTONOSUPPORT
    assert error_of(w.me.socket, SOCK_STREAM, IPPROTO_UDP) == errno.EPROTOTYPE


# --- datagrams --------------------------------------------------------------------------------------------


def test_datagrams_both_ways(w: World) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer, closing(w.datagrams(0)) as so:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(PATIENCE)
        there, here = peer.getsockname(), so.getsockname()
        so.sendto(b"hello", (LOOPBACK, there[1]))
        assert peer.recvfrom(100) == (b"hello", ("127.0.0.1", here[1]))
        for data in (b"one", b"", b"three"):
            peer.sendto(data, ("127.0.0.1", here[1]))
            assert w.run(recvfrom(so, 100, PATIENCE)) == (data, (LOOPBACK, there[1]))
        peer.sendto(b"x" * 60000, ("127.0.0.1", here[1]))
        record = w.run(recvmsg(so, PATIENCE))
        assert len(record.data) == 60000 and record.destination == LOOPBACK
        assert error_of(so.send, b"x") == errno.EDESTADDRREQ
        assert error_of(so.sendto, b"x" * 65508, (LOOPBACK, there[1])) == errno.EMSGSIZE
    assert w.idle


def test_a_datagram_socket_with_a_peer(w: World) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer, closing(w.datagrams()) as so:
        peer.bind(("127.0.0.1", 0))
        port = peer.getsockname()[1]
        so.connect((LOOPBACK, port))
        here = so.getsockname()
        so.send(b"x")
        assert peer.recv(10) == b"x"
        assert error_of(so.sendto, b"x", (LOOPBACK, port)) == errno.EISCONN
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"stranger", ("127.0.0.1", here[1]))
        peer.sendto(b"peer", ("127.0.0.1", here[1]))
        assert w.run(recv(so, 10, PATIENCE)) == b"peer"
        so.connect((Ip4(0), 0))
        assert error_of(so.send, b"x") == errno.EDESTADDRREQ
        so.sendto(b"y", (LOOPBACK, port))
        data, source = peer.recvfrom(10)
        assert data == b"y"
        peer.sendto(b"z", source)
        assert w.run(recv(so, 10, PATIENCE)) == b"z"


def test_a_bound_socket_keeps_its_port_without_a_peer(w: World) -> None:
    with closing(w.datagrams(0)) as so:
        here = so.getsockname()
        so.connect((LOOPBACK, 9))
        so.connect((Ip4(0), 0))
        assert so.getsockname() == here


def test_a_datagram_that_nobody_wants(w: World) -> None:
    with closing(w.datagrams()) as so:
        so.connect((LOOPBACK, closed_port(socket.SOCK_DGRAM)))
        so.send(b"x")
        assert error_of(w.run, recv(so, 10, PATIENCE)) == errno.ECONNREFUSED
        assert so.getsockopt(SOL_SOCKET, SO_ERROR) == 0


def test_datagrams_wait_in_the_machine(w: World) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer, closing(w.datagrams(0)) as so:
        here = ("127.0.0.1", so.getsockname()[1])
        for number in range(8):
            peer.sendto(bytes([number]) * 60000, here)
            w.run(pause(0.01))
        assert so.rcv.cc <= so.rcv.hiwat and not w.lab.readers and w.lab.has_devices
        got = 0
        while so.readable:
            data = so.recv(65536)
            assert data == bytes([got]) * 60000
            got += 1
            w.run(pause(0.01))
        assert got >= 5 and w.lab.readers  # net.core.rmem_default holds the others, or some of them


def test_one_udp_port_has_one_owner(w: World) -> None:
    with closing(w.datagrams(0)) as so, closing(w.datagrams()) as other:
        for each in (so, other):
            each.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        assert error_of(other.bind, so.getsockname()) == errno.EADDRINUSE


def test_broadcasts_are_asked_for(w: World) -> None:
    with closing(w.datagrams(0)) as so:
        everybody = (Ip4.parse("127.255.255.255"), 9)
        assert error_of(so.sendto, b"x", everybody) == errno.EACCES
        so.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)
        so.sendto(b"x", everybody)


# --- options ----------------------------------------------------------------------------------------------


def test_options(w: World) -> None:
    with connection(w) as (so, _):
        for level, option, value in ((IPPROTO_TCP, TCP_NODELAY, 1), (IPPROTO_IP, IP_TTL, 9)):
            so.setsockopt(level, option, value)
            assert so.getsockopt(level, option) == value
        so.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        assert so.getsockopt(SOL_SOCKET, SO_KEEPALIVE) == 1
        for level, option in ((IPPROTO_TCP, TCP_KEEPINIT), (IPPROTO_IP, IP_DONTFRAG), (77, 1)):
            assert error_of(so.getsockopt, level, option) == errno.ENOPROTOOPT
            assert error_of(so.setsockopt, level, option, 1) == errno.ENOPROTOOPT
        for option, seconds in ((TCP_KEEPIDLE, 100), (TCP_KEEPINTVL, 20), (TCP_KEEPCNT, 3)):
            so.setsockopt(IPPROTO_TCP, option, seconds)
            assert so.getsockopt(IPPROTO_TCP, option) == seconds
        so.setsockopt(IPPROTO_TCP, TCP_CONGCTL, "reno")  # every Linux has it
        assert so.getsockopt(IPPROTO_TCP, TCP_CONGCTL) == "reno"
        assert error_of(so.setsockopt, IPPROTO_TCP, TCP_CONGCTL, "none such") == errno.ENOENT
        assert error_of(so.setsockopt, IPPROTO_TCP, TCP_CONGCTL, 1) == errno.ENOPROTOOPT
        assert error_of(so.setsockopt, IPPROTO_IP, IP_TTL, 1000) == errno.EINVAL
        assert error_of(so.setsockopt, IPPROTO_IP, IP_TTL, "x") == errno.EINVAL


def test_groups(w: World) -> None:
    with closing(w.datagrams()) as so:
        group = (Ip4.parse("224.9.9.9"), LOOPBACK)
        so.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, LOOPBACK)
        so.setsockopt(IPPROTO_IP, IP_MULTICAST_TTL, 0)
        so.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, group)
        assert error_of(so.setsockopt, IPPROTO_IP, IP_ADD_MEMBERSHIP, group) == errno.EADDRINUSE
        so.setsockopt(IPPROTO_IP, IP_DROP_MEMBERSHIP, group)
        assert error_of(so.setsockopt, IPPROTO_IP, IP_ADD_MEMBERSHIP, 5) == errno.EINVAL


# --- hosts and labs ---------------------------------------------------------------------------------------


def test_names_are_the_machines(w: World) -> None:
    w.lab.add_host("www")
    assert w.lab.resolve("localhost", w.me) == LOOPBACK
    assert w.lab.resolve("10.1.2.3", w.me) == Ip4.parse("10.1.2.3")
    for name in ("me", "", "a\0b", "x" * 300, ".", "no.such.name.invalid"):
        assert error_of(w.lab.resolve, name, w.me) == errno.ENOENT
    assert w.lab.name_of(LOOPBACK, w.me) == "localhost"
    assert w.lab.name_of(Ip4.parse("10.1.2.3"), w.me) is None
    w.me.machine = None
    assert w.lab.resolve("me", w.me) == LOOPBACK


def test_a_host_is_switched_while_it_runs(w: World) -> None:
    real, port = w.listener()
    w.me.machine = None
    assert w.me.sockets == "stack"
    embedded = w.stream()
    embedded.bind((LOOPBACK, port))  # the same port of another world
    embedded.listen()
    sockin.use(w.lab, w.me)
    assert w.me.sockets == "host"
    with socket.create_connection(("127.0.0.1", port)):
        conn, _ = w.run(accept(real, PATIENCE))
        conn.close()
    assert not embedded.readable
    for so in (real, embedded):
        so.close()
    assert w.idle


def test_the_clock_is_real_while_a_socket_is_open(w: World) -> None:
    assert w.clock.mode == "fast"
    so = w.stream()
    assert w.clock.mode == "real"
    with pytest.raises(ValueError, match="real clock"):
        w.clock.set_mode("fast")
    so.close()
    assert w.clock.mode == "fast"


def test_a_host_that_goes_takes_its_sockets_along(w: World) -> None:
    so, _ = w.listener()

    async def serve() -> int:
        await accept(so)
        return 0

    proc = w.lab.spawn(w.me, ["server"], lambda _: serve())
    proc.closers.append(so.close)
    w.run(pause(0))
    w.lab.remove_host("me")
    w.clock.pump()
    w.lab.run(w.lab.callouts.now)
    assert w.idle


def test_who_does_not_use_it_pays_nothing() -> None:
    lab = Lab()
    me = lab.add_host("me")
    assert "machine" not in vars(me) and lab.machine is None and not lab.has_devices
