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
from netsh.files import read_text
from netsh.grammar import GrammarError
from netsh.session import describe
from netsh.shell import ShellContext
from stack.kern.errors import reason

SYNOPSIS = "demo script"


def parse(argv: list[str]) -> str:
    """A script."""
    if len(argv) != 1:
        raise Usage("one script is wanted")
    return argv[0]


async def run(ctx: ShellContext, path: str) -> AsyncIterator[Note]:
    """Have the prompt type it."""
    if not ctx.session.interactive or ctx.session.recorder is None:
        raise Failure("it types at a prompt on your own machine; 'source' runs a script")
    try:
        text = read_text(path)
        ctx.session.demo = deque(demo.steps(text))
    except GrammarError as error:
        raise Failure(": ".join(describe(error, text, path)), 2) from None
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {reason(error)}") from None
    yield Note("space types a line and runs it, q ends")


COMMAND = builtin("demo", SYNOPSIS, parse, run, no_rows)
