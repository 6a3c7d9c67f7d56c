"""Show what was dropped: where, for which reason, how often, and why.

    -f  live: each as it happens, until Ctrl-C    -c count  or until there were so many    -p protocol  of one only

Every drop has a name; 'help drop NAME' says more, and 'source drop NAME' shows the line of the stack that drops.

Examples:

    drops             # all drops of the lab, buses among them
    drops gw bus:lan  # those of one host and of one bus
    drops -p tcp      # those of one protocol
    drops -f &        # each drop as it happens, while other commands run

See netstat, trace, source.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import NamedTuple

from commands._drops import Drop, drops, place, sentence
from commands._getopt import getopt, number, wrong
from commands._reasons import WHY
from commands.command import Command, Complaint, Context, Failure, Note
from stack.header.arp import Arp
from stack.header.ether import ETHERTYPE_ARP, Ether
from stack.header.ip import IP_OFFMASK, IPPROTO_NAMES, IPPROTO_TCP, IPPROTO_UDP, Ip
from stack.kern.proc import Channel, Interrupt, tsleep
from stack.lab import Lab
from stack.mbuf import Mbuf

SYNOPSIS = "drops [-f] [-c count] [-p protocol] [host ...]"
WORDS = {name: f"the drops of {name} (-p)" for name in WHY}
TABLES: dict[type, str] = {Drop: "Drops"}

_HEADING = f"{'HOST':<10} {'PROTOCOL':<8} {'REASON':<18} {'COUNT':>7}  WHY"
_MOST = 10_000  # drops that may wait to be shown
_WITH_PORTS = (IPPROTO_TCP, IPPROTO_UDP)


class Args(NamedTuple):
    """Whose drops, of which protocols; live or those so far, and how many."""

    live: bool
    most: int | None
    protocols: tuple[str, ...]
    places: tuple[str, ...]  # hosts and buses; none for all


class Dropped(NamedTuple):
    """A drop that has just happened; `packet` says in a line what died, as far as that is known."""

    time: float
    host: str
    protocol: str
    reason: str
    packet: str
    sentence: str


class Total(NamedTuple):
    """How many were shown live, when it was interrupted."""

    drops: int


Row = Drop | Dropped | Total | Note | Complaint


def parse(argv: list[str]) -> Args:
    """Options, then hosts and buses."""
    options, words = getopt("drops", argv, "fc:p:")
    count = number(options["c"], "the count", 1) if "c" in options else None
    if count is not None and "f" not in options:
        raise wrong("-c goes with -f: it ends what is shown live")
    protocol = options.get("p")
    if protocol is not None and protocol not in WHY:
        raise wrong(f"{protocol}: not a protocol that drops; those are {', '.join(WHY)}")
    return Args("f" in options, count, tuple(WHY) if protocol is None else (protocol,), tuple(words))


async def run(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """List what was counted, or tell of each as it comes."""
    for name in args.places:
        if name not in ctx.lab.hosts and name.removeprefix("bus:") not in ctx.lab.buses:
            raise Failure(f"{name}: no such host; 'host' lists them, and a bus is bus:NAME")
    if args.live:
        async for row in _follow(ctx, args):
            yield row
        return
    yield Note(_HEADING)
    for drop in drops(ctx.lab, args.protocols):
        if not args.places or drop.host in args.places:
            yield drop


async def _follow(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """Each drop as it happens."""
    live = Live(ctx.lab, args)
    shown = 0
    ctx.lab.probes.drop += (live.dropped,)
    try:
        while args.most is None or shown < args.most:
            if live.missed:
                yield Complaint(f"{live.missed} more came too quickly to be shown")
                live.missed = 0
            if not live.waiting:
                await tsleep(live.channel)
                continue
            yield live.waiting.popleft()
            shown += 1
    except Interrupt:
        yield Total(shown)
    finally:
        ctx.lab.probes.drop = tuple(probe for probe in ctx.lab.probes.drop if probe != live.dropped)


class Live:
    """Listens at the door through which packets die, and keeps what is to be shown."""

    def __init__(self, lab: Lab, args: Args) -> None:
        self.lab = lab
        self.args = args
        self.waiting: deque[Dropped] = deque()
        self.missed = 0
        self.channel = Channel("drops")

    def dropped(self, host: str, protocol: str, reason: str, m: Mbuf | None) -> None:
        """Somewhere something was dropped: one of ours?"""
        where = place(host, protocol)
        if protocol not in self.args.protocols or (self.args.places and where not in self.args.places):
            return
        if len(self.waiting) >= _MOST:
            self.missed += 1
            return
        now = self.lab.callouts.now
        self.waiting.append(Dropped(now, where, protocol, reason, packet(m), sentence(protocol, reason)))
        self.channel.wakeup()


def packet(m: Mbuf | None) -> str:
    """What died, in a line: who sent it to whom, and how much it was."""
    if m is None:
        return ""
    try:
        if m.net:
            return _ip(Ip.parse(m.net), m)
        if m.link:
            ether = Ether.parse(m.link)
            return f"ARP, {Arp.parse(m.data)}" if ether.type == ETHERTYPE_ARP else f"{ether}, {m.len} bytes"
    except ValueError:
        pass
    return f"{m.len} bytes"


def _ip(header: Ip, m: Mbuf) -> str:
    ends = [str(header.src), str(header.dst)]
    ports = m.transport[:4] or bytes(m.data[:4])
    offset = header.off & IP_OFFMASK
    if header.p in _WITH_PORTS and len(ports) == 4 and not offset:
        ends = [f"{end}.{int.from_bytes(ports[at : at + 2])}" for end, at in zip(ends, (0, 2), strict=True)]
    fragment = f", fragment at {offset * 8}" if offset else ""
    return f"{' > '.join(ends)}: {IPPROTO_NAMES.get(header.p, f'protocol {header.p}')}{fragment}, {m.len} bytes"


def show(row: Drop | Dropped | Total) -> str:
    """A line of the list, or of what happens."""
    if isinstance(row, Total):
        return f"{row.drops} drop{'s' * (row.drops != 1)}"
    if isinstance(row, Drop):
        return f"{row.host:<10} {row.protocol:<8} {row.reason:<18} {row.count_:>7}  {row.sentence}"
    what = f" {row.packet}:" if row.packet else ""
    return f"{row.time:.6f} {row.host} {row.protocol}/{row.reason}:{what} {row.sentence}"


COMMAND = Command("drops", SYNOPSIS, parse, run, show)
