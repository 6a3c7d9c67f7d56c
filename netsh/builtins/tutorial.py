"""Lessons at the prompt, with tasks that are checked as you type.

    tutorial              the course, and how far you are
    tutorial NAME         take a lesson, by its number, its name or its file; it goes on where you left it
    tutorial NAME again   from its beginning
    tutorial end          leave it: your own lab comes back as it was
    tutorial --check      run lessons whole, as a test: outputs, solutions, wrong answers
    tutorial --html FILE  write a lesson as a page for a browser; into a folder: all of them, or those that are named
    tutorial new FILE     begin a lesson of your own; docs/lessons.md says how one is written
    tutorial record FILE  make one of what you type from now on, until 'tutorial end'

During a lesson Enter (or next) goes on, and types for you what is to be typed; hint, skip, back, again and reset help.

Examples:

    tutorial
    tutorial 1
    tutorial end
    tutorial --html first.html 1

See tour, help.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from commands.command import Complaint, Failure, Usage
from netsh.builtins import builtin
from netsh.lessons import draft, find, page, rows
from netsh.lessons.form import BadLesson, Block, Lesson
from netsh.lessons.guide import Guide, place_to_begin
from netsh.lessons.needs import lacking
from netsh.lessons.progress import Place, Progress
from netsh.lessons.replay import Replay
from netsh.lessons.rows import Goal, Listed, Page, Question, Told, Try
from netsh.lessons.steps import steps_of
from netsh.lessons.words import commands
from netsh.session import Session
from netsh.shell import ShellContext
from stack.dev.files import write_whole
from stack.kern.errors import reason
from stack.kern.proc import pause

SYNOPSIS = """tutorial
tutorial lesson [again]
tutorial end
tutorial --check [lesson ...]
tutorial --html file|folder [lesson ...]
tutorial new|record file"""
WORDS = {
    "again": "from its beginning",
    "end": "leave the lesson; your own lab comes back",
    "new": "begin a lesson of your own, in a file",
    "record": "make a lesson of what is typed from now on",
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
    skipped: str = ""


TABLES: dict[type, str] = {
    Checked: "Lessons", Listed: "", **dict.fromkeys((Page, Try, Question, Goal, Told), ""),
}  # fmt: skip
Row = rows.Row | Checked | Complaint


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    if not argv:
        return Args("list")
    first, *more = argv
    if first == "--check":
        return Args("check", tuple(more))
    if first == "--html":
        if not more:
            raise Usage("--html: a file (x.html) or a folder is missing")
        return Args("html", tuple(more[1:]), more[0])
    if first.startswith("-"):
        raise Usage(f"{first}: unknown option")
    if first in ("new", "record"):
        if len(more) != 1:
            raise Usage(f"{first}: the name of one file is wanted")
        return Args(first, path=more[0])
    if argv == ["end"]:
        return Args("end")
    if more not in ([], ["again"]):
        raise Usage(f"{more[0]}: one lesson at a time")
    return Args("again" if more else "take", (first,))


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
        case "new":
            yield _new(args.path)
        case "record":
            yield _record(ctx, args.path)
        case "end":
            _end(ctx)
        case _:
            async for shown in take(ctx, args.lessons[0], again=args.action == "again"):
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


async def take(ctx: ShellContext, word: str, *, again: bool) -> AsyncIterator[rows.Row]:
    """Begin a lesson, or go on with it."""
    session = _prompt_of(ctx, "a lesson is taken at a prompt of your own; 'tutorial --check' runs one")
    lesson = _load(word)
    if lack := lacking(lesson.front):
        raise Failure(f"{lesson.name}: {lack}")
    progress = Progress()
    place = progress.of(lesson.name)
    at = 0 if again else place_to_begin(place, len(steps_of(lesson)))
    if not at:
        progress.places[lesson.name] = Place(done=place.done)
    before = session.companion
    guide = Guide(session, lesson, progress, commands())
    if isinstance(before, Guide):
        guide.kept = before.kept
    elif before is not None:
        raise Failure("what you type is recorded; 'tutorial end' ends that")
    if at:
        yield Told("note", f"You were at step {at + 1}; 'tutorial {word} again' begins anew.")
    async for row in guide.begin(at):
        yield row


def _prompt_of(ctx: ShellContext, lack: str) -> Session:
    """The session at whose prompt we are; Failure when it is none that a lesson could have for itself."""
    session = ctx.session
    if not isinstance(session, Session) or not session.interactive or session.clock.served:
        raise Failure(lack)
    if ctx.background:
        raise Failure("not in the background")
    return session


def _end(ctx: ShellContext) -> None:
    if ctx.session.companion is None:
        raise Failure("no lesson runs here")
    ctx.session.companion.leave()


# -- lessons of one's own -------------------------------------------------------------------------------------


def _new(path: str) -> Told:
    """Begin a lesson in a file that is not there yet."""
    if os.path.exists(path):
        raise Failure(f"{path}: there is such a file")
    _write(path, draft.empty(path))
    return Told("note", f"{path}: a lesson to begin with; 'tutorial --check {path}' runs it")


def _record(ctx: ShellContext, path: str) -> Told:
    """From now on, what is typed makes a lesson."""
    session = _prompt_of(ctx, "what is typed at a prompt of your own can be recorded")
    if session.companion is not None:
        raise Failure("not during a lesson, nor while another one is recorded ('tutorial end')")
    if os.path.exists(path):
        raise Failure(f"{path}: there is such a file")
    recorder = draft.Recorder(session, path)
    _write(path, draft.empty(path))
    session.companion = recorder
    return Told("note", f"What you type goes to {path}, until 'tutorial end'.")


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
        write_whole(path, text.encode())
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {reason(error)}") from None


# -- as a test ------------------------------------------------------------------------------------------------


async def _check_all(ctx: ShellContext, words: tuple[str, ...]) -> AsyncIterator[Checked | Complaint]:
    """Run lessons: those that are named, or all of the course that need nothing of the machine."""
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
        if lesson.front.needs and (not words or lacking(lesson.front)):
            why = lacking(lesson.front) or "it changes this machine: name it to run it"
            yield Checked(lesson.name, 0, 0, 0, 0, why)
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
    if row.skipped:
        return f"{row.lesson:<28} not run: {row.skipped}"
    verdict = "well" if not row.faults else f"{row.faults} fault{'s' if row.faults > 1 else ''}"
    return f"{row.lesson:<28} {row.commands:>3} commands  {row.tasks} tasks  {row.wrong:>2} wrong answers  {verdict}"


COMMAND = builtin("tutorial", SYNOPSIS, parse, run, show)
