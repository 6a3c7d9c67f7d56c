"""Hosts in one process, each with two interfaces, addresses and routes: time and memory (python -m bench.boot)."""

from __future__ import annotations

import gc
import time
from pathlib import Path

from bench.chains import chain
from bench.measure import Figure, arguments, calibrate, in_child, report
from stack.lab import Lab


def resident_bytes() -> int:
    """Memory this process holds, as the kernel counts it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def boot(count: int) -> tuple[float, float]:
    """Seconds for a line of so many hosts, ready to forward; and bytes a host."""
    gc.collect()
    before = resident_bytes()
    gc.disable()
    begin = time.perf_counter()
    lab = Lab()
    chain(lab, count)
    lab.callouts.advance(0.0)
    elapsed = time.perf_counter() - begin
    gc.enable()
    size = (resident_bytes() - before) / count
    assert len(lab.hosts) == count
    return elapsed, size


def each(count: int) -> tuple[float, float]:
    """Milliseconds and bytes of one of so many."""
    seconds, size = boot(count)
    return seconds * 1e3 / count, size


def main() -> None:
    """Measure 1,000 and 10,000 hosts."""
    args = arguments(__doc__ or "", repeat=5)
    before = calibrate()
    figures: list[Figure] = []
    for count, seconds, size in ((1000, "", ""), (10000, "1.5", "12,000")):
        runs = [in_child(boot, count) for _ in range(args.repeat)]
        times, sizes = (sorted(column) for column in zip(*runs, strict=True))
        middle = len(runs) // 2
        figures.append(Figure(f"{count:,} hosts, start", times[middle], times[0], times[-1], "s", seconds))
        figures.append(Figure(f"{count:,} hosts, memory each", sizes[middle], sizes[0], sizes[-1], "bytes", size))
    report("boot", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
