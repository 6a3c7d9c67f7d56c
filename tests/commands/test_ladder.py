"""ladder: who says what to whom, as golden texts (tests/ladders), as rows, from files, and as SVG."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from commands.ladder import Arrow
from netsh.render.json_rows import json_of
from stack.kern.proc import SIGINT
from stack.lab import Lab
from stack.net.bpf import Recent
from stack.net.wire import Personality
from tests.commands import captures
from tests.commands.labs import attach, chain
from tests.commands.runner import Answer, finish, run, start

LADDERS = sorted((Path(__file__).parents[1] / "ladders").glob("*.txt"))


def quiet(*names: str, delay: float = 0.001) -> Lab:
    """A chain of hosts that have said what hosts say when they begin."""
    lab = chain(*names, delay=delay)
    lab.run(10.0)
    return lab


def follow(lab: Lab, ladder: str, *lines: str, host: str = "me") -> Answer:
    """What a ladder shows of some commands, each `HOST COMMAND`."""
    job = start(lab, host, ladder)
    lab.run(lab.callouts.now)
    for line in lines:
        where, _, command = line.partition(" ")
        run(lab, where, command)
    lab.run(lab.callouts.now + 10)
    job.proc.signal(SIGINT)
    return finish(lab, job)


@pytest.mark.parametrize("path", LADDERS, ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    lab = quiet("me", "gw", "www")
    script, _, expected = path.read_text().partition("\n\n")
    jobs = []
    for line in script.splitlines():
        if found := re.fullmatch(r"bus (\S+) loss (\S+)", line):
            lab.buses[found[1]].set(Personality(delay=0.001, loss=float(found[2])))
        elif found := re.fullmatch(r"\[(\w+)\]\$ (.*?)( &)?", line):
            jobs.append(start(lab, found[1], found[2]))
            if found[3]:
                lab.run(lab.callouts.now)
            else:
                finish(lab, jobs[-1])
    lab.run(lab.callouts.now + 10)
    ladder = next(job for job in jobs if job.answer.name == "ladder")
    ladder.proc.signal(SIGINT)
    assert finish(lab, ladder).text == expected
    assert max(map(len, ladder.answer.lines)) <= 80


def test_rows() -> None:
    answer = follow(quiet("me", "gw", "www"), "ladder tcp", "me nc -z www 99")
    first, second = (row for row in answer.rows if isinstance(row, Arrow))
    assert (first.time, first.arrived, first.source, first.destination) == (10.002, 10.006, "me", "www")
    assert first.hops == (("me", "gw"), ("gw", "www"))
    assert (first.flags, first.seq, first.ack, first.lost) == ("SYN", 0, None, "at www: tcp/noport")
    assert (second.flags, second.seq, second.ack, second.lost) == ("RST|ACK", 0, 1, None)
    told = json.loads(json_of(first))
    assert told["losses"] == [{"host": "www", "on_the_way": False, "reason": "tcp/noport"}]


def test_numbers_are_those_of_packet_and_nothing_stays_behind() -> None:
    lab = quiet("me", "gw", "www")
    answer = follow(lab, "ladder -S tcp", "me nc -z www 99")
    recent = lab.recent
    assert isinstance(recent, Recent)
    for row in answer.rows:
        if isinstance(row, Arrow):
            frame = recent.find(row.number)
            assert frame is not None and frame.time == round(row.time * 1e9)
            assert row.seq is not None and row.seq.to_bytes(4) in frame.data
    assert all(not ifp.taps for host in lab.hosts.values() for ifp in host.interfaces.values())
    assert (lab.probes.drop, lab.probes.attach) == ((), ())


def test_afterwards_it_is_the_same() -> None:
    lab = quiet("me", "gw", "www")
    lab.buses["gw-www"].set(Personality(delay=0.001, loss=0.4))
    live = follow(lab, "ladder", "me traceroute www", "me ping -c 5 www", "me ping -c 1 localhost")
    assert "✗ loss" in live.text and "✗│ ip/ttl" in live.text and "↺ echo" in live.text
    since = next(row.time for row in live.rows if isinstance(row, Arrow))
    again = run(lab, "me", "ladder --last")
    assert [(row.label, row.lost, row.hops) for row in again.rows if isinstance(row, Arrow)] == [
        (row.label, row.lost, row.hops) for row in live.rows if isinstance(row, Arrow)
    ]
    assert next(row.time for row in again.rows if isinstance(row, Arrow)) == 0.0 < since


@pytest.mark.parametrize("place", ["--lab", "-i gw:any", "-i me:shmif0", "-i bus:me-gw"])
@pytest.mark.parametrize("kind", ["pcapng", "pcap"])
def test_a_file_shows_who_passed_it_on(tmp_path: Path, place: str, kind: str) -> None:
    """Also where only one interface was captured: link addresses tell."""
    lab = quiet("me", "gw", "www")
    path = tmp_path / f"x.{kind}"
    job = start(lab, "me", f"tcpdump {place} -w {path} icmp")
    lab.run(lab.callouts.now)
    run(lab, "me", "ping -c 1 www")
    job.proc.signal(SIGINT)
    if finish(lab, job).status:
        assert kind == "pcap"  # Ethernet and loopback in one file
        return
    rows = [row for row in run(lab, "me", f"ladder -r {path}").rows if isinstance(row, Arrow)]
    assert [row.label for row in rows] == ["echo request, seq 0", "echo reply, seq 0"]
    assert [row.hops for row in rows] == [(("me", "gw"), ("gw", "www")), (("www", "gw"), ("gw", "me"))]
    other = Lab()
    rows = [row for row in run(other, "x", f"ladder -n -r {path}").rows if isinstance(row, Arrow)]
    assert len(rows) >= 2 and rows[0].label == "echo request, seq 0"


@pytest.mark.parametrize("kind", captures.KINDS, ids=lambda kind: kind.__name__)
def test_all_kinds_of_packets(tmp_path: Path, kind: object) -> None:
    frames = captures.frames(kind)
    for cut in (frames, captures.cut(frames, 40), captures.cut(frames, 15)):
        captures.write(tmp_path / "x.pcap", cut)
        answer = run(Lab(), "me", f"ladder -r {tmp_path}/x.pcap --svg {tmp_path}/x.svg")
        assert (answer.text, answer.errors, answer.status) == ("", [], 0)
        ElementTree.parse(tmp_path / "x.svg")
        answer = run(Lab(), "me", f"ladder -r {tmp_path}/x.pcap", terminal=True, columns=60)
        assert answer.status == 0 and max(map(len, answer.lines)) <= 60


@pytest.mark.parametrize("columns", [20, 40, 80, 132, 250])
@pytest.mark.parametrize("hosts", [2, 3, 5, 14])
def test_never_wider_than_the_window(columns: int, hosts: int) -> None:
    names = [f"host{number}" for number in range(hosts)]
    lab = quiet(*names)
    job = start(lab, names[0], "ladder", terminal=True, columns=columns)
    lab.run(lab.callouts.now)
    run(lab, names[0], f"traceroute -q 1 {names[-1]}")
    run(lab, names[hosts // 2], f"ping -c 1 {names[0]}")
    job.proc.signal(SIGINT)
    answer = finish(lab, job)
    assert max(map(len, answer.lines)) <= max(columns, 30)
    assert f"{names[0]}  " in answer.text
    if columns >= 80 and hosts <= 5:
        assert answer.lines.count(answer.lines[0]) == 1 and names[-1] in answer.text


def test_a_frame_for_all_over_a_bridge_and_to_a_host_made_later() -> None:
    lab = Lab()
    attach(lab, "a", "left", "10.0.0.1")
    attach(lab, "br", "left", "10.0.0.2")
    attach(lab, "b", "right", "10.0.0.3")
    run(lab, "br", "ifconfig shmif1 create")
    run(lab, "br", "ifconfig shmif1 linkstr right")
    run(lab, "br", "ifconfig shmif1 up")
    run(lab, "br", "ifconfig bridge0 create")
    run(lab, "br", "brconfig bridge0 add shmif0 add shmif1 up")
    job = start(lab, "a", "ladder arp or icmp")
    lab.run(lab.callouts.now + 1)
    attach(lab, "c", "right", "10.0.0.4")
    lab.run(lab.callouts.now + 1)
    run(lab, "a", "ping -c 1 10.0.0.4")
    job.proc.signal(SIGINT)
    rows = {row.label: row for row in finish(lab, job).rows if isinstance(row, Arrow)}
    asked = rows["ARP who-has c tell a"]
    assert set(asked.hops) == {("a", "br"), ("br", "b"), ("br", "c")}
    assert rows["echo request, seq 0"].hops == (("a", "br"), ("br", "c"))
    assert rows["echo reply, seq 0"].hops == (("c", "br"), ("br", "a"))


def test_what_its_own_host_cannot_send() -> None:
    answer = follow(quiet("me", "gw"), "ladder icmp", "me ping -c 1 10.0.0.99")
    assert [row.lost for row in answer.rows if isinstance(row, Arrow)] == ["at me: arp/dfrdropped"]
    assert "│✗ arp/dfrdropped: echo request, seq 0" in answer.text


def test_only_what_passes_a_place() -> None:
    lab = quiet("me", "gw", "www")
    answer = follow(lab, "ladder -i bus:gw-www icmp", "me ping -c 1 gw", "me ping -c 1 www")
    rows = [row for row in answer.rows if isinstance(row, Arrow)]
    assert [(row.source, row.destination) for row in rows] == [("me", "www"), ("www", "me")]
    assert rows[0].hops == (("me", "gw"), ("gw", "www"))


def test_svg(tmp_path: Path) -> None:
    lab = quiet("me", "gw", "www")
    path = tmp_path / "x.svg"
    answer = follow(lab, f"ladder --svg {path} udp or icmp or tcp", "me traceroute -q 1 www", "me nc -z www 99")
    assert (answer.text, answer.errors) == ("", [])
    drawn = ElementTree.parse(path).getroot()
    words = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"me", "gw", "www", "SYN 0", "tcp/noport", "ip/ttl", "10.002000", "time exceeded in-transit"} <= set(words)
    assert "prefers-color-scheme: dark" in path.read_text()
    twice = tmp_path / "y.svg"
    run(lab, "me", f"ladder --last --svg {twice} udp or icmp or tcp")
    shift = re.compile(r">\d+\.\d{6}<")
    assert shift.sub("", twice.read_text()) == shift.sub("", path.read_text())


def test_a_file_that_is_cut_short(tmp_path: Path) -> None:
    captures.write(tmp_path / "x.pcap", captures.frames(captures.udp))
    (tmp_path / "x.pcap").write_bytes((tmp_path / "x.pcap").read_bytes()[:-3])
    answer = run(Lab(), "me", f"ladder -c 100 -r {tmp_path}/x.pcap")
    assert len([row for row in answer.rows if isinstance(row, Arrow)]) > 3
    assert len(answer.errors) == 1 and "truncated dump file" in answer.errors[0] and answer.status == 1


@pytest.mark.parametrize(
    ("words", "complaint", "status"),
    [
        ("--last", "ladder: nothing was seen yet; -r reads a file", 1),
        ("-r /etc/passwd", "ladder: /etc/passwd: unknown file format", 1),
        ("-r /nonexistent", "ladder: /nonexistent: No such file or directory", 1),
        ("-r x -i y", "ladder: one of -i, -r, --lab and --last says where the packets are from", 2),
        ("-i nope", "ladder: nope: no such interface on me; it has lo0, shmif0", 1),
        ("--svg /nonexistent/x", "ladder: /nonexistent/x: No such file or directory", 1),
        ("tcp and", "ladder: can't parse filter expression: syntax error", 1),
        ("host nobody", "ladder: unknown host 'nobody'; a filter knows the hosts of the lab, and addresses", 1),
        ("-c 0", "ladder: 0: the packet count is between 1 and 2147483647", 2),
        ("-x", "ladder: unknown option -- x ('help ladder' lists them)", 2),
    ],
)
def test_words_that_make_no_sense(words: str, complaint: str, status: int) -> None:
    lab = quiet("me", "gw")
    answer = run(lab, "me", f"ladder {words}")
    assert (answer.errors[0], answer.text, answer.status) == (complaint, "", status)
    assert all(not ifp.taps for host in lab.hosts.values() for ifp in host.interfaces.values())
    assert (lab.probes.drop, lab.probes.attach) == ((), ())
