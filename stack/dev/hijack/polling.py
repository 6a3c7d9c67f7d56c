"""`select`: waiting for descriptors of the lab, and of the machine beside them."""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Iterable
from functools import partial
from typing import Protocol, Self

from stack.dev.hijack.door import Door

_IN, _PRI, _OUT, _ERR, _HUP = select.POLLIN, select.POLLPRI, select.POLLOUT, select.POLLERR, select.POLLHUP
_ALL = _IN | _PRI | _OUT
_ET, _ONESHOT, _CLOEXEC = (int(getattr(select, f"EPOLL{name}", 0)) for name in ("ET", "ONESHOT", "_CLOEXEC"))
_EVENTS, _END = 0xFFFF, _ERR | _HUP
_INT_MAX = 0x7FFFFFFF


class HasFileno(Protocol):
    """Whatever has a descriptor."""

    def fileno(self) -> int: ...


Descriptor = int | HasFileno


def number(thing: Descriptor) -> int:
    """The descriptor of something."""
    if not isinstance(thing, int) and not hasattr(thing, "fileno"):
        raise TypeError("argument must be an int, or have a fileno() method.")
    fd = thing if isinstance(thing, int) else thing.fileno()
    if fd < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({fd})")
    return fd


def names(door: Door) -> dict[str, object]:
    """What stands in for select's own, of what this machine has."""
    new = {
        "select": partial(choose, door),
        "poll": type("poll", (Poll,), {"door": door}),
        "epoll": type("epoll", (Epoll,), {"door": door}),
    }
    return {name: value for name, value in new.items() if hasattr(select, name)}


class Poll:
    """select.poll."""

    door: Door

    def __init__(self) -> None:
        self.wanted: dict[int, int] = {}
        self.polling = False

    def register(self, fd: Descriptor, eventmask: int = _ALL) -> None:
        """Watch a descriptor."""
        self.wanted[number(fd)] = _unsigned_short(eventmask)

    def modify(self, fd: Descriptor, eventmask: int) -> None:
        """Watch it for something else."""
        mask = _unsigned_short(eventmask)
        if number(fd) not in self.wanted:
            raise FileNotFoundError(2, "No such file or directory")
        self.wanted[number(fd)] = mask

    def unregister(self, fd: Descriptor) -> None:
        """Do not watch it any more; KeyError."""
        del self.wanted[number(fd)]

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        """Wait, so many milliseconds."""
        if timeout is not None and not isinstance(timeout, int | float):
            raise TypeError(f"{type(timeout).__name__!r} object cannot be interpreted as an integer")
        if timeout is not None and abs(timeout) > _INT_MAX:
            raise OverflowError("timeout is too large")
        if self.polling:
            raise RuntimeError("concurrent poll() invocation")
        self.polling = True
        try:
            return self.door.wait(self.wanted, None if timeout is None or timeout < 0 else timeout / 1000)
        finally:
            self.polling = False


def _unsigned_short(mask: int) -> int:
    if mask < 0:
        raise ValueError("value must be positive")
    if mask > 0xFFFF:
        raise OverflowError("Python int too large for C unsigned short")
    return mask


class Epoll:
    """select.epoll.

    With EPOLLET, what has been reported of a socket of the lab is not again before the socket has been used: read
    from, for what can be read, or written to.  A descriptor of the machine's is level-triggered all the same.
    """

    door: Door

    def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
        if sizehint != -1 and sizehint <= 0:
            raise ValueError("negative sizehint")
        if flags & ~_CLOEXEC:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self.door.watchers.add(self)
        self.reported: dict[int, int] = {}  # of those with EPOLLET
        self.waiting: set[int] = set()  # threads
        self.wanted: dict[int, int] = {}  # with EPOLLONESHOT alone: its shot is fired
        self.fd = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Its descriptor."""
        self._open()
        return self.fd

    def _open(self) -> None:
        if self.fd < 0:
            raise ValueError("I/O operation on closed epoll object")

    @property
    def closed(self) -> bool:
        """Whether it is."""
        return self.fd < 0

    def close(self) -> None:
        """Let it go."""
        if self.fd >= 0:
            self.door.watchers.discard(self)
            os.close(self.fd)
            self.fd = -1

    def register(self, fd: Descriptor, eventmask: int = _ALL) -> None:
        """Watch a descriptor."""
        self._open()
        if number(fd) in self.wanted:
            raise FileExistsError(17, "File exists")
        self._check(number(fd))
        self._want(number(fd), eventmask)

    def modify(self, fd: Descriptor, eventmask: int) -> None:
        """Watch it for something else."""
        self._open()
        if number(fd) not in self.wanted:
            raise FileNotFoundError(2, "No such file or directory")
        self._want(number(fd), eventmask)

    def unregister(self, fd: Descriptor) -> None:
        """Do not watch it any more."""
        self._open()
        self._check(number(fd))
        if self.wanted.pop(number(fd), None) is None:
            raise FileNotFoundError(2, "No such file or directory")
        self._tell()

    def _check(self, fd: int) -> None:
        """EBADF, EPERM for what cannot be watched."""
        if fd not in self.door.kinds:
            mode = os.fstat(fd).st_mode
            if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
                raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    def _want(self, fd: int, eventmask: int) -> None:
        self.wanted[fd] = eventmask
        self.reported.pop(fd, None)
        self._tell()

    def _tell(self) -> None:
        """Who waits in `poll` should know that something else is wanted."""
        if self.waiting:
            self.door.kick(self.waiting)

    def used(self, fd: int, events: int) -> None:
        """A socket was read from or written to: what is so again may be reported again."""
        if self.reported.get(fd, 0) & events:
            self.reported[fd] &= ~events
            self._tell()

    def gone(self, fd: int) -> None:
        """A descriptor was closed."""
        self.wanted.pop(fd, None)
        self.reported.pop(fd, None)

    def _wanted(self) -> dict[int, int]:
        """What to wait for now: poll(2)'s events of each descriptor."""
        now: dict[int, int] = {}
        for fd, events in self.wanted.items():
            told = self.reported.get(fd, 0)
            mask = events & _EVENTS & ~told
            if events != _ONESHOT and not told & _END and (mask or not told):
                now[fd] = mask
        return now

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """Wait, so many seconds."""
        self._open()
        if maxevents != -1 and maxevents <= 0:
            raise ValueError(f"maxevents must be greater than 0, got {maxevents}")
        tid = self.door.gate().tid
        self.waiting.add(tid)
        try:
            ready = self.door.wait(self._wanted, None if timeout is None or timeout < 0 else timeout)
        finally:
            self.waiting.discard(tid)
        found = [(fd, events) for fd, events in ready if not events & select.POLLNVAL]
        for fd, events in ready:
            if events & select.POLLNVAL:  # one that was closed is watched no more, as the kernel has it
                self.wanted.pop(fd, None)
        if maxevents > 0:
            del found[maxevents:]
        for fd, events in found:
            if self.wanted.get(fd, 0) & _ET and fd in self.door.kinds:
                self.reported[fd] = self.reported.get(fd, 0) | events
            if self.wanted.get(fd, 0) & _ONESHOT:
                self.wanted[fd] = _ONESHOT
        return found


def choose(
    door: Door, rlist: Iterable[Descriptor], wlist: Iterable[Descriptor], xlist: Iterable[Descriptor],
    timeout: float | None = None,
) -> tuple[list[Descriptor], list[Descriptor], list[Descriptor]]:  # fmt: skip
    """select.select."""
    if timeout is not None and timeout < 0:
        raise ValueError("timeout must be non-negative")
    lists = [[(thing, number(thing)) for thing in things] for things in (rlist, wlist, xlist)]
    wanted: dict[int, int] = {}
    for things, events in zip(lists, (_IN, _OUT, _PRI), strict=True):
        for _, fd in things:
            wanted[fd] = wanted.get(fd, 0) | events
    found = dict(door.wait(wanted, timeout))
    if any(events & select.POLLNVAL for events in found.values()):
        raise OSError(9, os.strerror(9))
    read, write, urgent = (
        [thing for thing, fd in things if found.get(fd, 0) & events]
        for things, events in zip(lists, (_IN | _HUP | _ERR, _OUT | _ERR, _PRI), strict=True)
    )
    return read, write, urgent
