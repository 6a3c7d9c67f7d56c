"""What a lesson says at the prompt, as rows."""

from __future__ import annotations

from textwrap import indent
from typing import NamedTuple

from netsh.lessons.form import Choice


class Page(NamedTuple):
    """The text of a step: Markdown."""

    lesson: str
    step: int  # counted from 1
    steps: int
    text: str


class Try(NamedTuple):
    """Commands to type, each behind its prompt."""

    commands: tuple[str, ...]


class Question(NamedTuple):
    """A prediction that is asked for."""

    question: str
    choices: tuple[Choice, ...]


class Goal(NamedTuple):
    """What a task wants."""

    goal: str
    hints: int


class Told(NamedTuple):
    """A line or two about how it goes: `kind` is note, text (Markdown), done, right, wrong, hint, typed."""

    kind: str
    text: str

    @property
    def mark(self) -> str:
        """The word that it begins with; "" for most."""
        return _MARKS.get(self.kind, "")


class Listed(NamedTuple):
    """A lesson of the course, and how far one is."""

    number: int | None
    lesson: str
    title: str
    minutes: int
    level: str
    progress: str


Row = Page | Try | Question | Goal | Told | Listed

_MARKS = {"done": "Done.", "right": "Right.", "wrong": "Not so.", "hint": "Hint:"}


def show(row: Row) -> str:
    """As plain text."""
    match row:
        case Page():
            return f"-- {row.lesson}, step {row.step} of {row.steps} --\n\n{row.text}\n"
        case Try():
            return "Type, or press Enter to have it typed:\n" + indent("\n".join(row.commands), "    ")
        case Question():
            choices = "".join(f"\n  {choice.letter}) {choice.text}" for choice in row.choices)
            return f"What will you see?\n{row.question}{choices}"
        case Goal():
            return f"{row.goal}\n({_help(row.hints)})"
        case Told():
            return f"{row.mark} {row.text}".strip()
    number = "" if row.number is None else row.number
    return f"{number:>3}  {row.title}  ({row.minutes} minutes, {row.level})  {row.progress}".rstrip()


def _help(hints: int) -> str:
    """The words that help with a task."""
    return f"hint: there {'is 1' if hints == 1 else f'are {hints}'}; skip shows a solution; again shows this again"
