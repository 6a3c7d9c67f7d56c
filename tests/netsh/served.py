"""A served lab for tests: its server is a process of its own, and so are its clients; nothing sleeps, all waits end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple, Self

from netsh.served import frames

ROOT = Path(__file__).parent.parent.parent
NETSH = [sys.executable, "-m", "netsh"]
PATIENCE = 30.0  # seconds; reached only when something is broken


class Done(NamedTuple):
    """What a client said."""

    status: int
    out: str
    err: str


def environ(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def netsh(folder: Path, *words: str, stdin: str = "", **more: str) -> Done:
    """Run the program in a folder, to its end."""
    done = subprocess.run(
        [*NETSH, *words], cwd=folder, input=stdin, capture_output=True, text=True, check=False,
        env=environ(**more),
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def rest(client: subprocess.Popen[str]) -> Done:
    """What a client said that was not read yet, and its status."""
    assert client.stdout is not None and client.stderr is not None
    out, err = client.stdout.read(), client.stderr.read()  # it says little on the second
    return Done(client.wait(PATIENCE), out, err)


def until(condition: Callable[[], object], what: str = "it") -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} never came"
        os.sched_yield()


class Served:
    """A server in the foreground, in a folder where its socket is `lab`."""

    def __init__(self, folder: Path, *words: str, url: str = "unix://lab") -> None:
        self.folder = folder
        self.log_file = folder / "log"
        with self.log_file.open("w") as log:
            self.process = subprocess.Popen(
                [*NETSH, "serve", url, *words], cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True, env=environ()
            )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert first.startswith("serving "), self.log
        self.url = first.split()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.kill()
        self.process.wait()

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def run(self, *words: str, stdin: str = "", folder: Path | None = None) -> Done:
        """A client, to its end."""
        return netsh(folder or self.folder, "-s", self.url, *words, stdin=stdin)

    def start(self, *words: str, stdin: int | IO[str] = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """A client that goes on by itself."""
        return subprocess.Popen(
            [*NETSH, "-s", self.url, *words], cwd=self.folder, stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=environ(),
        )  # fmt: skip

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """A client that has begun to speak: its first line is read."""
        client = self.start(*words)
        assert client.stdout is not None
        assert client.stdout.readline()
        return client

    def connect(self) -> socket.socket:
        """A connection without a client."""
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(PATIENCE)
        link.connect(self.url.removeprefix("unix://"))
        return link

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal; its status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def hello(folder: Path, **more: str) -> bytes:
    """What a client says first."""
    words = [word for pair in {"cwd": str(folder), **more}.items() for word in pair]
    return frames.GREETING + frames.frame(frames.HELLO, frames.texts(*words))


def run_frame(kind: str, text: str, *arguments: str, name: str = "") -> bytes:
    """What a client sends to run a text."""
    return frames.frame(frames.RUN, frames.texts(kind, name, text, *arguments))


def answers(link: socket.socket) -> list[tuple[bytes, bytes]]:
    """All frames that come, until the connection ends."""
    reader = frames.Reader()
    found = []
    while data := _receive(link):
        found += reader.feed(data)
    return found


def _receive(link: socket.socket) -> bytes:
    try:
        return link.recv(65536)
    except ConnectionResetError:
        return b""
