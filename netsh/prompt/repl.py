"""The shell at a terminal: reads a line, runs it, and lets the lab go on meanwhile.

Two things take turns with the terminal.  While a line is edited, netsh.prompt.editor has it.  While a command runs
in the foreground it is an ordinary terminal, and the session's own clock waits for keys, Ctrl-C and devices.

Ctrl-C ends the command that runs, which says its last words; at the prompt it gives a new line.  Ctrl-D at
an empty prompt leaves.  Keys typed while a command runs are kept: for it, if it reads, else for the prompt.
"""

from __future__ import annotations

import signal
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Self

from netsh.program import Program
from netsh.prompt.candidates import candidates
from netsh.prompt.complete import Candidate
from netsh.prompt.gauge import Gauge
from netsh.prompt.keyboard import Modes
from netsh.prompt.pager import MOMENT, overflows, pager_of
from netsh.prompt.welcome import first_prompt, hint, tell
from netsh.prompt.wrong import Span, wrong_words
from netsh.render.pointer import Pointer
from netsh.render.screen import Screen, terminal_size
from netsh.session import Session
from netsh.settings import Settings
from stack.kern.pipe import Pipe
from stack.trace.hook import Away


def main(session: Session, prepare: Callable[[], None]) -> int:
    """Read and run lines until the user leaves; the status to exit with.

    What `prepare` does, the user's options, takes its time after the prompt is there.
    """
    terminal = sys.stdout if sys.stdout.isatty() or not sys.stderr.isatty() else sys.stderr
    screen = Screen(terminal.buffer)
    if sys.stdout.isatty():
        session.printer.out = screen.text
    if sys.stderr.isatty():
        session.printer.err = screen.text
    if session.recorder is not None:
        screen.sent = session.recorder.sent
    session.clock.stop_key = session.stop
    session.printer.tagged = True
    session.clock.signals.catch_stop()
    with Keyboard(session, screen) as keyboard:
        host = session.host.name if session.host is not None else ""
        screen.text.write(hint(list(session.lab.hosts), host))
        first_prompt(host, screen, session.printer.colour)
        prepare()
        from netsh.prompt.editor import Editor  # prompt_toolkit takes 100 ms; what is typed meanwhile is kept

        here = Here(session)
        editor = Editor(here, screen, terminal)
        try:
            while session.exiting is None and not session.closed:
                with here.editing:
                    text = editor.read_line()
                if text is not None and session.companion is not None:
                    text = session.companion.meant(text)
                while text is not None and text.strip():
                    with keyboard.lent(editor.typed_ahead()):
                        _run(session, text)
                    editor.type_ahead(keyboard.left())
                    text = session.companion.more() if session.companion is not None else None
        finally:
            if session.companion is not None:
                session.companion.leave()
            screen.flush()
            editor.close()
    return session.scope.status if session.exiting is None else session.exiting


def _run(session: Session, text: str) -> None:
    """Run a line; a defect in the shell itself ends that line and nothing else."""
    if session.printer.format == "rich" and session.printer.err.isatty():
        indent = len(session.host.name if session.host is not None else "") + 2  # that of the prompt
        session.printer.pointer = Pointer(text, indent, session.printer.columns())
    if session.recorder is not None:
        session.recorder.line(f"{session.host.name if session.host is not None else ''}# ", text)
    try:
        session.run(text)
        if session.companion is not None:
            session.companion.look()
    except Exception as defect:
        session.complain("netsh", f"internal error: {type(defect).__name__}: {defect}")


def _page(session: Session, words: list[str], data: bytes) -> bool:
    """Show a text by a pager, to its end, while the lab goes on; False when it could not be started."""
    try:
        program = Program(words, None, session.clock)
    except (OSError, ValueError):
        return False
    program.feed(data)
    program.end()
    session.clock.run(session.spawn(None, words, lambda _: _wait(program)), lambda: None)
    return True


async def _wait(program: Program) -> int:
    await program.wait()
    return 0


class Here:
    """A session of our own behind the prompt."""

    over = False
    known = 0  # all is, at once

    def __init__(self, session: Session) -> None:
        self.session = session
        self.gauge = Gauge(lambda: session.lab)
        self.editing = Away()  # a trace has nothing to see in the editor, only where that lets the lab go on
        self.descriptors = session.clock.descriptors
        self.servants = session.clock.servants
        self.defect = session.defect
        self.signals = session.clock.signals

    def pump(self, budget: int) -> float | None:
        """Let the lab go on for so many pieces of work; the seconds until there is more."""
        with self.editing.back():
            return self.session.clock.pump(budget)

    def host(self) -> str:
        """Where the prompt is."""
        return self.session.host.name if self.session.host is not None else ""

    def settings(self) -> Settings:
        """The user's options."""
        return self.session.settings or Settings()

    def demo(self) -> deque[str]:
        """Lines that are typed for an audience."""
        return self.session.demo

    def drawn(self, data: bytes) -> None:
        """The editor has drawn."""
        if self.session.recorder is not None:
            self.session.recorder.drawn(data)

    def hosts(self) -> Collection[str]:
        """The names of all hosts."""
        return self.session.lab.hosts

    def toolbar(self) -> list[str]:
        """The clock, what happens in the lab, and what runs in the background."""
        clock, jobs = self.session.clock, len(self.session.jobs.running())
        lesson = [self.session.companion.toolbar()] if self.session.companion is not None else []
        mode, *more = tell(clock.mode, clock.drive.state, jobs)
        told = [*lesson, mode, *self.gauge.tell(), *more]
        return [*told, "time stands still at the prompt"] if jobs and clock.rate is None else told

    def candidates(self, line: str) -> Iterable[Candidate]:
        """What may be typed at the end of a line, best first."""
        return candidates(line, self.session)

    def ask(self, line: str, answer: Callable[[list[Candidate]], None]) -> None:
        """The same, for who does not wait."""
        answer(list(self.candidates(line)))

    def wrong(self, text: str) -> list[Span]:
        """The words of a text that cannot be right."""
        return wrong_words(text, self.session)


class Keyboard(Modes):
    """The keys: the editor's at the prompt, a line's while it runs.

    A line that reads them finds an ordinary terminal, which shows what is typed and has it mended; while
    nobody reads, keys are neither shown nor lost, be they Ctrl-D or arrows.
    """

    def __init__(self, session: Session, screen: Screen) -> None:
        super().__init__()
        self.session = session
        self.screen = screen
        self.rest = b""
        self.before = session.clock.before_waiting
        self.pager: list[str] | None = None

    def __enter__(self) -> Self:
        self.session.clock.inputs.pop(self.descriptor, None)
        return super().__enter__()

    @contextmanager
    def lent(self, typed: bytes) -> Iterator[None]:
        """The keys are a line's while it runs, and first of all those that were `typed` behind it."""
        clock = self.session.clock
        clock.signals.begin()
        typed, interrupt = self.lend(typed)
        if interrupt:
            clock.signals.pending = signal.SIGINT
        self.before = before = clock.before_waiting
        self.session.stdin = clock.inputs[self.descriptor] = Pipe(typed)
        clock.before_waiting = self._before_waiting
        self.screen.writers = clock.writers
        self.screen.lender = self._lend
        self.pager = pager_of(self.session.pager)
        if self.pager is not None:
            self.screen.hold(MOMENT)
        try:
            yield
            self._page()
        finally:
            self.screen.settle()
            self.screen.writers = self.screen.lender = None
            clock.before_waiting = before
            clock.inputs.pop(self.descriptor, None)
            self.rest, self.session.stdin = self.session.stdin.take(), Pipe(closed=True)
            self.set(self.editing)
            clock.signals.end()

    def _lend(self) -> None:
        """Before a program looks at the terminal it is an ordinary one."""
        self.set(self.ordinary)
        self.screen.lost = True

    def _page(self) -> None:
        """What came all at once, and is too much for the window, is for the pager."""
        data = self.screen.taken()
        columns, lines = terminal_size(self.screen)
        pager = self.pager if self.session.companion is None else None  # a lesson's text stays on the screen
        if pager is not None and overflows(data, columns, lines):
            self.screen.lend()
            self.screen.away = True
            try:
                if _page(self.session, pager, data):
                    return
            finally:
                self.screen.away = False
        self.screen.write(data)

    def left(self) -> bytes:
        """What the line did not read."""
        return self.rest

    def _before_waiting(self) -> None:
        self.before()
        self.screen.settle()
        clock = self.session.clock
        reads = self.session.stdin.readable.sleepers or clock.readers or clock.writers
        if self.session.printer.panel is None and reads:
            self.set(self.ordinary)
            self.screen.lost = True
        else:
            self.set(self.kept)
