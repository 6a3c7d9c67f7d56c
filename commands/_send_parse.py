"""Reads packets in scapy's notation; nothing of it is evaluated: only layers with literals are known.

expression := layer ("/" (layer | text))*
layer      := NAME "(" [NAME "=" value ("," NAME "=" value)*] ")"
value      := number | text | bytes | None | True | False | [value, ...] | (value, ...) | text * number | expression
"""

from __future__ import annotations

import ast
from typing import NamedTuple, NoReturn

_LONGEST = 65535  # bytes of a text that is repeated
_DEPTH = 20
_MOST = 4000  # characters


class Wrong(Exception):
    """An expression that makes no sense: the words, and where."""

    def __init__(self, text: str, column: int) -> None:
        super().__init__(text)
        self.column = column


class Setting(NamedTuple):
    """`ttl=3`: the value is a number, text, bytes, None, a list or tuple of such, or a Stack."""

    name: str
    value: object
    column: int  # of the name
    value_column: int


class Layer(NamedTuple):
    """`IP(ttl=3)`, and where it stands."""

    name: str
    settings: tuple[Setting, ...]
    column: int


class Stack(NamedTuple):
    """Layers, the outermost first."""

    layers: tuple[Layer, ...]


def parse(text: str) -> Stack:
    """Read an expression; Wrong when it is none."""
    if len(text) > _MOST:
        raise Wrong(f"more than {_MOST} characters", 0)
    if "\0" in text or "\n" in text:
        raise Wrong("it stands on one line", min(at for at in (text.find("\0"), text.find("\n")) if at >= 0))
    if not text.strip():
        raise Wrong("a layer is expected, such as IP(dst='10.0.0.1')", 0)
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise Wrong(_syntax(error), max((error.offset or 1) - 1, 0)) from None
    except (RecursionError, MemoryError, ValueError):
        raise Wrong("too deep, or a number that is too long", 0) from None
    return Stack(tuple(_Reader(text).layers(tree.body, 0)))


def _syntax(error: SyntaxError) -> str:
    """Python's words for it, without its advice."""
    words = error.msg.partition(". ")[0].partition(" (")[0]
    return {"invalid syntax": "this is no packet"}.get(words, words)


class _Reader:
    """Turns Python's tree into ours."""

    def __init__(self, text: str) -> None:
        self.line = text.encode()

    def column(self, node: ast.expr | ast.keyword) -> int:
        """Where it stands, in characters; Python counts bytes."""
        return len(self.line[: node.col_offset].decode(errors="replace"))

    def wrong(self, text: str, node: ast.expr | ast.keyword) -> NoReturn:
        raise Wrong(text, self.column(node))

    def layers(self, node: ast.expr, depth: int) -> list[Layer]:
        """Layers, one in the other."""
        found: list[Layer] = []
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                waiting += [node.right, node.left]
            elif isinstance(node, ast.Call):
                found.append(self._layer(node, depth))
            elif found and isinstance(node, ast.Constant | ast.BinOp):
                found.append(self._payload(node, depth))
            elif isinstance(node, ast.Name):
                self.wrong(f"{node.id}: parentheses are missing: {node.id}()", node)
            else:
                self.wrong("a layer is expected, such as IP(dst='10.0.0.1')", node)
        return found

    def _payload(self, node: ast.expr, depth: int) -> Layer:
        """A text behind a slash."""
        value = self._value(node, depth)
        if not isinstance(value, str | bytes):
            self.wrong("a layer or a text is expected behind /", node)
        data = value if isinstance(value, bytes) else value.encode()
        return Layer("Raw", (Setting("load", data, self.column(node), self.column(node)),), self.column(node))

    def _layer(self, node: ast.Call, depth: int) -> Layer:
        if not isinstance(node.func, ast.Name):
            self.wrong("only names of layers can be called", node)
        if depth > _DEPTH:
            self.wrong("too deep", node)
        settings: list[Setting] = []
        for argument in node.args:
            if node.func.id != "Raw" or settings:
                self.wrong(f"a field needs its name: {node.func.id}(field=value)", argument)
            load = self._payload(argument, depth)
            settings = [*load.settings]
        for keyword in node.keywords:
            if keyword.arg is None:
                self.wrong("** is not known here", keyword)
            if keyword.arg in [each.name for each in settings]:
                self.wrong(f"{keyword.arg} a second time", keyword)
            value = self._value(keyword.value, depth + 1)
            settings.append(Setting(keyword.arg, value, self.column(keyword), self.column(keyword.value)))
        return Layer(node.func.id, tuple(settings), self.column(node))

    def _value(self, node: ast.expr, depth: int) -> object:
        if depth > _DEPTH:
            self.wrong("too deep", node)
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | bytes() | None):
                return node.value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return -number
            case ast.List():
                return [self._value(each, depth + 1) for each in node.elts]
            case ast.Tuple():
                return tuple(self._value(each, depth + 1) for each in node.elts)
            case ast.BinOp(op=ast.Mult()):
                return self._repeated(node, depth)
            case ast.Call() | ast.BinOp(op=ast.Div()):
                return Stack(tuple(self.layers(node, depth)))
            case ast.Name():
                self.wrong(f"{node.id}: text stands in quotes, and names are those of layers", node)
        self.wrong("a number, a text, a list or a layer is expected", node)

    def _repeated(self, node: ast.BinOp, depth: int) -> str | bytes:
        """`'x' * 100`"""
        what, times = self._value(node.left, depth + 1), self._value(node.right, depth + 1)
        if not isinstance(what, str | bytes) or not isinstance(times, int):
            self.wrong("only a text can be repeated, a number of times", node)
        if len(what) * times > _LONGEST:
            self.wrong(f"longer than {_LONGEST} bytes", node)
        return what * times
