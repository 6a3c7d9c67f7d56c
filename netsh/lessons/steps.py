"""A lesson as it is taken at the prompt: texts, each with one thing to do at its end; and how an answer is judged."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import NamedTuple

from netsh.lessons.form import Block, Lesson, Prose, Quiz, Start, Task

_ENOUGH = 14  # lines of text, after which a new section begins a new step
_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")


class Step(NamedTuple):
    """Some text, and what is to be done then; None: only to read on."""

    text: str
    act: Block | Quiz | Task | None
    first: int  # which of the lesson's parts is its first
    start: Start | None = None  # a new lab begins with it


def steps_of(lesson: Lesson) -> list[Step]:
    """The steps of a lesson, in order."""
    steps: list[Step] = []
    text: list[str] = []
    start: Start | None = None
    first = 0

    def close(act: Block | Quiz | Task | None, then: int) -> None:
        nonlocal start, first
        steps.append(Step("\n\n".join(text), act, first, start))
        text.clear()
        start, first = None, then

    for number, part in enumerate(lesson.parts):
        if isinstance(part, Start):
            start = part  # the text above it, too, is about the new lab
        elif isinstance(part, Prose):
            for section in _sections(part.text):
                if section.startswith("## ") and sum(each.count("\n") + 1 for each in text) >= _ENOUGH:
                    close(None, number)
                text.append(section)
        else:
            close(part, number + 1)
    if text:
        close(None, len(lesson.parts))
    return steps


def _sections(text: str) -> Iterator[str]:
    """The text, cut before its headings of the second level (those in a fence are none)."""
    lines: list[str] = []
    fenced = False
    for line in text.split("\n"):
        fenced ^= line.startswith("```")
        if line.startswith("## ") and not fenced and lines:
            yield "\n".join(lines).strip("\n")
            lines = []
        lines.append(line)
    yield "\n".join(lines).strip("\n")


# -- commands -------------------------------------------------------------------------------------------------

Key = tuple[str, ...]


def key_of(text: str, host: str, hosts: Container[str], builtins: Container[str] = ()) -> Key:
    """What a line does, however it is typed: the host it runs on (none for the shell's own commands), its words."""
    words = text.split()
    while len(words) > 1 and words[0] in hosts:
        host, *words = words
    return ("" if words and words[0] in builtins else host, *words)


def keys_of(text: str, host: str, hosts: Container[str], builtins: Container[str] = ()) -> set[Key]:
    """The same of a line whole, and of each of its pieces between semicolons."""
    return {key_of(piece, host, hosts, builtins) for piece in (text, *text.split(";"))}


# -- answers --------------------------------------------------------------------------------------------------


def is_right(quiz: Quiz, answer: str) -> bool | None:
    """Whether an answer is right; None when there is no right one, or when it is none of the choices."""
    given = " ".join(answer.split()).lower()
    if quiz.choices:
        letter = letter_of(quiz, given)
        return None if letter is None else letter == quiz.answer
    if quiz.answer == "?":
        return None
    value, tilde, about = quiz.answer.partition("~")
    if tilde:
        found = _NUMBER.match(given)
        return found is not None and abs(float(found[0]) - float(value)) <= float(about)
    wanted = [each.strip().lower() for each in quiz.answer.split("|")]
    number = _NUMBER.match(given)
    return given in wanted or (number is not None and number[0] in wanted)


def letter_of(quiz: Quiz, given: str) -> str | None:
    """The choice that is meant: by its letter, its number, or its words."""
    plain = given.strip().rstrip(").").lower()
    for number, choice in enumerate(quiz.choices, 1):
        if plain in (choice.letter, str(number), choice.text.lower()):
            return choice.letter
    return None


def right_of(quiz: Quiz) -> str:
    """What is right, in words."""
    for choice in quiz.choices:
        if choice.letter == quiz.answer:
            return f"{choice.letter}) {choice.text}"
    if quiz.answer == "?":
        return ""
    value, tilde, about = (piece.strip() for piece in quiz.answer.partition("~"))
    return f"{value} (give or take {about})" if tilde else quiz.answer.partition("|")[0].strip()
