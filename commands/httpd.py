"""Serve a folder of the real machine, or a page of its own, over HTTP.  BSD libexec/httpd, bozohttpd.

    -p port  listen there (80)
    -v       log each request: method, target, status, bytes of the body

Without a folder there is a page that says which host it is from.  A folder is served with its index.html, or
else as a list of its files; Range requests and If-Modified-Since are understood.  Each connection is a process
of its own (ps shows them); Ctrl-C or kill ends them all.

    httpd &
    www httpd -v -p 8080 public
    fetch http://www/
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands._getopt import getopt, number, wrong
from commands._httpd import Request, Server
from commands._pages import Folder, Greeting, Site
from commands.command import Command, Complaint, Context, Failure
from stack.kern.errors import strerror
from stack.kern.proc import tsleep
from stack.kern.socket import SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, Socket

SYNOPSIS = "httpd [-v] [-p port] [folder]"
WORDS = {"-v": "log each request"}


class Args(NamedTuple):
    """What the user asked for."""

    folder: str | None = None
    port: int = 80
    verbose: bool = False


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    found, words = getopt("httpd", argv, "p:v")
    if len(words) > 1:
        raise wrong(f"{words[1]}: one folder at a time" + ("; options stand first" if words[1].startswith("-") else ""))
    port = number(found.get("p", "80"), "the port", 1, 65535)
    return Args(words[0] if words else None, port, "v" in found)


async def run(ctx: Context, args: Args) -> AsyncIterator[Request | Complaint]:
    """Serve until somebody stops us."""
    site = _site(ctx, args.folder)
    so = _listen(ctx, args.port)
    server = Server(ctx, so, site, verbose=args.verbose)
    while True:
        while server.said:
            yield server.said.popleft()
        if not server.accept():
            await tsleep(so.rcv.channel, server.changed)


def _site(ctx: Context, folder: str | None) -> Site:
    if folder is None:
        return Greeting(ctx.host.name)
    try:
        return Folder(folder)
    except (OSError, ValueError) as error:
        reason = strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        raise Failure(f"{folder}: {reason}") from None


def _listen(ctx: Context, port: int) -> Socket:
    so = ctx.socket(SOCK_STREAM)
    so.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    try:
        so.bind((0, port))
    except OSError as error:
        raise Failure(f"port {port}: {strerror(error.errno or 0)}") from None
    so.listen()
    return so


def show(row: Request) -> str:
    """A line of the log."""
    return f"{row.method} {row.target} {row.status} {row.size}"


COMMAND = Command("httpd", SYNOPSIS, parse, run, show)
