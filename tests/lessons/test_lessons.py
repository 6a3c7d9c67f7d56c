"""What the README and the tutorials show is what a reader will see; the tasks take what is right and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netsh.lessons import parse, replay
from tests.lessons.transcript import rewritten

ROOT = Path(__file__).parents[2]
COURSE = sorted((ROOT / "tutorials").glob("[0-9]*.md"))


def test_the_sessions_of_the_readme_are_true() -> None:
    text = (ROOT / "README.md").read_text()
    assert "```netsh" in text
    assert rewritten(ROOT / "README.md") == text


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_a_lesson_does_what_it_says(path: Path) -> None:
    """Outputs are exact; a solution passes its check; the start does not, nor does any wrong answer."""
    assert [str(fault) for fault in replay.run(parse.load(str(path)))] == []


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_a_lesson_has_what_the_course_promises(path: Path) -> None:
    lesson = parse.load(str(path))
    assert 10 <= lesson.front.minutes <= 30
    assert len(lesson.tasks) >= 2
    for task in lesson.tasks:
        assert len(task.wrong) >= 3, f"{path.name}:{task.line}: three wrong answers"
        assert task.hints, f"{path.name}:{task.line}: a hint"
    text = path.read_text()
    assert "```quiz" in text, "a prediction"
    assert re.search(r"^```\n[^`]*(--|\[|/ )", text, re.MULTILINE), "a drawing"
