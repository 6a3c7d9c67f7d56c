"""Rebuild a lab that `save` wrote to a file.

It takes the place of this one, which is kept if anything fails.  TAPs and ports of the machine's that both have go
over to it.

Examples:

    save home.lab
    link me other
    load home.lab      # without `other`

See save, source.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from commands.command import Failure, Usage
from netsh import saved
from netsh.builtins import builtin, no_rows
from netsh.files import read_text
from netsh.shell import ShellContext
from stack.kern.errors import reason

SYNOPSIS = "load file"


def parse(argv: list[str]) -> str:
    """A file's name."""
    if len(argv) != 1:
        raise Usage("the name of one file is wanted")
    return argv[0]


async def run(ctx: ShellContext, path: str) -> AsyncIterator[Any]:
    """Run the file in a lab of its own; when that went well, the session moves there."""
    if ctx.background:
        raise Failure("not in the background")
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {reason(error)}") from None
    try:
        fresh = await saved.load_in_turns(text, path, ctx.session)
    except saved.NotLoaded:
        raise Failure(f"{path}: not loaded; the lab is as it was") from None
    saved.adopt(ctx.session, fresh)
    return
    yield


COMMAND = builtin("load", SYNOPSIS, parse, run, no_rows)
