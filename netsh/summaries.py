"""What a command is for, in a line: the first sentence of its module, found without importing it."""

from __future__ import annotations

import re

_END = re.compile(r"(?<!\.)\. ")  # of a sentence: an ellipsis is within one


def summary(path: str) -> str:
    """The first sentence of a module's docstring; "" when there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            head = file.read(2000)
    except OSError:
        return ""
    _, _, rest = head.partition('"""')
    return first_sentence(rest.partition('"""')[0])


def first_sentence(text: str) -> str:
    """That of a text, without its full stop."""
    paragraph = text.partition("\n\n")[0]
    return _END.split(" ".join(paragraph.split()))[0].removesuffix(".")
