"""Web pages both ways: our fetch from a web server on Linux, Linux's curl from our httpd, many at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import Netns, needs_program, needs_root_tun
from tests.interop.world import World

pytestmark = [needs_root_tun, needs_program("tcpdump", "curl")]

MEGABYTE = 1 << 20
LARGE = 20 * MEGABYTE


def serve(w: World, ns: Netns, folder: Path, address: str = THEIRS) -> str:
    """A web server of the machine's in a namespace; the URL of the folder."""
    server = w.program(ns, sys.executable, "-m", "http.server", "-b", address, "-d", str(folder), "8000")
    w.until(lambda: server.listens(8000), what="the web server")
    return f"http://{address}:8000"


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
