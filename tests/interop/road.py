"""A bad road to the real Linux kernel: a bus of ours, with its personality, between hosts of a lab and TAPs.

Not every kernel has `tc netem`.  A bus loses, delays, doubles, shuffles and corrupts as well, and a `Port` puts
a TAP on it, so that the kernel behind it is one more station:

    me --- bus --- port === TAP --- Linux                 Linux --- TAP === port --- bus --- port === TAP --- Linux

The second kind is a program (`python -m tests.interop.road SEED FD FD delay 10ms loss 1% ...`), so that between two
kernels there is what is between a kernel and us.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from types import FrameType

from netsh import personality
from netsh.clock import Clock
from stack.addr import Mac
from stack.dev.tap import Device, open_tap
from stack.kern.proc import Channel, Proc, tsleep
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ethernet import Ether, m_devget
from stack.net.ifnet import IFF_PROMISC
from stack.net.wire import Personality, Shmif
from stack.probe import Probes
from tests.interop.netns import Netns

_BURST = 64  # frames taken in a row
_FRAME_MAX = 1 << 17
QUEUE = 10_000  # frames that the kernel keeps for a TAP: what is lost on a road is lost by its bus


class Port(Shmif):
    """A port of a bus with a descriptor behind it that takes and gives whole frames."""

    def __init__(self, lab: Lab, bus: str, fd: int) -> None:
        ether = Ether("road", Probes(), lab.callouts)
        super().__init__(f"port{fd}", fd, Mac(b"\x02\0\0\1" + fd.to_bytes(2)), ether, lab.bus)
        os.set_blocking(fd, False)
        self.fd = fd
        self.capenable = 0  # no super-segments
        self.flags |= IFF_PROMISC
        self.set_linkstr(bus)
        self.up()
        lab.readers[fd] = self.receive

    def receive(self) -> None:
        """Frames wait behind it: onto the bus with them."""
        with suppress(BlockingIOError):
            for _ in range(_BURST):
                self.transmit(m_devget(os.read(self.fd, _FRAME_MAX)))

    def enqueue(self, m: Mbuf) -> None:
        """A frame from the bus; it does not wait in a queue here, which would have an end."""
        try:
            os.write(self.fd, m.frame())
        except BlockingIOError:
            self.oerrors += 1
            self.ether.drop("full", m)


def tap_in(ns: Netns, name: str, address: str | None = None) -> Device:
    """A TAP in a namespace, perhaps with an address on the kernel's side."""
    with ns.enter():
        device = open_tap(name)
    ns.run("ip", "link", "set", name, "txqueuelen", str(QUEUE))
    if address is not None:
        ns.run("ip", "addr", "add", address, "dev", name)
    return device


async def _for_ever(proc: Proc) -> int:
    await tsleep(Channel("road"))
    return 0


def main(argv: list[str]) -> None:
    """Be a road between two descriptors until told to end; then say what became of the frames."""
    lab = Lab(int(argv[0]))
    bus = lab.bus("road")
    bus.set(personality.changed(Personality(), personality.parse(argv[3:])))
    for fd in argv[1:3]:
        Port(lab, "road", int(fd))

    def end(number: int, frame: FrameType | None) -> None:
        print(json.dumps(bus.stat), flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    print("open", flush=True)
    clock = Clock(lab, "real")
    clock.run(lab.spawn(lab.add_host("road"), ["road"], _for_ever), lambda: None)


if __name__ == "__main__":
    main(sys.argv[1:])
