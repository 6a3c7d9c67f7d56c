"""Show your options, or set one: at once, and for the next time.

They are kept in a TOML file: that of --config or of $NETSH_CONFIG, or config.toml where your system puts such.

Examples:

    option                       # all of them
    option edit vi               # vi's keys edit a line, or emacs'
    option theme light           # colours for a light background
    option keys.f5 'ps -a'       # the key F5 is a line
    option aliases.rt 'netstat -rn'
    option -d edit               # as it is by default

See alias.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands.command import Failure, Usage
from netsh.builtins import builtin
from netsh.settings import SETTINGS, Settings, Value
from netsh.shell import ShellContext
from netsh.words import quote

SYNOPSIS = "option [name [value]]\noption -d name"
WORDS = {name: setting.help for name, setting in SETTINGS.items()}


class Option(NamedTuple):
    """An option: what it is, and what it is for."""

    name: str
    value: Value
    text: str


TABLES: dict[type, str] = {Option: "Options"}


def parse(argv: list[str]) -> list[str]:
    """A name and a value, or less; -d first, perhaps."""
    if argv[:1] == ["-d"] and len(argv) != 2:
        raise Usage("-d wants the name of an option")
    if len(argv) > 2:
        raise Usage(f"{argv[2]}: one value is wanted; quote it if it has blanks")
    return argv


async def run(ctx: ShellContext, words: list[str]) -> AsyncIterator[Option]:
    """Show, or set."""
    settings = ctx.session.settings
    if settings is None:
        raise Failure("options are those of a prompt on your own machine")
    if words[:1] == ["-d"]:
        settings.forget(words[1])
        await _keep(ctx, settings, words[1:])
        return
    if len(words) == 2:
        try:
            settings.take(words[0], words[1])
            ctx.session.use(settings)
        except ValueError as error:
            if "." in words[0]:
                settings.forget(words[0])
            raise Failure(str(error), 2) from None
        await _keep(ctx, settings, words)
        return
    found = [Option(*row) for row in settings.rows() if not words or row[0] == words[0]]
    if not found:
        raise Failure(f"{words[0]}: no such option; 'option' lists them", 2)
    for row in found:
        yield row


async def _keep(ctx: ShellContext, settings: Settings, words: list[str]) -> None:
    """Do as it says, and write it down."""
    session = ctx.session
    session.use(settings)
    try:
        if session.beyond is not None:
            await session.beyond.ask("option", *words)
        else:
            settings.keep(words[0])
    except ValueError as error:
        raise Failure(str(error)) from None


def show(row: Option) -> str:
    """As it would be typed."""
    value = str(row.value).lower() if isinstance(row.value, bool) else str(row.value)
    return f"option {row.name} {quote(value)}"


COMMAND = builtin("option", SYNOPSIS, parse, run, show)
