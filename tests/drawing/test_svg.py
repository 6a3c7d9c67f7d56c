"""Labs as SVG and as text for Graphviz: well-formed, with everything on them, and no words on words."""

from __future__ import annotations

import io
import re
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import pytest

from netsh import home
from netsh.render.printer import Printer
from netsh.session import Session
from stack.lab import Lab

SVG = "{http://www.w3.org/2000/svg}"


SHAPES = ["chain 8", "star 8", "tree 2 3", "grid 4 4", "ring 7", "random 14 3", "tree 4 2", ""]


class Box(NamedTuple):
    """What a rectangle or a text takes on the page, and what it says."""

    left: float
    top: float
    right: float
    bottom: float
    text: str

    def meets(self, other: Box) -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def session(lines: str = "") -> Session:
    """A session whose first words build a lab; the lab `home` without any."""
    made = Session(Lab(), Printer("text", io.StringIO(), io.StringIO(), width=80))
    if not lines:
        home.build(made)
    assert made.run(lines) == 0
    return made


def drawn(lines: str, folder: Path) -> ET.Element:
    made = session(lines)
    assert made.run(f"lab --svg {folder}/lab.svg") == 0
    return ET.fromstring((folder / "lab.svg").read_text())


def boxes(page: ET.Element) -> tuple[list[Box], list[Box]]:
    """The rectangles of hosts and buses, and the texts, whose letters are 0.6 of their size wide."""
    rects, texts = [], []
    for rect in page.iter(f"{SVG}rect"):
        if rect.get("class") != "back":
            x, y, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
            rects.append(Box(x, y, x + width, y + height, ""))
    for text in page.iter(f"{SVG}text"):
        size, x, y = (float(text.attrib[name]) for name in ("font-size", "x", "y"))
        words = text.text or ""
        half = len(words) * size * 0.6 / 2
        texts.append(Box(x - half, y - size * 0.75, x + half, y + size * 0.2, words))
    return rects, texts


@pytest.mark.parametrize("shape", SHAPES)
def test_no_words_on_words_or_on_hosts(shape: str, tmp_path: Path) -> None:
    page = drawn(shape, tmp_path)
    rects, texts = boxes(page)
    for at, text in enumerate(texts):
        assert not [other.text for other in texts[:at] if text.meets(other)], text
        around = [rect for rect in rects if text.meets(rect)]
        assert all(rect.left < text.left and text.right < rect.right for rect in around), f"{text.text}: over an edge"
    width, height = float(page.attrib["width"]), float(page.attrib["height"])
    assert all(box.left > 0 and box.top > 0 and box.right < width and box.bottom < height for box in rects + texts)


def test_everything_is_on_it(tmp_path: Path) -> None:
    page = drawn("", tmp_path)
    _, texts = boxes(page)
    words = {box.text for box in texts}
    assert words == {"me", "gw", "www", "lan", "wan", "10.0.0.0/24", "203.0.113.0/24", "delay 100us", "delay 5ms",
                     ".1", ".2", ".80"}  # fmt: skip
    told = [title.text for title in page.iter(f"{SVG}title")]
    assert "me shmif0 10.0.0.2/24\ngw shmif0 10.0.0.1/24\nlan 10.0.0.0/24 delay 100us" in told


def test_a_bus_of_many_is_a_bar(tmp_path: Path) -> None:
    lines = "for i in 1..5 { host h$i; ifconfig shmif0 create linkstr net 10.0.0.$i/24 }; host alone"
    page = drawn(lines, tmp_path)
    assert [rect.get("class") for rect in page.iter(f"{SVG}rect")].count("bar") == 1
    assert {"net", "alone"} <= {box.text for box in boxes(page)[1]}


def test_an_empty_lab_and_a_large_one(tmp_path: Path) -> None:
    drawn("# nothing", tmp_path)
    begun = time.process_time()
    page = drawn("random 300 3 --yes", tmp_path)
    assert sum(rect.get("class") == "router" for rect in page.iter(f"{SVG}rect")) == 300
    assert time.process_time() - begun < 30


def test_the_same_lab_has_the_same_picture(tmp_path: Path) -> None:
    pictures = []
    for _ in range(2):
        drawn("random 12 3", tmp_path)
        pictures.append((tmp_path / "lab.svg").read_text())
    assert pictures[0] == pictures[1]


DOT = """\
graph lab {
    graph [layout=neato, overlap=false, splines=true, fontname="sans-serif"];
    node [shape=box, style=rounded, fontname="sans-serif"];
    edge [fontname="sans-serif", fontsize=9];
    "gw" [penwidth=2];
    "h";
    "me";
    "www";
    "bus lan" [shape=plaintext, label="lan\\n10.0.0.0/24\\ndelay 100us"];
    "gw" -- "www" [taillabel="shmif1\\n203.0.113.1/24", headlabel="shmif0\\n203.0.113.80/24", \
label="wan\\n203.0.113.0/24\\ndelay 5ms"];
    "me" -- "bus lan" [taillabel="shmif0\\n10.0.0.2/24"];
    "gw" -- "bus lan" [taillabel="shmif0\\n10.0.0.1/24"];
    "h" -- "bus lan" [taillabel="shmif0"];
}
"""


def test_dot() -> None:
    made = session()
    assert made.run("host h; ifconfig shmif0 create linkstr lan; lab --dot -") == 0
    assert made.printer.out.getvalue() == DOT  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("line", "complaint", "status"),
    [
        ("lab --svg", "lab: --svg: the name of one file is wanted", 2),
        ("lab --dot a b", "lab: --dot: the name of one file is wanted", 2),
        ("lab --svg=", "lab: --svg: the name of one file is wanted", 2),
        ("lab --svg /no/such/folder/x", "lab: /no/such/folder/x: No such file or directory", 1),
        ("lab --png x", "lab: --png x: not understood", 2),
    ],
)
def test_wrong_words(line: str, complaint: str, status: int) -> None:
    made = session()
    assert made.run(line) == status
    said = made.printer.err.getvalue()  # type: ignore[attr-defined]
    assert re.match(re.escape(complaint), said) and said.count("\n") == 1
