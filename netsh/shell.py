"""A shell's process: it starts a child process a command, gives it its input and output, and waits for it.

A signal goes to the child that is waited for; when the child has ended, what was to come after it does not come.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

from commands.command import FOR_ANY_SOCKETS, FOR_NO_HOST, Command, Complaint, Context, Failure, Usage
from netsh.files import open_for_reading
from netsh.jobs import Movable, row_of
from netsh.live import live
from netsh.output import Closed, Output, Refused, Shared, build
from netsh.prompt.nearest import nearest
from netsh.state import State
from netsh.syntax import Pipeline, Redirect
from netsh.words import Scope, Word, expand_all, expand_one
from stack.host import Host
from stack.kern.errors import reason
from stack.kern.pipe import Pipe
from stack.kern.proc import SIGINT, SIGKILL, SIGSTOP, Interrupt, Proc, tsleep
from stack.lab import Lab

_USAGE = 2
_NOT_FOUND = 127  # as in sh
_SIGPIPE = 13


class Stop(Exception):
    """The rest of the script, or of the line, does not run."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ShellContext:
    """What a command of the shell itself may touch: the session, and the shell that runs it."""

    def __init__(self, shell: Shell, host: Host | None, proc: Proc, stdin: Pipe, *, terminal: bool = False) -> None:
        self.shell = shell
        self.terminal = terminal  # a person watches
        self.session = shell.session
        self.host = host
        self.proc = proc
        self.stdin = stdin
        self.status = 0

    @property
    def lab(self) -> Lab:
        """The session's, for what runs on no host."""
        return self.session.lab

    @property
    def background(self) -> bool:
        """Whether it is a job that nobody waits for, or part of one."""
        jobs = self.session.jobs.running()
        return self.shell.job is not None or any(job.proc is self.proc for job in jobs)


class Shell:
    """Starts commands and waits for them; netsh.interpreter says which.

    `job` is its number when it runs in the background, `on` the host it is for when that is not the prompt's,
    `target` who takes what its commands say when that is not the printer.
    """

    def __init__(
        self, session: State, scope: Scope, proc: Proc, *, source: str = "-", job: int | None = None,
        on: Host | None = None, target: Shared | None = None,
    ) -> None:  # fmt: skip
        self.session = session
        self.scope = scope
        self.proc = proc
        self.source = source
        self.job = job
        self.on = on
        self.target = target
        self.broken = False  # something is too deep in itself: all that led to it ends
        self.child: Proc | None = None  # whom it waits for
        self.is_stuck = False
        self.is_suspended = False  # the lab stands still, and the child with it
        self.is_held = False  # ... or it alone
        self.output: Movable | None = None  # the child's
        self.alone = False  # it runs a single command, whose status is its own
        self.offset = 0  # how many lines of the file stand before the text that runs
        self.numbered = False  # several lines were typed at once
        self.where = ""  # the file and the line, before each complaint
        self.complained = False
        self.last = "netsh"  # the command that ran last

    # -- commands -------------------------------------------------------------------------------------

    def _start(self, words: list[str], pipeline: Pipeline, job: int | None) -> Proc | int:
        """Start a command, or say why not: then a status."""
        host, argv = self._addressed(words)
        self.last = argv[0]
        command = self.session.find(argv[0])
        if command is None:
            return self._unknown(argv[0], alone=argv is not words)
        if "--live" in argv and (watched := live(command, argv)) is not None:
            argv, command = watched, self.session.find("watch") or command
        self.last = command.name
        hostless = self.session.is_builtin(argv[0]) or (host is None and command.name in FOR_NO_HOST)
        if not hostless and (why := self._nowhere(host)):
            self.complain(command.name, why)
            return 1
        if command.name in ("kill", "wait"):
            argv = [argv[0], *(self._pid(word) for word in argv[1:])]
        output = Output(self.session.printer, command, host.name if host is not None else "", job)
        try:
            source, output = self._behind(output, pipeline.filters, pipeline.redirects)
            stdin = self._stdin(source, job)
        except Refused as refused:
            output.abandon()
            return self._refused(refused)
        where, self.output = self.where, output
        return self.session.spawn(
            None if self.session.is_builtin(argv[0]) else host,
            argv,
            lambda proc: self.execute(proc, host, command, argv, stdin, output, where),
        )

    def _behind(
        self, output: Output, filters: tuple[tuple[Word, ...], ...], redirects: tuple[Redirect, ...]
    ) -> tuple[tuple[str, str] | None, Output]:
        """What a command reads (< and a file, or <<< and a text), and its output with filters and a file."""
        words = [expand_all(filter, self.scope) or [""] for filter in filters]
        files = {redirect.operator: expand_one(redirect.target, self.scope) for redirect in redirects}
        source = next(((operator, files.pop(operator)) for operator in ("<", "<<<") if operator in files), None)
        return source, build(output, words, next(iter(files.items()), None), self.session.clock, self.target)

    def _addressed(self, words: list[str]) -> tuple[Host | None, list[str]]:
        """The host that a line names at its front, or the one the prompt is on, and the command's own words."""
        hosts = self.session.lab.hosts
        if words[0] in hosts and len(words) > 1 and not self._knows(words[0]):
            return hosts[words[0]], words[1:]
        return self.on or self.session.host, words

    def _nowhere(self, host: Host | None) -> str:
        """Why nothing can run on a host; "" when it can."""
        if host is None:
            return "there is no host to run it on; 'host NAME' makes one"
        gone = host is self.on and self.session.lab.hosts.get(host.name) is not host
        return f"its host is gone: {host.name} was removed" if gone else ""

    def _knows(self, name: str) -> bool:
        """Whether a word is a function or a command."""
        return name in self.session.functions or self.session.find(name) is not None

    def _unknown(self, name: str, *, alone: bool) -> int:
        lab = self.session.lab
        if name in lab.hosts:
            cure = f"'host {name}' goes there, '{name} COMMAND' runs one on it"
            self.complain("netsh", f"{name}: a host, no command; {cure}")
        elif name.startswith("!"):
            self.complain("netsh", f"{name}: a program of the real machine stands behind a |")
        else:
            names = [*self.session.names(), *self.session.functions, *self.session.aliases]
            known = nearest(name, names if alone else [*names, *lab.hosts])
            self.complain("netsh", f"{name}: unknown command" + (f" (did you mean {known}?)" if known else ""))
        return _NOT_FOUND

    def _no_host(self, name: str) -> str:
        """What is wrong with `NAME { ... }`."""
        if self._knows(name):
            return f"{name}: a command, no host: {{ }} stands behind a host, or alone"
        known = nearest(name, self.session.lab.hosts)
        return f"{name}: no such host" + (f" (did you mean {known}?)" if known else "; 'host NAME' makes one")

    def _pid(self, word: str) -> str:
        """`%1` as the number of the job's process."""
        job = self.session.jobs.find(word) if word.startswith("%") else None
        return str(job.proc.pid) if job is not None else word

    def _stdin(self, source: tuple[str, str] | None, job: int | None) -> Pipe:
        """What a command reads: a file or a line, else our own input, in the background nothing."""
        if source is None:
            return self.session.stdin if job is None else Pipe(closed=True)
        operator, path = source
        if operator == "<<<":
            return Pipe(f"{path}\n".encode(errors="surrogateescape"), closed=True)
        try:
            descriptor = open_for_reading(path)
        except (OSError, ValueError) as error:
            raise Refused("netsh", f"{path}: {reason(error)}") from None
        pipe = Pipe()
        self.session.clock.feed(pipe, descriptor)
        return pipe

    async def execute(
        self, proc: Proc, host: Host | None, command: Command, argv: list[str], stdin: Pipe, output: Output, where: str
    ) -> int:
        """Be the process of a command, from its words to its status."""
        session = self.session
        if stdin is not session.stdin:
            proc.closers.append(lambda: session.clock.forget(stdin))
        context: Context | ShellContext
        watched = session.terminal and output.job is None and type(output) is Output
        if host is None or session.is_builtin(argv[0]):
            context = ShellContext(self, host, proc, stdin, terminal=watched)
        else:
            # before what a job says at a prompt stands whose it is
            taken = len(host.name) + 1 if output.job is not None and session.interactive else 0
            context = Context(
                session.lab, host, proc, stdin, terminal=watched, columns=lambda: session.printer.columns() - taken
            )
        try:
            try:
                status = await self._rows(context, command, argv, output, where)
            except Interrupt as interrupt:
                status = 128 + interrupt.signal
            except GeneratorExit:  # killed
                output.abandon()
                raise
            except BaseException:
                output.end(well=False)
                raise
            output.end(well=not status)
            await output.finish()
            return status or output.status
        except Refused as refused:
            return self._refused(refused, where)
        except Closed:
            session.closed = True
            return 128 + _SIGPIPE
        except Exception as defect:  # in `show`, or in a printer's view of a row
            session.defect(where + command.name, defect)
            return 1

    async def _rows(
        self, context: Context | ShellContext, command: Command, argv: list[str], output: Output, where: str
    ) -> int:
        """Run a command and hand its rows on; what goes wrong in it is one line and a status."""
        try:
            if refusal := self.session.refuses(command.name):
                raise Failure(refusal)
            if isinstance(context, Context) and context.host.machine is not None:
                if command.name not in FOR_ANY_SOCKETS:
                    raise Failure("not with the host's sockets (sockets stack goes back)")
            run: Callable[..., AsyncIterator[Any]] = command.run
            rows = run(context, command.parse(argv[1:]))
            await self._hand_on(rows, command, output, where)
            if isinstance(context, Context) and context.last_words:
                self.complain(command.name, context.last_words, where)
            return 0 if output.done else context.status
        except Usage as usage:
            return self._usage(command.name, str(usage), command.synopsis, where)
        except Failure as failure:
            self.complain(command.name, str(failure), where)
            self.show_place(failure.mark)
            return failure.status
        except (Refused, Closed):
            raise
        except OSError as error:
            name = f"{error.filename}: " if error.filename else ""
            self.complain(command.name, name + reason(error), where)
        except Exception as defect:  # it ends this command, nothing else
            self.complained = True
            self.session.defect(where + command.name, defect)
        return 1

    async def _hand_on(self, rows: AsyncIterator[Any], command: Command, output: Output, where: str) -> None:
        """Give rows to the output until there are no more, or it wants no more."""
        killed = False
        signal: Interrupt | None = None
        try:
            while True:
                try:  # a signal that comes while the output must wait is the command's, which may have last words
                    row = await (anext(rows) if signal is None else _signalled(rows, signal))
                except StopAsyncIteration:
                    break
                signal = None
                if isinstance(row, Complaint):
                    with self.session.printer.beside(output.job):
                        self.complain(command.name, row.text, where)
                    continue
                output.row(row)
                if output.done:
                    break
                try:
                    await output.drain()
                except Interrupt as interrupt:
                    signal = interrupt
        except GeneratorExit:
            killed = True  # the generator goes when we do; it cannot be waited for
            raise
        finally:
            if isinstance(rows, AsyncGenerator) and not killed:
                await rows.aclose()

    # -- waiting --------------------------------------------------------------------------------------

    async def _wait(self, child: Proc, line: str = "") -> int:
        """Wait for a child; a signal that comes meanwhile is the child's, and ends us after it.

        What was typed to start it is the name of a job, which it becomes when the lab stands still.
        """
        self.child = child
        signals: list[int] = []
        try:
            while child.status is None:
                if self.is_suspended:
                    return await self._suspended(child, line)
                try:
                    await tsleep(child.exited)
                except Interrupt as interrupt:
                    signals.append(interrupt.signal)
                    child.signal(interrupt.signal if len(signals) < 3 else SIGKILL)
        finally:
            self.child = None
            if child.status is None and not self.is_suspended:
                child.signal(SIGKILL)
            self.is_suspended = False
        return self._ended(child, child.status or 0, signals)

    def _ended(self, child: Proc, status: int, signals: list[int]) -> int:
        session = self.session
        if self.is_stuck:
            self.is_stuck = False
            self.complain(child.argv[0], "nothing more can happen")
            status = 1
        if session.closed:
            raise Stop(128 + _SIGPIPE)
        if status == 128 + SIGKILL and not signals and child.hostname and child.hostname not in session.lab.hosts:
            self.complain(child.argv[0], f"ended with its host: {child.hostname} was removed")
        if signals:
            if self.job is None and signals[0] != SIGINT:
                session.exiting = 128 + signals[0]
            raise Stop(status if self.alone else 128 + signals[0])
        if session.exiting is not None and self.job is None:
            raise Stop(session.exiting)
        return status

    def stuck(self) -> None:
        """Nothing can ever happen again: the child ends, with its statistics if it has some."""
        if self.child is not None:
            self.child.signal(SIGKILL if self.is_stuck else SIGINT)
            self.is_stuck = True
        else:
            self.proc.signal(SIGKILL)

    def suspend(self, *, held: bool = False) -> None:
        """The lab stands still, or the child is held: it goes to the background, with the shells that it is itself."""
        self.is_suspended, self.is_held = True, held
        self.proc.awaken(True)

    async def _suspended(self, child: Proc, line: str) -> int:
        """Go on without a child, unless what it says is wanted here."""
        if self.is_held and (not line or self.target is not None):
            self.is_suspended = self.is_held = False
            self.complain(child.argv[0], "it cannot be stopped here, only ended with Ctrl-C")
            return await self._wait(child, line)
        if not line or self.target is not None:
            self.is_suspended = False
            self.complain(child.argv[0], "it cannot be waited for here while the lab stands still")
            raise Stop(1)
        session = self.session
        job = session.suspend(child, line)
        if self.is_held:
            job = session.hold(job)
        session.say("jobs", row_of(job), job=job.number)
        if self.is_held:
            self.is_held = False
            raise Stop(128 + SIGSTOP)
        return 0

    # -- complaining ----------------------------------------------------------------------------------

    def _at(self, line: int) -> None:
        numbered = f"line {line + self.offset}: " if self.numbered else ""
        self.where = f"{self.source}:{line + self.offset}: " if self.source != "-" else numbered

    def complain(self, name: str, text: str, where: str | None = None) -> None:
        """One line on stderr, with the place in the script before it."""
        self.complained = True
        self.session.complain((self.where if where is None else where) + name, text)

    def show_place(self, mark: str) -> None:
        """Below a complaint: the line that was typed, and a mark."""
        if mark:
            self.session.printer.below(mark)

    def _usage(self, name: str, text: str, synopsis: str, where: str | None = None) -> int:
        """Words say what is wrong, and one line is enough; without them it is how the command is used."""
        if text:
            self.complain(name, text, where)
        else:
            self.complained = True
            self.session.printer.complaint("usage", synopsis.replace("\n", "\n       "))
        return _USAGE

    def _refused(self, refused: Refused, where: str | None = None) -> int:
        if refused.synopsis:
            return self._usage(refused.name, str(refused), refused.synopsis, where)
        self.complain(refused.name, str(refused), where)
        return 1


def _signalled(rows: AsyncIterator[Any], signal: Interrupt) -> Awaitable[Any]:
    """The next row of a command that has got a signal, which it may not care for."""
    if not isinstance(rows, AsyncGenerator):
        raise signal
    return rows.athrow(signal)
