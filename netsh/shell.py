"""The interpreter: a process that runs a tree of statements, one child process a command.

In a script (a `source` other than `-`) the first failing line ends it.  A signal goes to the child that
is waited for; when the child has ended, what was to come after it does not come.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from commands.command import FOR_ANY_SOCKETS, Command, Complaint, Context, Failure, Usage
from netsh.files import open_for_reading
from netsh.grammar import Assign, Chain, For, Pipeline, Script, Statement
from netsh.jobs import JobStarted
from netsh.output import Closed, Output, Refused, build
from netsh.prompt.nearest import nearest
from netsh.state import State
from netsh.words import ExpansionError, Scope, expand, expand_all, expand_one
from stack.host import Host
from stack.kern.errors import reason
from stack.kern.pipe import Pipe
from stack.kern.proc import SIGINT, SIGKILL, Interrupt, Proc, pause, tsleep

_USAGE = 2
_NOT_FOUND = 127  # as in sh
_SIGPIPE = 13
_RANGE = re.compile(r"(-?[0-9]{1,9})\.\.(-?[0-9]{1,9})", re.ASCII)


class Stop(Exception):
    """The rest of the script, or of the line, does not run."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ShellContext:
    """What a command of the shell itself may touch: the session, and the shell that runs it."""

    def __init__(self, shell: Shell, host: Host | None, proc: Proc, stdin: Pipe) -> None:
        self.shell = shell
        self.session = shell.session
        self.host = host
        self.proc = proc
        self.stdin = stdin
        self.status = 0


class Shell:
    """One interpreter; `job` is its number when it runs in the background."""

    def __init__(self, session: State, scope: Scope, proc: Proc, *, source: str = "-", job: int | None = None) -> None:
        self.session = session
        self.scope = scope
        self.proc = proc
        self.source = source
        self.job = job
        self.child: Proc | None = None  # whom it waits for
        self.is_stuck = False
        self.alone = False  # it runs a single command, whose status is its own
        self.where = ""  # the file and the line, before each complaint
        self.complained = False
        self.last = "netsh"  # the command that ran last

    # -- statements -----------------------------------------------------------------------------------

    async def run(self, script: Script) -> int:
        """Run statements; the status of the last."""
        self.alone = len(script) == 1 and isinstance(script[0].node, Chain) and len(script[0].node.links) == 1
        if self.job is None:
            self.session.foreground.append(self)
        try:
            for statement in script:
                await self._statement(statement, False)
        except Stop as stop:
            self.scope.status = stop.status
        finally:
            if self.job is None:
                self.session.foreground.remove(self)
        return self.scope.status

    async def _statement(self, statement: Statement, tolerant: bool) -> None:
        """Run a statement, in the background perhaps; a failing one ends a script."""
        tolerant = tolerant or statement.tolerant
        self.complained = False
        self._at(statement.line)
        await self.session.printer.drain()
        if statement.background:
            status = self._background(statement)
        elif isinstance(statement.node, For):
            status = await self._loop(statement.node, tolerant)
        else:
            status = await self._chain(statement.node)
        self.scope.status = status
        if status and self.source != "-" and not tolerant and not isinstance(statement.node, For):
            if not self.complained:
                self.complain(self.last, f"exit status {status}")
            raise Stop(status)

    async def _chain(self, chain: Chain) -> int:
        status = 0
        for operator, link in chain.links:
            if (operator == "&&" and status) or (operator == "||" and not status):
                continue
            self._at(link.line)
            try:
                status = self._assign(link) if isinstance(link, Assign) else await self._pipeline(link)
            except ExpansionError as error:
                self.complain("netsh", str(error))
                status = _USAGE
            self.scope.status = status
        return status

    async def _loop(self, loop: For, tolerant: bool) -> int:
        status = 0
        try:
            items = list(self._items(loop))
        except ExpansionError as error:
            self.complain("netsh", str(error))
            if self.source != "-" and not tolerant:
                raise Stop(_USAGE) from None
            return _USAGE
        for span in items:
            for item in span:
                self.scope.variables[loop.name] = str(item)
                await pause(0)  # a loop of nothing can be interrupted, too
                for statement in loop.body:
                    await self._statement(statement, tolerant)
                    status = self.scope.status
        return status

    def _items(self, loop: For) -> Iterator[range | tuple[str]]:
        """What a loop goes over: words, and ranges such as 1..250."""
        for word in loop.items:
            literal = any(part.quoted for part in word.parts)
            for text in expand(word, self.scope):
                found = None if literal else _RANGE.fullmatch(text)
                if found is None:
                    yield (text,)
                else:
                    first, last = int(found[1]), int(found[2])
                    yield range(first, last + 1) if first <= last else range(first, last - 1, -1)

    def _assign(self, assign: Assign) -> int:
        for name, word in assign.pairs:
            self.scope.variables[name] = expand_one(word, self.scope)
        return 0

    # -- commands -------------------------------------------------------------------------------------

    async def _pipeline(self, pipeline: Pipeline) -> int:
        started = self._start(pipeline, self.job)
        return started if isinstance(started, int) else await self._wait(started)

    def _start(self, pipeline: Pipeline, job: int | None) -> Proc | int:
        """Start a command, or say why not: then a status."""
        words = expand_all(pipeline.words, self.scope)
        if not words:
            return 0
        host, argv = self._addressed(words)
        self.last = argv[0]
        command = self.session.find(argv[0])
        if command is None:
            return self._unknown(argv[0], alone=argv is not words)
        self.last = command.name
        if host is None and not self.session.is_builtin(argv[0]):
            self.complain(command.name, "there is no host to run it on; 'host NAME' makes one")
            return 1
        if command.name in ("kill", "wait"):
            argv = [argv[0], *(self._pid(word) for word in argv[1:])]
        output = Output(self.session.printer, command, host.name if host is not None else "", job)
        try:
            filters = [expand_all(words, self.scope) or [""] for words in pipeline.filters]
            files = {redirect.operator: expand_one(redirect.target, self.scope) for redirect in pipeline.redirects}
            source = files.pop("<", None)
            output = build(output, filters, next(iter(files.items()), None), self.session.clock)
            stdin = self._stdin(source, job)
        except Refused as refused:
            output.abandon()
            return self._refused(refused)
        where = self.where
        return self.session.spawn(
            None if self.session.is_builtin(argv[0]) else host,
            argv,
            lambda proc: self.execute(proc, host, command, argv, stdin, output, where),
        )

    def _addressed(self, words: list[str]) -> tuple[Host | None, list[str]]:
        """The host that a line names at its front, or the one the prompt is on, and the command's own words."""
        hosts = self.session.lab.hosts
        if words[0] in hosts and len(words) > 1 and self.session.find(words[0]) is None:
            return hosts[words[0]], words[1:]
        return self.session.host, words

    def _unknown(self, name: str, *, alone: bool) -> int:
        lab = self.session.lab
        if name in lab.hosts:
            cure = f"'host {name}' goes there, '{name} COMMAND' runs one on it"
            self.complain("netsh", f"{name}: a host, no command; {cure}")
        elif name.startswith("!"):
            self.complain("netsh", f"{name}: a program of the real machine stands behind a |")
        else:
            known = nearest(name, self.session.names() if alone else [*self.session.names(), *lab.hosts])
            self.complain("netsh", f"{name}: unknown command" + (f" (did you mean {known}?)" if known else ""))
        return _NOT_FOUND

    def _pid(self, word: str) -> str:
        """`%1` as the number of the job's process."""
        job = self.session.jobs.find(word) if word.startswith("%") else None
        return str(job.proc.pid) if job is not None else word

    def _stdin(self, path: str | None, job: int | None) -> Pipe:
        """What a command reads: a file, else our own input, in the background nothing."""
        if path is None:
            return self.session.stdin if job is None else Pipe(closed=True)
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
        if host is None or session.is_builtin(argv[0]):
            context = ShellContext(self, host, proc, stdin)
        else:
            watched = session.terminal and output.job is None and type(output) is Output
            context = Context(session.lab, host, proc, stdin, terminal=watched, columns=session.printer.columns)
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
            return 0 if output.done else context.status
        except Usage as usage:
            return self._usage(command.name, str(usage), command.synopsis, where)
        except Failure as failure:
            self.complain(command.name, str(failure), where)
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

    async def _wait(self, child: Proc) -> int:
        """Wait for a child; a signal that comes meanwhile is the child's, and ends us after it."""
        self.child = child
        signals: list[int] = []
        try:
            while child.status is None:
                try:
                    await tsleep(child.exited)
                except Interrupt as interrupt:
                    signals.append(interrupt.signal)
                    child.signal(interrupt.signal if len(signals) < 3 else SIGKILL)
        finally:
            self.child = None
            if child.status is None:
                child.signal(SIGKILL)
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

    # -- the background -------------------------------------------------------------------------------

    def _background(self, statement: Statement) -> int:
        """Start a statement as a job and do not wait."""
        session, node = self.session, statement.node
        number = session.jobs.next
        simple = node.links[0][1] if isinstance(node, Chain) and len(node.links) == 1 else None
        if isinstance(simple, Pipeline):
            try:
                proc = self._start(simple, number)
            except ExpansionError as error:
                self.complain("netsh", str(error))
                return _USAGE
            if isinstance(proc, int):
                return proc
        else:
            proc = session.spawn(None, ["sh"], lambda proc: self._subshell(proc, statement, number))
        session.background(proc, statement.source)
        if session.interactive and self.source == "-":
            session.say("jobs", JobStarted(number, proc.pid), job=number)
        return 0

    async def _subshell(self, proc: Proc, statement: Statement, job: int) -> int:
        scope = Scope(list(self.scope.arguments), dict(self.scope.variables), self.scope.name)
        shell = Shell(self.session, scope, proc, source=self.source, job=job)
        try:
            return await shell.run((statement._replace(background=False),))
        except Exception as defect:
            self.session.defect("netsh", defect)
            return 1

    # -- complaining ----------------------------------------------------------------------------------

    def _at(self, line: int) -> None:
        self.where = f"{self.source}:{line}: " if self.source != "-" else ""

    def complain(self, name: str, text: str, where: str | None = None) -> None:
        """One line on stderr, with the place in the script before it."""
        self.complained = True
        self.session.complain((self.where if where is None else where) + name, text)

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
