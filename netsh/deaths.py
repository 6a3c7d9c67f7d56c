"""Where packets die: the lines of the source that give a drop its reason, read from the source itself.

A packet dies through `drop(reason)` (stack/probe.py).  Mostly the reason stands there; else it comes by a parameter,
as what another function returned, or in a field called `reason`, and is followed back to where it was written.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

import commands
import stack

ROOT = os.path.dirname(stack.__path__[0])
# What others call the object that counts for a protocol; `self` is known by its class.
_RECEIVERS = {
    "bridging": "bridge", "bus": "bus", "ether": "ether", "inet": "ip", "ip": "ip", "rip": "rip", "tcp": "tcp",
    "vlans": "vlan",
}  # fmt: skip
_UNKNOWN = "?"


class Death(NamedTuple):
    """A reason, and a line that names it; `path` is below ROOT.  `?` is what could not be found out."""

    protocol: str
    reason: str
    path: str
    line: int


class Parameter(NamedTuple):
    """A reason that a function was given, as its argument of that number."""

    function: str
    place: int


class _Function(NamedTuple):
    path: str
    owner: str  # its class; "" for none
    node: ast.FunctionDef | ast.AsyncFunctionDef
    calls: list[ast.Call]


Reason = ast.Constant | Parameter


@cache
def deaths() -> tuple[Death, ...]:
    """All of them, in the order of the source; it is read once."""
    return read()


def read() -> tuple[Death, ...]:
    """Read the source, and find them."""
    return tuple(sorted(set(_Reader().deaths()), key=lambda death: (death.path, death.line, death.reason)))


def sources(folders: Iterable[str] = (*stack.__path__, *commands.__path__)) -> Iterator[tuple[str, str]]:
    """The files of Python below some folders: the path below ROOT, and the text."""
    for folder in folders:
        entries = sorted(os.listdir(folder))  # not os.walk, which a client that comes over TCP may not use
        for path in (os.path.join(folder, name) for name in entries):
            if path.endswith(".py"):
                with open(path, encoding="utf-8") as file:
                    yield os.path.relpath(path, ROOT), file.read()
            elif os.path.isdir(path):
                yield from sources((path,))


class _Reader:
    """What has been read: functions, classes, and who passes a reason on to a drop."""

    def __init__(self) -> None:
        self.functions: list[_Function] = []
        self.classes: dict[str, list[ast.ClassDef]] = {}
        self.trees: dict[str, ast.Module] = {}
        self.doors: dict[str, set[tuple[int, str]]] = {}  # functions that drop for the reason they are given
        for path, text in sources():
            if path.startswith("stack") or ".drop(" in text:
                self._read(path, ast.parse(text))

    def _read(self, path: str, tree: ast.Module) -> None:
        self.trees[path] = tree
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                self.classes.setdefault(node.name, []).append(node)
            inner = node.body if isinstance(node, ast.ClassDef) else [node]
            owner = node.name if isinstance(node, ast.ClassDef) else ""
            for each in inner:
                if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                    calls = [call for call in ast.walk(each) if isinstance(call, ast.Call)]
                    self.functions.append(_Function(path, owner, each, calls))

    def deaths(self) -> Iterator[Death]:
        """Follow each drop back; a door that is found may lead to others."""
        found: set[Death] = set()
        known = -1
        while known != (known := sum(map(len, self.doors.values()))):
            found = {death for function in self.functions for death in self._in(function)}
        yield from found

    def _in(self, function: _Function) -> Iterator[Death]:
        for call in function.calls:
            for place, protocol in self._drops(call, function):
                reasons = list(self._reasons(_argument(call, place), function))
                for path, reason in reasons:
                    if isinstance(reason, Parameter):
                        self.doors.setdefault(reason.function, set()).add((reason.place, protocol))
                    else:
                        yield Death(protocol, str(reason.value), path, reason.lineno)
                if not reasons and protocol != _UNKNOWN and _last(call.func) == "drop":
                    yield Death(protocol, _UNKNOWN, function.path, call.lineno)

    def _drops(self, call: ast.Call, function: _Function) -> Iterator[tuple[int, str]]:
        """Which argument of a call is a reason to drop, and for which protocol."""
        name = _last(call.func)
        if name == "drop" and isinstance(call.func, ast.Attribute):
            for protocol in self._protocols(call.func.value, function.owner):
                yield 0, protocol
        elif name != function.node.name:
            yield from self.doors.get(name, ())

    def _protocols(self, receiver: ast.expr, owner: str) -> list[str]:
        name = _last(receiver)
        if isinstance(receiver, ast.Name) and name == "self":
            return sorted(self._above(owner) or self._below(owner))
        return [_RECEIVERS.get(name, _UNKNOWN)]

    def _above(self, name: str) -> set[str]:
        """The protocol that a class has from itself or from its bases."""
        for node in self.classes.get(name, ()):
            bases = [_last(base) for base in node.bases]
            own = {text for text in map(_own_name, node.body) if text not in ("", _UNKNOWN)}
            above = {text for base in bases for text in self._above(base)}
            if own or above:
                return own or above
        return set()

    def _below(self, name: str) -> set[str]:
        """The protocols of those that are made of a class."""
        nodes = [node for nodes in self.classes.values() for node in nodes]
        heirs = {node.name for node in nodes if name in [_last(base) for base in node.bases]}
        return {text for heir in heirs for text in self._above(heir) or self._below(heir)}

    def _reasons(self, value: ast.expr | None, function: _Function) -> Iterator[tuple[str, Reason]]:
        """Where a reason was written, or who gave it; the file, and the place in it."""
        match value:
            case ast.Constant(value=str()):
                yield function.path, value
            case ast.IfExp():
                yield from self._reasons(value.body, function)
                yield from self._reasons(value.orelse, function)
            case ast.Name() if value.id in (names := [arg.arg for arg in function.node.args.args]):
                yield function.path, Parameter(function.node.name, names.index(value.id) - bool(function.owner))
            case ast.Name():
                for node in ast.walk(function.node):
                    if isinstance(node, ast.Assign) and [_last(target) for target in node.targets] == [value.id]:
                        yield from self._reasons(node.value, function)
            case ast.Call():
                yield from self._returned(_last(value.func))
            case ast.Attribute(attr="reason"):
                yield from self._in_fields(function.path)

    def _returned(self, name: str) -> Iterator[tuple[str, Reason]]:
        """What functions of that name return that return a text."""
        for function in self.functions:
            if function.node.name == name and _last(function.node.returns) == "str":
                for node in ast.walk(function.node):
                    if isinstance(node, ast.Return):
                        for path, reason in self._reasons(node.value, function):
                            if isinstance(reason, ast.Constant) and reason.value:
                                yield path, reason

    def _in_fields(self, user: str) -> Iterator[tuple[str, Reason]]:
        """What objects with a field `reason` are made with, of classes that a file has: exceptions, rows of tables."""
        classes = {node.name for node in self.trees[user].body if isinstance(node, ast.ClassDef)}
        for statement in self.trees[user].body:
            if isinstance(statement, ast.ImportFrom):
                classes |= {alias.name for alias in statement.names}
        for path, tree in self.trees.items():
            for node in ast.walk(tree):
                if not isinstance(node, ast.Call) or _last(node.func) not in classes:
                    continue
                if (place := self._field(_last(node.func))) is not None:
                    value = _argument(node, place)
                    if isinstance(value, ast.Constant) and isinstance(value.value, str):
                        yield path, value

    def _field(self, name: str) -> int | None:
        """Which argument of a class is its `reason`."""
        for node in self.classes.get(name, ()):
            fields = [_last(item.target) for item in node.body if isinstance(item, ast.AnnAssign)]
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                    fields = [arg.arg for arg in item.args.args[1:]]
            if "reason" in fields:
                return fields.index("reason")
        return None


def _last(node: ast.AST | None) -> str:
    """The last name of a dotted one."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _argument(call: ast.Call, place: int) -> ast.expr | None:
    return call.args[place] if place < len(call.args) else None


def _own_name(node: ast.stmt) -> str:
    """The text of `name = "tcp"`."""
    match node:
        case ast.Assign(targets=[ast.Name(id="name")], value=ast.Constant(value=str(text))):
            return text
    return ""
