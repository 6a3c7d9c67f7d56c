"""The ARP table as rows, and how an entry is made and removed by hand: what arp and route share."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import NamedTuple

from commands.command import Context
from stack.addr import Ip4, Mac
from stack.host import Host
from stack.kern.errors import oserror
from stack.net.ethernet import Ethernet
from stack.net.ifnet import Ifnet
from stack.net.neighbor import LLE_PUB, LLE_STATIC, ND_STATE_NAMES, Neighbors
from stack.net.route import RTF_LOCAL


class ArpEntry(NamedTuple):
    """An entry of the ARP table; `expires` is in seconds from now, None when it never does."""

    host: str | None
    address: Ip4
    lladdr: Mac | None
    interface: str
    permanent: bool
    published: bool
    proxy: bool
    state: str
    expires: float | None


def entries(ctx: Context, *, names: bool = True) -> Iterator[ArpEntry]:
    """All entries, interface by interface, our own addresses among them."""
    for table in tables(ctx.host):
        found = [*_learnt(ctx, table), *_own(table.ifp), *_proxies(table)]
        for entry in sorted(found, key=lambda entry: (entry.address, entry.proxy)):
            yield entry._replace(host=ctx.name_of(entry.address)) if names else entry


def tables(host: Host) -> list[Neighbors]:
    """The tables of the host's interfaces."""
    return host.arp.tables()


def _learnt(ctx: Context, table: Neighbors) -> Iterator[ArpEntry]:
    for entry in table.entries.values():
        permanent = entry.lladdr is not None and entry.expires is None
        yield ArpEntry(
            None, Ip4(entry.address), entry.lladdr, table.ifp.name, permanent, bool(entry.flags & LLE_PUB), False,
            ND_STATE_NAMES[entry.state].lower(), None if entry.expires is None else max(entry.expires - ctx.now, 0.0),
        )  # fmt: skip


def _own(ifp: Ifnet) -> Iterator[ArpEntry]:
    for ifa in ifp.addresses:
        yield ArpEntry(None, ifa.address, ifp.lladdr, ifp.name, True, False, False, "local", None)


def _proxies(table: Neighbors) -> Iterator[ArpEntry]:
    for address, lladdr in (table.proxies or {}).items():
        yield ArpEntry(None, Ip4(address), lladdr, table.ifp.name, True, True, True, "proxy", None)


def table_for(host: Host, address: Ip4) -> Neighbors | None:
    """The table in which an address belongs: that of the link it is on; None when it is on none."""
    rt = host.routes.unicast(address)
    if rt is None or rt.nexthop:
        return None
    ifp = rt.ifa.ifp if rt.flags & RTF_LOCAL and rt.ifa is not None else rt.ifp
    return ifp.arptab if isinstance(ifp, Ethernet) else None


def enter(table: Neighbors, address: Ip4, lladdr: Mac, *, published: bool, proxy: bool, seconds: float | None) -> None:
    """Enter a neighbour by hand; OSError EEXIST when a permanent one is there already."""
    if proxy:
        if table.proxies is None:
            table.proxies = {}
        table.proxies[address] = lladdr
        return
    known = table.entries.get(address)
    if known is not None and known.flags & LLE_STATIC:
        raise oserror(errno.EEXIST)
    flags = LLE_PUB if published else 0
    table.set_static(address, lladdr, flags if seconds is not None else flags | LLE_STATIC, seconds)


def remove(table: Neighbors, address: Ip4, *, proxy: bool = False) -> bool:
    """Remove an entry made by hand or learnt; whether there was one."""
    if table.proxies is not None and address in table.proxies:
        del table.proxies[address]
        table.proxies = table.proxies or None
        return True
    if proxy or address not in table.entries:
        return False
    table.forget(address)
    return True
