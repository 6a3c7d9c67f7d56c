"""Lessons as pages: all of a lesson is on its page, in one file, and in a browser nothing is wider than the window."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from netsh.lessons import find
from netsh.lessons.page import index_of, page_of
from netsh.lessons.parse import parse
from tests.lessons.test_form import GOOD

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--virtual-time-budget=4000",
)  # fmt: skip
MEASURE = """<script>addEventListener("load", () => parent.postMessage(
[document.title, innerWidth, document.documentElement.scrollWidth,
 [...document.querySelectorAll("body *")].filter(each => each.getBoundingClientRect().right > innerWidth + 1
  && !each.closest("pre, figure, table")).length], "*"))</script>"""
FRAMES = """<!DOCTYPE html><body><pre id="all"></pre><script>const seen = []; addEventListener("message", event => {
seen.push(event.data); document.getElementById("all").textContent = JSON.stringify(seen) })</script>"""


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page))


def test_all_of_a_lesson_is_on_its_page() -> None:
    page = page_of(parse(GOOD, "x.md"))
    text = text_of(page)
    for words in (
        "Neighbours: who is next to me", "how ARP finds a neighbour", "RFC 826", "Stevens", "15 minutes",
        "10.0.0.2 --- lan --- 10.0.0.1", "You send one packet to gw.", "nobody: it only answered", "b) me",
        "It learned of me by being asked.", "me# ping -c 1 gw | grep from\n64 bytes from 10.0.0.1: icmp_seq=0",
        "Make me forget gw.", "help arp knows a letter for it.", "me# arp -d gw",
    ):  # fmt: skip
        assert words in text, words
    assert "something else is forgotten" not in text  # wrong answers are nobody's business
    assert page.count("<svg") >= 1 and page.count("<details>") == 3
    assert page.index("<h1>") < page.index("<dl>") < page.index("Some words")
    assert not re.search(r"""(src|href)=["']?(https?:|//|file:)""", page), "it needs nothing from elsewhere"
    assert "prefers-color-scheme: dark" in page and "width=device-width" in page


def test_what_is_in_a_lesson_is_no_markup_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "dot.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    text = GOOD.replace("Some words", "<script>alert(1)</script> ![a dot](dot.svg) ![none](none.png)\n\nSome words")
    text = text.replace("gw | grep from\n64", "'<b>' | grep from\n<i>64").replace("who is next", "who's <next>")
    page = page_of(parse(text, str(tmp_path / "x.md")))
    assert "<script>" not in page and "<b>'" not in page and "<i>" not in page
    assert "<title>Neighbours: who&#x27;s &lt;next&gt; to me</title>" in page
    assert 'src="data:image/svg+xml;base64,' in page and ">none<" not in page


def test_the_index_leads_to_all() -> None:
    page = index_of(find.load(name) for name in find.names())
    for name in find.names():
        assert f'href="{name}.html"' in page


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
def test_in_a_browser_nothing_is_wider_than_the_window(tmp_path: Path) -> None:
    """At the width of a desktop and of a phone, some lessons in one go."""
    names = ["02-neighbours", "07-bridges", "16-rip"]  # of what lies beside: narrow and wide, tables and drawings
    frames = ""
    for name in names:
        page = page_of(find.load(name)).replace("<details>", "<details open>").replace("</body>", f"{MEASURE}</body>")
        (tmp_path / f"{name}.html").write_text(page)
        frames += "".join(f'<iframe src="{name}.html" width="{width}" height="800"></iframe>' for width in (1280, 390))
    (tmp_path / "all.html").write_text(FRAMES + frames)
    assert BROWSER is not None
    done = subprocess.run(
        [BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"file://{tmp_path}/all.html"],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    found = re.search(r'<pre id="all">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr
    seen = json.loads(html.unescape(found[1]))
    assert len(seen) == 2 * len(names)
    assert {inner for _, inner, _, _ in seen} == {1280, 390}
    assert [(title, inner) for title, inner, scroll, beyond in seen if scroll > inner or beyond] == []
