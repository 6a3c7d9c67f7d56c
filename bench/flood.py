"""Forged SYNs into a listener's host while others use it (python -m bench.flood [--count N]).

A server with one old connection that goes on talking, and new ones that are made all the time; between them
SYNs from sources that nobody has, a hundred every millisecond.  The SYN cache bounds what they cost.
"""

from __future__ import annotations

import random
import time
from contextlib import suppress
from struct import Struct

from bench.boot import resident_bytes
from bench.measure import Figure, arguments, calibrate, report
from stack.addr import Ip4, Mac, Prefix
from stack.header.checksum import partial
from stack.header.ip import IPPROTO_TCP, Ip
from stack.header.tcp import TH_SYN, TcpOptions
from stack.kern.socket import SOCK_STREAM, Socket
from stack.lab import Lab
from stack.net.ethernet import Ethernet
from stack.net.neighbor import LLE_STATIC
from stack.net.wire import Personality

A_TURN = 100  # SYNs a millisecond
PORT = 80
NOBODY = Ip4.parse("10.255.0.14")  # the gateway to the forged sources
OPTIONS = TcpOptions(1460, 7, True, (), (1, 0)).pack()  # as an honest system would send

_TCP = Struct("!HHIIHHHH")


class Flood:
    """A client and a server on a bus of 10 ms, and whoever forges."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = random.Random(seed)
        self.lab = Lab(seed)
        self.client, self.server = self.lab.add_host("client"), self.lab.add_host("server")
        _, ifp = self.lab.link(
            self.client, self.server, Prefix.parse("10.255.0.0/28"), personality=Personality(delay=0.010)
        )
        assert isinstance(ifp, Ethernet) and ifp.arptab is not None
        self.ifp = ifp
        self.address = ifp.addresses[0].address
        ifp.arptab.set_static(NOBODY, Mac(bytes.fromhex("020000000001")), LLE_STATIC)
        self.server.add_route(Prefix.parse("default"), NOBODY)
        self.listener = self.server.socket(SOCK_STREAM)
        self.listener.bind((0, PORT))
        self.listener.listen(5)
        self.old, self.old_server = self.connected()
        self.sent = self.received = 0
        self.connecting: tuple[Socket, float] | None = None
        self.waits: list[float] = []  # seconds that new connections took
        self.most = 0  # entries in the cache

    def connected(self) -> tuple[Socket, Socket]:
        """Both ends of a connection."""
        so = self.client.socket(SOCK_STREAM)
        with suppress(BlockingIOError):
            so.connect((self.address, PORT))
        self.lab.run(self.lab.callouts.now + 1)
        return so, self.listener.accept()[0]

    def syn(self) -> bytes:
        """One more frame with a SYN in it, from anywhere."""
        rng = self.rng
        source = rng.randrange(11, 120) << 24 | rng.getrandbits(24)
        size = 20 + len(OPTIONS)
        head = _TCP.pack(
            rng.randrange(1024, 65536), PORT, rng.getrandbits(32), 0, size << 10 | TH_SYN, 65535, 0, 0
        )  # fmt: skip
        total = partial(head) + partial(OPTIONS) + source + self.address + IPPROTO_TCP + size
        head = head[:16] + (0xFFFF - total % 0xFFFF).to_bytes(2) + head[18:]
        ip = Ip(0, 20 + size, 1, 0, 64, IPPROTO_TCP, 0, Ip4(source), self.address).pack()
        return b"".join((bytes(self.ifp.lladdr or b""), bytes(6), b"\x08\0", ip, head, OPTIONS))

    def turn(self, frames: list[bytes]) -> None:
        """A millisecond with these frames in it, and with what the honest do."""
        for frame in frames:
            self.ifp.input_frame(frame)
        self.sent += self.old.send(self.sent.to_bytes(8) * 10)
        self.lab.run(self.lab.callouts.now + 0.001)
        while self.old_server.readable:
            self.received += len(self.old_server.recv(65536))
        self._connect()
        table = self.server.tcp.syn_cache
        self.most = max(self.most, table.count if table is not None else 0)

    def _connect(self) -> None:
        """One new connection after the other."""
        now = self.lab.callouts.now
        if self.connecting is None:
            so = self.client.socket(SOCK_STREAM)
            with suppress(BlockingIOError):
                so.connect((self.address, PORT))
            self.connecting = so, now
        elif self.listener.readable:
            so, since = self.connecting
            self.waits.append(now - since)
            self.listener.accept()[0].close()
            so.close()
            self.connecting = None

    def settle(self) -> None:
        """All that is still on its way arrives."""
        self.lab.run(self.lab.callouts.now + 1)
        self.received += len(self.old_server.recv(1 << 20)) if self.old_server.readable else 0


def main() -> None:
    """Flood."""
    args = arguments(__doc__ or "", count=1_000_000)
    before = calibrate()
    flood = Flood()
    memory, elapsed = resident_bytes(), 0.0
    for _ in range(args.count // A_TURN):
        frames = [flood.syn() for _ in range(A_TURN)]
        begin = time.process_time()
        flood.turn(frames)
        elapsed += time.process_time() - begin
    grown = resident_bytes() - memory
    flood.settle()
    assert flood.sent == flood.received, "the old connection was harmed"
    assert flood.waits and max(flood.waits) < 0.1, "new connections were"
    figures = [
        Figure(f"{args.count:,} forged SYNs, CPU", elapsed, elapsed, elapsed, "s", "20"),
        Figure("entries in the cache at most", flood.most, flood.most, flood.most, "", "10,255"),
        Figure("memory grown", grown / 1e6, grown / 1e6, grown / 1e6, "MB"),
        Figure(f"{len(flood.waits):,} connections made meanwhile", *_spread(flood.waits), "ms"),
    ]
    report("flood", figures, min(before, calibrate()))


def _spread(waits: list[float]) -> tuple[float, float, float]:
    """Median, least and most, in milliseconds."""
    order = sorted(1000 * wait for wait in waits)
    return order[len(order) // 2], order[0], order[-1]


if __name__ == "__main__":
    main()
