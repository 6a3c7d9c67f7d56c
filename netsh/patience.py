"""How long fast time stands still for programs of the real machine behind a `|`.

What a program does takes no time of the lab's: while a command waits for one to take what it was given, or to end, no
event of a later moment happens, so that what happens does not depend on how fast the machine is.  A program that does
nothing at all for a while may itself wait for something of the lab's.  Then time goes on, a second a second for one in
the foreground; one in the background is waited for no longer.
"""

from __future__ import annotations

import time
from typing import Protocol

PATIENCE = 2.0  # real seconds that a program may do nothing


class Awaited(Protocol):
    """A program that a command waits for."""

    stirred: float  # when it last took or said something, in real seconds

    @property
    def in_front(self) -> bool:
        """Whether a command in the foreground waits for it."""

    @property
    def behind(self) -> bool:
        """Whether it has not yet taken what it was given."""


class Patience:
    """The programs that commands wait for, and how long time stands still for them."""

    def __init__(self) -> None:
        self.awaited: list[Awaited] = []
        self._over = 0.0, 0.0  # when patience ended, and what time it was in the lab

    def left(self, now: float, due: float) -> float:
        """Real seconds until time may go on from `now` to what is `due`."""
        held = [each for each in self.awaited if each.in_front or each.behind]
        if not held or due <= now:
            return 0.0
        ends, wall = max(each.stirred for each in held) + PATIENCE, time.monotonic()
        if wall < ends:
            return ends - wall
        if not any(each.in_front for each in held):
            return 0.0
        if self._over[0] != ends:
            self._over = ends, now
        return max(ends + due - self._over[1] - wall, 0.0)
