"""packet: every field of every kind of packet, where it stands, and what is said when there is no such packet."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from commands.packet import Field
from netsh.render import packet_view
from netsh.render.printer import Printer
from netsh.render.rich_views import Look
from netsh.session import Session
from stack.dev.dissect import dissect
from stack.lab import Lab
from stack.net.bpf import DLT_EN10MB, DLT_NULL, Frame, Recent
from tests.commands import captures
from tests.commands.labs import pair
from tests.commands.runner import run


@pytest.mark.parametrize("kind", captures.KINDS, ids=lambda kind: kind.__name__)
def test_no_byte_is_left_out(kind: Any) -> None:
    for frame in captures.frames(kind)[::5]:
        parts = dissect(frame.data, DLT_EN10MB)
        covered = {at for part in parts for at in range(part.offset, part.offset + len(part.data))}
        assert covered == set(range(len(frame.data)))
        assert all(frame.data[part.offset : part.offset + len(part.data)] == part.data for part in parts)


def test_a_packet_of_the_last_capture() -> None:
    lab = pair()
    assert run(lab, "a", "packet 1").errors == [
        "packet: there is no packet 1: tcpdump has seen none yet; -r reads a file"
    ]
    run(lab, "a", "tcpdump -c 0 -i shmif0")
    run(lab, "a", "ping -c 1 10.0.0.2")
    job = run(lab, "b", "tcpdump -i lo0", interrupt=0.1)
    assert job.status == 0
    assert run(lab, "a", "packet 1").errors == ["packet: there is no packet 1: tcpdump has seen 0; -r reads a file"]


def test_a_packet_of_a_file(tmp_path: Path) -> None:
    captures.write(tmp_path / "x.pcap", captures.frames(captures.udp))
    answer = run(Lab(), "a", f"packet -r {tmp_path}/x.pcap 3")
    assert list(dict.fromkeys(line.split()[0] for line in answer.lines)) == ["Ethernet", "IP", "UDP", "Raw"]
    assert "IP         001a  src          10.0.0.1                                  0a000001" in answer.lines
    assert "UDP        0024  dport        33434                                     829a" in answer.lines
    assert run(Lab(), "a", f"tcpdump -r {tmp_path}/x.pcap").status == 0
    drawn = io.StringIO()
    session = Session(Lab(), Printer("rich", drawn, io.StringIO(), width=160))
    session.lab.add_host("a")
    session.host = session.lab["a"]
    assert session.run(f"packet -r {tmp_path}/x.pcap 3") == 0
    assert "└── UDP" in drawn.getvalue() and "0000  02 00 00 00 00 02" in drawn.getvalue()
    fields = [row for row in answer.rows if isinstance(row, Field)]
    assert len({field.offset for field in fields if field.field in ("version", "ihl")}) == 1
    for width in (60, 200):
        assert packet_view.draw(fields, Look(width))


def test_only_the_last_megabytes_are_remembered() -> None:
    recent = Recent([])
    frames = [Frame(at, 0, None, bytes(60000), 60000) for at in range(500)]
    for at in range(0, 500, 50):
        recent.add(frames[at : at + 50])
    assert recent.count == 500 and 200 < len(recent.frames) < 300
    assert recent.find(500) is frames[499] and recent.find(400) is frames[399]
    assert recent.find(1) is None and recent.find(0) is None and recent.find(501) is None


def test_after_a_file_was_read_its_packets_are_there(tmp_path: Path) -> None:
    lab = Lab()
    frames = [frame._replace(data=b"\2\0\0\0" + frame.data[14:]) for frame in captures.frames(captures.udp)]
    captures.write(tmp_path / "x.pcap", frames, DLT_NULL)
    run(lab, "a", f"tcpdump -r {tmp_path}/x.pcap")
    assert run(lab, "a", "packet 2").lines[0].startswith("Loopback ")


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        ("", 1, "no packet is in hand; 'packet N' shows one that tcpdump has seen"),
        ("0", 2, "the number of a packet is between 1 and"),
        ("x", 2, "x: not a number"),
        ("1 2", 2, "2: one word too many"),
        ("-r /nowhere 1", 1, "/nowhere: No such file or directory"),
        ("-r /dev/null 1", 1, "truncated dump file"),
    ],
)
def test_bad_words_get_one_line(words: str, status: int, text: str) -> None:
    answer = run(Lab(), "a", f"packet {words}")
    assert (answer.status, answer.out, len(answer.errors)) == (status, b"", 1)
    assert text in answer.errors[0]
