"""Stops at a live prompt, in a real terminal: the keys, the toolbar, Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netsh.served import Served
from tests.netsh_terminal.terminal import Terminal
from tests.netsh_terminal.test_terminal import CTRL_C, run

F6, F7, F8 = "\x1b[17~", "\x1b[18~", "\x1b[19~"


@pytest.fixture(params=["here", "served"])
def terminal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    if request.param == "here":
        with Terminal(tmp_path, lines=40) as terminal:
            terminal.until_prompt()
            yield terminal
        return
    with Served(tmp_path) as lab, Terminal(tmp_path, "-s", lab.url, lines=40) as terminal:
        terminal.until_prompt()
        yield terminal


def toolbar(terminal: Terminal, text: str) -> None:
    """Wait until the toolbar says something."""
    terminal.until(lambda terminal: text in terminal.lines[-1])


def test_pause_step_and_go_by_their_keys(terminal: Terminal) -> None:
    run(terminal, "ping -c 1 -i 0.2 www > /dev/null")
    run(terminal, "ping www | grep --  ttl &")
    terminal.until_text("icmp_seq=0")
    terminal.type("ping g" + F6)
    toolbar(terminal, "paused")
    terminal.until(lambda terminal: terminal.line == "me# ping g")  # what was being typed stands there again
    assert "me# pause" in terminal.lines
    terminal.type("\x15" + F7)
    terminal.until_text("next")
    terminal.until_prompt()
    terminal.type(F8)
    terminal.until_prompt()
    terminal.until(lambda terminal: "paused" not in terminal.lines[-1])
    terminal.until_text("icmp_seq=2")


def test_a_command_that_is_suspended_comes_back_and_ctrl_c_ends_it(terminal: Terminal) -> None:
    run(terminal, "pause")
    run(terminal, "ping www")
    terminal.until_text("[1]  Suspended   ping www")
    toolbar(terminal, "1 job")
    terminal.type("go\r")
    terminal.until_text("icmp_seq=0")
    terminal.type(CTRL_C)
    terminal.until_text("packets transmitted")
    terminal.until_prompt()
    terminal.until(lambda terminal: "job" not in terminal.lines[-1])


def test_ctrl_c_ends_a_long_step(terminal: Terminal) -> None:
    run(terminal, "ping -i 0.01 www > /dev/null &")
    terminal.type("step 1000000s\r")
    terminal.until(lambda terminal: terminal.signals)
    terminal.type(CTRL_C)
    terminal.until_prompt()
    toolbar(terminal, "paused")
