"""Type a script for an audience, at the speed of a hand.

A key, space or Enter, types the next line; another runs it.  q ends the demo, and so does Ctrl-C.  Lines that are
comments are shown, and do nothing.

Examples:

    demo first.netsh       # what 'record first.netsh' wrote, or you

See record, source.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

from commands.command import Failure, Note, Usage
from netsh import demo
from netsh.builtins import builtin, no_rows
from netsh.shell import ShellContext

SYNOPSIS = "demo script"


def parse(argv: list[str]) -> str:
    """A script."""
    if len(argv) != 1:
        raise Usage("one script is wanted")
    return argv[0]


async def run(ctx: ShellContext, path: str) -> AsyncIterator[Note]:
    """Have the prompt type it."""
    session = ctx.session
    if not session.interactive or (session.recorder is None and session.beyond is None):
        raise Failure("it types at a prompt on your own machine; 'source' runs a script")
    try:
        if session.beyond is not None:
            await session.beyond.ask("demo", path)
        else:
            session.demo = deque(demo.of_file(path))
    except ValueError as wrong:
        raise Failure(str(wrong), wrong.status if isinstance(wrong, demo.NoDemo) else 1) from None
    yield Note("space types a line and runs it, q ends")


COMMAND = builtin("demo", SYNOPSIS, parse, run, no_rows)
