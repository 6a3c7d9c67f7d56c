"""The windows of a TCP connection as an area, as wide as the window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from commands._tcpgraph import title
from netsh.render.palette import FAINT, GOOD, NAME, WARN
from netsh.render.plot import area, fitted
from netsh.render.rich_views import Look

_HEIGHT = 10


def graphs(rows: Sequence[Any], look: Look) -> RenderableType:
    """One below the other."""
    return Group(*(line for row in rows for line in _graph(row, look.width)))


def _graph(row: Any, width: int) -> Iterator[Text]:
    windows = [float(sample.cwnd) for sample in row.samples]
    limits = [float(sample.ssthresh or 0) for sample in row.samples]
    top = max(windows)
    margin = len(f"{top:.0f}") + 1
    width = max(width - margin, 1)
    yield Text(title(row), NAME)
    marks = [round(limit / top * _HEIGHT - 0.5) if 0 < limit <= top else -1 for limit in fitted(limits, width)]
    for at, line in enumerate(area(windows, width, _HEIGHT, top)):
        text = Text(f"{top:.0f}┤" if not at else f"{'':>{margin - 1}}│", FAINT)
        for x, char in enumerate(line):
            is_limit = marks[x] == _HEIGHT - 1 - at
            text.append("·" if is_limit and char == " " else char, WARN if is_limit else GOOD)
        yield text
    yield Text(f"{'0':>{margin - 1}}└{'─' * width}", FAINT)
    begin, end = f"{row.samples[0].time:.3f} s", f"{row.samples[-1].time:.3f} s"
    yield Text(" " * margin + begin + end.rjust(max(width - len(begin), len(end) + 1)), FAINT)
