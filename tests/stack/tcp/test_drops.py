"""Every way in which a segment dies, by its name: it is counted once, under that name and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stack.header.ip import IPPROTO_TCP
from stack.mbuf import CSUM_TCP, M_BCAST, Mbuf
from stack.netinet import tcp_input
from tests.stack.tcp.calls import PEER
from tests.stack.tcp.packetdrill import US, Drill

LISTEN = """
0.000 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 0) = 0
"""
SYN_RECEIVED = LISTEN + """
+0 < S 0:0(0) win 5000 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
"""
ESTABLISHED = SYN_RECEIVED + """
+0 < . 1:1(0) ack 1 win 5000
+0 accept(3, ..., ...) = 4
"""
SYN_SENT = """
0.000 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 connect(3, ..., ...) = -1 EINPROGRESS
+0 > S 0:0(0) <mss 1460>
"""
TIMESTAMPS = "0.000 `sysctl net.inet.tcp.rfc1323=1`" + ESTABLISHED.replace("<mss 1000>", "").replace(
    "win 5000", "win 5000 <nop,nop,TS val 9 ecr 0>"
).replace("<mss 1460>", "<...>")

CASES = {
    "rcvbadsum": (LISTEN, "< S 0:0(0) win 5000 bad_checksum"),
    "noport": ("", "< S 0:0(0) win 5000\n+0 > R. 0:0(0) ack 1"),
    "badsyn": (LISTEN, "< SF 0:0(0) win 5000"),
    "listenoverflow": (ESTABLISHED.replace("+0 accept(3, ..., ...) = 4", ""), "< :40001 S 0:0(0) win 5000"),
    "rcvnosyn": (SYN_SENT, "< . 1:1(0) ack 1 win 5000"),
    "rcvbadack": (SYN_SENT, "< S. 0:0(0) ack 2 win 5000\n+0 > R 2:2(0)"),
    "rcvbadrst": (SYN_SENT, "< R 0:0(0)"),
    "badicmp": (SYN_SENT, "< icmp unreachable port_unreachable [7:7(0)]"),
    "rcvafterwin": (ESTABLISHED, "< . 90000:90001(1) ack 1 win 5000\n+0 > . 1:1(0) ack 1"),
    "rcvsyn": (ESTABLISHED, "< S 0:0(0) win 5000\n+0 > . 1:1(0) ack 1"),
    "rcvduppack": (
        SYN_SENT + "+0 < S 0:0(0) win 5000\n+0 > S. 0:0(0) ack 1 <mss 1460>",
        "< S 0:0(0) win 5000\n+0 > S. 0:0(0) ack 1 <mss 1460>",
    ),
    "sc_dupesyn": (SYN_RECEIVED, "< S 0:0(0) win 5000\n+0 > S. 0:0(0) ack 1 <mss 1460>"),
    "sc_reset": (SYN_RECEIVED, "< R 1:1(0)"),
    "sc_dropped": (LISTEN + "+0 %{ tun.error = 55 }%", "< S 0:0(0) win 5000"),
    "sc_aborted": (
        "0.000 `sysctl net.inet.tcp.syncache.rst_on_sock_fail=1`" + SYN_RECEIVED
        + "+0 < :40001 S 0:0(0) win 5000 <mss 1000>\n+0 > S. 0:0(0) ack 1 <mss 1460>\n+0 < . 1:1(0) ack 1 win 5000",
        "< :40000 . 1:1(0) ack 1 win 5000\n+0 > R. 1:1(0) ack 1",
    ),
    "sc_overflowed": (
        "0.000 `sysctl net.inet.tcp.syn_cache_limit=1`" + SYN_RECEIVED,
        "< :40001 S 0:0(0) win 5000\n+0 > S. 0:0(0) ack 1 <mss 1460>",
    ),
    "sc_bucketoverflow": (
        "0.000 `sysctl net.inet.tcp.syn_bucket_limit=1`\n0.000 %{ tcp.rng.getrandbits = lambda bits: 0 }%"
        + SYN_RECEIVED,
        "< :40855 S 0:0(0) win 5000\n+0 > S. 0:0(0) ack 1 <mss 1460>",
    ),
    "rcvnoack": (ESTABLISHED, "< P 1:11(10) win 5000"),
    "rcvacktoomuch": (ESTABLISHED, "< . 1:1(0) ack 2 win 5000\n+0 > . 1:1(0) ack 1"),
    "rcvoldack": (ESTABLISHED, "< . 1:1(0) ack 4294950000 win 5000\n+0 > . 1:1(0) ack 1"),
    "rcvnotstamp": (TIMESTAMPS, "< P. 1:11(10) ack 1 win 5000"),
    "pawsdrop": (TIMESTAMPS, "< . 1:1(0) ack 1 win 5000 <nop,nop,TS val 1 ecr 0>"),
    "rcvafterclose": (
        ESTABLISHED + "+0 close(4) = 0\n+0 > F. 1:1(0) ack 1",
        "< P. 1:11(10) ack 2 win 5000\n+0 > R. 2:2(0) ack 1",
    ),
    "rcvrstwait": (
        "0.000 `sysctl net.inet.tcp.rfc1337=1`" + ESTABLISHED + "+0 close(4) = 0\n+0 > F. 1:1(0) ack 1\n"
        "+0 < F. 1:1(0) ack 2 win 5000\n+0 > . 2:2(0) ack 2",
        "< R 2:2(0)",
    ),
    "rstlimit": ("0.000 `sysctl net.inet.tcp.rstppslimit=0`", "< S 0:0(0) win 5000"),
}
BEFORE = {"rstlimit": ["noport"]}  # it would have been answered with a reset


@pytest.mark.parametrize("reason", CASES)
def test_a_segment_dies_of(reason: str) -> None:
    before, segment = CASES[reason]
    reasons: list[str] = []
    drill = Drill(f"{before}\n+0 %{{ mark() }}%\n+0 {segment}\n+0 %{{ mark() }}%")
    drill.lab.probes.drop += (lambda host, protocol, what, m: reasons.append(what),)
    drill.names["mark"] = lambda: reasons.append("|")
    drill.run()
    died = "".join(f"{what} " for what in reasons).split("| ")[1].split()
    assert died == [*BEFORE.get(reason, []), reason]


@pytest.mark.parametrize(
    ("segment", "flags", "reason"),
    [
        (bytes(19), 0, "rcvshort"),
        (b"", 0, "rcvshort"),
        (bytes(12) + b"\x40" + bytes(7), 0, "rcvbadoff"),
        (bytes(12) + b"\x60" + bytes(7), 0, "rcvbadoff"),
        (bytes(12) + b"\xf0" + bytes(40), 0, "rcvbadoff"),
        (b"\x9c\x40\x1f\x90" + bytes(8) + b"\x50\x02" + bytes(6), M_BCAST, "rcvbcast"),
    ],
)
def test_a_crooked_segment(segment: bytes, flags: int, reason: str) -> None:
    """Straight into TCP, as no honest IP would bring it."""
    drill, reasons = Drill(LISTEN), list[str]()
    drill.run()
    drill.lab.probes.drop += (lambda host, protocol, what, m: reasons.append(what),)
    m = Mbuf(segment[20:], segment[:20]) if reason == "rcvbcast" else Mbuf(segment)
    m.flags, m.rcvif = flags, drill.tun
    m.csum = CSUM_TCP if reason == "rcvbcast" else 0  # this one is well formed
    x = 0x45 << 152 | (20 + len(segment)) << 128 | IPPROTO_TCP << 80 | PEER << 32 | US
    drill.host.tcp.input(m, x)
    assert reasons == [reason]
    assert drill.host.tcp.stat[reason] == 1


def test_all_reasons_are_here() -> None:
    """A new reason comes with its test."""
    folder = Path(tcp_input.__file__).parent
    code = "".join(path.read_text() for path in folder.glob("tcp_*.py"))
    known = set(re.findall(r'(?:drop\(|_challenge\(tp, seg, )"(\w+)"', code))
    here = {*CASES, "rcvshort", "rcvbadoff", "rcvbcast", "rcvmemdrop"}  # the last in test_reass.py
    assert known == here
