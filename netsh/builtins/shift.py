"""Drop the first arguments of a function or a script.

What was $2 is $1 then.

Examples:

    last() { while [ $# -gt 1 ] { shift }; echo $1 }
    last a b c
    skip() { shift 2; echo $@ }; skip a b c

See sh(1); functions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from commands.command import Failure, Usage
from netsh.builtins import builtin, no_rows
from netsh.shell import ShellContext

SYNOPSIS = "shift [number]"


def parse(argv: list[str]) -> int:
    """How many."""
    if len(argv) > 1 or not all(word.isascii() and word.isdigit() and len(word) < 10 for word in argv):
        raise Usage(f"{' '.join(argv)}: one whole number is wanted")
    return int(argv[0]) if argv else 1


async def run(ctx: ShellContext, number: int) -> AsyncIterator[Any]:
    """Drop them."""
    arguments = ctx.shell.scope.arguments
    if number > len(arguments):
        raise Failure(f"{number}: there are only {len(arguments)} arguments")
    del arguments[:number]
    return
    yield


COMMAND = builtin("shift", SYNOPSIS, parse, run, no_rows)
