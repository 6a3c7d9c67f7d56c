"""Interfaces and their traffic, as `netstat -i` lists them, and as -w repeats it (usr.bin/netstat/if.c)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import NamedTuple

from commands._routes import netname
from commands.command import Context, Note
from stack.addr import INADDR_ALLHOSTS_GROUP, Ip4, Mac
from stack.kern.proc import pause
from stack.net.ifnet import IFF_MULTICAST, IFF_UP, Ifnet

_BANNER_EVERY = 21  # lines


class Traffic(NamedTuple):
    """The counters of an interface, or of all of them, in one moment or between two; those asked for."""

    ipkts: int | None
    ierrs: int | None
    opkts: int | None
    oerrs: int | None
    colls: int | None
    ibytes: int | None
    obytes: int | None
    drops: int | None


class InterfaceTraffic(NamedTuple):
    """A line of `netstat -i`: an interface as a link, or an address of it."""

    name: str
    mtu: int
    network: str
    address: Mac | Ip4 | None
    host: str | None
    up: bool
    ipkts: int | None
    ierrs: int | None
    opkts: int | None
    oerrs: int | None
    colls: int | None
    ibytes: int | None
    obytes: int | None
    drops: int | None


class Membership(NamedTuple):
    """A group that an interface is in (-a)."""

    name: str
    group: Ip4


class Interval(NamedTuple):
    """What an interface carried since the line before, and what all did; the first is since the beginning."""

    time: float
    interface: str
    one: Traffic
    total: Traffic


Counts = tuple[int, int, int, int, int, int, int, int]  # the fields of Traffic


def counters(ifp: Ifnet) -> Counts:
    """What an interface has counted."""
    return (
        ifp.ipackets, ifp.ierrors, ifp.opackets, ifp.oerrors, ifp.collisions, ifp.ibytes, ifp.obytes,
        ifp.iqdrops + ifp.odrops,
    )  # fmt: skip


def asked(counts: Sequence[int], options: dict[str, str]) -> Traffic:
    """The counters that -b and -d ask for."""
    ipkts, ierrs, opkts, oerrs, colls, ibytes, obytes, drops = counts
    dropped = drops if "d" in options else None
    if "b" in options:
        return Traffic(None, None, None, None, None, ibytes, obytes, dropped)
    return Traffic(ipkts, ierrs, opkts, oerrs, colls, None, None, dropped)


def heading(options: dict[str, str]) -> str:
    """The names of the columns."""
    text = f"{'Name':<5} {'Mtu':<5} {'Network':<13} {'Address':<17} "
    if "b" in options:
        text += f"{'Ibytes':>10} {'Obytes':>10}"
    else:
        text += f"{'Ipkts':>8} {'Ierrs':>5} {'Opkts':>8} {'Oerrs':>5} {'Colls':>5}"
    return text + (" Drops" if "d" in options else "")


def lines(ctx: Context, ifp: Ifnet, options: dict[str, str]) -> Iterator[InterfaceTraffic | Membership]:
    """The link, then each address, with the same counters in every line."""
    yield _line(ctx, ifp, options, "<Link>", ifp.lladdr)
    for ifa in ifp.addresses:
        yield _line(ctx, ifp, options, netname(ifa.prefix), ifa.address)
        if "a" in options and ifa is ifp.addresses[0]:
            for group in sorted({INADDR_ALLHOSTS_GROUP, *(ifp.groups or ())} if ifp.flags & IFF_MULTICAST else ()):
                yield Membership(ifp.name, Ip4(group))


def _line(
    ctx: Context, ifp: Ifnet, options: dict[str, str], network: str, address: Mac | Ip4 | None
) -> InterfaceTraffic:
    host = ctx.name_of(address) if isinstance(address, Ip4) and "n" not in options else None
    up = bool(ifp.flags & IFF_UP)
    return InterfaceTraffic(ifp.name, ifp.mtu, network, address, host, up, *asked(counters(ifp), options))


def show_line(row: InterfaceTraffic | Membership) -> str:
    """A line, with NetBSD's columns: the MTU and the network touch."""
    if isinstance(row, Membership):
        return f"{'':25} {row.group!s:<17.17} "
    name = row.name if row.up else f"{row.name}*"
    address = row.host or ("" if row.address is None else str(row.address))
    text = f"{name:<5} {row.mtu:<5}{row.network:<13.13} {address:<17.17} "
    if row.ibytes is not None:
        text += f"{row.ibytes:>10} {row.obytes:>10}"
    else:
        text += f"{row.ipkts:>8} {row.ierrs:>5} {row.opkts:>8} {row.oerrs:>5} {row.colls:>5}"
    return text if row.drops is None else f"{text} {row.drops:>5}"


# --- the traffic between two moments ----------------------------------------------------------------


async def intervals(ctx: Context, name: str, seconds: float, options: dict[str, str]) -> AsyncIterator[Interval | Note]:
    """A line every so many seconds, for ever."""
    before = before_all = [0] * 8
    line = 0
    while name in ctx.host.interfaces:
        if line % _BANNER_EVERY == 0:
            for text in _banner(name, options):
                yield Note(text)
        one = list(counters(ctx.host.interfaces[name]))
        total = [sum(column) for column in zip(*map(counters, ctx.host.interfaces.values()), strict=True)]
        yield Interval(ctx.now, name, asked(_since(one, before), options), asked(_since(total, before_all), options))
        before, before_all = one, total
        line += 1
        await pause(seconds)


def _since(now: list[int], before: list[int]) -> list[int]:
    """What came in between; counters that were set to 0 meanwhile count from there."""
    return [new - old if new >= old else new for new, old in zip(now, before, strict=True)]


def _banner(name: str, options: dict[str, str]) -> Iterator[str]:
    space = "      " if "d" in options else ""
    yield f"   input  {f'({name})':<8}    output       {space}     input   (Total)    output"
    if "b" in options:
        columns = f"{'bytes':>10} {'':8} {'bytes':>10} {'':5}"
    else:
        columns = f"{'packets':>8} {'errs':>5} {'packets':>8} {'errs':>5} {'colls':>5}"
    columns += f" {'drops':>5}" if "d" in options else ""
    yield f"{columns}  {columns}"


def show_interval(row: Interval) -> str:
    """A line under the banner."""
    return "  ".join(map(_traffic, (row.one, row.total)))


def _traffic(row: Traffic) -> str:
    if row.ibytes is not None:
        text = f"{row.ibytes:>10} {'':8} {row.obytes:>10} {'':5}"
    else:
        text = f"{row.ipkts:>8} {row.ierrs:>5} {row.opkts:>8} {row.oerrs:>5} {row.colls:>5}"
    return text if row.drops is None else f"{text} {row.drops:>5}"
