"""Stops at a live prompt, in a real terminal: the keys, the toolbar, Ctrl-C."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.netsh.served import Served
from tests.netsh_terminal.conftest import Sit
from tests.netsh_terminal.terminal import Terminal
from tests.netsh_terminal.test_terminal import CTRL_C, run

F6, F7, F8 = "\x1b[17~", "\x1b[18~", "\x1b[19~"


@pytest.fixture
def terminal(sit: Sit) -> Terminal:
    return sit(lines=40)


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
    run(terminal, "pause")  # the signal may be there before the step is
    terminal.type("step 1000000s\r")
    terminal.until(lambda terminal: terminal.signals)
    terminal.type(CTRL_C)
    terminal.until_prompt()
    toolbar(terminal, "paused")


def test_a_stop_in_mid_air_at_a_live_prompt(terminal: Terminal) -> None:
    run(terminal, "ping -c 1 www > /dev/null")
    run(terminal, "break gw ip_input if icmp")
    run(terminal, "ping -c 3 www")
    terminal.until_text("break 1: gw ip_input (stack/netinet/ip_input.py:")
    terminal.until_text("IP 10.0.0.2 > 203.0.113.80: ICMP echo request")
    terminal.until_text("[1]  Suspended   ping -c 3 www")
    toolbar(terminal, "stopped in ip_input on gw: F7 step, F8 go")
    terminal.type("echo half a line" + CTRL_C)  # the prompt is live
    terminal.until_prompt()
    run(terminal, "gw hostname")
    assert "gw" in terminal.lines
    terminal.type(F7)
    terminal.until_text("step: gw ip_forward (stack/netinet/ip_input.py:")
    run(terminal, "break -d all")
    terminal.type("go\r")
    terminal.until_text("icmp_seq=1")
    terminal.type(CTRL_C)
    terminal.until_text("2 packets transmitted")
    terminal.until_prompt()
    terminal.until(lambda terminal: "stopped" not in terminal.lines[-1] and "job" not in terminal.lines[-1])


def test_a_stop_while_a_line_is_typed(terminal: Terminal) -> None:
    """A job runs, the prompt is idle: the report stands above the line, which is as it was."""
    run(terminal, "ping www > /dev/null &")
    terminal.type("break gw ip_input if icmp\r")
    terminal.until_text("break 1: gw ip_input")
    terminal.type("ifcon")
    terminal.until(lambda terminal: terminal.line == "me# ifcon")
    terminal.type(CTRL_C)
    terminal.until_prompt()
    terminal.type("exit\r")
    assert terminal.until_exit() == 0


def test_keys_reach_what_go_waits_for(terminal: Terminal) -> None:
    run(terminal, "www nc -l 99 > /dev/null &")
    run(terminal, "pause")
    run(terminal, "nc -N www 99")
    terminal.until_text("Suspended   nc -N www 99")
    terminal.type("go\r")
    terminal.until(lambda terminal: terminal.shows_keys)
    terminal.type("hello\r\x04")
    terminal.until_prompt()


def test_two_prompts_see_the_same_stop(tmp_path: Path) -> None:
    with Served(tmp_path) as lab, Terminal(tmp_path, "-s", lab.url) as one, Terminal(tmp_path, "-s", lab.url) as two:
        for each in (one, two):
            each.until_prompt()
        run(one, "ping -c 1 www > /dev/null")
        run(one, "break gw ip_input if icmp")
        two.type("ping -qc 1 www\r")
        for each in (one, two):
            each.until_text("break 1: gw ip_input")
            toolbar(each, "stopped in ip_input on gw")
        run(one, "break -d all")
        run(one, "go")
        two.until_text("1 packets received")
        for each in (one, two):
            each.until(lambda terminal: "stopped" not in terminal.lines[-1])
