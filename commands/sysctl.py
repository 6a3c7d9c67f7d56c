"""Show the knobs of a host and turn them.

    -a  all      -n  values alone      -w  write      -q  quiet      -d  descriptions

Examples:

    sysctl -a                                   # all, `name = value`
    sysctl net.inet.ip                          # those below a name
    sysctl -n net.inet.ip.forwarding            # the value alone
    sysctl -w net.inet.ip.forwarding=1          # turn one; -q says nothing of it
    sysctl -d net.inet.tcp                      # what they are for

See sysctl(8), sysctl(7), inet(4).
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from commands._getopt import getopt, wrong
from commands.command import Command, Complaint, Context
from stack.kern.errors import strerror
from stack.kern.sysctl import Sysctl, Value

SYNOPSIS = """sysctl [-dn] -a
sysctl [-dn] variable ...
sysctl [-nq] -w variable=value ..."""


class Args(NamedTuple):
    """What is asked: options by letter, names or assignments."""

    options: dict[str, str]
    words: list[str]


class Knob(NamedTuple):
    """A variable: its name and value."""

    name: str
    value: Value


class Turned(NamedTuple):
    """A variable that was set."""

    name: str
    old: Value
    new: Value


class Description(NamedTuple):
    """What a variable is for."""

    name: str
    description: str


class Bare(NamedTuple):
    """A value or a description alone (-n)."""

    value: Value


TABLES: dict[type, str] = {Knob: "", Description: ""}

Row = Knob | Turned | Description | Bare


def parse(argv: list[str]) -> Args:
    """Options and names."""
    options, words = getopt("sysctl", argv, "adnqw")
    if "a" in options and words:
        raise wrong(f"{words[0]}: -a takes no names")
    if "a" not in options and not words:
        raise wrong("a name is missing (-a lists all)")
    for word in words:
        if "w" in options and "=" not in word:
            raise wrong(f"{word}: -w sets one: {word}=value")
        if "w" not in options and "=" in word:
            raise wrong(f"{word}: must specify -w to set variables")
    return Args(options, words)


async def run(ctx: Context, args: Args) -> AsyncIterator[Row | Complaint]:
    """Show or turn them, one after the other; one that fails does not keep the others."""
    sysctl, bare = ctx.host.sysctl, "n" in args.options
    for word in args.words or _top(sysctl):
        rows = _set(sysctl, word) if "=" in word else _show(sysctl, word, "d" in args.options)
        for row in rows:
            if isinstance(row, Complaint):
                ctx.status = 1
            if not isinstance(row, Turned) or "q" not in args.options:
                yield Bare(row[-1]) if bare and not isinstance(row, Complaint) else row


def _top(sysctl: Sysctl) -> list[str]:
    """What -a shows: all there is, by the first words of the names."""
    return list(dict.fromkeys(name.partition(".")[0] for name in sysctl.walk()))


def _show(sysctl: Sysctl, word: str, describe: bool) -> Iterator[Row | Complaint]:
    names = list(sysctl.walk(word.removesuffix("."))) if word not in ("", ".") else []
    if not names:
        yield Complaint(_unknown(sysctl, word))
    for name in names:
        if describe:
            yield Description(name, sysctl.variable(name).help)
        else:
            yield Knob(name, sysctl.get(name))


def _unknown(sysctl: Sysctl, word: str) -> str:
    """Which level of a name there is not (sysctl(8))."""
    levels = word.split(".")
    if levels[-1] == "stats":
        return f"{word}: use 'netstat' to view this information"
    known = 0
    while known < len(levels) and levels[known] and any(sysctl.walk(".".join(levels[: known + 1]))):
        known += 1
    where = "top" if known == 0 else ("second", "third", "fourth", "fifth")[min(known, 4) - 1]
    return f"{where} level name '{levels[min(known, len(levels) - 1)]}' in '{word}' is invalid"


def _set(sysctl: Sysctl, word: str) -> Iterator[Row | Complaint]:
    name, _, value = word.partition("=")
    try:
        old, new = sysctl.set(name, value)
    except OSError as error:
        if error.errno != errno.ENOENT:
            yield Complaint(_refusal(sysctl, name, value, error))
        elif any(sysctl.walk(name)):
            yield Complaint(f"{name}: a name of several; 'sysctl {name}' lists them")
        else:
            yield Complaint(_unknown(sysctl, name))
        return
    yield Turned(name, old, new)


def _refusal(sysctl: Sysctl, name: str, value: str, error: OSError) -> str:
    """Why a variable would not be set, with what it takes."""
    variable = sysctl.variable(name)
    text = f"{name}: {strerror(error.errno or 0)}"
    if error.errno != errno.EINVAL:
        return text
    if variable.choices:
        return f"{text} ({value}: there are {' '.join(variable.choices)})"
    return f"{text} ({value}: a number from {variable.low} to {variable.high} is wanted)"


def show(row: Row) -> str:
    """As NetBSD's sysctl."""
    if isinstance(row, Turned):
        return f"{row.name}: {row.old} -> {row.new}"
    if isinstance(row, Description):
        return f"{row.name}: {row.description}"
    return str(row.value) if isinstance(row, Bare) else f"{row.name} = {row.value}"


COMMAND = Command("sysctl", SYNOPSIS, parse, run, show)
