"""sysctl: the knobs of a host by their BSD names (BSD kern/kern_sysctl.c).

A variable is an attribute of one of the host's protocols, declared beside it in a table; the
attribute's class-level value is the default, so a knob nobody turned costs a host nothing.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from stack.kern.errors import oserror

Value = int | str


class Variable(NamedTuple):
    """A knob: whose attribute it is, what values it takes, and what it is for."""

    owner: str  # the host's attribute that holds the protocol; "" for the host itself
    attribute: str
    help: str
    low: int = 0
    high: int = 0x7FFFFFFF
    choices: tuple[str, ...] = ()  # for words; empty means a number
    writable: bool = True
    changed: str = ""  # the owner's method that is to be called when it was set


class Sysctl:
    """The tree of one host: names to variables."""

    __slots__ = ("root", "table")

    def __init__(self, root: object, table: Mapping[str, Variable]) -> None:
        self.root = root
        self.table = table

    def variable(self, name: str) -> Variable:
        """The knob of that name; OSError ENOENT when there is none."""
        if name not in self.table:
            raise oserror(errno.ENOENT, name)
        return self.table[name]

    def get(self, name: str) -> Value:
        """Its value now."""
        variable = self.variable(name)
        value = getattr(self._owner(variable), variable.attribute)
        return value if isinstance(value, str) else int(value)

    def default(self, name: str) -> Value | None:
        """The value of a knob that nobody turned; None when it has no fixed one."""
        variable = self.variable(name)
        value = getattr(type(self._owner(variable)), variable.attribute, None)
        return value if isinstance(value, (int, str)) else None

    def set(self, name: str, text: str) -> tuple[Value, Value]:
        """Set it from its text; returns the old value and the new.  OSError EPERM, EINVAL, ENOENT."""
        variable = self.variable(name)
        old = self.get(name)
        if not variable.writable:
            raise oserror(errno.EPERM, name)
        new: Value = text
        if variable.choices or isinstance(old, str):
            if variable.choices and text not in variable.choices:
                raise oserror(errno.EINVAL, name)
        else:
            try:
                new = int(text, 0)
            except ValueError:
                raise oserror(errno.EINVAL, name) from None
            if not variable.low <= new <= variable.high:
                raise oserror(errno.EINVAL, name)
        owner = self._owner(variable)
        setattr(owner, variable.attribute, new)
        if variable.changed:
            getattr(owner, variable.changed)()
        return old, new

    def walk(self, prefix: str = "") -> Iterator[str]:
        """The names at or below a prefix, in the order of the table."""
        for name in self.table:
            if not prefix or name == prefix or name.startswith(prefix + "."):
                yield name

    def _owner(self, variable: Variable) -> object:
        return getattr(self.root, variable.owner) if variable.owner else self.root
