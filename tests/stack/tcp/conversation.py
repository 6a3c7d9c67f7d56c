"""Two hosts that talk both ways at once, each side sending and reading as it is told; and a bus that does mischief."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from stack.addr import Ip4, Prefix
from stack.header.ether import ETHERTYPE_IP
from stack.header.ip import IPTOS_ECN_MASK, set_ce
from stack.host import Host
from stack.kern.proc import Proc, pause
from stack.kern.socket import SHUT_WR, SO_KEEPALIVE, SO_RCVBUF, SO_SNDBUF, SOCK_STREAM, SOL_SOCKET, Socket
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.wire import Bus, Personality, Shmif

PORT = 80
NET = Prefix.parse("10.0.0.0/24")


class Fate(NamedTuple):
    """What becomes of one frame."""

    kind: str = "arrives"  # or lost, twice, late, corrupt, marked
    number: int = 0  # late: by so many milliseconds; corrupt: the bit that is flipped


class Mischief(Bus):
    """A bus that does with each frame what a schedule says, and with the rest after it what `then` says."""

    def __init__(self, lab: Lab, fates: Iterable[Fate], then: Fate, delay: float = 0.005) -> None:
        super().__init__("mischief", lab.callouts, lab.probes, 0)
        self.fates: Iterator[Fate] = iter(fates)
        self.then = then
        self.latency = delay
        self.corrupted = 0

    def transmit(self, sender: Shmif, m: Mbuf) -> int:
        kind, number = next(self.fates, self.then)
        if kind == "corrupt" and m.link[12:] == ETHERTYPE_IP.to_bytes(2):
            self.corrupted += 1
            frame = flipped(m.frame(), number)
            self.callouts.schedule(self.latency, lambda: self._pour(sender, frame))
        elif kind != "lost":
            if kind == "marked" and m.net and m.net[1] & IPTOS_ECN_MASK:
                m.net = set_ce(m.net)
            late = number / 1000 if kind == "late" else 0.0
            for _ in range(2 if kind == "twice" else 1):
                self.callouts.schedule(self.latency + late, lambda: self.deliver(sender, m))
        return 0

    def _pour(self, sender: Shmif, frame: bytes) -> None:
        for port in self.ports:
            if port is not sender:
                port.input_frame(frame)


def flipped(frame: bytes, bit: int) -> bytes:
    """A frame with one bit of its packet the other way."""
    bit = 14 * 8 + bit % ((len(frame) - 14) * 8)
    return bytes(byte ^ (128 >> bit % 8) if at == bit // 8 else byte for at, byte in enumerate(frame))


class Side(NamedTuple):
    """How one side behaves."""

    data: bytes
    chunk: int = 1 << 20  # bytes in a write
    rest: float = 0.0  # seconds between two reads
    bite: int = 65536  # bytes in a read
    rcvbuf: int = 32768
    sndbuf: int = 32768
    keepalive: bool = False
    leaves: int | None = None  # having read so many bytes it closes, whatever is still to come or to be sent


class Talk:
    """A client and a server that send all they have, end their direction, and read to the end."""

    def __init__(
        self, lab: Lab, client: Side, server: Side, bus: Bus | None = None, mtu: int = 1500,
        knobs: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.lab = lab
        self.hosts = lab.add_host("client"), lab.add_host("server")
        self.sides = client, server
        self.got = bytearray(), bytearray()  # what the client read, what the server read
        self.errors: tuple[set[int], set[int]] = set(), set()
        if bus is not None:
            lab.buses[bus.label] = bus
        for number, host in enumerate(self.hosts, 1):
            for name, value in (knobs or {}).items():
                host.sysctl.set(name, value)
            ifp = host.ifcreate("shmif0")
            ifp.set_linkstr(bus.label if bus is not None else "lan")
            ifp.set_mtu(mtu)
            host.set_address(ifp, Ip4(NET.net + number), 24, dad=False)
        lab.spawn(self.hosts[1], ["server"], self._serve)
        lab.spawn(self.hosts[0], ["client"], self._call)

    def run(self, personality: Personality | None = None) -> None:
        """Let it all happen, until nothing is left to happen."""
        if personality is not None:
            self.lab.bus("lan").set(personality)
        self.lab.run()

    @property
    def intact(self) -> bool:
        """Whether all has arrived, both ways."""
        return (bytes(self.got[1]), bytes(self.got[0])) == (self.sides[0].data, self.sides[1].data)

    @property
    def leaks(self) -> list[str]:
        """What is left when all is over."""
        left = [f"{host.name}: {inp}" for host in self.hosts for inp in host.tcp.table]
        left += [f"{host.name}: {key}" for host in self.hosts for key in host.tcp.table.connected]
        return left + [f"{proc.hostname}: {proc.argv} {proc.wmesg}" for proc in self.lab.procs.values()]

    async def _serve(self, proc: Proc) -> int:
        listener = self._socket(1)
        listener.bind((0, PORT))
        listener.listen()
        if self.sides[1].keepalive:  # nobody may come at all
            try:
                so, _ = await accept(listener, timeout=100.0)
            except BlockingIOError:
                listener.close()
                return 1
        else:
            so, _ = await accept(listener)
        listener.close()
        return await self._talk(so, 1)

    async def _call(self, proc: Proc) -> int:
        so = self._socket(0)
        try:
            await connect(so, (NET.net + 2, PORT))
        except OSError as error:
            self.errors[0].add(error.errno or 0)
            so.close()
            return 1
        return await self._talk(so, 0)

    def _socket(self, which: int) -> Socket:
        side, so = self.sides[which], self.hosts[which].socket(SOCK_STREAM)
        for option, value in ((SO_RCVBUF, side.rcvbuf), (SO_SNDBUF, side.sndbuf), (SO_KEEPALIVE, int(side.keepalive))):
            so.setsockopt(SOL_SOCKET, option, value)
        return so

    async def _talk(self, so: Socket, which: int) -> int:
        """Write in one process, read in this one, close when both are done."""
        host, side = self.hosts[which], self.sides[which]
        writer = self.lab.spawn(host, ["writer"], lambda proc: self._write(so, which))
        try:
            while data := await recv(so, side.bite):
                self.got[which].extend(data)
                if side.leaves is not None and len(self.got[which]) >= side.leaves:
                    so.close()
                    return 0
                if side.rest:
                    await pause(side.rest)
        except OSError as error:
            self.errors[which].add(error.errno or 0)
        while writer.status is None:
            await pause(1.0)
        so.close()
        return 0

    async def _write(self, so: Socket, which: int) -> int:
        side = self.sides[which]
        try:
            for at in range(0, len(side.data), side.chunk):
                await sendall(so, side.data[at : at + side.chunk])
            so.shutdown(SHUT_WR)
        except OSError as error:
            self.errors[which].add(error.errno or 0)
        return 0


def counters(host: Host) -> int:
    """How many packets a host has dropped for their checksums."""
    return host.ip.stat["badsum"] + host.tcp.stat["rcvbadsum"]
