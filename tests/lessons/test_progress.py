"""What is kept of a user's progress, whatever has become of the file; and what a lesson needs of the machine."""

from __future__ import annotations

import importlib.util
import json
import os
import stat
from pathlib import Path

import pytest

from netsh.lessons import find, needs
from netsh.lessons.guide import place_to_begin
from netsh.lessons.progress import Place, Progress


def test_it_is_there_again(tmp_path: Path) -> None:
    path = str(tmp_path / "state" / "netsh" / "lessons.json")
    progress = Progress(path)
    assert progress.of("01-x") == Place() and not progress.trouble
    progress.set("01-x", Place(3, 9, False, 1, 2, 1))
    progress.set("02-y", Place(9, 9, True))
    again = Progress(path)
    assert (again.of("01-x"), again.of("02-y")) == (Place(3, 9, False, 1, 2, 1), Place(9, 9, True))
    assert os.listdir(os.path.dirname(path)) == ["lessons.json"]  # written whole, and nothing is left beside it
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lessons.json:1: column 1: Expecting value; all lessons begin anew"),
        ('{\n "01-x": }', "lessons.json:2: column 10: Expecting value; all lessons begin anew"),
        ("[]", "lessons.json:1: not what was kept here; all lessons begin anew"),
        ('{"01-x": 5}', "lessons.json:1: not what was kept here"),
        ('{"01-x": {"steps": "9"}}', "lessons.json:1: not what was kept here"),
        ('{"01-x": {"step": -1}}', "lessons.json:1: not what was kept here"),
        ('{"01-x": {"unheard": 1}}', "lessons.json:1: not what was kept here"),
        ("[" * 100_000, "lessons.json:1: not what was kept here"),
        ("\udcff", "lessons.json:1: not what was kept here"),
    ],
)
def test_a_broken_file_is_named_and_kept(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "lessons.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    progress = Progress(str(path))
    assert said in progress.trouble and progress.of("01-x") == Place()
    progress.set("01-x", Place(1, 9))
    assert json.loads(path.read_text())["01-x"]["step"] == 1
    assert (tmp_path / "lessons.json.broken").read_bytes() == text.encode(errors="surrogateescape")


def test_a_file_that_cannot_be_written_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_text("")
    progress = Progress(str(tmp_path / "no-folder" / "lessons.json"))
    progress.set("01-x", Place(1, 9))
    assert "your progress is not kept" in progress.trouble and progress.of("01-x").step == 1


@pytest.mark.parametrize(
    ("place", "steps", "at"),
    [(Place(), 9, 0), (Place(3, 9), 9, 3), (Place(3, 8), 9, 0), (Place(9, 9, True), 9, 0), (Place(3, 9, True), 9, 0),
     (Place(9, 9), 9, 0)],
)  # fmt: skip
def test_where_a_lesson_goes_on(place: Place, steps: int, at: int) -> None:
    assert place_to_begin(place, steps) == at


def test_what_a_lesson_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    front = find.load("bridges").front
    assert needs.lacking(front) == ""
    wants_tap = front._replace(needs="tap")
    monkeypatch.setattr(needs, "_TUN", "/nowhere/tun")
    assert "there is no /nowhere/tun here" in needs.lacking(wants_tap)
    monkeypatch.setattr(needs, "_TUN", "/dev/null")
    monkeypatch.setattr(needs, "_capabilities", lambda: 0)
    assert "so a network of your own" in needs.lacking(wants_tap)
    monkeypatch.setattr(needs, "_capabilities", lambda: 1 << 12)
    routes = tmp_path / "route"
    monkeypatch.setattr(needs, "_ROUTES", str(routes))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: "there")
    assert needs.lacking(wants_tap) == ""
    routes.write_text("Iface\tDestination\ntap0\t0000110A\nbr0\t0000110A\n")
    assert needs.lacking(wants_tap) == ""
    routes.write_text("Iface\tDestination\ntap0\t0000110A\neth0\t00000000\n")
    assert "with eth0: start 'unshare -Urn netsh'" in needs.lacking(wants_tap)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'netsh[tap]'" in needs.lacking(wants_tap)
