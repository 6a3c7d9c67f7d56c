"""Bars and areas, and who draws them: ping's round trips, a connection's windows."""

from __future__ import annotations

import io

import pytest

from netsh import home
from netsh.render.palette import DARK
from netsh.render.plot import area, bars, fitted, sparkline
from netsh.render.printer import Printer
from netsh.session import Session
from stack.lab import Lab


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""), ([5.0], "▁"), ([1, 1, 1], "▁▁▁"), ([0, 7], "▁█"), (list(range(8)), "▁▂▃▄▅▆▇█"),
        ([1, None, 2], "▁×█"), ([None], "×"),
    ],
)  # fmt: skip
def test_sparkline(values: list[float | None], line: str) -> None:
    assert sparkline(values) == line


def test_bars_say_nothing_of_few_and_are_not_wider_than_the_window() -> None:
    assert bars([1, 2], 80, None) == bars([None, None, None], 80, None) == ""
    assert bars([1, 2, 3, 4, 5], 4, None) == "▁▃▆█\n"
    assert bars([1, None, 2], 80, DARK) == "\x1b[32m▁\x1b[0m\x1b[31m×\x1b[0m\x1b[32m█\x1b[0m\n"


def test_fitted() -> None:
    assert fitted([1, 5, 2, 3], 2) == [5, 3]
    assert fitted([1, 2], 4) == [1, 1, 2, 2]
    assert fitted([], 4) == []


def test_area() -> None:
    assert area([0, 4, 8, 16], 4, 2, 16) == ["   █", " ▄██"]
    assert area([0, 0], 2, 1, 0) == ["  "]


def printed(line: str, format: str, width: int = 60) -> str:
    out = io.StringIO()
    session = Session(Lab(), Printer(format, out, io.StringIO(), width=width))
    home.build(session)
    assert session.run(line) == 0
    session.end_jobs()
    return out.getvalue()


def test_ping_draws_its_round_trips_at_the_end() -> None:
    line = "ping -qc 1 www > /dev/null; sleep 0.5 && bus wan delay 50ms & ping -q -i 0.1 -c 9 www"
    assert printed(line, "rich").splitlines()[-1] == "▁▁▁▁▁████"
    lost = "sleep 0.25 && link wan down && sleep 0.2 && link wan up & ping -q -i 0.1 -c 9 www"
    assert "××" in printed(lost, "rich").splitlines()[-1]
    assert "█" not in printed(line, "text") and '"times": [10.2, 10.2' in printed(line, "json")


TRANSFER = "bus wan rate 10Mbit/s; www ttcp -r -s > /dev/null & ttcp -t -s -n 100 www > /dev/null & tcpstat -g 5001"
CHART = """\
10.0.0.2.62296 -> 203.0.113.80.5001  snd_cwnd in bytes
   65160 |     *******************************************************
         |
         |    *
         |
         |    *
         |   *
         |
         | **
         |
         |*
       0 +------------------------------------------------------------
          0.000 s                                              0.720 s
"""
AREA = """\
10.0.0.2.62296 -> 203.0.113.80.5001
snd_cwnd in bytes
65160┤   ███████████████████████████████
     │   ███████████████████████████████
     │   ███████████████████████████████
     │  ▂███████████████████████████████
     │  ████████████████████████████████
     │  ████████████████████████████████
     │  ████████████████████████████████
     │ ▇████████████████████████████████
     │ █████████████████████████████████
     │▁█████████████████████████████████
    0└──────────────────────────────────
      0.000 s                    0.720 s
"""


def test_a_connection_is_drawn_when_it_has_ended() -> None:
    assert printed(TRANSFER, "text") == CHART
    shown = [line.rstrip() for line in printed(TRANSFER, "rich", 40).splitlines()]
    assert "\n".join(shown) + "\n" == AREA


def test_what_is_left_of_a_loss_is_a_lower_threshold() -> None:
    chart = printed(TRANSFER.replace("10Mbit/s", "10Mbit/s queue 8"), "text")
    assert "-" in "".join(line[10:] for line in chart.splitlines()[1:-2])
