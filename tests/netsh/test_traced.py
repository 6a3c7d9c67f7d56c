"""A trace in a session: the line of a step, where the lab has stopped, what is completed, live trees."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest

from netsh import home
from netsh.prompt.candidates import candidates
from netsh.render.printer import Printer
from netsh.session import Session
from netsh.world import end
from stack.lab import Lab
from tests.netsh.toys import Toys


@pytest.fixture
def session() -> Iterator[Toys]:
    made = Toys(Lab())
    home.build(made)
    yield made
    end(made.lab)
    assert sys.getprofile() is None


def test_source_marks_the_line_of_a_step(session: Toys) -> None:
    assert session.run("trace on udp; traceroute -q 1 -m 1 www > /dev/null; trace show 1 | grep 'drop ip/ttl'") == 0
    label = session.out.split()[2]
    assert session.run(f"source {label}") == 0
    (marked,) = (line for line in session.out.splitlines() if line.startswith(">"))
    assert marked.endswith('self.drop("ttl", m)')


def test_source_of_a_step_that_there_is_not(session: Toys) -> None:
    assert session.run("source 1.3") == 1
    assert session.err == "source: there is no packet 1: nothing was traced yet; 'trace on' begins\n"
    assert session.run("source 1.3 4") == 2


def test_the_way_to_where_the_lab_has_stopped(session: Toys) -> None:
    """A breakpoint and a trace see the same function, and the trace goes on when the lab does."""
    assert session.run("trace on icmp; break gw ip_forward if icmp; ping -c 1 www > /dev/null & sleep 1") == 0
    assert session.run("explain") == 0
    told = [line for line in session.out.splitlines() if line[:1].isdigit()]
    assert " gw 1.16 rtalloc1" in told[-2] and any(" me 1.1 rip_output" in line for line in told)
    assert told[-1].endswith(" gw ip_forward (RFC 1812 5.2, BSD netinet/ip_input.c)")
    assert session.run("break -d 1; go; wait; trace off; trace show 1") == 0
    text = session.out
    assert "ip_forward: ttl 255>254" in text and "=> answered" in text


def test_completion_knows_filters_and_packets(session: Toys) -> None:
    def texts(line: str) -> list[str]:
        return [candidate.text for candidate in candidates(line, session)]

    assert texts("trace ") == ["on", "off", "show", "path"]
    assert texts("trace show ") == []
    session.run("trace on icmp; ping -qc 1 gw > /dev/null; trace off")
    assert texts("trace show ")[-1] == texts("explain ")[-1] == "1"
    assert {"icmp", "host", "www"} <= set(texts("trace on "))
    assert texts("trace path ") == ["me", "gw", "www"]


def test_live_steps_are_a_tree() -> None:
    out = io.StringIO()
    session = Session(Lab(), Printer("rich", out, out, width=100))
    home.build(session)
    try:
        assert session.run("trace -f -c 8 icmp & ping -qc 1 gw; wait; trace path me www") == 0
    finally:
        end(session.lab)
    text = out.getvalue()
    assert "└── rip_output 1.1" in text and "    └── ip_output 1.2" in text
    assert text.index("rip_output 1.1") < text.index("packets transmitted")
    assert "gw 10.0.0.1 on shmif0\n│  203.0.113.0/24 on shmif1\n" in text


def test_a_script_may_trace_itself(session: Toys) -> None:
    assert (
        session.run("trace on tcp; fetch -qo /dev/null http://www/; trace off; trace | tail -n 1 | grep -c http") == 0
    )
    assert session.out == "1\n"
