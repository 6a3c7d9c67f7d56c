"""A script that is typed for an audience: its lines, one step after the other."""

from __future__ import annotations

from collections.abc import Iterator

from netsh.files import read_text
from netsh.grammar import GrammarError, describe, parse
from stack.kern.errors import reason


class NoDemo(ValueError):
    """A script that cannot be typed: why, and the status that this is."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


def of_file(path: str) -> list[str]:
    """The lines of a script; NoDemo when it cannot be read, or makes no sense."""
    try:
        text = read_text(path)
        return steps(text)
    except GrammarError as error:
        raise NoDemo(": ".join(describe(error, text, path)), 2) from None
    except (OSError, ValueError) as error:
        raise NoDemo(f"{path}: {reason(error)}", 1) from None


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
