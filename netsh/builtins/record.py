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
from stack.kern.errors import reason

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
    recorder = ctx.session.recorder
    if recorder is None:
        raise Failure("only where the shell is on your own machine")
    if not file:
        if recorder.tape is not None:
            yield Recording(recorder.path)
        return
    try:
        if file == "off":
            if recorder.tape is None:
                raise Failure("nothing is being recorded")
            recorder.stop()
            return
        if recorder.tape is not None:
            raise Failure(f"{recorder.path} is being recorded; 'record off' ends it")
        recorder.start(file)
    except (OSError, ValueError) as error:
        raise Failure(f"{file if file != 'off' else recorder.path}: {reason(error)}") from None
    ctx.session.printer.heard = recorder.said


def show(row: Recording) -> str:
    """The file."""
    return f"recording {row.file}"


COMMAND = builtin("record", SYNOPSIS, parse, run, show)
