"""What all parts of a program share: the way into the lab, and which descriptors are the lab's."""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast
from weakref import WeakSet

from stack.dev.hijack.gate import Gate, Wanted, Ways

_close, _real_poll = os.close, select.poll  # before they are replaced
_USES = {"recv": select.POLLIN, "recvfrom": select.POLLIN, "accept": select.POLLIN, "send": select.POLLOUT}
_NOWHERE = int(getattr(os, "O_PATH", os.O_RDONLY)) | os.O_CLOEXEC  # to read there is EBADF


class Watcher(Protocol):
    """Who remembers descriptors (select.epoll)."""

    def used(self, fd: int, events: int) -> None:
        """A socket is about to be read from or written to."""

    def gone(self, fd: int) -> None:
        """A descriptor was closed."""


class Door:
    """What the sockets of one program have in common: the way into the lab, and which descriptors are the lab's."""

    def __init__(self, gate: Callable[[], Gate], ways: Ways) -> None:
        self.gate = gate
        self.ways = ways
        self.kinds: dict[int, tuple[int, int, int]] = {}  # by descriptor: family, type, protocol
        self.garbage: deque[int] = deque()  # descriptors that nobody closed
        self.inner: set[int] = set()  # real descriptors at whose other end is the program itself
        self.watching: set[int] = set()  # threads that wait for real descriptors
        self.watchers: WeakSet[Watcher] = WeakSet()
        self.timeout: float | None = None  # of new sockets

    def call(self, name: str, *arguments: object) -> object:
        """A system call, after those that the collector of garbage could not make."""
        while self.garbage:
            fd = self.garbage.popleft()
            self.gate().call("close", fd, False)
            _close(fd)
        if self.watchers and name in _USES:
            for watcher in tuple(self.watchers):
                watcher.used(cast(int, arguments[0]), _USES[name])
        return self.gate().call(name, *arguments)

    def place(self, kind: tuple[int, int, int]) -> int:
        """A new descriptor: a real one, so that no other gets its number, but good for nothing."""
        fd = os.open("/dev/null", _NOWHERE)
        self.kinds[fd] = kind
        return fd

    def dup(self, fd: int) -> int:
        """One more descriptor for the same socket."""
        new = self.place(self.kinds[fd])
        self.call("dup", fd, new)
        return new

    def close(self, fd: int, *, block: bool = True) -> None:
        """Close a descriptor of the lab; SO_LINGER may have to wait."""
        try:
            self.call("close", fd, block)
        finally:
            self.forget(fd)

    def forget(self, fd: int) -> None:
        """The descriptor is closed."""
        if self.kinds.pop(fd, None) is not None:
            self.gone(fd)
            _close(fd)

    def gone(self, fd: int) -> None:
        """A descriptor is closed: nobody watches it any more, as the kernel has it."""
        for watcher in tuple(self.watchers):
            watcher.gone(fd)

    def nudge(self) -> None:
        """Something was written to a real descriptor: threads that watch such should look again."""
        if self.ways.forked:
            self.gate().news()
        elif self.watching:
            self.kick(self.watching)

    def kick(self, tids: set[int]) -> None:
        """Let threads that wait for real descriptors look again."""
        for tid in tuple(tids):
            self.call("unpark", tid)

    def told(self) -> None:
        """A real descriptor was read or closed: other processes may wait for room in a pipe, or for its end."""
        if self.ways.forked:
            self.gate().news()

    def expect(self, fd: int, events: int, timeout: float | None = None) -> None:
        """Before a call on a real descriptor that may block: among processes, wait for that in the lab's time.

        With one process it counts as computing.
        """
        if not self.ways.forked or timeout == 0.0:
            return
        try:
            blocks = os.get_blocking(fd) is (timeout is None)
        except OSError:  # the call itself says why
            return
        if blocks and not self.wait({fd: events}, timeout):
            raise TimeoutError("timed out")

    def wait(
        self, wanted: dict[int, int] | Callable[[], dict[int, int]], timeout: float | None
    ) -> list[tuple[int, int]]:
        """Which descriptors are ready for what, as poll(2); nothing when so many seconds have passed (None: never).

        What is wanted may change while we wait.
        """
        gate = self.gate()
        deadline = gate.deadline(timeout)
        changes = callable(wanted)
        mixed = callable(wanted) or not wanted.keys() <= self.kinds.keys()
        while True:
            if mixed:
                self.watching.add(gate.tid)  # before we look: what is written from now on is told to us
            try:
                now = wanted() if callable(wanted) else wanted
                lab: Wanted = tuple((fd, events) for fd, events in now.items() if fd in self.kinds)
                real = {fd: events for fd, events in now.items() if fd not in self.kinds}
                ready = _look(real)
                if ready or deadline == 0.0:
                    return [*ready, *self._poll(lab, 0.0)]
                if not real and not changes:
                    return [*self._poll(lab, deadline)]
                outer = {fd: events for fd, events in real.items() if fd not in self.inner}
                answer = gate.poll(lab, outer, deadline, outside=bool(outer))
            finally:
                self.watching.discard(gate.tid)
            if answer is not None:
                return [*answer]

    def _poll(self, lab: Wanted, deadline: float | None) -> Wanted:
        answer = self.call("poll", lab, deadline) if lab or deadline != 0.0 else ()
        assert isinstance(answer, tuple)
        return answer


def _look(real: dict[int, int]) -> list[tuple[int, int]]:
    """Which of the machine's are ready now."""
    if not real:
        return []
    poller = _real_poll()
    for fd, events in real.items():
        poller.register(fd, events)
    return poller.poll(0)
