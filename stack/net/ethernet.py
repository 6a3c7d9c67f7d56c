"""Ethernet: frames in and out (BSD net/if_ethersubr.c, net/if_ether.h; RFC 894, 1112).

Frames that come wait in `inq` until the host's software interrupt takes them all at once (BSD's
netisr): the scheduler queues interfaces, not frames.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Protocol as Structure

from stack.addr import ETHER_BROADCAST, INADDR_ALLHOSTS_GROUP, Mac
from stack.callout import Callouts
from stack.header.ether import ETHERTYPE_IP, ETHERTYPE_VLAN, multicast_mac
from stack.kern.errors import oserror
from stack.mbuf import ETHER_HDR_LEN, M_BCAST, M_MCAST, M_PROMISC, Mbuf
from stack.net.ifnet import (
    IFCAP_GSO,
    IFF_ALLMULTI,
    IFF_BROADCAST,
    IFF_MULTICAST,
    IFF_NOARP,
    IFF_PROMISC,
    IFF_RUNNING,
    IFF_SIMPLEX,
    IFF_UP,
    IFQ_MAXLEN,
    Ifnet,
)
from stack.net.neighbor import ND_DELAY, ND_REACHABLE, Neighbors
from stack.probe import Probes, Protocol

ETHERMTU = 1500
_IP = ETHERTYPE_IP.to_bytes(2)
_VLAN = ETHERTYPE_VLAN.to_bytes(2)


class BridgePort(Structure):
    """What an interface knows of the bridge that it is a member of (struct bridge_iflist)."""

    @property
    def mtu(self) -> int:
        """The bridge's, which all its members have."""

    def input(self, m: Mbuf) -> None:
        """A frame has come here."""

    def output(self, m: Mbuf) -> int:
        """The host itself sends a frame from here."""

    def leave(self) -> None:
        """The interface goes away."""


class Ether(Protocol):
    """What all Ethernets of a host share: where frames of each type go, and the drops."""

    name = "ether"
    tagged: Callable[[Mbuf], None] | None = None  # vlan_input, when there is a VLAN
    fastforward: Callable[[Ethernet, list[Mbuf]], None]  # takes in a burst; set by Host

    def __init__(self, hostname: str, probes: Probes, callouts: Callouts) -> None:
        super().__init__(hostname, probes)
        self.callouts = callouts
        self.demux: dict[bytes, Callable[[Mbuf], None]] = {}  # by the two bytes of the ethertype; filled by Host


class Ethernet(Ifnet):
    """An interface that sends and receives Ethernet frames; a driver says how they leave."""

    capusual = 0  # what of its capabilities is switched on at first
    immediate = False  # its device takes frames at once, and nothing of ours happens to them behind it
    __slots__ = ("arptab", "bridge", "capenable", "demux", "ether", "inq", "isr")

    def __init__(self, name: str, index: int, lladdr: Mac, ether: Ether) -> None:
        super().__init__(name, index, IFF_BROADCAST | IFF_SIMPLEX | IFF_MULTICAST, ETHERMTU, lladdr)
        self.ether = ether
        self.capenable = self.capusual
        self.demux = ether.demux
        self.arptab: Neighbors | None = None
        self.bridge: BridgePort | None = None
        self.inq: list[Mbuf] = []
        self.isr = self.intr  # bound once: it is queued for every burst

    @property
    def baudrate(self) -> float:
        """How many bits a second the link carries; 0.0 where that is unknown."""
        return 0.0

    def set_capenable(self, capenable: int) -> None:
        """Switch what its device does for the stack; OSError EINVAL for what it cannot (SIOCSIFCAP)."""
        if capenable & ~(self.capabilities | self.capenable):
            raise oserror(errno.EINVAL)
        self.capenable = capenable
        self.init()

    def allow_gso(self, allowed: bool) -> None:
        """Let super-segments come and leave here as is usual, or not at all."""
        usual = self.capusual & self.capabilities & IFCAP_GSO
        self.set_capenable(self.capenable & ~IFCAP_GSO | (usual if allowed else 0))

    # --- input --------------------------------------------------------------------------------

    def enqueue(self, m: Mbuf) -> None:
        """A frame has come: it waits for the software interrupt (if_percpuq_enqueue)."""
        queue = self.inq
        if not queue:
            self.ether.callouts.ready.append(self.isr)
        elif len(queue) >= IFQ_MAXLEN:
            self.iqdrops += 1
            return self.ether.drop("iqdrops", m)
        queue.append(m)

    def intr(self) -> None:
        """Take in all the frames that came since the last time (netisr)."""
        queue, self.inq = self.inq, []
        if self.flags & IFF_UP:
            if self.bridge is None:
                return self.ether.fastforward(self, queue)
            ether_input = self.bridge.input
            for m in queue:
                ether_input(m)
        else:
            for m in queue:
                self.ether.drop("ifdown", m)

    def input_frame(self, frame: bytes) -> None:
        """A frame has come from outside, in one piece."""
        if len(frame) < ETHER_HDR_LEN:
            self.ierrors += 1
            return self.ether.drop("tooshort", Mbuf(frame))
        self.enqueue(m_devget(frame))

    def input(self, m: Mbuf) -> None:
        """Take in one frame: count it, show it to taps, hand it to its protocol."""
        self.ipackets += 1
        self.ibytes += m.len + ETHER_HDR_LEN
        for tap in self.taps:
            tap(self, m, False)
        link = m.link
        if link[:6] == self.lladdr:  # ether_input, written out: this is every hop of every packet
            protocol = self.demux.get(link[12:])
            if protocol is not None:
                m.rcvif = self
                m.flags = 0
                return protocol(m)
        self.ether_input(m)

    def ether_input(self, m: Mbuf) -> None:
        """Hand a frame to its protocol, if it is for us."""
        link = m.link
        m.rcvif = self
        m.flags = 0
        if link[:6] != self.lladdr and not self._group(m, link):
            return self.ether.drop("notforus", m)
        protocol = self.ether.tagged if link[12:14] == _VLAN else self.demux.get(link[12:])
        if protocol is None:
            return self.ether.drop("noproto", m)
        protocol(m)

    def _group(self, m: Mbuf, link: bytes) -> bool:
        """Whether a frame that is not addressed to us alone is meant for us too."""
        if not link[0] & 1:  # RFC 894: somebody else's; we only see it because we are promiscuous
            m.flags = M_PROMISC
            return link[12:14] == _VLAN and bool(self.flags & IFF_PROMISC)  # perhaps for a bridge of VLANs
        self.imcasts += 1
        if link[:6] == ETHER_BROADCAST:
            m.flags = M_BCAST
            return True
        m.flags = M_MCAST
        if self.flags & (IFF_ALLMULTI | IFF_PROMISC) or link[12:] != _IP:
            return True
        return any(multicast_mac(group) == link[:6] for group in (INADDR_ALLHOSTS_GROUP, *(self.groups or ())))

    # --- output -------------------------------------------------------------------------------

    def output(self, m: Mbuf, nexthop: int) -> int:
        """Send an IPv4 packet to a neighbour (ether_output)."""
        if self.flags & (IFF_UP | IFF_RUNNING | IFF_PROMISC) == IFF_UP | IFF_RUNNING:
            table = self.arptab
            if table is not None:
                entry = table.entries.get(nexthop)
                if entry is not None and (entry.state == ND_REACHABLE or entry.state >= ND_DELAY):
                    m.link = entry.header
                    return self.transmit(m)  # not a bridge's member: those are promiscuous
        return self._output(m, nexthop)

    def _output(self, m: Mbuf, nexthop: int) -> int:
        """All other cases: the link header, ARP if it must be."""
        if self.flags & (IFF_UP | IFF_RUNNING) != IFF_UP | IFF_RUNNING:
            self.ether.drop("ifdown", m)
            return errno.ENETDOWN
        if nexthop >> 28 == 14:
            return self.multicast(m, multicast_mac(nexthop), _IP)
        if self.is_broadcast(nexthop):
            return self.multicast(m, ETHER_BROADCAST, _IP)
        table = self.arptab
        if table is None or self.flags & IFF_NOARP:
            self.ether.drop("noarp", m)
            return errno.ENETUNREACH
        error = table.resolve(m, nexthop)
        if error:
            self.ether.drop("hostdown", m)
        return error

    def multicast(self, m: Mbuf, group: bytes, ethertype: bytes) -> int:
        """Send a packet to a link-layer group."""
        self.omcasts += 1
        return self.encapsulate(m, group, ethertype)

    def encapsulate(self, m: Mbuf, to: bytes, ethertype: bytes) -> int:
        """Put the link header before a packet and send it."""
        assert self.lladdr is not None
        m.link = b"".join((to, self.lladdr, ethertype))
        return self.send_frame(m)

    def send_frame(self, m: Mbuf) -> int:
        """Send a complete frame of our own, through the bridge if there is one."""
        return self.transmit(m) if self.bridge is None else self.bridge.output(m)

    def transmit(self, m: Mbuf) -> int:
        """Count a complete frame, show it to taps, and let the device send it."""
        self.opackets += 1
        self.obytes += m.len + ETHER_HDR_LEN
        for tap in self.taps:
            tap(self, m, True)
        return self.start(m)

    def start(self, m: Mbuf) -> int:
        """Give a frame to the device (if_start)."""
        raise NotImplementedError

    def set_mtu(self, mtu: int) -> None:
        """Set the MTU; EBUSY for a bridge's member, whose MTU is the bridge's."""
        if self.bridge is not None and mtu != self.bridge.mtu:
            raise oserror(errno.EBUSY)
        super().set_mtu(mtu)

    def set_lladdr(self, lladdr: Mac) -> None:
        """Set the link-layer address: frames to known neighbours begin anew."""
        super().set_lladdr(lladdr)
        if self.arptab is not None:
            self.arptab.relink()


def m_devget(frame: bytes) -> Mbuf:
    """A frame that is one piece as a packet of parts, its IP header as long as it claims to be (m_devget)."""
    if frame[12:14] == _IP:
        if frame[14:15] == b"\x45" and frame[23:24] == b"\6" and frame[20] & 0x3F == frame[21] == 0 and len(frame) > 53:
            end = 34 + (frame[46] >> 4 << 2)  # nobody need cut a whole TCP segment again
            return Mbuf(frame[end:], frame[34:end], frame[14:34], frame[:14])
        end = 14 + (frame[14] & 15) * 4 if len(frame) > 14 else 14
        return Mbuf(frame[end:], b"", frame[14:end], frame[:14])
    return Mbuf(frame[14:], b"", b"", frame[:14])
