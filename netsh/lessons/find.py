"""A lesson by a word for it."""

from __future__ import annotations

from netsh.lessons import parse
from netsh.lessons.form import Lesson
from netsh.lessons.where import TOUR, folder, names, path_of
from netsh.prompt.nearest import nearest

__all__ = ["TOUR", "NoLesson", "folder", "load", "names", "path_of"]


class NoLesson(LookupError):
    """There is no lesson of that name; the words say so."""


def load(word: str) -> Lesson:
    """The lesson that a word means; NoLesson when there is none, BadLesson when it is broken."""
    path = path_of(word)
    if path is None:
        known = nearest(word, [name.partition("-")[2] for name in names()])
        cure = f"did you mean {known}?" if known else "'tutorial' lists them"
        raise NoLesson(f"{word}: no such lesson; {cure}")
    return parse.load(path)
