"""The Internet checksum, against the definition in RFC 1071 done slowly."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.addr import Ip4
from stack.header.checksum import checksum, partial, pseudo4


def slow_sum(data: bytes) -> int:
    """RFC 1071 1 as it is written: add 16-bit words, and add the carry back in each time."""
    if len(data) % 2:
        data += b"\0"
    total = 0
    for high, low in zip(data[::2], data[1::2], strict=True):
        total += high << 8 | low
        total = (total & 0xFFFF) + (total >> 16)
    return total


def agree(fast: int, slow: int) -> bool:
    """The two zeros of one's complement are one number (RFC 1071 1, 1624 3)."""
    return fast % 0xFFFF == slow % 0xFFFF


def test_rfc_1071_example() -> None:
    data = bytes.fromhex("0001f203f4f5f6f7")  # RFC 1071 3
    assert partial(data) == 0xDDF2
    assert checksum(data) == 0x220D


def test_rfc_1071_odd_example_by_parts() -> None:
    # RFC 1071 2 (A): sums may be taken in groups and added
    assert partial(b"\x00\x01\xf2") == 0xF201
    assert (partial(b"\x00\x01") + partial(b"\xf2\x03\xf4\xf5\xf6\xf7")) % 0xFFFF == 0xDDF2


@pytest.mark.parametrize(
    ("data", "stored"),
    [
        (b"", 0xFFFF),
        (b"\0", 0xFFFF),
        (b"\0\0", 0xFFFF),
        (b"\xff\xff", 0xFFFF),  # RFC 1071 arithmetic says 0, the other zero; RFC 768 wants this one
        (b"\xff", 0x00FF),
        (b"\x12\x34\x56", 0xFFFF - 0x1234 - 0x5600),
        (b"\xff\xff" * 40000, 0xFFFF),
        (b"\x80\x00\x80\x00", 0xFFFE),
        (b"\xff\xfe\x00\x01", 0xFFFF),
    ],
)
def test_edges(data: bytes, stored: int) -> None:
    assert checksum(data) == stored


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    assert agree(partial(data), slow_sum(data))
    assert 0 <= partial(data) < 0xFFFF
    assert 1 <= checksum(data) <= 0xFFFF
    assert agree(checksum(data), 0xFFFF - slow_sum(data))
    assert partial(memoryview(data)) == partial(data)


@pytest.mark.parametrize("size", [*range(4090, 4103), 5000, 8191, 8192, 8193, 9001, 65535, 65536, 1 << 20])
def test_long_buffers(size: int) -> None:
    rng = random.Random(size)
    for data in (rng.randbytes(size), bytes(size), b"\xff" * size):
        assert agree(partial(data), slow_sum(data))
        assert 0 <= partial(data) < 0xFFFF
        assert partial(memoryview(data)) == partial(data)
        assert partial(memoryview(b"odd" + data)[3:]) == partial(data)


@given(st.binary(min_size=2, max_size=120), st.integers(0, 59))
def test_a_stamped_packet_verifies_and_a_damaged_one_does_not(data: bytes, at: int) -> None:
    at = at * 2 % (len(data) - 1) & ~1
    blank = data[:at] + b"\0\0" + data[at + 2 :]
    stamped = blank[:at] + checksum(blank).to_bytes(2) + blank[at + 2 :]
    assert partial(stamped) == 0
    assert slow_sum(stamped) in (0, 0xFFFF)
    for bit in range(8):
        damaged = bytearray(stamped)
        damaged[-1] ^= 1 << bit
        assert partial(damaged) != 0


@given(st.binary(max_size=60), st.binary(max_size=61))
def test_a_sum_taken_before_may_be_added(first: bytes, second: bytes) -> None:
    first += b"\0" * (len(first) % 2)
    assert checksum(second, partial(first)) == checksum(first + second)


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF), st.integers(0, 255), st.binary(max_size=61))
def test_pseudo_header(src: int, dst: int, proto: int, data: bytes) -> None:
    header = src.to_bytes(4) + dst.to_bytes(4) + bytes((0, proto)) + len(data).to_bytes(2)
    assert checksum(data, pseudo4(src, dst, proto, len(data))) == checksum(header + data)
    assert pseudo4(Ip4(src), Ip4(dst), proto, len(data)) == pseudo4(src, dst, proto, len(data))


def test_known_ip_header() -> None:
    header = bytes.fromhex("450000730000400040110000c0a80001c0a800c7")
    assert checksum(header) == 0xB861
    assert partial(bytes.fromhex("45000073000040004011b861c0a80001c0a800c7")) == 0
