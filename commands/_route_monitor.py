"""Routing messages as rows, and in the words of `route monitor` (net/rtsock.c, sbin/route/route.c)."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping
from time import gmtime, strftime
from typing import NamedTuple

from commands.command import Context
from stack.addr import Ip4, Prefix
from stack.kern.proc import Channel, tsleep
from stack.net.ifnet import IFF_NAMES, IFF_RUNNING
from stack.net.route import IFAN_ARRIVAL, IFAN_DEPARTURE, RTF_WORDS, RtMessage

_MEANINGS = {
    "RTM_ADD": "Add Route",
    "RTM_DELETE": "Delete Route",
    "RTM_CHANGE": "Change Metrics, Flags or Gateway",
    "RTM_GET": "Report Metrics",
    "RTM_REDIRECT": "Told to use different route",
    "RTM_MISS": "Lookup failed on this address",
    "RTM_NEWADDR": "address being added to iface",
    "RTM_DELADDR": "address being removed from iface",
    "RTM_CHGADDR": "address being changed on iface",
    "RTM_IFINFO": "iface status change",
    "RTM_IFANNOUNCE": "iface arrival/departure",
}
_OF_INTERFACES = {"RTM_IFINFO", "RTM_IFANNOUNCE"}
_WHAT = {IFAN_ARRIVAL: "arrival", IFAN_DEPARTURE: "departure"}
_OF_ADDRESSES = {"RTM_NEWADDR", "RTM_DELADDR", "RTM_CHGADDR"}

# sizes on a 64-bit NetBSD: the headers, an AF_INET address, an AF_LINK one
_RT_MSGHDR, _IF_MSGHDR, _IFA_MSGHDR, _SIN, _SDL = 120, 184, 24, 16, 24
_IF_ANNOUNCEMSGHDR = 24
_RTAX = {0x1: "DST", 0x2: "GATEWAY", 0x4: "NETMASK", 0x10: "IFP", 0x20: "IFA", 0x80: "BRD"}


class RoutingMessage(NamedTuple):
    """Something happened to a route, an address or an interface; `time` is the lab's, in seconds."""

    time: float
    type: str
    pid: int
    error: int
    flags: tuple[str, ...]
    destination: Prefix | None
    gateway: Ip4 | None
    interface: str | None
    ifindex: int
    address: Ip4 | None
    broadcast: Ip4 | None
    link: str | None = None


async def messages(ctx: Context, limit: int | None) -> AsyncIterator[RoutingMessage]:
    """What is said on the routing socket from now on, `limit` messages or for ever."""
    waiting: deque[RoutingMessage] = deque()
    arrived = Channel("rtsock")
    routes = ctx.host.routes

    def listen(message: RtMessage) -> None:
        waiting.append(_row(ctx, message))
        arrived.wakeup()

    def leave() -> None:
        routes.listeners = tuple(each for each in routes.listeners if each is not listen)

    routes.listeners += (listen,)
    ctx.proc.closers.append(leave)
    heard = 0
    while limit is None or heard < limit:
        while not waiting:
            await tsleep(arrived)
        yield waiting.popleft()
        heard += 1
    leave()


def _row(ctx: Context, message: RtMessage) -> RoutingMessage:
    link = None
    names: Mapping[int, str] = RTF_WORDS
    if message.type == "RTM_IFANNOUNCE":
        names, link = {}, _WHAT[message.flags]
    elif message.type in _OF_INTERFACES:
        names, link = IFF_NAMES, "active" if message.flags & IFF_RUNNING else "no carrier"
    flags = tuple(word for bit, word in names.items() if message.flags & bit)
    return RoutingMessage(
        ctx.now, message.type, message.pid, message.error, flags, message.dst, message.gateway,
        message.ifname, message.ifindex, message.address, message.broadcast, link,
    )  # fmt: skip


def bits(words: Collection[str], names: Mapping[int, str]) -> str:
    """Words of bits, with the number they make: `0x843<UP,GATEWAY,DONE,STATIC>` (snprintb(3))."""
    value = sum(bit for bit, word in names.items() if word in words)
    return f"{value:#x}<{','.join(words)}>" if words else f"{value:#x}"


def show_message(row: RoutingMessage) -> str:
    """As route(8) prints a message."""
    addresses = _addresses(row)
    header = _IF_MSGHDR if row.type in _OF_INTERFACES else _IFA_MSGHDR if row.type in _OF_ADDRESSES else _RT_MSGHDR
    if row.type == "RTM_IFANNOUNCE":
        header = _IF_ANNOUNCEMSGHDR
    size = header + sum(_SDL if name == "IFP" else _SIN for name in addresses)
    when = strftime("%a %b %e %H:%M:%S %Y", gmtime(row.time))
    lines = [f"got message of size {size} on {when}", f"{row.type}: {_MEANINGS[row.type]}: len {size}, {_what(row)}"]
    if row.type not in _OF_INTERFACES | _OF_ADDRESSES:
        lines.append("locks: 0 inits: 0")
    if addresses:
        lines.append(f"sockaddrs: {bits(addresses, _RTAX)}")
        lines.append("".join(f" {text}" for text in addresses.values()))
    return "\n".join(lines)


def _what(row: RoutingMessage) -> str:
    if row.type == "RTM_IFANNOUNCE":
        return f"if# {row.ifindex}, what: {row.link}"
    flags = bits(row.flags, IFF_NAMES if row.type in _OF_INTERFACES else RTF_WORDS)
    if row.type in _OF_INTERFACES:
        return f"if# {row.ifindex}, carrier: {row.link}, flags: {flags}"
    if row.type in _OF_ADDRESSES:
        return f"pid {row.pid}, metric 0, flags: {flags}"
    return f"pid {row.pid}, seq 0, errno {row.error}, flags: {flags}"


def _addresses(row: RoutingMessage) -> dict[str, str]:
    """The addresses in a message by their names, in the order of their bits."""
    found: dict[str, str] = {}
    if row.type in _OF_ADDRESSES and row.destination is not None:
        found = {"NETMASK": str(row.destination.mask), "IFP": f"{row.interface}", "IFA": f"{row.address}"}
        found["BRD"] = str(row.broadcast or row.destination.broadcast)
        return found
    if row.destination is not None:
        found["DST"] = str(row.destination.net) if row.destination.plen else "default"
        found["GATEWAY"] = str(row.gateway) if "GATEWAY" in row.flags else f"link#{row.ifindex}"
        if "HOST" not in row.flags:
            found["NETMASK"] = str(row.destination.mask) if row.destination.plen else "default"
    return found
