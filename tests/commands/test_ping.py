"""ping, held against NetBSD's own words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from commands._pinger import PingError, PingReply, PingStatistics
from stack.addr import Ip4
from stack.header.icmp import ICMP_ECHOREPLY, Icmp, build
from stack.header.ip import Ip as IpHeader
from stack.kern.proc import SIGINT, SIGTERM
from stack.mbuf import Mbuf
from stack.net.wire import Personality
from tests.commands.labs import attach, bus, chain, golden_lab, pair, route, sent, spoil
from tests.commands.runner import Answer, Step, finish, run, start, steps

GOLDEN = Path(__file__).parent.parent / "sessions" / "ping.txt"


def statistics(answer: Answer) -> PingStatistics:
    return next(row for row in answer.rows if isinstance(row, PingStatistics))


def replies(answer: Answer) -> list[PingReply]:
    return [row for row in answer.rows if isinstance(row, PingReply)]


def errors(answer: Answer) -> list[PingError]:
    return [row for row in answer.rows if isinstance(row, PingError)]


# --- as NetBSD says it -------------------------------------------------------------------------------


def timeless(text: str) -> str:
    """Without the figures that a clock makes."""
    text = re.sub(r"time=\d+\.\d{6} ms", "time=T ms", text)
    text = re.sub(r"stddev = (\d+\.\d{6}/){3}\d+\.\d{6} ms", "stddev = T ms", text)
    return re.sub(r"\d+\.\d packets/sec", "N packets/sec", text)


@pytest.mark.parametrize("step", list(steps(GOLDEN)), ids=lambda step: f"{step.host} {step.command}")
def test_golden(step: Step) -> None:
    lab = golden_lab()
    answer = run(lab, step.host, step.command)
    status = f"(exit status {answer.status})\n" if answer.status else ""
    expected = step.answer.replace("\b", "")
    assert timeless(answer.both.replace("\b", "") + status).rstrip("\n") == timeless(expected)


def test_names() -> None:
    answer = run(chain("me", "gw", "www"), "me", "ping -c 1 www")
    assert answer.lines[0] == "PING www (10.0.1.2): 56 data bytes"
    assert answer.lines[1].startswith("64 bytes from 10.0.1.2: icmp_seq=0 ttl=254 time=")
    assert "----www PING Statistics----" in answer.lines


def test_an_address_is_shown_by_its_name_unless_n() -> None:
    lab = chain("me", "gw", "www")
    assert run(lab, "me", "ping -c 1 10.0.1.2").lines[0] == "PING www (10.0.1.2): 56 data bytes"
    assert run(lab, "me", "ping -nc1 10.0.1.2").lines[0] == "PING 10.0.1.2 (10.0.1.2): 56 data bytes"
    answer = run(lab, "me", "ping -c 1 -T 1 www")
    assert answer.lines[1] == "36 bytes from gw (10.0.0.2): Time To Live exceeded for icmp_seq=0"


def test_times_are_round_trips_and_their_statistics() -> None:
    lab = pair(delay=0.0125)
    run(lab, "a", "ping -o b")
    lab.callouts.schedule(1.2, lambda: bus(lab).set(Personality(delay=0.025)))
    answer = run(lab, "a", "ping -c 4 -i 0.5 b")
    assert [reply.time for reply in replies(answer)] == pytest.approx([25, 25, 25, 50])
    assert answer.lines[-1] == "round-trip min/avg/max/stddev = 25.000000/31.250000/50.000000/12.500000 ms"


# --- when, and how long ------------------------------------------------------------------------------


def test_interval() -> None:
    lab = pair()
    packets = sent(lab, "a")
    run(lab, "a", "ping -c 4 -i 0.25 b")
    assert [time for time, _ in packets] == pytest.approx([0, 0.25, 0.5, 0.75])


def test_it_goes_on_every_second_until_told_otherwise() -> None:
    lab = pair()
    packets = sent(lab, "a")
    answer = run(lab, "a", "ping b", interrupt=5.5)
    assert [time for time, _ in packets] == pytest.approx([0, 1, 2, 3, 4, 5])
    assert (statistics(answer).received, answer.status) == (6, 0)
    assert lab.callouts.now == pytest.approx(5.5)


def test_the_last_reply_is_waited_for() -> None:
    lab = pair(delay=2.0)
    answer = run(lab, "a", "ping -c 1 b")
    assert len(replies(answer)) == 1
    bus(lab).set(Personality(loss=1))
    begun = lab.callouts.now
    answer = run(lab, "a", "ping -c 1 b")
    assert answer.status == 2
    assert lab.callouts.now - begun == pytest.approx(10)


def test_the_wait_ends_whatever_the_time_was() -> None:
    """6.4 s: what is left of ten seconds was once 2e-15 s there, too little to move the clock, for ever."""
    lab = pair()
    bus(lab).set(Personality(loss=1))
    for begun in (6.4, 127.003, 1000.7):
        lab.run(begun)
        assert run(lab, "a", "ping -c 1 b").status == 2
        assert lab.callouts.now == pytest.approx(begun + 10)


def test_maxwait_ends_it() -> None:
    lab = pair()
    answer = run(lab, "a", "ping -w 3.5 b")
    assert statistics(answer).transmitted == 4
    assert lab.callouts.now == pytest.approx(3.5)


def test_once_stops_at_the_first_reply() -> None:
    lab = pair()
    assert statistics(run(lab, "a", "ping -o -c 5 b")).transmitted == 1
    assert lab.callouts.now == 0


def test_preload() -> None:
    lab = pair()
    packets = sent(lab, "a")
    answer = run(lab, "a", "ping -l 3 -c 1 b")
    assert [time for time, _ in packets[:3]] == [0, 0, 0]
    assert statistics(answer).received == 4


def test_flood_is_as_fast_as_the_replies() -> None:
    lab = pair(delay=0.0005)
    answer = run(lab, "a", "ping -f -c 1000 b")
    assert statistics(answer).received == 1000
    assert lab.callouts.now == pytest.approx(1.001, rel=0.01)
    assert not replies(answer)


def test_flood_shows_the_lost() -> None:
    lab = pair()
    run(lab, "a", "ping -o b")
    bus(lab).set(Personality(loss=1))
    answer = run(lab, "a", "ping -f -c 5 b")
    assert answer.text.replace("\b", "").splitlines()[1] == "....."


def test_flood_on_a_terminal_moves_the_cursor() -> None:
    answer = run(pair(), "a", "ping -f -c 3 b", terminal=True)
    dots = answer.lines[1]
    assert dots.count(".") - dots.count("\b") == 0
    assert answer.lines[2:4] == ["", "----b PING Statistics----"]


# --- Ctrl-C ------------------------------------------------------------------------------------------


def test_interrupt_when_all_is_lost() -> None:
    lab = pair()
    bus(lab).set(Personality(loss=1))
    answer = run(lab, "a", "ping b", interrupt=2.5)
    assert (statistics(answer).transmitted, statistics(answer).loss, answer.status) == (3, 100.0, 2)
    assert lab.callouts.now == pytest.approx(2.5)


def test_interrupt_lets_the_reply_on_its_way_come() -> None:
    lab = pair(delay=0.4)
    answer = run(lab, "a", "ping b", interrupt=3.5)
    assert statistics(answer).transmitted == statistics(answer).received == 4
    assert lab.callouts.now == pytest.approx(3.8)


def test_a_second_interrupt_is_meant() -> None:
    lab = pair(delay=0.4)
    job = start(lab, "a", "ping b")
    lab.callouts.schedule(3.5, lambda: job.proc.signal(SIGINT))
    lab.callouts.schedule(3.6, lambda: job.proc.signal(SIGINT))
    found = statistics(finish(lab, job))
    assert (found.transmitted, found.received) == (4, 3)
    assert lab.callouts.now == pytest.approx(3.6)


def test_other_signals_end_it_without_a_word() -> None:
    lab = pair()
    job = start(lab, "a", "ping b")
    lab.callouts.schedule(2.5, lambda: job.proc.signal(SIGTERM))
    answer = finish(lab, job)
    assert answer.status == 128 + SIGTERM
    assert not lab["a"].rawip.sockets


# --- bad roads ---------------------------------------------------------------------------------------


def test_loss() -> None:
    lab = pair(seed=7)
    run(lab, "a", "ping -o b")
    bus(lab).set(Personality(loss=0.3, delay=0.001))
    answer = run(lab, "a", "ping -c 200 -w 200 -i 0.1 b")
    found = statistics(answer)
    assert found.received == len(replies(answer))
    assert found.loss == pytest.approx(100 * (1 - found.received / found.transmitted))
    assert 20 < (found.loss or 0) < 80


def test_duplicates() -> None:
    lab = pair()
    run(lab, "a", "ping -o b")
    bus(lab).set(Personality(duplicate=1))
    answer = run(lab, "a", "ping -c 2 b")
    assert "64 bytes from 10.0.0.2: icmp_seq=0 DUP! ttl=255 time=" in answer.text
    assert statistics(answer).received == 2
    assert re.search(r"2 packets transmitted, 2 packets received, \+\d+ duplicates, 0\.0% packet loss", answer.text)


def test_reordering_counts_each_once() -> None:
    lab = pair(seed=3)
    run(lab, "a", "ping -o b")
    bus(lab).set(Personality(reorder=0.5, delay=0.05))
    answer = run(lab, "a", "ping -c 50 -i 0.01 b")
    assert sorted(reply.seq for reply in replies(answer)) == list(range(50))
    assert statistics(answer).duplicates == 0


def test_gaps_are_named_when_verbose() -> None:
    lab = pair()
    run(lab, "a", "ping -o b")
    lab.callouts.schedule(0.5, lambda: bus(lab).set(Personality(loss=1)))
    lab.callouts.schedule(2.5, lambda: bus(lab).set(Personality()))
    answer = run(lab, "a", "ping -v -w 4.5 b")
    assert "[*** sequence gap of 2 packets from 1 ... 2 ***]" in answer.lines


# --- what is sent, and what comes back ---------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 7, 8, 56, 1472, 1473, 20000, 65507])
def test_sizes(size: int) -> None:
    answer = run(pair(), "a", f"ping -c 1 -s {size} b")
    (reply,) = replies(answer)
    assert (reply.size, answer.status) == (size + 8, 0)
    assert (reply.time is None) == (size < 8)  # no room for a time stamp
    assert ("round-trip" in answer.text) == (size >= 8)


def test_pattern() -> None:
    lab = pair()
    packets = sent(lab, "a")
    answer = run(lab, "a", "ping -c 1 -s 16 -p dead b")
    assert answer.lines[0] == "PATTERN: 0xdead"
    assert packets[0][1].payload()[16:] == b"\xde\xad" * 4


def test_random_data_comes_back() -> None:
    assert run(pair(), "a", "ping -P -c 2 -s 1000 b").status == 0


def rewrite(m: Mbuf, change: bytes, at: int) -> None:
    """Change the data of an echo reply, and mend its checksum."""
    message = bytearray(m.payload())
    if message[0] != ICMP_ECHOREPLY:
        return
    message[8 + at : 8 + at + len(change)] = change
    icmp = Icmp.parse(bytes(message))
    m.transport, m.data = b"", build(icmp.type, icmp.code, icmp.rest, bytes(message[8:]))


def test_wrong_data_is_noticed() -> None:
    lab = pair()
    spoil(lab, "a", lambda m: rewrite(m, b"\xff\xee", 12))
    answer = run(lab, "a", "ping -c 1 -s 24 b")
    assert answer.lines[2] == "wrong data byte #4 should have been 0xc but was 0xff"
    assert answer.lines[3].startswith("\t") and answer.lines[4].split() == [f"{byte:x}" for byte in range(16, 24)]
    assert answer.status == 0


def test_wrong_data_is_noticed_in_a_flood() -> None:
    lab = pair()
    spoil(lab, "a", lambda m: rewrite(m, b"\xff", 20))
    assert len(replies(run(lab, "a", "ping -f -c 3 b"))) == 3


def test_a_spoilt_time_stamp_is_no_time() -> None:
    lab = pair()
    spoil(lab, "a", lambda m: rewrite(m, b"\xff" * 8, 0))
    answer = run(lab, "a", "ping -c 1 b")
    assert replies(answer)[0].time is None
    assert "round-trip" not in answer.text


def test_options_of_the_header() -> None:
    lab = pair()
    packets = sent(lab, "a")
    run(lab, "a", "ping -c 1 -D -T 7 -t 0x10 b")
    net = packets[0][1].net
    assert (net[1], net[6] >> 4, net[8]) == (0x10, 4, 7)


def test_source_address() -> None:
    lab = pair()
    attach(lab, "a", "other", "10.7.0.1")
    route(lab["b"], "10.7.0.0/24", "10.0.0.1")
    packets = sent(lab, "a")
    for source in ("10.7.0.1", "shmif1"):
        assert run(lab, "a", f"ping -c 1 -I {source} b").status == 0
    assert [m.net[12:16] for _, m in packets] == [Ip4.parse("10.7.0.1").packed] * 2


def test_fragmentation_needed() -> None:
    lab = chain("a", "r", "b")
    lab["r"].interfaces["shmif1"].set_mtu(600)
    answer = run(lab, "a", "ping -n -D -s 1000 -c 1 b")
    expected = "36 bytes from 10.0.0.2: frag needed and DF set.  Next MTU=600 for icmp_seq=0"
    assert answer.lines[1] == expected
    assert run(lab, "a", "ping -s 1000 -c 1 b").status == 0


def test_verbose_shows_the_header_of_what_died() -> None:
    answer = run(chain("a", "r", "b"), "a", "ping -vn -T 1 -c 1 b")
    assert answer.lines[2] == " Vr HL TOS  Len   ID Flg  off TTL Pro  cks      Src\t     Dst"
    assert re.fullmatch(r"  4  5  00 0054 \w{4}   0 0000  01  01 \w{4} +10\.0\.0\.1  10\.0\.1\.2 ", answer.lines[3])
    assert re.fullmatch(r"  ID=\d+ icmp_seq=0", answer.lines[4])


def test_semi_quiet_hides_errors() -> None:
    assert not errors(run(chain("a", "r", "b"), "a", "ping -Q -T 1 -c 1 b"))


def test_record_route_by_names() -> None:
    answer = run(chain("a", "r", "b"), "a", "ping -R -c 2 b")
    assert answer.lines[2:6] == ["RR: \tr (10.0.1.1)", "\tb (10.0.1.2)", "\tr (10.0.0.2)", "\ta (10.0.0.1)"]
    assert answer.lines[6].endswith("\t(same route)")


def test_only_to_neighbours() -> None:
    lab = chain("a", "r", "b")
    assert run(lab, "a", "ping -r -c 1 r").status == 0
    answer = run(lab, "a", "ping -r -c 1 b")
    assert (answer.errors, answer.status) == (["ping: sendto: Network is unreachable"], 2)


def test_broadcast_has_many_answers() -> None:
    lab = pair()
    attach(lab, "c", "a-b", "10.0.0.3")
    for host in lab.hosts.values():
        host.sysctl.set("net.inet.icmp.bmcastecho", "1")
    answer = run(lab, "a", "ping -c 2 -w 1.5 10.0.0.255")
    assert {str(reply.from_) for reply in replies(answer)} >= {"10.0.0.2", "10.0.0.3"}
    assert statistics(answer).duplicates > 0


# --- several at once ---------------------------------------------------------------------------------


def test_many_at_once_each_takes_its_own() -> None:
    lab = chain("a", "r", "b", delay=0.01)
    jobs = [start(lab, "a", f"ping -c 5 -i 0.{at % 9 + 1} {'r' if at % 2 else 'b'}") for at in range(60)]
    for job in jobs:
        answer = finish(lab, job)
        assert [reply.seq for reply in replies(answer)] == [0, 1, 2, 3, 4]
        assert statistics(answer).duplicates == 0
    assert not lab["a"].rawip.sockets


def test_the_same_seed_gives_the_same_words() -> None:
    def once() -> str:
        lab = pair(seed=5)
        bus(lab).set(Personality(delay=0.003, loss=0.2, duplicate=0.1, reorder=0.2))
        return run(lab, "a", "ping -P -c 30 -i 0.1 b").both

    assert once() == once()


# --- bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "error", "status"),
    [
        ("ping", "ping: a host is missing", 2),
        ("ping a b", "ping: b: one word too many", 2),
        ("ping -c", "ping: option requires an argument -- c", 2),
        ("ping -c 0 b", "ping: 0: the number of packets is between 1 and", 2),
        ("ping -c x b", "ping: x: not a number", 2),
        ("ping -i 0 b", "ping: 0: seconds are at least", 2),
        ("ping -i nan b", "ping: nan: seconds are at least", 2),
        ("ping -w -1 b", "ping: -1: seconds are at least", 2),
        ("ping -s 65508 b", "ping: 65508: the packet size is between 0 and 65507", 2),
        ("ping -s -1 b", "ping: -1: the packet size", 2),
        ("ping -T 0 b", "ping: 0: the ttl is between 1 and 255", 2),
        ("ping -T 256 b", "ping: 256: the ttl is between 1 and 255", 2),
        ("ping -p xyz b", "ping: -p xyz: patterns must be specified with 1-32 hex digits", 2),
        ("ping -p 'a b' b", "ping: -p a b: patterns must be specified with 1-32 hex digits", 2),
        (f"ping -p {'0' * 33} b", "ping: -p 0", 2),
        ("ping -p ff -P b", "ping: only one of -P and -p allowed", 2),
        ("ping -z b", "ping: unknown option -- z", 2),
        ("ping 1.2.3", "ping: 1.2.3: not an address", 2),
        ("ping nowhere", "ping: nowhere: Host name lookup failure", 1),
        ("ping -I 10.9.9.9 b", "ping: Can't assign requested address", 1),
        ("ping -I lo7 b", "ping: lo7: Host name lookup failure", 1),
    ],
)
def test_bad_input(line: str, error: str, status: int) -> None:
    lab = pair()
    answer = run(lab, "a", line)
    assert (len(answer.errors), answer.status, answer.text) == (1, status, "")
    assert answer.errors[0].startswith(error)
    assert not lab["a"].rawip.sockets


def test_options_that_are_too_long_for_the_packet() -> None:
    answer = run(pair(), "a", "ping -R -s 65507 -c 1 b")
    assert (answer.errors, answer.status) == (["ping: sendto: Message too long"], 2)


def test_an_address_of_an_interface_without_one() -> None:
    lab = pair()
    lab["a"].ifcreate("shmif7")
    assert run(lab, "a", "ping -I shmif7 b").errors == ["ping: shmif7: it has no address"]


def test_pinging_oneself() -> None:
    lab = pair()
    for target in ("a", "localhost", "127.0.0.1", str(Ip4.parse("10.0.0.1"))):
        assert statistics(run(lab, "a", f"ping -c 2 {target}")).received == 2


@pytest.mark.parametrize("options", ["-g r", "-R -g r", "-R"])
def test_through_a_gateway_of_ones_choice(options: str) -> None:
    answer = run(chain("a", "r", "b"), "a", f"ping {options} -c 2 b")
    assert [reply.remarks for reply in replies(answer)] == [(), ()]
    assert answer.status == 0


def test_a_host_that_gives_no_options_back() -> None:
    lab = pair()
    spoil(lab, "b", strip)
    answer = run(lab, "a", "ping -R -c 2 b")
    assert [reply.remarks for reply in replies(answer)] == [("remote host does not support record route",), ()]


def strip(m: Mbuf) -> None:
    """Take the options out of a packet."""
    whole = m.payload()
    header = IpHeader.parse(m.net)._replace(options=b"", len=20 + len(whole))
    m.net, m.len = header.pack(), header.len
