"""`| !program`: a program of the real machine behind a pipe of ours.

What it is fed it reads at its own pace; what it writes goes to the next filter, or straight to our own standard
output when nothing comes behind it (so that `!less` has the terminal).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from netsh.clock import Clock
from netsh.filters import Sink
from stack.kern.proc import Interrupt, Outside, tsleep

_CHUNK = 65536
_ENOUGH = 1 << 20  # bytes that may wait for the program before its feeder has to


class Program(Sink):
    """A running program; OSError when it cannot be started."""

    def __init__(
        self, argv: list[str], target: Sink | None, clock: Clock, complain: Callable[[bytes], None] | None = None,
        job: Callable[[], int | None] = lambda: None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.target = target
        self.complain = complain  # who takes what it writes to its standard error; None: it has ours
        self.clock = clock
        self.job = job  # whose it is; None: the foreground's
        self.stirred = time.monotonic()
        self.changed = Outside("pipewr")  # it took bytes, or ended
        self.waiting = bytearray()
        self.ended = False  # no more will be fed
        self.running = True
        self.failure: Exception | None = None  # why its output could go nowhere
        self.pid, self.stdin, self.stdout, self.stderr = _spawn(argv, target is not None, complain is not None)
        self.exit = _exit_descriptor(self.pid)
        os.set_blocking(self.stdin, False)
        if self.stdout is not None:
            clock.readers[self.stdout] = self._read
        if self.stderr is not None:
            clock.readers[self.stderr] = self._read_complaints
        if self.exit is not None:
            clock.readers[self.exit] = self._reap

    def feed(self, data: bytes) -> None:
        """Hand it bytes, as many as it takes now; the rest waits."""
        if not self.done:
            self.waiting += data
            self._write()

    def end(self) -> None:
        """It sees the end of its input once it has read all."""
        self.ended = True
        self._write()

    async def wait(self) -> None:
        """Sleep until it is over.

        On our own terminal it has had Ctrl-C itself, so that is asked for twice.
        """
        patience = 1 if self.complain is None else 0
        while self.running or self.stdout is not None or self.stderr is not None:
            try:
                await self._doze()
            except Interrupt:
                patience -= 1
                if patience < 0 and self.running:
                    os.kill(self.pid, signal.SIGTERM)
        if self.failure is not None:
            raise self.failure

    def resume(self) -> None:
        """Let it go on, when it was stopped."""
        if self.running:
            os.kill(self.pid, signal.SIGCONT)

    async def room(self) -> None:
        """Sleep while so much waits for the program that its feeder should wait, too."""
        while len(self.waiting) > _ENOUGH and not self.done:
            await self._doze()

    async def _doze(self) -> None:
        """Sleep until it has done something; in fast time the lab stands still for a while."""
        awaited = self.clock.patience.awaited
        awaited.append(self)
        try:
            await tsleep(self.changed)
        finally:
            awaited.remove(self)

    @property
    def in_front(self) -> bool:
        """Whether a command in the foreground waits for it."""
        return self.job() is None

    @property
    def behind(self) -> bool:
        """Whether it has not yet taken what it was given."""
        return bool(self.waiting)

    def _write(self) -> None:
        """Write what waits, and close its input after the last of it."""
        try:
            while self.waiting and not self.done:
                del self.waiting[: os.write(self.stdin, self.waiting[:_CHUNK])]
                self.stirred = time.monotonic()
        except BlockingIOError:
            self.clock.writers[self.stdin] = self._write
            return
        except OSError:  # it reads no more
            self.done = True
        self.clock.writers.pop(self.stdin, None)
        if (self.ended or self.done) and self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1
            self.waiting.clear()
            self.done = True
            if self.ended and self.exit is None and self.stdout is None and self.running:
                self._reap()
        self.changed.wakeup()

    def _read(self) -> None:
        """It has written something, or closed its output."""
        assert self.stdout is not None
        assert self.target is not None
        data = os.read(self.stdout, _CHUNK)
        self.stirred = time.monotonic()
        try:
            if data:
                self.target.feed(data)
                if not self.target.done:
                    return
            self.target.end()
        except Exception as failure:  # the clock called us: whoever waits for the program is told
            self.failure = failure
        self.clock.readers.pop(self.stdout)
        os.close(self.stdout)
        self.stdout = None
        if self.exit is None and self.running:
            self._reap()
        self.changed.wakeup()

    def _read_complaints(self) -> None:
        """It has written to its standard error, or closed it."""
        assert self.stderr is not None
        assert self.complain is not None
        data = os.read(self.stderr, _CHUNK)
        if data:
            return self.complain(data)
        self.clock.readers.pop(self.stderr)
        os.close(self.stderr)
        self.stderr = None
        self.changed.wakeup()

    def _reap(self) -> None:
        """It has ended: how?"""
        _, status = os.waitpid(self.pid, 0)
        self.running = False
        code = os.waitstatus_to_exitcode(status)
        self.status = 128 - code if code < 0 else code
        if self.exit is not None:
            self.clock.readers.pop(self.exit)
            os.close(self.exit)
            self.exit = None
        self.done = True
        self._write()


def _spawn(argv: list[str], piped: bool, watched: bool) -> tuple[int, int, int | None, int | None]:
    """Start a program; its pid, the descriptor that feeds it, those of its output and of its complaints."""
    stdin, feed = os.pipe()
    outputs = [os.pipe() if wanted else None for wanted in (piped, watched)]
    actions = [(os.POSIX_SPAWN_DUP2, stdin, 0)]
    actions += [(os.POSIX_SPAWN_DUP2, pipe[1], number) for number, pipe in enumerate(outputs, 1) if pipe is not None]
    ours = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
    try:
        pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions, setsigdef=ours)
    except OSError:
        for descriptor in (feed, *(pipe[0] for pipe in outputs if pipe is not None)):
            os.close(descriptor)
        raise
    finally:
        for descriptor in (stdin, *(pipe[1] for pipe in outputs if pipe is not None)):
            os.close(descriptor)
    read, complaints = (pipe[0] if pipe is not None else None for pipe in outputs)
    return pid, feed, read, complaints


def _exit_descriptor(pid: int) -> int | None:
    """A descriptor that is readable once the program has ended; only Linux has such."""
    if not hasattr(os, "pidfd_open"):
        return None
    with suppress(OSError):
        return os.pidfd_open(pid)
    return None
