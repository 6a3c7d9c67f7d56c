"""drops: what was dropped, where and why; and the explanations, held against the source of the stack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from commands._drops import named
from commands._reasons import WHY
from commands.drops import packet
from netsh import deaths
from stack.header.arp import Arp
from stack.header.ether import Ether
from stack.kern.proc import SIGINT
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.wire import Personality
from stack.probe import Protocol
from tests import provoked
from tests.commands.labs import chain
from tests.commands.runner import run, start

SOURCE = {(death.protocol, death.reason) for death in deaths.deaths()}
EXPLAINED = {(protocol, reason) for protocol, known in WHY.items() for reason in known}


def test_every_reason_in_the_source_is_explained() -> None:
    assert sorted(SOURCE - EXPLAINED) == []


def test_every_explanation_is_of_a_reason_in_the_source() -> None:
    assert sorted(EXPLAINED - SOURCE) == []


def test_every_reason_in_the_source_is_named_by_a_test() -> None:
    """Each is provoked by one; this finds a new one that nobody has provoked."""
    tests = Path(__file__).parents[1]
    ours = {Path(__file__), tests / "netsh" / "test_source.py"}
    said = "\n".join(path.read_text() for path in tests.rglob("*.py") if path not in ours)
    words = set(re.findall(r"\w+", said))
    assert sorted(f"{protocol}/{reason}" for protocol, reason in SOURCE if reason not in words) == []


@pytest.mark.parametrize(("protocol", "reason"), sorted(EXPLAINED))
def test_an_explanation_is_whole(protocol: str, reason: str) -> None:
    why = WHY[protocol][reason]
    assert 10 < len(why.sentence) < 90
    assert not why.sentence.endswith(".")
    assert why.cause[-1] in ".)"
    assert why.cure[-1] in ".?)"
    assert why.rfc or why.bsd
    assert all(re.match(r"(RFC|IEEE) \d|\d+(\.\d+)+", clause) for clause in re.split(r"[;,] ", why.rfc) if clause)


@pytest.mark.parametrize(("protocol", "reason"), sorted(EXPLAINED))
def test_a_sysctl_that_an_explanation_names_exists(protocol: str, reason: str) -> None:
    known = set(Lab().add_host("a").sysctl.walk())
    said = " ".join(WHY[protocol][reason])
    assert set(re.findall(r"net\.inet(?:\.[a-z0-9_-]+)+", said)) <= known


SAMPLE = '''
class Base(Protocol):
    name = "tcp"
class Heir(Base):
    def direct(self, m): self.drop("a", m)
    def either(self, m): self.drop("b" if m else "c", m)
    def door(self, m, reason): self.drop(reason, m)
    def through(self, m): self.door(m, "d")
    def why(self, m) -> str: return "e" if m else ""
    def returned(self, m):
        reason = self.why(m)
        self.drop(reason, m)
    def given(self, other, m): other.ether.drop("f", m)
    def caught(self, m):
        try: parse(m)
        except Bad as bad: self.drop(bad.reason)
    def lost(self, m): self.drop(m.what, m)
    def stranger(self, somebody): somebody.drop("g")
class Bad(Exception):
    def __init__(self, reason: str): pass
def parse(m): raise Bad("h")
class Other:
    def drop(self, size): pass
    def forget(self): self.drop(3)
'''


def test_the_reader_follows_a_reason_to_where_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deaths, "sources", lambda: [("stack/x.py", SAMPLE)])
    found = {(death.protocol, death.reason, death.line) for death in deaths.read()}
    line = {text.split('"')[1]: at for at, text in enumerate(SAMPLE.splitlines(), 1) if '"' in text and "drop" in text}
    assert {reason: protocol for protocol, reason, _ in found} == {
        "a": "tcp", "b": "tcp", "c": "tcp", "d": "tcp", "e": "tcp", "f": "ether", "g": "?", "h": "tcp", "?": "tcp",
    }  # fmt: skip
    assert {("tcp", "a", line["a"]), ("ether", "f", line["f"]), ("tcp", "d", 8), ("tcp", "e", 9)} <= found


def test_names() -> None:
    assert named("badsum") == [("ip", "badsum"), ("udp", "badsum")]
    assert named("udp/badsum") == [("udp", "badsum")]
    assert named("tcp/badsum") == named("nope") == named("") == named("/") == []


# --- the list ---------------------------------------------------------------------------------------------------


def dropped() -> Lab:
    """A lab in which the router has dropped a packet, www two, and the bus one."""
    lab = chain("me", "gw", "www")
    run(lab, "me", "traceroute -m 1 -q 1 www")
    run(lab, "me", "nc -z www 99")
    run(lab, "me", "nc -z www 98")
    lab.buses["me-gw"].set(Personality(loss=1.0))
    run(lab, "me", "ping -c 1 -o -w 1 gw")
    return lab


def test_the_list() -> None:
    answer = run(dropped(), "me", "drops")
    assert answer.lines == [
        "HOST       PROTOCOL REASON               COUNT  WHY",
        "gw         ip       ttl                      1  its time to live is used up on the way",
        "www        tcp      noport                   2  no connection, and nobody listens on that port",
        "bus:me-gw  bus      loss                     1  the bus lost the frame, as it was told to",
    ]
    assert (answer.errors, answer.status) == ([], 0)


@pytest.mark.parametrize(
    ("words", "places"),
    [
        ("gw", ["gw"]),
        ("bus:me-gw gw", ["gw", "bus:me-gw"]),
        ("me", []),
        ("-p tcp", ["www"]),
        ("-p bus", ["bus:me-gw"]),
        ("-p tcp gw", []),
        ("-p vlan", []),
    ],
)
def test_some_of_it(words: str, places: list[str]) -> None:
    assert [line.split()[0] for line in run(dropped(), "me", f"drops {words}").lines[1:]] == places


@pytest.mark.parametrize(
    ("words", "complaint", "status"),
    [
        ("nope", "drops: nope: no such host; 'host' lists them, and a bus is bus:NAME", 1),
        ("bus:nope", "drops: bus:nope: no such host; 'host' lists them, and a bus is bus:NAME", 1),
        ("-p nope", f"drops: nope: not a protocol that drops; those are {', '.join(WHY)}", 2),
        ("-c 1", "drops: -c goes with -f: it ends what is shown live", 2),
        ("-f -c 0", "drops: 0: the count is between 1 and 2147483647", 2),
        ("-f -c x", "drops: x: not a number; the count is wanted", 2),
        ("-x", "drops: unknown option -- x ('help drops' lists them)", 2),
        ("-p", "drops: option requires an argument -- p ('help drops' says which)", 2),
    ],
)
def test_words_that_make_no_sense(words: str, complaint: str, status: int) -> None:
    lab = chain("me", "gw", "www")
    answer = run(lab, "me", f"drops {words}")
    assert (answer.errors, answer.lines, answer.status) == ([complaint], [], status)
    assert lab.probes.drop == ()


# --- live -------------------------------------------------------------------------------------------------------


def test_live() -> None:
    lab = chain("me", "gw", "www")
    job = start(lab, "me", "drops -f")
    run(lab, "me", "traceroute -m 1 -q 1 www")
    run(lab, "me", "nc -z www 99")
    job.proc.signal(SIGINT)
    lab.run(lab.callouts.now + 1)
    assert [re.sub(r"\d+\.\d{6}|(?<=10\.0\.0\.1)\.\d+", "_", line) for line in job.answer.lines] == [
        "_ gw ip/ttl: 10.0.0.1_ > 10.0.1.2.33435: UDP, 40 bytes: its time to live is used up on the way",
        "_ www tcp/noport: 10.0.0.1_ > 10.0.1.2.99: TCP, 60 bytes: no connection, and nobody listens on that port",
        "2 drops",
    ]
    assert lab.probes.drop == ()


def test_live_until_there_were_enough() -> None:
    lab = chain("me", "gw", "www")
    job = start(lab, "me", "drops -f -c 1 -p tcp www")
    run(lab, "me", "traceroute -m 1 -q 1 www")
    run(lab, "me", "nc -z gw 99")
    assert job.answer.lines == []
    run(lab, "me", "nc -z www 99")
    assert [row.host for row in job.answer.rows] == ["www"]
    assert job.proc.status == 0
    assert lab.probes.drop == ()


def test_live_with_more_than_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands.drops._MOST", 3)
    lab = chain("me", "gw", "www")
    job = start(lab, "me", "drops -f -c 3")
    lab.run(0.0)
    for _ in range(5):
        lab["me"].tcp.drop("rcvshort")
    lab.run(1.0)
    assert job.answer.errors == ["drops: 2 more came too quickly to be shown"]
    assert len(job.answer.rows) == 3
    assert job.answer.lines[0] == "0.000000 me tcp/rcvshort: too short to hold a TCP header"


def test_two_listen_and_one_leaves() -> None:
    lab = chain("me", "gw", "www")
    first, second = start(lab, "me", "drops -f"), start(lab, "me", "drops -f")
    lab.run(0.0)
    first.proc.signal(SIGINT)
    lab.run(1.0)
    lab["me"].tcp.drop("rcvshort")
    lab.run(2.0)
    assert first.answer.lines == ["0 drops"]
    assert len(second.answer.rows) == 1


IP = bytes.fromhex("4500001c000100004011 0000 0a000001 0a000002")
TAIL = bytes.fromhex("4500001c000100084011 0000 0a000001 0a000002")
ARP = bytes.fromhex("0001080006040001020000000001 0a000001 000000000000 0a000002")
LLDP = b"\x88\xcc"
LINK = b"\xff" * 6 + b"\2\0\0\0\0\1"


@pytest.mark.parametrize(
    ("m", "line"),
    [
        (None, ""),
        (Mbuf(b"\0\7\0\x35" + bytes(4), b"", IP), "10.0.0.1.7 > 10.0.0.2.53: UDP, 28 bytes"),
        (Mbuf(b"\0\7", b"", IP), "10.0.0.1 > 10.0.0.2: UDP, 22 bytes"),
        (Mbuf(bytes(8), b"", TAIL), "10.0.0.1 > 10.0.0.2: UDP, fragment at 64, 28 bytes"),
        (Mbuf(bytes(8), b"", IP[:9] + b"\x63" + IP[10:]), "10.0.0.1 > 10.0.0.2: protocol 99, 28 bytes"),
        (Mbuf(ARP, link=LINK + b"\x08\x06"), f"ARP, {Arp.parse(ARP)}"),
        (Mbuf(b"x", link=LINK + b"\x08\x06"), "1 bytes"),
        (Mbuf(b"xy", link=LINK + LLDP), f"{Ether.parse(LINK + LLDP)}, 2 bytes"),
        (Mbuf(b"", b"", b"\x45"), "1 bytes"),
        (Mbuf(b"abc"), "3 bytes"),
    ],
)  # fmt: skip
def test_a_packet_in_a_line(m: Mbuf | None, line: str) -> None:
    assert packet(m) == line


def test_a_drop_that_no_test_provokes_is_found() -> None:
    """tests/conftest.py asks for those after a run of the whole suite; the door notes all who come through it."""
    Protocol("a", Lab().probes).drop("on purpose")
    assert ("?", "on purpose") in provoked.SEEN
    assert provoked.missing(SOURCE) == []
    assert provoked.missing(SOURCE - {("ip", "ttl"), ("bus", "loss")}) == ["bus/loss", "ip/ttl"]
