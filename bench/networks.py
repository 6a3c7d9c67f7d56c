"""Large networks as the shell builds them, routes and all: time and memory (python -m bench.networks)."""

from __future__ import annotations

import io
import time

from bench.measure import Figure, arguments, calibrate, in_child, megabytes, report
from netsh.render.printer import Printer
from netsh.session import Session
from stack.lab import Lab

LINES = {
    "matrix 4 4": ("1", "400"),
    "grid 100 100": ("15", "400"),
    "random 256 4": ("", ""),
    "ring 8 --routed; sleep 60": ("", ""),
}


def run(line: str) -> tuple[float, float]:
    """Seconds, and megabytes above the bare shell."""
    session = Session(Lab(), Printer("text", io.StringIO(), io.StringIO()))
    before = megabytes()
    begin = time.perf_counter()
    assert session.run(line) == 0
    return time.perf_counter() - begin, megabytes() - before


def main() -> None:
    """Measure each."""
    args = arguments(__doc__ or "", repeat=3)
    before = calibrate()
    figures: list[Figure] = []
    for line, targets in LINES.items():
        runs = [in_child(run, line) for _ in range(args.repeat)]
        for unit, target, column in zip(("s", "MB"), targets, zip(*runs, strict=True), strict=True):
            ordered = sorted(column)
            name = f"{line}, {'set-up' if unit == 's' else 'memory'}"
            figures.append(Figure(name, ordered[len(ordered) // 2], ordered[0], ordered[-1], unit, target))
    report("networks", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
