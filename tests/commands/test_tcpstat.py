"""tcpstat and tcpdrop: a control block in figures, and its end."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from commands._tcpcb import Congestion, ControlBlock, Listener, Receiving, Sending, Timing
from commands.tcpstat import show
from netsh.render.json_rows import json_of
from stack.addr import Ip4
from stack.kern.proc import SIGINT
from stack.kern.socket import SO_KEEPALIVE, SOCK_STREAM, SOL_SOCKET
from stack.lab import Lab
from stack.net.wire import Personality
from tests.commands.labs import bus, client, end, pair, sent, server
from tests.commands.runner import Answer, finish, run, start

SLOW = Personality(rate=1e6, delay=0.02)


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = pair()
    lab["a"].tcp.fixed_iss, lab["b"].tcp.fixed_iss = 1000, 4294967290
    lab["a"].pcbs.anonportmin = lab["a"].pcbs.anonportmax = 50000
    yield lab
    end(lab)


def talk(lab: Lab, *pieces: bytes | float) -> None:
    """A connection from a to port 80 of b, which is held; half a second has passed."""
    server(lab, "b", 80, 3600.0)
    client(lab, "a", "b", 80, *pieces, hold=True)
    lab.run(lab.callouts.now + 0.5)


def only(answer: Answer) -> ControlBlock:
    (row,) = answer.rows
    assert isinstance(row, ControlBlock)
    return row


# --- tcpstat -----------------------------------------------------------------------------------------


ROW = ControlBlock(
    12.5, Ip4.parse("10.0.0.1"), 50000, Ip4.parse("203.0.113.80"), 80, "ESTABLISHED",
    Sending(4294967290, 20, 2916, 2916, 26, 2922, 2922, 65535, 3, 1448, 4096, 32768),
    Receiving(1000, 1001, 33769, 1, 32769, 32768, 0, 5, 32768, 2896, ((1449, 2897), (4345, 5793))),
    Congestion("cubic", "fast recovery", 14480, 7240, 2896, 3, 2922, ((1474, 2922),), 4344),
    Timing(0.04015, 0.0125, 1.0, 0.0075, 0, 0.5, 77, {"rexmt": 0.9, "delack": 0.05}),
    ("window-scale", "timestamps", "sack"), ("nodelay",),
)  # fmt: skip


def test_a_connection_in_pairs() -> None:
    assert show(ROW) == """\
10.0.0.1.50000 -> 203.0.113.80.80  ESTABLISHED  at 12.500 s
    iss           4294967290           irs           1000
    snd_una       26 (20)              rcv_nxt       1 (1001)
    snd_nxt       2922 (2916)          rcv_adv       32769 (33769)
    snd_max       2922 (2916)          reassembly    2896
    snd_wnd       65535 (scale 3)      rcv_wnd       32768
    send buffer   4096 of 32768        recv buffer   5 of 32768
    snd_cwnd      14480                srtt          40.150 ms
    snd_ssthresh  7240                 rttvar        12.500 ms
    in flight     2896                 rto           1000.000 ms
    maxseg        1448                 rxtshift      0
    congctl       cubic                dupacks       3
    phase         fast recovery, up to 2922
    options       window-scale timestamps sack
    flags         nodelay
    reordering    by 4344 bytes, awaited 7.500 ms
    sacked        1474-2922
    reported      1449-2897 4345-5793
    timers        rexmt in 0.900 s, delack in 0.050 s"""
    quiet = ROW._replace(
        congestion=ROW.congestion._replace(snd_ssthresh=None, recover=None, sacked=(), reordering=0),
        flags=(), options=(), receive=ROW.receive._replace(reported=()),
        timing=ROW.timing._replace(srtt=None, rttvar=None, timers={}),
    )  # fmt: skip
    assert [line.split() for line in show(quiet).splitlines()[12:]] == [
        ["phase", "fast", "recovery"], ["options", "none"], ["timers", "none"],
    ]  # fmt: skip
    assert "none yet" in show(quiet) and show(quiet).count("not measured") == 2


@pytest.mark.parametrize("word", ["80", "b:80", "b:http", "http", "10.0.0.2:80", "10.0.0.2.80", "50000", "a:50000"])
def test_an_end_of_it_in_many_words(lab: Lab, word: str) -> None:
    talk(lab)
    row = only(run(lab, "a", f"tcpstat {word}"))
    assert (str(row.local), row.local_port, str(row.foreign), row.foreign_port) == ("10.0.0.1", 50000, "10.0.0.2", 80)


def test_sequence_numbers_count_from_the_first_across_the_wrap(lab: Lab) -> None:
    talk(lab, b"12345678")
    ours, theirs = only(run(lab, "a", "tcpstat 80")), only(run(lab, "b", "tcpstat a:50000"))
    assert (ours.send.una, ours.send.nxt, ours.send.max, ours.send.snd_una) == (9, 9, 9, 1009)
    assert (theirs.receive.nxt, theirs.receive.rcv_nxt, theirs.send.nxt) == (9, 1009, 1)
    assert theirs.send.snd_nxt == 4294967291 and ours.receive.nxt == 1
    assert ours.receive.rcv_wnd == 32768 and ours.receive.adv == 32769


def test_all_of_a_host_with_its_listeners(lab: Lab) -> None:
    talk(lab)
    answer = run(lab, "b", "tcpstat")
    assert {type(row).__name__ for row in answer.rows} == {"Listener", "ControlBlock", "Note"}
    assert answer.lines[0] == "*.80  LISTEN  0 to be accepted, 0 in handshake, at most 128"
    assert answer.lines[1] == ""
    (listener,) = (row for row in answer.rows if isinstance(row, Listener))
    assert json.loads(json_of(listener))["limit"] == 128


def test_a_lost_segment_is_seen_on_both_sides(lab: Lab) -> None:
    bus(lab).set(Personality(rate=1e7, delay=0.02, loss=0.03))
    start(lab, "b", "ttcp -r -s")
    start(lab, "a", "ttcp -t -s b")
    seen: set[str] = set()
    lab.run(4)
    for _ in range(100):
        lab.run(lab.callouts.now + 0.05)
        ours, theirs = only(run(lab, "a", "tcpstat 5001")), run(lab, "b", "tcpstat 5001")
        seen.add(ours.congestion.phase)
        row = next(row for row in theirs.rows if isinstance(row, ControlBlock))
        if ours.congestion.sacked:
            seen.add("sacked")
            assert all(ours.send.una < start < end <= ours.send.max for start, end in ours.congestion.sacked)
        if row.receive.reported:
            seen.add("reported")
            assert row.receive.reassembly > 0
    assert seen >= {"fast recovery", "congestion avoidance", "sacked", "reported"}


def test_timers_and_flags(lab: Lab) -> None:
    talk(lab)
    bus(lab).set(Personality(loss=1))
    (tp,) = (inp for inp in lab["a"].tcp.table)
    tp.so.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
    tp.so.send(b"into the void")
    lab.run(lab.callouts.now + 1.5)  # a tail loss probe after 0.21 s, and a time-out a second after that
    row = only(run(lab, "a", "tcpstat 80"))
    assert row.timing.rxtshift == 1 and row.timing.rto == 2.0
    assert row.timing.timers["rexmt"] == pytest.approx(1.71, abs=0.01) and 7000 < row.timing.timers["keep"] < 7200
    assert row.congestion.phase == "retransmission time-out" and row.flags == ("keepalive",)
    assert "timers        rexmt in 1.7" in run(lab, "a", "tcpstat 80").text


def test_a_closed_window_is_probed(lab: Lab) -> None:
    talk(lab, b"GET / HTTP/1.0\r\n\r\n", b"x" * 200_000)
    lab.run(lab.callouts.now + 5)
    row = only(run(lab, "a", "tcpstat 80"))
    assert row.send.snd_wnd == 0 and row.congestion.phase == "window probes" and "persist" in row.timing.timers


def test_without_extensions(lab: Lab) -> None:
    for knob in ("rfc1323=0", "sack.enable=0", "congctl.selected=cubic"):
        run(lab, "a", f"sysctl -w net.inet.tcp.{knob}")
    talk(lab)
    row = only(run(lab, "a", "tcpstat 80"))
    assert (row.options, row.send.maxseg, row.timing.ts_recent, row.congestion.control) == ((), 1460, None, "cubic")
    assert "options       none" in run(lab, "a", "tcpstat 80").text


def test_marks_are_seen_on_both_sides(lab: Lab) -> None:
    """What ECN has agreed on; the receiver echoes until it hears that the sender has slowed down."""
    for host in "ab":
        run(lab, host, "sysctl -w net.inet.tcp.ecn.enable=1")
    bus(lab).set(Personality(rate=1e7, delay=0.02, queue=60, ecn=10))
    start(lab, "b", "ttcp -r -s -b 200000")
    start(lab, "a", "ttcp -t -s b")
    seen: set[str] = set()
    lab.run(1)
    for _ in range(400):
        lab.run(lab.callouts.now + 0.01)
        for host in "ab":
            row = next(row for row in run(lab, host, "tcpstat 5001").rows if isinstance(row, ControlBlock))
            assert row.options == ("window-scale", "timestamps", "sack", "ecn")
            seen |= {f"{host} {flag}" for flag in row.flags}
    assert seen >= {"a cwr-to-send", "b ecn-echo"} and not seen & {"a ecn-echo", "b cwr-to-send"}
    marked = bus(lab).stat["ecnmarked"]
    assert f"\t{marked} packets with ECN CE bit" in run(lab, "b", "netstat -s -p tcp").lines
    assert "\t1 successful ECN handshake" in run(lab, "a", "netstat -s -p tcp").lines


def test_a_handshake(lab: Lab) -> None:
    bus(lab).set(Personality(loss=1))
    client(lab, "a", "10.0.0.2", 80)
    lab.run(lab.callouts.now + 0.5)
    row = only(run(lab, "a", "tcpstat 80"))
    assert (row.state, row.congestion.phase, row.timing.srtt) == ("SYN_SENT", "handshake", None)
    assert "srtt          not measured" in run(lab, "a", "tcpstat 80").text


def test_as_json(lab: Lab) -> None:
    talk(lab)
    row = json.loads(json_of(only(run(lab, "a", "tcpstat 80"))))
    assert row["type"] == "control-block" and row["state"] == "ESTABLISHED" and row["local"] == "10.0.0.1"
    assert row["send"]["iss"] == 1000 and row["congestion"]["snd_ssthresh"] is None
    assert row["receive"]["reported"] == [] and row["timing"]["timers"] == {}


def test_so_many_times(lab: Lab) -> None:
    talk(lab)
    answer = run(lab, "a", "tcpstat -c 3 -w 0.25 80")
    rows = [row for row in answer.rows if isinstance(row, ControlBlock)]
    assert [row.time for row in rows] == [0.5, 0.75, 1.0]
    assert answer.text.count("\n\n") == 2
    assert len(run(lab, "a", "tcpstat -c 2 80").rows) == 3 and lab.callouts.now == 2.0


def test_until_ctrl_c(lab: Lab) -> None:
    talk(lab)
    answer = run(lab, "a", "tcpstat -w 1 80", interrupt=2.5)
    assert answer.status == 130 and sum(isinstance(row, ControlBlock) for row in answer.rows) == 3


def test_until_the_connection_ends(lab: Lab) -> None:
    talk(lab)
    lab.callouts.schedule(2.5, lambda: lab["b"].tcp.abort(next(iter(lab["b"].tcp.table.connected.values())).so))
    ours = start(lab, "a", "tcpstat -w 1 80")
    theirs = start(lab, "b", "tcpstat -w 1 80")
    for job in (ours, theirs):  # that the listener stays does not matter
        assert finish(lab, job).status == 0
        assert sum(isinstance(row, ControlBlock) for row in job.answer.rows) == 3


def test_a_listener_is_watched_until_somebody_has_come_and_gone(lab: Lab) -> None:
    server(lab, "b", 80, b"bye", reset=True)
    lab.run(1)
    job = start(lab, "b", "tcpstat -w 1 80")
    lab.run(5)
    assert job.answer.status is None
    client(lab, "a", "b", 80, 1.5, b"\r\n\r\n")
    assert finish(lab, job).status == 0


def test_all_of_a_host_that_has_none(lab: Lab) -> None:
    answer = run(lab, "a", "tcpstat")
    assert (answer.text, answer.err, answer.status) == ("", "", 0)


BAD_STAT = [
    ("80", 1, "80: no such connection ('netstat -an' lists them)"),
    ("b:80", 1, "b:80: no such connection"),
    ("nobody:80", 1, "nobody: Host name lookup failure"),
    ("b:", 2, ": not a number; a port is wanted"),
    ("b", 2, "b: not a number; a port is wanted"),
    (":80", 2, ": not an address"),
    ("b:0", 2, "0: a port is between 1 and 65535"),
    ("65536", 2, "65536: a port is between"),
    ("80 81", 2, "81: one word too many"),
    ("-w 0 80", 2, "seconds are at least"),
    ("-w x 80", 2, "x: not a number of seconds"),
    ("-c 0", 2, "0: the count is between 1"),
    ("-x", 2, "unknown option -- x"),
]


@pytest.mark.parametrize(("words", "status", "text"), BAD_STAT, ids=[words for words, _, _ in BAD_STAT])
def test_tcpstat_bad_words_get_one_line(lab: Lab, words: str, status: int, text: str) -> None:
    answer = run(lab, "a", f"tcpstat {words}")
    assert (answer.status, answer.lines, len(answer.errors)) == (status, [], 1)
    assert answer.errors[0].startswith("tcpstat: ") and text in answer.errors[0]


# --- tcpdrop -----------------------------------------------------------------------------------------


def test_a_connection_is_dropped(lab: Lab) -> None:
    server(lab, "b", 80, 3600.0)
    job = start(lab, "a", "nc b 80", stdin=None)
    lab.run(0.5)
    answer = run(lab, "a", "tcpdrop 10.0.0.1 50000 10.0.0.2 80")
    assert (answer.lines, answer.err, answer.status) == (["10.0.0.1 50000 10.0.0.2 80: dropped"], "", 0)
    assert finish(lab, job).errors == ["nc: Software caused connection abort"]
    lab.run(lab.callouts.now + 0.1)
    assert not lab["b"].tcp.table.connected  # the reset came


def test_names_and_services(lab: Lab) -> None:
    talk(lab)
    assert run(lab, "a", "tcpdrop a 50000 b http").lines == ["10.0.0.1 50000 10.0.0.2 80: dropped"]


def test_from_the_other_end(lab: Lab) -> None:
    talk(lab)
    assert run(lab, "b", "tcpdrop 10.0.0.2 80 10.0.0.1 50000").status == 0
    lab.run(lab.callouts.now + 0.1)
    assert not lab["a"].tcp.table.connected


def test_all_of_them_but_no_listener(lab: Lab) -> None:
    talk(lab)
    other = lab["b"].socket(SOCK_STREAM)
    other.bind((0, 81))
    other.listen()
    assert run(lab, "b", "tcpdrop -l -a").lines == ["tcpdrop 10.0.0.2 80 10.0.0.1 50000"]
    assert len(lab["b"].tcp.table.connected) == 1
    assert run(lab, "b", "tcpdrop -a").lines == ["10.0.0.2 80 10.0.0.1 50000: dropped"]
    assert [type(row) for row in run(lab, "b", "tcpstat").rows] == [Listener]
    assert run(lab, "b", "tcpdrop -a").both == ""


def test_one_in_its_handshake(lab: Lab) -> None:
    bus(lab).set(Personality(loss=1))
    job = start(lab, "a", "nc b 80")
    lab.run(1)
    assert run(lab, "a", "tcpdrop a 50000 b 80").status == 0
    assert finish(lab, job).errors == ["nc: connect to b port 80 (tcp) failed: Software caused connection abort"]


def test_one_in_time_wait(lab: Lab) -> None:
    job = start(lab, "b", "nc -l 80")
    assert run(lab, "a", "nc b 80").status == 0
    finish(lab, job)
    lab.run(lab.callouts.now + 1)
    (where,) = (host for host in "ab" if lab[host].tcp.table.connected)
    assert only(run(lab, where, "tcpstat")).state == "TIME_WAIT"
    packets = sent(lab, where)
    assert run(lab, where, "tcpdrop -a").lines[0].endswith(": dropped")
    lab.run(lab.callouts.now + 1)
    assert not lab[where].tcp.table.connected and not packets


BAD_DROP = [
    ("10.0.0.1 1 10.0.0.2 2", 1, "10.0.0.1 1 10.0.0.2 2: No such process"),
    ("a 50000 b 81", 1, "a 50000 b 81: No such process"),
    ("nobody 1 b 2", 1, "nobody: Host name lookup failure"),
    ("", 2, "laddr lport faddr fport are wanted"),
    ("a 1 b", 2, "laddr lport faddr fport are wanted"),
    ("a 1 b 2 3", 2, "3: one word too many"),
    ("a x b 2", 2, "x: not a number; a port is wanted"),
    ("a 1 b 65536", 2, "65536: a port is between"),
    ("a/b 1 b 2", 2, "a/b: not an address"),
    ("-a 1", 2, "1: -a takes no words"),
    ("-l", 2, "-l goes with -a"),
    ("-x", 2, "unknown option -- x"),
]


@pytest.mark.parametrize(("words", "status", "text"), BAD_DROP, ids=[words or "nothing" for words, _, _ in BAD_DROP])
def test_tcpdrop_bad_words_get_one_line(lab: Lab, words: str, status: int, text: str) -> None:
    talk(lab)
    answer = run(lab, "a", f"tcpdrop {words}")
    assert (answer.status, answer.lines, len(answer.errors)) == (status, [], 1)
    assert answer.errors[0].startswith("tcpdrop: ") and text in answer.errors[0]
    assert lab["a"].tcp.table.connected


def test_a_listener_is_no_connection(lab: Lab) -> None:
    so = lab["a"].socket(SOCK_STREAM)
    so.bind((0, 9))
    so.listen()
    assert run(lab, "a", "tcpdrop a 9 b 9").status == 1


def test_watching_ends_with_ctrl_c_only(lab: Lab) -> None:
    job = start(lab, "a", "tcpstat -w 1")
    lab.run(3)
    assert job.answer.status is None
    job.proc.signal(SIGINT)
    assert finish(lab, job).status == 130
