"""watch and --live in a real terminal: drawn in place, changes marked, and the terminal is left as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netsh_terminal.terminal import Terminal

CTRL_C, DOWN = "\x03", "\x1b[B"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path) as terminal:
        terminal.until_prompt()
        yield terminal


def marked(terminal: Terminal) -> str:
    """The characters that are marked, in order."""
    screen = terminal.screen
    cells = [screen.buffer[y][x] for y in range(1, screen.lines) for x in range(screen.columns)]
    return "".join(cell.data for cell in cells if cell.reverse)


def hidden(terminal: Terminal) -> bool:
    return bool(terminal.screen.cursor.hidden)


@pytest.mark.parametrize("key", ["q", CTRL_C])
def test_a_panel_marks_what_changes_and_leaves_the_screen_as_it_was(terminal: Terminal, key: str) -> None:
    terminal.type("ping -i 0.1 www > /dev/null &\r")
    terminal.until(lambda terminal: any("[1]" in line for line in terminal.lines))
    terminal.until_prompt()
    before = terminal.lines
    terminal.type("netstat -i --live\r")
    terminal.until(lambda terminal: terminal.lines[0].startswith("every 200ms: netstat -i"))
    assert re.search(r"me  \d+\.\d{3} s$", terminal.lines[0])
    assert hidden(terminal)
    terminal.until(lambda terminal: re.search(r"\d", marked(terminal)))
    terminal.type(key)
    terminal.until_prompt()
    assert not hidden(terminal)
    typed = int(terminal.screen.cursor.y) - 1
    assert terminal.lines[typed] == "me# netstat -i --live"
    assert terminal.lines[:typed] == before[:typed]
    terminal.type("echo well\r")
    terminal.until(lambda terminal: "well" in terminal.lines)


def test_what_jobs_say_meanwhile_comes_afterwards(terminal: Terminal) -> None:
    terminal.type("sleep 0.3 && echo said & watch -n 0.2 clock\r")
    terminal.until_text("every 200ms: clock")
    terminal.until(lambda terminal: re.search(r"me  \d+\.[6-9]", terminal.lines[0]) or "me  1." in terminal.lines[0])
    assert not any("said" in line for line in terminal.lines)
    terminal.type("q")
    terminal.until(lambda terminal: "said" in terminal.lines)
    terminal.until_prompt()


def test_more_lines_than_there_is_room_for_are_counted_and_arrows_move(terminal: Terminal) -> None:
    terminal.type("watch -n 10s sysctl -a\r")
    terminal.until_text("more lines")
    first = terminal.lines[1]
    assert re.fullmatch(r"\.\.\. \d+ more lines", terminal.lines[-1])
    terminal.type(DOWN * 2)
    terminal.until(lambda terminal: terminal.lines[1] not in (first, ""))
    assert not marked(terminal)
    terminal.type("q")
    terminal.until_prompt()


def test_a_window_that_changes_is_drawn_anew(terminal: Terminal) -> None:
    terminal.type("watch -n 0.1 lab\r")
    terminal.until_text("10.0.0.0/24")
    terminal.screen.resize(24, 40)
    terminal.child.setwinsize(24, 40)
    terminal.until(lambda terminal: terminal.lines[-1] == "" and "─╮  lan" in "\n".join(terminal.lines))
    terminal.until(lambda terminal: "10.0.0.0/24" not in "\n".join(terminal.lines))
    terminal.type("q")
    terminal.until_prompt()


def test_without_a_prompt_keys_end_it_too(tmp_path: Path) -> None:
    with Terminal(tmp_path, "--clock", "real", "-c", "watch -n 0.1 clock; echo behind") as terminal:
        terminal.until_text("every 100ms: clock")
        assert not terminal.shows_keys
        terminal.type("q")
        assert terminal.until_exit() == 0
        assert terminal.lines[0] == "behind"
        assert not hidden(terminal)


def test_a_dumb_terminal_gets_blocks_of_lines(tmp_path: Path) -> None:
    with Terminal(tmp_path, "-c", "watch -c 2 hostname", TERM="dumb") as terminal:
        assert terminal.until_exit() == 0
        assert [line for line in terminal.lines if line] == [
            "every 1s: hostname  me  0.000 s", "  me", "every 1s: hostname  me  1.000 s", "  me"
        ]  # fmt: skip
