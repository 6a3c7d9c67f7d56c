"""Compare words or numbers, or ask for a file, for `if` and `while`.

The answer is the status.

    [ $x = www ]  [ $x != www ]   words
    [ -n "$x" ]   [ -z "$x" ]     whether there is something in it, or nothing
    [ $i -lt 3 ]                  numbers: -eq -ne -lt -le -gt -ge
    [ -e FILE ]                   whether it is there; -f a file, -d a folder, -s one that is not empty
    [ ! ... ]  [ ... -a ... ]  [ ... -o ... ]  [ '(' ... ')' ]

Examples:

    i=0; while [ $i -lt 3 ] { echo $i; i=$((i + 1)) }
    if [ -e first.netsh ] { source first.netsh } else { echo none }
    test $i -eq 3 && echo three

See test(1); if, while.
"""

from __future__ import annotations

import operator
import os
import stat
from collections.abc import AsyncIterator, Callable
from typing import Any

from commands.command import Usage
from netsh.builtins import builtin, no_rows
from netsh.shell import ShellContext

SYNOPSIS = "test expression"
WORDS = {
    "-n": "it has letters", "-z": "it has none", "-eq": "numbers are equal", "-ne": "they are not", "-lt": "less",
    "-le": "less or equal", "-gt": "greater", "-ge": "greater or equal", "-e": "the file is there", "-f": "a file",
    "-d": "a folder", "-s": "a file that is not empty", "-a": "and", "-o": "or",
}  # fmt: skip
_DEPTH = 30


def _is(path: str, kind: Callable[[os.stat_result], bool]) -> bool:
    try:
        return kind(os.stat(path))
    except (OSError, ValueError):
        return False


_ONE: dict[str, Callable[[str], bool]] = {
    "-n": lambda text: text != "",
    "-z": lambda text: text == "",
    "-e": lambda path: _is(path, lambda _: True),
    "-f": lambda path: _is(path, lambda found: stat.S_ISREG(found.st_mode)),
    "-d": lambda path: _is(path, lambda found: stat.S_ISDIR(found.st_mode)),
    "-s": lambda path: _is(path, lambda found: found.st_size > 0),
}
_WORDS: dict[str, Callable[[str, str], bool]] = {"=": operator.eq, "==": operator.eq, "!=": operator.ne}
_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": operator.eq, "-ne": operator.ne, "-lt": operator.lt, "-le": operator.le, "-gt": operator.gt,
    "-ge": operator.ge,
}  # fmt: skip


class _Question:
    """An expression, read from left to right."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.at = 0
        self.depth = 0

    @property
    def left(self) -> int:
        return len(self.words) - self.at

    def any(self) -> bool:
        """`... -o ...`"""
        holds = self.all()
        while self.left and self.words[self.at] == "-o":
            self.at += 1
            holds = self.all() or holds
        return holds

    def all(self) -> bool:
        """`... -a ...`"""
        holds = self.one()
        while self.left and self.words[self.at] == "-a":
            self.at += 1
            holds = self.one() and holds
        return holds

    def one(self) -> bool:
        """A comparison, whose words may look like anything; else a question of one word, or a word."""
        if not self.left:
            raise Usage("an expression is missing")
        self.depth += 1
        if self.depth > _DEPTH:
            raise Usage("too deep")
        first = self.words[self.at]
        if self.left >= 3 and (self.words[self.at + 1] in _WORDS or self.words[self.at + 1] in _NUMBERS):
            second, third = self.words[self.at + 1 : self.at + 3]
            self.at += 3
            holds = self._compared(first, second, third)
        elif self.left >= 2 and first in ("!", "("):
            self.at += 1
            holds = not self.one() if first == "!" else self._bracketed()
        elif self.left >= 2 and first in _ONE:
            self.at += 2
            holds = _ONE[first](self.words[self.at - 1])
        else:
            self.at += 1
            holds = first != ""
        self.depth -= 1
        return holds

    def _bracketed(self) -> bool:
        holds = self.any()
        if not self.left or self.words[self.at] != ")":
            raise Usage("( is not closed by )")
        self.at += 1
        return holds

    def _compared(self, left: str, operator: str, right: str) -> bool:
        if operator in _WORDS:
            return _WORDS[operator](left, right)
        return _NUMBERS[operator](_number(left), _number(right))


def _number(text: str) -> int:
    digits = text.strip().removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise Usage(f"{text}: not a whole number")
    return int(text)


def parse(argv: list[str]) -> list[str]:
    """Words; none is a question that is not true."""
    return argv


def parse_bracket(argv: list[str]) -> list[str]:
    """Words up to the `]`."""
    if argv[-1:] != ["]"]:
        raise Usage("the ] is missing at the end, a space before it")
    return argv[:-1]


async def run(ctx: ShellContext, words: list[str]) -> AsyncIterator[Any]:
    """Answer with the status."""
    question = _Question(words)
    holds = question.any() if words else False
    if question.left:
        raise Usage(f"{words[question.at]}: not expected here")
    ctx.status = int(not holds)
    return
    yield


COMMAND = builtin("test", SYNOPSIS, parse, run, no_rows)
BRACKET = builtin("[", "[ expression ]", parse_bracket, run, no_rows)
