"""What each format prints for rows, and what goes to stderr."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from enum import Enum
from typing import Any, NamedTuple

import pytest

from commands.command import Command, Complaint, Context, Data, Note
from netsh.render.json_rows import json_of, type_of
from netsh.render.palette import (
    DARK,
    LIGHT,
    Theme,
    ascii_of,
    highlight,
    host_style,
    theme_of,
    visible,
    visible_bytes,
    wants_ascii,
    wants_colour,
)
from netsh.render.printer import Printer, text_of
from stack.addr import Ip4, Mac, Prefix


class Kind(Enum):
    STATIC = 1


class Hop(NamedTuple):
    address: Ip4
    from_: str


class PingReply(NamedTuple):
    source: Ip4
    seq: int
    ms: float


class Route(NamedTuple):
    destination: Prefix
    gateway: Ip4 | str
    mtu: int | None


TABLES: dict[type, str] = {Route: "Routes"}


def show(row: Any) -> str:
    if isinstance(row, PingReply):
        return f"64 bytes from {row.source}: icmp_seq={row.seq} time={row.ms:.3f} ms"
    return f"{row.destination} {row.gateway}"


async def run(_ctx: Context, _args: None) -> AsyncIterator[Any]:
    yield None


PING = Command("ping", "ping host", lambda _argv: None, run, show)
REPLY = PingReply(Ip4.parse("10.0.0.1"), 0, 0.5)
ROUTE = Route(Prefix.parse("10.0.0/24"), Ip4.parse("10.0.0.1"), None)


def printed(format: str, *rows: Any, job: int | None = None) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    printer = Printer(format, out, err, width=60)
    for row in rows:
        printer.row(PING, row, host="me", job=job)
    printer.end(PING, job=job)
    return out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (REPLY, "64 bytes from 10.0.0.1: icmp_seq=0 time=0.500 ms\n"),
        (Note(""), "\n"),
        (Note("Routing tables"), "Routing tables\n"),
        (Data(b"\xff\n"), b"\xff\n"),
        (Complaint("no"), ""),
    ],
)
def test_text_of(row: Any, text: str | bytes) -> None:
    assert text_of(PING, row) == text


def test_text_prints_what_show_says() -> None:
    assert printed("text", Note("PING"), REPLY) == (f"PING\n{show(REPLY)}\n", "")


def test_text_writes_data_as_raw_bytes_in_order() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="utf-8")
    printer = Printer("text", out, io.StringIO())
    for row in (Note("a"), Data(b"\xff\x1b"), Note("b")):
        printer.row(PING, row, host="me")
    printer.end(PING)
    assert raw.getvalue() == b"a\n\xff\x1bb\n"


@pytest.mark.parametrize("format", ["text", "rich", "json"])
def test_complaints_go_to_stderr_in_every_format(format: str) -> None:
    assert printed(format, Complaint("sendto: No route to host")) == ("", "ping: sendto: No route to host\n")


def test_json_is_one_object_a_line_without_notes() -> None:
    out, _ = printed("json", Note("PING"), REPLY, Note(""), ROUTE)
    assert [json.loads(line) for line in out.splitlines()] == [
        {"type": "ping-reply", "source": "10.0.0.1", "seq": 0, "ms": 0.5},
        {"type": "route", "destination": "10.0.0.0/24", "gateway": "10.0.0.1", "mtu": None},
    ]


def test_json_of_a_job_says_whose_it_is() -> None:
    out, _ = printed("json", REPLY, job=2)
    assert json.loads(out) == {
        "type": "ping-reply", "source": "10.0.0.1", "seq": 0, "ms": 0.5, "host": "me", "job": 2
    }  # fmt: skip


class Values(NamedTuple):
    value: Any


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Ip4.parse("10.0.0.1"), "10.0.0.1"),
        (Mac.parse("b2:a0:0:0:0:1"), "b2:a0:00:00:00:01"),
        (Prefix.parse("10.0.0.0/24"), "10.0.0.0/24"),
        (b"GET / \xc3\xa9\r\n", "GET / é\r\n"),
        (b"\xff\x00", {"base64": "/wA="}),
        (b"\x1b[2J", {"base64": "G1sySg=="}),
        (Kind.STATIC, "static"),
        ((Ip4.parse("10.0.0.1"), 80), ["10.0.0.1", 80]),
        (Hop(Ip4(1), "x"), {"address": "0.0.0.1", "from": "x"}),
        ({Ip4(1): {"a": None}}, {"0.0.0.1": {"a": None}}),
        (float("nan"), None),
        (True, True),
        (None, None),
    ],
)
def test_json_values(value: Any, plain: Any) -> None:
    assert json.loads(json_of(Values(value))) == {"type": "values", "value": plain}


class RoutingMessage(NamedTuple):
    type: str
    pid: int


def test_a_type_of_its_own_does_not_hide_the_type_of_the_row() -> None:
    assert json.loads(json_of(RoutingMessage("RTM_ADD", 1))) == {
        "type": "routing-message", "message_type": "RTM_ADD", "pid": 1
    }  # fmt: skip


def test_json_of_data() -> None:
    assert json.loads(json_of(Data(b"<html>\n"))) == {"data": "<html>\n"}


def test_type_of() -> None:
    assert [type_of(row) for row in (REPLY, ROUTE, Note(""))] == ["ping-reply", "route", "note"]


def test_rich_gathers_a_table_and_leaves_its_headings_out() -> None:
    out, _ = printed("rich", Note("Routing tables"), Note(""), ROUTE, ROUTE, Note(""))
    assert out.count("10.0.0.0/24") == 2
    assert out.splitlines()[0].strip() == "Routes"
    assert "Routing tables" not in out
    assert out.splitlines()[-1].strip()


def test_rich_says_what_there_is_none_of() -> None:
    assert printed("rich", Note("Routing tables"), Note("x" * 70)) == ("Routing tables\n" + "x" * 60 + "\n", "")
    assert printed("rich", REPLY, Note("heading"))[0] == show(REPLY) + "\n"


def test_rich_streams_other_rows_and_keeps_the_order() -> None:
    out, _ = printed("rich", Note("PING"), REPLY, ROUTE, REPLY)
    lines = out.splitlines()
    assert lines[:2] == ["PING", show(REPLY)]
    assert lines[-1] == show(REPLY)
    assert "10.0.0.0/24" in out


def test_jobs_gather_apart() -> None:
    out = io.StringIO()
    printer = Printer("rich", out, io.StringIO(), width=60)
    printer.row(PING, ROUTE, host="me", job=1)
    printer.row(PING, REPLY, host="me")
    printer.row(PING, ROUTE, host="me", job=1)
    printer.end(PING)
    assert out.getvalue() == show(REPLY) + "\n"
    printer.end(PING, job=1)
    assert out.getvalue().count("10.0.0.0/24") == 2


def test_highlight() -> None:
    assert highlight("64 bytes from 10.0.0.1: x") == "64 bytes from \x1b[36m10.0.0.1\x1b[0m: x"
    assert "\x1b[35mb2:a0:00:00:00:01\x1b[0m" in highlight("at b2:a0:00:00:00:01 on")
    assert "\x1b[32m0.0% packet loss" in highlight("3 packets received, 0.0% packet loss")
    assert "\x1b[31m100.0% packet loss" in highlight("0 packets received, 100.0% packet loss")


def test_a_theme_is_the_one_that_is_named_or_that_of_the_background() -> None:
    assert [theme_of(name, {}) for name in ("dark", "light", "auto", None)] == [DARK, LIGHT, DARK, DARK]
    for said, theme in ("15;0", DARK), ("0;15", LIGHT), ("0;default;7", LIGHT), ("x", DARK):
        assert theme_of(None, {"COLORFGBG": said}) is theme
        assert theme_of("dark", {"COLORFGBG": said}) is DARK
    assert highlight("10.0.0.1", LIGHT) == "\x1b[38;5;25m10.0.0.1\x1b[0m"


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_a_theme_has_a_look_for_every_meaning(theme: Theme) -> None:
    assert theme.styles.keys() == DARK.styles.keys()
    looks = [theme.sgr(style) for style in theme.styles] + [theme.sgr(host_style(f"r{at}")) for at in range(100)]
    assert all(looks) and len({theme.sgr(style) for style in theme.styles}) == len(theme.styles)
    assert len({theme.sgr(host_style(f"r{at}")) for at in range(100)}) == len(theme.hosts)


@pytest.mark.parametrize(
    ("encoding", "environ", "plain"),
    [
        ("utf-8", {}, False),
        ("utf-8", {"LANG": "en_US.UTF-8"}, False),
        ("latin-1", {"LANG": "en_US"}, True),
        ("ascii", {}, True),
        ("utf-8", {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ("utf-8", {"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, False),
        ("utf-8", {"LANG": "de_DE.UTF-8", "LC_ALL": "POSIX"}, True),
        ("utf-8", {"TERM": "dumb"}, True),
    ],
)
def test_where_only_ascii_is_drawn(encoding: str, environ: dict[str, str], plain: bool) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert wants_ascii(out, environ) is plain


def test_ascii_of() -> None:
    assert ascii_of("╭─╮ │ ├╴ ━ … → ▁▃▅█ é") == "+-+ | +- = ~ > _-=# é"


def test_what_came_from_the_network_cannot_steer_the_terminal() -> None:
    assert visible("a\x1b[2J\tb\x07\x9b\n") == "a^[[2J\tb^G\\x9b\n"
    assert visible_bytes(b"a\x1b[2J\xff\xc2\x9b\n") == b"a^[[2J\xff\\x9b\n"
    assert visible_bytes("é\n".encode()) == "é\n".encode()


@pytest.mark.parametrize(
    ("terminal", "environ", "colour"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
    ],
)
def test_colour(terminal: bool, environ: dict[str, str], colour: bool) -> None:
    assert wants_colour(terminal, environ) == colour
