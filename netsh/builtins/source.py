"""Run the lines of a file, or show a function of the stack.

    source FILE.netsh [ARG ...]  run the lines of a file as if they were typed here
    source                       where a breakpoint has stopped the lab
    source 12.3                  where the third step of packet 12 was, in what 'trace' has seen

A word with a `/`, one that ends in `.netsh`, and the name of a file that is there is a script; all others are looked
up in the stack.  In a script `$1`, `$2` ... are the words behind its name.  The first failing line stops it, with its
file and line number, unless the line begins with `-`.

Examples:

    echo 'ping -c 1 $1' > first.netsh
    source first.netsh www
    source tcp_input             # a function of the stack, by BSD's name for it or by ours
    source Ip.forward            # a method of a class, or a class
    source ip_input.py:252       # what stands in that line, which is marked
    source drop ip/ttl           # where packets die for that reason ('help drop' lists them)

See sh(1); record, break, explain.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from commands._trace import step_of
from commands.command import Complaint, Failure, Note, Usage
from netsh import deaths, grammar, textbook
from netsh.builtins import builtin
from netsh.builtins._reasons import wanted
from netsh.caller import DEPTH, Caller
from netsh.files import read_text
from netsh.prompt.nearest import nearest
from netsh.shell import ShellContext
from netsh.words import Scope
from stack.kern.errors import reason

SYNOPSIS = """source file [arg ...]
source function
source drop reason
source packet.step"""
WORDS = {"drop": "where packets die for a reason"}
_STEP = re.compile(r"\d+\.\d+")
_MANY = 4  # functions of one name that are shown one after the other


class Listing(NamedTuple):
    """A function of the stack: whose lines follow, and what the head of its file refers to."""

    function: str
    bsd: tuple[str, ...]
    file: str
    first: int
    last: int
    about: str


class SourceLine(NamedTuple):
    """A line of it; `marked` is one that was asked for."""

    file: str
    number: int
    text: str
    marked: bool


TABLES: dict[type, str] = {SourceLine: ""}
Row = Listing | SourceLine | Note | Complaint


def parse(argv: list[str]) -> list[str]:
    """A file's name and arguments, or what to show."""
    return argv


async def run(ctx: ShellContext, words: list[str]) -> AsyncIterator[Row]:
    """Run a script, or show a function."""
    words = words or [_stop(ctx)]
    if (lines := textbook.at_line(words[0])) and not os.path.exists(words[0]):
        found = textbook.pages_of(lines)
    elif is_script(words[0]):
        await _script(ctx, words)
        return
    elif _STEP.fullmatch(words[0]) and len(words) == 1 and not os.path.exists(words[0]):
        step = step_of(ctx.session.lab, words[0])
        found = textbook.pages_of([(step.path, step.line)])
    elif words[0] == "drop" and len(words) > 1:
        found = _where_it_dies(words[1:])
    else:
        if len(words) > 1:
            raise Failure(f"{words[0]}: no such file; and of functions only one is wanted", 2)
        found = textbook.pages_of((place.path, place.line) for place in _function(words[0]))
        found = [(page, ()) for page, _ in found]
    if not found:
        raise Failure(f"{words[0]}: nothing stands there")
    for at, (page, marked) in enumerate(found):
        if at:
            yield Note("")
        for row in _listing(page, marked):
            yield row


def _stop(ctx: ShellContext) -> str:
    """The line where the lab has stopped."""
    stop = ctx.session.lab.stopped
    if stop is None:
        raise Usage("a file's name is missing, or that of a function of the stack")
    return f"{os.path.basename(stop.path)}:{stop.line}"


def is_script(word: str) -> bool:
    """Whether a word means a script, and not something in the source of the stack."""
    return "/" in word or word.endswith(".netsh") or os.path.exists(word)


# -- the stack's source -------------------------------------------------------------------------------------------


def _function(name: str) -> list[textbook.Place]:
    index = textbook.index()
    found = index.find(name)
    if not found:
        known = nearest(name, index.names())
        cure = f"did you mean {known}?" if known else "a file's name has a / or ends in .netsh"
        raise Failure(f"{name}: no such file, and no such function in the stack ({cure})")
    if len(found) > _MANY:
        names = ", ".join(sorted({place.name for place in found})[:_MANY])
        raise Failure(f"{name}: there are {len(found)} such; say which: {names} ...")
    return found


def _where_it_dies(words: list[str]) -> list[tuple[textbook.Page, tuple[int, ...]]]:
    drops = wanted(words)
    return textbook.pages_of((d.path, d.line) for d in deaths.deaths() if (d.protocol, d.reason) in drops)


def _listing(page: textbook.Page, marked: tuple[int, ...]) -> Iterator[Row]:
    yield Listing(page.name, page.bsd, page.path, page.first, page.first + len(page.lines) - 1, page.about)
    for number, text in enumerate(page.lines, page.first):
        yield SourceLine(page.path, number, text, number in marked)


# -- scripts ------------------------------------------------------------------------------------------------------


async def _script(ctx: ShellContext, words: list[str]) -> None:
    """Run it in this very process, with this session's variables."""
    path = words[0]
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {reason(error)}") from None
    try:
        script = grammar.parse(text)
    except grammar.GrammarError as error:
        ctx.session.complain(*grammar.describe(error, text, path))
        ctx.shell.complained = True
        ctx.status = 2
        return
    scope = Scope(words[1:], ctx.shell.scope.variables, path)
    shell = ctx.shell
    if not isinstance(shell, Caller) or shell.depth >= DEPTH:
        shell.broken = True
        raise Failure(f"{path}: scripts too deep in one another")
    inner = shell.inside(ctx.proc, scope, source=path)
    ctx.status = await inner.run(script)
    shell.broken = inner.broken
    ctx.shell.complained = True


def show(row: Listing | SourceLine) -> str:
    """A head, or a line with its number; `>` marks one."""
    if isinstance(row, SourceLine):
        return f"{'>' if row.marked else ' '}{row.number:>5}  {row.text}".rstrip()
    bsd = f"  ({', '.join(row.bsd)})" if row.bsd else ""
    return f"{row.file}:{row.first}  {row.function}{bsd}\n{row.about}\n"


COMMAND = builtin("source", SYNOPSIS, parse, run, show)
