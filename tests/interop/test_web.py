"""Web pages both ways: our fetch from a web server on Linux, Linux's curl from our httpd, many at once."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from commands._dates import http_date
from tests.commands.certificates import Authority, Certificate
from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import Netns, needs_program, needs_root_tun
from tests.interop.world import World

pytestmark = [needs_root_tun, needs_program("tcpdump", "curl")]

MEGABYTE = 1 << 20
LARGE = 20 * MEGABYTE
TEXT = b"".join(b"%d green bottles\n" % number for number in range(100_000))
SERVERS = Path(__file__).parent / "web_servers.py"


def serve(w: World, ns: Netns, folder: Path, address: str = THEIRS) -> str:
    """A web server of the machine's in a namespace; the URL of the folder."""
    server = w.program(ns, sys.executable, "-m", "http.server", "-b", address, "-d", str(folder), "8000")
    w.until(lambda: server.listens(8000), what="the web server")
    return f"http://{address}:8000"


def server(pair: Pair, kind: str, folder: Path, certificate: Certificate | None = None, port: int = 8443) -> str:
    """A web server of somebody else's in the kernel's namespace, over TLS perhaps; the URL of the folder."""
    files = () if certificate is None else (str(certificate.cert), str(certificate.key))
    program = pair.world.program(
        pair.linux, sys.executable, str(SERVERS), kind, THEIRS, str(port), str(folder), *files
    )  # fmt: skip
    pair.world.until(lambda: program.listens(port), what=f"the server {kind}: {program.text}")
    return f"http{'s' if files else ''}://{THEIRS}:{port}"


def curl(pair: Pair, *words: str, status: int = 0) -> str:
    """What curl says in the kernel's namespace."""
    return pair.world.linux(pair.linux, "curl", "-sS", *words, status=status, seconds=40)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca") / "good")


@pytest.fixture(scope="module")
def theirs(authority: Authority) -> Certificate:
    """A certificate for the kernel's address."""
    return authority.issue(THEIRS)


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Certificate:
    """One for ours, and for a name that the kernel's programs may be told to take it for."""
    return authority.issue(OURS, "www.example")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a text that compresses well, of a year ago."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "text.txt").write_bytes(TEXT)
    os.utime(folder / "text.txt", (1e9, 1e9))
    return folder


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A large file of noise, in a folder of its own."""
    path = tmp_path / "served" / "noise"
    path.parent.mkdir()
    path.write_bytes(os.urandom(LARGE))
    return path


def test_we_fetch_a_large_file(pair: Pair, file: Path, tmp_path: Path) -> None:
    url, got = serve(pair.world, pair.linux, file.parent), tmp_path / "got"
    answer = pair.world.command("me", f"fetch -o {got} {url}/noise", seconds=40)
    assert answer.status == 0, answer.err
    assert got.read_bytes() == file.read_bytes()


def test_linux_fetches_a_large_file(pair: Pair, file: Path, tmp_path: Path) -> None:
    pair.world.start("me", f"httpd {file.parent}")
    got = tmp_path / "got"
    pair.world.linux(pair.linux, "curl", "-sS", "-o", str(got), f"http://{OURS}/noise", seconds=40)
    assert got.read_bytes() == file.read_bytes()


def test_both_at_once(pair: Pair, file: Path, tmp_path: Path) -> None:
    w = pair.world
    url = serve(w, pair.linux, file.parent)
    w.start("me", f"httpd {file.parent}")
    curl = w.program(pair.linux, "curl", "-sS", "-o", str(tmp_path / "theirs"), f"http://{OURS}/noise")
    answer = w.command("me", f"fetch -o {tmp_path}/ours {url}/noise", seconds=40)
    w.finish_program(curl, 40)
    assert answer.status == 0 and curl.child.returncode == 0
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes() == file.read_bytes()


def test_fifty_curls(pair: Pair, tmp_path: Path) -> None:
    w, folder = pair.world, tmp_path / "served"
    folder.mkdir()
    pages = {f"page{number}": os.urandom(1000 * number) for number in range(50)}
    for name, body in pages.items():
        (folder / name).write_bytes(body)
    w.start("me", f"httpd {folder}")
    curls = [
        w.program(pair.linux, "curl", "-sS", "-o", str(tmp_path / name), f"http://{OURS}/{name}") for name in pages
    ]
    w.until(lambda: all(curl.done for curl in curls), 40, what="fifty curls")
    assert [curl.text for curl in curls if curl.child.returncode != 0] == []
    assert {name: (tmp_path / name).read_bytes() for name in pages} == pages
    assert pair.me.tcp.stat["accepts"] == 50


def test_one_curl_with_fifty_pages(pair: Pair, tmp_path: Path) -> None:
    """Its connections stay open from page to page."""
    (tmp_path / "page").write_bytes(b"page" * 1000)
    pair.world.start("me", f"httpd {tmp_path}")
    said = pair.world.linux(
        pair.linux,
        "curl",
        "-sS",
        "-w",
        "%{http_code} %{size_download}\\n",
        "-o",
        os.devnull,
        f"http://{OURS}/page?[1-50]",
    )
    assert said.split("\n")[:-1] == ["200 4000"] * 50


def test_the_built_in_page(pair: Pair) -> None:
    pair.world.start("me", "httpd -p 8080")
    said = pair.world.linux(pair.linux, "curl", "-sS", "-i", f"http://{OURS}:8080/")
    assert said.startswith("HTTP/1.1 200") and "</html>" in said


def test_nothing_there(pair: Pair, tmp_path: Path) -> None:
    url = serve(pair.world, pair.linux, tmp_path)
    answer = pair.world.command("me", f"fetch {url}/nothing")
    assert answer.status == 1 and "404" in answer.err and answer.out == b""
    answer = pair.world.command("me", f"fetch http://{THEIRS}:9/")
    assert answer.status == 1 and "Connection refused" in answer.err


# --- TLS, and all else that the web knows --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["http", "aio"])
def test_we_fetch_over_tls(
    pair: Pair, kind: str, file: Path, tmp_path: Path, authority: Authority, theirs: Certificate
) -> None:
    url, got = server(pair, kind, file.parent, theirs), tmp_path / "got"
    answer = pair.world.command("me", f"fetch -o {got} --ca-cert={authority.ca} {url}/noise", seconds=60)
    assert (answer.status, answer.both) == (0, "")
    assert got.read_bytes() == file.read_bytes()


def test_bad_certificates_of_others(pair: Pair, folder: Path, tmp_path: Path, authority: Authority) -> None:
    good = f"--ca-cert={authority.ca}"
    old = server(pair, "http", folder, authority.issue(THEIRS, expired=True), 8001)
    other = server(pair, "http", folder, authority.issue("elsewhere.example"), 8002)
    strange = server(pair, "aio", folder, Authority(tmp_path / "strange").issue(THEIRS), 8003)
    for url, option, word in (
        (old, good, "expired"), (other, good, "IP address mismatch"),
        (strange, good, "issuer"), (strange, "", "issuer"),
    ):  # fmt: skip
        answer = pair.world.command("me", f"fetch {option} {url}/text.txt")
        assert answer.status == 1 and answer.out == b"" and len(answer.errors) == 1 and word in answer.err
        assert pair.world.command("me", f"fetch --no-verify-peer {url}/text.txt").out == TEXT
    assert pair.world.command("me", f"fetch {good} --no-verify-hostname {other}/text.txt").out == TEXT
    plain = serve(pair.world, pair.linux, folder)
    answer = pair.world.command("me", f"fetch {plain.replace('http', 'https')}/text.txt")
    assert answer.errors == [f"fetch: {plain.replace('http', 'https')}/text.txt: TLS: what came is not TLS"]
    answer = pair.world.command("me", f"fetch {old.replace('https', 'http')}/text.txt")
    assert answer.status == 1 and len(answer.errors) == 1


def test_every_kind_of_body(pair: Pair, folder: Path, authority: Authority, theirs: Certificate) -> None:
    """Compressed, in chunks, by redirections between http and https, several in one line."""
    plain = server(pair, "aio", folder, port=8000)
    secret = server(pair, "aio", folder, theirs)
    fetch = f"fetch --ca-cert={authority.ca}"
    for path in ("gzip/text.txt", "deflate/text.txt", "chunked/text.txt", "text.txt"):
        for url in (plain, secret):
                answer = pair.world.command("me", f"{fetch} {url}/{path}")
                assert answer.out == TEXT, f"{url}/{path}: {answer.err}"
    for first, second in ((plain, secret), (secret, plain), (plain, "")):
        answer = pair.world.command("me", f"{fetch} -v '{first}/moved?to={second}/gzip/text.txt'")
        assert answer.out.endswith(TEXT) and b"< Content-Encoding: gzip" in answer.out and not answer.err
    both = pair.world.command("me", f"{fetch} {plain}/text.txt {secret}/none {secret}/text.txt")
    assert both.out == TEXT * 2 and both.errors == [f"fetch: {secret}/none: 404 Not Found"] and both.status == 1
    heads = pair.world.command("me", f"{fetch} -I {secret}/text.txt")
    assert heads.lines[0] == "HTTP/1.1 200 OK" and f"Content-Length: {len(TEXT)}" in heads.lines
    answer = pair.world.command("me", f"fetch '{plain}/moved?to=/moved?to=/moved'")
    assert answer.status == 1 and len(answer.errors) == 1
    for url in (plain, secret):
        answer = pair.world.command("me", f"{fetch} {url}/broken")
        assert answer.out == b"0123" and len(answer.errors) == 1 and answer.err.endswith(", got 4 of 10 bytes\n")


def test_we_go_on_with_a_download(
    pair: Pair, file: Path, tmp_path: Path, authority: Authority, theirs: Certificate
) -> None:
    os.utime(file, (1e9, 1e9))
    url, got = server(pair, "aio", file.parent, theirs), tmp_path / "got"
    part = tmp_path / "got.part"
    line = f"fetch -c -o {got} --ca-cert={authority.ca} {url}/noise"
    for at in range(1, 4):
        job = pair.world.start("me", line)
        pair.world.until(lambda at=at: part.exists() and part.stat().st_size > at * MEGABYTE)  # type: ignore[misc]
        job.proc.signal(2)
        pair.world.finish(job.proc)
        assert part.stat().st_mtime == 1e9 and not got.exists()
    answer = pair.world.command("me", f"{line.replace('fetch', 'fetch -v', 1)}", seconds=60)
    assert answer.status == 0 and "< HTTP/1.1 206 Partial Content" in answer.lines
    assert got.read_bytes() == file.read_bytes() and not part.exists()
    # another file under the same name: the part is thrown away
    part.write_bytes(b"old" * 1000)
    os.utime(part, (999_999_999, 999_999_999))
    answer = pair.world.command("me", f"{line.replace('fetch', 'fetch -v', 1)}", seconds=60)
    assert answer.status == 0 and "< HTTP/1.1 200 OK" in answer.lines
    assert got.read_bytes() == file.read_bytes()


def test_curl_over_tls(pair: Pair, file: Path, tmp_path: Path, authority: Authority, ours: Certificate) -> None:
    pair.world.start("me", f"httpd {ours.option} {file.parent}")
    curl(pair, "--cacert", str(authority.ca), "-o", str(tmp_path / "got"), f"https://{OURS}/noise")
    assert (tmp_path / "got").read_bytes() == file.read_bytes()
    named = ("--cacert", str(authority.ca), "--resolve", f"www.example:443:{OURS}")
    said = curl(
        pair, *named, "-o", os.devnull, "-w", "%{http_code} %{num_connects}\\n", "https://www.example/noise?[1-3]"
    )
    assert said.split("\n")[:-1] == ["200 1", "200 0", "200 0"]
    assert "certificate" in curl(pair, f"https://{OURS}/noise", status=60)  # nobody it knows
    curl(pair, "--cacert", str(authority.ca), f"http://{OURS}:443/noise", status=52)
    for version in ("1.2", "1.3"):
        curl(
            pair, "--cacert", str(authority.ca), f"--tlsv{version}", "--tls-max", version, "-I", f"https://{OURS}/noise"
        )


def test_ranges_for_curl(pair: Pair, folder: Path, tmp_path: Path) -> None:
    pair.world.start("me", f"httpd {folder}")
    url = f"http://{OURS}/text.txt"
    for span, data in (("0-99", TEXT[:100]), ("5000-5010", TEXT[5000:5011]), ("-7", TEXT[-7:])):
        assert curl(pair, "-r", span, url) == data.decode()
    got = tmp_path / "got"
    got.write_bytes(TEXT[:12345])
    curl(pair, "-C", "-", "-o", str(got), url)
    assert got.read_bytes() == TEXT
    assert curl(pair, "-o", os.devnull, "-w", "%{http_code}", "-r", f"{len(TEXT)}-", url) == "416"
    if_range = ("-H", f"If-Range: {http_date(1e9)}", "-w", " %{http_code}")
    assert curl(pair, "-r", "0-3", *if_range, url) == TEXT[:4].decode() + " 206"
    os.utime(folder / "text.txt", (1e9 + 1, 1e9 + 1))
    assert curl(pair, "-r", "0-3", *if_range, url).endswith(" 200")


def test_what_curl_has_already(pair: Pair, folder: Path, tmp_path: Path) -> None:
    pair.world.start("me", f"httpd {folder}")
    url, tag = f"http://{OURS}/text.txt", str(tmp_path / "tag")
    code = ("-o", os.devnull, "-w", "%{http_code}", url)
    assert curl(pair, "--etag-save", tag, *code) == "200"
    assert curl(pair, "--etag-compare", tag, *code) == "304"
    assert curl(pair, "-z", http_date(1e9), *code) == "304"
    assert curl(pair, "-z", http_date(1e9 - 1), *code) == "200"
    os.utime(folder / "text.txt", (time.time(), time.time()))
    assert curl(pair, "--etag-compare", tag, *code) == "200"


def test_compressed_for_curl(pair: Pair, folder: Path) -> None:
    pair.world.start("me", f"httpd {folder}")
    url = f"http://{OURS}/text.txt"
    assert curl(pair, "--compressed", url) == TEXT.decode()
    size = curl(pair, "--compressed", "-o", os.devnull, "-w", "%{size_download}", url)
    assert 0 < int(size) < len(TEXT) / 3
    assert curl(pair, "-o", os.devnull, "-w", "%{size_download}", url) == str(len(TEXT))
    assert curl(pair, "-0", "--compressed", url) == TEXT.decode()
    heads = curl(pair, "-I", "--compressed", url)
    assert "Content-Encoding: gzip" in heads and "Vary: Accept-Encoding" in heads


@needs_program("wget")
def test_wget_goes_on(pair: Pair, folder: Path, tmp_path: Path, authority: Authority, ours: Certificate) -> None:
    pair.world.start("me", f"httpd {ours.option} {folder}")
    (tmp_path / "text.txt").write_bytes(TEXT[:5000])
    pair.world.linux(
        pair.linux, "wget", "-q", "-c", "-P", str(tmp_path), f"--ca-certificate={authority.ca}", f"https://{OURS}/text.txt"
    )  # fmt: skip
    assert (tmp_path / "text.txt").read_bytes() == TEXT
