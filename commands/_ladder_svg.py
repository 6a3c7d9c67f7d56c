"""Draws a ladder as SVG: slanted arrows between the lines of hosts, in colours that suit light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from commands._ladder_columns import Columns, Leg, Way

_MOST = 60  # hosts
_LEFT, _TOP, _ROW, _SLANT = 110, 64, 40, 7
_CHARACTER = 7.3  # how wide one is
_GAP = 230
_FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
_LIGHT = {
    "back": "#ffffff", "text": "#1f2328", "faint": "#6a737d", "line": "#c4cad1", "box": "#f3f5f7",
    "tcp": "#0b5cad", "udp": "#8a4b00", "icmp": "#16703a", "arp": "#6b3fa0", "other": "#4b5563", "lost": "#c21f1f",
}  # fmt: skip
_DARK = {
    "back": "#11151a", "text": "#e6edf3", "faint": "#97a1ac", "line": "#3c444d", "box": "#1d232a",
    "tcp": "#79b8ff", "udp": "#ffb35c", "icmp": "#6fdd8b", "arp": "#c9a4ff", "other": "#b6bfc8", "lost": "#ff7b72",
}  # fmt: skip


class Drawn(NamedTuple):
    """An arrow: when it was sent, what it bears, its protocol, its way."""

    time: float
    label: str
    protocol: str
    way: Way


def picture(arrows: Sequence[Drawn]) -> str:
    """The whole of it."""
    columns = Columns(_MOST)
    for arrow in arrows:
        columns.take(arrow.way)
    rows = [(arrow, leg, not number) for arrow in arrows for number, leg in enumerate(columns.legs(arrow.way))]
    gap = max(_GAP, *(int((len(name) + 4) * _CHARACTER) for name in columns.names or [""]))
    places = {name: _LEFT + 60 + at * gap for at, name in enumerate(columns.names)}
    longest = max((_LEFT + 80 + len(arrow.label) * _CHARACTER for arrow in arrows), default=0)
    width = max(max(places.values(), default=_LEFT) + 140, int(longest))
    page = Page(places, width, _TOP + _ROW * len(rows) + 56)
    for number, (arrow, leg, is_first) in enumerate(rows):
        page.leg(arrow, leg, _TOP + _ROW * number + 20, is_first=is_first)
    return page.text()


def _style() -> str:
    return f"{_colours(_LIGHT)}\n@media (prefers-color-scheme: dark) {{ {_colours(_DARK)} }}"


def _colours(colours: dict[str, str]) -> str:
    rules = [
        f".back {{ fill: {colours['back']} }}", f".life {{ stroke: {colours['line']}; stroke-width: 1.5 }}",
        f".box {{ fill: {colours['box']}; stroke: {colours['line']} }}",
        f".name {{ fill: {colours['text']}; font-weight: bold }}", f".time {{ fill: {colours['faint']} }}",
        f"text.word {{ paint-order: stroke; stroke: {colours['back']}; stroke-width: 4px; stroke-linejoin: round }}",
    ]  # fmt: skip
    for kind in ("tcp", "udp", "icmp", "arp", "other", "lost"):
        rules.append(f".{kind} {{ stroke: {colours[kind]}; stroke-width: 1.6; fill: none }}")
        rules.append(f".{kind}-word {{ fill: {colours[kind]} }} .{kind}-dot {{ fill: {colours[kind]} }}")
    return " ".join(rules)


class Page:
    """A drawing with the lines of the hosts on it."""

    def __init__(self, places: dict[str, int], width: int, height: int) -> None:
        import drawsvg  # only who wants a picture must have it

        self.svg: Any = drawsvg
        self.places = places
        self.width = width
        self.drawing: Any = drawsvg.Drawing(width, height, font_family=_FONT, font_size=12)
        self.drawing.append_css(_style())
        self.drawing.append(drawsvg.Rectangle(0, 0, width, height, class_="back"))
        for name, x in places.items():
            self.line(x, _TOP - 18, x, height - 22, "life")
            for y in (16, height - 36):
                size = len(name) * _CHARACTER + 22
                self.drawing.append(drawsvg.Rectangle(x - size / 2, y, size, 24, rx=5, class_="box"))
                self.words(name, x, y + 16, "name", "middle")

    def text(self) -> str:
        """It as a file."""
        return f"{self.drawing.as_svg()}\n"

    def line(self, x: float, y: float, to_x: float, to_y: float, kind: str) -> None:
        """A line of a kind."""
        self.drawing.append(self.svg.Line(x, y, to_x, to_y, class_=kind))

    def words(self, text: str, x: float, y: float, kind: str, anchor: str = "start", size: int = 12) -> None:
        """Text that begins, ends or has its middle there."""
        self.drawing.append(self.svg.Text(text, size, x, y, text_anchor=anchor, class_=kind))

    def leg(self, arrow: Drawn, leg: Leg, y: int, *, is_first: bool) -> None:
        """A leg of a packet's way: shafts, heads, dots, a cross, words."""
        kind = arrow.protocol.lower() if arrow.protocol in ("TCP", "UDP", "ICMP", "ARP") else "other"
        start = self.places[leg.origin]
        cross = self._cross(leg, arrow.way.target)
        stops = [*(self.places[name] for name in leg.ends), *([cross] if cross is not None else [])]
        for stop in stops:
            self.line(start, y, stop, _below(y, start, stop), kind)
        passed = list(leg.passed)
        for name in leg.ends:
            if leg.lost is None or leg.lost.host != name:
                self._head(start, self.places[name], y, kind)
            elif leg.lost.on_the_way:
                passed.append(name)
        for x in (self.places[name] for name in passed):
            self.drawing.append(self.svg.Circle(x, _below(y, start, x), 4, class_=f"{kind}-dot"))
        if cross is not None and leg.lost is not None:
            self._death(leg.lost.reason, cross, _below(y, start, cross), rightward=cross >= start)
        if is_first:
            self.words(f"{arrow.time:.6f}", 12, y + 4, "time", size=11)
            self._label(arrow.label, start, stops, y - 5, f"word {kind}-word")

    def _label(self, text: str, start: int, stops: list[int], y: int, kind: str) -> None:
        """Above where the arrow begins, or to the left of that if it goes there."""
        size = len(text) * _CHARACTER
        if stops and max(stops) < start and start - size - 10 > _LEFT - 30:
            self.words(text, start - 10, y, kind, "end")
        else:
            begin = min(min([start, *stops]) + 10, self.width - 12 - size)
            self.words(text, max(begin, _LEFT - 30), y, kind)

    def _head(self, start: float, stop: float, y: float, kind: str) -> None:
        back, low = (-10 if stop > start else 10), _below(y, start, stop)
        corners = stop, low, stop + back, low - 4.5, stop + back, low + 4.5
        self.drawing.append(self.svg.Lines(*corners, close=True, class_=f"{kind}-dot"))

    def _cross(self, leg: Leg, target: str) -> int | None:
        """Where it is lost: just before its host's line, or half-way to the next."""
        if leg.lost is None:
            return None
        places, start = self.places, self.places[leg.origin]
        place = places[leg.lost.host]
        if not leg.lost.on_the_way:
            return place - 9 if place > start else place + 9
        rightward = places.get(target, max(places.values())) >= place if place == start else place > start
        beyond = [each for each in places.values() if (each > place if rightward else each < place)]
        other = (min(beyond) if rightward else max(beyond)) if beyond else place + (80 if rightward else -80)
        return (place + other) // 2

    def _death(self, reason: str, x: float, y: float, *, rightward: bool) -> None:
        for side in (1, -1):
            self.line(x - 5, y - 5 * side, x + 5, y + 5 * side, "lost")
        if reason:
            self.words(reason, x + (16 if rightward else -16), y + 4, "word lost-word", "start" if rightward else "end")


def _below(y: float, start: float, stop: float) -> float:
    """How low an arrow is by then: time goes downwards."""
    return y + _SLANT * min(abs(stop - start) / _GAP, 2)
