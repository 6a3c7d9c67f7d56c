"""IP input and forwarding (stack/netinet/ip_input.py): every check has a name, every hop a right checksum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP as ScapyIp

from stack.addr import ETHER_BROADCAST, Ip4, Mac, Prefix
from stack.header.checksum import checksum, partial
from stack.header.ip import IP_DF, IPPROTO_ICMP, Ip
from stack.kern.socket import Socket
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ifnet import Ifnet
from stack.net.wire import Personality
from tests.stack.labs import (
    Station,
    Watch,
    attach,
    echo,
    group_mac,
    ip4,
    packet,
    pair,
    received,
    routed,
    settle,
    udp,
    udp_packet,
    wait,
)


class Router:
    """r (10.0.1.254 left, 10.0.2.254 right), a station on each side that it knows: 10.0.1.9 and 10.0.2.9."""

    def __init__(self, **sysctls: int) -> None:
        self.lab = Lab()
        self.r = self.lab.add_host("r")
        self.left: Ifnet = attach(self.lab, self.r, "left", "10.0.1.254")
        self.right: Ifnet = attach(self.lab, self.r, "right", "10.0.2.254")
        self.source = Station(self.lab, "left", 1, "10.0.1.9").known(self.left)
        self.sink = Station(self.lab, "right", 2, "10.0.2.9").known(self.right)
        self.so: Socket = udp(self.r, 9)
        for name, value in sysctls.items():
            self.r.sysctl.set(f"net.inet.ip.{name.replace('_', '-')}", str(value))
        settle(self.lab)
        self.take()
        self.watch = Watch(self.lab)

    def take(self) -> None:
        self.source.take()
        self.sink.take()

    def inject(self, whole: bytes, to: Mac | None = None) -> None:
        """A packet comes in from the left."""
        self.source.inject(to or self.left, whole)
        settle(self.lab)


def mend(header: bytes) -> bytes:
    """A header with its checksum made right."""
    hlen = (header[0] & 15) * 4
    bare = header[:10] + b"\0\0" + header[12:hlen]
    return bare[:10] + checksum(bare).to_bytes(2) + bare[12:] + header[hlen:]


GOOD = udp_packet("10.0.1.9", "10.0.1.254")


def replaced(at: int, new: bytes, *, sum: bool = True, whole: bytes = GOOD) -> bytes:
    """A good packet with some bytes replaced, and its header checksum made right again."""
    changed = whole[:at] + new + whole[at + len(new) :]
    return mend(changed) if sum else changed


def to_us(src: str = "10.0.1.9", dst: str = "10.0.1.254", **header: Any) -> bytes:
    return udp_packet(src, dst, **header)


# Every reason to drop a packet on its way in: the packet, how it is addressed on the link, the reason, and
# the type and code of the ICMP message the sender gets, if any.
BAD: dict[str, tuple[bytes, Mac | None, str, list[tuple[int, int]]]] = {
    "nothing at all": (b"", None, "toosmall", []),
    "one byte": (b"\x45", None, "toosmall", []),
    "19 bytes": (GOOD[:19], None, "toosmall", []),
    "version 0": (replaced(0, b"\x05"), None, "badvers", []),
    "version 6": (replaced(0, b"\x65"), None, "badvers", []),
    "header of 16 bytes": (replaced(0, b"\x44", sum=False), None, "badhlen", []),
    "header of none": (replaced(0, b"\x40", sum=False), None, "badhlen", []),
    "header longer than the packet": (replaced(0, b"\x4f", sum=False), None, "badhlen", []),
    "checksum": (replaced(10, b"\x12\x34", sum=False), None, "badsum", []),
    "checksum of zero": (replaced(10, b"\0\0", sum=False), None, "badsum", []),
    "length shorter than the header": (replaced(2, b"\x00\x13"), None, "badlen", []),
    "length of none": (replaced(2, b"\0\0"), None, "badlen", []),
    "longer than what came": (replaced(2, b"\x00\x22"), None, "tooshort", []),
    "much longer than what came": (replaced(2, b"\xff\xff"), None, "tooshort", []),
    "from loopback": (to_us("127.0.0.1"), None, "badsource", []),
    "from a group": (to_us("224.0.0.9"), None, "badsource", []),
    "from everybody": (to_us("255.255.255.255"), None, "badsource", []),
    "from class E": (to_us("250.1.1.1"), None, "badsource", []),
    "from this net": (to_us("0.0.0.9"), None, "badsource", []),
    "from a net's broadcast": (to_us("10.0.1.255"), None, "badsource", []),
    "from another net's broadcast": (to_us("10.0.2.255"), None, "badsource", []),
    "to loopback": (to_us(dst="127.0.0.1"), None, "badaddr", []),
    "to loopback's net": (to_us(dst="127.9.9.9"), None, "badaddr", []),
    "to class E": (to_us(dst="240.0.0.1"), None, "badaddr", []),
    "to us by broadcast": (GOOD, ETHER_BROADCAST, "linkbcast", []),
    "to others by broadcast": (to_us(dst="10.0.2.9"), ETHER_BROADCAST, "linkbcast", []),
    "to nowhere by broadcast": (to_us(dst="192.0.2.1"), ETHER_BROADCAST, "linkbcast", []),
    "to a group we are not in": (to_us(dst="224.7.7.7"), group_mac("224.0.0.1"), "notmember", []),
    "to another net's broadcast": (to_us(dst="10.0.2.255"), None, "directedbcast", []),
    "no route": (to_us(dst="192.0.2.1"), None, "noroute", [(3, 0)]),
    "TTL 1": (to_us(dst="10.0.2.9", ttl=1), None, "ttl", [(11, 0)]),
    "TTL 0": (to_us(dst="10.0.2.9", ttl=0), None, "ttl", [(11, 0)]),
    "too long, not to be cut": (
        udp_packet("10.0.1.9", "10.0.2.9", data=bytes(1473), off=IP_DF), None, "cantfrag", [(3, 4)],
    ),
    "a protocol nobody speaks": (packet("10.0.1.9", "10.0.1.254", b"????", proto=99), None, "noproto", [(3, 2)]),
    "a port nobody has": (udp_packet("10.0.1.9", "10.0.1.254", dport=10), None, "noport", [(3, 3)]),
    "a port nobody has, by broadcast": (
        udp_packet("10.0.1.9", "10.0.1.255", dport=10), ETHER_BROADCAST, "noportbcast", [],
    ),
    "a protocol nobody speaks, by broadcast": (
        packet("10.0.1.9", "10.0.1.255", b"????", proto=99), ETHER_BROADCAST, "noproto", [],
    ),
    "a fragment of none": (packet("10.0.1.9", "10.0.1.254", off=0x2000), None, "badfrags", []),
    "a fragment that is no multiple of 8": (packet("10.0.1.9", "10.0.1.254", b"123", off=0x2000), None, "badfrags", []),
    "a fragment beyond the end": (packet("10.0.1.9", "10.0.1.254", bytes(800), off=0x1FFF), None, "badfrags", []),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_packet_dies_by_name(name: str) -> None:
    whole, to, reason, told = BAD[name]
    router = Router()
    router.inject(whole, to)
    assert router.watch.reasons() == [reason]
    assert (router.source.icmps(), router.sink.take()) == (told, [])
    assert not received(router.so)


@pytest.mark.parametrize("name", BAD)
def test_and_it_dies_the_same_way_where_there_is_no_router(name: str) -> None:
    """RFC 1122 3.2.2.1, 3.3.1.1: a host that does not forward says nothing of packets for others."""
    whole, to, reason, told = BAD[name]
    router = Router(forwarding=0)
    router.inject(whole, to)
    passing = reason in ("noroute", "ttl", "cantfrag")
    assert router.watch.reasons() == ["notforward" if passing else reason]
    assert router.source.icmps() == ([] if passing else told)


def test_a_packet_for_another_host_is_not_forwarded_by_a_host() -> None:
    router = Router(forwarding=0)
    router.inject(udp_packet("10.0.1.9", "10.0.2.9"))
    assert (router.watch.reasons(), router.sink.take()) == (["notforward"], [])


# --- what is good -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", [1, 7, 18, 1000])
def test_padding_behind_a_packet_is_cut_off(padding: int) -> None:
    router = Router()
    router.inject(GOOD + bytes(padding))
    router.inject(udp_packet("10.0.1.9", "10.0.2.9") + bytes(padding))
    assert received(router.so) == [b"hello"]
    assert [len(heard.payload) for heard in router.sink.take()] == [33]


def test_who_has_no_address_yet_may_ask_but_not_through_a_router() -> None:
    """RFC 1122 3.2.1.3 (a), RFC 1812 5.3.7."""
    router = Router()
    router.inject(udp_packet("0.0.0.0", "255.255.255.255"), ETHER_BROADCAST)
    assert (received(router.so), router.watch.reasons()) == ([b"hello"], [])
    router.inject(udp_packet("0.0.0.0", "10.0.2.9"))
    assert (router.watch.reasons(), router.sink.take()) == (["badsource"], [])


@pytest.mark.parametrize("dst", ["10.0.1.255", "255.255.255.255", "0.0.0.0"])
def test_broadcasts_are_for_us(dst: str) -> None:
    router = Router()
    router.inject(udp_packet("10.0.1.9", dst), ETHER_BROADCAST)
    router.inject(udp_packet("10.0.1.9", dst))  # even if the link did not say so
    assert (received(router.so), router.watch.reasons(), router.sink.take()) == ([b"hello"] * 2, [], [])


def test_the_weak_model_and_the_strong() -> None:
    """RFC 1122 3.3.4.2: is a packet for our other address ours, if it comes in over here?"""
    router = Router()
    router.inject(udp_packet("10.0.1.9", "10.0.2.254"))
    assert received(router.so) == [b"hello"]
    router.r.sysctl.set("net.inet.ip.checkinterface", "1")
    router.inject(udp_packet("10.0.1.9", "10.0.2.254"))
    assert (received(router.so), router.watch.reasons()) == ([], ["badaddr"])
    router.inject(udp_packet("10.0.1.9", "10.0.1.254"))
    assert received(router.so) == [b"hello"]


def test_directed_broadcasts_are_forwarded_only_if_asked_for() -> None:
    """RFC 2644."""
    router = Router(directed_broadcast=1)
    router.inject(udp_packet("10.0.1.9", "10.0.2.255"))
    (heard,) = router.sink.take()
    assert (heard.ether.dst, heard.ip.ttl) == (ETHER_BROADCAST, 63)
    router.inject(udp_packet("10.0.1.9", "10.0.2.255"), ETHER_BROADCAST)
    assert (router.watch.reasons(), router.sink.take()) == (["directedbcast"], [])


# --- forwarding -----------------------------------------------------------------------------------------------


def hop(whole: bytes) -> bytes:
    """What a router must make of a packet: one less TTL, and a checksum computed anew."""
    return mend(whole[:8] + bytes((whole[8] - 1,)) + whole[9:])


def same(found: bytes, wanted: bytes) -> bool:
    """The same packet; a checksum of zero has two forms, and both verify."""
    zero = (b"\0\0", b"\xff\xff")
    return found[:10] == wanted[:10] and found[12:] == wanted[12:] and (
        found[10:12] == wanted[10:12] or (found[10:12] in zero and wanted[10:12] in zero)
    )


def test_every_ttl_and_every_checksum_on_a_hop() -> None:
    """RFC 1624, all of it: the identification makes every checksum there is, for several TTLs."""
    router = Router()
    ip, out = router.r.ip, bytearray()
    rt = router.r.routes.lookup(ip4("10.0.2.9"))
    assert rt is not None
    for ttl in (2, 255):
        seen = set()
        for ident in range(0x10000):
            x = int.from_bytes(Ip(len=20, id=ident, ttl=ttl, p=99, src=ip4("10.0.1.9"), dst=ip4("10.0.2.9")).pack())
            seen.add(x >> 64 & 0xFFFF)
            m = Mbuf(b"", net=x.to_bytes(20))
            m.rcvif = router.left
            ip.forward(m, x, rt)
            out = bytearray(m.net)
            assert partial(out) == 0 and out[8] == ttl - 1
            router.sink.inq.clear()
        assert len(seen) == 0xFFFF
    router.lab.callouts.ready.clear()


@given(
    ttl=st.integers(2, 255), tos=st.integers(0, 255), ident=st.integers(0, 65535),
    off=st.sampled_from([0, IP_DF, 0x8000]),
    proto=st.integers(0, 255), src=st.integers(0x01000000, 0x7EFFFFFF), body=st.binary(max_size=40),
    options=st.sampled_from([b"", b"", b"\x01" * 4, b"\x94\x04\0\0", b"\x82\x0b" + bytes(9) + b"\0"]),
)  # fmt: skip
@settings(max_examples=300)
def test_a_hop_changes_nothing_but_ttl_and_checksum(
    ttl: int, tos: int, ident: int, off: int, proto: int, src: int, body: bytes, options: bytes
) -> None:
    router = Router()
    sender = str(Ip4(src))
    whole = packet(sender, "10.0.2.9", body, proto=proto, ttl=ttl, off=off, ident=ident, tos=tos, options=options)
    if src in (ip4("10.0.1.255"), ip4("10.0.2.255")):
        return
    router.inject(whole)
    (heard,) = router.sink.take()
    assert same(heard.payload, hop(whole))
    assert (router.r.ip.forwarded, router.watch.reasons()) == (1, [])


def test_what_goes_out_scapy_reads_the_same() -> None:
    router = Router()
    router.inject(udp_packet("10.0.1.9", "10.0.2.9", ttl=17, ident=4711, options=b"\x94\x04\0\0"))
    (heard,) = router.sink.take()
    read = ScapyIp(heard.payload)
    assert (read.ttl, read.id, read.src, read.dst, read.ihl) == (16, 4711, "10.0.1.9", "10.0.2.9", 6)
    theirs = read.copy()
    del theirs.chksum
    assert ScapyIp(bytes(theirs)).chksum == read.chksum


def test_packets_of_our_own_are_not_forwarded_in_circles() -> None:
    """A route through lo0 brings a packet back to ourselves, and it ends there."""
    lab, a, _ = pair()
    a.add_route(Prefix.parse("192.0.2.0/24"), ip4("10.0.0.2"))
    rt = a.routes.unicast(ip4("192.0.2.1"))
    assert rt is not None
    rt.ifp, rt.nexthop = a.interfaces["lo0"], Ip4(0)
    a.routes.changed()
    watch = Watch(lab)
    udp(a).sendto(b"x", (ip4("192.0.2.1"), 9))
    wait(lab, 1)
    assert watch.reasons() == ["notforward"]


def test_two_routers_that_point_at_each_other_end_it_by_ttl() -> None:
    lab, a, r, b = routed()
    r.add_route(Prefix.parse("192.0.2.0/24"), ip4("10.0.2.1"))
    watch = Watch(lab)
    so = udp(a)
    so.connect((ip4("192.0.2.1"), 9))
    so.send(b"round and round")
    settle(lab)
    assert [death.reason for death in watch.deaths].count("ttl") == 1
    assert r.ip.forwarded + b.ip.forwarded == 63 + 1  # and the news of its end


def test_a_route_out_of_the_way_it_came_in_makes_a_redirect() -> None:
    lab, a, r, _ = routed()
    other = lab.add_host("other")
    attach(lab, other, "left", "10.0.1.2")
    other.set_address(other.interfaces["lo0"], ip4("192.0.2.1"), 32, alias=True)
    r.add_route(Prefix.parse("192.0.2.0/24"), ip4("10.0.1.2"))
    sink, so = udp(other, 9), udp(a)
    so.sendto(b"1", (ip4("192.0.2.1"), 9))
    settle(lab)
    learned = a.routes.exact(Prefix.parse("192.0.2.1/32"))
    assert learned is not None and learned.gateway == ip4("10.0.1.2")
    so.sendto(b"2", (ip4("192.0.2.1"), 9))
    settle(lab)
    assert (received(sink), r.ip.stat["redirectsent"], r.ip.forwarded) == ([b"1", b"2"], 1, 1)


NO_REDIRECT: dict[str, Callable[[Router], bytes]] = {
    "sysctl": lambda router: (router.r.sysctl.set("net.inet.ip.redirect", "0"), udp_packet("10.0.1.9", "192.0.2.1"))[1],
    "sender not on the link": lambda router: udp_packet("10.7.7.7", "192.0.2.1"),
    "source routed": lambda router: udp_packet(
        "10.0.1.9", "192.0.2.1", options=b"\x83\x07\x04" + ip4("10.9.9.9").packed + b"\0"
    ),
    "the gateway itself": lambda router: udp_packet("10.0.1.2", "192.0.2.1"),
    "a broadcast on the link": lambda router: b"",
}  # fmt: skip


@pytest.mark.parametrize("name", NO_REDIRECT)
def test_no_redirect(name: str) -> None:
    """RFC 1812 5.2.7.2."""
    router = Router()
    router.r.add_route(Prefix.parse("192.0.2.0/24"), ip4("10.0.1.2"))
    Station(router.lab, "left", 5, "10.0.1.2").known(router.left)
    whole = NO_REDIRECT[name](router)
    if whole:
        router.inject(whole)
        assert router.r.ip.forwarded == 1
    else:
        router.inject(udp_packet("10.0.1.9", "192.0.2.1"), ETHER_BROADCAST)
    assert router.source.icmps() == []


def test_an_unreachable_default_route_does_not_redirect() -> None:
    """BSD: a default route is no better way, it is the way of who knows no better."""
    router = Router()
    Station(router.lab, "left", 5, "10.0.1.2").known(router.left)
    router.r.add_route(Prefix.parse("default"), ip4("10.0.1.2"))
    router.inject(udp_packet("10.0.1.9", "192.0.2.1"))
    assert (router.source.icmps(), router.r.ip.forwarded) == ([], 1)


def test_an_interface_that_cannot_send_makes_hosts_unreachable() -> None:
    router = Router()
    router.right.down()
    router.inject(echo("10.0.1.9", "10.0.2.9"))
    assert router.watch.reasons() == ["ifdown"]  # it dies once, and where it does
    assert router.r.ip.stat["cantforward"] == 1
    (heard,) = router.source.packets()
    assert (heard.ip.p, heard.body[:2]) == (IPPROTO_ICMP, b"\x03\x01")
    assert heard.body[8 + 8] == 64  # the quotation is of the packet as it came


def test_counters_of_a_router() -> None:
    router = Router()
    router.inject(udp_packet("10.0.1.9", "10.0.2.9"))
    router.inject(GOOD)
    router.inject(udp_packet("10.0.1.9", "192.0.2.1"))
    ip = router.r.ip
    assert (ip.total, ip.forwarded, ip.delivered, ip.localout, ip.stat["noroute"]) == (3, 1, 1, 1, 1)


def test_hosts_are_not_confused_with_each_other() -> None:
    lab, a, b = pair()
    assert a.ip is not b.ip and a.routes.cache is not b.routes.cache
    assert lab.hosts == {"a": a, "b": b}


def test_a_packet_with_options_that_cannot_be_sent_is_quoted_as_it_came() -> None:
    router = Router()
    router.right.down()
    whole = udp_packet("10.0.1.9", "10.0.2.9", ttl=64, options=b"\x94\x04\0\0")
    router.inject(whole)
    (heard,) = router.source.packets()
    assert heard.body[8:] == whole[:32]


def test_an_error_s_source_is_where_the_packet_came_in_not_where_the_error_leaves() -> None:
    """RFC 1812 4.3.2.4."""
    router = Router()
    router.inject(udp_packet("10.0.2.9", "192.0.2.1"))  # from the left, though its sender is on the right
    (heard,) = router.sink.packets()
    assert (heard.body[:2], heard.ip.src) == (b"\x03\0", ip4("10.0.1.254"))


def test_a_full_queue_drops_without_a_word() -> None:
    """RFC 1812 4.3.3.3: no source quench."""
    router = Router()
    router.lab.bus("right").set(Personality(rate=1000.0, queue=1))
    for _ in range(3):
        router.source.inject(router.left, udp_packet("10.0.1.9", "10.0.2.9"))
    settle(router.lab)
    assert router.watch.reasons("r") == ["odropped"]  # one was being sent, one waited
    assert router.source.icmps() == []
    assert router.r.ip.forwarded == 2
