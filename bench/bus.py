"""Two processes on a bus file: frames a second, latency, one TCP flow (python -m bench.bus).

The sender of frames is held back by its receiver, so that none is overrun.  Latency is from one process that sends
to another that sleeps in poll(2): half of a round trip that begins when both have been idle for a moment.
"""

from __future__ import annotations

import os
import select
import statistics
import tempfile
import time
from collections.abc import Callable

from bench.measure import Figure, arguments, calibrate, figure, report
from netsh.clock import Clock
from stack.addr import Ip4
from stack.dev import shmif
from stack.dev.busfile import BusFile
from stack.host import Host
from stack.kern.proc import Proc
from stack.kern.socket import SO_RCVBUF, SO_SNDBUF, SOCK_STREAM, SOL_SOCKET
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab

FRAME = b"\xb2\xa0\0\0\0\1\xb2\xa0\0\0\0\2\x12\x34" + bytes(1500)
BURST = 64
AHEAD = 448  # frames that a receiver may be behind; the ring holds 681
PORT = 5001
SERVER, CLIENT = Ip4.parse("10.0.0.1"), Ip4.parse("10.0.0.2")


def in_two(path: str, child: Callable[[BusFile], None], parent: Callable[[BusFile], float]) -> float:
    """Let two processes on one bus do these; what the second found."""
    bus = BusFile(path)
    pid = os.fork()
    if pid == 0:
        other = BusFile(path)
        send(other, FRAME)  # ready
        child(other)
        os._exit(0)
    receive(bus, wait=True)
    result = parent(bus)
    assert os.waitpid(pid, 0)[1] == 0
    bus.close()
    return result


def send(bus: BusFile, *frames: bytes) -> None:
    """Send a burst."""
    left = list(frames)
    while left:
        count = bus.write(left)
        del left[:count]
        if not count:
            os.sched_yield()


def receive(bus: BusFile, *, wait: bool) -> list[bytes]:
    """All frames there are; some, when we are to wait."""
    frames: list[bytes] = []
    while True:
        reading = bus.read()
        assert not reading.overrun
        frames += reading.frames
        if reading.busy:
            os.sched_yield()
        if reading.more:
            continue
        if frames or not wait:
            return frames
        poller = select.poll()
        poller.register(bus.watcher, select.POLLIN)
        poller.poll()
        bus.woken()


def frames_per_second(path: str, total: int) -> float:
    """Frames of 1514 bytes."""

    def child(bus: BusFile) -> None:
        got = told = 0
        while got < total:
            got += len(receive(bus, wait=True))
            if got - told >= BURST or got >= total:
                send(bus, FRAME[:14] + got.to_bytes(4))
                told = got

    def parent(bus: BusFile) -> float:
        begin = time.perf_counter()
        sent = known = 0
        while known < total:
            while sent < total and sent - known <= AHEAD:
                send(bus, *[FRAME] * BURST)
                sent += BURST
            for frame in receive(bus, wait=True):
                known = int.from_bytes(frame[14:18])
        return total / (time.perf_counter() - begin)

    return in_two(path, child, parent)


def latency(path: str, idle: float, times: int) -> float:
    """Microseconds from one process to the other."""

    def child(bus: BusFile) -> None:
        for _ in range(times):
            for frame in receive(bus, wait=True):
                send(bus, frame)

    def parent(bus: BusFile) -> float:
        taken = []
        for _ in range(times):
            time.sleep(idle)
            begin = time.perf_counter()
            send(bus, FRAME[:64])
            receive(bus, wait=True)
            taken.append((time.perf_counter() - begin) / 2 * 1e6)
        return statistics.median(taken)

    return in_two(path, child, parent)


def host_on(path: str, address: Ip4) -> tuple[Lab, Host]:
    """A lab with one host on a bus file."""
    lab = Lab()
    shmif.register(lab)
    host = lab.add_host("h")
    ifp = host.ifcreate("shmif0")
    ifp.set_linkstr(path)
    host.set_address(ifp, address, 24, dad=False)
    return lab, host


def megabits_per_second(path: str, megabytes: int) -> float:
    """One TCP flow between two stacks, MTU 1500."""
    total = megabytes * 1_000_000
    keeper = BusFile(path)
    ready, listening = os.pipe()
    pid = os.fork()
    if pid == 0:
        lab, host = host_on(path, CLIENT)
        os.read(ready, 1)
        _run(lab, host, lambda proc: _source(host, total))
        os._exit(0)
    lab, host = host_on(path, SERVER)
    seconds: list[float] = []
    _run(lab, host, lambda proc: _sink(host, total, listening, seconds))
    assert os.waitpid(pid, 0)[1] == 0
    lab.remove_host("h")
    keeper.close()
    for end in (ready, listening):
        os.close(end)
    return total * 8 / seconds[0] / 1e6


def _run(lab: Lab, host: Host, work: Callable[[Proc], object]) -> None:
    proc = lab.spawn(host, ["tcp"], work)  # type: ignore[arg-type]
    Clock(lab, "real").run(proc, lambda: None)
    lab.callouts.advance(lab.callouts.now + 0.01)  # what has still to be sent


async def _sink(host: Host, total: int, listening: int, seconds: list[float]) -> int:
    listener = host.socket(SOCK_STREAM)
    listener.setsockopt(SOL_SOCKET, SO_RCVBUF, 262144)
    listener.bind((0, PORT))
    listener.listen()
    os.write(listening, b"x")
    so, _ = await accept(listener)
    begin, received = time.perf_counter(), 0
    while data := await recv(so, 262144):
        received += len(data)
    seconds.append(time.perf_counter() - begin)
    assert received == total
    so.close()
    listener.close()
    return 0


async def _source(host: Host, total: int) -> int:
    so = host.socket(SOCK_STREAM)
    so.setsockopt(SOL_SOCKET, SO_SNDBUF, 262144)
    await connect(so, (SERVER, PORT))
    piece, left = bytes(131072), total
    while left > 0:
        await sendall(so, piece if left >= len(piece) else piece[:left])
        left -= len(piece)
    so.close()
    return 0


def main() -> None:
    """Measure all three, on a file in memory where there is such a place."""
    args = arguments(__doc__ or "", repeat=5, frames=300_032, megabytes=100, times=300)
    before = calibrate()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        path = f"{folder}/bus"
        times, megabytes = args.times, args.megabytes
        figures: list[Figure] = [
            figure("1514 bytes", lambda: frames_per_second(path, args.frames), args.repeat, "frames/s", "200,000"),
            figure("latency, the other asleep", lambda: latency(path, 0.0, times), args.repeat, "us", "100"),
            figure("latency, both idle for 1 ms", lambda: latency(path, 0.001, times), args.repeat, "us"),
            figure(f"TCP, {megabytes} MB", lambda: megabits_per_second(path, megabytes), args.repeat, "Mbit/s", "800"),
        ]
    report("bus", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
