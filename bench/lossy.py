"""Goodput over roads that delay, lose, shuffle, double and corrupt: ours beside Linux's (python -m bench.lossy).

Between two ends lies the same road, a program of its own (tests/interop/road.py): a bus with a personality between
two TAPs in network namespaces.  A kernel is an end by itself; a lab has what a user has, a virt0, and a bridge of the
kernel's to the road's TAP.  Three flows go over it:

    kernel    kernel to kernel, what the others are measured against
    send      our stack to the kernel
    receive   the kernel to our stack

Every flow is a stream that is checked at the end, each repetition with another seed, the same ones for all.
All buffers may grow to what Linux's grow to by themselves.  A road without loss is limited by the processor, so
it is measured alone; on the others several flows run beside each other, each on a road of its own.
Needs root and /dev/net/tun; all of it happens in namespaces that are made here.

    python -m bench.lossy --repeat 5 --seconds 6 --control cubic --road 'loss 1%'
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.measure import Figure, calibrate, report
from stack.addr import Ip4
from stack.dev.tap import Device
from tests.interop import stream
from tests.interop.bulk import Bulk, Report
from tests.interop.netns import Netns, why_no_tun
from tests.interop.road import QUEUE, tap_in
from tests.interop.world import Program, World, world

PORT = 5001
STREAM = str(Path(stream.__file__))
NEAR, FAR = "10.9.0.2", "10.9.0.1"
FLOWS = ("kernel", "send", "receive")
KNOBS = {"sendbuf_max": "tcp_wmem", "recvbuf_max": "tcp_rmem"}  # ours, and where Linux has its own
ROADS = [
    *(f"delay {delay}ms loss {loss}%" for delay in (5, 20, 40) for loss in (0, 0.1, 1, 5)),
    "delay 20ms reorder 1%",
    "delay 20ms duplicate 1%",
    "delay 20ms corrupt 1%",
]
CONTROLS = {"cubic": "cubic", "newreno": "reno"}  # ours, and Linux's name for it
MOST = 50_000_000  # bytes of one stream
SIDE_BY_SIDE = 6
_PATIENCE = 600.0  # seconds for a stream to end


class Case(NamedTuple):
    """One flow over one road."""

    flow: str
    road: str
    control: str
    size: int
    seconds: float
    seed: int = 1


def measure(case: Case) -> float:
    """Megabytes a second that arrive."""
    with world() as w:
        return Bed(w, case).run()


class Bed:
    """Two ends and the road between them."""

    def __init__(self, w: World, case: Case) -> None:
        self.w = w
        self.case = case
        self.far = w.namespace()
        self.devices = [tap_in(self.far, "tap0", f"{FAR}/24")]
        self.near: Netns | None = None
        if case.flow == "kernel":
            self.near = w.namespace()
            self.devices.append(tap_in(self.near, "tap0", f"{NEAR}/24"))
            other = self.devices[1].fileno()
        else:
            self.me = w.host("me")
            self.devices.append(self._lab_end(w.namespace()))
            other = self.devices[1].fileno()
        self._road(self.devices[0].fileno(), other)

    def _lab_end(self, between: Netns) -> Device:
        """A host with an interface as it is by default, and a bridge to a TAP for the road."""
        me = self.me
        ifp = self.w.plug(me, "virt0", between)
        me.set_address(ifp, Ip4.parse(NEAR), 24, dad=False)
        ifp.up()
        between.run("ip", "link", "set", "tap0", "txqueuelen", str(QUEUE))
        device = tap_in(between, "road0")
        between.run("ip", "link", "add", "br0", "type", "bridge")
        for name in ("tap0", "road0"):
            between.run("ip", "link", "set", name, "master", "br0")
        for name in ("tap0", "road0", "br0"):
            between.run("ip", "link", "set", name, "up")
        for name, theirs in KNOBS.items():
            most = Path("/proc/sys/net/ipv4", theirs).read_text().split()[2]
            me.sysctl.set(f"net.inet.tcp.{name}", most)
        me.sysctl.set("net.inet.tcp.congctl.selected", self.case.control)
        return device

    def _road(self, *ends: int) -> None:
        argv = [str(self.case.seed), *map(str, ends), *self.case.road.split()]
        program = sys.executable, "-m", "tests.interop.road", *argv
        self.road = Program(self.w.clock, self.far, program, pass_fds=ends)
        self.w.until(lambda: "open" in self.road.text, what="the road")

    def run(self) -> float:
        """Let the stream pass, and see that it is whole."""
        case, w = self.case, self.w
        sends = case.flow == "receive"
        far = self._kernel(self.far, "source" if sends else "sink", "-l", FAR)
        w.until(lambda: far.listens(PORT), what="the far end")
        if self.near is not None:
            near = self._kernel(self.near, "source", FAR)
            for program in (near, far):
                w.finish_program(program, _PATIENCE)
            ends = [Report.of(program.text) for program in (near, far)]
        else:
            bulk = Bulk(w.lab, self.me, PORT, Ip4.parse(FAR))
            w.finish(bulk.sink() if sends else bulk.source(case.size, case.seconds), _PATIENCE)
            w.finish_program(far, _PATIENCE)
            assert bulk.report is not None
            ends = [Report.of(far.text), bulk.report] if sends else [bulk.report, Report.of(far.text)]
        assert ends[0].sha256 == ends[1].sha256, f"{case}: {ends}"
        return ends[1].bytes / ends[1].seconds / 1e6

    def _kernel(self, ns: Netns, role: str, *words: str) -> Program:
        size, seconds, control = str(self.case.size), str(self.case.seconds), CONTROLS[self.case.control]
        return self.w.program(
            ns, sys.executable, STREAM, "-b", size, "-t", seconds, "-c", control, role, *words, str(PORT)
        )


def compare(control: str, road: str, args: argparse.Namespace) -> list[Figure]:
    """The figures of all flows over one road, and what ours are of the kernel's."""
    cases = [Case(flow, road, control, MOST, args.seconds, seed) for seed in range(args.repeat) for flow in FLOWS]
    beside = SIDE_BY_SIDE if "loss" in road and "loss 0%" not in road else 1
    with multiprocessing.get_context("spawn").Pool(beside) as pool:
        rates = pool.map(measure, cases, 1)
    figures: list[Figure] = []
    for number, flow in enumerate(FLOWS):
        values = sorted(rates[number :: len(FLOWS)])
        figures.append(Figure(f"{road}: {flow}", median(values), values[0], values[-1], "MB/s"))
    for ours in figures[1:]:
        middle, low, high = (100 * value / figures[0].median for value in (ours.median, ours.low, ours.high))
        figures.append(Figure(f"{ours.name} / kernel", middle, low, high, "%", "85"))
    return figures


def main() -> None:
    """Measure the roads that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    parser.add_argument("--repeat", type=int, default=5, help="seeds (default: 5)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each stream (default: 6)")
    parser.add_argument("--control", choices=CONTROLS, action="append", help="congestion control (default: both)")
    parser.add_argument("--road", default="", help="only roads with these words in them")
    args = parser.parse_args()
    lacking = why_no_tun()
    if lacking:
        parser.error(f"not on this machine: {lacking}")
    for control in args.control or CONTROLS:
        for road in ROADS:
            if args.road in road:
                before = calibrate()
                report(f"lossy, {control}", compare(control, road, args), min(before, calibrate()))


if __name__ == "__main__":
    main()
