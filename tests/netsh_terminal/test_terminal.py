"""The shell in a real terminal: prompt, completion, history, Ctrl-C, Ctrl-D, jobs that speak while a line is typed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netsh_terminal.terminal import Terminal

UP, CTRL_C, CTRL_D, TAB = "\x1b[A", "\x03", "\x04", "\t"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path) as terminal:
        terminal.until_prompt()
        yield terminal


def run(terminal: Terminal, line: str) -> None:
    """Type a line and wait for the next prompt."""
    if line:
        terminal.type(line)
        terminal.until(lambda terminal: terminal.line.endswith(line))
    row = terminal.screen.cursor.y
    terminal.type("\r")
    terminal.until(lambda terminal: terminal.screen.cursor.y != row)
    terminal.until_prompt()


def test_the_prompt_stands_below_a_hint_of_three_lines(terminal: Terminal) -> None:
    assert terminal.lines[3] == "me#"
    assert all(terminal.lines[:3])


def test_keys_typed_while_the_shell_starts_are_not_lost(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.until_prompt()  # drawn before the editor is there
        terminal.type("echo ear")
        terminal.type("ly\r")
        terminal.until(lambda terminal: "early" in terminal.lines)
        terminal.until_prompt()


def test_ctrl_d_leaves(terminal: Terminal) -> None:
    terminal.type(CTRL_D)
    assert terminal.until_exit() == 0


def test_completion_shows_commands_and_hosts(terminal: Terminal) -> None:
    terminal.type("p")
    terminal.until_text(" ping ")
    terminal.type("ing ")
    terminal.until_text("203.0.113.80")  # beside www, in the menu
    terminal.type("w" + TAB + "-c")
    terminal.until(lambda terminal: terminal.line == "me# ping www -c")


def test_a_history_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    with Terminal(tmp_path, XDG_STATE_HOME="/proc/nowhere") as terminal:
        terminal.until_prompt()
        terminal.type("echo one\r" + UP)
        terminal.until(lambda terminal: terminal.line == "me# echo one")


def test_drops_are_told_above_the_line_that_is_typed(terminal: Terminal) -> None:
    run(terminal, "drops -f &")
    run(terminal, "sleep 0.3 && nc -z www 99 &")
    terminal.type("echo half a line")
    terminal.until_text("www tcp/noport: 10.0.0.2.")
    terminal.until(lambda terminal: terminal.line == "me# echo half a line")
    terminal.type("\x15kill %1\r")
    terminal.until_text("1 drop")
    terminal.until_prompt()


def test_packets_appear_above_the_line_that_is_typed(terminal: Terminal) -> None:
    run(terminal, "tcpdump -n -q -t -i shmif0 icmp &")
    run(terminal, "gw ping -q -c 3 -i 0.2 me > /dev/null &")
    terminal.type("echo half a line")
    terminal.until(lambda terminal: sum(line.startswith("me| IP 10.0.0.2 >") for line in terminal.lines) == 3)
    terminal.until_text("Done")
    terminal.until(lambda terminal: terminal.line == "me# echo half a line")
    assert sum("half a line" in line for line in terminal.lines) == 1
    terminal.type("\x15")
    run(terminal, "kill %1")
    terminal.until_text("6 packets captured")
    terminal.until_text("0 packets dropped by kernel")


def test_a_command_that_reads_gets_what_is_typed(terminal: Terminal) -> None:
    terminal.type("arp -f -\r")
    terminal.until(lambda terminal: terminal.shows_keys)
    terminal.type("10.0.0.9 02:00:00:00:00:09\r")
    terminal.until(lambda terminal: "10.0.0.9 02:00:00:00:00:09" in terminal.lines)
    terminal.type(CTRL_D)
    terminal.until_prompt()
    run(terminal, "arp -an")
    assert any(line.startswith("10.0.0.9   02:00:00:00:00:09") for line in terminal.lines)


def test_bytes_that_are_no_text_may_be_typed_ahead(terminal: Terminal) -> None:
    terminal.type("sleep 0.2; echo done\recho ")
    terminal.child.send(b"\xff\xe9\r")
    terminal.until_text("done")
    terminal.until_prompt()
    run(terminal, "echo on")
    assert "on" in terminal.lines


def test_the_next_line_of_a_loop_begins_without_a_menu(terminal: Terminal) -> None:
    terminal.type("for i in 1..2 {\r")
    terminal.until(lambda terminal: terminal.line.strip() == ">")
    terminal.type("echo $i\r}\r")
    terminal.until_prompt()
    assert not any("ifconfig " in line for line in terminal.lines[4:]) and "2" in terminal.lines


def test_a_line_longer_than_the_window_goes_on_at_its_margin(terminal: Terminal) -> None:
    terminal.type("echo " + "x" * 90)
    terminal.until(lambda terminal: terminal.line == "x" * (len("me# echo ") + 90 - 80))


def test_a_command_that_reads_can_be_stopped(terminal: Terminal) -> None:
    terminal.type("arp -f -\r")
    terminal.until(lambda terminal: terminal.shows_keys)
    terminal.type("nonsense")
    terminal.until(lambda terminal: terminal.line == "nonsense")
    terminal.type(CTRL_C)
    terminal.until_prompt()
    run(terminal, "echo on")
    assert "on" in terminal.lines


def test_the_prompt_stands_on_a_line_of_its_own_whatever_a_program_wrote(terminal: Terminal) -> None:
    run(terminal, "echo x y | !tr -d '\\n'")
    assert terminal.lines[terminal.screen.cursor.y - 1] == "x y"
    run(terminal, "echo z | !cat -n")
    assert terminal.lines[terminal.screen.cursor.y - 1].split() == ["1", "z"]


def test_in_fast_time_a_ping_of_an_hour_takes_a_moment(tmp_path: Path) -> None:
    with Terminal(tmp_path, "--clock", "fast") as terminal:
        terminal.until_prompt()
        terminal.type("ping -c 3600 www\r")
        terminal.until_text("3600 packets transmitted")
        terminal.until_prompt()


def test_in_fast_time_a_ping_without_end_has_one(tmp_path: Path) -> None:
    with Terminal(tmp_path, "--clock", "fast") as terminal:
        terminal.until_prompt()
        terminal.type("ping -q www\r")
        terminal.until_text("PING www")
        terminal.type(CTRL_C)
        terminal.until_text("packets transmitted")
        terminal.until_prompt()


def test_in_fast_time_a_job_waits_for_a_command(tmp_path: Path) -> None:
    with Terminal(tmp_path, "--clock", "fast") as terminal:
        terminal.until_prompt()
        run(terminal, "ping -c 2 www &")
        terminal.until_text("time stands still at the prompt")
        assert not any("icmp_seq=1" in line for line in terminal.lines)
        run(terminal, "sleep 5")
        terminal.until_text("icmp_seq=1")
        terminal.until_text("Done")


def test_the_last_line_of_data_keeps_the_prompt_whole(terminal: Terminal) -> None:
    run(terminal, "echo -n no end")
    assert terminal.lines[terminal.screen.cursor.y - 1] == "no end"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_at_the_prompt_ends_the_shell_and_leaves_the_terminal_as_it_was(
    number: signal.Signals, terminal: Terminal
) -> None:
    run(terminal, "echo here")
    terminal.child.kill(number)
    assert terminal.until_exit() == 128 + number
    assert terminal.shows_keys


@pytest.mark.parametrize("jobs", [(), ("trace -f icmp &", "ping -q -i 0.01 www > /dev/null &")])
def test_a_hangup_ends_it_whatever_happens_at_that_moment(tmp_path: Path, jobs: tuple[str, ...]) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.until_prompt()
        for line in jobs:
            terminal.type(f"{line}\r")
            terminal.until_prompt()
        if jobs:
            terminal.until_text("icmp_reflect")
        assert terminal.vanish() == 128 + signal.SIGHUP
