"""Scapy as the second opinion: what it builds we read the same, and what we build it reads the same."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.igmp import IGMP as ScapyIgmp
from scapy.layers.inet import ICMP as ScapyIcmp
from scapy.layers.inet import IP as ScapyIp
from scapy.layers.inet import TCP as ScapyTcp
from scapy.layers.inet import UDP as ScapyUdp
from scapy.layers.l2 import ARP as ScapyArp
from scapy.layers.l2 import LLC as ScapyLlc
from scapy.layers.l2 import STP as ScapyStp
from scapy.layers.l2 import Dot1Q as ScapyDot1q
from scapy.layers.l2 import Dot3 as ScapyDot3
from scapy.layers.l2 import Ether as ScapyEther
from scapy.packet import Raw

from stack.addr import Ip4, Mac
from stack.header import icmp
from stack.header.arp import Arp
from stack.header.bpdu import BSTP_ETHERADDR, TICKS, Config, bridge_id
from stack.header.checksum import checksum, pseudo4
from stack.header.dot1q import Dot1q
from stack.header.ether import Ether
from stack.header.icmp import Icmp
from stack.header.igmp import Igmp
from stack.header.ip import IPPROTO_TCP, IPPROTO_UDP, Ip
from stack.header.tcp import Tcp, TcpOptions
from stack.header.udp import Udp

few = settings(max_examples=25, deadline=None)  # scapy takes its time

bytes_1 = st.integers(0, 0xFF)
words_2 = st.integers(0, 0xFFFF)
words_4 = st.integers(0, 0xFFFFFFFF)
macs = st.binary(min_size=6, max_size=6).map(Mac)
addresses = words_4.map(Ip4)


@few
@given(macs, macs, words_2)
def test_ether(dst: Mac, src: Mac, ethertype: int) -> None:
    mine = Ether(dst, src, ethertype)
    theirs = ScapyEther(dst=str(dst), src=str(src), type=ethertype)
    assert mine.pack() == bytes(theirs)


@few
@given(st.integers(1, 2), macs, addresses, macs, addresses)
def test_arp(op: int, sha: Mac, spa: Ip4, tha: Mac, tpa: Ip4) -> None:
    mine = Arp(op, sha, spa, tha, tpa)
    theirs = ScapyArp(op=op, hwsrc=str(sha), psrc=str(spa), hwdst=str(tha), pdst=str(tpa))
    assert mine.pack() == bytes(theirs)
    assert Arp.parse(bytes(theirs)) == mine


@few
@given(macs, macs, st.integers(0, 4095), st.integers(0, 7), st.integers(0, 1), words_2)
def test_dot1q(dst: Mac, src: Mac, vid: int, pcp: int, dei: int, ethertype: int) -> None:
    theirs = ScapyEther(dst=str(dst), src=str(src)) / ScapyDot1q(vlan=vid, prio=pcp, dei=dei, type=ethertype)
    mine = Dot1q(vid, ethertype, pcp, dei)
    assert Ether(dst, src, 0x8100).pack() + mine.pack() == bytes(theirs)
    assert Dot1q.parse(bytes(theirs)[14:]) == mine


@few
@given(bytes_1, words_2, macs, words_4, words_2, macs, words_2, st.lists(bytes_1, min_size=4, max_size=4))
def test_bpdu(
    flags: int, rootpri: int, root: Mac, cost: int, pri: int, bridge: Mac, port: int, times: list[int]
) -> None:
    age, maxage, hello, delay = times
    theirs = bytes(
        ScapyDot3(dst=str(BSTP_ETHERADDR), src=str(bridge))
        / ScapyLlc()
        / ScapyStp(
            bpduflags=flags, rootid=rootpri, rootmac=str(root), pathcost=cost, bridgeid=pri, bridgemac=str(bridge),
            portid=port, age=age, maxage=maxage, hellotime=hello, fwddelay=delay,
        )
    )  # fmt: skip
    seconds = (TICKS * value for value in times)
    mine = Config(flags, bridge_id(rootpri, root), cost, bridge_id(pri, bridge), port, *seconds)
    assert Ether(BSTP_ETHERADDR, bridge, len(mine.pack())).pack() + mine.pack() == theirs
    assert Config.parse(theirs[14:]) == mine


@few
@given(bytes_1, words_2, words_2, words_2, bytes_1, st.integers(150, 250), addresses, addresses, st.integers(0, 10))
def test_ip(tos: int, length: int, ident: int, off: int, ttl: int, p: int, src: Ip4, dst: Ip4, nops: int) -> None:
    mine = Ip(tos, length, ident, off, ttl, p, 0, src, dst, b"\x01" * 4 * nops)
    theirs = ScapyIp(
        tos=tos, len=length, id=ident, flags=off >> 13, frag=off & 0x1FFF, ttl=ttl, proto=p, src=str(src),
        dst=str(dst), options=[b"\x01"] * 4 * nops,
    )  # fmt: skip
    same_sum(mine.pack(), bytes(theirs), 10)
    assert Ip.parse(bytes(theirs))._replace(sum=0) == mine
    read = ScapyIp(mine.pack())
    assert (read.tos, read.len, read.id, read.ttl, read.proto) == (tos, length, ident, ttl, p)
    assert (read.src, read.dst, read.ihl) == (str(src), str(dst), 5 + nops)


def same_sum(mine: bytes, theirs: bytes, at: int) -> None:
    """Two packets are one but for the two forms that a checksum of zero has."""
    zero = (b"\0\0", b"\xff\xff")
    assert mine[:at] == theirs[:at] and mine[at + 2 :] == theirs[at + 2 :]
    assert mine[at : at + 2] == theirs[at : at + 2] or (mine[at : at + 2] in zero and theirs[at : at + 2] in zero)


@few
@given(st.sampled_from((0, 8)), words_2, words_2, st.binary(max_size=61))
def test_icmp_echo(kind: int, ident: int, seq: int, data: bytes) -> None:
    theirs = bytes(ScapyIcmp(type=kind, id=ident, seq=seq) / Raw(data))
    same_sum(icmp.build(kind, 0, ident << 16 | seq, data), theirs, 2)
    read = Icmp.parse(theirs)
    assert (read.type, read.code, read.id, read.seq) == (kind, 0, ident, seq)


@few
@given(words_2, addresses, bytes_1)
def test_icmp_errors(mtu: int, gateway: Ip4, pointer: int) -> None:
    assert Icmp.parse(bytes(ScapyIcmp(type=3, code=4, nexthopmtu=mtu))).nextmtu == mtu
    assert Icmp.parse(bytes(ScapyIcmp(type=5, code=1, gw=str(gateway)))).gateway == gateway
    assert Icmp.parse(bytes(ScapyIcmp(type=12, ptr=pointer))).pointer == pointer
    assert ScapyIcmp(icmp.build(3, 4, mtu)).nexthopmtu == mtu
    assert ScapyIcmp(icmp.build(5, 1, gateway)).gw == str(gateway)
    assert ScapyIcmp(icmp.build(12, 0, pointer << 24)).ptr == pointer


@few
@given(st.sampled_from((0x11, 0x12, 0x16, 0x17)), bytes_1, addresses)
def test_igmp(kind: int, code: int, group: Ip4) -> None:
    theirs = bytes(ScapyIgmp(type=kind, mrcode=code, gaddr=str(group)))
    same_sum(Igmp(kind, code, 0, group).pack(), theirs, 2)
    assert Igmp.parse(theirs)._replace(sum=0) == Igmp(kind, code, 0, group)


@few
@given(addresses, addresses, words_2, words_2, st.binary(max_size=61))
def test_udp_with_its_checksum(src: Ip4, dst: Ip4, sport: int, dport: int, data: bytes) -> None:
    theirs = bytes(ScapyIp(src=str(src), dst=str(dst)) / ScapyUdp(sport=sport, dport=dport) / Raw(data))[20:]
    length = 8 + len(data)
    header = Udp(sport, dport, length)
    total = checksum(header.pack() + data, pseudo4(src, dst, IPPROTO_UDP, length))
    mine = header._replace(sum=total)
    assert mine.pack() + data == theirs  # RFC 768: both say 0xffff for 0
    assert Udp.parse(theirs) == mine


@few
@given(addresses, addresses, words_4, words_4, bytes_1, words_2, words_2, st.binary(max_size=61))
def test_tcp_with_its_checksum(
    src: Ip4, dst: Ip4, seq: int, ack: int, flags: int, win: int, urp: int, data: bytes
) -> None:
    theirs = bytes(
        ScapyIp(src=str(src), dst=str(dst))
        / ScapyTcp(sport=1024, dport=80, seq=seq, ack=ack, flags=flags, window=win, urgptr=urp)
        / Raw(data)
    )[20:]
    header = Tcp(1024, 80, seq, ack, 20, flags, win, 0, urp)
    total = checksum(header.pack() + data, pseudo4(src, dst, IPPROTO_TCP, len(theirs)))
    same_sum(header._replace(sum=total).pack() + data, theirs, 16)
    assert Tcp.parse(theirs)._replace(sum=0) == header


ScapyOptions = list[tuple[str, object]]


@pytest.mark.parametrize(
    ("value", "theirs"),
    [
        (TcpOptions(mss=1460), [("MSS", 1460)]),
        (TcpOptions(wscale=7), [("NOP", None), ("WScale", 7)]),
        (TcpOptions(sack_ok=True), [("NOP", None), ("NOP", None), ("SAckOK", b"")]),
        (TcpOptions(ts=(1, 2)), [("NOP", None), ("NOP", None), ("Timestamp", (1, 2))]),
        (TcpOptions(sack=((1, 2), (5, 6))), [("NOP", None), ("NOP", None), ("SAck", (1, 2, 5, 6))]),
        (
            TcpOptions(1460, 6, True, (), (9, 0)),
            [("MSS", 1460), ("NOP", None), ("WScale", 6), ("SAckOK", b""), ("Timestamp", (9, 0))],
        ),
    ],
)
def test_tcp_options(value: TcpOptions, theirs: ScapyOptions) -> None:
    segment = bytes(ScapyTcp(options=theirs))
    header = Tcp.parse(segment)
    assert TcpOptions.parse(segment[20 : header.off]) == value
    assert segment[20:] == value.pack()
    mine = Tcp(1, 2, off=20 + len(value.pack())).pack() + value.pack()
    assert ScapyTcp(mine).options == theirs


def test_a_frame_is_printed_header_by_header() -> None:
    frame = bytes(
        ScapyEther(src="b2:a0:29:84:30:88", dst="b2:a0:f2:bb:2f:a7")
        / ScapyIp(src="10.0.0.1", dst="10.0.0.2", id=7, flags="DF")
        / ScapyTcp(sport=1024, dport=80, seq=5, flags="S", options=[("MSS", 1460)])
    )
    run = subprocess.run([sys.executable, "-m", "stack.header"], input=frame, capture_output=True, check=True)
    assert run.stdout.decode().splitlines() == [
        "b2:a0:29:84:30:88 > b2:a0:f2:bb:2f:a7, ethertype IPv4 (0x0800)",
        "10.0.0.1 > 10.0.0.2: (tos 0x0, ttl 64, id 7, offset 0, flags [DF], proto TCP (6), length 44)",
        "1024 > 80: Flags [S], seq 5, win 8192",
        "mss 1460",
    ]
