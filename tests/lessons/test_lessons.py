"""What the README and the tutorials show is what a reader will see; the tasks take what is right and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from netsh.lessons import parse, replay
from tests.interop.netns import why_no_link
from tests.lessons.transcript import rewritten

ROOT = Path(__file__).parents[2]
COURSE = sorted((ROOT / "tutorials").glob("[0-9]*.md"))
TOUR = ROOT / "netsh" / "lessons" / "tour.md"


def test_the_sessions_of_the_readme_are_true() -> None:
    text = (ROOT / "README.md").read_text()
    assert "```netsh" in text
    assert rewritten(ROOT / "README.md") == text


@pytest.mark.parametrize("path", [TOUR, *COURSE], ids=lambda path: path.stem)
def test_a_lesson_does_what_it_says(path: Path) -> None:
    """Outputs are exact; a solution passes its check; the start does not, nor does any wrong answer."""
    lesson = parse.load(str(path))
    if not lesson.front.needs:
        assert [str(fault) for fault in replay.run(lesson)] == []
        return
    if lack := why_no_link("bridge") or ("" if shutil.which("curl") and shutil.which("ping") else "no curl or ping"):
        pytest.skip(f"{lesson.name}: {lack}")
    here = [sys.executable, "-m", "netsh", "--", "tutorial", "--check", str(path)]
    done = subprocess.run(["unshare", "-n", *here], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


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
