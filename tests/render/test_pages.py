"""Pages in colours: what is coloured how, and that nothing in a page steers a terminal or holds it up."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.command import Command, Data
from netsh.render.pages import coloured
from netsh.render.printer import Printer

_SGR = re.compile(r"\x1b\[[0-9]+m")
FETCH = Command("fetch", "", list, lambda _ctx, _args: iter(()), str)  # type: ignore[arg-type,return-value]

PAGE = b'<!-- a\nb --><p class="x">h&eacute;</p>\n'
DRAWN = (
    "\x1b[2m<!-- a\x1b[0m\n\x1b[2mb -->\x1b[0m<\x1b[1mp\x1b[0m \x1b[36mclass\x1b[0m="
    '\x1b[32m"x"\x1b[0m>h&eacute;</\x1b[1mp\x1b[0m>\n'
)


@pytest.fixture(autouse=True, scope="module")
def patience() -> Iterator[None]:
    """A busy machine is no reason to leave colours out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("netsh.render.pages._PATIENCE", 60.0)
        yield


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def printed(format: str, row: Data, out: io.StringIO) -> str:
    printer = Printer(format, out, io.StringIO(), width=60)
    printer.row(FETCH, row, host="me")
    printer.end(FETCH)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (PAGE, "text/html; charset=utf-8", DRAWN),
        (PAGE, "application/xhtml+xml", DRAWN),
        (b'{"a": [1, true, "x"]}', "application/json",
         '{\x1b[1m"a"\x1b[0m: [\x1b[35m1\x1b[0m, \x1b[1mtrue\x1b[0m, \x1b[32m"x"\x1b[0m]}'),
        (b"/* b */ a {}", "text/css", "\x1b[2m/* b */\x1b[0m \x1b[1ma\x1b[0m {}"),
        (b"<a b='c'/>", "image/svg+xml", "\x1b[1m<a\x1b[0m \x1b[36mb=\x1b[0m\x1b[32m'c'\x1b[0m\x1b[1m/>\x1b[0m"),
        (b"if // x", "text/javascript", "\x1b[1mif\x1b[0m \x1b[2m// x\x1b[0m"),
        (b"<p>", "text/plain", "<p>"),
        (b"h\xe9", "text/html; charset=ISO-8859-1", "h\u00e9"),
        (b"h\xe9", "text/html; charset=rot13", "h\ufffd"),
        (b"\xef\xbb\xbfa\r\nb\x1b[2J", "text/html", "a\nb^[[2J"),
        (b"", "text/html", ""),
    ],
)  # fmt: skip
def test_colours(data: bytes, kind: str, text: str) -> None:
    assert coloured(data, kind) == text


@given(st.binary(max_size=200), st.sampled_from(["text/html", "application/json", "text/css", "text/javascript"]))
def test_nothing_is_lost_and_nothing_steers(data: bytes, kind: str) -> None:
    plain = _SGR.sub("", coloured(data, kind))
    assert plain == coloured(data, "text/plain").replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    assert "\x1b" not in plain


def test_a_page_that_is_a_trap_is_shown_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsh.render.pages._PATIENCE", 0.3)
    trap = b"<!--" * 60_000  # each of them is searched for its end
    begun = time.monotonic()
    assert _SGR.sub("", coloured(trap, "text/html")) == trap.decode()
    assert time.monotonic() - begun < 10


def test_only_a_terminal_has_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    page = Data(PAGE, "text/html")
    assert printed("rich", page, Screen()) == DRAWN
    assert printed("text", page, Screen()) == printed("rich", page, io.StringIO()) == PAGE.decode()
    assert printed("rich", Data(PAGE), Screen()) == PAGE.decode()
    monkeypatch.setenv("NO_COLOR", "1")
    assert printed("rich", page, Screen()) == PAGE.decode()
