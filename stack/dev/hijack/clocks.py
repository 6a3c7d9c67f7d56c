"""`time`: the clock is the lab's."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from stack.dev.hijack.door import Door

_LONGEST = 9223372036.0  # seconds that anybody can sleep: 64 bits of nanoseconds


def names(door: Door, epoch: float) -> dict[str, object]:
    """What stands in for time's own; `epoch` is the date when the lab's clock shows 0."""

    def now() -> float:
        return door.gate().now

    def date() -> float:
        return epoch + door.gate().now

    def sleep(seconds: float) -> None:
        if seconds != seconds:
            raise ValueError("Invalid value NaN (not a number)")
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        if seconds > _LONGEST:
            raise OverflowError("timestamp too large to convert to C _PyTime_t")
        way = door.gate()
        way.call("sleep", way.now + seconds, False)

    clocks = {time.CLOCK_REALTIME: date, time.CLOCK_MONOTONIC: now}
    strftime, asctime, localtime, real = time.strftime, time.asctime, time.localtime, time.clock_gettime

    def clock_gettime(clk_id: int) -> float:
        return clocks[clk_id]() if clk_id in clocks else real(clk_id)

    for name, function in (("time", date), ("sleep", sleep)):  # which are pickled by their names
        function.__module__, function.__qualname__ = "time", name
    return {
        "monotonic": now, "monotonic_ns": _whole(now), "perf_counter": now, "perf_counter_ns": _whole(now),
        "time": date, "time_ns": _whole(date), "sleep": sleep,
        "localtime": partial(_at, localtime, date), "gmtime": partial(_at, time.gmtime, date),
        "ctime": partial(_at, time.ctime, date),
        "clock_gettime": clock_gettime, "clock_gettime_ns": lambda clk_id: round(clock_gettime(clk_id) * 1e9),
        "strftime": lambda form, t=None: strftime(form, localtime(date()) if t is None else t),
        "asctime": lambda t=None: asctime(localtime(date()) if t is None else t),
    }  # fmt: skip


def install(door: Door, epoch: float) -> None:
    """Let whoever asks `time` have these."""
    vars(time).update(names(door, epoch))


def _whole(clock: Callable[[], float]) -> Callable[[], int]:
    return lambda: round(clock() * 1e9)


def _at(function: Callable[[float], object], date: Callable[[], float], seconds: float | None = None) -> object:
    """A moment in another form; without one it is now."""
    return function(date() if seconds is None else seconds)
