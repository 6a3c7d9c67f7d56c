"""A thread's way into the lab: it sends a system call and waits for the answer (BSD lib/librumpclient/rumpclient.c)."""

from __future__ import annotations

import errno
import marshal
import os
import select
import signal
import time
from _thread import _local
from collections import deque
from collections.abc import Callable
from typing import cast

_PACKET = 1 << 18
# the real ones
_poll, _monotonic, _readv, _write, _close = select.poll, time.monotonic, os.readv, os.write, os.close
_DEAD = 128 + signal.SIGHUP
_PATIENCE = 1000  # looks at the clock, and calls, without any time that passes
_TICK = 0.001  # seconds
_CANCEL, _NEWS = marshal.dumps(("cancel",)), marshal.dumps(("news",))

_DONE = {("connect", errno.EISCONN), ("close", errno.EBADF)}  # it was done while a signal was handled
_SOON = 50  # milliseconds that another process has to tell the lab of what it wrote
_AGAIN = 50  # milliseconds between two looks at something that cannot be watched

Wanted = tuple[tuple[int, int], ...]  # descriptors, and poll(2)'s events of each
GRACE = 1e9  # seconds: a deadline beyond is none


class Ways(set[int]):
    """The descriptors that lead from a program into the lab."""

    forked = False  # whether there are, or were, other processes of it


class Gate:
    """Where the system calls of a thread go; an OSError has the machine's own words."""

    tid = 0
    handled = 0  # signals

    def enter(self) -> None:
        """The thread begins."""

    def leave(self) -> None:
        """The thread is over."""

    def call(self, name: str, *arguments: object) -> object:
        """A system call and its answer."""
        raise NotImplementedError

    def news(self) -> None:
        """Tell all other threads and processes of the program to look again."""

    def interrupt(self, handler: Callable[[], object]) -> None:
        """A signal has come, which is handled now or soon."""
        handler()

    def poll(self, lab: Wanted, real: dict[int, int], deadline: float | None, *, outside: bool) -> Wanted | None:
        """Wait for descriptors of the lab and of the machine; None means: look at the latter again."""
        raise NotImplementedError

    @property
    def now(self) -> float:
        """The lab's time."""
        raise NotImplementedError

    def deadline(self, timeout: float | None) -> float | None:
        """When a wait of so many seconds is over; None and negative ones never are."""
        return None if timeout is None or timeout < 0 or timeout > GRACE else self.now + timeout if timeout else 0.0


class Remote(Gate):
    """The gate of a thread of a program that is a process of its own."""

    def __init__(self, fd: int, ways: Ways) -> None:
        self.fd = fd  # a packet is a message
        self.ways = ways  # the descriptors of all threads of the process
        ways.add(fd)
        self.packet = bytearray(_PACKET)  # the answer
        self.asking = False
        self.signals: deque[Callable[[], object]] = deque()  # that have come in the midst of a question
        self.time = 0.0  # the lab's, when it answered last
        self.rate: float | None = None
        self.at = 0.0  # the machine's own clock, then
        self.epoch = 0.0
        self.looks = 0  # at a clock that stood still

    def enter(self) -> None:
        """Wait until the lab lets us begin."""
        self.asking = True
        _, value = self._answer({})
        self.asking = False
        assert isinstance(value, tuple)
        self.tid, self.epoch = value

    def begin(self) -> None:
        """The first thread of a process that was forked begins, when the lab lets it."""
        value = self.call("began", os.getpid())
        assert isinstance(value, tuple)
        self.tid, self.epoch = value

    def leave(self) -> None:
        """The thread is over."""
        self._send(marshal.dumps(("lwp_exit",)))
        self.ways.discard(self.fd)
        _close(self.fd)

    @property
    def now(self) -> float:
        """The lab's time: it stands still while we compute, or follows the clock on the wall."""
        if self.rate:
            return self.time + (_monotonic() - self.at) * self.rate
        self.looks += 1
        if self.looks > _PATIENCE:  # who waits in a loop for time to pass
            self.looks = 0
            self.call("sleep", self.time + _TICK, False)
        return self.time

    def call(self, name: str, *arguments: object) -> object:
        """A system call; after a signal whose handler raised nothing it is made again (PEP 475)."""
        packet = marshal.dumps(cast(bytes, (name, *arguments)))  # whatever it is, marshal takes it
        again = False
        while True:
            code, value = self._exchange(packet, {})
            if code == 0:
                return value
            if again and (name, code) in _DONE:
                return None
            if code > 0 and code != errno.EINTR:
                raise OSError(code, os.strerror(code))
            again = True
            if code < 0:
                signal.raise_signal(-code)

    def poll(self, lab: Wanted, real: dict[int, int], deadline: float | None, *, outside: bool) -> Wanted | None:
        """Wait for the lab, and for the machine beside it."""
        naps = outside and not real
        packet = marshal.dumps(("poll_outside", lab, deadline, outside))
        code, value = self._exchange(packet, real, _AGAIN if naps else None)
        if code < 0:
            signal.raise_signal(-code)
        if code:
            return None
        assert isinstance(value, tuple)
        return value or (None if deadline is None or self.time < deadline else ())

    def _exchange(self, packet: bytes, real: dict[int, int], nap: int | None = None) -> tuple[int, object]:
        """Ask, and wait for the answer; a signal calls the question back, and a real descriptor that is ready.

        So do `nap` milliseconds.
        """
        self.asking = True
        self._send(packet)
        if self.signals:  # one that has come before the question
            self._send(_CANCEL)
        answer = self._answer(real, nap)
        self.asking = False
        while self.signals:
            self.signals.popleft()()
        return answer

    def news(self) -> None:
        """Tell the others; this needs no answer."""
        self._send(_NEWS)

    def interrupt(self, handler: Callable[[], object]) -> None:
        """A signal has come: it is handled now, or when we are not in the midst of a question."""
        self.handled += 1
        if not self.asking:
            handler()
        else:
            self.signals.append(handler)
            self._send(_CANCEL)

    def _send(self, packet: bytes) -> None:
        try:
            _write(self.fd, packet)
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                self.asking = False
                raise
            os._exit(_DEAD)  # the lab is gone

    def _answer(self, real: dict[int, int], nap: int | None = None) -> tuple[int, object]:
        if real or nap is not None:
            ready = _ready({self.fd: select.POLLIN, **real}, nap)
            if ready and self.fd not in ready and self.ways.forked and self.rate is None:
                # one of us may have written there, and is about to tell the lab: so each has its turn, in every run
                ready = _ready({self.fd: select.POLLIN}, _SOON)
            if self.fd not in ready:
                self._send(_CANCEL)  # the answer may be on its way
        if not _readv(self.fd, (self.packet,)):
            os._exit(_DEAD)
        time, self.rate, code, value = marshal.loads(self.packet)
        self.looks = self.looks + 1 if time == self.time else 0
        self.time, self.at = time, _monotonic()
        return code, value


def _ready(wanted: dict[int, int], timeout: int | None) -> dict[int, int]:
    """Which of the machine's descriptors are ready, so many milliseconds from now at the latest."""
    poller = _poll()
    for fd, events in wanted.items():
        poller.register(fd, events)
    return dict(poller.poll(timeout))


_here = _local()


def here() -> Gate:
    """The gate of this thread."""
    gate: Gate | None = getattr(_here, "gate", None)
    if gate is None:
        raise OSError(errno.EBADF, "a thread that the lab does not know")
    return gate


def stand(gate: Gate | None) -> None:
    """This thread goes through that gate; None: the lab does not know it."""
    _here.gate = gate
