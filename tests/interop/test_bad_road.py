"""Streams between our TCP and the kernel's over a bad road, with every option on and off, and many at once.

    me --- bus with a personality --- port === TAP --- Linux

All arrives whole and in order; the bus says whether the road was as bad as it was to be.  The full measure, with
the kernel beside it on the same road, is `python -m bench.lossy`.
"""

from __future__ import annotations

import gc
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from netsh import personality
from stack.addr import Ip4
from stack.host import Host
from stack.kern.proc import Proc
from stack.kern.socket import SOCK_STREAM
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.net.wire import Bus, Personality
from stack.netinet.tcp_var import TF_SACK, TF_SCALE, TF_TSTMP
from tests.interop import bulk
from tests.interop.bulk import Bulk, Report
from tests.interop.netns import Netns, needs_root_tun
from tests.interop.road import Port, tap_in
from tests.interop.world import Program, World

pytestmark = needs_root_tun

OURS, THEIRS = "10.9.0.2", "10.9.0.1"
MEGABYTE = 1_000_000
SECONDS = 60.0
STREAM = str(Path(__file__).with_name("stream.py"))
CONTROLS = {"newreno": "reno", "cubic": "cubic"}  # ours, and Linux's
TCP, IPV4 = "net.inet.tcp.", "/proc/sys/net/ipv4/tcp_"


class Road:
    """Us, the kernel, and the road between."""

    def __init__(self, w: World) -> None:
        self.w = w
        self.me: Host = w.host("me")
        self.linux: Netns = w.namespace()
        self.device = tap_in(self.linux, "tap0", f"{THEIRS}/24")
        Port(w.lab, "road", self.device.fileno())
        ifp = self.me.ifcreate("shmif0")
        ifp.set_linkstr("road")
        self.me.set_address(ifp, Ip4.parse(OURS), 24, dad=False)
        ifp.up()
        w.until(lambda: self.me.ip.routes.lookup(Ip4.parse(THEIRS)) is not None)

    @property
    def bus(self) -> Bus:
        return self.w.lab.bus("road")

    def is_made(self, words: str) -> None:
        """The road is so from now on."""
        self.bus.set(personality.changed(Personality(), personality.parse(words.split())))

    def kernel(self, role: str, port: int, *words: str) -> Program:
        """A stream.py on the kernel's side; one that listens has begun to."""
        program = self.w.program(self.linux, sys.executable, STREAM, *words, role, THEIRS, str(port))
        self.w.until(lambda: program.listens(port), what="stream.py")
        return program

    def both_ways(self, size: int, control: str = "newreno") -> list[Bulk]:
        """A stream each way at once; both must come whole.  Returns our ends."""
        self.me.sysctl.set(f"{TCP}congctl.selected", control)
        words = "-l", "-b", str(size), "-c", CONTROLS[control]
        theirs = [self.kernel("sink", 5001, *words), self.kernel("source", 5002, *words)]
        ours = [Bulk(self.w.lab, self.me, port, Ip4.parse(THEIRS)) for port in (5001, 5002)]
        for proc in (ours[0].source(size), ours[1].sink()):
            self.w.finish(proc, SECONDS)
        for end, program in zip(ours, theirs, strict=True):
            self.w.finish_program(program, SECONDS)
            told = Report.of(program.text)
            assert end.report is not None
            assert (end.report.bytes, end.report.sha256) == (told.bytes, told.sha256)
            assert told.bytes == size
        return ours


@pytest.fixture
def road(w: World) -> Iterator[Road]:
    made = Road(w)
    yield made
    made.device.close()


@pytest.mark.parametrize("control", CONTROLS)
def test_fifty_megabytes_each_way(road: Road, control: str) -> None:
    road.is_made("delay 1ms")
    road.both_ways(50 * MEGABYTE, control)


ROADS = {  # what the bus says of it, and what goes over it each way
    "delay 10ms loss 0.1%": ("loss", 5 * MEGABYTE),
    "delay 10ms loss 1%": ("loss", MEGABYTE),
    "delay 40ms loss 1%": ("loss", MEGABYTE // 4),
    "delay 10ms loss 5%": ("loss", MEGABYTE // 4),
    "delay 10ms reorder 2%": ("", 2 * MEGABYTE),
    "delay 10ms duplicate 2%": ("", 8 * MEGABYTE),
    "delay 10ms corrupt 1%": ("corrupt", MEGABYTE),
    "delay 5ms loss 1% reorder 2% duplicate 2% corrupt 1%": ("corrupt", MEGABYTE // 2),
}


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("words", ROADS)
def test_a_bad_road(road: Road, words: str, control: str) -> None:
    counter, size = ROADS[words]
    road.is_made(words)
    road.both_ways(size, control)
    if counter:
        assert road.bus.stat[counter] > 0
    if counter == "corrupt":
        stat = road.me.tcp.stat["rcvbadsum"] + road.me.ip.stat["badsum"]
        assert stat > 0


# our sysctls, Linux's, and what is agreed when both have it
OPTIONS = {
    "window scaling": ("win_scale", "window_scaling", TF_SCALE),
    "timestamps": ("timestamps", "timestamps", TF_TSTMP),
    "SACK": ("sack.enable", "sack", TF_SACK),
}
ALL = TF_SCALE | TF_TSTMP | TF_SACK


@pytest.mark.parametrize("who", ["ours", "theirs", "both"])
@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_switched_off(road: Road, option: str, who: str) -> None:
    ours, theirs, flag = OPTIONS[option]
    if who != "theirs":
        road.me.sysctl.set(TCP + ours, "0")
    if who != "ours":
        road.linux.run("sh", "-c", f"echo 0 > {IPV4}{theirs}")
    road.is_made("delay 3ms loss 1% reorder 1%")
    for end in road.both_ways(MEGABYTE):
        assert end.flags & ALL == ALL & ~flag


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("on", [True, False])
def test_all_options_on_and_off(road: Road, control: str, on: bool) -> None:
    """With none of them TCP is that of 1989; the classic one without limited transmit and early recovery, too."""
    value = str(int(on))
    for ours, theirs, _ in OPTIONS.values():
        road.me.sysctl.set(TCP + ours, value)
        road.linux.run("sh", "-c", f"echo {value} > {IPV4}{theirs}")
    for name in ("rfc3042", "abc.enable", "recvbuf_auto", "sendbuf_auto", "ecn.enable"):
        road.me.sysctl.set(TCP + name, value)
    road.linux.run("sh", "-c", f"echo {value} > {IPV4}ecn")
    road.is_made("delay 3ms loss 1% reorder 1%")
    for end in road.both_ways(MEGABYTE // 2, control):
        assert end.flags & ALL == ALL * on


COUNT = 200


def test_two_hundred_at_once_to_the_kernel(road: Road) -> None:
    road.is_made("delay 2ms loss 0.5%")
    program = road.kernel("answer", 5001, "-n", str(COUNT))
    right: list[bool] = []

    async def caller(proc: Proc) -> int:
        size = int(proc.argv[1])
        right.append(await bulk.ask(road.me, (Ip4.parse(THEIRS), 5001), size))
        return 0

    procs = [road.w.lab.spawn(road.me, ["ask", str(size)], caller) for size in sizes()]
    for proc in procs:
        road.w.finish(proc, SECONDS)
    road.w.finish_program(program, SECONDS)
    assert right == [True] * COUNT


def sizes() -> range:
    return range(20_000, 20_000 + COUNT)


def test_two_hundred_at_once_from_the_kernel(road: Road) -> None:
    road.is_made("delay 2ms loss 0.5%")
    lab, me = road.w.lab, road.me

    async def server(proc: Proc) -> int:
        listener = me.socket(SOCK_STREAM)
        listener.bind((0, 5001))
        listener.listen(COUNT)
        for _ in range(COUNT):
            so, _ = await accept(listener)
            lab.spawn(me, ["answer"], bulk.answering(so))
        listener.close()
        return 0

    lab.spawn(me, ["server"], server)
    argv = "-n", str(COUNT), "-b", str(sizes()[0]), "ask", OURS, "5001"
    text = road.w.linux(road.linux, sys.executable, STREAM, *argv, seconds=SECONDS)
    assert json.loads(text) == {"right": COUNT}


FEW, MANY, CALLERS = 200, 4000, 20


def test_many_short_ones_leave_nothing_behind(road: Road) -> None:
    """Half of them end in TIME_WAIT with the kernel, half with us; the ports of both come round."""
    lab, me = road.w.lab, road.me
    me.sysctl.set(f"{TCP}msl", "1")
    me.sysctl.set("net.inet.ip.anonportmin", "63000")  # the kernel must take them again from its TIME_WAIT
    program = road.kernel("reply", 5001, "-n", str(FEW + MANY))

    async def caller(proc: Proc) -> int:
        for number in range(int(proc.argv[1])):
            question = (b"stay", b"go")[number % 2] * 20
            assert await asked(me, (Ip4.parse(THEIRS), 5001), question) == question * 20
        return 0

    def left_by(count: int) -> Counter[str]:
        for proc in [lab.spawn(me, ["caller", str(count // CALLERS)], caller) for _ in range(CALLERS)]:
            assert road.w.finish(proc, SECONDS) == 0
        road.w.until(lambda: not me.tcp.table.connected, what="2 MSL")
        gc.collect()
        kinds = "Tcpcb", "Socket", "Timer", "Mbuf", "Proc"
        return Counter(kind for thing in gc.get_objects() if (kind := type(thing).__name__) in kinds)

    before, memory = left_by(FEW), sys.getallocatedblocks()
    assert left_by(MANY) == before
    assert sys.getallocatedblocks() - memory < 1000  # some are timers that were stopped, and are not due yet
    road.w.finish_program(program)
    assert json.loads(program.text) == {"answered": FEW + MANY}


async def asked(host: Host, address: tuple[Ip4, int], question: bytes) -> bytes:
    """The answer to a short question; he hangs up who is to."""
    so = host.socket(SOCK_STREAM)
    await connect(so, address)
    await sendall(so, question)
    answer = b""
    while len(answer) < 20 * len(question):
        answer += await recv(so, 4096)
    if question.startswith(b"go"):
        assert await recv(so, 1) == b""
    so.close()
    return answer
