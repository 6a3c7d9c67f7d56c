"""The fixtures and assertions of netsh.testing, in a test run of somebody else's."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

GOOD = """
from netsh.testing import *

def test_home(home):
    seen = home.capture("bus:wan", "tcp port 80")
    home["me"].fetch("-qo", "-", "http://www/")
    assert_captured(seen, r"Flags \\[S\\]", 1)
    assert_captured(seen, "GET / HTTP")
    assert assert_reachable(home["me"], "www", 2).received == 2
    assert_unreachable(home["me"], "10.0.0.99")
    home["me"].traceroute("-n", "-q", 1, "www")
    assert_dropped(home["gw"], "ip/ttl", 1)
    assert_dropped(home["gw"], "ttl")

def test_empty(lab):
    lab.link("a", "b")
    assert_reachable(lab["a"], "b")
    assert lab.now < 60
"""
BAD = """
from netsh.testing import *

def test_reach(home):
    assert_reachable(home["me"], "10.0.0.99")

def test_not(home):
    assert_unreachable(home["me"], "www")

def test_seen(home):
    assert_captured(home.capture(), "Flags")

def test_drop(home):
    assert_dropped(home["gw"], "ip/ttl")
"""


def test_it_passes_what_is_so(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["netsh.testing"]')
    pytester.makepyfile(GOOD)
    pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_it_fails_what_is_not(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["netsh.testing"]')
    pytester.makepyfile(BAD)
    result = pytester.runpytest_inprocess("-q", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            "*me does not reach 10.0.0.99*",
            "*me reaches www*",
            "*no line has 'Flags' in it*",
            "*gw dropped 0 packets for ip/ttl*",
        ]
    )
