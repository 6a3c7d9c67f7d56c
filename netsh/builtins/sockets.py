"""Show or choose whose sockets the programs of a host use.

They are those of its own stack, or those of the real host, the machine that netsh runs on: with `sockets host`, what
fetch, nc and httpd say goes out by its addresses and its names (never those of the lab), without privileges.  What
needs the stack itself, such as ifconfig, ping or tcpdump, says that it cannot be had; `sockets stack` goes back.
Sockets that are open stay what they are.  While one of the machine's is open, the lab's clock is the real one.

Examples:

    sockets            # whose this host's programs use
    sockets host       # the real machine's
    nc -zv 127.0.0.1 1 || true
    sockets stack

See socket(2); fetch, nc, httpd.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands.command import Failure, Usage
from netsh.builtins import builtin
from netsh.shell import ShellContext

SYNOPSIS = "sockets [host | stack]"
WORDS = {
    "host": "the sockets of the machine that netsh runs on",
    "stack": "the sockets of the host's own stack",
}


class SocketsRow(NamedTuple):
    """Whose sockets the programs of a host use."""

    host: str
    sockets: str


def parse(argv: list[str]) -> str | None:
    """A word, or none."""
    if len(argv) > 1:
        raise Usage(f"{argv[1]}: one word is wanted: host or stack")
    if argv and argv[0] not in WORDS:
        raise Usage(f"{argv[0]}: it is host or stack")
    return argv[0] if argv else None


async def run(ctx: ShellContext, sockets: str | None) -> AsyncIterator[SocketsRow]:
    """Do it."""
    if ctx.host is None:
        raise Failure("there is no host; 'host NAME' makes one")
    if sockets is None:
        yield SocketsRow(ctx.host.name, ctx.host.sockets)
    elif sockets == "stack":
        ctx.host.machine = None
    else:
        from stack.dev import sockin

        sockin.use(ctx.session.lab, ctx.host)


def show(row: SocketsRow) -> str:
    """A line."""
    return f"{row.host}: sockets of the {row.sockets}"


COMMAND = builtin("sockets", SYNOPSIS, parse, run, show)
