"""A program's first moments: it finds its way into the lab, and then what Python has is replaced, before it begins."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import io
import os
import runpy
import select
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType, TracebackType
from typing import cast

from stack.dev.hijack import clocks, gate, pipes, polling, signals, tracebacks
from stack.dev.hijack.door import Door
from stack.dev.hijack.files import Files
from stack.dev.hijack.names import Names
from stack.dev.hijack.processes import Births, Processes, aside, die_with
from stack.dev.hijack.threads import Threads

_CHANNEL, _BIRTHS = 3, 4  # descriptors that stack/dev/sysproxy.py has put there


def main() -> None:
    """Become the program that the command line names, as python does."""
    ways = gate.Ways()
    first, births = gate.Remote(aside(_CHANNEL), ways), Births(aside(_BIRTHS), ways)
    ways.add(births.fd)
    die_with(births.fd)
    gate.stand(first)
    door = Door(gate.here, ways)
    signals.install(door)
    Threads(births.thread).install()
    vars(select).update(polling.names(door))
    Files(door).install()
    pipes.install(door)
    Processes(door, births).install()
    first.enter()
    clocks.install(door, first.epoch)
    sys.modules["_socket"] = Names(door).build()
    sys.modules["_queue"] = cast(ModuleType, None)  # queue has one in Python, whose locks are ours
    sys.meta_path.insert(0, _Finder(door))
    sys.stdin = io.TextIOWrapper(io.BufferedReader(_Stdin(door)), encoding="utf-8")
    _run(sys.argv[1:])


class _Stdin(io.RawIOBase):
    """Standard input, as the command has it."""

    name = "<stdin>"

    def __init__(self, door: Door) -> None:
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

    def __init__(self, door: Door) -> None:
        self.door = door
        self.wanted = {"ssl": "tls", "datetime": "dates", "multiprocessing.synchronize": "semaphores"}

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
            importlib.import_module(f"stack.dev.hijack.{change}").install(module, self.door)

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
