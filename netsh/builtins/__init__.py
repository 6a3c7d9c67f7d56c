"""The shell's own commands: one module each, found by its name and imported when it is first run."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from functools import cache
from importlib import import_module
from typing import Any

from commands.command import Command, Usage

ALIASES = {"quit": "exit", ".": "source", "[": "test"}


@cache
def names() -> tuple[str, ...]:
    """The names of all of them, without importing any."""
    files = (os.path.splitext(name) for name in os.listdir(__path__[0]))
    return tuple(sorted(stem for stem, ending in files if ending == ".py" and not stem.startswith("_")))


def module_of(name: str) -> str | None:
    """The module that holds a command; None when it is no command of the shell."""
    module = ALIASES.get(name, name)
    return module if module in names() else None


def find(name: str) -> Command | None:
    """The command of that name; None when it is none of the shell's."""
    module = module_of(name)
    if module is None:
        return None
    loaded = import_module(f"netsh.builtins.{module}")
    found: Command = loaded.BRACKET if name == "[" else loaded.COMMAND
    return found


def builtin(
    name: str,
    synopsis: str,
    parse: Callable[[list[str]], Any],
    run: Callable[..., AsyncIterator[Any]],
    show: Callable[[Any], str],
) -> Command:
    """A command of the shell: its `run` gets a netsh.shell.ShellContext in the place of a Context."""
    return Command(name, synopsis, parse, run, show)


def no_words(argv: list[str]) -> None:
    """The `parse` of a command that takes none."""
    if argv:
        raise Usage(f"{argv[0]}: no words are wanted")


def no_rows(row: Any) -> str:
    """The `show` of a command that has none."""
    return str(row)
