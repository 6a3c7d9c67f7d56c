"""Python's own socket module, on a host of a lab.

    from netsh import socket

    with socket.Stage(lab) as stage:
        me = stage.on("me")                       # me.socket, me.select, me.selectors, me.ssl: as Python's own
        sock = me.socket.create_connection(("www", 80))

        server = stage.thread("www", serve)       # serve(www) runs beside, on another host
        server.join()

A stage is a lab in fast time with threads beside it: the one that made it, and those it starts.  While one of them
computes, time stands still; when all wait, the lab goes on, until one has what it waits for.  So they take turns, and
every run is the same run.  To run programs that know nothing of this, there is the command `python`.
"""

from __future__ import annotations

import importlib.util
import select
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Self

from stack.dev.hijack import polling, tls
from stack.dev.hijack.gate import Gate, Wanted
from stack.dev.hijack.names import Names
from stack.dev.hijack.sockets import Door
from stack.dev.sysent import Filedesc
from stack.host import Host
from stack.kern.proc import SIGKILL, Channel, Nap, Proc, tsleep
from stack.lab import Deadlock, Lab

_lock = threading.RLock()  # sys.modules is lent to one at a time


class Stage:
    """A lab, and the threads beside it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.turn = threading.Condition()
        self.computing = 0
        self.nets: dict[str, Net] = {}

    def __enter__(self) -> Self:
        self.computing += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.computing -= 1
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
        thread.start()
        return thread

    def sleep(self, seconds: float) -> None:
        """Sleep in the lab's time."""

        async def nap() -> None:
            await tsleep(timeout=seconds)

        self.wait(nap())

    def wait(self, coro: Coroutine[Nap, bool | None, object]) -> object:
        """Run a coroutine on the lab's clock, and wait for what it returns; Deadlock when it never will."""
        call = Call(self, coro)
        with self.turn:
            self.computing -= 1
            call.proc.start(call.run())
            while not call.over:
                if not self.computing:
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
            call.proc.signal(SIGKILL)
            call.end(Deadlock("nothing more can happen"))
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

    def start(self) -> None:
        """Start it; it runs when everybody else waits."""
        with self.stage.turn:
            self.stage.computing += 1
        super().start()

    def run(self) -> None:
        """Be the thread."""
        try:
            self.stage.sleep(0)
            self.value = self.function(self.net)
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


class Net:
    """The modules of a thread on a host, each as Python's own."""

    def __init__(self, stage: Stage, host: Host) -> None:
        self.host = host
        gate = Local(stage, Filedesc(stage.lab, host))
        self.door = LocalDoor(gate)
        with _lent(_socket=Names(self.door).build()):
            self.socket: Any = _copy("socket")

    @property
    def select(self) -> Any:
        """The module select."""
        module = ModuleType("select")
        vars(module).update({name: value for name, value in vars(select).items() if not name.startswith("__")})
        vars(module).update(polling.names(self.door))
        return module

    @property
    def selectors(self) -> Any:
        """The module selectors."""
        with _lent(select=self.select):
            return _copy("selectors")

    @property
    def ssl(self) -> Any:
        """The module ssl."""
        with _lent(socket=self.socket):
            module = _copy("ssl")
        tls.install(module)
        return module


class LocalDoor(Door):
    """A way into the lab by calls."""

    def __init__(self, gate: Local) -> None:
        super().__init__(lambda: gate)
        self.calls = gate.calls


class Local(Gate):
    """The gate of the threads of a host."""

    def __init__(self, stage: Stage, calls: Filedesc) -> None:
        self.stage = stage
        self.calls = calls

    @property
    def now(self) -> float:
        """The lab's time."""
        return self.stage.lab.callouts.now

    def call(self, name: str, *arguments: object) -> object:
        """A system call and its answer."""
        return self.stage.wait(self.calls.call(name, arguments))

    def poll(self, lab: Wanted, real: dict[int, int], deadline: float | None, *, outside: bool) -> Wanted | None:
        """Wait for the lab; the machine's own descriptors are looked at a thousand times a second of the lab's."""
        soon = self.now + 0.001
        answer = self.call("poll", lab, soon if deadline is None else min(soon, deadline))
        assert isinstance(answer, tuple)
        return answer or (() if deadline is not None and self.now >= deadline else None)


@contextmanager
def _lent(**modules: ModuleType) -> Iterator[None]:
    """Let `import` find other modules for a moment."""
    with _lock:
        before = {name: sys.modules.get(name) for name in modules}
        sys.modules.update(modules)
        try:
            yield
        finally:
            for name, module in before.items():
                if module is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = module


def _copy(name: str) -> ModuleType:
    """A module once more, built on what is lent."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _lent(**{name: module}):  # where enum looks for the constants
        spec.loader.exec_module(module)
    return module
