"""The prompt on a served lab: lines are edited here and run there.

While a line is edited, what jobs say is drawn above it, and the server is asked what may come next and what is
wrong.  While a command runs, keys are kept until it reads; Ctrl-C travels to it.
"""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import sys
from collections import deque
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import TextIO

from netsh.options import Options
from netsh.prompt.complete import Candidate
from netsh.prompt.keyboard import Modes
from netsh.prompt.pager import overflows, pager_of
from netsh.prompt.welcome import first_prompt, hint, tell
from netsh.render.palette import wants_colour
from netsh.render.screen import Screen, terminal_size
from netsh.served import frames
from netsh.served.desk import Desk, page
from netsh.served.link import Client, Gone, Work, window
from netsh.served.questions import Answer, Questions, Spans
from netsh.settings import Settings
from netsh.signals import Signals

_PANEL = b"\x1b[?1049h"  # what was drawn on the other screen is gone, and for no pager


class Remote(Client):
    """A session in a served lab, behind a prompt here."""

    def __init__(self, link: socket.socket, signals: Signals, screen: Screen, modes: Modes, desk: Desk) -> None:
        super().__init__(link, signals)
        self.trusts = link.family == socket.AF_UNIX  # the server is our own user's
        self.line = ""  # that runs
        self.screen = screen
        self.modes = modes
        self.desk = desk
        self.state: dict[str, str] = {}
        self.questions = Questions(self.say)
        self.ahead = b""  # keys that were typed behind the line, and are the command's first of all
        self.rest = b""  # what it did not read
        self.given: list[bytes] = []  # to the line that runs
        self.before = 0  # how many pieces others had got
        self.why = ""  # the connection has ended
        self.window = window()
        screen.sent = desk.recorder.sent

    def say(self, kind: bytes, body: bytes) -> None:
        """Send a frame; that nobody is there is seen when nothing comes back."""
        with suppress(Gone):
            self.send(kind, body)

    # -- a line runs ----------------------------------------------------------------------------------

    def type(self, line: str, ahead: bytes) -> bytes:
        """Run a line that was typed, and give it the keys that came behind it; those that it left."""
        self.signals.begin()
        self.ahead, interrupt = self.modes.lend(ahead)
        if interrupt:
            self.signals.pending = signal.SIGINT
        self.rest = b""
        self.given, self.before = [], self._taken()
        self._tell_window()
        self.line = line
        self.desk.recorder.line(f"{self.host()}# ", line)
        settings = self.desk.settings
        pager = pager_of(str(settings["pager"]) if "pager" in settings.values else None)
        if pager is not None:
            self.screen.hold(math.inf)  # the server knows how long
        try:
            self.run(Work("typed", "", line, []))
            self.signals.running = False
            self._page(pager)
        finally:
            self.screen.settle()
            self.modes.set(self.modes.editing)
            self.signals.end()
        return self.rest + self.ahead

    def _page(self, pager: list[str] | None) -> None:
        """What came all at once, and is too much for the window, is for the pager."""
        data = self.screen.taken()
        if pager is not None and _PANEL not in data and overflows(data, *terminal_size(self.screen)):
            self.modes.set(self.modes.ordinary)
            self.screen.away = self.screen.lost = True
            try:
                if page(pager, data, self.link.fileno(), lambda: self._take(0.0) and not self.over):
                    return
            finally:
                self.screen.away = False
        self.screen.write(data)

    def _tell_window(self) -> None:
        """Say so when our terminal has another size."""
        if (now := window()) != self.window:
            self.window = now
            self.say(frames.WINDOW, frames.texts(*map(str, now)))

    def handle(self, kind: bytes, body: bytes) -> None:
        """Do what a frame says."""
        match kind:
            case frames.STATE | frames.WELCOME:
                self.state = frames.pairs_of(body)
            case frames.CANDIDATES:
                self.questions.offered(body)
            case frames.WRONG:
                self.questions.judged(body)
            case frames.JOB | frames.JOB_ERROR:
                self.screen.aside = True
                (self.out if kind == frames.JOB else self.err)(body)
                self.screen.aside = False
            case frames.PAUSE:
                self.screen.settle()
            case frames.HEARD:
                self.desk.recorder.said(body.decode(errors="replace"))
            case frames.ASK:
                self._do(*frames.list_of(body))
        super().handle(kind, body)
        if kind == frames.READ and self.ahead:
            self.reads = False
            data, self.ahead = self.ahead[: frames.CHUNK], self.ahead[frames.CHUNK :]
            self.give(data)
        elif kind == frames.READ and self.reads and not self.wants_keys:
            self.modes.set(self.modes.ordinary)
            self.screen.lost = True

    def _do(self, number: str, *words: str) -> None:
        """A command there wants something done here: of a server that may be anybody's, only what was typed here."""
        wrong = found = ""
        try:
            if not self.trusts and not all(word in self.line for word in words):
                raise ValueError("over tcp:// it must be typed as it is meant, without variables and functions")
            found = self.desk.do(*words)
        except ValueError as error:
            wrong = str(error)
        self.say(frames.ANSWER, frames.texts(number, wrong, found))

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
        """What the line did not read, and what came too late for it."""
        self.rest = data + b"".join(self.given[self._taken() - self.before :])

    def give(self, data: bytes) -> None:
        """Send input, and keep it until it is known who has got it."""
        self.given.append(data)
        super().give(data)

    def _taken(self) -> int:
        """How many pieces of input the server has taken, ever."""
        return int(self.state.get("inputs", "0"))

    # -- a line is edited -----------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether there is nothing to type for any more."""
        return bool(self.why)

    @property
    def known(self) -> int:
        """Another number when more is known of what is typed."""
        return self.questions.looked

    def host(self) -> str:
        """Where the prompt is."""
        return self.state.get("host", "")

    def settings(self) -> Settings:
        """The user's options."""
        return self.desk.settings

    def demo(self) -> deque[str]:
        """Lines that are typed for an audience."""
        return self.desk.demo

    def drawn(self, data: bytes) -> None:
        """The editor has drawn."""
        self.desk.recorder.drawn(data)

    def hosts(self) -> Collection[str]:
        """The names of all hosts."""
        return self.state.get("hosts", "").split()

    def toolbar(self) -> list[str]:
        """The clock, what happens in the lab, and what runs in the background."""
        self._tell_window()
        mode, *more = tell(self.state.get("clock", ""), self.state.get("stands", ""), int(self.state.get("jobs", "0")))
        return [mode, *filter(None, self.state.get("told", "").split("\t")), *more]

    def ask(self, line: str, answer: Answer) -> None:
        """Ask what may be typed at the end of a line."""
        self.questions.ask(line, answer)

    def candidates(self, line: str) -> Iterable[Candidate]:
        """What may be typed there, at once."""
        return self.questions.candidates(line, lambda left: self._take(left) and not self.over)

    def wrong(self, text: str) -> Spans:
        """The words of a text that cannot be right, as far as they are known."""
        return self.questions.wrong(text)

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

    def _take(self, wait: float) -> bool:
        """Take what comes within so many seconds; whether something did."""
        try:
            if self.over or not select.select([self.link], [], [], wait)[0]:
                return False
            self.receive()
        except Gone as gone:
            self.why = str(gone)
        return True


def main(link: socket.socket, signals: Signals, options: Options, work: Work | None) -> int:
    """Run what is to be run, then read and run lines until the user leaves; the status to exit with."""
    terminal = sys.stdout if sys.stdout.isatty() or not sys.stderr.isatty() else sys.stderr
    screen = Screen(terminal.buffer)
    desk = Desk(options.config, lambda: terminal_size(terminal))
    remote = Remote(link, signals, screen, Modes(), desk)
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
        first_prompt(remote.host(), screen, wants_colour(terminal.isatty()))
        desk.open(lambda text: remote.err(f"netsh: {text}\n".encode()))
        remote.say(frames.OPTIONS, frames.pairs(desk.settings.given()))
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
        remote.desk.close(lambda text: remote.err(f"{text}\n".encode()))
        screen.flush()
        editor.close()
