"""Runs commands on a lab in virtual time and collects what they say, as the shell would print it in text format.

    answer = run(lab, "me", "ping -c 1 gw")      # time moves until it is over
    assert answer.lines == [...] and answer.errors == [] and answer.status == 0

    job = start(lab, "www", "httpd")             # time stands; `lab.run(until)` or another `run` moves it
    job.proc.signal(SIGINT)

A host that does not exist yet is made.  `replay` runs a golden session: `[HOST]$ command` and the answer below.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from commands.command import Command, Complaint, Context, Data, ErrorData, Failure, Note, Usage, find
from stack.kern.errors import reason
from stack.kern.pipe import Pipe
from stack.kern.proc import SIGINT, SIGKILL, Interrupt, Proc
from stack.lab import Deadlock, Lab


class Answer:
    """What a command has said so far: its rows as they are, `out` and `err` as text."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status: int | None = None
        self.rows: list[Any] = []
        self.said: list[bytes] = []
        self.err = ""
        self.shown: list[str] = []
        self.usage = False  # it was called wrongly

    @property
    def out(self) -> bytes:
        """Standard output."""
        return b"".join(self.said)

    @property
    def both(self) -> str:
        """Both outputs, as a terminal shows them."""
        return "".join(self.shown)

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode(errors="replace")

    @property
    def lines(self) -> list[str]:
        """Standard output, a string a line."""
        return self.text.splitlines()

    @property
    def errors(self) -> list[str]:
        """Standard error, a string a line, without the synopsis that follows a usage error."""
        return self.err.splitlines()

    def take(self, command: Command, row: Any) -> None:
        """A row came."""
        if isinstance(row, Complaint):
            self.complain(row.text)
            return
        if isinstance(row, ErrorData):
            self.err += row.data.decode()
            self.shown.append(row.data.decode())
            return
        if isinstance(row, Note) and row.draw:
            return
        self.rows.append(row)
        if isinstance(row, Data):
            data = row.data
        else:
            data = ((row.text if isinstance(row, Note) else command.show(row)) + "\n").encode()
        self.said.append(data)
        self.shown.append(data.decode(errors="replace"))

    def complain(self, text: str) -> None:
        """A line for standard error."""
        self.err += f"{self.name}: {text}\n"
        self.shown.append(f"{self.name}: {text}\n")


class Job(NamedTuple):
    """A command that runs: its process, its input, and its answer, which grows."""

    proc: Proc
    stdin: Pipe
    answer: Answer


def start(
    lab: Lab, host: str, line: str | list[str], *, stdin: bytes | None = b"", terminal: bool = False, columns: int = 80,
) -> Job:  # fmt: skip
    """Start a command on a host; `stdin` None leaves its input open, for `job.stdin.write`."""
    argv = shlex.split(line) if isinstance(line, str) else line
    command = find(argv[0])
    assert command is not None, f"{argv[0]}: no such command"
    pipe, answer = Pipe(stdin or b"", closed=stdin is not None), Answer(command.name)
    where = lab.hosts.get(host) or lab.add_host(host)

    async def body(proc: Proc) -> int:
        context = Context(lab, where, proc, pipe, terminal=terminal, columns=lambda: columns)
        answer.status = await _status(command, context, argv[1:], answer)
        return answer.status

    return Job(lab.spawn(where, argv, body), pipe, answer)


def run(
    lab: Lab, host: str, line: str | list[str], *, stdin: bytes = b"", interrupt: float | None = None,
    terminal: bool = False, columns: int = 80,
) -> Answer:  # fmt: skip
    """Run a command to its end; `interrupt` is when, in seconds from now, somebody types Ctrl-C."""
    job = start(lab, host, line, stdin=stdin, terminal=terminal, columns=columns)
    if interrupt is not None:
        lab.callouts.schedule(interrupt, lambda: job.proc.signal(SIGINT))
    return finish(lab, job)


def finish(lab: Lab, job: Job) -> Answer:
    """Let time pass until a command is over; one that can never end is ended, as the shell does it."""
    try:
        lab.run_proc(job.proc)
    except Deadlock as deadlock:
        job.answer.complain(str(deadlock))
        job.proc.signal(SIGINT)
        lab.callouts.advance(lab.callouts.now)
        job.proc.signal(SIGKILL)
        lab.callouts.advance(lab.callouts.now)
        job.answer.status = 1
    if job.proc.failure is not None:
        raise job.proc.failure
    if job.answer.status is None:
        job.answer.status = job.proc.status
    return job.answer


async def _status(command: Command, ctx: Context, argv: list[str], answer: Answer) -> int:
    """Be the process of a command, as netsh.shell is."""
    try:
        rows: AsyncIterator[Any] = command.run(ctx, command.parse(argv))
        try:
            async for row in rows:
                answer.take(command, row)
        finally:
            # it runs still when a test throws its lab away with a command in it
            if isinstance(rows, AsyncGenerator) and not getattr(rows, "ag_running", False):
                await rows.aclose()
        return ctx.status
    except Usage as usage:
        answer.usage = True
        if str(usage):
            answer.complain(str(usage))
        return 2
    except Failure as failure:
        answer.complain(str(failure) + (f"\n{failure.mark}" if failure.mark else ""))
        return failure.status
    except Interrupt as interrupt:
        return 128 + interrupt.signal
    except OSError as error:
        answer.complain((f"{error.filename}: " if error.filename else "") + reason(error))
        return 1


# --- golden sessions --------------------------------------------------------------------------------

_PROMPT = re.compile(r"\[(\w+)\]\$ (.*)")


class Step(NamedTuple):
    """A command of a golden session, and all that it answers: both outputs, and its status if that is not 0."""

    line: int
    host: str
    command: str
    answer: str


def steps(path: Path) -> Iterator[Step]:
    """The steps of a golden session; `########` begins a comment."""
    step: Step | None = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        prompt = _PROMPT.fullmatch(line)
        if prompt is not None or line.startswith("########"):
            if step is not None:
                yield step._replace(answer=step.answer.rstrip("\n"))
            step = Step(number, prompt[1], prompt[2], "") if prompt is not None else None
        elif step is not None:
            step = step._replace(answer=f"{step.answer}{line}\n")
    if step is not None:
        yield step._replace(answer=step.answer.rstrip("\n"))


def replay(path: Path, lab: Lab, prepare: Callable[[Lab], None] | None = None) -> None:
    """Run a golden session: every answer must be as it is written."""
    if prepare is not None:
        prepare(lab)
    done: list[str] = []
    for step in steps(path):
        answer = run(lab, step.host, step.command)
        status = f"(exit status {answer.status})\n" if answer.status else ""
        said = (answer.both + status).rstrip("\n")
        done.append(f"[{step.host}]$ {step.command}\n{said}\n")
        if said != step.answer:
            story = "\n".join(done[-4:])
            raise AssertionError(f"{path.name}:{step.line}\n\n{story}\n--- expected:\n{step.answer}\n---")
