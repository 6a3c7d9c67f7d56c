"""Every header: one table of (value, bytes) read both ways, cut short, given as a view, and at random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.addr import ETHER_BROADCAST, INADDR_ALLHOSTS_GROUP, INADDR_ANY, Ip4, Mac
from stack.header import arp, bpdu, dot1q, ether, icmp, igmp, ip, tcp, udp
from stack.header.arp import ARPOP_REPLY, ARPOP_REQUEST, Arp
from stack.header.bpdu import BSTP_FLAG_TC, BSTP_FLAG_TCA, BSTP_MSGTYPE_TCN, TCN, Config, bpdu_type, bridge_id
from stack.header.dot1q import Dot1q
from stack.header.ether import ETHERTYPE_ARP, ETHERTYPE_IP, Ether, multicast_mac
from stack.header.icmp import ICMP_ECHO, ICMP_PARAMPROB, ICMP_REDIRECT, ICMP_UNREACH, ICMP_UNREACH_NEEDFRAG, Icmp
from stack.header.igmp import IGMP_LEAVE, IGMP_MEMBERSHIP_QUERY, IGMP_V1_REPORT, IGMP_V2_REPORT, Igmp
from stack.header.ip import IP_DF, IP_MF, IPPROTO_ICMP, IPPROTO_IGMP, IPPROTO_TCP, IPPROTO_UDP, Ip
from stack.header.tcp import TH_ACK, TH_CWR, TH_ECE, TH_FIN, TH_PUSH, TH_SYN, TH_URG, Tcp
from stack.header.udp import Udp


class Header(Protocol):
    def pack(self) -> bytes: ...


ME = Mac.parse("b2:a0:29:84:30:88")
YOU = Mac.parse("b2:a0:f2:bb:2f:a7")
A = Ip4.parse("10.0.0.1")
B = Ip4.parse("10.0.0.2")
GROUP = Ip4.parse("224.0.1.9")

TABLE: list[tuple[Header, str]] = [
    (Ether(ETHER_BROADCAST, ME, ETHERTYPE_ARP), "ffffffffffff b2a029843088 0806"),
    (Ether(ME, YOU, ETHERTYPE_IP), "b2a029843088 b2a0f2bb2fa7 0800"),
    (Arp(ARPOP_REQUEST, ME, A, Mac(bytes(6)), B), "0001 0800 06 04 0001 b2a029843088 0a000001 000000000000 0a000002"),
    (Arp(ARPOP_REPLY, YOU, B, ME, A), "0001 0800 06 04 0002 b2a0f2bb2fa7 0a000002 b2a029843088 0a000001"),
    (Ip(sum=0x7AEB), "45000014 00000000 4000 7aeb 00000000 00000000"),
    (
        Ip(0, 115, 0, IP_DF, 64, IPPROTO_UDP, 0xB861, Ip4(0xC0A80001), Ip4(0xC0A800C7)),
        "45000073 00004000 4011 b861 c0a80001 c0a800c7",
    ),
    (
        Ip(0xFC, 65535, 65535, IP_MF | 8191, 255, IPPROTO_TCP, 0x66FA, A, B),
        "45fcffff ffff3fff ff06 66fa 0a000001 0a000002",
    ),
    (
        Ip(0xC0, 32, 7, 0, 1, IPPROTO_IGMP, 0x3A0F, A, INADDR_ALLHOSTS_GROUP, b"\x94\x04\0\0"),
        "46c00020 00070000 0102 3a0f 0a000001 e0000001 94040000",
    ),
    (
        Ip(0, 60, 0, 0, 64, IPPROTO_ICMP, 0x5198, A, B, b"\x07\x27\x04" + bytes(37)),
        "4f00003c 00000000 4001 5198 0a000001 0a000002 072704" + "00" * 37,
    ),
    (Icmp(ICMP_ECHO, 0, 0x1234, 0x93990001), "08 00 1234 9399 0001"),
    (Icmp(ICMP_UNREACH, ICMP_UNREACH_NEEDFRAG, 0xABCD, 1400), "03 04 abcd 0000 0578"),
    (Icmp(ICMP_REDIRECT, 1, 0, 0x0A000001), "05 01 0000 0a000001"),
    (Icmp(ICMP_PARAMPROB, 0, 1, 20 << 24), "0c 00 0001 14 000000"),
    (Igmp(IGMP_MEMBERSHIP_QUERY, 100, 0xEE9B), "11 64 ee9b 00000000"),
    (Igmp(IGMP_V1_REPORT, 0, 0x0CF6, GROUP), "12 00 0cf6 e0000109"),
    (Igmp(IGMP_V2_REPORT, 0, 0x08F6, GROUP), "16 00 08f6 e0000109"),
    (Igmp(IGMP_LEAVE, 0, 0x07F6, GROUP), "17 00 07f6 e0000109"),
    (Udp(53, 1024), "0035 0400 0008 0000"),
    (Udp(65535, 1, 65535, 0xFFFF), "ffff 0001 ffff ffff"),
    (Tcp(1024, 80), "0400 0050 00000000 00000000 5000 0000 0000 0000"),
    (
        Tcp(80, 1024, 0xFFFFFFFF, 1, 32, TH_SYN | TH_ACK, 65535, 0xABCD, 9),
        "0050 0400 ffffffff 00000001 8012 ffff abcd 0009",
    ),
    (Dot1q(5, ETHERTYPE_IP), "0005 0800"),
    (Dot1q(4094, ETHERTYPE_ARP, 7, 1), "fffe 0806"),
    (
        Config(0, bridge_id(0x8000, ME), 0, bridge_id(0x8000, ME), 0x8002, 0, 20 << 8, 2 << 8, 15 << 8),
        "424203 0000 00 00 00 8000b2a029843088 00000000 8000b2a029843088 8002 0000 1400 0200 0f00",
    ),
    (
        Config(BSTP_FLAG_TC | BSTP_FLAG_TCA, bridge_id(0, YOU), 110, bridge_id(0xFFFF, ME), 0xFF, 0x1FF, 6, 7, 0xFFFF),
        "424203 0000 00 00 81 0000b2a0f2bb2fa7 0000006e ffffb2a029843088 00ff 01ff 0006 0007 ffff",
    ),
    (Tcp(1, 2, 3, 4, 60, 0xFF, 5, 6, 7), "0001 0002 00000003 00000004 f0ff 0005 0006 0007"),
]

PARSERS: list[tuple[Callable[[bytes | memoryview], Header], int]] = [
    (Ether.parse, ether.LENGTH),
    (Arp.parse, arp.LENGTH),
    (Ip.parse, ip.LENGTH),
    (Icmp.parse, icmp.LENGTH),
    (Igmp.parse, igmp.LENGTH),
    (Udp.parse, udp.LENGTH),
    (Tcp.parse, tcp.LENGTH),
    (Dot1q.parse, dot1q.LENGTH),
    (Config.parse, bpdu.CONFIG_LENGTH),
]


def parser_of(value: Header) -> Callable[[bytes | memoryview], Header]:
    return next(parse for parse, _ in PARSERS if getattr(parse, "__self__", None) is type(value))


def test_lengths() -> None:
    assert [length for _, length in PARSERS] == [14, 28, 20, 8, 8, 8, 20, 4, 38]


@pytest.mark.parametrize(("value", "hexadecimal"), TABLE)
def test_table(value: Header, hexadecimal: str) -> None:
    data = bytes.fromhex(hexadecimal)
    parse = parser_of(value)
    assert value.pack() == data
    for form in (data, memoryview(data), data + b"trailing", memoryview(b"before" + data)[6:]):
        assert parse(form) == value
    assert hash(parse(memoryview(data))) == hash(value)  # nothing of the buffer is kept
    assert repr(parse(memoryview(data))) == repr(value)  # and the types are the same


@pytest.mark.parametrize(("value", "hexadecimal"), TABLE)
def test_every_truncation_is_a_value_error(value: Header, hexadecimal: str) -> None:
    data = bytes.fromhex(hexadecimal)
    for size in range(len(data)):
        with pytest.raises(ValueError, match=r"^short |^bad header length$"):
            parser_of(value)(data[:size])


@pytest.mark.parametrize(
    ("parse", "words"),
    [
        (Ether.parse, "short Ethernet header"),
        (Arp.parse, "short ARP"),
        (Ip.parse, "short IP header"),
        (Icmp.parse, "short ICMP header"),
        (Igmp.parse, "short IGMP message"),
        (Udp.parse, "short UDP header"),
        (Tcp.parse, "short TCP header"),
        (Dot1q.parse, "short VLAN tag"),
        (Config.parse, "short BPDU"),
    ],
)
def test_words_for_short(parse: Callable[[bytes], Header], words: str) -> None:
    with pytest.raises(ValueError, match=rf"^{words}$"):
        parse(b"")


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (1, 6, "bad hardware type"),
        (2, 0x86, "bad protocol type"),
        (4, 8, "bad hardware address length"),
        (5, 16, "bad protocol address length"),
    ],
)
def test_arp_of_another_kind(at: int, value: int, words: str) -> None:
    data = bytearray(Arp(ARPOP_REQUEST, ME, A, YOU, B).pack())
    data[at] = value
    with pytest.raises(ValueError, match=rf"^{words}$"):
        Arp.parse(bytes(data))


@pytest.mark.parametrize(
    ("at", "words"),
    [(0, "bad LLC header"), (1, "bad LLC header"), (2, "bad LLC header"), (3, "bad protocol identifier"),
     (4, "bad protocol identifier"), (6, "bad BPDU type")],
)  # fmt: skip
def test_bpdu_of_another_kind(at: int, words: str) -> None:
    data = bytearray(Config(0, 1, 2, 3, 4, 5, 6, 7, 8).pack())
    data[at] ^= 0x80
    with pytest.raises(ValueError, match=rf"^{words}$"):
        Config.parse(bytes(data))


def test_bpdu_of_a_later_version_says_the_same() -> None:
    data = bytearray(Config(0, 1, 2, 3, 4, 5, 6, 7, 8).pack() + b"\0")
    data[5] = 2  # 802.1D 9.3.4
    assert Config.parse(bytes(data)) == Config(0, 1, 2, 3, 4, 5, 6, 7, 8)


def test_topology_change_notification() -> None:
    assert bytes.fromhex("424203 0000 00 80") == TCN
    assert bpdu_type(TCN) == BSTP_MSGTYPE_TCN
    with pytest.raises(ValueError, match=r"^bad BPDU type$"):
        Config.parse(TCN)


def test_a_bpdu_reads_as_tcpdump_prints_it() -> None:
    config = Config(BSTP_FLAG_TC, bridge_id(0x8000, ME), 19, bridge_id(0x9000, YOU), 0x8002, 256, 5120, 512, 3840)
    assert str(config) == (
        "STP 802.1d, Config, Flags [Topology change], bridge-id 9000.b2:a0:f2:bb:2f:a7.8002, "
        "root-id 8000.b2:a0:29:84:30:88, root-pathcost 19, message-age 1.00s, max-age 20.00s, hello-time 2.00s, "
        "forwarding-delay 15.00s"
    )
    assert str(Dot1q(5, ETHERTYPE_IP, 6, 1)) == "vlan 5, p 6, DEI, ethertype IPv4 (0x0800)"


@pytest.mark.parametrize("first", range(256))
def test_ip_version_and_header_length(first: int) -> None:
    data = bytes([first]) + Ip(src=A, dst=B, options=bytes(36)).pack()[1:]
    assert len(data) == 56
    if first >> 4 != 4:
        with pytest.raises(ValueError, match=r"^not version 4$"):
            Ip.parse(data)
    elif not 5 <= first & 15 <= 14:
        with pytest.raises(ValueError, match=r"^bad header length$"):
            Ip.parse(data)
    else:
        assert Ip.parse(data).hlen == (first & 15) * 4


def test_ip_quoted_with_its_options_cut_off() -> None:
    data = Ip(src=A, dst=B, options=b"\x07\x07\x04\0\0\0\0\0").pack()
    quoted = Ip.parse(data[:24], strict=False)
    assert quoted.options == b"\x07\x07\x04\0"
    assert Ip.parse(data[:20], strict=False).options == b""
    with pytest.raises(ValueError, match=r"^short IP header$"):
        Ip.parse(data[:19], strict=False)
    with pytest.raises(ValueError, match=r"^bad header length$"):
        Ip.parse(b"\x44" + data[1:], strict=False)
    with pytest.raises(ValueError, match=r"^not version 4$"):
        Ip.parse(b"\x65" + data[1:], strict=False)


def test_ip_options_are_padded_and_limited() -> None:
    assert Ip(options=b"\x94\x04\0").hlen == 24
    assert Ip.parse(Ip(options=b"\x94\x04\0").pack()).options == b"\x94\x04\0\0"
    assert len(Ip(options=bytes(40)).pack()) == 60
    with pytest.raises(ValueError, match="longer than 40"):
        Ip(options=bytes(41)).pack()


@pytest.mark.parametrize("off", range(5))
def test_tcp_data_offset_inside_the_header(off: int) -> None:
    data = bytearray(Tcp(1, 2).pack())
    data[12] = off << 4
    with pytest.raises(ValueError, match=r"^bad data offset$"):
        Tcp.parse(bytes(data))


def test_tcp_reserved_bits_are_not_flags() -> None:
    data = bytearray(Tcp(1, 2, flags=TH_FIN).pack())
    data[12] |= 0x0F  # RFC 793: must be zero; what they will mean one day is no reason to drop
    assert Tcp.parse(bytes(data)) == Tcp(1, 2, flags=TH_FIN)


def test_icmp_views_of_its_last_four_bytes() -> None:
    header = Icmp(ICMP_ECHO, 0, 0, 0x0A0B0C0D)
    assert (header.id, header.seq, header.nextmtu, header.pointer) == (0x0A0B, 0x0C0D, 0x0C0D, 0x0A)
    assert str(header.gateway) == "10.11.12.13"


def test_icmp_build() -> None:
    message = icmp.build(ICMP_ECHO, 0, 37785 << 16, bytes(range(56)))
    assert Icmp.parse(message) == Icmp(ICMP_ECHO, 0, 0x6D53, 37785 << 16)
    assert icmp.build(ICMP_ECHO, 0, 37785 << 16, memoryview(bytes(range(56)))) == message
    assert int.from_bytes(message) % 0xFFFF == 0


def test_multicast_mac() -> None:
    assert str(multicast_mac(INADDR_ALLHOSTS_GROUP)) == "01:00:5e:00:00:01"
    assert str(multicast_mac(Ip4.parse("239.255.255.255"))) == "01:00:5e:7f:ff:ff"
    assert multicast_mac(Ip4.parse("224.128.0.5")) == multicast_mac(Ip4.parse("225.0.0.5"))
    assert multicast_mac(INADDR_ALLHOSTS_GROUP).is_multicast


# ---- at random

bytes_1 = st.integers(0, 0xFF)
words_2 = st.integers(0, 0xFFFF)
words_4 = st.integers(0, 0xFFFFFFFF)
macs = st.binary(min_size=6, max_size=6).map(Mac)
addresses = words_4.map(Ip4)
any_header: st.SearchStrategy[Header] = st.one_of(
    st.builds(Ether, macs, macs, words_2),
    st.builds(Arp, words_2, macs, addresses, macs, addresses),
    st.builds(Icmp, bytes_1, bytes_1, words_2, words_4),
    st.builds(Udp, words_2, words_2, words_2, words_2),
    st.builds(
        Tcp, words_2, words_2, words_4, words_4, st.integers(5, 15).map(lambda n: n * 4), bytes_1, words_2, words_2,
        words_2,
    ),
)  # fmt: skip


@given(any_header)
def test_round_trip(header: Header) -> None:
    assert parser_of(header)(header.pack()) == header


@given(
    st.builds(
        Ip, bytes_1, words_2, words_2, words_2, bytes_1, bytes_1, words_2, addresses, addresses,
        st.integers(0, 10).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n)),
    )
)  # fmt: skip
def test_ip_round_trip_but_for_the_sum(header: Ip) -> None:
    data = header.pack()
    again = Ip.parse(data)
    assert again._replace(sum=header.sum) == header
    assert int.from_bytes(data) % 0xFFFF == 0
    assert again.pack() == data
    assert again.hlen == len(data)


@given(st.builds(Igmp, bytes_1, bytes_1, words_2, addresses))
def test_igmp_round_trip_but_for_the_sum(header: Igmp) -> None:
    data = header.pack()
    assert Igmp.parse(data)._replace(sum=header.sum) == header
    assert int.from_bytes(data) % 0xFFFF == 0


@pytest.mark.parametrize("parse", [parse for parse, _ in PARSERS])
@given(data=st.binary(max_size=80))
def test_any_bytes_parse_and_print_or_are_a_value_error(parse: Callable[[bytes], Header], data: bytes) -> None:
    try:
        header = parse(data)
    except ValueError:
        return
    assert str(header).isprintable()


@given(any_header)
def test_str_is_one_line(header: Header) -> None:
    assert str(header).isprintable()


# ---- in words

WORDS: list[tuple[Header, str]] = [
    (Ether(YOU, ME, ETHERTYPE_IP), "b2:a0:29:84:30:88 > b2:a0:f2:bb:2f:a7, ethertype IPv4 (0x0800)"),
    (Ether(YOU, ME, 0x9000), "b2:a0:29:84:30:88 > b2:a0:f2:bb:2f:a7, ethertype Unknown (0x9000)"),
    (Ether(YOU, ME, 38), "b2:a0:29:84:30:88 > b2:a0:f2:bb:2f:a7, 802.3, length 38"),
    (Arp(ARPOP_REQUEST, ME, A, Mac(bytes(6)), B), "Request who-has 10.0.0.2 tell 10.0.0.1"),
    (Arp(ARPOP_REPLY, YOU, B, ME, A), "Reply 10.0.0.2 is-at b2:a0:f2:bb:2f:a7"),
    (Arp(9, YOU, B, ME, A), "op 9 10.0.0.2 (b2:a0:f2:bb:2f:a7) > 10.0.0.1 (b2:a0:29:84:30:88)"),
    (
        Ip(0, 84, 7, IP_DF, 64, IPPROTO_ICMP, 0, A, B),
        "10.0.0.1 > 10.0.0.2: (tos 0x0, ttl 64, id 7, offset 0, flags [DF], proto ICMP (1), length 84)",
    ),
    (
        Ip(0x10, 60, 7, IP_MF | 185, 1, 99, 0, A, B, b"\x94\x04\0\0\x07\x09"),
        "10.0.0.1 > 10.0.0.2: (tos 0x10, ttl 1, id 7, offset 1480, flags [+], proto unknown (99), length 60, "
        "options (RA,bad))",
    ),
    (
        Ip(src=INADDR_ANY, dst=B, options=b"\x01\x44\x04\x05\0"),
        "0.0.0.0 > 10.0.0.2: (tos 0x0, ttl 64, id 0, offset 0, flags [none], proto unknown (0), length 20, "
        "options (NOP,timestamp))",
    ),
    (Icmp(ICMP_ECHO, 0, 0, 37785 << 16 | 1), "echo request, id 37785, seq 1"),
    (Icmp(icmp.ICMP_ECHOREPLY, 0, 0, 37785 << 16 | 1), "echo reply, id 37785, seq 1"),
    (Icmp(ICMP_UNREACH, icmp.ICMP_UNREACH_PORT), "unreach port"),
    (Icmp(ICMP_UNREACH, icmp.ICMP_UNREACH_FILTER_PROHIB), "unreach admin_prohibit"),
    (Icmp(ICMP_UNREACH, ICMP_UNREACH_NEEDFRAG, 0, 1400), "unreach needfrag, mtu 1400"),
    (Icmp(ICMP_UNREACH, 77), "unreach #77"),
    (Icmp(ICMP_REDIRECT, icmp.ICMP_REDIRECT_HOST, 0, A), "redirect host to 10.0.0.1"),
    (Icmp(icmp.ICMP_TIMXCEED, icmp.ICMP_TIMXCEED_INTRANS), "timxceed intrans"),
    (Icmp(icmp.ICMP_TIMXCEED, icmp.ICMP_TIMXCEED_REASS), "timxceed reass"),
    (Icmp(ICMP_PARAMPROB, 0, 0, 21 << 24), "paramprob erratptr, octet 21"),
    (Icmp(icmp.ICMP_MASKREQ), "maskreq"),
    (Icmp(200, 3), "#200 #3"),
    (Igmp(IGMP_MEMBERSHIP_QUERY, 100), "igmp query v2 [max resp time 10 s]"),
    (Igmp(IGMP_MEMBERSHIP_QUERY, 15, 0, GROUP), "igmp query v2 [max resp time 1.5 s] [gaddr 224.0.1.9]"),
    (Igmp(IGMP_MEMBERSHIP_QUERY), "igmp query v1"),
    (Igmp(IGMP_V1_REPORT, group=GROUP), "igmp v1 report 224.0.1.9"),
    (Igmp(IGMP_V2_REPORT, group=GROUP), "igmp v2 report 224.0.1.9"),
    (Igmp(IGMP_LEAVE, group=GROUP), "igmp leave 224.0.1.9"),
    (Igmp(0x13, group=GROUP), "igmp type 0x13 224.0.1.9"),
    (Udp(53, 1024, 20), "53 > 1024: UDP, length 12"),
    (Tcp(80, 1024, 1, 2, flags=TH_SYN | TH_ACK, win=65535), "80 > 1024: Flags [S.], seq 1, ack 2, win 65535"),
    (Tcp(80, 1024, 1, 2, flags=TH_URG, win=1, urp=7), "80 > 1024: Flags [U], seq 1, win 1, urg 7"),
]


@pytest.mark.parametrize(("header", "words"), WORDS)
def test_words(header: Header, words: str) -> None:
    assert str(header) == words


@pytest.mark.parametrize(
    ("flags", "letters"),
    [
        (0, "none"),
        (TH_SYN, "S"),
        (TH_SYN | TH_ACK, "S."),
        (TH_FIN | TH_PUSH | TH_ACK, "FP."),
        (tcp.TH_RST | TH_ACK, "R."),
        (TH_SYN | TH_ECE | TH_CWR, "SEW"),
        (0xFF, "FSRP.UEW"),
    ],
)
def test_tcp_flags_as_tcpdump_writes_them(flags: int, letters: str) -> None:
    assert tcp.flags_str(flags) == letters


def test_netstat_words_for_icmp_types() -> None:
    assert icmp.ICMP_NAMES[0] == "echoreply"
    assert icmp.ICMP_NAMES[ICMP_UNREACH] == "unreach"
    assert icmp.ICMP_NAMES[ICMP_ECHO] == "echo"
    assert icmp.ICMP_NAMES[icmp.ICMP_TIMXCEED] == "timxceed"
    assert len(icmp.ICMP_NAMES) == icmp.ICMP_MAXTYPE + 1
    assert [len(names) for names in icmp.ICMP_CODE_NAMES.values()] == [16, 4, 2, 3]
