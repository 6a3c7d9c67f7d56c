"""The world that sessions share: one lab, one clock, and what serves in it and is nobody's job.

At a prompt of one's own there is one session in it; in a served lab as many as there are clients.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import NamedTuple, Protocol

from netsh.clock import Clock
from netsh.jobs import Jobs, Movable
from stack.dev import shmif, tap
from stack.host import Host
from stack.kern.proc import SIGKILL, Proc
from stack.lab import Lab, Stop
from stack.trace.recorder import Recorder

_INSIDE = {"lo", "shmif", "bridge", "vlan"}  # kinds of interfaces that hold nothing of the real machine


class Foreground(Protocol):
    """A shell that somebody waits for."""

    proc: Proc
    child: Proc | None  # the command that it waits for
    job: int | None  # its number when it runs in the background
    output: Movable | None  # that of the command it waits for

    def suspend(self, *, held: bool = False) -> None:
        """What it waits for goes to the background, and it goes on without.

        The lab stands still, or somebody has pressed Ctrl-Z: then it is `held`, and what was to come does not come.
        """

    def stuck(self) -> None:
        """Nothing can ever happen again: what it waits for ends now."""


class Member(Protocol):
    """A session, as far as the world knows it."""

    host: Host | None  # where its prompt is
    jobs: Jobs
    foreground: list[Foreground]  # the shells that are waited for, the innermost last
    debugs: bool  # it has said `pause`, or set a breakpoint

    @property
    def steers(self) -> bool:
        """Whether it has a say in when time stands still: somebody at a prompt, a script that says `pause`."""

    def stopped(self, row: object) -> None:
        """The lab stands still in mid-air, as the row says."""

    def paused(self) -> None:
        """Somebody else has stopped the lab."""

    def goes(self) -> None:
        """The lab goes on."""

    def rests(self) -> None:
        """What it waits for cannot go on, since the lab stands still; and it has no say in that."""

    def move(self) -> None:
        """The lab is another one now."""

    def complain(self, name: str, text: str) -> None:
        """One line on stderr."""

    def console(self, name: str, text: str) -> None:
        """A kernel of the lab has said something."""


class Breakpoints(Protocol):
    """Where the lab is to stop."""

    def row(self, stop: Stop) -> NamedTuple:
        """A stop, to be shown."""

    def clear(self) -> None:
        """Stop nowhere any more."""


class World:
    """A lab, and all who are in it."""

    def __init__(self, lab: Lab, clock: Clock) -> None:
        self.lab = lab
        self.clock = clock
        self.sessions: list[Member] = []
        self.daemons: dict[int, list[str]] = {}  # what serves in the lab and is nobody's job: words by process
        self.breaks: Breakpoints | None = None  # made when somebody wants one
        self.halt: Callable[[Member], None] | None = None  # ends the lab for a session, where it is served
        clock.drive.is_live = self._is_live
        clock.drive.stopped = self._stopped
        clock.at_rest = self._at_rest
        self._adopt()

    def use(self, lab: Lab) -> None:
        """Go on in another lab; this one ends, with all that runs in it but the shells that are waited for."""
        end(self.exchange(lab))

    def exchange(self, lab: Lab) -> Lab:
        """Go on in another lab; the old one stands still until somebody goes on in it, or ends it."""
        self._forget_breaks()
        gc.unfreeze()  # what a prompt has frozen may be garbage now
        old, self.lab = self.lab, lab
        for session in self.sessions:
            for shell in session.foreground:
                old.procs.pop(shell.proc.pid, None)
                self.enter(shell.proc)
        self.daemons = {}
        for session in self.sessions:
            session.move()
        self.clock.use(lab)
        self._adopt()
        return old

    def enter(self, proc: Proc) -> None:
        """Give a process that is on no host a number in this lab."""
        proc.callouts = self.lab.callouts
        proc.pid = self.lab.next_pid
        self.lab.next_pid += 1
        self.lab.procs[proc.pid] = proc

    def remove_host(self, name: str, by: Member) -> None:
        """End a host; prompts that were on it are on the first of those that are left, and are told."""
        gone = self.lab.hosts[name]
        self.lab.remove_host(name)
        left = next(iter(self.lab.hosts.values()), None)
        for session in self.sessions:
            if session.host is gone:
                session.host = left
                if session is not by:
                    where = f"; you are on {left.name} now" if left is not None else ""
                    session.complain(name, f"removed by somebody else{where}")

    # -- the lab stands still -------------------------------------------------------------------------

    def _is_live(self, proc: Proc) -> bool:
        """Whether a process goes on all the same: a shell's, a command that one waits for, who gets a signal."""
        if not proc.hostname or proc.pending is not None:
            return True
        return any(shell.child is proc for session in self.sessions for shell in session.foreground)

    def pause(self, by: Member) -> None:
        """The lab stands still, since a session wants it so; the others are told."""
        by.debugs = True
        if not self.clock.drive.stands:
            self.clock.drive.pause()
            for session in self.sessions:
                if session is not by:
                    session.paused()

    def go(self) -> None:
        """The lab goes on."""
        self.clock.go()
        for session in self.sessions:
            session.goes()

    def release(self) -> None:
        """The end is near: nothing stops or stands still any more."""
        self._forget_breaks()
        if self.clock.drive.stands:
            self.go()

    def _forget_breaks(self) -> None:
        if self.breaks is not None:
            self.breaks.clear()
            self.breaks = None

    def _stopped(self, stop: Stop) -> None:
        row = None if self.breaks is None else self.breaks.row(stop)
        for session in self.sessions:
            session.stopped(row)

    def _at_rest(self) -> bool:
        """Nobody can go on: who has a say gets the prompt back; whether there was one."""
        changed = False
        for session in self.sessions:
            if not session.foreground or not self._waits(session.foreground[-1]):
                continue
            if session.steers:
                session.foreground[0].suspend()
                changed = True
            else:
                session.rests()
        return changed

    def _waits(self, shell: Foreground) -> bool:
        return self.clock.drive.rests(shell.child or shell.proc)

    def _adopt(self) -> None:
        """Let the lab have devices; what its kernels say goes where complaints go, as on a console."""
        shmif.register(self.lab)
        tap.register(self.lab)
        self.lab.probes.log = (self._console,)

    def _console(self, name: str, text: str) -> None:
        for session in self.sessions:
            session.console(name, text)


def end(lab: Lab) -> None:
    """End a lab: its processes close what they hold, its devices let the real machine go; nobody looks on any more."""
    if isinstance(lab.trace, Recorder):
        lab.trace.stop()
    for name, host in list(lab.hosts.items()):
        if any(ifp.kind not in _INSIDE or "/" in (ifp.linkstr or "") for ifp in host.interfaces.values()):
            lab.remove_host(name)
    lab.hosts.clear()  # the others are memory and nothing else, and thousands of them would take seconds
    for proc in list(lab.procs.values()):
        proc.signal(SIGKILL)
    lab.callouts.advance(lab.callouts.now)
    if lab.machine is not None:
        lab.machine.close()
