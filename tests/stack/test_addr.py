"""Addresses: what they read, what they refuse, and how they print."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.addr import (
    ETHER_BROADCAST,
    INADDR_ALLHOSTS_GROUP,
    INADDR_ALLRTRS_GROUP,
    INADDR_BROADCAST,
    INADDR_LOOPBACK,
    Ip4,
    Mac,
    Prefix,
    mask_of,
    plen_of,
)

words = st.integers(0, 0xFFFFFFFF)
plens = st.integers(0, 32)


@given(words)
def test_ip4_agrees_with_ipaddress(value: int) -> None:
    mine, theirs = Ip4(value), IPv4Address(value)
    assert str(mine) == str(theirs)
    assert mine.packed == theirs.packed
    assert Ip4.parse(str(theirs)) == mine
    assert mine.is_multicast == theirs.is_multicast
    assert mine.is_loopback == theirs.is_loopback
    assert mine.is_experimental == theirs.is_reserved


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-1", "1.2.3.+1", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4/24",
     "0x7f.0.0.1", "010.0.0.1", "1.2.3.00", "1.2.3.1_0", "1.2.3.٣", "1.2.3.²", "1.2.3.1000", "1.2.3." + "9" * 5000,
     "a.b.c.d", "::1", "1.2.3. 4", "1.2.3.4\n", " 1.2.3.4"],
)  # fmt: skip
def test_ip4_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not an IPv4 address") as refusal:
        Ip4.parse(text)
    assert str(refusal.value).startswith(f"{text}:")


@given(st.text(alphabet="0123456789.+-_x ٣²", max_size=16))
def test_ip4_takes_only_what_it_prints(text: str) -> None:
    try:
        address = Ip4.parse(text)
    except ValueError:
        return
    assert str(address) == text


def test_ip4_prints_as_text_wherever_it_stands() -> None:
    address = Ip4.parse("10.0.0.1")
    assert str(address) == f"{address}" == "10.0.0.1"
    assert f"{address:>12}|" == "    10.0.0.1|"
    assert repr(address) == "Ip4('10.0.0.1')"


def test_well_known_addresses() -> None:
    assert str(INADDR_BROADCAST) == "255.255.255.255"
    assert str(INADDR_LOOPBACK) == "127.0.0.1"
    assert str(INADDR_ALLHOSTS_GROUP) == "224.0.0.1"
    assert str(INADDR_ALLRTRS_GROUP) == "224.0.0.2"
    assert str(ETHER_BROADCAST) == "ff:ff:ff:ff:ff:ff"


@given(st.binary(min_size=6, max_size=6))
def test_mac_round_trip(data: bytes) -> None:
    mac = Mac(data)
    assert Mac.parse(str(mac)) == Mac.parse(str(mac).upper()) == mac == data
    assert mac.is_multicast == bool(data[0] & 1)


def test_mac_takes_single_digits_as_ether_aton_does() -> None:
    assert str(Mac.parse("b2:a0:0:1:2:F")) == "b2:a0:00:01:02:0f"
    assert f"{Mac(bytes(6)):>18}|" == " 00:00:00:00:00:00|"
    assert repr(Mac(bytes(6))) == "Mac('00:00:00:00:00:00')"


@pytest.mark.parametrize(
    "text",
    ["", "1:2:3:4:5", "1:2:3:4:5:6:7", "1:2:3:4:5:", "1:2:3:4:5:100", "1:2:3:4:5:g", "1:2:3:4:5:+6", "1:2:3:4:5: 6",
     "1:2:3:4:5:-6", "1:2:3:4:5:٣", "1:2:3:4:5:6 ", "1-2-3-4-5-6", "10.0.0.1"],
)  # fmt: skip
def test_mac_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not an Ethernet address"):
        Mac.parse(text)


@given(plens)
def test_masks(plen: int) -> None:
    assert mask_of(plen) == int(IPv4Network((0, plen)).netmask)
    assert plen_of(mask_of(plen)) == plen


@given(words)
def test_plen_of_refuses_holes(mask: int) -> None:
    if mask in {mask_of(plen) for plen in range(33)}:
        assert mask_of(plen_of(mask)) == mask
    else:
        with pytest.raises(ValueError, match="netmask with holes"):
            plen_of(mask)


@given(words, plens, words)
def test_prefix_agrees_with_ipaddress(address: int, plen: int, other: int) -> None:
    mine, theirs = Prefix.of(address, plen), IPv4Network((address, plen), strict=False)
    assert str(mine) == str(theirs)
    assert Prefix.parse(f"{Ip4(address)}/{plen}") == Prefix.parse(str(theirs)) == mine
    assert mine.mask == int(theirs.netmask)
    assert mine.broadcast == int(theirs.broadcast_address)
    assert mine.has(other) == (IPv4Address(other) in theirs)
    assert mine.has(address)
    assert isinstance(mine.broadcast, Ip4)


@pytest.mark.parametrize(
    ("text", "full"),
    [("default", "0.0.0.0/0"), ("10/8", "10.0.0.0/8"), ("10.0.1/24", "10.0.1.0/24"), ("10.0.1.7/24", "10.0.1.0/24")],
)
def test_prefix_short_forms(text: str, full: str) -> None:
    assert f"{Prefix.parse(text):<14}|" == f"{full:<14}|"


@pytest.mark.parametrize(
    "text",
    ["", "/", "/24", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/024", "10.0.0.0/٣", "10./8",
     "10.0.0.0.0/8", "10.0.0.256/8", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0", "10.0.0.0/" + "9" * 5000, "Default"],
)  # fmt: skip
def test_prefix_refuses_in_the_words_of_the_user(text: str) -> None:
    with pytest.raises(ValueError, match="not a network prefix") as refusal:
        Prefix.parse(text)
    assert str(refusal.value).startswith(f"{text}:")
