"""IPv4 addresses of interfaces: their routes, and duplicate address detection (BSD netinet/in.c, if_arp.c; RFC 5227).

A new address is *tentative* while we ask three times whether somebody has it.  Nobody answers for a
tentative address, and what is sent from it waits, as a packet waits for ARP; so a command that follows
at once does not fail, it takes its time.  A conflict makes it *duplicated*: it is never used.
"""

from __future__ import annotations

import errno
import random

from stack.addr import Ip4, Mac, Prefix
from stack.callout import Callout, Callouts
from stack.kern.errors import oserror
from stack.kern.sysctl import Variable
from stack.net.ifnet import (
    IFF_BROADCAST,
    IFF_NOARP,
    IFF_POINTOPOINT,
    IN_IFF_DETACHED,
    IN_IFF_DUPLICATED,
    IN_IFF_TENTATIVE,
    Ifaddr,
    Ifnet,
)
from stack.net.route import (
    RTF_CONNECTED,
    RTF_GATEWAY,
    RTF_HOST,
    RTF_LOCAL,
    RTF_STATIC,
    RTF_UP,
    RouteTable,
    Rtentry,
    RtMessage,
)
from stack.netinet.arp import Arp
from stack.netinet.igmp import Igmp
from stack.netinet.ip_output import IpOutput
from stack.probe import Probes, Protocol

# RFC 5227 1.1, seconds
PROBE_WAIT = 1.0
PROBE_MIN, PROBE_MAX = 1.0, 2.0
ANNOUNCE_WAIT = 2.0
DEFEND_INTERVAL = 10.0

SYSCTLS = {
    "net.inet.ip.dad_count": Variable("control", "dad_count", "probes for a new address; 0: use it at once", 0, 100),
}


class InControl(Protocol):
    """The addresses of one host."""

    name = "in"
    dad_count = 3

    def __init__(
        self, hostname: str, probes: Probes, callouts: Callouts, rng: random.Random, interfaces: dict[str, Ifnet],
        routes: RouteTable, ip: IpOutput, arp: Arp, igmp: Igmp, loopback: Ifnet,
    ) -> None:  # fmt: skip
        super().__init__(hostname, probes)
        self.callouts = callouts
        self.rng = rng
        self.interfaces = interfaces
        self.routes = routes
        self.ip = ip
        self.arp = arp
        self.igmp = igmp
        self.loopback = loopback

    def local(self, address: int) -> Ifaddr | None:
        """Our address of that value, on whatever interface (ifa_ifwithaddr)."""
        rt = self.routes.exact(Prefix(Ip4(address), 32))
        return rt.ifa if rt is not None and rt.flags & RTF_LOCAL else None

    def add(
        self, ifp: Ifnet, address: Ip4, plen: int, *, broadcast: Ip4 | None = None, destination: Ip4 | None = None,
        dad: bool = True,
    ) -> Ifaddr:  # fmt: skip
        """Give an interface an address, after those it has; it comes up (in_ifinit).

        OSError EEXIST when another interface has it, EADDRNOTAVAIL for what no host can be called.
        """
        self.check(ifp, address, plen)
        ifp.init_address()
        if destination is not None and not ifp.flags & IFF_POINTOPOINT:
            destination = None
        ifa = Ifaddr(ifp, address, plen)
        ifa.destination = destination
        if ifp.flags & IFF_BROADCAST and plen < 31:
            ifa.broadcast = broadcast if broadcast is not None else ifa.prefix.broadcast
        ifp.addresses.append(ifa)
        self._add_routes(ifa)
        self._notify("RTM_NEWADDR", ifa)
        ifp.up()
        self._begin(ifa, dad)
        return ifa

    def check(self, ifp: Ifnet, address: Ip4, plen: int) -> None:
        """Whether an interface may have an address; raises what `add` would."""
        nobody = not address >> 24 or address >> 28 >= 14 or (address.is_loopback and not ifp.is_loopback)
        if nobody or self.routes.is_broadcast(address) or not 0 <= plen <= 32:  # RFC 1122 3.2.1.3
            raise oserror(errno.EADDRNOTAVAIL)
        if ifp.find(address) is not None or self.local(address) is not None:
            raise oserror(errno.EEXIST)

    def remove(self, ifp: Ifnet, address: Ip4) -> None:
        """Take an address away with its routes; EADDRNOTAVAIL when the interface lacks it (in_purgeaddr)."""
        ifa = ifp.find(address)
        if ifa is None:
            raise oserror(errno.EADDRNOTAVAIL)
        ifp.addresses.remove(ifa)
        self._stop(ifa)
        self._fail(ifa, "addrgone")
        self._settled(ifa)
        self._remove_routes(ifa)
        self.arp.purge(ifp)
        self._notify("RTM_DELADDR", ifa)

    def _notify(self, kind: str, ifa: Ifaddr) -> None:
        ifp, address = ifa.ifp, ifa.address
        self.routes.notify(RtMessage(kind, ifa.prefix, None, ifp.name, ifp.index, 0, address, ifa.broadcast))

    def purge(self, ifp: Ifnet) -> None:
        """The interface goes away: so do its addresses and all routes through it (if_detach)."""
        for ifa in list(ifp.addresses):
            self.remove(ifp, ifa.address)
        for rt in [rt for rt in self.routes if rt.ifp is ifp]:
            self.routes.delete(rt.dst)

    # --- routes -------------------------------------------------------------------------------

    def _add_routes(self, ifa: Ifaddr) -> None:
        """The address itself, through the loopback; its net, through the interface (in_addprefix)."""
        ifp, address = ifa.ifp, ifa.address
        host = Prefix(address, 32)
        old = self.routes.exact(host)
        if old is not None:
            self.routes.delete(host)
        mtu = ifp.mtu if ifp.is_loopback else 0
        self.routes.add(Rtentry(host, self.loopback, RTF_UP | RTF_HOST | RTF_LOCAL, ifa=ifa, mtu=mtu))
        if ifa.broadcast is not None:
            self.routes.set_broadcast(ifa.broadcast, ifa)
        if not ifp.is_loopback:
            self._add_prefix(ifa)

    def _add_prefix(self, ifa: Ifaddr) -> None:
        prefix, flags = self._reaches(ifa), RTF_UP | RTF_CONNECTED
        if ifa.destination is not None:
            flags = RTF_UP | RTF_HOST
        elif prefix.plen == 32:
            return
        if self.routes.exact(prefix) is None:
            self.routes.add(Rtentry(prefix, ifa.ifp, flags, ifa=ifa))

    def _reaches(self, ifa: Ifaddr) -> Prefix:
        """Who is on the link with an address: its net, or the other end."""
        return ifa.prefix if ifa.destination is None else Prefix(ifa.destination, 32)

    def _remove_routes(self, ifa: Ifaddr) -> None:
        """Remove what the address brought; another one on the net takes its route over (in_scrubprefix)."""
        others = [other for ifp in self.interfaces.values() for other in ifp.addresses]
        local = self.routes.exact(Prefix(ifa.address, 32))
        if local is not None and local.ifa is ifa:
            self.routes.delete(local.dst)
        if ifa.broadcast is not None:
            heir = next((other for other in others if other.broadcast == ifa.broadcast), None)
            self.routes.set_broadcast(ifa.broadcast, heir)
        for rt in [rt for rt in self.routes if rt.ifa is ifa]:
            if rt.flags & RTF_STATIC:  # what a user said stays, from another address if there is one
                self._inherit(rt)
            else:
                self.routes.delete(rt.dst)
        for other in others:
            if not other.ifp.is_loopback and self._reaches(other) == self._reaches(ifa):
                self._add_prefix(other)

    def _inherit(self, rt: Rtentry) -> None:
        """A static route lost its source address: the interface's next, or the route goes too."""
        heir = rt.ifp.on_link(rt.nexthop) if rt.flags & RTF_GATEWAY else None
        if heir is None:
            heir = rt.ifp.addresses[0] if rt.ifp.addresses and not rt.flags & RTF_GATEWAY else None
        if heir is None:
            self.routes.delete(rt.dst)
        else:
            rt.ifa = heir
            self.routes.changed()
            self.routes.notify_route("RTM_CHANGE", rt)

    # --- duplicate address detection ----------------------------------------------------------

    def _begin(self, ifa: Ifaddr, dad: bool) -> None:
        """An address is new, or its link is: ask whether it is free, or say that we have it."""
        ifp = ifa.ifp
        if ifp.is_loopback:
            return
        if not ifp.runs:
            self._detach(ifa)  # it all begins when the link is there
            return
        ifa.flags &= ~IN_IFF_DETACHED
        if not dad or not self.dad_count or ifp.flags & IFF_NOARP:
            self._ready(ifa)
            self.arp.announce(ifp, ifa.address)
            return
        self._stop(ifa)
        ifa.flags |= IN_IFF_TENTATIVE
        ifa.dad_left = self.dad_count
        ifa.hold = []
        self._unsettled(ifa)
        ifa.timer = self.callouts.schedule(self.rng.uniform(0, PROBE_WAIT), lambda: self._probe(ifa))

    def _probe(self, ifa: Ifaddr) -> None:
        """Ask once more, or be satisfied (arp_dad_timer)."""
        if not ifa.dad_left:
            self._ready(ifa)
            self.arp.announce(ifa.ifp, ifa.address)
            return
        ifa.dad_left -= 1
        self.arp.request(ifa.ifp, Ip4(0), ifa.address)
        wait = self.rng.uniform(PROBE_MIN, PROBE_MAX) if ifa.dad_left else ANNOUNCE_WAIT
        ifa.timer = self.callouts.schedule(wait, lambda: self._probe(ifa))

    def _ready(self, ifa: Ifaddr) -> None:
        """The address is ours: what waited for it goes out."""
        ifa.flags &= ~(IN_IFF_TENTATIVE | IN_IFF_DUPLICATED)
        ifa.timer = None
        self._settled(ifa)
        hold, ifa.hold = ifa.hold, None
        for _, send in hold or ():
            send()

    def _detach(self, ifa: Ifaddr) -> None:
        """Its link is down: nobody can say whether it is still ours alone."""
        self._stop(ifa)
        ifa.flags = ifa.flags & ~(IN_IFF_TENTATIVE | IN_IFF_DUPLICATED) | IN_IFF_DETACHED
        self._fail(ifa, "ifdown")
        self._unsettled(ifa)

    def _fail(self, ifa: Ifaddr, reason: str) -> None:
        """What waited for an address waited in vain."""
        hold, ifa.hold = ifa.hold, None
        for m, _ in hold or ():
            self.drop(reason, m)

    def _unsettled(self, ifa: Ifaddr) -> None:
        """IP must not use an address (yet)."""
        if self.ip.unready is None:
            self.ip.unready = {}
        self.ip.unready[ifa.address] = ifa

    def _settled(self, ifa: Ifaddr) -> None:
        """IP may use an address."""
        if self.ip.unready is not None:
            self.ip.unready.pop(ifa.address, None)
            if not self.ip.unready:
                self.ip.unready = None

    def _stop(self, ifa: Ifaddr) -> None:
        if isinstance(ifa.timer, Callout):
            ifa.timer.stop()
        ifa.timer = None

    def conflict(self, ifa: Ifaddr, by: Mac) -> None:
        """Somebody else claims an address of ours (arp_dad_duplicated; RFC 5227 2.1.1, 2.4)."""
        if ifa.flags & IN_IFF_TENTATIVE:
            self._stop(ifa)
            ifa.flags = ifa.flags & ~IN_IFF_TENTATIVE | IN_IFF_DUPLICATED
            self._fail(ifa, "duplicated")
            self.log(f"{ifa.ifp.name}: DAD duplicate address {ifa.address} from {by}")
            return
        self.log(f"{ifa.ifp.name}: duplicate IP address {ifa.address} sent from link address {by}")
        now = self.callouts.now
        if ifa.defended is None or now - ifa.defended >= DEFEND_INTERVAL:  # RFC 5227 2.4 (c): we keep it
            ifa.defended = now
            self.arp.announce(ifa.ifp, ifa.address)

    def link_changed(self, ifp: Ifnet) -> None:
        """An interface went up or down, or changed its MTU or address (in_if_link_up, in_if_link_down)."""
        self.routes.narrow(ifp)
        self.routes.changed()
        if self.routes.listeners:
            self.routes.notify(RtMessage("RTM_IFINFO", ifname=ifp.name, ifindex=ifp.index, flags=ifp.flags))
        if ifp.is_loopback:
            return
        for ifa in ifp.addresses:
            if not ifp.runs and not ifa.flags & IN_IFF_DETACHED:
                self._detach(ifa)
            elif ifp.runs and ifa.flags & IN_IFF_DETACHED:
                self._begin(ifa, True)
