"""A lab as SVG, in colours that suit light and dark pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netsh.drawing.model import picture_of
from netsh.drawing.scene import NAME, SMALL, Rect, Scene, Words, scene_of

_FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
_MARGIN = 24
_LIGHT = {
    "back": "#ffffff", "text": "#1f2328", "faint": "#59636e", "line": "#8c959f", "host": "#f6f8fa",
    "router": "#ddf4ff", "edge": "#0969da", "end": "#0b5cad",
}  # fmt: skip
_DARK = {
    "back": "#11151a", "text": "#e6edf3", "faint": "#97a1ac", "line": "#6b7682", "host": "#1d232a",
    "router": "#12304f", "edge": "#4493f8", "end": "#79b8ff",
}  # fmt: skip


def svg_of(rows: Iterable[Any]) -> str:
    """The whole drawing, of the rows of `lab`."""
    return Page(scene_of(picture_of(rows))).text()


class Page:
    """A drawing with a scene on it."""

    def __init__(self, scene: Scene) -> None:
        import drawsvg  # only who wants a picture must have it

        self.svg: Any = drawsvg
        rects = list(scene.rects()) or [Rect(0, 0, 0, 0)]
        left, top = min(each.x - each.width / 2 for each in rects), min(each.y - each.height / 2 for each in rects)
        right, bottom = max(each.x + each.width / 2 for each in rects), max(each.y + each.height / 2 for each in rects)
        self.left, self.top = left - _MARGIN, top - _MARGIN
        width, height = round(right - left + 2 * _MARGIN), round(bottom - top + 2 * _MARGIN)
        self.drawing: Any = drawsvg.Drawing(width, height, font_family=_FONT)
        self.drawing.append_css(_style())
        self.drawing.append(drawsvg.Rectangle(0, 0, width, height, class_="back"))
        self._lines(scene)
        self._nodes(scene)
        for words in scene.words:
            self._words(words)

    def text(self) -> str:
        """It as a file."""
        return f"{self.drawing.as_svg()}\n"

    def _lines(self, scene: Scene) -> None:
        for (x, y), (to_x, to_y), about in scene.lines:
            line = self.svg.Line(*self._at(x, y), *self._at(to_x, to_y), class_="wire")
            line.append_title(about)
            self.drawing.append(line)

    def _nodes(self, scene: Scene) -> None:
        for bar in scene.bars.values():
            self._rect(bar, "bar", 4)
        for host, box in scene.boxes.items():
            self._rect(box, "router" if host in scene.picture.routers else "host", 7)
            self._text(host, NAME, box.x, box.y, "name")

    def _rect(self, rect: Rect, kind: str, round_by: int) -> None:
        x, y = self._at(rect.x - rect.width / 2, rect.y - rect.height / 2)
        self.drawing.append(self.svg.Rectangle(x, y, round(rect.width, 1), rect.height, rx=round_by, class_=kind))

    def _words(self, words: Words) -> None:
        """Its lines; the first of a bus is its name."""
        height = SMALL + 2
        y = words.rect.y - (len(words.lines) - 1) * height / 2
        for at, line in enumerate(words.lines):
            self._text(line, SMALL, words.rect.x, y + at * height, words.kind)

    def _text(self, text: str, size: int, x: float, y: float, kind: str) -> None:
        place = self._at(x, y + size * 0.35)
        self.drawing.append(self.svg.Text(text, size, *place, text_anchor="middle", class_=kind))

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return round(x - self.left, 1), round(y - self.top, 1)


def _style() -> str:
    return f"{_colours(_LIGHT)}\n@media (prefers-color-scheme: dark) {{ {_colours(_DARK)} }}"


def _colours(colours: dict[str, str]) -> str:
    return (
        f".back {{ fill: {colours['back']} }} .wire {{ stroke: {colours['line']}; stroke-width: 1.5 }} "
        f".host {{ fill: {colours['host']}; stroke: {colours['line']} }} "
        f".router {{ fill: {colours['router']}; stroke: {colours['edge']}; stroke-width: 1.5 }} "
        f".bar {{ fill: {colours['edge']} }} .name {{ fill: {colours['text']}; font-weight: bold }} "
        f".bus {{ fill: {colours['faint']} }} .end {{ fill: {colours['end']} }} "
        f"text {{ paint-order: stroke; stroke: {colours['back']}; stroke-width: 3px; stroke-linejoin: round }} "
        f".name {{ stroke: none }}"
    )
