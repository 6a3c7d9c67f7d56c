"""Labs in tests: fixtures for pytest, and what a test waits for and asserts.

In a conftest.py:

    pytest_plugins = ["netsh.testing"]

and in a test, all of it in virtual time, so that nothing sleeps and every run is the same run:

    def test_the_way_back(lab):
        lab.link("a", "b", "10.0.0.0/30")
        reply = assert_reachable(lab["a"], "b")
        assert reply.loss == 0

    def test_a_page(home):
        seen = home.capture("bus:wan", "tcp port 80")
        home["me"].fetch("-qo", "-", "http://www/")
        assert_captured(seen, r"GET / HTTP/1.1")
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from commands._drops import Drop
from commands._pinger import PingStatistics
from netsh.api import Capture, CommandFailed, Host, Lab

__all__ = ["assert_captured", "assert_dropped", "assert_reachable", "assert_unreachable", "home", "lab"]


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An empty lab in virtual time."""
    with Lab() as lab:
        yield lab


@pytest.fixture
def home() -> Iterator[Lab]:
    """The lab of the prompt: me - gw - www, which serves a page."""
    with Lab.home() as lab:
        yield lab


def assert_reachable(host: Host, to: str | Host, count: int = 1) -> PingStatistics:
    """Every one of so many pings is answered; what ping says of them."""
    __tracebackhide__ = True
    try:
        statistics = host.ping("-c", count, to).only(PingStatistics)
    except CommandFailed as failed:
        raise AssertionError(f"{host} does not reach {to}: {failed}\n{failed.rows}") from None
    assert statistics.received == count, f"{host} reaches {to} with {statistics.loss}% packet loss"
    return statistics


def assert_unreachable(host: Host, to: str | Host, count: int = 1) -> None:
    """None of so many pings is answered."""
    __tracebackhide__ = True
    try:
        rows = host.ping("-c", count, to)
    except CommandFailed:
        return
    raise AssertionError(f"{host} reaches {to}:\n{rows}")


def assert_captured(capture: Capture, pattern: str, count: int | None = None) -> None:
    """A capture has lines that a pattern is found in: some, or just so many."""
    __tracebackhide__ = True
    found = [line for line in capture.text.splitlines() if re.search(pattern, line)]
    if count is None:
        assert found, f"no line has {pattern!r} in it:\n{capture.text}"
    else:
        assert len(found) == count, f"{len(found)} lines have {pattern!r} in them, not {count}:\n{capture.text}"


def assert_dropped(host: Host, reason: str, count: int | None = None) -> None:
    """A host has dropped packets for a reason: `ttl`, or `ip/ttl`; some, or just so many."""
    __tracebackhide__ = True
    protocol, _, name = reason.rpartition("/")
    rows = host.drops(*(("-p", protocol) if protocol else ()), host).of(Drop)
    dropped = sum(row.count_ for row in rows if row.reason == name)
    wanted = dropped > 0 if count is None else dropped == count
    assert wanted, f"{host} dropped {dropped} packets for {reason}"
