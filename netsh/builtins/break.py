"""Stop the lab in mid-air: a function is entered, a packet dies.

    break gw ip_input if icmp      when this function of the stack is entered on gw, and a filter of tcpdump's takes
                                   the packet; * is any host
    break drop ttl                 when a packet dies for that reason ('help drop' lists them)
    break state me:80 ESTABLISHED  when a connection of a port gets into a state; *:* is any

At a stop the prompt is live.  'packet' shows the packet in hand, 'edit ip.ttl=1' changes it, 'drop' takes it out,
'source FUNCTION' shows the code; 'step' goes to the packet's next function, 'go' goes on.  In a loop, a break alone
leaves the loop ('help while').

Examples:

    break gw ip_input if icmp
    break drop ttl
    break state *:80 ESTABLISHED
    break                           # the breakpoints, and how often each has stopped the lab
    ping -c 1 www                   # stops on gw
    packet
    break -d 1                      # no more of this one; -d all
    go

See step, go, edit, drop, source.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import FunctionType
from typing import NamedTuple

from commands._tcpdump_filter import Filter, resolved
from commands.command import Context, Failure, Usage
from netsh import textbook, trap
from netsh.breaks import ANY, DLT_RAW, Breakpoint, Breaks, Stopped, breaks_of, function_of, has_packet
from netsh.builtins import builtin
from netsh.builtins._reasons import wanted
from netsh.prompt.nearest import nearest
from netsh.shell import ShellContext
from stack.dev.doors import DOORS
from stack.lab import Lab
from stack.net.bpf import DLT_EN10MB, SNAPLEN
from stack.netinet.tcp_fsm import TCP_STATES
from stack.trace.doors import find

SYNOPSIS = """break
break host function [if filter]
break drop reason [if filter]
break state host:port STATE
break -d number | all"""
WORDS = {
    "drop": "when a packet dies for a reason",
    "state": "when a connection gets into a state",
    "if": "only when a filter of tcpdump's takes the packet",
    "-d": "no more",
}
_MANY = 4  # functions of one name


class Point(NamedTuple):
    """A breakpoint: what it is for, and how often it has stopped the lab."""

    number: int
    kind: str
    host: str
    what: str
    filter: str
    hits: int


class Args(NamedTuple):
    """What is wanted: the list, one more, or some fewer."""

    verb: str  # list, delete, function, drop, state
    words: tuple[str, ...] = ()
    filter: str | None = None


TABLES: dict[type, str] = {Point: "Breakpoints"}


def parse(argv: list[str]) -> Args:
    """The words before `if`, and the filter behind it."""
    if not argv:
        return Args("list")
    if argv[0] == "-d":
        if len(argv) != 2:
            raise Usage("-d: one number is wanted, or all")
        return Args("delete", (argv[1],))
    at = argv.index("if") if "if" in argv else len(argv)
    words, filter = tuple(argv[:at]), " ".join(argv[at + 1 :]) if at < len(argv) else None
    if filter == "":
        raise Usage("if: a filter of tcpdump's is missing")
    if len(words) == 1:
        what = {"drop": "a reason", "state": "HOST:PORT and a state"}.get(words[0], "a function of the stack")
        raise Usage(f"{words[0]}: {what} is missing")
    verb = words[0] if words[0] in ("drop", "state") else "function"
    limit = 3 if verb == "state" or (verb == "drop" and len(words) == 3) else 2
    if len(words) > limit:
        raise Usage(f"{words[limit]}: one word too many; a filter stands behind `if`")
    if verb == "state" and (len(words) < 3 or filter is not None):
        raise Usage("state: HOST:PORT and a state are wanted, such as me:80 ESTABLISHED, and no filter")
    return Args(verb, words if verb == "function" else words[1:], filter)


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[Point]:
    """List, set or delete."""
    session = ctx.session
    session.debugs = True
    breaks = breaks_of(session.world)
    if args.verb == "list":
        for point in breaks.table.values():
            text = point.filter.text if point.filter is not None else ""
            yield Point(point.number, point.kind, point.host, point.what, text, point.hits)
        return
    if args.verb == "delete":
        breaks.remove(_numbers(breaks, args.words[0]))
        return
    filter = None if args.filter is None else _filter(ctx, args.filter)
    make = {"function": _function, "drop": _drop, "state": _state}[args.verb]
    breaks.set(make(breaks, session.lab, args.words, filter))


def _numbers(breaks: Breaks, word: str) -> list[int]:
    if word == "all":
        return list(breaks.table)
    number = int(word) if word.isascii() and word.isdigit() else 0
    if number not in breaks.table:
        there = ", ".join(map(str, breaks.table))
        raise Failure(f"{word}: no such breakpoint; there " + (f"are {there}" if there else "is none"))
    return [number]


def _filter(ctx: ShellContext, text: str) -> Filter:
    """A filter, compiled for packets with a link header; without one, what asks for that takes none."""
    host = next(iter(ctx.session.lab.hosts.values()), None)
    if host is not None:
        text = resolved(Context(ctx.session.lab, host, ctx.proc, ctx.stdin), text)
    found = Filter(text, SNAPLEN)
    found.program(DLT_EN10MB)
    try:
        found.program(DLT_RAW)
    except Failure:
        found.take_none(DLT_RAW)
    return found


# -- the three kinds ----------------------------------------------------------------------------------------------


def _function(breaks: Breaks, lab: Lab, words: tuple[str, ...], filter: Filter | None) -> Breakpoint:
    host, name = words
    if host not in (*ANY, *lab.hosts) and host.removeprefix("bus:") not in lab.buses:
        known = nearest(host, [*lab.hosts, "drop", "state"])
        raise Failure(f"{host}: no such host" + (f" (did you mean {known}?)" if known else "; * is any"))
    functions = _functions(name)
    if filter is not None and not any(map(has_packet, functions)):
        raise Failure(f"{name}: no packet is in hand where it begins, so no filter can choose")
    point = breaks.add("function", host, name, filter)
    point.functions = functions
    return point


def _functions(name: str) -> tuple[FunctionType, ...]:
    """The functions that a name means: doors first, which know more names than `source`."""
    index = textbook.index()
    places = [textbook.Place(door.name, *door.place) for door in find(name, DOORS)] or index.find(name)
    if not places:
        known = nearest(name, [*index.names(), *(door.bsd for door in DOORS.values())])
        raise Failure(f"{name}: no such function in the stack" + (f" (did you mean {known}?)" if known else ""))
    if len(places) > _MANY:
        names = ", ".join(sorted({place.name for place in places})[:_MANY])
        raise Failure(f"{name}: there are {len(places)} such; say which: {names} ...")
    found = tuple(each for place in places if (each := function_of(place)) is not None and trap.can_trap(each))
    if not found:
        raise Failure(f"{name}: not a function that can be stopped")
    return found


def _drop(breaks: Breaks, _lab: Lab, words: tuple[str, ...], filter: Filter | None) -> Breakpoint:
    drops = frozenset(wanted(list(words)))
    point = breaks.add("drop", "*", "/".join(words), filter)
    point.drops = drops
    return point


def _state(breaks: Breaks, lab: Lab, words: tuple[str, ...], _filter: Filter | None) -> Breakpoint:
    where, state = words
    host, colon, port = where.rpartition(":")
    if not colon or not (port in ANY or (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise Failure(f"{where}: a host and a port are wanted, such as me:80 or *:*", 2)
    if host not in (*ANY, *lab.hosts):
        known = nearest(host, lab.hosts)
        raise Failure(f"{host}: no such host" + (f" (did you mean {known}?)" if known else "; * is any"))
    name = state.upper().replace("-", "_")
    if name not in TCP_STATES:
        known = nearest(name, map(str.lower, TCP_STATES))
        cure = f"did you mean {known.upper()}?" if known else f"they are {', '.join(TCP_STATES)}"
        raise Failure(f"{state}: no such state of TCP ({cure})")
    return breaks.add("state", where, name)


def show(row: Point | Stopped) -> str:
    """A line of the list; or where the lab has stopped, the packet, and what may be typed."""
    if isinstance(row, Point):
        where = {"function": f"{row.host} {row.what}", "drop": f"drop {row.what}"}
        what = where.get(row.kind, f"state {row.host} {row.what}") + (f" if {row.filter}" if row.filter else "")
        return f"{row.number:<3} {what:<50} {row.hits} hit{'s' * (row.hits != 1)}"
    place = f"{row.host} " if row.host else ""
    what = f"{row.what}, in " if row.what else ""
    packet = f"\n    {row.packet}" if row.packet else ""
    words = ["go", "step", *(["packet"] if packet else []), *(["edit", "drop"] if packet and row.alive else [])]
    return (
        f"{row.time:.6f} {row.why}: {what}{place}{row.function} ({row.file}:{row.line}){packet}\n"
        f"    {', '.join(words)}, source {row.file.rpartition('/')[2]}:{row.line}"
    )


COMMAND = builtin("break", SYNOPSIS, parse, run, show)
