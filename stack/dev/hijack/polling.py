"""`select`: waiting for descriptors of the lab, and of the machine beside them."""

from __future__ import annotations

import os
import select
from collections.abc import Iterable
from functools import partial
from typing import Protocol, Self

from stack.dev.hijack.door import Door

_IN, _PRI, _OUT, _ERR, _HUP = select.POLLIN, select.POLLPRI, select.POLLOUT, select.POLLERR, select.POLLHUP
_ALL = _IN | _PRI | _OUT


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

    def register(self, fd: Descriptor, eventmask: int = _ALL) -> None:
        """Watch a descriptor."""
        self.wanted[number(fd)] = eventmask

    def modify(self, fd: Descriptor, eventmask: int) -> None:
        """Watch it for something else."""
        if number(fd) not in self.wanted:
            raise FileNotFoundError(2, "No such file or directory")
        self.wanted[number(fd)] = eventmask

    def unregister(self, fd: Descriptor) -> None:
        """Do not watch it any more; KeyError."""
        del self.wanted[number(fd)]

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        """Wait, so many milliseconds."""
        return self.door.wait(self.wanted, None if timeout is None or timeout < 0 else timeout / 1000)


class Epoll:
    """select.epoll; what should be edge-triggered is level-triggered."""

    door: Door

    def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
        if sizehint != -1 and sizehint <= 0:
            raise ValueError("negative sizehint")
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
            os.close(self.fd)
            self.fd = -1

    def register(self, fd: Descriptor, eventmask: int = _ALL) -> None:
        """Watch a descriptor."""
        self._open()
        if number(fd) in self.wanted:
            raise FileExistsError(17, "File exists")
        if number(fd) not in self.door.kinds:
            os.fstat(number(fd))  # EBADF
        self.wanted[number(fd)] = eventmask

    def modify(self, fd: Descriptor, eventmask: int) -> None:
        """Watch it for something else."""
        self._open()
        if number(fd) not in self.wanted:
            raise FileNotFoundError(2, "No such file or directory")
        self.wanted[number(fd)] = eventmask

    def unregister(self, fd: Descriptor) -> None:
        """Do not watch it any more."""
        self._open()
        if self.wanted.pop(number(fd), None) is None:
            raise FileNotFoundError(2, "No such file or directory")

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """Wait, so many seconds."""
        self._open()
        if maxevents != -1 and maxevents <= 0:
            raise ValueError(f"maxevents must be greater than 0, got {maxevents}")
        wanted = {fd: events for fd, events in self.wanted.items() if events != select.EPOLLONESHOT}
        ready = self.door.wait(wanted, None if timeout is None or timeout < 0 else timeout)
        found = [(fd, events) for fd, events in ready if not events & select.POLLNVAL]
        for fd, events in ready:
            if events & select.POLLNVAL:  # one that was closed is watched no more, as the kernel has it
                del self.wanted[fd]
        if maxevents > 0:
            del found[maxevents:]
        for fd, _ in found:
            if self.wanted[fd] & select.EPOLLONESHOT:
                self.wanted[fd] = select.EPOLLONESHOT
        return found


def choose(
    door: Door, rlist: Iterable[Descriptor], wlist: Iterable[Descriptor], xlist: Iterable[Descriptor],
    timeout: float | None = None,
) -> tuple[list[Descriptor], list[Descriptor], list[Descriptor]]:  # fmt: skip
    """select.select."""
    if timeout is not None and timeout < 0:
        raise ValueError("timeout must be non-negative")
    lists = [list(rlist), list(wlist), list(xlist)]
    wanted: dict[int, int] = {}
    for things, events in zip(lists, (_IN, _OUT, _PRI), strict=True):
        for thing in things:
            wanted[number(thing)] = wanted.get(number(thing), 0) | events
    found = dict(door.wait(wanted, timeout))
    if any(events & select.POLLNVAL for events in found.values()):
        raise OSError(9, os.strerror(9))
    read, write, urgent = (
        [thing for thing in things if found.get(number(thing), 0) & events]
        for things, events in zip(lists, (_IN | _HUP | _ERR, _OUT | _ERR, _PRI), strict=True)
    )
    return read, write, urgent
