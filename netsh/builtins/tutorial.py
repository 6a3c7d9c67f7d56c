"""Lessons: Markdown files that are run as tests.

    tutorial --check         run every lesson of the course whole: outputs, solutions, wrong answers
    tutorial --check NAME    one of them, by its number, its name, or its file
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands.command import Complaint, Failure, Usage
from netsh.builtins import builtin
from netsh.lessons import find
from netsh.lessons.form import BadLesson, Block, Lesson
from netsh.lessons.replay import Replay
from netsh.shell import ShellContext
from stack.kern.proc import pause

SYNOPSIS = "tutorial --check [lesson ...]"
WORDS = {"--check": "run lessons whole, as a test"}


class Args(NamedTuple):
    """What is to be done, with which lessons."""

    action: str
    lessons: tuple[str, ...]


class Checked(NamedTuple):
    """A lesson that was run whole: how many commands, tasks and wrong answers it has, and what is not as it says."""

    lesson: str
    commands: int
    tasks: int
    wrong: int
    faults: int


TABLES: dict[type, str] = {Checked: "Lessons"}


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    if argv[:1] != ["--check"]:
        raise Usage(f"{argv[0]}: unknown option" if argv else "--check is missing")
    return Args("check", tuple(argv[1:]))


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[Checked | Complaint]:
    """Do it."""
    for word in args.lessons or find.names():
        try:
            lesson = find.load(word)
        except BadLesson as bad:
            for fault in bad.faults:
                yield Complaint(str(fault))
            ctx.status = 1
            continue
        except find.NoLesson as error:
            raise Failure(str(error)) from None
        async for row in _check(lesson):
            ctx.status = 1 if isinstance(row, Complaint) else ctx.status
            yield row


async def _check(lesson: Lesson) -> AsyncIterator[Checked | Complaint]:
    """Run a lesson; a line for each fault, then what it has."""
    replay = Replay(lesson)
    for said in replay.said():
        replay.compare(said)
        await pause(0)  # Ctrl-C comes in here
    for fault in replay.faults:
        yield Complaint(str(fault))
    parts = [*lesson.parts, *(part for task in lesson.tasks for part in task.solution)]
    commands = sum(len(part.commands) for part in parts if isinstance(part, Block))
    wrong = sum(len(task.wrong) for task in lesson.tasks)
    yield Checked(lesson.name, commands, len(lesson.tasks), wrong, len(replay.faults))


def show(row: Checked) -> str:
    """A line a lesson."""
    verdict = "well" if not row.faults else f"{row.faults} fault{'s' if row.faults > 1 else ''}"
    return f"{row.lesson:<28} {row.commands:>3} commands  {row.tasks} tasks  {row.wrong:>2} wrong answers  {verdict}"


COMMAND = builtin("tutorial", SYNOPSIS, parse, run, show)
