"""ttcp to and from the Linux kernel: what it says was moved is what arrived."""

from __future__ import annotations

import re
import sys

import pytest

from commands._tester import Transfer, pattern
from tests.commands.runner import Answer
from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import needs_program, needs_root_tun
from tests.interop.world import Program

pytestmark = [needs_root_tun, needs_program("tcpdump", "nc.openbsd")]

PORT = 5001
MEGABYTE = 1 << 20

DATAGRAMS = """
import contextlib, socket, sys, time
so = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
so.connect((sys.argv[1], 5001))
so.send(b"mark")
for _ in range(100):
    so.send(b"x" * 1000)
    time.sleep(0.001)
for _ in range(5):
    with contextlib.suppress(ConnectionRefusedError):  # the first of them has ended it
        so.send(b"mark")
"""


def listening(pair: Pair, *options: str) -> Program:
    """Linux's nc, waiting for us."""
    program = pair.world.program(pair.linux, "nc.openbsd", "-l", *options, THEIRS, str(PORT))
    protocol = "udp" if "-u" in options else "tcp"
    pair.world.until(lambda: program.listens(PORT, protocol), what="nc to listen")
    return program


def transfer(answer: Answer) -> Transfer:
    """The summary."""
    (row,) = (row for row in answer.rows if isinstance(row, Transfer))
    assert isinstance(row, Transfer)
    return row


def test_a_pattern_to_linux(pair: Pair) -> None:
    program = listening(pair, "-N")
    program.close()
    answer = pair.world.command("me", f"ttcp -t -s -n 512 {THEIRS}")
    pair.world.finish_program(program)
    assert (answer.status, answer.err) == (0, "") and program.output == pattern(8192) * 512
    assert transfer(answer).bytes == 4 * MEGABYTE
    assert "lab seconds" not in answer.text  # on a TAP the lab's time is real


def test_a_file_from_linux(pair: Pair) -> None:
    job = pair.world.start("me", "ttcp -r -s")
    pair.world.linux(pair.linux, "sh", "-c", f"head -c {4 * MEGABYTE} /dev/zero | nc.openbsd -N {OURS} {PORT}")
    assert pair.world.finish(job.proc) == 0
    assert transfer(job.answer).bytes == 4 * MEGABYTE and f"ttcp-r: accept from {THEIRS}" in job.answer.lines


def test_datagrams_to_linux(pair: Pair) -> None:
    program = listening(pair, "-u")
    answer = pair.world.command("me", f"ttcp -t -s -u -l 1000 -n 50 {THEIRS}")
    mark = pattern(4)
    pair.world.until(lambda: len(program.output) >= 50_000 + 24, what="the last mark")
    assert program.output == mark + pattern(1000) * 50 + mark * 5
    assert (answer.status, transfer(answer).bytes, transfer(answer).calls) == (0, 50_000, 51)
    program.child.kill()


@pytest.mark.parametrize("options", ["-s", ""])
def test_datagrams_from_linux(pair: Pair, options: str) -> None:
    job = pair.world.start("me", f"ttcp -r -u -b 200000 {options}")  # which no busy machine overruns
    pair.world.linux(pair.linux, sys.executable, "-c", DATAGRAMS, OURS)
    assert pair.world.finish(job.proc) == 0
    if options:
        assert transfer(job.answer).bytes == 100_000
    else:
        assert job.answer.out == b"x" * 100_000 and re.search(r"ttcp: 100000 bytes in ", job.answer.err)


def test_nobody_listens_there(pair: Pair) -> None:
    assert pair.world.command("me", f"ttcp -t -s {THEIRS}").errors == ["ttcp: Connection refused"]
    assert pair.world.command("me", f"ttcp -t -s -u {THEIRS}").errors == ["ttcp: IO: Connection refused"]


def test_a_connection_with_linux_in_figures(pair: Pair) -> None:
    program = listening(pair)
    pair.world.start("me", f"nc {THEIRS} {PORT}", stdin=None).stdin.write(b"hello")
    pair.world.until(lambda: program.output == b"hello", what="our word")
    (row,) = pair.world.command("me", f"tcpstat {THEIRS}:{PORT}").rows
    assert row.options == ("window-scale", "timestamps", "sack") and row.send.scale > 0 and row.send.una in (1, 6)
    assert pair.world.command("me", "tcpdrop -a").text.endswith(f" {THEIRS} {PORT}: dropped\n")
    pair.world.finish_program(program)  # the reset has reached it
