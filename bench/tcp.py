"""One TCP flow between two hosts on one bus (python -m bench.tcp)."""

from __future__ import annotations

import time

from bench.measure import Figure, arguments, calibrate, figure, report
from stack.kern.proc import Proc
from stack.kern.socket import SO_RCVBUF, SO_SNDBUF, SOCK_STREAM, SOL_SOCKET
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab
from stack.net.ifnet import IFCAP_GSO

PORT = 5001
TARGETS = {1500: "1", 65535: "15"}


def gigabits_per_second(mtu: int, megabytes: int, *, tso: bool = False) -> float:
    """Send that much from one process to another; the receiver reads all of it.  With `tso`, in super-segments."""
    lab = Lab()
    a, b = lab.add_host("a"), lab.add_host("b")
    for ifp in lab.link(a, b):
        ifp.set_mtu(mtu)
        if tso:
            ifp.set_capenable(IFCAP_GSO)
    total = megabytes * 1_000_000
    received = 0
    piece = bytes(131072)  # what iperf3 writes at once

    async def sink(proc: Proc) -> int:
        nonlocal received
        listener = b.socket(SOCK_STREAM)
        listener.setsockopt(SOL_SOCKET, SO_RCVBUF, 262144)
        listener.bind((0, PORT))
        listener.listen()
        so, _ = await accept(listener)
        while data := await recv(so, 262144):
            received += len(data)
        so.close()
        listener.close()
        return 0

    async def source(proc: Proc) -> int:
        so = a.socket(SOCK_STREAM)
        so.setsockopt(SOL_SOCKET, SO_SNDBUF, 262144)
        await connect(so, (b.interfaces["shmif0"].addresses[0].address, PORT))
        left = total
        while left > 0:
            await sendall(so, piece if left >= len(piece) else piece[:left])
            left -= len(piece)
        so.close()
        return 0

    server = lab.spawn(b, ["sink"], sink)
    lab.spawn(a, ["source"], source)
    begin = time.perf_counter()
    while server.status is None:
        lab.callouts.advance(None, 1000)
    elapsed = time.perf_counter() - begin
    assert received == total, received
    return total * 8 / elapsed / 1e9


def measure(mtu: int, megabytes: int, times: int, *, tso: bool = False) -> Figure:
    """The figure for one MTU."""
    name = f"{megabytes} MB, MTU {mtu}{', tso4' * tso}"
    target = "" if tso else TARGETS.get(mtu, "")
    return figure(name, lambda: gigabits_per_second(mtu, megabytes, tso=tso), times, "Gbit/s", target)


def main() -> None:
    """Measure at three MTUs, and with super-segments."""
    args = arguments(__doc__ or "", repeat=5, megabytes=300)
    before = calibrate()
    figures = [measure(mtu, args.megabytes, args.repeat) for mtu in (1500, 9000, 65535)]
    figures.append(measure(1500, args.megabytes, args.repeat, tso=True))
    report("tcp", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
