"""Show bridges and configure them: members, addresses, spanning tree.

    -a  all

Several words are done in order.

Examples:

    ifconfig bridge0 create                           # make one
    ifconfig shmif1 create linkstr side up            # and an interface on another bus
    brconfig bridge0 add shmif0 add shmif1 up         # members
    brconfig bridge0                                  # one; brconfig -a: all of them
    brconfig bridge0 stp shmif0 stp shmif1            # let the spanning tree keep loops apart
    brconfig bridge0 priority 4096                    # rather be the root
    brconfig bridge0 static shmif0 02:00:00:00:00:50  # somebody who never moves
    brconfig bridge0 addr                             # who is where
    brconfig bridge0 flush                            # forget the others

See brconfig(8), bridge(4); ifconfig.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

from commands._brconfig_verbs import VERBS, WORDS, Setting
from commands._getopt import add_to_page, getopt, too_many, wrong
from commands.command import Command, Context, Failure
from commands.ifconfig import words_of
from stack.addr import Mac
from stack.header.bpdu import show_bridge_id
from stack.net.bridge import IFBIF_NAMES, IFBIF_STP, Bridge, Member
from stack.net.bridge_rt import IFBAF_NAMES, IFBAF_STATIC, RtNode
from stack.net.ifnet import IFF_NAMES
from stack.net.stp_port import STATE_NAMES

SYNOPSIS = """brconfig -a
brconfig bridge
brconfig bridge command [args ...]"""

_KEYWORDS = "\n".join(f"    {verb:<11} {text}" for verb, text in WORDS.items())
__doc__ = add_to_page(__doc__ or "", f"Commands:\n\n{_KEYWORDS}")


class MemberRow(NamedTuple):
    """An interface of a bridge; its cost and state are there when it takes part in the spanning tree."""

    interface: str
    flags: tuple[str, ...]
    port: int
    priority: int
    path_cost: int | None
    state: str | None


class AddressRow(NamedTuple):
    """Where a station is; `expires` in so many seconds, 0 for never."""

    address: Mac
    interface: str
    expires: int
    flags: tuple[str, ...]


class BridgeRow(NamedTuple):
    """A bridge; the root is known when the spanning tree runs on it, though NetBSD's text keeps it to itself."""

    name: str
    flags: tuple[str, ...]
    priority: int
    hellotime: int
    fwddelay: int
    maxage: int
    interfaces: tuple[MemberRow, ...]
    maxaddr: int
    timeout: int
    addresses: tuple[AddressRow, ...]
    root: str | None = None
    root_cost: int | None = None
    root_port: str | None = None


TABLES: dict[type, str] = {BridgeRow: "Bridges", AddressRow: "Address cache"}


class Step(NamedTuple):
    """One thing to do."""

    verb: str
    values: list[Any]


class Args(NamedTuple):
    """What is asked: the bridge ("" for all), and what to do to it."""

    bridge: str
    steps: list[Step]


# --- parse ------------------------------------------------------------------------------------------


def parse(argv: list[str]) -> Args:
    """A bridge, and verbs with their arguments."""
    options, words = getopt("brconfig", argv, "a")
    if "a" in options:
        if words:
            raise too_many(words[0])
        return Args("", [])
    if not words:
        raise wrong("a bridge is wanted (or -a for all)")
    if not words[0].startswith("bridge") or not words[0][6:7].isdigit():
        raise wrong(f"{words[0]} is not a bridge; the name of one is bridge0, and 'ifconfig bridge0 create' makes it")
    rest = iter(words[1:])
    return Args(words[0], [_step(verb, rest) for verb in rest])


def _step(verb: str, rest: Iterator[str]) -> Step:
    if verb not in VERBS:
        raise wrong(f"unknown command: {verb} ('help brconfig' lists them)")
    readers = VERBS[verb].arguments
    words = [word for _, word in zip(readers, rest, strict=False)]
    if len(words) < len(readers):
        raise wrong(f"command {verb} requires {len(readers)} argument{'s' if len(readers) > 1 else ''}")
    return Step(verb, [read(verb, word) for read, word in zip(readers, words, strict=True)])


# --- run --------------------------------------------------------------------------------------------


async def run(ctx: Context, args: Args) -> AsyncIterator[BridgeRow | AddressRow]:
    """Show or do."""
    if not args.bridge:
        for ifp in list(ctx.host.interfaces.values()):
            if isinstance(ifp, Bridge):
                yield row_of(ifp)
        return
    bridge = ctx.host.interfaces.get(args.bridge)
    if not isinstance(bridge, Bridge):
        raise Failure("unable to get interface flags: Device not configured")
    if not args.steps:
        yield row_of(bridge)
    for step in args.steps:
        VERBS[step.verb].act(Setting(ctx, bridge), *step.values)
        if step.verb == "addr":
            for row in addresses(bridge):
                yield row


# --- rows -------------------------------------------------------------------------------------------


def row_of(bridge: Bridge) -> BridgeRow:
    """A bridge as a row."""
    stp = bridge.stp
    row = BridgeRow(
        bridge.name, words_of(bridge.flags, IFF_NAMES), stp.priority, int(stp.bridge_hello_time),
        int(stp.bridge_forward_delay), int(stp.bridge_max_age), tuple(map(member_row, bridge.members)),
        bridge.rtable.maxaddr, bridge.rtable.timeout, tuple(addresses(bridge)),
    )  # fmt: skip
    if not stp.running:
        return row
    port = stp.root_port
    name = port.ifp.name if isinstance(port, Member) else None
    return row._replace(root=show_bridge_id(stp.designated_root), root_cost=stp.root_path_cost, root_port=name)


def member_row(member: Member) -> MemberRow:
    """A member as a row."""
    stp = bool(member.flags & IFBIF_STP)
    return MemberRow(
        member.ifp.name, words_of(member.flags, IFBIF_NAMES), member.number, member.priority,
        member.path_cost if stp else None, STATE_NAMES[member.state] if stp else None,
    )  # fmt: skip


def addresses(bridge: Bridge) -> Iterator[AddressRow]:
    """The addresses that a bridge knows, the newest first."""
    bridge.rtable.age()
    for node in reversed(list(bridge.rtable.nodes.values())):
        yield AddressRow(node.lladdr, node.member.ifp.name, _seconds(bridge, node), words_of(node.flags, IFBAF_NAMES))


def _seconds(bridge: Bridge, node: RtNode[Member]) -> int:
    """In how many seconds an address will be forgotten."""
    if node.flags & IFBAF_STATIC or node.expire == float("inf"):
        return 0
    return int(node.expire - bridge.ether.callouts.now)


# --- show -------------------------------------------------------------------------------------------


def show(row: BridgeRow | AddressRow) -> str:
    """As NetBSD's brconfig."""
    if isinstance(row, AddressRow):
        return _address_line(row, "\t")
    return "\n".join(_lines(row))


def _lines(row: BridgeRow) -> Iterator[str]:
    yield f"{row.name}: flags={_bits(row.flags, IFF_NAMES)}"
    yield "\tConfiguration:"
    yield f"\t\tpriority {row.priority} hellotime {row.hellotime} fwddelay {row.fwddelay} maxage {row.maxage}"
    yield "\t\tipfilter disabled flags 0x0"
    yield "\tInterfaces:"
    for member in row.interfaces:
        yield f"\t\t{member.interface} flags={_bits(member.flags, IFBIF_NAMES)}"
        stp = "" if member.state is None else f" path cost {member.path_cost} {member.state}"
        yield f"\t\t\tport {member.port} priority {member.priority}{stp}"
    yield f"\tAddress cache (max cache: {row.maxaddr}, timeout: {row.timeout}):"
    yield from (_address_line(address, "\t\t") for address in row.addresses)


def _address_line(row: AddressRow, prefix: str) -> str:
    return f"{prefix}{row.address} {row.interface} {row.expires} flags={_bits(row.flags, IFBAF_NAMES)}"


def _bits(words: tuple[str, ...], names: dict[int, str]) -> str:
    """printb: `7<LEARNING,DISCOVER,STP>`, and `0<>` for none."""
    return f"{sum(bit for bit, word in names.items() if word in words):x}<{','.join(words)}>"


COMMAND = Command("brconfig", SYNOPSIS, parse, run, show)
