"""`COMMAND --live`: the same as `watch` of it, for whatever draws tables."""

from __future__ import annotations

import sys

from commands.command import Command

_EVERY = "200ms"


def live(command: Command, argv: list[str]) -> list[str] | None:
    """The words of the watch; None for a command that is no table, or knows --live itself.

    A module says by LIVE how often its command is worth a look, and that it is although it has no tables.
    """
    module = sys.modules[command.run.__module__]
    every = getattr(module, "LIVE", _EVERY if getattr(module, "TABLES", None) else None)
    if every is None or "--live" in getattr(module, "WORDS", ()):
        return None
    return ["watch", "-n", every, *(word for word in argv if word != "--live")]
