"""Path MTU discovery: a narrow hop in the middle, routers that say so, routers that do not (RFC 1191, RFC 2923)."""

from __future__ import annotations

import pytest

from stack.addr import Ip4, Prefix
from stack.header.ip import IP_DF
from stack.host import Host
from stack.kern.proc import Proc
from stack.kern.socket import SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ifnet import Ifnet
from stack.net.route import RTF_DYNAMIC
from stack.net.wire import Personality
from stack.netinet.tcp_var import Tcpcb

SIZE = 200_000
NARROW = 1000


class Path:
    """a - r1 - r2 - b, where the wire between the routers bears less."""

    def __init__(self, narrow: int = NARROW) -> None:
        self.lab = Lab()
        self.hosts = [self.lab.add_host(name) for name in ("a", "r1", "r2", "b")]
        for number, (left, right) in enumerate(zip(self.hosts, self.hosts[1:], strict=False)):
            net = Prefix(Ip4(0x0A000000 + (number << 8)), 24)
            for ifp in self.lab.link(left, right, net, Personality(delay=0.001)):
                if number == 1:
                    ifp.set_mtu(narrow)
        for host, gateway in zip(self.hosts, ("10.0.0.2", "10.0.1.2", "10.0.1.1", "10.0.2.1"), strict=True):
            host.add_route(Prefix.parse("default"), Ip4.parse(gateway))
        self.sizes: list[tuple[int, bool]] = []
        self.a.interfaces["shmif0"].taps += (self._tap,)
        self.received = 0

    @property
    def a(self) -> Host:
        return self.hosts[0]

    @property
    def b(self) -> Host:
        return self.hosts[3]

    def _tap(self, ifp: Ifnet, m: Mbuf, outgoing: bool) -> None:
        if outgoing and m.net and m.net[9] == 6:
            self.sizes.append((m.len, bool(int.from_bytes(m.net[6:8]) & IP_DF)))

    def transfer(self) -> float:
        """Send from a to b; the seconds it took."""
        begin = self.lab.callouts.now
        self.received = 0
        sink = self.lab.spawn(self.b, ["sink"], self._sink)
        self.lab.spawn(self.a, ["source"], self._source)
        self.lab.run_proc(sink)
        assert sink.failure is None
        return self.lab.callouts.now - begin

    async def _sink(self, proc: Proc) -> int:
        listener = self.b.socket(SOCK_STREAM)
        listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        listener.bind((0, 80))
        listener.listen()
        so, _ = await accept(listener)
        while data := await recv(so, 65536):
            self.received += len(data)
        so.close()
        listener.close()
        return 0

    async def _source(self, proc: Proc) -> int:
        so = self.a.socket(SOCK_STREAM)
        await connect(so, (Ip4.parse("10.0.2.2"), 80))
        await sendall(so, bytes(SIZE))
        so.close()
        return 0


def test_segments_shrink_to_the_path() -> None:
    path = Path()
    assert path.transfer() < 1.0  # no time-out was needed
    assert path.received == SIZE
    assert max(path.sizes) == (1500, True)
    assert path.sizes[-20:] == [(size, True) for size, _ in path.sizes[-20:]]
    assert max(size for size, _ in path.sizes[len(path.sizes) // 2 :]) == NARROW
    assert path.a.ip.stat["pmtuchg"] == 1
    assert not path.hosts[1].ip.stat["fragmented"]


def test_it_is_no_sign_of_congestion() -> None:
    """RFC 1191 6.4: the segments are smaller, the window is not."""
    path = Path()
    path.lab.spawn(path.b, ["sink"], path._sink)
    path.lab.spawn(path.a, ["source"], path._source)
    windows = []
    while not path.a.ip.stat["pmtuchg"]:
        windows.append(sum(tp.snd_cwnd for tp in connections(path.a)))
        path.lab.run(path.lab.callouts.now + 0.0001)
    (tp,) = connections(path.a)
    assert tp.snd_cwnd == windows[-1] >= 14_000 and tp.maxseg < NARROW


def connections(host: Host) -> list[Tcpcb]:
    return [tp for tp in host.tcp.table.connected.values() if isinstance(tp, Tcpcb)]


def test_what_was_learned_is_a_route_until_it_expires() -> None:
    path = Path()
    path.transfer()
    rt = path.a.routes.exact(Prefix.parse("10.0.2.2/32"))
    assert rt is not None
    assert rt.flags & RTF_DYNAMIC
    assert rt.mtu == NARROW
    path.sizes.clear()
    path.transfer()
    assert max(size for size, _ in path.sizes) == NARROW  # the next connection knows it
    path.lab.run(path.lab.callouts.now + 601)
    assert path.a.routes.exact(rt.dst) is None


def test_what_was_learned_of_a_static_route_is_forgotten_and_the_route_stays() -> None:
    path = Path()
    rt = path.a.add_route(Prefix.parse("10.0.2.2/32"), Ip4.parse("10.0.0.2"))
    path.transfer()
    assert rt.mtu == NARROW
    path.lab.run(path.lab.callouts.now + 601)
    assert path.a.routes.exact(rt.dst) is rt and not rt.mtu


def test_less_begins_the_time_again() -> None:
    """RFC 1191 6.3: nothing larger is tried until so long after the last word of a router."""
    path = Path()
    path.transfer()
    path.lab.run(path.lab.callouts.now + 400)
    for host in path.hosts[1:3]:
        for ifp in host.interfaces.values():
            if ifp.mtu == NARROW:
                ifp.set_mtu(600)
    path.transfer()
    rt = path.a.routes.exact(Prefix.parse("10.0.2.2/32"))
    assert rt is not None and rt.mtu == 600
    path.lab.run(path.lab.callouts.now + 400)
    assert path.a.routes.exact(rt.dst) is rt
    path.lab.run(path.lab.callouts.now + 201)
    assert path.a.routes.exact(rt.dst) is None


def test_switched_off_routers_fragment() -> None:
    path = Path()
    path.a.sysctl.set("net.inet.ip.mtudisc", "0")
    path.transfer()
    assert path.received == SIZE
    assert not any(df for _, df in path.sizes)
    assert path.hosts[1].ip.stat["fragmented"]


def test_a_black_hole_is_noticed() -> None:
    """The router's words never come: after some time-outs, segments are small and may be cut."""
    path = Path()
    path.hosts[1].sysctl.set("net.inet.icmp.errppslimit", "0")
    path.transfer()
    assert path.received == SIZE
    assert path.a.tcp.stat["pmtublackhole"] == 1


def test_a_black_hole_swallows_all_when_nobody_looks_for_one() -> None:
    path = Path()
    path.a.sysctl.set("net.inet.tcp.pmtud_blackhole_detection", "0")
    path.hosts[1].sysctl.set("net.inet.icmp.errppslimit", "0")
    path.lab.spawn(path.b, ["sink"], path._sink)
    path.lab.spawn(path.a, ["source"], path._source)
    path.lab.run(100.0)
    assert path.received == 0 and path.a.tcp.stat["rexmttimeo"] > 5
    assert path.a.tcp.stat["pmtublackhole"] == 0


def test_an_old_router_says_no_size() -> None:
    """RFC 1191 5: the next plateau below, until it fits."""
    path = Path(576)
    router = path.hosts[1]
    said = router.ip.error
    router.ip.error = lambda m, kind, code, rest: said(m, kind, code, 0)
    path.transfer()
    assert path.received == SIZE
    assert path.a.ip.stat["pmtuchg"] == 3  # 1492, 1006, 508


@pytest.mark.parametrize("mtu", [40, 67, 1500, 9000])
def test_lies_are_no_news(mtu: int) -> None:
    path = Path()
    router = path.hosts[1]
    said = router.ip.error
    router.ip.error = lambda m, kind, code, rest: said(m, kind, code, mtu)
    path.transfer()  # a lying router is a black hole
    assert path.received == SIZE
    assert not path.a.ip.stat["pmtuchg"]


def test_an_interface_that_bears_less_than_before() -> None:
    path = Path(1500)

    async def shrink(proc: Proc) -> int:
        path.a.interfaces["shmif0"].set_mtu(600)
        return 0

    sink = path.lab.spawn(path.b, ["sink"], path._sink)
    path.lab.spawn(path.a, ["source"], path._source)
    path.lab.run(0.02)
    path.lab.spawn(path.a, ["shrink"], shrink)
    path.lab.run_proc(sink)
    assert path.received == SIZE
    assert max(size for size, _ in path.sizes[-50:]) <= 600
