"""Calls: commands and functions with what is put into their words, and what their words are put through.

Aliases, abbreviations, `$(command)`, the arguments of functions, and the filters behind what has a body.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self

from commands.command import Command
from netsh.grammar import parse
from netsh.output import Caught, Closed, Output, Piped, Refused, Shared
from netsh.shell import Shell, Stop
from netsh.state import Function, State
from netsh.syntax import Pipeline, Redirect, Script
from netsh.words import ExpansionError, Part, Scope, Word, expand_all
from stack.host import Host
from stack.kern.proc import Interrupt, Proc

DEPTH = 100  # functions and scripts in one another
_USAGE = 2
_SIGPIPE = 13


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


class Caller(Shell):
    """Calls commands and functions; `strict` is whether a failing line is the last."""

    def __init__(
        self, session: State, scope: Scope, proc: Proc, *, source: str = "-", job: int | None = None,
        on: Host | None = None, target: Shared | None = None, strict: bool | None = None, depth: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(session, scope, proc, source=source, job=job, on=on, target=target)
        self.strict = source != "-" if strict is None else strict
        self.depth = depth
        self.function = False  # it runs one
        self.asking = 0  # a failure is an answer, in so many ways
        self.line = 1
        self.substituted = 0  # the status of the last $(command)

    def inside(self, proc: Proc, scope: Scope, **changes: Any) -> Self:
        """A shell for what this one runs."""
        kept = {"source": self.source, "job": self.job, "on": self.on, "target": self.target, "depth": self.depth + 1}
        return type(self)(self.session, scope, proc, **{**kept, **changes})


    async def run(self, script: Script) -> int:
        """Run statements; netsh.interpreter knows how."""
        raise NotImplementedError

    # -- commands and functions -----------------------------------------------------------------------

    async def _pipeline(self, pipeline: Pipeline) -> int:
        pipeline = self._aliased(pipeline)
        words = expand_all(await self._filled(pipeline.words), self.scope)
        if not words:
            return 0
        if self.session.interactive and self.source == "-" and not self.depth and self._abbreviates():
            from netsh.prompt.abbreviations import Ambiguous, whole  # a prompt has it already, others need it not

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

    def _spawn(self, argv: list[str], script: Script, scope: Scope, **changes: Any) -> tuple[Proc, Self]:
        """Start a shell inside this one, unless that is too deep."""
        made: list[Self] = []
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
        before, self.target = self.target, Shared(piped.head, piped.form, piped)
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

    def _at(self, line: int) -> None:
        self.line = line
        super()._at(line)


def has_commands(pipeline: Pipeline) -> bool:
    """Whether a `$(command)` is anywhere in it."""
    words = [*pipeline.words, *(word for filter in pipeline.filters for word in filter)]
    words += [redirect.target for redirect in pipeline.redirects]
    return any(part.kind == "command" for word in words for part in word.parts)
