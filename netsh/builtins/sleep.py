"""Let time pass on the lab's clock.

A number alone is seconds; m, h and d are minutes, hours and days.

Examples:

    sleep 2s
    sleep 100ms
    sleep 1m
    ping www & sleep 3; kill -INT %1

See sleep(1); clock, wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from commands.command import Usage
from netsh import units
from netsh.builtins import builtin, no_rows
from netsh.shell import ShellContext
from stack.kern.proc import pause

_LONGEST = 1e9
_LONGER = {"m": 60, "h": 3600, "d": 86400}  # as in FreeBSD's

SYNOPSIS = "sleep time"


def parse(argv: list[str]) -> float:
    """Seconds; a number alone is some, as in sleep(1)."""
    if len(argv) != 1:
        raise Usage("one time is wanted")
    number, unit = argv[0][:-1], argv[0][-1:]
    try:
        if unit in _LONGER and number[:1].isdigit() and number[-1:].isdigit():
            seconds = units.parse(units.DURATION, number + "s") * _LONGER[unit]
        else:
            seconds = units.parse(units.DURATION, argv[0] + "s" if unit.isdigit() else argv[0])
    except ValueError as error:
        raise Usage(str(error)) from None
    if seconds > _LONGEST:
        raise Usage(f"{argv[0]}: more than {_LONGEST:.0f} seconds, which are thirty years")
    return seconds


async def run(ctx: ShellContext, seconds: float) -> AsyncIterator[Any]:
    """Sleep."""
    await pause(seconds)
    return
    yield


COMMAND = builtin("sleep", SYNOPSIS, parse, run, no_rows)
