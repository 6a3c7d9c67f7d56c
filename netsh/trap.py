"""Traps: a function of the stack that tells somebody before it begins, as gdb's breakpoints do.

gdb writes a trap instruction over the first of a function's, and keeps what stood there.  Here it is the function's
code that is exchanged, so that it springs wherever the function was stored before: bound, in a table, as a callback.
A function without a trap has no line more to run, and all others run at their full speed while there are traps.  Who
listens to a busy one can say how to tell a call that is of no interest, which then costs little.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any


class Call:
    """A call that has come into a trap: the function as it is without, and its arguments, which may be changed."""

    def __init__(self, trapped: FunctionType, function: FunctionType, args: list[Any]) -> None:
        self.trapped = trapped
        self.function = function
        self.args = args
        self.taken = False  # the function shall not run, and `value` is what it returns
        self.value: object = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arguments."""
        code = self.function.__code__
        return code.co_varnames[: code.co_argcount]

    def get(self, name: str) -> Any:
        """An argument by its name; None when there is no such."""
        names = self.names[: len(self.args)]
        return self.args[names.index(name)] if name in names else None

    def set(self, name: str, value: object) -> None:
        """Change an argument that there is."""
        self.args[self.names.index(name)] = value


Before = Callable[[Call], None]
After = Callable[[Call, object], None]
Quiet = Callable[[tuple[Any, ...]], bool]  # whether a call with these arguments is of no interest, told quickly


class Trap:
    """What runs in a function's place, for whoever listens to its calls; `after` is told what it has returned."""

    def __init__(self, function: FunctionType) -> None:
        self.function = function
        self.plain = FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        self.plain.__kwdefaults__ = function.__kwdefaults__
        self.plain.__annotations__ = function.__annotations__
        self.before: tuple[Before, ...] = ()
        self.after: tuple[After, ...] = ()
        self.quiet: dict[Before, Quiet] = {}
        self.tests: tuple[Quiet, ...] = ()  # a call is told of unless it is quiet for all of them

    def __call__(self, *args: Any, **more: Any) -> object:
        call = Call(self.function, self.plain, list(args))
        for before in self.before:
            before(call)
            if call.taken:
                return call.value
        value = self.plain(*call.args, **more)
        for after in self.after:
            after(call, value)
        return value

    def settle(self) -> None:
        """Who listens has changed."""
        self.tests = tuple(self.quiet.get(before, _loud) for before in self.before) + (_loud,) * len(self.after)


def _loud(_args: tuple[Any, ...]) -> bool:
    return False


def _sprung(*args: Any, **more: Any) -> object:
    trap: Any = "the trap"
    for quiet in trap.tests:
        if not quiet(args):
            return trap(*args, **more)
    return trap.plain(*args, **more)


def _in_class(__class__: type) -> FunctionType:
    """The same for a function with a `super()` in it: its code has one name from around it, and so must this have."""

    def sprung(*args: Any, **more: Any) -> object:
        trap: Any = "the trap"
        _ = __class__
        for quiet in trap.tests:
            if not quiet(args):
                return trap(*args, **more)
        return trap.plain(*args, **more)

    assert isinstance(sprung, FunctionType)
    return sprung


_SPRUNG = {(): _sprung.__code__, ("__class__",): _in_class(Trap).__code__}  # by the names from around


def code_of(function: FunctionType) -> CodeType:
    """The code of a function, whether there is a trap or not."""
    trap = trap_of(function)
    return function.__code__ if trap is None else trap.plain.__code__


def can_trap(function: FunctionType) -> bool:
    """Whether a trap may be set: not where a function takes names from around it, other than its class.

    One that runs in pieces is stopped when it is called, before its first.
    """
    return code_of(function).co_freevars in _SPRUNG


def trap_of(function: FunctionType) -> Trap | None:
    """The trap that is set at a function."""
    return next((const for const in function.__code__.co_consts if isinstance(const, Trap)), None)


def listen(
    function: FunctionType, before: Before | None = None, after: After | None = None, quiet: Quiet | None = None
) -> None:
    """Be told of all calls of a function, or of those before which `quiet` is not true."""
    trap = trap_of(function)
    if trap is None:
        trap = Trap(function)
        code = _SPRUNG[function.__code__.co_freevars]
        consts = tuple(trap if const == "the trap" else const for const in code.co_consts)
        function.__code__ = code.replace(co_consts=consts, co_name=function.__name__)
    trap.before += () if before is None else (before,)
    trap.after += () if after is None else (after,)
    if before is not None and quiet is not None:
        trap.quiet[before] = quiet
    trap.settle()


def ignore(function: FunctionType, before: Before | None = None, after: After | None = None) -> None:
    """No longer; with the last listener the trap goes."""
    trap = trap_of(function)
    if trap is None:
        return
    trap.before = tuple(each for each in trap.before if each != before)
    trap.after = tuple(each for each in trap.after if each != after)
    trap.quiet = {each: quiet for each, quiet in trap.quiet.items() if each in trap.before}
    trap.settle()
    if not trap.before and not trap.after:
        function.__code__ = trap.plain.__code__
