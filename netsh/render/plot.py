"""Small plots in block characters: a line of bars, or an area of several lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from netsh.render.palette import BAD, GOOD, Theme, paint

BARS, MISSING = "▁▂▃▄▅▆▇█", "×"
_FEW = 3


def sparkline(values: Sequence[float | None]) -> str:
    """A bar for each value, from the least to the most; a cross where there is none."""
    there = [value for value in values if value is not None]
    low, high = min(there, default=0.0), max(there, default=0.0)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(MISSING if value is None else BARS[round((value - low) * scale)] for value in values)


def bars(values: Sequence[float | None], width: int, theme: Theme | None) -> str:
    """A line of bars for a few measurements or more; "" for fewer, since they say all themselves."""
    line = sparkline(values[-width:])
    if len(line) < _FEW or not line.strip(MISSING):
        return ""
    if theme is None:
        return f"{line}\n"
    parts = re.findall(f"{MISSING}+|[^{MISSING}]+", line)
    return "".join(paint(part, BAD if part[0] == MISSING else GOOD, theme) for part in parts) + "\n"


def fitted(values: Sequence[float], width: int) -> list[float]:
    """As many values as there are columns: of several in a column the most, of one in several the same."""
    count = len(values)
    if not count:
        return []
    edges = [at * count // width for at in range(width + 1)]
    return [max(values[begin : max(end, begin + 1)]) for begin, end in pairwise(edges)]


def area(values: Sequence[float], width: int, height: int, top: float) -> list[str]:
    """The area below a curve, the uppermost line first."""
    eighths = [round(value / top * height * 8) if top else 0 for value in fitted(values, width)]
    lines = []
    for line in range(height - 1, -1, -1):
        filled = (min(max(value - line * 8, 0), 8) for value in eighths)
        lines.append("".join(" " if not part else BARS[part - 1] for part in filled))
    return lines
