"""Processes: coroutines that sleep and wake on the lab's own clock (BSD kern_synch.c, kern_sig.c).

A process is a coroutine.  It waits with `await tsleep(channel, ...)`, the only trap there is, and
somebody's `channel.wakeup()` lets it go on, at the same virtual time but not in the same call:
it is queued like any software interrupt, so the waker never runs the woken.

A signal is an exception thrown in at the await (`Interrupt`); a command that catches it prints its
summary and returns, as ping.c's handler does.  The exit status of a process that does not is
128 + the signal's number, as in sh.  Only STOP and CONT are none: a process that is held goes on
where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import coroutine

from stack.callout import Callout, Callouts

SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGSTOP, SIGCONT = 1, 2, 9, 15, 17, 19
SIGNAL_NAMES = {SIGHUP: "HUP", SIGINT: "INT", SIGKILL: "KILL", SIGTERM: "TERM", SIGSTOP: "STOP", SIGCONT: "CONT"}


class Interrupt(BaseException):
    """A signal, thrown in where the process sleeps; no `except Exception` catches it by mistake."""

    def __init__(self, signal: int) -> None:
        super().__init__(f"SIG{SIGNAL_NAMES.get(signal, signal)}")
        self.signal = signal


class Killed(BaseException):
    """SIGKILL, thrown in so that `finally` is reached; nothing that catches it goes on."""


class Channel:
    """A wait channel: processes sleep on it until somebody calls `wakeup`.

    `upcall` is for those who are no process (BSD's so_upcall): called at each wakeup, it may only
    make a note and schedule something.
    """

    outside = False
    __slots__ = ("sleepers", "upcall", "wmesg")

    def __init__(self, wmesg: str) -> None:
        self.wmesg = wmesg  # what `ps` shows of a process that sleeps here
        self.sleepers: list[Proc] | None = None
        self.upcall: Callable[[], None] | None = None

    def wakeup(self) -> None:
        """Let everybody who sleeps here go on."""
        sleepers = self.sleepers
        if sleepers:
            self.sleepers = None
            for proc in sleepers:
                proc.awaken(True)
        if self.upcall is not None:
            self.upcall()


class Outside(Channel):
    """One that the real machine wakes, whatever time it is in the lab."""

    outside = True
    __slots__ = ()

    def wakeup(self) -> None:
        """Let everybody who sleeps here go on, though time may stand still."""
        for proc in self.sleepers or ():
            proc.heard = True
        super().wakeup()


Nap = tuple[tuple[Channel, ...], float | None]


@coroutine
def tsleep(*channels: Channel, timeout: float | None = None) -> Generator[Nap, bool, bool]:
    """Sleep until one of the channels is woken, or `timeout` seconds; True when woken (tsleep(9))."""
    return (yield (channels, timeout))


async def pause(seconds: float) -> None:
    """Sleep for a time (kpause(9)); 0 lets the others run."""
    await tsleep(timeout=seconds)


class Proc:
    """A process: its command line, its state, and what it holds open.

    `status` is None while it lives; then `exited` wakes whoever waits for it.  `closers` are run when
    it ends, however it ends: sockets, files and probes it opened.
    """

    __slots__ = (
        "alarm", "argv", "begun", "callouts", "channels", "closers", "coro", "exited", "failure", "heard",
        "held", "hostname", "parked", "pending", "pid", "queued", "started", "status",
    )  # fmt: skip

    def __init__(self, callouts: Callouts, pid: int, hostname: str, argv: list[str]) -> None:
        self.callouts = callouts
        self.pid = pid
        self.hostname = hostname
        self.argv = argv
        self.coro: Coroutine[Nap, bool | None, int] | None = None
        self.status: int | None = None
        self.failure: BaseException | None = None  # what it died of, when that was a defect
        self.exited = Channel("wait")
        self.closers: list[Callable[[], None]] = []
        self.channels: tuple[Channel, ...] = ()
        self.alarm: Callout | None = None
        self.queued = False  # it runs soon, or is running
        self.begun = False
        self.held = False  # it has been stopped, and runs no more until it is let go
        self.heard = False  # it is the real machine that woke it
        self.parked: bool | None = None  # it would run, woken or not
        self.pending: int | None = None  # a signal that has not been thrown yet
        self.started = callouts.now

    def start(self, coro: Coroutine[Nap, bool | None, int]) -> None:
        """Begin to run it, soon."""
        self.coro = coro
        self.awaken(False)

    @property
    def state(self) -> str:
        """As ps(1): R runs, S sleeps, T is held, Z is over."""
        return "Z" if self.status is not None else "T" if self.held else "R" if self.queued else "S"

    @property
    def wmesg(self) -> str:
        """What it waits for, in a word."""
        return self.channels[0].wmesg if self.channels else "-" if self.queued else "nanosleep"

    def awaken(self, woken: bool) -> None:
        """Queue it to run: True when a channel woke it, False when its time is up."""
        if self.queued or self.status is not None:
            return
        self.queued = True
        for channel in self.channels:
            if channel.sleepers is not None and self in channel.sleepers:
                channel.sleepers.remove(self)
        self.channels = ()
        if self.alarm is not None:
            self.alarm.stop()
            self.alarm = None
        self.callouts.soon(self._woken if woken else self._timed_out)

    def resume(self) -> None:
        """Run it now and out of turn, if it sleeps: for news that are no event of the lab."""
        if not self.queued and self.status is None:
            self.awaken(True)
            self.callouts.ready.pop()()

    def signal(self, signal: int) -> None:
        """Send it a signal; harmless when it is over.  One that is held goes on, to hear of it."""
        if self.status is not None:
            return
        self.held = signal == SIGSTOP
        if signal not in (SIGSTOP, SIGCONT):
            self.pending = signal
        if self.parked is not None and not self.held:
            self.callouts.soon(self._woken if self.parked else self._timed_out)
            self.parked = None
        elif self.pending is not None:
            self.awaken(False)

    def _woken(self) -> None:
        self._run(True)

    def _timed_out(self) -> None:
        self._run(False)

    def _run(self, woken: bool) -> None:
        """Run to the next sleep, or to the end."""
        coro, signal = self.coro, self.pending
        if coro is None or self.status is not None:
            return
        if self.held:
            self.parked = woken
            return
        self.pending, self.heard = None, False
        try:
            if signal == SIGKILL:
                coro.throw(Killed)  # not close(): that does not reach into asynchronous generators
                return self._exit(128 + SIGKILL)
            if signal is not None:
                channels, timeout = coro.throw(Interrupt(signal))
            elif self.begun:
                channels, timeout = coro.send(woken)
            else:
                self.begun = True
                channels, timeout = coro.send(None)
        except StopIteration as stop:
            return self._exit(stop.value)
        except Killed:
            return self._exit(128 + SIGKILL)
        except Interrupt as interrupt:
            return self._exit(128 + interrupt.signal)
        except Exception as failure:  # a defect in a command ends that command, never the lab
            self.failure = failure
            return self._exit(1)
        except BaseException:  # all of the program is told to end, and finds no process that never does
            self._exit(1)
            raise
        self.queued = False
        if self.pending is not None:  # a signal came while it ran
            self.awaken(False)
        else:
            self._sleep(channels, timeout)

    def _sleep(self, channels: tuple[Channel, ...], timeout: float | None) -> None:
        self.channels = channels
        for channel in channels:
            if channel.sleepers is None:
                channel.sleepers = []
            channel.sleepers.append(self)
        if timeout is not None:
            self.alarm = self.callouts.schedule(max(timeout, 0.0), self._alarm)

    def _alarm(self) -> None:
        self.alarm = None
        self.awaken(False)

    def __del__(self) -> None:
        """A lab is thrown away while this lives: unwind from the inside, as a kill does.

        Left to the collector, coroutines and asynchronous generators are closed in any order, and complain.
        """
        if self.status is None and self.coro is not None:
            self.pending, self.held = SIGKILL, False
            self._run(False)

    def _exit(self, status: int) -> None:
        self.status = status
        self.coro = None
        for close in reversed(self.closers):
            try:
                close()
            except Exception as failure:  # the others must have their turn
                self.failure = self.failure or failure
        self.closers.clear()
        self.exited.wakeup()
