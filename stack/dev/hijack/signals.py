"""`signal`: handlers find the thread outside of its questions to the lab; alarms ring in its time."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterable
from functools import partial
from math import ceil
from operator import index
from types import FrameType
from typing import cast

from stack.dev.hijack import gate
from stack.dev.hijack.door import Door


def install(door: Door) -> None:
    """Let whoever asks `signal` have these."""
    vars(signal).update({**_handlers(), **_alarms(door), **_waits(door)})
    signal.signal(signal.SIGINT, signal.getsignal(signal.SIGINT))


def _handlers() -> dict[str, object]:
    """A handler may ask the lab something, though the thread may be in the midst of a question."""
    set_handler = cast(Callable[[int, object], object], signal.signal)
    get_handler = cast(Callable[[int], object], signal.getsignal)
    handlers: dict[int, object] = {}

    def on(signalnum: int, handler: object) -> object:
        def run(number: int, frame: FrameType | None) -> None:
            gate.here().interrupt(partial(cast(Callable[[int, FrameType | None], object], handler), number, frame))

        before = of(signalnum)
        set_handler(signalnum, run if callable(handler) else handler)
        handlers[signalnum] = handler
        return before

    def of(signalnum: int) -> object:
        return handlers[signalnum] if signalnum in handlers else get_handler(signalnum)

    def always(signalnum: int, flag: bool) -> None:
        """Signals always interrupt: or else who waits for the lab would not hear of them."""

    return {"signal": on, "getsignal": of, "siginterrupt": always}


def _waits(door: Door) -> dict[str, object]:
    """What stands in for pause, and for waiting for signals that are blocked, which nothing interrupts."""
    real_wait, real_timed = signal.sigwait, signal.sigtimedwait

    def pause() -> None:
        way = door.gate()
        handled = way.handled
        while way.handled == handled:
            way.poll((), {}, None, outside=False)

    def until(sigset: Iterable[int], deadline: float | None) -> None:
        way, wanted = door.gate(), set(sigset)
        while not wanted & signal.sigpending() and (deadline is None or way.now < deadline):
            way.poll((), {}, deadline, outside=True)

    def sigwait(sigset: Iterable[int]) -> signal.Signals:
        until(sigset, None)
        return cast(signal.Signals, real_wait(sigset))

    def sigwaitinfo(sigset: Iterable[int]) -> object:
        until(sigset, None)
        return real_timed(sigset, 0)

    def sigtimedwait(sigset: Iterable[int], timeout: float) -> object:
        if timeout < 0:
            raise ValueError("timeout must be non-negative")
        until(sigset, door.gate().now + timeout)
        return real_timed(sigset, 0)

    return {"pause": pause, "sigwait": sigwait, "sigwaitinfo": sigwaitinfo, "sigtimedwait": sigtimedwait}


def _alarms(door: Door) -> dict[str, object]:
    """What stands in for signal's alarm and timers: they ring in the lab's time."""
    real_set, real_get = signal.setitimer, signal.getitimer

    def ask(name: str, *arguments: float) -> tuple[float, float]:
        return cast(tuple[float, float], door.gate().call(name, *arguments))

    def setitimer(which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        if which != signal.ITIMER_REAL:
            return real_set(which, seconds, interval)
        if seconds < 0 or interval < 0:
            raise signal.ItimerError(errno.EINVAL, os.strerror(errno.EINVAL))
        return ask("setitimer", float(seconds), float(interval))

    def getitimer(which: int) -> tuple[float, float]:
        return real_get(which) if which != signal.ITIMER_REAL else ask("getitimer")

    def alarm(seconds: int) -> int:
        return ceil(ask("setitimer", float(index(seconds)), 0.0)[0])

    return {"setitimer": setitimer, "getitimer": getitimer, "alarm": alarm}
