"""A client's session in a served lab: it speaks over a connection, and its files are those of the client's folder."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from netsh.render.palette import ENVIRONMENT
from netsh.render.printer import Printer
from netsh.served import frames
from netsh.served.confine import COMMANDS, WHY, Guard
from netsh.session import Session
from netsh.state import Body
from netsh.world import World
from stack.kern.proc import Nap, Outside, tsleep

_ENOUGH = 1 << 18  # bytes that may wait for a client before its commands have to


class Stream(io.BufferedIOBase):
    """The standard output or error of a client, for a Printer to write to."""

    name = "<client>"

    def __init__(self, send: Callable[[bytes], None], aside: Callable[[bytes], None], terminal: bool) -> None:
        self.send = send
        self.aside = aside  # while a job speaks at a prompt
        self.is_aside = False
        self.terminal = terminal

    def write(self, data: Any) -> int:
        """Send it."""
        (self.aside if self.is_aside else self.send)(bytes(data))
        return len(data)

    def isatty(self) -> bool:
        return self.terminal

    def writable(self) -> bool:
        return True

    def text(self) -> io.TextIOWrapper:
        """The same as a text file."""
        return io.TextIOWrapper(self, encoding="utf-8", errors="backslashreplace", write_through=True)


def width_of(columns: str) -> int:
    """How wide lines may be on a terminal that says it has so many columns; ValueError for what is no number."""
    return min(max(_number(columns), 20), 1000)


def height_of(lines: str) -> int:
    """How many lines there may be; ValueError for what is no number."""
    return min(max(_number(lines), 2), 1000)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(f"no number: {text[:20]}")
    return int(text)


class GuestPrinter(Printer):
    """Prints for a client; what a slow one does not take makes its commands wait."""

    def __init__(
        self, hello: dict[str, str], out: Callable[[bytes], None], err: Callable[[bytes], None],
        job_out: Callable[[bytes], None], job_err: Callable[[bytes], None],
    ) -> None:  # fmt: skip
        terminal = bool(hello.get("terminal"))
        environ = {name: hello[name] for name in ENVIRONMENT if hello.get(name)}
        self.streams = Stream(out, job_out, terminal), Stream(err, job_err, terminal)
        super().__init__(
            hello.get("format", "text"), self.streams[0].text(), self.streams[1].text(),
            width=width_of(hello.get("columns", "80")), environ=environ,
        )  # fmt: skip
        self.height = height_of(hello.get("lines", "24"))
        self.complain_raw = err
        self.backlog = 0  # bytes that were not taken yet
        self.room = Outside("sosend")

    @contextmanager
    def beside(self, job: int | None) -> Iterator[None]:
        """While a job speaks, which the client may tell from what the line says."""
        for stream in self.streams:
            stream.is_aside = job is not None and self.tagged
        try:
            yield
        finally:
            for stream in self.streams:
                stream.is_aside = False

    async def drain(self) -> None:
        """Wait until the client has taken most of what it was sent."""
        while self.backlog > _ENOUGH:
            await tsleep(self.room)


class Sitter:
    """The program that somebody sits at, to whom a session of ours is his own."""

    def __init__(self, send: Callable[[bytes, bytes], None]) -> None:
        self.send = send
        self.asked = 0
        self.answers: dict[str, tuple[str, str] | None] = {}  # None: it has not come yet
        self.answered = Outside("answer")

    async def ask(self, *words: str) -> str:
        """Have it do something; what it answers, ValueError in words when that cannot be done."""
        self.asked += 1
        number = str(self.asked)
        self.answers[number] = None
        self.send(frames.ASK, frames.texts(number, *words))
        try:
            while (answer := self.answers[number]) is None:
                await tsleep(self.answered)
        finally:
            del self.answers[number]
        wrong, text = answer
        if wrong:
            raise ValueError(wrong)
        return text

    def take(self, number: str, wrong: str, text: str) -> None:
        """An answer has come; perhaps nobody waits for it any more."""
        if number in self.answers:
            self.answers[number] = wrong, text
            self.answered.wakeup()

    def said(self, text: str) -> None:
        """What is said at the prompt, for a record."""
        self.send(frames.HEARD, text.encode(errors="replace"))


class Guest(Session):
    """A session for a client: `enter` takes us to its folder; a `guard` keeps it off the machine."""

    beyond: Sitter | None

    def __init__(self, world: World, printer: Printer, *, terminal: bool, enter: Callable[[], None],
                 guard: Guard | None) -> None:  # fmt: skip
        super().__init__(world.lab, printer, terminal=terminal, world=world)
        self.enter = enter
        self.guard = guard

    def overhear(self) -> None:
        """Tell the client all that is said."""
        if self.beyond is not None:
            self.printer.heard = self.beyond.said

    def around(self, coro: Body) -> Body:
        """Each time a process of ours runs, relative names of files are meant from our folder."""
        return _Within(coro, self.enter, self.guard)

    def refuses(self, command: str) -> str | None:
        """Some commands do nothing but what the guard is there against."""
        return WHY if self.guard is not None and command in COMMANDS else None

    def console(self, name: str, text: str) -> None:
        """What kernels say is for those who sit at a prompt, since they alone see whose doing it was."""
        if self.interactive:
            self.complain(name, text)

    def flush(self) -> None:
        """What was said is sent at once."""

    def leave(self) -> None:
        """The client is gone, and all it had run has ended."""
        self.world.sessions.remove(self)


class _Within(Body):
    """A process, and what is so while it runs and not while others do."""

    def __init__(self, coro: Body, enter: Callable[[], None], guard: Guard | None) -> None:
        self.coro = coro
        self.enter = enter
        self.guard = guard

    def send(self, value: bool | None, /) -> Nap:
        """Let it go on."""
        self._begin()
        try:
            return self.coro.send(value)
        finally:
            self._end()

    def throw(self, *error: Any) -> Nap:
        """Let it go on with an exception."""
        self._begin()
        try:
            return self.coro.throw(*error)
        finally:
            self._end()

    def close(self) -> None:
        self.coro.close()

    def __await__(self) -> Generator[Any, None, int]:
        return self.coro.__await__()

    def _begin(self) -> None:
        self.enter()
        if self.guard is not None:
            self.guard.up = True

    def _end(self) -> None:
        if self.guard is not None:
            self.guard.up = False
