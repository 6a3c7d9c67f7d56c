"""Lines that are longer than the window, folded at words: a terminal would cut them in the midst of one.

What follows stands under the text, a little to the right, so that it is seen where the next line begins.
"""

from __future__ import annotations

from unicodedata import east_asian_width

_INDENT = 4
_NARROW = 40  # columns; in a window of less, half of that is enough


def folded(text: str, columns: int) -> str:
    """A text whose lines all fit; a word that is too long for any line is cut behind a comma, or as it comes."""
    if len(text) <= columns and "\t" not in text and text.isascii():
        return text
    if "\r" in text or "\b" in text:  # what moves the cursor knows where it is
        return text
    return "".join(_fold(line, columns) for line in text.splitlines(keepends=True))


def _fold(line: str, columns: int) -> str:
    """One line, with its newline, as several."""
    rest = line.expandtabs().removesuffix("\n")
    if _fitting(rest, columns) == len(rest):
        return line
    own = len(rest) - len(rest.lstrip(" "))
    indent = " " * min(own + (_INDENT if columns >= _NARROW else _INDENT // 2), columns // 2)
    if own > columns // 2:
        rest, own = indent + rest[own:], len(indent)
    pieces: list[str] = []
    while len(rest) > (fits := _fitting(rest, columns)):
        least = own if not pieces else len(indent)
        at = rest.rfind(" ", least + 1, fits + 1)
        if at < 0:  # flags=0x8843<UP,BROADCAST,...
            at = rest.rfind(",", least, fits) + 1 or fits
        pieces.append(rest[:at].rstrip(" "))
        rest = indent + rest[at:].lstrip(" ")
    return "\n".join([*pieces, rest]) + ("\n" if line.endswith("\n") else "")


def _fitting(text: str, columns: int) -> int:
    """How many of its characters fit; some take two columns, and some none."""
    if text.isascii():
        return min(columns, len(text))
    taken = 0
    for at, character in enumerate(text):
        kind = east_asian_width(character)
        taken += 2 if kind in "WF" else 0 if 0x300 <= ord(character) < 0x370 else 1
        if taken > columns:
            return max(at, 1)
    return len(text)
