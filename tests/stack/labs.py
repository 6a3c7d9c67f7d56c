"""Small labs for tests of the stack, and what is put into them by hand.

A `Station` is an interface on a bus with nobody behind it: it sends the frames it is given and keeps
those it hears, so a test can be any neighbour, honest or not.  A `Watch` keeps what died, and why.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stack.addr import ETHER_BROADCAST, Ip4, Mac, Prefix
from stack.header.arp import ARPOP_REPLY, ARPOP_REQUEST, Arp
from stack.header.checksum import checksum, pseudo4
from stack.header.ether import ETHERTYPE_ARP, ETHERTYPE_IP, Ether, multicast_mac
from stack.header.icmp import build
from stack.header.ip import IPPROTO_ICMP, IPPROTO_UDP, Ip
from stack.header.udp import Udp
from stack.host import Host
from stack.kern.socket import SOCK_DGRAM, SOCK_RAW, Socket
from stack.lab import Lab, next_unit
from stack.mbuf import Mbuf
from stack.net.ethernet import Ether as EtherProtocol
from stack.net.ethernet import Ethernet
from stack.net.ifnet import IFF_PROMISC, Ifnet
from stack.net.neighbor import LLE_STATIC, Neighbors
from stack.net.wire import Shmif
from stack.probe import Probes

ZERO_MAC = Mac(bytes(6))


def ip4(text: str) -> Ip4:
    """An address from its dots."""
    return Ip4.parse(text)


# --- labs ---------------------------------------------------------------------------------------


def attach(lab: Lab, host: Host, bus: str, address: str, plen: int = 24, *, dad: bool = False) -> Ifnet:
    """A new interface of a host on a bus, with an address."""
    ifp = host.ifcreate(next_unit(host, "shmif"))
    ifp.set_linkstr(bus)
    host.set_address(ifp, ip4(address), plen, dad=dad)
    return ifp


def pair(seed: int = 1) -> tuple[Lab, Host, Host]:
    """a (10.0.0.1) and b (10.0.0.2) on the bus `lan`."""
    lab = Lab(seed)
    a, b = lab.add_host("a"), lab.add_host("b")
    attach(lab, a, "lan", "10.0.0.1")
    attach(lab, b, "lan", "10.0.0.2")
    settle(lab)
    return lab, a, b


def routed(seed: int = 1) -> tuple[Lab, Host, Host, Host]:
    """a (10.0.1.1) - left - r (10.0.1.254, 10.0.2.254) - right - b (10.0.2.1), default routes set."""
    lab = Lab(seed)
    a, r, b = lab.add_host("a"), lab.add_host("r"), lab.add_host("b")
    attach(lab, a, "left", "10.0.1.1")
    attach(lab, r, "left", "10.0.1.254")
    attach(lab, r, "right", "10.0.2.254")
    attach(lab, b, "right", "10.0.2.1")
    a.add_route(Prefix.parse("default"), ip4("10.0.1.254"))
    b.add_route(Prefix.parse("default"), ip4("10.0.2.254"))
    settle(lab)
    return lab, a, r, b


def settle(lab: Lab) -> None:
    """Let what is in the air at this very time come down: announcements, mostly."""
    lab.run(lab.callouts.now)


def wait(lab: Lab, seconds: float) -> None:
    """Let time pass."""
    lab.run(lab.callouts.now + seconds)


def udp(host: Host, port: int = 0, address: str = "0.0.0.0") -> Socket:
    """A bound UDP socket."""
    so = host.socket(SOCK_DGRAM)
    so.bind((ip4(address), port))
    return so


def raw(host: Host, protocol: int) -> Socket:
    """A raw socket."""
    return host.socket(SOCK_RAW, protocol)


def received(so: Socket) -> list[bytes]:
    """All datagrams that wait in a socket."""
    found = []
    while so.readable:
        found.append(so.recv(1 << 20))
    return found


# --- what died, and why -------------------------------------------------------------------------


class Death(NamedTuple):
    """One drop."""

    host: str
    protocol: str
    reason: str


class Watch:
    """Keeps every drop of a lab."""

    def __init__(self, lab: Lab) -> None:
        self.deaths: list[Death] = []
        self.packets: list[Mbuf | None] = []
        lab.probes.drop += (self._drop,)

    def _drop(self, host: str, protocol: str, reason: str, m: Mbuf | None) -> None:
        self.deaths.append(Death(host, protocol, reason))
        self.packets.append(m)

    def reasons(self, host: str | None = None) -> list[str]:
        """Why packets died since the last time one asked."""
        found = [death.reason for death in self.deaths if host in (None, death.host)]
        self.deaths.clear()
        self.packets.clear()
        return found


# --- a neighbour made by hand -------------------------------------------------------------------


class Heard(NamedTuple):
    """A frame that a station heard, and when."""

    time: float
    frame: bytes

    @property
    def ether(self) -> Ether:
        return Ether.parse(self.frame)

    @property
    def payload(self) -> bytes:
        return self.frame[14:]

    @property
    def arp(self) -> Arp:
        assert self.ether.type == ETHERTYPE_ARP
        return Arp.parse(self.payload)

    @property
    def ip(self) -> Ip:
        assert self.ether.type == ETHERTYPE_IP
        return Ip.parse(self.payload)

    @property
    def body(self) -> bytes:
        """What follows the IP header."""
        return self.payload[self.ip.hlen : self.ip.len]


class Station(Shmif):
    """An interface on a bus with nobody behind it."""

    def __init__(
        self, lab: Lab, bus: str, number: int = 1, address: str = "0.0.0.0", *, sees_all: bool = False
    ) -> None:
        self.mac = Mac(b"\x02\0\0\0\0" + bytes((number,)))
        ether = EtherProtocol("station", Probes(), lab.callouts)
        super().__init__(f"station{number}", number, self.mac, ether, lab.bus)
        self.address = ip4(address)
        self.heard: list[Heard] = []
        if sees_all:
            self.flags |= IFF_PROMISC
        self.set_linkstr(bus)
        self.up()

    def intr(self) -> None:
        """Keep what came."""
        queue, self.inq = self.inq, []
        self.heard += [Heard(self.ether.callouts.now, m.frame()) for m in queue]

    def take(self) -> list[Heard]:
        """What was heard since the last time."""
        heard, self.heard = self.heard, []
        return heard

    def arps(self) -> list[Heard]:
        """The ARP frames among it; the others are forgotten."""
        return [heard for heard in self.take() if heard.ether.type == ETHERTYPE_ARP]

    def packets(self) -> list[Heard]:
        """The IP packets among it; the others are forgotten."""
        return [heard for heard in self.take() if heard.ether.type == ETHERTYPE_IP]

    def icmps(self) -> list[tuple[int, int]]:
        """Type and code of the ICMP messages among it; the others are forgotten."""
        return [(heard.body[0], heard.body[1]) for heard in self.packets() if heard.ip.p == IPPROTO_ICMP]

    def send(self, to: Mac | Ifnet, ethertype: int, payload: bytes) -> None:
        """Put a frame on the bus."""
        self.transmit(Mbuf(payload, link=Ether(hardware(to), self.mac, ethertype).pack()))

    def inject(self, to: Mac | Ifnet, packet: bytes) -> None:
        """Put an IP packet on the bus, its header a part of its own, as it comes from a device."""
        end = (packet[0] & 15) * 4 if packet else 0
        link = Ether(hardware(to), self.mac, ETHERTYPE_IP).pack()
        self.transmit(Mbuf(packet[end:], net=packet[:end], link=link))

    def arp(
        self, op: int, tpa: str, *, spa: str | None = None, to: Mac | Ifnet = ETHER_BROADCAST, sha: Mac | None = None
    ) -> None:
        """Send an ARP message."""
        source = self.address if spa is None else ip4(spa)
        message = Arp(op, sha or self.mac, source, ZERO_MAC if op == ARPOP_REQUEST else hardware(to), ip4(tpa))
        self.send(to, ETHERTYPE_ARP, message.pack())

    def answer(self, ifp: Ifnet, tpa: str | None = None) -> None:
        """Answer the host behind an interface that we are where it asked for us."""
        self.arp(ARPOP_REPLY, tpa or str(ifp.addresses[0].address), to=ifp)

    def known(self, ifp: Ifnet) -> Station:
        """Be a neighbour that a host knows already, for good."""
        arptab(ifp).set_static(self.address, self.mac, LLE_STATIC)
        return self


def hardware(to: Mac | Ifnet) -> Mac:
    """An interface's link-layer address."""
    if isinstance(to, Mac):
        return to
    assert to.lladdr is not None
    return to.lladdr


def arptab(ifp: Ifnet) -> Neighbors:
    """An Ethernet's table of neighbours."""
    assert isinstance(ifp, Ethernet)
    assert ifp.arptab is not None
    return ifp.arptab


def group_mac(group: str) -> Mac:
    """The Ethernet address of a group."""
    return multicast_mac(ip4(group))


# --- packets ------------------------------------------------------------------------------------


def packet(
    src: str, dst: str, body: bytes = b"", *, proto: int = IPPROTO_UDP, ttl: int = 64, off: int = 0, ident: int = 1,
    tos: int = 0, options: bytes = b"",
) -> bytes:  # fmt: skip
    """An IP packet."""
    header = Ip(tos, 0, ident, off, ttl, proto, 0, ip4(src), ip4(dst), options)
    return header._replace(len=header.hlen + len(body)).pack() + body


def datagram(
    src: str, dst: str, sport: int = 1000, dport: int = 9, data: bytes = b"hello", *, sum: bool = True
) -> bytes:
    """A UDP header with its data, as it stands behind the IP header."""
    header = Udp(sport, dport, 8 + len(data))
    pseudo = pseudo4(ip4(src), ip4(dst), IPPROTO_UDP, 8 + len(data))
    return header._replace(sum=checksum(header.pack() + data, pseudo) if sum else 0).pack() + data


def udp_packet(src: str, dst: str, sport: int = 1000, dport: int = 9, data: bytes = b"hello", **header: Any) -> bytes:
    """A UDP datagram in its IP packet."""
    return packet(src, dst, datagram(src, dst, sport, dport, data), proto=IPPROTO_UDP, **header)


def echo(src: str, dst: str, data: bytes = b"abcdefgh", *, ident: int = 7, seq: int = 1, **header: Any) -> bytes:
    """An echo request in its IP packet."""
    message = build(8, 0, ident << 16 | seq, data)
    return packet(src, dst, message, proto=IPPROTO_ICMP, **header)


class One:
    """A host `a` with 10.0.0.1, and a station, 10.0.0.9, that it knows."""

    def __init__(self, *, sees_all: bool = False) -> None:
        self.lab = Lab()
        self.a = self.lab.add_host("a")
        self.ifp = attach(self.lab, self.a, "lan", "10.0.0.1")
        self.station = Station(self.lab, "lan", 9, "10.0.0.9", sees_all=sees_all).known(self.ifp)
        settle(self.lab)
        self.station.take()
        self.watch = Watch(self.lab)
