"""A lesson at the prompt: the learner types in the real shell, and after each line the guide looks how far it is.

The learner's own lab is set aside and comes back when the lesson ends.  A lab in the middle of a lesson (after a crash,
or for `reset`) is made by running the lesson up to there, aside and in virtual time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, NamedTuple

from commands.command import Command
from netsh import builtins as shells_own
from netsh.jobs import Jobs
from netsh.lessons import checks, replay
from netsh.lessons.bench import Bench
from netsh.lessons.form import Block, Lesson, Prose, Quiz, Task, Typed
from netsh.lessons.progress import Place, Progress
from netsh.lessons.rows import Goal, Page, Question, Row, Told, Try
from netsh.lessons.steps import Step, is_right, key_of, keys_of, letter_of, right_of, steps_of
from netsh.session import Session
from netsh.words import quote
from netsh.world import end
from stack.host import Host
from stack.kern.proc import SIGINT, pause
from stack.lab import Lab

_INTERRUPTED = 130  # the status of what Ctrl-C has ended


class Kept(NamedTuple):
    """The learner's own lab, while a lesson has the prompt."""

    lab: Lab
    host: Host | None
    jobs: Jobs
    daemons: dict[int, list[str]]
    clock: str
    variables: dict[str, str]


class Guide:
    """Leads a session through a lesson."""

    def __init__(self, session: Session, lesson: Lesson, progress: Progress, commands: dict[str, Command]) -> None:
        self.session = session
        self.lesson = lesson
        self.progress = progress
        self.commands = commands  # the words that there are during a lesson
        self.steps = steps_of(lesson)
        self.at = 0
        self.kept: Kept | None = None
        self.bench: Bench | None = None
        self.typed: set[int] = set()  # which commands of the step's block
        self.queue: list[Prose | Typed] = []  # to be typed for the learner
        self.skipping = False  # the queue is the solution of a task
        self.hints = 0  # that were given in it
        self.holding = 0  # checks that held when it was looked last
        self.prediction: tuple[Quiz, str] | None = None  # to be judged when the fact is seen
        self.predicted: set[int] = set()  # steps: only the first answer counts
        self.line = ("", "")  # what was typed, and at whose prompt
        self.quiet = False  # it was one of our own words

    @property
    def step(self) -> Step | None:
        """Where the learner is; None at the end."""
        return self.steps[self.at] if self.at < len(self.steps) else None

    @property
    def act(self) -> Block | Quiz | Task | None:
        """What is to be done there."""
        return self.step.act if self.step is not None else None

    # -- what the prompt asks for ---------------------------------------------------------------------

    def toolbar(self) -> str:
        """Where we are, in a few words."""
        where = f"step {self.at + 1}/{len(self.steps)}" if self.step is not None else "done"
        return f"lesson {self.lesson.number or self.lesson.name} {where}"

    def meant(self, text: str) -> str:
        """What a line means in a lesson: an empty one goes on, `b` answers a question."""
        words = text.split() or ["next"]
        self.line = (text, self._here())
        self.quiet = False
        self.queue.clear()
        if words in (["next"], ["skip"]) and isinstance(self.act, Block) and (left := self._untyped(self.act)):
            self.queue += [self.act.commands[number] for number in left]
            return self._type()
        if words == ["skip"] and isinstance(self.act, Task):
            for part in self.act.solution:
                self.queue += [part] if isinstance(part, Prose) else part.commands
            self.skipping = True
            return self._type()
        if words == ["next"]:
            return "next"
        if words in (["exit"], ["quit"]):
            return "tutorial end"
        if isinstance(self.act, Quiz) and not self._is_command(words):
            return f"answer {quote(text.strip())}"
        return text

    def more(self) -> str:
        """The next line that is typed for the learner; "" when there is none."""
        if self.queue and self.session.scope.status == _INTERRUPTED:
            self.queue.clear()
            self.skipping = False
        return self._type()

    def _type(self) -> str:
        """Type what is next for the learner."""
        while self.queue:
            item = self.queue.pop(0)
            if isinstance(item, Prose):
                self._say([Told("text", item.text)])
                continue
            if item.host in self.session.lab.hosts:
                self.session.host = self.session.lab.hosts[item.host]
            self._say([Told("typed", f"{item.host}# {item.text}")])
            self.line = (item.text, item.host)
            return item.text
        if self.skipping:
            self.skipping = False
            self._say(self.forward())
        return ""

    def _say(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.session.say("tutorial", row)

    def _is_command(self, words: list[str]) -> bool:
        if words[0] in self.session.lab.hosts:
            words = words[1:]
        return bool(words) and self.session.find(words[0]) is not None

    def _here(self) -> str:
        return self.session.host.name if self.session.host is not None else ""

    def look(self) -> None:
        """A line was run: is the step done?"""
        if self.quiet or self.skipping or self.session.companion is not self:
            return
        if isinstance(self.act, Block):
            self._say(self._look_at_typed(self.act))
        elif isinstance(self.act, Task):
            self._say(self._look_at_task(self.act))

    def _look_at_typed(self, block: Block) -> Iterator[Row]:
        hosts, own = self.session.lab.hosts, shells_own.names()
        keys = keys_of(*self.line, hosts, own)
        for number in self._untyped(block):
            typed = block.commands[number]
            if key_of(typed.text, typed.host, hosts, own) in keys:
                self.typed.add(number)
                break
        if not self._untyped(block):
            yield from self.forward()

    def _untyped(self, block: Block) -> list[int]:
        """The commands of a block that were not typed yet."""
        return [number for number in range(len(block.commands)) if number not in self.typed]

    def _look_at_task(self, task: Task) -> Iterator[Row]:
        bench = self._bench(task)
        holding = 0
        for check in sorted(task.checks, key=lambda check: check.sends):
            if not check.verdict(bench).holds:
                break
            holding += 1
        if holding == len(task.checks):
            self._count(tasks=1)
            yield Told("done", "That is it.")
            yield from (Told("text", part.text) for part in task.solution if isinstance(part, Prose))
            yield from self.forward()
        elif holding != self.holding:
            yield Told("note", f"({holding} of {len(task.checks)} things asked for hold, the next one does not)")
        self.holding = holding

    def _bench(self, task: Task) -> Bench:
        if self.bench is None or self.bench.lab is not self.session.lab:
            clock = self.session.clock
            self.bench = Bench(self.session.lab, lambda proc: clock.run(proc, lambda: proc.signal(SIGINT)))
            checks.begin(task.checks, self.bench)
        return self.bench

    # -- going on -------------------------------------------------------------------------------------

    def forward(self) -> Iterator[Row]:
        """The step is done: judge the prediction that belongs to it, and show the next."""
        if not isinstance(self.act, Quiz):
            yield from self.judge()
        self._go(self.at + 1)
        if self.prediction is not None and not isinstance(self.act, Block):
            yield from self.judge()
        if self.step is not None and self.step.start is not None:
            fresh = replay.Replay(self.lesson)
            fresh.build(self.step.start)
            self._enter(fresh.session)
        yield from self.page()

    def _go(self, at: int) -> None:
        """Be at a step, and keep that."""
        self.at = at
        self.typed.clear()
        self.queue.clear()
        self.hints = self.holding = 0
        if self.bench is not None:
            self.bench.close()
            self.bench = None
        if isinstance(self.act, Task):
            self._bench(self.act)
        done = at >= len(self.steps) or self.progress.of(self.lesson.name).done
        self._keep(step=at, steps=len(self.steps), done=done)

    def _keep(self, **changes: Any) -> None:
        self.progress.set(self.lesson.name, self.progress.of(self.lesson.name)._replace(**changes))

    def _count(self, **more: int) -> None:
        place = self.progress.of(self.lesson.name)
        self._keep(**{name: getattr(place, name) + number for name, number in more.items()})

    def page(self) -> Iterator[Row]:
        """The step that we are at."""
        if self.progress.trouble:
            yield Told("note", self.progress.trouble)
            self.progress.trouble = ""
        step = self.step
        if step is None:
            yield Told("done", self._summary())
            return
        if step.text:
            yield Page(self.lesson.front.title, self.at + 1, len(self.steps), step.text)
        match step.act:
            case Block():
                yield Try(tuple(f"{each.host}# {each.text}" for each in step.act.commands))
            case Quiz():
                yield Question(step.act.question, step.act.choices)
            case Task():
                yield Goal(step.act.goal, len(step.act.hints))
            case None:
                yield Told("note", "(Enter goes on)")

    def _summary(self) -> str:
        place = self.progress.of(self.lesson.name)
        predicted = f", {place.right} of {place.right + place.wrong} predictions right" if place.right else ""
        tasks = len(self.lesson.tasks)
        return (
            f"{self.lesson.front.title}: {place.tasks} of {tasks} tasks done by yourself{predicted}.\n\n"
            "The lab stays as it is, to play with; 'tutorial end' goes back to your own, 'tutorial' lists the lessons."
        )

    # -- predictions ----------------------------------------------------------------------------------

    def answer(self, text: str) -> Iterator[Row]:
        """A prediction: it is judged when the fact was seen, if that comes next."""
        quiz = self.act
        if not isinstance(quiz, Quiz):
            yield Told("note", "nothing is asked now")
            return
        if quiz.choices and letter_of(quiz, text) is None:
            letters = ", ".join(choice.letter for choice in quiz.choices)
            yield Told("note", f"it is one of {letters} (skip goes on without an answer)")
            return
        self.prediction = quiz, text
        if (right := is_right(quiz, text)) is not None and self.at not in self.predicted:
            self._count(**{"right" if right else "wrong": 1})
        self.predicted.add(self.at)
        following = self.steps[self.at + 1].act if self.at + 1 < len(self.steps) else None
        if isinstance(following, Block):
            yield Told("note", "Noted. Now see:")
        yield from self.forward()

    def judge(self) -> Iterator[Row]:
        """What was predicted, and what is right."""
        if self.prediction is None:
            return
        (quiz, text), self.prediction = self.prediction, None
        right = is_right(quiz, text)
        if right is None:
            yield Told("text", quiz.why)
            return
        yield Told("right", quiz.why) if right else Told("wrong", f"It is {right_of(quiz)}. {quiz.why}")

    # -- the words ------------------------------------------------------------------------------------

    def next(self) -> Iterator[Row]:
        """Go on, where nothing is left to do."""
        act = self.act
        if isinstance(act, Task):
            yield Told("note", "The task is not done yet: hint helps, skip shows a solution and goes on.")
        elif isinstance(act, Quiz):
            letters = ", ".join(choice.letter for choice in act.choices)
            yield Told("note", f"What do you think? Type {letters or 'an answer'}; skip goes on without one.")
        elif self.step is None:
            yield Told("note", "The lesson is over: 'tutorial end' goes back to your own lab.")
        else:
            yield from self.forward()

    def skip(self) -> Iterator[Row]:
        """Go on without an answer."""
        act = self.act
        if isinstance(act, Quiz):
            yield Told("text", f"**{right_of(act)}.** {act.why}" if right_of(act) else act.why)
            yield from self.forward()
        else:
            yield from self.next()

    def hint(self) -> Iterator[Row]:
        """The next hint."""
        act = self.act
        if not isinstance(act, Task):
            yield Told("note", "There are hints for tasks; here Enter goes on.")
        elif self.hints < len(act.hints):
            self.hints += 1
            more = len(act.hints) - self.hints
            yield Told("hint", act.hints[self.hints - 1] + (f"\n\n({more} more)" if more else ""))
        else:
            yield Told("note", "There are no more hints; skip shows a solution and goes on.")

    def back(self) -> Iterator[Row]:
        """The text before this one; the lab stays as it is."""
        if not self.at:
            yield Told("note", "This is the first step.")
            return
        self.prediction = None
        self._go(self.at - 1)
        yield from self.page()

    async def reset(self) -> AsyncIterator[Row]:
        """The lab as it is where this step begins."""
        async for row in self.prepare(self.at):
            yield row
        yield Told("note", "The lab is as it was at the beginning of this step.")

    # -- labs -----------------------------------------------------------------------------------------

    async def begin(self, at: int) -> AsyncIterator[Row]:
        """Start at a step."""
        async for row in self.prepare(at):
            yield row
        self.session.companion = self
        for row in self.page():
            yield row

    async def prepare(self, at: int) -> AsyncIterator[Row]:
        """Make the lab of a step, and be in it."""
        at = min(at, len(self.steps))
        run = replay.Replay(self.lesson)
        upto = self.steps[at].first if at < len(self.steps) else len(self.lesson.parts)
        try:
            for _ in run.stage(upto):
                await pause(0)  # Ctrl-C comes in here
            if at < len(self.steps) and (start := self.steps[at].start) is not None:
                run.build(start)
        except BaseException:
            end(run.session.lab)
            raise
        for fault in run.faults:
            yield Told("note", str(fault))
        self._enter(run.session)
        self.prediction = None
        self._go(at)

    def _enter(self, fresh: Session) -> None:
        """Be in the lab of another session; ours is set aside the first time, and ends the others."""
        session = self.session
        for job in fresh.jobs.running():
            fresh.world.daemons[job.proc.pid] = job.proc.argv
        if self.kept is None:
            self.kept = Kept(
                session.lab, session.host, session.jobs, session.world.daemons, session.clock.mode,
                dict(session.scope.variables),
            )  # fmt: skip
            session.world.exchange(fresh.lab)
        else:
            session.world.use(fresh.lab)
        session.host, session.world.daemons = fresh.host, fresh.world.daemons
        self._set_clock(self.lesson.front.clock)

    def leave(self) -> None:
        """Back to the learner's own lab."""
        session, kept = self.session, self.kept
        self.quiet = True
        session.companion = None
        if self.bench is not None:
            self.bench.close()
        if kept is not None:
            session.world.use(kept.lab)
            session.host, session.jobs, session.world.daemons = kept.host, kept.jobs, kept.daemons
            session.scope.variables.clear()
            session.scope.variables.update(kept.variables)
            self._set_clock(kept.clock)

    def _set_clock(self, mode: str) -> None:
        """What the clock shall be, where the lab leaves a choice."""
        if not self.session.lab.has_devices:
            self.session.clock.set_mode(mode)


def place_to_begin(place: Place, steps: int) -> int:
    """Where to go on in a lesson: at its beginning when it is done, or is another one than it was."""
    return place.step if not place.done and place.steps == steps and place.step < steps else 0
