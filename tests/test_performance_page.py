"""What bench.performance makes of its figures: the page, the history, and the change against the last run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import others, page, performance
from bench.page import Result, Run
from bench.performance import Case, Measure

FAST = Result("fast", 12.0, 11.0, 13.0, "Gbit/s", 10.0, met=True, steps=20.0, anchors="others 1")
SLOW = Result("slow", 5.0, 4.0, 6.0, "ms", 1.0, less=True, met=False, steps=100.0, profile="  99.0%  somewhere")
PEER = Result("peer: kernel", 14.0, 14.0, 14.0, "Gbit/s", steps=10.0)


def run_of(*results: Result) -> Run:
    return Run("2026-01-02 03:04 UTC", "abc1234", 50.0, (0.5, 1.5), list(results), ["Mininet: not installed"])


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")
    monkeypatch.setattr(page, "HISTORY", tmp_path / "history.jsonl")
    return tmp_path / "history.jsonl"


def test_the_page_tells_what_is_missed_and_why(history: Path) -> None:
    page.write(run_of(FAST, SLOW, PEER), None)
    told = page.PAGE.read_text()
    assert "| fast | 12 Gbit/s | 11 to 13 | 20 | at least 10 | met | others 1 |" in told
    assert "| slow | 5 ms | 4 to 6 | 100.0 | at most 1 | **missed** |  |" in told
    assert "### slow" in told and SLOW.profile in told and "### fast" not in told
    assert "Mininet: not installed" in told and str(page.ROOT) not in told


def test_a_slow_down_is_seen(history: Path) -> None:
    assert page.last(history) is None
    page.write(run_of(FAST, SLOW, PEER), None)
    page.write(run_of(FAST._replace(steps=30.0)), page.last(history))
    assert "| fast | +50% |" in page.PAGE.read_text()
    assert [json.loads(line)["figures"]["fast"]["steps"] for line in history.read_text().splitlines()] == [20.0, 30.0]
    now = run_of(FAST, SLOW)
    assert "fast: 33% better" in page.summary(now, page.last(history))
    assert "1 of 2 targets met; missed: slow" in page.summary(now, None)
    same = page.summary(run_of(FAST._replace(steps=31.0)), page.last(history))
    assert "nothing changed" in same and "targets met" in same


@pytest.mark.parametrize(
    ("unit", "less", "before", "after", "worse"),
    [("bytes", True, 100.0, 150.0, 0.5), ("cores", True, 0.0, 0.5, None), ("frames", False, 100.0, 50.0, 1.0)],
)
def test_what_has_no_steps_is_compared_as_it_is(
    unit: str, less: bool, before: float, after: float, worse: float | None
) -> None:
    result = Result("it", before, before, before, unit, less=less)
    known = page.entry(run_of(result))
    assert page.change(result._replace(median=after), known) == worse


def test_a_miss_is_profiled() -> None:
    met, missed = Measure("met", "s", 1000.0, True), Measure("missed", "conn/s", 1e9)

    def work() -> tuple[float, float]:
        return 1.0, float(sum(map(len, ["abc"] * 10)))

    results = performance.measure(Case(work, (met, missed)), 3)
    assert [result.met for result in results] == [True, False]
    assert not results[0].profile and "work" in results[1].profile and "in the kernel" in results[1].profile
    assert str(page.ROOT) not in results[1].profile


def test_every_row_of_the_table_has_its_target() -> None:
    measures = [each for case in performance.cases(1.0) for each in case.measures]
    assert len({each.name for each in measures}) == len(measures)
    assert sum(each.target is not None for each in measures) == 20


def test_whoever_is_not_here_is_named() -> None:
    assert others.lacking("no-such-program", "sh", module="no_such_module") == "no no-such-program, no_such_module"
    assert others.lacking("sh", module="json") == ""
