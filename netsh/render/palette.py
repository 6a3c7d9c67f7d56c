"""The colours, one meaning each, and how a line of text gets them; needs no rich, so that ping starts quickly."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

# What a colour means, by the name rich has for it; views and lines use no others.
ADDRESS = "cyan"
MAC = "magenta"
NAME = "bold"
GOOD = "green"
BAD = "red"
FAINT = "dim"

_SGR = {ADDRESS: "36", MAC: "35", NAME: "1", GOOD: "32", BAD: "31", FAINT: "2"}

# Lines and arrows for terminals that know no Unicode.
ASCII = str.maketrans("│─►◄✗●↺┼├┤…", "|-><xo@+||~")

_MEANINGS = re.compile(
    r"(?P<mac>\b(?:[0-9a-f]{1,2}:){5}[0-9a-f]{1,2}\b)"
    r"|(?P<address>\b\d{1,3}(?:\.\d{1,3}){3}(?:/\d+)?(?![.\w]))"
    r"|(?P<good>\b0\.0% packet loss|\bUP\b)"
    r"|(?P<bad>\b[\d.]+% packet loss|\b[Uu]nreachable\b|\bexceeded\b|\btimed out\b|\brefused\b|\bDOWN\b"
    r"|✗(?: [a-z]+(?:/\w+)?)?)"
)
_STYLE = {"mac": MAC, "address": ADDRESS, "good": GOOD, "bad": BAD}

# What a terminal would obey: all of C0 and C1 but tab, newline, carriage return and backspace.
_CONTROLS = {code: f"^{chr(code ^ 64)}" for code in [*range(32), 127] if code not in (8, 9, 10, 13)}
_CONTROLS |= {code: f"\\x{code:02x}" for code in range(128, 160)}
_MOVING = _CONTROLS | {code: f"^{chr(code ^ 64)}" for code in (8, 13)}
_CONTROL_BYTES = re.compile(rb"[\0-\x07\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]")


def paint(text: str, style: str) -> str:
    """The text in one of the colours above, as a terminal wants it."""
    return f"\x1b[{_SGR[style]}m{text}\x1b[0m"


def highlight(text: str) -> str:
    """A line of text with the addresses and the verdicts in it coloured."""
    return _MEANINGS.sub(lambda found: paint(found[0], _STYLE[found.lastgroup or "bad"]), text)


def visible(text: str) -> str:
    """The text with control characters shown, not obeyed: what came over a network must not steer a terminal."""
    return text.translate(_CONTROLS)


def steady(text: str) -> str:
    """The same, with carriage return and backspace shown, too: what a line says is not written over."""
    return text.translate(_MOVING)


def visible_bytes(data: bytes) -> bytes:
    """The same of bytes, of whatever encoding they are and wherever they are cut."""
    return _CONTROL_BYTES.sub(lambda found: visible(found[0].decode()).encode(), data)


def wants_colour(terminal: bool, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether to colour at all: on a terminal, unless NO_COLOR is set or the terminal is dumb."""
    return terminal and not environ.get("NO_COLOR") and environ.get("TERM") not in ("dumb", "unknown")
