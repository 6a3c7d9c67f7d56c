"""Give a command a name of your own, or list such names.

    alias ll='netstat -rn'   from now on ll is netstat -rn, and ll -f inet is netstat -rn -f inet
    alias ll                 what it stands for
    alias                    all of them; 'unalias ll' forgets one

An alias is one command, with filters perhaps; for more write a function: name() { ... }.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import NamedTuple

from commands.command import Failure
from netsh.builtins import builtin
from netsh.grammar import KEYWORDS, GrammarError
from netsh.grammar import parse as parse_line
from netsh.shell import ShellContext
from netsh.syntax import Pipeline
from netsh.words import quote

SYNOPSIS = "alias [name[=command] ...]"
_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


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
            aliases[name] = command_of(name, text)
        elif name in aliases:
            yield Alias(name, aliases[name].source)
        else:
            raise Failure(f"{name}: no such alias; {name}='COMMAND' makes one")


def command_of(name: str, text: str) -> Pipeline:
    """The command that an alias stands for; Failure when it cannot."""
    if _NAME.fullmatch(name) is None or name in KEYWORDS:
        raise Failure(f"{name}: no name for an alias", 2)
    try:
        script = parse_line(text)
    except GrammarError as error:
        raise Failure(f"{name}: {error}", 2) from None
    links = script[0].node.links if len(script) == 1 and not script[0].background else ()
    link = links[0][1] if len(links) == 1 else None
    if not isinstance(link, Pipeline) or script[0].tolerant:
        raise Failure(f"{name}: an alias is one command; {name}() {{ ... }} is a function of several", 2)
    return link


def show(row: Alias) -> str:
    """As it would be typed."""
    return f"alias {row.name}={quote(row.command)}"


COMMAND = builtin("alias", SYNOPSIS, parse, run, show)
