"""Internet control blocks: who owns which addresses and ports (BSD netinet/in_pcb.c, in_pcb.h).

A table holds the control blocks of one protocol: connected ones by their four numbers, all others by
their local port.  A packet finds its owner by the exact four, else by the best match of the port.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from stack.addr import Ip4
from stack.header.ip import IP_DF, IPOPT_LSRR, IPOPT_MINOFF, IPOPT_SSRR, MAX_IPOPTLEN, OptionError, options
from stack.kern.errors import oserror
from stack.kern.socket import SO_BROADCAST, SO_DONTROUTE, SO_REUSEADDR, SO_REUSEPORT, Address, Socket
from stack.kern.sysctl import Variable
from stack.net.ifnet import IN_IFF_DUPLICATED, Ifnet
from stack.net.route import RTF_BROADCAST, RTF_LOCAL, RTF_MULTICAST, RouteTable
from stack.netinet.igmp import Igmp
from stack.netinet.in_ import (
    IP_ADD_MEMBERSHIP,
    IP_DONTFRAG,
    IP_DROP_MEMBERSHIP,
    IP_MULTICAST_IF,
    IP_MULTICAST_LOOP,
    IP_MULTICAST_TTL,
    IP_OPTIONS,
    IP_TOS,
    IP_TTL,
    IPPROTO_IP,
)
from stack.netinet.in_control import InControl
from stack.netinet.ip_output import PLAIN, IpOutput, OutputOptions, source_on

SYSCTLS = {
    "net.inet.ip.anonportmin": Variable("pcbs", "anonportmin", "lowest port the stack chooses", 1, 65535),
    "net.inet.ip.anonportmax": Variable("pcbs", "anonportmax", "highest port the stack chooses", 1, 65535),
}




class Services(NamedTuple):
    """What control blocks need of their host."""

    routes: RouteTable
    interfaces: dict[str, Ifnet]
    rng: random.Random
    control: InControl
    ip: IpOutput
    igmp: Igmp


class Inpcb:
    """A control block.  Addresses and ports are 0 while they are not set."""

    __slots__ = ("df", "faddr", "fport", "groups", "hdrincl", "laddr", "lport", "more", "mttl", "so", "tos", "ttl")

    def __init__(self, so: Socket, ttl: int) -> None:
        self.so = so
        self.laddr = self.faddr = Ip4(0)
        self.lport = self.fport = 0
        self.ttl = ttl
        self.tos = 0
        self.df = 0  # IP_DF, or 0
        self.hdrincl = False  # a raw socket's program writes the IP header itself
        self.mttl = 1  # for groups (RFC 1112 6.1)
        self.more = PLAIN
        self.groups: list[tuple[Ifnet, Ip4]] | None = None

    @property
    def local(self) -> Address:
        """The local address and port."""
        return self.laddr, self.lport

    @property
    def foreign(self) -> Address:
        """The peer's address and port; ENOTCONN when there is none."""
        if not self.fport and not self.faddr:
            raise oserror(errno.ENOTCONN)
        return self.faddr, self.fport


class PcbDefaults:
    """The knobs that all tables of a host share."""

    anonportmin = 49152
    anonportmax = 65535


class Sharers:
    """Who is on a local port, in the order in which they came; a stranger's packet is for one of the unconnected."""

    __slots__ = ("everybody", "unconnected")

    def __init__(self) -> None:
        self.everybody: dict[Inpcb, None] = {}
        self.unconnected: dict[Inpcb, None] = {}


class PcbTable:
    """The control blocks of one protocol on one host (struct inpcbtable)."""

    __slots__ = ("connected", "defaults", "ports", "services")

    def __init__(self, services: Services, defaults: PcbDefaults) -> None:
        self.services = services
        self.defaults = defaults
        self.connected: dict[tuple[int, int, int, int], Inpcb] = {}  # laddr, lport, faddr, fport
        self.ports: dict[int, Sharers] = {}

    def __iter__(self) -> Iterator[Inpcb]:
        """All bound control blocks, by port."""
        for port in sorted(self.ports):
            yield from self.ports[port].everybody

    def bind(self, inp: Inpcb, address: Address) -> None:
        """Take a local address and port (in_pcbbind); port 0 lets us choose."""
        laddr, lport = Ip4(address[0]), address[1]
        if inp.lport or not 0 <= lport <= 65535:
            raise oserror(errno.EINVAL)
        if laddr and not laddr.is_multicast and not self.services.routes.is_broadcast(laddr):
            ifa = self.services.control.local(laddr)
            if ifa is None or ifa.flags & IN_IFF_DUPLICATED:
                raise oserror(errno.EADDRNOTAVAIL)
        if lport:
            self._check_free(inp, laddr, lport)
        inp.laddr = laddr
        self._set_port(inp, lport or self._anonymous_port(laddr))

    def _check_free(self, inp: Inpcb, laddr: int, lport: int) -> None:
        """EADDRINUSE, unless everybody agreed to share (SO_REUSEADDR, SO_REUSEPORT)."""
        share = inp.so.options & (SO_REUSEADDR | SO_REUSEPORT)
        for other in self.sharers(lport):
            if laddr and other.laddr and other.laddr != laddr:
                continue
            if inp.so.options & SO_REUSEPORT and other.so.options & SO_REUSEPORT:
                continue
            if share & SO_REUSEADDR:
                if other.fport or other.laddr != laddr:
                    continue  # an old connection, or a more (or less) special address
                if Ip4(laddr).is_multicast and other.so.options & (SO_REUSEADDR | SO_REUSEPORT):
                    continue
            raise oserror(errno.EADDRINUSE)

    def _anonymous_port(self, laddr: int) -> int:
        """A free port at random (RFC 6056 3.3.1); EADDRNOTAVAIL when there is none."""
        low, high = sorted((self.defaults.anonportmin, self.defaults.anonportmax))
        count = high - low + 1
        start = int(self.services.rng.random() * count)
        for step in range(count):
            port = low + (start + step) % count
            if port not in self.ports:
                return port
        raise oserror(errno.EADDRNOTAVAIL)

    def _set_port(self, inp: Inpcb, lport: int) -> None:
        inp.lport = lport
        sharers = self.ports.get(lport)
        if sharers is None:
            sharers = self.ports[lport] = Sharers()
        sharers.everybody[inp] = sharers.unconnected[inp] = None

    def sharers(self, lport: int) -> Iterable[Inpcb]:
        """All who are on a local port."""
        return self.ports[lport].everybody if lport in self.ports else ()

    def connect(self, inp: Inpcb, address: Address) -> None:
        """Take a peer, and the local address from which it is reached (in_pcbconnect)."""
        faddr, fport = Ip4(address[0]), address[1]
        if not 1 <= fport <= 65535:
            raise oserror(errno.EADDRNOTAVAIL)
        faddr = faddr or self.ourselves()
        laddr = inp.laddr or self.source(inp, faddr)
        if (laddr, inp.lport, faddr, fport) in self.connected:
            raise oserror(errno.EADDRINUSE)
        if not inp.lport:
            self._set_port(inp, self._anonymous_port(laddr))
        self.set_connected(inp, laddr, faddr, fport)

    def ourselves(self) -> Ip4:
        """What a program means by sending to 0.0.0.0, in BSD: our first address."""
        return next((ifa.address for ifp in self.services.interfaces.values() for ifa in ifp.addresses), Ip4(0))

    def set_connected(self, inp: Inpcb, laddr: Ip4, faddr: Ip4, fport: int) -> None:
        """Enter a connection whose four numbers are known."""
        inp.laddr, inp.faddr, inp.fport = laddr, faddr, fport
        self.ports[inp.lport].unconnected.pop(inp, None)
        self.connected[laddr, inp.lport, faddr, fport] = inp

    def adopt(self, inp: Inpcb, lport: int, laddr: Ip4, faddr: Ip4, fport: int) -> None:
        """Enter the child of a listener, on its parent's port."""
        self._set_port(inp, lport)
        self.set_connected(inp, laddr, faddr, fport)

    def disconnect(self, inp: Inpcb) -> None:
        """Give up the peer (in_pcbdisconnect)."""
        if self.connected.pop((inp.laddr, inp.lport, inp.faddr, inp.fport), None) is not None:
            self.ports[inp.lport].unconnected[inp] = None
        inp.faddr, inp.fport = Ip4(0), 0

    def detach(self, inp: Inpcb) -> None:
        """The control block goes away (in_pcbdetach)."""
        key = (inp.laddr, inp.lport, inp.faddr, inp.fport)
        if self.connected.get(key) is inp:
            del self.connected[key]
        sharers = self.ports.get(inp.lport)
        if sharers is not None and inp in sharers.everybody:
            del sharers.everybody[inp]
            sharers.unconnected.pop(inp, None)
            if not sharers.everybody:
                del self.ports[inp.lport]
        for ifp, group in inp.groups or ():
            with suppress(OSError):  # the interface is gone, and its memberships with it
                self.services.igmp.leave(ifp, group)
        inp.groups = None

    def lookup(self, laddr: int, lport: int, faddr: int, fport: int) -> Inpcb | None:
        """Who owns a packet: the exact four, else the best of the port (in_pcblookup_connect, in_pcblookup_bind)."""
        inp = self.connected.get((laddr, lport, faddr, fport))
        if inp is not None:
            return inp
        best = None
        for other in self.ports[lport].unconnected if lport in self.ports else ():
            if other.laddr == laddr:
                return other
            if not other.laddr and best is None:
                best = other
        return best

    def matching(self, laddr: int, lport: int, faddr: int, fport: int) -> list[Inpcb]:
        """All who may have a datagram for a group or for everybody."""
        return [
            inp
            for inp in self.sharers(lport)
            if inp.laddr in (0, laddr) and (not inp.fport or (inp.faddr == faddr and inp.fport == fport))
        ]

    def source(self, inp: Inpcb, faddr: int) -> Ip4:
        """The address from which a destination is reached (in_selectsrc); EHOSTUNREACH when there is no way."""
        rt = self.services.routes.lookup(faddr)
        if rt is None:
            raise oserror(errno.EHOSTUNREACH)
        if rt.flags & RTF_LOCAL:
            return Ip4(faddr)
        ifp: Ifnet | None = rt.ifp
        if rt.ifa is None and rt.flags & (RTF_BROADCAST | RTF_MULTICAST):
            ifp = inp.more.interface or self.services.ip.group_interface(faddr)
        if ifp is None:
            raise oserror(errno.EHOSTUNREACH)
        ifa = source_on(ifp, rt.nexthop or faddr) if rt.ifa is None or not rt.ifa.ready else rt.ifa
        if ifa is None:
            raise oserror(errno.EADDRNOTAVAIL)
        return ifa.address

    # --- options ------------------------------------------------------------------------------

    def output_options(self, inp: Inpcb) -> OutputOptions:
        """What the socket's options ask of ip_output; the plain ones cost nothing."""
        flags = inp.so.options & (SO_BROADCAST | SO_DONTROUTE)
        if not flags:
            return inp.more
        return inp.more._replace(broadcast=bool(flags & SO_BROADCAST), dontroute=bool(flags & SO_DONTROUTE))

    def setopt(self, inp: Inpcb, level: int, option: int, value: object) -> None:
        """Set an option of the IP level (ip_ctloutput, ip_setmoptions)."""
        if level != IPPROTO_IP:
            raise oserror(errno.ENOPROTOOPT)
        if option == IP_OPTIONS:
            inp.more = _with_options(inp.more, value)
        elif option in (IP_MULTICAST_IF, IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP):
            self._set_group_option(inp, option, value)
        elif not isinstance(value, int):
            raise oserror(errno.EINVAL)
        elif option in _RANGES:
            attribute, low, high = _RANGES[option]
            if not low <= value <= high:
                raise oserror(errno.EINVAL)
            setattr(inp, attribute, value)
        elif option == IP_DONTFRAG:
            inp.df = IP_DF if value else 0
        elif option == IP_MULTICAST_LOOP:
            inp.more = inp.more._replace(loop=bool(value))
        else:
            raise oserror(errno.ENOPROTOOPT)

    def _set_group_option(self, inp: Inpcb, option: int, value: object) -> None:
        """IP_MULTICAST_IF: an interface's address (0: any); memberships: (group, interface's address)."""
        if option == IP_MULTICAST_IF:
            if not isinstance(value, int):
                raise oserror(errno.EINVAL)
            inp.more = inp.more._replace(interface=self._interface_of(value) if value else None)
            return
        if not isinstance(value, tuple) or len(value) != 2 or not all(isinstance(part, int) for part in value):
            raise oserror(errno.EINVAL)
        group = Ip4(value[0])
        ifp = self._interface_of(value[1]) if value[1] else self._group_interface(group)
        if inp.groups is None:
            inp.groups = []
        if option == IP_ADD_MEMBERSHIP:
            if (ifp, group) in inp.groups:
                raise oserror(errno.EADDRINUSE)
            self.services.igmp.join(ifp, group)
            inp.groups.append((ifp, group))
        else:
            if (ifp, group) not in inp.groups:
                raise oserror(errno.EADDRNOTAVAIL)
            self.services.igmp.leave(ifp, group)
            inp.groups.remove((ifp, group))

    def _interface_of(self, address: int) -> Ifnet:
        ifa = self.services.control.local(address)
        if ifa is None:
            raise oserror(errno.EADDRNOTAVAIL)
        return ifa.ifp

    def _group_interface(self, group: Ip4) -> Ifnet:
        ifp = self.services.ip.group_interface(group)
        if ifp is None:
            raise oserror(errno.EADDRNOTAVAIL)
        return ifp

    def getopt(self, inp: Inpcb, level: int, option: int) -> object:
        """Read an option of the IP level."""
        if level != IPPROTO_IP:
            raise oserror(errno.ENOPROTOOPT)
        if option in _RANGES:
            return getattr(inp, _RANGES[option][0])
        if option == IP_OPTIONS:
            return inp.more.options
        if option == IP_DONTFRAG:
            return int(bool(inp.df))
        if option == IP_MULTICAST_LOOP:
            return int(inp.more.loop)
        if option == IP_MULTICAST_IF:
            ifp = inp.more.interface
            return ifp.addresses[0].address if ifp is not None and ifp.addresses else Ip4(0)
        raise oserror(errno.ENOPROTOOPT)


_RANGES = {IP_TTL: ("ttl", 1, 255), IP_TOS: ("tos", 0, 255), IP_MULTICAST_TTL: ("mttl", 0, 255)}


def _with_options(more: OutputOptions, value: object) -> OutputOptions:
    """Check IP options, and take the first stop out of a source route (ip_pcbopts).

    A program lists all stops and the destination last; on the way the first of them is in the header.
    """
    if not isinstance(value, bytes) or len(value) > MAX_IPOPTLEN:
        raise oserror(errno.EINVAL)
    checked, firsthop = b"", 0
    try:
        for kind, option in options(value):
            if kind in (IPOPT_LSRR, IPOPT_SSRR):
                if len(option) < 7 or firsthop:
                    raise oserror(errno.EINVAL)
                firsthop = int.from_bytes(option[3:7])
                option = bytes((kind, len(option) - 4, IPOPT_MINOFF)) + option[7:]
            checked += option
    except OptionError:
        raise oserror(errno.EINVAL) from None
    return more._replace(options=checked + bytes(-len(checked) % 4), firsthop=firsthop)
