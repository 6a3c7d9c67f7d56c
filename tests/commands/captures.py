"""Captures to show: frames of every kind that scapy can make, and those of a busy lab."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import (
    ICMP,
    IP,
    TCP,
    UDP,
    IPOption_LSRR,
    IPOption_Router_Alert,
    IPOption_RR,
    IPOption_SSRR,
    IPOption_Timestamp,
    fragment,
)
from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6MLDMultAddrRec,
    ICMPv6MLReport,
    ICMPv6MLReport2,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    ICMPv6NDOptUnknown,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrHopByHop,
    PadN,
    RouterAlert,
)
from scapy.layers.l2 import ARP, LLC, STP, Dot1Q, Dot3, Ether
from scapy.layers.rip import RIP, RIPAuth, RIPEntry
from scapy.packet import Packet, Raw

from stack.addr import Ip4
from stack.dev import pcap
from stack.header.checksum import checksum
from stack.net.bpf import DLT_EN10MB, Frame

A, B, C = "10.0.0.1", "203.0.113.80", "10.0.0.254"
_HERE, _THERE = "02:00:00:00:00:01", "02:00:00:00:00:02"


def _ether(**fields: Any) -> Ether:
    return Ether(src=_HERE, dst=_THERE, **fields)


def _ip(**fields: Any) -> Packet:
    return _ether() / IP(src=A, dst=B, **fields)


def arp() -> Iterator[Packet]:
    for op in range(1, 12):
        yield _ether() / ARP(op=op, hwsrc=_HERE, psrc=A, hwdst=_THERE, pdst=C)
    yield Ether(src=_HERE, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=_HERE, psrc=A, hwdst="0" * 12, pdst=C)
    yield _ether() / ARP(op=1, hwtype=6, hwsrc=_HERE, psrc=A, hwdst="00:00:00:00:00:00", pdst=C) / Raw(bytes(18))
    yield _ether() / ARP(op=1, ptype=0x86DD, plen=16, psrc="::1", pdst="::2", hwsrc=_HERE, hwdst=_THERE)


def icmp() -> Iterator[Packet]:
    inner = IP(src=B, dst=A, ttl=1) / UDP(sport=33000, dport=33435) / Raw(b"x" * 20)
    for kind in range(20):
        for code in range(17):
            if kind in (9, 10, 16):
                continue
            yield _ip() / ICMP(type=kind, code=code, id=7, seq=9) / Raw(bytes(inner))
    for quoted in (
        IP(src=B, dst=A) / TCP(sport=80, dport=1234), IP(src=B, dst=A, proto=200) / Raw(bytes(30)),
        IP(src=B, dst=A) / ICMP() / Raw(b"0" * 40), IP(src=B, dst=A, options=IPOption_RR(length=7)) / UDP() / Raw(b"x"),
    ):  # fmt: skip
        yield _ip() / ICMP(type=3, code=3) / Raw(bytes(quoted))
        yield _ip() / ICMP(type=3, code=4, nexthopmtu=1400) / Raw(bytes(quoted)[:28])
        yield _ip() / ICMP(type=11) / Raw(bytes(quoted)[:28])
    yield _ip() / ICMP(type=5, code=1, gw=C) / Raw(bytes(inner))
    yield _ip() / ICMP(type=8, chksum=0x1234) / Raw(b"wrong")
    yield _ip() / ICMP(type=13, ts_ori=1, ts_rx=2, ts_tx=3)
    yield _ip() / ICMP(type=14, ts_ori=3600000, ts_rx=86399999, ts_tx=12345)


def ip() -> Iterator[Packet]:
    for tos in range(4):
        yield _ip(tos=tos | 0x10, ttl=tos) / UDP(sport=1, dport=2) / Raw(b"tos")
    for proto in (4, 8, 33, 41, 46, 47, 50, 51, 88, 89, 94, 103, 112, 132, 200, 255):
        if proto not in (4, 8, 33, 41, 46, 47, 50, 51, 88, 89, 94, 103, 108, 112, 132):
            yield _ip(proto=proto) / Raw(b"0123456789" * 3)
        yield _ip(proto=proto, frag=100) / Raw(b"0123456789" * 3)
    yield _ip() / IP(src=C, dst=A) / UDP(sport=9, dport=9) / Raw(b"ipip")
    for option in (
        IPOption_RR(pointer=8, routers=[A, B, "0.0.0.0"]), IPOption_RR(pointer=4, routers=["0.0.0.0"] * 9),
        IPOption_LSRR(pointer=8, routers=[C, B]), IPOption_SSRR(pointer=4, routers=[C]), IPOption_Router_Alert(),
        IPOption_Timestamp(flg=1, pointer=13, internet_address=A, timestamp=3),
    ):  # fmt: skip
        yield _ip(options=option) / UDP(sport=1, dport=2) / Raw(b"option")
        yield _ip(options=option) / TCP(sport=1, dport=2, flags="A") / Raw(b"option")
    for raw in (
        b"\x44\x0c\x05\x20" + bytes(8), b"\x44\x0c\x0d\x00" + bytes(8), b"\x01\x07\x03\x04",
        b"\x82\x0b" + bytes(10),
        b"\x07\x0b\x06" + bytes(9), b"\x07\x02\x00\x00", b"\x99\x04\x01\x02",
        b"\x83\x07\x04\x01\x02\x03\x04\x00",
        b"\x44\x03\x05\x00", b"\x99\x01\x01\x02", b"\x44\x14\x09\x03" + bytes(range(16)),
        b"\x44\x08\x05\x07\0\0\0\1",
        b"\x94\x04\x00\x01", b"\x07", b"\x99\x44\x01\x02",
    ):  # fmt: skip
        padded = raw + bytes(-len(raw) % 4)
        yield _ip(ihl=5 + len(padded) // 4) / Raw(padded + bytes(UDP(sport=1, dport=2) / Raw(b"option")))
    for flags in range(8):
        yield _ip(flags=flags) / UDP(sport=5, dport=6) / Raw(b"flags")
    yield from fragment(_ip(id=77) / UDP(sport=5, dport=6) / Raw(b"f" * 4000), 1400)
    yield from fragment(_ip(id=78) / TCP(sport=5, dport=6) / Raw(b"f" * 4000), 1400)
    yield from fragment(_ip(id=79) / ICMP() / Raw(b"f" * 4000), 1400)
    yield _ip(chksum=0x1234) / UDP(sport=5, dport=6)
    yield _ip(len=200) / UDP(sport=5, dport=6) / Raw(b"short")
    yield _ip(len=10) / UDP(sport=5, dport=6) / Raw(b"bad")
    yield _ip(len=0) / UDP(sport=5, dport=6) / Raw(b"tso")
    yield _ip(ihl=4) / UDP(sport=5, dport=6)
    yield _ip(ihl=15, len=40) / UDP(sport=5, dport=6)
    yield _ip(version=5) / UDP(sport=5, dport=6)
    yield _ip() / UDP(sport=5, dport=6) / Raw(b"padded") / Raw(bytes(20))


def udp() -> Iterator[Packet]:
    for size in (0, 1, 17, 1400):
        yield _ip() / UDP(sport=40000, dport=33434) / Raw(b"u" * size)
    yield _ip() / UDP(sport=1, dport=2, chksum=0) / Raw(b"none")
    yield _ip() / UDP(sport=1, dport=2, chksum=0x1111) / Raw(b"wrong")
    for length in (0, 3, 8, 9, 12, 100):
        yield _ip() / UDP(sport=1, dport=2, len=length) / Raw(b"length")
    yield _ip(proto=17) / Raw(b"\0\1\0")
    yield _ip(proto=17) / Raw(b"\0\1\0\2\0\x08")


def tcp() -> Iterator[Packet]:
    """A conversation with all flags and options, and then nonsense."""
    dice = random.Random(4)
    seq, ack = 4294967000, 77
    here, there = {"sport": 5000, "dport": 9999}, {"sport": 9999, "dport": 5000}
    syn = [("MSS", 1460), ("NOP", None), ("WScale", 3), ("SAckOK", b""), ("Timestamp", (100, 0))]
    back = Ether(src=_THERE, dst=_HERE) / IP(src=B, dst=A)
    yield _ip() / TCP(flags="SEC", seq=seq, options=syn, **here)
    yield back / TCP(flags="SAE", seq=ack, ack=seq + 1, options=syn, **there)
    seq, ack = seq + 1, ack + 1
    for step in range(30):
        data = bytes(dice.randrange(200))
        flags = dice.choice(["A", "PA", "FA", "UA", "PAE", "AC", "RA", "SFRPAUEC"])
        stamp = [("NOP", None), ("NOP", None), ("Timestamp", (step, step))]
        yield _ip() / TCP(flags=flags, seq=seq & 0xFFFFFFFF, ack=ack, options=stamp, urgptr=step, **here) / Raw(data)
        seq += len(data)
        low = (seq + 1000) & 0xFFFFFFFF
        sack = [("NOP", None), ("NOP", None), ("SAck", (low, low + 500, low + 1000, low + 1500))]
        yield back / TCP(flags="A", seq=ack, ack=seq & 0xFFFFFFFF, options=sack, **there)
    yield _ip() / TCP(flags="R", seq=5, **here) / Raw(b"go away, please, whoever you may be")
    yield _ip() / TCP(flags=0, seq=5, **here)
    for options in (
        b"\x01\x01\x01\x00", b"\x02\x03\x05\x00", b"\x02\x04\x05", b"\x05\x06\x01\x02\x03\x04\x01\x01",
        b"\x05\x0a" + bytes(8),
        b"\x08\x0a" + bytes(8) + b"\x00\x01", b"\x63\x04\x01\x02", b"\x63\x02\x01\x01",
        b"\x0b\x06" + bytes(4) + b"\x01\x01",
        b"\x13\x12" + bytes(range(16)) + b"\x01\x01", b"\x1c\x04\x80\x05", b"\x03\x28\x01\x00",
        b"\x22\x02\x01\x01",
        b"\x22\x06\x01\x02\x03\x04\x01\x01", b"\x04\x03\x01\x00",
        b"\x01\x01\x03\x28", b"\x01\x01\x02\x03", b"\x08\x00\x00\x00",
    ):  # fmt: skip
        size = (20 + len(options) + 3) // 4
        head = bytes(TCP(flags="A", dataofs=size, seq=1, ack=2, **here))[:20]
        yield _ip(proto=6) / Raw(head + options + bytes(-len(options) % 4) + b"data")
    for offset in (0, 4, 5, 6, 15):
        yield _ip(proto=6) / Raw(bytes(TCP(flags="A", dataofs=offset, **here))[:20] + b"abc")
    yield _ip() / TCP(flags="A", chksum=0x1234, **here) / Raw(b"wrong")
    yield _ip(proto=6) / Raw(b"\0\1\0")
    yield _ip(proto=6) / Raw(b"\0\1\0\2\0\0\0")
    yield _ether() / IP(src=A, dst=B) / TCP(flags="A", sport=7, dport=7, seq=5, ack=9)
    yield back / TCP(flags="A", sport=7, dport=7, seq=9, ack=5)
    yield _ip() / TCP(flags="A", sport=7, dport=7, seq=6, ack=10)


def web() -> Iterator[Packet]:
    texts = (
        b"GET / HTTP/1.1\r\nHost: www\r\nAccept: */*\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.0 404 Not Found\nServer: x\n\n", b"POST /a?b=c HTTP/1.1\r\n", b"get / HTTP/1.0\r\n\r\n",
        b"GET", b"GET /half",
        b"just data", b"<html>\n<body>\n", bytes(range(256)), b"\x00\x01\x02", b"HTTP/1.1 200",
        b"HTTP/1.1 2000 OK\r\n",
        b"GET /\x01 HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nX: \xff\r\n\r\n", b"GET / HTTP/1.1\r", b"\r\n",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"\tGET / HTTP/1.1\r\n", b"GET\t/\tHTTP/1.1\r\n", b"PUT /x HTTP/1.1\rX: y\r\n\r\n",
    )  # fmt: skip
    for text in texts:
        yield _ip() / TCP(flags="PA", sport=5000, dport=80) / Raw(text)
        yield _ip() / TCP(flags="PA", sport=8080, dport=5000) / Raw(text)


def rip() -> Iterator[Packet]:
    entry = RIPEntry(addr="192.168.10.0", mask="255.255.255.0", metric=3)
    other = RIPEntry(addr="10.0.0.0", mask="255.0.0.0", nextHop=C, metric=16, RouteTag=5)
    for version in (1, 2):
        for cmd in (1, 2, 3, 4, 5, 6, 9):
            yield _ip() / UDP(sport=520, dport=520) / RIP(cmd=cmd, version=version) / entry / other
    yield _ip() / UDP(sport=520, dport=520) / RIP(cmd=1, version=2) / RIPEntry(AF=0, metric=16)
    yield _ip() / UDP(sport=520, dport=520) / RIP(cmd=1, version=1) / RIPEntry(AF=0, metric=16)
    yield _ip() / UDP(sport=520, dport=520) / RIP(cmd=2, version=1) / RIPEntry(addr="10.0.0.0", metric=1)
    yield _ip() / UDP(sport=520, dport=520) / RIP(cmd=2, version=2) / RIPAuth(authtype=2, password=b"secret") / entry
    yield _ip() / UDP(sport=520, dport=520) / RIP(cmd=2, version=2) / entry / Raw(b"left")
    yield _ip() / UDP(sport=520, dport=520) / RIP(cmd=2, version=2) / RIPEntry(addr=A, mask="255.0.255.0")
    yield _ip() / UDP(sport=520, dport=520) / RIP(cmd=2, version=3) / entry
    yield _ip() / UDP(sport=520, dport=520) / Raw(b"\x01")
    yield _ip() / UDP(sport=520, dport=520) / Raw(b"\x02\x02\0\0")


def igmp() -> Iterator[Packet]:
    group = Ip4.parse("239.1.2.3").to_bytes(4)
    router = _ether() / IP(src=A, dst="239.1.2.3", ttl=1, proto=2, options=IPOption_Router_Alert())

    def message(kind: int, code: int, rest: bytes, wrong: int = 0) -> Packet:
        whole = bytes([kind, code]) + bytes(2) + rest
        return router / Raw(whole[:2] + (checksum(whole) ^ wrong).to_bytes(2) + rest)

    for kind in (0x11, 0x12, 0x16, 0x17, 0x33):
        for code in (0, 20, 100):
            yield message(kind, code, group)
    yield message(0x11, 100, bytes(4))
    yield message(0x11, 100, bytes(4), wrong=1)
    sources = b"".join(Ip4.parse(each).to_bytes(4) for each in (A, B))
    for code in (0, 100, 130, 255):
        yield message(0x11, code, group + b"\2\x7d\0\2" + sources)
        yield message(0x11, code, group + b"\2\x7d\0\3" + sources)
        yield message(0x11, code, bytes(4) + b"\2\x7d\0\0")
        yield message(0x11, code, bytes(4) + b"\2\x7d\0\0\0")
    records = [bytes([kind, 0, 0, kind % 3]) + group + sources[: kind % 3 * 4] for kind in range(1, 8)]
    yield message(0x22, 0, bytes(2) + b"\0\7" + b"".join(records))
    yield message(0x22, 0, bytes(2) + b"\0\4" + records[0])
    yield message(0x22, 0, bytes(2) + b"\0\1" + records[1][:-4])
    yield message(0x22, 0, bytes(2) + b"\0\1")


def dns() -> Iterator[Packet]:
    name = "www.example.com"
    for kind in ("A", "AAAA", "MX", "TXT", "PTR", "NS", "SOA", 255, "SRV", 999):
        yield _ip() / UDP(sport=5353 + 1, dport=53) / DNS(id=7, rd=1, qd=DNSQR(qname=name, qtype=kind))
    question = DNSQR(qname=name)
    answers = [
        DNSRR(rrname=name, type="A", rdata=A, ttl=300), DNSRR(rrname=name, type="CNAME", rdata="x.example.com"),
        DNSRR(rrname=name, type="AAAA", rdata="2001:db8::1"), DNSRR(rrname=name, type="TXT", rdata=b"some text"),
        DNSRR(rrname="1.0.0.10.in-addr.arpa", type="PTR", rdata="host.example.com"),
    ]  # fmt: skip
    for answer in answers:
        yield _ip() / UDP(sport=53, dport=4000) / DNS(id=8, qr=1, ra=1, aa=1, qd=question, an=answer)
    for rcode in range(6):
        yield _ip() / UDP(sport=53, dport=4000) / DNS(id=9, qr=1, rcode=rcode, tc=rcode & 1, qd=question)
    yield _ip() / UDP(sport=53, dport=4000) / DNS(id=9, qr=0, opcode=4, qd=question)
    yield _ip() / UDP(sport=53, dport=4000) / DNS(id=9, qr=1, qd=question, an=answers[0], ns=answers[1], ar=answers[0])
    yield _ip() / UDP(sport=53, dport=4000) / Raw(bytes(DNS(id=9, qr=1, qd=question, an=answers[0]))[:-3])
    yield _ip() / UDP(sport=53, dport=4000) / Raw(b"short")


def link() -> Iterator[Packet]:
    for tag in (Dot1Q(vlan=5), Dot1Q(vlan=4095, prio=7), Dot1Q(vlan=1, dei=1)):
        yield _ether() / tag / IP(src=A, dst=B) / ICMP()
        yield _ether() / tag / ARP(op=1, psrc=A, pdst=B, hwsrc=_HERE)
        yield _ether() / tag / Dot1Q(vlan=9) / IP(src=A, dst=B) / UDP() / Raw(b"q in q")
    yield _ether(type=0x88B5) / Raw(b"experimental, nobody knows it")
    yield _ether(type=0x6666) / Raw(b"odd")
    bridge = Dot3(src=_HERE, dst="01:80:c2:00:00:00") / LLC(dsap=0x42, ssap=0x42, ctrl=3)
    for flags in (0, 1, 0x80, 0x81, 0x7E):
        yield bridge / STP(bpduflags=flags, rootid=32768, rootmac=_HERE, bridgeid=4096, bridgemac=_THERE, portid=0x8003)
    yield bridge / STP(version=2, bpdutype=2, bpduflags=0x3C, pathcost=200000, age=1.5) / Raw(b"\0")
    yield bridge / Raw(bytes([0, 0, 0, 0x80]))
    yield bridge / Raw(bytes([0, 0, 0, 0]) + bytes(10))
    yield bridge / Raw(b"\0\0")


def ip6() -> Iterator[Packet]:
    """What kernels with IPv6 say by themselves."""
    here, there, everybody = "fe80::1", "fe80::2", "ff02::1"
    found, solicit = ICMPv6NDOptSrcLLAddr(lladdr=_HERE), ICMPv6ND_NS(tgt=there)
    yield _ether() / IPv6(src="::", dst="ff02::1:ff00:2", hlim=255) / solicit
    yield _ether() / IPv6(src=here, dst="ff02::1:ff00:2", hlim=255) / solicit / found
    yield (
        _ether()
        / IPv6(src="::", dst="ff02::1:ff00:2", hlim=255)
        / solicit
        / ICMPv6NDOptUnknown(type=14, data=b"noncey")
    )
    yield _ether() / IPv6(src=there, dst=here, hlim=255) / ICMPv6ND_NA(tgt=there, S=1, O=1) / found
    yield _ether() / IPv6(src=there, dst=here, hlim=255) / ICMPv6ND_NA(tgt=there, R=0, S=0, O=0)
    yield _ether() / IPv6(src=here, dst="ff02::2", hlim=255) / ICMPv6ND_RS()
    yield _ether() / IPv6(src=here, dst="ff02::2", hlim=255) / ICMPv6ND_RS() / found
    prefix = ICMPv6NDOptPrefixInfo(prefix="2001:db8::", prefixlen=64, validlifetime=3600)
    yield _ether() / IPv6(src=here, dst=everybody) / ICMPv6ND_RA(M=1) / found / ICMPv6NDOptMTU(mtu=1400) / prefix
    for tc, fl, hlim in ((0, 0, 64), (0xB8, 0xABCDE, 1)):
        head = _ether() / IPv6(src="2001:db8::1", dst="2001:db8:0:1::", tc=tc, fl=fl, hlim=hlim)
        yield head / ICMPv6EchoRequest(id=3, seq=4, data=b"x" * 30)
        yield head / ICMPv6EchoReply(id=3, seq=4)
        yield head / UDP(sport=33333, dport=9) / Raw(b"udp")
        yield head / TCP(sport=5000, dport=80, flags="PA", seq=4, ack=5) / Raw(b"GET / HTTP/1.0\r\n\r\n")
        yield head / ICMPv6PacketTooBig(mtu=1280) / IPv6(src=there, dst=here) / UDP(sport=1, dport=2) / Raw(b"quoted")
    alert = IPv6ExtHdrHopByHop(options=[RouterAlert(value=0), PadN()])
    records = [ICMPv6MLDMultAddrRec(rtype=kind, dst="ff02::1:ff00:1") for kind in (2, 4, 3)]
    yield _ether() / IPv6(src="::", dst="ff02::16", hlim=1) / alert / ICMPv6MLReport2(records=records)
    yield _ether() / IPv6(src="::", dst="ff02::16", hlim=1) / alert / ICMPv6MLReport(mladdr="ff02::1:ff00:1")
    yield _ether() / IPv6(src=here, dst=there, plen=500) / UDP(sport=1, dport=2) / Raw(b"short")
    yield _ether() / IPv6(src="::ffff:10.0.0.1", dst="::1", nh=59)


KINDS = (arp, icmp, ip, udp, tcp, web, rip, igmp, dns, link, ip6)


def frames(kind: Any) -> list[Frame]:
    """The frames of a kind, ten a second."""
    return [
        Frame(1_700_000_000_000_000_000 + number * 100_123_456, 0, None, data, len(data))
        for number, data in enumerate(bytes(each) for each in kind())
    ]


def cut(found: list[Frame], snaplen: int) -> list[Frame]:
    """The same with no more than so many bytes of each."""
    return [frame._replace(data=frame.data[:snaplen]) for frame in found]


def write(path: Path, found: list[Frame], linktype: int = DLT_EN10MB) -> None:
    """A pcap of them."""
    path.write_bytes(pcap.header(linktype) + b"".join(pcap.saved(frame) for frame in found))
