"""Compressed pages: what fetch makes of them, whole or broken, and what httpd compresses for whom."""

from __future__ import annotations

import gzip
import os
import random
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands._coding import Inflate, accepts_gzip, decoder
from stack.lab import Lab
from tests.commands.labs import client, end, pair, server
from tests.commands.runner import run, start

TEXT = b"".join(b"%d green bottles\n" % number for number in range(5000))


def raw(data: bytes) -> bytes:
    """deflate without zlib's head, as some servers send it."""
    packed = zlib.compressobj(wbits=-15)
    return packed.compress(data) + packed.flush()


PACKED = {"gzip": gzip.compress(TEXT), "deflate": zlib.compress(TEXT)}


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = pair()
    yield lab
    end(lab)


def reply(coding: str, body: bytes, *more: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Encoding: {coding}", f"Content-Length: {len(body)}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def unpacked(coding: str, *pieces: bytes) -> bytes:
    inflate = decoder(coding)
    assert inflate is not None
    data = b"".join(out for piece in pieces for out in inflate.feed(piece))
    inflate.end()
    return data


# --- undoing it --------------------------------------------------------------------------------------


@given(st.binary(max_size=500), st.sampled_from(["gzip", "zlib", "raw", "members", "padded"]), st.integers(1, 50))
def test_however_it_is_cut(data: bytes, form: str, size: int) -> None:
    packed = {
        "gzip": gzip.compress(data),
        "zlib": zlib.compress(data),
        "raw": raw(data),
        "members": gzip.compress(data[:100]) + gzip.compress(b"") + gzip.compress(data[100:]),
        "padded": gzip.compress(data) + bytes(20),
    }[form]
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert unpacked("deflate" if form in ("zlib", "raw") else "gzip", *pieces) == data


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_rubbish_is_told_so(data: bytes, coding: str) -> None:
    try:
        unpacked(coding, data)
    except ValueError as error:
        assert coding in str(error)


@given(st.sampled_from(["gzip", "deflate"]), st.data())
def test_every_shortening_is_seen(coding: str, draw: st.DataObject) -> None:
    packed = PACKED[coding]
    size = draw.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(ValueError, match="end too early"):
        unpacked(coding, packed[:size])


def test_a_bomb_is_taken_apart_piece_by_piece() -> None:
    bomb = gzip.compress(bytes(100_000_000))
    tracemalloc.start()
    inflate, size, largest = Inflate("gzip"), 0, 0
    for piece in inflate.feed(bomb):
        size += len(piece)
        largest = max(largest, len(piece))
    inflate.end()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 100_000_000 and largest <= 65536 and peak < 2_000_000


@pytest.mark.parametrize(("coding", "data"), list(PACKED.items()))
@pytest.mark.parametrize("target", ["", "-o "])
def test_fetch_undoes_it(lab: Lab, tmp_path: Path, coding: str, data: bytes, target: str) -> None:
    talk = server(lab, "b", 80, reply(coding, data[:100]).replace(b": 100", f": {len(data)}".encode()), 1.0, data[100:])
    answer = run(lab, "a", f"fetch {target and f'-o {tmp_path}/got'} b")
    assert answer.status == 0
    assert ((tmp_path / "got").read_bytes() if target else answer.out) == TEXT
    assert b"Accept-Encoding: gzip, deflate\r\n" in talk.got


@pytest.mark.parametrize(
    ("coding", "body", "error"),
    [
        ("gzip", b"no gzip at all", "broken gzip data, got 14 of 14 bytes"),
        ("gzip", PACKED["gzip"][:-1], "the gzip data end too early"),
        ("gzip", PACKED["gzip"][:5000] + b"\0" + PACKED["gzip"][5001:], "broken gzip data"),
        ("x-gzip", PACKED["gzip"] + b"more", "something else behind the gzip data"),
        ("gzip", PACKED["gzip"][:-8] + bytes(8), "broken gzip data"),  # its sum
        ("deflate", b"\x78\x9c" + b"\xff" * 10, "broken deflate data"),
        ("br", b"anything", "in a coding that nobody asked for: br"),
        ("gzip, gzip", b"anything", "in a coding that nobody asked for: gzip, gzip"),
    ],
)
def test_broken_ones(lab: Lab, tmp_path: Path, coding: str, body: bytes, error: str) -> None:
    server(lab, "b", 80, reply(coding, body))
    answer = run(lab, "a", f"fetch -o {tmp_path}/got b")
    assert answer.status == 1 and len(answer.errors) == 1 and answer.text == ""
    assert answer.errors[0].startswith(f"fetch: http://b/: {error}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("coding", ["gzip", "identity", "GZIP"])
def test_nothing_at_all_may_be_called_compressed(lab: Lab, coding: str) -> None:
    server(lab, "b", 80, reply(coding, b""))
    assert run(lab, "a", "fetch b").both == ""


# --- doing it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "gladly"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("deflate, GZIP;q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0, *", False),
        ("gzip ; q=0.000", False),
        ("identity", False),
        ("deflate", False),
        ("", False),
        ("gzip;q=x, ;;,\u0661", False),
    ],
)
def test_who_accepts_it(accepted: str, gladly: bool) -> None:
    assert accepts_gzip(accepted) is gladly


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    (site / "long.txt").write_bytes(TEXT)
    (site / "short.txt").write_bytes(TEXT[:1000])
    (site / "noise.png").write_bytes(random.Random(1).randbytes(5000))
    return site


def get(lab: Lab, path: str, *headers: str, method: str = "GET", version: str = "1.1") -> tuple[str, bytes]:
    """The head of an answer, in lower case, and its body as it came."""
    lines = [f"{method} {path} HTTP/{version}", "Host: b", "Connection: close", *headers, "", ""]
    talk = client(lab, "a", "b", 80, "\r\n".join(lines).encode())
    lab.run(lab.callouts.now + 100)
    head, _, body = talk.got.partition(b"\r\n\r\n")
    return head.decode().lower(), body


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_long_texts_are_compressed(lab: Lab, site: Path, version: str) -> None:
    start(lab, "b", f"httpd {site}")
    head, body = get(lab, "/long.txt", "Accept-Encoding: gzip", version=version)
    assert "content-encoding: gzip" in head and "content-length" not in head and "vary: accept-encoding" in head
    assert ("transfer-encoding: chunked" in head) == (version == "1.1")
    if version == "1.0":
        assert gzip.decompress(body) == TEXT
    assert run(lab, "a", "fetch b/long.txt").out == TEXT
    assert run(lab, "a", "fetch -I b/long.txt").text.count("Content-Encoding: gzip") == 1


def test_several_compressed_pages_on_one_connection(lab: Lab, site: Path) -> None:
    start(lab, "b", f"httpd {site}")
    one = b"GET /long.txt HTTP/1.1\r\nHost: b\r\nAccept-Encoding: gzip\r\n\r\n"
    talk = client(lab, "a", "b", 80, one * 2 + one.replace(b"gzip\r\n", b"gzip\r\nConnection: close\r\n"))
    lab.run(100)
    assert talk.got.count(b"HTTP/1.1 200 OK") == 3 and talk.got.count(b"\r\n0\r\n\r\n") == 3


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/long.txt", ()),
        ("/long.txt", ("Accept-Encoding: br",)),
        ("/short.txt", ("Accept-Encoding: gzip",)),
        ("/noise.png", ("Accept-Encoding: gzip",)),
        ("/long.txt", ("Accept-Encoding: gzip", "Range: bytes=0-99")),
    ],
)
def test_what_is_not(lab: Lab, site: Path, path: str, headers: tuple[str, ...]) -> None:
    start(lab, "b", f"httpd {site}")
    head, body = get(lab, path, *headers)
    assert "content-encoding" not in head
    assert body == (site / path[1:]).read_bytes()[: 100 if len(headers) > 1 else None]


def test_each_form_has_its_tag(lab: Lab, site: Path) -> None:
    start(lab, "b", f"httpd {site}")

    def tag(*headers: str) -> str:
        return next(line for line in get(lab, "/long.txt", *headers)[0].splitlines() if line.startswith("etag: "))[6:]

    plain, packed = tag(), tag("Accept-Encoding: gzip")
    assert plain != packed and plain == tag("Range: bytes=0-1")
    for given_tag, status in ((packed, "304"), (f'"x", W/{packed}', "304"), ("*", "304"), (plain, "200"), ("x", "200")):
        head, body = get(lab, "/long.txt", "Accept-Encoding: gzip", f"If-None-Match: {given_tag}")
        assert head.startswith(f"http/1.1 {status}") and bool(body) == (status == "200") and f"etag: {packed}" in head
    for given_tag, status in ((plain, "206"), (packed, "200"), (f"W/{plain}", "200")):
        head, _ = get(lab, "/long.txt", "Range: bytes=0-99", f"If-Range: {given_tag}")
        assert head.startswith(f"http/1.1 {status}")


def test_a_tag_changes_with_the_file(lab: Lab, site: Path) -> None:
    start(lab, "b", f"httpd {site}")
    before = get(lab, "/short.txt")[0]
    os.utime(site / "short.txt", ns=(0, (site / "short.txt").stat().st_mtime_ns + 1))
    assert get(lab, "/short.txt")[0] != before


def test_a_tag_counts_more_than_a_date(lab: Lab, site: Path) -> None:
    start(lab, "b", f"httpd {site}")
    later = "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT"
    assert get(lab, "/long.txt", later)[0].startswith("http/1.1 304")
    assert get(lab, "/long.txt", later, 'If-None-Match: "other"')[0].startswith("http/1.1 200")
