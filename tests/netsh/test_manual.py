"""The manual pages: well-formed mdoc(7), complete, the same for everybody."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from commands.command import names as command_names
from netsh import builtins
from netsh.manual import main, pages
from netsh.mdoc import body, escape, synopsis
from netsh.topics import TOPICS

PAGES = pages("November 1, 2026")
ALONE = {"Dd", "Dt", "Os", "Sh", "Ss", "Nm", "Nd", "Pp", "It", "Xr", "Fl", "Ar", "Cm", "No"}  # each a line of its own
PAIRS = {"Bd": "Ed", "Bl": "El", "Oo": "Oc"}
SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "SEE ALSO", "STANDARDS"]


def test_there_is_a_page_for_every_command() -> None:
    wanted = {f"netsh-{name}.1" for name in (*command_names(), *builtins.names())}
    assert set(PAGES) == wanted | {"netsh.1", "netsh-language.7"}
    assert all(f'.Ss "{name}"\n' in PAGES["netsh-language.7"] for name in TOPICS)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_formed(name: str) -> None:
    text, opened = PAGES[name], list[str]()
    assert text.isprintable() or set(re.findall(r"[^ -~]", text)) <= {"\n"}
    assert not re.search(r"\\(?![e&])|\n'|[ \t]\n|\n\n", text)
    for line in text.splitlines():
        macro = line[1:3].rstrip() if line.startswith(".") else ""
        if macro in PAIRS:
            opened.append(PAIRS[macro])
        elif macro in PAIRS.values():
            assert opened.pop() == macro, line
        elif macro:
            assert macro in ALONE, line
            assert not opened or opened[-1] != "Ed", f"a macro in a literal block: {line}"
            assert line.count('"') % 2 == 0, line
    assert not opened
    found = re.findall(r"^\.Sh (.*)", text, re.MULTILINE)
    assert found == [section for section in SECTIONS if section in found]
    assert {"NAME", "DESCRIPTION", "SEE ALSO"} <= set(found)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_speaks_of_no_machine(name: str) -> None:
    for place in (os.getcwd(), sys.prefix, os.path.expanduser("~") + "/", "/tmp/", "/home/"):
        assert place not in PAGES[name]


def test_references_lead_somewhere() -> None:
    for name, text in PAGES.items():
        for other, section in re.findall(r"^\.(?:It )?Xr (netsh\S*) (\d)", text, re.MULTILINE):
            assert f"{other}.{section}" in PAGES, f"{name}: {other}({section})"


def test_what_groff_says_of_them(tmp_path: Path) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    assert main([str(tmp_path)]) == 0
    files = sorted(map(str, tmp_path.iterdir()))
    told = subprocess.run(
        [groff, "-ww", "-mdoc", "-Tascii", "-z", *files], capture_output=True, text=True, timeout=60, check=False
    )
    if "doc.tmac" in told.stderr or "fatal" in told.stderr:
        pytest.skip("groff has no mdoc here")
    assert (told.returncode, told.stderr) == (0, "")


# --- parts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("ping [-c count] host", [".Nm ping", ".Oo", ".Fl c Ar count", ".Oc", ".Ar host"]),
        ("lab [--svg=file | --dot=file]", [".Nm lab", ".Oo", ".Fl -svg=file | Fl -dot=file", ".Oc"]),
        ("go", [".Nm go"]),
        ("x Ar [-]\nx on|off", [".Nm x", r".Ar \&Ar", ".Oo", r".Fl \&", ".Oc", ".Nm x", r".Cm \&on | Ar \&off"]),
        ("x a[/bits] | b", [".Nm x", r".Ar a[/bits] | Ar \&b"]),
    ],
)
def test_a_synopsis(text: str, lines: list[str]) -> None:
    assert list(synopsis(text, {"on"})) == lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("One.  Two\nthree.", ["One.", "Two three."]),
        ("A.\n\n.B \\n", ["A.", ".Pp", r"\&.B \en"]),
        ("    -a  all   -n file  in\n              numbers",
         [".Pp", ".Bl -tag -width Ds -compact", ".It Fl a", "all", ".It Fl n Ar file", "in numbers", ".El"]),
        ("    up  a \"b\"", [".Pp", ".Bl -tag -width Ds -compact", '.It Ic "up"', 'a "b"', ".El"]),
        ("    .a b", [".Bd -literal -offset indent", r"\&.a b", ".Ed"]),
    ],
)  # fmt: skip
def test_a_text(text: str, lines: list[str]) -> None:
    assert list(body(text)) == lines


def test_nothing_means_anything_to_roff() -> None:
    assert [escape(text) for text in ("'a", "a.b", r"\fB")] == [r"\&'a", "a.b", r"\efB"]


# --- the program --------------------------------------------------------------------------------------------------


def test_they_are_the_same_for_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1793491200")
    assert main([str(tmp_path / "a" / "b")]) == 0
    written = {path.name: path.read_text() for path in (tmp_path / "a" / "b").iterdir()}
    assert written == pages("November 1, 2026")
    for argv, status, told in (
        ([], 2, "usage: python -m netsh.manual folder\n"),
        (["-x"], 2, "usage: python -m netsh.manual folder\n"),
        ([str(tmp_path / "a" / "b" / "netsh.1")], 1, f"netsh.manual: {tmp_path}/a/b/netsh.1: File exists\n"),
    ):
        assert (main(argv), capsys.readouterr().err) == (status, told)
