"""The prompt on a served lab: lines are edited here and run there.

While a line is edited, what jobs say is drawn above it, and candidates are asked from the server.  While a command
runs, keys are kept until it reads; Ctrl-C travels to it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import TextIO

from netsh import settings
from netsh.options import Options
from netsh.prompt.complete import Candidate
from netsh.prompt.keyboard import Modes
from netsh.prompt.welcome import first_prompt, hint, tell
from netsh.render.palette import wants_colour
from netsh.render.screen import Screen
from netsh.served import frames
from netsh.served.link import Client, Gone, Work, window
from netsh.settings import Settings
from netsh.signals import Signals

_PATIENCE = 1.0  # seconds that candidates may take to come


class Remote(Client):
    """A session in a served lab, behind a prompt here."""

    def __init__(self, link: socket.socket, signals: Signals, screen: Screen) -> None:
        super().__init__(link, signals)
        self.screen = screen
        self.options = Settings()
        self.modes = Modes()
        self.state: dict[str, str] = {}
        self.known: tuple[str, list[Candidate]] = ("0", [])  # the latest answer
        self.asked = 0  # the latest question
        self.ahead = b""  # keys that were typed behind the line, and are the command's first of all
        self.rest = b""  # what it did not read
        self.why = ""  # the connection has ended
        self.window = window()

    # -- a line runs ----------------------------------------------------------------------------------

    def type(self, line: str, ahead: bytes) -> bytes:
        """Run a line that was typed, and give it the keys that came behind it; those that it left."""
        _, interrupt, self.ahead = ahead.rpartition(b"\x03")  # as in a terminal: it ends what was typed
        self.rest = b""
        self._tell_window()
        self.modes.set(self.modes.kept)
        self.signals.running = True
        self.signals.take()  # it was meant for something that is over
        self.signals.pending = signal.SIGINT if interrupt else None
        try:
            self.run(Work("typed", "", line, []))
        finally:
            self.signals.running = False
            self.screen.flush()
            self.modes.set(self.modes.editing)
        return self.rest + self.ahead

    def _tell_window(self) -> None:
        """Say so when our terminal has another size."""
        if (now := window()) != self.window:
            self.window = now
            self.send(frames.WINDOW, frames.texts(*map(str, now)))

    def handle(self, kind: bytes, body: bytes) -> None:
        """Do what a frame says."""
        if kind in (frames.STATE, frames.WELCOME):
            self.state = frames.pairs_of(body)
        elif kind == frames.CANDIDATES:
            number, *words = frames.list_of(body)
            triples = zip(words[::3], words[1::3], words[2::3], strict=True)
            self.known = number, [Candidate(text, help, int(replaced)) for text, help, replaced in triples]
        super().handle(kind, body)
        if kind == frames.READ and self.ahead:
            self.reads = False
            data, self.ahead = self.ahead[: frames.CHUNK], self.ahead[frames.CHUNK :]
            self.send(frames.INPUT, data)
        elif kind == frames.READ and self.reads and not self.wants_keys:
            self.modes.set(self.modes.ordinary)
            self.screen.lost = True

    def receive(self) -> None:
        """Take what has come, and show it if nobody edits a line."""
        super().receive()
        if self.wants_keys:
            self._tell_window()
        self.screen.flush()

    def out(self, data: bytes) -> None:
        """A command has said something."""
        if os.isatty(1):
            self.screen.write(data)
        else:
            super().out(data)

    def err(self, data: bytes) -> None:
        """A command has complained."""
        if os.isatty(2):
            self.screen.write(data)
        else:
            super().err(data)

    def left(self, data: bytes) -> None:
        """What the line did not read."""
        self.rest = data

    # -- a line is edited -----------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether there is nothing to type for any more."""
        return bool(self.why)

    def host(self) -> str:
        """Where the prompt is."""
        return self.state.get("host", "")

    def settings(self) -> Settings:
        """The user's options."""
        return self.options

    def demo(self) -> deque[str]:
        """Nothing is typed here but by a hand."""
        return deque()

    def drawn(self, data: bytes) -> None:
        """Nobody wants to know."""

    def hosts(self) -> Collection[str]:
        """The names of all hosts."""
        return self.state.get("hosts", "").split()

    def toolbar(self) -> list[str]:
        """The clock, and what runs in the background."""
        return tell(self.state.get("clock", ""), self.state.get("stands", ""), int(self.state.get("jobs", "0")))

    def candidates(self, line: str) -> Iterable[Candidate]:
        """What may be typed at the end of a line; nothing when the server does not say so soon."""
        answers = self.known[0] == str(self.asked)  # or one waits here for each key, for a server that is stuck
        self.asked += 1
        deadline = time.monotonic() + (_PATIENCE if answers else 0.0)
        with suppress(Gone):
            self.send(frames.COMPLETE, frames.texts(str(self.asked), line))
        while self.known[0] != str(self.asked) and (left := deadline - time.monotonic()) > 0 and not self.over:
            self._take(left)
        return self.known[1] if self.known[0] == str(self.asked) else []

    def wrong(self, text: str) -> Sequence[tuple[int, int]]:
        """Nothing is known here of the commands there."""
        return ()

    def pump(self, budget: int) -> float | None:
        """Take what has come; only more of it can bring more to do."""
        self._take(0.0)
        return None

    def descriptors(self) -> dict[int, int]:
        """The connection."""
        return {} if self.over else {self.link.fileno(): select.POLLIN}

    def servants(self, descriptor: int) -> object:
        """Ourselves."""
        return self

    def defect(self, name: str, failure: BaseException) -> None:
        """Something of ours is broken."""
        self.why = f"internal error: {type(failure).__name__}: {failure}"

    def _take(self, wait: float) -> None:
        try:
            if not self.over and select.select([self.link], [], [], wait)[0]:
                self.receive()
        except Gone as gone:
            self.why = str(gone)


def main(link: socket.socket, signals: Signals, options: Options, work: Work | None) -> int:
    """Run what is to be run, then read and run lines until the user leaves; the status to exit with."""
    terminal = sys.stdout if sys.stdout.isatty() or not sys.stderr.isatty() else sys.stderr
    screen = Screen(terminal.buffer)
    remote = Remote(link, signals, screen)
    remote.hello(options, prompt=True)
    if work is not None:
        remote.run(work)
        screen.flush()
    remote.follow(lambda: remote.welcome is not None)
    if remote.exiting is not None:
        return remote.end()
    signals.running = False
    signals.catch_stop()
    with remote.modes:
        screen.text.write(hint(list(remote.hosts()), remote.host()))
        path = settings.standard_path(options.config)
        remote.options = settings.load(path, lambda text: remote.err(f"netsh: {text}\n".encode()))
        first_prompt(remote.host(), screen, wants_colour(terminal.isatty()))
        _read_lines(remote, screen, terminal)
    signals.running = True
    if remote.over:
        raise Gone(remote.why)
    return remote.end()


def _read_lines(remote: Remote, screen: Screen, terminal: TextIO) -> None:
    from netsh.prompt.editor import Editor  # prompt_toolkit takes 100 ms; what is typed meanwhile is kept

    editor = Editor(remote, screen, terminal)
    try:
        while remote.exiting is None and not remote.over:
            text = editor.read_line() or ""
            if remote.over:
                break
            if text.strip():
                editor.type_ahead(remote.type(text, editor.typed_ahead()))
    finally:
        screen.flush()
        editor.close()
