"""httpd: what it serves, what it refuses, and that no client harms another."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from commands._dates import http_date
from commands._httpd import Request
from commands._pages import byte_range, path_of
from stack.kern.proc import SIGINT, SIGKILL, SIGTERM
from stack.lab import Lab
from stack.net.wire import Personality
from tests.commands.labs import Talk, bus, client, end, pair
from tests.commands.runner import Job, run, start

DATE = 784111777  # Sun, 06 Nov 1994 08:49:37 GMT
BIG = bytes(range(256)) * 4096  # 1 MB


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = pair()
    yield lab
    end(lab)
    assert not any(proc.failure for proc in lab.procs.values())


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small web site, and secrets beside it."""
    site = tmp_path / "site"
    (site / "sub" / "deep").mkdir(parents=True)
    (site / "page.html").write_text("<p>page</p>")
    (site / "ten").write_bytes(b"0123456789")
    (site / "empty").write_bytes(b"")
    (site / "big").write_bytes(BIG)
    (site / "a b&c.txt").write_text("odd name")
    (site / "sub" / "index.html").write_text("<p>index</p>")
    (site / "sub" / "deep" / "x").write_text("x")
    os.utime(site / "ten", (DATE, DATE))
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "site2").mkdir()
    (tmp_path / "site2" / "secret").write_text("secret")
    (site / "out").symlink_to(tmp_path / "secret")
    (site / "outdir").symlink_to(tmp_path / "site2")
    (site / "in").symlink_to(site / "ten")
    (site / "loop").symlink_to(site / "loop")
    os.mkfifo(site / "fifo")
    return site


def ask(lab: Lab, *requests: str | bytes | float, port: int = 80) -> bytes:
    """Send requests on one connection, and read the answers up to the end."""
    pieces = [piece.encode() if isinstance(piece, str) else piece for piece in requests]
    talk = client(lab, "a", "b", port, *pieces)
    lab.run(lab.callouts.now + 100)
    assert talk.ended is not None and talk.error is None
    return talk.got


def get(lab: Lab, path: str, *headers: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """One request: status, headers and body of the answer."""
    lines = [f"{method} {path} HTTP/1.1", "Host: b", "Connection: close", *headers, "", ""]
    head, _, body = ask(lab, "\r\n".join(lines)).partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in rest), body


def serve(lab: Lab, line: str) -> Job:
    job = start(lab, "b", line)
    lab.run(lab.callouts.now)
    return job


# --- pages -------------------------------------------------------------------------------------------


def test_the_built_in_page_says_who_serves_it(lab: Lab) -> None:
    serve(lab, "httpd")
    status, headers, body = get(lab, "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<h1>Hello from b</h1>" in body and b"10.0.0.2 to you at 10.0.0.1" in body
    assert get(lab, "/index.html")[2] == body
    assert get(lab, "/other")[0] == 404


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/page.html", 200, b"<p>page</p>"),
        ("/page.html?query=1#part", 200, b"<p>page</p>"),
        ("/ten", 200, b"0123456789"),
        ("/empty", 200, b""),
        ("/big", 200, BIG),
        ("/a%20b%26c.txt", 200, b"odd name"),
        ("/./sub//index.html", 200, b"<p>index</p>"),
        ("/sub/", 200, b"<p>index</p>"),
        ("/in", 200, b"0123456789"),
        ("http://b/ten", 200, b"0123456789"),
        ("http://b", 200, None),
        ("/nothing", 404, None),
        ("/ten/", 404, None),
        ("/ten/more", 404, None),
        ("/loop", 404, None),
        ("/" + "x" * 5000, 404, None),
        ("/..", 403, None),
        ("/../secret", 403, None),
        ("/sub/../../secret", 403, None),
        ("/%2e%2e/secret", 403, None),
        ("/..%2fsecret", 403, None),
        ("/out", 403, None),
        ("/outdir/secret", 403, None),
        ("/../site2/secret", 403, None),
        ("/fifo", 403, None),
        ("/a%00b", 400, None),
        ("*", 400, None),
        ("ftp://b/ten", 400, None),
    ],
)
def test_paths(lab: Lab, site: Path, path: str, status: int, body: bytes | None) -> None:
    serve(lab, f"httpd {site}")
    answer = get(lab, path)
    assert answer[0] == status
    assert int(answer[1]["content-length"]) == len(answer[2])
    assert body is None or answer[2] == body
    assert b"secret" not in answer[2]


def test_a_folder_without_its_slash_is_sent_to_it(lab: Lab, site: Path) -> None:
    serve(lab, f"httpd {site}")
    status, headers, _ = get(lab, "//sub/deep")
    assert (status, headers["location"]) == (301, "/sub/deep/")


def test_a_list_of_files(lab: Lab, site: Path) -> None:
    serve(lab, f"httpd {site}")
    body = get(lab, "/")[2].decode()
    assert '<li><a href="./a%20b%26c.txt">a b&amp;c.txt</a></li>' in body
    assert '<li><a href="./sub/">sub/</a></li>' in body and "../" not in body
    assert '<li><a href="./../">../</a></li>' in get(lab, "/sub/deep/")[2].decode()


def test_names_that_are_no_text(lab: Lab, site: Path) -> None:
    (Path(os.fsdecode(os.fsencode(site) + b"/\xff\xfe"))).write_text("bytes")
    serve(lab, f"httpd {site}")
    assert b'href="./%FF%FE"' in get(lab, "/")[2]
    assert get(lab, "/%FF%FE")[2] == b"bytes"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("page.html", "text/html; charset=utf-8"),
        ("ten", "application/octet-stream"),
        ("a%20b%26c.txt", "text/plain; charset=utf-8"),
    ],
)
def test_content_types(lab: Lab, site: Path, name: str, kind: str) -> None:
    serve(lab, f"httpd {site}")
    assert get(lab, f"/{name}")[1]["content-type"] == kind


def test_head_is_get_without_a_body(lab: Lab, site: Path) -> None:
    serve(lab, f"httpd {site}")
    status, headers, body = get(lab, "/ten", method="HEAD")
    assert (status, headers["content-length"], body) == (200, "10", b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_other_methods(lab: Lab, method: str) -> None:
    serve(lab, "httpd")
    status, headers, _ = get(lab, "/", "Content-Length: 3", method=method)
    assert (status, headers["allow"]) == (405, "get, head")


def test_not_modified(lab: Lab, site: Path) -> None:
    serve(lab, f"httpd {site}")
    assert get(lab, "/ten")[1]["last-modified"] == "sun, 06 nov 1994 08:49:37 gmt"
    status, _, body = get(lab, "/ten", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT")
    assert (status, body) == (304, b"")
    assert get(lab, "/ten", "If-Modified-Since: yesterday")[0] == 200


@pytest.mark.parametrize(
    ("range", "status", "body"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-30", 206, b"0123456789"),
        ("bytes=9-99", 206, b"9"),
        ("bytes=10-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=3-1", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("lines=0-1", 200, b"0123456789"),
        ("bytes=\u0661-", 200, b"0123456789"),
        (f"bytes=0-{'9' * 30}", 200, b"0123456789"),
    ],
)
def test_ranges(lab: Lab, site: Path, range: str, status: int, body: bytes | None) -> None:
    serve(lab, f"httpd {site}")
    answer = get(lab, "/ten", f"Range: {range}")
    assert answer[0] == status
    assert body is None or answer[2] == body
    if status == 206:
        found = byte_range(range, 10)
        assert found is not None and answer[1]["content-range"] == f"bytes {found.start}-{found.stop - 1}/10"
    if status == 416:
        assert answer[1]["content-range"] == "bytes */10"


def test_a_range_of_what_has_changed_is_the_whole(lab: Lab, site: Path) -> None:
    serve(lab, f"httpd {site}")
    assert get(lab, "/ten", "Range: bytes=0-1", "If-Range: Sun, 06 Nov 1994 08:49:37 GMT")[0] == 206
    assert get(lab, "/ten", "Range: bytes=0-1", "If-Range: Mon, 07 Nov 1994 08:49:37 GMT")[0] == 200


def test_dates() -> None:
    assert http_date(DATE) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert http_date(-5) == "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize("target", ["", "x", "*", "b:80", "://", "/%00"])
def test_targets_that_are_no_paths(target: str) -> None:
    with pytest.raises(ValueError):
        path_of(target)


# --- connections -------------------------------------------------------------------------------------


def test_several_requests_on_one_connection(lab: Lab, site: Path) -> None:
    serve(lab, f"httpd {site}")
    one = "GET /ten HTTP/1.1\r\nHost: b\r\n\r\n"
    got = ask(lab, one, 1.0, one, 1.0, one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
    assert got.count(b"HTTP/1.1 200 OK") == got.count(b"0123456789") == 3


def test_requests_that_do_not_wait_for_answers(lab: Lab, site: Path) -> None:
    serve(lab, f"httpd {site}")
    got = ask(lab, "GET /ten HTTP/1.1\r\nHost: b\r\n\r\n" * 50 + "GET /page.html HTTP/1.0\r\n\r\n")
    assert got.count(b"0123456789") == 50 and got.endswith(b"<p>page</p>")


def test_http_1_0_closes(lab: Lab) -> None:
    serve(lab, "httpd")
    got = ask(lab, "GET / HTTP/1.0\r\n\r\n")
    assert b"200 OK" in got and lab.callouts.now == 100


def test_a_request_in_crumbs(lab: Lab) -> None:
    serve(lab, "httpd")
    crumbs: list[bytes | float] = []
    for byte in b"GET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n":
        crumbs += [bytes((byte,)), 0.1]
    assert b"200 OK" in ask(lab, *crumbs)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10 + b"\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),  # RFC 9112 3.2: no Host
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20000 + b"\r\n\r\n", b"431"),
        (b"x" * 20000, b"431"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000, b"405"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n", b"405"),
    ],
)
def test_bad_requests_are_told_so(lab: Lab, text: bytes, status: bytes) -> None:
    serve(lab, "httpd")
    assert ask(lab, text).startswith(b"HTTP/1.1 " + status)
    assert b"200 OK" in ask(lab, "GET / HTTP/1.0\r\n\r\n")


def test_clients_that_say_nothing_are_let_go(lab: Lab) -> None:
    serve(lab, "httpd")
    assert ask(lab, 50.0) == b""
    assert len(lab.procs) == 1


def test_slow_clients_are_given_up_however_they_drip(lab: Lab) -> None:
    serve(lab, "httpd")
    drip: list[bytes | float] = [b"GET / HTTP/1.1\r\n"]
    for _ in range(10):
        drip += [b"X: y\r\n", 9.0]
    talk = client(lab, "a", "b", 80, *drip)
    lab.run(40)
    assert len(lab.procs) == 2  # the server and the client
    lab.run(200)
    assert talk.ended is not None


def test_a_client_that_does_not_read_is_given_up(lab: Lab, site: Path) -> None:
    serve(lab, f"httpd {site}")
    client(lab, "a", "b", 80, b"GET /big HTTP/1.1\r\nHost: b\r\n\r\n", hold=True)
    lab.run(10)
    assert [proc.argv for proc in lab.procs.values()][-1] == ["httpd", "(10.0.0.1)"]
    assert b"0123456789" in ask(lab, "GET /ten HTTP/1.0\r\n\r\n")
    assert len(lab.procs) == 2  # the server, and the one who holds on


def test_clients_that_go_away_harm_nobody(lab: Lab, site: Path) -> None:
    serve(lab, f"httpd {site}")
    rude = [client(lab, "a", "b", 80, b"GET /big HTTP/1.1\r\nHost: b\r\n\r\n", hold=True) for _ in range(5)]
    polite = client(lab, "a", "b", 80, b"GET /big HTTP/1.0\r\n\r\n")
    for proc in list(lab.procs.values())[1:6]:
        lab.callouts.schedule(0.0, partial(proc.signal, SIGKILL))
    lab.run(100)
    assert len(rude) == 5 and polite.got.endswith(BIG)
    assert len(lab.procs) == 1


def test_many_at_once_over_a_bad_wire(lab: Lab, site: Path) -> None:
    bus(lab).set(Personality(delay=0.005, loss=0.02, duplicate=0.02, reorder=0.05))
    serve(lab, f"httpd {site}")
    talks = [client(lab, "a", "b", 80, f"GET /{name} HTTP/1.0\r\n\r\n".encode()) for name in ("big", "ten") * 10]
    lab.run(600)
    assert [talk.got.endswith(BIG) for talk in talks] == [True, False] * 10
    assert all(talk.got.endswith(b"0123456789") for talk in talks[1::2])
    assert len(lab.procs) == 1


def test_more_clients_than_are_served_at_once_wait(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands._httpd._CLIENTS", 4)
    serve(lab, "httpd")
    talks = [client(lab, "a", "b", 80, 1.0, b"GET / HTTP/1.0\r\n\r\n") for _ in range(20)]
    lab.run(0.5)
    assert len(lab.procs) == 1 + 20 + 4
    lab.run(60)
    assert all(b"200 OK" in talk.got for talk in talks)


def test_a_file_that_shrinks_is_not_passed_off_as_whole(lab: Lab, site: Path) -> None:
    serve(lab, f"httpd {site}")
    bus(lab).set(Personality(rate=8e6))
    talk = client(lab, "a", "b", 80, b"GET /big HTTP/1.1\r\nHost: b\r\n\r\n")
    lab.run(0.1)
    os.truncate(site / "big", 1000)
    lab.run(100)
    assert talk.ended is not None and len(talk.got) < len(BIG)
    assert b"200 OK" in ask(lab, "GET /ten HTTP/1.0\r\n\r\n")


# --- the process -------------------------------------------------------------------------------------


def test_the_log(lab: Lab, site: Path) -> None:
    job = serve(lab, f"httpd -v {site}")
    get(lab, "/ten")
    get(lab, "/none")
    get(lab, "/ten", method="HEAD")
    ask(lab, b"?\r\n\r\n")
    assert job.answer.lines == ["GET /ten 200 10", "GET /none 404 68", "HEAD /ten 200 0", "- - 400 72"]
    assert all(isinstance(row, Request) and str(row.client) == "10.0.0.1" for row in job.answer.rows)


def test_it_says_nothing_unless_asked(lab: Lab) -> None:
    job = serve(lab, "httpd")
    get(lab, "/")
    assert job.answer.both == ""


@pytest.mark.parametrize("signal", [SIGINT, SIGTERM, SIGKILL])
def test_its_connections_die_with_it(lab: Lab, site: Path, signal: int) -> None:
    job = serve(lab, f"httpd {site}")
    for _ in range(3):
        client(lab, "a", "b", 80, b"GET /big HTTP/1.1\r\nHost: b\r\n\r\n", hold=True)
    lab.run(1)
    assert len(lab.procs) == 7
    job.proc.signal(signal)
    lab.run(2)
    assert job.proc.status == 128 + signal
    assert [proc.argv for proc in lab.procs.values()] == [["talk"]] * 3
    talk: Talk = client(lab, "a", "b", 80, b"?")
    lab.run(3)
    assert talk.error is not None and talk.error.errno == errno.ECONNREFUSED


def test_it_can_be_started_again_at_once(lab: Lab) -> None:
    job = serve(lab, "httpd")
    get(lab, "/")
    job.proc.signal(SIGINT)
    lab.run(lab.callouts.now)
    serve(lab, "httpd")
    assert get(lab, "/")[0] == 200


def test_two_ports(lab: Lab, site: Path) -> None:
    serve(lab, "httpd")
    serve(lab, f"httpd -p 8080 {site}")
    assert b"0123456789" in ask(lab, "GET /ten HTTP/1.0\r\n\r\n", port=8080)
    assert b"404" in ask(lab, "GET /ten HTTP/1.0\r\n\r\n")


@pytest.mark.parametrize(
    ("line", "error", "status"),
    [
        ("httpd -p 0", "httpd: 0: the port is between 1 and 65535", 2),
        ("httpd -p http", "httpd: http: not a number", 2),
        ("httpd -x", "httpd: unknown option -- x", 2),
        ("httpd a b", "httpd: b: one folder at a time", 2),
        ("httpd nowhere", "httpd: nowhere: No such file or directory", 1),
        (f"httpd {__file__}", f"httpd: {__file__}: Not a directory", 1),
        (["httpd", "a\0b"], "httpd: a\0b: embedded null byte", 1),
    ],
)
def test_bad_input(lab: Lab, line: str | list[str], error: str, status: int) -> None:
    answer = run(lab, "b", line)
    assert (len(answer.errors), answer.status) == (1, status)
    assert answer.errors[0].startswith(error)


def test_a_port_that_is_taken(lab: Lab) -> None:
    serve(lab, "httpd")
    answer = run(lab, "b", "httpd")
    assert (answer.errors, answer.status) == (["httpd: port 80: Address already in use"], 1)
