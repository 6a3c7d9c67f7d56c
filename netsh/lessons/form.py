"""What a lesson is made of.  docs/lessons.md tells authors how each part is written."""

from __future__ import annotations

from typing import NamedTuple

from netsh.lessons.checks import Check

LEVELS = ("beginner", "intermediate", "advanced")


class Fault(NamedTuple):
    """Something wrong in a lesson: the file, the line, what was expected."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


class BadLesson(ValueError):
    """A file that is no lesson, with all that is wrong in it."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class Front(NamedTuple):
    """The front matter."""

    title: str
    minutes: int
    level: str
    teaches: str
    rfcs: str
    books: str
    needs: str = ""  # what the machine must have, such as `tap`
    clock: str = "fast"


class Prose(NamedTuple):
    """Markdown without blocks of ours."""

    text: str
    line: int


class Typed(NamedTuple):
    """A command, the host whose prompt it is typed at, and what it prints."""

    host: str
    text: str
    output: str
    line: int


class Block(NamedTuple):
    """A fence `netsh` or `solution`: commands with their outputs, which are compared if they are `exact`."""

    commands: tuple[Typed, ...]
    exact: bool
    line: int


class Start(NamedTuple):
    """A fence `lab`: a new lab begins here, with the built-in one or with nothing, and these commands are run in it."""

    home: bool
    script: str
    line: int


class Choice(NamedTuple):
    """One of the answers to choose from."""

    letter: str
    text: str


class Quiz(NamedTuple):
    """A prediction: the question, what to choose from (nothing: a free answer), what is right, and why."""

    question: str
    choices: tuple[Choice, ...]
    answer: str
    why: str
    line: int


class Wrong(NamedTuple):
    """A wrong answer to a task, which its checks must not take: what is wrong with it, and its commands."""

    why: str
    commands: tuple[Typed, ...]
    line: int


class Task(NamedTuple):
    """What the learner must reach, what helps, and one way to do it."""

    goal: str
    checks: tuple[Check, ...]
    hints: tuple[str, ...]
    solution: tuple[Prose | Block, ...]
    wrong: tuple[Wrong, ...]
    line: int


Part = Prose | Block | Start | Quiz | Task


class Lesson(NamedTuple):
    """A lesson whole."""

    path: str
    name: str  # the file's, without its ending: 07-bridges
    front: Front
    parts: tuple[Part, ...]

    @property
    def number(self) -> int | None:
        """Which of the course it is; None for one that is not."""
        head = self.name.partition("-")[0]
        return int(head) if head.isdigit() else None

    @property
    def tasks(self) -> list[Task]:
        """Its tasks in order."""
        return [part for part in self.parts if isinstance(part, Task)]
