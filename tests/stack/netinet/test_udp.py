"""UDP and its sockets: verbs, errnos, ports, checksums (stack/netinet/udp.py, pcb.py, stack/kern/socket.py)."""

# mypy: disable-error-code="func-returns-value"
from __future__ import annotations

import errno
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP as ScapyIp

from stack.addr import Prefix
from stack.header.ip import IP_DF, IPPROTO_TCP, IPPROTO_UDP
from stack.header.udp import Udp
from stack.host import Host
from stack.kern.proc import Proc
from stack.kern.socket import (
    SHUT_RD,
    SHUT_RDWR,
    SHUT_WR,
    SO_BROADCAST,
    SO_DONTROUTE,
    SO_ERROR,
    SO_RCVBUF,
    SO_REUSEADDR,
    SO_REUSEPORT,
    SO_SNDBUF,
    SO_TYPE,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    Socket,
)
from stack.kern.syscalls import recvfrom, sendto
from stack.netinet.in_ import IP_DONTFRAG, IP_OPTIONS, IP_TOS, IP_TTL, IPPROTO_IP
from tests.stack.labs import (
    One,
    Station,
    Watch,
    datagram,
    ip4,
    packet,
    pair,
    raw,
    received,
    routed,
    settle,
    udp,
    udp_packet,
)

B = ip4("10.0.0.2")


def errno_of(call: Callable[[], object]) -> int:
    """The errno with which a call fails; 0 when it does not."""
    try:
        call()
    except OSError as error:
        return error.errno or -1
    return 0


# --- there and back -------------------------------------------------------------------------------------------


def test_a_question_and_an_answer() -> None:
    lab, a, b = pair()
    client, server = udp(a), udp(b, 53)
    client.sendto(b"question", (B, 53))
    settle(lab)
    data, who = server.recvfrom(100)
    assert (data, who) == (b"question", (ip4("10.0.0.1"), client.getsockname()[1]))
    server.sendto(b"answer", who)
    settle(lab)
    assert client.recvfrom(100) == (b"answer", (B, 53))


@given(st.binary(max_size=1472))
@settings(max_examples=50)
def test_any_bytes(data: bytes) -> None:
    lab, a, b = pair()
    sink = udp(b, 9)
    spy = Station(lab, "lan", 7, sees_all=True)
    udp(a, 1000).sendto(data, (B, 9))
    settle(lab)
    assert received(sink) == [data]
    (heard,) = spy.packets()
    assert heard.body == datagram("10.0.0.1", "10.0.0.2", 1000, 9, data)
    fresh = ScapyIp(heard.payload)
    del fresh.payload.chksum
    assert bytes(fresh.payload) == heard.body


def test_datagrams_keep_their_borders_and_the_rest_of_one_is_lost() -> None:
    lab, a, b = pair()
    sink, so = udp(b, 9), udp(a)
    for data in (b"first", b"", b"second"):
        so.sendto(data, (B, 9))
    settle(lab)
    assert sink.recv(3, peek=True) == b"fir"
    assert [sink.recv(3), sink.recv(3), sink.recv(3)] == [b"fir", b"", b"sec"]
    with pytest.raises(BlockingIOError):
        sink.recv(3)


def test_all_that_is_known_of_a_datagram() -> None:
    lab, a, b = pair()
    sink, so = udp(b, 9), udp(a, 1000)
    so.setsockopt(IPPROTO_IP, IP_TTL, 33)
    so.sendto(b"x", (B, 9))
    settle(lab)
    record = sink.recvmsg()
    assert record == (b"x", (ip4("10.0.0.1"), 1000), B, 33)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_what_is_sent_is_what_it_was_at_the_time(kind: Callable[[bytearray], bytes]) -> None:
    lab, a, b = pair()
    sink, so = udp(b, 9), udp(a)
    buffer = bytearray(b"then")
    so.sendto(kind(buffer), (B, 9))
    buffer[:] = b"now!"
    settle(lab)
    assert received(sink) == [b"then"]


def test_oneself() -> None:
    lab, a, _ = pair()
    sink, so = udp(a, 9), udp(a)
    for dst in ("127.0.0.1", "10.0.0.1", "0.0.0.0"):  # BSD: nobody means ourselves
        so.sendto(dst.encode(), (ip4(dst), 9))
    settle(lab)
    assert received(sink) == [b"127.0.0.1", b"10.0.0.1", b"0.0.0.0"]


def test_a_process_waits_for_a_datagram() -> None:
    lab, a, b = pair()

    async def server(proc: Proc) -> int:
        so = b.socket(SOCK_DGRAM)
        so.bind((0, 9))
        data, who = await recvfrom(so, 100)
        await sendto(so, data.upper(), who)
        return 0

    async def client(proc: Proc) -> int:
        so = udp(a)
        await sendto(so, b"hello", (B, 9))
        data, _ = await recvfrom(so, 100, timeout=5)
        return len(data)

    lab.spawn(b, ["server"], server)
    assert lab.run_proc(lab.spawn(a, ["client"], client)) == 5


# --- ports ------------------------------------------------------------------------------------------------------


def test_ports_are_chosen_at_random_from_their_range_and_none_twice() -> None:
    _, a, _ = pair()
    a.sysctl.set("net.inet.ip.anonportmin", "50000")
    a.sysctl.set("net.inet.ip.anonportmax", "50009")
    ports = [udp(a).getsockname()[1] for _ in range(10)]
    assert sorted(ports) == list(range(50000, 50010)) != ports
    with pytest.raises(OSError, match="Can't assign"):
        udp(a)


def test_a_port_is_free_again_when_its_socket_is_closed() -> None:
    _, a, _ = pair()
    so = udp(a, 9)
    with pytest.raises(OSError, match="Address already in use"):
        udp(a, 9)
    so.close()
    udp(a, 9)


ANY, ONE, OTHER = "0.0.0.0", "10.0.0.1", "127.0.0.1"
ADDR, PORT = SO_REUSEADDR, SO_REUSEPORT
# options of the first and the second, their addresses, and whether the second may have the port
SHARING = [
    (0, 0, ANY, ANY, False),
    (0, 0, ONE, ANY, False),
    (0, 0, ANY, ONE, False),
    (0, 0, ONE, ONE, False),
    (0, 0, ONE, OTHER, True),
    (ADDR, ADDR, ANY, ANY, False),
    (ADDR, ADDR, ONE, ONE, False),
    (0, ADDR, ANY, ONE, True),
    (0, ADDR, ONE, ANY, True),
    (ADDR, 0, ANY, ONE, False),
    (PORT, PORT, ANY, ANY, True),
    (PORT, PORT, ONE, ONE, True),
    (PORT, 0, ANY, ANY, False),
    (0, PORT, ANY, ANY, False),
    (ADDR, ADDR, "239.1.1.1", "239.1.1.1", True),
    (0, ADDR, "239.1.1.1", "239.1.1.1", False),
]


@pytest.mark.parametrize(("first", "second", "one", "other", "shared"), SHARING)
def test_sharing_a_port(first: int, second: int, one: str, other: str, shared: bool) -> None:
    _, a, _ = pair()
    sockets = a.socket(SOCK_DGRAM), a.socket(SOCK_DGRAM)
    for so, options in zip(sockets, (first, second), strict=True):
        if options:
            so.setsockopt(SOL_SOCKET, options, 1)
    sockets[0].bind((ip4(one), 9))
    assert errno_of(lambda: sockets[1].bind((ip4(other), 9))) == (0 if shared else errno.EADDRINUSE)


def test_the_better_match_has_the_datagram() -> None:
    lab, a, b = pair()
    connected, bound, wild = udp(b, 9, "10.0.0.2"), b.socket(SOCK_DGRAM), b.socket(SOCK_DGRAM)
    sender, stranger = udp(a, 1000), udp(a, 1001)
    connected.connect((ip4("10.0.0.1"), 1000))
    for so, address in ((bound, "10.0.0.2"), (wild, "0.0.0.0")):
        so.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        so.bind((ip4(address), 9))
    sender.sendto(b"to the connected", (B, 9))
    stranger.sendto(b"to the bound", (B, 9))
    settle(lab)
    udp(b).sendto(b"to the wild", (ip4("127.0.0.1"), 9))
    settle(lab)
    assert [received(so) for so in (connected, bound, wild)] == [
        [b"to the connected"], [b"to the bound"], [b"to the wild"],
    ]  # fmt: skip


# --- errors -----------------------------------------------------------------------------------------------------

Call = Callable[[Host, Socket], object]
ERRORS: dict[str, tuple[Call, int]] = {
    "an address that is not ours": (lambda a, so: so.bind((ip4("10.0.0.99"), 0)), errno.EADDRNOTAVAIL),
    "binding twice": (lambda a, so: (so.bind((0, 5)), so.bind((0, 6))), errno.EINVAL),
    "port -1": (lambda a, so: so.bind((0, -1)), errno.EINVAL),
    "port 65536": (lambda a, so: so.bind((0, 65536)), errno.EINVAL),
    "port taken": (lambda a, so: (udp(a, 7), so.bind((0, 7))), errno.EADDRINUSE),
    "to nobody": (lambda a, so: so.send(b"x"), errno.EDESTADDRREQ),
    "to port 0": (lambda a, so: so.sendto(b"x", (B, 0)), errno.EADDRNOTAVAIL),
    "to port 65536": (lambda a, so: so.sendto(b"x", (B, 65536)), errno.EADDRNOTAVAIL),
    "no route": (lambda a, so: so.sendto(b"x", (ip4("192.0.2.1"), 9)), errno.EHOSTUNREACH),
    "connect, no route": (lambda a, so: so.connect((ip4("192.0.2.1"), 9)), errno.EHOSTUNREACH),
    "connect to port 0": (lambda a, so: so.connect((B, 0)), errno.EADDRNOTAVAIL),
    "to everybody": (lambda a, so: so.sendto(b"x", (ip4("10.0.0.255"), 9)), errno.EACCES),
    "longer than the buffer": (lambda a, so: so.sendto(bytes(9217), (B, 9)), errno.EMSGSIZE),
    "as long as the buffer": (lambda a, so: so.sendto(bytes(9216), (B, 9)), 0),
    "longer than there is": (
        lambda a, so: (so.setsockopt(SOL_SOCKET, SO_SNDBUF, 1 << 17), so.sendto(bytes(65508), (B, 9))), errno.EMSGSIZE,
    ),
    "connected, and to another": (lambda a, so: (so.connect((B, 9)), so.sendto(b"x", (B, 9))), errno.EISCONN),
    "nothing to read": (lambda a, so: so.recv(10), errno.EAGAIN),
    "listen": (lambda a, so: so.listen(5), errno.EOPNOTSUPP),
    "accept": (lambda a, so: so.accept(), errno.EINVAL),
    "no peer": (lambda a, so: so.getpeername(), errno.ENOTCONN),
    "shutdown without a peer": (lambda a, so: so.shutdown(SHUT_WR), errno.ENOTCONN),
    "shutdown in another way": (lambda a, so: (so.connect((B, 9)), so.shutdown(3)), errno.EINVAL),
    "sent after shutdown": (lambda a, so: (so.connect((B, 9)), so.shutdown(SHUT_WR), so.send(b"x")), errno.EPIPE),
    "closed": (lambda a, so: (so.close(), so.sendto(b"x", (B, 9))), errno.EBADF),
    "closed twice": (lambda a, so: (so.close(), so.close()), 0),
    "an option of another level": (lambda a, so: so.setsockopt(IPPROTO_TCP, 1, 1), errno.ENOPROTOOPT),
    "an option there is not": (lambda a, so: so.setsockopt(IPPROTO_IP, 999, 1), errno.ENOPROTOOPT),
    "reading an option there is not": (lambda a, so: so.getsockopt(IPPROTO_IP, 999), errno.ENOPROTOOPT),
    "a socket option there is not": (lambda a, so: so.setsockopt(SOL_SOCKET, 0x4000, 1), errno.ENOPROTOOPT),
    "TTL 0": (lambda a, so: so.setsockopt(IPPROTO_IP, IP_TTL, 0), errno.EINVAL),
    "TTL 256": (lambda a, so: so.setsockopt(IPPROTO_IP, IP_TTL, 256), errno.EINVAL),
    "TTL in words": (lambda a, so: so.setsockopt(IPPROTO_IP, IP_TTL, "64"), errno.EINVAL),
    "a buffer of none": (lambda a, so: so.setsockopt(SOL_SOCKET, SO_RCVBUF, 0), errno.EINVAL),
    "a buffer of all": (lambda a, so: so.setsockopt(SOL_SOCKET, SO_RCVBUF, 1 << 30), errno.ENOBUFS),
    "wrong kind": (lambda a, so: a.socket(7), errno.EPROTONOSUPPORT),
    "wrong protocol": (lambda a, so: a.socket(SOCK_DGRAM, IPPROTO_TCP), errno.EPROTOTYPE),
    "wrong protocol for a stream": (lambda a, so: a.socket(SOCK_STREAM, IPPROTO_UDP), errno.EPROTOTYPE),
    "unknown protocol": (lambda a, so: a.socket(SOCK_DGRAM, 99), errno.EPROTONOSUPPORT),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errno(name: str) -> None:
    call, error = ERRORS[name]
    _, a, _ = pair()
    so = a.socket(SOCK_DGRAM)
    assert errno_of(lambda: call(a, so)) == error


def test_only_neighbours_with_dontroute() -> None:
    lab, a, _, b = routed()
    sink, so = udp(b, 9), udp(a)
    so.setsockopt(SOL_SOCKET, SO_DONTROUTE, 1)
    assert errno_of(lambda: so.sendto(b"x", (ip4("10.0.2.1"), 9))) == errno.ENETUNREACH
    assert errno_of(lambda: so.sendto(b"x", (ip4("10.0.1.254"), 9))) == 0
    settle(lab)
    assert received(sink) == []


# --- connected --------------------------------------------------------------------------------------------------


def test_a_connected_socket_hears_its_peer_alone() -> None:
    lab, a, b = pair()
    so, peer, other = udp(a), udp(b, 9), udp(b, 10)
    so.connect((B, 9))
    me = so.getsockname()
    assert (me[0], so.getpeername()) == (ip4("10.0.0.1"), (B, 9))
    watch = Watch(lab)
    peer.sendto(b"peer", me)
    other.sendto(b"other", me)
    settle(lab)
    assert (received(so), watch.reasons("a")) == ([b"peer"], ["noport"])


def test_connecting_anew_and_not_at_all() -> None:
    lab, a, b = pair()
    so, first, second = udp(a), udp(b, 9), udp(b, 10)
    so.connect((B, 9))
    so.send(b"1")
    so.connect((B, 10))
    so.send(b"2")
    so.connect((0, 0))
    settle(lab)
    assert (received(first), received(second)) == ([b"1"], [b"2"])
    assert errno_of(so.getpeername) == errno.ENOTCONN
    so.sendto(b"3", (B, 9))
    settle(lab)
    assert received(first) == [b"3"]


def test_two_cannot_have_the_same_four_numbers() -> None:
    _, a, _ = pair()
    sockets = [a.socket(SOCK_DGRAM) for _ in range(2)]
    for so in sockets:
        so.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)
        so.bind((0, 9))
    sockets[0].connect((B, 9))
    assert errno_of(lambda: sockets[1].connect((B, 9))) == errno.EADDRINUSE
    assert errno_of(lambda: sockets[1].connect((B, 10))) == 0


def test_shutdown_of_each_way() -> None:
    lab, a, b = pair()
    so, peer = udp(a), udp(b, 9)
    so.connect((B, 9))
    watch = Watch(lab)
    so.shutdown(SHUT_RD)
    peer.sendto(b"too late", so.getsockname())
    so.send(b"still")
    settle(lab)
    assert (so.recv(10), received(peer), watch.reasons()) == (b"", [b"still"], ["cantrcvmore"])
    so.shutdown(SHUT_RDWR)
    assert errno_of(lambda: so.send(b"x")) == errno.EPIPE


def test_refused_and_the_next_call_says_so() -> None:
    lab, a, _ = pair()
    so = udp(a)
    so.connect((B, 9))
    so.send(b"x")
    settle(lab)
    assert errno_of(lambda: so.send(b"x")) == errno.ECONNREFUSED
    assert errno_of(lambda: so.send(b"x")) == 0
    settle(lab)
    assert (so.getsockopt(SOL_SOCKET, SO_ERROR), so.getsockopt(SOL_SOCKET, SO_ERROR)) == (errno.ECONNREFUSED, 0)


def test_a_connected_socket_hears_its_peer_s_broadcasts_alone() -> None:
    lab, a, b = pair()
    so = udp(b, 9, "255.255.255.255")
    so.connect((ip4("10.0.0.1"), 1000))
    for port in (1000, 1001):
        sender = udp(a, port)
        sender.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)
        sender.sendto(b"%d" % port, (ip4("255.255.255.255"), 9))
    settle(lab)
    assert received(so) == [b"1000"]


def test_no_route_is_counted() -> None:
    lab, a, _ = pair()
    so = a.socket(SOCK_DGRAM)
    so.bind((ip4("10.0.0.1"), 0))
    watch = Watch(lab)
    for dontroute in (0, 1):
        so.setsockopt(SOL_SOCKET, SO_DONTROUTE, dontroute)
        assert errno_of(lambda: so.sendto(b"x", (ip4("192.0.2.1"), 9))) in (errno.EHOSTUNREACH, errno.ENETUNREACH)
    assert watch.reasons() == ["noroute"] * 2


# --- the source of what is sent -----------------------------------------------------------------------------------


def test_the_source_is_the_address_towards_the_destination() -> None:
    _, _, r, _ = routed()
    r.add_route(Prefix.parse("192.0.2.0/24"), ip4("10.0.2.1"))
    so = udp(r)
    for dst, source in (
        ("10.0.1.1", "10.0.1.254"), ("10.0.2.1", "10.0.2.254"), ("192.0.2.1", "10.0.2.254"),
        ("127.0.0.1", "127.0.0.1"), ("10.0.1.254", "10.0.1.254"),
    ):  # fmt: skip
        so.connect((ip4(dst), 9))
        assert so.getsockname()[0] == ip4(source)


def test_a_bound_source_stays_even_on_another_way() -> None:
    lab, _, r, b = routed()
    sink = udp(b, 9)
    udp(r, 5, "10.0.1.254").sendto(b"x", (ip4("10.0.2.1"), 9))
    settle(lab)
    assert sink.recvfrom(10)[1] == (ip4("10.0.1.254"), 5)


# --- what comes in ------------------------------------------------------------------------------------------------


class Open(One):
    """A host with port 9 open."""

    def __init__(self) -> None:
        super().__init__()
        self.so = udp(self.a, 9)

    def inject(self, body: bytes) -> None:
        self.station.inject(self.ifp, packet("10.0.0.9", "10.0.0.1", body, proto=IPPROTO_UDP))
        settle(self.lab)


GOOD = datagram("10.0.0.9", "10.0.0.1")
ODD = datagram("10.0.0.9", "10.0.0.1", data=b"odd")

BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "hdrops"),
    "seven bytes": (GOOD[:7], "hdrops"),
    "length 7": (Udp(1, 9, 7).pack() + b"data", "badlen"),
    "length 0": (Udp(1, 9, 0).pack() + b"data", "badlen"),
    "longer than it is": (Udp(1, 9, 13).pack() + b"data", "badlen"),
    "sum": (GOOD[:6] + b"\x11\x11" + GOOD[8:], "badsum"),
    "data": (GOOD[:-1] + b"?", "badsum"),
    "ports": (b"\0\1" + GOOD[2:], "badsum"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_datagrams(name: str) -> None:
    body, reason = BAD[name]
    one = Open()
    one.inject(body)
    assert (one.watch.reasons(), received(one.so), one.station.take()) == ([reason], [], [])


@pytest.mark.parametrize("body", [GOOD, ODD], ids=["even", "odd"])
def test_good_sums_and_none(body: bytes) -> None:
    one = Open()
    one.inject(body)
    one.inject(body[:6] + b"\0\0" + body[8:])  # RFC 768: the sender made none
    assert received(one.so) == [body[8:]] * 2


def test_bytes_behind_a_datagram_are_cut_off() -> None:
    one = Open()
    one.inject(GOOD + b"\0\0rubbish")
    assert received(one.so) == [b"hello"]


def test_sums_can_be_switched_off() -> None:
    lab, a, b = pair()
    spy = Station(lab, "lan", 7, sees_all=True)
    sink = udp(b, 9)
    a.sysctl.set("net.inet.udp.checksum", "0")
    udp(a).sendto(b"x", (B, 9))
    settle(lab)
    (heard,) = spy.packets()
    assert (heard.body[6:8], received(sink)) == (b"\0\0", [b"x"])


def test_a_full_buffer_drops_and_counts_and_has_room_again() -> None:
    one = Open()
    one.so.setsockopt(SOL_SOCKET, SO_RCVBUF, 100)
    for _ in range(6):
        one.inject(datagram("10.0.0.9", "10.0.0.1", data=bytes(10)))
    assert one.watch.reasons() == ["fullsock"] * 3  # the sender's address takes 16 bytes of each 26
    assert len(received(one.so)) == 3
    one.inject(GOOD)
    assert received(one.so) == [b"hello"]


def test_even_empty_datagrams_fill_a_buffer() -> None:
    one = Open()
    one.so.setsockopt(SOL_SOCKET, SO_RCVBUF, 64)
    for _ in range(6):
        one.inject(datagram("10.0.0.9", "10.0.0.1", data=b""))
    assert (received(one.so), one.watch.reasons()) == ([b""] * 4, ["fullsock"] * 2)


def test_forty_datagrams_of_a_kilobyte_fit_by_default() -> None:
    """BSD's udp_recvspace: 40 * (1024 + sizeof(struct sockaddr_in))."""
    one = Open()
    for _ in range(41):
        one.inject(datagram("10.0.0.9", "10.0.0.1", data=bytes(1024)))
    assert (len(received(one.so)), one.watch.reasons()) == (40, ["fullsock"])


def test_counters() -> None:
    one = Open()
    one.inject(GOOD)
    one.inject(datagram("10.0.0.9", "10.0.0.1", dport=10))
    one.so.sendto(b"x", (ip4("10.0.0.9"), 9))
    stat = one.a.udp.stat
    assert (stat["ipackets"], stat["delivered"], stat["noport"], stat["opackets"]) == (2, 1, 1, 1)


# --- what goes out --------------------------------------------------------------------------------------------------


def test_ttl_tos_and_dont_fragment() -> None:
    one = Open()
    one.so.sendto(b"x", (ip4("10.0.0.9"), 9))
    for option, value in ((IP_TTL, 255), (IP_TTL, 1), (IP_TOS, 255), (IP_TTL, 7), (IP_TOS, 0x10), (IP_DONTFRAG, 1)):
        one.so.setsockopt(IPPROTO_IP, option, value)
        assert one.so.getsockopt(IPPROTO_IP, option) == value
    one.so.sendto(b"x", (ip4("10.0.0.9"), 9))
    settle(one.lab)
    headers = [heard.ip for heard in one.station.packets()]
    assert [(ip.ttl, ip.tos, ip.off) for ip in headers] == [(64, 0, 0), (7, 0x10, IP_DF)]
    assert headers[1].id == headers[0].id + 1 & 0xFFFF
    one.a.sysctl.set("net.inet.ip.ttl", "99")
    udp(one.a).sendto(b"x", (ip4("10.0.0.9"), 9))
    settle(one.lab)
    assert [heard.ip.ttl for heard in one.station.packets()] == [99]


def test_options_of_the_socket_level() -> None:
    _, a, _ = pair()
    so = udp(a)
    for option in (SO_REUSEADDR, SO_REUSEPORT, SO_BROADCAST, SO_DONTROUTE):
        assert so.getsockopt(SOL_SOCKET, option) == 0
        so.setsockopt(SOL_SOCKET, option, 5)
        assert so.getsockopt(SOL_SOCKET, option) == 1
    assert so.getsockopt(SOL_SOCKET, SO_TYPE) == SOCK_DGRAM
    assert (so.getsockopt(SOL_SOCKET, SO_RCVBUF), so.getsockopt(SOL_SOCKET, SO_SNDBUF)) == (41600, 9216)
    assert so.getsockopt(IPPROTO_IP, IP_OPTIONS) == b""


def test_raw_sockets_have_what_no_port_takes() -> None:
    """And then nobody is told that the port is closed."""
    one = Open()
    so = raw(one.a, IPPROTO_UDP)
    one.inject(GOOD)
    one.inject(datagram("10.0.0.9", "10.0.0.1", dport=10))
    assert [whole[22:24] for whole in received(so)] == [b"\0\x0a"]
    assert one.station.take() == []


def test_a_socket_that_is_closed_takes_no_more() -> None:
    one = Open()
    one.so.close()
    one.inject(GOOD)
    assert (one.watch.reasons(), one.station.icmps()) == (["noport"], [(3, 3)])
    assert one.a.udp.table.ports == {}


def test_the_table_is_empty_when_all_are_closed() -> None:
    _, a, _ = pair()
    sockets = [udp(a) for _ in range(20)]
    for number, so in enumerate(sockets):
        if number % 2:
            so.connect((B, 9))
    for so in sockets:
        so.close()
    table = a.udp.table
    assert (table.ports, table.connected, list(table)) == ({}, {}, [])


def test_udp_packet_helper_is_scapy_s() -> None:
    """The tests' own packets, held to somebody else's."""
    whole = udp_packet("10.0.0.9", "10.0.0.1", 1, 2, b"odd")
    read = ScapyIp(whole)
    del read.chksum, read.payload.chksum
    assert bytes(read) == whole
