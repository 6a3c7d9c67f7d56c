"""Where a check stands: the lab, what was counted when the task began, and commands run to find something out."""

from __future__ import annotations

import operator
import re
import shlex
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, NamedTuple

from commands import command
from commands.command import Command, Context, Failure, Usage
from netsh.render import printer
from stack.addr import Ip4
from stack.host import Host
from stack.kern.pipe import Pipe
from stack.kern.proc import SIGINT, SIGKILL, Interrupt, Proc
from stack.lab import Lab
from stack.net.bpf import Bpf

PATIENCE = 120.0  # seconds of the lab's that a command of a check may take
_HURRY = 10.0  # the same where that is real time, and the learner waits
_GRACE = 5.0

COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class NotYet(Exception):
    """The lab lacks what the check looks at, such as a host; then it does not hold, with or without a `not`."""


class Verdict(NamedTuple):
    """Whether a check holds, and what was seen."""

    holds: bool
    seen: str


class Bench:
    """A lab that is checked.  `run` moves time until a process is over."""

    def __init__(self, lab: Lab, run: Callable[[Proc], object]) -> None:
        self.lab = lab
        self.run = run
        self.counted: dict[tuple[str, ...], int] = {}  # counters as they stood when the task began
        self.captures: dict[tuple[str, ...], Bpf] = {}  # what was seen since then

    @property
    def copyable(self) -> bool:
        """Whether the lab is nothing but memory, so that a copy of the process has a copy of it."""
        programs = self.lab.programs
        return not (self.lab.has_devices or programs.readers or programs.computing or programs.outside)

    def close(self) -> None:
        """Capture no more."""
        for capture in self.captures.values():
            capture.close()
        self.captures.clear()

    def host(self, name: str) -> Host:
        """A host; NotYet when there is none of that name."""
        if name not in self.lab.hosts:
            raise NotYet(f"there is no host {name}")
        return self.lab.hosts[name]

    def address(self, name: str, asker: str) -> Ip4:
        """The address of a host, the one nearest to who asks; NotYet when it has none."""
        try:
            return self.lab.resolve(name, self.host(asker))
        except OSError:
            raise NotYet(f"{name} has no address" if name in self.lab.hosts else f"there is no host {name}") from None

    def context(self, host: Host) -> Context:
        """What a command's helpers want to have."""
        return Context(self.lab, host, Proc(self.lab.callouts, 0, host.name, ["check"]), Pipe(closed=True))

    def rows(self, name: str, line: str) -> list[Any]:
        """Run a command on a host to its end; all its rows."""
        rows, proc = self.start(name, line)
        self.finish(proc)
        return rows

    def start(self, name: str, line: str) -> tuple[list[Any], Proc]:
        """Start a command on a host; its rows, which grow, and its process."""
        host, argv = self.host(name), shlex.split(line)
        found = command.find(argv[0])
        if found is None:
            raise NotYet(f"{argv[0]} is no command")
        rows: list[Any] = []

        async def body(proc: Proc) -> int:
            context = Context(self.lab, host, proc, Pipe(closed=True))
            return await _gather(found, context, argv[1:], rows)

        return rows, self.lab.spawn(host, argv, body)

    def finish(self, proc: Proc, patience: float | None = None) -> None:
        """Let time pass until a process is over; one that takes too long is ended."""
        callouts = self.lab.callouts
        if patience is None:
            patience = PATIENCE if self.copyable else _HURRY
        politely = callouts.schedule(patience, lambda: proc.signal(SIGINT))
        killed = callouts.schedule(patience + _GRACE, lambda: proc.signal(SIGKILL))
        self.run(proc)
        politely.stop()
        killed.stop()

    def end(self, proc: Proc) -> None:
        """End a process now."""
        if proc.status is None:
            proc.signal(SIGINT)
            self.finish(proc, 0.0)


async def _gather(found: Command, context: Context, argv: list[str], rows: list[Any]) -> int:
    """Be the process of a command; what goes wrong in it is a status, as in the shell."""
    try:
        said: AsyncIterator[Any] = found.run(context, found.parse(argv))
        try:
            async for row in said:
                rows.append(row)  # noqa: PERF401 (whoever has the list may look at it meanwhile)
        finally:
            if isinstance(said, AsyncGenerator):
                await said.aclose()
        return context.status
    except Interrupt as interrupt:
        return 128 + interrupt.signal
    except (Usage, Failure, OSError):
        return 1


def text_of(line: str, rows: list[Any]) -> str:
    """What rows of a command print."""
    found = command.find(shlex.split(line)[0])
    return "".join(_decoded(printer.text_of(found, row)) for row in rows) if found is not None else ""


def _decoded(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode(errors="replace")


# -- the words of a check ---------------------------------------------------------------------------------

Look = Callable[[Bench], Verdict]
Begin = Callable[[Bench], None]
_HOST = re.compile(r"[A-Za-z][\w-]*")


class Reading(NamedTuple):
    """How a check looks, and what it must note down when its task begins."""

    look: Look
    begin: Begin | None = None


def wanted(what: str, word: str | None) -> ValueError:
    """What stands in the place of something else."""
    return ValueError(f"{what}, not {word!r}" if word is not None else what)


class Words:
    """The words of a check, read from left to right."""

    def __init__(self, words: list[str]) -> None:
        self.words = list(words)

    def take(self, what: str) -> str:
        """The next one; ValueError when there is none."""
        if not self.words:
            raise wanted(what, None)
        return self.words.pop(0)

    def host(self, what: str = "a host") -> str:
        """A host's name."""
        word = self.take(what)
        if not _HOST.fullmatch(word):
            raise wanted(what, word)
        return word

    def optional(self, word: str) -> bool:
        """Whether a word comes next; it is taken."""
        if self.words[:1] == [word]:
            self.words.pop(0)
            return True
        return False

    def compare(self) -> str:
        """A comparison."""
        word = self.take(f"a comparison ({' '.join(COMPARE)})")
        if word not in COMPARE:
            raise wanted(f"a comparison ({' '.join(COMPARE)})", word)
        return word

    def number(self, what: str) -> int:
        """A whole number."""
        word = self.take(what)
        if not (word.isascii() and word.isdigit()):
            raise wanted(what, word)
        return int(word)

    def end(self) -> None:
        """No more may come."""
        if self.words:
            raise wanted("nothing more", self.words[0])
