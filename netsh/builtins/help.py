"""List the commands, or say how one is used."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncIterator
from typing import NamedTuple

import commands
import netsh.builtins
from commands.command import Failure, Note, Usage
from netsh.builtins import builtin
from netsh.filters import FILTERS
from netsh.nearest import nearest
from netsh.shell import ShellContext

SYNOPSIS = "help [command]"

_END = re.compile(r"(?<!\.)\. ")  # of a sentence: an ellipsis is within one


class Summary(NamedTuple):
    """A command in a line."""

    command: str
    text: str


class Page(NamedTuple):
    """How a command is used, and what it does."""

    command: str
    synopsis: str
    text: str


def parse(argv: list[str]) -> str | None:
    """A command, or none."""
    if len(argv) > 1:
        raise Usage(f"{argv[1]}: one command is wanted")
    return argv[0] if argv else None


async def run(ctx: ShellContext, name: str | None) -> AsyncIterator[Summary | Page | Note]:
    """The list, or a page."""
    if name is not None:
        yield _page(ctx, name)
        return
    for heading, package, names in (
        ("Commands", commands, [name for name in ctx.session.names() if not ctx.session.is_builtin(name)]),
        ("The shell's own", netsh.builtins, netsh.builtins.names()),
    ):
        yield Note(f"{heading}:")
        for each in names:
            yield Summary(each, summary(os.path.join(package.__path__[0], f"{each}.py")))
        yield Note("")
    yield Note("'help COMMAND' says how it is used.  'HOST COMMAND ...' runs it on that host, 'host HOST' goes there.")
    yield Note(f"A line: a; b  a && b  a || b  a & (in the background)  a > file  a | {' | '.join(FILTERS)} | !program")
    yield Note("$name  name=value  for x in me gw www { ping -c 1 $x }  # a comment")


def _page(ctx: ShellContext, name: str) -> Page:
    if name in FILTERS:
        return Page(name, FILTERS[name].synopsis, (FILTERS[name].__doc__ or "").partition(": ")[2])
    command = ctx.session.find(name)
    if command is None:
        known = nearest(name, [*ctx.session.names(), *FILTERS])
        raise Failure(f"{name}: unknown command" + (f" (did you mean {known}?)" if known else ""))
    module = sys.modules[command.run.__module__]
    return Page(command.name, command.synopsis, (module.__doc__ or "").strip())


def summary(path: str) -> str:
    """The first sentence of a module's docstring, found without importing it."""
    try:
        with open(path, encoding="utf-8") as file:
            head = file.read(2000)
    except OSError:
        return ""
    _, _, rest = head.partition('"""')
    paragraph = rest.partition('"""')[0].partition("\n\n")[0]
    return _END.split(" ".join(paragraph.split()))[0].removesuffix(".")


def show(row: Summary | Page) -> str:
    """Columns, or a page."""
    if isinstance(row, Summary):
        return f"  {row.command:<13} {row.text}"
    forms = "\n       ".join(row.synopsis.splitlines())
    return f"usage: {forms}\n\n{row.text}"


COMMAND = builtin("help", SYNOPSIS, parse, run, show)
