"""A pager at the prompt: for what overflows the window, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from netsh.prompt.pager import overflows, pager_of
from tests.netsh_terminal.terminal import Terminal

CTRL_C = "\x03"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path) as terminal:
        terminal.until_prompt()
        yield terminal


def test_what_fits_is_not(terminal: Terminal) -> None:
    terminal.type("route show\r")
    terminal.until(lambda terminal: any(line.startswith("default") for line in terminal.lines))
    terminal.until_prompt()


@pytest.mark.parametrize("pager", ["off", "cat", ""])
def test_it_can_be_switched_off(tmp_path: Path, pager: str) -> None:
    with Terminal(tmp_path, NETSH_PAGER=pager) as terminal:
        terminal.until_prompt()
        terminal.type("sysctl -a; echo end\r")
        terminal.until(lambda terminal: "end" in terminal.lines)
        terminal.until_prompt()


def test_another_one(tmp_path: Path) -> None:
    with Terminal(tmp_path, PAGER="sh -c 'wc -l; echo paged'") as terminal:
        terminal.until_prompt()
        terminal.type("sysctl -a\r")
        terminal.until(lambda terminal: "paged" in terminal.lines)
        terminal.until_prompt()


@pytest.mark.parametrize(
    ("setting", "environ", "words"),
    [
        (None, {}, ["less", "-FRX"]),
        ("auto", {"PAGER": "less"}, ["less", "-FRX"]),
        (None, {"PAGER": "sh -x"}, ["sh", "-x"]),
        (None, {"PAGER": "sh", "NETSH_PAGER": "off"}, None),
        ("off", {"PAGER": "sh"}, None),
        ("sh -u", {"PAGER": "off"}, ["sh", "-u"]),
        (None, {"PAGER": "no-such-pager-here"}, None),
        (None, {"PAGER": "'"}, None),
        (None, {"TERM": "dumb"}, None),
    ],
)
def test_which(setting: str | None, environ: dict[str, str], words: list[str] | None) -> None:
    assert pager_of(setting, environ) == words


@pytest.mark.parametrize(
    ("data", "is_much"),
    [(b"x\n" * 22, False), (b"x\n" * 23, True), (b"x" * 80 * 22 + b"\n", False), (b"x" * 80 * 23 + b"\n", True),
     (b"\x1b[1m" * 1000 + b"\n", False), (b"", False)],
)  # fmt: skip
def test_overflows(data: bytes, is_much: bool) -> None:
    assert overflows(data, 80, 24) is is_much
