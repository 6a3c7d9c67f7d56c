"""fetch -c and fetch -o: downloads that break off and are gone on with, parts of what has changed, several files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands._dates import http_date, read_http_date
from stack.kern.proc import SIGKILL
from stack.lab import Lab
from stack.net.wire import Personality
from tests.commands.labs import Talk, bus, end, pair, server
from tests.commands.runner import run, start

DATE = 784111777
CHANGED = f"Last-Modified: {http_date(DATE)}"
BIG = bytes(range(256)) * 4000


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = pair()
    yield lab
    end(lab)


def reply(head: str, body: bytes = b"") -> bytes:
    return head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body


def part(folder: Path, data: bytes = b"0123", modified: float = DATE) -> Path:
    """What an earlier fetch has left of the file `got`."""
    left = folder / "got.part"
    left.write_bytes(data)
    os.utime(left, (modified, modified))
    return left


def asked(talk: Talk) -> list[bytes]:
    """The lines of the first request that say what part is wanted."""
    first = talk.got.partition(b"\r\n\r\n")[0]
    return [line for line in first.split(b"\r\n") if line.startswith((b"Range", b"If-Range", b"Accept-Encoding"))]


WANTED = [b"Accept-Encoding: identity", b"Range: bytes=4-", f"If-Range: {http_date(DATE)}".encode()]
ANEW = [b"Accept-Encoding: identity"]
BROKEN = reply(f"HTTP/1.1 200 OK\n{CHANGED}\nContent-Length: 10", b"0123")
REST = reply(f"HTTP/1.1 206 Partial Content\n{CHANGED}\nContent-Range: bytes 4-9/10\nContent-Length: 6", b"456789")
WHOLE = reply(f"HTTP/1.1 200 OK\n{CHANGED}\nContent-Length: 10", b"0123456789")


def test_what_broke_off_is_gone_on_with(lab: Lab, tmp_path: Path) -> None:
    server(lab, "b", 80, BROKEN)
    answer = run(lab, "a", f"fetch -c -o {tmp_path}/got b")
    assert (answer.errors, answer.status) == (["fetch: http://b/: Connection closed, got 4 of 10 bytes"], 1)
    left = tmp_path / "got.part"
    assert list(tmp_path.iterdir()) == [left] and left.read_bytes() == b"0123" and left.stat().st_mtime == DATE
    talk = server(lab, "b", 81, REST)
    answer = run(lab, "a", f"fetch -c -o {tmp_path}/got b:81")
    assert (answer.both, answer.status) == ("", 0)
    assert asked(talk) == WANTED
    assert list(tmp_path.iterdir()) == [tmp_path / "got"] and (tmp_path / "got").read_bytes() == b"0123456789"
    assert (tmp_path / "got").stat().st_mtime == DATE


@pytest.mark.parametrize("option", ["-c", "-r"])
def test_our_httpd_goes_on(lab: Lab, tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "big.bin").write_bytes(BIG)
    os.utime(tmp_path / "site" / "big.bin", (DATE, DATE))
    monkeypatch.chdir(tmp_path)
    bus(lab).set(Personality(rate=8e6))
    job = start(lab, "b", f"httpd -v {tmp_path}/site")
    for at in range(1, 4):
        assert run(lab, "a", f"fetch {option} http://b/big.bin", interrupt=0.3).status == 130
        size = (tmp_path / "big.bin.part").stat().st_size
        assert 0 < size < len(BIG) and size > 100_000 * at
    assert run(lab, "a", f"fetch {option} http://b/big.bin").status == 0
    assert (tmp_path / "big.bin").read_bytes() == BIG and not (tmp_path / "big.bin.part").exists()
    assert [row.status for row in job.answer.rows] == [200, 206, 206, 206]


def test_a_killed_one_leaves_its_part_to_go_on_with(lab: Lab, tmp_path: Path) -> None:
    server(lab, "b", 80, BROKEN, 100.0)
    job = start(lab, "a", f"fetch -c -o {tmp_path}/got b")
    lab.run(1.0)
    job.proc.signal(SIGKILL)
    lab.run(2.0)
    assert job.proc.status == 128 + SIGKILL
    talk = server(lab, "b", 81, REST)
    assert run(lab, "a", f"fetch -c -o {tmp_path}/got b:81").status == 0
    assert asked(talk) == WANTED and (tmp_path / "got").read_bytes() == b"0123456789"


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (WHOLE, None),  # the server knows no ranges, or the file has changed
        (reply("HTTP/1.1 416 Range Not Satisfiable\nContent-Range: bytes */4\nContent-Length: 3", b"no\n"), b"0123"),
        (reply("HTTP/1.1 206 Partial Content\nContent-Range: bytes 4-9/*\nContent-Length: 6", b"456789"), None),
    ],
)
def test_answers_that_make_it_whole(lab: Lab, tmp_path: Path, answer: bytes, left: bytes | None) -> None:
    part(tmp_path)
    talk = server(lab, "b", 80, answer)
    said = run(lab, "a", f"fetch -c -o {tmp_path}/got b")
    assert (said.both, said.status) == ("", 0) and asked(talk) == WANTED
    assert (tmp_path / "got").read_bytes() == (left or b"0123456789")
    assert [path.name for path in tmp_path.iterdir()] == ["got"]


def test_a_part_that_is_longer_than_the_whole_begins_again(lab: Lab, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "got").write_bytes(b"short")
    os.utime(site / "got", (DATE, DATE))
    part(tmp_path, b"much too long")
    job = start(lab, "b", f"httpd -v {site}")
    assert run(lab, "a", f"fetch -c -o {tmp_path}/got b/got").status == 0
    assert (tmp_path / "got").read_bytes() == b"short"
    assert [row.status for row in job.answer.rows] == [416, 200]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply("HTTP/1.1 206 Partial\nContent-Range: bytes 5-9/10\nContent-Length: 5", b"56789"), "another part came"),
        (reply("HTTP/1.1 206 Partial\nContent-Range: lines 4-9/10\nContent-Length: 6", b"456789"), "another part came"),
        (reply("HTTP/1.1 206 Partial\nContent-Length: 6", b"456789"), "another part came"),
        (REST.replace(CHANGED.encode(), b"Content-Encoding: gzip"), "another part came"),
        (REST.replace(b"1994", b"1995"), "a part of something else came"),
        (reply("HTTP/1.1 404 Not Found\nContent-Length: 4", b"gone"), "404 Not Found"),
        (b"nonsense", "not an HTTP answer"),
    ],
)
def test_answers_that_harm_no_part(lab: Lab, tmp_path: Path, answer: bytes, error: str) -> None:
    left = part(tmp_path)
    server(lab, "b", 80, answer)
    said = run(lab, "a", f"fetch -c -o {tmp_path}/got b")
    assert said.status == 1 and len(said.errors) == 1 and f"fetch: http://b/: {error}" in said.errors[0]
    assert list(tmp_path.iterdir()) == [left] and left.read_bytes() == b"0123" and left.stat().st_mtime == DATE


def test_a_part_of_a_part(lab: Lab, tmp_path: Path) -> None:
    left = part(tmp_path)
    server(lab, "b", 80, reply("HTTP/1.1 206 Partial\nContent-Range: bytes 4-6/10\nContent-Length: 3", b"456"))
    answer = run(lab, "a", f"fetch -c -o {tmp_path}/got b")
    assert answer.errors == [f"fetch: {tmp_path}/got: got 7 of 10 bytes"] and left.read_bytes() == b"0123456"


@pytest.mark.parametrize("modified", [0, DATE + 0.25])
def test_a_part_of_nobody_knows_what_begins_again(lab: Lab, tmp_path: Path, modified: float) -> None:
    part(tmp_path, b"else", modified)
    talk = server(lab, "b", 80, WHOLE)
    assert run(lab, "a", f"fetch -c -o {tmp_path}/got b").status == 0
    assert asked(talk) == ANEW and (tmp_path / "got").read_bytes() == b"0123456789"


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 10",
        "Last-Modified: yesterday\nContent-Length: 10",
        f"{CHANGED}\nDate: {http_date(DATE)}\nContent-Length: 10",  # it may change again in that second
        f"{CHANGED}\nContent-Encoding: gzip\nContent-Length: 10",
    ],
)
def test_parts_that_cannot_be_gone_on_with(lab: Lab, tmp_path: Path, head: str) -> None:
    data = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02" if "gzip" in head else b"0123"
    server(lab, "b", 80, reply(f"HTTP/1.1 200 OK\n{head}", data))
    assert run(lab, "a", f"fetch -c -o {tmp_path}/got b").status == 1
    talk = server(lab, "b", 81, WHOLE)
    assert run(lab, "a", f"fetch -c -o {tmp_path}/got b:81").status == 0
    assert asked(talk) == ANEW and (tmp_path / "got").read_bytes() == b"0123456789"


def test_a_part_that_ends_in_nonsense_is_thrown_away(lab: Lab, tmp_path: Path) -> None:
    head = f"HTTP/1.1 200 OK\n{CHANGED}\nTransfer-Encoding: chunked"
    server(lab, "b", 80, reply(head, b"4\r\n0123\r\nfour\r\n4567"))
    answer = run(lab, "a", f"fetch -c -o {tmp_path}/got b")
    assert answer.errors == ["fetch: http://b/: broken chunks, got 4 bytes"] and list(tmp_path.iterdir()) == []
    server(lab, "b", 81, reply(head, b"4\r\n0123\r\n"))
    assert run(lab, "a", f"fetch -c -o {tmp_path}/got b:81").status == 1
    assert (tmp_path / "got.part").read_bytes() == b"0123"


def test_nothing_came_and_nothing_is_left(lab: Lab, tmp_path: Path) -> None:
    server(lab, "b", 80, b"")
    assert run(lab, "a", f"fetch -c -o {tmp_path}/got b").status == 1
    assert run(lab, "a", f"fetch -c -o {tmp_path}/got b:1").status == 1
    assert list(tmp_path.iterdir()) == []


def test_the_old_file_stays_until_the_new_one_is_whole(lab: Lab, tmp_path: Path) -> None:
    got = tmp_path / "got"
    got.write_text("old")
    got.chmod(0o640)
    server(lab, "b", 80, BROKEN)
    assert run(lab, "a", f"fetch -c -o {got} b").status == 1
    assert got.read_text() == "old"
    server(lab, "b", 81, REST)
    assert run(lab, "a", f"fetch -c -o {got} b:81").status == 0
    assert got.read_bytes() == b"0123456789" and got.stat().st_mode & 0o777 == 0o640


def test_two_at_one_file(lab: Lab, tmp_path: Path) -> None:
    server(lab, "b", 80, BROKEN, 5.0)
    start(lab, "a", f"fetch -c -o {tmp_path}/got b")
    lab.run(1.0)
    answer = run(lab, "a", f"fetch -c -o {tmp_path}/got b")
    assert answer.errors == [f"fetch: {tmp_path}/got: {tmp_path}/got.part is being written already"]


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("/dev/null", "not an ordinary file, so there is no going on with a part of it"),
        ("none/x", "No such file or directory"),
        ("file/x", "Not a directory"),
        ("fifo", "not an ordinary file, so there is no going on with a part of it"),
        ("taken", "Is a directory"),
        ("a\0b", "embedded null byte"),
    ],
)
def test_files_that_cannot_be_gone_on_with(lab: Lab, tmp_path: Path, target: str, error: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "taken.part").mkdir()
    os.mkfifo(tmp_path / "fifo")
    path = os.path.join(tmp_path, target)
    answer = run(lab, "a", ["fetch", "-c", "-o", path, "b"])
    assert (answer.errors, answer.status) == ([f"fetch: {path}: {error}"], 1)


def test_a_part_that_is_a_fifo(lab: Lab, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "got.part")
    answer = run(lab, "a", f"fetch -c -o {tmp_path}/got b")
    assert answer.errors == [f"fetch: {tmp_path}/got: {tmp_path}/got.part is no ordinary file"]


def test_the_bar_counts_what_was_there(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "big").write_bytes(BIG)
    os.utime(tmp_path / "site" / "big", (DATE, DATE))
    part(tmp_path, BIG[:500_000])
    bus(lab).set(Personality(rate=2e6))
    start(lab, "b", f"httpd {tmp_path}/site")
    answer = run(lab, "a", f"fetch -c -o {tmp_path}/got b/big", terminal=True)
    drawn = answer.text.split("\r")
    assert " 72% [" in drawn[1] and drawn[-1].startswith("100% [####") and "1.0 MB of 1.0 MB, 23" in drawn[-1]


def test_a_file_has_the_servers_date(lab: Lab, tmp_path: Path) -> None:
    server(lab, "b", 80, WHOLE)
    assert run(lab, "a", f"fetch -o {tmp_path}/got b").status == 0
    assert (tmp_path / "got").stat().st_mtime == DATE


def test_several_into_a_folder(lab: Lab, tmp_path: Path) -> None:
    site, got = tmp_path / "site", tmp_path / "got"
    site.mkdir()
    got.mkdir()
    (site / "one").write_text("1")
    (site / "two.txt").write_text("2")
    start(lab, "b", f"httpd {site}")
    answer = run(lab, "a", f"fetch -o {got} http://b/one http://b/none http://b/two.txt http://b/")
    assert (answer.text, answer.errors, answer.status) == ("", ["fetch: http://b/none: 404 Not Found"], 1)
    assert sorted(path.name for path in got.iterdir()) == ["fetch.out", "one", "two.txt"]
    assert (got / "two.txt").read_text() == "2"


def test_a_folder_that_is_not_there(lab: Lab, tmp_path: Path) -> None:
    answer = run(lab, "a", f"fetch -o {tmp_path}/none/ http://b/x")
    assert (answer.errors, answer.status) == ([f"fetch: {tmp_path}/none/x: No such file or directory"], 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", DATE),
        ("Sunday, 06-Nov-94 08:49:37 GMT", DATE),
        ("Sun Nov  6 08:49:37 1994", DATE),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:60 GMT", 253402300799),
        ("Sun, 06 Nov 1994 08:49:37 CET", None),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nix 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 0000 08:49:37 GMT", None),
        ("Sun, \u0660\u0666 Nov 1994 08:49:37 GMT", None),
        ("", None),
    ],
)
def test_dates(text: str, seconds: int | None) -> None:
    assert read_http_date(text) == seconds
    assert seconds is None or read_http_date(http_date(seconds)) == seconds
