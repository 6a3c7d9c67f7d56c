"""Options of IP and TCP: split, made, padded, and what is done with nonsense."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.header import ip
from stack.header.ip import IPOPT_LSRR, IPOPT_NOP, IPOPT_RA, IPOPT_RR, IPOPT_TS, OptionError
from stack.header.tcp import MAX_TCPOPTLEN, TcpOptions

RR = b"\x07\x07\x04\0\0\0\0"
LSRR = b"\x83\x07\x04\x0a\0\0\x01"
RA = b"\x94\x04\0\0"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", []),
        (b"\0", []),
        (b"\0" + RR, []),
        (b"\x01", [(IPOPT_NOP, b"\x01")]),
        (RR + b"\0", [(IPOPT_RR, RR)]),
        (b"\x01" + RR, [(IPOPT_NOP, b"\x01"), (IPOPT_RR, RR)]),
        (RA + LSRR + b"\x01", [(IPOPT_RA, RA), (IPOPT_LSRR, LSRR), (IPOPT_NOP, b"\x01")]),
        (b"\x63\x02", [(0x63, b"\x63\x02")]),
    ],
)
def test_ip_options(data: bytes, found: list[tuple[int, bytes]]) -> None:
    assert ip.options(data) == found
    assert ip.options(memoryview(data)) == found


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"\x07", 1),
        (b"\x07\x00", 1),
        (b"\x07\x01\x04", 1),
        (b"\x07\x07\x04\0\0\0", 1),
        (b"\x01\x07\x28", 2),
        (RA + b"\x83\xff\x04\0", 5),
        (RR + b"\x44", 8),
    ],
)
def test_malformed_ip_options_say_where(data: bytes, offset: int) -> None:
    with pytest.raises(OptionError, match=f"at byte {offset}") as error:
        ip.options(data)
    assert error.value.offset == offset
    assert isinstance(error.value, ValueError)


def test_copied_options() -> None:
    assert ip.copied(b"") == b""
    assert ip.copied(RR + b"\0") == b""
    assert ip.copied(b"\x01" + LSRR) == LSRR + b"\0"
    assert ip.copied(RR + b"\x01" + RA + LSRR) == RA + LSRR + b"\0"
    with pytest.raises(OptionError):
        ip.copied(b"\x83\x00")


@given(st.binary(max_size=44))
def test_ip_options_of_any_bytes(data: bytes) -> None:
    try:
        found = ip.options(data)
    except OptionError:
        return
    whole = b"".join(option for _, option in found)
    assert data.startswith(whole)
    assert data[len(whole) :][:1] in (b"", b"\0")
    assert all(option[0] == kind for kind, option in found)
    assert len(ip.copied(data)) % 4 == 0
    assert ip.options(ip.copied(data)) == [(kind, option) for kind, option in found if kind & ip.IPOPT_COPY]


@given(st.binary(max_size=44))
def test_what_stands_before_a_malformed_option_is_well_formed(data: bytes) -> None:
    try:
        ip.options(data)
    except OptionError as error:
        kind_at = error.offset - 1
        found = ip.options(data[:kind_at])
        assert b"".join(option for _, option in found) == data[:kind_at]


def test_copy_bit() -> None:
    kinds = (IPOPT_RR, IPOPT_TS, ip.IPOPT_SECURITY, IPOPT_LSRR, ip.IPOPT_SSRR, IPOPT_RA)
    assert [bool(kind & ip.IPOPT_COPY) for kind in kinds] == [False, False, True, True, True, True]


TCP_TABLE = [
    (TcpOptions(), "", ""),
    (TcpOptions(mss=1460), "020405b4", "mss 1460"),
    (TcpOptions(wscale=6), "01030306", "wscale 6"),
    (TcpOptions(sack_ok=True), "01010402", "sackOK"),
    (TcpOptions(ts=(9, 8)), "0101080a 00000009 00000008", "TS val 9 ecr 8"),
    # what a BSD's SYN has
    (
        TcpOptions(1460, 6, True, (), (9, 0)),
        "020405b4 01030306 0402080a 00000009 00000000",
        "mss 1460,wscale 6,sackOK,TS val 9 ecr 0",
    ),
    (TcpOptions(mss=1460, wscale=0, sack_ok=True), "020405b4 01030300 01010402", "mss 1460,wscale 0,sackOK"),
    (TcpOptions(sack=((1, 2),)), "0101050a 00000001 00000002", "sack 1 {1:2}"),
    (
        TcpOptions(sack=((5, 6), (1, 2), (0xFFFFFFFF, 0)), ts=(1, 2)),
        "0101080a 00000001 00000002 0101051a 00000005 00000006 00000001 00000002 ffffffff 00000000",
        "TS val 1 ecr 2,sack 3 {5:6}{1:2}{4294967295:0}",
    ),
]


@pytest.mark.parametrize(("value", "hexadecimal", "words"), TCP_TABLE)
def test_tcp_options(value: TcpOptions, hexadecimal: str, words: str) -> None:
    data = bytes.fromhex(hexadecimal)
    assert value.pack() == data
    assert TcpOptions.parse(data) == TcpOptions.parse(memoryview(data)) == value
    assert TcpOptions.parse(data + b"\0\x02\x04\0\x01") == value  # EOL ends the list
    assert str(value) == words


@pytest.mark.parametrize(
    ("hexadecimal", "value"),
    [
        ("020405b4 0402 080a 00000009 00000000 01 030307", TcpOptions(1460, 7, True, (), (9, 0))),  # Linux's order
        ("080a 00000001 00000002", TcpOptions(ts=(1, 2))),
        ("080a 00000001 00000002 0000", TcpOptions(ts=(1, 2))),
        ("020405b4 02040218", TcpOptions(mss=536)),  # the last one counts, as in tcp_dooptions
        ("0203ff 01", TcpOptions()),  # a wrong length is passed over ...
        ("020605b40000 030306", TcpOptions(wscale=6)),
        ("0304ffff 04030000 0804ffff 0503aa 0502 01", TcpOptions()),
        ("020405b4 0300", TcpOptions(mss=1460)),  # ... and one that cannot be ends it
        ("020405b4 0301 0402", TcpOptions(mss=1460)),
        ("020405b4 030f06", TcpOptions(mss=1460)),
        ("020405b4 03", TcpOptions(mss=1460)),
        ("1e04abcd 0402", TcpOptions(sack_ok=True)),  # unknown kinds (here MPTCP's) are passed over
        ("0303ff", TcpOptions(wscale=255)),
        ("0101080a 00000001 000000", TcpOptions()),
    ],
)
def test_tcp_options_read_leniently(hexadecimal: str, value: TcpOptions) -> None:
    assert TcpOptions.parse(bytes.fromhex(hexadecimal)) == value


def test_sack_blocks_without_room_are_left_out() -> None:
    blocks = tuple((n, n + 1) for n in range(0, 12, 2))
    assert TcpOptions.parse(TcpOptions(sack=blocks).pack()).sack == blocks[:4]
    assert TcpOptions.parse(TcpOptions(sack=blocks, ts=(1, 2)).pack()).sack == blocks[:3]
    assert len(TcpOptions(sack=blocks, ts=(1, 2)).pack()) == MAX_TCPOPTLEN


numbers = st.integers(0, 0xFFFFFFFF)
pairs = st.tuples(numbers, numbers)


@given(
    st.builds(
        TcpOptions,
        mss=st.none() | st.integers(0, 0xFFFF),
        wscale=st.none() | st.integers(0, 255),
        sack_ok=st.booleans(),
        sack=st.lists(pairs, max_size=2).map(tuple),
        ts=st.none() | pairs,
    )
)
def test_tcp_options_round_trip(value: TcpOptions) -> None:
    data = value.pack()
    assert TcpOptions.parse(data) == value
    assert len(data) % 4 == 0
    assert len(data) <= MAX_TCPOPTLEN


@given(st.binary(max_size=44))
def test_tcp_options_of_any_bytes_never_raise(data: bytes) -> None:
    value = TcpOptions.parse(data)
    assert str(value).isprintable()
    assert TcpOptions.parse(value.pack())._replace(sack=()) == value._replace(sack=())
