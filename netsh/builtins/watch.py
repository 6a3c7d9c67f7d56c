"""Run a command again and again, and mark what has changed.

    -n time  between two times    -c count  how often

Any command that draws tables has --live, too: the same five times a second.  On a terminal it is drawn in its place:
the arrow keys and space move, q ends it.  Elsewhere each time is a block of lines of its own, and `>` stands before
those that are new.

Examples:

    watch netstat -i                       # each second of the lab's, until q or Ctrl-C
    watch -n 200ms -c 5 arp -a             # five times
    watch -c 2 'netstat -s | grep dropped' # several words with a filter are one word
    gw route show --live

See netstat, tcpstat.
"""

from __future__ import annotations

import io
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from commands._getopt import getopt, number, wrong
from commands.command import Failure
from netsh import units
from netsh.builtins import builtin
from netsh.prompt.keyboard import Modes
from netsh.render.panel import Sight
from netsh.render.printer import Printer
from netsh.session import Session
from netsh.shell import ShellContext
from netsh.state import Body, State
from netsh.words import Scope
from stack.host import Host
from stack.kern.proc import SIGTERM, Proc, tsleep

SYNOPSIS = "watch [-c count] [-n time] command ..."
WORDS = {"-n": "between two times: 500ms", "-c": "so many times"}
_FOREVER = 1 << 62
_MOST = 1 << 20  # characters of one time
_LEAST = 0.001  # seconds
_KEYS = {b"\x1b[A": -1, b"k": -1, b"\x1b[B": 1, b"j": 1, b"\x1b[5~": -20, b"\x1b[6~": 20, b" ": 20}


class Args(NamedTuple):
    """What to run, every so many seconds, and how often."""

    words: list[str]
    every: float
    times: int


class Frame(NamedTuple):
    """What a command said at a time of the lab's; which of its lines are new, and the first that is to be shown."""

    time: float
    every: float
    host: str
    command: str
    lines: tuple[str, ...]
    changed: tuple[int, ...]
    first: int = 0


def sight_of(row: Frame) -> Sight:
    """A frame as a screenful."""
    every = units.unparse(units.DURATION, row.every)
    return Sight(f"every {every}: {row.command}", f"{row.host}  {row.time:.3f} s", row.lines, row.first)


PANELS = {Frame: sight_of}


def parse(argv: list[str]) -> Args:
    """Options, then a command, whose options are its own."""
    words = list(argv)
    ours: list[str] = []
    while words and words[0].startswith("-"):
        ours.append(words.pop(0))
        if ours[-1] in ("-n", "-c") and words:
            ours.append(words.pop(0))
        if ours[-1] == "--":
            break
    options, _ = getopt("watch", ours, "n:c:")
    if not words:
        raise wrong("a command is missing")
    times = number(options["c"], "the count", 1) if "c" in options else _FOREVER
    return Args(words, _seconds(options.get("n", "1s")), times)


def _seconds(text: str) -> float:
    try:
        every = units.parse(units.DURATION, text + "s" if text[-1:].isdigit() else text)
    except ValueError as error:
        raise wrong(str(error)) from None
    if every < _LEAST:
        raise wrong(f"{text}: less than a millisecond")
    return every


class Page(io.StringIO):
    """What a command says, one time; more than there is room for is not kept."""

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self.colour = colour

    def isatty(self) -> bool:
        return self.colour

    def write(self, text: str) -> int:
        """Keep it."""
        return super().write(text) if self.tell() < _MOST else len(text)

    def taken(self) -> tuple[str, ...]:
        """Its lines; it is empty again."""
        lines = tuple(line.rstrip() for line in self.getvalue().rstrip("\n").split("\n"))
        self.seek(0)
        self.truncate()
        return lines


class Within(Session):
    """A session of its own in somebody's: what is said there is kept, what is refused there is refused here."""

    def __init__(self, around: State, host: Host | None, printer: Printer) -> None:
        super().__init__(around.lab, printer, host=host, world=around.world)
        self.world.sessions.remove(self)  # what the kernels say is for the other one
        self.outer = around
        self.scope = Scope(list(around.scope.arguments), dict(around.scope.variables), around.scope.name)
        self.functions, self.aliases = around.functions, around.aliases

    def around(self, coro: Body) -> Body:
        return self.outer.around(coro)

    def refuses(self, command: str) -> str | None:
        return self.outer.refuses(command)


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[Frame]:
    """Show it again and again."""
    outer = ctx.session.printer
    panel = ctx.terminal and outer.may_redraw()
    page = Page(colour=panel and outer.colour)
    form = "rich" if outer.format == "rich" else "text"
    printer = Printer(form, page, page, width=80, environ=outer.environ, theme=outer.theme.name)
    session = Within(ctx.session, ctx.host, printer)
    name = ctx.host.name if ctx.host is not None else ""
    first = 0
    lines: tuple[str, ...] = ()
    with _keys(ctx, panel):
        for turn in range(args.times):
            printer.width = outer.columns()
            if ctx.host is not None and ctx.host is not ctx.session.lab.hosts.get(name):
                raise Failure(f"ended with its host: {name} was removed")
            now, before = ctx.proc.callouts.now, lines
            await _finished(_start(session, args.words))
            lines = page.taken()
            while True:
                frame = Frame(now, args.every, name, " ".join(args.words), lines, _changed(before, lines, turn), first)
                yield frame
                left = now + args.every - ctx.proc.callouts.now
                if turn == args.times - 1 or not await _key_within(ctx, left, panel):
                    break
                keys = ctx.stdin.take()
                if b"q" in keys:
                    return
                first = max(min(first + sum(_KEYS[key] * keys.count(key) for key in _KEYS), len(lines) - 1), 0)


def _start(session: Session, words: list[str]) -> Proc:
    """Several words are a command, one word is a line."""
    return session.start(words[0]) if len(words) == 1 else session.start_words(words)


async def _finished(proc: Proc) -> None:
    """Wait until a process is over; it does not outlive us."""
    try:
        while proc.status is None:
            await tsleep(proc.exited)
    finally:
        if proc.status is None:
            proc.signal(SIGTERM)


def _changed(before: tuple[str, ...], lines: tuple[str, ...], turn: int) -> tuple[int, ...]:
    """The numbers of lines that are not as they were."""
    if not turn:
        return ()
    return tuple(at for at, line in enumerate(lines) if at >= len(before) or before[at] != line)


async def _key_within(ctx: ShellContext, seconds: float, panel: bool) -> bool:
    """Wait so long; whether a key was pressed meanwhile."""
    if ctx.stdin.closed or not panel:
        await tsleep(timeout=max(seconds, 0.0))
        return False
    return bool(ctx.stdin.buffer) or await tsleep(ctx.stdin.readable, timeout=max(seconds, 0.0))


@contextmanager
def _keys(ctx: ShellContext, panel: bool) -> Iterator[None]:
    """Each key is told at once and not shown; at a prompt that is so already."""
    if not panel or ctx.session.interactive or not sys.stdin.isatty():
        yield
        return
    modes = Modes()
    modes.set(modes.kept)
    try:
        yield
    finally:
        modes.set(modes.ordinary)


def show(row: Frame) -> str:
    """A block of lines under a heading."""
    sight = sight_of(row)
    new = set(row.changed)
    lines = [f"{'>' if at in new else ' '} {line}" for at, line in enumerate(row.lines)]
    return "\n".join([f"{sight.title}  {sight.aside}", *lines, ""])


COMMAND = builtin("watch", SYNOPSIS, parse, run, show)
