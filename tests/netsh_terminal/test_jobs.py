"""Jobs in a real terminal: Ctrl-Z, fg, bg, kill; what they say never garbles the line that is typed."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netsh_terminal.terminal import PATIENCE, ROOT, Terminal

CTRL_C, CTRL_Z = "\x03", "\x1a"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path, lines=40, NETSH_PAGER="off") as found:
        found.until_prompt()
        yield found


def replies(terminal: Terminal) -> int:
    return sum("64 bytes from" in line for line in terminal.lines)


def test_bg_lets_it_go_on_and_kill_ends_it(terminal: Terminal) -> None:
    terminal.type("ping -i 0.2 www\r")
    terminal.until(lambda terminal: replies(terminal) >= 1)
    terminal.type(CTRL_Z)
    terminal.until_prompt()
    terminal.type("bg\r")
    terminal.until(lambda terminal: any(line.startswith("me| 64 bytes") for line in terminal.lines))
    terminal.type("fg %1\r")
    terminal.until(lambda terminal: terminal.lines[-1].startswith("64 bytes") or replies(terminal) > 4)
    terminal.type(CTRL_Z)
    terminal.until(lambda terminal: sum("Suspended" in line for line in terminal.lines) == 2)
    terminal.until_prompt()
    terminal.type("kill %1\r")
    terminal.until_text("Terminated")


def test_a_function_stops_as_a_whole(terminal: Terminal) -> None:
    terminal.type("f() { for i in 1..1000 { echo turn $i; sleep 100ms } }; f\r")
    terminal.until_text("turn 2")
    terminal.type(CTRL_Z)
    terminal.until_text("Suspended   f")
    terminal.until_prompt()
    last = max(int(found[1]) for line in terminal.lines if (found := re.match(r"turn (\d+)", line)))
    terminal.type("sleep 500ms; fg\r")
    terminal.until_text(f"turn {last + 3}")
    turns = [int(found[1]) for line in terminal.lines if (found := re.match(r"turn (\d+)", line))]
    assert turns == list(range(1, turns[-1] + 1))
    terminal.type(CTRL_C)
    terminal.until_prompt()


def test_what_was_stopped_reads_the_keys_again(terminal: Terminal) -> None:
    terminal.type("nc -l 80 &\r")
    terminal.until_prompt()
    terminal.type("nc 127.0.0.1 80\r")
    terminal.until(lambda terminal: terminal.shows_keys)
    terminal.type("one\r")
    terminal.until(lambda terminal: sum("one" in line for line in terminal.lines) == 2)
    terminal.type(CTRL_Z)
    terminal.until_text("Suspended   nc")
    terminal.until_prompt()
    terminal.type("echo between\r")
    terminal.until(lambda terminal: "between" in terminal.lines)
    terminal.until_prompt()
    terminal.type("fg\r")
    terminal.until(lambda terminal: terminal.shows_keys)
    terminal.type("two\r")
    terminal.until(lambda terminal: sum("two" in line for line in terminal.lines) == 2)
    terminal.type(CTRL_C)
    terminal.until_prompt()


def test_loops_that_wait_for_nothing_are_not_stopped_but_ended(terminal: Terminal) -> None:
    terminal.type("while true { }\r")
    terminal.until(lambda terminal: termios.tcgetattr(terminal.child.child_fd)[3] & termios.ISIG)
    terminal.type(CTRL_Z)
    terminal.type(CTRL_C)
    terminal.until_prompt()
    terminal.type("echo well\r")
    terminal.until(lambda terminal: "well" in terminal.lines)


def test_a_hundred_keys_while_four_jobs_print_a_thousand_lines_a_second(tmp_path: Path) -> None:
    with Terminal(tmp_path, columns=200) as terminal:
        terminal.until_prompt()
        seen = bytearray()
        feed = terminal.stream.feed

        def record(data: bytes) -> None:
            seen.extend(data)
            feed(data)

        terminal.stream.feed = record
        terminal.type("p() { for i in 1..1000 { echo job-$1-$i; sleep 1ms }; echo end-$1 }\r")
        terminal.until_prompt()
        for job in range(4):
            terminal.type(f"p {job} &\r")
            terminal.until(lambda terminal: re.fullmatch(r"me#", terminal.line) is not None)
        typed = "echo " + "".join(chr(ord("a") + at * 7 % 26) for at in range(100))
        for key in typed:
            terminal.type(key)
            terminal._read()
        terminal.until(lambda terminal: terminal.line == f"me# {typed}")
        terminal.until(lambda _: all(f"end-{job}\r".encode() in seen for job in range(4)))
        terminal.until(lambda terminal: terminal.line == f"me# {typed}")
        for job in range(4):
            found = re.findall(rb"job-%d-(\d+)\r" % job, bytes(seen))
            assert [int(number) for number in found] == list(range(1, 1001))
        terminal.type("\r")
        terminal.until(lambda terminal: typed.removeprefix("echo ") in terminal.lines)


def until(descriptor: int, text: bytes) -> None:
    """Read what a program draws until it has drawn a text."""
    seen = b""
    while text not in seen:
        assert select.select([descriptor], [], [], PATIENCE)[0], seen
        data = os.read(descriptor, 65536)
        if b"\x1b[6n" in data:
            os.write(descriptor, b"\x1b[1;1R")
        seen += data


@pytest.mark.parametrize("line", ["", "ping www", "tcpdump -w two", "while true { echo x }", "while true { }",
"ps | !cat"])
def test_a_terminal_that_disappears_ends_all_and_captures_are_whole(tmp_path: Path, line: str) -> None:
    child, descriptor = pty.fork()
    if not child:
        os.chdir(tmp_path)
        os.environ.update(TERM="xterm", HOME=str(tmp_path), PYTHONPATH=str(ROOT))
        os.execv(sys.executable, [sys.executable, "-m", "netsh"])
    until(descriptor, b"me#")
    os.write(descriptor, b"tcpdump -w one & ping -i 0.05 www > /dev/null &\r")
    until(descriptor, b"[2]")
    os.write(descriptor, b"sleep 300ms; jobs\r")
    until(descriptor, b"[2]  R")
    os.write(descriptor, f"echo begun; {line}\r".encode() if line else b"half a line")
    until(descriptor, b"begun\r\n" if line else b"a line")
    os.close(descriptor)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 128 + signal.SIGHUP
    for name in ("one", *(["two"] if "two" in line else [])):
        data = (tmp_path / name).read_bytes()
        assert data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"\x4d\x3c\xb2\xa1")
    assert len((tmp_path / "one").read_bytes()) > 200


def test_a_window_of_ten_columns_is_narrow_but_works(terminal: Terminal) -> None:
    terminal.type("ping -i 30 www &\r")
    terminal.until(lambda terminal: replies(terminal) >= 1)
    terminal.child.setwinsize(24, 10)
    terminal.screen.resize(24, 10)
    terminal.type("route ?")
    terminal.until(lambda terminal: any("monitor" in line for line in terminal.lines))
    terminal.type("sh\r")
    terminal.until(lambda terminal: any("gateway" in line for line in terminal.lines))
    terminal.type("lab; ifconfig -a; echo 'wide words that need many rows'\r")
    terminal.type("kill %1\r")
    terminal.until_text("Termi")
    terminal.child.setwinsize(24, 80)
    terminal.screen.resize(24, 80)
    terminal.type("\x0cecho well\r")
    terminal.until(lambda terminal: "well" in terminal.lines)
    assert "error" not in "\n".join(terminal.lines)
