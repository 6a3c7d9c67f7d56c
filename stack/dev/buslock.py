"""Who may touch a bus file when (rump/net/lib/libshmif/if_shmem.c, shmif_lockbus).

    flock(2) of the file     one netsh at a time; the kernel takes it back when its holder dies
    the lock word, 0 -> 1    and no rump kernel meanwhile, which knows that word only
    the spare word           what a netsh was doing when it died: TAKING (or giving back) the lock word, or HOLDING it

What reads only need not have it, where the machine keeps the order of memory: see Ring.peek.

So a netsh that dies with the lock is found out at once by the next one: nobody else has the flock, and the spare
word says HOLDING.  Only of a rump kernel, or where a netsh died within the few instructions of TAKING, is it not
certain; then whoever has held the word for long, while nothing at all happened on the bus, is taken for dead.
The lock word must never be anything but 0 and 1: a rump kernel takes any other value for its own.

A file may be cut short while we look at it: the mapping is fenced in by libc.Guard, which see.
"""

from __future__ import annotations

import fcntl
import os
import time
from mmap import mmap
from typing import NamedTuple

from stack.dev.busring import BUS_SIZE, LOCK_AT, SPARE_AT, STATE

# All processors see the stores of one in their order, and load in the order of the program (x86's TSO).
ORDERED = os.uname().machine in ("x86_64", "i686", "i386")
TAKING, HOLDING = 1, 2
PATIENCE = 1.0  # seconds; a rump kernel holds the lock for microseconds
SHORT_PATIENCE = 0.02  # where TAKING was left behind
_PAUSE = 0.1  # who did not even try for so long has seen nothing
_TRIES = 40  # before something else is done first
_EXCLUSIVELY = fcntl.LOCK_EX | fcntl.LOCK_NB
_LOCK, _SPARE = LOCK_AT // 4, SPARE_AT // 4
_CUT = "it was cut short"
_FULL = "there is no room for it on its disk"


class BusLost(Exception):
    """The file is no bus any more; in words."""


class _Stall(NamedTuple):
    """The lock word was taken, and nothing happened on the bus."""

    since: float
    last: float  # when we last tried
    state: bytes


class BusLock:
    """The lock of a bus file that is mapped."""

    def __init__(self, fd: int, memory: mmap) -> None:
        from stack.dev import libc

        address = libc.address_of(memory)
        self.fd = fd
        self.memory = memory
        self.broken = 0  # locks that were taken from the dead
        self._words = memoryview(memory).cast("I")
        self._word = libc.Word(address + LOCK_AT)
        self._fences = libc.guard()
        self.fence = self._fences.add(address, BUS_SIZE)
        self._stall: _Stall | None = None

    @property
    def atomic(self) -> bool:
        """Whether rump kernels are kept out for certain."""
        return self._word.atomic

    def take(self) -> bool:
        """Have the bus for ourselves; False when somebody else has it."""
        try:
            fcntl.flock(self.fd, _EXCLUSIVELY)
        except BlockingIOError:
            if not try_flock(self.fd):
                return False
        words = self._words
        left = words[_SPARE]
        words[_SPARE] = TAKING
        if not self._word.swap() and not self._take_patiently(left):
            words[_SPARE] = left
            fcntl.flock(self.fd, fcntl.LOCK_UN)
            return False
        words[_SPARE] = HOLDING
        self._stall = None
        return True

    def give(self) -> None:
        """Let the others have it again; BusLost when its memory is gone."""
        words = self._words
        words[_SPARE] = TAKING
        if ORDERED:
            words[_LOCK] = 0
        else:
            self._word.release()
        words[_SPARE] = 0
        fcntl.flock(self.fd, fcntl.LOCK_UN)
        if self.fence.hit:
            raise BusLost(self.why_lost())

    def why_lost(self) -> str:
        """What was wrong with the file when its memory could not be touched."""
        return _FULL if os.fstat(self.fd).st_size == BUS_SIZE else _CUT

    def close(self) -> None:
        """Let go of the mapping."""
        self._words.release()
        self._fences.remove(self.fence)

    def _take_patiently(self, left: int) -> bool:
        """The lock word is taken: by a rump kernel that is soon done with it, or by somebody who is dead."""
        self._word.missed()
        if left != HOLDING:
            for _ in range(_TRIES):
                os.sched_yield()
                if self._word.take():
                    return True
            if not self._is_dead(PATIENCE if left == 0 else SHORT_PATIENCE):
                return False
        self.broken += 1
        return True

    def _is_dead(self, patience: float) -> bool:
        now = time.monotonic()
        state = self.memory[STATE]
        stall = self._stall
        if stall is None or stall.state != state or now - stall.last > _PAUSE:
            stall = _Stall(now, now, state)
        self._stall = stall._replace(last=now)
        return now - stall.since >= patience


def try_flock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock out every other netsh; False when one of them does not let go just now."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            os.sched_yield()
    return False


def wait_flock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """The same, with more patience: for who joins and leaves."""
    deadline = time.monotonic() + 2 * PATIENCE
    while not try_flock(fd, kind):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True
