"""Many TCP connections in one lab: at once, one after the other, and doing nothing (python -m bench.tcp_many)."""

from __future__ import annotations

import gc
import time

from bench.measure import Figure, arguments, calibrate, in_child, megabytes, report
from stack.addr import Ip4
from stack.host import Host
from stack.kern.proc import Proc, pause
from stack.kern.socket import SHUT_WR, SOCK_STREAM, Socket
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab
from stack.net.wire import Personality

PORT = 80
SHARE = 100_000  # bytes of one of many streams
CALLERS = 20


class World:
    """Two hosts a millisecond apart, and somebody who calls from one to the other."""

    def __init__(self, *, answers: bool) -> None:
        self.lab = Lab()
        self.a, self.b = self.lab.add_host("a"), self.lab.add_host("b")
        self.there: Ip4 = self.lab.link(self.a, self.b, None, Personality(delay=0.001))[1].addresses[0].address
        self.answers = answers
        self.held: list[Socket] = []
        self.received = 0
        self.lab.spawn(self.b, ["server"], self._server)

    async def _server(self, proc: Proc) -> int:
        listener = self.b.socket(SOCK_STREAM)
        listener.bind((0, PORT))
        listener.listen(1000)
        while True:
            so, _ = await accept(listener)
            self.held.append(so)
            if self.answers:
                self.lab.spawn(self.b, ["reader"], self._reader)

    async def _reader(self, proc: Proc) -> int:
        so = self.held.pop()
        while data := await recv(so, 65536):
            self.received += len(data)
        so.close()
        return 0

    async def call(self, host: Host) -> Socket:
        """A connection."""
        so = host.socket(SOCK_STREAM)
        await connect(so, (self.there, PORT))
        return so

    async def stream(self, proc: Proc) -> int:
        """One of many streams."""
        so = await self.call(self.a)
        await sendall(so, bytes(SHARE))
        so.shutdown(SHUT_WR)
        await recv(so, 1)
        so.close()
        return 0

    async def chatter(self, proc: Proc) -> int:
        """Short connections, one after the other."""
        for _ in range(int(proc.argv[1])):
            so = await self.call(self.a)
            await sendall(so, b"x" * 100)
            so.shutdown(SHUT_WR)
            await recv(so, 1)
            so.close()
            await pause(0.1)  # or all ports would be in TIME_WAIT
        return 0

    async def idler(self, proc: Proc) -> int:
        """Connections that are there, and no more."""
        for _ in range(int(proc.argv[1])):
            self.held.append(await self.call(self.a))
        return 0


def at_once(count: int) -> float:
    """Gigabits a second of so many streams together."""
    world = World(answers=True)
    for _ in range(count):
        world.lab.spawn(world.a, ["stream"], world.stream)
    begin = time.perf_counter()
    world.lab.run()
    elapsed = time.perf_counter() - begin
    assert world.received == count * SHARE
    return world.received * 8 / elapsed / 1e9


def short(count: int) -> float:
    """Connections a second, from SYN to the end of TIME_WAIT."""
    world = World(answers=True)
    for _ in range(CALLERS):
        world.lab.spawn(world.a, ["chatter", str(count // CALLERS)], world.chatter)
    begin = time.perf_counter()
    world.lab.run()
    elapsed = time.perf_counter() - begin
    assert world.received == count * 100
    return count / elapsed


def idle(count: int) -> float:
    """Bytes that a connection takes, both of its ends and their sockets."""
    world = World(answers=False)
    world.lab.run()
    gc.collect()
    before = megabytes()
    for _ in range(CALLERS):
        world.lab.spawn(world.a, ["idler", str(count // CALLERS)], world.idler)
    world.lab.run()
    gc.collect()
    assert len(world.held) == 2 * count
    return (megabytes() - before) * 1e6 / count


def main() -> None:
    """Measure each in a process of its own."""
    args = arguments(__doc__ or "", repeat=3)
    before = calibrate()
    figures: list[Figure] = []
    for name, run, count, unit in (
        ("1,000 streams of 100 kB at once", at_once, 1000, "Gbit/s"),
        ("short connections", short, 10_000, "conn/s"),
        ("memory of a connection, both ends", idle, 5000, "bytes"),
    ):
        values = sorted(in_child(run, count) for _ in range(args.repeat))
        figures.append(Figure(name, values[len(values) // 2], values[0], values[-1], unit))
    report("tcp_many", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
