"""A host: one stack instance, an object like any other; here its protocols are built and tied (BSD netinet/in_proto.c).

This is the one place that knows all the layers.  Downwards they call each other; every upward way
(a frame to IP, a packet to TCP, an ICMP error to a socket) is a callable that is set here.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from typing import Protocol
from zlib import crc32

from stack import probe
from stack.addr import INADDR_LOOPBACK, Ip4, Mac, Prefix
from stack.callout import Callouts
from stack.header.ether import ETHERTYPE_ARP, ETHERTYPE_IP
from stack.header.ip import IPPROTO_ICMP, IPPROTO_IGMP, IPPROTO_TCP, IPPROTO_UDP
from stack.kern.errors import oserror
from stack.kern.socket import SOCK_DGRAM, SOCK_RAW, SOCK_STREAM, Socket, Usrreqs
from stack.kern.sysctl import Sysctl, Variable
from stack.mbuf import Mbuf
from stack.net.bridge import Bridge, Bridging
from stack.net.ethernet import Ether, Ethernet
from stack.net.ifnet import Ifaddr, Ifnet, unit_of
from stack.net.loopback import Loopback
from stack.net.route import (
    IFAN_ARRIVAL,
    IFAN_DEPARTURE,
    RTF_GATEWAY,
    RTF_HOST,
    RTF_LOCAL,
    RTF_STATIC,
    RTF_UP,
    RouteTable,
    Rtentry,
)
from stack.net.vlan import Vlan, Vlans
from stack.net.wire import Bus, Shmif
from stack.netinet import arp, icmp, in_control, ip_flow, ip_input, pcb, tcp_sysctl, udp
from stack.netinet.arp import Arp
from stack.netinet.icmp import CtlInput, Icmp
from stack.netinet.igmp import Igmp
from stack.netinet.in_control import InControl
from stack.netinet.ip_flow import IpFlow
from stack.netinet.pcb import PcbDefaults, Services
from stack.netinet.raw_ip import RawIp
from stack.netinet.tcp_usrreq import Tcp
from stack.netinet.udp import Udp
from stack.probe import Probes

Cloner = Callable[["Host", str, int], Ifnet]  # makes an interface: host, name, index

_OUI = b"\xb2\xa0"  # the first octets of NetBSD's shmif addresses

_IP = ETHERTYPE_IP.to_bytes(2)
_ARP = ETHERTYPE_ARP.to_bytes(2)

SYSCTLS: dict[str, Variable] = {
    "kern.ostype": Variable("", "ostype", "the name of this system", writable=False),
    "kern.osrelease": Variable("", "osrelease", "its version", writable=False),
    "kern.hostname": Variable("", "hostname", "the name of this host"),
    "net.link.gso": Variable("", "gso", "super-segments: carry and make them", 0, 1, changed="gso_changed"),
    **ip_input.SYSCTLS,
    **ip_flow.SYSCTLS,
    **in_control.SYSCTLS,
    **pcb.SYSCTLS,
    **icmp.SYSCTLS,
    **tcp_sysctl.SYSCTLS,
    **udp.SYSCTLS,
    **arp.SYSCTLS,
}


class Machine(Protocol):
    """The sockets of the machine that runs us, for hosts that use those (stack/dev/sockin.py)."""

    @property
    def busy(self) -> bool: ...
    def socket(self, kind: int, protocol: int) -> Socket: ...
    def resolve(self, name: str) -> Ip4: ...
    def name_of(self, address: int) -> str | None: ...
    def close(self) -> None: ...


class Host:
    """One stack.  `name` is the lab's name for it, `hostname` what it calls itself."""

    ostype = "netsh"
    osrelease = "0.1"
    gso = 1
    rip: probe.Protocol | None = None  # the counters of its routing daemon, if it has ever had one
    machine: Machine | None = None  # whose sockets its programs get, in the place of the stack's
    bridging: Bridging | None = None  # what all its bridges count; made with the first of them
    vlans: Vlans | None = None  # its VLANs; made with the first of them

    def __init__(
        self, name: str, *, seed: int, callouts: Callouts, probes: Probes, rng: random.Random,
        find_bus: Callable[[str], Bus], cloners: dict[str, Cloner],
    ) -> None:  # fmt: skip
        self.name = self.hostname = name
        self.seed = seed
        self.callouts = callouts
        self.probes = probes
        self.find_bus = find_bus
        self.clone = cloners
        self.interfaces: dict[str, Ifnet] = {}
        self.next_index = 1
        loopback = Loopback("lo0", self._index(), callouts)
        self.routes = RouteTable(loopback)
        self.ether = Ether(name, probes, callouts)
        self.ip = IpFlow(name, probes, callouts, rng, self.routes, self.interfaces)
        self.icmp = Icmp(name, probes, callouts, self.ip)
        self.arp = Arp(name, probes, callouts, self.interfaces)
        self.igmp = Igmp(name, probes, callouts, rng, self.ip)
        self.control = InControl(
            name, probes, callouts, rng, self.interfaces, self.routes, self.ip, self.arp, self.igmp, loopback
        )
        services = Services(self.routes, self.interfaces, rng, self.control, self.ip, self.igmp)
        self.pcbs = PcbDefaults()
        self.rawip = RawIp(name, probes, self.ip, services, self.pcbs)
        self.udp = Udp(name, probes, self.ip, services, self.pcbs)
        self.tcp = Tcp(name, probes, callouts, self.ip, services, self.pcbs)
        self._tie(loopback)
        self._attach(loopback)
        self.control.add(loopback, INADDR_LOOPBACK, 8, dad=False)

    def _tie(self, loopback: Loopback) -> None:
        """The upward ways."""
        ip, raw = self.ip, self.rawip
        self.watchers = (self.control.link_changed,)
        loopback.inet = ip
        self.ether.demux[_IP] = ip.input
        self.ether.fastforward = ip.fastforward
        self.ether.demux[_ARP] = self.arp.input
        raw.setup()
        ip.setup(
            {
                IPPROTO_ICMP: self.icmp.input,
                IPPROTO_IGMP: self.igmp.input,
                IPPROTO_TCP: self.tcp.input,
                IPPROTO_UDP: self.udp.input,
            }
        )
        ip.error = self.arp.error = self.udp.error = self.icmp.error
        ip.raw_input = self.icmp.raw_input = self.igmp.raw_input = self.udp.raw_input = raw.input
        ip.loopback = loopback.transmit
        self.icmp.ctlinput = self._ctlinput
        self.arp.conflict = self.control.conflict

    def _ctlinput(self, protocol: int) -> CtlInput | None:
        """Who is told of an ICMP error about a packet of that protocol (pr_ctlinput)."""
        if protocol == IPPROTO_TCP:
            return self.tcp.ctlinput
        return self.udp.ctlinput if protocol == IPPROTO_UDP else None

    # --- interfaces ---------------------------------------------------------------------------

    @property
    def sysctl(self) -> Sysctl:
        """The knobs of this host by name."""
        return Sysctl(self, SYSCTLS)

    def cloners(self) -> list[str]:
        """The kinds of interfaces that can be created."""
        return ["lo", "shmif", "bridge", "vlan", *self.clone]

    def ifcreate(self, name: str) -> Ifnet:
        """Make an interface; OSError EINVAL for a kind that is not known, EEXIST when there is one."""
        parts = unit_of(name, self.cloners())
        if parts is None:
            raise oserror(errno.EINVAL)
        if name in self.interfaces:
            raise oserror(errno.EEXIST)
        kind, index = parts[0], self._index()
        if kind == "lo":
            ifp: Ifnet = self._loopback(name, index)
        elif kind == "shmif":
            ifp = Shmif(name, index, self.new_lladdr(name), self.ether, self.find_bus)
        elif kind == "bridge":
            ifp = self._bridge(name, index)
        elif kind == "vlan":
            ifp = self._vlan(name, index)
        else:
            ifp = self.clone[kind](self, name, index)
        self._attach(ifp)
        if not self.gso:
            ifp.allow_gso(False)
        self.routes.notify_interface(ifp, IFAN_ARRIVAL)
        return ifp

    def gso_changed(self) -> None:
        """Super-segments are allowed on this host, or not any more: on each of its interfaces."""
        for ifp in self.interfaces.values():
            ifp.allow_gso(bool(self.gso))

    def _bridge(self, name: str, index: int) -> Bridge:
        if self.bridging is None:
            self.bridging = Bridging(self.name, self.probes)
        return Bridge(name, index, self.new_lladdr(name), self.ether, self.bridging)

    def _vlan(self, name: str, index: int) -> Vlan:
        if self.vlans is None:
            self.vlans = Vlans(self.name, self.probes)
            self.ether.tagged = self.vlans.input
        return Vlan(name, index, self.new_lladdr(name), self.ether, self.vlans)

    def _loopback(self, name: str, index: int) -> Loopback:
        loopback = Loopback(name, index, self.callouts)
        loopback.inet = self.ip
        return loopback

    def _index(self) -> int:
        index = self.next_index
        self.next_index += 1
        return index

    def _attach(self, ifp: Ifnet) -> None:
        """Make an interface known (if_attach)."""
        self.interfaces[ifp.name] = ifp
        ifp.watchers = self.watchers
        if isinstance(ifp, Ethernet):
            self.arp.attach(ifp)
        for attached in self.ip.probes.attach:
            attached(self.name, ifp)

    def ifdestroy(self, name: str) -> None:
        """Remove an interface; ENXIO when there is none, EINVAL for lo0, which always is."""
        ifp = self.interface(name)
        if name == "lo0":
            raise oserror(errno.EINVAL)
        self.control.purge(ifp)
        if isinstance(ifp, Ethernet) and ifp.bridge is not None:
            ifp.bridge.leave()
        if self.vlans is not None:
            self.vlans.ifdetach(ifp)
        ifp.destroy()
        if isinstance(ifp, Ethernet) and ifp.arptab is not None:
            ifp.arptab.flush()
        self.igmp.forget(ifp)
        del self.interfaces[name]
        self.routes.notify_interface(ifp, IFAN_DEPARTURE)

    def interface(self, name: str) -> Ifnet:
        """The interface of that name, or with that index; OSError ENXIO when there is none."""
        ifp = self.interfaces.get(name)
        if ifp is None and name.isdecimal():
            ifp = next((other for other in self.interfaces.values() if other.index == int(name)), None)
        if ifp is None:
            raise oserror(errno.ENXIO)
        return ifp

    def new_lladdr(self, name: str) -> Mac:
        """The address of a new interface: the same in every run with the same seed and names."""
        return Mac(_OUI + crc32(f"{self.seed}/{self.name}/{name}".encode()).to_bytes(4))

    def set_address(
        self, ifp: Ifnet, address: Ip4, plen: int, *, broadcast: Ip4 | None = None, dst: Ip4 | None = None,
        alias: bool = False, dad: bool = True,
    ) -> Ifaddr:  # fmt: skip
        """Give an interface an address; without `alias` it takes the place of the first one (SIOCAIFADDR)."""
        old = ifp.find(address)
        if old is not None:
            self.control.remove(ifp, address)
        elif not alias and ifp.addresses:
            self.control.check(ifp, address, plen)  # before the old one is gone
            self.control.remove(ifp, ifp.addresses[0].address)
        ifa = self.control.add(ifp, address, plen, broadcast=broadcast, destination=dst, dad=dad)
        if not alias and ifp.addresses[0] is not ifa:  # the primary address stands first
            ifp.addresses.remove(ifa)
            ifp.addresses.insert(0, ifa)
        return ifa

    def delete_address(self, ifp: Ifnet, address: Ip4) -> None:
        """Take an address away; OSError EADDRNOTAVAIL when the interface does not have it (SIOCDIFADDR)."""
        self.control.remove(ifp, address)

    def add_route(self, dst: Prefix, gateway: Ip4, flags: int = RTF_STATIC) -> Rtentry:
        """A route through a neighbour; ENETUNREACH when the gateway is none, EEXIST when there is a route."""
        way = self.routes.unicast(gateway)
        if way is None or way.nexthop or way.flags & RTF_LOCAL:
            raise oserror(errno.ENETUNREACH)
        flags |= RTF_UP | RTF_GATEWAY | (RTF_HOST if dst.plen == 32 else 0)
        rt = Rtentry(dst, way.ifp, flags, gateway=gateway, ifa=way.ifa)
        self.routes.add(rt)
        return rt

    def take_out(self, m: Mbuf) -> None:
        """A packet was stopped, and dies by hand."""
        if m.net or m.transport:
            self.ip.drop("stopped", m)
        else:
            self.ether.drop("stopped", m)

    # --- sockets ------------------------------------------------------------------------------

    @property
    def sockets(self) -> str:
        """Whose sockets its programs get: those of its `stack`, or those of the machine, the real `host`."""
        return "stack" if self.machine is None else "host"

    def socket(self, kind: int, protocol: int = 0) -> Socket:
        """A new socket; OSError EPROTOTYPE or EPROTONOSUPPORT for what does not go together."""
        if kind == SOCK_RAW and self.machine is None:
            return self._socket(kind, protocol, self.rawip)
        if kind not in (SOCK_STREAM, SOCK_DGRAM):  # the machine's raw sockets among them: they are for root
            raise oserror(errno.EPROTONOSUPPORT)
        usual = IPPROTO_TCP if kind == SOCK_STREAM else IPPROTO_UDP
        if protocol not in (0, usual):
            raise oserror(errno.EPROTOTYPE if protocol in (IPPROTO_TCP, IPPROTO_UDP) else errno.EPROTONOSUPPORT)
        if self.machine is not None:
            return self.machine.socket(kind, usual)
        if kind == SOCK_STREAM:
            return self._socket(kind, usual, self.tcp)
        return self._socket(kind, usual, self.udp)

    def _socket(self, kind: int, protocol: int, usrreqs: RawIp | Udp | Tcp) -> Socket:
        typed: Usrreqs = usrreqs
        return Socket(kind, protocol, typed, usrreqs.sendspace, usrreqs.recvspace)
