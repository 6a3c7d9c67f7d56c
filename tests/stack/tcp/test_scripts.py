"""TCP against scripts in packetdrill's notation: each file is a clause of an RFC, or a small group of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stack.tcp.packetdrill import Drill

SCRIPTS = sorted(Path(__file__).with_name("scripts").glob("*.pkt"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path: Path) -> None:
    Drill(path.read_text(), path.name).run()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script_names_its_clause(path: Path) -> None:
    first = path.read_text().partition("\n")[0]
    assert first.startswith("// ") and ("RFC" in first or "BSD" in first)
