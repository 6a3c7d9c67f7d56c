"""Whole-number sums, as `$((1 + $i * 2))` asks for them (sh(1), "Arithmetic Expansion").

A sum is of numbers, names of variables, parentheses, and the operators below; it divides as C does.  What is
compared is 1 when it holds, else 0; both sides of && and || are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(
    r"\s*(?:(0[xX][0-9a-fA-F]+|[0-9]+)|([A-Za-z_]\w*)|(<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%()&|^<>!]))", re.ASCII
)
_LIMIT = 1 << 64  # numbers stay small, so that no sum takes all the memory
_DEPTH = 30


def _shift(places: int) -> int:
    return min(max(places, 0), 64)


def _quotient(left: int, right: int) -> int:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


OPERATORS: tuple[dict[str, Callable[[int, int], int]], ...] = (  # the loosest first
    {"||": lambda left, right: int(bool(left or right))},
    {"&&": lambda left, right: int(bool(left and right))},
    {"|": int.__or__},
    {"^": int.__xor__},
    {"&": int.__and__},
    {"==": lambda left, right: int(left == right), "!=": lambda left, right: int(left != right)},
    {
        "<": lambda left, right: int(left < right), "<=": lambda left, right: int(left <= right),
        ">": lambda left, right: int(left > right), ">=": lambda left, right: int(left >= right),
    },
    {"<<": lambda left, right: left << _shift(right), ">>": lambda left, right: left >> _shift(right)},
    {"+": int.__add__, "-": int.__sub__},
    {"*": int.__mul__, "/": _quotient, "%": lambda left, right: left - right * _quotient(left, right)},
)


def evaluate(text: str, variables: dict[str, str]) -> int:
    """What a sum comes to; ValueError for one that makes no sense."""
    reader = _Reader(text, variables)
    value = reader.level(0, 0)
    if reader.token is not None:
        raise ValueError(f"{reader.token}: not expected here")
    return value


class _Reader:
    """A sum, read one token at a time."""

    def __init__(self, text: str, variables: dict[str, str]) -> None:
        self.text = text
        self.at = 0
        self.variables = variables
        self.token: str | None = None
        self.next()

    def next(self) -> None:
        found = _TOKEN.match(self.text, self.at)
        if found is not None:
            self.token = found[1] or found[2] or found[3]
            self.at = found.end()
        elif rest := self.text[self.at :].strip():
            raise ValueError(f"{rest[0]}: not part of a sum")
        else:
            self.token = None

    def level(self, level: int, depth: int) -> int:
        """Read operators of a level of OPERATORS, or tighter ones."""
        if level == len(OPERATORS):
            return self.atom(depth)
        value = self.level(level + 1, depth)
        while self.token is not None and (operate := OPERATORS[level].get(self.token)) is not None:
            self.next()
            try:
                value = operate(value, self.level(level + 1, depth))
            except ZeroDivisionError:
                raise ValueError("division by 0") from None
            if abs(value) >= _LIMIT:
                raise ValueError("the number is too large")
        return value

    def atom(self, depth: int) -> int:
        token = self.token
        if token is None:
            raise ValueError("a number is missing")
        if depth > _DEPTH:
            raise ValueError("too deep")
        self.next()
        if token == "(":
            value = self.level(0, depth + 1)
            if self.token != ")":
                raise ValueError("( is not closed")
            self.next()
            return value
        if token in ("-", "+", "!"):
            value = self.atom(depth + 1)
            return -value if token == "-" else int(not value) if token == "!" else value
        return self.number(token)

    def number(self, token: str) -> int:
        text = self.variables.get(token, token) if token[0].isalpha() or token[0] == "_" else token
        try:
            value = int(text, 16 if text[:2] in ("0x", "0X") else 10)
        except ValueError:
            raise ValueError(f"{token}: not a number") from None
        if abs(value) >= _LIMIT:
            raise ValueError("the number is too large")
        return value
