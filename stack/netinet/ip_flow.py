"""The fast way through a router: flows of plain packets, a burst at a time (BSD netinet/ip_flow.c).

BSD keeps what it once found out about a flow, and must notice whatever makes that untrue.  Here a flow is
found out anew in each burst that an interface takes in, by the same questions that the layers ask, and
believed until the burst is over or a packet goes the long way: nothing else runs in between.

The long way, through `ether_input`, `ip_input` and `ip_forward`, is for packets of which there is more to
say: for us, malformed, with options, with no time left to live, too large, going back where they came
from, to a neighbour that must be asked for, or to a wire that does something to its frames; and for all
while somebody looks on (a capture, a trace).  Either way the same frames leave in the same order, and the
same is counted.

A flow ends at the next hop's queue, on an ideal bus, or at a device that takes frames at once and says whether it
did (a TAP).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from stack.header.ether import ETHERTYPE_IP
from stack.kern.sysctl import Variable
from stack.mbuf import ETHER_HDR_LEN, Mbuf
from stack.net.ethernet import Ethernet
from stack.net.gso import fits
from stack.net.ifnet import IFF_PROMISC, IFF_RUNNING, IFF_UP, IFQ_MAXLEN
from stack.net.neighbor import ND_DELAY, ND_REACHABLE
from stack.net.route import RTF_SPECIAL, Rtentry
from stack.net.wire import Bus, Shmif
from stack.netinet.ip_input import CARRY, HIGH, HOP, MARTIAN, Ip

_IP = ETHERTYPE_IP.to_bytes(2)
_PAIR = (1 << 64) - 1  # source and destination, of the header as a number
_M32 = (1 << 32) - 1

SYSCTLS = {"net.inet.ip.maxflows": Variable("ip", "maxflows", "flows forwarded the fast way at once; 0: none", 0)}


class Flow:
    """Where packets of one source and destination go (struct ipflow)."""

    __slots__ = ("bus", "header", "mtu", "out", "peer", "rt")

    def __init__(self, rt: Rtentry, out: Ethernet, bus: Bus | None, peer: Ethernet | None, header: bytes) -> None:
        self.rt = rt
        self.out = out
        self.bus = bus  # None: `out` is a device
        self.peer = peer  # who alone takes the frames, on an ideal bus
        self.header = header  # the link's, for the next hop
        self.mtu = rt.mtu or out.mtu


class IpFlow(Ip):
    """IP of one host, with the fast way through it."""

    maxflows = 256

    def fastforward(self, ifp: Ethernet, burst: list[Mbuf]) -> None:
        """Take in the frames that an interface has got: flows by the fast way, the others one by one."""
        probes = self.probes
        if len(burst) == 1 or not (self.forwarding and self.maxflows) or ifp.taps or probes.receive or probes.send:
            for m in burst:
                ifp.input(m)
            return
        flows: dict[int, Flow] = {}
        refused = -1
        at = 0
        while at < len(burst):
            m = burst[at]
            pair = int.from_bytes(m.net) & _PAIR
            flow = None if pair == refused else flows.get(pair) or self._find(ifp, m, pair)
            taken = 0 if flow is None else self._pass_on(ifp, flow, pair, islice(burst, at, None))
            if flow is not None and taken:
                if len(flows) >= self.maxflows:
                    flows.clear()
                flows[pair] = flow
                at += taken
            else:
                ifp.input(m)
                refused = pair  # most likely the next one, too
                flows.clear()  # it may have changed anything
                at += 1

    def _find(self, ifp: Ethernet, m: Mbuf, pair: int) -> Flow | None:
        """What the layers would do with a packet's flow; None when that is more than to pass it on."""
        link, dst = m.link, pair & _M32
        if link[:6] != ifp.lladdr or link[12:] != _IP or pair >> 56 in MARTIAN:
            return None
        rt = self.cache.get(dst) or self.routes.lookup(dst)
        if rt is None or rt.flags & RTF_SPECIAL or rt.ifp is ifp:
            return None
        out = rt.ifp
        if not isinstance(out, Ethernet) or out.taps or out.arptab is None:
            return None
        if out.flags & (IFF_UP | IFF_RUNNING | IFF_PROMISC) != IFF_UP | IFF_RUNNING:
            return None
        neighbor = out.arptab.entries.get(rt.nexthop or dst)
        if neighbor is None or not (neighbor.state == ND_REACHABLE or neighbor.state >= ND_DELAY):
            return None
        if out.immediate:
            return Flow(rt, out, None, None, neighbor.header)
        if type(out) is not Shmif or type(out.bus) is not Bus:
            return None  # a bus in a file has more to do with each frame
        bus = out.bus
        peer = bus.owners.get(neighbor.header[:6])
        if not bus.smooth or bus.listeners or peer is None or peer is out:
            return None
        return Flow(rt, out, bus, peer, neighbor.header)

    def _pass_on(self, ifp: Ethernet, flow: Flow, pair: int, burst: Iterable[Mbuf]) -> int:
        """Take a run of packets of one flow one hop further; how many they were."""
        header, mtu = flow.header, flow.mtu
        known = b""
        run: list[Mbuf] = []
        received: list[bytes] | None = [] if flow.bus is None else None
        size = 0
        for m in burst:
            net, length = m.net, m.len
            x = int.from_bytes(net)
            if x & _PAIR != pair or x >> 152 != 0x45 or x % 0xFFFF or x >> 128 & 0xFFFF != length:
                break
            if net[8] < 2 or (length > mtu and not fits(m, mtu)):
                break
            if m.link != known:
                known = m.link
                if known[:6] != ifp.lladdr or known[12:] != _IP:
                    break
            m.net = (x - (CARRY if x & HIGH == HIGH else HOP)).to_bytes(20)
            m.link = header
            run.append(m)
            size += length
            if received is not None:
                received.append(net)
        packets = len(run)
        if packets:
            self._count(ifp, flow, packets, size + ETHER_HDR_LEN * packets)
            if received is None:
                self._queue(flow, run)
            else:
                self._start(ifp, flow.out, run, received)
        return packets

    @staticmethod
    def _queue(flow: Flow, run: list[Mbuf]) -> None:
        """Give packets to the next hop's queue, as many as it takes."""
        bus, peer = flow.bus, flow.peer
        assert bus is not None and peer is not None
        queue = peer.inq
        room = max(0, IFQ_MAXLEN - len(queue))
        if not queue:
            bus.callouts.soon(peer.isr)
        queue += run[:room]
        for m in run[room:]:
            peer.iqdrops += 1
            bus.drop("iqdrops", m)

    def _start(self, ifp: Ethernet, out: Ethernet, run: list[Mbuf], received: list[bytes]) -> None:
        """Give packets to a device; what it will not have is as it came in again."""
        start = out.start
        for m, net in zip(run, received, strict=True):
            error = start(m)
            if error:
                m.net, m.rcvif, m.flags = net, ifp, 0
                self.forwarded -= 1
                self._not_sent(m, error)

    def _count(self, ifp: Ethernet, flow: Flow, packets: int, size: int) -> None:
        """What the layers would have counted of so many packets, of so many bytes with their link headers."""
        ifp.ipackets += packets
        ifp.ibytes += size
        self.total += packets
        flow.rt.use += packets
        flow.out.opackets += packets
        flow.out.obytes += size
        self.forwarded += packets
