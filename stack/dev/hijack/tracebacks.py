"""Tracebacks that end where a program calls what Python has, as they would if that were written in C."""

from __future__ import annotations

import os
from types import TracebackType

_HERE = os.path.dirname(__file__) + os.sep


def frames(traceback: TracebackType | None) -> list[TracebackType]:
    """Its parts, the outermost first."""
    found = []
    while traceback is not None:
        found.append(traceback)
        traceback = traceback.tb_next
    return found


def name(frame: TracebackType) -> str:
    """The file of one."""
    return frame.tb_frame.f_code.co_filename


def cut(failure: BaseException | None, traceback: TracebackType | None) -> None:
    """Cut our own frames off, of a failure and of those that it came from."""
    seen = set()
    while failure is not None and id(failure) not in seen:
        seen.add(id(failure))
        parts = frames(traceback)
        while len(parts) > 1 and name(parts[-1]).startswith(_HERE):
            parts.pop()
            parts[-1].tb_next = None
        failure = failure.__cause__ or failure.__context__
        traceback = failure.__traceback__ if failure is not None else None
