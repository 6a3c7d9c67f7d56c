"""What holds for the rows of every command there is."""

from __future__ import annotations

import importlib
import io
import json

import pytest

from netsh import home
from netsh.render import own_views
from netsh.render.printer import Printer
from netsh.session import Session
from stack.lab import Lab

LINES = [
    "ifconfig -av", "route show", "arp -a", "www netstat -a", "netstat -i", "netstat -r", "netstat -s", "ps -a",
    "sysctl -a", "hostname", "lab", "host", "bus", "clock", "jobs", "help", "help ping", "ping -c 2 www",
    "fetch http://www/", "fetch -v http://www/", "fetch -I http://www/", "traceroute www", "traceroute -I gw",
    "drops", "drops gw", "help drop", "help drop ttl", "source ip_forward", "source drop dfrdropped",
]  # fmt: skip


def run(format: str, line: str) -> str:
    """What a line prints to stdout, in the lab `home`, after what fills its tables."""
    out, err = io.StringIO(), io.StringIO()
    session = Session(Lab(), Printer("text", io.StringIO(), err))
    home.build(session)
    session.run("ping -c 1 www; traceroute -m 1 -q 1 www")  # which the router drops
    session.printer = Printer(format, out, err, width=80)
    assert session.run(line) == 0
    assert err.getvalue() == ""
    return out.getvalue()


@pytest.mark.parametrize("line", LINES)
def test_json_is_an_object_a_line(line: str) -> None:
    rows = [json.loads(text) for text in run("json", line).splitlines()]
    assert rows or line == "jobs"
    assert all(isinstance(row, dict) and ("type" in row or "data" in row) for row in rows)


@pytest.mark.parametrize("line", LINES)
def test_rich_draws_it(line: str) -> None:
    drawn = run("rich", line)
    assert drawn or line == "jobs"
    assert "\x1b" not in drawn


@pytest.mark.parametrize("name", own_views.VIEWS)
def test_the_row_types_that_have_a_view_exist(name: str) -> None:
    module, _, kind = name.rpartition(".")
    assert hasattr(importlib.import_module(module), kind)
