"""`_multiprocessing`: semaphores that processes share, waited for in the lab's time."""

from __future__ import annotations

from _multiprocessing import SemLock as RealSemLock  # type: ignore[import-not-found]
from types import ModuleType

from stack.dev.hijack.door import Door


class SemLock(RealSemLock):  # type: ignore[misc]
    """A semaphore of the machine's; who releases it tells the lab."""

    door: Door

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take it, and wait for it perhaps; whether we have it."""
        if super().acquire(False):
            return True
        if not block:
            return False
        gate = self.door.gate()
        deadline = gate.deadline(None if timeout is None else max(timeout, 0.0))
        self.door.watching.add(gate.tid)
        try:
            while not super().acquire(False):
                if deadline == 0.0 or gate.poll((), {}, deadline, outside=True) == ():
                    return bool(super().acquire(False))
        finally:
            self.door.watching.discard(gate.tid)
        return True

    def release(self) -> None:
        """Let it go."""
        super().release()
        self.door.nudge()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def install(module: ModuleType, door: Door) -> None:
    """Let multiprocessing.synchronize have these."""
    module._multiprocessing.SemLock = type("SemLock", (SemLock,), {"door": door})
