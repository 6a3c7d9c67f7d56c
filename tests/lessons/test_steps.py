"""A lesson cut into steps; lines that mean the same; answers."""

from __future__ import annotations

import pytest

from netsh.lessons import find
from netsh.lessons.form import Block, Choice, Prose, Quiz, Start
from netsh.lessons.parse import parse
from netsh.lessons.steps import is_right, key_of, keys_of, letter_of, right_of, steps_of
from tests.lessons.test_form import GOOD

HOSTS = {"me", "gw", "www"}


def test_each_step_has_one_thing_to_do() -> None:
    steps = steps_of(parse(GOOD, "x.md"))
    assert [type(step.act).__name__ for step in steps] == ["Quiz", "Block", "Task"]
    assert [step.first for step in steps] == [0, 2, 3]
    assert steps[1].text == ""


def test_nothing_is_lost_on_the_way() -> None:
    for name in find.names():
        lesson = find.load(name)
        steps = steps_of(lesson)
        acts = [step.act for step in steps if step.act is not None]
        assert acts == [part for part in lesson.parts if not isinstance(part, Start | Prose)]
        words = " ".join(step.text for step in steps).split()
        assert words == " ".join(part.text for part in lesson.parts if isinstance(part, Prose)).split()


def test_a_new_lab_begins_with_a_step_and_long_text_is_cut_at_headings() -> None:
    text = GOOD.replace("```netsh", "words\n\n```lab home\n```\n\n```netsh").replace(
        "Some words", "a\n\n" * 9 + "## A heading\n\n```\n## no heading\n```\n\nSome words"
    )
    steps = steps_of(parse(text, "x.md"))
    assert steps[0].act is None and steps[1].text.startswith("## A heading")
    assert steps[2].text == "words" and steps[2].start is not None and isinstance(steps[2].act, Block)


@pytest.mark.parametrize(
    ("typed", "host", "meant", "at"),
    [
        ("ping -c 1 gw", "me", "ping -c 1  gw ", "me"),
        ("ping -c 1 gw", "me", "me ping -c 1 gw", "gw"),
        ("gw arp -an", "me", "arp -an", "gw"),
        ("host gw", "me", "host gw", "www"),
        ("sleep 5; arp -an", "me", "arp -an", "me"),
    ],
)
def test_lines_that_do_the_same(typed: str, host: str, meant: str, at: str) -> None:
    assert key_of(meant, at, HOSTS, {"host"}) in keys_of(typed, host, HOSTS, {"host"})


@pytest.mark.parametrize(
    ("answer", "given", "right"),
    [
        ("50 ~ 5", "52", True), ("50 ~ 5", "55 ms", True), ("50 ~ 5", "56", False), ("50 ~ 5", "many", False),
        ("50 | fifty", "fifty", True), ("50 | fifty", "Fifty ", True), ("50 | fifty", "50 seconds", True),
        ("50 | fifty", "51", False), ("?", "whatever", None), ("r2 | R3", "r3", True),
    ],
)  # fmt: skip
def test_free_answers(answer: str, given: str, right: bool | None) -> None:
    assert is_right(Quiz("?", (), answer, "", 1), given) is right


def test_choices() -> None:
    quiz = Quiz("?", (Choice("a", "one"), Choice("b", "all twelve")), "b", "", 1)
    assert [letter_of(quiz, text) for text in ("b", "B)", "2", "all twelve", "c", "3", "")] == ["b"] * 4 + [None] * 3
    assert is_right(quiz, "2") is True and is_right(quiz, "a") is False and is_right(quiz, "z") is None
    assert right_of(quiz) == "b) all twelve"
    assert right_of(Quiz("?", (), "50 ~ 5", "", 1)) == "50 (give or take 5)"
