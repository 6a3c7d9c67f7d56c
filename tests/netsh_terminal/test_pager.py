"""A pager at the prompt: for what overflows the window, and nothing else."""

from __future__ import annotations

import time
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


def test_what_overflows_is_paged_and_jobs_go_on(terminal: Terminal) -> None:
    terminal.type("sleep 0.3 && echo meanwhile & sysctl -a\r")
    terminal.until(lambda terminal: terminal.line == ":")
    assert any("kern.ostype" in line for line in terminal.lines)
    began = time.monotonic()
    terminal.until(lambda _: time.monotonic() > began + 0.6)
    assert terminal.line == ":" and "meanwhile" not in terminal.lines
    terminal.type("q")
    terminal.until(lambda terminal: "meanwhile" in terminal.lines)
    terminal.until_prompt()


def test_what_jobs_say_is_not(terminal: Terminal) -> None:
    terminal.type("for i in 1..8000 { echo much $i; sleep 0.001 } &\r")
    terminal.until_text("much 100")
    for _ in range(3):
        terminal.type("sleep 0.1; hostname\r")
        terminal.until(lambda terminal: terminal.line == "me#")
    terminal.type("kill %1\r")
    terminal.until_text("Terminated")
    terminal.until_prompt()


def test_what_a_job_complains_of_stands_where_it_was_said(terminal: Terminal) -> None:
    terminal.type("tcpdump -n icmp &\r")
    terminal.until_text("listening on shmif0")
    terminal.until_text("verbose output suppressed")
    at = [next(n for n, line in enumerate(terminal.lines) if words in line) for words in ("suppressed", "listening on")]
    assert at == sorted(at)


def test_what_fits_is_not(terminal: Terminal) -> None:
    terminal.type("route show\r")
    terminal.until(lambda terminal: any(line.startswith("default") for line in terminal.lines))
    terminal.until_prompt()


def test_what_comes_bit_by_bit_is_not(terminal: Terminal) -> None:
    terminal.type("ping -i 0.05 -c 30 www\r")
    terminal.until_text("icmp_seq=3 ")
    assert not any("icmp_seq=29" in line for line in terminal.lines)
    terminal.until_text("round-trip")
    terminal.until_prompt()


def test_ctrl_c_in_a_long_computation_shows_what_there_was(terminal: Terminal) -> None:
    terminal.type("for i in 1..40 { echo line $i }; while true { x=1 }\r")
    terminal.until_text("line 40")
    terminal.type(CTRL_C)
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
