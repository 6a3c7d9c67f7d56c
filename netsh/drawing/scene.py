"""Boxes, lines and words on a plane, so far apart that no words lie on others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from netsh.drawing.layout import Point, place
from netsh.drawing.model import Picture, Wire

LETTER = 0.61  # how wide a letter is, of the size of the type
NAME, SMALL = 13, 10  # sizes of type
_BOX, _BAR = 30, 8  # heights of a host and of a bus
_FIRST, _STEP, _LAST = 105.0, 1.08, 520.0  # pixels between neighbours, as they are tried
_CROWD = 250  # hosts; more have no words beside them
_PARALLEL = 22  # pixels between two cables of the same hosts


class Rect(NamedTuple):
    """A rectangle by its middle and its size."""

    x: float
    y: float
    width: float
    height: float

    def meets(self, other: Rect) -> bool:
        """Whether they have a point in common."""
        across = abs(self.x - other.x) < (self.width + other.width) / 2
        return across and abs(self.y - other.y) < (self.height + other.height) / 2

    def edge(self, toward: Point) -> Point:
        """Where the line from the middle to a point leaves it."""
        dx, dy = toward[0] - self.x, toward[1] - self.y
        reach = min(
            self.width / 2 / abs(dx) if dx else math.inf, self.height / 2 / abs(dy) if dy else math.inf, 1.0
        )  # fmt: skip
        return self.x + dx * reach, self.y + dy * reach


class Words(NamedTuple):
    """Lines of text one below the other, centred in a rectangle."""

    lines: tuple[str, ...]
    rect: Rect
    kind: str


class Line(NamedTuple):
    """A wire; `about` is what a pointer on it is told."""

    start: Point
    end: Point
    about: str


class Plane:
    """Where something stands already, in squares, so that it is found quickly."""

    def __init__(self) -> None:
        self.squares: dict[tuple[int, int], list[Rect]] = {}
        self.crowded = False  # something had to be put on something else

    def put(self, *choices: Rect) -> Rect:
        """Put the first of some rectangles that meets nothing, or just the first one."""
        free = (rect for rect in choices if not any(rect.meets(other) for other in self._near(rect)))
        rect = next(free, None)
        if rect is None:
            self.crowded = True
            rect = choices[0]
        for square in _squares(rect):
            self.squares.setdefault(square, []).append(rect)
        return rect

    def _near(self, rect: Rect) -> Iterator[Rect]:
        for square in _squares(rect):
            yield from self.squares.get(square, ())


def _squares(rect: Rect) -> Iterator[tuple[int, int]]:
    left, right = int((rect.x - rect.width / 2) // 64), int((rect.x + rect.width / 2) // 64)
    top, bottom = int((rect.y - rect.height / 2) // 64), int((rect.y + rect.height / 2) // 64)
    return ((x, y) for x in range(left, right + 1) for y in range(top, bottom + 1))


class Scene:
    """A lab with so many pixels between neighbours; a `broad` bar reaches from the first host below it to the last."""

    def __init__(self, picture: Picture, places: dict[str, Point], scale: float, *, broad: bool) -> None:
        self.picture = picture
        self.plane = Plane()
        self.points = {node: (x * scale, y * scale) for node, (x, y) in places.items()}
        self.boxes = {host: self.plane.put(self._box(host)) for host in picture.hosts}
        self.bars = {bus: self.plane.put(self._bar(bus, broad=broad)) for bus in picture.buses}
        self.lines: list[Line] = []
        self.words: list[Words] = []
        self.is_silent = len(picture.hosts) > _CROWD
        self._cables()
        self._taps()

    def _box(self, host: str) -> Rect:
        return Rect(*self.points[host], max(46.0, len(host) * NAME * LETTER + 20), _BOX)

    def _bar(self, bus: str, *, broad: bool) -> Rect:
        """The bar of a bus."""
        x, y = self.points[f" {bus}"]
        there = [self.points[wire.host] for wire in self.picture.buses[bus]]
        below = [x for x, other in there if other > y + _BOX]
        if broad and len(below) > 1 and all(abs(other - y) > _BOX for _, other in there):
            ends = min(below) - 20, max(below) + 20
            return Rect((ends[0] + ends[1]) / 2, y, ends[1] - ends[0], _BAR)
        return Rect(x, y, min(60.0 + 12 * len(there), 200.0), _BAR)

    def _cables(self) -> None:
        """Lines between two hosts, those between the same ones side by side."""
        pairs = [tuple(sorted((a.host, b.host))) for a, b in self.picture.cables]
        drawn: dict[tuple[str, ...], int] = {}
        ends: list[tuple[Wire, Point, Point, int]] = []
        middles: list[tuple[str, Point, Point, int]] = []
        for (a, b), pair in zip(self.picture.cables, pairs, strict=True):
            number = drawn[pair] = drawn.get(pair, -1) + 1
            shift = number - (pairs.count(pair) - 1) / 2 if not self.is_silent else 0.0
            side = 1 if shift >= 0 else -1
            start, end = self._parallel(self.boxes[a.host], self.boxes[b.host], shift * _PARALLEL)
            self.lines.append(Line(start, end, "\n".join([_told(a), _told(b), " ".join(self.picture.about[a.bus])])))
            ends += [(a, start, end, side), (b, end, start, side)]
            middles.append((a.bus, start, end, side if shift else -side))
        if not self.is_silent:
            for wire, start, end, side in ends:
                self._end(wire, start, end, side)
            for bus, start, end, side in middles:
                self._middle(bus, start, end, side)

    def _parallel(self, a: Rect, b: Rect, shift: float) -> tuple[Point, Point]:
        side = _normal((a.x, a.y), (b.x, b.y))
        first = a._replace(x=a.x + side[0] * shift, y=a.y + side[1] * shift)
        second = b._replace(x=b.x + side[0] * shift, y=b.y + side[1] * shift)
        return first.edge((second.x, second.y)), second.edge((first.x, first.y))

    def _taps(self) -> None:
        """Lines from hosts to the bar of a bus, and the words at the bar, where fewer lines are."""
        for bus, wires in self.picture.buses.items():
            bar = self.bars[bus]
            reach = bar.width / 2 - 8
            drawn: list[tuple[Wire, Point, Point]] = []
            for wire in wires:
                box = self.boxes[wire.host]
                end = min(max(box.x, bar.x - reach), bar.x + reach), bar.y
                drawn.append((wire, box.edge(end), end))
                self.lines.append(Line(*drawn[-1][1:], f"{_told(wire)}\n{' '.join(self.picture.about[bus])}"))
            below = sum(start[1] > end[1] for _, start, end in drawn)
            side = -1.0 if 2 * below >= len(drawn) else 1.0
            at = bar.x, bar.y + side * _BAR / 2
            self._say(self.picture.about[bus], "bus", [(at, (0.0, side)), (at, (0.0, -side))])
            if not self.is_silent:
                for wire, start, end in drawn:
                    self._end(wire, start, end, 1)

    def _end(self, wire: Wire, start: Point, end: Point, side: int) -> None:
        """The short address of an interface, beside the beginning of its line."""
        if wire.short:
            length = math.dist(start, end) or 1.0
            places = [_between(start, end, min(far, length / 2) / length) for far in (14, 24, 34, 46)]
            self._say([wire.short], "end", _sides(places, start, end, side))

    def _middle(self, bus: str, start: Point, end: Point, side: int) -> None:
        places = [_between(start, end, part) for part in (0.5, 0.42, 0.58, 0.34, 0.66)]
        self._say(self.picture.about[bus], "bus", _sides(places, start, end, side))

    def _say(self, lines: list[str], kind: str, places: list[tuple[Point, Point]]) -> None:
        """Words at the first of some places where there is room; each is a point, and the side of it."""
        if not lines:
            return
        width = max(map(len, lines)) * SMALL * LETTER + 2
        height = len(lines) * (SMALL + 2.0)
        choices = []
        for (x, y), (aside, up) in places:
            off = 3 + abs(aside) * width / 2 + abs(up) * height / 2
            choices.append(Rect(x + aside * off, y + up * off, width, height))
        self.words.append(Words(tuple(lines), self.plane.put(*choices), kind))

    def rects(self) -> Iterator[Rect]:
        """All that must not meet."""
        yield from self.boxes.values()
        yield from self.bars.values()
        yield from (words.rect for words in self.words)


def scene_of(picture: Picture) -> Scene:
    """The lab as small as it can be without words on words."""
    places = place(picture.graph()) if picture.hosts or picture.buses else {}
    scene = Scene(picture, places, _FIRST, broad=True)
    for broad in (True, False):
        scale = _FIRST
        while scene.plane.crowded and scale < _LAST:
            scene = Scene(picture, places, scale, broad=broad)
            scale *= _STEP
    return scene


def _between(start: Point, end: Point, part: float) -> Point:
    return start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part


def _sides(places: list[Point], start: Point, end: Point, side: int) -> list[tuple[Point, Point]]:
    """Each place with the one side of a line, then with the other."""
    x, y = _normal(start, end)
    return [(at, (x * way, y * way)) for at in places for way in (side, -side)]


def _normal(start: Point, end: Point) -> Point:
    """At right angles to a line, upward or to the right."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = math.hypot(dx, dy) or 1.0
    x, y = -dy / length, dx / length
    return (x, y) if y < -1e-9 or (abs(y) <= 1e-9 and x > 0) else (-x, -y)


def _told(wire: Wire) -> str:
    return " ".join([wire.host, wire.interface, *wire.addresses])
