"""Small labs for tests of commands."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from itertools import pairwise

from stack.addr import Ip4, Prefix
from stack.host import Host
from stack.kern.proc import SIGKILL, Nap, Proc, pause
from stack.kern.socket import SO_LINGER, SOCK_STREAM, SOL_SOCKET
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab, next_unit
from stack.mbuf import Mbuf
from stack.net.route import RTF_GATEWAY, RTF_STATIC, RTF_UP, Rtentry
from stack.net.wire import Bus, Personality
from tests.commands.runner import run


def route(host: Host, destination: str, gateway: str) -> None:
    """Add a route through a gateway, as route(8) does."""
    address = Ip4.parse(gateway)
    ifp = next(ifp for ifp in host.interfaces.values() if ifp.on_link(address) is not None)
    flags = RTF_UP | RTF_GATEWAY | RTF_STATIC
    host.routes.add(Rtentry(Prefix.parse(destination), ifp, flags, gateway=address, ifa=ifp.addresses[0]))


def chain(*names: str, seed: int = 1, delay: float = 0.0) -> Lab:
    """Hosts in a row: the first has 10.0.0.1, the next 10.0.0.2 and 10.0.1.1, and so on; all routes set."""
    lab = Lab(seed)
    hosts = [lab.add_host(name) for name in names]
    for at, (left, right) in enumerate(pairwise(hosts)):
        lab.link(left, right, Prefix.parse(f"10.0.{at}.0/24"), Personality(delay=delay))
    last = len(hosts) - 1
    for at, host in enumerate(hosts):
        for net in range(last):
            if net > at:
                route(host, f"10.0.{net}.0/24", f"10.0.{at}.2")
            elif net < at - 1:
                route(host, f"10.0.{net}.0/24", f"10.0.{at - 1}.1")
    return lab


def neighbors() -> Lab:
    """Two hosts on one bus, as a user makes them: `me` has 10.0.0.2/24, its neighbour `gw` 10.0.0.1/24."""
    lab = Lab()
    for name, address in (("me", "10.0.0.2"), ("gw", "10.0.0.1")):
        run(lab, name, "sysctl -q -w net.inet.ip.dad_count=0")
        run(lab, name, f"ifconfig shmif0 create linkstr lan {address}/24")
    return lab


def golden_lab() -> Lab:
    """A 10.0.1.1 -- 10.0.1.2 R 10.0.2.2 -- 10.0.2.1 B, as in the golden sessions."""
    lab = Lab()
    for name, wire, address in (
        ("A", "1", "10.0.1.1"),
        ("R", "1", "10.0.1.2"),
        ("R", "2", "10.0.2.2"),
        ("B", "2", "10.0.2.1"),
    ):
        attach(lab, name, wire, address)
    route(lab["A"], "default", "10.0.1.2")
    route(lab["B"], "10.0.1.0/24", "10.0.2.2")
    return lab


def bus(lab: Lab, at: int = 0) -> Bus:
    """The bus of that number."""
    return list(lab.buses.values())[at]


def pair(seed: int = 1, delay: float = 0.0) -> Lab:
    """Two hosts on one bus: `a` has 10.0.0.1, `b` has 10.0.0.2."""
    return chain("a", "b", seed=seed, delay=delay)


def spoil(lab: Lab, host: str, change: Callable[[Mbuf], None]) -> None:
    """Change every IP packet before a host sees it."""
    ip = lab[host].ip
    before = ip.input

    def spoiled(m: Mbuf) -> None:
        change(m)
        before(m)

    lab[host].ether.demux[b"\x08\x00"] = spoiled


def attach(lab: Lab, name: str, wire: str, address: str) -> None:
    """Give a host (a new one perhaps) a new interface with an address on a bus."""
    host = lab.hosts.get(name) or lab.add_host(name)
    ifp = host.ifcreate(next_unit(host, "shmif"))
    ifp.set_linkstr(wire)
    host.set_address(ifp, Ip4.parse(address), 24, dad=False)


def sent(lab: Lab, host: str) -> list[tuple[float, Mbuf]]:
    """The IP packets that a host sends or forwards from now on, with the time of each; the list grows."""
    found: list[tuple[float, Mbuf]] = []

    def note(hostname: str, protocol: str, m: Mbuf) -> None:
        if hostname == host and protocol == "ip":
            found.append((lab.callouts.now, m.copy()))

    lab.probes.send += (note,)
    return found


# --- clients and servers of no manners ----------------------------------------------------------------


class Talk:
    """A TCP conversation in a process of its own: what it got, and how that ended."""

    def __init__(self) -> None:
        self.got = b""
        self.error: OSError | None = None
        self.ended: float | None = None

    def begin(self, lab: Lab, host: str, body: Callable[[Proc], Coroutine[Nap, bool | None, None]]) -> Talk:
        """Start it."""

        async def whole(proc: Proc) -> int:
            try:
                await body(proc)
            except OSError as error:
                self.error = error
            self.ended = lab.callouts.now
            return 0

        lab.spawn(lab[host], ["talk"], whole)
        return self


def client(lab: Lab, host: str, server: str, port: int, *pieces: bytes | float, hold: bool = False) -> Talk:
    """Connect, send pieces (a number is a pause in seconds), and read to the end; `hold` does not read."""
    talk = Talk()

    async def body(proc: Proc) -> None:
        so = lab[host].socket(SOCK_STREAM)
        proc.closers.append(so.close)
        await connect(so, (lab.resolve(server, lab[host]), port))
        for piece in pieces:
            if isinstance(piece, bytes):
                await sendall(so, piece)
            else:
                await pause(piece)
        if hold:
            await pause(3600)
        while data := await recv(so, 65536):
            talk.got += data

    return talk.begin(lab, host, body)


def server(lab: Lab, host: str, port: int, *pieces: bytes | float, reset: bool = False) -> Talk:
    """Take one connection after the other: read a request, answer with pieces, and close or reset it."""
    talk = Talk()

    async def body(proc: Proc) -> None:
        listener = lab[host].socket(SOCK_STREAM)
        proc.closers.append(listener.close)
        listener.bind((0, port))
        listener.listen()
        while True:
            so, _ = await accept(listener)
            asked = b""
            while b"\r\n\r\n" not in asked and (data := await recv(so, 65536)):
                asked += data
            talk.got += asked
            for piece in pieces:
                if isinstance(piece, bytes):
                    await sendall(so, piece)
                else:
                    await pause(piece)
            if reset:
                so.setsockopt(SOL_SOCKET, SO_LINGER, 0)
            so.close()

    return talk.begin(lab, host, body)


def end(lab: Lab) -> None:
    """End all that still runs."""
    for proc in list(lab.procs.values()):
        proc.signal(SIGKILL)
    lab.callouts.advance(lab.callouts.now)
