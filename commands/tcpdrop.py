"""Drop TCP connections: a reset for the peer, an error for the program.

    -a  all connections of the host
    -l  only list the commands that would drop them

A connection is named by its two ends, ours first, as netstat shows them.  Listening sockets are left alone.

Examples:

    www ttcp -r -s &
    ttcp -t -s -n 100000 www &
    sleep 1
    tcpdrop -l -a                 # the lines that would drop them
    tcpdrop -a

See RFC 9293 3.10.5; tcpdrop(8); netstat.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from typing import NamedTuple

from commands._getopt import getopt, host, wrong
from commands._netstat_sockets import port_number
from commands._tcpcb import blocks, exact
from commands.command import Command, Context, Failure
from stack.addr import Ip4
from stack.kern.errors import strerror
from stack.netinet.tcp_fsm import TCPS_LISTEN, TCPS_TIME_WAIT
from stack.netinet.tcp_subr import tcp_close, tcp_drop
from stack.netinet.tcp_var import Tcpcb

SYNOPSIS = """tcpdrop laddr lport faddr fport
tcpdrop [-l] -a"""
WORDS = {"-a": "all connections", "-l": "only list the commands"}


class Args(NamedTuple):
    """The two ends; None means all connections."""

    ends: tuple[str, int, str, int] | None
    list: bool = False


class Dropped(NamedTuple):
    """A connection that is no more."""

    local: Ip4
    local_port: int
    foreign: Ip4
    foreign_port: int
    state: str = "dropped"


class Droppable(NamedTuple):
    """A connection that could be dropped (-l)."""

    local: Ip4
    local_port: int
    foreign: Ip4
    foreign_port: int


def parse(argv: list[str]) -> Args:
    """Four words, or -a."""
    options, words = getopt("tcpdrop", argv, "al")
    if "a" in options:
        if words:
            raise wrong(f"{words[0]}: -a takes no words")
        return Args(None, "l" in options)
    if "l" in options:
        raise wrong("-l goes with -a")
    if len(words) != 4:
        wanted = "laddr lport faddr fport are wanted: our end of the connection, then the other"
        raise wrong(f"{words[4]}: one word too many" if len(words) > 4 else wanted)
    return Args((host(words[0]), port_number(words[1]), host(words[2]), port_number(words[3])))


async def run(ctx: Context, args: Args) -> AsyncIterator[Dropped | Droppable]:
    """Drop one, or all."""
    if args.ends is not None:
        laddr, lport, faddr, fport = args.ends
        tp = exact(ctx, (laddr, lport), (faddr, fport))
        if tp is None or tp.state == TCPS_LISTEN:
            raise Failure(f"{laddr} {lport} {faddr} {fport}: {strerror(errno.ESRCH)}")
        yield _drop(tp)
        return
    for tp in blocks(ctx):
        if tp.state != TCPS_LISTEN and tp.fport:
            yield Droppable(tp.laddr, tp.lport, tp.faddr, tp.fport) if args.list else _drop(tp)


def _drop(tp: Tcpcb) -> Dropped:
    """End it as the kernel does (sysctl net.inet.tcp.drop); one in TIME_WAIT has nobody to be told."""
    dropped = Dropped(tp.laddr, tp.lport, tp.faddr, tp.fport)
    if tp.state == TCPS_TIME_WAIT:
        tcp_close(tp)
    else:
        tcp_drop(tp, errno.ECONNABORTED)
    return dropped


def show(row: Dropped | Droppable) -> str:
    """As tcpdrop says it."""
    ends = f"{row.local} {row.local_port} {row.foreign} {row.foreign_port}"
    return f"tcpdrop {ends}" if isinstance(row, Droppable) else f"{ends}: dropped"


COMMAND = Command("tcpdrop", SYNOPSIS, parse, run, show)
