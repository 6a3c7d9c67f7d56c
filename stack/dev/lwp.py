"""Processes of the real machine and their threads, as the lab sees them (BSD sys/proc.h, kern_lwp.c, kern_fork.c).

A program begins as one process with one thread.  Each thread has a socket to the lab, and is an `Lwp` here; each
process has a table of descriptors, of which one that is forked gets a copy.
"""

from __future__ import annotations

import errno
import marshal
import os
import signal
import socket
import time
from contextlib import suppress
from typing import cast

from stack.callout import Callout
from stack.dev.sysent import Filedesc
from stack.host import Host
from stack.kern.errors import oserror
from stack.kern.pipe import Pipe
from stack.kern.proc import SIGKILL, Channel, Interrupt, Proc, tsleep
from stack.lab import Lab

EPOCH = 1767225600.0  # 2026-01-01: when virtual time begins, for who asks for the date
_PACKET = 1 << 18  # bytes: the longest call or answer
_CHUNK = 1 << 16
_TAG = 64  # bytes
_SIGALRM = 14
_CANCEL, _NEWS = ("cancel",), ("news",)
_HANDED_ON = {1, 2, 3, 10, 12, 14, 15}  # HUP INT QUIT USR1 USR2 ALRM TERM, by numbers that mean no other signal here

Message = tuple[str, *tuple[object, ...]]


class Job:
    """What the processes of a program have in common."""

    def __init__(self, lab: Lab, host: Host, owner: Proc, stdin: Pipe, births: socket.socket) -> None:
        self.lab = lab
        self.host = host
        self.owner = owner
        self.stdin = stdin
        self.births = births  # where the sockets of new threads and processes come
        self.sent: dict[bytes, int] = {}  # those that have come, by their tags
        self.programs = lab.programs
        self.processes: list[Process] = []
        self.next_tid = 1
        self.packet = memoryview(bytearray(_PACKET))  # what has come last

    def drain(self) -> None:
        """What it has printed so far comes before what happens now."""
        raise NotImplementedError

    def end(self) -> None:
        """It ends at once, with whatever it started."""
        raise NotImplementedError

    def tid(self) -> int:
        """A number for a new thread."""
        self.next_tid += 1
        return self.next_tid - 1

    def channel(self, tag: bytes) -> socket.socket:
        """The socket that was sent under a tag."""
        while tag not in self.sent:
            found, fds, _, _ = socket.recv_fds(self.births, _TAG, 1)
            self.sent[found] = fds[0]
        return socket.socket(fileno=self.sent.pop(tag))

    def nudge(self, but: Lwp | None) -> None:
        """Something was written for another process: all who watch what is not the lab's should look again."""
        for process in self.processes:
            for lwp in process.lwps.values():
                if lwp is not but:
                    lwp.news = True
                    lwp.unparked.wakeup()


class Process:
    """A process: its descriptors, its threads, its children (BSD's struct proc).

    The first one is there until the program ends; the others until they have closed all that leads into the lab.
    """

    def __init__(self, job: Job, calls: Filedesc, channel: socket.socket, parent: Process | None) -> None:
        self.job = job
        self.calls = calls
        self.parent = parent
        self.pid = 0  # until it has said so
        self.lwps: dict[int, Lwp] = {}
        self.children: list[Process] = []
        self.gone: list[int] = []  # children that have ended, and nobody has waited for
        self.child = Channel("wait")  # one has ended
        self.alarm: Callout | None = None  # ITIMER_REAL
        self.interval = 0.0
        self.first = self.born(channel, forked=parent is not None)  # the one that is told of signals
        job.processes.append(self)

    def born(self, channel: socket.socket, *, forked: bool = False) -> Lwp:
        """A new thread."""
        lwp = Lwp(self, self.job.tid(), channel, forked=forked)
        self.lwps[lwp.tid] = lwp
        return lwp

    def signal(self, number: int) -> None:
        """Send it a signal: its first thread is interrupted in what it waits for, or in what it computes."""
        first = self.first
        if number != SIGKILL and first.busy and first.message is None:
            first.proc.signal(number)
        else:
            os.kill(self.pid, number)

    def lost(self, lwp: Lwp) -> None:
        """A thread has closed its socket: the process has ended, or become another program."""
        if self.parent is None:  # which is noticed elsewhere
            del self.job.programs.readers[lwp.channel.fileno()]
            return lwp.channel.close()
        lwp.end()
        del self.lwps[lwp.tid]
        if not self.lwps:
            self.over()
            self.parent.children.remove(self)
            self.parent.gone.append(self.pid)
            self.parent.child.wakeup()
            self.job.nudge(None)  # its pipes are closed
        return None

    def over(self) -> None:
        """It is no more (exit1)."""
        self._set_alarm(0.0, 0.0)
        while self.lwps:
            self.lwps.popitem()[1].end()
        self.calls.close_all()
        self.job.processes.remove(self)

    # --- calls of threads -------------------------------------------------------------------------------

    async def syscall(self, lwp: Lwp, message: Message) -> object:
        """One system call: those about threads and processes here, the others by the descriptors."""
        name, *arguments = message
        if name in CALLS:
            return await getattr(self, name)(lwp, *arguments)
        return await self.calls.call(name, tuple(arguments))

    async def sleep(self, lwp: Lwp, deadline: float | None, parked: bool) -> bool:
        """Sleep till a time, or, parked, until somebody unparks the thread; False at the deadline (_lwp_park(2))."""
        while not (parked and lwp.permit):
            left = None if deadline is None else deadline - self.job.lab.callouts.now
            if left is not None and left <= 0:
                return False
            await tsleep(lwp.unparked, timeout=left)
        lwp.permit = False
        return True

    async def unpark(self, _lwp: Lwp, tid: int) -> None:
        """Wake a thread that is parked, or will be (BSD's _lwp_unpark(2)); harmless when it is gone."""
        other = self.lwps.get(tid)
        if other is not None:
            other.permit = True
            other.unparked.wakeup()

    async def lwp_create(self, _lwp: Lwp, tag: bytes) -> int:
        """A new thread, whose socket has been sent ahead; its number (BSD's _lwp_create(2))."""
        return self.born(self.job.channel(tag)).tid

    async def lwp_exit(self, lwp: Lwp) -> None:
        """The thread ends; nobody waits for an answer (BSD's _lwp_exit(2))."""
        self.lwps.pop(lwp.tid).end()

    async def fork(self, _lwp: Lwp, tag: bytes) -> None:
        """A new process is about to begin, with a copy of the descriptors (fork1)."""
        self.children.append(Process(self.job, self.calls.fork(), self.job.channel(tag), self))

    async def began(self, lwp: Lwp, pid: int) -> tuple[int, float]:
        """A forked process says who it is."""
        self.pid = pid
        if self.parent is not None:
            self.parent.child.wakeup()
        return lwp.greeting()

    async def wait(self, _lwp: Lwp, pid: int, block: bool) -> int:
        """The number of a child that has ended (-1: any); 0 when none has yet, -1 when there is none (wait4(2))."""
        while True:
            for gone in self.gone:
                if pid in (-1, gone):
                    self.gone.remove(gone)
                    return gone
            if not any(pid in (-1, child.pid) or not child.pid for child in self.children):
                return -1
            if not block:
                return 0
            await tsleep(self.child)

    async def kill(self, _lwp: Lwp, pid: int, number: int) -> bool:
        """Send another process of the program a signal; False when that is no business of ours (kill(2))."""
        for process in self.job.processes:
            if process.pid == pid:
                if number == SIGKILL:
                    process.first.compute(True)  # until it is dead
                if number in _HANDED_ON:
                    process.signal(number)
                return number in _HANDED_ON
        return False

    async def setitimer(self, lwp: Lwp, seconds: float, interval: float) -> tuple[float, float]:
        """Send it SIGALRM so much later, and then again and again; what was left of the last time (setitimer(2))."""
        before = await self.getitimer(lwp)
        self._set_alarm(seconds, interval)
        return before

    async def getitimer(self, _lwp: Lwp) -> tuple[float, float]:
        """How much later that is, and how often then."""
        left = self.alarm.due - self.job.lab.callouts.now if self.alarm is not None and self.alarm.pending else 0.0
        return left, self.interval if left else 0.0

    def _set_alarm(self, seconds: float, interval: float) -> None:
        if self.alarm is not None:
            self.alarm.stop()
        self.interval = interval
        self.alarm = self.job.lab.callouts.schedule(seconds, self._ring) if seconds else None

    def _ring(self) -> None:
        self._set_alarm(self.interval, self.interval)
        with suppress(ProcessLookupError):
            self.signal(_SIGALRM)

    async def read_stdin(self, _lwp: Lwp, size: int) -> bytes:
        """Wait for standard input."""
        return await self.job.stdin.read(min(size, _CHUNK))

    async def poll_outside(
        self, lwp: Lwp, wanted: tuple[tuple[int, int], ...], deadline: float | None, outside: bool
    ) -> object:
        """As poll, of a thread that watches descriptors of the real machine, too; `outside` are those of others.

        It ends when the thread is unparked, or there is news: then it should look at them again.
        """
        self.job.programs.outside += outside
        try:
            return () if lwp.permit or lwp.news else await self.calls.poll(wanted, deadline, (lwp.unparked,))
        finally:
            lwp.permit = lwp.news = False
            self.job.programs.outside -= outside


CALLS = frozenset({
    "began", "fork", "getitimer", "kill", "lwp_create", "lwp_exit", "poll_outside", "read_stdin", "setitimer", "sleep",
    "unpark", "wait",
})  # fmt: skip


class Lwp:
    """A thread of a program, which asks and is answered (BSD's struct lwp).

    A new thread waits until it is told to begin; the first of a forked process is at work, and says so.
    """

    def __init__(self, process: Process, tid: int, channel: socket.socket, *, forked: bool) -> None:
        channel.setblocking(False)
        self.process = process
        self.job = process.job
        self.tid = tid
        self.channel = channel
        self.message: Message | None = None
        self.asked = Channel("lwp")
        self.unparked = Channel("parked")
        self.permit = False  # it was unparked before it parked
        self.news = False  # somebody has written something since it looked
        self.computing = False
        self.cancelled = False
        owner = self.job.owner
        self.proc = Proc(self.job.lab.callouts, owner.pid, self.job.host.name, owner.argv)
        self.job.programs.readers[channel.fileno()] = self._readable
        if forked:
            self.compute(True)
        self.proc.start(self._serve(forked=forked))

    @property
    def busy(self) -> bool:
        """Whether it waits for an answer."""
        return not self.computing and self.proc.status is None

    def greeting(self) -> tuple[int, float]:
        """What a new thread is told: its number, and what date it is when the lab's clock shows 0."""
        rate = self.job.programs.rate
        return self.tid, EPOCH if rate is None else time.time() - self.job.lab.callouts.now

    def compute(self, on: bool) -> None:
        """It is at work, or waits."""
        if on is not self.computing:
            self.computing = on
            if on:
                self.job.programs.begin(self)
            else:  # among processes it may be that it sleeps where we cannot see it
                self.job.programs.end(self, time.monotonic() if len(self.job.processes) > 1 else 0.0)

    def cancel(self) -> None:
        """The call that it waits for is called back."""
        if self.busy:
            self.cancelled = True
            if self.message is None:
                self.proc.signal(signal.SIGINT)

    def end(self) -> None:
        """It is over."""
        self.compute(False)
        if self.job.programs.readers.pop(self.channel.fileno(), None) is not None:
            self.channel.close()
        self.proc.signal(SIGKILL)

    def _readable(self) -> None:
        """A call has come; or the thread is gone, and so is the process or it will soon be."""
        packet = self.job.packet
        try:
            size = self.channel.recv_into(packet)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            return self.process.lost(self)
        try:
            message = _message(packet[:size])
        except ValueError:  # it is not our library that speaks there
            return self.job.end()
        if message == _CANCEL:
            return self.cancel()
        if message == _NEWS:
            return self.job.nudge(self)
        if self.message is not None or self.busy:
            return self.job.end()
        self.job.drain()
        self.compute(False)
        self.message = message
        self.asked.wakeup()

    async def _serve(self, *, forked: bool) -> int:
        """Answer one call after the other."""
        if not forked:
            self._answer(0, self.greeting())
        while True:
            while self.message is None:
                await tsleep(self.asked)
            message, self.message = self.message, None
            try:
                if self.cancelled:
                    raise oserror(errno.EINTR)
                self._answer(0, await self.process.syscall(self, message))
            except OSError as error:
                self._answer(error.errno or errno.EIO, None)
            except Interrupt as interrupt:
                self._answer(errno.EINTR if self.cancelled else -interrupt.signal, None)
            except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError):  # not with such arguments
                self._answer(errno.EINVAL, None)

    def _answer(self, code: int, value: object) -> None:
        if self.channel.fileno() < 0:  # it has ended itself
            return
        self.cancelled = False
        programs = self.job.programs
        self.compute(True)
        with suppress(OSError):  # it is gone, which is noticed elsewhere
            self.channel.send(marshal.dumps(cast(bytes, (self.job.lab.callouts.now, programs.rate, code, value))))


def _message(data: memoryview) -> Message:
    """What a program asks; ValueError when it makes no sense."""
    try:
        message = marshal.loads(data)
    except (EOFError, TypeError) as error:
        raise ValueError from error
    if not isinstance(message, tuple) or not message or not isinstance(message[0], str):
        raise ValueError
    return message
