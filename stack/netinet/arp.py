"""ARP: the IPv4 side of the neighbour machine (BSD netinet/if_arp.c; RFC 826, 1122 2.3.2, 5227).

The states and timers are net/neighbor.py's; here is how IPv4 asks, answers, notices duplicates.
"""

from __future__ import annotations

from collections.abc import Callable

from stack.addr import ETHER_BROADCAST, INADDR_ANY, Ip4, Mac
from stack.callout import Callouts
from stack.header.arp import ARPOP_REPLY, ARPOP_REQUEST
from stack.header.arp import Arp as ArpHeader
from stack.header.ether import ETHERTYPE_ARP, ETHERTYPE_IP
from stack.header.icmp import ICMP_UNREACH, ICMP_UNREACH_HOST
from stack.kern.sysctl import Variable
from stack.mbuf import M_BCAST, M_MCAST, Mbuf
from stack.net.ethernet import Ethernet
from stack.net.ifnet import IFF_NOARP, IN_IFF_DUPLICATED, IN_IFF_TENTATIVE, Ifaddr, Ifnet
from stack.net.neighbor import LLE_PUB, LLE_STATIC, Neighbors
from stack.probe import Probes, Protocol

_ARP = ETHERTYPE_ARP.to_bytes(2)

SYSCTLS = {
    "net.inet.arp.keep": Variable("arp", "keep", "seconds an unused entry is kept", 1),
    "net.inet.arp.down": Variable("arp", "down", "seconds a silent neighbour is not asked again", 0),
    "net.inet.arp.nd_delay": Variable("arp", "nd_delay", "seconds before a stale entry in use is probed", 0),
    "net.inet.arp.nd_bmaxtries": Variable("arp", "nd_bmaxtries", "broadcast requests before giving up", 1, 100),
    "net.inet.arp.nd_umaxtries": Variable("arp", "nd_umaxtries", "unicast requests before giving up", 0, 100),
    "net.inet.arp.nd_reachable": Variable("arp", "nd_reachable", "milliseconds an answer is good for", 1),
    "net.inet.arp.nd_retrans": Variable("arp", "nd_retrans", "milliseconds between requests", 1),
    "net.inet.arp.nd_maxqueuelen": Variable("arp", "nd_maxqueuelen", "packets that wait for an answer", 1, 4096),
    "net.inet.arp.log_movements": Variable("arp", "log_movements", "log an address that moves", 0, 1),
}


class Arp(Protocol):
    """ARP of one host."""

    name = "arp"
    keep = 1200
    down = 20
    nd_delay = 5
    nd_bmaxtries = 3
    nd_umaxtries = 3
    nd_reachable = 30000
    nd_retrans = 1000
    nd_maxqueuelen = 64
    log_movements = 1

    error: Callable[[Mbuf, int, int, int], None]  # icmp_error, set by Host
    conflict: Callable[[Ifaddr, Mac], None]  # duplicate address detection, set by Host

    def __init__(self, hostname: str, probes: Probes, callouts: Callouts, interfaces: dict[str, Ifnet]) -> None:
        super().__init__(hostname, probes)
        self.callouts = callouts
        self.interfaces = interfaces

    def attach(self, ifp: Ethernet) -> None:
        """An Ethernet gets its table (arp_ifinit)."""
        ifp.arptab = Neighbors(ifp, ETHERTYPE_IP, self, self.callouts)

    def purge(self, ifp: Ifnet) -> None:
        """An address is gone, and with it the neighbours on its net (lltable_prefix_free)."""
        if isinstance(ifp, Ethernet) and ifp.arptab is not None:
            for address, entry in list(ifp.arptab.entries.items()):
                if not entry.flags & LLE_STATIC and ifp.on_link(address) is None:
                    ifp.arptab.forget(address)

    def tables(self) -> list[Neighbors]:
        """The tables of all interfaces that have one."""
        return [
            ifp.arptab for ifp in self.interfaces.values() if isinstance(ifp, Ethernet) and ifp.arptab is not None
        ]

    # --- what the neighbour machine asks of us ------------------------------------------------

    def nd_output(self, ifp: Ifnet, address: int, unicast_to: Mac | None) -> None:
        """Ask who has an address (arprequest)."""
        ifa = ifp.on_link(address)
        if ifa is None or not ifa.ready:
            ifa = next((other for other in ifp.addresses if other.ready), None)
        if ifa is not None:  # to ask from 0.0.0.0 would be a probe, and the neighbour's duplicate (RFC 5227 1.1)
            self.request(ifp, ifa.address, Ip4(address), unicast_to)

    def nd_moved(self, ifp: Ifnet) -> None:
        """Our link-layer address is a new one: say so, that nobody sends to the old (RFC 5227 2.3)."""
        for ifa in ifp.addresses:
            if ifa.ready:
                self.announce(ifp, ifa.address)

    def nd_waits(self, m: Mbuf) -> None:
        """A packet waits for an answer."""
        self.stat["dfrtotal"] += 1

    def nd_sent(self, m: Mbuf) -> None:
        """A packet that waited goes out."""
        self.stat["dfrsent"] += 1

    def nd_missed(self, ifp: Ifnet, address: int, m: Mbuf) -> None:
        """RFC 1812 3.3.2: the neighbour is silent, so its packet's sender is told."""
        self.drop("dfrdropped", m)
        if m.rcvif is not None:
            self.error(m, ICMP_UNREACH, ICMP_UNREACH_HOST, 0)

    def nd_dropped(self, m: Mbuf) -> None:
        """A packet waited for an answer, and may wait no longer."""
        self.drop("dfrdropped", m)

    # --- output -------------------------------------------------------------------------------

    def request(self, ifp: Ifnet, source: Ip4, target: Ip4, unicast_to: Mac | None = None) -> None:
        """Send a request; from 0.0.0.0 it is a probe (RFC 5227 1.1), for our own address an announcement."""
        self.stat["sndrequest"] += 1
        self._send(ifp, unicast_to or ETHER_BROADCAST, ARPOP_REQUEST, source, Mac(bytes(6)), target)

    def announce(self, ifp: Ifnet, address: Ip4) -> None:
        """Gratuitous ARP: tell everybody who has this address (RFC 5227 2.3)."""
        self.request(ifp, address, address)

    def _send(self, ifp: Ifnet, to: Mac, op: int, spa: Ip4, tha: Mac, tpa: Ip4, sha: Mac | None = None) -> None:
        if not isinstance(ifp, Ethernet) or ifp.lladdr is None or not ifp.runs or ifp.flags & IFF_NOARP:
            return
        self.stat["sndtotal"] += 1
        m = Mbuf(ArpHeader(op, sha or ifp.lladdr, spa, tha, tpa).pack())
        if to.is_multicast:
            ifp.multicast(m, to, _ARP)
        else:
            ifp.encapsulate(m, to, _ARP)

    # --- input --------------------------------------------------------------------------------

    def input(self, m: Mbuf) -> None:
        """An ARP message has come in (arpintr, in_arpinput)."""
        self.stat["rcvtotal"] += 1
        ifp = m.rcvif
        if not isinstance(ifp, Ethernet) or ifp.arptab is None or ifp.lladdr is None or ifp.flags & IFF_NOARP:
            return self.drop("rcvnoint", m)
        if m.flags & (M_BCAST | M_MCAST):
            self.stat["rcvmcast"] += 1
        try:
            header = ArpHeader.parse(m.data)
        except ValueError as bad:
            return self.drop("rcvbadlen" if "short" in str(bad) or "length" in str(bad) else "rcvbadproto", m)
        if header.op not in (ARPOP_REQUEST, ARPOP_REPLY):
            return self.drop("rcvbadop", m)
        reason = self._impossible(header, ifp)
        if reason:
            return self.drop(reason, m)
        self.stat["rcvreply" if header.op == ARPOP_REPLY else "rcvrequest"] += 1
        if self._conflicts(header, ifp):
            return self.drop("rcvlocalspa", m)
        if header.tpa == INADDR_ANY:  # the answer to a probe, which is nobody's business but the prober's
            return self.drop("rcvzerotpa", m)
        if self._contradicts(header, ifp):
            return self.drop("rcvoverperm", m)
        self._update(header, ifp, m)
        if header.op == ARPOP_REQUEST:
            self._answer(header, ifp)
        return None

    def _impossible(self, header: ArpHeader, ifp: Ethernet) -> str:
        """The reason why nobody could honestly send this; "" when somebody could."""
        if header.sha == ifp.lladdr:
            return "rcvlocalsha"  # our own, come back
        if header.sha.is_multicast:
            return "rcvbcastsha"
        if header.op == ARPOP_REPLY and header.spa == INADDR_ANY:
            return "rcvzerospa"
        # everybody, or a group, has no link-layer address that one could tell
        bad = header.spa.is_multicast or header.spa and ifp.is_broadcast(header.spa)
        return "rcvbadspa" if bad else ""

    def _conflicts(self, header: ArpHeader, ifp: Ethernet) -> bool:
        """RFC 5227 2.1.1 and 2.4: does somebody else claim, or probe for, an address of ours?"""
        ifa = ifp.find(header.spa)
        if ifa is None and header.spa == INADDR_ANY:  # a probe for what we probe for ourselves
            ifa = ifp.find(header.tpa)
            if ifa is not None and not ifa.flags & IN_IFF_TENTATIVE:
                return False  # it is answered like any request
        if ifa is None or ifa.flags & IN_IFF_DUPLICATED:
            return False
        self.conflict(ifa, header.sha)
        return True

    def _contradicts(self, header: ArpHeader, ifp: Ethernet) -> bool:
        """Whether somebody claims an address that a user gave to another for good."""
        assert ifp.arptab is not None
        known = ifp.arptab.entries.get(header.spa)
        return known is not None and bool(known.flags & LLE_STATIC) and known.lladdr != header.sha

    def _update(self, header: ArpHeader, ifp: Ethernet, m: Mbuf) -> None:
        """Learn from what was said (RFC 826): always what we know already, else only when it is for us."""
        table = ifp.arptab
        assert table is not None
        if header.spa == INADDR_ANY or ifp.on_link(header.spa) is None:
            return
        for_us = self._ours(header.tpa, ifp) is not None
        known = table.entries.get(header.spa)
        if known is not None and known.lladdr is not None and known.lladdr != header.sha:
            self.stat["rcvover"] += 1
            if self.log_movements:
                self.log(f"arp info overwritten for {header.spa} by {header.sha}")
        if known is None or not known.flags & LLE_STATIC:
            answered = header.op == ARPOP_REPLY and not m.flags & (M_BCAST | M_MCAST)
            table.learn(header.spa, header.sha, create=for_us, confirmed=answered and for_us)

    def _ours(self, address: Ip4, ifp: Ethernet) -> Ifaddr | None:
        """The interface's own address of that value, if it may be used."""
        ifa = ifp.find(address)
        return ifa if ifa is not None and ifa.ready else None

    def _answer(self, header: ArpHeader, ifp: Ethernet) -> None:
        """Answer a request for an address of ours, or for one that we publish for another."""
        table = ifp.arptab
        assert table is not None and ifp.lladdr is not None
        answer: Mac | None = None
        if self._ours(header.tpa, ifp) is not None:
            answer = ifp.lladdr
        elif table.proxies is not None and header.tpa in table.proxies:
            answer = table.proxies[header.tpa]
        else:
            entry = table.entries.get(header.tpa)
            if entry is not None and entry.flags & LLE_PUB:
                answer = entry.lladdr
        if answer is not None:
            self.stat["sndreply"] += 1
            self._send(ifp, header.sha, ARPOP_REPLY, header.tpa, header.sha, header.spa, answer)
