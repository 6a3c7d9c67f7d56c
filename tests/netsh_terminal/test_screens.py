"""What views look like on real terminals of three sizes (tests/screens), and in which colours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.netsh_terminal.terminal import ROOT, Terminal

SCREENS = ROOT / "tests" / "screens"
COMMANDS = ["lab", "ifconfig -a", "gw route get www", "route show"]
LINES = 80  # of the terminal, so that it has room for all of them


def screen(home: Path, line: str, columns: int, **environ: str) -> Terminal:
    """The screen after a line has run."""
    with Terminal(home, "-c", line, columns=columns, lines=LINES, **environ) as terminal:
        assert terminal.until_exit() == 0
        return terminal


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_screens(tmp_path: Path, columns: int) -> None:
    line = "; ".join(f"echo '######## {command}'; {command}" for command in COMMANDS)
    drawn = "\n".join(screen(tmp_path, line, columns).lines).rstrip("\n") + "\n"
    assert drawn == (SCREENS / f"{columns}.txt").read_text()


def colour_of(terminal: Terminal, word: str) -> str:
    """The colour of the first letter of a word, and `bold` before it."""
    y, line = next((y, line) for y, line in enumerate(terminal.lines) if word in line)
    cell = terminal.screen.buffer[y][line.index(word)]
    return f"bold {cell.fg}" if cell.bold else str(cell.fg)


@pytest.mark.parametrize(
    ("environ", "up", "own", "mac"),
    [
        ({}, "green", "bold cyan", "magenta"),
        ({"COLORFGBG": "0;15"}, "008700", "bold 005faf", "870087"),
        ({"NO_COLOR": "1"}, "default", "bold default", "default"),
    ],
)
def test_colours(tmp_path: Path, environ: dict[str, str], up: str, own: str, mac: str) -> None:
    terminal = screen(tmp_path, "ifconfig shmif0", 80, **environ)
    assert [colour_of(terminal, word) for word in ("up", "10.0.0.2", "b2:a0")] == [up, own, mac]


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"LANG": "C"}, {"LC_ALL": "C"}])
def test_where_there_is_only_ascii(tmp_path: Path, environ: dict[str, str]) -> None:
    terminal = screen(tmp_path, "lab; gw route get www; ifconfig shmif0", 80, **environ)
    text = "\n".join(terminal.lines)
    assert text.isascii()
    assert "| gw +-shmif0" in text and "> " in text
