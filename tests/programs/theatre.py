"""Runs programs on hosts of the built-in lab, by the shell as it is started, and collects what they print."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
LOSSY = "bus wan loss 2% reorder 2% duplicate 1%; bus lan loss 1%"


class Played(NamedTuple):
    """How it went."""

    status: int
    out: str
    err: str


class Theatre:
    """A folder of scripts, and a shell that runs there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def script(self, name: str, text: str) -> str:
        """Write a script down; its name."""
        (self.folder / name).write_text(dedent(text))
        return name

    def play(self, *lines: str, options: tuple[str, ...] = (), stdin: str = "") -> Played:
        """Run lines in a lab, in fast time unless options say otherwise."""
        done = subprocess.run(
            [sys.executable, "-m", "netsh", *options, "-c", "; ".join(lines).replace("&;", "&")],
            input=stdin, capture_output=True, text=True, check=False, cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        return Played(done.returncode, done.stdout, done.stderr)

    def pair(self, server: str, client: str, *, lossy: bool = False, pause: int = 1) -> str:
        """What a client on `me` prints that talks to a server on `www`; it must end well."""
        self.script("server.py", server)
        self.script("client.py", client)
        played = self.play(*([LOSSY] if lossy else []), "www python server.py &", f"sleep {pause}", "python client.py")
        assert played.status == 0, played
        assert "Traceback" not in played.err, played.err
        return played.out
