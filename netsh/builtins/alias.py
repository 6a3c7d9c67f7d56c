"""Give a command a name of your own, or list such names.

An alias is one command, with filters perhaps; what stands behind it goes to the command.  For more write a function:
name() { ... }.

Examples:

    alias rt='netstat -rn'   # from now on rt is netstat -rn
    rt -f inet               # netstat -rn -f inet
    alias rt                 # what it stands for
    alias                    # all of them
    unalias rt               # forget one

See sh(1); unalias, functions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands.command import Failure
from netsh.aliases import command_of
from netsh.builtins import builtin
from netsh.shell import ShellContext
from netsh.words import quote

SYNOPSIS = "alias [name[=command] ...]"


class Alias(NamedTuple):
    """A name, and what it stands for."""

    name: str
    command: str


def parse(argv: list[str]) -> list[str]:
    """Names, or names and what they shall stand for."""
    return argv


async def run(ctx: ShellContext, words: list[str]) -> AsyncIterator[Alias]:
    """Define, or tell."""
    aliases = ctx.session.aliases
    for word in words or sorted(aliases):
        name, equals, text = word.partition("=")
        if equals:
            try:
                aliases[name] = command_of(name, text)
            except ValueError as error:
                raise Failure(str(error), 2) from None
        elif name in aliases:
            yield Alias(name, aliases[name].source)
        else:
            raise Failure(f"{name}: no such alias; {name}='COMMAND' makes one")


def show(row: Alias) -> str:
    """As it would be typed."""
    return f"alias {row.name}={quote(row.command)}"


COMMAND = builtin("alias", SYNOPSIS, parse, run, show)
