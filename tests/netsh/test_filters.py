"""The filters behind a `|`: bytes in, bytes out, however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.command import Usage
from netsh.filters import FILTERS, Sink


class Kept(Sink):
    """The end of a pipe, which keeps what comes."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""
        self.ends = 0

    def feed(self, data: bytes) -> None:
        self.data += data

    def end(self) -> None:
        self.ends += 1


def through(line: str, *chunks: bytes) -> tuple[bytes, int]:
    """What a filter makes of its input, and its status."""
    name, *argv = line.split()
    kept = Kept()
    made = FILTERS[name](argv, kept)
    for chunk in chunks:
        if not made.done:
            made.feed(chunk)
    made.end()
    assert kept.ends == 1
    return kept.data, made.status


TEXT = b"pear 10\nApple 9\nfig 100\n\nfig 100\nlast"


@pytest.mark.parametrize(
    ("line", "out", "status"),
    [
        ("grep fig", b"fig 100\nfig 100\n", 0),
        ("grep -v fig", b"pear 10\nApple 9\n\nlast\n", 0),
        ("grep -i APPLE", b"Apple 9\n", 0),
        ("grep -n l", b"2:Apple 9\n6:last\n", 0),
        ("grep -c fig", b"2\n", 0),
        ("grep -c nothing", b"0\n", 1),
        ("grep -q fig", b"", 0),
        ("grep ^.i.*0$", b"fig 100\nfig 100\n", 0),
        ("grep -F ^", b"", 1),
        ("grep -e -1", b"", 1),
        ("grep -e pear -e last", b"pear 10\nlast\n", 0),
        ("grep -v -e 1 -e A", b"\nlast\n", 0),
        ("grep -E pear|last", b"pear 10\nlast\n", 0),
        ("head -n 2", b"pear 10\nApple 9\n", 0),
        ("head -1", b"pear 10\n", 0),
        ("head -n 0", b"", 0),
        ("head -c 7", b"pear 10", 0),
        ("head -c7", b"pear 10", 0),
        ("head -c 0", b"", 0),
        ("head -c 999", TEXT, 0),
        ("head", TEXT + b"\n", 0),
        ("tail -n 1", b"last\n", 0),
        ("tail -2", b"fig 100\nlast\n", 0),
        ("tail -n 0", b"", 0),
        ("tail -n +5", b"fig 100\nlast\n", 0),
        ("tail", TEXT + b"\n", 0),
        ("wc", b"      5       9      37\n", 0),
        ("wc -l", b"      5\n", 0),
        ("wc -w -c", b"      9      37\n", 0),
        ("sort", b"\nApple 9\nfig 100\nfig 100\nlast\npear 10\n", 0),
        ("sort -r", b"pear 10\nlast\nfig 100\nfig 100\nApple 9\n\n", 0),
        ("sort -u", b"\nApple 9\nfig 100\nlast\npear 10\n", 0),
        ("sort -n -k 2", b"\nlast\nApple 9\npear 10\nfig 100\nfig 100\n", 0),
        ("sort -k2n", b"\nlast\nApple 9\npear 10\nfig 100\nfig 100\n", 0),
        ("grep -w fi", b"", 1),
        ("grep -x pear.10", b"pear 10\n", 0),
        ("grep -x pear", b"", 1),
        ("grep pear|last", b"", 1),
        (r"grep pear\|last", b"pear 10\nlast\n", 0),
        ("grep -E 0{2}$", b"fig 100\nfig 100\n", 0),
        (r"grep 0\{2\}", b"fig 100\nfig 100\n", 0),
        ("grep [[:upper:]]", b"Apple 9\n", 0),
        ("json", TEXT, 0),
        ("csv", TEXT, 0),
        ("text", TEXT, 0),
    ],
)
def test_filters(line: str, out: bytes, status: int) -> None:
    if line == "wc":
        out = b"      5       9      37\n"
    assert through(line, TEXT) == (out, status)


CUT = ["grep -c fig", "grep -v fig", "head -n 3", "head -c 12", "tail -n 3", "wc", "sort -n"]


@pytest.mark.parametrize("line", CUT)
def test_cuts_do_not_matter(line: str) -> None:
    whole = through(line, TEXT)
    assert through(line, *(TEXT[at : at + 1] for at in range(len(TEXT)))) == whole
    assert through(line, b"", TEXT, b"") == whole


@given(st.binary(max_size=200), st.lists(st.integers(1, 50), max_size=8), st.sampled_from(sorted(FILTERS)))
def test_any_bytes(data: bytes, cuts: list[int], name: str) -> None:
    line = "grep a" if name == "grep" else name
    chunks, rest = [], data
    for cut in cuts:
        chunks.append(rest[:cut])
        rest = rest[cut:]
    assert through(line, *chunks, rest) == through(line, data)


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    data, _ = through("grep a", *([b"a" * 100_000] * 25))
    assert data.count(b"a") == 2_500_000
    assert data.count(b"\n") == 3


def test_head_has_had_enough() -> None:
    made = FILTERS["head"](["-n", "1"], Kept())
    made.feed(b"a\nb\nc\n")
    assert made.done
    grep = FILTERS["grep"](["x"], made)
    grep.feed(b"x\n")
    assert grep.done


@pytest.mark.parametrize(
    "line",
    ["grep", "grep -z a", "grep a b", "grep [", "head -n", "head -n -1", "head x", "head -c", "head -c x",
     "head -c 1 -n 1", "tail -n x", "tail -n +x", "wc -z",
     "sort -k", "sort -k x", "sort f", "json x"],
)  # fmt: skip
def test_nonsense(line: str) -> None:
    name, *argv = line.split()
    with pytest.raises(Usage):
        FILTERS[name](argv, Kept())
