"""`os`: processes that a program forks, which are on the same host, and have its sockets, too.

Before a fork the lab is sent the socket of the new process, and copies the table of descriptors.  Who waits for a
child of that kind waits in the lab; another program's process is waited for as ever, which counts as computing.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from _socket import AF_UNIX, SOCK_SEQPACKET, SOL_SOCKET
from _socket import socket as RealSocket
from _socket import socketpair as real_socketpair
from _thread import _local
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Unpack

from stack.dev.hijack import gate
from stack.dev.hijack.door import Door

_ASIDE = 512  # where ways are moved to: programs close what is just above 2, and take what comes there for their own
_SCM_RIGHTS = 1

Wait = Callable[[Unpack[tuple[int, ...]]], object]


def aside(fd: int) -> int:
    """A descriptor under a number that is out of the way, if there are so many."""
    try:
        new = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _ASIDE)
    except OSError:
        os.set_inheritable(fd, False)
        return fd
    _close(fd)
    return new


_close, _kill, _waitid = os.close, os.kill, os.waitid  # before they are replaced


class Births:
    """How new threads and processes get a way into the lab: its other end is sent there."""

    def __init__(self, fd: int, ways: gate.Ways) -> None:
        self.fd = fd
        self.ways = ways
        self.serial = count(1)

    def send(self) -> tuple[int, bytes]:
        """A new way, and the tag that the lab knows its other end by."""
        ours, theirs = real_socketpair(AF_UNIX, SOCK_SEQPACKET)
        messenger = RealSocket(AF_UNIX, SOCK_SEQPACKET, 0, self.fd)
        tag = b"%d %d" % (os.getpid(), next(self.serial))
        try:
            messenger.sendmsg([tag], [(SOL_SOCKET, _SCM_RIGHTS, theirs.fileno().to_bytes(4, sys.byteorder))])
        finally:
            messenger.detach()
            theirs.close()
        return aside(ours.detach()), tag

    def thread(self) -> gate.Gate:
        """A gate for a new thread."""
        fd, tag = self.send()
        gate.here().call("lwp_create", tag)
        return gate.Remote(fd, self.ways)


class Processes:
    """os.fork, os.waitpid, os.kill and the like."""

    def __init__(self, door: Door, births: Births) -> None:
        self.door = door
        self.births = births
        self.ways = births.ways
        self.unborn = _local()  # the way of the process that this thread is about to fork

    def install(self) -> None:
        """Let whoever asks `os` have these; a fork has three."""
        os.register_at_fork(before=self.before, after_in_parent=self.in_parent, after_in_child=self.in_child)
        os.kill = self.kill
        real = {"waitpid": 1, "wait4": 1, "wait3": 0, "waitid": 2}  # the place of the options
        for name, place in real.items():
            setattr(os, name, self._waiting(getattr(os, name), place))
        os.wait = lambda: os.waitpid(-1, 0)

    def before(self) -> None:
        """A process is to be forked: the lab should know."""
        self.unborn.fd = None
        with suppress(OSError):  # then it has no way
            self.unborn.fd, tag = self.births.send()
            gate.here().call("fork", tag)

    def in_parent(self) -> None:
        """It was, or could not be."""
        fd = self.unborn.fd
        if fd is not None:
            _close(fd)
        self._one_of_many()

    def in_child(self) -> None:
        """We are the one."""
        fd: int | None = self.unborn.fd
        for old in self.ways - {self.births.fd}:
            _close(old)
        self.ways.intersection_update({self.births.fd})
        self._one_of_many()
        self.door.watching.clear()
        if fd is None:
            return gate.stand(None)
        first = gate.Remote(fd, self.ways)
        gate.stand(first)
        return first.begin()

    def _one_of_many(self) -> None:
        """Who reads what we write, and writes what we read, may be another process."""
        self.door.inner.clear()
        self.ways.forked = True

    def kill(self, pid: int, number: int, /) -> None:
        """Send a signal: to another process of ours by way of the lab, in turn with all else that happens there."""
        if self.ways.forked and pid > 0 and pid != os.getpid() and gate.here().call("kill", pid, int(number)):
            return
        _kill(pid, number)

    def _waiting(self, real: Wait, place: int) -> Wait:
        """One of the calls that wait for children; `place` is that of its options."""

        def wait(*arguments: int) -> object:
            if not self.ways.forked or len(arguments) <= place:
                return real(*arguments)
            quick = [*arguments]
            quick[place] |= os.WNOHANG
            found = real(*quick)
            if found is None or isinstance(found, tuple) and not found[0]:
                self._wait(_child(place, arguments), block=not arguments[place] & os.WNOHANG)
                return real(*arguments)
            return found

        return wait

    def _wait(self, pid: int, *, block: bool) -> None:
        """Until a child that the lab knows has ended, or there is none."""
        way = gate.here()
        _ = way.now  # who asks again and again wants time to pass
        gone = way.call("wait", pid, block)
        if isinstance(gone, int) and gone > 0:  # it has let go of the lab, and will be over at once
            with suppress(ChildProcessError):
                _waitid(os.P_PID, gone, os.WEXITED | os.WNOWAIT)


def _child(place: int, arguments: tuple[int, ...]) -> int:
    """Whom a call waits for, -1 for any; `place` is that of its options."""
    if place == 2 and arguments[0] == os.P_PID:
        return arguments[1]
    return arguments[0] if place == 1 and arguments[0] > 0 else -1


def die_with(births: int) -> None:
    """When the lab dies, whatever the reason, so do we and what we have started: the kernel sees to it."""
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(births, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(births, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(births, fcntl.F_SETFL, fcntl.fcntl(births, fcntl.F_GETFL) | os.O_ASYNC)
