"""ttcp: both ends, both protocols, its own words, and the two kinds of seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from commands import ttcp
from commands._tester import Accepted, Opening, Step, Transfer, pattern, rate, show_row
from stack.addr import Ip4
from stack.kern.proc import SIGINT
from stack.kern.socket import SOCK_DGRAM
from stack.lab import Lab
from stack.net.wire import Personality
from stack.netinet.tcp_var import CONGCTL
from tests.commands.labs import bus, client, end, pair
from tests.commands.runner import Job, finish, run, start

MBIT = Personality(rate=1e6, delay=0.01)


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = pair()
    yield lab
    end(lab)


def receiver(lab: Lab, line: str) -> Job:
    """A receiver on b, which waits already."""
    job = start(lab, "b", line)
    lab.run(lab.callouts.now + 0.01)
    return job


def transfer(job: Job) -> Transfer:
    """The summary of a command."""
    (row,) = (row for row in job.answer.rows if isinstance(row, Transfer))
    assert isinstance(row, Transfer)
    return row


# --- words -------------------------------------------------------------------------------------------

WORDS = [
    (Opening("t", "tcp", "gw", 5001, 8192, 2048, None),
     "ttcp-t: buflen=8192, nbuf=2048, align=16384/0, port=5001  tcp  -> gw"),
    (Opening("r", "udp", None, 9, 1024, 2048, 65536),
     "ttcp-r: buflen=1024, nbuf=2048, align=16384/0, port=9, sockbufsize=65536  udp"),
    (Step("t", "connect"), "ttcp-t: connect"),
    (Accepted("r", Ip4.parse("10.0.0.2"), 50000), "ttcp-r: accept from 10.0.0.2"),
    (Transfer("t", "tcp", 16777216, 0.13, 16777216 / 0.13, None, None, 2048, "K"),
     "ttcp-t: 16777216 bytes in 0.13 real seconds = 126030.77 KB/sec +++\n"
     "ttcp-t: 2048 I/O calls, msec/call = 0.06, calls/sec = 15753.85"),
    (Transfer("r", "tcp", 1000, 0.0, 1e6, 0.0, None, 0, "m"),
     "ttcp-r: 1000 bytes in 0.00 real seconds = 7.63 Mbit/sec +++\n"
     "ttcp-r: 1000 bytes in 0.00 lab seconds: nothing made them wait\n"
     "ttcp-r: 0 I/O calls, msec/call = 0.00, calls/sec = 0.00"),
    (Transfer("t", "tcp", 1 << 20, 0.5, 1 << 21, 8.0, 1 << 17, 4, "K", 0.25, "maxseg=1448"),
     "ttcp-t: 1048576 bytes in 0.50 real seconds = 2048.00 KB/sec +++\n"
     "ttcp-t: 1048576 bytes in 8.00 lab seconds = 128.00 KB/sec\n"
     "ttcp-t: 1048576 bytes in 0.25 CPU seconds = 4096.00 KB/cpu sec\n"
     "ttcp-t: 4 I/O calls, msec/call = 125.00, calls/sec = 8.00\n"
     "ttcp-t: maxseg=1448"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "text"), WORDS, ids=range(len(WORDS)))
def test_words(row: Opening | Step | Accepted | Transfer, text: str) -> None:
    assert show_row(row) == text


@pytest.mark.parametrize(
    ("format", "text"),
    [("k", "8388608.00 Kbit"), ("m", "8192.00 Mbit"), ("g", "8.00 Gbit"), ("K", "1048576.00 KB"), ("M", "1024.00 MB"),
     ("G", "1.00 GB")],
)  # fmt: skip
def test_formats(format: str, text: str) -> None:
    assert rate(1 << 30, format) == text


def test_the_pattern_is_printable() -> None:
    assert pattern(5) == b" !\"#$" and len(pattern(1000)) == 1000 and pattern(200).decode().isprintable()


# --- TCP ---------------------------------------------------------------------------------------------


def test_sixteen_megabytes_in_no_time(lab: Lab) -> None:
    there = receiver(lab, "ttcp -r -s")
    answer = run(lab, "a", "ttcp -t -s b")
    assert (answer.status, answer.err) == (0, "")
    assert answer.lines[:3] == [
        "ttcp-t: buflen=8192, nbuf=2048, align=16384/0, port=5001  tcp  -> b", "ttcp-t: socket", "ttcp-t: connect",
    ]  # fmt: skip
    assert re.fullmatch(r"ttcp-t: 16777216 bytes in \d+\.\d\d real seconds = \d+\.\d\d KB/sec \+\+\+", answer.lines[3])
    assert answer.lines[4] == "ttcp-t: 16777216 bytes in 0.00 lab seconds: nothing made them wait"
    assert answer.lines[5].startswith("ttcp-t: 2048 I/O calls, msec/call = ")
    assert finish(lab, there).lines[2] == "ttcp-r: accept from 10.0.0.1"
    assert (transfer(there).bytes, transfer(there).lab_rate, there.answer.status) == (16777216, None, 0)


def test_the_seconds_of_the_lab_are_those_of_its_wires(lab: Lab) -> None:
    bus(lab).set(MBIT)
    there = receiver(lab, "ttcp -r -s -f k")
    run(lab, "a", "ttcp -t -s -l 1000 -n 250 b")
    finish(lab, there)
    row = transfer(there)
    assert row.bytes == 250_000 and row.lab_seconds is not None and row.lab_rate is not None
    assert row.lab_seconds == pytest.approx(250_000 * 8 / 1e6, rel=0.1)
    assert row.lab_rate == pytest.approx(row.bytes / row.lab_seconds)
    assert f"lab seconds = {row.lab_rate * 8 / 1024:.2f} Kbit/sec" in there.answer.text


def test_the_same_lab_has_the_same_seconds() -> None:
    rows = []
    for _ in range(2):
        lab = pair()
        bus(lab).set(Personality(rate=1e7, delay=0.005, loss=0.01))
        there = receiver(lab, "ttcp -r -s")
        run(lab, "a", "ttcp -t -s -n 100 b")
        finish(lab, there)
        rows.append(transfer(there))
    assert rows[0].lab_seconds == rows[1].lab_seconds and rows[0].calls == rows[1].calls


def test_where_time_is_real_there_is_one_kind_of_seconds(lab: Lab) -> None:
    bus(lab).set(MBIT)
    there = receiver(lab, "ttcp -r -s")
    job = start(lab, "a", "ttcp -t -s -n 0 b")
    lab.callouts.clock = lambda: lab.callouts.now  # somebody lends one
    lab.run(lab.callouts.now + 1)
    assert job.answer.status == 0 and transfer(job).lab_seconds is None and "lab" not in job.answer.text
    lab.callouts.clock = None
    finish(lab, there)


def test_standard_input_to_standard_output(lab: Lab) -> None:
    text = bytes(range(256)) * 1000
    there = receiver(lab, "ttcp -r")
    job = start(lab, "a", "ttcp -t b", stdin=text)
    assert finish(lab, job).status == 0 and transfer(job).bytes == len(text)
    answer = finish(lab, there)
    assert answer.out == text  # and nothing else
    assert answer.errors[2] == "ttcp: accept from 10.0.0.1"
    assert answer.errors[3].startswith("ttcp: 256000 bytes in ")


def test_nothing_to_send_is_told_with_its_cure(lab: Lab) -> None:
    receiver(lab, "ttcp -r -s")
    answer = run(lab, "a", "ttcp -t b")
    assert answer.errors == ["ttcp: there was nothing on standard input (-s sends a pattern)"]


def test_options_reach_the_socket(lab: Lab) -> None:
    there = receiver(lab, "ttcp -r -s -b 10000 -p 7")
    job = start(lab, "a", "ttcp -t -s -D -v -b 20000 -n 10 -p 7 b", stdin=None)
    assert [row.text for row in finish(lab, job).rows if isinstance(row, Step)] == [
        "socket", "sndbuf", "nodelay", "connect",
    ]  # fmt: skip
    assert "CPU seconds" in job.answer.text and "maxseg=1448, cwnd=" in job.answer.text
    assert "port=7, sockbufsize=10000  tcp" in finish(lab, there).lines[0]
    assert there.answer.lines[1:3] == ["ttcp-r: socket", "ttcp-r: rcvbuf"]
    assert transfer(there).bytes == 81920


@pytest.mark.parametrize("name", CONGCTL)
def test_the_congestion_control_is_chosen(lab: Lab, name: str) -> None:
    receiver(lab, "ttcp -r -s")
    answer = run(lab, "a", f"ttcp -t -s -v -C {name} -n 10 b")
    assert "ttcp-t: congctl" in answer.lines and f", {name}, " in answer.text and answer.status == 0


def test_a_congestion_control_that_is_not(lab: Lab) -> None:
    receiver(lab, "ttcp -r -s")
    answer = run(lab, "a", "ttcp -t -s -C vegas b")
    assert answer.errors == [
        "ttcp: vegas: no such congestion control ('sysctl net.inet.tcp.congctl.available' lists them)"
    ]
    assert answer.status == 1 and set(ttcp.CONGESTION_CONTROLS) == set(CONGCTL)


def test_a_buffer_of_a_given_size_stays_so(lab: Lab) -> None:
    bus(lab).set(Personality(delay=0.02))
    receiver(lab, "ttcp -r -s -b 10000")
    start(lab, "a", "ttcp -t -s b")
    lab.run(2)
    sizes = [row.receive.buffer for row in run(lab, "b", "tcpstat").rows if hasattr(row, "receive")]
    assert sizes == [10000]


def test_nobody_listens(lab: Lab) -> None:
    answer = run(lab, "a", "ttcp -t -s b")
    assert (answer.errors, answer.status) == (["ttcp: Connection refused"], 1)


def test_a_port_that_is_taken(lab: Lab) -> None:
    receiver(lab, "ttcp -r -s")
    answer = run(lab, "b", "ttcp -r -s")
    assert (answer.errors, answer.status) == (["ttcp: Address already in use"], 1)


def test_a_receiver_that_dies_leaves_the_figures(lab: Lab) -> None:
    bus(lab).set(MBIT)
    there = receiver(lab, "ttcp -r -s")
    lab.callouts.schedule(0.5, lambda: drop_all(lab))
    answer = run(lab, "a", "ttcp -t -s b")
    assert answer.errors == ["ttcp: IO: Broken pipe"] and answer.status == 1
    assert 0 < next(row for row in answer.rows if isinstance(row, Transfer)).bytes < 16777216
    assert finish(lab, there).errors == ["ttcp: IO: Software caused connection abort"]


def drop_all(lab: Lab) -> None:
    start(lab, "b", "tcpdrop -a")


def test_what_was_moved_by_ctrl_c(lab: Lab) -> None:
    bus(lab).set(MBIT)
    there = receiver(lab, "ttcp -r -s")
    answer = run(lab, "a", "ttcp -t -s b", interrupt=2.0)
    (row,) = (row for row in answer.rows if isinstance(row, Transfer))
    assert answer.status == 130 and 0 < row.bytes < 1_000_000
    assert row.lab_seconds == pytest.approx(2.0, abs=0.1)
    assert finish(lab, there).status == 0  # the rest of the buffer came, and the end
    assert transfer(there).bytes >= row.bytes


def test_ctrl_c_before_anybody_came(lab: Lab) -> None:
    answer = run(lab, "b", "ttcp -r -s", interrupt=1.0)
    assert (answer.status, len(answer.lines)) == (130, 2)


def test_a_receiver_is_interrupted(lab: Lab) -> None:
    job = receiver(lab, "ttcp -r")
    client(lab, "a", "b", 5001, b"some text", hold=True)
    lab.run(1)
    job.proc.signal(SIGINT)
    answer = finish(lab, job)
    assert (answer.out, answer.status) == (b"some text", 130)
    assert answer.errors[3].startswith("ttcp: 9 bytes in ")


# --- UDP ---------------------------------------------------------------------------------------------


def test_udp(lab: Lab) -> None:
    there = receiver(lab, "ttcp -r -s -u")
    answer = run(lab, "a", "ttcp -t -s -u -n 100 b")
    assert answer.lines[0].endswith("port=5001  udp  -> b") and answer.status == 0
    assert "ttcp-t: 819200 bytes in 0.00 lab seconds: nothing made them wait" in answer.lines
    assert finish(lab, there).status == 0 and transfer(there).bytes == 819200


def test_udp_waits_for_a_queue_that_is_full(lab: Lab) -> None:
    bus(lab).set(MBIT)
    there = receiver(lab, "ttcp -r -s -u")
    answer = run(lab, "a", "ttcp -t -s -u -l 1000 -n 300 b")
    (row,) = (row for row in answer.rows if isinstance(row, Transfer))
    assert row.calls > 301 and row.lab_seconds is not None and row.lab_seconds > 1
    finish(lab, there)
    seconds = transfer(there).lab_seconds
    assert seconds is not None and seconds == pytest.approx(300 * 1066 * 8 / 1e6, rel=0.05)
    assert transfer(there).bytes == 300_000


def test_udp_ends_though_all_comes_at_once(lab: Lab) -> None:
    """A wire without a rate: more than the receiver's buffer holds is there at one moment, and the rest is lost."""
    bus(lab).set(Personality(delay=0.01))
    there = receiver(lab, "ttcp -r -s -u")
    assert run(lab, "a", "ttcp -t -s -u -n 100 b").status == 0
    assert finish(lab, there).status == 0 and 0 < transfer(there).bytes < 100 * 8192


def test_udp_markers(lab: Lab) -> None:
    """What a ttcp of anybody's sends: a short one, data, and short ones at the end."""
    job = receiver(lab, "ttcp -r -u")
    so = lab["a"].socket(SOCK_DGRAM)
    so.connect((Ip4.parse("10.0.0.2"), 5001))
    for data in (b" !\"#", b"hello", b"world", b" !\"#", b"after"):
        so.send(data)
    assert finish(lab, job).out == b"helloworld"
    assert transfer_of_errors(job) == 10


@pytest.mark.parametrize("first", [0, 1, 2], ids=["lost", "once", "twice"])
def test_udp_with_the_first_marker_lost_or_doubled(lab: Lab, first: int) -> None:
    job = receiver(lab, "ttcp -r -u")
    so = lab["a"].socket(SOCK_DGRAM)
    so.connect((Ip4.parse("10.0.0.2"), 5001))
    for data in (*[b"mark"] * first, b"datagram", b"mark"):
        so.send(data)
    assert finish(lab, job).out == b"datagram"


def test_udp_of_which_only_markers_arrive(lab: Lab) -> None:
    job = receiver(lab, "ttcp -r -s -u")
    run(lab, "a", "ttcp -t -s -u -n 0 b")
    assert finish(lab, job).status == 0 and transfer(job).bytes == 0


def transfer_of_errors(job: Job) -> int:
    """The bytes of a summary that went to standard error."""
    (found,) = re.findall(r"ttcp: (\d+) bytes in \d+\.\d\d real", job.answer.err)
    return int(found)


def test_udp_to_a_closed_port(lab: Lab) -> None:
    answer = run(lab, "a", "ttcp -t -s -u b")
    assert (answer.errors, answer.status) == (["ttcp: IO: Connection refused"], 1)


def test_a_datagram_that_is_too_long(lab: Lab) -> None:
    receiver(lab, "ttcp -r -s -u")
    assert run(lab, "a", "ttcp -t -s -u -l 20000 b").errors == ["ttcp: IO: Message too long"]
    receiver(lab, "ttcp -r -s -u")  # the first one heard of the end
    assert run(lab, "a", "ttcp -t -s -u -l 20000 -b 30000 -n 2 b").errors == []


BAD = [
    ("", "-t (transmit) or -r (receive) is missing"),
    ("b", "-t (transmit) or -r (receive) is missing"),
    ("-t", "a host to send to is missing"),
    ("-t -r b", "-t and -r: one of them"),
    ("-r b", "b: -r takes no host"),
    ("-t a b", "b: one word too many"),
    ("-t b/c", "b/c: not an address"),
    ("-t -l 0 b", "0: the length of a buffer is between 1 and 16777216"),
    ("-t -l x b", "x: not a number"),
    ("-t -n -1 b", "-1: the number of buffers is between"),
    ("-t -p 0 b", "0: the port is between 1 and 65535"),
    ("-t -p 65536 b", "65536: the port"),
    ("-t -b 0 b", "0: the size of the socket's buffer"),
    ("-r -C cubic", "-C: it is the sender of TCP"),
    ("-t -u -C cubic b", "-C: it is the sender of TCP"),
    ("-t -C", "option requires an argument -- C"),
    ("-t -f x b", "x: a format is k, m or g"),
    ("-t -f KB b", "KB: a format is"),
    ("-x", "unknown option -- x"),
    ("-t -l", "option requires an argument -- l"),
]


@pytest.mark.parametrize(("words", "text"), BAD, ids=[words or "nothing" for words, _ in BAD])
def test_bad_words_get_one_line(lab: Lab, words: str, text: str) -> None:
    answer = run(lab, "a", f"ttcp {words}")
    assert (answer.status, answer.lines, len(answer.errors)) == (2, [], 1)
    assert answer.errors[0].startswith("ttcp: ") and text in answer.errors[0]


def test_a_host_that_is_not(lab: Lab) -> None:
    answer = run(lab, "a", "ttcp -t -s nobody")
    assert (answer.errors, answer.status) == (["ttcp: nobody: Host name lookup failure"], 1)
