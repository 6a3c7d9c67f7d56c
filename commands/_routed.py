"""The routing daemon itself: RIP's table between the lab's sockets and the kernel's routes (routed(8); RFC 2453)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from commands._rip import RipRoute, RipTable
from commands.command import Context
from stack.addr import INADDR_ANY, Ip4, Prefix
from stack.header.rip import (
    HOPCNT_INFINITY,
    INADDR_RIP_GROUP,
    RIP_AF_INET,
    RIP_AF_UNSPEC,
    RIP_PORT,
    RIPCMD_REQUEST,
    RIPCMD_RESPONSE,
    WHOLE_TABLE,
    BadRip,
    Netinfo,
    Rip,
    is_destination,
    messages,
)
from stack.kern.proc import Channel, tsleep
from stack.kern.sockbuf import Record
from stack.kern.socket import SO_RCVBUF, SOL_SOCKET, Socket
from stack.net.ifnet import IFF_MULTICAST, Ifnet
from stack.net.route import (
    RTF_BLACKHOLE,
    RTF_CONNECTED,
    RTF_DYNAMIC,
    RTF_GATEWAY,
    RTF_HOST,
    RTF_PROTO1,
    RTF_REJECT,
    RTF_STATIC,
    RTF_UP,
    Rtentry,
    RtMessage,
)
from stack.netinet.in_ import IP_ADD_MEMBERSHIP, IP_MULTICAST_IF, IP_MULTICAST_LOOP, IPPROTO_IP
from stack.probe import Protocol

_OURS = RTF_DYNAMIC | RTF_PROTO1  # marks our routes in the kernel
_RBUFSIZE = 60 * 1024  # bytes: many neighbours may speak at once
_DEFAULT = Prefix(INADDR_ANY, 0)


class Policy(NamedTuple):
    """What the command line asks for."""

    supply: bool | None = None  # None: when we are a router
    offer_default: bool = False
    trace: bool = False


class RouteChange(NamedTuple):
    """A route came, changed or went; `time` is the lab's, in seconds."""

    time: float
    action: str  # Add, Chg or Del
    destination: Prefix
    gateway: Ip4
    metric: int
    interface: str


class RipProtocol(Protocol):
    """What RIP has counted, and the door of what it drops."""

    name = "rip"


class Routed:
    """A daemon at work; `said` is what it has to tell, when it traces."""

    def __init__(self, ctx: Context, so: Socket, policy: Policy) -> None:
        self.ctx = ctx
        self.host = ctx.host
        self.so = so
        self.policy = policy
        self.table = RipTable(ctx.lab.rng, ctx.now)
        self.links: dict[str, Ifnet] = {}  # interfaces on which we speak
        self.installed: dict[Prefix, Rtentry] = {}  # our routes in the kernel
        self.displaced: dict[Prefix, Rtentry] = {}  # routes of broken links, which ours have taken the place of
        self.joined: set[Ifnet] = set()
        self.said: deque[RouteChange] = deque()
        self.stirred = True  # something happened to interfaces, addresses or others' routes
        self.wake = Channel("routed")
        self.rip = self.host.rip = self.host.rip or RipProtocol(self.host.name, self.host.ether.probes)
        so.setsockopt(IPPROTO_IP, IP_MULTICAST_LOOP, 0)
        so.setsockopt(SOL_SOCKET, SO_RCVBUF, _RBUFSIZE)
        routes = self.host.routes
        routes.listeners += (self._listen,)
        ctx.proc.closers.append(self._leave)
        for rt in [rt for rt in routes if rt.flags & _OURS == _OURS]:  # of one that was killed
            routes.delete(rt.dst, pid=ctx.proc.pid)

    def _listen(self, message: RtMessage) -> None:
        """The routing socket says something that was not our own doing."""
        if message.pid != self.ctx.proc.pid:
            self.stirred = True
            self.wake.wakeup()

    def _leave(self) -> None:
        routes = self.host.routes
        routes.listeners = tuple(each for each in routes.listeners if each != self._listen)

    @property
    def supplies(self) -> bool:
        """Whether we tell others what we know: by default, when packets can pass through us."""
        if self.policy.supply is not None:
            return self.policy.supply
        own = sum(not ifa.address.is_loopback for ifa in self.host.interfaces["lo0"].addresses)
        return bool(len(self.links) + own > 1 and self.host.ip.forwarding)

    # --- a turn of the loop -------------------------------------------------------------------

    async def turn(self) -> None:
        """Do all that is due, then sleep until there is more."""
        now = self.ctx.now
        if self.stirred:
            self.stirred = False
            self._look_around()
        self._receive()
        self.table.expire(now)
        kind = self.table.take_update(now)
        if kind:
            self.rip.stat[f"snd_{kind}"] += 1
            self._update(changed=kind == "triggered")
        self._install()
        if self.so.rcv.cc or self.stirred or self.said:
            return
        await tsleep(self.so.rcv.channel, self.wake, timeout=max(self.table.next_due() - self.ctx.now, 0.0))

    # --- interfaces ---------------------------------------------------------------------------

    def _look_around(self) -> None:
        """Interfaces and addresses as they are now; those that are new are asked what they know (3.9.1)."""
        before, now = self.links, self.ctx.now
        self.links = {
            name: ifp for name, ifp in self.host.interfaces.items()
            if not ifp.is_loopback and ifp.runs and ifp.flags & IFF_MULTICAST and ifp.addresses
        }  # fmt: skip
        for name in before.keys() - self.links.keys():
            self.table.lose_interface(name, now)
        self._restore()
        self.table.set_own(self._own(), now)
        self.table.dirty |= self.table.routes.keys()
        for name in self.links.keys() - before.keys():
            self._join(self.links[name])
        for name in sorted(self.links.keys() - before.keys()):
            self._send(self.links[name], RIPCMD_REQUEST, [WHOLE_TABLE])

    def _join(self, ifp: Ifnet) -> None:
        if ifp not in self.joined:
            self.joined.add(ifp)
            with suppress(OSError):
                self.so.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (INADDR_RIP_GROUP, ifp.addresses[0].address))

    def _own(self) -> dict[Prefix, tuple[int, str]]:
        """What is reached without RIP: the networks of our links, our own addresses on lo0, static routes."""
        own: dict[Prefix, tuple[int, str]] = {}
        for rt in self.host.routes:
            static = rt.flags & (RTF_STATIC | RTF_GATEWAY | RTF_REJECT | RTF_BLACKHOLE) == RTF_STATIC | RTF_GATEWAY
            if static and rt.ifp.name in self.links:
                own[rt.dst] = 1, rt.ifp.name
        for ifp in self.host.interfaces.values():
            for ifa in ifp.addresses:
                if ifp.name in self.links or (ifp.is_loopback and ifp.runs and not ifa.address.is_loopback):
                    far = ifa.destination
                    own[ifa.prefix if far is None else Prefix(far, 32)] = 1, ifp.name
        if self.policy.offer_default:
            own[_DEFAULT] = 1, ""
        return own

    def _link_of(self, address: Ip4) -> Ifnet | None:
        """The link on which a neighbour is."""
        return next((ifp for ifp in self.links.values() if ifp.on_link(address) is not None), None)

    # --- what comes ---------------------------------------------------------------------------

    def _receive(self) -> None:
        with suppress(BlockingIOError):
            while True:
                self._message(self.so.recvmsg())

    def _message(self, record: Record) -> None:
        rip, (source, port) = self.rip, record.source
        rip.stat["ipackets"] += 1
        try:
            message = Rip.parse(record.data)
        except BadRip as bad:
            return rip.drop(bad.reason)
        if self.host.control.local(source) is not None and port == RIP_PORT:
            return rip.drop("ourown")
        ifp = self._link_of(Ip4(source))
        if port == RIP_PORT and ifp is None:
            return rip.drop("notneighbor")  # RFC 2453 3.9.2
        if message.command == RIPCMD_REQUEST:
            return self._answer(message, (Ip4(source), port), ifp)
        if port != RIP_PORT or ifp is None:
            return rip.drop("badport")  # 3.9.2: only a router's own port says what is so
        rip.stat["rcv_responses"] += 1
        for net in message.nets:
            self._hear(net, Ip4(source), ifp)
        return None

    def _hear(self, net: Netinfo, source: Ip4, ifp: Ifnet) -> None:
        """One route of a response."""
        if net.family != RIP_AF_INET:
            return self.rip.drop("badfamily")
        if not 1 <= net.metric <= HOPCNT_INFINITY:
            return self.rip.drop("badmetric")
        try:
            dst = net.prefix
        except ValueError:
            return self.rip.drop("badnet")
        if not is_destination(dst):
            return self.rip.drop("badnet")
        gateway = source
        if net.nexthop and ifp.on_link(net.nexthop) is not None and self.host.control.local(net.nexthop) is None:
            gateway = net.nexthop  # 4.4: a better neighbour on the same link
        self.table.hear(dst, net.metric + 1 + ifp.metric, gateway, ifp.name, net.tag, self.ctx.now)
        return None

    def _answer(self, request: Rip, to: tuple[Ip4, int], ifp: Ifnet | None) -> None:
        """RFC 2453 3.9.1: the whole table, or what is asked for."""
        self.rip.stat["rcv_requests"] += 1
        if to[1] == RIP_PORT and not self.supplies:
            return
        if len(request.nets) == 1 and request.nets[0][0] == RIP_AF_UNSPEC:
            if request.nets[0].metric != HOPCNT_INFINITY:
                return self.rip.drop("badfamily")
            nets = list(self.table.nets(ifp.name if ifp is not None and to[1] == RIP_PORT else None))
        else:
            nets = [net._replace(metric=self._metric_of(net)) for net in request.nets]
        for message in messages(RIPCMD_RESPONSE, nets):
            self._sendto(message, to)
        return None

    def _metric_of(self, net: Netinfo) -> int:
        try:
            return self.table.metric_of(net.prefix) if net.family == RIP_AF_INET else HOPCNT_INFINITY
        except ValueError:
            return HOPCNT_INFINITY

    # --- what goes ----------------------------------------------------------------------------

    def _update(self, *, changed: bool) -> None:
        """Tell all neighbours: everything, or what is new (3.10.1)."""
        if self.supplies:
            for ifp in self.links.values():
                self._send(ifp, RIPCMD_RESPONSE, list(self.table.nets(ifp.name, changed=changed)))
        self.table.told()

    def _send(self, ifp: Ifnet, command: int, nets: list[Netinfo]) -> None:
        """To all routers on a link."""
        with suppress(OSError):
            self.so.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, ifp.addresses[0].address)
            for message in messages(command, nets):
                self._sendto(message, (INADDR_RIP_GROUP, RIP_PORT))

    def _sendto(self, message: Rip, to: tuple[Ip4, int]) -> None:
        try:
            self.so.sendto(message.pack(), to)
        except OSError:  # no way there, or no room: the next update says it again
            return self.rip.drop("odropped")
        self.rip.stat["opackets"] += 1
        return None

    def farewell(self) -> None:
        """We go: others had better not count on us, and nobody will look after our routes."""
        for route in self.table.routes.values():
            route.metric = HOPCNT_INFINITY
        self._update(changed=False)
        self.table.dirty |= self.installed.keys()
        self._install()

    # --- the kernel's table -------------------------------------------------------------------

    def _install(self) -> None:
        """Let the kernel know what has changed."""
        dirty, self.table.dirty = self.table.dirty, set()
        for dst in sorted(dirty):
            route = self.table.routes.get(dst)
            if route is not None and route.is_good and route.gateway:
                self._enter(route)
            else:
                self._remove(dst)

    def _enter(self, route: RipRoute) -> None:
        routes, old = self.host.routes, self.installed.get(route.dst)
        ifp = self.links.get(route.ifname)
        there = routes.exact(route.dst)
        if ifp is None or (there is not None and there is not old and not self._gives_way(there)):
            return
        if there is not None and there is old:
            if (old.nexthop, old.ifp) == (route.gateway, ifp):
                return self._say("Chg", route)
            self._delete(route.dst)
        flags = RTF_UP | RTF_GATEWAY | _OURS | (RTF_HOST if route.dst.plen == 32 else 0)
        rt = Rtentry(route.dst, ifp, flags, gateway=route.gateway, ifa=ifp.on_link(route.gateway))
        routes.add(rt, pid=self.ctx.proc.pid)
        self.installed[route.dst] = rt
        return self._say("Chg" if old is not None else "Add", route)

    def _gives_way(self, there: Rtentry) -> bool:
        """Whether somebody else's route may be replaced: only one to a link that is broken."""
        if there.flags & RTF_CONNECTED and not there.ifp.runs:
            self.displaced[there.dst] = self.host.routes.delete(there.dst, pid=self.ctx.proc.pid)
            return True
        return False

    def _remove(self, dst: Prefix) -> None:
        rt = self.installed.pop(dst, None)
        if rt is not None:
            if self.host.routes.exact(dst) is rt:
                self._delete(dst)
            self._say("Del", RipRoute(dst, HOPCNT_INFINITY, Ip4(rt.nexthop), rt.ifp.name))

    def _delete(self, dst: Prefix) -> None:
        """Away with a route of ours, and with the host routes that path MTU discovery made of it."""
        routes = self.host.routes
        old = routes.delete(dst, pid=self.ctx.proc.pid)
        hosts: Iterable[Rtentry] = list(routes.tables.get(32, {}).values())
        for rt in hosts:
            if rt.flags & _OURS == RTF_DYNAMIC and rt.nexthop == old.nexthop and dst.has(rt.dst.net):
                routes.delete(rt.dst, pid=self.ctx.proc.pid)

    def _restore(self) -> None:
        """Links that work again have their routes back."""
        for dst, rt in list(self.displaced.items()):
            if rt.ifp.runs and rt.ifa in rt.ifp.addresses:
                self._remove(dst)
                rt.flags |= RTF_UP
                with suppress(OSError):
                    self.host.routes.add(rt, pid=self.ctx.proc.pid)
                del self.displaced[dst]

    def _say(self, action: str, route: RipRoute) -> None:
        if self.policy.trace:
            change = RouteChange(self.ctx.now, action, route.dst, route.gateway, route.metric, route.ifname)
            self.said.append(change)
