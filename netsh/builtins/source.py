"""Run the lines of a file as if they were typed here.

`$1`, `$2` ... are the words behind its name.  The first failing line stops it, with its file and line number,
unless the line begins with `-`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from commands.command import Complaint, Failure, Usage
from netsh import grammar
from netsh.builtins import builtin, no_rows
from netsh.files import read_text
from netsh.session import describe
from netsh.shell import Shell, ShellContext
from netsh.words import Scope
from stack.kern.errors import reason

SYNOPSIS = "source file [arg ...]"
_DEPTH = 20


def parse(argv: list[str]) -> list[str]:
    """A file's name, and arguments."""
    if not argv:
        raise Usage("a file's name is missing")
    return argv


async def run(ctx: ShellContext, words: list[str]) -> AsyncIterator[Complaint]:
    """Run it in this very process, with this session's variables."""
    path = words[0]
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {reason(error)}") from None
    try:
        script = grammar.parse(text)
    except grammar.GrammarError as error:
        ctx.session.complain(*describe(error, text, path))
        ctx.shell.complained = True
        ctx.status = 2
        return
    if sum(1 for shell in ctx.session.foreground if getattr(shell, "source", "-") != "-") >= _DEPTH:
        raise Failure(f"{path}: scripts too deep in one another")
    scope = Scope(words[1:], ctx.shell.scope.variables, path)
    shell = Shell(ctx.session, scope, ctx.proc, source=path, job=ctx.shell.job)
    ctx.status = await shell.run(script)
    ctx.shell.complained = True
    return
    yield


COMMAND = builtin("source", SYNOPSIS, parse, run, no_rows)
