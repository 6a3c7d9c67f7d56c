"""Run Python, where every command is a typed call (netsh.api).

    -f file   run a file; the words behind it are sys.argv

Known are `lab`, `here` (the host of the prompt) and each host by its name, unless Python has that word.  What an
expression gives is shown; what is assigned stays.  With nothing behind it, `py` reads lines until Ctrl-D.

Examples:

    py 'me.ping("-c", 1, www)'
    py 'for host in lab: print(host, len(host.routes))'
    py '[ifp.ipackets for ifp in gw.interfaces.values()]'

See python.
"""

from __future__ import annotations

import ast
import builtins
import codeop
import io
import keyword
import sys
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, NamedTuple

from commands.command import Data, ErrorData, Failure, Usage
from netsh.api import Host, Lab, Rows
from netsh.builtins import builtin, no_rows
from netsh.files import read_text
from netsh.session import Session
from netsh.shell import ShellContext
from stack.kern.errors import reason

SYNOPSIS = "py [text ... | -f file [argument ...]]"


class Args(NamedTuple):
    """A text, or a file and its arguments; neither for a dialogue."""

    text: str | None = None
    file: str | None = None
    arguments: tuple[str, ...] = ()


def parse(argv: list[str]) -> Args:
    """A text is joined from its words."""
    if argv[:1] == ["-f"]:
        if len(argv) < 2:
            raise Usage("-f: a file is missing")
        return Args(file=argv[1], arguments=tuple(argv[1:]))
    return Args(" ".join(argv) if argv else None)


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[Data | ErrorData]:
    """Run it; the status is 1 when Python raises something that nobody catches."""
    python = _Python(ctx)
    if args.file is not None:
        try:
            text = read_text(args.file)
        except (OSError, ValueError) as error:
            raise Failure(f"{args.file}: {reason(error)}") from None
        for row in python.run(text, args.file, args.arguments):
            yield row
    elif args.text is not None:
        for row in python.run(args.text, "<py>"):
            yield row
    else:
        async for row in _dialogue(ctx, python):
            yield row


async def _dialogue(ctx: ShellContext, python: _Python) -> AsyncIterator[Data | ErrorData]:
    """Lines from our input, a statement at a time, as Python's own prompt takes them."""
    pending: list[str] = []
    buffer = b""
    while True:
        if ctx.session.terminal:
            yield Data(b"... " if pending else b">>> ")
        while b"\n" not in buffer:
            more = await ctx.stdin.read()
            if not more:
                break
            buffer += more
        line, newline, buffer = buffer.partition(b"\n")
        if not line and not newline and not pending:
            return
        pending.append(line.decode(errors="replace"))
        text = "\n".join(pending)
        if newline and _incomplete(text, bool(line.strip())):
            continue
        pending.clear()
        for row in python.run(text, "<py>"):
            yield row


def _incomplete(text: str, more: bool) -> bool:
    """Whether a statement goes on in the next line: a block does, up to an empty one."""
    try:
        code = codeop.compile_command(text, "<py>", "single")
    except (SyntaxError, ValueError, OverflowError):
        return False
    return code is None or (more and "\n" in text and text.splitlines()[-1].startswith((" ", "\t")))


class _Python:
    """Python's side: the names that there are, and what becomes of a text."""

    def __init__(self, ctx: ShellContext) -> None:
        self.ctx = ctx
        session = ctx.session
        if session.python is None:
            session.python = {"__name__": "__netsh__", "__builtins__": builtins}
        self.names = session.python
        assert isinstance(session, Session)
        lab = Lab(session=session)
        taken = {*keyword.kwlist, *vars(builtins)}
        hosts = {host.name: host for host in lab if host.name.isidentifier() and host.name not in taken}
        for gone in [name for name, value in self.names.items() if isinstance(value, Host) and name not in hosts]:
            del self.names[gone]
        self.names |= hosts
        self.names |= {"lab": lab, "here": lab[ctx.host.name] if ctx.host is not None else None}

    def run(self, text: str, name: str, argv: tuple[str, ...] = ()) -> Iterator[Data | ErrorData]:
        """Run a text: what it prints, then the value of its last expression, or where it went wrong."""
        out = io.StringIO()
        try:
            with redirect_stdout(out), _arguments(argv):
                value = self._evaluate(text, name)
                if value is not None and not argv:
                    self.names["_"] = value
                    if not (isinstance(value, Rows) and not value.said):
                        print(repr(value))
        except SystemExit as end:
            self.ctx.status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except (Exception, KeyboardInterrupt) as error:
            self.ctx.status = 1
            yield Data(out.getvalue().encode())
            yield ErrorData(_told(error, name).encode())
            return
        yield Data(out.getvalue().encode())

    def _evaluate(self, text: str, name: str) -> Any:
        """Run statements; the value of the last when it is an expression."""
        tree = ast.parse(text.strip("\n") if name == "<py>" else text, name)
        last = tree.body[-1] if tree.body else None
        if not isinstance(last, ast.Expr):
            exec(compile(tree, name, "exec"), self.names)
            return None
        del tree.body[-1]
        exec(compile(tree, name, "exec"), self.names)
        return eval(compile(ast.Expression(last.value), name, "eval"), self.names)


@contextmanager
def _arguments(argv: tuple[str, ...]) -> Iterator[None]:
    """Lend a program its sys.argv."""
    before = sys.argv
    if argv:
        sys.argv = list(argv)
    try:
        yield
    finally:
        sys.argv = before


def _told(error: BaseException, name: str) -> str:
    """What went wrong, without the frames that are ours."""
    trail = error.__traceback__
    while trail is not None and trail.tb_frame.f_code.co_filename != name:
        trail = trail.tb_next
    last = trail
    while last is not None and last.tb_next is not None and last.tb_next.tb_frame.f_code.co_filename == name:
        last = last.tb_next
    if last is not None:
        last.tb_next = None
    if trail is None or trail.tb_next is None and name == "<py>":
        return "".join(traceback.format_exception_only(error))
    return "".join(traceback.format_exception(type(error), error, trail))


COMMAND = builtin("py", SYNOPSIS, parse, run, no_rows)
