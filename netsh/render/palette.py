"""The colours, one meaning each, and how a line of text gets them; needs no rich, so that ping starts quickly."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any, NamedTuple
from zlib import crc32

# What a colour means; views and lines use no others, and a theme says how each looks.
ADDRESS = "address"
MAC = "mac"
NAME = "name"
GOOD = "good"  # up, reachable, well
BAD = "bad"  # down, unreachable, broken
WARN = "warn"
DROP = "drop"  # what did not arrive
OWN = "own"  # an address of the host itself
FAINT = "faint"
CHANGED = "changed"  # other than at the last look

# What of the environment says how a terminal likes it.
ENVIRONMENT = ("TERM", "NO_COLOR", "COLORTERM", "COLORFGBG", "LANG", "LC_ALL", "LC_CTYPE")

_HOSTS = 8  # colours that hosts have


class Theme(NamedTuple):
    """How each meaning looks, in rich's words for styles, and the colours of hosts."""

    name: str
    styles: dict[str, str]
    hosts: tuple[str, ...]

    def sgr(self, style: str) -> str:
        """What a terminal wants for a meaning, or for the colour of a host."""
        return ";".join(map(_code, self.words(style).split()))

    def words(self, style: str) -> str:
        """The same in rich's words."""
        return self.hosts[int(style[4:])] if style.startswith("host") else self.styles[style]


DARK = Theme(
    "dark",
    {
        ADDRESS: "cyan", MAC: "magenta", NAME: "bold", GOOD: "green", BAD: "red", WARN: "yellow", DROP: "bold red",
        OWN: "bold cyan", FAINT: "dim", CHANGED: "reverse",
    },
    ("color(215)", "color(141)", "color(114)", "color(81)", "color(211)", "color(186)", "color(110)", "color(180)"),
)  # fmt: skip
LIGHT = Theme(
    "light",
    {
        ADDRESS: "color(25)", MAC: "color(90)", NAME: "bold", GOOD: "color(28)", BAD: "color(160)", WARN: "color(130)",
        DROP: "bold color(160)", OWN: "bold color(25)", FAINT: "color(243)", CHANGED: "reverse",
    },
    ("color(130)", "color(91)", "color(22)", "color(24)", "color(125)", "color(94)", "color(60)", "color(88)"),
)  # fmt: skip
THEMES = {theme.name: theme for theme in (DARK, LIGHT)}

_WORDS = {
    "bold": "1", "dim": "2", "reverse": "7", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36",
}  # fmt: skip


def _code(word: str) -> str:
    """A word of rich's as a number of ECMA-48's."""
    return f"38;5;{word[6:-1]}" if word.startswith("color(") else _WORDS[word]


def theme_of(name: str | None, environ: Mapping[str, str] = os.environ) -> Theme:
    """The theme of that name; for None or `auto` the one that COLORFGBG asks for, whose last word is the background."""
    if name in THEMES:
        return THEMES[name]
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT if background in ("7", "15") else DARK


def host_style(name: str) -> str:
    """The colour of a host, which is always the same."""
    return f"host{crc32(name.encode()) % _HOSTS}"

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


def paint(text: str, style: str, theme: Theme = DARK) -> str:
    """The text in one of the colours above, as a terminal wants it."""
    return f"\x1b[{theme.sgr(style)}m{text}\x1b[0m"


def highlight(text: str, theme: Theme = DARK) -> str:
    """A line of text with the addresses and the verdicts in it coloured."""
    return _MEANINGS.sub(lambda found: paint(found[0], _STYLE[found.lastgroup or "bad"], theme), text)


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


# What is drawn beside ASCII, and what stands for it where there is no more than that: a character for a character.
_ASCII = {
    ord(drawn): plain
    for several, plain in (
        ("─╴╶▔", "-"), ("━═", "="), ("│┃║╵╷┊", "|"), ("╭╮╰╯┌┐└┘├┤┬┴┼┿┝┥┯┷┠┨┏┓┗┛╞╡╪", "+"), ("…", "~"), ("❱→►", ">"),
        ("←◄", "<"), ("↑", "^"), ("↓", "v"), ("•", "*"), ("○●", "o"), ("·▂", "."), ("×✗", "x"), ("↺", "@"), ("µ", "u"),
        ("▁", "_"), ("▃", "-"), ("▄", ":"), ("▅", "="), ("▆", "+"), ("▇", "*"), ("█", "#"),
    )
    for drawn in several
}  # fmt: skip


def wants_ascii(out: IO[Any], environ: Mapping[str, str] = os.environ) -> bool:
    """Whether nothing but ASCII may be drawn: the file takes no more, the terminal is dumb, or the locale is C."""
    if environ.get("TERM") in ("dumb", "unknown"):
        return True
    with suppress(LookupError, TypeError):
        if "\u2500".encode(getattr(out, "encoding", None) or "utf-8", errors="replace") == b"?":
            return True
    said = environ.get("LC_CTYPE")
    if said == "C.UTF-8":  # that may be Python's own word, which takes the locale C for UTF-8 (PEP 538)
        said = None
    return (environ.get("LC_ALL") or said or environ.get("LANG")) in ("C", "POSIX")


def ascii_of(text: str) -> str:
    """The text with what is drawn in it in ASCII."""
    return text.translate(_ASCII)
