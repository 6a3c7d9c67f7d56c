"""Lessons of one's own: an empty one, and one made of what was typed."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from netsh import home
from netsh.lessons import parse, replay
from netsh.lessons.form import Block, Start
from netsh.render.printer import Printer
from netsh.session import Session
from stack.lab import Lab


def prompt(*, at_home: bool = True) -> tuple[Session, io.StringIO]:
    """A session as it is at a prompt."""
    screen = io.StringIO()
    session = Session(Lab(), Printer("text", screen, screen), interactive=True)
    if at_home:
        home.build(session)
    return session, screen


def type_in(session: Session, *lines: str) -> None:
    """Type lines as the prompt does."""
    for line in lines:
        text = session.companion.meant(line) if session.companion is not None else line
        while text.strip() or not line.strip():
            session.run(text)
            if session.companion is not None:
                session.companion.look()
            text = session.companion.more() if session.companion is not None else ""
            if not text:
                break


def test_a_new_lesson_runs_as_it_is(tmp_path: Path) -> None:
    session, screen = prompt()
    file = tmp_path / "09-udp-ports.md"
    type_in(session, f"tutorial new {file}")
    assert 'title: "Udp ports"' in file.read_text()
    assert list(replay.run(parse.load(str(file)))) == []
    type_in(session, f"tutorial new {file}", "tutorial new /nowhere/at/all.md")
    assert f"tutorial: {file}: there is such a file\n" in screen.getvalue()
    assert "tutorial: /nowhere/at/all.md: No such file or directory\n" in screen.getvalue()


def test_what_is_typed_becomes_a_lesson(tmp_path: Path) -> None:
    session, _ = prompt()
    file = tmp_path / "my-lesson.md"
    type_in(session, f"tutorial record {file}", "ping -c 1 gw | grep from", "for h in me gw {\n  echo $h\n}", "host gw")
    assert "recording" in session.companion.toolbar() if session.companion else False
    type_in(session, "arp -an", "", "no such command", "ping 'unfinished", "exit")
    assert session.companion is None and session.exiting is None
    lesson = parse.load(str(file))
    typed = [each for part in lesson.parts if isinstance(part, Block) for each in part.commands]
    assert [(each.host, each.text) for each in typed] == [
        ("me", "ping -c 1 gw | grep from"), ("me", "for h in me gw {\n  echo $h\n}"), ("me", "host gw"),
        ("gw", "arp -an"), ("gw", "no such command"),
    ]  # fmt: skip
    assert typed[0].output == "64 bytes from 10.0.0.1: icmp_seq=0 ttl=255 time=0.300000 ms\n"
    assert typed[1].output == "me\ngw\n"
    assert typed[3].output.startswith("? (10.0.0.1) at b2:a0:")
    assert not any(isinstance(part, Start) for part in lesson.parts)
    said = [each.output for each in replay.Replay(lesson).said() if not each.typed.text.startswith("arp -d")]
    assert said == [each.output for each in typed]


def test_the_lab_it_begins_in_belongs_to_it(tmp_path: Path) -> None:
    session, _ = prompt(at_home=False)
    file = tmp_path / "x.md"
    type_in(session, "host a", "host b", "link a b 10.1.0.0/30", "host a", f"tutorial record {file}", "ping -c 1 b")
    assert "ping -c 1 b" in file.read_text()  # at once, for who knows what comes
    type_in(session, "tutorial end")
    lesson = parse.load(str(file))
    start = next(part for part in lesson.parts if isinstance(part, Start))
    assert not start.home and "10.1.0.1/30" in start.script
    block = next(part for part in lesson.parts if isinstance(part, Block))
    assert "1 packets received" in block.commands[0].output


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("tutorial record {there}", "there is such a file"),
        ("tutorial record /nowhere/x.md", "No such file or directory"),
        ("tutorial record", "record: the name of one file is wanted"),
        ("tutorial end", "no lesson runs here"),
        ("tutorial 99", "99: no such lesson"),
        ("tutorial {there}", "1: expected front matter between two lines '---'"),
        ("tutorial /none.md", "/none.md:1: a lesson was expected: No such file or directory"),
        ("tutorial 7 8", "8: one lesson at a time"),
        ("tutorial --nonsense", "--nonsense: unknown option"),
        ("tutorial 7 &", "not in the background"),
        ("tutorial --html", "a file (x.html) or a folder is missing"),
        ("tutorial --html x.html", "x.html: which lesson?"),
        ("tutorial --html /nowhere/x.html 2", "No such file or directory"),
        ("next", "next: unknown command"),
        ("hint", "hint: unknown command"),
    ],
)
def test_wrong_words(line: str, said: str, tmp_path: Path) -> None:
    session, screen = prompt()
    there = tmp_path / "there.md"
    there.write_text("")
    type_in(session, line.replace("{there}", str(there)), "wait")
    assert said in screen.getvalue()
    assert session.companion is None and there.read_text() == ""
    assert os.listdir(tmp_path) == ["there.md"]


def test_a_lesson_is_for_a_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    session, screen = prompt()
    session.interactive = False
    type_in(session, "tutorial 2", "tour", "tutorial record x.md")
    assert screen.getvalue().count("at a prompt of your own") == 3
    session.interactive = session.clock.served = True
    type_in(session, "tour")
    assert screen.getvalue().count("at a prompt of your own") == 4
