"""A lab for Python: hosts, buses, a clock that jumps, and the shell's own language where that is shorter."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, Self

import stack.lab
from commands._tcpdump_lines import Packet
from netsh import home, saved
from netsh.api.call import Running, Word
from netsh.api.host import Host, Job
from netsh.api.rows import CommandFailed, Rows
from netsh.clock import Clock
from netsh.files import read_text
from netsh.render.printer import Printer
from netsh.session import Session
from netsh.world import end
from stack.kern.proc import pause


class Capture:
    """Packets that are being captured; a list that grows while time passes."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __iter__(self) -> Iterator[Packet]:
        return iter(self.packets)

    def __len__(self) -> int:
        return len(self.packets)

    @property
    def packets(self) -> list[Packet]:
        """All so far, in tcpdump's words: `packet.text`."""
        return self._job.rows.of(Packet)

    @property
    def text(self) -> str:
        """Tcpdump's lines."""
        return "\n".join(packet.text for packet in self.packets)

    def stop(self) -> list[Packet]:
        """No more; all there were."""
        self._job.stop()
        return self.packets


class Lab:
    """A lab of one's own, in virtual time; close it, or use it as a context manager."""

    def __init__(self, seed: int = 1, *, session: Session | None = None) -> None:
        self._own = session is None
        self.session = session or _session(seed)

    @classmethod
    def home(cls, seed: int = 1) -> Self:
        """The lab of the prompt: me - gw - www."""
        lab = cls(seed)
        home.build(lab.session)
        return lab

    @classmethod
    def load(cls, path: str) -> Self:
        """A lab that `save` wrote; OSError, ValueError, or CommandFailed with the line that did not work."""
        lab = cls()
        try:
            saved.adopt(lab.session, saved.load(read_text(path), path, lab.session))
        except saved.NotLoaded:
            raise ValueError(f"{path}: {lab.complaints() or 'not loaded'}") from None
        return lab

    def close(self) -> None:
        """End what runs in it, and what it has on the real machine."""
        if self._own:
            self.session.end_jobs()
            end(self.stack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def stack(self) -> stack.lab.Lab:
        """The thing itself."""
        return self.session.lab

    @property
    def now(self) -> float:
        """Seconds on its clock."""
        return self.stack.callouts.now

    @property
    def hosts(self) -> list[Host]:
        """All hosts."""
        return [Host(self.session, host) for host in self.stack.hosts.values()]

    def __iter__(self) -> Iterator[Host]:
        return iter(self.hosts)

    def __len__(self) -> int:
        return len(self.stack.hosts)

    def __getitem__(self, name: str) -> Host:
        return Host(self.session, self.stack.hosts[name])

    def __contains__(self, name: object) -> bool:
        return name in self.stack.hosts

    def __repr__(self) -> str:
        return f"<lab: {len(self)} hosts, {len(self.stack.buses)} buses, {self.now:g} s>"

    def _repr_html_(self) -> str:
        """The lab drawn, for a notebook."""
        return self.run("lab")._repr_html_()

    # --- building -----------------------------------------------------------------------------

    def host(self, name: str) -> Host:
        """The host of that name, made if it is new."""
        if name not in self.stack.hosts:
            self.stack.add_host(name)
        return self[name]

    def link(self, a: str | Host, b: str | Host, prefix: str = "", **personality: str) -> None:
        """A new bus between two hosts: `link("a", "b", "10.0.0.0/30", delay="2ms", loss="1%")`."""
        for end_ in (a, b):
            self.host(str(end_))
        self.run("link", a, b, *([prefix] if prefix else []), *_options(personality))

    def bus(self, name: str, **personality: str) -> None:
        """What a bus does to frames: `bus("lan", delay="10ms", rate="10Mbit/s")`."""
        self.run("bus", name, *_options(personality))

    def run(self, *words: Word) -> Rows[Any]:
        """One of the shell's own commands: `run("chain", 5)`, `run("grid", 3, 3, "delay", "2ms")`."""
        host = self.session.host
        return Running(self.session, host, words, b"").finish()

    def lines(self, text: str) -> str:
        """Lines of the shell's language; what they print.  CommandFailed for the first that fails."""
        printer, out = self.session.printer, io.StringIO()
        err = io.StringIO()
        self.session.printer = Printer("text", out, err, width=printer.width, environ={})
        try:
            status = self.session.run(text, "lines")
        finally:
            self.session.printer = printer
        if status:
            rows: Rows[Any] = Rows()
            rows.status, rows.complained = status, err.getvalue().splitlines()
            raise CommandFailed("lines", rows)
        return out.getvalue()

    # --- time ---------------------------------------------------------------------------------

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        proc = self.session.spawn(None, ["sleep"], lambda _: _sleep(seconds))
        self.session.clock.run(proc, lambda: None)

    def wait_until(self, holds: Callable[[], object], timeout: float = 60.0, step: float = 0.01) -> None:
        """Let time pass, a step at a time, until something holds; TimeoutError when it does not."""
        deadline = self.now + timeout
        while not holds():
            if self.now >= deadline:
                raise TimeoutError(f"not within {timeout:g} seconds of the lab's time")
            self.sleep(step)

    def capture(self, place: str | Host = "", filter: str = "") -> Capture:
        """Start to capture: on `HOST:IFACE`, `bus:NAME`, all of a host, or (without a place) the whole lab."""
        where = ["--lab"] if not place else ["-i", str(place) if ":" in str(place) else f"{place}:any"]
        job = Host(self.session, next(iter(self.stack.hosts.values()))).start("tcpdump", "-n", *where, *filter.split())
        self.stack.callouts.advance(self.now)  # from now on
        return Capture(job)

    def complaints(self) -> str:
        """What went to stderr."""
        err = self.session.printer.err
        return err.getvalue().strip() if isinstance(err, io.StringIO) else ""


def _session(seed: int) -> Session:
    lab = stack.lab.Lab(seed)
    return Session(lab, Printer("text", io.StringIO(), io.StringIO(), width=100, environ={}), clock=Clock(lab, "fast"))


def _options(personality: dict[str, str]) -> list[str]:
    return [word for name, value in personality.items() for word in (name, str(value))]


async def _sleep(seconds: float) -> int:
    await pause(seconds)
    return 0
