"""What an alias stands for: one command, with filters perhaps."""

from __future__ import annotations

import re
from collections.abc import Callable

from netsh.grammar import KEYWORDS, GrammarError, parse
from netsh.settings import Settings
from netsh.syntax import Pipeline

_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


def command_of(name: str, text: str) -> Pipeline:
    """The command that an alias stands for; ValueError, with words, when it cannot."""
    if _NAME.fullmatch(name) is None or name in KEYWORDS:
        raise ValueError(f"{name}: no name for an alias")
    try:
        script = parse(text)
    except GrammarError as error:
        raise ValueError(f"{name}: {error}") from None
    links = script[0].node.links if len(script) == 1 and not script[0].background else ()
    link = links[0][1] if len(links) == 1 else None
    if not isinstance(link, Pipeline) or script[0].tolerant:
        raise ValueError(f"{name}: an alias is one command; {name}() {{ ... }} is a function of several")
    return link


def drop_wrong(settings: Settings, complain: Callable[[str], None]) -> None:
    """Forget aliases that are none, each with a word."""
    for name, text in list(settings.aliases.items()):
        try:
            command_of(name, text)
        except ValueError as error:
            complain(f"{settings.path}: aliases.{error}")
            del settings.aliases[name]
