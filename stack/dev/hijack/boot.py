"""A program's first moments: it finds its way into the lab, and then what Python has is replaced, before it begins."""

from __future__ import annotations

import fcntl
import importlib
import importlib.abc
import importlib.machinery
import io
import os
import runpy
import select
import signal
import sys
from _socket import AF_UNIX, SOCK_SEQPACKET, SOL_SOCKET
from _socket import socket as RealSocket
from _socket import socketpair as real_socketpair
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import FrameType, ModuleType, TracebackType
from typing import cast

from stack.dev.hijack import clocks, gate, polling, sockets, tracebacks
from stack.dev.hijack.files import Files
from stack.dev.hijack.names import Names
from stack.dev.hijack.threads import Threads

_CHANNEL, _BIRTHS = 3, 4  # descriptors that stack/dev/sysproxy.py has put there
_ASIDE = 512  # where they are moved to: programs close what is just above 2, and take what comes there for their own
_SCM_RIGHTS = 1


def main() -> None:
    """Become the program that the command line names, as python does."""
    ways: set[int] = set()
    first, births = gate.Remote(_aside(_CHANNEL), ways), _aside(_BIRTHS)
    ways.add(births)
    _die_with(births)
    gate.stand(first)
    _install_signals()
    door = sockets.Door(gate.here)
    Threads(partial(_birth, births, ways)).install()
    vars(select).update(polling.names(door))
    Files(door, ways).install()
    first.enter()
    clocks.install(door, first.epoch)
    sys.modules["_socket"] = Names(door).build()
    sys.modules["_queue"] = cast(ModuleType, None)  # queue has one in Python, whose locks are ours
    sys.meta_path.insert(0, _Finder())
    os.register_at_fork(after_in_parent=door.inner.clear, after_in_child=partial(_forked, door))
    sys.stdin = io.TextIOWrapper(io.BufferedReader(_Stdin(door)), encoding="utf-8")
    _run(sys.argv[1:])


def _aside(fd: int) -> int:
    """A descriptor under a number that is out of the way, if there are so many."""
    try:
        new = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _ASIDE)
    except OSError:
        os.set_inheritable(fd, False)
        return fd
    os.close(fd)
    return new


def _die_with(births: int) -> None:
    """When the lab dies, whatever the reason, so do we and what we have started: the kernel sees to it."""
    if hasattr(fcntl, "F_SETSIG"):
        fcntl.fcntl(births, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(births, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(births, fcntl.F_SETFL, fcntl.fcntl(births, fcntl.F_GETFL) | os.O_ASYNC)


def _forked(door: sockets.Door) -> None:
    """We are a process that the lab does not know; who writes to our descriptors may be another one."""
    gate.stand(gate.Orphan(gate.here()))
    door.inner.clear()
    door.watching.clear()


def _birth(births: int, ways: set[int]) -> gate.Gate:
    """A gate for a new thread: its other end goes to the lab."""
    if isinstance(gate.here(), gate.Orphan):
        return gate.Orphan(gate.here())
    ours, theirs = real_socketpair(AF_UNIX, SOCK_SEQPACKET)
    messenger = RealSocket(AF_UNIX, SOCK_SEQPACKET, 0, births)
    try:
        messenger.sendmsg([b"\0"], [(SOL_SOCKET, _SCM_RIGHTS, theirs.fileno().to_bytes(4, sys.byteorder))])
    finally:
        messenger.detach()
        theirs.close()
    gate.here().call("lwp_create")
    return gate.Remote(_aside(ours.detach()), ways)


def _install_signals() -> None:
    """A signal's handler finds the thread outside of its questions to the lab, and may ask some of its own."""
    set_handler = cast(Callable[[int, object], object], signal.signal)
    get_handler = cast(Callable[[int], object], signal.getsignal)
    handlers: dict[int, object] = {}

    def on(signalnum: int, handler: object) -> object:
        def run(number: int, frame: FrameType | None) -> None:
            gate.here().interrupt(partial(cast(Callable[[int, FrameType | None], object], handler), number, frame))

        before = of(signalnum)
        set_handler(signalnum, run if callable(handler) else handler)
        handlers[signalnum] = handler
        return before

    def of(signalnum: int) -> object:
        return handlers[signalnum] if signalnum in handlers else get_handler(signalnum)

    def always(signalnum: int, flag: bool) -> None:
        """Signals always interrupt: or else who waits for the lab would not hear of them."""

    vars(signal).update(signal=on, getsignal=of, siginterrupt=always)
    on(signal.SIGINT, of(signal.SIGINT))


class _Stdin(io.RawIOBase):
    """Standard input, as the command has it."""

    name = "<stdin>"

    def __init__(self, door: sockets.Door) -> None:
        self.door = door

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 0

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = cast(bytes, self.door.call("read_stdin", len(buffer)))
        buffer[: len(data)] = data
        return len(data)


class _Finder(importlib.abc.MetaPathFinder):
    """Sees modules being imported that are changed then: they take long, and are not loaded for nothing."""

    def __init__(self) -> None:
        self.wanted = {"ssl": "tls", "datetime": "dates"}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self.wanted:
            return None
        change = self.wanted.pop(fullname)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert spec is not None
        assert spec.loader is not None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            importlib.import_module(f"stack.dev.hijack.{change}").install(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _run(argv: list[str]) -> None:
    """-c, -m, a script, `-` for one from standard input, or a folder or archive, with its arguments."""
    del sys.path[0]  # the way to these modules, which are loaded
    sys.excepthook = _excepthook
    option, *rest = argv
    scope = vars(sys.modules["__main__"])
    if option == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.path.insert(0, "")
        exec(compile(rest[0], "<string>", "exec"), scope)
    elif option == "-m":
        sys.argv = rest
        sys.path.insert(0, os.getcwd())
        runpy._run_module_as_main(rest[0])  # type: ignore[attr-defined]
    elif option == "-":
        sys.argv = argv
        sys.path.insert(0, "")
        exec(compile(sys.stdin.buffer.read(), "<stdin>", "exec"), scope)
    elif _has_modules(option):
        sys.argv = argv
        sys.path.insert(0, option)
        runpy._run_module_as_main("__main__", False)  # type: ignore[attr-defined]
    else:
        sys.argv = argv
        sys.path.insert(0, os.path.dirname(os.path.abspath(option)))
        scope["__file__"] = option
        exec(compile(_source(option), option, "exec"), scope)


def _has_modules(path: str) -> bool:
    """Whether modules can be imported from there: a folder, or an archive of zipapp's."""
    for hook in sys.path_hooks:
        with suppress(ImportError):
            hook(path)
            return True
    return False


def _source(path: str) -> bytes:
    """The text of a script; without it we end as python does."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        sys.exit(_no_file(path, error))


def _no_file(path: str, error: OSError) -> int:
    print(f"python: can't open file {path!r}: {error.strerror}", file=sys.stderr)
    return 2


def _excepthook(kind: type[BaseException], failure: BaseException, traceback: TracebackType | None) -> None:
    """A traceback begins with the program, and ends where it calls what Python has."""
    tracebacks.cut(failure, traceback)
    frames = tracebacks.frames(traceback)
    while frames and tracebacks.name(frames[0]) != __file__:
        del frames[0]
    while frames and tracebacks.name(frames[0]) in (__file__, "<frozen runpy>"):
        del frames[0]
    failure.__traceback__ = frames[0] if frames else None
    sys.__excepthook__(kind, failure, failure.__traceback__)
