"""Draws a ladder as lines of text: a line a packet, or two when its words are too long for its arrow."""

from __future__ import annotations

from itertools import pairwise

from commands._ladder_columns import Columns, Leg, Way

_TIME = 10  # columns of the window that the time takes
_WIDEST, _NARROWEST = 50, 8  # between two hosts
_LINE, _SHAFT = "│", "─"
_RIGHT, _LEFT, _LOST, _PASSED, _ROUND = "►", "◄", "✗", "●", "↺"
_CROSSED, _FROM_LEFT, _FROM_RIGHT = "┼", "├", "┤"


class Chart:
    """The columns, and arrows between them."""

    def __init__(self, width: int) -> None:
        self.width = max(width, _TIME + 20)
        self.columns = Columns(max((self.width - _TIME - 4) // _NARROWEST, 2))

    # --- where things are ------------------------------------------------------------------------

    def place(self, name: str) -> int:
        """Where a host's line stands."""
        return self._places()[self.columns.names.index(name)]

    def _places(self) -> list[int]:
        names = self.columns.names
        first = _TIME + 1 + max(len(names[0]) // 2, 1) if names else _TIME + 2
        if len(names) < 2:
            return [first] * len(names)
        room = self.width - first - 1 - max(len(names[-1]) // 2, 1)
        gap = max(min(room // (len(names) - 1), _WIDEST), 2)
        return [first + at * gap for at in range(len(names))]

    def heading(self) -> str:
        """The names, each above its line."""
        canvas = [" "] * self.width
        places = self._places()
        room = places[1] - places[0] - 1 if len(places) > 1 else self.width
        for name, place in zip(self.columns.names, places, strict=True):
            text = name if len(name) <= room else f"{name[: room - 1]}…"
            start = max(min(place - len(text) // 2, self.width - len(text)), 0)
            canvas[start : start + len(text)] = text
        return "".join(canvas).rstrip()

    def blank(self, time: str = "") -> list[str]:
        """A line with nothing but the hosts' lines."""
        canvas = list(f"{time:>{_TIME}}".ljust(self.width))
        for place in self._places():
            canvas[place] = _LINE
        return canvas

    # --- arrows ----------------------------------------------------------------------------------

    def arrow(self, time: float, label: str, way: Way) -> list[str]:
        """The lines of a packet."""
        lines: list[str] = []
        for number, leg in enumerate(self.columns.legs(way)):
            lines += self._leg("" if number else f"{time:.6f}", "" if number else label, leg, way.target)
        return lines

    def _leg(self, time: str, label: str, leg: Leg, toward: str) -> list[str]:
        if not leg.ends and leg.lost is None:
            return self._short(time, f"{_ROUND} {label}" if toward else f"{_FROM_LEFT}─ {label} ─{_RIGHT}", leg)
        if not leg.ends and leg.lost is not None and not leg.lost.on_the_way:
            return self._short(time, f"{_LOST} {leg.lost.reason}: {label}", leg)
        canvas = self.blank(time)
        start = self.place(leg.origin)
        free: list[range] = []
        places = [self.place(name) for name in (*leg.ends, *leg.passed)]
        lost = self._cross(leg, toward) if leg.lost is not None else None
        stops = [*places, *([lost] if lost is not None else [])]
        for stop in ([min(stops)] if min(stops) < start else []) + ([max(stops)] if max(stops) > start else []):
            free += self._shaft(canvas, start, stop)
        for name in leg.passed:
            canvas[self.place(name)] = _PASSED
        for name in leg.ends:
            place = self.place(name)
            if leg.lost is None or leg.lost.host != name:
                canvas[place - 1 if place > start else place + 1] = _RIGHT if place > start else _LEFT
            elif leg.lost.on_the_way:
                canvas[place] = _PASSED
        if lost is not None and leg.lost is not None:
            canvas[lost] = _LOST
            self._reason(canvas, lost, leg.lost.reason, rightward=lost > start)
        return self._lettered(canvas, label, free, start)

    def _short(self, time: str, text: str, leg: Leg) -> list[str]:
        """A packet that never leaves its host."""
        canvas = self.blank(time)
        start = self.place(leg.origin) + (text[0] != _FROM_LEFT)
        start = min(start, max(self.width - len(text), _TIME + 2))
        canvas[start : start + len(text)] = text
        return ["".join(canvas)[: self.width].rstrip()]

    def _cross(self, leg: Leg, toward: str) -> int:
        """Where the cross is: before the line of who dropped it, or half-way to the next."""
        assert leg.lost is not None
        name, on_the_way, _ = leg.lost
        place, start = self.place(name), self.place(leg.origin)
        if not on_the_way and name != leg.origin:
            return place - 1 if place > start else place + 1
        names, places = self.columns.names, self._places()
        at = names.index(name)
        target = names.index(toward) if toward in names else len(names) - 1
        if name != leg.origin:
            target = len(names) - 1 if place > start else 0
        if target == at:
            target = at - 1 if at else at + 1
        beside = places[at + (1 if target > at else -1)] if 0 <= at + (1 if target > at else -1) < len(places) else None
        return (place + beside) // 2 if beside is not None else min(place + 4, self.width - 1)

    def _shaft(self, canvas: list[str], start: int, stop: int) -> list[range]:
        """A line from one place to another; the stretches of it that cross no host's line."""
        lines = {place for place in self._places() if min(start, stop) < place < max(start, stop)}
        step = 1 if stop > start else -1
        for at in range(start + step, stop, step):
            canvas[at] = _CROSSED if at in lines else _SHAFT
        canvas[start] = _CROSSED if canvas[start] != _LINE else _FROM_LEFT if step > 0 else _FROM_RIGHT
        ends = sorted({start, stop, *lines})
        return [range(a + 1, b) for a, b in pairwise(ends)]

    def _reason(self, canvas: list[str], lost: int, reason: str, *, rightward: bool) -> None:
        """Write the reason beyond the cross, or on the arrow where the window ends."""
        text = f" {reason} "
        start = lost + 1 if rightward else lost - len(text)
        if rightward and canvas[start : start + 1] == [_LINE]:
            start, text = start + 1, text.rstrip()
        if start + len(text) > self.width:
            start = lost - len(text)
        elif start < _TIME + 1:
            start = lost + 1
        if reason and start > _TIME and start + len(text) <= self.width:
            canvas[start : start + len(text)] = text

    def _lettered(self, canvas: list[str], label: str, free: list[range], start: int) -> list[str]:
        """The words upon the arrow if one of its stretches is long enough, else above it."""
        if not label:
            return ["".join(canvas).rstrip()]
        for stretch in free:
            plain = max("".join(_SHAFT if canvas[at] == _SHAFT else " " for at in stretch).split() or [""], key=len)
            if len(plain) >= len(label) + 4:
                begin = "".join(canvas).index(plain, stretch.start) + (len(plain) - len(label) - 2) // 2
                canvas[begin : begin + len(label) + 2] = f" {label} "
                return ["".join(canvas).rstrip()]
        above = self.blank()
        low = min([start, *(stretch.start - 1 for stretch in free)])
        text = f" {label} " if len(label) < self.width - low - 3 else label
        text = text if len(text) <= self.width - _TIME - 2 else f"{text[: self.width - _TIME - 3]}…"
        begin = min(low + 1, self.width - len(text))
        above[begin : begin + len(text)] = text
        return ["".join(above).rstrip(), "".join(canvas).rstrip()]
