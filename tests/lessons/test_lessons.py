"""What the README and the tutorials show is what a reader will see."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lessons.transcript import replay

ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "README.md", *sorted((ROOT / "tutorials").glob("*.md"))]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_the_sessions_are_true(path: Path) -> None:
    text = path.read_text()
    assert "```netsh" in text
    assert replay(text) == text
