"""The body of a page into a file: whole or not at all, or as a part that is gone on with (RFC 9110 13.1.5, 14)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from commands._dates import http_date, read_http_date
from commands._visit import Visit
from commands.command import Context, Data, Failure
from stack.dev.files import PartFile, WholeFile
from stack.kern.errors import reason
from stack.kern.proc import Interrupt

_SLOW = 1.0  # seconds until there is a progress bar
_AGAIN = 0.2  # seconds between two drawings of it
_WIDTH = 30
_LABEL = len("100% [] 100.0 MB of 100.0 MB, 100.0 kB/s, 1000 s to go")


class Download:
    """A file that a page is written to; `headers` are what the server must be told for that."""

    headers: tuple[tuple[str, str], ...] = ()
    before = 0  # bytes that were there already

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self.open()
        except (OSError, ValueError) as error:
            raise Failure(f"{path}: {reason(error)}") from None

    def open(self) -> None:
        """Open the file."""
        self.file: WholeFile | PartFile = WholeFile(self.path)

    def is_refused(self, visit: Visit) -> bool:
        """Whether `headers` asked for what there is not, and the server is to be asked again, without them."""
        return False

    def begin(self, visit: Visit) -> bool:
        """Whether the body of an answer is to be written; Failure when it is not what was asked for."""
        visit.expect_good()
        self.file.modified = last_modified(visit)
        return True

    def end(self) -> None:
        """The body has been written: it is the file now."""
        self.file.commit()

    async def save(self, ctx: Context, visit: Visit, *, quiet: bool) -> AsyncGenerator[Data, None]:
        """Write the body; on a terminal there is a progress bar."""
        bar = Bar(ctx, visit)
        try:
            if self.begin(visit):
                bar.before = self.before
                async with aclosing(visit.pieces()) as pieces:
                    async for piece in pieces:
                        self.file.write(piece)
                        if ctx.terminal and not quiet and bar.is_due():
                            yield bar.draw()
            self.end()
            if bar.drawn:
                yield bar.draw(end="\n")
        except (Failure, Interrupt):
            if not visit.makes_sense:
                self.distrust()
            if bar.drawn:
                yield bar.draw(end="\n")
            raise
        except (OSError, ValueError) as error:
            raise Failure(f"{self.path}: {reason(error)}") from None

    def distrust(self) -> None:
        """What came made no sense in the end, and perhaps not before."""

    def close(self) -> None:
        """Leave the file as it was, if it is not whole by now."""
        self.file.discard()


class Continued(Download):
    """A file that grows as a part; when the connection breaks that stays, and is gone on with the next time (-c).

    Only if it is certain what it is a part of: the server had told when that was last changed, and it has
    not been changed since (RFC 9110 13.1.5).
    """

    def open(self) -> None:
        """Open the part, and see how much there is."""
        self.file = self.part = PartFile(self.path)
        self.size: int | None = None  # of the whole
        if self.part.size and self.part.modified:
            self.headers = (("Range", f"bytes={self.part.size}-"), ("If-Range", http_date(self.part.modified)))

    def is_refused(self, visit: Visit) -> bool:
        """416: nothing is behind the part, which may be all there is, or more."""
        if not self.headers or visit.status != 416 or visit.content_range[1] == self.part.size:
            return False
        self.headers = ()
        return True

    def begin(self, visit: Visit) -> bool:
        """206 goes on, 200 begins again, 416 says that nothing was missing."""
        part, where = self.part, visit.url.text
        if not self.headers or visit.status not in (206, 416):
            super().begin(visit)
            part.restart(0 if visit.coding else validator(visit))
            return True
        self.before = part.size
        first, self.size = visit.content_range
        if visit.status == 206 and (first != part.size or visit.coding):
            raise Failure(f"{where}: another part came than was asked for")
        if visit.status == 206 and last_modified(visit) not in (0, part.modified):
            raise Failure(f"{where}: a part of something else came; without {part.part} it begins again")
        return visit.status == 206

    def distrust(self) -> None:
        """Such a part is not worth going on with."""
        if self.part.size > self.before:
            self.part.restart()

    def end(self) -> None:
        """The part is the whole, if the size is right."""
        size, whole = self.part.size, self.size
        if whole is not None and size > whole:
            self.part.restart()
        if whole not in (None, size):
            raise Failure(f"{self.path}: got {size} of {whole} bytes")
        super().end()


def last_modified(visit: Visit) -> int:
    """When what comes was last changed, in seconds since 1970; 0 when the server does not say."""
    return max(read_http_date(visit.headers.get("last-modified", "")) or 0, 0)


def validator(visit: Visit) -> int:
    """The same, if that date is good to know it by: it may have been changed again in the same second (8.8.2.2)."""
    changed, now = last_modified(visit), read_http_date(visit.headers.get("date", ""))
    return changed if now is None or now > changed else 0


class Bar:
    """A progress bar: one line, drawn again and again."""

    def __init__(self, ctx: Context, visit: Visit) -> None:
        self.ctx = ctx
        self.visit = visit
        self.before = 0  # bytes that were there at the beginning
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
        text = f"{amount(self.before + received)}, {amount(rate)}/s"
        if total:
            left = (total - received) / rate if rate else 0
            there, whole = self.before + received, self.before + total
            text = f" {amount(there)} of {amount(whole)}, {amount(rate)}/s"
            text += f", {left:.0f} s to go" if left >= 1 else ""
            text = _share(min(there / whole, 1), room - _LABEL) + text
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
