"""Where the rows of a command go: to the printer, or as bytes through filters and into a file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from commands.command import Command, Complaint, Data, ErrorData, Note, Usage
from netsh.clock import Clock
from netsh.files import AppendedFile
from netsh.filters import FILTERS, Sink
from netsh.program import Program
from netsh.render.csv_rows import CsvRows
from netsh.render.printer import Printer, json_of, text_of
from stack.dev.files import WholeFile
from stack.kern.errors import reason

_FORMS = ("json", "csv", "text")  # for whole rows
_MOST = 1 << 20  # bytes that a $(command) may yield


class Refused(Exception):
    """A filter or a file that cannot be had: who says so, what is wrong, and how it is used."""

    def __init__(self, name: str, text: str, synopsis: str = "") -> None:
        super().__init__(text)
        self.name = name
        self.synopsis = synopsis


class Closed(Exception):
    """Our own standard output is closed: there is nobody to talk to."""


class Output:
    """A command's rows, drawn by the printer."""

    def __init__(self, printer: Printer, command: Command, host: str, job: int | None) -> None:
        self.printer = printer
        self.command = command
        self.host = host
        self.job = job
        self.done = False  # nobody wants more
        self.status = 0

    def row(self, row: Any) -> None:
        """Take a row."""
        try:
            self.printer.row(self.command, row, host=self.host, job=self.job)
        except BrokenPipeError:
            raise Closed from None

    def end(self, *, well: bool) -> None:
        """The command is over, `well` or not."""
        try:
            self.printer.end(self.command, job=self.job)
        except BrokenPipeError:
            raise Closed from None

    def abandon(self) -> None:
        """The command was killed, and nothing can be said any more."""
        self.printer.leave(self.job)

    def move(self, job: int | None) -> None:
        """The command is another job now, or none; what was gathered of it moves along."""
        self.printer.move(self.job, job)
        self.job = job

    def resume(self) -> None:
        """Programs that were stopped with us go on."""

    async def drain(self) -> None:
        """Wait until more can be taken."""
        await self.printer.drain()

    async def finish(self) -> None:
        """Wait until all that was taken has arrived."""


class Piped(Output):
    """A command's rows as bytes, in the form that the first filter wants: text, JSON or CSV."""

    def __init__(self, output: Output, form: str, target: Shared | None) -> None:
        super().__init__(output.printer, output.command, output.host, output.job)
        self.direct = output
        self.form = form
        self.target = target
        self.csv = CsvRows() if target is None else target.csv
        self.head: Sink = PrinterSink(self) if target is None else target
        self.sinks: list[Sink] = [self.head]  # from the last to the first
        self.programs: list[Program] = []
        self.file: WholeFile | AppendedFile | None = None

    def push(self, sink: Sink) -> None:
        """Put a sink before those that there are."""
        self.head = sink
        self.sinks.append(sink)

    def row(self, row: Any) -> None:
        """Take a row; nothing is lost on its way, so what is for stderr goes there."""
        if isinstance(row, Complaint | ErrorData):
            self.direct.row(row)
        elif self.form == "text":
            self._feed(text_of(self.command, row))
        elif not isinstance(row, Note):
            self._feed(self.csv.text_of(row) if self.form == "csv" else json_of(row) + "\n")

    def _feed(self, text: str | bytes) -> None:
        self.head.feed(text.encode(errors="surrogateescape") if isinstance(text, str) else text)
        self.done = self.head.done

    def end(self, *, well: bool) -> None:
        """Let the filters say their last."""
        try:
            self.head.end()
        except BaseException:
            self.discard()
            raise
        if not self.programs:
            self._close(well)

    def abandon(self) -> None:
        """What was captured is kept all the same."""
        if self.file is not None:
            with suppress(OSError):
                if not self.file.empty:
                    self.file.commit()
            self.file.discard()
        for program in self.programs:
            program.end()

    def move(self, job: int | None) -> None:
        """So is what it is piped into."""
        super().move(job)
        self.direct.job = job

    def resume(self) -> None:
        """Ctrl-Z stopped them, too, since they have our terminal."""
        for program in self.programs:
            program.resume()

    def discard(self) -> None:
        """The file stays as it was."""
        if self.file is not None:
            self.file.discard()

    async def drain(self) -> None:
        """Wait for programs that read slowly."""
        for program in self.programs:
            await program.room()
        if self.target is not None:
            await self.target.drain()
        await self.printer.drain()

    async def finish(self) -> None:
        """Wait for programs; the last failure in the pipeline is its status."""
        try:
            for program in reversed(self.programs):
                await program.wait()
        except BaseException:
            self.discard()
            raise
        if self.programs:
            self._close(True)
        for sink in reversed(self.sinks):
            self.status = sink.status or self.status

    def _close(self, well: bool) -> None:
        """Keep what was captured; a command that failed without a word leaves the old file alone."""
        if self.file is not None:
            try:
                if well or not self.file.empty:
                    self.file.commit()
            except OSError as error:
                raise Refused("netsh", f"{self.file.path}: {reason(error)}") from None
            finally:
                self.file.discard()
        self.direct.end(well=well)


class PrinterSink(Sink):
    """The end of a pipeline without a file: the bytes are printed."""

    def __init__(self, piped: Piped) -> None:
        super().__init__()
        self.piped = piped

    def feed(self, data: bytes) -> None:
        """JSON and text for other programs as they are; on a terminal with care."""
        printer = self.piped.printer
        if printer.format != "rich":
            if printer.heard is not None:
                printer.heard(data.decode(errors="replace"))
            try:
                printer.write(data)
            except BrokenPipeError:
                raise Closed from None
        else:
            self.piped.direct.row(Data(data))


class Shared(Sink):
    """A place that several commands write to, one after the other; it is not closed by any of them."""

    def __init__(self, target: Sink, form: str = "text", piped: Piped | None = None) -> None:
        super().__init__()
        self.target = target
        self.form = form  # what it wants of rows
        self.piped = piped  # what it is the head of
        self.csv = CsvRows()

    def feed(self, data: bytes) -> None:
        """Hand it on."""
        self.target.feed(data)
        self.done = self.target.done

    async def drain(self) -> None:
        """Wait for programs that read slowly."""
        if self.piped is not None:
            await self.piped.drain()


class Caught(Sink):
    """What commands say is kept: `data`; more than `_MOST` bytes are not wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def feed(self, data: bytes) -> None:
        """Keep it."""
        self.data += data
        self.done = len(self.data) > _MOST


class FileSink(Sink):
    """The end of a pipeline with `>`: a file."""

    def __init__(self, file: WholeFile | AppendedFile, name: str) -> None:
        super().__init__()
        self.file = file
        self.name = name

    def feed(self, data: bytes) -> None:
        """Write it."""
        try:
            self.file.write(data)
        except OSError as error:
            self.done = True
            raise Refused("netsh", f"{self.name}: {reason(error)}") from None


def build(
    output: Output, filters: list[list[str]], redirect: tuple[str, str] | None, clock: Clock, target: Shared | None
) -> Output:
    """The output of a line, with its filters and its file; Refused when one of them cannot be had.

    What is left goes to a `target`, or to the printer.
    """
    if not filters and redirect is None and target is None:
        return output
    first = filters[0][0] if filters else ""
    form = "json" if output.printer.format == "json" else "text"
    if first in _FORMS:
        form = first
    elif target is not None:
        form = target.form
    piped = Piped(output, form, target)
    try:
        if redirect is not None:
            piped.file = _open(*redirect)
            piped.push(FileSink(piped.file, redirect[1]))
        for at, argv in reversed(list(enumerate(filters))):
            piped.push(_filter(argv, at, piped, clock))
    except Refused:
        piped.discard()
        raise
    return piped


def _open(operator: str, path: str) -> WholeFile | AppendedFile:
    kinds: dict[str, Callable[[str], WholeFile | AppendedFile]] = {">": WholeFile, ">>": AppendedFile}
    try:
        return kinds[operator](path)
    except (OSError, ValueError) as error:
        raise Refused("netsh", f"{path}: {reason(error)}") from None


def _filter(argv: list[str], at: int, piped: Piped, clock: Clock) -> Sink:
    name = argv[0]
    if name.startswith("!"):
        return _program([name[1:], *argv[1:]] if name != "!" else argv[1:], piped, clock)
    if name not in FILTERS:
        known = ", ".join(FILTERS)
        raise Refused("netsh", f"{name}: not a filter; those are {known}, and !program for one of the real machine")
    if name in _FORMS and at:
        raise Refused(name, "it stands first behind the command, since a line of text has no fields")
    try:
        return FILTERS[name](argv[1:], piped.head)
    except Usage as usage:
        raise Refused(name, str(usage), FILTERS[name].synopsis) from None


def _program(argv: list[str], piped: Piped, clock: Clock) -> Sink:
    """A program of the real machine; it gets the terminal when it is the last and in the foreground."""
    if not argv:
        raise Refused("netsh", "!: a program's name is missing")
    last = isinstance(piped.head, PrinterSink) and piped.job is None and _is_stdout(piped.printer)
    if last:
        piped.printer.lend()
    try:
        target = None if last else piped.head
        program = Program(argv, target, clock, piped.printer.complain_raw, lambda: piped.job)
    except (OSError, ValueError) as error:
        raise Refused(argv[0], reason(error)) from None
    piped.programs.append(program)
    return program


def _is_stdout(printer: Printer) -> bool:
    with suppress(OSError, ValueError, AttributeError):
        return printer.out.fileno() == 1
    return False
