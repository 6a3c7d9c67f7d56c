"""Fragmentation and reassembly (stack/netinet/ip_output.py, ip_reass.py; RFC 791 3.2, 1122 3.3.2, 5722)."""

from __future__ import annotations

import errno
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP as ScapyIp
from scapy.layers.inet import fragment as scapy_fragment
from scapy.packet import Raw

from stack.header.checksum import partial
from stack.header.icmp import ICMP_TIMXCEED
from stack.header.ip import IP_DF, IP_MF, IP_OFFMASK, IPPROTO_UDP, Ip
from stack.kern.socket import SO_RCVBUF, SO_SNDBUF, SOCK_RAW, SOL_SOCKET, Socket
from stack.mbuf import Mbuf
from stack.netinet.in_ import IP_DONTFRAG, IPPROTO_IP
from stack.netinet.ip_output import fragment
from tests.stack.labs import (
    One,
    Station,
    Watch,
    datagram,
    ip4,
    packet,
    pair,
    received,
    routed,
    settle,
    udp,
    wait,
)

PROTO = 99
NOPS = b"\x01" * 4
ROUTER_ALERT = b"\x94\x04\0\0"  # copied into every fragment
RECORD = b"\x07\x07\x04\0\0\0\0\x01"  # in the first alone


def body(size: int) -> bytes:
    """Bytes of which none is where another should be."""
    return random.Random(size).randbytes(size)


def mbuf(whole: bytes) -> Mbuf:
    hlen = (whole[0] & 15) * 4
    return Mbuf(whole[hlen:], net=whole[:hlen])


# --- cutting --------------------------------------------------------------------------------------------------


def check_pieces(whole: bytes, pieces: list[bytes], mtu: int) -> None:
    """What RFC 791 asks of the fragments of a packet, whoever made them."""
    original = Ip.parse(whole)
    data, at = b"", (original.off & IP_OFFMASK) * 8
    for number, piece in enumerate(pieces):
        header = Ip.parse(piece)
        assert partial(piece[: header.hlen]) == 0 and header.len == len(piece) <= mtu
        assert (header.off & IP_OFFMASK) * 8 == at + len(data)
        last = number == len(pieces) - 1
        assert bool(header.off & IP_MF) == (not last or bool(original.off & IP_MF))
        assert last or (len(piece) - header.hlen) % 8 == 0
        assert (header.id, header.p, header.src, header.dst, header.tos, header.ttl) == (
            original.id, original.p, original.src, original.dst, original.tos, original.ttl,
        )  # fmt: skip
        data += piece[header.hlen :]
    assert data == whole[original.hlen :]


@given(
    mtu=st.integers(68, 2000), size=st.integers(1, 6000), off=st.sampled_from([0, IP_MF, 3, 3 | IP_MF]),
    options=st.sampled_from([b"", NOPS, ROUTER_ALERT, RECORD, ROUTER_ALERT + RECORD, RECORD * 5]),
)  # fmt: skip
@settings(max_examples=300)
def test_every_size_through_every_mtu(mtu: int, size: int, off: int, options: bytes) -> None:
    if off & IP_MF:
        size += -size % 8
    whole = packet("10.0.0.1", "10.0.0.2", body(size), proto=PROTO, off=off, ident=4711, tos=8, ttl=9, options=options)
    pieces = [m.frame() for m in fragment(mbuf(whole), mtu)]
    check_pieces(whole, pieces, mtu)
    room = mtu - 20 - len(options) & ~7
    later = mtu - 20 - (len(ROUTER_ALERT) if ROUTER_ALERT in options else 0) & ~7
    assert len(pieces) == 1 + max(0, -(-(size - room) // later))  # and no more of them than need be


@given(mtu=st.integers(68, 1500), size=st.integers(1, 4000))
@settings(max_examples=40)
def test_scapy_cuts_the_same(mtu: int, size: int) -> None:
    data = body(size)
    ours = [m.frame() for m in fragment(mbuf(packet("10.0.0.1", "10.0.0.2", data, proto=PROTO, ident=7)), mtu)]
    whole = ScapyIp(src="10.0.0.1", dst="10.0.0.2", proto=PROTO, id=7) / Raw(data)
    theirs = scapy_fragment(whole, fragsize=mtu - 20 & ~7)
    assert [piece[20:] for piece in ours] == [bytes(piece)[20:] for piece in theirs]
    assert [(ScapyIp(piece).frag, int(ScapyIp(piece).flags)) for piece in ours] == [
        (piece.frag, int(piece.flags)) for piece in theirs
    ]


def test_options_go_into_the_first_or_into_all() -> None:
    whole = packet("10.0.0.1", "10.0.0.2", body(300), proto=PROTO, options=RECORD + ROUTER_ALERT)
    first, *others = [Ip.parse(m.frame()) for m in fragment(mbuf(whole), 100)]
    assert first.options == RECORD + ROUTER_ALERT
    assert {other.options for other in others} == {ROUTER_ALERT}


@pytest.mark.parametrize("mtu", [20, 27])
def test_what_cannot_be_cut(mtu: int) -> None:
    with pytest.raises(ValueError, match="MTU"):
        fragment(mbuf(packet("10.0.0.1", "10.0.0.2", body(100))), mtu)


# --- joining ----------------------------------------------------------------------------------------------------


class Joiner(One):
    """A host with a raw socket for a protocol, that gets fragments."""

    def __init__(self) -> None:
        super().__init__()
        self.so: Socket = self.a.socket(SOCK_RAW, PROTO)

    def piece(self, start: int, size: int, *, more: bool, ident: int = 1, fill: int = 0, **header: int) -> None:
        """A fragment: bytes `start` to `start + size` of what `body` gives, or filled with one value."""
        data = bytes((fill,)) * size if fill else body(70000)[start : start + size]
        off = start // 8 | (IP_MF if more else 0)
        whole = packet("10.0.0.9", "10.0.0.1", data, proto=PROTO, off=off, ident=ident, **header)  # type: ignore[arg-type]
        self.station.inject(self.ifp, whole)
        settle(self.lab)

    def got(self) -> list[bytes]:
        """The packets that arrived, without their headers."""
        return [whole[(whole[0] & 15) * 4 :] for whole in received(self.so)]

    @property
    def waiting(self) -> int:
        reassembly = self.a.ip.reassembly
        return len(reassembly.packets) if reassembly is not None else 0


@given(cuts=st.sets(st.integers(1, 99), max_size=12), order=st.randoms(use_true_random=False), tail=st.integers(1, 8))
@settings(max_examples=150)
def test_any_order_of_any_pieces(cuts: set[int], order: random.Random, tail: int) -> None:
    one = Joiner()
    total = 99 * 8 + tail
    edges = [0, *(cut * 8 for cut in sorted(cuts)), total]
    pieces = [(start, end - start, end != total) for start, end in pairwise(edges)]
    pieces += [order.choice(pieces) for _ in range(order.randrange(3))]  # a wire may bring one twice
    order.shuffle(pieces)
    for start, size, more in pieces:
        one.piece(start, size, more=more)
        if one.so.readable:
            break
    assert one.got() == [body(70000)[:total]]
    assert set(one.watch.reasons()) <= {"fragdup"}


def test_a_packet_put_together_is_as_it_was_sent() -> None:
    one = Joiner()
    for start, more in ((8, False), (0, True)):
        off = start // 8 | (IP_MF if more else 0)
        options = RECORD if not start else b""
        piece = packet("10.0.0.9", "10.0.0.1", b"12345678", proto=PROTO, off=off, tos=8, options=options)
        one.station.inject(one.ifp, piece)
    settle(one.lab)
    (whole,) = received(one.so)
    header = Ip.parse(whole)
    assert (header.off, header.len, header.tos, header.id) == (0, len(whole), 8, 1)
    assert partial(whole[: header.hlen]) == 0
    assert whole[header.hlen :] == b"1234567812345678"


OVERLAPS: dict[str, list[tuple[int, int, bool]]] = {
    "the end of one over the next": [(16, 16, True), (0, 24, True)],
    "the start of one under the last": [(0, 24, True), (16, 16, True)],
    "one inside another": [(0, 32, True), (8, 8, True)],
    "one around another": [(8, 8, True), (0, 32, True)],
    "the same start, longer": [(0, 8, True), (0, 16, True)],
    "the same start, shorter": [(0, 16, True), (0, 8, True)],
    "two ends": [(16, 8, False), (24, 8, False)],
    "an end before what came": [(16, 8, True), (8, 8, False)],
    "more beyond the end": [(8, 8, False), (16, 8, True)],
    "more over the end": [(8, 12, False), (16, 8, True)],
}


@pytest.mark.parametrize("name", OVERLAPS)
def test_overlaps_throw_the_whole_packet_away(name: str) -> None:
    """RFC 5722, in its spirit: whoever sends such means no good."""
    one = Joiner()
    for start, size, more in OVERLAPS[name]:
        one.piece(start, size, more=more)
    assert (one.watch.reasons(), one.waiting) == (["fragoverlap", "fragoverlap"], 0)


def test_the_teardrop_and_its_friends_leave_others_alone() -> None:
    one = Joiner()
    one.piece(0, 8, more=True, ident=2)
    one.piece(0, 16, more=True, ident=1)
    one.piece(8, 16, more=False, ident=1)
    one.piece(8, 4, more=False, ident=2)
    assert one.got() == [body(70000)[:12]]


def test_packets_are_told_apart_by_all_four() -> None:
    one = Joiner()
    who = ((1, "10.0.0.9", PROTO), (2, "10.0.0.9", PROTO), (1, "10.0.0.8", PROTO), (1, "10.0.0.9", 98))
    for ident, src, proto in who:
        one.station.inject(one.ifp, packet(src, "10.0.0.1", b"12345678", proto=proto, off=IP_MF, ident=ident))
    settle(one.lab)
    assert (one.waiting, one.watch.reasons()) == (4, [])


def test_the_wait_has_an_end_and_the_sender_is_told() -> None:
    one = Joiner()
    one.piece(0, 8, more=True)
    one.piece(16, 8, more=False)
    wait(one.lab, 29.9)
    assert (one.waiting, one.station.take()) == (1, [])
    wait(one.lab, 0.2)
    assert (one.waiting, one.watch.reasons()) == (0, ["fragtimeout", "fragtimeout"])
    (heard,) = one.station.packets()
    assert heard.body[:2] == bytes((ICMP_TIMXCEED, 1))
    assert heard.body[8:] == packet("10.0.0.9", "10.0.0.1", body(70000)[:8], proto=PROTO, off=IP_MF)


def test_without_the_first_piece_nobody_is_told() -> None:
    """RFC 792: there is no transport header to quote."""
    one = Joiner()
    one.piece(8, 8, more=True)
    wait(one.lab, 31)
    assert (one.watch.reasons(), one.station.take()) == (["fragtimeout"], [])


def test_so_many_packets_wait_and_the_oldest_makes_room() -> None:
    one = Joiner()
    one.a.sysctl.set("net.inet.ip.maxfragpackets", "3")
    for ident in range(5):
        one.piece(0, 8, more=True, ident=ident)
    assert (one.waiting, one.watch.reasons()) == (3, ["fragdropped"] * 2)
    for ident in range(2, 5):
        one.piece(8, 8, more=False, ident=ident)
    assert (len(one.got()), one.waiting) == (3, 0)
    one.a.sysctl.set("net.inet.ip.maxfragpackets", "0")
    one.watch.reasons()
    one.piece(0, 8, more=True, ident=9)
    assert one.watch.reasons() == ["fragdropped"]


def test_a_packet_has_only_so_many_pieces() -> None:
    one = Joiner()
    for number in range(2049):
        one.piece(16 * number, 8, more=True, fill=1)
    assert one.watch.reasons() == ["rcvmemdrop"] * 2049
    assert one.waiting == 0


# --- the longest, and what is longer ------------------------------------------------------------------------------


def test_the_longest_packet_there_is() -> None:
    one = Joiner()
    one.so.setsockopt(SOL_SOCKET, SO_RCVBUF, 1 << 20)
    for start in range(0, 65515, 1480):
        one.piece(start, min(1480, 65515 - start), more=start + 1480 < 65515)
    assert one.got() == [body(70000)[:65515]]


def test_the_ping_of_death() -> None:
    one = Joiner()
    for start in range(0, 65120, 1480):
        one.piece(start, 1480, more=True)
    one.piece(65120, 1000, more=False)  # its end would be at 66120
    assert one.watch.reasons() == ["badfrags"]
    one.piece(65120, 388, more=False, options=NOPS)  # type: ignore[arg-type]
    assert one.got() == [body(70000)[:65508]]


def test_the_longest_with_options_is_too_long() -> None:
    """Each piece is possible, but the whole with its longer header is not."""
    one = Joiner()
    off = IP_MF
    one.station.inject(one.ifp, packet("10.0.0.9", "10.0.0.1", body(70000)[:1440], proto=PROTO, off=off, options=NOPS))
    for start in range(1440, 65515, 1480):
        one.piece(start, min(1480, 65515 - start), more=start + 1480 < 65515)
    assert set(one.watch.reasons()) == {"toolong"}
    assert one.got() == []


# --- from host to host ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mtu", [68, 296, 576, 1006, 1500, 9000, 65535])
@pytest.mark.parametrize("size", [1, 47, 48, 49, 5000, 9000])
def test_datagrams_arrive_through_any_mtu(mtu: int, size: int) -> None:
    lab, a, b = pair()
    a.interfaces["shmif0"].set_mtu(mtu)
    sink = udp(b, 9)
    so = udp(a)
    so.sendto(b"warm", (ip4("10.0.0.2"), 9))
    settle(lab)
    so.sendto(body(size), (ip4("10.0.0.2"), 9))
    settle(lab)
    assert received(sink) == [b"warm", body(size)]


def test_the_longest_datagram() -> None:
    lab, a, b = pair()
    sink, so = udp(b, 9), udp(a)
    sink.setsockopt(SOL_SOCKET, SO_RCVBUF, 1 << 20)
    so.setsockopt(SOL_SOCKET, SO_SNDBUF, 1 << 20)
    so.sendto(body(65507), (ip4("10.0.0.2"), 9))
    settle(lab)
    assert received(sink) == [body(65507)]
    with pytest.raises(OSError, match="Message too long"):
        so.sendto(bytes(65508), (ip4("10.0.0.2"), 9))


def test_fragments_are_cut_again_on_a_narrower_way_and_joined_at_the_end_alone() -> None:
    lab, a, r, b = routed()
    b.interfaces["shmif0"].set_mtu(300)
    r.interfaces["shmif1"].set_mtu(300)
    spies = [Station(lab, bus, 7, sees_all=True) for bus in ("left", "right")]
    sink = udp(b, 9)
    udp(a).sendto(body(4000), (ip4("10.0.2.1"), 9))
    settle(lab)
    assert received(sink) == [body(4000)]
    left, right = ([heard.ip for heard in spy.packets()] for spy in spies)
    assert (len(left), len(right), r.ip.stat["reassembled"]) == (3, 6 + 6 + 4, 0)
    assert {header.id for header in left} == {header.id for header in right}
    assert all(header.len <= 300 for header in right)
    assert b.ip.stat["reassembled"] == 1
    assert r.ip.stat["fragmented"] == 3


def test_what_must_not_be_cut() -> None:
    lab, a, _ = pair()
    so = udp(a)
    so.setsockopt(IPPROTO_IP, IP_DONTFRAG, 1)
    watch = Watch(lab)
    with pytest.raises(OSError) as caught:
        so.sendto(bytes(1473), (ip4("10.0.0.2"), 9))
    assert (caught.value.errno, watch.reasons()) == (errno.EMSGSIZE, ["cantfrag"])
    so.sendto(bytes(1472), (ip4("10.0.0.2"), 9))
    spy = Station(lab, "lan", 7, sees_all=True)
    settle(lab)
    assert [heard.ip.off for heard in spy.packets() if heard.ip.p == IPPROTO_UDP] == [IP_DF]


def test_a_sum_left_open_is_closed_before_a_datagram_is_cut() -> None:
    lab, a, _ = pair()
    spy = Station(lab, "lan", 7, sees_all=True)
    so = udp(a, 1000)
    so.sendto(b"warm", (ip4("10.0.0.2"), 9))
    settle(lab)
    spy.take()
    so.sendto(body(2000), (ip4("10.0.0.2"), 9))
    settle(lab)
    whole = b"".join(heard.body for heard in spy.packets() if heard.ip.p == IPPROTO_UDP)
    assert whole == datagram("10.0.0.1", "10.0.0.2", 1000, 9, body(2000))


def test_fragments_wait_for_arp_together() -> None:
    lab, a, b = pair()
    sink = udp(b, 9)
    udp(a).sendto(body(9000), (ip4("10.0.0.2"), 9))
    settle(lab)
    assert received(sink) == [body(9000)]


def test_counters() -> None:
    lab, a, b = pair()
    udp(b, 9)
    so = udp(a)
    so.sendto(body(4000), (ip4("10.0.0.2"), 9))
    settle(lab)
    assert (a.ip.stat["fragmented"], a.ip.stat["ofragments"], a.ip.localout) == (1, 3, 1)
    assert (b.ip.stat["fragments"], b.ip.stat["reassembled"], b.ip.delivered, b.ip.total) == (3, 1, 1, 3)


def test_loopback_cuts_too() -> None:
    lab, a, _ = pair()
    sink, so = udp(a, 9), udp(a)
    sink.setsockopt(SOL_SOCKET, SO_RCVBUF, 1 << 20)
    so.setsockopt(SOL_SOCKET, SO_SNDBUF, 1 << 20)
    so.sendto(body(60000), (ip4("127.0.0.1"), 9))
    settle(lab)
    assert received(sink) == [body(60000)]
