"""`_thread`: each thread of a program is one of the lab's, too, and a lock is waited for in the lab's time.

A lock costs no system call, unless somebody has to wait: then he is parked (BSD's _lwp_park(2)) until the one who
releases it wakes him.
"""

from __future__ import annotations

import _thread
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Unpack

from stack.dev.hijack import tracebacks
from stack.dev.hijack.gate import Gate, here, stand

TIMEOUT_MAX = _thread.TIMEOUT_MAX
_RealLock = _thread.allocate_lock
_real_start = _thread.start_new_thread

Function = Callable[[Unpack[tuple[object, ...]]], object]
Birth = Callable[[], Gate]


class Lock:
    """_thread.lock."""

    __slots__ = ("__weakref__", "_lock", "_waiting")

    def __init__(self) -> None:
        self._lock = _RealLock()
        self._waiting: deque[int] = deque()  # threads, the longest first

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, and wait for it perhaps; whether we have it."""
        if self._lock.acquire(False):
            return True
        if not blocking:
            if timeout != -1:
                raise ValueError("can't specify a timeout for a non-blocking call")
            return False
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        return self._wait(None if timeout == -1 else timeout)

    def _wait(self, timeout: float | None) -> bool:
        gate = here()
        deadline = gate.deadline(timeout)
        woken = timeout is None or timeout > 0
        while True:
            self._waiting.append(gate.tid)
            if self._lock.acquire(False):  # it was released just now
                break
            if not woken:
                self._forget(gate.tid)
                return False
            try:
                woken = bool(gate.call("sleep", deadline, True))
            except BaseException:
                self._forget(gate.tid)
                raise
            self._forget(gate.tid)
        self._forget(gate.tid)
        return True

    def _forget(self, tid: int) -> None:
        with suppress(ValueError):
            self._waiting.remove(tid)

    def release(self) -> None:
        """Let it go; who has waited longest may have it."""
        self._lock.release()
        if self._waiting:
            with suppress(IndexError):
                here().call("unpark", self._waiting.popleft())

    def locked(self) -> bool:
        """Whether somebody has it."""
        return self._lock.locked()

    __enter__ = acquire

    def __exit__(self, *_: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._lock = _RealLock()
        self._waiting.clear()

    def __repr__(self) -> str:
        return f"<{'locked' if self.locked() else 'unlocked'} {type(self).__qualname__} object at {id(self):#x}>"


class RLock:
    """_thread.RLock: a lock that its owner may take again."""

    __slots__ = ("__weakref__", "_count", "_lock", "_owner")

    def __init__(self) -> None:
        self._lock = Lock()
        self._owner: int | None = None
        self._count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, once more perhaps."""
        me = _thread.get_ident()
        if self._owner == me:
            self._count += 1
            return True
        if not self._lock.acquire(blocking, timeout):
            return False
        self._owner, self._count = me, 1
        return True

    __enter__ = acquire

    def release(self) -> None:
        """Let it go, as often as it was taken."""
        if self._owner != _thread.get_ident():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._owner = None
            self._lock.release()

    def __exit__(self, *_: object) -> None:
        self.release()

    # what threading.Condition asks for

    def _is_owned(self) -> bool:
        return self._owner == _thread.get_ident()

    def _release_save(self) -> tuple[int, int | None]:
        state = self._count, self._owner
        self._count, self._owner = 0, None
        self._lock.release()
        return state

    def _acquire_restore(self, state: tuple[int, int | None]) -> None:
        self._lock.acquire()
        self._count, self._owner = state

    def _recursion_count(self) -> int:
        return self._count if self._is_owned() else 0

    def _at_fork_reinit(self) -> None:
        self._lock._at_fork_reinit()
        self._owner, self._count = None, 0


class Threads:
    """New threads; `birth` makes a gate for one."""

    def __init__(self, birth: Birth) -> None:
        self.birth = birth
        self.complain = _thread._excepthook
        self.sentinels: dict[int, Lock] = {}  # locks that are released when their thread ends

    def set_sentinel(self) -> Lock:
        """A lock that says when this thread has ended, for who joins it."""
        lock = self.sentinels[_thread.get_ident()] = Lock()
        return lock

    def start_new_thread(
        self, function: Function, args: tuple[object, ...], kwargs: dict[str, object] | None = None
    ) -> int:
        """Start a thread, which begins when the lab lets it."""
        gate = self.birth()

        def run() -> None:
            stand(gate)
            gate.enter()
            try:
                function(*args, **(kwargs or {}))
            except SystemExit:
                pass
            except BaseException as failure:
                _complain(failure, function)
            finally:
                sentinel = self.sentinels.pop(_thread.get_ident(), None)
                if sentinel is not None and sentinel.locked():
                    sentinel.release()
                gate.leave()

        return _real_start(run, ())

    def excepthook(self, args: _thread._ExceptHookArgs) -> None:
        """A thread has died of an exception."""
        tracebacks.cut(args.exc_value, args.exc_traceback)
        self.complain(args)

    def install(self) -> None:
        """Let whoever asks `_thread` have these."""
        new: dict[str, object] = {
            "allocate_lock": Lock,
            "allocate": Lock,
            "LockType": Lock,
            "RLock": RLock,
            "start_new_thread": self.start_new_thread,
            "start_new": self.start_new_thread,
            "_set_sentinel": self.set_sentinel,
            "_excepthook": self.excepthook,
        }
        for name, value in new.items():
            setattr(_thread, name, value)
        threading = sys.modules.get("threading")
        if threading is not None:  # something has loaded it before us
            for name, value in {
                "_allocate_lock": Lock, "Lock": Lock, "_CRLock": RLock, "_set_sentinel": self.set_sentinel,
                "_start_new_thread": self.start_new_thread, "excepthook": self.excepthook,
            }.items():  # fmt: skip
                setattr(threading, name, value)


def _complain(failure: BaseException, function: object) -> None:
    """A thread without a Thread has died of an exception."""
    if sys.unraisablehook is not sys.__unraisablehook__:
        sys.unraisablehook(_Unraisable(failure, function))
        return
    print(f"Exception ignored in thread started by: {function!r}", file=sys.stderr)  # Python's takes only what C made
    failure.__traceback__ = failure.__traceback__ and failure.__traceback__.tb_next  # the first is ours
    sys.__excepthook__(type(failure), failure, failure.__traceback__)


class _Unraisable:
    """What sys.unraisablehook wants to know."""

    def __init__(self, failure: BaseException, function: object) -> None:
        self.exc_type = type(failure)
        self.exc_value: BaseException | None = failure
        self.exc_traceback = failure.__traceback__
        self.err_msg: str | None = "Exception ignored in thread started by"
        self.object = function
