"""Where the lessons are: beside the packages in a source tree, or where an installation has put them."""

from __future__ import annotations

import os
import re
import sys

import netsh

TOUR = "tour"  # a lesson that is no part of the course
_ENDING = ".md"
_TITLE = re.compile(r"""^title: "?(.*?)"?$""", re.MULTILINE)


def folder() -> str | None:
    """The folder of the course; None when there is none.

    pip puts it below the prefix, which is three folders up from the packages, or with --target right beside them; it
    has written that down, too, but to ask for it (importlib.metadata) takes 30 ms.
    """
    site = os.path.dirname(os.path.dirname(os.path.abspath(netsh.__file__)))
    share = os.path.join("share", "netsh", "tutorials")
    roots = (site, os.path.join(site, "..", "..", ".."), sys.prefix)
    places = (os.path.join(site, "tutorials"), *(os.path.normpath(os.path.join(root, share)) for root in roots))
    return next((place for place in places if os.path.isdir(place)), None)


def names() -> list[str]:
    """The lessons of the course, in order."""
    where = folder()
    files = sorted(os.listdir(where)) if where is not None else []
    return [name.removesuffix(_ENDING) for name in files if name.endswith(_ENDING) and name[:1].isdigit()]


def path_of(word: str) -> str | None:
    """The file of a lesson by its number, its name or a part of it, or a path; None when there is none such."""
    where = folder()
    if "/" in word or word.endswith(_ENDING):
        return word
    if word == TOUR:
        return os.path.join(os.path.dirname(os.path.abspath(__file__)), TOUR + _ENDING)
    known = names()
    if word.isascii() and word.isdigit():
        fitting = [name for name in known if int(name.partition("-")[0]) == int(word)]
    else:
        fitting = [name for name in known if word in (name, name.partition("-")[2])]
        fitting = fitting or [name for name in known if word in name]
    return os.path.join(where, fitting[0] + _ENDING) if fitting and where is not None else None


def title_of(name: str) -> str:
    """The title of a lesson of the course, read from its front matter and nowhere else; "" when it has none."""
    try:
        with open(path_of(name) or "", encoding="utf-8") as file:
            found = _TITLE.search(file.read(500))
    except (OSError, ValueError):
        return ""
    return found[1] if found is not None else ""
