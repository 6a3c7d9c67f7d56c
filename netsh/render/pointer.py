"""A caret under the word that a complaint is about, in the line that was typed right above."""

from __future__ import annotations

import re

_PLACE = re.compile(r"(?:line (\d+), )?column (\d+): ")
_LINE = re.compile(r"line (\d+): ")
_OPTION = re.compile(r"option(?: requires an argument)? -- (\S)$|option(?: requires an argument)? -- (\S) ")
_WORD = re.compile(r"[^\s;&|<>{}'\"]+")


class Pointer:
    """Knows what was typed, and where on the screen it stands: the complaint must be what comes next there."""

    def __init__(self, typed: str, indent: int, columns: int) -> None:
        lines = typed.rstrip("\n").split("\n")
        self.line = lines[-1]
        self.number = len(lines)
        self.indent = indent
        self.columns = columns

    def under(self, name: str, text: str) -> str:
        """The line with the caret; "" when no word is to blame, or it stands elsewhere."""
        place = self._at(name, text)
        if place is None or self.indent + len(self.line) >= self.columns:
            return ""
        at, length = place
        head = "".join("\t" if letter == "\t" else " " for letter in self.line[:at])
        return " " * self.indent + head + "^" * max(length, 1) + "\n"

    def _at(self, name: str, text: str) -> tuple[int, int] | None:
        found = _PLACE.match(text)
        if found is not None:
            number, column = int(found[1] or 1), int(found[2])
            word = _WORD.match(self.line, column - 1)
            return (column - 1, len(word[0]) if word is not None else 1) if number == self.number else None
        line = _LINE.match(name)
        if (int(line[1]) if line is not None else 1) != self.number:
            return None
        return self._named(name.rpartition(": ")[2], text)

    def _named(self, command: str, text: str) -> tuple[int, int] | None:
        """The word that a complaint begins with, or the only one that it has in it."""
        words = [(found.start(), found[0]) for found in _WORD.finditer(self.line)]
        option = _OPTION.search(text)
        if option is not None:
            letter = option[1] or option[2]
            wrong = [at + word.index(letter) for at, word in words if re.match(rf"-\w*{re.escape(letter)}", word)]
            return (wrong[0], 1) if wrong else None
        blamed = text.partition(":")[0]
        for at, word in words:
            if word in (blamed, text.partition(": ")[0]):
                return at, len(word)
        if blamed and (at := self.line.find(blamed)) >= 0 and " " in blamed:
            return at, len(blamed)
        named = [(at, word) for at, word in words if len(word) > 1 and word != command and _says(text, word)]
        return (named[0][0], len(named[0][1])) if len(named) == 1 else None


def _says(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(word)}(?![\w])", text) is not None
