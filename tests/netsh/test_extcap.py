"""netsh-extcap: Wireshark's questions and their answers; and tshark itself, which captures in a served lab."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.dev.savefile import Loader
from tests.interop.netns import needs_program
from tests.netsh.served import PATIENCE, Served, environ

NAMES = ["lab", "bus:lan", "bus:wan", "me:shmif0", "gw:shmif0", "gw:shmif1", "www:shmif0"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served lab, home, at an absolute path, as Wireshark needs it."""
    folder = tmp_path_factory.mktemp("extcap")
    with Served(folder, url=f"unix://{folder}/lab") as server:
        yield server


def ask(server: str, *words: str) -> subprocess.CompletedProcess[str]:
    """What the program answers."""
    return subprocess.run(
        [sys.executable, "-m", "netsh.extcap", *words], capture_output=True, text=True, check=False, timeout=PATIENCE,
        env=environ(NETSH_SERVER=server),
    )  # fmt: skip


def test_what_there_is(served: Served) -> None:
    lines = ask(served.url, "--extcap-interfaces", "--extcap-version=4.0").stdout.splitlines()
    assert re.fullmatch(r"extcap \{version=[\d.]+\}\{display=.*\}", lines[0])
    found = [re.fullmatch(r"interface \{value=netsh:(\S+)\}\{display=([^{}]+)\}", line) for line in lines[1:]]
    assert [each and each[1] for each in found] == NAMES
    assert "netsh: gw:shmif1 203.0.113.1/24" in [each and each[2] for each in found]


@pytest.mark.parametrize("server", ["", "unix:///nonexistent/lab", "nonsense"])
def test_without_a_lab_there_is_a_place_to_name_one(server: str) -> None:
    done = ask(server, "--extcap-interfaces")
    assert [line.split("}")[0] for line in done.stdout.splitlines()[1:]] == ["interface {value=netsh:lab"]
    assert (done.stderr, done.returncode) == ("", 0)


def test_questions_about_one(served: Served) -> None:
    dlts = ask(served.url, "--extcap-dlts", "--extcap-interface", "netsh:bus:lan").stdout
    assert dlts == "dlt {number=1}{name=EN10MB}{display=Ethernet}\n"
    config = ask(served.url, "--extcap-config", "--extcap-interface=netsh:bus:lan").stdout
    assert config.startswith("arg {number=0}{call=--server}") and f"{{default={served.url}}}" in config
    words = ("--extcap-interface", "netsh:bus:lan", "--extcap-capture-filter")
    assert ask(served.url, *words, "tcp port 80").stdout == ""
    assert "syntax error" in ask(served.url, *words, "tcp port").stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--extcap-dlts"], "--extcap-interface is missing; --extcap-interfaces lists them"),
        (["--capture", "--extcap-interface", "netsh:lab"], "--fifo is missing: where the packets go"),
        (
            ["--capture", "--extcap-interface", "netsh:lab", "--fifo", "/nonexistent/x"],
            "/nonexistent/x: No such file or directory",
        ),
    ],
)
def test_words_that_make_no_sense(served: Served, words: list[str], complaint: str) -> None:
    done = ask(served.url, *words)
    assert (done.stdout, done.stderr, done.returncode) == ("", f"netsh-extcap: {complaint}\n", 1)
    done = ask("", "--capture", "--extcap-interface", "netsh:lab", "--fifo", "x")
    assert done.stderr.startswith("netsh-extcap: which lab?")


def captured(served: Served, fifo: Path, *words: str) -> tuple[bytes, str, int]:
    """What comes through a FIFO while there is traffic, up to the end of the capture."""
    os.mkfifo(fifo)
    with subprocess.Popen(
        [sys.executable, "-m", "netsh.extcap", "--capture", "--fifo", str(fifo), *words], stderr=subprocess.PIPE,
        text=True, env=environ(NETSH_SERVER=served.url),
    ) as child, fifo.open("rb") as pipe:  # fmt: skip
        data = bytearray(pipe.read1())
        if data:
            served.run("-c", "ping -q -c 2 -i 0.1 www")
            while len(data) < 400:
                data += pipe.read1()
            child.terminate()
        data += pipe.read()
        assert child.stderr is not None
        return bytes(data), child.stderr.read(), child.wait(PATIENCE)


@pytest.mark.parametrize("place", ["netsh:bus:wan", "netsh:lab", "netsh:www:shmif0"])
def test_a_capture(served: Served, tmp_path: Path, place: str) -> None:
    words = ["--extcap-interface", place, "--extcap-capture-filter", "icmp"]
    data, err, status = captured(served, tmp_path / "fifo", *words)
    loader = Loader()
    assert len(list(loader.feed(data))) >= 4
    loader.end()
    assert (err, status) == ("", 0)
    assert "tcpdump" not in served.run("-c", "ps").out


def test_a_capture_that_cannot_be(served: Served, tmp_path: Path) -> None:
    words = ["--extcap-interface", "netsh:bus:wan", "--extcap-capture-filter", "tcp port"]
    data, err, status = captured(served, tmp_path / "fifo", *words)
    assert (data, status) == (b"", 1)
    assert err.startswith("tcpdump: can't parse filter expression: syntax error")


@needs_program("tshark")
def test_tshark_lists_them_and_captures(served: Served, tmp_path: Path) -> None:
    """With our program in its personal folder; it goes when it has four packets."""
    for folder in (tmp_path / "wireshark" / "extcap", tmp_path / ".local/lib/wireshark/extcap"):  # from 4.2 on there
        folder.mkdir(parents=True)
        program = folder / "netsh-extcap"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m netsh.extcap "$@"\n')
        program.chmod(0o755)
    environment = environ(NETSH_SERVER=served.url, XDG_CONFIG_HOME=str(tmp_path), HOME=str(tmp_path))
    words = ["tshark", "-i", "netsh:gw:shmif1", "-f", "icmp", "-c", "4", "-T", "fields", "-e", "icmp.type"]
    listed = subprocess.run(["tshark", "-D"], env=environment, capture_output=True, text=True, timeout=PATIENCE)
    if "netsh:" not in listed.stdout:
        pytest.skip("this tshark looks for extcap programs somewhere else")
    assert {f"netsh:{name}" for name in NAMES} <= set(listed.stdout.split())
    with served.start("-c", "ping -q -i 0.2 www") as ping:
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        ping.send_signal(signal.SIGINT)
        ping.communicate(timeout=PATIENCE)
    assert set(done.stdout.split()) == {"8", "0"} and len(done.stdout.split()) == 4
    assert done.returncode == 0
