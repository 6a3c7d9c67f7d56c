"""What `netsh router` and `netsh bridge` make of their words."""

from __future__ import annotations

import pytest

from netsh.appliance import KINDS, parse
from netsh.options import BadOption

A, B = "192.168.1.1/24", "192.168.2.1/24"


@pytest.mark.parametrize(
    ("kind", "words", "lines"),
    [
        ("router", f"virt0 {A} virt1 {B}", f"ifconfig virt0 create {A} && ifconfig virt1 create {B}"),
        (
            "router",
            f"virt0 {A} shmif0=/tmp/it's {B} --route default 192.168.2.9",
            f"ifconfig virt0 create {A} && ifconfig shmif0 create linkstr '/tmp/it'\\''s' {B}"
            " && route -q add default 192.168.2.9",
        ),
        (
            "bridge",
            f"--stp virt0 virt1 {A}",
            "ifconfig virt0 create up && ifconfig virt1 create up && ifconfig bridge0 create"
            " && brconfig bridge0 add virt0 add virt1 up && brconfig bridge0 stp virt0 stp virt1"
            f" && ifconfig bridge0 {A}",
        ),
    ],
)
def test_the_words_become_lines_of_the_shell(kind: str, words: str, lines: str) -> None:
    options = parse(kind, words.split())
    assert options.lab == "none" and options.lines is not None
    assert options.lines == f"host {kind} && sysctl -q -w net.inet.ip.dad_count=0 && {lines}"


@pytest.mark.parametrize(
    ("words", "watch", "stay"),
    [
        ([], ["netstat", "-w", "1", "-bd"], False),
        (["-w", "0.5"], ["netstat", "-w", "0.5", "-bd"], False),
        (["-q"], ["sleep", "1000000000"], False),
        (["-i"], None, True),
    ],
)
def test_what_runs_once_it_is_set_up(words: list[str], watch: list[str] | None, stay: bool) -> None:
    options = parse("bridge", ["virt0", "virt1", *words])
    assert options.watch == watch and options.stay is stay


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("router", "two interfaces are wanted"),
        (f"router virt0 {A}", "two interfaces are wanted"),
        ("router virt0", "virt0: its address is missing"),
        (f"router virt0 {A} virt0 {B}", "virt0: named twice"),
        (f"router virt0 192.168.1.1 virt1 {B}", "192.168.1.1: no address with its prefix length"),
        (f"router virt0 192.168.1.1/33 virt1 {B}", "192.168.1.1/33: no address"),
        (f"router eth0 {A} virt1 {B}", "eth0: no interface; it is virtN"),
        (f"router shmif0=bus {A} virt1 {B}", "shmif0=bus: no interface"),
        (f"router virt0 {A} virt1 {B} --route default", "--route: its value is missing"),
        (f"router virt0 {A} virt1 {B} --route nowhere 1.2.3.4", "--route nowhere 1.2.3.4: a network and"),
        (f"router virt0 {A} virt1 {B} --stp", "--stp: unknown option"),
        ("router -w soon", "-w soon: a number of seconds"),
        ("bridge virt0", "two interfaces are wanted"),
        ("bridge virt0 virt1 --route", "--route: unknown option"),
    ],
)
def test_one_line_says_what_is_wrong(line: str, said: str) -> None:
    kind, *words = line.split()
    with pytest.raises(BadOption, match=said.replace("(", r"\(")):
        parse(kind, words)


def test_on_a_terminal_its_counters_are_drawn_in_place() -> None:
    assert parse("bridge", ["virt0", "virt1"], terminal=True).watch == ["ifconfig", "-a", "--live"]
    assert parse("bridge", ["virt0", "virt1", "-w", "2"], terminal=True).watch == ["netstat", "-w", "2", "-bd"]


def test_each_has_its_page() -> None:
    for kind in KINDS:
        page = parse(kind, ["--help"]).show
        assert page is not None and f"netsh {kind} " in page
