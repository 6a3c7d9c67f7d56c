"""The neighbour machine that ARP and IPv6 ND share (BSD net/nd.c; RFC 4861 7.3).

A table maps the addresses of one family on one link to link-layer addresses.  What a family does
differently (how it asks, what happens to packets that wait in vain) is a small `NdDomain`.

          resolve            answer             reachable time        resolve
    (none) ------> INCOMPLETE ------> REACHABLE --------------> STALE ------> DELAY
                       |                  ^                       ^             | delay
                       | no answer        | answer                | unsolicited v
                       v                  +----------------------(+)--------- PROBE -- no answer --> (none)
                   WAITDELETE -- down time --> (none)

No timer runs for a neighbour that nobody talks to, except the one that will forget it.
"""

from __future__ import annotations

import errno
from typing import Protocol

from stack.addr import Mac
from stack.callout import Callout, Callouts
from stack.mbuf import Mbuf
from stack.net.ifnet import Ifnet

ND_WAITDELETE, ND_INCOMPLETE, ND_REACHABLE, ND_STALE, ND_DELAY, ND_PROBE = range(6)
ND_STATE_NAMES = ("WAITDELETE", "INCOMPLETE", "REACHABLE", "STALE", "DELAY", "PROBE")

# Neighbor.flags (net/if_llatbl.h)
LLE_STATIC = 0x0002
LLE_PUB = 0x0020


class NdDomain(Protocol):
    """How a family asks for neighbours (struct nd_domain); the numbers are its sysctls."""

    nd_delay: int  # seconds a STALE entry is used before it is probed
    nd_bmaxtries: int  # questions to everybody
    nd_umaxtries: int  # questions to the neighbour alone
    nd_reachable: int  # milliseconds
    nd_retrans: int  # milliseconds
    nd_maxqueuelen: int  # packets that wait for one answer
    keep: int  # seconds before an unused entry is forgotten
    down: int  # seconds during which a neighbour that did not answer is not asked again

    def nd_output(self, ifp: Ifnet, address: int, unicast_to: Mac | None) -> None:
        """Ask who has an address: everybody, or one neighbour."""

    def nd_moved(self, ifp: Ifnet) -> None:
        """Our own link-layer address changed: those who know the old one should hear of it."""

    def nd_waits(self, m: Mbuf) -> None:
        """This packet waits for an answer."""

    def nd_sent(self, m: Mbuf) -> None:
        """The answer is here, and this packet, which had waited, goes out."""

    def nd_missed(self, ifp: Ifnet, address: int, m: Mbuf) -> None:
        """Nobody answered: this packet had waited."""

    def nd_dropped(self, m: Mbuf) -> None:
        """Too many packets wait: this one, the oldest, cannot."""


class Neighbor:
    """What is known of one neighbour (struct llentry)."""

    __slots__ = ("address", "asked", "expires", "flags", "header", "hold", "lladdr", "state", "timer")

    def __init__(self, address: int) -> None:
        self.address = address
        self.state = ND_INCOMPLETE
        self.lladdr: Mac | None = None
        self.header = b""  # the 14 bytes that begin a frame to it
        self.flags = 0
        self.asked = 0
        self.expires: float | None = None
        self.hold: list[Mbuf] | None = None
        self.timer: Callout | None = None


class Neighbors:
    """The neighbours of one family on one interface."""

    __slots__ = ("callouts", "domain", "entries", "ethertype", "ifp", "proxies")

    def __init__(self, ifp: Ifnet, ethertype: int, domain: NdDomain, callouts: Callouts) -> None:
        self.ifp = ifp
        self.ethertype = ethertype.to_bytes(2)
        self.domain = domain
        self.callouts = callouts
        self.entries: dict[int, Neighbor] = {}
        self.proxies: dict[int, Mac] | None = None  # published for others; we do not use them ourselves

    def resolve(self, m: Mbuf, address: int) -> int:
        """Send a packet to a neighbour, now or when its answer comes; 0 or an errno (nd_resolve, arpresolve)."""
        entry = self.entries.get(address)
        if entry is None:
            entry = self.entries[address] = Neighbor(address)
        if entry.state >= ND_REACHABLE:
            if entry.state == ND_STALE:
                entry.asked = 0
                self._enter(entry, ND_DELAY, self.domain.nd_delay)
            m.link = entry.header
            return self.ifp.send_frame(m)
        if entry.state == ND_WAITDELETE:
            return errno.EHOSTDOWN
        self._hold(entry, m)
        if entry.timer is None:
            self._ask(entry)
        return 0

    def _hold(self, entry: Neighbor, m: Mbuf) -> None:
        """Let a packet wait; RFC 1122 2.3.2.2: the latest ones are kept."""
        if entry.hold is None:
            entry.hold = []
        entry.hold.append(m)
        self.domain.nd_waits(m)
        if len(entry.hold) > self.domain.nd_maxqueuelen:
            self.domain.nd_dropped(entry.hold.pop(0))

    def _ask(self, entry: Neighbor) -> None:
        entry.asked += 1
        self._enter(entry, entry.state, self.domain.nd_retrans / 1000)
        unicast_to = entry.lladdr if entry.state == ND_PROBE else None
        self.domain.nd_output(self.ifp, entry.address, unicast_to)

    def _enter(self, entry: Neighbor, state: int, seconds: float) -> None:
        """Go to a state and stay there for a time (nd_set_timer)."""
        entry.state = state
        if entry.timer is not None:
            entry.timer.stop()
        entry.expires = self.callouts.now + seconds
        entry.timer = self.callouts.schedule(seconds, lambda: self._timer(entry))

    def _timer(self, entry: Neighbor) -> None:
        """A state's time is up (nd_timer)."""
        entry.timer = None
        domain = self.domain
        if entry.state == ND_INCOMPLETE:
            if entry.asked < domain.nd_bmaxtries:
                self._ask(entry)
            else:
                self._missed(entry)
        elif entry.state == ND_REACHABLE:
            self._enter(entry, ND_STALE, domain.keep)
        elif entry.state == ND_DELAY:
            entry.state = ND_PROBE
            self._ask(entry)
        elif entry.state == ND_PROBE and entry.asked < domain.nd_umaxtries:
            self._ask(entry)
        else:  # STALE and unused for long, a PROBE without answer, WAITDELETE
            self.forget(entry.address)

    def _missed(self, entry: Neighbor) -> None:
        hold, entry.hold = entry.hold, None
        self._enter(entry, ND_WAITDELETE, self.domain.down)
        for m in hold or ():
            self.domain.nd_missed(self.ifp, entry.address, m)

    def learn(self, address: int, lladdr: Mac, *, create: bool, confirmed: bool) -> Neighbor | None:
        """A neighbour said what its link-layer address is (arp_check_update_lle, FreeBSD's).

        `confirmed` says that it answered us, so that we know both ways work (RFC 4861 7.3.1).
        """
        entry = self.entries.get(address)
        if entry is None:
            if not create:
                return None
            entry = self.entries[address] = Neighbor(address)
        known = entry.lladdr
        self._set_lladdr(entry, lladdr)
        entry.asked = 0
        if confirmed:
            self._enter(entry, ND_REACHABLE, self.domain.nd_reachable / 1000)
        elif known != lladdr:  # RFC 4861 7.2.3: that it spoke does not say that it hears us
            self._enter(entry, ND_STALE, self.domain.keep)
        self._release(entry)
        return entry

    def set_static(self, address: int, lladdr: Mac, flags: int, seconds: float | None = None) -> Neighbor:
        """Enter a neighbour by hand; `seconds` lets it expire (arp -s, temp)."""
        old = self.entries.get(address)
        entry = Neighbor(address)
        if old is not None:
            entry.hold, old.hold = old.hold, None
        self.forget(address)
        self.entries[address] = entry
        self._set_lladdr(entry, lladdr)
        entry.flags = flags
        entry.state = ND_REACHABLE
        if seconds is not None:
            self._enter(entry, ND_STALE, seconds)
        self._release(entry)
        return entry

    def _set_lladdr(self, entry: Neighbor, lladdr: Mac) -> None:
        entry.lladdr = lladdr
        if self.ifp.lladdr is not None:
            entry.header = b"".join((lladdr, self.ifp.lladdr, self.ethertype))

    def _release(self, entry: Neighbor) -> None:
        """Send what has waited."""
        hold, entry.hold = entry.hold, None
        for m in hold or ():
            self.domain.nd_sent(m)
            m.link = entry.header
            self.ifp.send_frame(m)

    def relink(self) -> None:
        """Our own link-layer address changed: frames to every neighbour begin anew."""
        for entry in self.entries.values():
            if entry.lladdr is not None:
                self._set_lladdr(entry, entry.lladdr)
        self.domain.nd_moved(self.ifp)

    def forget(self, address: int) -> None:
        """Remove a neighbour, and what waits for it."""
        entry = self.entries.pop(address, None)
        if entry is not None:
            if entry.timer is not None:
                entry.timer.stop()
            for m in entry.hold or ():
                self.domain.nd_dropped(m)

    def flush(self, *, static: bool = True) -> None:
        """Remove them all, or all but the static ones."""
        for address, entry in list(self.entries.items()):
            if static or not entry.flags & LLE_STATIC:
                self.forget(address)
