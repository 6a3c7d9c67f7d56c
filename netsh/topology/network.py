"""A network of routers as a list of steps: names, numbers, routes; `apply` takes one in a lab, `line` writes it.

The numbering plan.  Each router has a block of addresses, all equally large, one after the other by the router's
position in its shape.  The block is cut into /30s, one for each wire that the router owns; the first address is
that of the wire's first end.  With `routed` one more /30, the first, holds the router's own address, on lo0: it
stays when wires are cut.  So what lies in one direction is a run of blocks, and a run is a few prefixes.

    chain 4, from 10.0.0.0/28      r1 - 10.0.0.0/30 - r2 - 10.0.0.4/30 - r3 - 10.0.0.8/30 - r4
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NamedTuple

from netsh import personality
from netsh.topology.shapes import Shape
from stack.addr import Ip4, Prefix, mask_of
from stack.lab import Lab
from stack.net.wire import IDEAL, Personality, Shmif

MAX_TTL = 255  # it has eight bits
_WIRE = 2  # bits of a wire's own net
_DEFAULT_TTL = 64
_POOL = Prefix.parse("10.0.0.0/8")
_LINKS = Prefix.parse("10.255.0.0/16")  # which `link` numbers from


class Border(NamedTuple):
    """An interface of an end router to the world outside."""

    interface: str
    address: Ip4
    plen: int

    @property
    def net(self) -> Prefix:
        """The network out there."""
        return Prefix.of(self.address, self.plen)


class NewHost(NamedTuple):
    """A router is made."""

    name: str


class NewBorder(NamedTuple):
    """A router gets its interface to the outside."""

    name: str
    border: Border


class NewWire(NamedTuple):
    """Two routers are linked."""

    a: str
    b: str
    prefix: Prefix
    personality: Personality


class Setting(NamedTuple):
    """A router learns all else: its own address, how far its packets go, its routes."""

    name: str
    address: Ip4 | None
    ttl: int | None
    routes: tuple[tuple[Prefix, Ip4], ...]


class Daemon(NamedTuple):
    """A router starts to learn by itself."""

    name: str


Step = NewHost | NewBorder | NewWire | Setting | Daemon


class Network:
    """A shape with numbers.  ValueError when they do not fit into the net that is given."""

    def __init__(
        self, shape: Shape, net: Prefix, *, bus: Personality = IDEAL, borders: tuple[Border, ...] = (),
        routed: bool = False,
    ) -> None:  # fmt: skip
        self.shape = shape
        self.net = net
        self.bus = bus
        self.borders = borders
        self.routed = routed
        self.block = block_bits(shape, routed)
        if 32 - net.plen < shape.bits + self.block:
            raise ValueError(f"{net}: too small; a /{plen_for(shape, routed)} is wanted")
        self.gateways: list[dict[int, Ip4]] = []  # of each router: its neighbours' addresses
        self.prefixes: dict[tuple[int, int], Prefix] = {}  # which many routers share

    @property
    def size(self) -> int:
        """How many steps there are."""
        return self.shape.count * (3 if self.routed else 2) + self.shape.wires + len(self.borders)

    @property
    def ttl(self) -> int | None:
        """The TTL with which the ends reach each other, as far as one does; None when the usual one does."""
        longest = self.shape.longest
        return min(longest, MAX_TTL) if longest > _DEFAULT_TTL else None

    def steps(self) -> Iterator[Step]:
        """All that there is to do, in order."""
        shape = self.shape
        names = [shape.name(router) for router in range(shape.count)]
        yield from map(NewHost, names)
        ends = dict(zip((0, shape.count - 1), self.borders, strict=False))
        for router, border in ends.items():
            yield NewBorder(names[router], border)
        yield from self._wires(names)
        for router, name in enumerate(names):
            address = Ip4(self._block_of(router) + 1) if self.routed else None
            yield Setting(name, address, self.ttl, () if self.routed else tuple(self._routes(router, ends)))
        if self.routed:
            yield from map(Daemon, names)

    def _block_of(self, router: int) -> int:
        return self.net.net + (self.shape.position(router) << self.block)

    def _wires(self, names: list[str]) -> Iterator[NewWire]:
        owned = [1 if self.routed else 0] * len(names)
        self.gateways = [{} for _ in names]
        for a, b, owner in self.shape.edges():
            net = self._block_of(owner) + (owned[owner] << _WIRE)
            owned[owner] += 1
            self.gateways[a][b], self.gateways[b][a] = Ip4(net + 2), Ip4(net + 1)
            yield NewWire(names[a], names[b], Prefix(Ip4(net), 32 - _WIRE), self.bus)

    # --- routes -------------------------------------------------------------------------------

    def _routes(self, router: int, ends: dict[int, Border]) -> Iterator[tuple[Prefix, Ip4]]:
        """A router's routes: prefix and gateway; its own wires it knows without."""
        gateways = self.gateways[router]
        ways = self.shape.ways(router)
        if ways.rest is not None:
            yield self._prefix(0, self.shape.bits), gateways[ways.rest]
        for first, past, hop in ways.runs:
            gateway = gateways[hop]
            for start, bits in aligned(first, past):
                prefix = self._prefix(start, bits)
                if prefix.plen < 32 - _WIRE or not prefix.has(gateway):
                    yield prefix, gateway
        for end, border in ends.items():
            hop_out = self.shape.next_hop(router, end) if router != end else None
            if hop_out is not None:
                yield border.net, gateways[hop_out]

    def _prefix(self, start: int, bits: int) -> Prefix:
        """The prefix of 2**bits blocks from a position on."""
        key = start, bits
        if key not in self.prefixes:
            self.prefixes[key] = Prefix(Ip4(self.net.net + (start << self.block)), 32 - self.block - bits)
        return self.prefixes[key]


def block_bits(shape: Shape, routed: bool) -> int:
    """Bits of an address within a router's block."""
    return _WIRE + (shape.slots - 1 + routed).bit_length()


def plen_for(shape: Shape, routed: bool) -> int:
    """The prefix length that a network needs."""
    return 32 - shape.bits - block_bits(shape, routed)


def free_net(lab: Lab, plen: int) -> Prefix | None:
    """The first network of that length in 10/8 that nobody in the lab is on.

    What `link` numbers from is left to it, unless there is nothing else, and no link yet.
    """
    if plen <= _POOL.plen:
        return None
    taken = {ifa.prefix for host in lab.hosts.values() for ifp in host.interfaces.values() for ifa in ifp.addresses}
    found = _gap({*taken, _LINKS}, plen)
    return found if found is not None or lab.next_link is not None else _gap(taken, plen)


def _gap(taken: set[Prefix], plen: int) -> Prefix | None:
    """The first network of that length in 10/8 that has nothing in common with others."""
    step = 1 << 32 - plen
    start = int(_POOL.net)
    for first, last in sorted((int(prefix.net), int(prefix.broadcast)) for prefix in taken):
        if last >= start and first < start + step:
            start = last + step & mask_of(plen)
    return Prefix(Ip4(start), plen) if _POOL.has(start) and _POOL.has(start + step - 1) else None


def aligned(first: int, past: int) -> Iterator[tuple[int, int]]:
    """A run of positions as the fewest aligned powers of two: (start, bits)."""
    while first < past:
        bits = (past - first).bit_length() - 1
        if first:
            bits = min(bits, (first & -first).bit_length() - 1)
        yield first, bits
        first += 1 << bits


# --- taking steps --------------------------------------------------------------------------------


def apply(lab: Lab, step: Step) -> None:
    """Take a step; a `Daemon` is no affair of the lab's own (netsh.state serves it)."""
    match step:
        case NewHost(name):
            lab.add_host(name)
        case NewBorder(name, border):
            ifp = lab[name].ifcreate(border.interface)
            lab[name].set_address(ifp, border.address, border.plen)
        case NewWire(a, b, prefix, bus):
            lab.link(lab[a], lab[b], prefix, bus)
        case Setting(name, address, ttl, routes):
            host = lab[name]
            if address is not None:
                host.set_address(host.interfaces["lo0"], address, 32, alias=True)
            if ttl is not None:
                host.ip.default_ttl = ttl
            for prefix, gateway in routes:
                host.add_route(prefix, gateway)


def lines(step: Step) -> Iterator[str]:
    """A step as it is typed."""
    match step:
        case NewHost(name):
            yield f"host {name}"
        case NewBorder(name, border):
            yield f"{name} ifconfig {border.interface} create"
            yield f"{name} ifconfig {border.interface} {border.address}/{border.plen}"
        case NewWire(a, b, prefix, bus):
            yield f"link {a} {b} {prefix} {personality.unparse(bus)}".rstrip()
        case Setting(name, address, ttl, routes):
            if address is not None:
                yield f"{name} ifconfig lo0 inet {address}/32 alias"
            if ttl is not None:
                yield f"{name} sysctl -q -w net.inet.ip.ttl={ttl}"
            for prefix, gateway in routes:
                yield f"{name} route -q add -net {prefix} {gateway}"
        case Daemon(name):
            yield f"{name} routed &"


def build(lab: Lab, network: Network) -> Generator[Step, None, None]:
    """Take all steps, one each time it is asked; when it is closed before the end, or fails, all is undone."""
    made: list[str] = []
    whole = False
    try:
        for step in network.steps():
            apply(lab, step)
            if isinstance(step, NewHost):
                made.append(step.name)
            yield step
        whole = True
    finally:
        if not whole:
            _undo(lab, made)


def _undo(lab: Lab, made: list[str]) -> None:
    """Forget the hosts that were made, and their wires; devices are let go as they should."""
    buses: dict[str, None] = {}
    for name in filter(lab.hosts.__contains__, made):
        interfaces = lab.hosts[name].interfaces.values()
        joined = (ifp.bus for ifp in interfaces if isinstance(ifp, Shmif))
        buses |= dict.fromkeys(bus.label for bus in joined if bus is not None)
        if any(ifp.kind not in ("lo", "shmif") or "/" in (ifp.linkstr or "") for ifp in interfaces):
            lab.remove_host(name)
        lab.hosts.pop(name, None)
    for label in filter(lab.buses.__contains__, buses):  # one in a file has gone with its last interface
        for port in list(lab.buses[label].ports):
            if port.ether.hostname not in lab.hosts:
                lab.buses[label].detach(port)
        if not lab.buses[label].ports:
            del lab.buses[label]
