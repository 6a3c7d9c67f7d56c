"""The words that say what a bus does to frames: `delay 10ms rate 10Mbit/s loss 1%`, units and all."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from netsh import units
from netsh.prompt.nearest import nearest
from stack.net.wire import Personality

SYNOPSIS = (
    "[delay time] [rate bits] [loss %] [duplicate %] [reorder %] [corrupt %] [queue frames] [ecn frames] [mtu bytes]"
)

WORDS = {
    "delay": "the time a frame takes, one way: 10ms",
    "rate": "how fast each sender's frames leave: 10Mbit/s",
    "loss": "how many are lost: 1%",
    "duplicate": "how many come twice: 1%",
    "reorder": "how many are overtaken: 1%",
    "corrupt": "how many come with a bit changed: 1%",
    "queue": "how many wait for a sender with a rate: 100",
    "ecn": "with how many waiting the next are marked, if they may be: 20",
    "mtu": "the largest packet it carries: 1500 bytes",
}


class Knob(NamedTuple):
    """How the value of a word is read, and written."""

    parse: Callable[[str], float]
    unparse: Callable[[float], str]


def _of(quantity: units.Quantity) -> Knob:
    return Knob(lambda text: units.parse(quantity, text), lambda value: units.unparse(quantity, value))


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise ValueError(f"{text}: not a whole number")
    return int(text)


KNOBS = {
    "delay": _of(units.DURATION),
    "rate": _of(units.RATE),
    "loss": _of(units.SHARE),
    "duplicate": _of(units.SHARE),
    "reorder": _of(units.SHARE),
    "corrupt": _of(units.SHARE),
    "queue": Knob(_whole, lambda value: str(int(value))),
    "ecn": Knob(_whole, lambda value: str(int(value))),
    "mtu": Knob(_whole, lambda value: str(int(value))),
}


def parse(words: list[str]) -> dict[str, float]:
    """Read pairs of a word and its value; ValueError, with the cure, for what makes no sense."""
    changes: dict[str, float] = {}
    for at in range(0, len(words), 2):
        word = words[at]
        if word not in KNOBS:
            known = nearest(word, KNOBS)
            cure = f"did you mean {known}?" if known else f"it is one of {', '.join(KNOBS)}"
            raise ValueError(f"{word}: unknown word; {cure}")
        if at + 1 == len(words):
            raise ValueError(f"{word}: its value is missing; {WORDS[word]}")
        try:
            changes[word] = KNOBS[word].parse(words[at + 1])
        except ValueError as error:
            raise ValueError(f"{word} {error}") from None
    return changes


def changed(personality: Personality, changes: dict[str, float]) -> Personality:
    """A personality with some of it changed; ValueError when a bus cannot be so."""
    fields = {name: int(value) if name in ("queue", "ecn", "mtu") else value for name, value in changes.items()}
    result = Personality(**{**personality._asdict(), **fields})
    result.check()
    return result


def unparse(personality: Personality) -> str:
    """The words for all that is not as an ideal bus has it."""
    ideal = Personality()._asdict()
    values = personality._asdict()
    return " ".join(
        f"{name} {knob.unparse(values[name])}" for name, knob in KNOBS.items() if values[name] != ideal[name]
    )
