"""One client of a served lab: its connection, what it asked for, and the session that does it.

Nothing it does or leaves undone harms others: what it does not take waits in a bounded buffer and then its commands
wait; what makes no sense ends the connection; and when that ends, what it had run ends too.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from netsh.clock import Clock
from netsh.local import VERSION
from netsh.options import FORMATS
from netsh.prompt.candidates import candidates
from netsh.prompt.pager import MOMENT
from netsh.prompt.wrong import Span, wrong_words
from netsh.render.pointer import Pointer
from netsh.served import frames
from netsh.served.confine import Guard
from netsh.served.guest import Guest, GuestPrinter, Sitter, height_of, width_of
from netsh.settings import Settings
from netsh.words import Scope
from netsh.world import World
from stack.kern.errors import reason
from stack.kern.pipe import Pipe
from stack.kern.proc import SIGHUP, SIGNAL_NAMES, SIGSTOP, Proc

_CHUNK = 65536
_MOST = 1 << 22  # bytes that a client may leave unread before it is cut off
_QUEUE = 8  # lines and scripts that a client may ask for before the first of them is done
_SIGPIPE = 13


class Leaving(Exception):
    """The connection ends: what the client is told, and what the log is; neither need be."""

    def __init__(self, bye: str = "", log: str = "") -> None:
        super().__init__(bye)
        self.bye = bye
        self.log = log


class Door(NamedTuple):
    """What a visitor knows of the server."""

    world: World
    start: Callable[[], str]  # the host where a prompt begins
    guard: Guard | None
    log: Callable[[str], None]
    told: Callable[[], str]  # what happens in the lab, in words
    left: Callable[[Visitor], None]


class Visitor:
    """A client."""

    def __init__(self, server: Door, number: int, link: socket.socket) -> None:
        self.server = server
        self.number = number
        self.link = link
        self.reader = frames.Reader()
        self.outgoing = bytearray(frames.GREETING)
        self.session: Guest | None = None
        self.printer: GuestPrinter | None = None
        self.folder = -1
        self.prompt = False
        self.queue: deque[list[str]] = deque()
        self.proc: Proc | None = None  # what it waits for
        self.asked = False  # for its standard input
        self.inputs = 0  # pieces of it that came in time
        self.began = 0.0  # when what runs did, by our own work
        self.paused = False  # it has waited for something, or worked for long, and the client knows
        self.ending = False  # nothing more will be run
        self.status = 0
        self.told = b""  # the state it knows
        self.hosts: tuple[tuple[int, int, str], str] = (0, 0, ""), ""
        self.gone = False
        self.held = False  # the server ends, and will say so itself
        self.clock.readers[link.fileno()] = self.receive

    @property
    def clock(self) -> Clock:
        """Who waits for our descriptor."""
        return self.server.world.clock

    # -- the connection -------------------------------------------------------------------------------

    def receive(self) -> None:
        """Take what has come."""
        try:
            data = self.link.recv(_CHUNK)
            if not data:
                raise Leaving
            for kind, body in self.reader.feed(data):
                self._take(kind, body)
        except BlockingIOError:
            pass
        except OSError:
            self.leave(Leaving())
        except Leaving as leaving:
            self.leave(leaving)
        except frames.OtherVersion as other:
            text = (
                f"the server speaks version {frames.VERSION} of the protocol (netsh {VERSION}), "
                f"the client version {other.version}: use the same netsh for both"
            )
            self.leave(Leaving(text, f"speaks version {other.version} of the protocol"))
        except ValueError as error:
            self.leave(Leaving(str(error), f"{error}; cut off"))
        except Exception as defect:
            text = f"internal error: {type(defect).__name__}: {defect}"
            self.leave(Leaving(text, text))

    def send(self, kind: bytes, body: bytes = b"") -> None:
        """Send a frame, as soon as it is taken."""
        if not self.gone:
            self.outgoing += frames.frame(kind, body)
            if self.printer is not None:
                self.printer.backlog = len(self.outgoing)

    def transmit(self) -> None:
        """Write what the connection takes now."""
        descriptor = self.link.fileno()
        try:
            while self.outgoing:
                del self.outgoing[: self.link.send(self.outgoing[:_CHUNK])]
        except BlockingIOError:
            self.clock.writers[descriptor] = self.transmit
        except OSError:
            return self.leave(Leaving())
        else:
            self.clock.writers.pop(descriptor, None)
        if self.printer is not None:
            self.printer.backlog = len(self.outgoing)
            self.printer.room.wakeup()

    def settle(self) -> None:
        """Before others wait, or go on at once: send what there is, ask for what is wanted."""
        session = self.session
        if session is not None and not self.gone:
            pipe = session.stdin
            if self.prompt and self.proc is not None and not self.paused:
                self.paused = self.clock.rests or time.process_time() > self.began + MOMENT
                if self.paused:
                    self.send(frames.PAUSE)
            if self.proc is not None and not self.asked and pipe.readable.sleepers and not pipe.ready:
                self.asked = True
                self.send(frames.READ, b"\x01" if session.printer.panel is not None else b"")
            if self.prompt and len(self.outgoing) < _CHUNK:  # who does not read needs no news
                self._tell_state()
        if len(self.outgoing) > _MOST:
            self.leave(Leaving("", f"does not read; cut off with {len(self.outgoing)} bytes waiting"))
        elif self.outgoing and self.link.fileno() not in self.clock.writers:
            self.transmit()

    def leave(self, leaving: Leaving) -> None:
        """End the connection, and what was run over it."""
        if self.gone:
            return
        if leaving.log:
            self.server.log(f"client {self.number}: {leaving.log}")
        if leaving.bye:
            self.outgoing += frames.frame(frames.BYE, leaving.bye.encode())
        self.gone = True
        descriptor = self.link.fileno()
        self.clock.readers.pop(descriptor, None)
        self.clock.writers.pop(descriptor, None)
        try:
            if leaving.bye:
                self.link.send(self.outgoing)
                self.link.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        self.link.close()
        self.outgoing.clear()
        self.hang_up()

    @property
    def busy(self) -> bool:
        """Whether anything runs for the client."""
        session = self.session
        return session is not None and (self.proc is not None or bool(session.jobs.running()))

    def stop(self, *, halts: bool) -> None:
        """The server ends: so does what runs, apart from the line that wanted it so."""
        self.held = True
        self.queue.clear()
        if self.session is not None:
            self.session.stdin.close()
            if self.proc is not None and not halts:
                self.proc.signal(SIGHUP)
            self.session.end_processes([job.proc for job in self.session.jobs.running()])

    def hang_up(self) -> None:
        """End all that runs for the client; when it has ended, nothing is left of its session."""
        session = self.session
        if session is None:
            return self._vanish()
        self.queue.clear()
        session.stdin.close()
        assert self.printer is not None
        self.printer.backlog = 0
        self.printer.room.wakeup()
        procs = [job.proc for job in session.jobs.running()]
        if self.proc is not None:
            self.proc.exited.upcall = None
            self.proc.signal(SIGHUP)
            procs.append(self.proc)
        last = session.end_processes(procs)
        last.exited.upcall = lambda: session.clock.soon(self._vanish)

    def _vanish(self) -> None:
        if self.session is not None:
            self.session.leave()
        if self.folder >= 0:
            os.close(self.folder)
            self.folder = -1
        self.server.left(self)

    # -- what it asks for -----------------------------------------------------------------------------

    def _take(self, kind: bytes, body: bytes) -> None:
        """A frame; who wrote the client is told which one makes no sense."""
        try:
            self.handle(kind, body)
        except ValueError as error:
            raise ValueError(f"frame {kind.decode('ascii', 'backslashreplace')}: {error}") from None

    def handle(self, kind: bytes, body: bytes) -> None:
        """Do what a frame says; ValueError for what makes no sense."""
        if kind == frames.HELLO and self.session is None:
            return self._begin(frames.pairs_of(body))
        if self.session is None or self.ending:
            if kind == frames.SIGNAL and self.ending:
                return self._signal(body)
            raise ValueError("out of turn")
        match kind:
            case frames.RUN:
                self._queue(frames.list_of(body))
            case frames.INPUT:
                self._input(body)
            case frames.SIGNAL:
                self._signal(body)
            case frames.WINDOW:
                columns, *lines = frames.some_of(body, 1, 2)
                self.session.printer.width = width_of(columns)
                if lines:
                    self.session.printer.height = height_of(lines[0])
            case frames.COMPLETE:
                number, line = frames.some_of(body, 2, 2)
                self._complete(number, line)
            case frames.LOOK:
                self._look(*frames.list_of(body))
            case frames.OPTIONS:
                self._use_options(frames.pairs_of(body))
            case frames.ANSWER if self.session.beyond is not None:
                number, wrong, answer = frames.list_of(body)
                self.session.beyond.take(number, wrong, answer)
            case frames.END:
                self.ending = True
                self._next()
            case _:
                raise ValueError("out of turn" if kind == frames.HELLO else "unknown")

    def _begin(self, hello: dict[str, str]) -> None:
        """Make the session that was asked for."""
        if hello.get("format", "text") not in FORMATS:
            raise ValueError("an unknown format")
        world = self.server.world
        if self.server.guard is None:
            try:
                self.folder = os.open(hello.get("cwd", ""), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                os.fchdir(self.folder)  # so that it cannot fail later
            except (OSError, ValueError) as error:
                why = reason(error)
                raise Leaving(f"the current directory {hello.get('cwd', '')}: {why}") from None
        self.printer = GuestPrinter(
            hello, lambda data: self.send(frames.STDOUT, data), lambda data: self.send(frames.STDERR, data),
            lambda data: self.send(frames.JOB, data), lambda data: self.send(frames.JOB_ERROR, data),
        )  # fmt: skip
        self.prompt = bool(hello.get("prompt"))
        self.session = Guest(
            world, self.printer, terminal=bool(hello.get("terminal")), enter=self._enter, guard=self.server.guard
        )
        self.session.beyond = Sitter(self.send) if self.prompt else None
        name = hello.get("host") or self.server.start()
        self.session.host = world.lab.hosts.get(name, self.session.host)
        if hello.get("host") and name not in world.lab.hosts:
            there = ", ".join(list(world.lab.hosts)[:10])
            raise Leaving(f"-H {name}: no such host" + (f"; there are {there}" if there else " in this lab"))
        self.told = self._state()
        self.send(frames.WELCOME, self.told)

    def _use_options(self, said: dict[str, str]) -> None:
        """Do as the user's options say."""
        assert self.session is not None
        settings = Settings()
        for name, value in said.items():
            settings.take(name, value)
        self.session.use(settings)

    def _enter(self) -> None:
        if self.folder >= 0:
            os.fchdir(self.folder)

    def _queue(self, work: list[str]) -> None:
        if len(work) < 3 or work[0] not in ("lines", "script", "words", "typed") or len(self.queue) >= _QUEUE:
            raise ValueError("nothing that could be run")
        self.queue.append(work)
        self._next()

    def _next(self) -> None:
        """Begin what is next, unless something runs: a line, or the end."""
        session = self.session
        assert session is not None
        if self.proc is not None:
            return
        if self.queue:
            self._follow(self._start(session, *self.queue.popleft()), self._done)
        elif self.ending:
            running = [job.proc for job in session.jobs.running()]
            if running:
                self._follow(session.end_processes(running), self._ended)
            else:
                self._ended()

    def _start(self, session: Guest, kind: str, name: str, text: str, *arguments: str) -> Proc:
        session.stdin = Pipe(closed=kind == "lines" and bool(name))  # a script from there has read it all
        self.asked = self.paused = False
        self.began = time.process_time()
        if kind == "words":
            return session.start_words(list(arguments))
        if kind == "script":
            return session.start(text, name, Scope(list(arguments), session.scope.variables, name))
        if kind == "lines":
            session.scope.arguments = list(arguments)
        session.interactive = kind == "typed"
        if session.interactive and session.printer.format == "rich":
            session.printer.tagged = True
            indent = len(session.host.name if session.host is not None else "") + 2  # that of the prompt
            session.printer.pointer = Pointer(text, indent, session.printer.columns())
        return session.start(text, name or "-")

    def _follow(self, proc: Proc, then: Callable[[], None]) -> None:
        self.proc = proc
        proc.exited.upcall = lambda: self.clock.soon(then)

    def _done(self) -> None:
        """What was to be run is over: say so, and begin the next."""
        session, proc = self.session, self.proc
        assert session is not None and proc is not None
        self.proc = None
        if self.gone:
            return
        self.status = session.over(proc)
        exiting = "" if session.exiting is None else str(session.exiting)
        left = bytes(session.stdin.buffer).decode("utf-8", "surrogateescape")
        session.stdin = Pipe(closed=True)
        self.asked = False
        if self.prompt:
            self._tell_state()
        self.send(frames.DONE, frames.texts(str(self.status), exiting, left))
        if session.exiting is not None:
            self.queue.clear()
        self._next()

    def _ended(self) -> None:
        """All is over."""
        assert self.session is not None
        self.proc = None
        exiting = self.session.exiting
        if self.held:
            return
        self.send(frames.EXIT, bytes([(self.status if exiting is None else exiting) & 255]))

    def _input(self, data: bytes) -> None:
        """Bytes that were asked for; others are nobody's, since what read them is over."""
        assert self.session is not None
        if not self.asked or len(data) > frames.CHUNK:
            return
        self.asked = False
        self.inputs += 1
        if data:
            self.session.stdin.write(data)
        else:
            self.session.stdin.close()

    def _signal(self, body: bytes) -> None:
        if len(body) != 1 or body[0] not in SIGNAL_NAMES:
            raise ValueError("no signal")
        if body[0] == SIGSTOP:
            assert self.session is not None
            self.session.stop()
        elif self.proc is not None:
            self.proc.signal(body[0])

    def _complete(self, number: str, line: str) -> None:
        """The words that may stand at the end of a line."""
        assert self.session is not None
        words = [number]
        guard = self.server.guard
        self._enter()
        try:
            if guard is not None:
                guard.up = True
            for found in candidates(line, self.session):
                words += found.text, found.help, str(found.replaced)
        except Exception as defect:  # a command that cannot be imported says so when it is run
            self.server.log(f"client {self.number}: completion: {type(defect).__name__}: {defect}")
        finally:
            if guard is not None:
                guard.up = False
        self.send(frames.CANDIDATES, frames.texts(*words))

    def _look(self, text: str) -> None:
        """The wrong words of a text."""
        assert self.session is not None
        spans: list[Span] = []
        try:
            spans = wrong_words(text, self.session)
        except Exception as defect:  # as above
            self.server.log(f"client {self.number}: {type(defect).__name__}: {defect}")
        self.send(frames.WRONG, frames.texts(*(str(at) for span in spans for at in span)))

    # -- what it should know --------------------------------------------------------------------------

    def _state(self) -> bytes:
        """What a prompt shows."""
        session = self.session
        assert session is not None
        known = {
            "host": session.host.name if session.host is not None else "",
            "clock": self.clock.mode,
            "stands": self.clock.drive.state,
            "jobs": str(len(session.jobs.running())),
            "inputs": str(self.inputs),
            "told": self.server.told() if self.prompt else "",
            "hosts": self._hosts(),
        }
        return frames.pairs(known)

    def _hosts(self) -> str:
        """The names of all hosts, for a prompt to colour; joined again only when they are others."""
        hosts = self.server.world.lab.hosts
        if not self.prompt:
            return ""
        known = (id(hosts), len(hosts), next(reversed(hosts), ""))
        if known != self.hosts[0]:
            self.hosts = known, " ".join(hosts)
        return self.hosts[1]

    def _tell_state(self) -> None:
        state = self._state()
        if state != self.told:
            self.told = state
            self.send(frames.STATE, state)
