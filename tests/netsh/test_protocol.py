"""The protocol of served labs, by its page alone: a client that has read docs/served-lab.md and none of our code."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from netsh.served import frames
from tests.netsh.served import PATIENCE, ROOT, Served

PAGE = (ROOT / "docs" / "served-lab.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served")) as served:
        yield served


def texts(*words: str) -> bytes:
    """A list of texts."""
    return b"".join(struct.pack(">I", len(word.encode())) + word.encode() for word in words)


def words_of(body: bytes) -> list[str]:
    """The texts of a list."""
    found = []
    while body:
        end = 4 + struct.unpack(">I", body[:4])[0]
        found.append(body[4:end].decode())
        body = body[end:]
    return found


class Client:
    """A client as the page has it."""

    def __init__(self, lab: Served, **hello: str) -> None:
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(PATIENCE)
        self.link.connect(lab.url.removeprefix("unix://"))
        self.stream = self.link.makefile("rb")
        self.link.sendall(b"netsh/\0\1")
        self.send("H", texts(*(word for pair in {"cwd": str(lab.folder), **hello}.items() for word in pair)))
        assert self.stream.read(8) == b"netsh/\0\1"
        kind, body = self.frame()
        assert kind == "w"
        self.state = words_of(body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.link.close()

    def send(self, letter: str, body: bytes = b"") -> None:
        self.link.sendall(letter.encode() + struct.pack(">I", len(body)) + body)

    def frame(self) -> tuple[str, bytes]:
        letter, length = struct.unpack(">cI", self.stream.read(5))
        return letter.decode(), self.stream.read(length)

    def until(self, last: str) -> list[tuple[str, bytes]]:
        """The frames up to one of that letter."""
        found = [self.frame()]
        while found[-1][0] != last:
            found.append(self.frame())
        return found

    def run(self, *words: str) -> tuple[bytes, bytes, list[str]]:
        """What is said on both outputs, and what `d` says."""
        self.send("R", texts(*words))
        said = self.until("d")
        out, err = (b"".join(body for kind, body in said if kind == letter) for letter in "oe")
        return out, err, words_of(said[-1][1])


def test_the_page_has_all_letters() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \| [a-z]", PAGE.partition("From the client")[2], re.MULTILINE)
    page = [letter for row in rows for letter in re.findall("`(.)`", row)]
    ours = [getattr(frames, name) for name in vars(frames) if name.isupper()]
    assert sorted(page) == sorted(each.decode() for each in ours if isinstance(each, bytes) and len(each) == 1)


def test_one_line_and_the_end(lab: Served) -> None:
    with Client(lab) as client:
        assert dict(zip(client.state[::2], client.state[1::2], strict=True))["host"] == "me"
        assert client.run("lines", "", "echo $1; nosuch; exit 3", "x") == (
            b"x\n", b"netsh: nosuch: unknown command\n", ["3", "3", ""],
        )  # fmt: skip
        client.send("E")
        assert client.until("x") == [("x", b"\3")]


def test_each_kind_of_work(lab: Served) -> None:
    with Client(lab) as client:
        assert client.run("words", "", "", "echo", "a;b") == (b"a;b\n", b"", ["0", "", ""])
        script = client.run("script", "my.netsh", "echo $1 $2\nfalse\necho no\n", "x", "y")
        assert script == (b"x y\n", b"my.netsh:2: false: exit status 1\n", ["1", "", ""])
        client.send("R", texts("lines", "", "www nc -l 99 & sleep 0.1; nc www 99"))
        assert client.until("r")[-1] == ("r", b"")
        client.send("I", b"some\n")
        assert client.until("r")[-1] == ("r", b"")
        client.send("I")
        assert words_of(client.until("d")[-1][1])[0] == "0"


def test_at_a_prompt(lab: Served) -> None:
    with Client(lab, prompt="1", format="rich", columns="60", lines="20", terminal="1", TERM="xterm") as client:
        client.send("C", texts("7", "ifc"))
        assert words_of(client.until("c")[-1][1])[:2] == ["7", "ifconfig"]
        client.send("R", texts("typed", "", "host gw"))
        state = words_of(next(body for kind, body in client.until("d") if kind == "s"))
        assert state[state.index("host") + 1] == "gw" and state[state.index("hosts") + 1] == "me gw www"
        client.send("R", texts("typed", "", "echo up; nc -l 99"))
        assert client.frame() == ("o", b"up\n")
        client.send("S", b"\2")
        assert words_of(client.until("d")[-1][1])[0] == "130"
        client.send("R", texts("typed", "", "echo up; sleep 1000"))
        assert client.until("o")[-1] == ("o", b"up\n")
        client.send("S", b"\x11")
        assert client.until("d")
        assert b"sleep 1000" in client.run("typed", "", "jobs")[0]


def width(text: bytes) -> int:
    """Of the longest line, as one sees it."""
    return max(map(len, re.sub(r"\x1b\[[\d;]*m", "", text.decode()).splitlines()))


@pytest.mark.parametrize("window", [("50",), ("50", "20")])
def test_a_window_of_another_width(lab: Served, window: tuple[str, ...]) -> None:
    with Client(lab, format="rich", columns="100", terminal="1", NO_COLOR="1") as client:
        wide = width(client.run("lines", "", "netstat -rn")[0])
        client.send("W", texts(*window))
        assert width(client.run("lines", "", "netstat -rn")[0]) <= 50 < wide


@pytest.mark.parametrize(
    ("letter", "body", "why"),
    [
        ("?", b"", "frame ?: unknown"),
        ("\0", b"", "frame \0: unknown"),
        ("H", b"", "frame H: out of turn"),
        ("W", b"", "frame W: a list of 0"),
        ("W", texts("a lot"), "frame W: no number: a lot"),
        ("C", texts("1"), "frame C: a list of 1"),
        ("R", texts("odd", "", ""), "frame R: nothing that could be run"),
        ("S", b"\x63", "frame S: no signal"),
        ("R", b"\0\0\0\xff", "frame R: a list that is cut short"),
    ],
)
def test_who_wrote_the_client_is_told_what_is_wrong(lab: Served, letter: str, body: bytes, why: str) -> None:
    with Client(lab) as client:
        client.send(letter, body)
        assert client.until("b") == [("b", why.encode())]
    assert lab.log.splitlines()[-1].endswith(f"{why.replace(chr(0), '')}; cut off") or "\0" in why
    assert Path(lab.folder, "lab").is_socket()
