"""fetch: pages that come, pages that do not, and files that are whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands._download import amount
from commands._url import joined, read_url
from commands._visit import Header, Line, Status
from commands.command import Data, Failure
from stack.kern.proc import SIGINT
from stack.lab import Lab
from stack.net.wire import Personality
from tests.commands.labs import bus, end, pair, server
from tests.commands.runner import finish, run, start

BIG = bytes(range(256)) * 80000  # 20 MB


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = pair()
    yield lab
    end(lab)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    (site / "sub").mkdir(parents=True)
    (site / "ten").write_bytes(b"0123456789")
    (site / "a b").write_bytes(b"odd name")
    (site / "mega").write_bytes(BIG[:1_000_000])
    (site / "sub" / "index.html").write_bytes(b"index\n")
    return site


def reply(head: str, body: bytes = b"") -> bytes:
    return head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body


TEN = reply("HTTP/1.1 200 OK\nContent-Length: 10")


# --- pages that come ---------------------------------------------------------------------------------


def test_the_body_is_printed(lab: Lab, site: Path) -> None:
    start(lab, "b", f"httpd {site}")
    answer = run(lab, "a", "fetch http://b/ten")
    assert (answer.out, answer.err, answer.status) == (b"0123456789", "", 0)
    assert all(isinstance(row, Data) for row in answer.rows)


@pytest.mark.parametrize("url", ["b/ten", "http://10.0.0.2/ten", "HTTP://b:80/ten?x=1#y", "http://b//./ten"])
def test_ways_to_write_it(lab: Lab, site: Path, url: str) -> None:
    start(lab, "b", f"httpd {site}")
    assert run(lab, "a", ["fetch", url]).out == b"0123456789"


def test_names_with_blanks(lab: Lab, site: Path) -> None:
    start(lab, "b", f"httpd {site}")
    assert run(lab, "a", ["fetch", "http://b/a b"]).out == b"odd name"
    assert run(lab, "a", ["fetch", "http://b/a%20b"]).out == b"odd name"


def test_several_pages(lab: Lab, site: Path) -> None:
    start(lab, "b", f"httpd {site}")
    answer = run(lab, "a", "fetch http://b/ten http://b/none http://b/sub/")
    assert (answer.out, answer.status) == (b"0123456789index\n", 1)
    assert answer.errors == ["fetch: http://b/none: 404 Not Found"]


def test_the_exchange_is_shown(lab: Lab) -> None:
    start(lab, "b", "httpd -p 8080")
    answer = run(lab, "a", "fetch -v http://b:8080/")
    assert answer.lines[:6] == [
        "> GET / HTTP/1.1", "> Host: b:8080", "> User-Agent: netsh", "> Accept: */*",
        "> Accept-Encoding: gzip, deflate", "> Connection: close",
    ]  # fmt: skip
    assert answer.lines[6:8] == [">", "< HTTP/1.1 200 OK"]
    assert "<" in answer.lines and "<!doctype html>" in answer.lines
    assert Line("<", "Server: netsh") in answer.rows


def test_twenty_megabytes(lab: Lab, site: Path, tmp_path: Path) -> None:
    (site / "big").write_bytes(BIG)
    start(lab, "b", f"httpd {site}")
    answer = run(lab, "a", f"fetch -o {tmp_path}/got http://b/big")
    assert (answer.both, answer.status) == ("", 0)
    assert (tmp_path / "got").read_bytes() == BIG


def test_several_at_once_over_a_bad_wire(lab: Lab, site: Path, tmp_path: Path) -> None:
    bus(lab).set(Personality(delay=0.005, loss=0.03, duplicate=0.02, reorder=0.05))
    start(lab, "b", f"httpd {site}")
    jobs = [start(lab, "a", f"fetch -o {tmp_path}/got{number} http://b/mega") for number in range(5)]
    for number, job in enumerate(jobs):
        assert finish(lab, job).both == ""
        assert (tmp_path / f"got{number}").read_bytes() == BIG[:1_000_000]


def test_a_chunked_body(lab: Lab) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b"one ", b"two ", b"three")) + b"0\r\n\r\n"
    server(lab, "b", 80, reply("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", chunks[:9]), 1.0, chunks[9:])
    assert run(lab, "a", "fetch b").out == b"one two three"


def test_a_body_without_a_length_ends_with_the_connection(lab: Lab) -> None:
    server(lab, "b", 80, reply("HTTP/1.0 200 Fine", b"some"), 1.0, b" more")
    assert run(lab, "a", "fetch b").out == b"some more"


def test_no_body_at_all(lab: Lab) -> None:
    server(lab, "b", 80, reply("HTTP/1.1 204 No Content"))
    answer = run(lab, "a", "fetch b")
    assert (answer.both, answer.status) == ("", 0)


def test_what_is_said_before_the_answer(lab: Lab) -> None:
    server(
        lab,
        "b",
        80,
        reply("HTTP/1.1 103 Early Hints\nLink: </x>"),
        0.5,
        reply("HTTP/1.1 200 OK\nContent-Length: 2", b"ok"),
    )
    assert run(lab, "a", "fetch -v b").text.endswith("< HTTP/1.1 200 OK\n< Content-Length: 2\n<\nok")


# --- on a terminal -----------------------------------------------------------------------------------


HTML = reply("HTTP/1.1 200 OK\nContent-Type: text/html; charset=utf-8\nContent-Length: 10")


def test_a_page_comes_whole_to_be_coloured(lab: Lab) -> None:
    server(lab, "b", 80, HTML + b"<p>", 0.1, b"0</p>", 0.1, b"\r\n")
    assert run(lab, "a", "fetch b", terminal=True).rows == [Data(b"<p>0</p>\r\n", "text/html; charset=utf-8")]
    assert [row.kind for row in run(lab, "a", "fetch b").rows] == [""] * 3


def test_a_slow_page_is_not_waited_for(lab: Lab) -> None:
    server(lab, "b", 80, HTML + b"<p>", 1.5, b"0</p>", 0.1, b"\r\n")
    assert run(lab, "a", "fetch b", terminal=True).rows == [Data(b"<p>0</p>"), Data(b"\r\n")]


def test_a_long_page_is_not_held(lab: Lab, site: Path) -> None:
    (site / "long.html").write_bytes(b"<p>" * 200_000)
    start(lab, "b", f"httpd {site}")
    answer = run(lab, "a", "fetch b/long.html", terminal=True)
    assert answer.out == b"<p>" * 200_000 and len(answer.rows) > 2 and not any(row.kind for row in answer.rows)


def test_what_came_of_a_page_is_shown(lab: Lab) -> None:
    server(lab, "b", 80, HTML + b"<p>", 0.5)
    answer = run(lab, "a", "fetch b", terminal=True)
    assert (answer.out, answer.errors) == (b"<p>", ["fetch: http://b/: Connection closed, got 3 of 10 bytes"])
    server(lab, "b", 81, HTML + b"<p>", 50.0)
    answer = run(lab, "a", "fetch b:81", terminal=True, interrupt=2.0)
    assert (answer.out, answer.status) == (b"<p>", 130)


def test_what_has_no_colours_comes_as_it_comes(lab: Lab) -> None:
    server(lab, "b", 80, TEN + b"01", 0.1, b"23456789")
    assert run(lab, "a", "fetch b", terminal=True).rows == [Data(b"01"), Data(b"23456789")]


# --- only headers ------------------------------------------------------------------------------------


def test_headers_alone(lab: Lab, site: Path) -> None:
    start(lab, "b", f"httpd {site}")
    answer = run(lab, "a", "fetch -I http://b/ten http://b/none")
    assert answer.lines[:3] == ["HTTP/1.1 200 OK", "Server: netsh", "Content-Type: application/octet-stream"]
    assert answer.rows[0] == Status("1.1", 200, "OK") and Header("Content-Length", "10") in answer.rows
    assert "HTTP/1.1 404 Not Found" in answer.lines and b"0123" not in answer.out
    assert (answer.errors, answer.status) == (["fetch: http://b/none: 404 Not Found"], 1)


def test_headers_of_all_that_is_on_the_way(lab: Lab, site: Path) -> None:
    start(lab, "b", f"httpd {site}")
    answer = run(lab, "a", "fetch -I http://b/sub")
    assert [row.status for row in answer.rows if isinstance(row, Status)] == [301, 200]
    assert Header("Location", "/sub/") in answer.rows and answer.status == 0
    assert "> HEAD /sub HTTP/1.1" in run(lab, "a", "fetch -Iv http://b/sub").lines


# --- redirections ------------------------------------------------------------------------------------


def test_redirections_are_followed(lab: Lab, site: Path) -> None:
    start(lab, "b", f"httpd {site}")
    answer = run(lab, "a", "fetch -v http://b/sub")
    assert answer.out.endswith(b"index\n") and answer.status == 0
    assert "> GET /sub HTTP/1.1" in answer.lines and "> GET /sub/ HTTP/1.1" in answer.lines


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_kinds_of_redirections(lab: Lab, site: Path, status: int) -> None:
    start(lab, "b", f"httpd {site}")
    server(lab, "b", 81, reply(f"HTTP/1.1 {status} Over there\nLocation: http://b/ten\nContent-Length: 4", b"gone"))
    assert run(lab, "a", "fetch http://b:81/").out == b"0123456789"


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("/", "http://b/: more than 10 redirections"),
        ("https://b/", "https://b/: Connection refused"),
        ("http://nowhere/", "http://nowhere/: Host name lookup failure"),
        ("http://b:1/", "http://b:1/: Connection refused"),
        ("http://[/", "http://b/: redirected to what is no URL"),
        ("file:///etc/passwd", "file:///etc/passwd: only http and https are spoken here"),
    ],
)
def test_redirections_that_lead_nowhere(lab: Lab, location: str, error: str) -> None:
    talk = server(lab, "b", 80, reply(f"HTTP/1.1 302 Found\nLocation: {location}\nContent-Length: 0"))
    answer = run(lab, "a", "fetch b")
    assert (answer.text, answer.errors, answer.status) == ("", [f"fetch: {error}"], 1)
    assert talk.got.count(b"GET / ") == (11 if location == "/" else 1)


def test_a_redirection_without_a_place(lab: Lab) -> None:
    server(lab, "b", 80, reply("HTTP/1.1 302 Found\nContent-Length: 0"))
    assert run(lab, "a", "fetch b").errors == ["fetch: http://b/: 302 Found"]


# --- pages that do not come --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://nowhere/", "http://nowhere/: Host name lookup failure"),
        ("http://b:81/", "http://b:81/: Connection refused"),
        ("http://192.168.77.1/", "http://192.168.77.1/: No route to host"),
        ("https://b/", "https://b/: Connection refused"),
        ("gopher://b/", "gopher://b/: only http and https are spoken here"),
        ("http:///x", "http:///x: there is no host in it"),
        ("", ": there is no host in it"),
        ("http://b:0/", "http://b:0/: a port is between 1 and 65535"),
        ("http://b:65536/", "http://b:65536/: a port is between 1 and 65535"),
        ("http://b:x/", "http://b:x/: a port is between 1 and 65535"),
        ("http://b:\u0668\u0660/", "http://b:\u0668\u0660/: a port is between 1 and 65535"),
        ("http://me:secret@b/", "http://me:secret@b/: names and passwords in URLs are not understood"),
        ("http://[::1]/", "http://[::1]/: there is no IPv6 yet"),
        ("http://[b/", "http://[b/: not a URL"),
        ("http://b b/", "http://b b/: Host name lookup failure"),
        ("http://b\0b/", "http://b\0b/: not a URL"),
        ("http://\u00e9.b/", "http://xn--9ca.b/: Host name lookup failure"),
        ("http://\u00e9" + "x" * 70, "http://\u00e9" + "x" * 70 + ": not a URL"),
        ("http://\udcff/", "http://\udcff/: not a URL"),
    ],
)
def test_urls_that_lead_nowhere(lab: Lab, url: str, error: str) -> None:
    answer = run(lab, "a", ["fetch", url])
    assert (answer.text, answer.errors, answer.status) == ("", [f"fetch: {error}"], 1)


@pytest.mark.parametrize(
    ("pieces", "error", "printed"),
    [
        ([b""], "Connection closed without an answer", b""),
        ([b"HTTP/1.1 20"], "Connection closed without an answer", b""),
        ([b"220 mail.example ESMTP\r\n"], "not an HTTP answer", b""),
        ([b"220 mail.example ESMTP\r\n", 100.0], "not an HTTP answer", b""),
        ([bytes(range(14, 256)) * 9 + b"\r\n\r\n"], "not an HTTP answer", b""),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000], "headers without an end", b""),
        ([reply("HTTP/1.1 200 OK\nContent-Length: ten", b"")], "not an HTTP answer", b""),
        ([TEN + b"0123"], "Connection closed, got 4 of 10 bytes", b"0123"),
        ([TEN + b"01", 1.0, b"2"], "Connection closed, got 3 of 10 bytes", b"012"),
        ([reply("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"5\r\n012")], "Connection closed, got 3 bytes", b"012"),
        ([reply("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"zz\r\n012")], "broken chunks, got 0 bytes", b""),
        (
            [reply("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"3\r\n012\r\n-1\r\n")],
            "broken chunks, got 3 bytes",
            b"012",
        ),
        ([reply("HTTP/1.1 404 Not Found\nContent-Length: 4", b"gone")], "404 Not Found", b""),
        ([reply("HTTP/1.1 500 \nContent-Length: 0")], "500", b""),
        (
            [reply("HTTP/1.1 206 Partial Content\nContent-Range: bytes 0-1/9\nContent-Length: 2", b"01")],
            "only a part came, and the whole was asked for",
            b"",
        ),
        ([reply("HTTP/1.1 103 Early Hints\nX: y")], "Connection closed without an answer", b""),
        ([reply("HTTP/1.1 103 Early Hints\nX: y") * 1000], "100 answers that announce another, and no other", b""),
        ([reply("HTTP/1.1 200 OK\nContent-Length: 3\nContent-Length: 4", b"0123")], "not an HTTP answer", b""),
        (
            [reply("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"9;" + b"x" * 99999)],
            "broken chunks, got 0 bytes",
            b"",
        ),
        ([b"\x15\x03\x01\x00\x02\x02\x28"], "not an HTTP answer but TLS (https:// asks for that)", b""),
        ([61.0], "Operation timed out", b""),
        ([TEN + b"0123", 61.0], "Operation timed out, got 4 of 10 bytes", b"0123"),
    ],
)
def test_servers_of_no_manners(lab: Lab, pieces: list[bytes | float], error: str, printed: bytes) -> None:
    server(lab, "b", 80, *pieces)
    answer = run(lab, "a", "fetch b")
    assert (answer.out, answer.errors, answer.status) == (printed, [f"fetch: http://b/: {error}"], 1)


HEADS = [
    b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 100 C\r\n\r\n",
    b"HTTP/1.0 206 P\r\nContent-Range: ", b"HTTP/1.1 302 F\r\nLocation: ", b"HTTP/1.1 301 M\r\nLocation: http://",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n", b"HTTP/1.1 200 OK\r\nLast-Modified: ",
]  # fmt: skip


@given(st.sampled_from(HEADS), st.binary(max_size=100), st.sampled_from(["\r\n\r\n", ""]), st.sampled_from(["", "-c"]))
@settings(max_examples=200)
def test_whatever_a_server_says(head: bytes, rest: bytes, last: str, option: str) -> None:
    """It ends, with one line at most and its status, and leaves no half of a file."""
    lab = pair()
    server(lab, "b", 80, head + rest + last.encode())
    with TemporaryDirectory() as folder:
        answer = run(lab, "a", f"fetch -T 5 {option} -o {folder}/got b")
        left = {path.name for path in Path(folder).iterdir()}
    end(lab)
    assert (answer.status, answer.err.count("\n")) in ((0, 0), (1, 1)) and answer.out == b""
    assert left <= ({"got"} if not answer.status else {"got.part"} if option else set())


def test_a_reset(lab: Lab) -> None:
    server(lab, "b", 80, TEN + b"0123", 0.5, reset=True)
    answer = run(lab, "a", "fetch b")
    assert answer.errors == ["fetch: http://b/: Connection reset by peer, got 4 of 10 bytes"]


def test_timeout(lab: Lab) -> None:
    server(lab, "b", 80, 100.0)
    assert run(lab, "a", "fetch -T 2.5 b").errors == ["fetch: http://b/: Operation timed out"]
    assert lab.callouts.now == pytest.approx(2.5, abs=0.1)
    bus(lab).set(Personality(loss=1))
    assert run(lab, "a", "fetch -t 3 b").errors == ["fetch: http://b/: Operation timed out"]
    assert lab.callouts.now == pytest.approx(5.5, abs=0.1)


def test_slow_is_not_dead(lab: Lab) -> None:
    pieces: list[bytes | float] = [TEN]
    for digit in range(10):
        pieces += [2.0, b"%d" % digit]
    server(lab, "b", 80, *pieces)
    assert run(lab, "a", "fetch -t 3 b").out == b"0123456789"


# --- files -------------------------------------------------------------------------------------------


def test_a_file_is_whole_or_not_at_all(lab: Lab, tmp_path: Path) -> None:
    server(lab, "b", 80, TEN + b"0123")
    target = tmp_path / "got"
    assert run(lab, "a", f"fetch -o {target} b").status == 1
    assert list(tmp_path.iterdir()) == []
    target.write_text("old")
    target.chmod(0o600)
    assert run(lab, "a", f"fetch -o {target} b").status == 1
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_a_file_is_replaced_with_its_mode(lab: Lab, tmp_path: Path) -> None:
    start(lab, "b", "httpd")
    target = tmp_path / "got"
    target.write_text("old")
    target.chmod(0o640)
    assert run(lab, "a", f"fetch -o {target} b").status == 0
    assert "Hello from b" in target.read_text() and target.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(lab: Lab, tmp_path: Path) -> None:
    start(lab, "b", "httpd")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert run(lab, "a", f"fetch -o {tmp_path}/link b").status == 0
    assert (tmp_path / "link").is_symlink() and "Hello" in (tmp_path / "real").read_text()


def test_interrupt_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    server(lab, "b", 80, TEN + b"0123", 100.0)
    answer = run(lab, "a", f"fetch -o {tmp_path}/got b", interrupt=2.0)
    assert (answer.both, answer.status) == ("", 128 + SIGINT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("target", "error"),
    [("none/x", "No such file or directory"), ("file/x", "Not a directory"), ("fifo", "Device not configured")],
)
def test_files_that_cannot_be_written(lab: Lab, tmp_path: Path, target: str, error: str) -> None:
    start(lab, "b", "httpd")
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "fifo")
    path = str(tmp_path / target)
    answer = run(lab, "a", ["fetch", "-o", path, "b"])
    assert (answer.errors, answer.status) == ([f"fetch: {path}: {error}"], 1)


def test_devices_and_standard_output(lab: Lab) -> None:
    start(lab, "b", "httpd")
    assert run(lab, "a", "fetch -o /dev/null b").both == ""
    assert run(lab, "a", "fetch -o - b").text.startswith("<!doctype html>")
    assert run(lab, "a", ["fetch", "-o", "a\0b", "b"]).errors == ["fetch: a\0b: embedded null byte"]
    answer = run(lab, "a", "fetch -o /dev/full b")
    assert (answer.errors, answer.status) == (["fetch: /dev/full: No space left on device"], 1)


# --- the progress bar --------------------------------------------------------------------------------


def test_a_slow_file_has_a_progress_bar_on_a_terminal(lab: Lab, site: Path, tmp_path: Path) -> None:
    bus(lab).set(Personality(rate=2e6))
    start(lab, "b", f"httpd {site}")
    answer = run(lab, "a", f"fetch -o {tmp_path}/got http://b/mega", terminal=True)
    drawn = answer.text.split("\r")
    assert len(drawn) > 10 and answer.text.endswith("\n") and answer.text.count("\n") == 1
    assert drawn[-1].startswith(f"100% [{'#' * 25}] 1.0 MB of 1.0 MB, 2")


@pytest.mark.parametrize(
    ("columns", "last"),
    [(120, f" [{'#' * 30}] 1.0 MB of"), (60, " [#####] 1.0 MB of"), (30, " 1.0 MB of")],
)
def test_the_bar_is_as_wide_as_the_terminal_lets_it(
    lab: Lab, site: Path, tmp_path: Path, columns: int, last: str
) -> None:
    bus(lab).set(Personality(rate=0.1e6, delay=1e-3))
    start(lab, "b", f"httpd {site}")
    answer = run(lab, "a", f"fetch -o {tmp_path}/got http://b/mega", terminal=True, columns=columns)
    drawn = answer.text.rstrip("\n").split("\r")
    assert drawn[-1].startswith(f"100%{last}")
    assert "s to" in drawn[10] or columns < 40
    assert max(len(text) for text in drawn) < columns


def test_no_bar_when_it_is_quick_or_quiet_or_nobody_watches(lab: Lab, site: Path, tmp_path: Path) -> None:
    start(lab, "b", f"httpd {site}")
    assert run(lab, "a", f"fetch -o {tmp_path}/got http://b/mega", terminal=True).text == ""
    bus(lab).set(Personality(rate=2e6))
    assert run(lab, "a", f"fetch -q -o {tmp_path}/got http://b/mega", terminal=True).text == ""
    assert run(lab, "a", f"fetch -o {tmp_path}/got http://b/mega").text == ""


def test_the_bar_ends_with_the_line(lab: Lab, site: Path, tmp_path: Path) -> None:
    bus(lab).set(Personality(rate=2e6))
    start(lab, "b", f"httpd {site}")
    answer = run(lab, "a", f"fetch -o {tmp_path}/got http://b/mega", terminal=True, interrupt=2.0)
    assert answer.text.endswith("\n") and answer.status == 130
    server(lab, "b", 81, reply("HTTP/1.0 200 OK", b"x"), 1.5, b"y", 100.0)
    answer = run(lab, "a", f"fetch -t 2 -o {tmp_path}/got http://b:81/", terminal=True)
    assert answer.text.startswith("\r2 bytes, 1 bytes/s") and answer.text.endswith("\n")


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2e7, "20.0 MB"), (3e9, "3.00 GB")]
)
def test_amounts(size: float, text: str) -> None:
    assert amount(size) == text


# --- the command line --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("fetch", "fetch: a URL is missing"),
        ("fetch -o", "fetch: option requires an argument -- o"),
        ("fetch -o '' b", "fetch: -o: the name of a file is missing"),
        ("fetch -o x b b", "fetch: -o is for one URL, unless it is a folder"),
        ("fetch -c -o - b", "fetch: -c needs a file to go on with"),
        ("fetch -I -o x b", "fetch: -I gets no body that a file could be made of"),
        ("fetch -Ic b", "fetch: -I gets no body that a file could be made of"),
        ("fetch -T soon b", "fetch: soon: not a number of seconds"),
        ("fetch -T", "fetch: option requires an argument -- T"),
        ("fetch --ca-cert", "fetch: option requires an argument -- ca-cert"),
        ("fetch --ca-cert= b", "fetch: --ca-cert: the name of a file is missing"),
        ("fetch --no-verify-peer=1 b", "fetch: option --no-verify-peer takes no value"),
        ("fetch --no-verify b", "fetch: unknown option -- no-verify "),
        ("fetch -t 0 b", "fetch: 0: seconds are at least 0.001"),
        ("fetch -x b", "fetch: unknown option -- x"),
    ],
)
def test_bad_input(lab: Lab, line: str, error: str) -> None:
    answer = run(lab, "a", line)
    assert (len(answer.errors), answer.status) == (1, 2)
    assert answer.errors[0].startswith(error)


def test_urls() -> None:
    assert read_url("http://b/x?y=z w#part")[1:] == ("http", "b", 80, "/x?y=z%20w")
    assert read_url("b:8080")[1:] == ("http", "b", 8080, "/")
    assert read_url("http://b?q")[1:] == ("http", "b", 80, "/?q")
    assert read_url("http://B/\u00e9")[1:] == ("http", "B", 80, "/%C3%A9")
    assert read_url("https://b/")[1:] == ("https", "b", 443, "/")
    assert read_url("https://b:/")[1:] == ("https", "b", 443, "/")
    assert [read_url(text).authority for text in ("https://b", "https://b:80", "http://b:443", "http://b:80")] == [
        "b", "b:80", "b:443", "b",
    ]  # fmt: skip
    assert joined(read_url("http://b/x/y"), "z")[1:] == ("http", "b", 80, "/x/z")
    assert joined(read_url("https://b/x/y"), "//c:81/")[1:] == ("https", "c", 81, "/")
    with pytest.raises(Failure):
        read_url("news:x")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("b", "fetch.out"),
        ("http://b/x/", "fetch.out"),
        ("http://b/x/..", "fetch.out"),
        ("http://b/%2e%2e", "fetch.out"),
        ("http://b/x/y.tar?z=/1", "y.tar"),
        ("http://b/a b", "a b"),
        ("http://b/..%2fsecret", "..%2fsecret"),
        ("http://b/x%00", "x%00"),
    ],
)
def test_what_a_file_is_called(url: str, name: str) -> None:
    assert read_url(url).file_name == name
