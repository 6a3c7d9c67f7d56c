"""Show one packet field by field, beside its bytes, as scapy takes it apart.

    -r file  of a file that tcpdump or Wireshark wrote

Without a number it is the one in hand, where a breakpoint has stopped the lab; with one, that packet of what tcpdump
has seen last, counted from 1 (tcpdump -# shows the numbers).

Examples:

    ping -c 3 -q www &
    tcpdump -# -c 4 -w lan.pcapng icmp
    packet 3
    packet -r lan.pcapng 2

See tcpdump, send, edit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands._getopt import getopt, number, one_of
from commands._tcpdump_lines import DLT_RAW
from commands.command import Command, Context, Failure
from stack.dev import savefile
from stack.dev.dissect import dissect
from stack.kern.errors import reason
from stack.kern.proc import pause
from stack.net.bpf import DLT_EN10MB, Frame, Recent

SYNOPSIS = "packet [[-r file] number]"

_VALUE, _BYTES = 40, 16  # how much of a field is shown as text


class Args(NamedTuple):
    """The command line."""

    number: int | None
    read: str | None


class Field(NamedTuple):
    """A field: its layer, how it reads, and the bytes it stands in, in hex; bits share theirs."""

    layer: str
    depth: int
    field: str
    value: str
    offset: int
    data: str


TABLES = {Field: ""}


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    found, words = getopt("packet", argv, "r:")
    if not words and "r" not in found:
        return Args(None, None)
    return Args(number(one_of(words, "the number of a packet"), "the number of a packet", 1), found.get("r"))


async def run(ctx: Context, args: Args) -> AsyncIterator[Field]:
    """Take it apart."""
    if args.number is None:
        frame, linktype = _in_hand(ctx)
    elif args.read is not None:
        frame, linktype = await _from_file(args.read, args.number)
    else:
        frame, linktype = _recent(ctx, args.number)
    for part in dissect(frame.data, linktype):
        yield Field(part.layer, part.depth, part.name, part.value, part.offset, part.data.hex())


def _in_hand(ctx: Context) -> tuple[Frame, int]:
    """The packet that was stopped, and its link type."""
    stop = ctx.lab.stopped
    if stop is None or stop.seen is None:
        raise Failure("no packet is in hand; 'packet N' shows one that tcpdump has seen")
    data = stop.seen.frame()
    return Frame(0, 0, None, data, len(data)), DLT_EN10MB if stop.seen.link else DLT_RAW


def _recent(ctx: Context, wanted: int) -> tuple[Frame, int]:
    """A packet that tcpdump has seen, and its link type."""
    recent = ctx.lab.recent
    if not isinstance(recent, Recent):
        raise Failure(f"there is no packet {wanted}: tcpdump has seen none yet; -r reads a file")
    found = recent.find(wanted)
    if found is None:
        left = len(recent.frames)
        kept = f", and the last {left} are remembered" if left < recent.count else ""
        raise Failure(f"there is no packet {wanted}: tcpdump has seen {recent.count}{kept}; -r reads a file")
    return found, recent.sources[found.source].linktype


async def _from_file(path: str, wanted: int) -> tuple[Frame, int]:
    """A packet of a file, and its link type."""
    loader, seen = savefile.Loader(), 0
    try:
        for piece in savefile.chunks(path):
            for frame in loader.feed(piece):
                seen += 1
                if seen == wanted:
                    return frame, loader.sources[frame.source].linktype
            await pause(0)  # others have their turn, and Ctrl-C is heard
        loader.end()
    except OSError as error:
        raise Failure(f"{path}: {reason(error)}") from None
    except ValueError as error:
        raise Failure(f"{path}: {error}") from None
    raise Failure(f"{path}: there is no packet {wanted}: it has {seen}")


def show(row: Field) -> str:
    """Its layer, where it stands, its name, its value, and its bytes."""
    value = row.value if len(row.value) <= _VALUE else f"{row.value[: _VALUE - 3]}..."
    data = row.data if len(row.data) <= 2 * _BYTES else f"{row.data[: 2 * _BYTES]}..."
    return f"{row.layer:<10} {row.offset:04x}  {row.field:<12} {value:<{_VALUE}}  {data}".rstrip()


COMMAND = Command("packet", SYNOPSIS, parse, run, show)
