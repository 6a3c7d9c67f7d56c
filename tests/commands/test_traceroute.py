"""traceroute: routers that answer, routers that do not, and what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.traceroute import Hop
from stack.addr import Prefix
from stack.header.icmp import ICMP_UNREACH, build
from stack.header.ip import Ip as IpHeader
from stack.kern.proc import SIGINT
from stack.kern.socket import SOCK_RAW
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.route import RTF_REJECT, RTF_STATIC, RTF_UP, Rtentry
from stack.net.wire import Personality
from tests.commands.labs import attach, bus, chain, end, golden_lab, route, sent
from tests.commands.runner import Answer, Step, finish, run, start, steps

GOLDEN = Path(__file__).parent.parent / "sessions" / "traceroute.txt"


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = chain("a", "r1", "r2", "r3", "b", delay=0.001)
    run(lab, "a", "traceroute -q 1 b")  # so that everybody knows his neighbours
    yield lab
    end(lab)


def hops(answer: Answer) -> list[Hop]:
    return [row for row in answer.rows if isinstance(row, Hop)]


def timeless(text: str) -> str:
    return re.sub(r"\d+\.\d{3} ms", "T ms", text)


# --- as NetBSD says it -------------------------------------------------------------------------------


@pytest.mark.parametrize("step", list(steps(GOLDEN)), ids=lambda step: step.command)
def test_golden(step: Step) -> None:
    lab = golden_lab()
    answer = run(lab, step.host, step.command)
    assert timeless(answer.both).rstrip("\n") == timeless(step.answer)
    assert answer.status == 0


@pytest.mark.parametrize("options", ["", "-I"])
def test_the_whole_way(lab: Lab, options: str) -> None:
    answer = run(lab, "a", f"traceroute {options} b")
    assert answer.lines == [
        "traceroute to b (10.0.3.2), 64 hops max, 40 byte packets",
        " 1  r1 (10.0.0.2)  2.000 ms  2.000 ms  2.000 ms",
        " 2  r2 (10.0.1.2)  4.000 ms  4.000 ms  4.000 ms",
        " 3  r3 (10.0.2.2)  6.000 ms  6.000 ms  6.000 ms",
        " 4  b (10.0.3.2)  8.000 ms  8.000 ms  8.000 ms",
    ]


def test_numbers_and_one_probe(lab: Lab) -> None:
    answer = run(lab, "a", "traceroute -n -q 1 b")
    assert [timeless(line) for line in answer.lines[1:3]] == [" 1  10.0.0.2  T ms", " 2  10.0.1.2  T ms"]


def test_only_some_hops(lab: Lab) -> None:
    assert [row.hop for row in hops(run(lab, "a", "traceroute -f 2 -m 3 b"))] == [2, 3]
    lab["a"].sysctl.set("net.inet.ip.ttl", "2")
    assert run(lab, "a", "traceroute b").lines[0].endswith(", 2 hops max, 40 byte packets")


def test_times_to_live_of_answers(lab: Lab) -> None:
    answer = run(lab, "a", "traceroute -l -q 1 b")
    assert [row.probes[0].ttl for row in hops(answer)] == [255, 254, 253, 252]
    assert answer.lines[1].endswith(" ms (ttl = 255)")


def test_oneself(lab: Lab) -> None:
    assert timeless(run(lab, "a", "traceroute a").lines[1]) == " 1  a (10.0.0.1)  T ms  T ms  T ms"


# --- what is sent ------------------------------------------------------------------------------------


def test_probes(lab: Lab) -> None:
    packets = sent(lab, "a")
    run(lab, "a", "traceroute -m 2 -q 2 -p 5000 -t 16 b 100")
    assert [m.net[8] for _, m in packets] == [1, 1, 2, 2]
    assert {(m.len, m.net[1], m.net[9]) for _, m in packets} == {(100, 16, 17)}
    assert [int.from_bytes(m.payload()[2:4]) for _, m in packets] == [5001, 5002, 5003, 5004]


def test_ports_wrap_around_without_the_0(lab: Lab) -> None:
    packets = sent(lab, "a")
    run(lab, "a", "traceroute -m 1 -p 65534 b")
    assert [int.from_bytes(m.payload()[2:4]) for _, m in packets] == [65535, 1, 2]


def test_source_address(lab: Lab) -> None:
    attach(lab, "a", "other", "10.7.0.1")
    for name in ("r1", "r2", "r3", "b"):
        towards = next(ifp for ifp in lab[name].interfaces.values() if not ifp.is_loopback).addresses[0].address
        route(lab[name], "10.7.0.0/24", str(type(towards)(towards - 1)))
    packets = sent(lab, "a")
    answer = run(lab, "a", "traceroute -s 10.7.0.1 b")
    assert answer.lines[0] == "traceroute to b (10.0.3.2) from 10.7.0.1, 64 hops max, 40 byte packets"
    assert len(hops(answer)) == 4
    assert {IpHeader.parse(m.net).src for _, m in packets} == {0x0A070001}


@pytest.mark.parametrize("options", ["-g r2", "-gr2", "-g r1 -g r3", "-I -g r2"])
def test_through_gateways(lab: Lab, options: str) -> None:
    packets = sent(lab, "a")
    answer = run(lab, "a", f"traceroute -n {options} b 60")
    assert [str(row.probes[0].from_) for row in hops(answer)] == ["10.0.0.2", "10.0.1.2", "10.0.2.2", "10.0.3.2"]
    assert {(m.len, len(m.net) > 20) for _, m in packets} == {(60, True)}


# --- bad roads ---------------------------------------------------------------------------------------


def test_a_silent_router_is_a_star(lab: Lab) -> None:
    lab["r2"].sysctl.set("net.inet.icmp.errppslimit", "0")
    begun = lab.callouts.now
    answer = run(lab, "a", "traceroute -w 2 b")
    assert answer.lines[2] == " 2  * * *"
    assert timeless(answer.lines[3]) == " 3  r3 (10.0.2.2)  T ms  T ms  T ms"
    assert lab.callouts.now - begun == pytest.approx(6, abs=0.1)


def test_a_dead_end_is_stars_to_the_last(lab: Lab) -> None:
    bus(lab, 2).set(Personality(loss=1))
    answer = run(lab, "a", "traceroute -m 6 -q 1 -w 0.5 b")
    assert answer.lines[3:] == [" 3  *", " 4  *", " 5  *", " 6  *"]
    assert answer.status == 0


def test_loss_is_a_star_here_and_there(lab: Lab) -> None:
    for at in range(4):
        bus(lab, at).set(Personality(delay=0.001, loss=0.1))
    answer = run(lab, "a", "traceroute -q 20 -w 0.1 b")
    found = [sum(probe.from_ is None for probe in row.probes) for row in hops(answer)]
    assert len(found) >= 4 and sum(found) > 5
    assert " *  r" not in answer.text and re.search(r"ms \*( \*)*  \d", answer.text)


def test_several_routers_at_one_hop(lab: Lab) -> None:
    attach(lab, "other", "r1-r2", "10.0.1.77")
    route(lab["other"], "10.0.3.0/24", "10.0.1.2")
    route(lab["other"], "10.0.0.0/24", "10.0.1.1")
    lab["r1"].sysctl.set("net.inet.ip.redirect", "0")

    def turn() -> None:
        """The way changes while the probes of hop 2 are on it."""
        lab["r1"].routes.delete(Prefix.parse("10.0.3.0/24"))
        route(lab["r1"], "10.0.3.0/24", "10.0.1.77")

    lab.callouts.schedule(0.011, turn)
    answer = run(lab, "a", "traceroute -n b")
    assert re.fullmatch(r" 2  10\.0\.1\.2  4\.\d+ ms 10\.0\.1\.77  6\.\d+ ms  4\.\d+ ms", answer.lines[2])


def test_no_way_from_here(lab: Lab) -> None:
    answer = run(lab, "a", "traceroute 192.168.7.7")
    assert (answer.errors, answer.status) == (["traceroute: sendto: No route to host"], 1)


def test_no_way_from_there(lab: Lab) -> None:
    lab["r2"].routes.delete(Prefix.parse("10.0.3.0/24"))
    answer = run(lab, "a", "traceroute b")
    assert timeless(answer.lines[-1]) == " 2  r2 (10.0.1.2)  T ms !N  T ms !N  T ms !N"


def test_a_host_that_is_not_there(lab: Lab) -> None:
    ifp = lab["r2"].interfaces["shmif1"]
    lab["r2"].routes.add(Rtentry(Prefix.parse("10.0.3.7/32"), ifp, RTF_UP | RTF_REJECT | RTF_STATIC))
    route(lab["a"], "10.0.3.7/32", "10.0.0.2")
    answer = run(lab, "a", "traceroute 10.0.3.7")
    assert timeless(answer.lines[-1]) == " 2  r2 (10.0.1.2)  T ms !H  T ms !H  T ms !H"


def say(lab: Lab, host: str, code: int, ttl: int = 255) -> None:
    """Whatever is for a host, it answers with an unreachable of that code instead."""
    raw = lab[host].socket(SOCK_RAW, 1)
    raw.setsockopt(0, 4, ttl)

    def answer(m: Mbuf, x: int) -> None:
        message = build(ICMP_UNREACH, code, 0, m.net + m.payload()[:8])
        raw.sendto(message, (x >> 32 & 0xFFFFFFFF, 0))

    lab[host].ip.protosw[17] = answer


@pytest.mark.parametrize(
    ("code", "note"),
    [(0, " !N"), (1, " !H"), (2, " !P"), (3, ""), (4, " !F"), (5, " !S"), (13, " !X"), (9, " !<9>"), (10, " !<10>")],
)
def test_notes(lab: Lab, code: int, note: str) -> None:
    say(lab, "b", code)
    answer = run(lab, "a", "traceroute -m 6 b")
    assert timeless(answer.lines[-1]) == " 4  b (10.0.3.2)" + f"  T ms{note}" * 3


def test_the_last_breath(lab: Lab) -> None:
    say(lab, "b", 3, ttl=4)
    assert timeless(run(lab, "a", "traceroute b").lines[-1]) == " 4  b (10.0.3.2)  T ms !  T ms !  T ms !"


# --- long packets ------------------------------------------------------------------------------------


def test_fragments_are_no_hindrance(lab: Lab) -> None:
    for options in ("", "-I "):
        assert run(lab, "a", f"traceroute {options}b 4000").lines[-1].startswith(" 4  b")


def test_fragmentation_needed(lab: Lab) -> None:
    lab["r2"].interfaces["shmif1"].set_mtu(600)
    answer = run(lab, "a", "traceroute -F b 1000")
    assert timeless(answer.lines[-1]) == " 3  r2 (10.0.1.2)  T ms !F  T ms !F  T ms !F"
    answer = run(lab, "a", "traceroute -F b 2000")
    assert (answer.errors, answer.status) == (["traceroute: sendto: Message too long"], 1)


def test_the_mtu_of_the_way(lab: Lab) -> None:
    lab["r2"].interfaces["shmif1"].set_mtu(600)
    answer = run(lab, "a", "traceroute -P b")
    assert [timeless(line) for line in answer.lines] == [
        "traceroute to b (10.0.3.2), 64 hops max, 1500 byte packets",
        " 1  r1 (10.0.0.2)  T ms  T ms  T ms",
        " 2  r2 (10.0.1.2)  T ms  T ms  T ms",
        " 3  r2 (10.0.1.2)  T ms",
        "fragmentation required and DF set, next hop MTU = 600",
        " 3  r3 (10.0.2.2)  T ms  T ms  T ms",
        " 4  b (10.0.3.2)  T ms  T ms  T ms",
    ]


def test_a_router_that_does_not_say_how_narrow_it_is(lab: Lab) -> None:
    say(lab, "b", 4)
    answer = run(lab, "a", "traceroute -P -m 4 -w 0.1 b")
    told = [line for line in answer.lines if line.startswith("frag")]
    assert told[0] == "fragmentation required and DF set, next hop MTU = 1492"
    assert told[-1].endswith(" 28") and len(answer.lines) < 60


# --- several at once, and the end --------------------------------------------------------------------


def test_many_at_once(lab: Lab) -> None:
    lines = [f"traceroute {'-I' if at % 2 else ''} b" for at in range(8)]
    jobs = [start(lab, "a", line) for line in lines]
    others = [start(lab, "a", "ping -c 2 b") for _ in range(4)]
    for job in jobs:
        names = [row.probes[0].name for row in hops(finish(lab, job))]
        assert names == ["r1", "r2", "r3", "b"]
    assert all(finish(lab, job).status == 0 for job in others)


def test_interrupt_shows_what_there_is(lab: Lab) -> None:
    lab["r2"].sysctl.set("net.inet.icmp.errppslimit", "0")
    answer = run(lab, "a", "traceroute b", interrupt=7.0)
    assert answer.lines[2] == " 2  *" and len(answer.lines) == 3
    assert answer.status == 128 + SIGINT
    assert not lab["a"].rawip.sockets


@pytest.mark.parametrize(
    ("line", "error", "status"),
    [
        ("traceroute", "traceroute: a host is missing", 2),
        ("traceroute b 27", "traceroute: 27: the packet length is between 28 and 65535", 2),
        ("traceroute b 40 x", "traceroute: x: one word too many", 2),
        ("traceroute b many", "traceroute: many: not a number", 2),
        ("traceroute -m 0 b", "traceroute: 0: the max ttl is between 1 and 255", 2),
        ("traceroute -f 256 b", "traceroute: 256: the first ttl is between 1 and 255", 2),
        ("traceroute -f 9 -m 3 b", "traceroute: -f 9: first ttl is beyond the last, 3", 2),
        ("traceroute -q 0 b", "traceroute: 0: the number of probes is between 1 and 100", 2),
        ("traceroute -w 0 b", "traceroute: 0: seconds are at least 0.001", 2),
        ("traceroute -p 65536 b", "traceroute: 65536: the port is between 1 and 65535", 2),
        ("traceroute -z b", "traceroute: unknown option -- z", 2),
        ("traceroute -g", "traceroute: option requires an argument -- g", 2),
        ("traceroute " + "-g r1 " * 9 + "b", "traceroute: no more than 8 gateways", 2),
        ("traceroute nowhere", "traceroute: nowhere: Host name lookup failure", 1),
        ("traceroute -g nowhere b", "traceroute: nowhere: Host name lookup failure", 1),
        ("traceroute -s 10.9.9.9 b", "traceroute: Can't assign requested address", 1),
        ("traceroute 1.2.3", "traceroute: 1.2.3: not an address", 2),
    ],
)
def test_bad_input(lab: Lab, line: str, error: str, status: int) -> None:
    answer = run(lab, "a", line)
    assert (len(answer.errors), answer.status, answer.text) == (1, status, "")
    assert answer.errors[0].startswith(error)
