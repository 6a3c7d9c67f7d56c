"""ICMP (stack/netinet/icmp.py): answers, errors and when there must be none, redirects, news for sockets."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP as ScapyIcmp
from scapy.layers.inet import IP as ScapyIp

from stack.addr import ETHER_BROADCAST, Ip4, Prefix
from stack.header.checksum import partial
from stack.header.icmp import (
    ICMP_ECHO,
    ICMP_ECHOREPLY,
    ICMP_MASKREPLY,
    ICMP_MASKREQ,
    ICMP_PARAMPROB,
    ICMP_REDIRECT,
    ICMP_TIMXCEED,
    ICMP_TSTAMP,
    ICMP_TSTAMPREPLY,
    ICMP_UNREACH,
    Icmp,
    build,
)
from stack.header.ip import IP_DF, IP_MF, IPPROTO_ICMP, IPPROTO_UDP, Ip
from stack.net.route import RTF_DYNAMIC, RTF_HOST
from tests.stack.labs import (
    One,
    Station,
    Watch,
    attach,
    datagram,
    echo,
    group_mac,
    ip4,
    packet,
    pair,
    raw,
    received,
    routed,
    settle,
    udp,
    udp_packet,
    wait,
)


class Pinged(One):
    """A host that gets ICMP messages."""

    def __init__(self, **sysctls: int) -> None:
        super().__init__()
        for name, value in sysctls.items():
            self.a.sysctl.set(f"net.inet.icmp.{name}", str(value))

    def inject(self, whole: bytes, *, broadcast: bool = False) -> None:
        self.station.inject(ETHER_BROADCAST if broadcast else self.ifp, whole)
        settle(self.lab)

    def message(self, kind: int, code: int, rest: int, data: bytes, src: str = "10.0.0.9") -> None:
        self.inject(packet(src, "10.0.0.1", build(kind, code, rest, data), proto=IPPROTO_ICMP))

    def answer(self) -> bytes:
        """The one ICMP message that came back, its sums verified."""
        (heard,) = self.station.packets()
        assert partial(heard.payload[: heard.ip.hlen]) == 0 and partial(heard.body) == 0
        assert heard.ip.ttl == 255
        return heard.body


# --- answers ------------------------------------------------------------------------------------------------


@given(data=st.binary(max_size=1460), ident=st.integers(0, 65535), seq=st.integers(0, 65535), tos=st.integers(0, 255))
@settings(max_examples=100)
def test_an_echo_comes_back_as_it_was(data: bytes, ident: int, seq: int, tos: int) -> None:
    one = Pinged()
    one.inject(echo("10.0.0.9", "10.0.0.1", data, ident=ident, seq=seq, tos=tos))
    (heard,) = one.station.packets()
    assert (heard.ip.tos, heard.ip.src, heard.ip.dst) == (tos, ip4("10.0.0.1"), ip4("10.0.0.9"))
    theirs = ScapyIcmp(type=0, id=ident, seq=seq) / data
    assert heard.body[:2] + heard.body[4:] == bytes(theirs)[:2] + bytes(theirs)[4:]
    assert partial(heard.body) == 0


def test_an_echo_s_sum_is_right_whatever_it_was() -> None:
    """RFC 1624: the sum is not computed anew, so each of its values must do."""
    one = Pinged()
    for value in range(0, 65536, 251):
        one.inject(echo("10.0.0.9", "10.0.0.1", value.to_bytes(2)))
        assert one.answer()[8:] == value.to_bytes(2)


def test_an_echo_s_code_is_kept() -> None:
    one = Pinged()
    one.message(ICMP_ECHO, 7, 0x00010002, b"x")
    assert one.answer()[:2] == b"\0\x07"


SILENT: dict[str, tuple[bytes, bool, str]] = {
    "broadcast": (echo("10.0.0.9", "10.0.0.255"), True, "bmcastecho"),
    "limited broadcast": (echo("10.0.0.9", "255.255.255.255"), True, "bmcastecho"),
    "group": (echo("10.0.0.9", "224.0.0.1"), True, "bmcastecho"),
    "bad sum": (packet("10.0.0.9", "10.0.0.1", b"\x08\0\x12\x34\0\0\0\0", proto=1), False, "checksum"),
    "short": (packet("10.0.0.9", "10.0.0.1", b"\x08\0\xf7\xff", proto=1), False, "tooshort"),
    "nothing": (packet("10.0.0.9", "10.0.0.1", b"", proto=1), False, "tooshort"),
    "short timestamp": (packet("10.0.0.9", "10.0.0.1", build(13, 0, 0, bytes(11)), proto=1), False, "badlen"),
    "timestamp by broadcast": (
        packet("10.0.0.9", "10.0.0.255", build(13, 0, 0, bytes(12)), proto=1), True, "bmcasttstamp",
    ),
    "mask, when we are no authority": (
        packet("10.0.0.9", "10.0.0.1", build(17, 0, 0, bytes(4)), proto=1), False, "maskreq",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SILENT)
def test_requests_that_are_not_answered(name: str) -> None:
    whole, broadcast, reason = SILENT[name]
    one = Pinged()
    one.inject(whole, broadcast=broadcast)
    assert (one.watch.reasons(), one.station.take()) == ([reason], [])


def test_broadcast_requests_are_answered_if_one_says_so() -> None:
    one = Pinged(bmcastecho=1)
    for dst in ("10.0.0.255", "255.255.255.255", "224.0.0.1"):
        one.inject(echo("10.0.0.9", dst), broadcast=True)
        (heard,) = one.station.packets()
        assert heard.ip.src == ip4("10.0.0.1")


def test_a_group_of_our_own_is_not_answered_either() -> None:
    lab, a, _ = pair()
    watch = Watch(lab)
    raw(a, IPPROTO_ICMP).sendto(build(ICMP_ECHO, 0, 1, b""), (ip4("224.0.0.1"), 0))
    settle(lab)
    assert [(death.host, death.reason) for death in watch.deaths] == [("a", "bmcastecho"), ("b", "bmcastecho")]


def test_timestamps_are_milliseconds_since_midnight() -> None:
    one = Pinged()
    wait(one.lab, 86_400 + 12.345)
    one.message(ICMP_TSTAMP, 0, 0x00070009, bytes(range(4)) + bytes(8))
    body = one.answer()
    assert (body[0], body[4:12]) == (ICMP_TSTAMPREPLY, b"\0\x07\0\x09\0\1\2\3")
    assert body[12:20] == (12345).to_bytes(4) * 2


def test_masks_are_told_by_an_authority() -> None:
    one = Pinged(maskrepl=1)
    one.message(ICMP_MASKREQ, 0, 0x00070009, bytes(4))
    body = one.answer()
    assert (body[0], body[4:8], body[8:12]) == (ICMP_MASKREPLY, b"\0\x07\0\x09", b"\xff\xff\xff\0")


def test_raw_sockets_see_what_is_not_answered_by_the_stack() -> None:
    one = Pinged()
    so = raw(one.a, IPPROTO_ICMP)
    one.inject(echo("10.0.0.9", "10.0.0.1"))
    one.message(ICMP_ECHOREPLY, 0, 1, b"reply")
    one.message(ICMP_UNREACH, 1, 0, udp_packet("10.0.0.1", "10.0.0.9")[:28])
    one.message(41, 0, 0, b"unknown")
    kinds = [whole[20] for whole in received(so)]
    assert kinds == [ICMP_ECHOREPLY, ICMP_UNREACH, 41]


# --- errors: what is quoted, by whom, to whom -----------------------------------------------------------------


def test_an_error_quotes_the_header_and_eight_bytes() -> None:
    one = Pinged()
    whole = udp_packet("10.0.0.9", "10.0.0.1", dport=99, data=b"long enough")
    one.inject(whole)
    body = one.answer()
    assert body == build(ICMP_UNREACH, 3, 0, whole[:28])
    read = ScapyIcmp(body)
    assert (read.type, read.code, read.payload.src, read.payload.payload.dport) == (3, 3, "10.0.0.9", 99)


@pytest.mark.parametrize("length", [8, 28, 512])
def test_how_much_is_quoted_can_be_set(length: int) -> None:
    one = Pinged(returndatabytes=length)
    options = b"\x01\x01\x01\x00"
    whole = udp_packet("10.0.0.9", "10.0.0.1", dport=99, data=bytes(300), options=options)
    one.inject(whole)
    assert one.answer()[8:] == whole[: 24 + length]


def test_a_sum_left_open_is_closed_before_it_is_quoted() -> None:
    lab, a, _ = pair()
    so = raw(a, IPPROTO_ICMP)
    udp(a, 1000).sendto(b"hello", (ip4("10.0.0.2"), 99))
    settle(lab)
    (whole,) = received(so)
    assert whole[28 + 20 :] == datagram("10.0.0.1", "10.0.0.2", 1000, 99)[:8]


def test_errors_have_precedence_and_come_from_where_the_packet_came_in() -> None:
    """RFC 1812 4.3.2.4, 4.3.2.5."""
    lab, _, r, _ = routed()
    station = Station(lab, "left", 9, "10.0.1.9").known(r.interfaces["shmif0"])
    for ttl, dst, tos, source in ((1, "10.0.2.1", 0, "10.0.1.254"), (64, "10.0.2.254", 0xE8, "10.0.2.254")):
        station.inject(r.interfaces["shmif0"], udp_packet("10.0.1.9", dst, dport=99, ttl=ttl, tos=tos))
        settle(lab)
        (heard,) = station.packets()
        assert (str(heard.ip.src), heard.ip.tos) == (source, 0xC0 | tos & 0xE0)


def test_needfrag_tells_the_mtu() -> None:
    lab, _, r, _ = routed()
    station = Station(lab, "left", 9, "10.0.1.9").known(r.interfaces["shmif0"])
    r.interfaces["shmif1"].set_mtu(1000)
    station.inject(r.interfaces["shmif0"], udp_packet("10.0.1.9", "10.0.2.1", data=bytes(973), off=IP_DF))
    settle(lab)
    (heard,) = station.packets()
    assert (heard.body[:2], Icmp.parse(heard.body).nextmtu) == (b"\x03\x04", 1000)
    station.inject(r.interfaces["shmif0"], udp_packet("10.0.1.9", "10.0.2.1", data=bytes(972), off=IP_DF))
    settle(lab)
    assert station.icmps() == [(ICMP_UNREACH, 3)]  # it fits, and arrives where nobody waits for it


ERROR = build(ICMP_UNREACH, 1, 0, udp_packet("10.0.0.1", "10.0.0.9")[:28])
# RFC 1122 3.2.2, RFC 1812 4.3.2.7: packets that would deserve an error, and must not have one
UNMENTIONED: dict[str, tuple[bytes, bool, str]] = {
    "an error": (packet("10.0.0.9", "192.0.2.1", ERROR, proto=1), False, "oldicmp"),
    "a redirect": (packet("10.0.0.9", "192.0.2.1", build(5, 1, 0, bytes(28)), proto=1), False, "oldicmp"),
    "an unknown type": (packet("10.0.0.9", "192.0.2.1", build(99, 0, 0), proto=1), False, "oldicmp"),
    "a later fragment": (packet("10.0.0.9", "192.0.2.1", bytes(16), off=5), False, "errfrag"),
    "a later fragment with more": (packet("10.0.0.9", "192.0.2.1", bytes(16), off=5 | IP_MF), False, "errfrag"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNMENTIONED)
def test_no_error_about(name: str) -> None:
    whole, broadcast, reason = UNMENTIONED[name]
    one = Pinged()
    one.inject(whole, broadcast=broadcast)
    assert (one.watch.reasons(), one.station.take()) == (["noroute", reason], [])


def test_an_error_about_a_query_and_a_first_fragment() -> None:
    one = Pinged()
    for whole in (
        echo("10.0.0.9", "192.0.2.1"),
        packet("10.0.0.9", "192.0.2.1", build(0, 0, 0), proto=1),
        packet("10.0.0.9", "192.0.2.1", bytes(16), off=IP_MF),
    ):
        one.inject(whole)
        assert one.station.icmps() == [(ICMP_UNREACH, 0)]


def test_no_error_about_broadcasts_at_any_layer() -> None:
    one = Pinged()
    other = attach(one.lab, one.a, "other", "10.7.0.1")
    one.a.sysctl.set("net.inet.ip.directed-broadcast", "1")
    settle(one.lab)
    one.watch.reasons()
    for whole, broadcast, reasons in (
        (packet("10.0.0.9", "10.0.0.255", b"?", proto=99), True, ["noproto"]),
        (packet("10.0.0.9", "10.0.0.255", b"?", proto=99), False, ["noproto"]),  # not said by the link
        (packet("10.0.0.9", "224.0.0.1", b"?", proto=99), True, ["noproto"]),
        (udp_packet("10.0.0.9", "10.7.0.255", ttl=1), False, ["ttl", "errbcast"]),  # everybody, but elsewhere
    ):
        one.inject(whole, broadcast=broadcast)
        assert (one.watch.reasons(), one.station.take()) == (reasons, [])
    assert other.opackets == 1  # its announcement


def test_no_error_to_nobody() -> None:
    one = Pinged()
    one.a.ip.forwarding = 1
    one.station.inject(one.ifp, udp_packet("0.0.0.0", "10.0.0.1", dport=99))
    settle(one.lab)
    assert (one.watch.reasons(), one.station.take()) == (["noport", "errsrc"], [])


def test_a_hundred_errors_a_second_and_no_more() -> None:
    """RFC 1812 4.3.2.8."""
    one = Pinged()
    for _ in range(150):
        one.inject(udp_packet("10.0.0.9", "10.0.0.1", dport=99))
    assert len(one.station.icmps()) == 100
    assert one.watch.reasons().count("errrate") == 50
    wait(one.lab, 1)
    one.inject(udp_packet("10.0.0.9", "10.0.0.1", dport=99))
    assert len(one.station.icmps()) == 1
    one.a.sysctl.set("net.inet.icmp.errppslimit", "-1")
    for _ in range(150):
        one.inject(udp_packet("10.0.0.9", "10.0.0.1", dport=99))
    assert len(one.station.icmps()) == 150
    one.a.sysctl.set("net.inet.icmp.errppslimit", "0")
    one.inject(udp_packet("10.0.0.9", "10.0.0.1", dport=99))
    assert one.station.icmps() == []


def test_answers_are_not_limited() -> None:
    one = Pinged()
    for _ in range(150):
        one.inject(echo("10.0.0.9", "10.0.0.1"))
    assert len(one.station.icmps()) == 150


# --- redirects ------------------------------------------------------------------------------------------------


class Redirected(Pinged):
    """Its default route leads to the station; a better gateway would be 10.0.0.2."""

    def __init__(self, **sysctls: int) -> None:
        super().__init__(**sysctls)
        self.a.add_route(Prefix.parse("default"), ip4("10.0.0.9"))

    def redirect(
        self, *, sender: str = "10.0.0.9", gateway: str = "10.0.0.2", src: str = "10.0.0.1", dst: str = "192.0.2.1",
        code: int = 1, cut: int = 28,
    ) -> None:  # fmt: skip
        self.message(ICMP_REDIRECT, code, ip4(gateway), udp_packet(src, dst)[:cut], sender)

    @property
    def gateway(self) -> str:
        rt = self.a.routes.lookup(ip4("192.0.2.1"))
        assert rt is not None
        return str(rt.nexthop)


def test_a_redirect_is_a_host_route_for_a_while() -> None:
    host = Redirected()
    assert host.gateway == "10.0.0.9"
    host.redirect()
    rt = host.a.routes.exact(Prefix.parse("192.0.2.1/32"))
    assert rt is not None and rt.flags & (RTF_DYNAMIC | RTF_HOST) == RTF_DYNAMIC | RTF_HOST
    assert (host.gateway, host.watch.reasons()) == ("10.0.0.2", [])
    wait(host.lab, 599)
    assert host.gateway == "10.0.0.2"
    wait(host.lab, 2)
    assert host.gateway == "10.0.0.9"


def test_a_redirect_may_be_redirected_again_by_the_new_gateway() -> None:
    host = Redirected()
    host.redirect()
    wait(host.lab, 300)
    host.redirect(sender="10.0.0.2", gateway="10.0.0.3")
    assert host.gateway == "10.0.0.3"
    wait(host.lab, 400)  # the first one's time is up; it is not there any more
    assert host.gateway == "10.0.0.3"
    wait(host.lab, 300)
    assert host.gateway == "10.0.0.9"


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "not from the gateway": ({"sender": "10.0.0.7"}, "badredirect"),
    "to somebody off the link": ({"gateway": "10.1.0.1"}, "badredirect"),
    "to ourselves": ({"gateway": "10.0.0.1"}, "badredirect"),
    "to everybody": ({"gateway": "10.0.0.255"}, "badredirect"),
    "to nobody": ({"gateway": "0.0.0.0"}, "badredirect"),
    "to a group": ({"gateway": "224.0.0.1"}, "badredirect"),
    "about another's packet": ({"src": "10.0.0.8"}, "badredirect"),
    "about a neighbour": ({"dst": "10.0.0.8"}, "badredirect"),
    "about a group": ({"dst": "224.0.0.9"}, "redirignored"),
    "about everybody": ({"dst": "255.255.255.255"}, "redirignored"),
    "about ourselves": ({"dst": "10.0.0.1"}, "badredirect"),
    "from nobody, about a neighbour": ({"sender": "0.0.0.0", "dst": "10.0.0.8"}, "badredirect"),
    "from nobody, about ourselves": ({"sender": "0.0.0.0", "dst": "10.0.0.1", "gateway": "127.0.0.2"}, "badredirect"),
    "cut short": ({"cut": 19}, "badlen"),
    "code 4": ({"code": 4}, "badcode"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_redirect_that_lies(name: str) -> None:
    lie, reason = LIES[name]
    host = Redirected()
    before = list(host.a.routes)
    host.redirect(**lie)
    assert (host.watch.reasons(), list(host.a.routes), host.gateway) == ([reason], before, "10.0.0.9")


def test_redirects_are_not_accepted_against_a_user_s_own_word_or_knob() -> None:
    host = Redirected()
    host.a.add_route(Prefix.parse("192.0.2.1/32"), ip4("10.0.0.9"))
    host.redirect()
    assert (host.watch.reasons(), host.gateway) == (["redirignored"], "10.0.0.9")
    other = Redirected(rediraccept=0)
    other.redirect()
    assert (other.watch.reasons(), other.gateway) == (["redirignored"], "10.0.0.9")


# --- news for sockets -------------------------------------------------------------------------------------------

NEWS = [
    (ICMP_UNREACH, 0, errno.EHOSTUNREACH),
    (ICMP_UNREACH, 1, errno.EHOSTUNREACH),
    (ICMP_UNREACH, 2, errno.ECONNREFUSED),
    (ICMP_UNREACH, 3, errno.ECONNREFUSED),
    (ICMP_UNREACH, 4, errno.EMSGSIZE),
    (ICMP_UNREACH, 5, errno.EHOSTUNREACH),
    (ICMP_UNREACH, 13, errno.EHOSTUNREACH),
    (ICMP_UNREACH, 16, 0),  # there is no such code
    (ICMP_TIMXCEED, 0, 0),
    (ICMP_PARAMPROB, 0, errno.ENOPROTOOPT),
]


@pytest.mark.parametrize(("kind", "code", "error"), NEWS)
def test_an_error_reaches_the_connected_socket_it_is_about(kind: int, code: int, error: int) -> None:
    one = Pinged()
    about, other, unconnected = udp(one.a, 1000), udp(one.a, 1001), udp(one.a, 1002)
    about.connect((ip4("10.0.0.9"), 9))
    other.connect((ip4("10.0.0.9"), 9))
    one.message(kind, code, 0, udp_packet("10.0.0.1", "10.0.0.9", 1000, 9)[:28])
    one.message(kind, code, 0, udp_packet("10.0.0.1", "10.0.0.9", 1002, 9)[:28])
    assert [so.getsockopt(0xFFFF, 0x1007) for so in (about, other, unconnected)] == [error, 0, 0]


def test_an_error_is_raised_once_and_then_forgotten() -> None:
    lab, a, _ = pair()
    so = udp(a)
    so.connect((ip4("10.0.0.2"), 9))
    so.send(b"is anybody there?")
    settle(lab)
    assert so.readable
    with pytest.raises(ConnectionRefusedError, match="Connection refused"):
        so.recv(10)
    with pytest.raises(BlockingIOError):
        so.recv(10)


QUOTES = [b"", b"\x45", udp_packet("10.0.0.1", "10.0.0.9")[:19], b"\x65" + bytes(27), b"\x4f" + bytes(27)]


@pytest.mark.parametrize("quote", QUOTES, ids=range(len(QUOTES)))
def test_an_error_about_nothing_that_can_be_read(quote: bytes) -> None:
    one = Pinged()
    one.message(ICMP_UNREACH, 3, 0, quote)
    assert (one.watch.reasons(), one.station.take()) == (["badlen"], [])


def test_an_error_that_quotes_too_little_of_the_datagram() -> None:
    one = Pinged()
    so = udp(one.a, 1000)
    so.connect((ip4("10.0.0.9"), 9))
    one.message(ICMP_UNREACH, 3, 0, udp_packet("10.0.0.1", "10.0.0.9", 1000, 9)[:23])
    assert so.getsockopt(0xFFFF, 0x1007) == 0


def test_counters_by_type() -> None:
    one = Pinged()
    one.inject(echo("10.0.0.9", "10.0.0.1"))
    one.inject(udp_packet("10.0.0.9", "10.0.0.1", dport=99))
    one.message(ICMP_UNREACH, 17, 0, b"")
    stat = one.a.icmp.stat
    names = ("in_echo", "out_echoreply", "reflect", "error", "out_unreach", "in_unreach", "badcode")
    assert [stat[name] for name in names] == [1] * 7


def test_what_a_router_says_scapy_reads_the_same() -> None:
    lab, _, r, _ = routed()
    station = Station(lab, "left", 9, "10.0.1.9").known(r.interfaces["shmif0"])
    whole = packet("10.0.1.9", "10.0.2.1", datagram("10.0.1.9", "10.0.2.1"), proto=IPPROTO_UDP, ttl=1)
    station.inject(r.interfaces["shmif0"], whole)
    settle(lab)
    (heard,) = station.packets()
    read = ScapyIp(heard.payload)
    fresh = read.copy()
    del fresh.chksum, fresh.payload.chksum
    assert bytes(fresh) == heard.payload
    assert (read.payload.type, read.payload.payload.ttl, read.payload.payload.dst) == (11, 1, "10.0.2.1")
    assert Ip.parse(heard.body[8:]).src == Ip4.parse("10.0.1.9")


def test_a_group_s_address_on_the_link_does_not_make_a_packet_for_one_host_welcome() -> None:
    one = Pinged()
    one.station.inject(group_mac("224.0.0.1"), udp_packet("10.0.0.9", "10.0.0.1", dport=99))
    settle(one.lab)
    assert (one.watch.reasons(), one.station.take()) == (["linkbcast"], [])
