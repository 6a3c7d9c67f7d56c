"""nc: both ways, both ends, both protocols."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from commands.command import Data
from commands.nc import Connected, Listening, Received
from stack.kern.proc import SIGINT
from stack.lab import Lab
from stack.net.wire import Personality
from tests.commands.labs import bus, chain, client, end, pair, sent, server
from tests.commands.runner import finish, run, start

MEGA = bytes(range(256)) * 4096


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = pair()
    yield lab
    end(lab)
    for host in lab.hosts.values():
        assert not any(pcb.so for table in (host.udp.table,) for pcb in table)


# --- TCP ---------------------------------------------------------------------------------------------


def test_there_and_back(lab: Lab) -> None:
    there = start(lab, "b", "nc -l 9000", stdin=b"an answer\n")
    answer = run(lab, "a", "nc b 9000", stdin=b"a question\n")
    assert (answer.out, answer.err, answer.status) == (b"an answer\n", "", 0)
    assert (finish(lab, there).out, there.answer.status) == (b"a question\n", 0)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(MEGA, b""), (b"", MEGA), (MEGA, MEGA), (b"", b"")], ids=["out", "in", "both", "neither"]
)
@pytest.mark.parametrize("road", [Personality(), Personality(delay=0.002, loss=0.03, duplicate=0.02, reorder=0.05)])
def test_files(lab: Lab, ours: bytes, theirs: bytes, road: Personality) -> None:
    bus(lab).set(road)
    there = start(lab, "b", "nc -l 9000", stdin=theirs)
    lab.run(0.1)
    answer = run(lab, "a", "nc b 9000", stdin=ours)
    assert (answer.out == theirs, answer.err, answer.status) == (True, "", 0)
    assert finish(lab, there).out == ours
    assert all(isinstance(row, Data) for row in answer.rows)


def test_input_that_comes_late_and_an_answer_after_its_end(lab: Lab) -> None:
    talk = server(lab, "b", 9000, b"got it")
    job = start(lab, "a", "nc b 9000", stdin=None)
    for at, text in enumerate((b"one\r\n", b"two\r\n", b"\r\n")):
        lab.callouts.schedule(at + 1.0, lambda text=text: job.stdin.write(text))  # type: ignore[misc]
    lab.callouts.schedule(5.0, job.stdin.close)
    assert finish(lab, job).out == b"got it"
    assert talk.got == b"one\r\ntwo\r\n\r\n"


def test_a_peer_that_half_closes_still_gets_our_file(lab: Lab) -> None:
    job = start(lab, "b", "nc -l 9000", stdin=None)
    there = start(lab, "a", "nc b 9000")  # it has nothing to say, and says so
    lab.run(1.0 - 0.6)
    for at in range(20):
        lab.callouts.schedule(at * 0.01, lambda: job.stdin.write(b"x" * 10000))
    lab.callouts.schedule(0.3, job.stdin.close)
    assert finish(lab, there).out == b"x" * 200_000
    assert finish(lab, job).status == 0


def test_when_the_peer_closes_nobody_waits_for_the_keyboard(lab: Lab) -> None:
    server(lab, "b", 9000, b"bye\n")
    job = start(lab, "a", "nc b 9000", stdin=None)
    job.stdin.write(b"\r\n\r\n")
    assert (finish(lab, job).out, job.answer.status) == (b"bye\n", 0)
    assert lab.callouts.now < 1


def test_without_standard_input(lab: Lab) -> None:
    there = start(lab, "b", "nc -l 9000", stdin=b"text")
    job = start(lab, "a", "nc -d b 9000", stdin=b"never sent")
    lab.run(5)
    assert job.answer.out == b"text" and job.proc.status == 0
    assert there.answer.out == b"" and there.proc.status == 0


def test_a_slow_reader_slows_the_writer_down(lab: Lab) -> None:
    talk = client(lab, "a", "b", 9000, hold=True)
    job = start(lab, "b", "nc -l 9000", stdin=MEGA)
    lab.run(5)
    assert talk.ended is None and len(job.stdin.buffer) > len(MEGA) // 2


def test_resets_are_told(lab: Lab) -> None:
    server(lab, "b", 9000, 0.5, reset=True)
    job = start(lab, "a", "nc b 9000", stdin=None)
    job.stdin.write(b"\r\n\r\n")
    assert (finish(lab, job).errors, job.answer.status) == (["nc: Connection reset by peer"], 1)


def test_idle_timeout(lab: Lab) -> None:
    server(lab, "b", 9000, 1.0, b"x", 1.0, b"y", 100.0)
    job = start(lab, "a", "nc -w 1.5 b 9000", stdin=None)
    job.stdin.write(b"\r\n\r\n")
    assert (finish(lab, job).out, job.answer.status) == (b"xy", 0)
    assert lab.callouts.now == pytest.approx(3.5, abs=0.1)


def test_connect_timeout(lab: Lab) -> None:
    run(lab, "a", "nc b 9000")
    bus(lab).set(Personality(loss=1))
    answer = run(lab, "a", "nc -w 2 b 9000")
    assert answer.errors == ["nc: connect to b port 9000 (tcp) failed: Operation timed out"]
    assert (answer.status, round(lab.callouts.now)) == (1, 2)


def test_one_caller_unless_k(lab: Lab) -> None:
    job = start(lab, "b", "nc -l 9000", stdin=None)
    first = start(lab, "a", "nc b 9000", stdin=None)
    lab.run(1)
    assert run(lab, "a", "nc b 9000").errors == ["nc: connect to b port 9000 (tcp) failed: Connection refused"]
    first.proc.signal(SIGINT)
    job.stdin.close()
    assert finish(lab, job).status == 0


def test_one_caller_after_the_other_with_k(lab: Lab) -> None:
    job = start(lab, "b", "nc -kl 9000")
    for text in (b"one ", b"two ", b"three"):
        assert run(lab, "a", "nc b 9000", stdin=text).status == 0
    lab.run(lab.callouts.now + 1)
    assert job.answer.out == b"one two three" and job.proc.status is None


def test_a_listener_on_one_address() -> None:
    lab = chain("a", "r", "b")
    job = start(lab, "r", "nc -l 10.0.1.1 9000")
    lab.run(0.1)
    assert run(lab, "a", "nc 10.0.0.2 9000").status == 1
    assert run(lab, "b", "nc -s 10.0.1.2 r 9000", stdin=b"hi").status == 0
    assert finish(lab, job).out == b"hi"


def test_the_traditional_way_to_name_a_port(lab: Lab) -> None:
    job = start(lab, "b", "nc -l -p 9000")
    run(lab, "a", "nc b 9000", stdin=b"hi")
    assert finish(lab, job).out == b"hi"


def test_our_own_port_is_used(lab: Lab) -> None:
    job = start(lab, "b", "nc -v -l 9000")
    run(lab, "a", "nc -p 777 b 9000")
    assert finish(lab, job).lines == ["Listening on 0.0.0.0 9000", "Connection received on a 777"]


# --- what is said ------------------------------------------------------------------------------------


def test_verbose(lab: Lab) -> None:
    job = start(lab, "b", "nc -nvl 10.0.0.2 9000")
    answer = run(lab, "a", "nc -v b 9000")
    assert answer.lines == ["Connection to b 9000 port [tcp/*] succeeded!"]
    assert answer.rows == [Connected("b", 9000, "tcp")]
    listening, received = finish(lab, job).rows
    assert isinstance(listening, Listening) and isinstance(received, Received)
    assert job.answer.lines[0] == "Listening on 10.0.0.2 9000"
    assert job.answer.lines[1].startswith("Connection received on 10.0.0.1 ")


def test_scanning(lab: Lab) -> None:
    start(lab, "b", "nc -kl 9001")
    start(lab, "b", "nc -kl 9003")
    answer = run(lab, "a", "nc -z b 9000-9004")
    assert answer.lines == [f"Connection to b {port} port [tcp/*] succeeded!" for port in (9001, 9003)]
    assert (answer.err, answer.status) == ("", 0)
    answer = run(lab, "a", "nc -zv b 9004-9002")
    assert [line.split()[5] for line in answer.errors] == ["9002", "9004"]
    assert run(lab, "a", "nc -z b 9002").status == 1
    start(lab, "b", "nc -kl http")
    assert run(lab, "a", "nc -z b finger-http").lines == ["Connection to b 80 port [tcp/*] succeeded!"]
    assert run(lab, "a", "nc -z b ftp-data").status == 1


def test_scanning_many_ports_leaves_nothing_behind(lab: Lab) -> None:
    start(lab, "b", "nc -kl 9001")
    assert len(run(lab, "a", "nc -z b 8000-10000").rows) == 1
    lab.run(lab.callouts.now + 300)
    assert not list(lab["a"].tcp.table)


def test_scanning_udp(lab: Lab) -> None:
    lab["b"].sysctl.set("net.inet.icmp.errppslimit", "-1")
    start(lab, "b", "nc -ukl 9001")
    answer = run(lab, "a", "nc -uz b 9000-9002")
    assert answer.lines == ["Connection to b 9001 port [udp/*] succeeded!"]
    assert answer.status == 0
    assert run(lab, "a", "nc -uzv b 9002").errors == ["nc: connect to b port 9002 (udp) failed: Connection refused"]


# --- UDP ---------------------------------------------------------------------------------------------


def test_datagrams_there_and_back(lab: Lab) -> None:
    there = start(lab, "b", "nc -ul -w 3 9000", stdin=b"an answer")
    answer = run(lab, "a", "nc -u -w 1 b 9000", stdin=b"a question")
    assert (answer.out, answer.status) == (b"an answer", 0)
    assert (finish(lab, there).out, there.answer.status) == (b"a question", 0)


def test_input_is_cut_into_datagrams(lab: Lab) -> None:
    packets = sent(lab, "a")
    there = start(lab, "b", "nc -ul -w 1 9000")
    run(lab, "a", "nc -u -w 1 b 9000", stdin=b"x" * 2500)
    assert finish(lab, there).out == b"x" * 2500
    assert [m.len - 28 for _, m in packets] == [1024, 1024, 452]


def test_nobody_is_there(lab: Lab) -> None:
    answer = run(lab, "a", "nc -u -w 5 b 9000", stdin=b"hello?")
    assert (answer.errors, answer.status) == (["nc: Connection refused"], 1)


def test_only_the_first_sender_is_heard_unless_k(lab: Lab) -> None:
    job = start(lab, "b", "nc -ulv -w 2 9000")
    run(lab, "a", "nc -u -w 0.5 -p 1001 b 9000", stdin=b"one ")
    run(lab, "a", "nc -u -w 0.5 -p 1002 b 9000", stdin=b"two ")
    assert finish(lab, job).lines == ["Listening on 0.0.0.0 9000", "Connection received on a 1001", "one "]
    job = start(lab, "b", "nc -ulkv -w 2 9000")
    for port in (1001, 1002, 1001):
        run(lab, "a", f"nc -u -w 0.5 -p {port} b 9000", stdin=b"%d " % port)
    received = [row.port for row in finish(lab, job).rows if isinstance(row, Received)]
    assert received == [1001, 1002] and job.answer.out.count(b"1001 ") == 2


def test_a_full_queue_is_waited_for(lab: Lab) -> None:
    run(lab, "a", "ping -o b")  # the first packet waits for ARP, and most of those behind it are lost
    bus(lab).set(Personality(rate=1e6, queue=4))
    there = start(lab, "b", "nc -ul -w 3 9000")
    answer = run(lab, "a", "nc -u -w 2 b 9000", stdin=b"x" * 50_000)
    assert (answer.err, answer.status) == ("", 0)
    assert len(finish(lab, there).out) == 50_000


# --- the end, and bad input --------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["nc -l 9000", "nc -ul 9000", "nc b 22", "nc -u b 9000", "nc -kl 9000"])
def test_interrupt(lab: Lab, line: str) -> None:
    client_side = server(lab, "b", 22, 100.0)
    job = start(lab, "a", line, stdin=None)
    lab.callouts.schedule(2.0, lambda: job.proc.signal(SIGINT))
    assert finish(lab, job).status == 130
    assert job.answer.err == "" and client_side.error is None
    lab.run(lab.callouts.now + 1)
    assert start(lab, "a", line, stdin=None).proc.status is None


@pytest.mark.parametrize(
    ("line", "error", "status"),
    [
        ("nc", "nc: a host and a port are wanted", 2),
        ("nc b", "nc: a host and a port are wanted", 2),
        ("nc b 1 2", "nc: 2: one word too many", 2),
        ("nc b webb", "nc: webb: not a number; a port is wanted", 2),
        ("nc b 0", "nc: 0: a port is between 1 and 65535", 2),
        ("nc b 65536", "nc: 65536: a port is between 1 and 65535", 2),
        ("nc b 80-", "nc: 80-: a range has two ports, as in 79-81", 2),
        ("nc -6 b 80", "nc: -6: IPv6 is not spoken here yet", 2),
        ("nc -k b 80", "nc: must use -l with -k", 2),
        ("nc -l", "nc: a port is missing", 2),
        ("nc -l 80-90", "nc: 80-90: not a number; the port is wanted", 2),
        ("nc -l b 80 90", "nc: 90: one word too many", 2),
        ("nc -l -p 80 b 90", "nc: 80: one word too many", 2),
        ("nc -lz 80", "nc: cannot use -z and -l", 2),
        ("nc -l -s b 80", "nc: cannot use -s and -l", 2),
        ("nc -w 0 b 80", "nc: 0: seconds are at least 0.001", 2),
        ("nc -p x b 80", "nc: x: not a number", 2),
        ("nc -x b 80", "nc: unknown option -- x", 2),
        ("nc nowhere 80", "nc: nowhere: Host name lookup failure", 1),
        ("nc -n b 80", "nc: b: a name, and -n wants an address", 1),
        ("nc -s 10.9.9.9 b 80", "nc: Can't assign requested address", 1),
        ("nc 192.168.7.7 80", "nc: connect to 192.168.7.7 port 80 (tcp) failed: No route to host", 1),
        ("nc -l 10.0.0.2 80", "nc: Can't assign requested address", 1),
    ],
)
def test_bad_input(lab: Lab, line: str, error: str, status: int) -> None:
    answer = run(lab, "a", line)
    assert (len(answer.errors), answer.status, answer.text) == (1, status, "")
    assert answer.errors[0].startswith(error)


def test_a_port_that_is_taken(lab: Lab) -> None:
    start(lab, "b", "nc -l 9000", stdin=None)
    lab.run(0.1)
    assert run(lab, "b", "nc -l 9000").errors == ["nc: Address already in use"]
