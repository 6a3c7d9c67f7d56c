"""Interfaces, addresses, routes, buses and hosts come and go at any moment, while everybody talks."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from contextlib import suppress

import pytest

from stack.addr import Ip4, Prefix
from stack.header.icmp import ICMP_ECHO, build
from stack.header.ip import IPPROTO_ICMP
from stack.host import Host
from stack.kern.proc import Proc, pause
from stack.kern.socket import SOCK_DGRAM, SOCK_RAW, SOCK_STREAM
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab, next_unit
from stack.net.ifnet import IFF_DEBUG, IFF_UP, Ifnet
from stack.net.wire import Personality
from stack.netinet.in_ import IP_ADD_MEMBERSHIP, IPPROTO_IP
from tests.stack.labs import attach, ip4, pair, received, routed, settle, udp, wait

# what a program or a user may be told when the ground gives way
EXPECTED = {
    errno.EADDRNOTAVAIL, errno.EAGAIN, errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EEXIST,
    errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EINVAL, errno.ENETDOWN, errno.ENETUNREACH, errno.ENOBUFS,
    errno.ENOTCONN, errno.ENXIO, errno.EPIPE, errno.ESRCH, errno.ETIMEDOUT, errno.EBUSY, errno.EADDRINUSE,
}  # fmt: skip


class Upheaval:
    """A lab of a few hosts on two buses, whose programs never rest."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.lab = Lab(seed)
        self.lab.bus("x").set(Personality(delay=0.01, loss=0.02, duplicate=0.02, reorder=0.02))
        self.made = 0
        self.connects = 0
        self.procs: list[Proc] = []
        for _ in range(4):
            self.add_host()

    def add_host(self) -> None:
        if len(self.lab.hosts) > 5:
            return
        self.made += 1
        host = self.lab.add_host(f"h{self.made}")
        self.add_interface(host)
        for program in (self.server, self.talker):
            self.procs.append(self.lab.spawn(host, ["program"], program(host)))

    def server(self, host: Host) -> Callable:
        async def run(proc: Proc) -> int:
            listener = host.socket(SOCK_STREAM)
            proc.closers.append(listener.close)
            listener.bind((0, 80))
            listener.listen()
            while True:
                so, _ = await accept(listener)
                with suppress(OSError):
                    while data := await recv(so, 2000, timeout=30):
                        await sendall(so, data)
                so.close()

        return run

    def talker(self, host: Host) -> Callable:
        async def run(proc: Proc) -> int:
            ping, group = host.socket(SOCK_RAW, IPPROTO_ICMP), host.socket(SOCK_DGRAM)
            proc.closers += [ping.close, group.close]
            with suppress(OSError):
                group.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (ip4("239.1.1.1"), 0))
            while True:
                await pause(self.rng.random())
                so = host.socket(SOCK_STREAM)
                try:
                    to = self.somebody()
                    ping.sendto(build(ICMP_ECHO, 0, 1, bytes(self.rng.choice((10, 3000)))), (to, 0))
                    group.sendto(b"x", (ip4("239.1.1.1"), 9))
                    await connect(so, (to, 80), timeout=3)
                    self.connects += 1
                    await sendall(so, bytes(5000))
                    so.shutdown(1)
                    while await recv(so, 2000, timeout=3):
                        pass
                except OSError as error:
                    assert error.errno in EXPECTED, error
                so.close()

        return run

    def somebody(self) -> Ip4:
        """An address that there is, mostly; or one that was, or never will be."""
        hosts = self.lab.hosts.values()
        there = [ifa.address for host in hosts for ifp in host.interfaces.values() for ifa in ifp.addresses]
        if self.rng.random() < 0.8 and there:
            return self.rng.choice(there)
        return Ip4(ip4("10.0.0.0") + self.rng.randrange(1, self.made + 3))

    def add_interface(self, host: Host) -> None:
        ifp = host.ifcreate(next_unit(host, "shmif"))
        ifp.set_linkstr(self.rng.choice("xy"))
        number = int(host.name[1:])
        address = ip4(f"10.0.{self.rng.randrange(2)}.{number}")
        with suppress(FileExistsError):
            host.set_address(ifp, address, self.rng.choice((16, 24)), dad=self.rng.random() < 0.5)

    # --- what may happen ------------------------------------------------------------------------------

    def happen(self) -> None:
        """Something; and if it cannot, then for a reason that one may be told."""
        try:
            self.thing()
        except OSError as error:
            assert error.errno in EXPECTED or error.errno == errno.ENOTTY, error

    def thing(self) -> None:
        rng = self.rng
        host = rng.choice(list(self.lab.hosts.values()))
        interfaces: list[Ifnet] = list(host.interfaces.values())
        ifp = rng.choice(interfaces[1:] if len(interfaces) > 1 and rng.random() < 0.95 else interfaces)
        things: list[Callable[[], object]] = [
            self.add_host,
            *[lambda: self.add_interface(host) if len(host.interfaces) < 4 else None] * 3,
            lambda: host.ifdestroy(ifp.name),
            lambda: self.lab.remove_host(host.name) if len(self.lab.hosts) > 2 else None,
            lambda: ifp.set_linkstr(rng.choice((None, "x", "y", "z"))),
            ifp.down,
            lambda: ifp.set_mtu(rng.choice((68, 576, 1500, 9000))),
            lambda: ifp.set_flags(IFF_DEBUG),
            lambda: host.delete_address(ifp, rng.choice([ifa.address for ifa in ifp.addresses] or [Ip4(0)])),
            *[lambda: host.set_address(ifp, self.somebody(), 24, alias=True)] * 2,
            *[lambda: host.add_route(Prefix.of(self.somebody(), rng.choice((0, 8, 32))), self.somebody())] * 4,
            lambda: host.routes.delete(rng.choice([rt.dst for rt in host.routes] or [Prefix.parse("default")])),
            lambda: self.lab.bus(rng.choice("xy")).set(Personality(rng.choice((0, 0.02)), rng.choice((0, 1e6)))),
            lambda: host.sysctl.set("net.inet.ip.forwarding", str(rng.randrange(2))),
        ]
        if not ifp.flags & IFF_UP and rng.random() < 0.7:
            ifp.up()
        elif ifp.linkstr is None and not ifp.is_loopback and rng.random() < 0.7:
            ifp.set_linkstr("x")
        else:
            rng.choice(things)()


@pytest.mark.parametrize("seed", range(6))
def test_nothing_raises_and_nothing_is_left_behind(seed: int) -> None:
    world = Upheaval(seed)
    lab = world.lab
    for _ in range(200):
        world.happen()
        assert not lab.callouts.advance(lab.callouts.now + world.rng.random() * 4, 200_000)
    assert world.connects > 20
    assert [proc.failure for proc in world.procs if proc.failure is not None] == []
    for name in list(lab.hosts):
        lab.remove_host(name)
    lab.run(lab.callouts.now + 20_000)
    assert lab.procs == {}
    assert all(not bus.ports and not bus.owners and not bus.flying for bus in lab.buses.values())
    assert lab.callouts.next_due() is None  # no timer outlives its host


def test_a_host_s_name_can_be_used_again() -> None:
    lab, a, _ = pair()
    lab.remove_host("b")
    b = lab.add_host("b")
    attach(lab, b, "lan", "10.0.0.2")
    sink = udp(b, 9)
    for _ in range(3):  # the old one had the same hardware address, so all is as before
        udp(a).sendto(b"x", (ip4("10.0.0.2"), 9))
        wait(lab, 1)
    assert len(received(sink)) == 3


def test_a_bus_that_is_moved_over_to() -> None:
    lab, a, r, b = routed()
    right = b.interfaces["shmif0"]
    right.set_linkstr(None)
    right.set_linkstr("left")
    b.set_address(right, ip4("10.0.1.2"), 24, dad=False)
    sink = udp(b, 9)
    udp(a).sendto(b"x", (ip4("10.0.1.2"), 9))
    settle(lab)
    assert (received(sink), r.ip.forwarded) == ([b"x"], 0)
