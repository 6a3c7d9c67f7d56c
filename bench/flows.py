"""The fast way through a router and the long one, side by side (python -m bench.flows [--count N] [--seed N]).

Two labs that are the same get the same bursts of frames, good ones and all that bench.fuzz makes of them,
while routes, neighbours, interfaces, wires, devices and knobs change under them.  In one the routers remember flows
(net.inet.ip.maxflows), in the other they do not.  The same frames must come out at the same times, with the
same drops and the same in every counter.
"""

from __future__ import annotations

import argparse
import errno
import random
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from bench.fuzz import Broken, Mutator
from stack.addr import Ip4, Mac, Prefix
from stack.header.checksum import checksum
from stack.host import Host
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ethernet import Ether, Ethernet, m_devget
from stack.net.ifnet import IFF_RUNNING, IFF_UP, Ifnet, Tap
from stack.net.wire import IDEAL, Personality

NETS = {  # each bus, and who is on it with which last octet
    "left": ("10.0.1.0", {"a": 1, "c": 2, "r": 254}),
    "right": ("10.0.2.0", {"b": 1, "r": 254, "s": 253}),
    "far": ("10.0.3.0", {"d": 1, "s": 254}),
}
WAYS = {"a": {"default": "10.0.1.254"}, "c": {"default": "10.0.1.254"}, "b": {"default": "10.0.2.254"},
        "d": {"default": "10.0.3.254"}, "r": {"10.0.3.0/24": "10.0.2.253"}, "s": {"default": "10.0.2.254"}}  # fmt: skip
OUTSIDE = "10.0.4.1"  # behind a device of r
ADDRESSES = ["10.0.1.1", "10.0.1.2", "10.0.2.1", "10.0.3.1", "10.0.1.254", "10.0.2.253", "10.0.9.9", OUTSIDE]
ROUTED = 5  # interfaces of routers: the first ones
KNOBS = ["forwarding", "redirect", "checkinterface", "directed-broadcast"]

State = list[object]


class Device(Ethernet):
    """What takes frames at once, as a TAP does, and refuses some."""

    kind = "dev"
    immediate = True
    __slots__ = ("error", "side")

    def __init__(self, name: str, index: int, lladdr: Mac, ether: Ether, side: Side) -> None:
        super().__init__(name, index, lladdr, ether)
        self.side = side
        self.error = 0

    def know_neighbour(self) -> None:
        """Enter the only one there is, who does not answer."""
        assert self.arptab is not None
        self.arptab.set_static(Ip4.parse(OUTSIDE), Mac.parse("b2:a0:00:00:00:08"), 0)

    def init(self) -> None:
        """It runs when it is up."""
        self.flags = self.flags | IFF_RUNNING if self.flags & IFF_UP else self.flags & ~IFF_RUNNING

    def start(self, m: Mbuf) -> int:
        """Take a frame, unless there is an error and the frame is one of those that it befalls."""
        if self.error and m.net[5:6] > b"\x7f":
            self.ether.drop("tapfull", m)
            return self.error
        self.side.seen.append((self.side.lab.callouts.now, self.name, m.frame()))
        return 0


class Side:
    """One of the two labs: a and c, the router r, b, the router s, d; what was seen and counted in it."""

    def __init__(self, maxflows: int) -> None:
        self.lab = Lab(1)
        self.seen: list[tuple[float, str, bytes]] = []
        self.died: list[tuple[str, str, str]] = []
        for net, (prefix, members) in NETS.items():
            for name, octet in members.items():
                host = self.lab.hosts.get(name) or self.lab.add_host(name)
                self._attach(host, net, Ip4(Ip4.parse(prefix) + octet))
                host.ip.maxflows = maxflows
        self.device = self._outside(self.lab["r"])
        for name, ways in WAYS.items():
            for dst, gateway in ways.items():
                self.lab[name].add_route(Prefix.parse(dst), Ip4.parse(gateway))
        self.lab.probes.drop += (self._dies,)
        self.extra: Tap = self._tap("capture")

    def _attach(self, host: Host, net: str, address: Ip4) -> None:
        ifp = host.ifcreate(f"shmif{len(host.interfaces) - 1}")
        ifp.set_linkstr(net)
        host.set_address(ifp, address, 24, dad=False)
        if host.name in "abcd":
            ifp.taps += (self._tap(host.name),)

    def _outside(self, host: Host) -> Device:
        def create(host: Host, name: str, index: int) -> Device:
            return Device(name, index, host.new_lladdr(name), host.ether, self)

        self.lab.cloners["dev"] = create
        device = host.ifcreate("dev0")
        assert isinstance(device, Device)
        host.set_address(device, Ip4.parse("10.0.4.254"), 24, dad=False)
        device.up()
        device.know_neighbour()
        return device

    def _tap(self, name: str) -> Tap:
        def tap(ifp: Ifnet, m: Mbuf, sent: bool) -> None:
            self.seen.append((self.lab.callouts.now, f"{name} {ifp.name} {sent}", m.frame()))

        return tap

    def _dies(self, host: str, protocol: str, reason: str, m: Mbuf | None) -> None:
        self.died.append((host, protocol, reason))

    @property
    def doors(self) -> list[Ethernet]:
        """All interfaces, the routers' first."""
        hosts = sorted(self.lab.hosts.values(), key=lambda host: host.name not in "rs")
        return [ifp for host in hosts for ifp in host.interfaces.values() if isinstance(ifp, Ethernet)]

    def put(self, door: int, burst: list[bytes]) -> None:
        """Let frames come in by one interface, all at once."""
        for frame in burst:
            self.doors[door].enqueue(m_devget(frame))
        self.advance(0.0)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.lab.callouts.advance(self.lab.callouts.now + seconds, 100_000)

    def state(self) -> State:
        """All that there is to compare."""
        found: State = [self.seen, self.died, self.lab.callouts.now]
        for host in self.lab.hosts.values():
            found.append((host.name, host.ip.total, host.ip.forwarded, host.ip.delivered))
            protocols = host.ether, host.ip, host.icmp, host.arp, host.udp, host.tcp
            found += [dict(protocol.stat) for protocol in protocols]
            found += [(rt.dst, rt.use) for rt in host.routes]
            for ifp in host.interfaces.values():
                found.append((ifp.name, ifp.ipackets, ifp.ibytes, ifp.opackets, ifp.obytes, ifp.iqdrops, ifp.oerrors))
        found += [dict(bus.stat) for bus in self.lab.buses.values()]
        return found


class Twins:
    """The two, and the one source of chance that drives both."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.sides = Side(0), Side(256)
        self.heard: deque[bytes] = deque(self._good() for _ in range(300))
        self.mutator = Mutator(self.rng, self.heard)
        self.frames = 0

    def _good(self) -> bytes:
        """A frame with a plain packet."""
        rng = self.rng
        data = rng.randbytes(rng.choice((0, 8, 20, 64, 600, 1480, 1480, 1481, 3000)))
        tos, ttl, proto = rng.choice((0, 0, 16)), rng.choice((64, 64, 255, 2, 1, 0)), rng.choice((17, 17, 6, 1, 99))
        off = rng.choice((0, 0, 0, 0x4000, 0x2000, 5))
        src, dst = (Ip4.parse(rng.choice(ADDRESSES)).to_bytes(4) for _ in range(2))
        head = b"".join((bytes((0x45, tos)), (20 + len(data)).to_bytes(2), rng.randbytes(2), off.to_bytes(2),
                         bytes((ttl, proto, 0, 0)), src, dst))  # fmt: skip
        return bytes(12) + b"\x08\0" + head[:10] + checksum(head).to_bytes(2) + head[12:] + data

    def burst(self) -> None:
        """Some frames for one interface of a router, mostly of few flows; then both must be the same."""
        rng = self.rng
        door = rng.randrange(len(self.sides[0].doors)) if rng.random() < 0.2 else rng.randrange(ROUTED)
        lladdr = bytes(self.sides[0].doors[door].lladdr or b"")
        favourites = [rng.choice(self.heard) for _ in range(rng.choice((1, 1, 2, 3)))]
        frames = []
        for _ in range(rng.choice((1, 2, 8, 32, 32, 300))):
            frame = self.mutator.frame() if rng.random() < 0.05 else rng.choice(favourites)
            if len(frame) >= 14 and rng.random() < 0.98:
                frame = lladdr + frame[6:]
            if len(frame) >= 14:
                frames.append(frame)
        self.frames += len(frames)
        for side in self.sides:
            side.put(door, frames)
        self.compare()

    def shake(self) -> None:
        """Something changes, in both."""
        ways = (self._time, self._time, self._route, self._mtu, self._link, self._knob, self._wire, self._capture,
                self._device)  # fmt: skip
        way = self.rng.choice(ways)
        seed = self.rng.random()
        for side in self.sides:
            with suppress(OSError):
                way(side, random.Random(seed))
            side.advance(0.0)
        self.compare()

    def compare(self) -> None:
        """Broken when the two are no longer the same."""
        states = [side.state() for side in self.sides]
        for slow, fast in zip(*states, strict=True):
            if slow != fast:
                raise Broken(f"the long way: {str(slow)[-600:]}\nthe fast way: {str(fast)[-600:]}")
        for side in self.sides:
            side.seen.clear()
            side.died.clear()

    @staticmethod
    def _time(side: Side, rng: random.Random) -> None:
        side.advance(rng.choice((0.001, 1.0, 31.0, 1300.0)))

    @staticmethod
    def _route(side: Side, rng: random.Random) -> None:
        host = side.lab[rng.choice("rs")]
        dst = Prefix.parse(rng.choice(("10.0.3.0/24", "10.0.3.1/32", "10.0.9.0/24", "default")))
        if host.routes.exact(dst) is not None:
            host.routes.delete(dst)
        else:
            host.add_route(dst, Ip4.parse(rng.choice(("10.0.2.253", "10.0.2.254", "10.0.2.1", "10.0.1.2"))))

    @staticmethod
    def _mtu(side: Side, rng: random.Random) -> None:
        rng.choice(side.doors).set_mtu(rng.choice((576, 1280, 1500, 1500, 9000)))

    @staticmethod
    def _link(side: Side, rng: random.Random) -> None:
        ifp = rng.choice(side.doors[:ROUTED])
        ifp.down()
        if rng.random() < 0.5:
            side.advance(0.5)
        ifp.up()

    @staticmethod
    def _knob(side: Side, rng: random.Random) -> None:
        side.lab[rng.choice("rs")].sysctl.set(f"net.inet.ip.{rng.choice(KNOBS)}", rng.choice("011"))

    @staticmethod
    def _wire(side: Side, rng: random.Random) -> None:
        side.lab.bus(rng.choice(list(NETS))).set(rng.choice((IDEAL, IDEAL, Personality(delay=0.01, loss=0.1))))

    @staticmethod
    def _device(side: Side, rng: random.Random) -> None:
        side.device.error = rng.choice((0, 0, 0, errno.ENOBUFS, errno.ENETDOWN))
        side.device.know_neighbour()

    @staticmethod
    def _capture(side: Side, rng: random.Random) -> None:
        ifp = rng.choice(side.doors[:ROUTED])
        tapped = side.extra in ifp.taps
        ifp.taps = tuple(tap for tap in ifp.taps if tap is not side.extra) if tapped else (*ifp.taps, side.extra)


def run(seed: int, count: int, tell: Callable[[str], None]) -> int:
    """So many frames; how many were forwarded in all."""
    twins = Twins(seed)
    shown = time.monotonic()
    while twins.frames < count:
        twins.burst()
        if twins.rng.random() < 0.2:
            twins.shake()
        if time.monotonic() > shown + 5:
            shown = time.monotonic()
            tell(f"{twins.frames:,} frames")
    return sum(host.ip.forwarded for host in twins.sides[1].lab.hosts.values())


def main() -> int:
    """Compare, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m bench.flows", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="frames")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    try:
        forwarded = run(args.seed, args.count, print)
    except Broken as broken:
        print(f"seed {args.seed}: {broken}", file=sys.stderr)
        return 1
    print(f"{args.count:,} frames, {forwarded:,} times forwarded: no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
