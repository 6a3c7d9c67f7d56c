"""Send the frames of a file from an interface, at the times they were captured.

    -i place      the interface: shmif0, HOST:shmif0
    --speed rate  x2 is twice as fast, x0.5 half, max as fast as it goes
    -c count      stop after so many frames

Frames go as they are, with the link addresses they had.  The rest of the line is a filter, as tcpdump's.

Examples:

    ping -c 3 -q www &
    tcpdump -c 6 -w lan.pcapng icmp
    replay lan.pcapng                          # from the first interface of this host that runs
    replay lan.pcapng -i gw:shmif1 icmp        # only those that a filter wants, from another host's
    replay lan.pcapng --speed x10 -c 4

See tcpdump, send.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from commands._getopt import getopt, number, wrong
from commands._tcpdump_core import plural
from commands._tcpdump_filter import Filter, resolved
from commands._tcpdump_places import places_of
from commands.command import Command, Context, Failure
from commands.tcpdump import WORDS as _FILTER
from stack.dev import savefile
from stack.kern.errors import reason
from stack.kern.proc import Interrupt, pause
from stack.mbuf import ETHER_HDR_LEN
from stack.net.bpf import DLT_EN10MB, SNAPLEN, Frame
from stack.net.bpf_filter import bpf_filter
from stack.net.ethernet import Ethernet, m_devget

SYNOPSIS = "replay [-c count] [-i place] [--speed=rate] file [filter ...]"
WORDS = {word: help for word, help in _FILTER.items() if word != "--lab"} | {"--speed": "how fast: x2, x0.5, max"}

_SPEED = re.compile(r"x(\d+(?:\.\d*)?|\.\d+)")
_BURST = 32  # frames that are sent at one go: the receivers' queues hold more


class Args(NamedTuple):
    """The command line; a speed of 0 is as fast as it goes."""

    file: str
    place: str | None
    speed: float
    limit: int | None
    filter: str


class Replayed(NamedTuple):
    """What was sent, in how many seconds of the lab; and how many frames of the file could not be."""

    frames: int
    bytes: int
    seconds: float
    skipped: int


def parse(argv: list[str]) -> Args:
    """Options stand before the file's name, or behind it."""
    found, words = getopt("replay", argv, "c:i:", ("speed=",))
    if not words:
        raise wrong("the name of a file is missing")
    file, *rest = words
    more, words = getopt("replay", rest, "c:i:", ("speed=",))
    found |= more
    return Args(
        file,
        found.get("i"),
        _speed(found.get("speed", "x1")),
        number(found["c"], "the count", 1) if "c" in found else None,
        " ".join(words),
    )


def _speed(word: str) -> float:
    if word == "max":
        return 0.0
    found = _SPEED.fullmatch(word)
    if found is None or not 1e-6 <= float(found[1]) <= 1e6:
        raise wrong(f"{word}: not a speed; x2 is twice as fast, x0.5 half, max as fast as it goes")
    return float(found[1])


def run(ctx: Context, args: Args) -> AsyncIterator[Replayed]:
    """Send them; a signal finds the generator that has to do with it, not one around it."""
    chosen = Filter(resolved(ctx, args.filter), SNAPLEN)
    chosen.program(DLT_EN10MB)  # what is wrong with it, before anything is sent
    place = places_of(ctx, args.place, lab=False)[0][1]
    if not isinstance(place, Ethernet):
        raise Failure(f"{args.place or place.name}: frames are sent from an Ethernet interface, such as shmif0")
    if not place.runs:
        raise Failure(f"{place.name}: it is down; 'ifconfig {place.name} up', and a bus, make it run")
    return Replay(ctx, args, chosen, place).run()


class Replay:
    """A file that is sent."""

    def __init__(self, ctx: Context, args: Args, chosen: Filter, ifp: Ethernet) -> None:
        self.ctx = ctx
        self.args = args
        self.chosen = chosen
        self.ifp = ifp
        self.begun = ctx.now
        self.first: int | None = None  # when the first frame of the file was captured
        self.loader = savefile.Loader()
        self.frames = self.bytes = self.skipped = 0

    async def run(self) -> AsyncIterator[Replayed]:
        """All of it, as far as it can be read."""
        problem = ""
        try:
            for piece in self._pieces():
                for frame in self._load(piece):
                    if isinstance(frame, str):
                        problem = frame
                        break
                    await self._send(frame)
                    if self.frames == self.args.limit:
                        break
                if problem or self.frames == self.args.limit:
                    break
                await pause(0)
        except OSError as error:
            problem = reason(error)
        except Interrupt:
            pass
        if problem and not self.frames:
            raise Failure(f"{self.args.file}: {problem}")
        yield Replayed(self.frames, self.bytes, round(self.ctx.now - self.begun, 9), self.skipped)
        if problem:
            raise Failure(f"{self.args.file}: {problem}")

    def _pieces(self) -> Iterator[bytes]:
        yield from savefile.chunks(self.args.file)
        yield b""

    def _load(self, piece: bytes) -> Iterator[Frame | str]:
        """The frames of a piece that are wanted, and what is wrong behind them; an empty piece is the end."""
        try:
            if not piece:
                self.loader.end()
            for frame in self.loader.feed(piece):
                if self.loader.sources[frame.source].linktype != DLT_EN10MB or len(frame.data) < ETHER_HDR_LEN:
                    self.skipped += 1
                    continue
                program = self.chosen.program(DLT_EN10MB)
                if program is None or bpf_filter(program, frame.data, frame.length):
                    yield frame
        except ValueError as error:
            yield str(error)

    async def _send(self, frame: Frame) -> None:
        """Wait for its time, and send it."""
        if self.first is None:
            self.first = frame.time
        if self.args.speed:
            due = self.begun + (frame.time - self.first) / 1e9 / self.args.speed
            if due > self.ctx.now:
                await pause(due - self.ctx.now)
        if self.frames % _BURST == _BURST - 1:
            await pause(0)
        self.ifp.send_frame(m_devget(frame.data))
        self.frames += 1
        self.bytes += len(frame.data)


def show(row: Replayed) -> str:
    """A line."""
    skipped = f", {row.skipped} that are no Ethernet frames left out" if row.skipped else ""
    return f"{plural(row.frames, 'frame')} ({row.bytes} bytes) sent in {row.seconds:.6f} s{skipped}"


COMMAND = Command("replay", SYNOPSIS, parse, run, show)
