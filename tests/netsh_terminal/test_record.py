"""Records of a prompt, and demos: scripts with outputs, casts, pictures; a script typed for an audience."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from netsh import demo
from netsh.grammar import GrammarError
from netsh.recorder import Cast, Picture, Recorder
from stack.dev.files import WholeFile
from tests.netsh.toys import Toys
from tests.netsh_terminal.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path) as found:
        found.until_prompt()
        yield found


def typed(session: Toys, *lines: str) -> None:
    assert session.recorder is not None
    for line in lines:
        session.recorder.line("a# ", line)
        session.run(line)


def a_session() -> Toys:
    session = Toys()
    session.recorder = Recorder()
    return session


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("r.txt",
        "a# say x | grep x\na: x\na# nope\nnetsh: nope: unknown command\na# for x in p {\n>   lines $x\n> }\np\n"),
        ("r.md", "```netsh\na# say x | grep x\na: x\na# nope\nnetsh: nope: unknown command\na# for x in p {\n"
                 ">   lines $x\n> }\np\n```\n"),
        ("r.netsh", "say x | grep x\n# a: x\nnope\n# netsh: nope: unknown command\nfor x in p {\n  lines $x\n}\n# p\n"),
    ],
)  # fmt: skip
def test_texts(tmp_path: Path, name: str, text: str) -> None:
    session = a_session()
    file = tmp_path / name
    typed(session, f"record {file}", "say x | grep x", "nope", "for x in p {\n  lines $x\n}")
    assert not file.exists()
    typed(session, "record off")
    assert file.read_text() == text


def test_a_script_with_its_outputs_runs_again(tmp_path: Path) -> None:
    session = a_session()
    typed(session, f"record {tmp_path}/r.netsh", "echo -n one; echo two", "lines 'three four'", "record off")
    assert (tmp_path / "r.netsh").read_text() == "echo -n one; echo two\n# onetwo\nlines 'three four'\n# three four\n"
    again = Toys()
    assert again.run((tmp_path / "r.netsh").read_text(), "r.netsh") == 0
    assert again.out == "onetwo\nthree four\n"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("record off", "record: nothing is being recorded"),
        ("record /nonexistent/x", "record: /nonexistent/x: No such file or directory"),
        ("record x.cast", "record: x.cast: a cast and a picture are of a prompt in a terminal"),
        ("record a b", "record: b: one file is wanted"),
        ("demo x", "demo: it types at a prompt on your own machine; 'source' runs a script"),
        ("demo", "demo: one script is wanted"),
    ],
)
def test_wrong_words(line: str, complaint: str) -> None:
    session = a_session()
    assert session.run(line) != 0
    assert session.err.startswith(complaint)


def test_one_record_at_a_time_and_none_in_a_served_lab(tmp_path: Path) -> None:
    session = a_session()
    assert session.run(f"record {tmp_path}/a; record {tmp_path}/b") == 1
    assert f"{tmp_path}/a is being recorded; 'record off' ends it" in session.err
    assert session.run("record; record off") == 0
    assert session.out == f"recording {tmp_path}/a\n"
    session.recorder = None
    assert session.run("record x") == 1
    assert "only where the shell is on your own machine" in session.err


def test_a_cast_cuts_no_character(tmp_path: Path) -> None:
    times = iter([0.0, 1.0, 1.5, 2.0])
    cast = Cast(WholeFile(str(tmp_path / "c.cast")), 80, 24, lambda: next(times))
    cast.sent("one \u2500".encode()[:-1], drawn=False)
    cast.sent("\u2500".encode()[-1:], drawn=True)
    cast.end()
    head, *events = [json.loads(line) for line in (tmp_path / "c.cast").read_text().splitlines()]
    assert (head["version"], head["width"], head["height"]) == (2, 80, 24)
    assert events == [[1.0, "o", "one "], [1.5, "o", "\u2500"]]


def test_a_picture_is_a_picture(tmp_path: Path) -> None:
    picture = Picture(WholeFile(str(tmp_path / "p.svg")), 60, "title & more")
    picture.line("me# ", "ping <www>")
    picture.sent(b"\x1b[31mred\x1b[0m \xe2\x94\x80\r\nold\rnew\n", drawn=False)
    picture.sent(b"not this", drawn=True)
    picture.end()
    root = ElementTree.parse(tmp_path / "p.svg").getroot()
    text = "".join(root.itertext()).replace("\N{NO-BREAK SPACE}", " ")
    assert text[text.index("me# ") :].split("\n")[:3] == ["me# ping <www>", "red \u2500", "new"]
    assert "not this" not in text


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a\n\n# b\nc; d\n", ["a", "# b", "c; d"]),
        ("for x in a {\n\n  b\n}\nif c {\n d }\n", ["for x in a {\n\n  b\n}", "if c {\n d }"]),
        ("a 'b\nc'\nd \\\ne", ["a 'b\nc'", "d \\\ne"]),
        ("", []),
    ],
)
def test_steps(text: str, steps: list[str]) -> None:
    assert demo.steps(text) == steps


def test_a_demo_of_nonsense_does_not_begin() -> None:
    with pytest.raises(GrammarError):
        demo.steps("a\nb |")
