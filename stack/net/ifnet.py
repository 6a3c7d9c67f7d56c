"""Interfaces: names, flags, addresses, counters (BSD net/if.h, net/if.c).

An `Ifnet` knows nothing of IP: it keeps its addresses and its tables of neighbours for whoever asks.
What is special about Ethernet or the loopback is in their own files.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable

from stack.addr import INADDR_ALLHOSTS_GROUP, Ip4, Mac, Prefix
from stack.kern.errors import oserror
from stack.mbuf import Mbuf

IFF_UP = 0x0001
IFF_BROADCAST = 0x0002
IFF_DEBUG = 0x0004
IFF_LOOPBACK = 0x0008
IFF_POINTOPOINT = 0x0010
IFF_RUNNING = 0x0040
IFF_NOARP = 0x0080
IFF_PROMISC = 0x0100
IFF_ALLMULTI = 0x0200
IFF_OACTIVE = 0x0400
IFF_SIMPLEX = 0x0800
IFF_LINK0 = 0x1000
IFF_LINK1 = 0x2000
IFF_LINK2 = 0x4000
IFF_MULTICAST = 0x8000
IFF_NAMES = {
    IFF_UP: "UP",
    IFF_BROADCAST: "BROADCAST",
    IFF_DEBUG: "DEBUG",
    IFF_LOOPBACK: "LOOPBACK",
    IFF_POINTOPOINT: "POINTOPOINT",
    IFF_RUNNING: "RUNNING",
    IFF_NOARP: "NOARP",
    IFF_PROMISC: "PROMISC",
    IFF_ALLMULTI: "ALLMULTI",
    IFF_OACTIVE: "OACTIVE",
    IFF_SIMPLEX: "SIMPLEX",
    IFF_LINK0: "LINK0",
    IFF_LINK1: "LINK1",
    IFF_LINK2: "LINK2",
    IFF_MULTICAST: "MULTICAST",
}

# Ifaddr.flags (netinet/in_var.h, ia4_flags)
IN_IFF_TENTATIVE = 0x01
IN_IFF_DUPLICATED = 0x02
IN_IFF_DETACHED = 0x04
IN_IFF_TRYTENTATIVE = 0x08
IN_IFF_NAMES = {IN_IFF_TENTATIVE: "TENTATIVE", IN_IFF_DUPLICATED: "DUPLICATED", IN_IFF_DETACHED: "DETACHED"}

# Ifnet.capenable: what a device does for the stack, where it is switched on (net/if.h)
IFCAP_TSO4 = 0x00080  # our TCP may hand it super-segments
IFCAP_CSUM_IPv4_Rx = 0x00100
IFCAP_CSUM_IPv4_Tx = 0x00200
IFCAP_CSUM_TCPv4_Rx = 0x00400
IFCAP_CSUM_TCPv4_Tx = 0x00800
IFCAP_CSUM_UDPv4_Rx = 0x01000
IFCAP_CSUM_UDPv4_Tx = 0x02000
IFCAP_LRO = 0x100000  # it may hand us super-segments
IFCAP_NAMES = {
    IFCAP_TSO4: "TSO4",
    IFCAP_CSUM_IPv4_Rx: "IP4CSUM_Rx",
    IFCAP_CSUM_IPv4_Tx: "IP4CSUM_Tx",
    IFCAP_CSUM_TCPv4_Rx: "TCP4CSUM_Rx",
    IFCAP_CSUM_TCPv4_Tx: "TCP4CSUM_Tx",
    IFCAP_CSUM_UDPv4_Rx: "UDP4CSUM_Rx",
    IFCAP_CSUM_UDPv4_Tx: "UDP4CSUM_Tx",
    IFCAP_LRO: "LRO",
}
IFCAP_GSO = IFCAP_TSO4 | IFCAP_LRO

LINK_STATE_UNKNOWN, LINK_STATE_DOWN, LINK_STATE_UP = 0, 1, 2

IFQ_MAXLEN = 256  # frames an interface keeps before it drops (net/if.h)


def flag_words(flags: int, names: dict[int, str]) -> str:
    """The words of the bits that are set, joined by commas."""
    return ",".join(word for bit, word in names.items() if flags & bit)


class Ifaddr:
    """An address of an interface (struct in_ifaddr)."""

    __slots__ = (
        "address", "broadcast", "dad_left", "defended", "destination", "flags", "hold", "ifp", "plen", "timer",
    )  # fmt: skip

    def __init__(self, ifp: Ifnet, address: Ip4, plen: int) -> None:
        self.ifp = ifp
        self.address = address
        self.plen = plen
        self.broadcast: Ip4 | None = None
        self.destination: Ip4 | None = None  # the other end of a point-to-point link
        self.flags = 0
        self.dad_left = 0  # probes still to send
        self.timer: object | None = None
        self.defended: float | None = None  # when we last told a rival that it is ours
        # what waits until it is no longer tentative: packets, and how each is sent
        self.hold: list[tuple[Mbuf, Callable[[], None]]] | None = None

    @property
    def prefix(self) -> Prefix:
        """The network it is on."""
        return Prefix.of(self.address, self.plen)

    @property
    def ready(self) -> bool:
        """Whether packets may bear it: neither tentative nor duplicated nor detached."""
        return not self.flags & (IN_IFF_TENTATIVE | IN_IFF_DUPLICATED | IN_IFF_DETACHED)


Tap = Callable[["Ifnet", Mbuf, bool], None]  # interface, packet, whether it goes out


class Ifnet:
    """A network interface; drivers are subclasses that say how a packet gets out."""

    # what every driver of a class shares; a driver's class may say otherwise
    mtu_low = 68  # RFC 791: every interface must carry 68 octets
    mtu_high = 65535
    kind = "?"  # the cloner's name: shmif, lo, virt
    capenable = 0  # what of `capabilities` is switched on

    __slots__ = (
        "addresses", "collisions", "flags", "groups", "ibytes", "ierrors", "imcasts", "index", "ipackets",
        "iqdrops", "linkstr", "lladdr", "metric", "mtu", "name", "obytes", "odrops", "oerrors", "omcasts", "opackets",
        "pcount", "taps", "watchers",
    )  # fmt: skip

    def __init__(self, name: str, index: int, flags: int, mtu: int, lladdr: Mac | None) -> None:
        self.name = name
        self.index = index
        self.flags = flags
        self.mtu = mtu
        self.metric = 0  # what a routing daemon adds to a path through it; the stack does not look at it
        self.lladdr = lladdr
        self.linkstr: str | None = None
        self.addresses: list[Ifaddr] = []
        self.groups: dict[int, int] | None = None  # multicast groups joined, with how often
        self.pcount = 0  # how many want it promiscuous
        self.taps: tuple[Tap, ...] = ()
        self.watchers: tuple[Callable[[Ifnet], None], ...] = ()  # told when flags or link change
        self.zero()

    def zero(self) -> None:
        """Set all counters to 0 (ifconfig -z)."""
        self.ipackets = self.ibytes = self.imcasts = self.ierrors = self.iqdrops = 0
        self.opackets = self.obytes = self.omcasts = self.oerrors = self.odrops = self.collisions = 0

    @property
    def capabilities(self) -> int:
        """What its device could do for the stack (if_capabilities)."""
        return 0

    def set_capenable(self, capenable: int) -> None:
        """Switch what its device does for the stack; OSError EINVAL for what it cannot (SIOCSIFCAP)."""
        if capenable != self.capenable:
            raise oserror(errno.EINVAL)

    def allow_gso(self, allowed: bool) -> None:
        """Let super-segments come and leave here as is usual, or not at all."""

    @property
    def link_state(self) -> int:
        """Whether the link carries frames."""
        return LINK_STATE_UP if self.flags & IFF_RUNNING else LINK_STATE_DOWN

    @property
    def runs(self) -> bool:
        """Whether it is up and its device works."""
        return self.flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING

    @property
    def flags_str(self) -> str:
        """The flags as ifconfig prints them: `UP,BROADCAST,RUNNING`."""
        return flag_words(self.flags, IFF_NAMES)

    @property
    def is_loopback(self) -> bool:
        """Whether this is a loopback interface."""
        return bool(self.flags & IFF_LOOPBACK)

    def up(self) -> None:
        """Mark it up; a driver that can run then says so with IFF_RUNNING (if_up)."""
        if not self.flags & IFF_UP:
            self.flags |= IFF_UP
            self.changed()

    def down(self) -> None:
        """Mark it down (if_down)."""
        if self.flags & IFF_UP:
            self.flags &= ~IFF_UP
            self.changed()

    def changed(self) -> None:
        """Flags changed: let the driver start or stop, then tell who watches."""
        self.init()
        for watcher in self.watchers:
            watcher(self)

    def init(self) -> None:
        """Start or stop the device as the flags say (if_init, if_stop)."""

    def set_flags(self, on: int, off: int = 0) -> None:
        """Switch flags that a user may switch (link0, debug, arp, promisc)."""
        self.flags = (self.flags | on) & ~off
        self.changed()

    def promisc(self, on: bool) -> None:
        """One more wants all frames of the link, or one fewer (ifpromisc)."""
        self.pcount += 1 if on else -1
        if bool(self.flags & IFF_PROMISC) is not bool(self.pcount):
            self.set_flags(*((IFF_PROMISC, 0) if on else (0, IFF_PROMISC)))

    def set_mtu(self, mtu: int) -> None:
        """Set the MTU in bytes; OSError EINVAL when the device cannot carry it."""
        if not self.mtu_low <= mtu <= self.mtu_high:
            raise oserror(errno.EINVAL)
        self.mtu = mtu
        self.changed()

    def set_lladdr(self, lladdr: Mac) -> None:
        """Set the link-layer address; EINVAL for a group address or where there is no link layer."""
        if self.lladdr is None or lladdr.is_multicast:
            raise oserror(errno.EINVAL)
        self.lladdr = lladdr
        self.changed()

    def set_linkstr(self, linkstr: str | None) -> None:
        """Attach the device to what a string names (SIOCSLINKSTR); a device without such gives ENOTTY."""
        raise oserror(errno.ENOTTY)

    def init_address(self) -> None:
        """An IP address is about to be given to it (SIOCINITIFADDR)."""

    def destroy(self) -> None:
        """The interface goes away: let the device go."""
        self.down()

    def output(self, m: Mbuf, nexthop: int) -> int:
        """Send an IPv4 packet to a neighbour; 0, or the errno that a sender is told (if_output)."""
        raise NotImplementedError

    def send_frame(self, m: Mbuf) -> int:
        """Send a packet of our own whose link header is complete: out here, or where a bridge says."""
        return self.transmit(m)

    def transmit(self, m: Mbuf) -> int:
        """Send a packet whose link header is complete (if_transmit)."""
        raise NotImplementedError

    def find(self, address: int) -> Ifaddr | None:
        """The interface's address of that value."""
        for ifa in self.addresses:
            if ifa.address == address:
                return ifa
        return None

    def on_link(self, address: int) -> Ifaddr | None:
        """The interface's address whose network (or far end) holds that one: the longest match."""
        best: Ifaddr | None = None
        for ifa in self.addresses:
            if ifa.destination == address:
                return ifa
            if ifa.prefix.has(address) and (best is None or ifa.plen > best.plen):
                best = ifa
        return best

    def in_group(self, group: int) -> bool:
        """Whether we take packets for a group here; RFC 1112 7.2: all hosts are in 224.0.0.1."""
        if self.groups is not None and group in self.groups:
            return True
        return group == INADDR_ALLHOSTS_GROUP and bool(self.addresses)

    def is_broadcast(self, address: int) -> bool:
        """Whether an address means everybody on this link (in_broadcast)."""
        if not self.flags & IFF_BROADCAST:
            return False
        if address in (0xFFFFFFFF, 0):
            return True
        return any(ifa.broadcast == address for ifa in self.addresses)


def unit_of(name: str, kinds: Iterable[str]) -> tuple[str, int] | None:
    """Split `shmif0` into its kind and unit, if the kind is one of those; None else."""
    kind = name.rstrip("0123456789")
    digits = name[len(kind) :]
    if kind in kinds and digits and (digits == "0" or digits[0] != "0") and len(digits) <= 5:
        return kind, int(digits)
    return None
