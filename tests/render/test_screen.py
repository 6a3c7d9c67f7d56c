"""The terminal as a file: what is written when, and what it does to a line that is edited."""

from __future__ import annotations

import io
from collections.abc import Callable

from netsh.render.screen import Screen, terminal_width


class Tape(io.BytesIO):
    """A terminal that notes each write, and what the editor does between them."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[bytes] = []

    def fileno(self) -> int:
        return 1

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.events.append(bytes(data))
        return len(data)

    def edit(self, draw: Callable[[], None]) -> None:
        """As an editor: the line goes, the function draws, the line comes back."""
        self.events.append(b"<erase>")
        draw()
        self.events.append(b"<line>")


def test_text_and_bytes_keep_their_order() -> None:
    tape = Tape()
    screen = Screen(tape)
    screen.text.write("é\n")
    screen.text.buffer.write(b"\xff\n")
    screen.text.write("c\n")
    assert tape.events == []
    screen.text.flush()
    assert tape.events == [b"\xc3\xa9\n\xff\nc\n"]


def test_a_command_that_never_waits_is_seen_as_soon_as_the_terminal_takes_it() -> None:
    tape = Tape()
    screen = Screen(tape)
    screen.writers = {}
    screen.text.write("one\n")
    screen.text.write("two\n")
    (write,) = screen.writers.values()
    write()
    assert tape.events == [b"one\ntwo\n"]
    assert screen.writers == {}


def test_while_a_line_is_edited_output_goes_above_it_in_batches() -> None:
    tape = Tape()
    screen = Screen(tape)
    screen.editor = tape.edit
    screen.text.write("one\n")
    screen.text.flush()
    screen.text.write("two\n")
    assert tape.events == []
    screen.show()
    assert tape.events == [b"<erase>", b"one\ntwo\n", b"<line>"]
    screen.show()
    assert len(tape.events) == 3  # nothing to show, nothing drawn


def test_a_line_that_is_edited_begins_at_the_margin() -> None:
    tape = Tape()
    screen = Screen(tape)
    screen.editor = tape.edit
    screen.text.write("no end")
    screen.show()
    assert tape.events == [b"<erase>", b"no end", b"\n", b"<line>"]


def test_to_the_margin_only_when_not_there() -> None:
    tape = Tape()
    screen = Screen(tape)
    screen.to_margin()
    screen.text.write("x")
    screen.to_margin()
    screen.to_margin()
    assert b"".join(tape.events) == b"x\n"


def test_to_the_margin_when_nobody_knows_where_the_cursor_is() -> None:
    tape = Tape()
    screen = Screen(tape)
    screen.lost = True
    screen.to_margin()
    assert tape.events == [b" " * (terminal_width(tape) - 1) + b"\r"]
