"""Draw who says what to whom: a column a host, an arrow a packet, a cross if lost.

    -i place      only packets that pass there: shmif0, HOST:shmif0, bus:lan, any; without it, all of the lab (--lab)
    -r file       of a file that tcpdump or Wireshark wrote
    --last        of what tcpdump or ladder has seen last
    -c count      stop after so many packets
    -n            numbers only: no names of hosts
    -S            TCP's sequence numbers as they are, not counted from the beginning
    --svg file    draw into a file instead, when it ends

The rest of the line is a filter, as tcpdump's.  Without -r and --last it goes on until Ctrl-C.  An arrow bears the
flags of TCP and their numbers (SYN 0 ACK 1), or the kind of the packet; a dot is a host that passes it on.

Examples:

    ladder tcp port 80 &
    fetch -q http://www/
    kill -INT %ladder
    ladder --last -n
    ladder --last --svg=page.svg host www

See tcpdump, trace.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from commands._getopt import getopt, number, wrong
from commands._ladder_columns import Way
from commands._ladder_follow import Follower
from commands._ladder_journey import Journey, Loss
from commands._ladder_label import Labels
from commands._ladder_names import Names
from commands._ladder_read import Reader
from commands._ladder_svg import Drawn, picture
from commands._ladder_text import Chart
from commands._tcpdump_filter import Filter, resolved
from commands._tcpdump_places import Place, places_of
from commands.command import Command, Context, Failure, Note
from commands.tcpdump import WORDS as _FILTER
from stack.dev import savefile
from stack.dev.files import WholeFile
from stack.kern.errors import reason
from stack.kern.proc import Interrupt, pause, tsleep
from stack.net.bpf import SNAPLEN, Recent

SYNOPSIS = "ladder [-nS] [-c count] [-i place | -r file] [--lab] [--last] [--svg=file] [filter ...]"
WORDS = _FILTER | {"--last": "what tcpdump or ladder has seen last", "--svg": "draw into a file"}

_MOST = 2000  # arrows of a drawing


class Args(NamedTuple):
    """The command line."""

    place: str | None
    read: str | None
    last: bool
    limit: int | None
    numeric: bool
    absolute: bool
    svg: str | None
    filter: str


class Arrow(NamedTuple):
    """A packet: when it was sent and arrived, in seconds; who passed it on to whom; where it was lost and why."""

    number: int
    time: float
    arrived: float | None
    source: str
    destination: str | None  # None: everybody
    hops: tuple[tuple[str, str], ...]
    protocol: str
    flags: str | None
    seq: int | None
    ack: int | None
    length: int
    again: bool
    label: str
    lost: str | None
    losses: tuple[Loss, ...]
    text: str


Row = Arrow | Note


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    found, words = getopt("ladder", argv, "c:i:nr:S", ("lab", "last", "svg="))
    if sum(name in found for name in ("i", "r", "lab", "last")) > 1:
        raise wrong("one of -i, -r, --lab and --last says where the packets are from")
    return Args(
        found.get("i"),
        found.get("r"),
        "last" in found,
        number(found["c"], "the packet count", 1) if "c" in found else None,
        "n" in found,
        "S" in found,
        found.get("svg"),
        " ".join(words),
    )


def run(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """Follow packets, or those of a file; a signal finds the generator that has to do with it, not one around it."""
    chosen = Filter(resolved(ctx, args.filter), SNAPLEN)
    names = Names(ctx.lab, ctx.name_of, numeric=args.numeric)
    if args.read is not None:
        return _from_file(ctx, Reader(names, chosen), args.read, Drawing(ctx, args, names))
    if args.last:
        if not isinstance(ctx.lab.recent, Recent):
            raise Failure("nothing was seen yet; -r reads a file")
        return _last(Reader(names, chosen), ctx.lab.recent, Drawing(ctx, args, names))
    places = None if args.place is None else places_of(ctx, args.place, lab=False)
    return _live(ctx, places, chosen, Drawing(ctx, args, names))


async def _live(ctx: Context, places: list[Place] | None, chosen: Filter, drawing: Drawing) -> AsyncIterator[Row]:
    follower = Follower(ctx.lab, drawing.names, places, chosen)
    journeys = follower.journeys
    ctx.lab.recent = follower.recent
    try:
        try:
            while True:
                for row in drawing.rows(journeys.take(ctx.now)):
                    yield row
                if drawing.full:
                    break
                await tsleep(follower.channel, timeout=journeys.due(ctx.now))
        except Interrupt:
            follower.close()
            for row in drawing.rows(journeys.take(ctx.now, all=True)):
                yield row
        drawing.finish()
    finally:
        follower.close()


async def _last(reader: Reader, recent: Recent, drawing: Drawing) -> AsyncIterator[Row]:
    reader.feed_recent(recent)
    for row in drawing.rows(reader.take(all=True)):
        yield row
    drawing.finish()


async def _from_file(ctx: Context, reader: Reader, path: str, drawing: Drawing) -> AsyncIterator[Row]:
    loader, problem = savefile.Loader(), ""
    try:
        for piece in savefile.chunks(path):
            reader.feed(loader.feed(piece), loader.sources)
            for row in drawing.rows(reader.take()):
                yield row
            if drawing.full:
                break
            await pause(0)  # others have their turn, and Ctrl-C is heard
        else:
            loader.end()
    except OSError as error:
        problem = reason(error)
    except ValueError as error:
        problem = str(error)
    for row in drawing.rows(reader.take(all=True)):
        yield row
    drawing.finish()
    if problem:
        raise Failure(f"{path}: {problem}")


class Drawing:
    """Makes rows of packets, and a picture in the end."""

    def __init__(self, ctx: Context, args: Args, names: Names) -> None:
        self.limit = args.limit
        self.names = names
        self.labels = Labels(ctx.name_of, numeric=args.numeric, absolute=args.absolute)
        self.chart = Chart(ctx.columns() if ctx.terminal else min(ctx.columns(), 80))
        self.count = 0
        self.svg: list[Arrow] | None = None
        if args.svg is not None:
            self.svg = []
            try:
                self.file = WholeFile(args.svg)
            except OSError as error:
                raise Failure(f"{args.svg}: {reason(error)}") from None
            ctx.proc.closers.append(self.file.discard)

    @property
    def full(self) -> bool:
        """Whether there are as many as were asked for, or as a picture has room for."""
        return self.count == self.limit or (self.svg is not None and self.count == _MOST)

    def rows(self, journeys: Iterator[Journey]) -> Iterator[Row]:
        """What is shown of packets; a picture's are kept."""
        for journey in journeys:
            if not journey.wanted or self.full or not (journey.hops or journey.losses or journey.seen.group):
                continue  # or it is only on its way yet
            self.count += 1
            arrow, is_new = self._arrow(journey)
            if self.svg is not None:
                self.svg.append(arrow)
                continue
            if is_new:
                yield Note(self.chart.heading())
            yield arrow

    def _arrow(self, journey: Journey) -> tuple[Arrow, bool]:
        """A packet's row, and whether the columns are others than before."""
        label = self.labels.of(journey)
        target = self.names.destination(journey.seen)
        way = Way(journey.origin, tuple(dict.fromkeys(journey.hops)), tuple(journey.losses), target)
        is_new = self.chart.columns.take(way)
        lines = self.chart.arrow(journey.time, label.text, way)
        lost = "; ".join(_lost(loss) for loss in journey.losses) or None
        arrived = None if journey.arrived is None else round(journey.arrived, 9)
        return Arrow(
            journey.number, round(journey.time, 9), arrived, journey.origin, target or None, way.hops, label.protocol,
            label.flags, label.seq, label.ack, label.length, label.again, label.text, lost, way.losses,
            "\n".join(lines),
        ), is_new  # fmt: skip

    def finish(self) -> None:
        """Draw the picture, if there is to be one."""
        if self.svg is not None:
            ways = [Way(arrow.source, arrow.hops, arrow.losses, arrow.destination or "") for arrow in self.svg]
            drawn = [Drawn(row.time, row.label, row.protocol, way) for row, way in zip(self.svg, ways, strict=True)]
            self.file.write(picture(drawn).encode())
            self.file.commit()


def _lost(loss: Loss) -> str:
    return f"{'after' if loss.on_the_way else 'at'} {loss.host}" + (f": {loss.reason}" if loss.reason else "")


def show(row: Arrow) -> str:
    """Its lines."""
    return row.text


COMMAND = Command("ladder", SYNOPSIS, parse, run, show)
