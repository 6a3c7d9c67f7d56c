"""Lines that are too long for a terminal are folded at words, and only there."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.command import Data, Note
from commands.hostname import COMMAND
from netsh.render.fold import folded
from netsh.render.printer import Printer


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("short\n", 40, ["short"]),
        ("x" * 40 + "\n", 40, ["x" * 40]),
        ("x" * 41 + "\n", 40, ["x" * 40, "    x"]),
        ("one two\nthree\n", 5, ["one", "  two", "three"]),
        ("10:00 IP a > b: Flags [S], seq 1, win 5\n", 20, ["10:00 IP a > b:", "  Flags [S], seq 1,", "  win 5"]),
        ("\tinet 10.0.0.2/24 broadcast x.y\n", 36, [" " * 8 + "inet 10.0.0.2/24 broadcast", " " * 10 + "x.y"]),
        ("\tinet\n", 40, ["\tinet"]),
        ("lo0: flags=<UP,LOOPBACK,RUNNING>\n", 20, ["lo0:", "  flags=<UP,", "  LOOPBACK,RUNNING>"]),
        ("宽" * 6 + "\n", 10, ["宽" * 5, "  宽"]),
        ("e\u0301" * 10 + "\n", 10, ["e\u0301" * 10]),
        (" " * 30 + "far away\n", 20, [" " * 10 + "far away"]),
        ("twenty per cent\rdone" * 3, 10, ["twenty per cent\rdone" * 3]),
        ("", 10, [""]),
    ],
)  # fmt: skip
def test_lines(text: str, columns: int, lines: list[str]) -> None:
    assert folded(text, columns) == "\n".join(lines) + ("\n" if text.endswith("\n") else "")


@given(st.text(st.sampled_from("abc,. \n\t"), max_size=300), st.integers(10, 60))
def test_all_fits_and_nothing_is_lost(text: str, columns: int) -> None:
    shown = folded(text, columns)
    assert all(len(line.expandtabs()) <= columns or not line.strip() for line in shown.split("\n"))
    assert "".join(shown.split()) == "".join(text.split())


class Terminal(io.StringIO):
    """A file that says it is one, of 80 columns."""

    def isatty(self) -> bool:
        return True


LINE = "a line " * 20


@pytest.mark.parametrize(
    ("out", "format", "is_folded"),
    [(Terminal(), "rich", True), (io.StringIO(), "rich", False), (Terminal(), "text", False)],
)
def test_only_on_a_terminal(out: io.StringIO, format: str, is_folded: bool) -> None:
    printer = Printer(format, out, io.StringIO(), environ={"NO_COLOR": "1"}, width=80)
    printer.row(COMMAND, Note(LINE), host="me")
    assert (out.getvalue() == f"{LINE}\n") is not is_folded
    printer.row(COMMAND, Data(LINE.encode()), host="me")  # what a program or a page says is as it is
    assert out.getvalue().endswith(LINE)


def test_a_jobs_lines_have_its_name_and_fit() -> None:
    out = Terminal()
    printer = Printer("rich", out, io.StringIO(), environ={"NO_COLOR": "1"}, width=40)
    printer.tagged = True
    printer.row(COMMAND, Note(LINE), host="me", job=1)
    lines = out.getvalue().splitlines()
    assert len(lines) == 4 and all(line.startswith("me| ") and len(line) <= 40 for line in lines)
