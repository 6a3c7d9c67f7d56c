"""Jobs: what runs in the background, by the numbers that sh gives it (sh(1), "Background Commands")."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from stack.kern.pipe import Pipe
from stack.kern.proc import Proc

_ENDED = {1: "Hangup", 2: "Interrupt", 9: "Killed", 15: "Terminated"}  # STOP and CONT end nothing


class Movable(Protocol):
    """Where a command speaks."""

    def move(self, job: int | None) -> None:
        """The command is another job now, or none."""

    def resume(self) -> None:
        """Programs of the real machine that it speaks to go on, too."""


class Job(NamedTuple):
    """A process in the background, and what was typed to start it."""

    number: int
    proc: Proc
    line: str
    host: str
    suspended: bool = False  # it was waited for until the lab stood still
    output: Movable | None = None  # that of a command, if it is one
    stdin: Pipe | None = None  # what it reads, when that was the keyboard

    def begins(self, text: str) -> bool:
        """Whether it runs, and what was typed, or the command in it, begins with a text."""
        return self.proc.status is None and (self.line.startswith(text) or self.proc.argv[0].startswith(text))

    @property
    def state(self) -> str:
        """What has become of it, in sh's words."""
        status = self.proc.status
        if status is None:
            return "Suspended" if self.suspended or self.proc.held else "Running"
        if status - 128 in _ENDED:
            return _ENDED[status - 128]
        return f"Exit {status}" if status else "Done"


class JobRow(NamedTuple):
    """A line of `jobs`, or the news that a job has ended."""

    number: int
    state: str
    pid: int
    host: str
    line: str


class JobStarted(NamedTuple):
    """The number and the process of a new job."""

    number: int
    pid: int


class Jobs:
    """The jobs of a session; the numbers of those that are over are given again."""

    def __init__(self) -> None:
        self.table: dict[int, Job] = {}

    @property
    def next(self) -> int:
        """The number that the next job gets."""
        return max(self.table, default=0) + 1

    def add(self, proc: Proc, line: str, output: Movable | None = None) -> Job:
        """A process goes to the background."""
        number = self.next
        job = self.table[number] = Job(number, proc, line, proc.hostname, output=output)
        return job

    def suspend(self, number: int, *, suspended: bool = True) -> Job:
        """It was waited for when the lab stood still; or it is no more than a job now."""
        job = self.table[number] = self.table[number]._replace(suspended=suspended)
        return job

    def suspended(self) -> list[Job]:
        """Those that were waited for and are not over."""
        return [job for job in self.running() if job.suspended]

    def forget(self, number: int) -> None:
        """Its end is no news."""
        self.table.pop(number, None)

    def running(self) -> list[Job]:
        """Those that are not over."""
        return [job for job in self.table.values() if job.proc.status is None]

    def ended(self) -> list[Job]:
        """Those that are over; they are forgotten now."""
        ended = [job for job in self.table.values() if job.proc.status is not None]
        for job in ended:
            del self.table[job.number]
        return ended

    def find(self, text: str) -> Job | None:
        """The job that `%1` or `1` means; `%` and `%%` are the latest, `%ladder` is the latest that begins so."""
        name = text.removeprefix("%")
        if name in ("", "%", "+"):
            return self.table[max(self.table)] if self.table else None
        if name.isascii() and name.isdigit():
            return self.table.get(int(name))
        found = [number for number, job in self.table.items() if job.begins(name)] if name is not text else []
        return self.table[max(found)] if found else None


def row_of(job: Job) -> JobRow:
    """A job as a row."""
    return JobRow(job.number, job.state, job.proc.pid, job.host, job.line)


def show(row: JobRow | JobStarted) -> str:
    """As sh prints it."""
    if isinstance(row, JobStarted):
        return f"[{row.number}] {row.pid}"
    return f"[{row.number}]  {row.state:<10}  {row.line}"
