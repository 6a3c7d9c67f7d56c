"""A session in a served lab, from the client's side: the connection, and what is done for it here.

What is typed is sent; what comes back is written; a signal travels to the command; standard input is read when a
command reads it, and not before.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from netsh.options import Options, Unusable
from netsh.render.palette import ENVIRONMENT
from netsh.served import frames
from netsh.served.url import Url
from netsh.signals import Signals
from stack.kern.errors import reason

_CHUNK = 65536
_PATIENCE = 5.0  # seconds that a server may take to heed SIGTERM or SIGHUP
_STOP = 17  # Ctrl-Z, by BSD's number of SIGSTOP
_STUBBORN = 4  # this Ctrl-C ends the client, whatever the server does


class Gone(Exception):
    """The connection has ended; why, in words."""


class Work(NamedTuple):
    """What is to be run, as RUN carries it."""

    kind: str
    name: str
    text: str
    arguments: list[str]


class Client:
    """A session in a served lab, from this side."""

    def __init__(self, link: socket.socket, signals: Signals) -> None:
        self.link = link
        self.signals = signals
        self.reader = frames.Reader()
        self.welcome: dict[str, str] | None = None
        self.running = False
        self.reads = False  # a command waits for our standard input
        self.status = 0
        self.exiting: int | None = None  # the session wants to end, with this status
        self.ended: int | None = None  # it has ended, with this status
        self.interrupts = 0
        self.deadline: float | None = None
        self.wants_keys = False  # what reads is a panel: each key, when it is pressed

    def hello(self, options: Options, prompt: bool) -> None:
        """Say who we are."""
        terminal = os.isatty(1)
        known = {
            "cwd": _folder(),
            "format": options.format or ("rich" if terminal else "text"),
            "columns": str(window()[0]),
            "lines": str(window()[1]),
            "terminal": "1" if terminal else "",
            **{name: os.environ.get(name, "") for name in ENVIRONMENT},
            "host": options.host or "",
            "prompt": "1" if prompt else "",
        }
        self.link.sendall(frames.GREETING + frames.frame(frames.HELLO, frames.pairs(known)))

    def run(self, work: Work) -> int:
        """Have it run, and follow it to its end; its status."""
        body = frames.texts(work.kind, work.name, work.text, *work.arguments)
        if len(body) > frames.LONGEST:
            name = work.name or "-c"
            raise Unusable(f"{name}: more than {frames.LONGEST >> 20} MiB to send; 'source FILE' has it read there")
        self.running = True
        self.interrupts = 0
        self.send(frames.RUN, body)
        self.follow(lambda: not self.running or self.ended is not None)
        return self.status

    def end(self) -> int:
        """Nothing more will be run: wait for what still runs in the background; the status to exit with."""
        if self.ended is None:
            self.send(frames.END)
        self.follow(lambda: self.ended is not None)
        return self.ended or 0

    def send(self, kind: bytes, body: bytes = b"") -> None:
        """Send a frame; Gone when nobody is there."""
        try:
            self.link.sendall(frames.frame(kind, body))
        except OSError:
            while self.ended is None:  # it may have said why, before nothing more comes
                self.receive()

    def follow(self, done: Callable[[], bool]) -> None:
        """Do what is to be done until a condition holds."""
        self.signals.arm()
        while not done():
            poller = select.poll()
            poller.register(self.link, select.POLLIN)
            if self.signals.awake is not None:
                poller.register(self.signals.awake[0], select.POLLIN)
            if self.reads:
                poller.register(0, select.POLLIN)
            patience = None if self.deadline is None else self.deadline * 1000
            ready = dict(poller.poll(patience))
            number = self.signals.take()
            if number is not None or (not ready and self.deadline is not None):
                self.interrupt(number or signal.SIGTERM)
            if self.link.fileno() in ready:
                self.receive()
            if self.reads and 0 in ready:
                self.feed()

    def interrupt(self, number: int) -> None:
        """Hand a signal on to what runs; when that cannot be, or is of no use, it is for us."""
        if number == signal.SIGTSTP:
            return self.send(frames.SIGNAL, bytes([_STOP]))
        if self.signals.awake is not None:
            with suppress(BlockingIOError):
                os.read(self.signals.awake[0], _CHUNK)
        self.interrupts += 1
        if self.welcome is not None and (self.deadline is not None or self.interrupts >= _STUBBORN):
            self.err(b"netsh: the server does not answer; it was left\n")
            raise SystemExit(128 + number)
        if self.welcome is None:
            raise SystemExit(128 + number)
        if number != signal.SIGINT:
            self.deadline = _PATIENCE
        self.send(frames.SIGNAL, bytes([number]))

    def feed(self) -> None:
        """Send what our standard input has."""
        try:
            data = os.read(0, frames.CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.reads = False
        self.give(data)

    def give(self, data: bytes) -> None:
        """Send input to what reads."""
        self.send(frames.INPUT, data)

    def receive(self) -> None:
        """Take what has come; Gone when nothing more will."""
        try:
            data = self.link.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            raise Gone("the server is gone" if self.reader.greeted else "nobody answers there")
        try:
            for kind, body in self.reader.feed(data):
                self.handle(kind, body)
        except frames.OtherVersion as other:
            raise Gone(
                f"the server speaks version {other.version} of the protocol, this netsh version {frames.VERSION}"
            ) from None
        except ValueError:
            raise Gone("this is no netsh that serves a lab") from None

    def handle(self, kind: bytes, body: bytes) -> None:
        """Do what a frame says; what we do not know is for others."""
        if kind == frames.STDOUT:
            self.out(body)
        elif kind == frames.STDERR:
            self.err(body)
        elif kind == frames.READ:
            self.reads = self.running
            self.wants_keys = bool(body)
        elif kind == frames.DONE:
            status, exiting, left = frames.list_of(body)
            self.status = int(status)
            self.exiting = int(exiting) if exiting else None
            self.running = self.reads = False
            self.left(left.encode("utf-8", "surrogateescape"))
        elif kind == frames.WELCOME:
            self.welcome = frames.pairs_of(body)
        elif kind == frames.EXIT:
            self.ended = body[0]
        elif kind == frames.BYE:
            raise Gone(body.decode(errors="replace"))

    def out(self, data: bytes) -> None:
        """A command has said something."""
        try:
            _write(1, data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise Unusable(f"standard output: {reason(error)}") from None

    def err(self, data: bytes) -> None:
        """A command has complained."""
        with suppress(OSError):
            _write(2, data)

    def left(self, data: bytes) -> None:
        """What the line did not read of what we sent."""


def connect(place: Url) -> socket.socket:
    """A connection to a server; Gone when there is none."""
    link = socket.socket(place.family, socket.SOCK_STREAM)
    try:
        link.connect(place.address)
    except (FileNotFoundError, ConnectionRefusedError):
        link.close()
        raise Gone(f"no lab is served there ('netsh serve {place.text}' serves one)") from None
    except OSError as error:
        link.close()
        raise Gone(reason(error)) from None
    if not place.path:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def window() -> tuple[int, int]:
    """How many columns and lines our terminal has."""
    try:
        columns, lines = os.get_terminal_size(1)
    except OSError:
        return 80, 24
    return columns or 80, lines or 24


def _folder() -> str:
    """Where relative names of files are meant from."""
    try:
        return os.getcwd()
    except OSError:
        raise Unusable("the current directory is gone; go to another one") from None


def _write(descriptor: int, data: bytes) -> None:
    """Write all of it, however slowly it is taken."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            waiting = select.poll()
            waiting.register(descriptor, select.POLLOUT)
            waiting.poll()
