"""A terminal that disappears without a signal: whoever wrote to it, or read from it, ends."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("line", ["", "ping -i 0.1 www", "tcpdump -n &", "while true { echo more }"])
def test_the_shell_ends(line: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "TERM": "xterm"}
    shell = subprocess.Popen(
        [sys.executable, "-m", "netsh"], stdin=theirs, stdout=theirs, stderr=theirs, env=environ, cwd=tmp_path
    )
    try:
        os.close(theirs)
        said = b""
        while b"me# " not in said:
            said += os.read(ours, 4096)
        os.write(ours, line.encode() + b"\r")
        while said.count(b"\n") < 8 and line:  # it works, and the terminal shows it
            said += os.read(ours, 4096)
        os.close(ours)
        assert shell.wait(30) in (0, 1, 129, -signal.SIGHUP)
    finally:
        shell.kill()
        shell.wait()
