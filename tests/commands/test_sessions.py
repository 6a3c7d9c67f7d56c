"""Whole sessions, every line of every answer, in NetBSD's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.lab import Lab
from tests.commands.runner import replay

SESSIONS = Path(__file__).parent.parent / "sessions"


@pytest.mark.parametrize("name", ["interfaces", "routes", "neighbours", "knobs", "bridges"])
def test_the_session_goes_as_it_is_written(name: str) -> None:
    replay(SESSIONS / f"{name}.txt", Lab())
