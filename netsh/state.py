"""What a session is made of, before anything runs in it: the lab, who prints, where the prompt is, the jobs."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, Protocol

import netsh.builtins
from commands import command
from commands.command import Command
from netsh.aliases import command_of
from netsh.clock import Clock
from netsh.jobs import Job, Jobs, Movable, row_of
from netsh.recorder import Recorder
from netsh.render.palette import theme_of
from netsh.render.printer import Printer
from netsh.settings import Settings
from netsh.syntax import Pipeline, Script
from netsh.words import Scope
from netsh.world import Foreground, World
from stack.host import Host
from stack.kern.pipe import Pipe
from stack.kern.proc import SIGCONT, SIGSTOP, Nap, Proc
from stack.lab import Lab

_SIGPIPE = 13

Body = Coroutine[Nap, bool | None, int]
Make = Callable[[Proc], Body]


class Function(NamedTuple):
    """What `name() { ... }` has defined, and in which file."""

    body: Script
    source: str


class Companion(Protocol):
    """Somebody who reads along at the prompt, and has words of his own."""

    commands: dict[str, Command]

    def toolbar(self) -> str:
        """Where he is, in a few words."""

    def meant(self, text: str) -> str:
        """What a line means that was typed; an empty one, too."""

    def look(self) -> None:
        """A line was run."""

    def more(self) -> str:
        """Another line to run, without that one is typed; "" for none."""

    def leave(self) -> None:
        """Make everything as it was before."""


class Beyond(Protocol):
    """The program that the user sits at, where that is not this one: his keyboard, his options, his records."""

    async def ask(self, *words: str) -> str:
        """Have something done there; what it answers, ValueError in words when it cannot be done."""


class State:
    """The session's things; netsh.shell runs lines in it, netsh.session is its whole."""

    def __init__(
        self, lab: Lab, printer: Printer, *, clock: Clock | None = None, host: Host | None = None,
        interactive: bool = False, terminal: bool = False, world: World | None = None,
    ) -> None:  # fmt: skip
        self.world = world or World(lab, clock or Clock(lab))  # others may be in it, too
        self.printer = printer
        self.host = host or next(iter(lab.hosts.values()), None)  # where the prompt is
        self.scope = Scope()
        self.functions: dict[str, Function] = {}
        self.aliases: dict[str, Pipeline] = {}
        self.jobs = Jobs()
        self.foreground: list[Foreground] = []  # the shells that are waited for, the innermost last
        self.shells: list[Foreground] = []  # all that run
        self.settings: Settings | None = None  # the user's options, when they are known
        self.recorder: Recorder | None = None  # of what happens at a prompt here
        self.beyond: Beyond | None = None  # the user's program, when it is another one
        self.demo: deque[str] = deque()  # lines that the prompt types for an audience
        self.stop_key: Callable[[], None] | None = None  # what Ctrl-Z does, when it is not the shell's
        self.interactive = interactive  # somebody sits at a prompt
        self.terminal = terminal  # output goes to a terminal
        self.pager: str | None = None  # a command, `off`, or None for the one of the environment
        self.stdin = Pipe(closed=True)  # what a command in the foreground reads
        self.exiting: int | None = None  # the status to exit with
        self.closed = False  # nobody reads our output any more
        self.python: dict[str, Any] | None = None  # the names that `py` knows, once it has run
        self.debugs = False  # it has said `pause`, or set a breakpoint
        self.told = False  # that the lab stands still
        self.companion: Companion | None = None  # a lesson
        self._found: dict[str, Command | None] = {}
        self.world.sessions.append(self)

    @property
    def lab(self) -> Lab:
        """The lab it is in."""
        return self.world.lab

    @property
    def steers(self) -> bool:
        """Whether it goes on by itself when the lab stands still; all others wait."""
        return self.interactive or self.debugs

    @property
    def clock(self) -> Clock:
        """Who moves the lab's time."""
        return self.world.clock

    # -- commands -------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """All commands, those of the shell among them."""
        own = self.companion.commands if self.companion is not None else ()
        return sorted({*netsh.builtins.names(), *command.names(), *own})

    def find(self, name: str) -> Command | None:
        """A command by its name; the shell's own come first."""
        if self.companion is not None and name in self.companion.commands:
            return self.companion.commands[name]
        if name not in self._found:
            self._found[name] = netsh.builtins.find(name) or command.find(name)
        return self._found[name]

    def is_builtin(self, name: str) -> bool:
        """Whether a command is one of the shell's own."""
        own = self.companion is not None and name in self.companion.commands
        return own or netsh.builtins.module_of(name) is not None

    def use(self, settings: Settings) -> None:
        """Do as the user's options say; ValueError for an alias that is none."""
        self.settings = settings
        if "pager" in settings.values:
            self.pager = str(settings["pager"])
        self.printer.theme = theme_of(str(settings["theme"]), self.printer.environ)
        for name, text in settings.aliases.items():
            self.aliases[name] = command_of(name, text)

    # -- processes ------------------------------------------------------------------------------------

    def spawn(self, host: Host | None, argv: list[str], make: Make) -> Proc:
        """Start a process: of a host, or of none, which outlives them all."""
        if host is not None:
            return self.lab.spawn(host, argv, lambda proc: self.around(make(proc)))
        proc = Proc(self.lab.callouts, 0, "", argv)
        self.world.enter(proc)
        began = self.lab
        proc.closers.append(lambda: self._leave(proc, began))
        proc.start(self.around(make(proc)))
        return proc

    def serve(self, host: Host, argv: list[str]) -> Proc | None:
        """Start a command that serves in the lab and is nobody's job; netsh.session says how."""
        raise NotImplementedError

    def around(self, coro: Body) -> Body:
        """What a process of this session runs, for whoever must put something around it."""
        return coro

    def refuses(self, command: str) -> str | None:
        """Why a command may not be run in this session, or None."""
        return None

    def _leave(self, proc: Proc, began: Lab) -> None:
        """It is over, in the lab in which it began or in one that was loaded since."""
        for lab in (began, self.lab):
            if lab.procs.get(proc.pid) is proc:
                del lab.procs[proc.pid]

    def move(self) -> None:
        """Go on in the lab that has taken the place of ours; what ran in that has ended with it."""
        self.jobs = Jobs()
        self.host = next(iter(self.lab.hosts.values()), None)

    def stuck(self) -> None:
        """In fast time nothing is pending anywhere, and yet somebody waits: that ends."""
        self.foreground[-1].stuck()

    def background(self, proc: Proc, line: str, output: Movable | None = None) -> Job:
        """Make a process a job; at a prompt its end is news."""
        job = self.jobs.add(proc, line, output)
        if self.interactive:
            proc.exited.upcall = lambda: self.clock.soon(self.report)
        return job

    def suspend(self, proc: Proc, line: str) -> Job:
        """What was waited for is a job now, until time goes on; so are the shells in it."""
        job = self.jobs.suspend(self.background(proc, line, self.foreground[0].output).number)
        job = self.jobs.table[job.number] = job._replace(stdin=self.stdin)
        inner = self.foreground[1:]
        del self.foreground[1:]
        for shell in inner:
            shell.job = job.number
        self._move(job, job.number)
        return job

    def stop(self) -> None:
        """Ctrl-Z: what is waited for stops, and goes to the background."""
        if self.stop_key is not None:
            self.stop_key()
        elif self.foreground and self.interactive:
            self.foreground[0].suspend(held=True)

    def hold(self, job: Job) -> Job:
        """A job stops until somebody lets it go on."""
        self._signal(job, SIGSTOP)
        return self.jobs.suspend(job.number, suspended=False)

    def resume(self, job: Job) -> Job:
        """A job goes on, in the background."""
        self._signal(job, SIGCONT)
        for output in self._outputs(job):
            output.resume()
        return self.jobs.suspend(job.number, suspended=False)

    def bring(self, job: Job) -> None:
        """A job is waited for: it speaks as a command does, and has the keyboard."""
        self._move(job, None)
        inner = [shell for shell in self.shells if shell.job == job.number]
        for shell in inner:
            shell.job = None
        self.foreground += inner
        if job.stdin is not None:
            for descriptor in [each for each, pipe in self.clock.inputs.items() if pipe is self.stdin]:
                self.clock.inputs[descriptor] = job.stdin
            self.stdin = job.stdin

    def send_back(self, job: Job) -> None:
        """It is not waited for any more."""
        for shell in self.shells:
            if shell.proc is job.proc or shell in self.foreground[1:]:
                shell.job = job.number
        del self.foreground[1:]
        self._move(job, job.number)

    def _signal(self, job: Job, signal: int) -> None:
        shells = [shell for shell in self.shells if shell.job == job.number]
        for proc in [job.proc, *(proc for shell in shells for proc in (shell.proc, shell.child))]:
            if proc is not None:
                proc.signal(signal)

    def _outputs(self, job: Job) -> list[Movable]:
        found = [job.output, *(shell.output for shell in self.shells if shell.job == job.number)]
        return [output for output in found if output is not None]

    def _move(self, job: Job, to: int | None) -> None:
        for output in self._outputs(job):
            output.move(to)

    def report(self) -> None:
        """At a prompt, say which jobs have ended, unless a command speaks right now."""
        if self.interactive and not self.foreground:
            for job in self.jobs.ended():
                self.say("jobs", row_of(job), job=job.number)

    # -- the lab stands still -------------------------------------------------------------------------

    def stopped(self, row: object) -> None:
        """Say where, to who has a say in when it goes on."""
        if self.steers:
            self.say("break", row)

    def paused(self) -> None:
        """Somebody else has said `pause`: who sits at a prompt is told."""
        if self.interactive:
            self.complain("pause", "somebody else has stopped the lab; 'go' lets it go on")

    def goes(self) -> None:
        """The lab goes on, and with it what was suspended."""
        self.told = False
        for job in self.jobs.suspended():
            self.jobs.suspend(job.number, suspended=False)

    def rests(self) -> None:
        """Say once why nothing moves."""
        if not self.told:
            self.told = True
            self.complain("netsh", "the lab stands still; 'go' lets it go on")

    # -- speaking -------------------------------------------------------------------------------------

    def overhear(self) -> None:
        """Tell the recorder all that is said."""
        if self.recorder is not None:
            self.printer.heard = self.recorder.said

    def say(self, name: str, row: Any, job: int | None = None) -> None:
        """Print a row of one of the shell's own commands."""
        found = self.find(name)
        assert found is not None
        self.printer.row(found, row, host=self.host.name if self.host is not None else "", job=job)
        self.printer.end(found, job=job)

    def complain(self, name: str, text: str) -> None:
        """One line on stderr."""
        self.printer.complaint(name, " ".join(text.split("\n")))

    def defect(self, name: str, failure: BaseException) -> None:
        """A fault of ours: a line, and with NETSH_DEBUG set all of it."""
        self.complain(name, f"internal error: {type(failure).__name__}: {failure}")
        if os.environ.get("NETSH_DEBUG"):
            import traceback

            traceback.print_exception(failure, file=self.printer.err)

    def flush(self) -> None:
        """What was printed should be seen now; when nobody reads it any more, all that is waited for ends."""
        try:
            self.printer.out.flush()
        except BrokenPipeError:
            self.closed = True
            for shell in self.foreground[:1]:
                shell.proc.signal(_SIGPIPE)

    def console(self, name: str, text: str) -> None:
        """What the kernels of the lab say goes where complaints go."""
        self.complain(name, text)
