"""The interpreter: runs a tree of statements, each command a child process, each function a shell of its own.

In a script (a `source` other than `-`) the first failing line ends it; not so where a command is asked whether it
succeeds: behind `if`, `while`, `!` and a `-`, and before `&&` and `||`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from commands.command import Command
from netsh.grammar import parse
from netsh.jobs import JobStarted
from netsh.output import Caught, Closed, Output, Piped, Refused, Shared
from netsh.prompt.abbreviations import Ambiguous, whole
from netsh.shell import Shell, Stop
from netsh.state import Function, State
from netsh.syntax import (
    Assign,
    Chain,
    Compound,
    Define,
    For,
    Group,
    If,
    Leave,
    Link,
    Not,
    Pipeline,
    Redirect,
    Script,
    Statement,
    While,
)
from netsh.words import ExpansionError, Part, Scope, Word, expand, expand_all, expand_one
from stack.host import Host
from stack.kern.proc import SIGINT, Interrupt, Proc, pause

DEPTH = 100  # functions and scripts in one another
_JOBS = 1000
_USAGE = 2
_SIGPIPE = 13
_RANGE = re.compile(r"(-?[0-9]{1,9})\.\.(-?[0-9]{1,9})", re.ASCII)


class Leaving(Exception):
    """`break`, `continue` or `return`: what is around it ends, or begins anew."""

    def __init__(self, kind: str, status: int) -> None:
        super().__init__(kind)
        self.kind = kind
        self.status = status


class Full(Exception):
    """Nobody wants more of what is said."""


async def _nothing(_context: Any, _args: Any) -> AsyncIterator[Any]:
    return
    yield


_SH = Command("sh", "", list, _nothing, str)  # whose output that of a function or of a loop is


class Interpreter(Shell):
    """Runs statements; `strict` is whether a failing one is the last."""

    def __init__(
        self, session: State, scope: Scope, proc: Proc, *, source: str = "-", job: int | None = None,
        on: Host | None = None, target: Shared | None = None, strict: bool | None = None, depth: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(session, scope, proc, source=source, job=job, on=on, target=target)
        self.strict = source != "-" if strict is None else strict
        self.depth = depth
        self.function = False  # it runs one
        self.asking = 0  # a failure is an answer, in so many ways
        self.excused = False  # what was run last has said of each of its parts that it failed
        self.line = 1
        self.substituted = 0  # the status of the last $(command)

    def inside(self, proc: Proc, scope: Scope, **changes: Any) -> Interpreter:
        """A shell for what this one runs."""
        kept = {"source": self.source, "job": self.job, "on": self.on, "target": self.target, "depth": self.depth + 1}
        return Interpreter(self.session, scope, proc, **{**kept, **changes})

    # -- statements -----------------------------------------------------------------------------------

    async def run(self, script: Script) -> int:
        """Run statements; the status of the last."""
        self.numbered = self.session.interactive and not self.function and bool(script) and script[-1].line > 1
        links = script[0].node.links if len(script) == 1 else ()
        self.alone = len(links) == 1 and isinstance(links[0][1], Pipeline)
        self.session.shells.append(self)
        if self.job is None:
            self.session.foreground.append(self)
        try:
            await self._statements(script)
        except Stop as stop:
            self.scope.status = stop.status
        except Full:
            self.scope.status = 0
        except Leaving as leaving:
            self.scope.status = leaving.status
            if leaving.kind == "return" and not self.function and self.source == "-":
                self.complain("return", "only in a function or a script")
                self.scope.status = _USAGE
        except Interrupt as interrupt:
            if self.job is None and interrupt.signal != SIGINT:
                self.session.exiting = 128 + interrupt.signal
            raise
        finally:
            self.session.shells.remove(self)
            if self in self.session.foreground:
                self.session.foreground.remove(self)
        return self.scope.status

    async def _statements(self, script: Script) -> None:
        for statement in script:
            await self._statement(statement)

    async def _statement(self, statement: Statement) -> None:
        """Run a statement, in the background perhaps; a failing one ends a script."""
        self.complained = self.excused = False
        self._at(statement.line)
        await self.session.printer.drain()
        if self.target is not None and self.target.done:
            raise Full
        self.asking += statement.tolerant
        try:
            status = self._background(statement) if statement.background else await self._chain(statement.node)
        finally:
            self.asking -= statement.tolerant
        self.scope.status = status
        if status and self.strict and not statement.tolerant and not self.asking and not self.excused:
            if not self.complained:
                self.complain(self.last, f"exit status {status}")
            raise Stop(status)

    async def _chain(self, chain: Chain) -> int:
        status = 0
        for at, (operator, link) in enumerate(chain.links, 1):
            if (operator == "&&" and status) or (operator == "||" and not status):
                continue
            self._at(link.line)
            asks = at < len(chain.links)
            self.asking += asks
            excused = isinstance(link, Compound) and not link.filters
            try:
                status = await self._link(link)
            except ExpansionError as error:
                self.complain("netsh", str(error))
                status, excused = _USAGE, False
            finally:
                self.asking -= asks
            self.excused = excused
            self.scope.status = status
        return status

    async def _link(self, link: Link) -> int:
        match link:
            case Pipeline():
                return await self._pipeline(link)
            case Assign():
                return await self._assign(link)
            case Compound():
                return await self._piped(link.filters, link.redirects, lambda: self._compound(link.node))
            case Not():
                return int(await self._holds(Chain((("", link.inner),))))
            case Define():
                return self._define(link)
            case Leave():
                raise Leaving(link.kind, await self._returned(link))

    async def _assign(self, assign: Assign) -> int:
        self.substituted = 0
        for name, word in assign.pairs:
            self.scope.variables[name] = expand_one((await self._filled((word,)))[0], self.scope)
        return self.substituted

    def _define(self, define: Define) -> int:
        if define.name in self.session.lab.hosts:
            self.complain(define.name, "a host has this name")
            return 1
        self.session.functions[define.name] = Function(define.body, self.source)
        return 0

    async def _returned(self, leave: Leave) -> int:
        """The status that `return` gives: the last one unless it says."""
        if leave.status is None:
            return self.scope.status if leave.kind == "return" else 0
        text = expand_one((await self._filled((leave.status,)))[0], self.scope)
        if not (text.isascii() and text.isdigit() and int(text) < 256):
            raise ExpansionError(f"return {text}: not a status from 0 to 255")
        return int(text)

    # -- what has a body ------------------------------------------------------------------------------

    async def _compound(self, node: For | While | If | Group) -> int:
        match node:
            case For():
                return await self._for(node)
            case While():
                return await self._while(node)
            case If():
                body = await self._arm(node)
            case Group():
                body = node.body
        self.scope.status = 0
        await self._statements(body)
        return self.scope.status

    async def _arm(self, node: If) -> Script:
        """What runs of an `if`."""
        for condition, body in node.arms:
            if condition is None or await self._holds(condition):
                return body
        return ()

    async def _holds(self, condition: Chain) -> bool:
        """Whether a command succeeds."""
        self.asking += 1
        try:
            return await self._chain(condition) == 0
        finally:
            self.asking -= 1

    async def _for(self, loop: For) -> int:
        status = 0
        for span in list(self._items(await self._filled(loop.items))):
            for item in span:
                self.scope.variables[loop.name] = str(item)
                if not await self._turn(loop.body):
                    return 0
                status = self.scope.status
        return status

    async def _while(self, loop: While) -> int:
        status = 0
        while await self._holds(loop.condition):
            if not await self._turn(loop.body):
                return 0
            status = self.scope.status
        return status

    async def _turn(self, body: Script) -> bool:
        """Run the body of a loop once; False when it wants no other turn."""
        await pause(0)  # a loop of nothing can be interrupted, too
        try:
            await self._statements(body)
        except Leaving as leaving:
            if leaving.kind == "return":
                raise
            self.scope.status = 0
            return leaving.kind == "continue"
        return True

    def _items(self, words: tuple[Word, ...]) -> Iterator[range | tuple[str]]:
        """What a loop goes over: words, and ranges such as 1..250."""
        for word in words:
            literal = any(part.quoted for part in word.parts)
            for text in expand(word, self.scope):
                found = None if literal else _RANGE.fullmatch(text)
                if found is None:
                    yield (text,)
                else:
                    first, last = int(found[1]), int(found[2])
                    yield range(first, last + 1) if first <= last else range(first, last - 1, -1)

    # -- commands and functions -----------------------------------------------------------------------

    async def _pipeline(self, pipeline: Pipeline) -> int:
        pipeline = self._aliased(pipeline)
        words = expand_all(await self._filled(pipeline.words), self.scope)
        if not words:
            return 0
        if self.session.interactive and self.source == "-" and not self.depth and self._abbreviates():
            try:
                words = whole(words, self.session)
            except Ambiguous as ambiguous:
                self.complain("netsh", str(ambiguous))
                return _USAGE
        if (function := self._function(words)) is not None:
            return await self._piped(pipeline.filters, pipeline.redirects, lambda: self._call(function, words))
        filters = tuple([await self._filled(filter) for filter in pipeline.filters])
        redirects = await self._files(pipeline.redirects)
        started = self._start(words, pipeline._replace(filters=filters, redirects=redirects), self.job)
        status = started if isinstance(started, int) else await self._wait(started, pipeline.source)
        if self.broken:
            raise Stop(status)
        return status

    def _abbreviates(self) -> bool:
        settings = self.session.settings
        return settings is None or bool(settings["abbreviate"])

    def _aliased(self, pipeline: Pipeline) -> Pipeline:
        """A command with what its name is an alias for in its place."""
        aliases, seen = self.session.aliases, set[str]()
        while aliases:
            words = pipeline.words
            at = int(len(words) > 1 and words[0].bare in self.session.lab.hosts)
            alias = aliases.get(words[at].bare or "")
            if alias is None or words[at].bare in seen:
                break
            seen.add(words[at].bare or "")
            words = words[:at] + alias.words + words[at + 1 :]
            pipeline = pipeline._replace(words=words, filters=alias.filters + pipeline.filters)
        return pipeline

    def _function(self, words: list[str]) -> Function | None:
        """The function that a line calls."""
        functions = self.session.functions
        return functions.get(self._addressed(words)[1][0]) if functions else None

    async def _call(self, function: Function, words: list[str]) -> int:
        """Run a function in a shell of its own, with the variables of this one."""
        host, argv = self._addressed(words)
        self.last = argv[0]
        on = None if host is self.session.host else host
        proc, inner = self._spawn(
            argv, function.body, Scope(argv[1:], self.scope.variables, self.scope.name), source=function.source, on=on,
            strict=self.strict and not self.asking,
        )  # fmt: skip
        inner.function = True
        self.output = None
        status = await self._wait(proc, " ".join(words))
        self.complained = self.complained or inner.complained
        if inner.broken:
            self.broken = True
            raise Stop(status)
        return status

    def _spawn(self, argv: list[str], script: Script, scope: Scope, **changes: Any) -> tuple[Proc, Interpreter]:
        """Start a shell inside this one, unless that is too deep."""
        made: list[Interpreter] = []
        if self.depth >= DEPTH:
            self.complain(argv[0], f"more than {DEPTH} calls in one another")
            self.broken = True
            raise Stop(1)

        def make(proc: Proc) -> Any:
            made.append(self.inside(proc, scope, **changes))
            return made[0].whole(script)

        return self.session.spawn(None, argv, make), made[0]

    async def whole(self, script: Script) -> int:
        """Be the process of a shell inside another one: what is wrong in it ends it alone."""
        try:
            return await self.run(script)
        except Exception as defect:
            self.session.defect("netsh", defect)
            return 1

    # -- what a command says in the place of a word ---------------------------------------------------

    async def _filled(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """Words with the output of commands in the place of each `$(command)`."""
        filled = words
        for at, word in enumerate(words):
            if any(part.kind == "command" for part in word.parts):
                parts = tuple([await self._said(part) if part.kind == "command" else part for part in word.parts])
                filled = (*filled[:at], word._replace(parts=parts), *filled[at + 1 :])
        return filled

    async def _files(self, redirects: tuple[Redirect, ...]) -> tuple[Redirect, ...]:
        return tuple([Redirect(each.operator, (await self._filled((each.target,)))[0]) for each in redirects])

    async def _said(self, part: Part) -> Part:
        """What a command says, without the newlines at its end."""
        caught = Caught()
        scope = Scope(list(self.scope.arguments), dict(self.scope.variables), self.scope.name)
        target = Shared(caught)
        proc, inner = self._spawn(["sh"], parse(part.text), scope, target=target, strict=False)
        inner.offset = self.offset + self.line - 1
        self.substituted = await self._wait(proc)
        self.complained = self.complained or inner.complained
        if caught.done:
            raise ExpansionError(f"$({part.text}): it says more than a megabyte")
        return part._replace(kind="output", text=caught.data.decode(errors="surrogateescape").rstrip("\n"))

    # -- filters behind what has a body ---------------------------------------------------------------

    async def _piped(
        self, filters: tuple[tuple[Word, ...], ...], redirects: tuple[Redirect, ...], body: Callable[[], Awaitable[int]]
    ) -> int:
        """Run something whose commands all speak to the same filters or file."""
        if not filters and not redirects:
            return await body()
        host = self.on or self.session.host
        output = Output(self.session.printer, _SH, host.name if host is not None else "", self.job)
        try:
            filters = tuple([await self._filled(filter) for filter in filters])
            source, piped = self._behind(output, filters, await self._files(redirects))
            if source is not None:
                raise Refused("netsh", f"{source[0]} belongs to a command, not to a function")
        except Refused as refused:
            return self._refused(refused)
        assert isinstance(piped, Piped)
        before, self.target = self.target, Shared(piped.head, piped.form)
        try:
            return await self._poured(piped, body)
        except Refused as refused:
            return self._refused(refused)
        except Closed:
            self.session.closed = True
            raise Stop(128 + _SIGPIPE) from None
        finally:
            self.target = before

    async def _poured(self, piped: Piped, body: Callable[[], Awaitable[int]]) -> int:
        try:
            status = await body()
        except Full:
            status = 0
        except (Stop, Leaving, Interrupt):
            piped.end(well=False)
            raise
        except BaseException:
            piped.abandon()
            raise
        piped.end(well=not status)
        await piped.finish()
        return status or piped.status

    # -- the background -------------------------------------------------------------------------------

    def _background(self, statement: Statement) -> int:
        """Start a statement as a job and do not wait."""
        session = self.session
        if len(session.jobs.running()) >= _JOBS:
            self.complain("netsh", f"more than {_JOBS} jobs")
            return 1
        number = session.jobs.next
        self.output = None
        try:
            proc = self._job(statement, number)
        except ExpansionError as error:
            self.complain("netsh", str(error))
            return _USAGE
        if isinstance(proc, int):
            return proc
        session.background(proc, statement.source, self.output)
        if session.interactive and self.source == "-":
            session.say("jobs", JobStarted(number, proc.pid), job=number)
        return 0

    def _job(self, statement: Statement, number: int) -> Proc | int:
        """A process for a statement: that of its command if it is one, else a shell's."""
        link = statement.node.links[0][1]
        if len(statement.node.links) == 1 and isinstance(link, Pipeline):
            link = self._aliased(link)
            if not _has_commands(link):
                words = expand_all(link.words, self.scope)
                if not words or self._function(words) is None:
                    return self._start(words, link, number) if words else 0
        scope = Scope(list(self.scope.arguments), dict(self.scope.variables), self.scope.name)
        script = (statement._replace(background=False),)
        proc, _ = self._spawn(["sh"], script, scope, job=number, strict=self.strict)
        return proc

    def _at(self, line: int) -> None:
        self.line = line
        super()._at(line)


def _has_commands(pipeline: Pipeline) -> bool:
    """Whether a `$(command)` is anywhere in it."""
    words = [*pipeline.words, *(word for filter in pipeline.filters for word in filter)]
    words += [redirect.target for redirect in pipeline.redirects]
    return any(part.kind == "command" for word in words for part in word.parts)
