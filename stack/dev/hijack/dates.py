"""`datetime`: today is the lab's; in C it has a way of its own to the machine's clock."""

from __future__ import annotations

import datetime
import time
from types import ModuleType
from typing import Self

from stack.dev.hijack.door import Door


class _Kind(type):
    """Those that C has made are of the kind, too."""

    def __instancecheck__(cls, thing: object) -> bool:
        return isinstance(thing, cls.__bases__[0]) if "_ours" in vars(cls) else super().__instancecheck__(thing)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.__bases__[0]) if "_ours" in vars(cls) else super().__subclasscheck__(other)


class _Date(datetime.date, metaclass=_Kind):
    _ours = True

    @classmethod
    def today(cls) -> Self:
        return cls.fromtimestamp(time.time())


class _Datetime(datetime.datetime, metaclass=_Kind):
    _ours = True

    @classmethod
    def today(cls) -> Self:
        return cls.fromtimestamp(time.time())

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Self:
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> Self:
        return cls.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)


def install(module: ModuleType, _door: Door) -> None:
    """Let whoever asks `datetime` have these, under their old names, which repr and pickle go by."""
    for name, kind in (("date", _Date), ("datetime", _Datetime)):
        kind.__module__, kind.__name__, kind.__qualname__ = "datetime", f"datetime.{name}", name
        setattr(module, name, kind)
