"""Keep what happens at the prompt: a script, a cast, or a picture.

    record first.netsh   a script that can be run again, the outputs as its comments
    record first.md      a block of a lesson: prompts, lines, outputs
    record first.cast    for asciinema: what the terminal shows, and when
    record first.svg     a picture of it

Any other ending is plain text.  The file is written whole, at the end, also when the shell ends.

Examples:

    record first.netsh
    record               # what is being recorded
    record off           # that is all: the file is written

See script(1); demo, source.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands.command import Failure, Usage
from netsh.builtins import builtin
from netsh.shell import ShellContext

SYNOPSIS = "record [file]\nrecord off"
WORDS = {"off": "that is all: write the file"}


class Recording(NamedTuple):
    """Where a record goes."""

    file: str


def parse(argv: list[str]) -> str:
    """A file, `off`, or nothing."""
    if len(argv) > 1:
        raise Usage(f"{argv[1]}: one file is wanted")
    return argv[0] if argv else ""


async def run(ctx: ShellContext, file: str) -> AsyncIterator[Recording]:
    """Begin, end, or tell."""
    session = ctx.session
    try:
        if session.beyond is not None:
            found = await session.beyond.ask("record", file)
        elif session.recorder is not None:
            found = session.recorder.heed(file)
        else:
            raise Failure("only where the shell is on your own machine")
    except ValueError as error:
        raise Failure(str(error)) from None
    if found:
        yield Recording(found)
    elif file:
        session.overhear()


def show(row: Recording) -> str:
    """The file."""
    return f"recording {row.file}"


COMMAND = builtin("record", SYNOPSIS, parse, run, show)
