"""Python's own socket module, on a host of a lab.

    from netsh import socket

    with socket.Stage(lab) as stage:
        me = stage.on("me")                       # me.socket, me.select, me.selectors, me.ssl, me.time: as Python's own
        sock = me.socket.create_connection(("www", 80))

        server = stage.thread("www", serve)       # serve(www) runs beside, on another host
        server.join()

        me.asyncio.run(main())                    # and so does a coroutine, with asyncio's streams, tasks, time-outs

A stage is a lab in fast time with threads beside it: the one that made it, and those it starts.  While one of them
computes, time stands still; when all wait, the lab goes on, until one has what it waits for.  So they take turns, and
every run is the same run.  To run programs that know nothing of this, there is the command `python`.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from functools import cached_property
from inspect import iscoroutine
from typing import Any, Self

from netsh import eventloop
from netsh.copies import changed, copy, lent
from stack.dev.hijack import clocks, polling, tls
from stack.dev.hijack.door import Door
from stack.dev.hijack.gate import Gate, Wanted, Ways
from stack.dev.hijack.names import Names
from stack.dev.lwp import EPOCH
from stack.dev.sysent import Filedesc
from stack.host import Host
from stack.kern.proc import SIGKILL, Channel, Nap, Proc, tsleep
from stack.lab import Deadlock, Lab

_PATIENCE = 1.0  # seconds that a thread may take to its end when the stage is over
_LOOK = 0.001  # of the lab's seconds between two looks at descriptors of the machine


class Stage:
    """A lab, and the threads beside it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.turn = threading.Condition()
        self.computing = 0
        self.over = False
        self.nets: dict[str, Net] = {}
        self.threads: list[Thread] = []

    def __enter__(self) -> Self:
        self.computing += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self.turn:
            self.computing -= 1
            self.over = True
            self.turn.notify_all()
        for thread in self.threads:
            threading.Thread.join(thread, _PATIENCE)
        for net in self.nets.values():
            net.door.calls.close_all()

    def on(self, host: str | Host) -> Net:
        """What a thread of a host has; KeyError when there is no such host."""
        name = host.name if isinstance(host, Host) else host
        if name not in self.nets:
            self.nets[name] = Net(self, self.lab.hosts[name])
        return self.nets[name]

    def thread(self, host: str | Host, function: Callable[[Net], object]) -> Thread:
        """Start a thread, which calls `function` with what `on` gives."""
        thread = Thread(self, self.on(host), function)
        self.threads.append(thread)
        thread.start()
        return thread

    def sleep(self, seconds: float) -> None:
        """Sleep in the lab's time."""
        self.wait(_nap(seconds))

    def hold(self, threads: int) -> None:
        """So many threads that the stage does not know begin to compute, or (less than 0) have done so."""
        with self.turn:
            self.computing += threads
            self.turn.notify_all()

    def wait(self, coro: Coroutine[Nap, bool | None, object]) -> object:
        """Run a coroutine on the lab's clock, and wait for what it returns; Deadlock when it never will.

        SystemExit when the stage is over: then a thread can do what it has to at its end, but wait for nothing.
        """
        with self.turn:
            if self.over:
                return _at_once(coro)
            self.computing -= 1
            return self.finish(self.begin(coro))

    def begin(self, coro: Coroutine[Nap, bool | None, object]) -> Call:
        """Begin to wait: for who has the turn, and computes no more."""
        call = Call(self, coro)
        call.proc.start(call.run())
        return call

    def finish(self, call: Call) -> object:
        """Wait for what has been begun."""
        with self.turn:
            while not call.over:
                if self.over:
                    call.drop(SystemExit("the stage is over"))
                elif not self.computing:
                    self._step(call)
                else:
                    self.turn.wait()
            self.turn.notify_all()
        if call.failure is not None:
            raise call.failure
        return call.value

    def _step(self, call: Call) -> None:
        """Everybody waits: let the next thing happen in the lab."""
        callouts = self.lab.callouts
        if callouts.next_due() is None:
            call.drop(Deadlock("nothing more can happen"))
        callouts.advance(None, 1)


class Call:
    """Something that a thread waits for."""

    def __init__(self, stage: Stage, coro: Coroutine[Nap, bool | None, object]) -> None:
        self.stage = stage
        self.coro = coro
        self.proc = Proc(stage.lab.callouts, 0, "", ["call"])
        self.over = False
        self.value: object = None
        self.failure: BaseException | None = None

    async def run(self) -> int:
        """Run it, and let its thread go on."""
        try:
            self.value = await self.coro
        except Exception as failure:  # the thread that asked gets it
            self.end(failure)
        else:
            self.end(None)
        return 0

    def drop(self, failure: BaseException) -> None:
        """Nobody waits for it any more."""
        self.proc.signal(SIGKILL)
        if not self.proc.begun:
            self.coro.close()
        self.end(failure)

    def end(self, failure: BaseException | None) -> None:
        """It is over: its thread computes."""
        if not self.over:
            self.over = True
            self.failure = failure
            self.stage.computing += 1
            self.stage.turn.notify_all()


class Thread(threading.Thread):
    """A thread of a host; `value` is what its function returned, `failure` what it died of."""

    def __init__(self, stage: Stage, net: Net, function: Callable[[Net], object]) -> None:
        super().__init__(name=f"{net.host.name}:{getattr(function, '__name__', 'thread')}", daemon=True)
        self.stage = stage
        self.net = net
        self.function = function
        self.value: object = None
        self.failure: BaseException | None = None
        self.over = False
        self.ended = Channel("join")
        self.begun: Call | None = None

    def start(self) -> None:
        """Start it; it runs when everybody else waits, and those have run who were to run before."""
        with self.stage.turn:
            self.begun = self.stage.begin(_nap(0))
        super().start()

    def run(self) -> None:
        """Be the thread."""
        assert self.begun is not None
        self.stage.finish(self.begun)
        try:
            value = self.function(self.net)
            self.value = self.net.asyncio.run(value) if iscoroutine(value) else value
        except BaseException as failure:  # whoever joins it gets it
            self.failure = failure
        with self.stage.turn:
            self.over = True
            self.ended.wakeup()
            self.stage.computing -= 1
            self.stage.turn.notify_all()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, in the lab's time; what it died of is raised here."""

        async def end() -> None:
            if not self.over:
                await tsleep(self.ended, timeout=timeout)

        self.stage.wait(end())
        if self.failure is not None:
            raise self.failure


def _at_once(coro: Coroutine[Nap, bool | None, object]) -> object:
    """What a coroutine returns that waits for nothing; SystemExit when it does."""
    try:
        coro.send(None)
    except StopIteration as done:
        return done.value
    coro.close()
    raise SystemExit("the stage is over")


async def _nap(seconds: float) -> None:
    await tsleep(timeout=seconds)


class Net:
    """The modules of a thread on a host, each as Python's own."""

    def __init__(self, stage: Stage, host: Host) -> None:
        self.stage = stage
        self.host = host
        self.door = LocalDoor(Local(stage, Filedesc(stage.lab, host)))
        with lent({"_socket": Names(self.door).build()}):
            self.socket: Any = copy("socket")

    @cached_property
    def select(self) -> Any:
        """The module select."""
        return changed(select, polling.names(self.door))

    @cached_property
    def selectors(self) -> Any:
        """The module selectors."""
        with lent({"select": self.select}):
            return copy("selectors")

    @cached_property
    def ssl(self) -> Any:
        """The module ssl."""
        with lent({"socket": self.socket}):
            module = copy("ssl")
        tls.install(module, self.door)
        return module

    @cached_property
    def time(self) -> Any:
        """The module time; its year begins on 2026-01-01."""
        return changed(time, clocks.names(self.door, EPOCH))

    @cached_property
    def asyncio(self) -> Any:
        """The module asyncio; its `run`, `Runner` and `new_event_loop` are of this host."""
        own = {name: getattr(self, name) for name in ("socket", "select", "selectors", "ssl", "time")}
        return eventloop.build(self, own)

    def beside(self, function: Callable[[], object]) -> None:
        """Call a function in one more thread of this host."""
        self.stage.thread(self.host, lambda _: function())

    def hold(self, threads: int) -> None:
        """So many threads that the stage does not know begin to compute, or (less than 0) have done so."""
        self.stage.hold(threads)


class LocalDoor(Door):
    """A way into the lab by calls."""

    def __init__(self, gate: Local) -> None:
        super().__init__(lambda: gate, Ways())
        self.local = gate
        self.calls = gate.calls

    def kick(self, tids: set[int]) -> None:
        """Let threads that wait for real descriptors look again."""
        self.local.nudge(tids)


class Local(Gate):
    """The gate of the threads of a host."""

    def __init__(self, stage: Stage, calls: Filedesc) -> None:
        self.stage = stage
        self.calls = calls
        self.nudged = Channel("poll")
        self.told: set[int] = set()  # threads that should look again

    @property
    def tid(self) -> int:  # type: ignore[override]
        """The thread that asks."""
        return threading.get_ident()

    @property
    def now(self) -> float:
        """The lab's time."""
        return self.stage.lab.callouts.now

    def call(self, name: str, *arguments: object) -> object:
        """A system call and its answer."""
        if name == "sleep":
            deadline, _ = arguments
            assert isinstance(deadline, float)
            return self.stage.wait(_nap(deadline - self.now))
        return self.stage.wait(self.calls.call(name, arguments))

    def nudge(self, tids: Iterable[int]) -> None:
        """Let threads that wait for real descriptors look at them again."""
        with self.stage.turn:
            self.told.update(tids)
            self.nudged.wakeup()

    def poll(self, lab: Wanted, real: dict[int, int], deadline: float | None, *, outside: bool) -> Wanted | None:
        """Wait for the lab; what others write to is looked at a thousand times a second of the lab's."""
        soon = self.now + _LOOK
        until = deadline if not outside else soon if deadline is None else min(soon, deadline)
        answer = self.stage.wait(self._poll(self.tid, lab, until))
        assert isinstance(answer, tuple)
        return answer or (() if deadline is not None and self.now >= deadline else None)

    async def _poll(self, tid: int, lab: Wanted, until: float | None) -> Wanted:
        try:
            return () if tid in self.told else await self.calls.poll(lab, until, (self.nudged,))
        finally:
            self.told.discard(tid)
