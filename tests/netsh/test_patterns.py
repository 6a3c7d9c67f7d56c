"""Patterns of grep: what they find, basic and extended."""

from __future__ import annotations

import re
import subprocess
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsh.patterns import basic, extended

# a pattern, a text, and whether it is found in it: as a basic pattern, as an extended one
TABLE = [
    ("a+", "aa", False, True),
    ("a+", "a+", True, True),
    (r"a\+b", "aab", True, False),
    (r"a\+b", "a+b", False, True),
    ("(ab)", "ab", False, True),
    (r"\(ab\)\1", "abab", True, None),
    ("a|b", "b", False, True),
    (r"a\|b", "b", True, False),
    ("*a", "*a", True, None),
    (r"\(*a\)", "*a", True, None),
    ("a^b", "a^b", True, False),
    ("^a", "ba", False, False),
    ("a{2}", "aa", False, True),
    ("a{2}", "a{2}", True, False),
    (r"a\{2,3\}c", "aac", True, False),
    ("a{x", "a{x", True, True),
    ("[[:digit:]x]y", "7y", True, True),
    ("[^[:space:]]", " ", False, False),
    ("[]a]", "]", True, True),
    ("[^]a]", "]", False, False),
    (r"[\d]", "d", True, True),
    (r"[\d]", "7", False, False),
    ("[[]", "[", True, True),
    (r"\<gw", "a gw", True, True),
    (r"\<gw", "agw", False, False),
    (r"gw\>", "gws", False, False),
    (r"10\.0", "1000", False, False),
    ("10.0", "1000", True, True),
    (r"\d", "7", True, True),
]


@pytest.mark.parametrize(("pattern", "text", "as_basic", "as_extended"), TABLE)
def test_what_is_found(pattern: str, text: str, as_basic: bool, as_extended: bool | None) -> None:
    assert bool(re.search(basic(pattern), text)) is as_basic
    if as_extended is not None:
        assert bool(re.search(extended(pattern), text)) is as_extended


@pytest.mark.parametrize(("pattern", "text", "as_basic", "as_extended"), TABLE[:-1])
def test_grep_of_the_real_machine_agrees(pattern: str, text: str, as_basic: bool, as_extended: bool | None) -> None:
    for option, found in ("-G", as_basic), ("-E", as_extended):
        if found is not None:
            done = subprocess.run(["grep", "-q", option, "--", pattern], input=text.encode(), check=False)
            assert (done.returncode == 0) is found, option


@given(st.text(alphabet="ab0.*+?|(){}[]^$\\:,-", max_size=12))
def test_whatever_is_typed_is_a_pattern_or_refused(pattern: str) -> None:
    for translate in (basic, extended):
        with suppress(re.error, OverflowError):
            re.compile(translate(pattern))


def test_a_class_that_is_none() -> None:
    with pytest.raises(re.error, match="there is no class"):
        basic("[[:nothing:]]")
