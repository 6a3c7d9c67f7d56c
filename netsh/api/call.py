"""How a call becomes a process of the lab: its rows are kept, nothing is printed, and time moves until it is over."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from commands.command import Command, Complaint
from netsh.api.rows import CommandFailed, Rows
from netsh.output import Output
from netsh.session import Session
from netsh.shell import Shell
from netsh.words import Scope
from stack.host import Host
from stack.kern.pipe import Pipe
from stack.kern.proc import SIGINT, SIGTERM, Nap, Proc

Word = object  # what `str` makes a word of: text, numbers, addresses, hosts


class Running:
    """A command at work, and what it has said so far."""

    def __init__(self, session: Session, host: Host | None, words: tuple[Word, ...], stdin: bytes) -> None:
        self.session = session
        self.argv = [str(word) for word in words]
        command = session.find(self.argv[0])
        if command is None:
            raise LookupError(f"{self.argv[0]}: unknown command")
        self.rows: Rows[Any] = Rows(command)
        self.complained: list[str] = []
        self.rows.complained = self.complained
        builtin = session.is_builtin(self.argv[0])
        self.output = _Kept(self, command, host.name if host is not None else "")
        self.stdin = Pipe(stdin, closed=True)
        self.proc = session.spawn(None if builtin else host, self.argv, lambda proc: self._run(proc, host, command))

    def _run(self, proc: Proc, host: Host | None, command: Command) -> Coroutine[Nap, bool | None, int]:
        shell = _Quiet(self.session, proc, self.complained)
        return shell.execute(proc, host, command, self.argv, self.stdin, self.output, "")

    def finish(self) -> Rows[Any]:
        """Let time pass until it is over; CommandFailed unless all was well."""
        self.session.clock.run(self.proc, self._stuck)
        if self.proc.failure is not None:
            raise self.proc.failure
        self.rows.status = self.proc.status or 0
        if self.rows.status:
            raise CommandFailed(" ".join(self.argv), self.rows)
        return self.rows

    def _stuck(self) -> None:
        """In fast time nothing is pending anywhere, and yet it waits."""
        self.complained.append("nothing more can happen")
        self.proc.signal(SIGINT)

    def stop(self) -> Rows[Any]:
        """End it, as Ctrl-C does: it may have last words, and its status then says nothing."""
        for number in (SIGINT, SIGTERM):
            if self.proc.status is None:
                self.proc.signal(number)
        self.session.clock.run(self.proc, lambda: None)
        self.rows.status = self.proc.status or 0
        return self.rows


class _Kept(Output):
    """Rows for the caller."""

    def __init__(self, running: Running, command: Command, host: str) -> None:
        super().__init__(running.session.printer, command, host, None)
        self.rows = running.rows

    def row(self, row: object) -> None:
        """Keep it."""
        if not isinstance(row, Complaint):
            self.rows.add(row)

    def end(self, *, well: bool) -> None:
        """There is nothing to draw."""


class _Quiet(Shell):
    """A shell that keeps its complaints."""

    def __init__(self, session: Session, proc: Proc, complained: list[str]) -> None:
        super().__init__(session, Scope(), proc)
        self.complaints = complained

    def complain(self, name: str, text: str, where: str | None = None) -> None:
        """Keep what is wrong; whose words they are is known."""
        self.complained = True
        self.complaints.append(text)

    def show_place(self, mark: str) -> None:
        """The words alone are kept."""

    def _usage(self, name: str, text: str, synopsis: str, where: str | None = None) -> int:
        """Keep how it is used, when there is nothing more to say."""
        self.complain(name, text or f"usage: {synopsis}")
        return 2

