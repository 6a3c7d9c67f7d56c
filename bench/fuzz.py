"""Frames nobody should send, into a lab that is alive (python -m bench.fuzz [--count N] [--seed N]).

Two hosts and a router between them talk: ARP, pings, fragments, UDP, groups, TCP in all its states.  What
they say is overheard, changed in one way or another and put back into one of their interfaces, with random
bytes among it, while time goes on.  Every frame must end as a delivery, a forward, or a drop with a name;
nothing may raise; and when it is quiet again, the lab must still work.  A frame that breaks a rule is
saved in hex, with how to come back to it.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stack.addr import ETHER_BROADCAST, Ip4, Mac, Prefix
from stack.header.checksum import checksum, pseudo4
from stack.header.icmp import ICMP_ECHO, build
from stack.header.ip import IPPROTO_ICMP, IPPROTO_IGMP, IPPROTO_TCP, IPPROTO_UDP
from stack.host import Host
from stack.kern.socket import SO_BROADCAST, SO_REUSEADDR, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM, SOL_SOCKET, Socket
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ethernet import Ethernet
from stack.net.ifnet import IN_IFF_DUPLICATED, Ifnet
from stack.net.loopback import Loopback
from stack.net.wire import Personality
from stack.netinet.in_ import IP_ADD_MEMBERSHIP, IP_OPTIONS, IPPROTO_IP

BUDGET = 200_000  # pieces of work one frame may cause before it is called endless
QUIET = 4000.0  # seconds after which all that a frame can leave behind has timed out

GROUP = Ip4.parse("239.1.2.3")
A, B, LEFT, RIGHT = (Ip4.parse(text) for text in ("10.0.1.1", "10.0.2.1", "10.0.1.254", "10.0.2.254"))
ADDRESSES = [
    int(Ip4.parse(text))
    for text in (
        "10.0.1.1", "10.0.1.254", "10.0.2.254", "10.0.2.1", "10.0.1.255", "10.0.2.255", "10.0.1.77", "10.0.2.77",
        "192.0.2.1", "0.0.0.0", "255.255.255.255", "127.0.0.1", "127.1.2.3", "224.0.0.1", "224.0.0.2", "239.1.2.3",
        "240.0.0.1", "10.9.0.1", "10.9.0.255",
    )
]  # fmt: skip
KNOBS = [
    ("net.inet.ip.forwarding", "0"),
    ("net.inet.ip.directed-broadcast", "1"),
    ("net.inet.ip.forwsrcrt", "0"),
    ("net.inet.ip.allowsrcrt", "0"),
    ("net.inet.ip.checkinterface", "1"),
    ("net.inet.ip.maxfragpackets", "2"),
    ("net.inet.ip.redirect", "0"),
    ("net.inet.icmp.bmcastecho", "1"),
    ("net.inet.icmp.maskrepl", "1"),
    ("net.inet.icmp.returndatabytes", "500"),
    ("net.inet.icmp.errppslimit", "-1"),
    ("net.inet.udp.checksum", "0"),
    ("net.inet.tcp.ackdropppslimit", "5"),
    ("net.inet.tcp.syn_cache_limit", "3"),
    ("net.inet.tcp.syn_bucket_limit", "1"),
    ("net.inet.tcp.syncache.rst_on_sock_fail", "1"),
    ("net.inet.tcp.rfc1337", "1"),
    ("net.inet.tcp.rfc6191", "0"),
    ("net.inet.tcp.urgent", "0"),
]
TYPES = (0x0800, 0x0800, 0x0800, 0x0806, 0x86DD, 0x8100, 0x0026)
PROTOCOLS = (IPPROTO_ICMP, IPPROTO_IGMP, IPPROTO_TCP, IPPROTO_UDP, 4, 99, 255)


class Broken(Exception):
    """A rule was broken; in words."""


class World:
    """The lab: a - left - r - right - b."""

    def __init__(self, seed: int) -> None:
        self.lab = Lab(seed)
        self.rng = random.Random(seed)
        self.heard: deque[bytes] = deque(maxlen=3000)
        self.hosts = [self.lab.add_host(name) for name in "arb"]
        a, r, b = self.hosts
        for host, bus, address in ((a, "left", A), (r, "left", LEFT), (r, "right", RIGHT), (b, "right", B)):
            self._attach(host, bus, address)
        a.add_route(Prefix.parse("default"), LEFT)
        b.add_route(Prefix.parse("default"), RIGHT)
        self.lab.bus("right").set(Personality(delay=0.001, rate=1e8, loss=0.01, duplicate=0.01, reorder=0.01))
        self.doors: list[tuple[Host, Ifnet]] = []
        for host in self.hosts:
            for ifp in host.interfaces.values():
                self.doors += [(host, ifp)] * (1 if ifp.is_loopback else 4)
        self.owners = {bytes(ifp.lladdr): (host, ifp) for host, ifp in self.doors if ifp.lladdr is not None}
        self.sockets: deque[Socket] = deque()
        self.standing: list[Socket] = []
        self.listeners = [self._listener(host) for host in self.hosts]
        for host in self.hosts:
            self._members(host)

    def _attach(self, host: Host, bus: str, address: Ip4) -> None:
        ifp = host.ifcreate(f"shmif{len(host.interfaces) - 1}")
        ifp.set_linkstr(bus)
        host.set_address(ifp, address, 24, dad=False)
        ifp.taps += (lambda _, m, __: self.heard.append(m.frame()),)

    def _listener(self, host: Host) -> Socket:
        so = host.socket(SOCK_STREAM)
        so.bind((0, 80))
        so.listen(8)
        return so

    def _members(self, host: Host) -> None:
        """Sockets that stay: a port, a group, raw ones."""
        so = host.socket(SOCK_DGRAM)
        so.bind((0, 9))
        so.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (GROUP, 0))
        self.standing += [so, host.socket(SOCK_RAW, IPPROTO_ICMP), host.socket(SOCK_RAW, 99)]

    # --- life ---------------------------------------------------------------------------------------

    def live(self) -> None:
        """Something an honest program would do."""
        rng = self.rng
        host = rng.choice(self.hosts)
        with suppress(OSError):
            rng.choice((self._connect, self._datagram, self._ping, self._change, *[self._talk] * 4))(host)
        self._serve()
        self.heal(host)
        while len(self.sockets) > 60:
            with suppress(OSError):
                self.sockets.popleft().close()

    def _connect(self, host: Host) -> None:
        so = host.socket(SOCK_STREAM)
        self.sockets.append(so)
        so.connect((self.rng.choice((A, B, LEFT, Ip4.parse("10.0.2.77"))), self.rng.choice((80, 80, 80, 81))))

    def _datagram(self, host: Host) -> None:
        so = host.socket(SOCK_DGRAM)
        self.sockets.append(so)
        so.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)
        if self.rng.random() < 0.2:
            so.setsockopt(IPPROTO_IP, IP_OPTIONS, bytes((7, 11, 4)) + bytes(8))
        to = self.rng.choice((A, B, LEFT, GROUP, Ip4.parse("255.255.255.255"), Ip4.parse("10.0.2.255")))
        so.sendto(self.rng.randbytes(self.rng.choice((0, 1, 30, 3000, 8000))), (to, self.rng.choice((9, 10))))

    def _ping(self, host: Host) -> None:
        so = host.socket(SOCK_RAW, IPPROTO_ICMP)
        self.sockets.append(so)
        so.sendto(build(ICMP_ECHO, 0, 1, self.rng.randbytes(40)), (self.rng.choice((A, B, RIGHT)), 0))

    def _change(self, host: Host) -> None:
        """A link, a knob, an MTU or an address is another; neighbours are forgotten."""
        ifp = host.interfaces["shmif0"]
        assert isinstance(ifp, Ethernet) and ifp.arptab is not None
        alias = Ip4.parse(f"10.9.0.{1 + self.hosts.index(host)}")
        match self.rng.randrange(12):
            case 0:
                ifp.arptab.flush()
            case 1:
                ifp.set_linkstr(None)
                ifp.set_linkstr("right" if host is self.hosts[2] else "left")
            case 2:
                ifp.down()
                ifp.up()
            case 3:
                ifp.set_mtu(self.rng.choice((68, 576, 1500, 1500, 9000)))
            case 4 | 5 | 6:
                name, value = self.rng.choice(KNOBS)
                host.sysctl.set(name, value if self.rng.random() < 0.2 else str(host.sysctl.default(name)))
            case _ if ifp.find(alias) is not None:
                host.delete_address(ifp, alias)
            case _:
                host.set_address(ifp, alias, 24, alias=True, dad=self.rng.random() < 0.7)

    def heal(self, host: Host) -> None:
        """An address that was found to be a duplicate is given another chance, or all would be silence in the end."""
        ifp = host.interfaces["shmif0"]
        if ifp.addresses[0].flags & IN_IFF_DUPLICATED:
            host.sysctl.set("net.inet.ip.dad_count", "0")
            ifp.down()
            ifp.up()
            host.sysctl.set("net.inet.ip.dad_count", "3")

    def restore(self) -> None:
        """As it was in the beginning: every knob, every MTU, no sockets."""
        for host in self.hosts:
            for name, _ in KNOBS:
                host.sysctl.set(name, str(host.sysctl.default(name)))
            host.interfaces["shmif0"].set_mtu(1500)
        for so in (*self.sockets, *self.listeners):
            so.close()

    def _talk(self, host: Host) -> None:
        """Somebody who is connected says something, half closes, or goes."""
        if self.sockets:
            so = self.rng.choice(self.sockets)
            what = self.rng.random()
            if what < 0.7:
                so.send(self.rng.randbytes(self.rng.choice((1, 100, 5000, 20000))), oob=self.rng.random() < 0.1)
            elif what < 0.8:
                so.shutdown(self.rng.randrange(3))
            else:
                so.close()

    def _serve(self) -> None:
        """Accept, and read what there is."""
        for listener in self.listeners:
            with suppress(OSError):
                self.sockets.append(listener.accept()[0])
        for so in (*self.sockets, *self.standing):
            with suppress(OSError):
                while so.readable and so.recv(65536):
                    pass
            with suppress(OSError):
                if so.exceptional:
                    so.recv(1, oob=True)

    # --- putting a frame in ---------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass; Broken when there is no end to what happens."""
        callouts = self.lab.callouts
        if callouts.advance(callouts.now + seconds, BUDGET):
            raise Broken("it never ends")

    def inject(self, host: Host, ifp: Ifnet, frame: bytes) -> None:
        """A frame comes in, and is looked at at once."""
        if isinstance(ifp, Ethernet):
            ifp.input_frame(frame)
            ifp.intr()
        elif isinstance(ifp, Loopback):
            end = 14 + (frame[14] & 15) * 4 if len(frame) > 14 else 14
            ifp.transmit(Mbuf(frame[end:], net=frame[14:end]))
            ifp.intr()


def counters(host: Host) -> tuple[int, int, int, int]:
    """What says that a packet got somewhere."""
    ip, arp = host.ip, host.arp.stat
    return ip.forwarded, ip.delivered, ip.stat["fragments"], arp["rcvrequest"] + arp["rcvreply"]


GOT = ("forwarded", "delivered", "fragment kept", "ARP")


# --- making frames -----------------------------------------------------------------------------------------


class Mutator:
    """Makes frames out of frames."""

    def __init__(self, rng: random.Random, heard: deque[bytes]) -> None:
        self.rng = rng
        self.heard = heard
        self.ways: tuple[Callable[[], bytes], ...] = (
            self.noise, self.framed_noise, self.as_it_was, self.flipped, self.flipped, self.cut, self.header,
            self.header, self.transport, self.transport, self.transport, self.options, self.fragment, self.spliced,
            self.address, self.message,
        )  # fmt: skip

    def frame(self) -> bytes:
        """One more frame."""
        return self.rng.choice(self.ways)()

    def addressed(self, frame: bytes, ifp: Ifnet) -> bytes:
        """A frame, mostly addressed to the interface that will get it."""
        which = self.rng.random()
        if which < 0.75 and ifp.lladdr is not None:
            return ifp.lladdr + frame[6:]
        if which < 0.85:
            return ETHER_BROADCAST + frame[6:]
        return Mac(b"\x01\x00\x5e\x01\x02\x03") + frame[6:] if which < 0.9 else frame

    def aimed(self, frame: bytes, address: int) -> bytes:
        """A frame whose packet, if there is one, is for one address."""
        if frame[12:14] != b"\x08\0" or len(frame) < 34:
            return frame
        return self.summed(bytearray(frame[:30] + address.to_bytes(4) + frame[34:]))

    def any(self) -> bytearray:
        """A frame that was overheard."""
        return bytearray(self.rng.choice(self.heard))

    def ip(self) -> bytearray:
        """One with IP in it."""
        for _ in range(50):
            frame = self.any()
            if frame[12:14] == b"\x08\0":
                return frame
        return frame

    def noise(self) -> bytes:
        return self.rng.randbytes(self.rng.choice((0, 5, 13, 14, 15, 33, 34, 60, 200, 1514)))

    def framed_noise(self) -> bytes:
        rest = self.rng.randbytes(self.rng.choice((0, 1, 19, 20, 28, 40, 64, 600)))
        if rest and self.rng.random() < 0.7:
            rest = bytes((self.rng.choice((0x45, 0x45, 0x46, 0x4F)),)) + rest[1:]
        return bytes(12) + self.rng.choice(TYPES).to_bytes(2) + rest

    def as_it_was(self) -> bytes:
        return bytes(self.any())

    def flipped(self) -> bytes:
        frame = self.any()
        for _ in range(self.rng.choice((1, 1, 2, 8))):
            frame[self.rng.randrange(len(frame))] ^= 1 << self.rng.randrange(8)
        return bytes(frame)

    def cut(self) -> bytes:
        frame = self.any()
        if self.rng.random() < 0.5:
            return bytes(frame[: self.rng.randrange(len(frame) + 1)])
        return bytes(frame) + self.rng.randbytes(self.rng.choice((1, 2, 18, 100)))

    def header(self) -> bytes:
        """One field of the IP header is another, and the sum is right again."""
        frame = self.ip()
        at, size = self.rng.choice(((0, 1), (1, 1), (2, 2), (4, 2), (6, 2), (8, 1), (9, 1), (12, 4), (16, 4)))
        value = self.rng.randbytes(size)
        if at == 9:
            value = bytes((self.rng.choice(PROTOCOLS),))
        elif at == 8:
            value = bytes((self.rng.choice((0, 1, 2, 255)),))
        frame[14 + at : 14 + at + size] = value
        return self.summed(frame)

    def address(self) -> bytes:
        """Source, destination, or both are others."""
        frame = self.ip()
        for at in self.rng.choice(((26,), (30,), (26, 30))):
            frame[at : at + 4] = self.rng.choice(ADDRESSES).to_bytes(4)
        return self.summed(frame)

    def transport(self) -> bytes:
        """A few bytes of the transport header are others; both sums are right."""
        frame = self.ip()
        begin = 14 + (frame[14] & 15) * 4 if len(frame) > 14 else 14
        for _ in range(self.rng.choice((1, 1, 2, 4)) if begin < len(frame) else 0):
            at = min(begin + self.rng.randrange(40), len(frame) - 1)
            frame[at] = self.rng.choice((0, 1, 0x7F, 0x80, 0xFF, self.rng.randrange(256)))
        return self.summed(frame)

    def options(self) -> bytes:
        """IP options, good or bad, between header and data."""
        frame = self.ip()
        rng = self.rng
        found = b""
        for _ in range(rng.randrange(1, 4)):
            kind = rng.choice((0, 1, 7, 68, 130, 131, 137, 148, rng.randrange(256)))
            size = rng.choice((3, 4, 7, 11, rng.randrange(41)))
            stops = b"".join(rng.choice(ADDRESSES).to_bytes(4) for _ in range(10))
            found += bytes((kind, size, rng.choice((4, 4, 5, 8, rng.randrange(256))))) + stops[: max(size - 3, 0)]
        found = found[:40] + bytes(-len(found[:40]) % 4)
        body = bytes(frame[14 + (frame[14] & 15) * 4 :]) if len(frame) > 14 else b""
        whole = bytearray(bytes(frame[:34]) + found + body)
        whole[14] = 0x40 | 5 + (len(found) >> 2)
        whole[16:18] = (len(whole) - 14 & 0xFFFF).to_bytes(2)
        return self.summed(whole)

    def fragment(self) -> bytes:
        """A fragment of something, of few identifications, so that some fit together."""
        frame = self.ip()
        off = self.rng.choice((0x2000, 0x2000, 1, 2, 0x2001, 0x2002, 100, 0x1FFF, self.rng.randrange(0x4000)))
        frame[18:20] = self.rng.randrange(4).to_bytes(2)
        frame[20:22] = off.to_bytes(2)
        if self.rng.random() < 0.8:
            del frame[34 + (len(frame) - 34 & ~7) :]
            frame[16:18] = (len(frame) - 14).to_bytes(2)
        return self.summed(frame)

    def spliced(self) -> bytes:
        """The head of one and the tail of another."""
        one, other = self.any(), self.any()
        at = self.rng.choice((14, 34, 42, 54, self.rng.randrange(80)))
        return self.summed(one[:at] + other[at:])

    def message(self) -> bytes:
        """ICMP, IGMP or ARP of any type, from and to addresses that mean something."""
        rng = self.rng
        src, dst = rng.choice(ADDRESSES), rng.choice(ADDRESSES)
        if rng.random() < 0.3:
            sha = rng.choice((b"\x02\0\0\0\0\x09", bytes(6), b"\xff" * 6, rng.randbytes(6)))
            head = b"\0\1\x08\0\6\4\0" + bytes((rng.choice((1, 1, 2, 2, 3)),))
            return bytes(12) + b"\x08\x06" + head + sha + src.to_bytes(4) + bytes(6) + dst.to_bytes(4)
        proto = rng.choice((IPPROTO_ICMP, IPPROTO_ICMP, IPPROTO_IGMP))
        quoted = bytes(self.ip()[14 : 14 + rng.choice((0, 20, 28, 60))])
        rest = rng.choice((0, 0x7FFF0001, rng.choice(ADDRESSES), rng.randrange(1 << 32)))
        kind = rng.choice((0, 3, 4, 5, 5, 8, 11, 12, 13, 17, 0x11, 0x12, 0x16, 0x17, rng.randrange(256)))
        body = build(kind, rng.randrange(6), rest, quoted)
        head = bytes((0x45, 0)) + (20 + len(body)).to_bytes(2) + bytes((0, 1, 0, 0, rng.choice((1, 64)), proto, 0, 0))
        return self.summed(bytearray(bytes(12) + b"\x08\0" + head + src.to_bytes(4) + dst.to_bytes(4) + body))

    def summed(self, frame: bytearray) -> bytes:
        """Both checksums made right, mostly."""
        hlen = (frame[14] & 15) * 4 if len(frame) > 14 else 0
        if frame[12:14] != b"\x08\0" or hlen < 20 or len(frame) < 14 + hlen or self.rng.random() < 0.02:
            return bytes(frame)
        body = 14 + hlen
        at = {IPPROTO_ICMP: 2, IPPROTO_IGMP: 2, IPPROTO_TCP: 16, IPPROTO_UDP: 6}.get(frame[23])
        if at is not None and len(frame) >= body + at + 2 and self.rng.random() < 0.95:
            frame[body + at : body + at + 2] = b"\0\0"
            end = min(14 + int.from_bytes(frame[16:18]), len(frame))
            data, pseudo = bytes(frame[body:end]), 0
            if frame[23] in (IPPROTO_TCP, IPPROTO_UDP):
                src, dst = int.from_bytes(frame[26:30]), int.from_bytes(frame[30:34])
                pseudo = pseudo4(src, dst, frame[23], len(data))
            frame[body + at : body + at + 2] = checksum(data, pseudo).to_bytes(2)
        frame[24:26] = b"\0\0"
        frame[24:26] = checksum(bytes(frame[14:body])).to_bytes(2)
        return bytes(frame)


# --- the run -------------------------------------------------------------------------------------------------


class Run:
    """One run: frames, and what became of them."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        self.rng = self.world.rng
        self.mutator = Mutator(self.rng, self.world.heard)
        self.outcomes: Counter[str] = Counter()
        self.deaths: list[str] = []
        self.target = ""
        self.frame = b""
        self.number = 0
        self.world.lab.probes.drop += (self._died,)
        for _ in range(200):
            self.world.live()
            self.world.advance(0.2)

    def _died(self, host: str, protocol: str, reason: str, m: Mbuf | None) -> None:
        if host == self.target:
            self.deaths.append(f"{protocol}: {reason}")

    def one(self) -> None:
        """Make a frame, put it in, and see to it that its end is known."""
        world, rng = self.world, self.rng
        self.frame = self.mutator.frame()
        door = world.owners.get(self.frame[:6])
        if door is None or rng.random() < 0.3:  # not where it was going
            door = rng.choice(world.doors)
            self.frame = self.mutator.addressed(self.frame, door[1])
        host, ifp = door
        if rng.random() < 0.3:
            self.frame = self.mutator.aimed(self.frame, rng.choice(ifp.addresses).address)
        self.target = host.name
        self.deaths.clear()
        before = counters(host)
        world.inject(host, ifp, self.frame)
        self.outcomes[self.outcome(before, counters(host))] += 1
        self.target = ""
        chance = rng.random()
        world.advance(0 if chance < 0.95 else rng.random() * (0.02 if chance < 0.995 else 1 if chance < 0.9995 else 40))
        if not self.number % 16:
            world.live()
        self.number += 1

    def outcome(self, before: tuple[int, ...], after: tuple[int, ...]) -> str:
        """What became of a frame; Broken when nobody can say."""
        if self.deaths:
            return self.deaths[0]
        for what, was, now in zip(GOT, before, after, strict=True):
            if now != was:
                return what
        raise Broken("nobody can say what became of it")

    def aftermath(self) -> None:
        """When all is quiet, nothing is left behind, and the lab works as before."""
        world = self.world
        world.restore()
        for _ in range(int(QUIET / 50)):
            world.advance(50)
        a = world.hosts[0]
        for host in world.hosts:
            world.heal(host)  # the very last frames may have taken its address for another's
            waiting = host.ip.reassembly.packets if host.ip.reassembly is not None else {}
            handshakes = host.tcp.syn_cache.count if host.tcp.syn_cache is not None else 0
            if waiting or handshakes or host.tcp.table.connected:
                left = f"{len(waiting)} fragments, {handshakes} handshakes, {len(host.tcp.table.connected)} connections"
                raise Broken(f"{host.name} still has {left}")
            for ifa in [ifa for ifp in host.interfaces.values() for ifa in ifp.addresses]:
                if host.control.local(ifa.address) is not ifa:
                    raise Broken(f"{host.name} does not know its own address {ifa.address} any more")
        so = a.socket(SOCK_RAW, IPPROTO_ICMP)
        so.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        for _ in range(5):  # the wire loses some
            so.sendto(build(ICMP_ECHO, 0, 0x77770001, b"still there?"), (B, 0))
            world.advance(5)
        if not so.readable:
            raise Broken("the lab does not work any more")


def report(run: Run, seconds: float) -> None:
    """Print what became of the frames."""
    for what, count in sorted(run.outcomes.items(), key=lambda pair: (pair[0] not in GOT, -pair[1])):
        print(f"{count:10,}  {100 * count / max(run.number, 1):5.1f} %  {what}")
    print(f"{run.number:10,}  frames in {seconds:.1f} s, {run.number / max(seconds, 1e-9):,.0f} frames/s")


def save(run: Run, seed: int) -> Path:
    """Keep the frame that broke a rule."""
    path = Path(f"fuzz-{seed}-{run.number}.hex")
    path.write_text(f"# frame {run.number} of seed {seed}\n{run.frame.hex()}\n")
    return path


def main() -> None:
    """Run; the exit status is 1 when a rule was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000, metavar="N", help="frames (default: 1,000,000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another seed, other frames (default: 1)")
    args = parser.parse_args()
    begin = time.perf_counter()
    run = Run(args.seed)
    broken = ""
    try:
        for _ in range(args.count):
            run.one()
        run.frame = b""
        run.aftermath()
    except Exception as error:
        broken = str(error) if isinstance(error, Broken) else traceback.format_exc()
    report(run, time.perf_counter() - begin)
    if broken:
        print(f"{broken}\nframe {run.number} of seed {args.seed} is saved in {save(run, args.seed)}", file=sys.stderr)
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
