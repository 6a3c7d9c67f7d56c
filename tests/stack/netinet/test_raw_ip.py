"""Raw sockets (stack/netinet/raw_ip.py): whole packets, of any protocol, with or without a header of one's own."""

from __future__ import annotations

import errno

import pytest

from stack.addr import Ip4, Prefix
from stack.header.checksum import partial
from stack.header.ip import IP_DF, IP_MF, IPPROTO_RAW, Ip
from stack.kern.socket import SHUT_RD, SO_BROADCAST, SO_RCVBUF, SO_SNDBUF, SOCK_RAW, SOL_SOCKET
from stack.net.route import RTF_UP, Rtentry
from stack.netinet.in_ import IP_ADD_MEMBERSHIP, IP_HDRINCL, IP_MULTICAST_TTL, IP_OPTIONS, IP_TTL, IPPROTO_IP
from tests.stack.labs import (
    Heard,
    One,
    ip4,
    packet,
    pair,
    raw,
    received,
    routed,
    settle,
    udp_packet,
    wait,
)

B = ip4("10.0.0.2")
PROTO = 99


class Raw(One):
    """A host that gets packets of any protocol."""

    def inject(self, src: str = "10.0.0.9", dst: str = "10.0.0.1", proto: int = PROTO, data: bytes = b"data") -> None:
        self.station.inject(self.ifp, packet(src, dst, data, proto=proto))
        settle(self.lab)

    def heard(self) -> Heard:
        settle(self.lab)
        (found,) = self.station.packets()
        assert partial(found.payload[: found.ip.hlen]) == 0
        return found


def test_a_raw_socket_has_the_packet_header_and_all() -> None:
    one = Raw()
    so = raw(one.a, PROTO)
    one.inject()
    assert so.recvfrom(100) == (packet("10.0.0.9", "10.0.0.1", b"data", proto=PROTO), (ip4("10.0.0.9"), 0))


def test_each_has_what_it_asked_for() -> None:
    one = Raw()
    sockets = [raw(one.a, proto) for proto in (PROTO, 98, 0, PROTO, PROTO, PROTO, PROTO)]
    _, _, _, bound, elsewhere, connected, of_another = sockets
    one.a.set_address(one.ifp, ip4("10.0.0.5"), 24, alias=True, dad=False)
    bound.bind((ip4("10.0.0.1"), 0))
    elsewhere.bind((ip4("10.0.0.5"), 0))
    connected.connect((ip4("10.0.0.9"), 0))
    of_another.connect((ip4("10.0.0.8"), 0))
    one.inject()
    assert [len(received(so)) for so in sockets] == [1, 0, 1, 1, 0, 1, 0]
    assert one.watch.reasons() == []


def test_nobody_who_wants_it() -> None:
    one = Raw()
    so = raw(one.a, 98)
    one.inject()
    assert (received(so), one.watch.reasons(), one.station.icmps()) == ([], ["noproto"], [(3, 2)])


def test_what_is_sent_has_a_header_made_for_it() -> None:
    one = Raw()
    so = raw(one.a, PROTO)
    so.sendto(b"payload", (ip4("10.0.0.9"), 0))
    header = one.heard().ip
    assert (header.src, header.dst, header.p, header.ttl, header.len) == (
        ip4("10.0.0.1"), ip4("10.0.0.9"), PROTO, 255, 27,
    )  # fmt: skip
    so.setsockopt(IPPROTO_IP, IP_TTL, 3)
    so.setsockopt(IPPROTO_IP, IP_OPTIONS, b"\x94\x04\0\0")
    so.connect((ip4("10.0.0.9"), 0))
    so.send(b"payload")
    heard = one.heard()
    assert (heard.ip.ttl, heard.ip.options, heard.body) == (3, b"\x94\x04\0\0", b"payload")


def test_groups_and_everybody() -> None:
    one = Raw()
    so = raw(one.a, PROTO)
    so.sendto(b"x", (ip4("224.0.0.5"), 0))
    assert one.heard().ip.ttl == 1
    so.setsockopt(IPPROTO_IP, IP_MULTICAST_TTL, 4)
    so.sendto(b"x", (ip4("224.0.0.5"), 0))
    assert one.heard().ip.ttl == 4
    with pytest.raises(PermissionError):
        so.sendto(b"x", (ip4("10.0.0.255"), 0))
    so.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)
    so.sendto(b"x", (ip4("10.0.0.255"), 0))
    assert one.heard().ip.dst == ip4("10.0.0.255")


# --- a header of one's own ----------------------------------------------------------------------------------------


def test_a_header_of_one_s_own_goes_out_as_it_is() -> None:
    one = Raw()
    so = raw(one.a, PROTO)
    so.setsockopt(IPPROTO_IP, IP_HDRINCL, 1)
    mine = Ip(0x20, 0, 4711, IP_DF, 17, 253, 0, ip4("10.7.7.7"), ip4("10.0.0.9"), b"\x01\x01\x01\x00")
    so.sendto(mine.pack() + b"body", (ip4("10.0.0.9"), 0))
    heard = one.heard()
    assert heard.ip._replace(sum=0) == mine._replace(len=28)
    assert heard.body == b"body"


def test_what_is_nought_in_it_is_filled_in() -> None:
    one = Raw()
    so = raw(one.a, IPPROTO_RAW)  # means the same
    for _ in range(2):
        so.sendto(Ip(ttl=9, p=253, dst=ip4("10.0.0.9")).pack(), (ip4("10.0.0.9"), 0))
    settle(one.lab)
    first, second = [heard.ip for heard in one.station.packets()]
    assert (first.src, first.len, second.id) == (ip4("10.0.0.1"), 20, first.id + 1)


def test_a_fragment_of_one_s_own() -> None:
    lab, a, b = pair()
    so, sink = raw(a, IPPROTO_RAW), raw(b, PROTO)
    for off, data in ((IP_MF, b"12345678"), (1, b"9abc")):
        so.sendto(Ip(id=77, off=off, p=PROTO, dst=B).pack() + data, (B, 0))
    settle(lab)
    (whole,) = received(sink)
    assert whole[20:] == b"123456789abc"


def test_a_long_packet_of_one_s_own_is_cut() -> None:
    lab, a, b = pair()
    so, sink = raw(a, IPPROTO_RAW), raw(b, PROTO)
    so.sendto(Ip(id=77, p=PROTO, dst=B).pack() + bytes(4000), (B, 0))
    settle(lab)
    (whole,) = received(sink)
    assert (len(whole), Ip.parse(whole).id) == (4020, 77)


def test_the_destination_is_the_header_s() -> None:
    one = Raw()
    so = raw(one.a, IPPROTO_RAW)
    so.sendto(Ip(p=PROTO, dst=ip4("10.0.0.9")).pack(), (ip4("192.0.2.1"), 0))
    assert one.heard().ip.dst == ip4("10.0.0.9")


@pytest.mark.parametrize("bad", [b"", b"\x45", bytes(20), b"\x65" + bytes(19), b"\x4f" + bytes(19)], ids=range(5))
def test_a_header_that_is_none(bad: bytes) -> None:
    _, a, _ = pair()
    so = raw(a, IPPROTO_RAW)
    with pytest.raises(OSError) as caught:
        so.sendto(bad, (B, 0))
    assert caught.value.errno == errno.EINVAL


def test_options_that_are_malformed_are_one_s_own_affair() -> None:
    one = Raw()
    so = raw(one.a, IPPROTO_RAW)
    header = Ip(p=PROTO, dst=ip4("10.0.0.9"), options=b"\x07\x09\x04\0")
    so.sendto(header.pack() + b"short", (ip4("10.0.0.9"), 0))
    assert one.heard().ip.options == b"\x07\x09\x04\0"
    with pytest.raises(OSError, match="Message too long"):  # but who knows which of them each fragment should have
        so.sendto(header.pack() + bytes(2000), (ip4("10.0.0.9"), 0))
    assert one.watch.reasons() == ["cantfrag"]


# --- errors -------------------------------------------------------------------------------------------------------


def test_errnos() -> None:
    _, a, _ = pair()
    so = raw(a, PROTO)
    with pytest.raises(OSError) as caught:
        so.send(b"x")
    assert caught.value.errno == errno.EDESTADDRREQ
    with pytest.raises(OSError) as caught:
        so.bind((ip4("10.9.9.9"), 0))
    assert caught.value.errno == errno.EADDRNOTAVAIL
    with pytest.raises(OSError) as caught:
        so.sendto(b"x", (ip4("192.0.2.1"), 0))
    assert caught.value.errno == errno.EHOSTUNREACH
    so.setsockopt(SOL_SOCKET, SO_SNDBUF, 1 << 20)
    with pytest.raises(OSError) as caught:
        so.sendto(bytes(65516), (B, 0))
    assert caught.value.errno == errno.EMSGSIZE
    so.connect((B, 0))
    with pytest.raises(OSError) as caught:
        so.sendto(b"x", (B, 0))
    assert caught.value.errno == errno.EISCONN
    with pytest.raises(OSError) as caught:
        raw(a, PROTO).listen()
    assert caught.value.errno == errno.EOPNOTSUPP


def test_an_interface_without_an_address_has_no_source_to_give() -> None:
    one = Raw()
    bare = one.a.ifcreate("shmif1")
    bare.set_linkstr("bare")
    bare.up()
    one.a.routes.add(Rtentry(Prefix.parse("192.0.2.0/24"), bare, RTF_UP))
    with pytest.raises(OSError) as caught:
        raw(one.a, PROTO).sendto(b"x", (ip4("192.0.2.1"), 0))
    assert (caught.value.errno, one.watch.reasons()) == (errno.EADDRNOTAVAIL, ["noaddr"])


def test_names_have_no_ports() -> None:
    _, a, _ = pair()
    so = raw(a, PROTO)
    assert so.getsockname() == (Ip4(0), 0)
    so.bind((ip4("10.0.0.1"), 0))
    so.connect((B, 0))
    assert (so.getsockname(), so.getpeername()) == ((ip4("10.0.0.1"), 0), (B, 0))


def test_a_full_buffer() -> None:
    one = Raw()
    so = raw(one.a, PROTO)
    so.setsockopt(SOL_SOCKET, SO_RCVBUF, 100)
    for _ in range(4):
        one.inject()
    assert (len(received(so)), one.watch.reasons()) == (2, ["fullsock"] * 2)


def test_who_wants_no_more_gets_no_more() -> None:
    one = Raw()
    so = raw(one.a, PROTO)
    so.connect((ip4("10.0.0.9"), 0))
    so.shutdown(SHUT_RD)
    one.inject()
    assert (so.recv(10), one.watch.reasons()) == (b"", ["cantrcvmore"])


def test_the_longest_packet_fits() -> None:
    lab, a, b = pair()
    so, sink = raw(a, PROTO), raw(b, PROTO)
    so.sendto(bytes(65515), (B, 0))
    settle(lab)
    assert [len(whole) for whole in received(sink)] == [65535]


def test_a_closed_socket_is_forgotten() -> None:
    one = Raw()
    so = raw(one.a, PROTO)
    so.close()
    one.inject()
    assert (one.a.rawip.sockets, one.watch.reasons()) == ([], ["noproto"])


def test_packets_on_their_way_are_not_for_raw_sockets() -> None:
    lab, a, r, _ = routed()
    so = a.socket(SOCK_RAW, PROTO)
    listener = raw(r, 0)
    so.sendto(b"x", (ip4("10.0.2.1"), 0))
    wait(lab, 0)
    assert [Ip.parse(whole).p for whole in received(listener)] == []
    assert len(received(so)) == 0


def test_helpers_and_their_packets() -> None:
    assert Ip.parse(udp_packet("10.0.0.9", "10.0.0.1")).len == 33


def test_connecting_to_all_again() -> None:
    one = Raw()
    so = raw(one.a, PROTO)
    so.connect((ip4("10.0.0.8"), 0))
    one.inject()
    so.connect((0, 0))
    one.inject()
    assert len(received(so)) == 1
    with pytest.raises(OSError, match="Destination address required"):
        so.send(b"x")


def test_a_group_is_left_with_the_socket() -> None:
    one = Raw()
    so = raw(one.a, PROTO)
    so.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (ip4("239.1.1.1"), 0))
    assert one.ifp.in_group(ip4("239.1.1.1"))
    so.close()
    assert not one.ifp.in_group(ip4("239.1.1.1"))


def test_options_take_their_room() -> None:
    """A packet is as long as its header with options, and no longer than a packet can be."""
    one = Raw()
    so = raw(one.a, PROTO)
    so.setsockopt(IPPROTO_IP, IP_OPTIONS, b"\x01\x01\x01\x00")
    so.sendto(bytes(1476), (ip4("10.0.0.9"), 0))
    assert one.heard().ip.len == 1500
    so.sendto(bytes(1477), (ip4("10.0.0.9"), 0))
    settle(one.lab)
    assert len(one.station.packets()) == 2
    so.setsockopt(SOL_SOCKET, SO_SNDBUF, 1 << 20)
    so.sendto(bytes(65511), (ip4("10.0.0.9"), 0))
    with pytest.raises(OSError, match="Message too long"):
        so.sendto(bytes(65512), (ip4("10.0.0.9"), 0))
    assert one.watch.reasons() == ["cantfrag"]
