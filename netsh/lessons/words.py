"""The words that there are during a lesson: next (and Enter), back, hint, skip, reset, again, answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

from commands.command import Command, Failure, Usage
from netsh.builtins import builtin, no_words
from netsh.lessons import rows
from netsh.lessons.guide import Guide
from netsh.lessons.rows import Goal, Page, Question, Row, Told, Try
from netsh.shell import ShellContext

TABLES: dict[type, str] = dict.fromkeys((Page, Try, Question, Goal, Told), "")
Run = Callable[[ShellContext, None], AsyncIterator[Row]]


def guide_of(ctx: ShellContext) -> Guide:
    """The lesson that runs; Failure when there is none."""
    guide = ctx.session.companion
    if not isinstance(guide, Guide) or ctx.background:
        raise Failure("no lesson runs here; 'tutorial' lists them")
    guide.quiet = True
    return guide


async def _reset(ctx: ShellContext, _: None) -> AsyncIterator[Row]:
    """Make the lab what it was at the beginning of this step."""
    async for row in guide_of(ctx).reset():
        yield row


async def _answer(ctx: ShellContext, words: list[str]) -> AsyncIterator[Row]:
    """Say what you will see."""
    for row in guide_of(ctx).answer(" ".join(words)):
        yield row


def _said(ask: Callable[[Guide], Iterator[Row]], summary: str) -> Run:
    """A word that only speaks."""

    async def run(ctx: ShellContext, _: None) -> AsyncIterator[Row]:
        for row in ask(guide_of(ctx)):
            yield row

    run.__doc__ = summary
    return run


def _some(argv: list[str]) -> list[str]:
    if not argv:
        raise Usage("the answer is missing")
    return argv


def commands() -> dict[str, Command]:
    """All of them."""
    runs: dict[str, Run] = {
        "next": _said(Guide.next, "Go on with the next text; what is to be typed is typed."),
        "back": _said(Guide.back, "Go back to the text before; the lab stays as it is."),
        "hint": _said(Guide.hint, "Help with a task, a little more each time."),
        "skip": _said(Guide.skip, "Go on without doing it: a task's solution is typed."),
        "reset": _reset,
        "again": _said(Guide.page, "Show this step again."),
    }
    found = {name: builtin(name, name, no_words, run, rows.show) for name, run in runs.items()}
    return {**found, "answer": builtin("answer", "answer word ...", _some, _answer, rows.show)}
