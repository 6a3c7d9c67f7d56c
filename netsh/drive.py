"""The drive: it lets a lab's events happen, and can stop between two of them or in the midst of one.

The lab `stands` still when somebody said `pause` or a breakpoint was reached.  Then only the shell goes on: the
calls that wait in the lab's `ready` queue and belong to commands in the foreground, and the chores of sessions.  All
else waits, in the queue and in the heap, as it was.

A stop in the midst of an event leaves the stack's calls standing: where one may come, events happen in a greenlet of
their own, and a breakpoint switches back to ours.  Nobody else pays for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from netsh.events import event_of
from stack.callout import Callouts
from stack.kern.proc import Channel, Killed, Proc
from stack.lab import Lab, Stop

_AT_ONCE = 256  # events of a long step between two looks at the shell


class Halted(Exception):
    """The lab stands still now, before the next event."""


class Step:
    """So many events, or all until a time, or what a breakpoint ends; `done` of them have happened."""

    def __init__(self, events: int | None = None, until: float | None = None) -> None:
        self.events = events
        self.until = until
        self.done = 0
        self.last = ""  # what the last event was
        self.over: Callable[[], bool] = lambda: False  # whether there is nothing more to wait for

    @property
    def left(self) -> int:
        """How many events it may still take."""
        return _AT_ONCE if self.events is None else self.events - self.done


class Drive:
    """Moves the events of one lab after the other."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.stands = False
        self.armed = False  # somebody may stop it in mid-air
        self.stepping: Step | None = None
        self.halted = Channel("halted")  # woken when the lab stands still, again perhaps
        self.is_live: Callable[[Proc], bool] = lambda proc: not proc.hostname  # whether it goes on all the same
        self.stopped: Callable[[Stop], None] = lambda stop: None  # told of a stop in mid-air
        self.flying: Any = None  # the greenlet that events happen in right now
        self.flight: Any = None  # the one that stands in the midst of an event
        self.chores: deque[Callable[[], None]] = deque()

    @property
    def callouts(self) -> Callouts:
        """The lab's."""
        return self.lab.callouts

    def use(self, lab: Lab) -> None:
        """Go on in another lab, which runs."""
        self.abandon()
        self.lab.stopped = None
        self.stands, self.stepping = False, None
        self.lab = lab

    @property
    def state(self) -> str:
        """How it stands, in a word or two; "" while time goes on."""
        if not self.stands and self.stepping is None:
            return ""
        stop = self.lab.stopped
        return "paused" if stop is None else f"stopped in {stop.function} on {stop.host}"

    # -- time goes on ---------------------------------------------------------------------------------

    def next_due(self) -> float | None:
        """As Callouts.next_due; what stands in mid-air comes first."""
        callouts = self.lab.callouts
        return callouts.now if self.flight is not None else callouts.next_due()

    @property
    def busy(self) -> bool:
        """Whether something is to be done at once."""
        if not self.stands:
            return bool(self.callouts.ready)
        return bool(self.chores) or any(map(self._is_live, self.callouts.ready))

    def advance(self, until: float | None, budget: int) -> bool:
        """As Callouts.advance; nothing happens while the lab stands still."""
        if self.stands:
            return False
        if self.armed or self.flight is not None:
            return self._advance(until, budget)
        try:
            return self.lab.callouts.advance(until, budget)
        except Halted:
            return not self.stands

    def call(self, function: Callable[[], None]) -> None:
        """Let something happen in the lab that is no event of it: a device has news."""
        if self.stands and self.stepping is None:
            return
        if not self.armed:
            return function()
        self._guarded(lambda: self._fly(function))

    def _advance(self, until: float | None, budget: int) -> bool:
        callouts = self.callouts
        if self.flight is None and not self.armed:
            return self._guarded(lambda: callouts.advance(until, budget))
        return self._guarded(lambda: self._fly(lambda: callouts.advance(until, budget)))

    def _guarded(self, work: Callable[[], object]) -> bool:
        """Work until somebody wants it no more; whether there is more to do at once."""
        try:
            return bool(work())
        except Halted:
            return not self.stands

    def _fly(self, work: Callable[[], object]) -> object:
        """Work in a greenlet that may stop; the one that stands in mid-air has to go on first."""
        from greenlet import greenlet

        standing, self.flight = self.flight, None
        self.flying = standing or greenlet(work)
        try:
            result = self.flying.switch()
            if not self.flying.dead:
                self.flight = self.flying
                self._stop(result)
                return False
            return True if standing is not None else result
        finally:
            self.flying = None

    def arm(self, armed: bool) -> None:
        """Somebody may want to stop in mid-air, from the next event on; or nobody any more."""
        if armed and not self.armed and not self.stands:
            self.callouts.ready.appendleft(self._halt)
        self.armed = armed

    # -- time stands still ----------------------------------------------------------------------------

    def pause(self) -> None:
        """Stand still after the event that happens right now."""
        if not self.stands:
            self.stands = True
            self.callouts.ready.appendleft(self._halt)
            self.halted.wakeup()

    def stop(self, stop: Stop) -> None:
        """Stand still in the midst of an event; return when it goes on.  Only what flies can be stopped."""
        if self.can_stop:
            self.flying.parent.switch(stop)

    @property
    def can_stop(self) -> bool:
        """Whether the one who asks happens in the lab, and not in a command that only looks at it."""
        if self.flying is None:
            return False
        from greenlet import getcurrent

        return getcurrent() is self.flying

    def _stop(self, stop: Stop) -> None:
        self.stands = True
        self.stepping = None
        self.lab.stopped = stop
        self.halted.wakeup()
        self.stopped(stop)

    def go(self) -> None:
        """Time goes on."""
        self.stands, self.stepping, self.lab.stopped = False, None, None

    def abandon(self) -> None:
        """What stands in mid-air comes down: its calls end here."""
        flight, self.flight = self.flight, None
        if flight is not None:
            self.callouts.ready.appendleft(self._halt)
            self._guarded(lambda: _kill(flight))
            self._forget_halt()

    def _halt(self) -> None:
        raise Halted

    def _forget_halt(self) -> None:
        """It came too late: all had ended without it."""
        ready = self.callouts.ready
        if ready and ready[0] == self._halt:
            ready.popleft()

    # -- what goes on all the same --------------------------------------------------------------------

    def soon(self, chore: Callable[[], None]) -> None:
        """Do something of a session's in its turn, whether time stands or not."""
        self.chores.append(chore)
        self.callouts.soon(self.do_chores)

    def do_chores(self) -> None:
        """Do what sessions want done."""
        while self.chores:
            self.chores.popleft()()

    def settle(self) -> None:
        """While time stands still: do all that is the shell's, which takes no time."""
        self._forget_halt()
        self._wake()
        while (call := self._next_live()) is not None:
            call()
            self._wake()
        self.do_chores()

    def hear(self) -> None:
        """While programs compute: whom the real machine has woken goes on, though the lab stands still."""
        ready = self.callouts.ready
        for call in [call for call in ready if _has_heard(call)]:
            if call in ready and not self.stands:
                ready.remove(call)
                self.call(call)

    def _wake(self) -> None:
        """Who of the shell sleeps for no time at all has slept enough."""
        now = self.callouts.now
        for proc in list(self.lab.procs.values()):
            if proc.alarm is not None and proc.alarm.due <= now and self.is_live(proc):
                proc.awaken(False)

    def _next_live(self) -> Callable[[], None] | None:
        ready = self.callouts.ready
        for at, call in enumerate(ready):
            if self._is_live(call):
                del ready[at]
                return call
        return None

    def _is_live(self, call: Callable[[], None]) -> bool:
        owner = getattr(call, "__self__", None)
        return isinstance(owner, Proc) and self.is_live(owner)

    def rests(self, proc: Proc) -> bool:
        """Whether a process cannot go on before time does: it sleeps in the lab, or is itself in mid-air."""
        if proc.status is not None:
            return False
        if proc.queued:
            return not any(getattr(call, "__self__", None) is proc for call in self.callouts.ready)
        return not proc.channels or not all(channel.outside for channel in proc.channels)

    # -- steps ----------------------------------------------------------------------------------------

    def step_some(self, budget: int, until: float | None = None) -> None:
        """Take some of the step's events; it is over when it has had all of them, or there are no more.

        `until` is for who looks at the real machine before what comes later: then there may be more.
        """
        step = self.stepping
        while step is not None and step is self.stepping and budget > 0:
            wanted = min(step.left, _AT_ONCE if step.until is not None else 1)
            ends = step.until if until is None else until
            if wanted <= 0 or step.over():
                return self._step_over(step)
            if not self._events(step, wanted, ends):
                return self._step_over(step) if until is None else None
            budget -= wanted
            self.settle()
        return None

    def _events(self, step: Step, count: int, until: float | None) -> bool:
        """Some events of the lab, if there are any before that."""
        callouts, flight = self.callouts, self.flight
        due = self.next_due()
        if due is None or (until is not None and due > until):
            return False
        step.last = event_of(callouts) if flight is None else "the event in hand"
        before = callouts.events
        self.stands = False
        try:
            if flight is not None:
                callouts.ready.appendleft(self._halt)
            self._advance(due if until is None else until, count)
            if flight is not None:
                self._forget_halt()
        finally:
            self.stands = True
        step.done += callouts.events - before if flight is None else 1
        return True

    def _step_over(self, step: Step) -> None:
        self.stepping = None
        if step.until is not None and self.callouts.now < step.until:
            self.callouts.advance(step.until, 0)
        self.halted.wakeup()


def _has_heard(call: Callable[[], None]) -> bool:
    owner = getattr(call, "__self__", None)
    return isinstance(owner, Proc) and owner.heard


def _kill(flight: Any) -> None:
    try:
        flight.throw(Killed)
    except Killed:
        return
