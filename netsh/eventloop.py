"""asyncio on a host of a lab: Python's own event loop, built once more on that host's modules.

Tasks, futures, streams, transports and their exceptions stay Python's, so that a library which asks `asyncio` for
the running loop finds one of these, and need not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from types import ModuleType
from typing import Any, Protocol

from netsh.copies import changed, copy, lent

_PARTS = ("asyncio.base_events", "asyncio.selector_events", "asyncio.unix_events")  # each is built on the one before


class Beside(Protocol):
    """What a loop asks of the stage that its thread is on."""

    def beside(self, function: Callable[[], object]) -> None:
        """Run a function in a thread of the same host."""

    def hold(self, threads: int) -> None:
        """So many threads that the stage does not know begin to compute, or (less than 0) have done so."""


def build(beside: Beside, modules: Mapping[str, ModuleType]) -> ModuleType:
    """The module asyncio, whose loops stand on a host; `modules` are that host's."""
    parts: dict[str, ModuleType] = {}
    for name in _PARTS:
        with lent({**modules, **parts}):
            parts[name] = copy(name)
    names: dict[str, Any] = {"beside": beside, "socket": modules["socket"], "__slots__": ()}
    loop = type("SelectorEventLoop", (OnHost, parts[_PARTS[-1]].SelectorEventLoop), names)

    def run(main: Coroutine[Any, Any, Any], *, debug: bool | None = None) -> Any:
        """As asyncio.run."""
        with asyncio.Runner(debug=debug, loop_factory=loop) as runner:
            return runner.run(main)

    def runner(*, debug: bool | None = None, loop_factory: Callable[[], Any] = loop) -> asyncio.Runner:
        """As asyncio.Runner."""
        return asyncio.Runner(debug=debug, loop_factory=loop_factory)

    own = {"run": run, "Runner": runner, "new_event_loop": loop, "SelectorEventLoop": loop, "EventLoop": loop}
    return changed(asyncio, own)


class OnHost:
    """What makes an event loop one of a host: names, and threads, of which the stage must know."""

    beside: Beside
    socket: Any

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        """The lab's names: to ask for one takes no time."""
        return self.socket.getaddrinfo(host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:
        """The name of an address."""
        return self.socket.getnameinfo(sockaddr, flags)

    async def sock_connect(self, sock: Any, address: Any) -> Any:
        """Connect; ValueError for a socket of the machine's, which would go out to the real network."""
        if isinstance(address, tuple) and not isinstance(sock, self.socket.socket):
            raise ValueError("not a socket of this host: those are made by its own socket.socket")
        return await super().sock_connect(sock, address)  # type: ignore[misc]

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> Any:
        """Call a function in a thread; while an executor of the program's own has it, that counts as computing."""
        executor = executor or self._default_executor  # type: ignore[attr-defined]
        if executor is None:
            return super().run_in_executor(Threads(self.beside), func, *args)  # type: ignore[misc]
        later: list[Future[Any]] = []
        self.beside.hold(1)
        try:
            wrapped = super().run_in_executor(Noted(executor, later), func, *args)  # type: ignore[misc]
        except BaseException:
            self.beside.hold(-1)
            raise
        later[0].add_done_callback(lambda _: self.beside.hold(-1))  # after the loop has been told
        return wrapped

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for the end of what a default executor of the program's own has begun."""
        self._executor_shutdown_called = True
        executor: Executor | None = self._default_executor  # type: ignore[attr-defined]
        if executor is not None:
            await super().run_in_executor(Threads(self.beside), executor.shutdown)  # type: ignore[misc]


class Threads(ThreadPoolExecutor):
    """An executor that gives each call a thread of the stage."""

    def __init__(self, beside: Beside) -> None:
        super().__init__(1)
        self.beside = beside

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """Begin to call a function."""
        future: Future[Any] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                value = function(*args, **named)
            except BaseException as failure:  # whoever waits for the answer gets it
                future.set_exception(failure)
            else:
                future.set_result(value)

        self.beside.beside(call)
        return future


class Noted(Executor):
    """An executor that notes what it has begun."""

    def __init__(self, executor: Executor, begun: list[Future[Any]]) -> None:
        self.executor = executor
        self.begun = begun

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """Begin to call a function."""
        self.begun.append(self.executor.submit(function, *args, **named))
        return self.begun[-1]
