"""The prompt on a served lab, in a real terminal: it should feel like one's own."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netsh.served import Served
from tests.netsh_terminal.terminal import Terminal
from tests.netsh_terminal.test_terminal import CTRL_C, CTRL_D, TAB, run


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Served]:
    with Served(tmp_path) as served:
        yield served


@pytest.fixture
def terminal(tmp_path: Path, lab: Served) -> Iterator[Terminal]:
    with Terminal(tmp_path, "-s", lab.url) as terminal:
        terminal.until_prompt()
        yield terminal


def test_a_hint_a_line_and_the_way_out(terminal: Terminal) -> None:
    assert terminal.lines[0].startswith("Hosts: me gw www. The prompt is on me")
    run(terminal, "echo $((6 * 7))")
    assert "42" in terminal.lines
    terminal.type(CTRL_D)
    assert terminal.until_exit() == 0


def test_exit_leaves_the_lab_alone(terminal: Terminal, lab: Served) -> None:
    terminal.type("exit 3\r")
    assert terminal.until_exit() == 3
    assert terminal.shows_keys
    assert lab.run("-c", "echo x").out == "x\n"


def test_the_prompt_follows_the_host(terminal: Terminal) -> None:
    terminal.type("host gw\r")
    terminal.until_prompt("gw#")
    terminal.type("hostname\r")
    terminal.until(lambda terminal: "gw" in terminal.lines)


def insist(terminal: Terminal) -> bool:
    """Ctrl-C again and again, until the client leaves."""
    left = "netsh: the server does not answer; it was left" in terminal.lines
    if not left:
        terminal.type(CTRL_C)
    return left


def test_a_server_that_is_stuck_does_not_hold_up_what_is_typed(terminal: Terminal, lab: Served) -> None:
    lab.process.send_signal(signal.SIGSTOP)
    try:
        begin = time.monotonic()
        terminal.type("traceroute www")
        terminal.until(lambda terminal: terminal.line == "me# traceroute www")
        assert time.monotonic() - begin < 3  # the first question was waited for
        terminal.type("\r")
        terminal.until(insist)
        assert terminal.until_exit() == 130
        assert terminal.shows_keys
    finally:
        lab.process.send_signal(signal.SIGCONT)


def test_files_are_completed_in_the_clients_folder(tmp_path: Path, lab: Served) -> None:
    with Terminal(tmp_path, "-s", lab.url) as terminal:  # its folder is the project's
        terminal.until_prompt()
        terminal.type("source pyproj" + TAB)
        terminal.until(lambda terminal: terminal.line.startswith("me# source pyproject.toml"))


def test_what_another_does_is_seen(terminal: Terminal, lab: Served) -> None:
    assert lab.run("-c", "host fresh; host me; host -d www").status == 0
    terminal.type("host fr" + TAB)
    terminal.until(lambda terminal: terminal.line == "me# host fresh")


def test_a_host_that_is_gone_is_not_in_the_prompt(terminal: Terminal, lab: Served) -> None:
    assert lab.run("-c", "host gw; host -d me").status == 0
    terminal.until_prompt("gw#")


def test_the_end_of_the_lab_is_told_and_the_terminal_is_as_it_was(terminal: Terminal, lab: Served) -> None:
    terminal.type("echo half")
    terminal.until(lambda terminal: terminal.line == "me# echo half")
    assert lab.run("--", "halt").status == 0
    terminal.until_text("the lab has ended")
    assert terminal.until_exit() == 1
    assert terminal.shows_keys


def test_a_server_that_is_killed_is_noticed_while_a_command_runs(terminal: Terminal, lab: Served) -> None:
    terminal.type("ping www\r")
    terminal.until_text("icmp_seq=0")
    lab.process.kill()
    terminal.until_text("the server is gone")
    assert terminal.until_exit() == 1
    assert terminal.shows_keys


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_the_client_and_not_the_server(number: int, terminal: Terminal, lab: Served) -> None:
    terminal.child.kill(number)
    assert terminal.until_exit() == 128 + number
    assert terminal.shows_keys
    assert lab.run("-c", "jobs").status == 0


def test_lines_first_then_the_prompt(tmp_path: Path, lab: Served) -> None:
    with Terminal(tmp_path, "-s", lab.url, "-i", "-c", "x=7; host gw") as terminal:
        terminal.until_prompt("gw#")
        terminal.type("echo $x\r")
        terminal.until(lambda terminal: "7" in terminal.lines)


def test_tables_are_as_wide_as_the_window(tmp_path: Path, lab: Served) -> None:
    with Terminal(tmp_path, "-s", lab.url, columns=132) as terminal:
        terminal.until_prompt()
        run(terminal, "route -n show")
        assert any("destination" in line and "gateway" in line for line in terminal.lines)


def test_a_panel_is_drawn_in_place_and_a_key_ends_it(tmp_path: Path, lab: Served) -> None:
    with Terminal(tmp_path, "-s", lab.url, columns=60, lines=12) as terminal:
        terminal.until_prompt()
        terminal.type("watch -n 0.1 sysctl -a\r")
        terminal.until(lambda terminal: terminal.lines[-1].endswith("more lines"))
        terminal.screen.resize(16, 60)
        terminal.child.setwinsize(16, 60)
        terminal.until(lambda terminal: terminal.lines[-1].endswith("more lines"))
        terminal.type("q")
        terminal.until_prompt()


def test_over_tcp_only_what_was_typed_is_done_here(tmp_path: Path) -> None:
    with Served(tmp_path, url="tcp://127.0.0.1:0") as lab, Terminal(tmp_path, "-s", lab.url, columns=200) as terminal:
        terminal.until_prompt()
        run(terminal, f"f() {{ record $1/x }}; f {tmp_path}")
        assert "record: over tcp:// it must be typed as it is meant, without variables and functions" in terminal.lines
        run(terminal, f"record {tmp_path}/r.txt")
        run(terminal, "hostname")
        run(terminal, "record off")
        assert (tmp_path / "r.txt").read_text() == "me# hostname\nme\n"
        assert not (tmp_path / "x").exists()
