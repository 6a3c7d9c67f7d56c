"""RIP messages: bytes both ways, cut short, at random, and as scapy has them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.rip import RIP as ScapyRip
from scapy.layers.rip import RIPEntry as ScapyEntry

from stack.addr import Ip4, Prefix
from stack.header.rip import (
    RIP_AF_AUTH,
    RIPCMD_REQUEST,
    RIPCMD_RESPONSE,
    WHOLE_TABLE,
    BadRip,
    Netinfo,
    Rip,
    is_destination,
    messages,
    netinfo,
)

NET = Prefix.parse("10.1.2.0/23")

TABLE = [
    (Rip(RIPCMD_REQUEST, (WHOLE_TABLE,)), "01 02 0000  0000 0000 00000000 00000000 00000000 00000010"),
    (Rip(RIPCMD_RESPONSE, (netinfo(NET, 3),)), "02 02 0000  0002 0000 0a010200 fffffe00 00000000 00000003"),
    (
        Rip(RIPCMD_RESPONSE, (netinfo(NET, 16, tag=7, nexthop=Ip4.parse("10.0.0.9")), netinfo(Prefix(Ip4(0), 0), 1))),
        "02 02 0000  0002 0007 0a010200 fffffe00 0a000009 00000010  0002 0000 00000000 00000000 00000000 00000001",
    ),
    (Rip(RIPCMD_RESPONSE, (), 3), "02 03 0000"),
]


@pytest.mark.parametrize(("value", "text"), TABLE)
def test_both_ways(value: Rip, text: str) -> None:
    data = bytes.fromhex(text)
    assert value.pack() == data
    assert Rip.parse(memoryview(data)) == value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "badlen"),
        (b"\x02\x02\0", "badlen"),
        (bytes.fromhex(TABLE[1][1])[:-1], "badlen"),
        (bytes.fromhex(TABLE[1][1]) + b"\0", "badlen"),
        (b"\x02\x02\0\0" + bytes(20 * 26), "toolong"),
        (b"\x02\x01\0\0" + bytes(20), "badversion"),
        (b"\x02\x00\0\0" + bytes(20), "badversion"),
        (b"\x00\x02\0\0" + bytes(20), "badcommand"),
        (b"\x05\x02\0\0" + bytes(20), "badcommand"),
        (Rip(RIPCMD_RESPONSE, (Netinfo(RIP_AF_AUTH, 2, Ip4(1), Ip4(2), Ip4(3), 4),)).pack(), "authenticated"),
    ],
)
def test_what_is_no_message(data: bytes, reason: str) -> None:
    with pytest.raises(BadRip) as bad:
        Rip.parse(data)
    assert bad.value.reason == reason


@pytest.mark.parametrize(
    ("net", "mask"), [("10.0.0.1", "255.255.255.0"), ("10.0.0.0", "255.0.255.0"), ("10.0.0.0", "0.0.0.0")]
)
def test_what_is_no_network(net: str, mask: str) -> None:
    with pytest.raises(ValueError):
        _ = Netinfo(2, 0, Ip4.parse(net), Ip4.parse(mask), Ip4(0), 1).prefix


@pytest.mark.parametrize(
    ("text", "good"),
    [("default", True), ("10.0.0.0/8", True), ("223.255.255.255/32", True), ("0.0.0.0/8", False), ("0.1.0.0/16", False),
     ("127.0.0.0/8", False), ("127.0.0.1/32", False), ("224.0.0.0/4", False), ("255.255.255.255/32", False)],
)  # fmt: skip
def test_where_routes_lead(text: str, good: bool) -> None:
    assert is_destination(Prefix.parse(text)) is good


def test_25_routes_a_message() -> None:
    nets = [netinfo(Prefix(Ip4(0x0A000000 + at * 256), 24), 1) for at in range(60)]
    made = messages(RIPCMD_RESPONSE, nets)
    assert [len(message.nets) for message in made] == [25, 25, 10]
    assert [net for message in made for net in message.nets] == nets
    assert max(len(message.pack()) for message in made) == 504
    assert messages(RIPCMD_RESPONSE, []) == []


words = st.integers(0, 0xFFFFFFFF)
nets = st.builds(
    Netinfo, st.sampled_from([0, 2]), st.integers(0, 0xFFFF), words.map(Ip4), words.map(Ip4), words.map(Ip4), words
)


@given(st.integers(1, 2), st.lists(nets, max_size=25), st.integers(2, 255))
def test_any_message(command: int, entries: list[Netinfo], version: int) -> None:
    message = Rip(command, tuple(entries), version)
    assert Rip.parse(message.pack()) == message


@given(st.binary(max_size=64))
def test_any_bytes(data: bytes) -> None:
    try:
        assert Rip.parse(data).pack()[4:] == data[4:]
    except BadRip as bad:
        assert bad.reason


@settings(max_examples=25, deadline=None)
@given(st.lists(nets, min_size=1, max_size=3))
def test_as_scapy_has_it(entries: list[Netinfo]) -> None:
    theirs = ScapyRip(cmd=2, version=2)
    for net in entries:
        theirs /= ScapyEntry(
            AF=net.family, RouteTag=net.tag, addr=str(net.net), mask=str(net.mask), nextHop=str(net.nexthop),
            metric=net.metric,
        )  # fmt: skip
    assert bytes(theirs) == Rip(RIPCMD_RESPONSE, tuple(entries)).pack()
