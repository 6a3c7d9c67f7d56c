"""The drive: how the lab's virtual time moves along, in real time or as fast as it goes.

    real    a second is a second: timers follow the wall clock
    x0.1    the same, slower or quicker by that factor
    fast    time jumps from event to event, and stands still when nobody waits for anything

This is the one loop that waits for the real machine: descriptors of devices, standard input, programs
behind a `|`, and signals.  A lab with a device in it, or with a socket of the machine's, runs in real time,
whatever is asked for.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from netsh.drive import Drive, Step
from netsh.mode import parse_mode
from netsh.patience import Patience
from netsh.signals import Signals
from stack.kern.pipe import Pipe
from stack.kern.proc import Proc
from stack.lab import Lab

BUDGET = 5000  # pieces of work between two looks at the real machine
_TURN = 0.005  # real seconds of work between the same two looks, in real time: frames and keys wait for us there
_PIECES = 16  # of work between two looks at the time: one may be a burst of frames
_CHUNK = 65536
_GRACE, _AGAIN = 0.05, 0.5  # seconds for a signal that is on its way to a program, and until we ask again for one
_LONGEST_WAIT = 3600.0  # poll(2) takes no more than 24 days


class Clock:
    """Moves a lab's time."""

    def __init__(self, lab: Lab, mode: str = "fast", signals: Signals | None = None) -> None:
        self.lab = lab
        self.drive = Drive(lab)
        self.soon = self.drive.soon  # a chore of a session, done whether time stands or not
        self.signals = signals or Signals()
        self.asked = parse_mode(mode)
        self.inputs: dict[int, Pipe] = {}  # descriptors that are read while a process sleeps on their pipe
        self.readers: dict[int, Callable[[], None]] = {}  # what the shell itself waits for
        self.writers: dict[int, Callable[[], None]] = {}
        self.patience = Patience()  # with programs behind a `|`
        self.served = False  # others look on, who cannot know when time would jump
        self.rests = False  # there was nothing more to do in this turn
        self.stop_key: Callable[[], None] = lambda: None  # Ctrl-Z was pressed
        self.before_waiting: Callable[[], None] = lambda: None  # whatever is buffered should be seen now
        self.at_rest: Callable[[], bool] = lambda: False  # time stands, nobody can go on: whether that helps somebody
        self._poller = select.poll()
        self._polled: tuple[dict[int, int], tuple[int, int] | None] = {}, None
        self._rate = self.asked
        self._pieces = _PIECES
        self._step: Step | None = None  # that of the real clock, which began at
        self._wall = 0.0  # this reading of the wall clock, which was
        self._virtual = 0.0  # that time in the lab
        self._rebase()

    @property
    def mode(self) -> str:
        """The mode in force, as it is typed."""
        rate = self.rate
        return "fast" if rate is None else "real" if rate == 1.0 else f"x{rate:g}"

    @property
    def rate(self) -> float | None:
        """Virtual seconds a real second; None in fast time."""
        return 1.0 if self.lab.has_devices else self.asked

    def set_mode(self, text: str) -> None:
        """Change the mode; ValueError when it cannot be had."""
        asked = parse_mode(text)
        if self.lab.has_devices and asked != 1.0:
            raise ValueError("a lab with a real device, bus file or socket in it runs on the real clock")
        if self.served and asked is None:
            raise ValueError("a served lab follows the wall clock: real, or a rate such as x10")
        self.asked = asked
        self._rebase()

    def use(self, lab: Lab) -> None:
        """Drive another lab from now on."""
        self.lab = lab
        self.drive.use(lab)
        self._rebase()

    def feed(self, pipe: Pipe, descriptor: int) -> None:
        """Read a descriptor into a pipe whenever a process waits for that."""
        self.inputs[descriptor] = pipe

    def forget(self, pipe: Pipe) -> None:
        """Nobody will read the pipe any more: close its descriptor."""
        for descriptor in [descriptor for descriptor, fed in self.inputs.items() if fed is pipe]:
            del self.inputs[descriptor]
            os.close(descriptor)

    def go(self) -> None:
        """Time goes on, if it stood still."""
        self.drive.go()
        self._rebase()

    def reading(self) -> float:
        """What time it is in the lab, by the wall clock."""
        step = self.drive.stepping
        if (self.drive.stands or step is not None) and (step is None or step is not self._step):
            return self.lab.callouts.now
        reading = self._virtual + (time.monotonic() - self._wall) * (self._rate or 0.0)
        return reading if step is None or step.until is None else min(reading, step.until)

    def _rebase(self) -> None:
        """From here on, count from this very moment."""
        self._rate = self.rate
        self._wall = time.monotonic()
        self._virtual = self.lab.callouts.now

    # -- a command in the foreground ------------------------------------------------------------------

    def run(self, proc: Proc, stuck: Callable[[], None]) -> int:
        """Move time until a process is over, and return its status.

        A signal goes to the process.  `stuck` is called when, in fast time, nothing can ever happen again.
        """
        signals = self.signals
        before, signals.running = signals.running, True
        signals.arm()
        if signals.pending == signal.SIGINT and not before:
            signals.take()  # it was meant for something that is over
        try:
            while proc.status is None:
                self.run_some(proc, stuck)
            return proc.status
        finally:
            signals.running = before

    def run_some(
        self, proc: Proc, stuck: Callable[[], None], *, budget: int = BUDGET, longest: float | None = None
    ) -> None:
        """Some of that: so many pieces of work, and a wait, so many seconds at the longest."""
        number = self.signals.take()
        if number == signal.SIGTSTP:
            self.stop_key()
        elif number is not None:
            proc.signal(number)
            self.drive.advance(self.lab.callouts.now, BUDGET)  # even while a program computes
        descriptors = self.descriptors()
        if descriptors:
            self._poll(descriptors, 0.0)
        if self.drive.stands:
            return self._stand(proc, budget, longest)
        wait = self._advance(budget, proc)
        if proc.status is not None or wait == 0.0 or self.signals.pending is not None:
            return
        if wait is None and self.rate is None and not self._hopeful():
            if not self.lab.programs.expecting or not self._poll(self.descriptors(), _GRACE):
                stuck()
        else:
            self.before_waiting()
            programs = self.lab.programs
            held = self.rate is None and programs.held
            if held:
                wait = programs.look(time.monotonic(), self.lab.callouts.now)
            elif wait is None and programs.expecting:
                wait = _AGAIN
            if longest is not None:
                wait = longest if wait is None else min(wait, longest)
            if self._poll(self.descriptors(), wait):
                self.drive.hear()
            elif held:
                programs.look(time.monotonic(), self.lab.callouts.now)

    def _stand(self, proc: Proc, budget: int, longest: float | None) -> None:
        """Time stands still: let the shell go on, and wait for the real machine."""
        wait = self._rest(budget)
        if wait != 0.0 and proc.status is None and self.signals.pending is None:
            self.before_waiting()
            self._poll(self.descriptors(), min((each for each in (wait, longest) if each is not None), default=None))

    def _rest(self, budget: int) -> float | None:
        """While time stands still: do what takes none, or some of a step; the seconds until more is to be done."""
        self.drive.settle()
        step = self.drive.stepping
        if step is None:
            return None if self.drive.stands and not self.at_rest() else 0.0
        if not self.lab.has_devices:
            self.drive.step_some(budget)
            return 0.0
        return self._step_with_devices(step, budget)

    def _step_with_devices(self, step: Step, budget: int) -> float:
        """Some of a step where frames may come from outside: those that have come are the first; time is real."""
        if self._step is not step and step.until is not None:
            self._step = step
            self._rebase()
        self._poll(self.descriptors(), 0.0)
        if step.until is None or self.drive.flight is not None:
            self.drive.step_some(1)
            return 0.0
        reading, due = self.reading(), self.drive.next_due()
        if due is not None and due <= reading:
            self.drive.step_some(budget, due)  # of this moment: devices answer at once
            return 0.0
        if reading < step.until:
            return (step.until if due is None else min(due, step.until)) - reading
        self.drive.step_some(budget)
        return 0.0

    def _hopeful(self) -> bool:
        """Whether the real machine may still bring something, when nothing is pending in the lab."""
        programs = self.lab.programs
        if programs.computing or programs.outside or len(self.descriptors()) > len(programs.readers):
            return True
        return any(expects() for expects in programs.expecting)

    def _advance(self, budget: int, proc: Proc | None) -> float | None:
        """Do what is due; returns the real seconds until more is, 0 when more is now, None for never."""
        if self.rate != self._rate:
            self._rebase()
        self.lab.programs.rate = self._rate
        return self._advance_fast(budget, proc) if self._rate is None else self._advance_real(budget, self._rate)

    def _advance_fast(self, budget: int, proc: Proc | None) -> float | None:
        callouts, programs = self.lab.callouts, self.lab.programs
        limit = callouts.events + budget
        while callouts.events < limit and (proc is None or proc.status is None):
            if programs.held:
                return None  # nothing else happens, and time stands still
            due = self.drive.next_due()
            if due is None or (programs.computing and due > callouts.now):  # a thread may wait for another one
                return None
            if self.patience.awaited and (left := self.patience.left(callouts.now, due)):
                return left
            self.drive.advance(due, 1 if programs.readers else limit - callouts.events)
            if callouts is not self.lab.callouts or self.rate is not None or self.drive.stands:
                break
            if not callouts.ready and (programs.outside or len(self.descriptors()) > len(programs.readers)):
                break  # before time jumps, whoever waits for the real machine gets what is there
        return 0.0

    def _advance_real(self, budget: int, rate: float) -> float | None:
        callouts, now = self.lab.callouts, time.monotonic()
        until = now + _TURN
        callouts.clock = self.reading
        try:
            while self.drive.advance(self.reading(), min(budget, self._pieces)):
                budget -= self._pieces
                before, now = now, time.monotonic()
                if now - before > _TURN / 4:  # those were long bursts
                    self._pieces = max(self._pieces // 2, 1)
                elif self._pieces < _PIECES:
                    self._pieces += 1
                if budget <= 0 or now >= until or callouts is not self.lab.callouts:
                    return 0.0
            if self.drive.stands:
                return 0.0
        finally:
            callouts.clock = None
        if callouts is not self.lab.callouts:
            return 0.0
        due = callouts.next_due()
        return None if due is None else max((due - self.reading()) / rate, 0.0)

    def turn(self, budget: int, settle: Callable[[], None], longest: float, *, alone: bool = False) -> None:
        """Do what is due, let it `settle`, and wait for more: for who drives a lab and waits for no process.

        The machine is asked once a turn, and not again before what it brought is done.  With nobody else there
        (`alone`) many turns may be made as one.
        """
        if self.drive.stands:
            wait = self._rest(budget)
        else:
            wait = self._advance(budget, None)
        self.rests = wait != 0.0 and not self.drive.busy
        settle()
        if self.drive.busy or self.signals.pending is not None:
            wait = 0.0
        self._poll(self.descriptors(), longest if wait is None else min(wait, longest))
        if alone and not self.lab.procs and self._rate == 1.0 and self.descriptors() == self._polled[0]:
            self._relay(longest)  # nobody has come meanwhile

    def _relay(self, longest: float) -> None:
        """Go on as long as devices bring frames and nothing else happens: no process runs, nobody looks on.

        A router that is a process of its own among hundreds wakes for each frame, and finds nothing of what it
        needs in the processor's caches: each function that it has to call takes a microsecond more than usual.  So
        this does what `turn` would do, and asks for none of what cannot have changed.  Whatever it does not know is
        still there to be polled in the next turn.
        """
        lab, drive, poller, reading = self.lab, self.drive, self._poller, self.reading
        callouts, readers = lab.callouts, lab.readers
        count = len(readers)
        callouts.clock = reading
        try:
            while not (lab.procs or lab.writers or drive.armed or drive.stands or drive.stepping):
                if callouts.advance(reading(), _PIECES) or len(readers) != count:
                    return
                due = callouts.next_due()
                wait = longest if due is None else min(longest, due - callouts.now)
                if wait < 0.001 or self.signals.pending is not None:
                    return
                ready = poller.poll(int(wait * 1000))
                if not ready:
                    return
                callouts.now = max(callouts.now, reading())
                for descriptor, events in ready:
                    reader = readers.get(descriptor)
                    if reader is None or events != select.POLLIN:
                        return
                    reader()
        finally:
            callouts.clock = None

    def linger(self, busy: Callable[[], bool], seconds: float) -> None:
        """While somebody is busy, give programs behind a `|` real time, of which there is none in fast time."""
        callouts, deadline = self.lab.callouts, time.monotonic() + seconds
        while self.rate is None and self.signals.pending is None:
            self.drive.advance(callouts.now, BUDGET)
            left = deadline - time.monotonic()
            if left <= 0 or not busy() or not (self.readers or self.writers):
                return
            self.before_waiting()
            self._poll(self.descriptors(), left)

    # -- a prompt, whose own loop waits ---------------------------------------------------------------

    def pump(self, budget: int = BUDGET) -> float | None:
        """Do what is due now and return; the seconds until there is more to do, None when only a descriptor
        can bring some.  In fast time nothing moves while nobody waits."""
        descriptors = self.descriptors()
        if descriptors:
            self._poll(descriptors, 0.0)
        if self.drive.stands:
            return self._rest(budget)
        if self.rate is None:
            return None
        return self._advance(budget, None)

    def descriptors(self) -> dict[int, int]:
        """What is waited for on the real machine now: descriptors, and poll(2)'s events of each."""
        stands = self.drive.stands
        silent = stands and (self.drive.stepping is None or self.drive.flight is not None)
        wanted: dict[int, int] = dict.fromkeys(() if silent else self.lab.readers, select.POLLIN)
        for readers in (() if stands else self.lab.programs.readers, self.readers):
            for descriptor in readers:
                wanted[descriptor] = select.POLLIN
        for descriptor, pipe in self.inputs.items():
            if pipe.readable.sleepers and not pipe.closed:
                wanted[descriptor] = select.POLLIN
        for writers in (() if silent else self.lab.writers, self.writers):
            for descriptor in writers:
                wanted[descriptor] = wanted.get(descriptor, 0) | select.POLLOUT
        return wanted

    def servants(self, descriptor: int) -> tuple[Callable[[], None] | None, Callable[[], None] | None]:
        """Who is called when a descriptor is readable, and when it is writable: the lab's devices come first."""
        return (
            self.lab.readers.get(descriptor)
            or self.lab.programs.readers.get(descriptor)
            or self.readers.get(descriptor),
            self.lab.writers.get(descriptor) or self.writers.get(descriptor),
        )

    def _poll(self, descriptors: dict[int, int], wait: float | None) -> bool:
        """Wait for a descriptor or a signal, and do what is to be done for each that is ready; whether one was."""
        poller = self._poller_of(descriptors)
        wait = min(wait, _LONGEST_WAIT) if wait is not None else None
        ready = poller.poll(int(wait * 1000) if wait is not None else None)
        if not ready and wait is not None and wait % 0.001 > 0:
            self._doze(descriptors, wait % 0.001)
            ready = poller.poll(0)
        if ready and self.rate is not None:
            self.lab.callouts.now = max(self.lab.callouts.now, self.reading())  # a device's frames arrive now
        for descriptor, events in ready:
            self._serve(descriptor, events)
        return bool(ready)

    def _poller_of(self, descriptors: dict[int, int]) -> select.poll:
        """Who waits for these descriptors and for signals: mostly the same as the last time."""
        wanted = descriptors, self.signals.awake
        if wanted != self._polled:
            self._polled = wanted
            self._poller = select.poll()
            for descriptor, events in descriptors.items():
                self._poller.register(descriptor, events)
            if self.signals.awake is not None:
                self._poller.register(self.signals.awake[0], select.POLLIN)
        return self._poller

    def _doze(self, descriptors: dict[int, int], seconds: float) -> None:
        """Wait for less than a millisecond: poll(2) counts those, select(2) microseconds."""
        readers = [descriptor for descriptor, events in descriptors.items() if events & select.POLLIN]
        writers = [descriptor for descriptor, events in descriptors.items() if events & select.POLLOUT]
        if self.signals.awake is not None:
            readers.append(self.signals.awake[0])
        try:
            select.select(readers, writers, (), seconds)
        except ValueError:  # a descriptor beyond what it can
            time.sleep(seconds)

    def _serve(self, descriptor: int, events: int) -> None:
        if self.signals.awake is not None and descriptor == self.signals.awake[0]:
            with suppress(BlockingIOError):
                os.read(descriptor, _CHUNK)
        if events & ~select.POLLOUT:
            reader, _ = self.servants(descriptor)
            if reader is not None:
                self._read(descriptor, reader)
            elif (pipe := self.inputs.get(descriptor)) is not None and self.signals.pending is None:
                _fill(descriptor, pipe)  # what was typed behind Ctrl-C is not for what that ends
        if events & ~select.POLLIN:
            _, writer = self.servants(descriptor)  # after the reader, which may have closed it
            if writer is not None:
                writer()

    def _read(self, descriptor: int, reader: Callable[[], None]) -> None:
        """Somebody's descriptor is readable: what a device brings happens in the lab."""
        if descriptor in self.lab.readers or descriptor in self.lab.programs.readers:
            self.drive.call(reader)
        else:
            reader()


def _fill(descriptor: int, pipe: Pipe) -> None:
    """Bytes for a process that reads our standard input, or their end."""
    try:
        data = os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return
    except OSError:
        data = b""
    if data:
        pipe.write(data)
    else:
        pipe.close()
