"""Patterns as grep has them, basic and extended (re_format(7), IEEE Std 1003.1 9), as Python's.

What POSIX leaves open stays Python's: `\\d`, `\\b` and the like, in both kinds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "xdigit": "0-9A-Fa-f",
    "space": r"\s", "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~", "print": " -~", "graph": "!-~", "cntrl": r"\x00-\x1f\x7f",
}  # fmt: skip
_BRACKET = re.compile(r"\[\^?\]?(?:\[[:.=][^\]]*[:.=]\]|[^\]])*\]")
_CLASS = re.compile(r"\[:(\w*):\]")
_TURNED = "(){}+?|"  # a backslash before one of these says the opposite in a basic pattern


def basic(pattern: str) -> str:
    r"""A basic pattern as Python's: `+ ? | ( ) { }` are themselves, and operators behind a backslash."""
    return "".join(_turned(pattern))


def extended(pattern: str) -> str:
    """An extended pattern as Python's; they differ in brackets, and in braces that hold no numbers."""
    return "".join(_pieces(pattern))


def _turned(pattern: str) -> Iterator[str]:
    begins = True  # where a star is a star, and `^` an anchor
    for piece in _pieces(pattern, braces=False):
        plain = piece.removeprefix("\\")
        turned = len(plain) == 1 and plain in _TURNED
        if turned:
            yield plain if piece != plain else "\\" + plain
        elif (piece == "*" and begins) or (piece == "^" and not begins):
            yield "\\" + piece
        else:
            yield piece
        begins = (begins and piece == "^") or piece in ("\\(", "\\|")


def _pieces(pattern: str, *, braces: bool = True) -> Iterator[str]:
    """One element after the other: a character, an escape, a set in brackets."""
    at = 0
    while at < len(pattern):
        end = at + (2 if pattern[at] == "\\" else 1)
        piece = pattern[at:end]
        if piece == "[":
            found = _BRACKET.match(pattern, at)
            if found is None:
                raise re.error("brackets ([ ]) not balanced")
            piece, end = _set(found[0]), found.end()
        elif piece in ("\\<", "\\>"):
            piece = r"\b(?=\w)" if piece == "\\<" else r"\b(?<=\w)"
        elif braces and piece == "{" and not re.match(r"\{\d+(,\d*)?\}", pattern[at:]):
            piece = r"\{"
        yield piece
        at = end


def _set(text: str) -> str:
    """A set in brackets: a backslash in it is itself, a class such as [:digit:] its ranges."""
    opening = "[^" if text[1] == "^" else "["
    inside = text[len(opening) : -1].replace("\\", "\\\\")
    parts = _CLASS.split(inside)
    for at in range(1, len(parts), 2):
        if parts[at] not in _CLASSES:
            raise re.error(f"there is no class [:{parts[at]}:]")
        parts[at] = _CLASSES[parts[at]]
    parts[::2] = [re.sub(r"[][&|~]|-(?=-)", r"\\\g<0>", part) for part in parts[::2]]
    return opening + "".join(parts) + "]"
