"""The prompt while the lab works as hard as it can, and while it has nothing to do."""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

from tests.interop import stream
from tests.interop.conftest import OURS, THEIRS
from tests.interop.netns import needs_program, needs_root_tun, netns
from tests.netsh_terminal.terminal import Terminal

KEYS = 20
ECHO = 0.1  # seconds: 0.03 is wanted of a machine that does nothing else
IDLE = 1.0  # seconds
TICK = 1 / os.sysconf("SC_CLK_TCK")


def seconds_of(terminal: Terminal) -> float:
    """Processor time of the program behind a terminal."""
    fields = Path(f"/proc/{terminal.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def taken(terminal: Terminal, seconds: float) -> float:
    """Processor time that it takes in so much time, which must pass to be looked at."""
    before = seconds_of(terminal)
    time.sleep(seconds)
    return seconds_of(terminal) - before


def pressed(terminal: Terminal, key: str) -> float:
    """Press a key; the seconds until the screen shows it."""
    begin, before = time.perf_counter(), terminal.line
    terminal.type(key)
    terminal.until(lambda terminal: terminal.line != before)
    return time.perf_counter() - begin


@needs_root_tun
@needs_program("ip")
def test_a_key_is_answered_at_full_load(tmp_path: Path) -> None:
    with netns() as ns:
        with ns.enter():
            terminal = Terminal(tmp_path)
        with terminal:
            terminal.until_prompt()
            terminal.type("sysctl -qw net.inet.ip.dad_count=0\r")
            terminal.type(f"ifconfig virt0 create {OURS}/24\rttcp -r -s -p 5001 &\r")
            terminal.until_text("[1]")
            terminal.until_prompt()
            ns.run("ip", "addr", "add", f"{THEIRS}/24", "dev", "tap0")
            source = ns.popen(sys.executable, str(Path(stream.__file__)), "-b", str(1 << 40), "source", OURS, "5001")
            received = Path(f"/proc/{source.pid}/net/dev")
            before = seconds_of(terminal)
            terminal.until(lambda _: seconds_of(terminal) > before + 0.2)
            times = [pressed(terminal, "x") for _ in range(KEYS)]
            sent = int(next(line for line in received.read_text().splitlines() if "tap0" in line).split()[9])
    assert sent > 10_000_000 and statistics.median(times) < ECHO, times


def test_an_idle_lab_takes_no_time_of_the_machine(tmp_path: Path) -> None:
    with Terminal(tmp_path, "-i", "-c", "chain 250; r1 ping -c 1 r250") as terminal:
        terminal.until_text("packet loss")
        terminal.until_prompt()
        terminal.until(lambda terminal: taken(terminal, 0.2) <= TICK)  # the prompt has come to rest, too
        assert taken(terminal, IDLE) < 2.5 * TICK  # the kernel counts ticks as a whole
