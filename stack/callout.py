"""Callouts: the lab's one clock, and all that waits for it (BSD callout(9) and softint(9)).

Time is absolute virtual seconds.  Two things wait: functions that are to run *now*, in turn (the
software interrupts: an interface with frames, a process that woke), and functions that are to run
*later* (timers, frames on a wire).  Nothing here looks at a wall clock: a driver moves time with
`advance`, or lends a `clock` whose reading becomes `now` before each piece of work.

Equal times run in the order in which they were scheduled, so every run is the same run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush


class Callout:
    """One function that waits for its time; `stop` forgets it."""

    __slots__ = ("due", "function", "owner")

    def __init__(self, due: float, function: Callable[[], None], owner: Callouts) -> None:
        self.due = due
        self.function: Callable[[], None] | None = function
        self.owner = owner

    @property
    def pending(self) -> bool:
        """Whether it has still to run."""
        return self.function is not None

    def stop(self) -> None:
        """Forget it; harmless when it has run or was stopped before (callout_stop)."""
        if self.function is not None:
            self.function = None
            self.owner.stopped += 1


class Callouts:
    """The clock of a lab: `now`, what runs now, and what runs later."""

    __slots__ = ("clock", "events", "heap", "now", "ready", "serial", "stopped")

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.clock: Callable[[], float] | None = None
        self.ready: deque[Callable[[], None]] = deque()
        self.heap: list[tuple[float, int, Callout]] = []  # due, serial: tuples compare without a call
        self.serial = 0
        self.stopped = 0  # stopped callouts that still lie in the heap
        self.events = 0  # work done so far, for a display of events a second

    def soon(self, function: Callable[[], None]) -> None:
        """Run a function at this very time, after what already waits (softint_schedule)."""
        self.ready.append(function)

    def schedule(self, delay: float, function: Callable[[], None]) -> Callout:
        """Run a function `delay` seconds from now (callout_reset)."""
        return self.schedule_at(self.now + delay, function)

    def schedule_at(self, due: float, function: Callable[[], None]) -> Callout:
        """Run a function at an absolute time; one that has passed means as soon as may be."""
        self.serial += 1
        callout = Callout(due, function, self)
        heappush(self.heap, (due, self.serial, callout))
        if self.stopped > 64 and self.stopped * 2 > len(self.heap):
            self._prune()
        return callout

    def next_due(self) -> float | None:
        """When the next work is due (`now` if some is ready); None when nothing waits at all."""
        if self.ready:
            return self.now
        heap = self.heap
        while heap and heap[0][2].function is None:
            heappop(heap)
            self.stopped -= 1
        return heap[0][0] if heap else None

    def advance(self, until: float | None = None, budget: int = 1 << 62) -> bool:
        """Do the work due up to `until` (None: all there is), `budget` pieces at most.

        Returns True when the budget ran out with work left; else time stands at `until`.
        """
        ready = self.ready
        clock = self.clock
        while True:
            while ready:
                if budget <= 0:
                    return True
                if clock is not None and (now := clock()) > self.now:
                    self.now = now
                budget -= 1
                self.events += 1
                ready.popleft()()
            due = self.next_due()
            if due is None or (until is not None and due > until):
                if until is not None and until > self.now:
                    self.now = until
                return False
            if budget <= 0:
                return True
            callout = heappop(self.heap)[2]
            if due > self.now:
                self.now = due
            function = callout.function
            callout.function = None
            if function is not None:
                ready.append(function)

    def _prune(self) -> None:
        """Throw the stopped callouts out, when they are more than half of the heap."""
        self.heap = [entry for entry in self.heap if entry[2].function is not None]
        heapify(self.heap)
        self.stopped = 0
