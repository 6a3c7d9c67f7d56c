"""Programs of the real machine whose system calls a host of the lab serves (BSD lib/librumpuser/rumpuser_sp.c).

A program is a process of its own.  What stands in for its sockets, its locks and its clock (stack/dev/hijack) sends
each call over a socket and waits for the answer; each of its threads has one, and is an `Lwp` here.  While one of them
computes, time in a `fast` lab stands still, and nothing else happens: so what a program does depends on no machine's
speed.  What crosses the socket is a marshalled tuple, one a packet:

    program   (call, argument ...)           ("cancel",) calls the one back that it waits for,
                                             ("news",) tells the others to look again; those have no answer
    lab       (now, rate, code, value)       code: 0, an errno, or minus the number of a signal

A process that it forks is known to the lab, too (stack/dev/lwp.py).
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from stack.dev.lwp import Job, Process
from stack.dev.sysent import Filedesc
from stack.host import Host
from stack.kern.errors import oserror
from stack.kern.pipe import Pipe
from stack.kern.proc import SIGINT, Channel, Proc
from stack.lab import Lab

_CHUNK = 1 << 16
_ENOUGH = 1 << 20  # bytes of output that may wait, before the program has to
_ROOT = str(Path(__file__).parents[2])
_BOOT = f"import sys; sys.path.insert(0, {_ROOT!r}); from stack.dev.hijack import boot; boot.main()"


class Program(Job):
    """A program at work.  `argv` is python's: a script and its arguments, or -c, or -m.

    `output` and `errors` are what it prints; `exited` is woken at its end, and then it has a `status`, as sh counts.
    """

    def __init__(self, lab: Lab, host: Host, owner: Proc, stdin: Pipe, argv: list[str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        door, births = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        super().__init__(lab, host, owner, stdin, door)
        door.setblocking(False)
        self.status: int | None = None
        self.said = Channel("piperd")  # it has printed, or ended
        self.output = Pipe()
        self.errors = Pipe()
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
        self.process = Process(self, Filedesc(lab, host), ours, None)
        self.process.pid = self.pid
        self.programs.expecting.append(self._expects)
        owner.closers.append(self.end)

    def signal(self, number: int) -> None:
        """Send it a signal; Ctrl-C goes to all of its processes, as on a terminal."""
        if self.status is not None:
            return
        for process in tuple(self.processes) if number == SIGINT else (self.process,):
            with suppress(ProcessLookupError):
                process.signal(number)
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

    def _expects(self) -> bool:
        """Whether it has started something that the lab does not know, which tells it by a signal when it ends."""
        known = {process.pid for process in self.processes}
        return any(_children(pid) - known for pid in known)

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
        for process in self.processes:
            if process is not self.process and process.pid:
                with suppress(OSError):  # one in a session of its own
                    os.kill(process.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self.drain(2 * _ENOUGH)  # all that is still in the machine's pipes
        for fd in list(self.pipes):  # something that it started still has it
            self._close(fd)
        os.close(self.pidfd)
        self.births.close()
        for fd in self.sent.values():
            os.close(fd)
        self.sent.clear()
        for process in tuple(self.processes):
            process.over()
        self.status = 128 - code if code < 0 else code
        self.said.wakeup()


def _children(pid: int) -> set[int]:
    """The processes that one has started, as far as they live and the machine tells."""
    found: set[int] = set()
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found.update(map(int, (task / "children").read_text().split()))
    return {child for child in found if _lives(child)}


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


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
