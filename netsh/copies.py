"""Python's own modules once more, each built on others than those it would find."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

_lock = threading.RLock()  # what `import` finds is lent to one at a time


@contextmanager
def lent(modules: Mapping[str, ModuleType]) -> Iterator[None]:
    """Let `import` find other modules for a moment, and a package other parts of it."""
    with _lock:
        before = {name: sys.modules.get(name) for name in modules}
        _put(modules)
        try:
            yield
        finally:
            _put(before)


def copy(name: str) -> ModuleType:
    """A module once more, built on what is lent."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with lent({name: module}):  # where enum looks for the constants
        spec.loader.exec_module(module)
    return module


def changed(module: ModuleType, names: Mapping[str, object]) -> ModuleType:
    """A module like another one, but for some names."""
    new = ModuleType(module.__name__, module.__doc__)
    vars(new).update({name: value for name, value in vars(module).items() if not name.startswith("__")})
    vars(new).update(names)
    return new


def _put(modules: Mapping[str, ModuleType | None]) -> None:
    for name, module in modules.items():
        package, _, part = name.rpartition(".")
        if module is None:
            del sys.modules[name]
            continue
        sys.modules[name] = module
        if package:
            setattr(sys.modules[package], part, module)
