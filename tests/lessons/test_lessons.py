"""What the README and the tutorials show is what a reader will see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lessons.transcript import replay

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "tutorials").glob("*.md"))
TEXTS = [ROOT / "README.md", *LESSONS]
FRONT = re.compile(
    r'---\ntitle: "(?P<title>[^"\n]+)"\nminutes: (?P<minutes>\d+)\nlevel: (?P<level>beginner|intermediate|advanced)\n'
    r'teaches: "[^"\n]+"\nrfcs: "[^"\n]+"\nbooks: "[^"\n]+"\n---\n\n# (?P<heading>[^\n]+)\n\n'
)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_the_sessions_are_true(path: Path) -> None:
    text = path.read_text()
    assert "```netsh" in text
    assert replay(text) == text


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.name)
def test_a_lesson_begins_with_what_it_is(path: Path) -> None:
    front = FRONT.match(path.read_text())
    assert front is not None
    assert front["title"] == front["heading"]
    assert 10 <= int(front["minutes"]) <= 30


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.name)
def test_every_task_has_a_solution_that_is_run(path: Path) -> None:
    _, *tasks = re.split(r"^## Task \d+: ", path.read_text(), flags=re.MULTILINE)
    assert len(tasks) >= 2
    for task in tasks:
        problem, found, solution = task.partition("<summary>Solution</summary>\n\n")
        assert problem and found and "```netsh\n" in solution.partition("</details>")[0]
