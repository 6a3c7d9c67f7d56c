"""Keys that come in a flood were pasted, whatever the terminal says: they are taken together, not one by one."""

from __future__ import annotations

import select
import time
from collections.abc import Iterable
from itertools import groupby

from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

_MANY = 100  # keys at once that no hand presses
_LONGEST = 0.2  # seconds of reading between two looks at the rest


class FloodInput(Vt100Input):
    """The keyboard, and what is pasted where the terminal does not say so."""

    def read_keys(self) -> list[KeyPress]:
        """The keys that are there, all of them."""
        keys = super().read_keys()
        until = time.monotonic() + _LONGEST
        while len(keys) > _MANY and time.monotonic() < until and select.select([self.fileno()], [], [], 0.005)[0]:
            more = super().read_keys()
            if not more:
                break
            keys += more
        return together(keys) if len(keys) > _MANY else keys


def together(keys: Iterable[KeyPress]) -> list[KeyPress]:
    """Letters that follow one another as one paste; all other keys stay what they are."""
    found: list[KeyPress] = []
    for plain, run in groupby(keys, lambda press: not isinstance(press.key, Keys) and len(press.key) == 1):
        letters = list(run)
        found += [KeyPress(Keys.BracketedPaste, "".join(press.data for press in letters))] if plain else letters
    return found
