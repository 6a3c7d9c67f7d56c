"""How long the user waits: exec to prompt, and one command (python -m bench.start)."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.measure import Figure, arguments, calibrate, figure, report

PROMPT = b"me# "
_PATIENCE = 20.0  # seconds
_URL = f"unix:///tmp/netsh-bench-{os.getpid()}"


def one_command(*argv: str) -> float:
    """Milliseconds for a process that runs to its end, its output thrown away."""
    begin = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return (time.perf_counter() - begin) * 1e3


def served_command(*argv: str) -> Callable[[], float]:
    """One command in a lab that is served: what runs it."""
    return lambda: one_command(sys.executable, "-m", "netsh", "-s", _URL, *argv)


@contextmanager
def served_lab() -> Iterator[None]:
    """A lab is served meanwhile."""
    netsh = [sys.executable, "-m", "netsh"]
    subprocess.run([*netsh, "serve", _URL, "-d"], check=True)
    try:
        yield
    finally:
        subprocess.run([*netsh, "-s", _URL, "--", "halt"], check=True)


def exec_to_prompt(key: bytes = b"") -> float:
    """Milliseconds from exec to the prompt on a terminal; with a key, until one typed at the prompt is shown."""
    begin = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-m", "netsh"])
    seen = b""
    awaited = PROMPT
    while time.perf_counter() - begin < _PATIENCE:
        if awaited in seen:
            if not key or awaited == key:
                break
            os.write(terminal, key)
            awaited, seen = key, b""
        if select.select([terminal], [], [], 1.0)[0]:
            piece = os.read(terminal, 65536)
            if b"\x1b[6n" in piece:  # a real terminal answers where its cursor is
                os.write(terminal, b"\x1b[1;1R")
            seen += piece
    elapsed = (time.perf_counter() - begin) * 1e3
    assert awaited in seen, seen
    os.write(terminal, b"\x15\x04")  # ^U and ^D: an empty line, and out
    while True:
        try:
            if not os.read(terminal, 65536):
                break
        except OSError:
            break
    os.waitpid(pid, 0)
    os.close(terminal)
    return elapsed


def main() -> None:
    """Measure a bare interpreter, a command, and the prompt."""
    args = arguments(__doc__ or "", repeat=11)
    before = calibrate()
    python = sys.executable
    with served_lab():
        served = figure("netsh -s URL -c 'ifconfig -a'", served_command("-c", "ifconfig -a"), args.repeat, "ms", "150")
    figures: list[Figure] = [
        figure("python -c pass", lambda: one_command(python, "-c", "pass"), args.repeat, "ms"),
        figure("netsh -c 'ifconfig -a'", lambda: one_command(python, "-m", "netsh", "-c", "ifconfig -a"), args.repeat,
               "ms", "90"),
        served,
        figure("exec to prompt", exec_to_prompt, args.repeat, "ms", "200"),
        figure("exec to the first key shown", lambda: exec_to_prompt(b"~"), args.repeat, "ms"),
    ]  # fmt: skip
    report("start", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
