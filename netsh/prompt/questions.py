"""`?`: what may come next, listed above the line at once."""

from __future__ import annotations

from collections.abc import Sequence

from netsh.prompt.complete import Candidate

_GAP = 2


def asks(before: str) -> bool:
    """Whether a `?` typed behind a text is a question, and not a letter in quotes, in a URL, or of `$?`."""
    quote = ""
    escaped = False
    word = ""
    for letter in before:
        if escaped:
            escaped = False
        elif letter == "\\" and quote != "'":
            escaped = True
        elif letter == quote:
            quote = ""
        elif not quote and letter in "'\"":
            quote = letter
        elif not quote and letter == "#" and not word:
            quote = "\n"
        word = "" if letter in " \t\n;&|<>" and not quote else word + letter
    return not quote and not escaped and "://" not in word and not word.endswith(("$", "${"))


def answer(found: Sequence[Candidate], columns: int, rows: int) -> str:
    """What may come next as lines that fit: a word and its help each, or words alone when there are too many."""
    if not found:
        return "nothing is known here\n"
    widest = max(len(each.text) for each in found) + _GAP
    if len(found) <= rows:
        room = max(columns - widest - _GAP - 1, 0)
        return "".join(f"  {each.text:<{widest}}{each.help[:room]}".rstrip() + "\n" for each in found)
    across = max((columns - 1 - _GAP) // widest, 1)
    shown, down = list(found), -(-len(found) // across)
    if down > rows:
        down = rows
        shown = shown[: across * down - 1]
    lines = [shown[at :: down] for at in range(down)]
    texts = ["".join(f"{each.text:<{widest}}" for each in line).rstrip() for line in lines]
    more = len(found) - len(shown)
    return "".join(f"  {text[: columns - 3]}\n" for text in texts) + (f"  ... and {more} more\n" if more else "")
