"""Send processes a signal.

Without one it is TERM, which asks a process to end.  %1 is the job of that number ('jobs' lists them).

Examples:

    ping www &
    kill -INT %1         # as Ctrl-C would: ping prints its statistics
    sleep 60 &
    kill %sleep          # ask the job that begins so to end (TERM)
    sleep 60 &
    kill -s KILL %3      # end it at once
    kill -l              # the signals

See kill(1), signal(7); ps, jobs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands._getopt import wrong
from commands.command import Command, Complaint, Context
from stack.kern.errors import strerror
from stack.kern.proc import SIGNAL_NAMES, SIGTERM

SYNOPSIS = """kill [-signal | -s signal] pid|%job ...
kill -l"""

WORDS = {f"-{name}": f"signal {number}" for number, name in SIGNAL_NAMES.items()}


class Args(NamedTuple):
    """Which signal for which processes; signal 0 lists the signals."""

    signal: int
    pids: list[int]


class Signals(NamedTuple):
    """The names of the signals."""

    names: tuple[str, ...]


def parse(argv: list[str]) -> Args:
    """A signal, and numbers of processes."""
    if argv == ["-l"]:
        return Args(0, [])
    signal, words = SIGTERM, list(argv)
    if words[:1] == ["-s"]:
        if len(words) < 2:
            raise wrong("option requires an argument -- s ('kill -l' lists them)")
        signal, words = _signal(words[1]), words[2:]
    elif words[:1] == ["--"]:
        words = words[1:]
    elif words and words[0].startswith("-"):
        signal, words = _signal(words[0][1:]), words[1:]
    if not words:
        raise wrong("the number of a process is missing ('ps -a' lists them)")
    return Args(signal, [_pid(word) for word in words])


def _signal(word: str) -> int:
    """A signal by its name, with or without SIG, or by its number."""
    for number, name in SIGNAL_NAMES.items():
        if word.upper().removeprefix("SIG") == name or word == str(number):
            return number
    raise wrong(f"{word}: unknown signal; there are {' '.join(SIGNAL_NAMES.values())}")


def _pid(word: str) -> int:
    if word.startswith("%"):  # the shell has put numbers in the place of the jobs it knows
        raise wrong(f"{word}: no such job ('jobs' lists them)")
    if not (word.isascii() and word.isdecimal()) or len(word) > 9:
        raise wrong(f"{word}: not the number of a process ('ps -a' lists them)")
    return int(word)


async def run(ctx: Context, args: Args) -> AsyncIterator[Signals | Complaint]:
    """Send it to one after the other; those that are not there do not keep it from the others."""
    if not args.pids:
        yield Signals(tuple(SIGNAL_NAMES.values()))
    for pid in args.pids:
        try:
            ctx.lab.kill(pid, args.signal)
        except OSError as error:
            ctx.status = 1
            yield Complaint(f"{pid}: {strerror(error.errno or 0)}")


def show(row: Signals) -> str:
    """The names."""
    return " ".join(row.names)


COMMAND = Command("kill", SYNOPSIS, parse, run, show)
