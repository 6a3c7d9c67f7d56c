"""The shell at a terminal: reads a line, runs it, and lets the lab go on meanwhile.

Two things take turns with the terminal.  While a line is edited, netsh.editor has it.  While a command runs
in the foreground it is an ordinary terminal, and the session's own clock waits for keys, Ctrl-C and devices.

Ctrl-C ends the command that runs, which says its last words; at the prompt it gives a new line.  Ctrl-D at
an empty prompt leaves.  Keys typed while a command runs are kept: for it, if it reads, else for the prompt.
"""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

from netsh.render.palette import NAME, paint
from netsh.render.screen import Screen
from netsh.session import Session
from stack.kern.pipe import Pipe

Mode = list[Any]  # as termios.tcgetattr returns it


def main(session: Session) -> int:
    """Read and run lines until the user leaves; the status to exit with."""
    terminal = sys.stdout if sys.stdout.isatty() or not sys.stderr.isatty() else sys.stderr
    screen = Screen(terminal.buffer)
    if sys.stdout.isatty():
        session.printer.out = screen.text
    if sys.stderr.isatty():
        session.printer.err = screen.text
    with Keyboard(session, screen) as keyboard:
        screen.text.write(hint(session))
        _first_prompt(session, screen)
        from netsh.editor import Editor  # prompt_toolkit takes 100 ms; what is typed meanwhile is kept

        editor = Editor(session, screen, terminal)
        try:
            while session.exiting is None and not session.closed:
                text = editor.read_line()
                if text.strip():
                    with keyboard.lent(editor.typed_ahead()):
                        _run(session, text)
                    editor.type_ahead(keyboard.left())
        finally:
            screen.flush()
            editor.close()
    return session.scope.status if session.exiting is None else session.exiting


def _run(session: Session, text: str) -> None:
    """Run a line; a defect in the shell itself ends that line and nothing else."""
    try:
        session.run(text)
    except Exception as defect:
        session.complain("netsh", f"internal error: {type(defect).__name__}: {defect}")


def _first_prompt(session: Session, screen: Screen) -> None:
    """The prompt at once; the editor will draw the same in its place."""
    prompt = f"{session.host.name if session.host is not None else ''}# "
    screen.text.write(paint(prompt, NAME) if session.printer.colour else prompt)
    screen.flush()
    screen.text.write("\r")


def hint(session: Session) -> str:
    """What a newcomer should know, in three lines."""
    keys = "Tab completes, Ctrl-C stops a command, Ctrl-D leaves.\n"
    hosts = list(session.lab.hosts)
    if not hosts or session.host is None:
        return (
            "An empty lab: 'host NAME' makes a host and goes there, 'link A B' joins two.\n"
            f"Try: host a, host b, link a b, ping a, lab, help.\n{keys}"
        )
    others = [name for name in hosts if name != session.host.name] or hosts
    known = " ".join(hosts[:6]) + (f" and {len(hosts) - 6} more" if len(hosts) > 6 else "")
    target = "www" if "www" in others else others[-1]
    return (
        f"Hosts: {known}. The prompt is on {session.host.name}; '{others[0]} route show' asks {others[0]}.\n"
        f"Try: ping {target}, traceroute {target}, ifconfig -a, fetch http://{target}/, lab, help.\n{keys}"
    )


class Keyboard:
    """The terminal's keys: the editor's at the prompt, a line's while it runs.

    A line that reads them finds an ordinary terminal, which shows what is typed and has it mended; while
    nobody reads, keys are neither shown nor lost, be they Ctrl-D or arrows.
    """

    def __init__(self, session: Session, screen: Screen) -> None:
        self.session = session
        self.screen = screen
        self.descriptor = sys.stdin.fileno()
        self.pipe = Pipe(closed=True)
        self.ordinary: Mode = termios.tcgetattr(self.descriptor)
        self.kept = _changed(self.ordinary, termios.ICANON | termios.ECHO)
        self.editing = _changed(self.ordinary, termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
        self.mode = self.ordinary
        self.before = session.clock.before_waiting

    def __enter__(self) -> Self:
        self.session.clock.inputs.pop(self.descriptor, None)
        self._set(self.editing)
        return self

    def __exit__(self, *_: object) -> None:
        self._set(self.ordinary)

    @contextmanager
    def lent(self, typed: bytes) -> Iterator[None]:
        """The keys are a line's while it runs, and first of all those that were `typed` behind it."""
        clock = self.session.clock
        self.before = before = clock.before_waiting
        self.pipe = self.session.stdin = clock.inputs[self.descriptor] = Pipe(typed)
        clock.before_waiting = self._before_waiting
        self.screen.writers = clock.writers
        self._set(self.kept)
        try:
            yield
        finally:
            self.screen.flush()
            self.screen.writers = None
            clock.before_waiting = before
            clock.inputs.pop(self.descriptor, None)
            self.session.stdin = Pipe(closed=True)
            self._set(self.editing)

    def left(self) -> bytes:
        """What the line did not read."""
        return self.pipe.take()

    def _before_waiting(self) -> None:
        self.before()
        self.screen.flush()
        clock = self.session.clock
        if self.pipe.readable.sleepers or clock.readers or clock.writers:
            self._set(self.ordinary)
            self.screen.lost = True
        else:
            self._set(self.kept)

    def _set(self, mode: Mode) -> None:
        if mode is not self.mode:
            with suppress(termios.error):
                termios.tcsetattr(self.descriptor, termios.TCSANOW, mode)
            self.mode = mode


def _changed(ordinary: Mode, off: int) -> Mode:
    """A mode of the terminal with some of its local flags off."""
    iflag, oflag, cflag, lflag, ispeed, ospeed, characters = ordinary
    characters = [*characters]
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    return [iflag, oflag, cflag, lflag & ~off, ispeed, ospeed, characters]
