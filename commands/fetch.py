"""Get pages from web servers over HTTP.  FreeBSD's usr.bin/fetch; RFC 9110, 9112.

    -o file     write the body there, whole or not at all; `-` is standard output
    -v          show the exchange: `>` is what we say, `<` what the server does
    -q          no progress bar
    -t seconds  give up when nothing happens for so long (60)

Redirections are followed.  On a terminal, a file that takes longer than a second has a progress bar.  The
status is 0 when all pages came, whole and with a good status of their own.

    fetch http://www/
    fetch -v www | head
    fetch -o page.html http://203.0.113.80:8080/index.html
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import NamedTuple

from commands._getopt import getopt, seconds, wrong
from commands._visit import Line, Url, Visit, joined, read_url
from commands.command import Command, Complaint, Context, Data, Failure
from stack.dev.files import WholeFile
from stack.kern.errors import reason
from stack.kern.proc import Interrupt

SYNOPSIS = "fetch [-qv] [-o file] [-t seconds] url ..."
WORDS = {"-q": "no progress bar", "-v": "show the exchange"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 10
_SLOW = 1.0  # seconds until there is a progress bar
_AGAIN = 0.2  # seconds between two drawings of it
_WIDTH = 30
_LABEL = len("100% [] 100.0 MB of 100.0 MB, 100.0 kB/s, 1000 s to go")


class Args(NamedTuple):
    """What the user asked for."""

    urls: tuple[str, ...]
    output: str | None = None
    verbose: bool = False
    quiet: bool = False
    timeout: float = 60.0


Row = Line | Data | Complaint


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    found, words = getopt("fetch", argv, "o:qt:v")
    if not words:
        raise wrong("a URL is missing")
    if late := next((word for word in words if word.startswith("-")), None):
        raise wrong(f"{late}: not a URL; options stand first")
    output = found.get("o")
    if output == "":
        raise wrong("-o: the name of a file is missing")
    if output not in (None, "-") and len(words) > 1:
        raise wrong("-o is for one URL")
    timeout = seconds(found.get("t", "60"), least=0.001)
    return Args(tuple(words), None if output == "-" else output, "v" in found, "q" in found, timeout)


async def run(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """One page after the other; what went wrong with one is said, and the next one's turn comes."""
    for text in args.urls:
        try:
            async with aclosing(_fetch(ctx, args, read_url(text))) as rows:
                async for row in rows:
                    yield row
        except Failure as failure:
            yield Complaint(str(failure))
            ctx.status = 1


async def _fetch(ctx: Context, args: Args, url: Url) -> AsyncGenerator[Row, None]:
    """One page, wherever it has moved to."""
    for _ in range(_MOST_REDIRECTS + 1):
        visit = Visit(ctx, url, args.timeout)
        try:
            for step in (visit.ask, visit.hear):
                lines = await step()
                for line in lines if args.verbose else ():
                    yield line
            if visit.status in _REDIRECTS and "location" in visit.headers:
                url = joined(url, visit.headers["location"])
                continue
            if not 200 <= visit.status < 300:
                raise Failure(f"{url.text}: {visit.status} {visit.reason}".rstrip())
            body = _print(visit) if args.output is None else _save(ctx, args, args.output, visit)
            async with aclosing(body) as rows:
                async for row in rows:
                    yield row
            return
        finally:
            visit.close()
    raise Failure(f"{url.text}: more than {_MOST_REDIRECTS} redirections")


async def _print(visit: Visit) -> AsyncGenerator[Data, None]:
    """The body, as it comes."""
    while data := await visit.piece():
        yield Data(data)


async def _save(ctx: Context, args: Args, path: str, visit: Visit) -> AsyncGenerator[Data, None]:
    """The body into a file."""
    bar = Bar(ctx, visit)
    file: WholeFile | None = None
    try:
        file = WholeFile(path)
        while data := await visit.piece():
            file.write(data)
            if ctx.terminal and not args.quiet and bar.is_due():
                yield bar.draw()
        file.commit()
        if bar.drawn:
            yield bar.draw(end="\n")
    except (Failure, Interrupt):
        if bar.drawn:
            yield bar.draw(end="\n")
        raise
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {reason(error) if isinstance(error, OSError) else error}") from None
    finally:
        if file is not None:
            file.discard()


class Bar:
    """A progress bar: one line, drawn again and again."""

    def __init__(self, ctx: Context, visit: Visit) -> None:
        self.ctx = ctx
        self.visit = visit
        self.begun = ctx.now
        self.due = ctx.now + _SLOW
        self.drawn = 0  # columns

    def is_due(self) -> bool:
        """Whether it is time to draw it."""
        return self.ctx.now >= self.due

    def draw(self, end: str = "") -> Data:
        """The line as it is now; it covers the old one."""
        self.due = self.ctx.now + _AGAIN
        received, total = self.visit.received, self.visit.total
        rate = received / max(self.ctx.now - self.begun, 1e-6)
        room = max(self.ctx.columns() - 1, 1)  # a full line would go on in the next, and not be covered
        text = f"{amount(received)}, {amount(rate)}/s"
        if total:
            left = (total - received) / rate if rate else 0
            text = f" {amount(received)} of {amount(total)}, {amount(rate)}/s"
            text += f", {left:.0f} s to go" if left >= 1 else ""
            text = _share(min(received / total, 1), room - _LABEL) + text
        text = text[:room]
        width, self.drawn = min(max(self.drawn, len(text)), room), len(text)
        return Data(f"\r{text:<{width}}{end}".encode())


def _share(share: float, room: int) -> str:
    """How much has come, in figures and, where there is room for it, as a bar."""
    width = min(_WIDTH, room)
    return f"{share:4.0%} [{'#' * int(share * width):<{width}}]" if width > 1 else f"{share:4.0%}"


def amount(size: float) -> str:
    """Bytes as a person reads them."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} GB"


def show(row: Line) -> str:
    """As curl shows it."""
    return f"{row.direction} {row.text}".rstrip()


COMMAND = Command("fetch", SYNOPSIS, parse, run, show)
