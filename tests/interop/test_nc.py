"""nc both ways, TCP and UDP: ours against Debian's nc.openbsd."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import needs_program, needs_root_tun
from tests.interop.world import Program

pytestmark = [needs_root_tun, needs_program("tcpdump", "nc.openbsd")]

PORT = 7000
MEGABYTE = 1 << 20


def say(program: Program, data: bytes) -> None:
    """Type something into a program."""
    assert program.child.stdin is not None
    os.write(program.child.stdin.fileno(), data)


def listening(pair: Pair, *options: str) -> Program:
    """Linux's nc, waiting for us."""
    program = pair.world.program(pair.linux, "nc.openbsd", "-l", *options, THEIRS, str(PORT))
    protocol = "udp" if "-u" in options else "tcp"
    pair.world.until(lambda: program.listens(PORT, protocol), what="nc to listen")
    return program


@pytest.mark.parametrize("size", [0, 1, MEGABYTE])
def test_a_file_goes_to_linux(pair: Pair, size: int) -> None:
    data = os.urandom(size)
    program = listening(pair, "-N")
    program.close()
    answer = pair.world.command("me", f"nc {THEIRS} {PORT}", stdin=data)
    pair.world.finish_program(program)
    assert (answer.status, answer.err) == (0, "") and program.output == data


@pytest.mark.parametrize("size", [0, 1, MEGABYTE])
def test_a_file_comes_from_linux(pair: Pair, tmp_path: Path, size: int) -> None:
    (tmp_path / "data").write_bytes(os.urandom(size))
    job = pair.world.start("me", f"nc -l {PORT}")
    pair.world.linux(pair.linux, "sh", "-c", f"nc.openbsd -N {OURS} {PORT} < {tmp_path}/data")
    assert pair.world.finish(job.proc) == 0
    assert job.answer.out == (tmp_path / "data").read_bytes()


def test_a_talk_that_we_begin(pair: Pair) -> None:
    w, program = pair.world, listening(pair, "-N")
    job = w.start("me", f"nc -v {THEIRS} {PORT}", stdin=None)
    for word in (b"hello\n", b"is anybody there?\n"):
        job.stdin.write(word)
        w.until(lambda word=word: program.output.endswith(word), what="our word")  # type: ignore[misc]
        say(program, word.upper())
        w.until(lambda word=word: job.answer.out.endswith(word.upper()), what="the answer")  # type: ignore[misc]
    job.stdin.close()
    program.close()
    w.finish_program(program)
    assert w.finish(job.proc) == 0


def test_a_talk_that_linux_begins(pair: Pair) -> None:
    w, job = pair.world, pair.world.start("me", f"nc -l {PORT}", stdin=None)
    program = w.program(pair.linux, "nc.openbsd", "-N", OURS, str(PORT))
    say(program, b"hello\n")
    w.until(lambda: job.answer.out == b"hello\n", what="their word")
    job.stdin.write(b"HELLO\n")
    w.until(lambda: program.output == b"HELLO\n", what="our answer")
    program.close()
    job.stdin.close()
    assert w.finish(job.proc) == 0
    w.finish_program(program)
    assert program.child.returncode == 0


def test_datagrams_that_we_begin(pair: Pair) -> None:
    w, program = pair.world, listening(pair, "-u")
    job = w.start("me", f"nc -u {THEIRS} {PORT}", stdin=None)
    job.stdin.write(b"hello\n")
    w.until(lambda: program.output == b"hello\n", what="our datagram")
    say(program, b"HELLO\n")
    w.until(lambda: job.answer.out == b"HELLO\n", what="the answer")


def test_datagrams_that_linux_begins(pair: Pair) -> None:
    w, job = pair.world, pair.world.start("me", f"nc -u -l {PORT}", stdin=None)
    program = w.program(pair.linux, "nc.openbsd", "-u", OURS, str(PORT))
    w.until(lambda: f"*.{PORT}" in w.command("me", "netstat -an").text, what="our nc to listen")
    say(program, b"hello\n")
    w.until(lambda: job.answer.out == b"hello\n", what="their datagram")
    job.stdin.write(b"HELLO\n")
    w.until(lambda: program.output == b"HELLO\n", what="our answer")


def test_ports_are_probed(pair: Pair) -> None:
    w, program = pair.world, listening(pair)
    answer = w.command("me", f"nc -zv {THEIRS} {PORT - 2}-{PORT}")
    assert answer.status == 0 and f"{PORT}" in answer.both
    w.finish_program(program)
    w.start("me", f"nc -l {PORT}")
    assert "succeeded" in w.linux(pair.linux, "nc.openbsd", "-zv", OURS, str(PORT))
    assert "refused" in w.linux(pair.linux, "nc.openbsd", "-zv", OURS, str(PORT - 1), status=1)


def test_nobody_listens(pair: Pair) -> None:
    answer = pair.world.command("me", f"nc {THEIRS} {PORT}")
    assert answer.status == 1 and "Connection refused" in answer.err
