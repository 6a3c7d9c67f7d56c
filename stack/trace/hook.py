"""The hook: calls whoever listens when a function of the stack is entered and left (FreeBSD's dtrace fbt provider).

It is Python's own profiling hook (`sys.setprofile`), which is there only while somebody listens: a stack that is
not looked at has no line more to run.  Several may listen at once, to the same functions or to others.  A listener
may look at the frame, change the packet in it, and even let other greenlets run before it returns; whatever it
calls is not seen itself.

Bursts of packets may take a fast way past all doors (stack/netinet/ip_flow.py): `look_on` has a lab's packets go the
long way, one by one.

The hook is one of the thread's, as Python's is, so it belongs to no lab: who listens looks whose function it is
(`protocol_of` in stack/trace/door.py, whose `probes` are its lab's).
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

from stack.kern.errors import oserror
from stack.mbuf import Mbuf
from stack.probe import Probes

Enter = Callable[[FrameType], None]
Leave = Callable[[FrameType, object], None]  # with what it returns; None, too, when it is left by an exception


class Hook:
    """Who listens to which function."""

    __slots__ = ("entered", "left", "profile")

    def __init__(self) -> None:
        self.entered: dict[CodeType, tuple[Enter, ...]] = {}
        self.left: dict[CodeType, tuple[Leave, ...]] = {}
        self.profile = self._dispatch  # bound once: it is how the hook is known again

    def _dispatch(self, frame: FrameType, event: str, value: object) -> None:
        """Something is called, or returns; most of it interests nobody."""
        if event == "call":
            for enter in self.entered.get(frame.f_code, ()):
                enter(frame)
        elif event == "return":
            for leave in self.left.get(frame.f_code, ()):
                leave(frame, value)

    def listen(self, code: CodeType, enter: Enter | None = None, leave: Leave | None = None) -> None:
        """Be called when the function with that code is entered, before its first line, and when it is left."""
        if enter is not None:
            self.entered[code] = (*self.entered.get(code, ()), enter)
        if leave is not None:
            self.left[code] = (*self.left.get(code, ()), leave)
        sys.setprofile(self.profile)

    def ignore(self, code: CodeType, enter: Enter | None = None, leave: Leave | None = None) -> None:
        """No longer; with the last listener the hook itself goes.  Harmless for who does not listen."""
        if enter is not None:
            self.entered[code] = tuple(each for each in self.entered.get(code, ()) if each != enter)
            if not self.entered[code]:
                del self.entered[code]
        if leave is not None:
            self.left[code] = tuple(each for each in self.left.get(code, ()) if each != leave)
            if not self.left[code]:
                del self.left[code]
        if not self.entered and not self.left and sys.getprofile() is self.profile:
            sys.setprofile(None)


def hook() -> Hook:
    """The hook of this thread: the one at work, or a new one; OSError EBUSY while it is profiled otherwise."""
    profile = sys.getprofile()
    if profile is None:
        return Hook()
    owner = getattr(profile, "__self__", None)
    if not isinstance(owner, Hook):
        raise oserror(errno.EBUSY)
    return owner


class Away:
    """Keeps the hook away from what is no part of the stack, such as drawing and typing, which it would slow down.

    `with Away():` around that; what runs there and is of the stack after all is put into `with away.back():`.
    """

    __slots__ = ("hook",)

    def __init__(self) -> None:
        self.hook: Hook | None = None

    def __enter__(self) -> Away:
        owner = getattr(sys.getprofile(), "__self__", None)
        self.hook = owner if isinstance(owner, Hook) else None
        if self.hook is not None:
            sys.setprofile(None)
        return self

    def __exit__(self, *_: object) -> None:
        if self.hook is not None and (self.hook.entered or self.hook.left):
            sys.setprofile(self.hook.profile)

    @contextmanager
    def back(self) -> Iterator[None]:
        """The hook is back for a while."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()


def look_on(probes: Probes) -> None:
    """Somebody wants to see each packet of a lab at every door."""
    probes.receive += (_seen,)


def look_away(probes: Probes) -> None:
    """One fewer does."""
    others = [probe for probe in probes.receive if probe is not _seen]
    probes.receive = (*others, *[_seen] * (len(probes.receive) - len(others) - 1))


def _seen(_host: str, _protocol: str, _m: Mbuf) -> None:
    """That somebody listens is all that matters."""
