"""The text of a page of help taken apart: what it says, lines to try, where to read on.

A command's is the docstring of its module, a word of the language's stands in netsh.topics.  At its end are

    Examples:

        ping -c 3 www
        ping -R -c 1 www    # with the route

    See RFC 792; ping(8); traceroute.

which are lines for the prompt, run in this order by the tests, and then RFCs with their sections, BSD's pages of the
manual, and pages of our own.
"""

from __future__ import annotations

import re
from textwrap import indent
from typing import NamedTuple

_TITLE = "Examples:"
_SEE = re.compile(r"See (.+)\.\Z")


class HelpText(NamedTuple):
    """A page: paragraphs, lines, and names."""

    text: str
    examples: tuple[str, ...]
    see: tuple[str, ...]


def parse(text: str) -> HelpText:
    """Take a page apart; the last two parts may be missing."""
    text, _, rest = text.strip().partition(f"\n{_TITLE}\n")
    if not rest:
        return HelpText(text, (), ())
    block, _, last = rest.strip("\n").rpartition("\n\n")
    found = _SEE.match(last)
    if not found:
        block = rest.strip("\n")
    examples = tuple(line.strip() for line in block.splitlines())
    return HelpText(text.rstrip(), examples, tuple(re.split("[;,] ", found[1])) if found else ())


def page(help: HelpText) -> str:
    """A page whole, as it reads at the prompt."""
    parts = [help.text]
    if help.examples:
        parts += [_TITLE, indent("\n".join(help.examples), "    ")]
    if help.see:
        parts.append(f"See {see_line(help.see)}.")
    return "\n\n".join(parts)


def kind_of(name: str) -> str:
    """What is named behind `See`: an RFC, a page of BSD's manual, or one of ours."""
    return "RFC" if name.startswith("RFC ") else "manual" if name.endswith(")") else "help"


def see_line(names: tuple[str, ...]) -> str:
    """RFCs, BSD's pages and ours: commas among their like, semicolons between."""
    line = ""
    for before, name in zip(("", *names), names, strict=False):
        line += (", " if kind_of(before) == kind_of(name) else "; ") if before else ""
        line += name
    return line
