"""A lesson run whole, as a test: outputs are exact, a solution passes its check, what is no solution does not."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from netsh import home
from netsh.lessons import aside, checks
from netsh.lessons.bench import Bench, Verdict
from netsh.lessons.form import Block, Fault, Lesson, Part, Start, Task, Typed, Wrong
from netsh.render.printer import Printer
from netsh.session import Session
from netsh.state import State
from netsh.world import end
from stack.kern.proc import SIGINT
from stack.lab import Lab


class Said(NamedTuple):
    """What a command of a lesson prints today."""

    typed: Typed
    output: str
    exact: bool


def run(lesson: Lesson) -> Iterator[Fault]:
    """Run a lesson; what is not as it says."""
    replay = Replay(lesson)
    for said in replay.said():
        replay.compare(said)
    yield from sorted(replay.faults, key=lambda fault: fault.line)


def build(session: State, start: Start | None) -> int:
    """A new lab for a session, as a lesson wants it at its start; the status of the script."""
    session.world.use(Lab())
    assert isinstance(session, Session)
    if start is None or start.home:
        home.build(session)
    return session.run(start.script, "lab") if start is not None and start.script.strip() else 0


def first_of(lesson: Lesson) -> Part:
    """The first part that touches the lab; when it is no `lab` block, the lesson begins in the built-in lab."""
    return next(part for part in lesson.parts if isinstance(part, Start | Block | Task))


class Replay:
    """One run; each of its steps says what it printed, and `faults` grow."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson = lesson
        self.faults: list[Fault] = []
        self.screen = io.StringIO()
        self.session = Session(Lab(), Printer("text", self.screen, self.screen, width=80, environ={}))
        self.session.clock.set_mode(lesson.front.clock)
        self.later: list[tuple[int, Wrong]] = []  # wrong answers to the task that is such a part, to be tried alone

    def said(self) -> Iterator[Said]:
        """Run all of it."""
        try:
            if not isinstance(first_of(self.lesson), Start):
                build(self.session, None)
            for number, part in enumerate(self.lesson.parts):
                if isinstance(part, Start):
                    self.build(part)
                elif isinstance(part, Block):
                    yield from self._block(part)
                elif isinstance(part, Task):
                    yield from self._task(part, number)
        finally:
            end(self.session.lab)
        for number, wrong in self.later:
            self.faults += Replay(self.lesson)._alone(number, wrong)

    def stage(self, count: int) -> Iterator[None]:
        """Run the first parts, as many as are counted, without any checks; it stops behind each command."""
        if not isinstance(first_of(self.lesson), Start):
            build(self.session, None)
        for part in self.lesson.parts[:count]:
            yield from self._played(part)

    def parts(self) -> Iterator[None]:
        """Run all of it without any checks; it stops where a lab is ready at the beginning, and behind each part."""
        if not isinstance(first_of(self.lesson), Start):
            build(self.session, None)
            yield
        for part in self.lesson.parts:
            for _ in self._played(part):
                pass
            yield

    def _played(self, part: Part) -> Iterator[None]:
        if isinstance(part, Start):
            self.build(part)
        for each in part.solution if isinstance(part, Task) else (part,):
            for typed in each.commands if isinstance(each, Block) else ():
                self._type(typed)
                yield

    def _fault(self, line: int, text: str) -> None:
        self.faults.append(Fault(self.lesson.path, line, text))

    def compare(self, said: Said) -> None:
        """Note where an output is another one than it was, and what each of them says."""
        if not said.exact or said.output == said.typed.output:
            return
        before, now = said.typed.output.splitlines(), said.output.splitlines()
        at = next((at for at, (one, other) in enumerate(zip(before, now, strict=False)) if one != other), None)
        at = min(len(before), len(now)) if at is None else at
        old = repr(before[at]) if at < len(before) else "no more"
        new = repr(now[at]) if at < len(now) else "no more"
        line = said.typed.line + said.typed.text.count("\n") + 1 + at
        self._fault(line, f"the lesson says {old}, the lab {new}")

    def build(self, start: Start) -> None:
        """Build a new lab."""
        self._take()
        if build(self.session, start):
            self._fault(start.line, f"the lab cannot be built: {self._take().strip()}")

    def _take(self) -> str:
        text = self.screen.getvalue()
        self.screen.seek(0)
        self.screen.truncate()
        return text

    def _block(self, block: Block) -> Iterator[Said]:
        for typed in block.commands:
            yield Said(typed, self._type(typed), block.exact)

    def _type(self, typed: Typed) -> str:
        """Type a command; what it prints."""
        here = self.session.host.name if self.session.host is not None else ""
        if here != typed.host:
            self._fault(typed.line, f"the prompt is '{here}#' here, not '{typed.host}#'")
        self._take()
        self.session.run(typed.text)
        return self._take()

    def _bench(self, task: Task) -> Bench:
        """A task begins."""
        bench = Bench(self.session.lab, lambda proc: self.session.clock.run(proc, lambda: proc.signal(SIGINT)))
        checks.begin(task.checks, bench)
        return bench

    def _task(self, task: Task, number: int) -> Iterator[Said]:
        """The start must fail, so must wrong answers, and the solution must pass."""
        bench = self._bench(task)
        if checks.failing(task.checks, bench) is None:
            self._fault(task.line, "the task holds before anything was done for it")
        if bench.copyable:
            for wrong in task.wrong:
                self._judge(wrong, aside.run(bench, partial(self._try, task, wrong)))
        else:
            self.later += [(number, wrong) for wrong in task.wrong]
        for part in task.solution:
            if isinstance(part, Block):
                yield from self._block(part)
        if (found := checks.failing(task.checks, bench)) is not None:
            self._fault(found[0].line, f"the solution does not pass '{found[0].text}': {found[1].seen}")
        bench.close()

    def _try(self, task: Task, wrong: Wrong, bench: Bench) -> Verdict:
        """Whether a wrong answer passes; and what was the trouble with it."""
        known = len(self.faults)
        for typed in wrong.commands:
            self._type(typed)
        found = checks.failing(task.checks, bench)
        misplaced = self.faults[known:]
        return Verdict(found is None, str(misplaced[0]) if misplaced else "")

    def _judge(self, wrong: Wrong, verdict: Verdict) -> None:
        if verdict.holds:
            self._fault(wrong.line, f"this wrong answer passes ({wrong.why})")
        elif verdict.seen:
            self._fault(wrong.line, f"this wrong answer cannot be tried: {verdict.seen}")

    def _alone(self, number: int, wrong: Wrong) -> list[Fault]:
        """Try a wrong answer in a lab that cannot be copied: in a run of its own, up to the task."""
        task = self.lesson.parts[number]
        assert isinstance(task, Task)
        try:
            for _ in self.stage(number):
                pass
            bench = self._bench(task)
            verdict = self._try(task, wrong, bench)
            bench.close()
        finally:
            end(self.session.lab)
        self.faults.clear()
        self._judge(wrong, verdict)
        return self.faults


def rewritten(lesson: Lesson, text: str) -> str:
    """The lesson's text with what its commands print today."""
    lines = text.split("\n")
    changes = []
    for said in Replay(lesson).said():
        first = said.typed.line + said.typed.text.count("\n")
        changes.append((first, first + said.typed.output.count("\n"), said))
    for first, last, said in reversed(changes):
        if said.exact:
            lines[first:last] = said.output.splitlines()
    return "\n".join(lines)
