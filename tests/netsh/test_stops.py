"""Time stands still and goes on: pause, step, go; what may be done meanwhile, and what waits."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from netsh.served import frames
from tests.netsh.served import PATIENCE, Served, hello, rest, run_frame, until
from tests.netsh.test_builtins import at_home
from tests.netsh.toys import Toys

PING = "PING www (203.0.113.80): 56 data bytes\n"
REPORT = (
    "\n----www PING Statistics----\n1 packets transmitted, 1 packets received, 0.0% packet loss\n"
    "round-trip min/avg/max/stddev = 10.200000/10.200000/10.200000/0.000000 ms\n"
)


def now(session: Toys) -> float:
    return session.lab.callouts.now


def state(session: Toys) -> tuple[float, int, list[float]]:
    """The time, what a router has seen, and all that waits for its time."""
    callouts = session.lab.callouts
    return callouts.now, session.lab.hosts["gw"].ip.total, sorted(due for due, _, each in callouts.heap if each.pending)


def paused() -> Toys:
    session = at_home()
    session.run("ping -qc 1 www; pause")
    session.out  # noqa: B018
    return session


@pytest.mark.parametrize(
    "line",
    [
        "ifconfig shmif0", "route show", "netstat -s | wc -l", "arp -a", "sysctl net.inet.ip.ttl", "lab | wc -l",
        "ifconfig lo0 down; ifconfig lo0 up", "route add 198.51.100.0/24 10.0.0.1", "host new; new ifconfig -a",
        "for i in 1..3 { echo $i }", "echo a | !cat", "drops", "ps | head -1", "tcpstat | head -1", "help ping | wc -l",
        "link x y; x ifconfig -a",
    ],
)  # fmt: skip
def test_what_takes_no_time_works_while_time_stands(line: str) -> None:
    running, standing = at_home(), paused()
    running.run("ping -qc 1 www")
    assert running.out
    assert running.run(line) == standing.run(line) == 0
    assert standing.out == running.out
    assert standing.err == ""
    assert standing.jobs.running() == []
    assert standing.clock.drive.stands


def test_pause_stops_at_once_and_nothing_moves() -> None:
    session = at_home()
    session.run("ping -i 0.01 www & sleep 1; pause")
    before = state(session)
    session.run("netstat -s; clock; arp -a")
    assert state(session) == before


def test_a_command_that_waits_is_suspended_and_go_waits_for_it() -> None:
    session = at_home()
    session.run("ping -qc 2 www")
    session.out  # noqa: B018
    assert session.run("pause; ping -qc 1 www; jobs; clock | grep -c paused") == 0
    suspended = "[1]  Suspended   ping -qc 1 www\n"
    assert session.out == PING + suspended + suspended + "1\n"
    assert session.run("go; jobs; clock | grep -c paused") == 1
    assert session.out == REPORT + "0\n"


@pytest.mark.parametrize("line", ["sleep 10", "wait", "nc www 80", "fetch http://www/", "tcpdump -i shmif0"])
def test_others_that_wait(line: str) -> None:
    session = at_home()
    session.run(f"ping www & pause; {line}")
    assert f"[2]  Suspended   {line}" in session.out.splitlines()


def test_go_gives_the_status_of_what_was_suspended() -> None:
    session = at_home()
    session.run("pause; ping -c 1 203.0.113.99")
    assert session.run("go") == 2
    assert session.run("pause; fetch -o - http://www/nothing; go") == 1
    assert session.run("go") == 0


def test_an_interrupt_is_for_what_go_waits_for() -> None:
    session = at_home()
    session.run("pause; ping www; sleep 100")
    line = session.start("go; echo never")
    session.lab.callouts.schedule(2.5, lambda: line.signal(2))
    assert session.finish(line) == 130
    assert "3 packets transmitted, 3 packets received" in session.out
    assert session.jobs.running() == []


def test_the_rest_of_a_line_does_not_wait() -> None:
    session = at_home()
    session.run("pause; for i in 1..2 { ping -qc 1 www } ; echo then; go")
    said = session.out.splitlines()
    assert [line for line in said if "Suspended" in line] == [f"[{n}]  Suspended   ping -qc 1 www" for n in (1, 2)]
    assert said.count("1 packets transmitted, 1 packets received, 0.0% packet loss") == 2
    assert said.index("then") < said.index("----www PING Statistics----")


def test_a_script_is_suspended_whole(tmp_path: Path) -> None:
    script = tmp_path / "some.netsh"
    script.write_text("ping -qc 1 www\necho done $x\n")
    session = at_home()
    session.run(f"x=7; pause; source {script}; echo first; go; echo last")
    said = session.out.splitlines()
    assert f"[1]  Suspended   source {script}" in said
    assert said.index("first") < said.index("done 7") < said.index("last")
    assert session.foreground == []


def test_what_is_suspended_can_be_killed() -> None:
    session = at_home()
    session.run("pause; ping www; kill %1; jobs; jobs")
    assert session.out.splitlines()[1:] == ["[1]  Suspended   ping www", "[1]  Terminated  ping www"]


# -- steps --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 7, 100, 1000])
def test_so_many_events(count: int) -> None:
    session, other = at_home(), at_home()
    for each in (session, other):
        each.run("ping -i 0.01 www & pause")
    session.out  # noqa: B018
    before = session.lab.callouts.events
    assert session.run(f"step {count} | json") == 0
    assert f'"events": {count}, ' in session.out
    for _ in range(count):
        other.lab.callouts.advance(None, 1)
    assert now(session) == now(other)
    assert session.lab.hosts["gw"].ip.total == other.lab.hosts["gw"].ip.total
    assert session.lab.callouts.events - before >= count


def test_a_step_says_what_happened_and_what_comes_next() -> None:
    session = at_home()
    session.run("ping -c 1 gw & pause")
    session.out  # noqa: B018
    session.run("step; step; step")
    assert session.out == (
        "0.000100 bus:lan: 3 frames arrive\nnext     0.000100 gw: shmif0 takes in 2 frames\n"
        "0.000100 gw: shmif0 takes in 2 frames\nnext     0.000100 me: shmif0 takes in 1 frame\n"
        "0.000100 me: shmif0 takes in 1 frame\nnext     0.000200 bus:lan: 2 frames arrive\n"
    )


@pytest.mark.parametrize(("word", "seconds"), [("10ms", 0.01), ("1s", 1.0), ("1h", 3600.0), ("5us", 5e-6)])
def test_so_much_time(word: str, seconds: float) -> None:
    if word == "1h":
        word = "3600s"
    session = at_home()
    session.run("ping www & sleep 1; pause")
    before = now(session)
    assert session.run(f"step {word}") == 0
    assert now(session) == pytest.approx(before + seconds, abs=1e-9)
    assert session.clock.drive.stands


def test_a_step_of_no_event_still_takes_its_time() -> None:
    session = Toys()
    assert session.run("step 10ms") == 0
    assert session.out == "0.010000 nothing (0 events)\nnext     nothing is pending\n"
    assert session.run("step") == 1
    assert session.err == "step: nothing more can happen\n"


def test_a_long_step_can_be_interrupted() -> None:
    session = at_home()
    session.run("ping -i 0.01 www & pause")
    line = session.start("step 1000000000")
    session.lab.callouts.schedule(1.0, lambda: line.signal(2))
    assert session.finish(line) == 130
    assert now(session) < 2.0
    assert session.clock.drive.stands


@pytest.fixture
def device() -> Iterator[tuple[Toys, socket.socket, list[str]]]:
    """A lab with a device, which stands; what the device's other end is, and what came from it."""
    near, far = socket.socketpair()
    session, heard = Toys(), list[str]()

    def read() -> None:
        text = near.recv(1).decode()
        session.lab.callouts.soon(lambda: heard.append(text))

    session.lab.readers[near.fileno()] = read
    session.run("pause")
    with near, far:
        yield session, far, heard


def test_a_step_begins_with_what_has_come_to_a_device(device: tuple[Toys, socket.socket, list[str]]) -> None:
    session, far, heard = device
    far.send(b"x")
    assert session.run("echo while it stands") == 0 and not heard
    before = now(session)
    assert session.run("step | head -1") == 0
    assert heard == ["x"] and now(session) == before
    assert session.run("step") == 1
    assert session.err == "step: nothing is pending, and no device has brought anything\n"


def test_a_step_of_time_is_real_where_there_is_a_device(device: tuple[Toys, socket.socket, list[str]]) -> None:
    session, far, heard = device
    begin, wall = now(session), time.monotonic()
    times: list[float] = []
    session.lab.callouts.schedule(0.01, lambda: far.sendall(b"a"))  # as a kernel answers what is written to it
    session.lab.callouts.schedule(0.02, lambda: times.append(time.monotonic() - wall))
    session.lab.callouts.schedule(0.03, lambda: far.sendall(b"b"))
    session.lab.callouts.schedule(0.05, lambda: heard.append("too late"))
    assert session.run("step 40ms") == 0
    assert heard == ["a", "b"]
    assert now(session) == pytest.approx(begin + 0.04)
    assert time.monotonic() - wall >= 0.04 and times[0] >= 0.02
    assert session.clock.drive.stands
    assert session.run("step 1") == 0 and heard == ["a", "b", "too late"]


def test_a_step_of_time_with_a_device_can_be_interrupted(device: tuple[Toys, socket.socket, list[str]]) -> None:
    session, _, _ = device
    line = session.start("step 3600s")
    session.lab.callouts.schedule(0.01, lambda: line.signal(2))
    assert session.finish(line) == 130
    assert now(session) < 60 and session.clock.drive.stands


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("step 0", "step: 0: not a number of events from 1 to 1000000000"),
        ("step -1", "step: -1: neither a number of events nor a time such as 10ms"),
        ("step 1 2", "step: 2: one count or one time is wanted"),
        ("step 0s", "step: 0s: not a time between 0 and thirty years"),
        ("step 10m", "step: 10m: neither a number of events nor a time such as 10ms"),
        ("step ²", "step: ²: neither a number of events nor a time such as 10ms"),
        ("pause now", "pause: now: no words are wanted"),
        ("go away", "go: away: no words are wanted"),
    ],
)
def test_wrong_words(line: str, complaint: str) -> None:
    session = at_home()
    assert session.run(line) == 2
    assert session.err == complaint + "\n"
    assert not session.clock.drive.stands


# -- ends ---------------------------------------------------------------------------------------------------------


def test_a_script_that_leaves_the_lab_standing_ends() -> None:
    session = at_home()
    session.run("ping www & pause; ping gw")
    session.end_jobs()
    assert not session.clock.drive.stands
    assert session.jobs.running() == []


def test_load_takes_the_place_of_a_lab_that_stands(tmp_path: Path) -> None:
    session = at_home()
    assert session.run(f"save {tmp_path}/x.netsh; pause; ping www; load {tmp_path}/x.netsh; ping -qc 1 www") == 0
    assert "1 packets transmitted, 1 packets received" in session.out
    assert not session.clock.drive.stands


def test_a_host_is_removed_while_time_stands() -> None:
    session = at_home()
    assert session.run("www ping me & pause; host -d www; host; go; ping -qc 1 gw") == 0
    assert "www" not in session.lab.hosts


def test_real_time_stands_still_too() -> None:
    session = at_home()
    session.run("clock real; pause")
    before = now(session)
    session.run("echo x | !sleep 0.05; step; clock")
    assert now(session) - before < 0.02
    session.run("go; sleep 10ms")
    assert 0.01 <= now(session) - before < 1.0


# -- served -------------------------------------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path: Path) -> Served:
    return Served(tmp_path)


def test_all_clients_of_a_served_lab_see_why_nothing_moves(lab: Served) -> None:
    with lab:
        assert lab.run("-c", "pause; clock").out.startswith("clock real, paused: ")
        with lab.start("-c", "ping -qc 1 www; echo done") as waits:
            assert waits.stderr is not None
            assert waits.stderr.readline() == "netsh: the lab stands still; 'go' lets it go on\n"
            assert lab.run("-c", "arp -a | wc -l; ps | grep -c ping").out.split()[-1] == "1"
            assert lab.run("-c", "go").status == 0
            done = rest(waits)
        assert done.status == 0
        assert done.out.endswith("done\n")


def test_a_client_that_dies_while_the_lab_stands_leaves_nothing(lab: Served) -> None:
    with lab:
        with lab.begin("-c", "ping www & ping gw") as client:
            assert lab.run("-c", "pause").status == 0
            client.kill()
        until(lambda: "ping" not in lab.run("-c", "ps").out)
        assert re.match("clock real, paused", lab.run("-c", "clock").out)
        assert lab.run("-c", "go; ping -qc 1 www").status == 0


def test_a_prompt_is_told_how_the_lab_stands(lab: Served, tmp_path: Path) -> None:
    with lab, lab.connect() as link:
        link.sendall(hello(tmp_path, prompt="1"))
        link.sendall(run_frame("typed", "pause"))
        reader, states = frames.Reader(), [""]
        while "paused" not in states:
            said = reader.feed(link.recv(65536))
            states += [frames.pairs_of(body)["stands"] for kind, body in said if kind in (frames.STATE, frames.WELCOME)]


def test_a_lab_that_stands_ends(lab: Served) -> None:
    with lab, lab.begin("-c", "ping www") as client:
        assert lab.run("-c", "pause").status == 0
        assert lab.end() == 0
        assert client.wait(PATIENCE) != 0
