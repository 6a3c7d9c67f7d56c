"""Learn routes from neighbours and tell them ours, by RIP version 2.  BSD sbin/routed.

    -s  supply routes, though this is no router       -q  be quiet: listen only
    -g  offer a default route                         -t  tell what changes in the table
    -d  stay in the foreground (as it always does; & puts it in the background)

A host that forwards packets and has two links, or one and an address of its own on lo0, is a router, and
supplies.  Static routes are told to others too.  When a link goes down, what led there is lost at once; when a
router dies, after three minutes.  A route leads 14 links far at most, since 16 is infinity.  Ended by Ctrl-C or
kill, it takes its routes with it.

Examples:

    gw routed &                      # 'ring 8 --routed' runs one on each router
    routed -t &                      # telling what it does
    sleep 5
    netstat -rn                      # what it has learned has the flags D and 1
    rtquery gw                       # what another one knows

See RFC 2453; routed(8); rtquery.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from commands._getopt import getopt, too_many, wrong
from commands._routed import Policy, RouteChange, Routed
from commands.command import Command, Context, Failure
from stack.header.rip import RIP_PORT
from stack.kern.errors import strerror
from stack.kern.proc import Interrupt
from stack.kern.socket import SOCK_DGRAM

SYNOPSIS = "routed [-dgqst]"
WORDS = {
    "-d": "stay in the foreground, as always",
    "-g": "offer a default route",
    "-q": "listen only",
    "-s": "supply routes, though this is no router",
    "-t": "tell what changes",
}


def parse(argv: list[str]) -> Policy:
    """Options."""
    options, words = getopt("routed", argv, "dgqst")
    if words:
        raise too_many(words[0])
    if "q" in options and ("s" in options or "g" in options):
        raise wrong("-q is to be quiet, -s and -g are not")
    supply = False if "q" in options else True if "s" in options or "g" in options else None
    return Policy(supply, "g" in options, "t" in options)


async def run(ctx: Context, policy: Policy) -> AsyncIterator[RouteChange]:
    """Do it until somebody stops us."""
    so = ctx.socket(SOCK_DGRAM)
    try:
        so.bind((0, RIP_PORT))
    except OSError as error:
        raise Failure(f"port {RIP_PORT}: {strerror(error.errno or 0)} ('ps' shows who runs)") from None
    routed = Routed(ctx, so, policy)
    try:
        while True:
            while routed.said:
                yield routed.said.popleft()
            await routed.turn()
    except (Interrupt, GeneratorExit):  # a signal, here or where our rows are taken
        routed.farewell()
        raise


def show(row: RouteChange) -> str:
    """As routed's own trace."""
    destination = "default" if not row.destination.plen else str(row.destination)
    return f"{row.action} {destination:<18} --> {row.gateway!s:<15} metric={row.metric:<2} {row.interface}"


COMMAND = Command("routed", SYNOPSIS, parse, run, show)
