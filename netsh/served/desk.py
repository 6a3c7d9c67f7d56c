"""What is on the user's side of a prompt in a served lab: his options, records, the lines of a demo, his pager."""

from __future__ import annotations

import os
import select
import subprocess
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

from netsh import demo, settings
from netsh.aliases import drop_wrong
from netsh.recorder import Recorder
from stack.kern.errors import reason


class Desk:
    """His things, and what commands there want done with them."""

    def __init__(self, config: str | None, size: Callable[[], tuple[int, int]]) -> None:
        self.config = config  # where his options are kept, when he has said so
        self.settings = settings.Settings()
        self.recorder = Recorder(size)
        self.demo: deque[str] = deque()
        self.doings = {"record": self.recorder.heed, "demo": self._show, "option": self._set}

    def open(self, complain: Callable[[str], None]) -> None:
        """Read his options."""
        self.settings = settings.load(settings.standard_path(self.config), complain)
        drop_wrong(self.settings, complain)

    def close(self, complain: Callable[[str], None]) -> None:
        """Keep what was recorded."""
        try:
            self.recorder.stop()
        except (OSError, ValueError) as error:
            complain(f"record: {self.recorder.path}: {reason(error)}")

    def do(self, name: str, *words: str) -> str:
        """What a command there asks for, and the answer; ValueError, in words, when that cannot be."""
        if name not in self.doings:
            raise ValueError(f"{name}: not known here: use the same netsh for both")
        return self.doings[name](*words)

    def _show(self, path: str) -> str:
        self.demo = deque(demo.of_file(path))
        return ""

    def _set(self, name: str, value: str | None = None) -> str:
        """Set an option, or forget it without a value, and write it down."""
        if value is None:
            self.settings.forget(name)
        else:
            self.settings.take(name, value)
        self.settings.keep(name)
        return ""


def page(words: list[str], data: bytes, source: int, receive: Callable[[], bool]) -> bool:
    """Show a text by a pager, to its end, and receive what comes meanwhile, while there is more.

    False when it could not be started.
    """
    try:
        program = subprocess.Popen(words, stdin=subprocess.PIPE)
    except OSError:
        return False
    Thread(target=_feed, args=(program, data), daemon=True).start()
    ended, more = os.pidfd_open(program.pid), True
    try:
        while ended not in select.select([ended, source] if more else [ended], [], [])[0]:
            more = receive()
    finally:
        os.close(ended)
        program.terminate()
        program.wait()
    return True


def _feed(program: subprocess.Popen[bytes], data: bytes) -> None:
    """Give a program its input, as much of it as it reads."""
    assert program.stdin is not None
    with suppress(OSError), program.stdin:
        program.stdin.write(data)
