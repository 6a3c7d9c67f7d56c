"""The interpreter: runs a tree of statements, each command a child process, each function a shell of its own.

In a script (a `source` other than `-`) the first failing line ends it; not so where a command is asked whether it
succeeds: behind `if`, `while`, `!` and a `-`, and before `&&` and `||`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from netsh.caller import Caller, Full, Leaving, has_commands
from netsh.jobs import JobStarted
from netsh.shell import Stop
from netsh.state import Function
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
    Node,
    Not,
    On,
    Pipeline,
    Script,
    Statement,
    While,
)
from netsh.words import ExpansionError, Scope, Word, expand, expand_all, expand_one
from stack.kern.proc import SIGINT, Interrupt, Proc, pause

_JOBS = 1000
_USAGE = 2
_RANGE = re.compile(r"(-?[0-9]{1,9})\.\.(-?[0-9]{1,9})", re.ASCII)


class Interpreter(Caller):
    """Runs statements."""

    excused = False  # what was run last has said of each of its parts that it failed

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

    async def _compound(self, node: Node) -> int:
        match node:
            case On():
                return await self._on(node)
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

    async def _on(self, block: On) -> int:
        """Run commands on another host."""
        name = expand_one((await self._filled((block.host,)))[0], self.scope)
        host = self.session.lab.hosts.get(name)
        if host is None:
            raise ExpansionError(self._no_host(name))
        before, self.on = self.on, host
        self.scope.status = 0
        try:
            await self._statements(block.body)
        finally:
            self.on = before
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
            if not has_commands(link):
                words = expand_all(link.words, self.scope)
                if not words or self._function(words) is None:
                    return self._start(words, link, number) if words else 0
        scope = Scope(list(self.scope.arguments), dict(self.scope.variables), self.scope.name)
        script = (statement._replace(background=False),)
        proc, _ = self._spawn(["sh"], script, scope, job=number, strict=self.strict)
        return proc
