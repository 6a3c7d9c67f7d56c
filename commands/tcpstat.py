"""Show TCP's control blocks, once or again and again.

    -w seconds  again after so long, until Ctrl-C or until the connection has ended
    -c count    so many times (each second, unless -w says otherwise)
    -g          at the end, draw the congestion window over that time (each 10 ms, unless -w says otherwise)

Without a port all of the host's are shown.  A port may be of either end; with a host before it, the end of that
host.  The columns are what we send and what we receive; sequence numbers count from the first of their direction.

Examples:

    www ttcp -r -s &
    ttcp -t -s -n 5000 www &
    sleep 1
    tcpstat
    tcpstat www:5001
    tcpstat -w 0.1 -c 5 5001
    tcpstat -g -c 5 5001

See RFC 9293 3.3.1, RFC 5681, RFC 6298; tcp(4); ttcp, netstat.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands._getopt import getopt, host, number, seconds, wrong
from commands._netstat_sockets import port_number
from commands._tcpcb import (
    ControlBlock,
    Listener,
    addresses,
    blocks,
    matching,
    none_there,
    row_of,
    show_connection,
    show_listener,
)
from commands._tcpgraph import Graph, Grapher, is_connection, show_graph
from commands.command import Command, Context, Note
from stack.kern.proc import SIGINT, Interrupt, pause
from stack.netinet.tcp_fsm import TCPS_LISTEN
from stack.netinet.tcp_var import Tcpcb

SYNOPSIS = "tcpstat [-g] [-c count] [-w seconds] [host:port | port]"
WORDS = {"-c": "so many times", "-w": "again after so many seconds", "-g": "draw the congestion window"}
TABLES: dict[type, str] = {Graph: ""}
LIVE = "200ms"  # often enough for `tcpstat --live`
_FOREVER = 1 << 62


class Args(NamedTuple):
    """Which control blocks (port 0: all of them), how often, and with how many seconds between."""

    host: str | None = None
    port: int = 0
    times: int = 1
    wait: float = 1.0
    graph: bool = False


Row = ControlBlock | Listener | Graph | Note


def parse(argv: list[str]) -> Args:
    """Options, and perhaps an end."""
    options, words = getopt("tcpstat", argv, "c:gw:")
    if len(words) > 1:
        raise wrong(f"{words[1]}: one word too many")
    graph = "g" in options
    wait = seconds(options.get("w", "0.01" if graph else "1"), least=0.001)
    times = number(options["c"], "the count", 1) if "c" in options else _FOREVER if "w" in options or graph else 1
    name, port = _end(words[0]) if words else (None, 0)
    return Args(name, port, times, wait, graph)


def _end(word: str) -> tuple[str | None, int]:
    """`host:port`, `port`, or as netstat writes it, `10.0.0.1.80`."""
    name, colon, port = word.rpartition(":")
    if not colon and word.count(".") == 4:
        name, colon, port = word.rpartition(".")
    if not colon:
        return None, port_number(word)
    return host(name), port_number(port)


async def run(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """Show them, and show them again; or draw what became of them, when that has ended or is interrupted."""
    if not args.graph:
        async for found in _looks(ctx, args):
            for row in _rows(found.blocks, again=found.again):
                yield row
        return
    grapher = Grapher()
    try:
        async for found in _looks(ctx, args):
            grapher.look(found.blocks, ctx.now)
    except Interrupt as interrupt:
        ctx.status = 128 + interrupt.signal if interrupt.signal != SIGINT else 0
    for graph in grapher.graphs():
        yield graph


class Look(NamedTuple):
    """What was there at one time, which was not the first."""

    blocks: list[Tcpcb]
    again: bool


async def _looks(ctx: Context, args: Args) -> AsyncIterator[Look]:
    """Look so often, or until the connection that was named has ended."""
    where = addresses(ctx, args.host) if args.host is not None else None
    living = False
    for turn in range(args.times):
        if turn:
            await pause(args.wait)
        found = matching(ctx, where, args.port) if args.port else blocks(ctx)
        connected = any(is_connection(tp) if args.graph else tp.state != TCPS_LISTEN for tp in found)
        if args.port and ((living and not connected) or not found):
            if not turn:
                raise none_there(args.host + f":{args.port}" if args.host else f"{args.port}")
            return
        living = living or connected
        yield Look(found, turn > 0)
        if args.graph and not args.port and living and not connected:
            return


def _rows(found: list[Tcpcb], *, again: bool) -> list[Row]:
    """A row each, an empty line between them."""
    rows: list[Row] = []
    for tp in found:
        if rows or again:
            rows.append(Note(""))
        rows.append(row_of(tp))
    return rows


def show(row: ControlBlock | Listener | Graph) -> str:
    """Aligned pairs, or a chart."""
    if isinstance(row, Graph):
        return show_graph(row)
    return show_listener(row) if isinstance(row, Listener) else show_connection(row)


COMMAND = Command("tcpstat", SYNOPSIS, parse, run, show)
