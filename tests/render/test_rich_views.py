"""Golden pictures of tables at fixed widths, without colour; and which colour means what."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from commands.command import Command, Context
from netsh.render import rich_views
from netsh.render.palette import ADDRESS, BAD, GOOD, MAC, NAME
from netsh.render.printer import Printer
from stack.addr import Ip4, Mac, Prefix


class Entry(NamedTuple):
    host: str
    address: Ip4
    lladdr: Mac | None
    interface: str
    expires_in: float | None
    flags: tuple[str, ...]


TABLES: dict[type, str] = {Entry: "ARP cache"}


async def run(_ctx: Context, _args: None) -> AsyncIterator[Any]:
    yield None


ARP = Command("sample", "sample", lambda _argv: None, run, str)
ROWS = [
    Entry("gw", Ip4.parse("10.0.0.1"), Mac.parse("b2:a0:00:00:00:01"), "shmif0", 1199.5, ()),
    Entry("?", Ip4.parse("10.0.0.99"), None, "shmif0", None, ("permanent", "published")),
]

AT_80 = """\
ARP cache
host   address     lladdr              interface   expires in   flags
─────────────────────────────────────────────────────────────────────────
gw     10.0.0.1    b2:a0:00:00:00:01   shmif0          1199.5
?      10.0.0.99                       shmif0                   permanent
                                                                published
"""
AT_66 = """\
ARP cache
host address   lladdr            interface expires in flags
───────────────────────────────────────────────────────────────
gw   10.0.0.1  b2:a0:00:00:00:01 shmif0        1199.5
?    10.0.0.99                   shmif0               permanent
                                                      published
"""
AT_40 = """\
ARP cache
host        gw
address     10.0.0.1
lladdr      b2:a0:00:00:00:01
interface   shmif0
expires in  1199.5

host        ?
address     10.0.0.99
interface   shmif0
flags       permanent
            published
"""


def drawn(width: int, rows: list[Entry]) -> str:
    out = io.StringIO()
    printer = Printer("rich", out, io.StringIO(), width=width)
    for row in rows:
        printer.row(ARP, row, host="me")
    printer.end(ARP)
    return out.getvalue()


@pytest.mark.parametrize(("width", "picture"), [(80, AT_80), (66, AT_66), (40, AT_40)])
def test_a_table_as_it_is_drawn(width: int, picture: str) -> None:
    assert [line.rstrip() for line in drawn(width, ROWS).splitlines()] == picture.splitlines()


@pytest.mark.parametrize("width", range(12, 100, 4))
def test_nothing_is_wider_than_the_window_and_nothing_is_lost(width: int) -> None:
    out = drawn(width, ROWS)
    assert max(map(len, out.splitlines())) <= width
    assert "b2:a0:00:00:00:01" in "".join(out.split()) or width < 32


def test_columns_that_are_empty_in_every_row_are_left_out() -> None:
    assert "flags" not in drawn(80, ROWS[:1])


@pytest.mark.parametrize(
    ("name", "value", "text", "style"),
    [
        ("address", Ip4.parse("10.0.0.1"), "10.0.0.1", ADDRESS),
        ("net", Prefix.parse("10/8"), "10.0.0.0/8", ADDRESS),
        ("lladdr", Mac.parse("b2:a0:0:0:0:1"), "b2:a0:00:00:00:01", MAC),
        ("interface", "shmif0", "shmif0", NAME),
        ("state", "ESTABLISHED", "ESTABLISHED", GOOD),
        ("state", "down", "down", BAD),
        ("here", True, "yes", ""),
        ("here", False, "", ""),
        ("count", 7, "7", ""),
        ("rate", 0.1, "0.1", ""),
        ("text", "a\x1b[2J", "a^[[2J", ""),
        ("flag", None, "", ""),
    ],
)
def test_cells(name: str, value: Any, text: str, style: str) -> None:
    cell = rich_views.cell(name, value)
    assert (cell.plain, str(cell.style)) == (text, style)
