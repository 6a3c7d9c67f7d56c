"""What bench.performance found: on a terminal, as JSON, as docs/performance.md, and beside the runs before it."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "performance.md"
HISTORY = ROOT / "bench" / "history.jsonl"
SLOWER = 0.15  # a change of so much is pointed at: less is this machine's noise


class Result(NamedTuple):
    """One figure, and what became of its target."""

    name: str
    median: float
    low: float
    high: float
    unit: str
    target: float | None = None
    less: bool = False  # the less the better
    met: bool | None = None
    steps: float | None = None  # of the calibration loop; None for what is no time
    anchors: str = ""
    profile: str = ""  # of what was missed


class Run(NamedTuple):
    """One run of all."""

    date: str
    commit: str
    calibration: float  # nanoseconds a step
    load: tuple[float, float]  # of the machine, when it began and when it ended
    results: list[Result]
    skipped: list[str]


def number(value: float) -> str:
    """A figure with as many digits as it is worth."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def verdict(result: Result) -> str:
    """Whether the target is met."""
    return {True: "met", False: "missed", None: ""}[result.met]


def line(result: Result) -> str:
    """A figure for the terminal."""
    taken = f"{number(result.steps)} steps" if result.steps is not None else ""
    aim = f"{'<' if result.less else '>'} {number(result.target)}" if result.target is not None else ""
    spread = f"{number(result.low)} .. {number(result.high)}"
    return (
        f"{result.name:<64} {number(result.median):>10} {result.unit:<7} {spread:<20} {taken:>15}  "
        f"{aim:<9} {verdict(result)}"
    ).rstrip()


# --- the history ------------------------------------------------------------------------------------


def entry(run: Run) -> dict[str, Any]:
    """What is kept of a run."""
    figures = {
        result.name: {"value": float(f"{result.median:.4g}"), "unit": result.unit,
                      "steps": float(f"{result.steps:.4g}") if result.steps is not None else None}
        for result in run.results
    }  # fmt: skip
    return {"date": run.date, "commit": run.commit, "calibration_ns": round(run.calibration, 1), "figures": figures}


def last(history: Path) -> dict[str, Any] | None:
    """The last run that is known; None when there is none."""
    lines = history.read_text().splitlines() if history.exists() else []
    return dict(json.loads(lines[-1])) if lines else None


def change(result: Result, before: dict[str, Any] | None) -> float | None:
    """How much slower or larger it has become, as a part; None when that cannot be said."""
    known = (before or {}).get("figures", {}).get(result.name)
    if known is None:
        return None
    if result.steps is not None and known["steps"]:
        return float(result.steps / known["steps"] - 1)
    if not known["value"] or not result.median:
        return None
    ratio = result.median / known["value"]
    return float((ratio if result.less else 1 / ratio) - 1)


def summary(run: Run, before: dict[str, Any] | None) -> str:
    """What is missed, and what has changed since the last run that was kept."""
    missed = [result.name for result in run.results if result.met is False]
    aims = sum(result.met is not None for result in run.results)
    told = [f"{aims - len(missed)} of {aims} targets met" + (f"; missed: {', '.join(missed)}" if missed else "")]
    told += [f"skipped: {what}" for what in run.skipped]
    if before is not None:
        told.append(f"against {before['date']}, {before['commit']}, in steps of the calibration loop:")
        for result in run.results:
            by = change(result, before)
            if by is not None and abs(by) >= SLOWER:
                told.append(f"  {result.name}: {abs(by):.0%} {'slower or larger' if by > 0 else 'better'}")
        if len(told) == 2 + len(run.skipped):
            told.append(f"  nothing changed by {SLOWER:.0%} or more")
    return "\n".join(told)


def as_json(run: Run) -> dict[str, Any]:
    """All of it."""
    figures = [{**result._asdict(), "ratio": result.steps} for result in run.results]
    return {**run._asdict(), "machine": machine(), "results": figures}


# --- the page ---------------------------------------------------------------------------------------


def machine() -> str:
    """What it ran on."""
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return (
        f"{os.cpu_count()} processors ({models[0] if models else platform.machine()}), {memory / 1e6:.0f} GB, "
        f"{platform.system()} {platform.release().partition('-')[0]}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def row(result: Result) -> str:
    """A row of the page's table."""
    steps = number(result.steps) if result.steps is not None else ""
    aim = f"{'at most' if result.less else 'at least'} {number(result.target)}" if result.target is not None else ""
    figure = f"{number(result.median)} {result.unit}"
    spread = f"{number(result.low)} to {number(result.high)}"
    state = {True: "met", False: "**missed**", None: ""}[result.met]
    return f"| {result.name} | {figure} | {spread} | {steps} | {aim} | {state} | {result.anchors} |"


def text(run: Run) -> str:
    """The page."""
    told = [
        "# Performance",
        "",
        "Written by `python -m bench.performance --write`, as root, and not by hand.",
        "",
        f"{run.date}, commit {run.commit}. {machine()}. Load of the machine {run.load[0]:.1f} at the beginning and "
        f"{run.load[1]:.1f} at the end.",
        "",
        "Figures are medians, with the lowest and the highest run. *Steps* are how many steps of a calibration loop "
        f"(one took {run.calibration:.0f} ns) the same takes: a byte stream's are for 1,000 bytes, a rate's for one of "
        "what it counts. They are what to compare between machines, and between days. *Peers* are measured in the same "
        "run; *elsewhere* is what others reported, or what was measured on machines like this one.",
        "",
        "| what | figure | spread | steps | target | | elsewhere |",
        "|---|---|---|---|---|---|---|",
        *map(row, run.results),
    ]
    if run.skipped:
        told += ["", "Not measured here: " + "; ".join(run.skipped) + "."]
    missed = [result for result in run.results if result.met is False]
    told += ["", "## Targets missed", ""]
    if not missed:
        told.append("None.")
    for result in missed:
        told += [f"### {result.name}", "", _distance(result), "", "```", result.profile, "```", ""]
    return "\n".join(told).rstrip() + "\n"


def _distance(result: Result) -> str:
    assert result.target is not None
    return (
        f"{number(result.median)} {result.unit} instead of {number(result.target)}. Where the time goes (the profiler "
        "makes calls of Python dearer than they are, and leaves the kernel's work as it is):"
    )


def write(run: Run, before: dict[str, Any] | None) -> None:
    """Make the page, and add to the history."""
    parts = [text(run)]
    changes = [(result.name, change(result, before)) for result in run.results]
    known = [f"| {name} | {by:+.0%} |" for name, by in changes if by is not None and abs(by) >= SLOWER]
    if before is not None:
        head = f"\n## Since {before['date']} ({before['commit']})\n\n"
        table = "| what | slower (+) or better (-), in steps |\n|---|---|\n" + "\n".join(known) + "\n"
        parts.append(head + (table if known else f"Nothing changed by {SLOWER:.0%} or more.\n"))
    PAGE.write_text("".join(parts))
    with HISTORY.open("a") as file:
        file.write(json.dumps(entry(run)) + "\n")
