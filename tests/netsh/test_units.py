"""Numbers with units, words that are nearly right, and files that appear whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsh.files import AppendedFile, read_text
from netsh.prompt.nearest import distance, nearest
from netsh.units import DURATION, RATE, SHARE, Quantity, parse, unparse
from netsh.words import quote
from stack.dev.files import WholeFile


@pytest.mark.parametrize(
    ("quantity", "text", "value"),
    [
        (DURATION, "10ms", 0.01),
        (DURATION, "1.5s", 1.5),
        (DURATION, ".5us", 5e-7),
        (DURATION, "100ns", 1e-7),
        (DURATION, "0", 0.0),
        (DURATION, "0ms", 0.0),
        (RATE, "10Mbit/s", 10e6),
        (RATE, "10mbit/s", 10e6),
        (RATE, "1.5Gbit/s", 1.5e9),
        (RATE, "9600bit/s", 9600.0),
        (RATE, "64kbit/s", 64000.0),
        (SHARE, "1%", 0.01),
        (SHARE, "0.1%", 0.001),
        (SHARE, "100%", 1.0),
    ],
)
def test_parse(quantity: Quantity, text: str, value: float) -> None:
    assert parse(quantity, text) == value


@pytest.mark.parametrize(
    ("quantity", "text", "words"),
    [
        (DURATION, "10", "10: the unit is missing; it is one of s, ms, us, ns, as in 10ms"),
        (DURATION, "10%", "% is no unit here"),
        (DURATION, "-1ms", "not a number with a unit"),
        (DURATION, "ms", "not a number with a unit"),
        (DURATION, "", "not a number with a unit"),
        (DURATION, "1 ms", " ms is no unit here"),
        (RATE, "10M", "M is no unit here"),
        (RATE, "infbit/s", "not a number with a unit"),
        (SHARE, "0.01", "the unit is missing"),
        (SHARE, "1e999%", "e999% is no unit here"),
    ],
)
def test_nonsense(quantity: Quantity, text: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(quantity, text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("quantity", "value", "text"),
    [
        (DURATION, 0.01, "10ms"),
        (DURATION, 1.5, "1.5s"),
        (DURATION, 0.0001, "100us"),
        (DURATION, 0.0, "0ns"),
        (DURATION, 1e-10, "0.1ns"),
        (RATE, 1e7, "10Mbit/s"),
        (RATE, 9600.0, "9.6kbit/s"),
        (RATE, 1.0, "1bit/s"),
        (SHARE, 0.05, "5%"),
        (SHARE, 1.0, "100%"),
        (SHARE, 0.001, "0.1%"),
    ],
)
def test_unparse(quantity: Quantity, value: float, text: str) -> None:
    assert unparse(quantity, value) == text


@given(st.sampled_from([DURATION, RATE, SHARE]), st.floats(0, 1e12))
def test_what_is_printed_reads_back(quantity: Quantity, value: float) -> None:
    if value == 0 or value > 1e-80:
        assert parse(quantity, unparse(quantity, value)) == value


def test_distance() -> None:
    assert [distance(*pair) for pair in (("ping", "ping"), ("pnig", "ping"), ("pin", "ping"), ("", "abc"))] == [
        0,
        1,
        1,
        3,
    ]


@pytest.mark.parametrize(
    ("word", "known"),
    [("pnig", "ping"), ("pin", "ping"), ("fetc", "fetch"), ("tracert", "traceroute"), ("zzz", None), ("x", None),
     ("ifcnofig", "ifconfig"), ("ls", None)],
)  # fmt: skip
def test_nearest(word: str, known: str | None) -> None:
    assert nearest(word, ["ping", "fetch", "ifconfig", "traceroute", "route"]) == known


@given(st.text(max_size=20))
def test_quoted_words_are_shell_words(text: str) -> None:
    quoted = quote(text)
    assert quoted == text or quoted.startswith("'")


def test_a_whole_file_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    file = WholeFile(str(path))
    file.write(b"new")
    assert path.read_text() == "old"
    file.commit()
    file.discard()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["file"]


def test_a_whole_file_that_is_discarded_was_never_there(tmp_path: Path) -> None:
    file = WholeFile(str(tmp_path / "file"))
    file.write(b"new")
    file.discard()
    assert os.listdir(tmp_path) == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    file = WholeFile(str(link))
    file.write(b"new")
    file.commit()
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_device_is_not_replaced() -> None:
    file = WholeFile(os.devnull)
    file.write(b"gone")
    file.commit()
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_an_appended_file_grows_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for text in (b"a", b"b"):
        file = AppendedFile(str(path))
        file.write(text)
        assert path.read_bytes().endswith(text)
        file.commit()
    assert path.read_text() == "ab"


def test_text_is_utf8(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbfecho\r\n")
    assert read_text(str(path)) == "echo\n"
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="no text"):
        read_text(str(path))
