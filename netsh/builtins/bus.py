"""Show buses, or say what one does to frames.

A bus whose name is new is made.  Delay and rate are one way; an interface joins with `ifconfig shmif0 linkstr NAME`.
Frames wait (queue, ecn) only where there is a rate.

Examples:

    bus                                    # all of them
    bus wan delay 20ms rate 10Mbit/s       # slower
    bus wan loss 1%
    bus wan                                # what it does, and has done
    bus wan ideal                          # nothing of the kind

See link, lab.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands.command import Failure, Usage
from netsh import personality
from netsh.builtins import builtin
from netsh.shell import ShellContext
from stack.kern.errors import strerror
from stack.lab import is_name
from stack.net.wire import Bus, Personality

SYNOPSIS = f"bus [name]\nbus name {personality.SYNOPSIS}\nbus name ideal\nbus -d name"
WORDS = {**personality.WORDS, "ideal": "no delay, no loss, nothing"}


class Args(NamedTuple):
    """What is asked: of which bus, to be deleted, made ideal, or changed so."""

    name: str | None
    delete: bool = False
    ideal: bool = False
    changes: dict[str, float] = {}  # noqa: RUF012 - never changed itself


class BusRow(NamedTuple):
    """A bus: what it does to frames, and who is on it."""

    name: str
    personality: str
    delay: float
    rate: float
    loss: float
    duplicate: float
    reorder: float
    corrupt: float
    queue: int
    ecn: int
    mtu: int
    ports: tuple[str, ...]


TABLES: dict[type, str] = {BusRow: "Buses"}


def parse(argv: list[str]) -> Args:
    """A name and pairs of words."""
    if argv[:1] == ["-d"]:
        if len(argv) != 2:
            raise Usage("the name of one bus is wanted")
        return Args(argv[1], delete=True)
    if not argv:
        return Args(None)
    if argv[0].startswith("-"):
        raise Usage(f"{argv[0]}: unknown option ('help bus' says what there is)")
    if argv[1:2] == ["ideal"]:
        return Args(argv[0], ideal=True, changes=_changes(argv[2:]))
    return Args(argv[0], changes=_changes(argv[1:]))


def _changes(words: list[str]) -> dict[str, float]:
    try:
        return personality.parse(words)
    except ValueError as error:
        raise Usage(str(error)) from None


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[BusRow]:
    """Do it."""
    lab = ctx.session.lab
    if args.name is None:
        for bus in lab.buses.values():
            yield row_of(bus)
    elif args.delete:
        if args.name not in lab.buses:
            raise Failure(f"{args.name}: no such bus; 'bus' lists them")
        try:
            lab.remove_bus(args.name)
        except OSError as error:
            raise Failure(f"{args.name}: {strerror(error.errno or 0)}: somebody is on it") from None
    elif args.name in lab.buses and not args.changes and not args.ideal:
        yield row_of(lab.buses[args.name])
    else:
        _change(ctx, args.name, args)


def _change(ctx: ShellContext, name: str, args: Args) -> None:
    lab = ctx.session.lab
    if "/" in name:
        raise Failure(f"{name}: a bus in a file does nothing to frames")
    if name not in lab.buses and not is_bus_name(name):
        raise Failure(f"{name}: the name of a bus is letters, digits, '-', '_' and '.', and begins with a letter")
    bus = lab.buses.get(name)
    before = bus.personality if bus is not None and not args.ideal else Personality()
    try:
        after = personality.changed(before, args.changes)
    except ValueError as error:
        raise Failure(f"{name}: {error}") from None
    lab.bus(name).set(after)


def is_bus_name(text: str) -> bool:
    """Whether a bus of the lab may be called so."""
    return is_name(text.replace(".", "-"))


def row_of(bus: Bus) -> BusRow:
    """A bus as a row."""
    ports = tuple(f"{port.ether.hostname}:{port.name}" for port in bus.ports)
    return BusRow(bus.label, personality.unparse(bus.personality) or "ideal", *bus.personality, ports)


def show(row: BusRow) -> str:
    """The words that would make it so, and who is on it."""
    lines = [f"{row.name}: {row.personality}"]
    if row.ports:
        lines.append("\t" + " ".join(row.ports))
    return "\n".join(lines)


COMMAND = builtin("bus", SYNOPSIS, parse, run, show)
