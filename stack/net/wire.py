"""A bus: the Ethernet segment between hosts of a lab, ideal or with a personality (rump's shmif, in one process).

An ideal bus carries super-segments as they are (net/gso.py), if all on it take them; else, and with a personality,
there are wire frames only.

An ideal bus puts a frame straight into the receivers' input queues, which are looked at later: a wire
never calls into a neighbour.  A bus with a personality lets every frame pass, in this order:

    queue and rate   the sender's frames leave one after the other; one too many is lost
    ecn              one that waits behind many is marked, if its packet may be (RFC 3168 5)
    loss             it is gone
    duplication      it comes twice
    corruption       a bit of the packet comes the other way
    reordering       it is held back, so that those behind overtake it
    delay            it arrives that much later, one way

All chance comes from the bus's own seeded generator.  Frames on their way wait in one queue with one
callout for its head; a delayed burst costs one entry in the clock's heap.
"""

from __future__ import annotations

import errno
import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from stack.addr import Mac
from stack.callout import Callout, Callouts
from stack.header.ether import ETHERTYPE_ARP, ETHERTYPE_IP
from stack.header.ip import IPTOS_ECN_CE, IPTOS_ECN_MASK, IPTOS_ECN_NOTECT, set_ce
from stack.kern.errors import oserror
from stack.mbuf import ETHER_HDR_LEN, Mbuf
from stack.net.ethernet import Ether, Ethernet, m_devget
from stack.net.gso import send_segments
from stack.net.ifnet import IFCAP_GSO, IFCAP_LRO, IFF_PROMISC, IFF_RUNNING, IFF_UP, IFQ_MAXLEN, Tap
from stack.probe import Probes, Protocol

_ARP, _IP = ETHERTYPE_ARP.to_bytes(2), ETHERTYPE_IP.to_bytes(2)
_OVERHEAD = 24  # bytes a frame takes on a real wire beyond its own: preamble 8, FCS 4, gap 12
_HOLD_BACK = 4  # a reordered frame is held back by so many of its own sending times, or
_HOLD_BACK_LEAST = 0.001  # so many seconds, when that is more


class Personality(NamedTuple):
    """What a bus does to frames; the defaults are an ideal wire."""

    delay: float = 0.0  # seconds, one way
    rate: float = 0.0  # bits a second, of each sender; 0 is infinite
    loss: float = 0.0  # probabilities, 0 to 1
    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    queue: int = 100  # frames that wait for a sender with a rate
    ecn: int = 0  # with so many waiting, the next are marked; 0: none ever is
    mtu: int = 65535  # the largest packet a frame may carry; interfaces have their own

    def check(self) -> None:
        """ValueError with what is wrong, in words."""
        if self.delay < 0 or self.rate < 0:
            raise ValueError("delay and rate cannot be negative")
        if self.delay > 1e6 or 0 < self.rate < 1:
            raise ValueError("a delay is at most 1000000 s, and a rate at least 1 bit/s; rate 0 is no limit")
        if not all(0 <= chance <= 1 for chance in (self.loss, self.duplicate, self.reorder, self.corrupt)):
            raise ValueError("loss, duplicate, reorder and corrupt are between 0% and 100%")
        if self.queue < 1:
            raise ValueError("the queue holds at least one frame")
        if not 0 <= self.ecn < self.queue:
            raise ValueError(f"ecn marks before the queue is full: less than {self.queue} frames; 0 is never")
        if not 68 <= self.mtu <= 65535:
            raise ValueError("the MTU is between 68 and 65535")


IDEAL = Personality()


class Shmif(Ethernet):
    """shmifN: an interface on a bus (BSD rump/net/lib/libshmif/if_shmem.c)."""

    kind = "shmif"
    capabilities = IFCAP_GSO
    capusual = IFCAP_LRO  # who forwards super-segments may; but our TCP makes none: labs are for looking at segments
    __slots__ = ("bus", "departures", "find_bus")

    def __init__(self, name: str, index: int, lladdr: Mac, ether: Ether, find_bus: Callable[[str], Bus]) -> None:
        super().__init__(name, index, lladdr, ether)
        self.find_bus = find_bus
        self.bus: Bus | None = None
        self.departures: deque[float] | None = None  # when its frames will have left, on a bus with a rate

    @property
    def baudrate(self) -> float:
        """The rate of its bus."""
        return 0.0 if self.bus is None else self.bus.personality.rate

    def set_linkstr(self, linkstr: str | None) -> None:
        """Join a bus, or leave it (None); EBUSY when it is on one already, OSError for a file that is none."""
        if linkstr is None:
            if self.bus is None:
                raise oserror(errno.ENOTCONN)
            self.bus.detach(self)
            self.bus = None
        else:
            if self.bus is not None:
                raise oserror(errno.EBUSY)
            bus = self.find_bus(linkstr)
            bus.attach(self)
            self.bus = bus
        self.linkstr = linkstr
        self.departures = None
        self.changed()

    def init(self) -> None:
        """It runs when it is up and on a bus that carries frames."""
        if self.flags & IFF_UP and self.bus is not None and self.bus.carrier:
            self.flags |= IFF_RUNNING
        else:
            self.flags &= ~IFF_RUNNING
        if self.bus is not None:
            self.bus.refresh()

    def destroy(self) -> None:
        """Leave the bus and go."""
        self.down()
        if self.bus is not None:
            self.set_linkstr(None)

    def transmit(self, m: Mbuf) -> int:
        """Put a frame on the bus: Ethernet.transmit and its `start` in one, for every hop of every packet."""
        self.opackets += 1
        self.obytes += m.len + ETHER_HDR_LEN
        for tap in self.taps:
            tap(self, m, True)
        bus = self.bus
        if bus is None:
            self.oerrors += 1
            self.ether.drop("ifdown", m)
            return errno.ENETDOWN
        return bus.transmit(self, m)


class Bus(Protocol):
    """An Ethernet segment: whoever is attached hears the others."""

    name = "bus"
    carrier = True  # False while the wire is cut
    smooth = True  # it is ideal, and all on it take super-segments; no bus has an attribute for that which is as usual
    taps: tuple[Tap, ...] = ()  # of captures of the whole bus; its ports have them, so it costs a frame nothing

    def __init__(self, name: str, callouts: Callouts, probes: Probes, seed: int) -> None:
        super().__init__(name, probes)
        self.callouts = callouts
        self.seed = seed
        self.rng: random.Random | None = None  # made when chance is first asked
        self.personality = IDEAL
        self.ideal = True
        self.ports: list[Shmif] = []
        self.owners: dict[bytes, Shmif] = {}  # who takes frames for a unicast address
        self.listeners: list[Shmif] = []  # who takes all frames
        self.flying: deque[tuple[float, Shmif, Mbuf]] | None = None  # made when the first frame needs time
        self.arrival: Callout | None = None

    @property
    def label(self) -> str:
        """The bus's own name in the lab."""
        return self.hostname

    def set(self, personality: Personality) -> None:
        """Change what the bus does to frames sent from now on; ValueError when it makes no sense."""
        personality.check()
        self.personality = personality
        self.ideal = personality == IDEAL
        self.refresh()

    def set_carrier(self, carrier: bool) -> None:
        """Cut the wire, or mend it: its interfaces lose their carrier, or have it again."""
        self.carrier = carrier
        for port in list(self.ports):
            port.changed()

    def attach(self, port: Shmif) -> None:
        """An interface joins."""
        self.ports.append(port)
        port.taps += self.taps
        self.refresh()

    def detach(self, port: Shmif) -> None:
        """An interface leaves."""
        self.ports.remove(port)
        port.taps = tuple(tap for tap in port.taps if tap not in self.taps)
        self.refresh()

    def add_tap(self, tap: Tap) -> None:
        """Show a capture all frames that are sent here: as outgoing ones of the port that sends them."""
        self.taps += (tap,)
        for port in self.ports:
            port.taps += (tap,)

    def remove_tap(self, tap: Tap) -> None:
        """No longer."""
        self.taps = tuple(each for each in self.taps if each is not tap)
        for port in self.ports:
            port.taps = tuple(each for each in port.taps if each is not tap)

    def refresh(self) -> None:
        """A port came or went, or its address or flags changed: see anew who takes what."""
        running = [port for port in self.ports if port.flags & IFF_RUNNING]
        smooth = self.ideal and all(port.capenable & IFCAP_LRO for port in running)
        if smooth is not self.smooth:
            self.smooth = smooth
        self.owners = {}
        self.listeners = [port for port in running if port.flags & IFF_PROMISC]
        for port in running:
            lladdr = port.lladdr
            if lladdr is None or port in self.listeners:
                continue
            if lladdr in self.owners:  # two with one address: each must see the frames of both
                self.listeners.append(port)
            else:
                self.owners[lladdr] = port

    def transmit(self, sender: Shmif, m: Mbuf) -> int:
        """A frame goes out on the bus; 0, or ENOBUFS when the sender's queue is full."""
        if self.smooth:
            peer = self.owners.get(m.link[:6])
            if peer is not None and peer is not sender and not self.listeners:
                queue = peer.inq  # Ethernet.enqueue, written out: this is every hop of every packet
                if not queue:
                    self.callouts.ready.append(peer.isr)
                elif len(queue) >= IFQ_MAXLEN:
                    peer.iqdrops += 1
                    self.drop("iqdrops", m)
                    return 0
                queue.append(m)
            else:
                self.deliver(sender, m)
            return 0
        if m.gso_size:
            return send_segments(m, partial(self.transmit, sender))
        if self.ideal:
            self.deliver(sender, m)
            return 0
        return self._pass(sender, m)

    def deliver(self, sender: Shmif, m: Mbuf) -> None:
        """A frame arrives at all who take it."""
        link = m.link
        if link[0] & 1:
            takers = [port for port in self.ports if port is not sender and port.flags & IFF_RUNNING]
        else:
            takers = [port for port in self.listeners if port is not sender]
            owner = self.owners.get(link[:6])
            if owner is not None and owner is not sender:
                takers.append(owner)
        for port in takers:
            port.enqueue(m.copy())
        if not takers and not link[0] & 1:  # what is for everybody is lost to nobody where there is nobody
            self.drop("nobody", m)

    def _pass(self, sender: Shmif, m: Mbuf) -> int:
        """A frame passes the bus's personality."""
        personality = self.personality
        if m.len > personality.mtu:
            self.drop("toobig", m)
            return 0
        now = self.callouts.now
        leaves, sending = now, 0.0
        if personality.rate:
            sending = (m.len + ETHER_HDR_LEN + _OVERHEAD) * 8 / personality.rate
            leaves = self._leaves(sender, sending)
            if not leaves:
                sender.odrops += 1
                self.drop("queuefull", m)
                return errno.ENOBUFS
            if personality.ecn and len(sender.departures or ()) > personality.ecn + 1:  # itself, and the one being sent
                m = self._marked(m)
        arrives = leaves + personality.delay
        if personality.loss and self.chance(personality.loss):
            self.drop("loss", m)
            return 0
        copies = 2 if personality.duplicate and self.chance(personality.duplicate) else 1
        for _ in range(copies):
            copy = self._corrupted(m) if personality.corrupt and self.chance(personality.corrupt) else m
            if personality.reorder and self.chance(personality.reorder):
                late = arrives + max(_HOLD_BACK * sending, _HOLD_BACK_LEAST)
                self.callouts.schedule_at(late, partial(self.deliver, sender, copy))
            else:
                self._fly(arrives, sender, copy)
        return 0

    def _marked(self, m: Mbuf) -> Mbuf:
        """RFC 3168 5: a packet whose sender understands it is told of the queue; the others wait in it."""
        if m.link[12:] != _IP or len(m.net) < 20 or m.net[1] & IPTOS_ECN_MASK in (IPTOS_ECN_NOTECT, IPTOS_ECN_CE):
            return m
        copy = m.copy()
        copy.net = set_ce(m.net)
        self.stat["ecnmarked"] += 1
        return copy

    def _corrupted(self, m: Mbuf) -> Mbuf:
        """A copy with one bit of its packet flipped; ARP is spared, which has no checksum to be found by."""
        if not m.len or m.link[12:] == _ARP:
            return m
        bit = self.dice().randrange(m.len * 8)
        frame = bytearray(m.frame())
        frame[ETHER_HDR_LEN + bit // 8] ^= 128 >> bit % 8
        self.stat["corrupt"] += 1
        return m_devget(bytes(frame))

    def _leaves(self, sender: Shmif, sending: float) -> float:
        """When a frame that takes so long will have left its sender; 0.0 when too many wait before it."""
        if sender.departures is None:
            sender.departures = deque()
        queue, now = sender.departures, self.callouts.now
        while queue and queue[0] <= now:
            queue.popleft()
        if len(queue) > self.personality.queue:  # the first of them does not wait: it is being sent
            return 0.0
        leaves = (queue[-1] if queue else now) + sending
        queue.append(leaves)
        return leaves

    def chance(self, probability: float) -> bool:
        """Throw the dice."""
        return self.dice().random() < probability

    def dice(self) -> random.Random:
        """The bus's own source of chance."""
        if self.rng is None:
            self.rng = random.Random(f"{self.seed}/{self.label}")
        return self.rng

    def _fly(self, arrives: float, sender: Shmif, m: Mbuf) -> None:
        """Queue a frame for its arrival; one that would overtake the queue's end goes by itself."""
        if self.flying is None:
            self.flying = deque()
        if self.flying and arrives < self.flying[-1][0]:
            self.callouts.schedule_at(arrives, lambda: self.deliver(sender, m))
            return
        self.flying.append((arrives, sender, m))
        if self.arrival is None:
            self.arrival = self.callouts.schedule_at(arrives, self._arrive)

    def _arrive(self) -> None:
        """The head of the queue is here, and all that arrive with it."""
        self.arrival = None
        flying, now = self.flying or deque(), self.callouts.now
        while flying and flying[0][0] <= now:
            _, sender, m = flying.popleft()
            self.deliver(sender, m)
        if flying:
            self.arrival = self.callouts.schedule_at(flying[0][0], self._arrive)
