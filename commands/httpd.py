"""Serve a folder of the real machine, or a page of its own, over HTTP.  BSD libexec/httpd, bozohttpd.

    -p port      listen there (80, with -Z 443)
    -v           log each request: method, target, status, bytes of the body
    -Z cert key  speak TLS, with that certificate and its key (PEM files; one may hold both)

Without a folder there is a page that says which host it is from.  A folder is served with its index.html, or
else as a list of its files; Range, If-Range, If-None-Match and If-Modified-Since are understood, and texts that are
not short go compressed to whom it pleases.  Each connection is a process of its own (ps shows them); Ctrl-C
or kill ends them all.  A lab has no calendar, so answers have no Date.

A certificate for a host called www, to try TLS with, is made on the real machine by one line, and fetch is
told of it:

    openssl req -x509 -nodes -newkey rsa:2048 -subj /CN=www -addext subjectAltName=DNS:www -keyout key.pem -out cert.pem
    www httpd -Z cert.pem key.pem public &
    fetch --ca-cert=cert.pem https://www/

Examples:

    httpd &                       # a page that says who this is
    gw fetch http://me/
    www httpd -v -p 8080 . &      # the folder where netsh was started
    fetch http://www:8080/

See RFC 9110, RFC 9112, RFC 8446; bozohttpd(8); fetch.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands._getopt import getopt, number, wrong
from commands._httpd import PATIENCE, Request, Secure, Server
from commands._pages import Folder, Greeting, Site
from commands._stream import Stream
from commands.command import Command, Complaint, Context, Failure
from stack.kern.errors import strerror
from stack.kern.proc import tsleep
from stack.kern.socket import SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, Socket

SYNOPSIS = "httpd [-v] [-p port] [-Z cert key] [folder]"
WORDS = {"-v": "log each request"}


class Args(NamedTuple):
    """What the user asked for."""

    folder: str | None = None
    port: int = 80
    verbose: bool = False
    certificate: tuple[str, str] | None = None  # and its key


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    found, words = getopt("httpd", argv, "p:vZ:")
    certificate = None
    if (cert := found.pop("Z", None)) is not None:  # the one option with two values
        if not words:
            raise wrong("-Z: the file of the key is missing")
        certificate = cert, words[0]
        more, words = getopt("httpd", words[1:], "p:v")
        found |= more
    if len(words) > 1:
        raise wrong(f"{words[1]}: one folder at a time" + ("; options stand first" if words[1].startswith("-") else ""))
    port = number(found.get("p", "80" if certificate is None else "443"), "the port", 1, 65535)
    return Args(words[0] if words else None, port, "v" in found, certificate)


async def run(ctx: Context, args: Args) -> AsyncIterator[Request | Complaint]:
    """Serve until somebody stops us."""
    site = _site(ctx, args.folder)
    secure = None if args.certificate is None else _secure(ctx, *args.certificate)
    so = _listen(ctx, args.port)
    server = Server(ctx, so, site, verbose=args.verbose, secure=secure)
    while True:
        while server.said:
            yield server.said.popleft()
        if not server.accept():
            await tsleep(so.rcv.channel, server.changed)


def _secure(ctx: Context, cert: str, key: str) -> Secure:
    """What makes a connection one over TLS; Failure when there is no such certificate."""
    from commands._tls import Tls, server_context, words_of

    try:
        context = server_context(cert, key)
    except (OSError, ValueError) as error:
        raise Failure(f"-Z {cert} {key}: {words_of(error)}") from None

    async def secure(so: Socket) -> Stream:
        tls = Tls(so, context, server_side=True)
        alarm = ctx.lab.callouts.schedule(PATIENCE, so.close)  # of the whole handshake, however it drips
        try:
            await tls.handshake()
        finally:
            alarm.stop()
        return tls

    return secure


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
