"""Programs of the real machine whose system calls a host of the lab serves (BSD lib/librumpuser/rumpuser_sp.c).

A program is a process of its own.  What stands in for its sockets, its locks and its clock (stack/dev/hijack) sends
each call over a socket and waits for the answer; each of its threads has one, and is an `Lwp` here.  While one of them
computes, time in a `fast` lab stands still, and nothing else happens: so what a program does depends on no machine's
speed.  What crosses the socket is a marshalled tuple, one a packet:

    program   (call, argument ...)           ("cancel",) calls the one back that it waits for
    lab       (now, rate, code, value)       code: 0, an errno, or minus the number of a signal
"""

from __future__ import annotations

import errno
import fcntl
import marshal
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import cast

from stack.dev.sysent import Filedesc
from stack.host import Host
from stack.kern.errors import oserror
from stack.kern.pipe import Pipe
from stack.kern.proc import SIGKILL, Channel, Interrupt, Proc, tsleep
from stack.lab import Lab

EPOCH = 1767225600.0  # 2026-01-01: when virtual time begins, for who asks for the date
_PACKET = 1 << 18  # bytes: the longest call or answer
_CHUNK = 1 << 16
_ENOUGH = 1 << 20  # bytes of output that may wait, before the program has to
_CANCEL = ("cancel",)
_ROOT = str(Path(__file__).parents[2])
_BOOT = f"import sys; sys.path.insert(0, {_ROOT!r}); from stack.dev.hijack import boot; boot.main()"

Message = tuple[str, *tuple[object, ...]]


class Lwp:
    """A thread of a program, which asks and is answered (BSD's struct lwp)."""

    def __init__(self, program: Program, tid: int, channel: socket.socket) -> None:
        channel.setblocking(False)
        self.program = program
        self.tid = tid
        self.channel = channel
        self.message: Message | None = None
        self.asked = Channel("lwp")
        self.unparked = Channel("parked")
        self.permit = False  # it was unparked before it parked
        self.computing = False
        self.cancelled = False
        self.proc = Proc(program.lab.callouts, program.owner.pid, program.host.name, program.owner.argv)
        program.programs.readers[channel.fileno()] = self._readable
        self.proc.start(self._serve())

    @property
    def busy(self) -> bool:
        """Whether it waits for an answer."""
        return not self.computing and self.proc.status is None

    def compute(self, on: bool) -> None:
        """It is at work, or waits."""
        if on is not self.computing:
            self.computing = on
            self.program.programs.computing += 1 if on else -1

    def cancel(self) -> None:
        """The call that it waits for is called back."""
        if self.busy:
            self.cancelled = True
            if self.message is None:
                self.proc.signal(signal.SIGINT)

    def end(self) -> None:
        """It is over."""
        self.compute(False)
        if self.program.programs.readers.pop(self.channel.fileno(), None) is not None:
            self.channel.close()
        self.proc.signal(SIGKILL)

    def _readable(self) -> None:
        """A call has come; or the thread is gone, and so is the program or it will soon be."""
        try:
            data = self.channel.recv(_PACKET)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            del self.program.programs.readers[self.channel.fileno()]
            self.channel.close()
            return
        try:
            message = _message(data)
        except ValueError:  # it is not our library that speaks there
            return self.program.end()
        if message == _CANCEL:
            return self.cancel()
        if self.message is not None or self.busy:
            return self.program.end()
        self.program.drain()
        self.compute(False)
        self.message = message
        self.asked.wakeup()

    async def _serve(self) -> int:
        """Answer one call after the other."""
        self._answer(0, self.program.greeting(self.tid))
        while True:
            while self.message is None:
                await tsleep(self.asked)
            message, self.message = self.message, None
            if message[0] == "lwp_exit":
                self.program.lwps.pop(self.tid).end()
                return 0
            try:
                if self.cancelled:
                    raise oserror(errno.EINTR)
                self._answer(0, await self.program.syscall(self, message))
            except OSError as error:
                self._answer(error.errno or errno.EIO, None)
            except Interrupt as interrupt:
                self._answer(errno.EINTR if self.cancelled else -interrupt.signal, None)
            except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError):  # not with such arguments
                self._answer(errno.EINVAL, None)

    def _answer(self, code: int, value: object) -> None:
        self.cancelled = False
        programs = self.program.programs
        self.compute(True)
        with suppress(OSError):  # it is gone, which is noticed elsewhere
            self.channel.send(marshal.dumps(cast(bytes, (self.program.lab.callouts.now, programs.rate, code, value))))


class Program:
    """A program at work.  `argv` is python's: a script and its arguments, or -c, or -m.

    `output` and `errors` are what it prints; `exited` is woken at its end, and then it has a `status`, as sh counts.
    """

    def __init__(self, lab: Lab, host: Host, owner: Proc, stdin: Pipe, argv: list[str]) -> None:
        self.lab = lab
        self.host = host
        self.owner = owner
        self.stdin = stdin
        self.programs = lab.programs
        self.calls = Filedesc(lab, host)
        self.status: int | None = None
        self.said = Channel("piperd")  # it has printed, or ended
        self.output = Pipe()
        self.errors = Pipe()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.births, births = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.births.setblocking(False)
        out, err = os.pipe(), os.pipe()
        with theirs, births:
            self.pid = _spawn(argv, {1: out[1], 2: err[1], 3: theirs.fileno(), 4: births.fileno()})
        self.pipes = {out[0]: self.output, err[0]: self.errors}
        for fd in (out[1], err[1]):
            os.close(fd)
        for fd in self.pipes:
            os.set_blocking(fd, False)
            self.programs.readers[fd] = partial(self._read, fd)
        self.pidfd = os.pidfd_open(self.pid)
        self.programs.readers[self.pidfd] = self._exited
        self.lwps: dict[int, Lwp] = {}
        self.next_tid = 1
        self._born(ours)
        owner.closers.append(self.end)

    def greeting(self, tid: int) -> tuple[int, float]:
        """What a new thread is told: its number, and what date it is when the lab's clock shows 0."""
        rate = self.programs.rate
        return tid, EPOCH if rate is None else time.time() - self.lab.callouts.now

    def signal(self, number: int) -> None:
        """Send it a signal: its first thread is interrupted in what it waits for, or in what it computes."""
        first = self.lwps.get(1)
        if self.status is not None:
            return
        if number != SIGKILL and first is not None and first.busy and first.message is None:
            first.proc.signal(number)
        else:
            os.kill(self.pid, number)
        if os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT):
            os.kill(self.pid, signal.SIGCONT)  # one that stands still hears nothing

    def end(self) -> None:
        """It ends at once, with whatever it started."""
        if self.status is None:
            self._exited()

    def take(self, pipe: Pipe) -> bytes:
        """Some of what it has printed; if that had become too much, there is room for more now."""
        for fd in [fd for fd, its in self.pipes.items() if its is pipe]:
            self.programs.readers[fd] = partial(self._read, fd)
        return pipe.take()

    def drain(self, most: int = _ENOUGH) -> None:
        """What it has printed so far comes before what happens now."""
        for fd in list(self.pipes):
            self._read(fd, most)

    # --- calls of threads -------------------------------------------------------------------------------

    async def syscall(self, lwp: Lwp, message: Message) -> object:
        """One system call: those about threads here, the others by the descriptors."""
        name, *arguments = message
        if name in ("sleep", "unpark", "lwp_create", "read_stdin", "poll_outside"):
            return await getattr(self, name)(lwp, *arguments)
        return await self.calls.call(name, tuple(arguments))

    async def sleep(self, lwp: Lwp, deadline: float | None, parked: bool) -> bool:
        """Sleep till a time, or, parked, until somebody unparks the thread; False at the deadline (_lwp_park(2))."""
        while not (parked and lwp.permit):
            left = None if deadline is None else deadline - self.lab.callouts.now
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

    async def lwp_create(self, _lwp: Lwp) -> int:
        """A new thread, whose socket has been sent ahead; its number (BSD's _lwp_create(2))."""
        _, fds, _, _ = socket.recv_fds(self.births, 1, 1)
        return self._born(socket.socket(fileno=fds[0]))

    def _born(self, channel: socket.socket) -> int:
        tid = self.next_tid
        self.next_tid += 1
        self.lwps[tid] = Lwp(self, tid, channel)
        return tid

    async def read_stdin(self, _lwp: Lwp, size: int) -> bytes:
        """Wait for standard input."""
        return await self.stdin.read(min(size, _CHUNK))

    async def poll_outside(
        self, lwp: Lwp, wanted: tuple[tuple[int, int], ...], deadline: float | None, outside: bool
    ) -> object:
        """As poll, of a thread that watches descriptors of the real machine, too; `outside` are those of others.

        It ends when the thread is unparked: then it should look at them again.
        """
        self.programs.outside += outside
        try:
            return () if lwp.permit else await self.calls.poll(wanted, deadline, (lwp.unparked,))
        finally:
            lwp.permit = False
            self.programs.outside -= outside

    # --- the process --------------------------------------------------------------------------------

    def _read(self, fd: int, most: int = _ENOUGH) -> None:
        """It has printed something, or closed its output."""
        while (pipe := self.pipes.get(fd)) is not None:
            if len(pipe.buffer) >= most:
                self.programs.readers.pop(fd, None)  # until some of it is taken
                return
            try:
                data = os.read(fd, _CHUNK)
            except BlockingIOError:
                return
            if not data:
                return self._close(fd)
            pipe.write(data)
            self.owner.resume()  # it is seen at once, though time stands still; nobody may want more: then we end

    def _close(self, fd: int) -> None:
        """Its output has ended, or what comes now is nobody's."""
        del self.pipes[fd]
        self.programs.readers.pop(fd, None)
        os.close(fd)

    def _exited(self) -> None:
        """It has ended: how?  What it has started ends with it."""
        if self.programs.readers.pop(self.pidfd, None) is None:
            return  # what it still had printed was too much for its reader, who has called us
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self.drain(2 * _ENOUGH)  # all that is still in the machine's pipes
        for fd in list(self.pipes):  # something that it started still has it
            self._close(fd)
        os.close(self.pidfd)
        self.births.close()
        while self.lwps:
            self.lwps.popitem()[1].end()
        self.calls.close_all()
        self.status = 128 - code if code < 0 else code
        self.said.wakeup()


def _message(data: bytes) -> Message:
    """What a program asks; ValueError when it makes no sense."""
    try:
        message = marshal.loads(data)
    except (EOFError, TypeError) as error:
        raise ValueError from error
    if not isinstance(message, tuple) or not message or not isinstance(message[0], str):
        raise ValueError
    return message


def _spawn(argv: list[str], descriptors: dict[int, int]) -> int:
    """Start python in a session of its own, so that none of its kind takes our terminal; its pid."""
    command = [sys.executable, "-u", "-c", _BOOT, *argv]
    null = (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)
    # out of the way first, so that none is overwritten before it has been moved
    spare = {target: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for target, fd in descriptors.items()}
    moves = [(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in spare.items()]
    usual = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
    try:
        return os.posix_spawn(
            sys.executable, command, os.environ, file_actions=[null, *moves], setsid=True, setsigdef=usual
        )
    except OSError as error:
        raise oserror(error.errno or errno.EIO, sys.executable) from None
    finally:
        for fd in spare.values():
            os.close(fd)
