"""Lessons are found in a source tree and in an installation; a word means one of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import netsh
from netsh.lessons import find

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("word", ["7", "07", "07-bridges", "bridges", "bridge", "tutorials/07-bridges.md"])
def test_words_for_a_lesson(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert find.load(word).name == "07-bridges"


@pytest.mark.parametrize(("word", "said"), [("99", "99: no such lesson; 'tutorial' lists them"),
                                            ("brigdes", "brigdes: no such lesson; did you mean bridges?")])  # fmt: skip
def test_words_for_none(word: str, said: str) -> None:
    with pytest.raises(find.NoLesson, match=said.replace("?", r"\?")):
        find.load(word)


@pytest.mark.parametrize("site", ["lib/python3.13/site-packages", "."])  # a prefix, pip install --target
def test_an_installation_is_searched(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = tmp_path / "share" / "netsh" / "tutorials"
    share.mkdir(parents=True)
    (share / "01-first.md").write_text("")
    monkeypatch.setattr(netsh, "__file__", str(tmp_path / site / "netsh" / "__init__.py"))
    assert find.folder() == str(share)
    assert find.names() == ["01-first"]


def test_no_lessons_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netsh, "__file__", str(tmp_path / "a" / "b" / "c" / "netsh" / "__init__.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert find.folder() is None and find.names() == []
    with pytest.raises(find.NoLesson):
        find.load("1")


def test_an_installation_has_them(tmp_path: Path) -> None:
    """What setuptools lays down beside the packages, asked without a network."""
    tree, target = tmp_path / "tree", tmp_path / "target"
    tree.mkdir()
    (tree / "tutorials").symlink_to(ROOT / "tutorials")
    (tree / "README.md").symlink_to(ROOT / "README.md")
    project = (ROOT / "pyproject.toml").read_text()
    # an old setuptools reads the license otherwise
    project = re.sub(r'(?m)^license = "(.*)"\nlicense-files = .*$', r'license = { text = "\1" }', project)
    (tree / "pyproject.toml").write_text(project)
    program = ["-c", "import setuptools; setuptools.setup()", "-q", "install_data", "-d", str(target)]
    done = subprocess.run([sys.executable, *program], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    laid = sorted(path.name for path in (target / "share/netsh/tutorials").iterdir())
    assert laid == sorted(path.name for path in (ROOT / "tutorials").glob("*.md"))
