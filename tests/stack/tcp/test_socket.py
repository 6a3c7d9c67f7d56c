"""Sockets of TCP as a program sees them: the verbs, BSD's errnos, readiness, and that nothing is left behind."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from stack.addr import Ip4
from stack.host import Host
from stack.kern.socket import (
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SO_ERROR,
    SO_KEEPALIVE,
    SO_LINGER,
    SO_RCVBUF,
    SO_RCVLOWAT,
    SO_REUSEADDR,
    SO_REUSEPORT,
    SO_SNDBUF,
    SO_TYPE,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    Socket,
)
from stack.lab import Lab
from stack.net.wire import Personality
from stack.netinet.in_ import IP_TTL, IPPROTO_IP, TCP_CONGCTL, TCP_MAXSEG, TCP_NODELAY
from stack.netinet.tcp_fsm import TCP_STATES
from stack.netinet.tcp_timer import tcp_keep
from stack.netinet.tcp_var import Tcpcb

IPPROTO_TCP = 6
A, B = Ip4.parse("10.255.0.1"), Ip4.parse("10.255.0.2")


class World:
    """Two hosts on a wire of 10 ms."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.a, self.b = self.lab.add_host("a"), self.lab.add_host("b")
        self.lab.link(self.a, self.b, personality=Personality(delay=0.010))

    def listener(self, port: int = 80, backlog: int = 5) -> Socket:
        so = self.b.socket(SOCK_STREAM)
        so.bind((0, port))
        so.listen(backlog)
        return so

    def connect(self, port: int = 80) -> Socket:
        """A connection from a to b that has begun."""
        so = self.a.socket(SOCK_STREAM)
        fails(errno.EINPROGRESS, lambda: so.connect((B, port)))
        return so

    def pair(self) -> tuple[Socket, Socket]:
        """Both ends of a connection."""
        listener = self.listener()
        client = self.connect()
        self.pass_time(1)
        server, _ = listener.accept()
        listener.close()
        return client, server

    def pass_time(self, seconds: float) -> None:
        self.lab.run(self.lab.callouts.now + seconds)


@pytest.fixture
def world() -> World:
    return World()


def fails(code: int, call: Callable[[], object]) -> None:
    """A call that must fail with that errno, and with BSD's words for it."""
    with pytest.raises(OSError) as caught:
        call()
    assert errno.errorcode[caught.value.errno or 0] == errno.errorcode[code]


def state(so: Socket) -> str:
    return TCP_STATES[so.pcb.state] if isinstance(so.pcb, Tcpcb) else "CLOSED"


# --- errnos -----------------------------------------------------------------------------------


def test_a_new_socket(world: World) -> None:
    so = world.a.socket(SOCK_STREAM)
    assert so.getsockname() == (0, 0)
    fails(errno.ENOTCONN, so.getpeername)
    fails(errno.ENOTCONN, lambda: so.send(b"x"))
    fails(errno.ENOTCONN, lambda: so.recv(1))
    fails(errno.ENOTCONN, lambda: so.recvfrom(1))
    fails(errno.ENOTCONN, lambda: so.shutdown(SHUT_WR))
    fails(errno.EINVAL, so.accept)
    assert not so.readable
    assert not so.writable


def test_closed(world: World) -> None:
    so = world.a.socket(SOCK_STREAM)
    so.close()
    so.close()
    for call in (so.getsockname, so.getpeername, so.accept, so.listen):
        fails(errno.EBADF, call)
    fails(errno.EBADF, lambda: so.send(b"x"))
    fails(errno.EBADF, lambda: so.recv(1))
    fails(errno.EBADF, lambda: so.bind((0, 1)))
    fails(errno.EBADF, lambda: so.connect((B, 1)))
    fails(errno.EBADF, lambda: so.getsockopt(SOL_SOCKET, SO_ERROR))
    fails(errno.EBADF, lambda: so.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1))
    fails(errno.EBADF, lambda: so.shutdown(SHUT_RD))


def test_bind(world: World) -> None:
    so = world.a.socket(SOCK_STREAM)
    fails(errno.EADDRNOTAVAIL, lambda: so.bind((B, 1000)))
    fails(errno.EAFNOSUPPORT, lambda: so.bind((Ip4.parse("224.0.0.1"), 1000)))
    fails(errno.EINVAL, lambda: so.bind((A, 65536)))
    fails(errno.EINVAL, lambda: so.bind((A, -1)))
    so.bind((A, 1000))
    assert so.getsockname() == (A, 1000)
    fails(errno.EINVAL, lambda: so.bind((A, 1001)))
    other = world.a.socket(SOCK_STREAM)
    fails(errno.EADDRINUSE, lambda: other.bind((A, 1000)))
    fails(errno.EADDRINUSE, lambda: other.bind((0, 1000)))
    other.bind((Ip4.parse("127.0.0.1"), 1000))
    so.close()
    third = world.a.socket(SOCK_STREAM)
    third.bind((A, 1000))
    world.a.socket(SOCK_DGRAM).bind((A, 1000))


def test_bind_chooses_a_port(world: World) -> None:
    first, second = world.a.socket(SOCK_STREAM), world.a.socket(SOCK_STREAM)
    first.bind((0, 0))
    second.bind((A, 0))
    ports = {first.getsockname()[1], second.getsockname()[1]}
    assert len(ports) == 2
    assert all(49152 <= port <= 65535 for port in ports)


def test_no_port_is_left(world: World) -> None:
    world.a.pcbs.anonportmin = 65534
    kept = [world.a.socket(SOCK_STREAM) for _ in range(2)]
    for so in kept:
        so.bind((0, 0))
    late = world.a.socket(SOCK_STREAM)
    fails(errno.EADDRNOTAVAIL, lambda: late.bind((0, 0)))
    fails(errno.EADDRNOTAVAIL, lambda: late.connect((B, 80)))
    kept[0].close()
    late.bind((0, 0))


def test_reuseaddr(world: World) -> None:
    """SO_REUSEADDR takes a port with old connections on it, but not from a listener; SO_REUSEPORT shares."""
    client, server = world.pair()
    server.close()
    world.pass_time(1)
    client.close()
    world.pass_time(1)
    assert [TCP_STATES[inp.state] for inp in world.b.tcp.table if isinstance(inp, Tcpcb)] == ["TIME_WAIT"]
    so = world.b.socket(SOCK_STREAM)
    fails(errno.EADDRINUSE, lambda: so.bind((0, 80)))
    so.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    so.bind((0, 80))
    so.listen()
    other = world.b.socket(SOCK_STREAM)
    other.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    fails(errno.EADDRINUSE, lambda: other.bind((0, 80)))
    other.bind((B, 80))  # more special, as BSD lets it
    shared = [world.b.socket(SOCK_STREAM) for _ in range(2)]
    for each in shared:
        each.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)
        each.bind((0, 81))


def test_a_port_after_two_msl(world: World) -> None:
    client, server = world.pair()
    server.close()
    client.close()
    world.pass_time(61)
    so = world.b.socket(SOCK_STREAM)
    so.bind((0, 80))


def test_the_more_special_listener_wins(world: World) -> None:
    everywhere, special = world.listener(), world.b.socket(SOCK_STREAM)
    special.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    special.bind((B, 80))
    special.listen()
    world.connect()
    world.pass_time(1)
    assert special.readable
    assert not everywhere.readable


def test_connect_errnos(world: World) -> None:
    so = world.a.socket(SOCK_STREAM)
    fails(errno.EADDRNOTAVAIL, lambda: so.connect((B, 0)))
    fails(errno.EADDRNOTAVAIL, lambda: so.connect((B, 65536)))
    fails(errno.EAFNOSUPPORT, lambda: so.connect((Ip4.parse("224.0.0.9"), 80)))
    fails(errno.EAFNOSUPPORT, lambda: so.connect((Ip4.parse("255.255.255.255"), 80)))
    fails(errno.EAFNOSUPPORT, lambda: so.connect((Ip4.parse("10.255.0.3"), 80)))  # the /30's broadcast
    fails(errno.EHOSTUNREACH, lambda: so.connect((Ip4.parse("8.8.8.8"), 80)))
    world.listener()
    fails(errno.EINPROGRESS, lambda: so.connect((B, 80)))
    fails(errno.EALREADY, lambda: so.connect((B, 80)))
    fails(errno.EAGAIN, lambda: so.send(b"x"))
    fails(errno.EAGAIN, lambda: so.recv(1))
    fails(errno.EINVAL, so.listen)
    world.pass_time(1)
    fails(errno.EISCONN, lambda: so.connect((B, 80)))
    fails(errno.EINVAL, so.listen)
    fails(errno.EINVAL, lambda: so.bind((A, 1)))
    assert so.getpeername() == (B, 80)
    assert so.getsockname()[0] == A


def test_connect_from_a_bound_port(world: World) -> None:
    world.listener()
    so, other = world.a.socket(SOCK_STREAM), world.a.socket(SOCK_STREAM)
    so.bind((A, 1234))
    fails(errno.EINPROGRESS, lambda: so.connect((B, 80)))
    assert so.getsockname() == (A, 1234)
    other.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    other.bind((A, 1234))
    fails(errno.EADDRINUSE, lambda: other.connect((B, 80)))
    fails(errno.EINPROGRESS, lambda: other.connect((B, 81)))


def test_connection_refused(world: World) -> None:
    so = world.connect(81)
    world.pass_time(1)
    assert so.readable
    assert so.writable
    assert so.getsockopt(SOL_SOCKET, SO_ERROR) == errno.ECONNREFUSED
    assert so.getsockopt(SOL_SOCKET, SO_ERROR) == 0
    fails(errno.EPIPE, lambda: so.send(b"x"))
    assert so.recv(1) == b""
    fails(errno.EINVAL, lambda: so.connect((B, 80)))
    fails(errno.ENOTCONN, so.getpeername)
    fails(errno.EINVAL, so.getsockname)
    so.close()
    assert not list(world.a.tcp.table)


def test_the_error_is_told_once(world: World) -> None:
    so = world.connect(81)
    world.pass_time(1)
    fails(errno.ECONNREFUSED, lambda: so.recv(1))
    assert so.recv(1) == b""


def test_nobody_there(world: World) -> None:
    """A neighbour that does not answer ARP is down; that is told when the SYN could not be sent several times."""
    world.lab.bus("a-b").ports[1].down()
    so = world.connect()
    world.pass_time(32)
    assert so.getsockopt(SOL_SOCKET, SO_ERROR) == errno.EHOSTDOWN
    assert not list(world.a.tcp.table)


def test_connect_while_the_interface_is_down(world: World) -> None:
    world.a.interfaces["shmif0"].down()
    so = world.a.socket(SOCK_STREAM)
    fails(errno.ENETDOWN, lambda: so.connect((B, 80)))


def test_a_listener(world: World) -> None:
    so = world.listener()
    fails(errno.EAGAIN, so.accept)
    fails(errno.EOPNOTSUPP, lambda: so.connect((A, 80)))
    fails(errno.ENOTCONN, lambda: so.send(b"x"))
    fails(errno.ENOTCONN, lambda: so.recv(1))
    fails(errno.ENOTCONN, lambda: so.shutdown(SHUT_RDWR))
    fails(errno.ENOTCONN, so.getpeername)
    assert not so.readable
    so.listen(7)
    assert so.qlimit == 7


def test_listen_binds_by_itself(world: World) -> None:
    so = world.b.socket(SOCK_STREAM)
    so.listen()
    assert so.getsockname()[1] >= 49152


def test_shutdown(world: World) -> None:
    client, server = world.pair()
    fails(errno.EINVAL, lambda: client.shutdown(3))
    client.shutdown(SHUT_WR)
    client.shutdown(SHUT_WR)
    fails(errno.EPIPE, lambda: client.send(b"x"))
    world.pass_time(1)
    assert server.readable
    assert server.recv(10) == b""
    assert server.recv(10) == b""
    assert server.send(b"still here") == 10
    world.pass_time(1)
    assert client.recv(100) == b"still here"
    fails(errno.EAGAIN, lambda: client.recv(1))
    server.shutdown(SHUT_RDWR)
    world.pass_time(1)
    assert client.recv(100) == b""
    assert (state(client), state(server)) == ("TIME_WAIT", "CLOSED")


def test_shutdown_both_ways(world: World) -> None:
    client, server = world.pair()
    client.shutdown(SHUT_RDWR)
    assert client.readable
    assert client.recv(1) == b""
    fails(errno.EPIPE, lambda: client.send(b"x"))
    server.close()
    world.pass_time(1)
    assert state(client) == "TIME_WAIT"
    fails(errno.ENOTCONN, lambda: client.shutdown(SHUT_WR))


def test_options(world: World) -> None:
    so = world.a.socket(SOCK_STREAM)
    assert so.getsockopt(SOL_SOCKET, SO_TYPE) == SOCK_STREAM
    assert so.getsockopt(SOL_SOCKET, SO_SNDBUF) == so.getsockopt(SOL_SOCKET, SO_RCVBUF) == 32768
    for option in (SO_REUSEADDR, SO_REUSEPORT, SO_KEEPALIVE):
        assert so.getsockopt(SOL_SOCKET, option) == 0
        so.setsockopt(SOL_SOCKET, option, 5)
        assert so.getsockopt(SOL_SOCKET, option) == 1
    assert so.getsockopt(SOL_SOCKET, SO_LINGER) is None
    so.setsockopt(SOL_SOCKET, SO_LINGER, 3)
    assert so.getsockopt(SOL_SOCKET, SO_LINGER) == 3
    fails(errno.EINVAL, lambda: so.setsockopt(SOL_SOCKET, SO_SNDBUF, 0))
    fails(errno.EINVAL, lambda: so.setsockopt(SOL_SOCKET, SO_RCVBUF, -1))
    fails(errno.ENOBUFS, lambda: so.setsockopt(SOL_SOCKET, SO_RCVBUF, 1 << 30))
    fails(errno.EINVAL, lambda: so.setsockopt(SOL_SOCKET, SO_RCVBUF, "much"))
    fails(errno.EINVAL, lambda: so.setsockopt(SOL_SOCKET, SO_LINGER, "long"))
    fails(errno.ENOPROTOOPT, lambda: so.setsockopt(SOL_SOCKET, 0x4000, 1))
    fails(errno.ENOPROTOOPT, lambda: so.getsockopt(SOL_SOCKET, 0x4000))
    fails(errno.ENOPROTOOPT, lambda: so.setsockopt(IPPROTO_TCP, 99, 1))
    fails(errno.ENOPROTOOPT, lambda: so.getsockopt(IPPROTO_TCP, 99))
    fails(errno.ENOPROTOOPT, lambda: so.setsockopt(17, 1, 1))
    fails(errno.EINVAL, lambda: so.setsockopt(IPPROTO_TCP, TCP_MAXSEG, 100000))
    so.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    assert so.getsockopt(IPPROTO_TCP, TCP_NODELAY) == 1
    assert so.getsockopt(IPPROTO_TCP, TCP_CONGCTL) == "newreno"


def test_a_child_inherits(world: World) -> None:
    listener = world.listener()
    listener.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    listener.setsockopt(IPPROTO_IP, IP_TTL, 7)
    for option, value in ((SO_KEEPALIVE, 1), (SO_RCVBUF, 12345), (SO_SNDBUF, 23456)):
        listener.setsockopt(SOL_SOCKET, option, value)
    world.connect()
    world.pass_time(1)
    child, _ = listener.accept()
    assert child.getsockopt(IPPROTO_TCP, TCP_NODELAY) == 1
    assert child.getsockopt(IPPROTO_IP, IP_TTL) == 7
    assert child.getsockopt(SOL_SOCKET, SO_KEEPALIVE) == 1
    assert child.getsockopt(SOL_SOCKET, SO_RCVBUF) == 12345
    assert child.getsockopt(SOL_SOCKET, SO_SNDBUF) == 23456
    assert isinstance(child.pcb, Tcpcb)
    assert child.pcb.keep.due is not None


# --- readiness --------------------------------------------------------------------------------


def test_readiness_of_a_stream(world: World) -> None:
    listener = world.listener()
    client = world.connect()
    assert not client.writable
    assert not listener.readable
    world.pass_time(1)
    assert client.writable
    assert not client.readable
    assert listener.readable
    server, peer = listener.accept()
    assert peer == client.getsockname()
    assert not listener.readable
    server.send(b"abc")
    world.pass_time(1)
    assert client.readable
    assert client.recv(2, peek=True) == b"ab"
    assert client.recv(2) == b"ab"
    assert client.readable
    assert client.recv(2) == b"c"
    assert not client.readable
    server.close()
    world.pass_time(1)
    assert client.readable
    assert client.recv(1) == b""


def test_readiness_is_announced(world: World) -> None:
    """Each time a socket becomes ready somebody is told, and is told while it is ready."""
    listener = world.listener()
    client = world.connect()
    heard: list[str] = []
    listener.rcv.channel.upcall = lambda: heard.append(f"listener {listener.readable}")
    client.snd.channel.upcall = lambda: heard.append(f"connected {client.writable}")
    world.pass_time(1)
    assert "listener True" in heard
    assert "connected True" in heard
    heard.clear()
    client.rcv.channel.upcall = lambda: heard.append(f"data {client.readable}")
    listener.accept()[0].send(b"x")
    world.pass_time(1)
    assert heard == ["data True"]


def test_a_full_buffer(world: World) -> None:
    """Writable means lowat bytes of room; a write takes what fits; it becomes writable again by acks."""
    client, server = world.pair()
    total = 0
    while client.writable:
        total += client.send(bytes(5000))
        world.pass_time(1)
    fails(errno.EAGAIN, lambda: client.send(bytes(5000)))
    assert total >= 65536 - 2048
    assert client.snd.cc + server.rcv.cc == total
    told: list[bool] = []
    client.snd.channel.upcall = lambda: told.append(client.writable)
    while server.readable:
        server.recv(65536)
        world.pass_time(1)
    assert client.writable
    assert told
    assert told[-1]


def test_receive_low_water(world: World) -> None:
    client, server = world.pair()
    client.setsockopt(SOL_SOCKET, SO_RCVLOWAT, 10)
    server.send(b"12345")
    world.pass_time(1)
    assert not client.readable
    server.send(b"67890")
    world.pass_time(1)
    assert client.readable


# --- ends -------------------------------------------------------------------------------------


def test_backlog_and_order(world: World) -> None:
    listener = world.listener(backlog=2)
    clients = [world.connect() for _ in range(6)]
    world.pass_time(0.5)
    assert listener.q is not None
    assert len(listener.q) == 4  # 3/2 of the backlog and one, as BSD counts
    peers = [listener.accept()[1] for _ in range(4)]
    assert peers == [client.getsockname() for client in clients[:4]]
    world.pass_time(10)
    assert [listener.accept()[1] for _ in range(2)] == [client.getsockname() for client in clients[4:]]


def test_a_connection_reset_in_the_queue(world: World) -> None:
    listener = world.listener()
    client = world.connect()
    world.pass_time(1)
    client.setsockopt(SOL_SOCKET, SO_LINGER, 0)
    client.close()
    world.pass_time(1)
    assert listener.readable
    fails(errno.ECONNABORTED, listener.accept)
    fails(errno.EAGAIN, listener.accept)


def test_closing_a_listener_resets_its_children(world: World) -> None:
    listener = world.listener()
    done = [world.connect() for _ in range(3)]
    world.pass_time(1)
    half = world.connect()
    world.pass_time(0.015)  # its SYN is there, its ACK is not
    assert isinstance(listener.pcb, Tcpcb)
    assert world.b.tcp.handshakes(listener.pcb) == 1
    listener.close()
    world.pass_time(1)
    assert not list(world.b.tcp.table)
    for so in done:
        assert so.error == errno.ECONNRESET
    assert half.error == errno.ECONNRESET
    for so in (*done, half):
        so.close()
    world.lab.run()
    assert not list(world.a.tcp.table)


def test_lingering_delivers(world: World) -> None:
    """SO_LINGER with a time, or none: what was written arrives after close."""
    for linger in (None, 10):
        world = World()
        client, server = world.pair()
        client.setsockopt(SOL_SOCKET, SO_LINGER, linger)
        client.send(bytes(20000))
        client.close()
        world.pass_time(5)
        assert len(server.recv(65536)) == 20000
        assert server.recv(1) == b""


def test_lingering_no_time_resets(world: World) -> None:
    client, server = world.pair()
    client.send(bytes(20000))
    client.setsockopt(SOL_SOCKET, SO_LINGER, 0)
    client.close()
    world.pass_time(1)
    assert server.error == errno.ECONNRESET
    assert not list(world.a.tcp.table)
    assert not list(world.b.tcp.table)


def test_a_host_connects_to_itself(world: World) -> None:
    for address in (Ip4.parse("127.0.0.1"), B):
        listener = world.listener()
        so = world.b.socket(SOCK_STREAM)
        with pytest.raises(BlockingIOError):
            so.connect((address, 80))
        world.pass_time(1)
        server, peer = listener.accept()
        assert peer == so.getsockname() == (address, peer[1])
        so.send(bytes(50000))
        world.pass_time(1)
        assert len(server.recv(65536)) == 32768
        for each in (server, so, listener):
            each.close()
        world.lab.run()
        assert not list(world.b.tcp.table)


def test_a_socket_connects_to_itself(world: World) -> None:
    """RFC 9293 3.5: simultaneous open with oneself."""
    so = world.b.socket(SOCK_STREAM)
    so.bind((B, 999))
    fails(errno.EINPROGRESS, lambda: so.connect((B, 999)))
    world.pass_time(1)
    assert state(so) == "ESTABLISHED"
    so.send(b"hello me")
    world.pass_time(1)
    assert so.recv(100) == b"hello me"
    so.close()
    world.lab.run()
    assert not list(world.b.tcp.table)


def pending(host: Host) -> list[str]:
    return [str(inp.local) for inp in host.tcp.table] + [str(key) for key in host.tcp.table.connected]


def test_nothing_is_left_behind(world: World) -> None:
    """After many connections of every kind the tables are empty and the clock stands still."""
    listener = world.listener(backlog=128)
    for number in range(300):
        client = world.connect(80 if number % 10 else 81)
        world.pass_time(0.1)
        if not number % 10:
            client.close()
            continue
        server, _ = listener.accept()
        client.send(bytes(number * 10))
        if number % 3:
            world.pass_time(0.05)
        first, second = (client, server) if number % 2 else (server, client)
        if number % 7 == 0:
            first.setsockopt(SOL_SOCKET, SO_LINGER, 0)
        first.close()
        if number % 5:
            world.pass_time(0.05)
        second.close()
    listener.close()
    world.lab.run()
    assert not pending(world.a) + pending(world.b)
    assert world.lab.callouts.next_due() is None
    assert not world.a.tcp.table.ports
    assert not world.b.tcp.table.ports


def test_an_idle_connection_lets_the_lab_rest(world: World) -> None:
    """Nothing is pending for a connection that has nothing to do; so a lab in virtual time comes to an end."""
    client, server = world.pair()
    world.lab.run()
    assert (state(client), state(server)) == ("ESTABLISHED", "ESTABLISHED")
    assert world.lab.callouts.now < 7000  # neighbours expire, keepalive does not run


def test_a_keepalive_timer_gets_on(world: World) -> None:
    """What a sum of floats leaves of the idle time is too little to be added to now: no timer waits for it."""
    client, _ = world.pair()
    tp, callouts = client.pcb, world.lab.callouts
    assert isinstance(tp, Tcpcb)
    client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
    world.a.tcp.keepidle = 200  # half seconds
    tp.idle_since, callouts.now = 33.527, 133.527
    assert 100 - (callouts.now - tp.idle_since) > 0
    assert callouts.now + (100 - (callouts.now - tp.idle_since)) == callouts.now
    tcp_keep(tp)
    assert tp.keep.due is not None and tp.keep.due > callouts.now
