"""The machine's own time, for who measures how quick the machine is (getrusage(2)).

Commands read the lab's clock, so that a run is the same on every machine; what ttcp calls real seconds is not
the lab's to say, and so it is taken here, where the real world is.
"""

from __future__ import annotations

from time import monotonic, process_time


class Stopwatch:
    """Seconds since it was made: real ones, and those that the processor worked for us."""

    __slots__ = ("_cpu", "_wall")

    def __init__(self) -> None:
        self._wall = monotonic()
        self._cpu = process_time()

    @property
    def wall(self) -> float:
        """What a clock on the wall would say."""
        return monotonic() - self._wall

    @property
    def cpu(self) -> float:
        """Time of the processor: of the whole lab, not of one of its hosts."""
        return process_time() - self._cpu
