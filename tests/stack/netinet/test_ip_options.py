"""IP options on the way (stack/netinet/ip_options.py; RFC 791 3.1, 1122 3.2.1.8, 1812 5.2.4)."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP as ScapyIp

from stack.addr import Prefix
from stack.header.checksum import partial
from stack.header.icmp import ICMP_ECHO, ICMP_PARAMPROB, ICMP_UNREACH, build
from stack.header.ip import IPPROTO_ICMP, OptionError, options
from stack.host import Host
from stack.lab import Lab
from stack.net.ifnet import Ifnet
from stack.netinet.in_ import IP_OPTIONS, IPPROTO_IP
from tests.stack.labs import (
    Station,
    Watch,
    attach,
    datagram,
    echo,
    group_mac,
    ip4,
    packet,
    raw,
    received,
    routed,
    settle,
    udp,
    udp_packet,
    wait,
)

RR, TS, SECURITY, LSRR, SSRR, ALERT = 7, 68, 130, 131, 137, 148


def option(kind: int, *rest: int | bytes, length: int | None = None) -> bytes:
    """An option: its kind, its length, what it says."""
    body = b"".join(part if isinstance(part, bytes) else bytes((part,)) for part in rest)
    return bytes((kind, len(body) + 2 if length is None else length)) + body


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def stops(*dots: str) -> bytes:
    return b"".join(ip4(text).packed for text in dots)


class Router:
    """r (10.0.1.254 left, 10.0.2.254 right), with a station on each side: 10.0.1.9 and 10.0.2.9."""

    def __init__(self, **sysctls: int) -> None:
        self.lab = Lab()
        self.r: Host = self.lab.add_host("r")
        self.left: Ifnet = attach(self.lab, self.r, "left", "10.0.1.254")
        self.right: Ifnet = attach(self.lab, self.r, "right", "10.0.2.254")
        self.source = Station(self.lab, "left", 1, "10.0.1.9").known(self.left)
        self.sink = Station(self.lab, "right", 2, "10.0.2.9").known(self.right)
        for name, value in sysctls.items():
            self.r.sysctl.set(f"net.inet.ip.{name}", str(value))
        settle(self.lab)
        self.source.take()
        self.sink.take()
        self.watch = Watch(self.lab)

    def send(self, opts: bytes, dst: str = "10.0.2.9") -> None:
        self.source.inject(self.left, udp_packet("10.0.1.9", dst, options=padded(opts)))
        settle(self.lab)

    def passed(self) -> tuple[str, bytes]:
        """Where the packet went on, and its options then; its sum is verified."""
        (heard,) = self.sink.packets()
        assert partial(heard.payload[: heard.ip.hlen]) == 0 and heard.ip.ttl == 63
        return str(heard.ip.dst), heard.ip.options

    def refused(self) -> tuple[int, int, int]:
        """The type, code and pointer of the ICMP error."""
        (heard,) = self.source.packets()
        assert self.sink.take() == []
        return heard.body[0], heard.body[1], heard.body[4]


# --- what a router writes ------------------------------------------------------------------------------------

AT = 12.345
STAMP = (12345).to_bytes(4)
OURS = stops("10.0.2.254")

WRITTEN: dict[str, tuple[bytes, bytes]] = {
    "record route": (option(RR, 4, bytes(8)), option(RR, 8, OURS, bytes(4))),
    "record route, next": (option(RR, 8, b"abcd", bytes(4)), option(RR, 12, b"abcd", OURS)),
    "record route, full": (option(RR, 12, b"abcdefgh"), option(RR, 12, b"abcdefgh")),
    "record route, no room ever": (option(RR, 4), option(RR, 4)),
    "behind a NOP": (b"\x01" + option(RR, 4, bytes(4)), b"\x01" + option(RR, 8, OURS)),
    "time": (option(TS, 5, 0x00, bytes(8)), option(TS, 9, 0x00, STAMP, bytes(4))),
    "time, full": (option(TS, 9, 0x00, b"abcd"), option(TS, 9, 0x10, b"abcd")),
    "time, full for long": (option(TS, 9, 0xE0, b"abcd"), option(TS, 9, 0xF0, b"abcd")),
    "time and address": (option(TS, 5, 0x01, bytes(8)), option(TS, 13, 0x01, stops("10.0.1.254"), STAMP)),
    "time and address, full": (option(TS, 13, 0x01, bytes(8)), option(TS, 13, 0x11, bytes(8))),
    "time if we are asked": (
        option(TS, 5, 0x03, stops("10.0.2.254"), bytes(4)), option(TS, 13, 0x03, stops("10.0.2.254"), STAMP),
    ),
    "time if another is asked": (
        option(TS, 5, 0x03, stops("10.0.9.9"), bytes(4)), option(TS, 5, 0x03, stops("10.0.9.9"), bytes(4)),
    ),
    "router alert": (option(ALERT, 0, 0), option(ALERT, 0, 0)),
    "security": (option(SECURITY, bytes(9)), option(SECURITY, bytes(9))),
    "unknown": (option(0x5E, b"??"), option(0x5E, b"??")),
    "end, and rubbish behind it": (b"\x00\xff\xff\xff", b"\x00\xff\xff\xff"),
    "record and time": (
        option(RR, 4, bytes(4)) + option(TS, 5, 0, bytes(4)), option(RR, 8, OURS) + option(TS, 9, 0, STAMP),
    ),
    "loose route elsewhere": (option(LSRR, 4, stops("10.7.7.7")), option(LSRR, 4, stops("10.7.7.7"))),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_a_router_writes(name: str) -> None:
    before, after = WRITTEN[name]
    router = Router()
    wait(router.lab, AT - router.lab.callouts.now)
    router.send(before)
    assert router.passed() == ("10.0.2.9", padded(after))
    assert router.watch.reasons() == []


# RFC 792: the pointer says which byte is wrong; options begin at byte 20
MALFORMED: dict[str, tuple[bytes, int]] = {
    "length 0": (option(RR, 4, bytes(5), length=0), 21),
    "length 1": (option(RR, 4, bytes(5), length=1), 21),
    "longer than the list": (option(RR, 4, bytes(5), length=9), 21),
    "no length at all": (b"\x01\x01\x01\x07", 24),
    "unknown, longer than the list": (option(0x5E, b"??", length=40), 21),
    "record route without a pointer": (option(RR) + b"\1\1", 21),
    "record route, pointer 0": (option(RR, 0, bytes(4)), 22),
    "record route, pointer 3": (option(RR, 3, bytes(4)), 22),
    "record route, some room": (option(RR, 5, bytes(4)), 22),
    "record route, less room": (option(RR, 7, bytes(4)), 22),
    "source route, pointer 3": (option(LSRR, 3, bytes(4)), 22),
    "source route without a pointer": (option(SSRR) + b"\1\1", 21),
    "source route, some room": (option(LSRR, 6, bytes(4)), 22),
    "time without flags": (option(TS, 5) + b"\1", 21),
    "time, pointer 4": (option(TS, 4, 0, bytes(4)), 22),
    "time, some room": (option(TS, 6, 0, bytes(4)), 22),
    "time and address, room for one": (option(TS, 5, 1, bytes(4)), 22),
    "time, unknown flag": (option(TS, 5, 2, bytes(8)), 23),
    "time, overflow beyond the end": (option(TS, 9, 0xF0, bytes(4)), 23),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_is_pointed_at(name: str) -> None:
    opts, pointer = MALFORMED[name]
    router = Router()
    router.send(opts)
    assert router.refused() == (ICMP_PARAMPROB, 0, pointer)
    assert router.watch.reasons() == ["badoptions"]


@given(st.binary(max_size=40))
@settings(max_examples=200)
def test_any_options_pass_or_are_refused(opts: bytes) -> None:
    router = Router()
    router.send(opts)
    reasons = router.watch.reasons()
    if reasons == ["badoptions"]:
        assert router.refused()[0] in (ICMP_PARAMPROB, ICMP_UNREACH)
    else:
        assert reasons == []
        _, after = router.passed()
        assert len(after) == len(padded(opts))
        assert [kind for kind, _ in options(after)] == [kind for kind, _ in options(padded(opts))]
    try:
        options(padded(opts))
    except OptionError:
        assert reasons == ["badoptions"]


def test_scapy_reads_what_we_wrote() -> None:
    router = Router()
    router.send(option(RR, 4, bytes(8)))
    _, after = router.passed()
    (read,) = [found for found in ScapyIp(b"\x48" + bytes(19) + after).options if found.option == RR]
    assert (read.pointer, read.routers) == (8, ["10.0.2.254", "0.0.0.0"])


def test_what_is_for_us_records_the_address_that_was_meant() -> None:
    router = Router()
    so = raw(router.r, 99)
    opts = padded(option(RR, 4, bytes(4)))
    router.source.inject(router.left, packet("10.0.1.9", "10.0.2.254", b"x", proto=99, options=opts))
    settle(router.lab)
    (found,) = received(so)
    assert found[20:27] == option(RR, 8, stops("10.0.2.254"))


def test_options_of_a_group_record_where_it_came_in() -> None:
    router = Router()
    so = raw(router.r, 99)
    opts = padded(option(RR, 4, bytes(4)))
    router.source.inject(group_mac("224.0.0.1"), packet("10.0.1.9", "224.0.0.1", b"x", proto=99, options=opts))
    settle(router.lab)
    (found,) = received(so)
    assert found[20:27] == option(RR, 8, stops("10.0.1.254"))


# --- source routes --------------------------------------------------------------------------------------------


def test_a_loose_source_route_goes_on_to_its_next_stop() -> None:
    router = Router()
    router.send(option(LSRR, 4, stops("10.0.2.9", "192.0.2.1")), "10.0.1.254")
    assert router.passed() == ("10.0.2.9", padded(option(LSRR, 8, OURS, stops("192.0.2.1"))))
    assert router.r.ip.forwarded == 1


def test_a_strict_one_goes_to_neighbours_alone() -> None:
    router = Router()
    router.send(option(SSRR, 4, stops("10.0.2.9")), "10.0.1.254")
    assert router.passed() == ("10.0.2.9", padded(option(SSRR, 8, OURS)))
    router.r.add_route(Prefix.parse("192.0.2.0/24"), ip4("10.0.2.9"))
    router.send(option(SSRR, 4, stops("192.0.2.1")), "10.0.1.254")
    assert router.refused() == (ICMP_UNREACH, 5, 0)
    router.send(option(LSRR, 4, stops("192.0.2.1")), "10.0.1.254")
    assert router.passed()[0] == "192.0.2.1"


# sysctls, option, destination -> code of the unreachable, or the reason (None: delivered)
ROUTED: dict[str, tuple[dict[str, int], bytes, str, int | None]] = {
    "strict, and we are not named": ({}, option(SSRR, 4, stops("10.0.2.9")), "10.0.2.9", 5),
    "next stop unknown": ({}, option(LSRR, 4, stops("192.0.2.1")), "10.0.1.254", 5),
    "next stop a group": ({}, option(LSRR, 4, stops("224.0.0.5")), "10.0.1.254", 5),
    "next stop everybody": ({}, option(LSRR, 4, stops("255.255.255.255")), "10.0.1.254", 5),
    "not to be forwarded": ({"forwsrcrt": 0}, option(LSRR, 4, stops("10.0.2.9")), "10.0.1.254", 5),
    "not to be forwarded, on its way": ({"forwsrcrt": 0}, option(LSRR, 4, stops("10.7.7.7")), "10.0.2.9", 9),
    "no router": ({"forwarding": 0}, option(LSRR, 4, stops("10.0.2.9")), "10.0.1.254", 5),
    "at its end": ({}, option(LSRR, 8, stops("10.7.7.7")), "10.0.1.254", None),
    "at its end, and not accepted": ({"allowsrcrt": 0}, option(LSRR, 8, stops("10.7.7.7")), "10.0.1.254", 9),
}


@pytest.mark.parametrize("name", ROUTED)
def test_source_routes_obey(name: str) -> None:
    sysctls, opts, dst, code = ROUTED[name]
    router = Router(**sysctls)
    so = udp(router.r, 9)
    router.send(opts, dst)
    if code is None:
        assert received(so) == [b"hello"]
    else:
        assert router.refused() == (ICMP_UNREACH, code, 0)
        assert router.watch.reasons() == ["badoptions"]


def test_next_stop_ourselves_by_another_name_ends_here() -> None:
    router = Router()
    so = udp(router.r, 9)
    opts = padded(option(LSRR, 4, stops("10.0.2.254")))
    router.source.inject(
        router.left, packet("10.0.1.9", "10.0.1.254", datagram("10.0.1.9", "10.0.2.254"), options=opts)
    )
    settle(router.lab)
    assert received(so) == [b"hello"]


def test_stops_that_are_all_ourselves_are_passed_at_once() -> None:
    router = Router()
    router.send(option(LSRR, 4, stops("10.0.2.254", "10.0.1.254", "10.0.2.9", "192.0.2.1")), "10.0.1.254")
    expected = option(LSRR, 16, stops("10.0.2.254", "10.0.1.254"), OURS, stops("192.0.2.1"))
    assert router.passed() == ("10.0.2.9", padded(expected))


def test_next_stop_loopback_is_no_way_in() -> None:
    router = Router()
    so = udp(router.r, 9, "127.0.0.1")
    router.send(option(LSRR, 4, stops("127.0.0.1")), "10.0.1.254")
    assert (received(so), router.watch.reasons()) == ([], ["badaddr"])


# --- answers --------------------------------------------------------------------------------------------------


def test_an_echo_s_records_go_on_in_the_answer() -> None:
    """RFC 1122 3.2.2.6."""
    router = Router()
    opts = padded(option(RR, 8, stops("10.0.1.9"), bytes(8)) + b"\x01" + option(TS, 5, 0, bytes(8)))
    router.source.inject(router.left, echo("10.0.1.9", "10.0.1.254", options=opts))
    settle(router.lab)
    (heard,) = router.source.packets()
    assert heard.ip.options[:15] == option(RR, 12, stops("10.0.1.9", "10.0.1.254"), bytes(4))
    assert heard.ip.options[15:19] == bytes((TS, 12, 9, 0))


def test_a_source_route_is_taken_back() -> None:
    """RFC 1122 3.2.2.6: the last stop first, and the sender at the end."""
    router = Router()
    opts = padded(option(LSRR, 12, stops("10.0.1.1", "10.0.1.2")))
    router.source.known(router.left)
    neighbour = Station(router.lab, "left", 3, "10.0.1.2").known(router.left)
    router.source.inject(router.left, echo("10.0.9.9", "10.0.1.254", options=opts))
    settle(router.lab)
    (heard,) = neighbour.packets()
    assert (str(heard.ip.dst), heard.ip.options) == (
        "10.0.1.2", padded(option(LSRR, 4, stops("10.0.1.1", "10.0.9.9"))),
    )  # fmt: skip


def test_there_and_back_again_through_a_stop() -> None:
    lab, a, r, b = routed()
    spies = [Station(lab, bus, 7, sees_all=True) for bus in ("left", "right")]
    so = raw(a, IPPROTO_ICMP)
    so.setsockopt(IPPROTO_IP, IP_OPTIONS, option(LSRR, 4, stops("10.0.1.254", "10.0.2.1")))
    so.sendto(build(ICMP_ECHO, 0, 1, b"there"), (ip4("10.0.2.1"), 0))
    settle(lab)
    left, right = ([(str(heard.ip.src), str(heard.ip.dst)) for heard in spy.packets()] for spy in spies)
    assert left == [("10.0.1.1", "10.0.1.254"), ("10.0.2.1", "10.0.1.1")]
    assert right == [("10.0.1.1", "10.0.2.1"), ("10.0.2.1", "10.0.2.254")]
    (answer,) = received(so)
    assert answer[20:27] == option(LSRR, 8, stops("10.0.1.254"))
    assert (r.ip.forwarded, b.icmp.stat["reflect"]) == (2, 1)


def test_a_datagram_s_sum_is_made_for_its_last_stop() -> None:
    lab, a, _, b = routed()
    spy = Station(lab, "left", 7, sees_all=True)
    sink, so = udp(b, 9), udp(a, 1000)
    so.setsockopt(IPPROTO_IP, IP_OPTIONS, option(LSRR, 4, stops("10.0.1.254", "10.0.2.1")))
    so.sendto(b"hello", (ip4("10.0.2.1"), 9))
    settle(lab)
    assert received(sink) == [b"hello"]
    (heard,) = [heard for heard in spy.packets() if str(heard.ip.src) == "10.0.1.1"]
    pseudo = partial(stops("10.0.1.1", "10.0.2.1")) + 17 + len(heard.body)
    assert (partial(heard.body) + pseudo) % 0xFFFF == 0


@pytest.mark.parametrize(
    "value",
    [bytes(41), option(LSRR, 4) + b"\1", option(RR, 4, length=1), option(RR, length=9), "text", 7,
     option(LSRR, 4, stops("10.0.0.1")) + option(SSRR, 4, stops("10.0.0.2"))],
    ids=range(7),
)  # fmt: skip
def test_options_that_a_program_cannot_set(value: object) -> None:
    _, a, _, _ = routed()
    so = udp(a)
    with pytest.raises(OSError) as caught:
        so.setsockopt(IPPROTO_IP, IP_OPTIONS, value)
    assert (caught.value.errno, so.getsockopt(IPPROTO_IP, IP_OPTIONS)) == (errno.EINVAL, b"")


def test_options_are_padded_and_can_be_taken_back() -> None:
    lab, a, _, _ = routed()
    spy = Station(lab, "left", 7, sees_all=True)
    so = udp(a)
    so.setsockopt(IPPROTO_IP, IP_OPTIONS, b"\x01\x01\x01\x01\x01")
    so.sendto(b"x", (ip4("10.0.2.1"), 9))
    so.setsockopt(IPPROTO_IP, IP_OPTIONS, b"")
    so.sendto(b"x", (ip4("10.0.2.1"), 9))
    settle(lab)
    ours = [heard for heard in spy.packets() if str(heard.ip.src) == "10.0.1.1"]
    assert [heard.ip.options for heard in ours] == [b"\x01" * 5 + bytes(3), b""]
