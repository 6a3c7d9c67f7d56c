"""The session: give it lines, and it starts the processes that run them.

Lines run when somebody moves time:

    session = Session(lab, printer)
    status = session.run("ping -c 3 www; netstat -s")    # moves the lab's time until it is done
    proc = session.start("ping www &")                   # whoever moves time runs it
"""

from __future__ import annotations

from collections.abc import Coroutine

from netsh.grammar import GrammarError, describe, parse
from netsh.interpreter import Interpreter
from netsh.output import Output
from netsh.shell import Shell
from netsh.state import State
from netsh.syntax import Chain, Pipeline, Script, Statement
from netsh.words import Part, Scope, Word
from stack.host import Host
from stack.kern.pipe import Pipe
from stack.kern.proc import SIGKILL, SIGTERM, Interrupt, Nap, Proc, pause, tsleep

_PATIENCE = 1.0  # seconds that a job has to end after SIGTERM


class Session(State):
    """A session whole."""

    def start(self, text: str, source: str = "-", scope: Scope | None = None) -> Proc:
        """Start a shell that runs a text; a `source` is a script's name, and makes the first failing line stop it."""
        try:
            script = parse(text)
        except GrammarError as error:
            self.complain(*describe(error, text, source))
            return self.spawn(None, ["sh"], _refuse)
        return self._start(script, source, scope)

    def start_words(self, words: list[str]) -> Proc:
        """Start a shell that runs one command, its words as they are."""
        typed = tuple(Word((Part("text", word, True),), word, 0) for word in words)
        pipeline = Pipeline(typed, (), (), 1, " ".join(words))
        return self._start((Statement(Chain((("", pipeline),)), False, False, 1, pipeline.source),), "-", None)

    def run(self, text: str, source: str = "-", scope: Scope | None = None) -> int:
        """Run a text to its end, time moving along; its status."""
        return self.finish(self.start(text, source, scope))

    def finish(self, proc: Proc) -> int:
        """Move time until a process is over; its status."""
        self.clock.run(proc, self.stuck)
        return self.over(proc)

    def over(self, proc: Proc) -> int:
        """A process that was waited for is over: its status, which is `$?` now."""
        if proc.failure is not None:
            self.defect("netsh", proc.failure)
        self.scope.status = proc.status or 0
        self.report()
        return self.scope.status

    def _start(self, script: Script, source: str, scope: Scope | None) -> Proc:
        argv = ["sh"] if source == "-" else ["sh", source]
        scope = scope or self.scope
        return self.spawn(None, argv, lambda proc: Interpreter(self, scope, proc, source=source).run(script))

    def serve(self, host: Host, argv: list[str]) -> Proc | None:
        """Start a command that serves in the lab and is nobody's job; None when there is no such command."""
        command = self.find(argv[0])
        if command is None:
            return None
        output = Silent(self.printer, command, host.name, None)
        stdin = Pipe(closed=True)

        def make(proc: Proc) -> Coroutine[Nap, bool | None, int]:
            shell = Shell(self, Scope(), proc, job=0)
            return shell.execute(proc, host, command, argv, stdin, output, "")

        proc = self.spawn(host, argv, make)
        self.world.daemons[proc.pid] = argv
        return proc

    def end_jobs(self) -> None:
        """End what runs in the background, politely first."""
        self.world.release()
        procs = [job.proc for job in self.jobs.running()]
        if procs:
            ended = self.end_processes(procs)
            self.clock.linger(lambda: any(proc.status is None for proc in procs), _PATIENCE)
            self.clock.run(ended, lambda: None)

    def end_processes(self, procs: list[Proc]) -> Proc:
        """Start to end processes, politely first; they have ended when the one that is returned has."""
        for proc in procs:
            proc.signal(SIGTERM)
        return self.spawn(None, ["sh"], lambda _: self._await(procs))

    async def _await(self, procs: list[Proc]) -> int:
        drive, callouts = self.clock.drive, self.lab.callouts
        deadline = callouts.now + (0.0 if drive.stands else _PATIENCE)
        await pause(0)
        for proc in procs:
            while proc.status is None and callouts.now < deadline and not drive.stands:
                try:
                    await tsleep(proc.exited, drive.halted, timeout=deadline - callouts.now)
                except Interrupt:
                    deadline = callouts.now
            proc.signal(SIGKILL)
            while proc.status is None and not (drive.stands and drive.rests(proc)):
                await tsleep(proc.exited, drive.halted, timeout=0 if drive.stands else None)
        return 0


class Silent(Output):
    """Rows that nobody wants to see."""

    def row(self, row: object) -> None:
        """Drop it."""

    def end(self, *, well: bool) -> None:
        """Nothing was said."""


async def _refuse(_proc: Proc) -> int:
    return 2
