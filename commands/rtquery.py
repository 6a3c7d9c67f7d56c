"""Ask a routing daemon what it knows, by RIP.  BSD sbin/routed/rtquery.

    -n  no names      -r destination  of that one alone      -w seconds  how long to wait for the answer (15)

Examples:

    gw routed &
    rtquery gw                      # its whole table
    rtquery -n gw
    rtquery -r 203.0.113.0/24 gw    # how far it is from there to that network

See RFC 2453 3.9.1; rtquery(8); routed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands import _getopt
from commands._getopt import getopt, one_of, seconds, wrong
from commands._routes import netname
from commands.command import Command, Context, Failure
from stack.addr import Ip4, Prefix
from stack.header.rip import (
    HOPCNT_INFINITY,
    RIP_PORT,
    RIPCMD_REQUEST,
    RIPCMD_RESPONSE,
    WHOLE_TABLE,
    BadRip,
    Netinfo,
    Rip,
    netinfo,
)
from stack.kern.errors import strerror
from stack.kern.proc import tsleep
from stack.kern.sockbuf import Record
from stack.kern.socket import SOCK_DGRAM, Socket

SYNOPSIS = "rtquery [-n] [-r destination] [-w seconds] host"
WORDS: dict[str, str] = {}

_PATIENCE = 15.0  # seconds until the first answer,
_MORE = 0.25  # and until the next one


class Args(NamedTuple):
    """Whom to ask, and what."""

    host: str
    destination: Prefix | None
    wait: float
    numeric: bool


class Answer(NamedTuple):
    """A message of the answer; its routes follow."""

    host: str | None
    address: Ip4
    version: int
    bytes: int


class Entry(NamedTuple):
    """A route of an answer."""

    destination: Prefix | None
    metric: int
    name: str | None
    nexthop: Ip4
    tag: int


TABLES: dict[type, str] = {Entry: "Routes"}


def parse(argv: list[str]) -> Args:
    """Options and a host."""
    options, words = getopt("rtquery", argv, "nr:w:")
    wait = seconds(options["w"], least=0.001) if "w" in options else _PATIENCE
    destination = _prefix(options["r"]) if "r" in options else None
    return Args(_getopt.host(one_of(words, "the host to ask")), destination, wait, "n" in options)


def _prefix(text: str) -> Prefix:
    try:
        return Prefix.parse(text if "/" in text or text == "default" else f"{text}/32")
    except ValueError:
        raise wrong(f"{text}: not a destination, such as 10.0.0.8/30 or 10.0.0.1") from None


async def run(ctx: Context, args: Args) -> AsyncIterator[Answer | Entry]:
    """Ask, and show what comes."""
    so, to = ctx.socket(SOCK_DGRAM), ctx.resolve(args.host)
    asked = WHOLE_TABLE if args.destination is None else netinfo(args.destination, HOPCNT_INFINITY)
    try:
        so.sendto(Rip(RIPCMD_REQUEST, (asked,)).pack(), (to, RIP_PORT))
    except OSError as error:
        raise Failure(f"{args.host}: {strerror(error.errno or 0)}") from None
    deadline, answered = ctx.now + args.wait, False
    while (record := await _record(ctx, so, deadline)) is not None:
        deadline, answered = min(deadline, ctx.now + _MORE), True
        for row in _rows(ctx, record, args):
            yield row
    if not answered:
        raise Failure(f"{args.host}: no answer: does 'routed' run there, and is there a way to it?")


async def _record(ctx: Context, so: Socket, deadline: float) -> Record | None:
    while not so.rcv.cc:
        if ctx.now >= deadline or not await tsleep(so.rcv.channel, timeout=deadline - ctx.now):
            return None
    return so.recvmsg()


def _rows(ctx: Context, record: Record, args: Args) -> list[Answer | Entry]:
    try:
        message = Rip.parse(record.data)
    except BadRip as bad:
        raise Failure(f"{args.host}: the answer is no RIP: {bad.reason}") from None
    if message.command != RIPCMD_RESPONSE:
        return []
    address = Ip4(record.source[0])
    name = None if args.numeric else ctx.name_of(address)
    answer = Answer(name, address, message.version, len(record.data))
    return [answer, *(_entry(ctx, net, args.numeric) for net in message.nets)]


def _entry(ctx: Context, net: Netinfo, numeric: bool) -> Entry:
    try:
        destination = net.prefix
    except ValueError:
        destination = None
    name = ctx.name_of(net.net) if destination is not None and destination.plen == 32 and not numeric else None
    return Entry(destination, net.metric, name, net.nexthop, net.tag)


def show(row: Answer | Entry) -> str:
    """As NetBSD's rtquery."""
    if isinstance(row, Answer):
        who = f"{row.host} ({row.address})" if row.host is not None else str(row.address)
        return f"{who}: RIPv{row.version} {row.bytes} bytes"
    text = netname(row.destination) if row.destination is not None else "?"
    line = f"  {text:<18} metric {row.metric:>2} {row.name or '':<10}"
    line += f" nhop={row.nexthop}" if row.nexthop else ""
    return (line + (f" tag={row.tag:#x}" if row.tag else "")).rstrip()


COMMAND = Command("rtquery", SYNOPSIS, parse, run, show)
