"""Get pages from web servers over HTTP and HTTPS.  FreeBSD's usr.bin/fetch.

    -o file     write the body there, whole or not at all; in a folder it has the name the URL gives it;
                `-` is standard output
    -c -r       go on with a download that broke off: what there is of it stands in file.part; without -o the
                file is called as in the URL
    -I          only the headers (HEAD)
    -T seconds  give up when nothing happens for so long (60)
    -q          no progress bar
    -v          show the exchange: `>` is what we say, `<` what the server does
    --ca-cert=file        trust the certificates that these authorities have signed, and no others
    --no-verify-hostname  the certificate may be of another name
    --no-verify-peer      take any certificate

Redirections are followed.  Pages may come compressed (gzip, deflate) and are shown and saved as they were
before; -c asks for them as they are.  On a terminal a page is coloured, and a file that takes longer than a
second has a progress bar.  A part is gone on with if the server says when its file was changed, and that it has not
been since; else it begins again.  The status is 0 when all pages came, whole and with a good status of
their own.

Examples:

    fetch http://www/
    fetch -v www | head
    fetch -I www
    fetch -o page.html http://203.0.113.80/index.html
    fetch -c http://www/index.html

See RFC 9110, RFC 9112, RFC 8446; fetch(1); httpd.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import NamedTuple

from commands._download import Continued, Download
from commands._getopt import getopt, seconds, wrong
from commands._url import Url, joined, read_url
from commands._visit import Header, Line, Status, Trust, Visit, Wishes
from commands.command import Command, Complaint, Context, Data, Failure, Note
from stack.kern.proc import Interrupt

SYNOPSIS = "fetch [-cIqrv] [-o file] [-T seconds] [--ca-cert=file] [--no-verify-hostname] [--no-verify-peer] url ..."
WORDS = {
    "-c": "go on with a download that broke off",
    "-I": "only the headers",
    "-q": "no progress bar",
    "-r": "the same as -c",
    "-v": "show the exchange",
    "--ca-cert=": "whose certificates to trust, a file",
    "--no-verify-hostname": "the certificate may be of another name",
    "--no-verify-peer": "take any certificate",
}
_LONG = ("ca-cert=", "no-verify-hostname", "no-verify-peer")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 10
_COLOURED = ("html", "json", "css", "javascript", "xml")  # in the media type of what a terminal shows in colours
_MOST = 256 * 1024  # bytes of it
_AT_ONCE = 1.0  # seconds that it may take to come


class Args(NamedTuple):
    """What the user asked for."""

    urls: tuple[str, ...]
    output: str | None = None
    wishes: Wishes = Wishes()
    verbose: bool = False
    quiet: bool = False
    continued: bool = False

    @property
    def head(self) -> bool:
        """Whether only headers are wanted."""
        return self.wishes.method == "HEAD"


Row = Line | Status | Header | Note | Data | Complaint


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    found, words = getopt("fetch", argv, "cIo:qrT:t:v", _LONG)
    if not words:
        raise wrong("a URL is missing")
    if late := next((word for word in words if word.startswith("-")), None):
        raise wrong(f"{late}: not a URL; options stand first")
    output = found.get("o")
    continued = "c" in found or "r" in found
    for option in ("o", "ca-cert"):
        if found.get(option) == "":
            raise wrong(f"-{'-' * (len(option) > 1)}{option}: the name of a file is missing")
    if continued and output == "-":
        raise wrong("-c needs a file to go on with")
    if "I" in found and (continued or output not in (None, "-")):
        raise wrong("-I gets no body that a file could be made of")
    wishes = Wishes(
        method="HEAD" if "I" in found else "GET",
        timeout=seconds(found.get("T") or found.get("t") or "60", least=0.001),  # -t: it was called so once
        trust=Trust(found.get("ca-cert"), "no-verify-peer" not in found, "no-verify-hostname" not in found),
    )
    if continued:
        wishes = wishes._replace(codings="identity")
    return Args(tuple(words), None if output == "-" else output, wishes, "v" in found, "q" in found, continued)


async def run(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """One page after the other; what went wrong with one is said, and the next one's turn comes."""
    in_folder = args.output is not None and (os.path.isdir(args.output) or args.output.endswith("/"))
    if args.output is not None and not in_folder and len(args.urls) > 1:
        raise wrong("-o is for one URL, unless it is a folder")
    for text in args.urls:
        try:
            url = read_url(text)
            path = os.path.join(args.output or "", url.file_name) if in_folder else args.output
            if args.continued and path is None:
                path = url.file_name
            async with aclosing(_fetch(ctx, args, url, path)) as rows:
                async for row in rows:
                    yield row
        except Failure as failure:
            yield Complaint(str(failure))
            ctx.status = 1


async def _fetch(ctx: Context, args: Args, url: Url, path: str | None) -> AsyncGenerator[Row, None]:
    """One page, wherever it has moved to, into a file or not."""
    download = None if path is None else Continued(path) if args.continued else Download(path)
    try:
        for _ in range(_MOST_REDIRECTS + 1):
            visit = Visit(ctx, url, args.wishes._replace(headers=download.headers if download is not None else ()))
            try:
                async with aclosing(_exchange(visit, args)) as heads:
                    async for row in heads:
                        yield row
                if visit.status in _REDIRECTS and "location" in visit.headers:
                    url = joined(url, visit.headers["location"])
                    continue
                if download is not None and download.is_refused(visit):
                    continue
                async with aclosing(_body(ctx, args, visit, download)) as body:
                    async for row in body:
                        yield row
                return
            finally:
                visit.close()
    finally:
        if download is not None:
            download.close()
    raise Failure(f"{url.text}: more than {_MOST_REDIRECTS} redirections")


async def _exchange(visit: Visit, args: Args) -> AsyncGenerator[Row, None]:
    """Ask, and hear the head of the answer."""
    for step in (visit.ask, visit.hear):
        lines = await step()
        for line in lines if args.verbose else ():
            yield line
    if args.head and not args.verbose:
        yield visit.head
        for header in visit.lines:
            yield header
        yield Note("")


async def _body(ctx: Context, args: Args, visit: Visit, download: Download | None) -> AsyncGenerator[Row, None]:
    """The body, saved or shown; Failure when the answer has none that was asked for."""
    if download is not None:
        rows = download.save(ctx, visit, quiet=args.quiet)
    else:
        visit.expect_good()
        kind = visit.headers.get("content-type", "")
        whole = ctx.terminal and any(word in kind for word in _COLOURED)
        rows = _show_whole(ctx, visit, kind) if whole else _show(visit)
    async with aclosing(rows):
        async for row in rows:
            yield row


async def _show(visit: Visit) -> AsyncGenerator[Data, None]:
    """The body, as it comes."""
    async with aclosing(visit.pieces()) as pieces:
        async for piece in pieces:
            yield Data(piece)


async def _show_whole(ctx: Context, visit: Visit, kind: str) -> AsyncGenerator[Data, None]:
    """A page in one piece, since only then it can be coloured; not if it is long, or takes long."""
    held = b""
    deadline = ctx.now + _AT_ONCE
    try:
        async with aclosing(visit.pieces()) as pieces:
            async for piece in pieces:
                held += piece
                if len(held) > _MOST or ctx.now > deadline:
                    yield Data(held)
                    held, deadline = b"", -1.0
    except (Failure, Interrupt):
        if held:
            yield Data(held)
        raise
    if held:
        yield Data(held, kind if deadline >= 0 else "")


def show(row: Line | Status | Header) -> str:
    """As curl shows it."""
    if isinstance(row, Status):
        return row.text
    if isinstance(row, Header):
        return f"{row.name}: {row.value}"
    return f"{row.direction} {row.text}".rstrip()


COMMAND = Command("fetch", SYNOPSIS, parse, run, show)
