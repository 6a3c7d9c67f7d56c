"""Write the lab to a file, as commands that rebuild it.

The file is a script for `load`, to be read, compared and edited; it is written whole or not at all.

Examples:

    save home.lab
    bus wan loss 1%; save lossy.lab
    load home.lab

See load, lab.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from commands.command import Failure, Usage
from netsh import saved
from netsh.builtins import builtin, no_rows
from netsh.shell import ShellContext
from stack.dev.files import write_whole
from stack.kern.errors import reason

SYNOPSIS = "save file"


def parse(argv: list[str]) -> str:
    """A file's name."""
    if len(argv) != 1:
        raise Usage("the name of one file is wanted")
    return argv[0]


async def run(ctx: ShellContext, path: str) -> AsyncIterator[Any]:
    """Write it."""
    text = saved.script_of(ctx.session)
    try:
        write_whole(path, text.encode())
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {reason(error)}") from None
    return
    yield


COMMAND = builtin("save", SYNOPSIS, parse, run, no_rows)
