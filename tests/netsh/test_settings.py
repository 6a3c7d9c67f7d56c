"""The user's options: a TOML file, the command that sets them, and what is wrong in either."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsh.settings import SETTINGS, Settings, load, standard_path
from tests.netsh.toys import Toys


def read(file: Path, text: str) -> tuple[Settings, list[str]]:
    file.write_text(text)
    told: list[str] = []
    return load(str(file), told.append), told


def test_what_a_file_says(tmp_path: Path) -> None:
    text = '# mine\nedit = "vi"\nhistory = 5\nmenu = false\n[keys]\nf5 = "ps -a"\n[aliases]\nrt = "netstat -rn"\n'
    found, told = read(tmp_path / "c", text)
    assert told == []
    assert (found["edit"], found["history"], found["menu"], found["theme"]) == ("vi", 5, False, "auto")
    assert (found.keys, found.aliases) == ({"f5": "ps -a"}, {"rt": "netstat -rn"})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("edit = vi\n", ":1:8: Invalid value; defaults are used"),
        ('edit = "vi"\n\n[keys\n', ":3:6: Expected ']' at the end of a table declaration; defaults are used"),
        ('theme = "dark"\nedit = "vim"\n', ":2:8: edit: it is one of emacs, vi; its default is used"),
        ("history = -1", ":1:11: history: it is a number of lines, 1000000 at the most; its default is used"),
        ("menu = 1", ":1:8: menu: it is true or false; its default is used"),
        ("pager = 3", ":1:9: pager: it is a text in quotes; its default is used"),
        ('clock = "xx"', ":1:9: clock: xx: a clock is real, fast, or a rate such as x0.1 or x10; its default is used"),
        ('edti = "vi"', ":1:8: edti: unknown option; did you mean edit?; its default is used"),
        ('[keys]\nf99 = "x"', ":2:7: keys.f99: no name for one; it is f1 to f24, c-a to c-z, or 'escape a'; its"),
        ('[aliases]\nx = 3', ":2:5: aliases.x: it is a text in quotes; its default is used"),
        ('[kyes]\nf5 = "x"', ":1:7: kyes: unknown option; did you mean keys?; its default is used"),
        ("keys = 3", ":1:8: keys: unknown option"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    found, told = read(tmp_path / "c", text)
    assert len(told) == 1
    assert told[0].startswith(f"{tmp_path}/c{complaint}")
    assert all(found[name] == setting.default for name, setting in SETTINGS.items() if f"{name}:" in told[0])


def test_a_file_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "c").write_bytes(b"\xff\xfe")
    load(str(tmp_path / "c"), told.append)
    load(str(tmp_path), told.append)
    load(str(tmp_path / "none"), told.append, asked=True)
    load(str(tmp_path / "none"), told.append)
    assert [text.removeprefix(str(tmp_path)) for text in told] == [
        "/c: this is no text; defaults are used",
        ": Is a directory; defaults are used",
        "/none: No such file or directory; defaults are used",
    ]


@given(st.text(max_size=200))
def test_any_text_is_options_or_told(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any"
    file.write_bytes(text.encode(errors="replace"))
    told: list[str] = []
    found = load(str(file), told.append)
    assert all(isinstance(found[name], type(setting.default)) for name, setting in SETTINGS.items())


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/some/where")
    monkeypatch.delenv("NETSH_CONFIG", raising=False)
    assert standard_path(None) == "/some/where/netsh/config.toml"
    monkeypatch.setenv("NETSH_CONFIG", "/else")
    assert standard_path(None) == "/else"
    assert standard_path("given") == "given"


def a_session(file: Path) -> Toys:
    session = Toys()
    session.use(load(str(file), lambda text: None))
    return session


def test_options_are_set_at_once_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "new" / "c.toml"
    session = a_session(file)
    assert session.run("option edit vi; option keys.f5 'ps -a'; option aliases.l 'lines q'; option menu false; l") == 0
    assert session.out == "q\n"
    assert file.read_text() == 'edit = "vi"\nmenu = false\n\n[keys]\nf5 = "ps -a"\n\n[aliases]\nl = "lines q"\n'
    assert session.run("option -d edit; option keys.f5; option edit") == 0
    assert session.out == "option keys.f5 'ps -a'\noption edit emacs\n"
    assert "edit" not in file.read_text()
    assert session.run("option | wc -l") == 0
    assert int(session.out) == len(SETTINGS) + 2


def test_comments_in_the_file_stay(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('# mine\ntheme = "light"  # a beamer\n')
    assert a_session(file).run("option edit vi") == 0
    assert file.read_text() == '# mine\ntheme = "light"  # a beamer\nedit = "vi"\n'


@pytest.mark.parametrize(
    ("line", "complaint", "status"),
    [
        ("option nope", "option: nope: no such option; 'option' lists them", 2),
        ("option edti vi", "option: edti: unknown option; did you mean edit?", 2),
        ("option edit vim", "option: edit: it is one of emacs, vi", 2),
        ("option keys.x y", "option: keys.x: no name for one; it is f1", 2),
        ("option aliases.x 'a; b'", "option: x: an alias is one command", 2),
        ("option a b c", "option: c: one value is wanted; quote it if it has blanks", 2),
        ("option -d", "option: -d wants the name of an option", 2),
    ],
)
def test_wrong_words(tmp_path: Path, line: str, complaint: str, status: int) -> None:
    session = a_session(tmp_path / "c")
    assert session.run(line) == status
    assert session.err.startswith(complaint)
    assert not (tmp_path / "c").exists()


def test_a_file_that_cannot_be_written_is_told_and_the_option_holds(tmp_path: Path) -> None:
    (tmp_path / "no folder").write_text("")
    session = a_session(tmp_path / "no folder" / "c")
    assert session.run("option edit vi") == 1
    assert "it holds until you leave" in session.err
    assert session.run("option edit") == 0
    assert session.out == "option edit vi\n"


def test_a_broken_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("edit =")
    session = a_session(tmp_path / "c")
    assert session.run("option theme light") == 1
    assert (tmp_path / "c").read_text() == "edit ="


def test_clients_of_a_served_lab_have_their_own() -> None:
    session = Toys()
    assert session.run("option") == 1
    assert "option: options are those of a prompt on your own machine" in session.err


def test_the_command_line_names_a_file_whose_aliases_change_no_script(tmp_path: Path) -> None:
    (tmp_path / "c").write_text('edit = "x"\n[aliases]\nps = "echo wrong"\n')
    words = ["--config", str(tmp_path / "c"), "-c", "ps -a | head -1"]
    done = subprocess.run([sys.executable, "-m",
    "netsh", *words], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.startswith("  PID HOST")
    assert done.stderr == f"netsh: {tmp_path}/c:1:8: edit: it is one of emacs, vi; its default is used\n"
