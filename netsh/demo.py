"""A script that is typed for an audience: its lines, one step after the other."""

from __future__ import annotations

from collections.abc import Iterator

from netsh.grammar import GrammarError, parse


def steps(text: str) -> list[str]:
    """The lines of a script as one would type them, those of a `{ }` together; GrammarError when it makes no sense."""
    parse(text)
    return list(_steps(text))


def _steps(text: str) -> Iterator[str]:
    begun: list[str] = []
    for line in text.splitlines():
        if not line.strip() and not begun:
            continue
        begun.append(line.rstrip())
        try:
            parse("\n".join(begun))
        except GrammarError:
            continue
        yield "\n".join(begun)
        begun = []
    if begun:
        yield "\n".join(begun)
