"""Tell the journey of a packet in sentences, and where to read about each step.

    -n  numbers only: no names of hosts and services

Without a serial it is where a breakpoint has stopped the lab, and with a trace how the packet in hand came there.
The packets are those of 'trace'; each step names the RFC's section and the file of BSD's that it answers to, and
'source 12.3' shows the line of the third step of packet 12.

Examples:

    trace on icmp
    ping -c 1 www
    explain 1      # packet 1, on all hosts
    explain 1.3    # its third step alone

See trace, source, break.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from commands._getopt import getopt, one_of
from commands._reasons import WHY
from commands._trace import Rows, TracedPacket, packet_of, recorder_of, show_packet, step_of
from commands.command import Command, Context, Failure
from stack.dev.doors import DOORS
from stack.trace.door import sentence
from stack.trace.journey import Journeys
from stack.trace.recorder import Recorder
from stack.trace.steps import Step

SYNOPSIS = "explain [-n] [serial]"


class Args(NamedTuple):
    """The command line."""

    packet: str  # "": where the lab has stopped
    numeric: bool


class Explained(NamedTuple):
    """A step in a sentence or two."""

    level: int
    time: float
    host: str
    packet: int
    step: int
    function: str
    sentence: str
    verdict: str
    rfc: str
    bsd_file: str
    file: str
    line: int


Row = TracedPacket | Explained


def parse(argv: list[str]) -> Args:
    """The number of a packet, or of a step."""
    options, words = getopt("explain", argv, "n")
    return Args(one_of(words, "the number of a packet") if words else "", "n" in options)


async def run(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """Tell it."""
    recorder = recorder_of(ctx.lab)
    if not args.packet:
        for row in _stop(ctx, recorder, numeric=args.numeric):
            yield row
        return
    if "." in args.packet:
        yield told(step_of(ctx.lab, args.packet))
        return
    packet = packet_of(ctx.lab, args.packet)
    journeys, rows = Journeys(recorder), Rows(ctx, recorder, numeric=args.numeric)
    for leg in journeys.tell(journeys.beginning(packet)):
        if leg.step is not None:
            yield told(leg.step, leg.level)
        else:
            yield rows.packet(leg.packet, leg.level, journeys.fate(leg.packet))


def _stop(ctx: Context, recorder: Recorder, *, numeric: bool) -> Iterator[Row]:
    """Where the lab has stopped: what the function says of itself, and what has happened in it."""
    stop = ctx.lab.stopped
    if stop is None:
        raise Failure("the lab is not stopped; 'explain N' tells of a packet of the trace", 2)
    packet = recorder.packets.get(getattr(stop.m, "serial", 0))
    if packet is not None and packet.count and packet.wanted:
        yield Rows(ctx, recorder, numeric=numeric).packet(packet)
        for step in [step for step in recorder.steps if step.serial == packet.serial]:
            yield told(step)
    door = next((door for door in DOORS.values() if door.place[0] == stop.path and door.bsd == stop.function), None)
    rfc, file = ("", "") if door is None else (door.rfc, door.file)
    text = stop.about or f"A function of {stop.path}."
    kind, _, what = stop.what.partition(": ")
    protocol, _, reason = what.partition("/")
    why = WHY.get(protocol, {}).get(reason) if kind == "dropped" else None
    if why is not None:
        text, rfc, file = f"{text} Here the packet is dropped, since {why.sentence}.", why.rfc, why.bsd
    elif stop.what:
        text = f"{text} Here: {stop.what}."
    yield Explained(0, ctx.now, stop.host, 0, 0, stop.function, text, "", rfc, file, stop.path, stop.line)


def told(step: Step, level: int = 0) -> Explained:
    """A step in words."""
    door = step.door
    text, rfc, file = sentence(door.tell, step.facts), door.rfc, door.file
    protocol, _, reason = str(step.facts.get("drop", "")).partition("/")
    why = WHY.get(protocol, {}).get(reason)
    if why is not None:
        text, rfc, file = f"{text[:-1]}, since {why.sentence}.", why.rfc, why.bsd
    return Explained(
        level, step.time, step.host, step.serial, step.place, step.function, text, step.verdict, rfc, file,
        step.path, step.line,
    )  # fmt: skip


def show(row: Row) -> str:
    """A packet, or a paragraph about a step."""
    if isinstance(row, TracedPacket):
        return show_packet(row)
    indent = "  " * row.level
    label = f"{row.packet}.{row.step} " if row.packet else ""
    where = ", ".join(word for word in (row.rfc, f"BSD {row.bsd_file}" if row.bsd_file else "") if word)
    read = f" ({where})" if where else ""
    text = f"{row.sentence}{_end(row.verdict)}"
    return f"{indent}{row.time:.6f} {row.host} {label}{row.function}{read}\n{indent}    {text}"


def _end(verdict: str) -> str:
    """What becomes of the packet, as a sentence; that it is dropped has been said."""
    if not verdict or verdict.startswith("dropped"):
        return ""
    if verdict.startswith(("delivered", "taken", "answered", "whole")):
        return f" It is {verdict}."
    return f" It {verdict}." if verdict.startswith(("waits", "left")) else f" The result: {verdict}."


COMMAND = Command("explain", SYNOPSIS, parse, run, show)
