"""Lessons at the prompt, with tasks that are checked as you type.

    tutorial              the course, and how far you are
    tutorial NAME         take a lesson, by its number, its name or its file; it goes on where you left it
    tutorial NAME again   from its beginning
    tutorial end          leave it: your own lab comes back as it was
    tutorial --check      run lessons whole, as a test: outputs, solutions, wrong answers
    tutorial --html FILE  write a lesson as a page for a browser; into a folder: all of them, or those that are named

During a lesson Enter (or next) goes on, and types for you what is to be typed; hint, skip, back, again and reset help.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from commands.command import Complaint, Failure, Usage
from netsh.builtins import builtin
from netsh.lessons import find, page, rows
from netsh.lessons.form import BadLesson, Block, Lesson
from netsh.lessons.guide import Guide, place_to_begin
from netsh.lessons.progress import Place, Progress
from netsh.lessons.replay import Replay
from netsh.lessons.rows import Goal, Listed, Page, Question, Told, Try
from netsh.lessons.steps import steps_of
from netsh.lessons.words import commands
from netsh.session import Session
from netsh.shell import ShellContext
from stack.dev.files import WholeFile
from stack.kern.errors import reason
from stack.kern.proc import pause

SYNOPSIS = """tutorial
tutorial lesson [again]
tutorial end
tutorial --check [lesson ...]
tutorial --html file|folder [lesson ...]"""
WORDS = {
    "again": "from its beginning",
    "end": "leave the lesson; your own lab comes back",
    "--check": "run lessons whole, as a test",
    "--html": "write lessons as pages for a browser",
}


class Args(NamedTuple):
    """What is to be done, with which lessons."""

    action: str
    lessons: tuple[str, ...] = ()
    path: str = ""


class Checked(NamedTuple):
    """A lesson that was run whole: how many commands, tasks and wrong answers it has, and what is not as it says."""

    lesson: str
    commands: int
    tasks: int
    wrong: int
    faults: int


TABLES: dict[type, str] = {
    Checked: "Lessons", Listed: "", **dict.fromkeys((Page, Try, Question, Goal, Told), ""),
}  # fmt: skip
Row = rows.Row | Checked | Complaint


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    if not argv:
        return Args("list")
    if argv[0] == "--check":
        return Args("check", tuple(argv[1:]))
    if argv[0] == "--html":
        if len(argv) == 1:
            raise Usage("--html: a file (x.html) or a folder is missing")
        return Args("html", tuple(argv[2:]), argv[1])
    if argv[0].startswith("-"):
        raise Usage(f"{argv[0]}: unknown option")
    if argv == ["end"]:
        return Args("end")
    if len(argv) > 2 or argv[1:] not in ([], ["again"]):
        raise Usage(f"{argv[1]}: one lesson at a time")
    return Args("again" if argv[1:] else "take", (argv[0],))


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[Row]:
    """Do it."""
    match args.action:
        case "list":
            for row in _listed():
                yield row
        case "check":
            async for checked in _check_all(ctx, args.lessons):
                yield checked
        case "html":
            for written in _html(ctx, args):
                yield written
        case "end":
            _end(ctx)
        case _:
            async for shown in _take(ctx, args):
                yield shown


# -- the course -----------------------------------------------------------------------------------------------


def _listed() -> list[Listed | Complaint]:
    """All lessons; a broken one says so, and is no reason to hide the others."""
    progress = Progress()
    found: list[Listed | Complaint] = [Complaint(progress.trouble)] if progress.trouble else []
    for name in find.names():
        try:
            lesson = find.load(name)
        except BadLesson as bad:
            found.append(Complaint(str(bad.faults[0])))
            continue
        front = lesson.front
        done = _progress(progress.of(lesson.name))
        found.append(Listed(lesson.number, lesson.name, front.title, front.minutes, front.level, done))
    return found


def _progress(place: Place) -> str:
    if place.done:
        return "done"
    return f"{place.step}/{place.steps}" if place.step else ""


def _load(word: str) -> Lesson:
    """A lesson; Failure when there is none, or when it is broken."""
    try:
        return find.load(word)
    except find.NoLesson as error:
        raise Failure(str(error)) from None
    except BadLesson as bad:
        raise Failure(str(bad.faults[0])) from None


# -- at the prompt --------------------------------------------------------------------------------------------


async def _take(ctx: ShellContext, args: Args) -> AsyncIterator[rows.Row]:
    """Begin a lesson, or go on with it."""
    session = ctx.session
    if not isinstance(session, Session) or not session.interactive or session.clock.served:
        raise Failure("a lesson is taken at a prompt of your own; --check runs one")
    if ctx.shell.job is not None:
        raise Failure("not in the background")
    lesson = _load(args.lessons[0])
    progress = Progress()
    place = progress.of(lesson.name)
    at = place_to_begin(place, len(steps_of(lesson))) if args.action == "take" else 0
    if not at:
        progress.places[lesson.name] = Place(done=place.done)
    before = session.companion
    guide = Guide(session, lesson, progress, commands())
    if isinstance(before, Guide):
        guide.kept = before.kept
    if at:
        yield Told("note", f"You were at step {at + 1}; 'tutorial {args.lessons[0]} again' begins anew.")
    async for row in guide.begin(at):
        yield row


def _end(ctx: ShellContext) -> None:
    guide = ctx.session.companion
    if not isinstance(guide, Guide):
        raise Failure("no lesson runs here")
    guide.quiet = True
    guide.leave()


# -- as a page ------------------------------------------------------------------------------------------------


def _html(ctx: ShellContext, args: Args) -> Iterator[Told]:
    """Write pages; a folder gets one that leads to all."""
    guide = ctx.session.companion
    if args.path.endswith(".html"):
        words = args.lessons or ((guide.lesson.path,) if isinstance(guide, Guide) else ())
        if len(words) != 1:
            raise Usage(f"{args.path}: which lesson? A folder takes all of them")
        _write(args.path, page.page_of(_load(words[0])))
        return
    lessons = [_load(word) for word in args.lessons or find.names()]
    try:
        os.makedirs(args.path, exist_ok=True)
    except OSError as error:
        raise Failure(f"{args.path}: {reason(error)}") from None
    for lesson in lessons:
        _write(os.path.join(args.path, f"{lesson.name}.html"), page.page_of(lesson))
    _write(os.path.join(args.path, "index.html"), page.index_of(lessons))
    yield Told("note", f"{os.path.join(args.path, 'index.html')}: {len(lessons)} lessons")


def _write(path: str, text: str) -> None:
    try:
        file = WholeFile(path)
        try:
            file.write(text.encode())
            file.commit()
        finally:
            file.discard()
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {reason(error)}") from None


# -- as a test ------------------------------------------------------------------------------------------------


async def _check_all(ctx: ShellContext, words: tuple[str, ...]) -> AsyncIterator[Checked | Complaint]:
    """Run lessons, all of the course if none is named."""
    for word in words or find.names():
        try:
            lesson = find.load(word)
        except find.NoLesson as error:
            raise Failure(str(error)) from None
        except BadLesson as bad:
            for fault in bad.faults:
                yield Complaint(str(fault))
            ctx.status = 1
            continue
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
    typed = sum(len(part.commands) for part in parts if isinstance(part, Block))
    wrong = sum(len(task.wrong) for task in lesson.tasks)
    yield Checked(lesson.name, typed, len(lesson.tasks), wrong, len(replay.faults))


def show(row: rows.Row | Checked) -> str:
    """A line a lesson; and what a lesson says."""
    if not isinstance(row, Checked):
        return rows.show(row)
    verdict = "well" if not row.faults else f"{row.faults} fault{'s' if row.faults > 1 else ''}"
    return f"{row.lesson:<28} {row.commands:>3} commands  {row.tasks} tasks  {row.wrong:>2} wrong answers  {verdict}"


COMMAND = builtin("tutorial", SYNOPSIS, parse, run, show)
