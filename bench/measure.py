"""What all benchmarks share: a calibration loop, medians, and one way to print and to keep figures.

The calibration is a fixed pure-Python loop, timed before and after in the same process: machines are noisy
and differ, so a figure is given in steps of that loop too: how many of them what was measured took.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

CALIBRATION_STEPS = 200_000

T = TypeVar("T")


class Figure(NamedTuple):
    """One line of a benchmark: a median, its spread, and the target if there is one."""

    name: str
    median: float
    low: float
    high: float
    unit: str
    target: str = ""


def calibrate() -> float:
    """Nanoseconds a step of a loop that adds, compares and looks up, the least of five runs."""
    best = 1e9
    for _ in range(5):
        table = {number: number for number in range(64)}
        total = 0
        begin = time.perf_counter()
        for number in range(CALIBRATION_STEPS):
            if number & 1:
                total += table[number & 63]
        best = min(best, (time.perf_counter() - begin) / CALIBRATION_STEPS * 1e9)
    return best


def repeat(run: Callable[[], float], times: int) -> tuple[float, float, float]:
    """Median, lowest and highest of several runs."""
    values = [run() for _ in range(times)]
    return statistics.median(values), min(values), max(values)


def figure(name: str, run: Callable[[], float], times: int, unit: str, target: str = "") -> Figure:
    """Measure one figure."""
    return Figure(name, *repeat(run, times), unit, target)


# what one of the thing measured takes, in nanoseconds, by the figure's unit
_NANOSECONDS: dict[str, Callable[[float], float]] = {
    "s": lambda value: value * 1e9,
    "ms": lambda value: value * 1e6,
    "us": lambda value: value * 1e3,
    "hops/s": lambda value: 1e9 / value,
    "frames/s": lambda value: 1e9 / value,
    "conn/s": lambda value: 1e9 / value,
    "Mbit/s": lambda value: 8e6 / value,  # for a thousand bytes
    "Gbit/s": lambda value: 8000 / value,
}


def steps(each: Figure, calibration: float) -> float | None:
    """The figure as a ratio to the calibration loop of the same run: steps of it; None for what is no time."""
    nanoseconds = _NANOSECONDS.get(each.unit)
    return nanoseconds(each.median) / calibration if nanoseconds is not None else None


def report(title: str, figures: list[Figure], calibration: float) -> None:
    """Print a table, and one JSON line a figure where --json was given."""
    if "--json" in sys.argv:
        for each in figures:
            ratio = steps(each, calibration)
            row = {"bench": title, "calibration_ns": round(calibration, 2), **each._asdict(), "steps": ratio}
            print(json.dumps(row))
        return
    print(f"{title}   (calibration: {calibration:.1f} ns a step)")
    for each in figures:
        name, median, low, high, unit, target = each
        ratio = steps(each, calibration)
        taken = f"{_text(ratio)} steps" if ratio is not None else ""
        spread = f"{_text(low)} .. {_text(high)}"
        aim = f"target {target}" if target else ""
        print(f"  {name:<40} {_text(median):>10} {unit:<8} {spread:<22} {taken:>18}  {aim}")


def in_child(run: Callable[..., T], *args: object) -> T:
    """Run something in a process of its own, so that nothing left over counts."""
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run, args)


def megabytes() -> float:
    """Memory of this process: its share of all it has mapped (PSS)."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


def _text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def arguments(description: str, **defaults: int) -> argparse.Namespace:
    """Options as numbers: --repeat and whatever the benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_known_args()[0]  # `python -m bench` gives all of them the same
