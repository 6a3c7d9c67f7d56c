"""Lines of routers with one stack a process, over bus files (python -m bench.processes [--routers 50])."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.measure import Figure, arguments, calibrate, report
from netsh.topology.network import Network
from netsh.topology.shapes import Chain
from netsh.topology.stacks import hindrance
from stack.addr import Prefix

NETSH = [sys.executable, "-m", "netsh"]
NET = Prefix.parse("10.0.0.0/16")


class Run(NamedTuple):
    """What was measured: seconds, megabytes of all processes together, milliseconds, Mbit/s."""

    set_up: float
    memory: float
    first: float
    later: float
    tcp: float


TARGETS = {250: ("15", "", "", "60", "")}
UNITS = {"set-up": "s", "memory": "MB", "first ping": "ms", "later pings": "ms", "TCP": "Mbit/s"}


def run(count: int) -> Run:
    """Start a line, ping along it, send along it, end it."""
    with tempfile.TemporaryDirectory() as parent:
        folder = f"{parent}/mesh"
        words = [*NETSH, "--lab", "none", "-c", f"chain {count} {NET} --processes {folder}"]
        begin = time.perf_counter()
        mesh = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert mesh.stdout is not None
        try:
            said = ""
            while not said.startswith(f"{count} stacks"):
                said = mesh.stdout.readline()
                assert said, "the stacks did not start"
            set_up = time.perf_counter() - begin
            return Run(set_up, _memory(mesh.pid), *_use(folder, count, said.split()[-1]))
        finally:
            mesh.terminate()
            mesh.wait()


def _use(folder: str, count: int, target: str) -> tuple[float, float, float]:
    """First and later pings, in milliseconds; TCP in Mbit/s."""

    def on(host: str, line: str) -> subprocess.Popen[str]:
        words = [*NETSH, "-s", f"unix://{folder}/{host}", "-c", line]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    said, _ = on("r1", f"ping -c 11 -i 0.5 {target}").communicate()
    times = [float(text) for text in re.findall(r"time=([\d.]+) ms", said)]
    sink = on(f"r{count}", "ttcp -r -s")
    time.sleep(1)  # until it listens
    said, _ = on("r1", f"ttcp -t -s -n 256 {target}").communicate(timeout=300)
    sink.communicate(timeout=60)
    found = re.search(r"bytes in ([\d.]+) real seconds = ([\d.]+) KB/sec", said)
    megabits = float(found[2]) * 1024 * 8 / 1e6 if found is not None else 0.0
    return times[0], statistics.median(times[1:]), megabits


def _memory(pid: int) -> float:
    """The share of memory (PSS) of a process and all below it."""
    listed = [line.split() for line in subprocess.check_output(["ps", "-eo", "pid,ppid"], text=True).splitlines()[1:]]
    below, found = {pid}, 0
    while found != len(below):
        found = len(below)
        below |= {int(child) for child, parent in listed if int(parent) in below}
    total = 0
    for each in below:
        lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / 1e6


def main() -> None:
    """Measure lines of 10, 50 and, where the machine allows so many, 250 routers."""
    args = arguments(__doc__ or "", repeat=3, routers=0)
    before = calibrate()
    figures: list[Figure] = []
    for count in [args.routers] if args.routers else (10, 50, 250):
        if why := hindrance(Network(Chain(count), NET), os.sep):
            sys.stderr.write(f"{count} processes: {why}\n")
            continue
        runs = [run(count) for _ in range(args.repeat)]
        targets = TARGETS.get(count, ("",) * len(UNITS))
        for (name, unit), target, column in zip(UNITS.items(), targets, zip(*runs, strict=True), strict=True):
            middle = statistics.median(column)
            figures.append(Figure(f"{count} processes, {name}", middle, min(column), max(column), unit, target))
    report("processes", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
