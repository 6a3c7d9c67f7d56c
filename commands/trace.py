"""Follow packets through the stacks, function by function, to their end.

    trace on [filter]     follow packets, all or those that a filter takes, and all that they cause
    trace off             follow no more; what was seen is kept
    trace [-n] [-c count] whether it is on, and the last packets (20), a line each
    trace show 12         the whole journey of packet 12, on all hosts
    trace path me www     which way packets go from one host to another, and why
    trace -f [filter]     each step as it happens, until Ctrl-C

Every packet has a serial, and knows that of the packet that caused it.  'explain 12' tells its journey in sentences,
and 'source 12.3' shows the line of the stack where its third step was.  Filters are tcpdump's.

A packet's trace ends where it leaves the lab by a TAP or a bus file, and goes on when it comes back.  What goes through
the machine's own sockets ('sockets') is no packet of the lab's.

    -f        live: each step as it happens
    -c count  so many packets, or live: so many steps
    -n        numbers only: no names of hosts and services

Examples:

    trace on icmp
    ping -c 1 www
    trace
    trace show 1
    trace path me www
    trace off

See explain, source, tcpdump.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import islice
from typing import NamedTuple

from commands._getopt import getopt, number, too_many, wrong
from commands._trace import Rows, TracedPacket, TraceStep, packet_of, recorder_of, show_packet, show_step, wanted
from commands._trace_path import Hop, path, show_hop
from commands.command import Command, Complaint, Context, Failure, Note
from stack.kern.proc import Interrupt, pause, tsleep
from stack.trace.journey import Journeys
from stack.trace.recorder import Recorder
from stack.trace.steps import SAME, Step

SYNOPSIS = """trace [-n] [-c count]
trace on [filter ...]
trace off
trace [-n] show serial
trace path host host
trace -f [-c count] [filter ...]"""

WORDS = {
    "on": "follow packets",
    "off": "follow no more",
    "show": "the journey of a packet",
    "path": "the way from a host to another",
}
TABLES: dict[type, str] = {TracedPacket: "", TraceStep: "", Hop: "Way"}
_LAST = 20
_REDRAW = 1 / 30  # seconds between two that are shown live
_AT_ONCE = 60  # steps that a terminal is shown each time


class Args(NamedTuple):
    """What is wanted, and of what."""

    verb: str  # on, off, show, path, live, or "" for the state
    words: tuple[str, ...]
    most: int | None
    numeric: bool


class TraceState(NamedTuple):
    """Whether it is on, and what is remembered."""

    on: bool
    filter: str
    packets: int
    steps: int


Row = TraceState | TracedPacket | TraceStep | Hop | Note | Complaint


def parse(argv: list[str]) -> Args:
    """A verb and its words."""
    options, words = getopt("trace", argv, "fc:n")
    count = number(options["c"], "the count", 1) if "c" in options else None
    if "f" in options:
        return Args("live", tuple(words), count, "n" in options)
    verb, rest = (words[0], tuple(words[1:])) if words else ("", ())
    wants = {"": 0, "off": 0, "show": 1, "path": 2}
    if verb not in (*wants, "on"):
        raise wrong(f"{verb}: trace on, off, show or path; 'trace -f' is live")
    if verb in wants and len(rest) > wants[verb]:
        raise too_many(rest[wants[verb]])
    if verb in wants and len(rest) < wants[verb]:
        raise wrong("the serial of a packet is missing" if verb == "show" else "two hosts are wanted")
    if count is not None and verb:
        raise wrong("-c goes with the list of packets, and with -f")
    return Args(verb, rest, count, "n" in options)


def run(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """Do what is wanted."""
    verbs = {"": _state, "on": _on, "off": _off, "show": _show, "path": _path, "live": _live}
    return verbs[args.verb](ctx, args)


def _start(ctx: Context, recorder: Recorder, words: tuple[str, ...]) -> None:
    text = " ".join(words)
    chosen = wanted(ctx, text)
    try:
        recorder.start(chosen, text)
    except OSError:
        raise Failure("Python's profiler is at work, and there can be only one of both") from None


async def _on(ctx: Context, args: Args) -> AsyncIterator[Row]:
    _start(ctx, recorder_of(ctx.lab), args.words)
    return
    yield  # nothing: it succeeds in silence


async def _off(ctx: Context, args: Args) -> AsyncIterator[Row]:
    recorder_of(ctx.lab).stop()
    return
    yield  # nothing: it succeeds in silence


async def _state(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """The last packets, but for copies and fragments of others."""
    recorder = recorder_of(ctx.lab)
    journeys, rows = Journeys(recorder), Rows(ctx, recorder, numeric=args.numeric)
    packets = [packet for packet in recorder.packets.values() if packet.count and packet.wanted]
    yield TraceState(recorder.hook is not None, recorder.text, len(packets), len(recorder.steps))
    last = [packet for packet in packets if packet.kind not in SAME][-(args.most or _LAST) :]
    for packet in last:
        yield rows.packet(packet, 0, journeys.fate(packet))


async def _show(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """The journey of a packet from where it began."""
    packet = packet_of(ctx.lab, args.words[0])
    recorder = recorder_of(ctx.lab)
    journeys, rows = Journeys(recorder), Rows(ctx, recorder, numeric=args.numeric)
    for leg in journeys.tell(journeys.beginning(packet)):
        yield rows.leg(leg, journeys)


async def _path(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """The way from a host to another, or to an address."""
    start = ctx.lab.hosts.get(args.words[0])
    if start is None:
        raise Failure(f"{args.words[0]}: no such host; 'host' lists them")
    try:
        target = ctx.lab.resolve(args.words[1], start)
    except OSError:
        raise Failure(f"{args.words[1]}: no host of that name, and no address") from None
    for hop in path(ctx.lab, start, target):
        yield hop


# --- live -----------------------------------------------------------------------------------------


async def _live(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """Each step as it happens; who turns the trace on for this turns it off again."""
    recorder = recorder_of(ctx.lab)
    ours = recorder.hook is None
    if args.words or ours:
        _start(ctx, recorder, args.words)
    if ours:
        ctx.proc.closers.append(recorder.stop)
    rows, seen, left = Rows(ctx, recorder, numeric=args.numeric), recorder.count, args.most
    most = _AT_ONCE if ctx.terminal else None  # a person cannot read more, but a file takes all there is
    missed, told, going = 0, ctx.now, True
    while left is None or left > 0:
        if going and recorder.count == seen:
            try:
                await tsleep(recorder.grown)
            except Interrupt:
                going = False
        fresh, lost = _since(recorder, seen, most)
        seen, missed = recorder.count, missed + lost
        for step in fresh[:left]:
            yield rows.step(step)
        yield Note("", draw=True)
        left = None if left is None else left - len(fresh)
        if missed and (not going or ctx.now - told >= 1):
            yield Complaint(f"{missed} more steps came too quickly to be shown; 'trace' has them")
            missed, told = 0, ctx.now
        if not going:
            return
        try:
            await pause(_REDRAW)
        except Interrupt:
            going = False  # but what has come meanwhile is shown


def _since(recorder: Recorder, seen: int, most: int | None) -> tuple[list[Step], int]:
    """The last steps that came since so many had been seen, and how many came before those."""
    count = recorder.count - seen
    fresh = list(islice(reversed(recorder.steps), count if most is None else min(count, most)))[::-1]
    return fresh, count - len(fresh)


def show(row: TraceState | TracedPacket | TraceStep | Hop) -> str:
    """A line; a host on a way takes some."""
    if isinstance(row, Hop):
        return show_hop(row)
    if isinstance(row, TraceStep):
        return show_step(row)
    if isinstance(row, TracedPacket):
        return show_packet(row)
    what = f", of packets that {row.filter} takes" if row.filter else ""
    return f"trace is {'on' if row.on else 'off'}{what}: {row.packets} packets, {row.steps} steps"


COMMAND = Command("trace", SYNOPSIS, parse, run, show)
