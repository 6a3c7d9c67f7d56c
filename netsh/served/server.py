"""The server of a lab: it lets clients in, moves the lab's time, and ends in good order."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress

from netsh.prompt.gauge import Gauge
from netsh.served import frames
from netsh.served.confine import Guard
from netsh.served.listener import Listener
from netsh.served.visitor import Door, Leaving, Visitor
from netsh.session import Session
from netsh.world import Member, end

_BUDGET = 500  # pieces of work between two looks at the clients
_MOST = 500  # clients
_PATIENCE = 3.0  # seconds that all may take to end
_LONGEST_WAIT = 3600.0
_SECOND = 1.0  # between two looks at what those at prompts should know


class Keeper(Session):
    """The session of the server itself: it builds the lab, and its complaints are the server's log."""

    def complain(self, name: str, text: str) -> None:
        """A line, if anybody reads it."""
        with suppress(OSError):
            super().complain(name, text)


class Server:
    """Serves the lab of a session, which nobody sits at."""

    def __init__(self, keeper: Keeper, listener: Listener) -> None:
        self.keeper = keeper
        self.world = keeper.world
        self.listener = listener
        self.visitors: list[Visitor] = []
        self.number = 0  # of the last client
        self.halting = False
        self.halters: list[Member] = []  # whose command it was
        self.gauge = Gauge(lambda: self.world.lab)
        self.known = ""  # what it told
        self.look = 0.0  # when it is read again
        self.door = Door(self.world, self._start, None if listener.path else Guard(), self.log, self._told, self._left)
        self.world.halt = self.halt
        self.world.clock.served = True
        self.world.clock.signals.running = True
        self.world.clock.readers[listener.socket.fileno()] = self._accept

    def run(self) -> None:
        """Serve until somebody ends it."""
        while not self.halting:
            self._turn(_SECOND if any(visitor.prompt for visitor in self.visitors) else _LONGEST_WAIT)
            if self.world.clock.signals.take() is not None:
                self.halt()
        self._end()

    def _turn(self, longest: float) -> None:
        """Do what is due, and wait for more; a defect ends what it happened in and nothing else."""
        try:
            self.world.clock.turn(_BUDGET, self._settle, longest, alone=not self.visitors)
        except Exception as defect:
            self.keeper.defect("netsh", defect)

    def halt(self, session: Member | None = None) -> None:
        """Let nobody in any more, and end soon, since a session or a signal wants it so."""
        if session is not None:
            self.halters.append(session)
        if not self.halting:
            self.halting = True
            self.world.clock.readers.pop(self.listener.socket.fileno(), None)
            self.listener.close()

    def log(self, text: str) -> None:
        """Say something to whoever runs the server."""
        self.keeper.complain("netsh", text)

    def _start(self) -> str:
        """The host where sessions begin."""
        return self.keeper.host.name if self.keeper.host is not None else ""

    def _accept(self) -> None:
        try:
            link, _ = self.listener.socket.accept()
        except BlockingIOError:
            return
        except OSError as error:
            self.log(f"a client could not be let in: {error.strerror}")
            self._pause()
            return
        link.setblocking(False)
        if not self.listener.path:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number += 1
        self.visitors.append(Visitor(self.door, self.number, link))
        if len(self.visitors) > _MOST:
            self.visitors[-1].leave(Leaving("too many clients", "too many clients; not let in"))

    def _pause(self) -> None:
        """Without a free descriptor, let nobody in until somebody has left."""
        if self.visitors:
            self.world.clock.readers.pop(self.listener.socket.fileno(), None)

    def _left(self, visitor: Visitor) -> None:
        if visitor in self.visitors:
            self.visitors.remove(visitor)
        if not self.halting:
            self.world.clock.readers[self.listener.socket.fileno()] = self._accept

    def _settle(self) -> None:
        for visitor in list(self.visitors):
            visitor.settle()

    def _told(self) -> str:
        """What happens in the lab, for those at prompts: read anew once a second."""
        if (now := time.monotonic()) >= self.look:
            self.look = now + _SECOND
            self.known = "\t".join(self.gauge.tell())
        return self.known

    def _end(self) -> None:
        """End what runs, then the lab, then tell the clients."""
        self.world.release()
        for visitor in self.visitors:
            visitor.stop(halts=visitor.session in self.halters)
        self._while(lambda visitor: visitor.busy)
        end(self.world.lab)
        for visitor in self.visitors:
            if visitor.session in self.halters:
                visitor.send(frames.EXIT, b"\0")
            else:
                visitor.send(frames.BYE, b"the lab has ended")
        self._while(lambda visitor: bool(visitor.outgoing))

    def _while(self, waits: Callable[[Visitor], bool]) -> None:
        """Go on while a client waits for something, but not for ever."""
        deadline = time.monotonic() + _PATIENCE
        while (left := deadline - time.monotonic()) > 0 and any(map(waits, self.visitors)):
            self._turn(left)
