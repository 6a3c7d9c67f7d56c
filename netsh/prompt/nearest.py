"""The known words that an unknown one may stand for: those that it begins, or is most like."""

from __future__ import annotations

from collections.abc import Iterable


def beginning(typed: str, known: Iterable[str]) -> list[str]:
    """The known words that begin so, in order; one alone where it begins all the others: `route`, not `routed`."""
    found = sorted({word for word in known if word.startswith(typed)})
    return found[:1] if all(word.startswith(found[0]) for word in found) else found


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The closest of the known words; None when none is close."""
    known, word = sorted(set(known)), word.lower()
    best, least = None, max((len(word) + 1) // 3, 1) + 1
    for candidate in known:
        if abs(len(candidate) - len(word)) < least and (apart := distance(word, candidate)) < least:
            best, least = candidate, apart
    head = word[: max(2, len(word) * 2 // 3)]
    return best or next((name for name in known if len(word) > 1 and name.startswith(head)), None)


def distance(a: str, b: str) -> int:
    """How many letters must be added, dropped, changed, or swapped with the next, to make one of the other."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        earlier, before, row = before, row, [i]
        for j, other in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]
