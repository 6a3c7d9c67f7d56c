"""From a key at the prompt to its echo, in an idle lab and in one that works at full speed (python -m bench.echo)."""

from __future__ import annotations

import os
import pty
import random
import select
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from bench.measure import Figure, arguments, calibrate, report

_PATIENCE = 20.0  # seconds
_KEYS = 10  # on a line, before it is begun anew
_LOAD = "bus lan delay 0; bus wan delay 0; www nc -l 9 > /dev/null & nc www 9 < /dev/zero &"


class Prompt:
    """A shell in a terminal."""

    def __init__(self, *words: str) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", XDG_STATE_HOME="/proc/nowhere")  # no history: what it suggests is no echo
            os.execv(sys.executable, [sys.executable, "-m", "netsh", *words])
        self.until(b"# ")
        self.echo(b"~")  # the editor is there

    def until(self, awaited: bytes) -> None:
        """Read what is drawn, until it has something in it."""
        seen, deadline = b"", time.perf_counter() + _PATIENCE
        while awaited not in seen:
            assert time.perf_counter() < deadline, seen
            if select.select([self.terminal], [], [], 1.0)[0]:
                piece = os.read(self.terminal, 65536)
                if b"\x1b[6n" in piece:  # a real terminal answers where its cursor is
                    os.write(self.terminal, b"\x1b[1;1R")
                seen += piece

    def echo(self, key: bytes) -> float:
        """Milliseconds from a key to its echo."""
        begin = time.perf_counter()
        os.write(self.terminal, key)
        self.until(key)
        return (time.perf_counter() - begin) * 1e3

    def work(self) -> float:
        """Milliseconds that it has worked; Linux tells."""
        with open(f"/proc/{self.pid}/schedstat") as file:
            return int(file.read().split()[0]) / 1e6

    def rest(self, seconds: float) -> None:
        """Let time pass, and read what is drawn."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            if select.select([self.terminal], [], [], left)[0]:
                os.read(self.terminal, 65536)

    def line(self, text: str) -> None:
        """Run a line."""
        os.write(self.terminal, b"\x15" + text.encode() + b"\r")
        self.rest(0.5)

    def leave(self) -> None:
        """Hang up."""
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


@contextmanager
def prompt(*words: str) -> Iterator[Prompt]:
    """A shell, for so long."""
    shell = Prompt(*words)
    try:
        yield shell
    finally:
        shell.leave()


class Echo(NamedTuple):
    """Milliseconds from a key to its echo, and how many of them the shell worked: the rest is the machine's."""

    wait: float
    work: float


def echoes(shell: Prompt, count: int) -> list[Echo]:
    """Keys at uneven moments behind a word, a completion and a hint for each."""
    chance = random.Random(1)
    found: list[Echo] = []
    for at in range(-_KEYS, count):  # the first line loads what has not been needed yet
        if at % _KEYS == 0:
            os.write(shell.terminal, b"\x15ping www ")
        shell.rest(chance.uniform(0.03, 0.15))
        before = shell.work()
        wait = shell.echo(b"~@"[at // _KEYS % 2 :][:1])  # another one than stands there yet
        found.append(Echo(wait, shell.work() - before))
    return found[_KEYS:]


def figures(name: str, found: list[Echo], target: str = "") -> list[Figure]:
    """The median, and the worst of them."""
    waits, work = [each.wait for each in found], max(each.work for each in found)
    worst = max(waits)
    return [
        Figure(f"{name}: median", statistics.median(waits), min(waits), worst, "ms"),
        Figure(f"{name}: worst of {len(waits)}", worst, worst, worst, "ms", target),
        Figure(f"{name}: worst, the shell's own work", work, work, work, "ms"),
    ]


def main() -> None:
    """Measure an idle prompt, and one whose lab is busy."""
    args = arguments(__doc__ or "", repeat=100)
    before = calibrate()
    with prompt() as shell:
        found = figures("an idle lab", echoes(shell, args.repeat))
        shell.line(_LOAD)
        found += figures("a lab at full speed", echoes(shell, args.repeat), "30")
    report("echo", found, min(before, calibrate()))


if __name__ == "__main__":
    main()
