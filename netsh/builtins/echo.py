"""Write words to the standard output.

    -n  without the end of the line

Examples:

    echo hello > file
    echo $((6 * 7)) $?
    for host in me gw www { echo -n "$host " }

See echo(1); variables.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands.command import Data
from netsh.builtins import builtin
from netsh.shell import ShellContext

SYNOPSIS = "echo [-n] [word ...]"


class Words(NamedTuple):
    """What was said."""

    text: str
    newline: bool


def parse(argv: list[str]) -> Words:
    """All words are words, a `-n` in front apart."""
    if argv[:1] == ["-n"]:
        return Words(" ".join(argv[1:]), False)
    return Words(" ".join(argv), True)


async def run(ctx: ShellContext, words: Words) -> AsyncIterator[Data | Words]:
    """Say it."""
    yield words if words.newline else Data(words.text.encode(errors="surrogateescape"))


def show(words: Words) -> str:
    """Just so."""
    return words.text


COMMAND = builtin("echo", SYNOPSIS, parse, run, show)
