"""A session to play with: commands whose doings a test knows, and output that it can read."""

from __future__ import annotations

import errno
import io
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from commands.command import Command, Complaint, Context, Data, Failure, Note, Usage
from netsh.clock import Clock
from netsh.render.printer import Printer
from netsh.session import Session
from stack.kern.errors import oserror
from stack.kern.proc import Channel, Interrupt, pause, tsleep
from stack.lab import Lab


class Line(NamedTuple):
    """A row that reads as its text."""

    text: str


class Odd(NamedTuple):
    """A row that cannot be shown."""


def toy(name: str, run: Callable[[Context, list[str]], AsyncIterator[Any]]) -> Command:
    return Command(name, f"{name} [word ...]", list, run, lambda row: str(row.text))


async def say(ctx: Context, words: list[str]) -> AsyncIterator[Any]:
    """A row a word, and where it was said."""
    for word in words:
        yield Line(f"{ctx.host.name}: {word}")


async def lines(ctx: Context, words: list[str]) -> AsyncIterator[Any]:
    for word in words:
        yield Line(word)


async def count(ctx: Context, words: list[str]) -> AsyncIterator[Any]:
    """`count 3 1.5`: so many rows, so many seconds apart; an interrupt gives a summary."""
    number, wait = int(words[0]), float(words[1]) if len(words) > 1 else 1.0
    done = 0
    try:
        while done < number:
            done += 1
            yield Line(f"{ctx.now:.1f} {done}")
            await pause(wait)
    except Interrupt:
        yield Line(f"{done} counted")
        ctx.status = 3


async def wait_forever(ctx: Context, words: list[str]) -> AsyncIterator[Any]:
    """Waits for what never comes; `forever stubborn` minds no signal but KILL."""
    while True:
        try:
            await tsleep(Channel("never"))
        except Interrupt:
            yield Line("interrupted")
            if "stubborn" not in words:
                return


async def cat(ctx: Context, words: list[str]) -> AsyncIterator[Any]:
    while data := await ctx.stdin.read(100):
        yield Data(data)


async def fail(ctx: Context, words: list[str]) -> AsyncIterator[Any]:
    """`fail 3 why not`: a Failure; `fail errno`, `fail usage`, `fail bug`, `fail silently`: other ends."""
    yield Note("begun")
    match words[:1]:
        case ["errno"]:
            raise oserror(errno.ECONNREFUSED)
        case ["file"]:
            raise oserror(errno.ENOENT, "some/file")
        case ["usage"]:
            raise Usage("so not")
        case ["how"]:
            raise Usage
        case ["bug"]:
            raise ZeroDivisionError("a bug")
        case ["show"]:
            yield Odd()
        case ["silently"]:
            ctx.status = 4
        case ["complaining"]:
            yield Complaint("this is odd")
            yield Line("but goes on")
        case _:
            raise Failure(" ".join(words[1:]), int(words[0]))


TOYS = {
    "say": say,
    "lines": lines,
    "count": count,
    "forever": wait_forever,
    "cat": cat,
    "fail": fail,
}


class Toys(Session):
    """A session that knows the toys; `out` and `err` are what it printed."""

    def __init__(self, lab: Lab | None = None, *, format: str = "text", clock: str = "fast", **more: Any) -> None:
        if lab is None:
            lab = Lab()
            for name in ("a", "b"):
                lab.add_host(name)
        self.stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)
        self.stderr = io.StringIO()
        printer = Printer(format, self.stdout, self.stderr, width=80)
        super().__init__(lab, printer, clock=Clock(lab, clock), **more)

    def find(self, name: str) -> Command | None:
        return toy(name, TOYS[name]) if name in TOYS else super().find(name)

    def names(self) -> list[str]:
        return [*super().names(), *TOYS]

    @property
    def out(self) -> str:
        """What was printed since the last look."""
        buffer = self.stdout.buffer
        assert isinstance(buffer, io.BytesIO)
        text = buffer.getvalue().decode()
        buffer.seek(0)
        buffer.truncate()
        return text

    @property
    def err(self) -> str:
        """What was complained since the last look."""
        text = self.stderr.getvalue()
        self.stderr.seek(0)
        self.stderr.truncate()
        return text
