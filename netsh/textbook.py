"""The stack's source as a text book: its functions by our names and by BSD's, and the lines of each.

A docstring names the function of BSD's that it answers to in brackets: `(ip_input)`.  The index is made from the
text alone, without importing or parsing anything; only what is shown is parsed, to know where it ends.
"""

from __future__ import annotations

import ast
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import stack
from netsh.deaths import ROOT, sources

_CLASS = re.compile(r"class (\w+)(?:\(([^)]*)\))?")
_FUNCTION = re.compile(r"( {4})?(?:async )?def (\w+)\(")
_BRACKETS = re.compile(r"\(([^()]*)\)")
_BSD_NAME = re.compile(r"[a-z]\w*_\w+|(?:arp|if|in|lo|net|rt|sb|so)[a-z0-9]{3,}")
_BODY = re.compile(r":\s*(#.*)?$|\.\.\.$")  # the end of a signature
_PLACE = re.compile(r"(?:.*/)?(\w+\.py):(\d{1,6})")
_SIGNATURE = 8  # lines that a function's signature may take


class Place(NamedTuple):
    """Where a function or a class of the stack's begins."""

    name: str  # with its class: TcpInput.input
    path: str  # below ROOT
    line: int


class Page(NamedTuple):
    """A function, a class, or another statement, whole."""

    name: str
    bsd: tuple[str, ...]  # what BSD calls it
    path: str  # below ROOT
    first: int  # the number of the first line
    lines: tuple[str, ...]
    about: str  # what the head of its file says


class Index:
    """All functions and classes of the stack."""

    def __init__(self) -> None:
        self.places: dict[str, list[Place]] = {}
        self.bsd: dict[str, list[Place]] = {}
        self.methods: dict[str, list[Place]] = {}
        self.bases: dict[str, tuple[str, ...]] = {}
        for path, text in sources(stack.__path__):
            for place, bsd in self._scan(path, text.splitlines()):
                self.places.setdefault(place.name, []).append(place)
                self.methods.setdefault(place.name.rpartition(".")[2], []).append(place)
                for name in bsd:
                    self.bsd.setdefault(name, []).append(place)

    def _scan(self, path: str, lines: list[str]) -> Iterator[tuple[Place, tuple[str, ...]]]:
        """What a file defines, and BSD's names of it."""
        owner = ""
        for at, line in enumerate(lines):
            if (found := _CLASS.match(line)) is not None:
                owner = found[1]
                self.bases[owner] = tuple((found[2] or "").replace(" ", "").split(","))
                yield Place(owner, path, at + 1), ()
            elif (function := _FUNCTION.match(line)) is not None and not line.endswith(": ..."):
                name = f"{owner}.{function[2]}" if function[1] else function[2]
                yield Place(name, path, at + 1), bsd_names(_said(lines[at : at + _SIGNATURE]))

    def find(self, name: str) -> list[Place]:
        """Those that a name means: ours, BSD's, or that of a method; whatever its case if it must be."""
        owner, _, method = name.rpartition(".")
        found = self.places.get(name) or self._inherited(owner, method) or self.bsd.get(name)
        if not found:
            same = next((each for each in self.names() if each.lower() == name.lower()), "")
            found = self.places.get(same) or self.bsd.get(same)
        return found or self.methods.get(name, [])

    def _inherited(self, owner: str, method: str) -> list[Place]:
        """A method of a class, or of what it is made of."""
        for base in self.bases.get(owner, ()) if method else ():
            if found := self.places.get(f"{base}.{method}") or self._inherited(base, method):
                return found
        return []

    def names(self) -> list[str]:
        """All names, BSD's first."""
        return [*sorted(self.bsd), *sorted(self.places.keys() - self.bsd.keys())]


@cache
def index() -> Index:
    """The index, made when it is first asked for."""
    return Index()


def _said(lines: list[str]) -> str:
    """The first line of the docstring of a function that begins there; "" when it has none."""
    for line, after in itertools.pairwise(lines):
        if after.lstrip().startswith('"""'):
            return after
        if _BODY.search(line):
            break
    return ""


def bsd_names(said: str) -> tuple[str, ...]:
    """The names in brackets in a line of a docstring."""
    words = [word.strip() for inner in _BRACKETS.findall(said) for word in re.split("[,;:]", inner)]
    return tuple(word for word in words if _BSD_NAME.fullmatch(word))


def page(path: str, line: int) -> Page | None:
    """What a line of a file belongs to; None when nothing stands there."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        text = file.read()
    tree = ast.parse(text)
    name, found = os.path.basename(path), _holds(tree.body, line)
    if isinstance(found, ast.ClassDef):
        name, inner = found.name, _holds(found.body, line)
        if isinstance(inner, _FUNCTIONS):
            name, found = f"{name}.{inner.name}", inner
    elif isinstance(found, _FUNCTIONS):
        name = found.name
    if found is None:
        return None
    first, last = _first(found), found.end_lineno or found.lineno
    said = ast.get_docstring(found) or "" if isinstance(found, _FUNCTIONS) else ""
    about = " ".join((ast.get_docstring(tree) or "").partition("\n\n")[0].split())
    lines = tuple(text.splitlines()[first - 1 : last])
    return Page(name, bsd_names(said.partition("\n")[0]), path, first, lines, about)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _holds(body: Sequence[ast.stmt], line: int) -> ast.stmt | None:
    """The statement that a line belongs to."""
    return next((node for node in body if _first(node) <= line <= (node.end_lineno or node.lineno)), None)


def _first(node: ast.stmt) -> int:
    """Its first line, with what decorates it."""
    decorators = node.decorator_list if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def pages_of(lines: Iterable[tuple[str, int]]) -> list[tuple[Page, tuple[int, ...]]]:
    """The functions in which some lines of some files stand, each with those lines."""
    found: dict[tuple[str, int], tuple[Page, tuple[int, ...]]] = {}
    for path, line in lines:
        each = page(path, line)
        if each is not None:
            _, before = found.get((path, each.first), (each, ()))
            found[path, each.first] = each, (*before, line)
    return list(found.values())


def at_line(word: str) -> list[tuple[str, int]] | None:
    """The files and the line that `ip_input.py:252` means, with folders or without; None when it is no such word."""
    found = _PLACE.fullmatch(word)
    if found is None:
        return None
    paths = {place.path for places in index().places.values() for place in places}
    wanted = word.rpartition(":")[0]
    return [(path, int(found[2])) for path in sorted(paths) if f"/{path}".endswith(f"/{wanted}")]
