"""An hour of traffic in virtual time: what is over leaves nothing behind.

Round by round there are pings, streams that are opened and closed from ever new ports, datagrams in fragments of
which some are lost, and packets for who does not exist or does not listen, over a road that loses and doubles.
"""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from stack.header.icmp import ICMP_ECHO, build
from stack.header.ip import IPPROTO_ICMP
from stack.host import Host
from stack.kern.proc import Proc
from stack.kern.socket import SOCK_STREAM
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ifnet import Ifnet
from stack.net.wire import Personality
from tests.stack.labs import ip4, raw, received, routed, udp, wait

HOUR, ROUND = 3600.0, 20.0  # seconds of the lab
WARM = 1200.0  # by then whatever expires has begun to: ARP's entries live as long
ALLOWED = 16_000  # bytes that may come and go: what is under way just now
ROAD = Personality(delay=0.005, loss=0.02, duplicate=0.02)
FAR, NOBODY, NOWHERE = "10.0.2.1", "10.0.2.99", "203.0.113.7"
DATA = bytes(range(256)) * 40


class Traffic:
    """What goes on between the ends of a lab, one round after the other."""

    def __init__(self, lab: Lab, a: Host, b: Host) -> None:
        self.lab, self.a, self.b = lab, a, b
        self.echoed = self.streams = self.heard = 0
        self.icmp, self.datagrams, self.sink = raw(a, IPPROTO_ICMP), udp(a), udp(b, 9)
        self.listener = b.socket(SOCK_STREAM)
        self.listener.bind((0, 80))
        self.listener.listen()
        lab.spawn(b, ["server"], self.serve)

    async def serve(self, proc: Proc) -> int:
        """Send back whatever comes, one stream after the other."""
        while True:
            so, _ = await accept(self.listener)
            try:
                while data := await recv(so, 65536):
                    await sendall(so, data)
            except OSError:
                pass  # the road was too bad
            so.close()

    async def stream(self, proc: Proc) -> int:
        """One stream that is sent and comes back."""
        so = self.a.socket(SOCK_STREAM)
        await connect(so, (ip4(FAR), 80))
        await sendall(so, DATA)
        so.shutdown(1)
        back = 0
        while data := await recv(so, 65536):
            back += len(data)
        so.close()
        self.streams += back == len(DATA)
        return 0

    def round(self) -> None:
        """Some of everything."""
        self.lab.spawn(self.a, ["stream"], self.stream)
        for number, to in enumerate((FAR, FAR, NOBODY, NOWHERE)):
            self.icmp.sendto(build(ICMP_ECHO, 0, number, bytes(56)), (ip4(to), 0))
            self.datagrams.sendto(bytes(4000), (ip4(to), 9))
        self.datagrams.sendto(b"nobody listens", (ip4(FAR), 10))
        wait(self.lab, ROUND)
        self.echoed += len(received(self.icmp))
        self.heard += len(received(self.sink))

    def until(self, time: float) -> int:
        """Go on up to that time; the bytes that are in use then."""
        while self.lab.callouts.now < time:
            self.round()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]


def growth(lab: Lab, traffic: Traffic) -> int:
    """Bytes that are in use after an hour, and were not when it was warm."""
    tracemalloc.start()
    try:
        warm = traffic.until(WARM)
        return traffic.until(HOUR) - warm
    finally:
        tracemalloc.stop()


@pytest.fixture
def traffic() -> Traffic:
    lab, a, _, b = routed()
    made = Traffic(lab, a, b)
    lab.bus("right").set(ROAD)
    return made


def test_memory_is_flat_over_an_hour(traffic: Traffic) -> None:
    grown = growth(traffic.lab, traffic)
    assert traffic.streams > 150 and traffic.heard > 200 and traffic.echoed > 300
    assert grown < ALLOWED, f"{grown} bytes more"


def test_what_is_kept_is_seen(traffic: Traffic) -> None:
    kept: list[bytes] = []

    def keep(ifp: Ifnet, m: Mbuf, sent: bool) -> None:
        kept.append(m.net[:] + bytes(1))

    traffic.a.interfaces["shmif0"].taps += (keep,)
    assert growth(traffic.lab, traffic) > ALLOWED
