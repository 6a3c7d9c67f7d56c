"""Keys at the prompt in a real terminal: questions, history, suggestions, pastes, an editor, colours."""

from __future__ import annotations

import os
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from netsh.prompt.flood import together
from tests.netsh_terminal.terminal import Terminal

UP, RIGHT = "\x1b[A", "\x1b[C"
_PASTE, _PASTED = "\x1b[200~", "\x1b[201~"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path) as found:
        found.until_prompt()
        yield found


def run(terminal: Terminal, line: str) -> None:
    terminal.type(f"{line}\r")
    terminal.until_prompt()


def test_a_question_mark_lists_what_may_come_next(terminal: Terminal) -> None:
    terminal.type("route ?")
    terminal.until_text("the route that a destination has")
    terminal.until(lambda terminal: terminal.line == "me# route")
    terminal.type("sho '?")
    terminal.until(lambda terminal: terminal.line == "me# route sho '?")


def test_up_finds_the_line_that_begins_so(terminal: Terminal) -> None:
    for line in ("echo one", "true", "echo two", "true"):
        run(terminal, line)
    terminal.type("ec")
    terminal.until_text("Write words")  # the menu is no obstacle
    terminal.type(UP)
    terminal.until(lambda terminal: terminal.line == "me# echo two")
    terminal.type(UP)
    terminal.until(lambda terminal: terminal.line == "me# echo one")


def test_ctrl_r_looks_through_the_history(terminal: Terminal) -> None:
    run(terminal, "echo needle")
    run(terminal, "true")
    terminal.type("\x12need")
    terminal.until_text("echo needle")
    terminal.type("\r\r")
    terminal.until(lambda terminal: terminal.lines.count("needle") == 2)


def test_the_last_line_that_begins_so_is_suggested(terminal: Terminal) -> None:
    run(terminal, "echo some long words")
    terminal.type("echo s")
    terminal.until(lambda terminal: terminal.line == "me# echo some long words")
    terminal.until(lambda terminal: terminal.screen.cursor.x == len("me# echo s"))
    terminal.type(f"{RIGHT}\r")
    terminal.until(lambda terminal: terminal.lines.count("some long words") == 2)


def test_a_pasted_configuration_runs_line_by_line(terminal: Terminal) -> None:
    terminal.type(f"{_PASTE}echo one\rnope\rfor x in a b {{\r  echo $x\r}}\rping nosuch{_PASTED}")
    terminal.until(lambda terminal: terminal.line == "  > ping nosuch")
    terminal.type("\r")
    terminal.until_text("line 6: ping: nosuch: Host name lookup failure")
    terminal.until_text("line 2: netsh: nope: unknown command")
    assert [line for line in terminal.lines if line in ("one", "a", "b")] == ["one", "a", "b"]


def test_a_megabyte_that_is_pasted_is_no_line(terminal: Terminal) -> None:
    terminal.type(f"{_PASTE}echo {'x' * 1_000_000}{_PASTED}")
    terminal.until_text("1000005 letters are too many for a line")
    run(terminal, "echo well")


def test_what_is_too_long_is_no_line_where_the_terminal_does_not_say_that_it_is_pasted(terminal: Terminal) -> None:
    terminal.until_text("clock real")
    data = b"echo " + b"x" * 400_000 + b"\r"
    writer = threading.Thread(target=lambda: [os.write(terminal.child.child_fd, data[at : at + 4000])
                                              for at in range(0, len(data), 4000)])  # fmt: skip
    writer.start()
    terminal.until(lambda _: not writer.is_alive(), 60)
    terminal.until_text("letters are too many for a line")
    keys = iter("echo well\r")  # one by one, since the end of the flood may still be on its way

    def done(terminal: Terminal) -> bool:
        terminal.type(next(keys, ""))
        return "well" in terminal.lines

    terminal.until(lambda terminal: terminal.lines.count("me#") > 1)  # Enter has ended what was too long
    terminal.until(done)


def test_letters_in_a_flood_are_taken_together() -> None:
    keys = [KeyPress(letter, letter) for letter in "ab"] + [KeyPress(Keys.ControlM, "\r"), KeyPress("c", "c")]
    assert [(press.key, press.data) for press in together(keys)] == [
        (Keys.BracketedPaste, "ab"), (Keys.ControlM, "\r"), (Keys.BracketedPaste, "c"),
    ]  # fmt: skip


def test_an_editor_edits_the_line(tmp_path: Path) -> None:
    with Terminal(tmp_path, EDITOR="sed -i s/one/two/") as terminal:
        terminal.until_prompt()
        terminal.type("echo one\x18\x05")
        terminal.until(lambda terminal: "two" in terminal.lines)


def test_much_that_is_typed_while_a_command_runs_is_pasted(terminal: Terminal) -> None:
    terminal.type("sleep 500ms\r")
    terminal.until(lambda terminal: termios.tcgetattr(terminal.child.child_fd)[3] & termios.ISIG)
    terminal.type(f"echo {'x' * 3000} | wc -c\necho well\n")  # half of what a terminal holds until somebody reads
    terminal.until(lambda terminal: "   3001" in terminal.lines and "well" in terminal.lines)
