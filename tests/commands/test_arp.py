"""arp: entries by hand, from files, and words that make no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.addr import Ip4
from stack.lab import Lab
from tests.commands.labs import neighbors
from tests.commands.runner import run

MAC = "02:00:00:00:00:50"


@pytest.fixture
def lab() -> Lab:
    """A host `me` with 10.0.0.2/24, its neighbour `gw` with 10.0.0.1/24."""
    return neighbors()


def table(lab: Lab, host: str = "me") -> list[str]:
    return run(lab, host, "arp -an").lines[1 if host == "gw" else 0 :]


BAD = [
    ("", 2, "a host (or -a for all) is missing"),
    ("-d", 2, "a host (or -a for all) is missing"),
    ("-x", 2, "unknown option -- x"),
    ("-a gw", 2, "gw: -a takes no host"),
    ("gw me", 2, "me: one word too many"),
    ("-d -s gw", 2, "-d and -s: one at a time"),
    ("-s", 2, "a host and its link-layer address are wanted"),
    ("-s gw", 2, "a host and its link-layer address are wanted"),
    ("-s gw 02:00", 2, "invalid link-level address '02:00'"),
    ("-s gw ff:ff:ff:ff:ff:ff", 2, "of a group"),
    (f"-s 10.0.0.256 {MAC}", 2, "10.0.0.256: not an address"),
    (f"-s gw {MAC} forever", 2, "forever: there are temp, pub and proxy"),
    (f"-s gw {MAC} proxy", 2, "proxy: goes with pub"),
    ("-s gw auto", 2, "auto: goes with pub"),
    ("-f", 2, "the name of a file is missing"),
    ("-f a b", 2, "b: one word too many"),
    ("nobody", 1, "nobody: Host name lookup failure"),
    ("10.0.0.9", 1, "10.0.0.9 (10.0.0.9) -- no entry"),
    ("-d 10.0.0.9", 1, "writing to routing socket: No such file or directory"),
    ("-d me", 1, "writing to routing socket: Operation not permitted"),
    (f"-s me {MAC}", 1, "set: me is our own address"),
    (f"-s 10.0.0.2 {MAC} pub", 1, "set: 10.0.0.2 is our own address"),
    (f"-s 198.51.100.1 {MAC}", 1, "cannot intuit interface index and type for 198.51.100.1"),
    ("-f /nonexistent/file", 1, "Cannot open /nonexistent/file: No such file or directory"),
]


@pytest.mark.parametrize(("words", "status", "text"), BAD, ids=[words or "nothing" for words, _, _ in BAD])
def test_bad_words_get_one_line(lab: Lab, words: str, status: int, text: str) -> None:
    before = table(lab)
    answer = run(lab, "me", f"arp {words}")
    assert (answer.status, answer.lines) == (status, [])
    assert len(answer.errors) == 1 and answer.errors[0].startswith("arp: ")
    assert text in answer.errors[0]
    assert table(lab) == before


def test_an_entry_by_hand_stays_whatever_the_neighbour_says(lab: Lab) -> None:
    run(lab, "me", f"arp -s gw {MAC}")
    run(lab, "gw", "ifconfig shmif0 down")
    run(lab, "gw", "ifconfig shmif0 up")  # which announces it
    lab.run(lab.callouts.now + 5)
    assert f"? (10.0.0.1) at {MAC} on shmif0 permanent" in table(lab)
    assert "\t\t1 attempt to overwrite a static entry" in run(lab, "me", "netstat -p arp").lines


def test_a_temporary_entry_goes_after_twenty_minutes(lab: Lab) -> None:
    run(lab, "me", f"arp -s 10.0.0.50 {MAC} temp")
    lab.run(1199.0)
    assert f"? (10.0.0.50) at {MAC} on shmif0" in table(lab)
    lab.run(1201.0)
    assert not any("10.0.0.50" in line for line in table(lab))


@pytest.mark.parametrize(
    ("words", "answers"), [("pub", True), ("pub proxy", True), ("temp pub", True), ("", False), ("temp", False)]
)
def test_a_published_entry_is_answered_for(lab: Lab, words: str, answers: bool) -> None:
    run(lab, "me", f"arp -s 10.0.0.50 {MAC} {words}")
    run(lab, "gw", "ping -q -n -c 1 10.0.0.50")
    assert (f"? (10.0.0.50) at {MAC} on shmif0" in table(lab, "gw")) == answers


def test_our_own_address_in_proxy(lab: Lab) -> None:
    run(lab, "me", "arp -s 10.0.0.50 auto pub proxy")
    own = lab["me"].interfaces["shmif0"].lladdr
    assert table(lab)[-1] == f"? (10.0.0.50) at {own} on shmif0 permanent published (proxy only)"
    assert run(lab, "me", "arp -d 10.0.0.50 proxy").both == ""
    assert len(table(lab)) == 1


def test_a_file_of_entries(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "ethers"
    path.write_text(
        f"# neighbours\n10.0.0.50 {MAC}\n\n10.0.0.51 2:0:0:0:0:51 pub # answered for\n"
        "10.0.0.52\n10.0.0.53 02:zz\nnobody 02:00:00:00:00:53\n10.0.0.54 02:00:00:00:00:54 temp\n"
    )
    answer = run(lab, "me", f"arp -v -f {path}")
    assert answer.status == 1
    assert answer.lines == [
        f"10.0.0.50 ({MAC}) added", "10.0.0.51 (02:00:00:00:00:51) added", "10.0.0.54 (02:00:00:00:00:54) added",
    ]  # fmt: skip
    assert [line.partition(": line ")[2][:2] for line in answer.errors] == ["5:", "6:", "7:"]
    run(lab, "me", "arp -d -a")
    answer = run(lab, "me", "arp -f -", stdin=f"10.0.0.50 {MAC}\n".encode())
    assert answer.both == "" and f"? (10.0.0.50) at {MAC} on shmif0 permanent" in table(lab)


def test_a_file_that_is_no_text(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfe\x00")
    answer = run(lab, "me", f"arp -f {path}")
    assert answer.status == 1 and len(answer.errors) == 1 and "not text" in answer.errors[0]
    assert run(lab, "me", f"arp -f {tmp_path}").errors == [f"arp: Cannot open {tmp_path}: Is a directory"]


def test_rows_tell_the_state(lab: Lab) -> None:
    run(lab, "me", "ping -q -n -c 1 gw")
    (row,) = run(lab, "me", "arp gw").rows
    assert (row.host, row.address, row.state) == ("gw", Ip4.parse("10.0.0.1"), "reachable")
    assert 0 < row.expires <= 30
    lab.run(lab.callouts.now + 60)
    (row,) = run(lab, "me", "arp gw").rows
    assert row.state == "stale"
