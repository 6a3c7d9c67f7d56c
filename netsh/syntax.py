"""The tree that a text becomes: statements, chains of commands, and what has a body (sh(1), "Shell Grammar").

netsh.grammar makes it, netsh.interpreter runs it.
"""

from __future__ import annotations

from typing import NamedTuple

from netsh.words import Word


class Redirect(NamedTuple):
    """Where a line's input comes from (`<`) or its output goes (`>` whole, `>>` at the end)."""

    operator: str
    target: Word


class Pipeline(NamedTuple):
    """A command, the filters behind it, and its files."""

    words: tuple[Word, ...]
    filters: tuple[tuple[Word, ...], ...]
    redirects: tuple[Redirect, ...]
    line: int
    source: str


class Assign(NamedTuple):
    """`name=value`, several of them perhaps."""

    pairs: tuple[tuple[str, Word], ...]
    line: int


class Leave(NamedTuple):
    """`break`, `continue`, or `return` with a status perhaps."""

    kind: str
    status: Word | None
    line: int


class Define(NamedTuple):
    """`name() { ... }`"""

    name: str
    body: Script
    line: int


class For(NamedTuple):
    """A loop over words."""

    name: str
    items: tuple[Word, ...]
    body: Script
    line: int


class While(NamedTuple):
    """A loop that goes on while a command succeeds."""

    condition: Chain
    body: Script
    line: int


class If(NamedTuple):
    """Conditions, each with what runs when it is the first that holds; the last may be None, for `else`."""

    arms: tuple[tuple[Chain | None, Script], ...]
    line: int


class Group(NamedTuple):
    """`{ ... }`"""

    body: Script
    line: int


class On(NamedTuple):
    """`HOST { ... }`: commands on a host."""

    host: Word
    body: Script
    line: int


Node = For | While | If | Group | On


class Compound(NamedTuple):
    """What has a body, the filters behind it, and its file."""

    node: Node
    filters: tuple[tuple[Word, ...], ...]
    redirects: tuple[Redirect, ...]
    line: int
    source: str


class Not(NamedTuple):
    """A command that should fail."""

    inner: Pipeline | Compound
    line: int


Link = Pipeline | Assign | Leave | Define | Compound | Not


class Chain(NamedTuple):
    """Commands joined by `&&` and `||`; the operator before the first is empty."""

    links: tuple[tuple[str, Link], ...]


class Statement(NamedTuple):
    """What runs at one go; a `tolerant` one may fail, a `background` one is not waited for."""

    node: Chain
    background: bool
    tolerant: bool
    line: int
    source: str


Script = tuple[Statement, ...]
