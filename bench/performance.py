"""Every figure that was promised, with its peers, in one run (python -m bench.performance).

    python -m bench.performance [--seconds 2] [--repeat 3] [--only WORDS] [--json FILE] [--write]

The rows of bench.tap are run in network namespaces, as root; so are the kernel's own at the same work (bench/peers.py).
Each figure stands beside a calibration loop that ran right before and after it.  What is missed is run once more
under a profiler.  `--write` makes docs/performance.md of it, and adds a line to bench/history.jsonl; the change against
the last line there is shown, in steps of the calibration loop, so that another machine's speed is no change.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench import boot, chain, forward, others, page, peers, tap, tcp
from bench.measure import Figure, calibrate, in_child, steps
from bench.page import HISTORY, Result, Run
from tests.interop.netns import why_no_tun

Values = tuple[float, ...]
IDLE_HOSTS = 250
_PATIENCE = 60.0
_PROFILED = 14  # functions of a profile that are shown


class Measure(NamedTuple):
    """One figure that a case yields."""

    name: str
    unit: str
    target: float | None = None
    less: bool = False  # the less the better
    anchors: str = ""  # what others did elsewhere

    def met(self, value: float) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        return value <= self.target if self.less else value >= self.target


class Case(NamedTuple):
    """Something that is run, and what it yields."""

    run: Callable[[], Values]
    measures: tuple[Measure, ...]
    lacking: str = ""  # why it cannot be run on this machine
    apart: bool = False  # in a process of its own


def one(run: Callable[..., float], *args: object) -> Callable[[], Values]:
    """A run that yields one figure."""
    return partial(_one, run, args)


def _one(run: Callable[..., float], args: tuple[object, ...]) -> Values:
    return (run(*args),)


def idle(seconds: float) -> Values:
    """Processor time that 250 routers take that have nothing to do, in cores."""
    argv = [sys.executable, "-m", "netsh", "--clock", "real", "-c", f"chain {IDLE_HOSTS}; sleep 600"]
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(argv, stdin=nowhere, stdout=nowhere, stderr=nowhere) as child:
        try:
            before, deadline = -1.0, time.monotonic() + _PATIENCE
            while (now := _ran(child.pid)) < 0.05 or now != before:  # it begins, and comes to rest
                assert time.monotonic() < deadline and child.poll() is None, "it does not come to rest"
                before = now
                time.sleep(0.5)
            time.sleep(seconds)
            return ((_ran(child.pid) - now) / seconds,)
        finally:
            child.kill()


def _ran(pid: int) -> float:
    """Seconds that a process has run, to the nanosecond (sched-stats.txt)."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def through(build: str, mode: str, seconds: float) -> Callable[[], Values]:
    """A row of bench.tap between two kernels."""
    return one(tap.through, tap.BUILDS[build], tap.MODES[mode], seconds)


def endpoint(direction: str, mode: str, seconds: float) -> Callable[[], Values]:
    """A row of bench.tap with an end of ours."""
    return one(tap.endpoint, direction, tap.MODES[mode], seconds)


def lacking(*programs: str, module: str = "") -> str:
    """Why rows with TAPs, and with those of others, cannot be measured on this machine; empty when they can."""
    return why_no_tun() or others.lacking("iperf3", "ethtool", "ping", *programs, module=module)


def cases(seconds: float) -> list[Case]:
    """The table."""
    gbit = partial(Measure, unit="Gbit/s")

    def on_tap(run: Callable[[], Values], measures: tuple[Measure, ...], lack: str | None = None) -> Case:
        return Case(run, measures, lacking() if lack is None else lack)

    return [
        on_tap(through("router", "plain", seconds), (gbit("router between two TAPs, 1500-byte frames", target=0.94,
               anchors="rump claim: a GigE; kernel router without offloads 4.8-5.4"),)),
        on_tap(through("router", "joined", seconds), (gbit("the same, joined by us as they come (LRO, the default)",
               target=0.94),)),
        on_tap(one(partial(peers.kernel, offloads=False), seconds, 1), (gbit("peer: kernel router, no offloads"),)),
        on_tap(through("router", "super-segments", seconds), (gbit("router, super-segments", target=10,
               anchors="kernel router 13-19"),)),
        on_tap(one(peers.kernel, seconds, 1), (gbit("peer: kernel router"),)),
        on_tap(through("bridge", "super-segments", seconds), (gbit("bridge, super-segments", target=10),)),
        on_tap(endpoint("out", "super-segments", seconds), (gbit("TCP to the kernel, super-segments", target=10,
               anchors="rump 1.0-1.4 (no offload); veth 18-28; slirp4netns 0.8-5.9; pasta 3.6-12"),)),
        on_tap(endpoint("in", "super-segments", seconds), (gbit("TCP from the kernel, super-segments", target=6,
               anchors="as above"),)),
        on_tap(one(peers.kernel, seconds, 0), (gbit("peer: kernel to kernel over veth"),)),
        *(on_tap(one(run, seconds, *words), (gbit(f"peer: {name}, {way} its namespace"),), lack)
          for name, run, lack in (("slirp4netns", others.slirp4netns, lacking("slirp4netns")),
                                  ("pasta", others.pasta, lacking("pasta")))
          for way, words in (("out of", ()), ("into", ("-R",)))),
        on_tap(endpoint("out", "plain", seconds), (gbit("TCP to the kernel, plain frames", target=0.5,
               anchors="PyTCP 0.004-0.008"),)),
        on_tap(endpoint("in", "plain", seconds), (gbit("TCP from the kernel, plain frames", target=0.5,
               anchors="PyTCP 0.004-0.008"),)),
        on_tap(one(others.pytcp, seconds), (gbit("peer: PyTCP, from the kernel"),), lacking(module="pytcp")),
        on_tap(through("100 routers", "super-segments", seconds), (gbit("through 100 routers between two TAPs, "
               "super-segments", target=1.0, anchors="100 kernel namespaces 3.0-4.2"),)),
        on_tap(one(peers.kernel, seconds, 100), (gbit("peer: through 100 kernel namespaces"),)),
        Case(one(forward.hops_per_second, 100, 64, 40, 0), (Measure("hops a second, layered", "hops/s", 450_000,
             anchors="scapy 3,200; dpkt 70,000"),)),
        Case(one(forward.hops_per_second, 100, 64, 40, 256), (Measure("hops a second, ipflow", "hops/s", 900_000,
             anchors="as above"),)),
        Case(one(others.scapy_hops, 2000), (Measure("peer: scapy, one hop", "hops/s"),),
             lacking=others.lacking(module="scapy")),
        Case(one(others.dpkt_hops, 20_000), (Measure("peer: dpkt, one hop", "hops/s"),),
             lacking=others.lacking(module="dpkt")),
        Case(one(tcp.gigabits_per_second, 1500, 200), (gbit("TCP in one lab, MTU 1500", target=1.0,
             anchors="rump over shmif 0.85-1.18"),)),
        Case(one(tcp.gigabits_per_second, 65535, 1000), (gbit("TCP in one lab, MTU 65535", target=15.0,
             anchors="as above"),)),
        on_tap(one(tap.ping), (Measure("ping through the TAP", "us", 100, True,
               "rump 71-75, PyTCP 700-1,900"),)),
        on_tap(one(others.pytcp_ping), (Measure("peer: PyTCP, ping through a TAP", "us"),), lacking(module="pytcp")),
        Case(partial(boot.each, 10_000), (
            Measure("10,000 hosts: boot, each", "ms", 0.15, True, "rump 10; namespace 3-5; Mininet 18-41"),
            Measure("10,000 hosts: memory, each", "bytes", 12_000, True, "rump 2-3 MB; namespace 300 kB"),
        ), apart=True),
        on_tap(partial(peers.namespaces, 50), (
            Measure("peer: a network namespace and its cable, made", "ms"),
            Measure("peer: a network namespace and its cable, kernel memory", "kB"),
        )),
        on_tap(one(others.mininet, 50), (Measure("peer: Mininet, one of 50 hosts on a switch, made", "ms"),),
               lacking("mn", "brctl")),
        Case(partial(chain.run, 250), (
            Measure("chain of 250: set-up", "ms", 100, True, "rump 1.8-4 s"),
            Measure("chain of 250: memory", "MB"),
            Measure("chain of 250: first ping", "ms"),
            Measure("chain of 250: ping", "ms", 2, True, "rump 58-102"),
            Measure("chain of 250: TCP", "Mbit/s", 20, anchors="rump 1"),
        ), apart=True),
        Case(partial(idle, 5.0), (Measure("250 idle hosts: processor", "cores", 0.001, True, "rump 0.35-1.3"),)),
    ]  # fmt: skip


def measure(case: Case, times: int) -> list[Result]:
    """Run a case some times, and a profiler over what is missed."""
    before = calibrate()
    runs = [in_child(case.run) if case.apart else case.run() for _ in range(times)]
    calibration = min(before, calibrate())
    results = []
    for each, column in zip(case.measures, zip(*runs, strict=True), strict=True):
        target = f"{each.target:g}" if each.target is not None else ""
        figure = Figure(each.name, median(column), min(column), max(column), each.unit, target)
        ratio = steps(figure, calibration)
        results.append(Result(*figure[:5], each.target, each.less, each.met(figure.median), ratio, each.anchors))
    if any(result.met is False for result in results):
        told = profile(case.run)
        results = [result._replace(profile=told) if result.met is False else result for result in results]
    return results


def profile(run: Callable[[], Values]) -> str:
    """Where the time goes: of the machine's processor as it is, and of ours under a profiler (which slows calls)."""
    before, begin = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    run()
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - begin
    user, kernel = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    told = [f"without the profiler: {wall:.1f} s, {user:.1f} of them in Python, {kernel:.1f} in the kernel for us"]
    profiler = cProfile.Profile()
    profiler.enable()
    run()
    profiler.disable()
    stats = pstats.Stats(profiler)
    rows = sorted(stats.stats.items(), key=lambda item: -item[1][2])  # type: ignore[attr-defined]
    rows = [(where, row) for where, row in rows if not _waits(where[2])]
    total = sum(row[2] for _, row in rows)
    told.append(f"{'own time':>9} {'calls':>10} {'us each':>8}  where")
    for (file, _, name), (_, calls, own, *_) in rows[:_PROFILED]:
        where = name if file == "~" else f"{_short(file)}: {name}"
        told.append(f"{own / total:>9.1%} {calls:>10,} {own / calls * 1e6:>8.2f}  {where}")
    return "\n".join(told)


def _waits(name: str) -> bool:
    """Whether a function only waits for others."""
    return any(word in name for word in ("'poll'", "select.select", "time.sleep", "fork_exec", "waitpid", "acquire"))


def _short(file: str) -> str:
    """A file's name without where it lies on this machine."""
    path = Path(file)
    return str(path.relative_to(page.ROOT)) if path.is_relative_to(page.ROOT) else path.name


def commit() -> str:
    """Which state of the tree is measured."""
    argv = ["git", "-C", str(page.ROOT), "describe", "--always", "--dirty=+"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def run(wanted: list[Case], times: int) -> Run:
    """Measure the cases that can be on this machine."""
    begin = datetime.now(UTC)
    load = os.getloadavg()[0]
    results: list[Result] = []
    skipped: list[str] = []
    calibration = calibrate()
    for case in wanted:
        if case.lacking:
            skipped += [f"{each.name}: {case.lacking}" for each in case.measures]
            continue
        for result in measure(case, times):
            results.append(result)
            print(page.line(result), flush=True)
    loads = load, os.getloadavg()[0]
    return Run(f"{begin:%Y-%m-%d %H:%M} UTC", commit(), min(calibration, calibrate()), loads, results, skipped)


def main() -> None:
    """Measure all there is, and say how it was the last time."""
    parser = argparse.ArgumentParser(prog="python -m bench.performance", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=2, help="of each stream (default: 2)")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, of which the median counts (default: 3)")
    parser.add_argument("--only", default="", help="cases with these words in them")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    parser.add_argument("--write", action="store_true", help="make docs/performance.md, and add to the history")
    args = parser.parse_args()
    if args.repeat < 1 or args.seconds < 1:
        parser.error("--repeat and --seconds are at least 1")
    if args.json and not Path(args.json).absolute().parent.is_dir():
        parser.error(f"{args.json}: no such folder")  # said now, and not in some minutes
    wanted = [case for case in cases(args.seconds) if any(args.only in each.name for each in case.measures)]
    if not wanted:
        parser.error(f"no case has {args.only!r} in its name")
    if args.only and args.write:
        parser.error("--write is for a whole run: without --only")
    done = run(wanted, args.repeat)
    last = page.last(HISTORY)
    print(page.summary(done, last))
    if args.json:
        Path(args.json).write_text(json.dumps(page.as_json(done), indent=1) + "\n")
    if args.write:
        page.write(done, last)


if __name__ == "__main__":
    main()
