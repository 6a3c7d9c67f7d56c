"""replay: the frames of a file, sent at their times; what can be read of a bad file is sent, then one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.dev import savefile
from stack.kern.proc import SIGINT
from stack.lab import Lab
from stack.net.bpf import DLT_NULL, Frame
from stack.net.ethernet import Ethernet
from tests.commands import captures
from tests.commands.labs import chain, pair
from tests.commands.runner import finish, run, start

TIMES = [0, 250_000_000, 240_000_000, 1_500_000_000]  # one of them comes before its turn


def quiet() -> Lab:
    lab = pair()
    lab.run(10.0)
    return lab


def frames(lab: Lab, times: list[int] = TIMES) -> list[Frame]:
    """Datagrams to b."""
    link = bytes(_lladdr(lab, "b")) + bytes(_lladdr(lab, "a")) + b"\x08\x00"
    found = []
    for number, time in enumerate(times):
        header = bytes.fromhex("4500001d0001000040110000 0a000001 0a000002")
        data = link + header + b"\x10\x00\x20\x00\x00\x09\x00\x00" + bytes([number % 256])
        found.append(Frame(1_700_000_000_000_000_000 + time, 0, None, data, len(data)))
    return found


def _lladdr(lab: Lab, host: str) -> bytes:
    ifp = lab[host].interfaces["shmif0"]
    assert isinstance(ifp, Ethernet) and ifp.lladdr is not None
    return ifp.lladdr


def seen(lab: Lab, path: Path, words: str, interrupt: float | None = None) -> tuple[list[float], str, list[str]]:
    """When frames came to b, after how many seconds each; what was said; what was complained of."""
    sink = start(lab, "b", f"tcpdump -i shmif0 -w {path}/out.pcap udp")
    lab.run(lab.callouts.now)
    begin = lab.callouts.now
    answer = run(lab, "a", f"replay {words}", interrupt=interrupt)
    sink.proc.signal(SIGINT)
    finish(lab, sink)
    loader = savefile.Loader()
    came = list(loader.feed((path / "out.pcap").read_bytes()))
    return [round(frame.time / 1e9 - begin, 6) for frame in came], answer.text, answer.errors


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ("", [0.0, 0.25, 0.25, 1.5]),
        ("--speed x2", [0.0, 0.125, 0.125, 0.75]),
        ("--speed=x0.5", [0.0, 0.5, 0.5, 3.0]),
        ("--speed max", [0.0, 0.0, 0.0, 0.0]),
        ("-c 2", [0.0, 0.25]),
        ("-i shmif0 udp port 8192", [0.0, 0.25, 0.25, 1.5]),
        ("-i a:shmif0 tcp", []),
    ],
)
@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_times(tmp_path: Path, options: str, times: list[float], kind: str) -> None:
    lab = quiet()
    captures.write(tmp_path / "x.pcap", frames(lab))
    path = tmp_path / "x.pcap"
    if kind == "pcapng":
        path = tmp_path / "x.pcapng"
        run(lab, "a", f"tcpdump -r {tmp_path}/x.pcap -w {path}")
    found, text, errors = seen(lab, tmp_path, f"{path} {options}")
    assert (found, errors) == (times, [])
    assert text.startswith(f"{len(times)} frame") and f"({len(times) * 43} bytes)" in text


def test_ten_thousand_at_full_speed_are_all_there(tmp_path: Path) -> None:
    lab = quiet()
    captures.write(tmp_path / "x.pcap", frames(lab, [0] * 10_000))
    found, text, _ = seen(lab, tmp_path, f"{tmp_path}/x.pcap --speed max")
    assert len(found) == 10_000 and text.startswith("10000 frames")


def test_interrupted(tmp_path: Path) -> None:
    lab = quiet()
    captures.write(tmp_path / "x.pcap", frames(lab))
    found, text, errors = seen(lab, tmp_path, f"{tmp_path}/x.pcap", interrupt=1.0)
    assert (len(found), text, errors) == (3, "3 frames (129 bytes) sent in 1.000000 s\n", [])


def test_files_that_end_too_early_or_are_none(tmp_path: Path) -> None:
    lab = quiet()
    captures.write(tmp_path / "x.pcap", frames(lab))
    whole = (tmp_path / "x.pcap").read_bytes()
    for end in range(len(whole)):
        (tmp_path / "y.pcap").write_bytes(whole[:end])
        answer = run(lab, "a", f"replay {tmp_path}/y.pcap")
        complete = max(end - 24, 0) // (16 + 43)
        assert answer.status == 0 if end > 24 and (end - 24) % 59 == 0 else answer.status in (0, 1)
        assert len(answer.errors) == answer.status
        assert answer.text.startswith(f"{complete} frame") or (not complete and answer.status)


def test_other_links_are_left_out(tmp_path: Path) -> None:
    lab = quiet()
    captures.write(tmp_path / "x.pcap", frames(lab), DLT_NULL)
    answer = run(lab, "a", f"replay {tmp_path}/x.pcap")
    assert answer.text == "0 frames (0 bytes) sent in 0.000000 s, 4 that are no Ethernet frames left out\n"


@pytest.mark.parametrize("kind", captures.KINDS, ids=lambda kind: kind.__name__)
def test_whatever_is_in_it_goes_through_a_router(tmp_path: Path, kind: object) -> None:
    lab = chain("a", "r", "b")
    lab.run(10.0)
    whole = captures.frames(kind)
    captures.write(tmp_path / "x.pcap", [*whole, *captures.cut(whole, 20), *captures.cut(whole, 14)])
    answer = run(lab, "a", f"replay {tmp_path}/x.pcap")
    assert (answer.errors, answer.status) == ([], 0)
    assert answer.text.startswith(f"{3 * len(whole)} frames")


@pytest.mark.parametrize(
    ("words", "complaint", "status"),
    [
        ("", "the name of a file is missing", 2),
        ("/nonexistent", "/nonexistent: No such file or directory", 1),
        ("/etc/passwd", "/etc/passwd: unknown file format", 1),
        ("x -i lo0", "lo0: frames are sent from an Ethernet interface, such as shmif0", 1),
        ("x -i bus:a-b", "bus:a-b: frames are sent from an Ethernet interface, such as shmif0", 1),
        ("x -i nope", "nope: no such interface on a; it has lo0, shmif0", 1),
        ("x --speed 2", "2: not a speed; x2 is twice as fast, x0.5 half, max as fast as it goes", 2),
        ("x --speed x0", "x0: not a speed; x2 is twice as fast, x0.5 half, max as fast as it goes", 2),
        ("x -c 0", "0: the count is between 1 and 2147483647", 2),
        ("x port", "can't parse filter expression: syntax error", 1),
    ],
)
def test_words_that_make_no_sense(words: str, complaint: str, status: int) -> None:
    answer = run(quiet(), "a", f"replay {words}")
    assert (answer.errors[:1], answer.text, answer.status) == ([f"replay: {complaint}"], "", status)
    assert len(answer.errors) == (3 if "syntax" in complaint else 1)  # the filter, and a mark below


def test_an_interface_that_is_down() -> None:
    lab = quiet()
    run(lab, "a", "ifconfig shmif0 down")
    answer = run(lab, "a", "replay x -i shmif0")
    assert answer.errors == ["replay: shmif0: it is down; 'ifconfig shmif0 up', and a bus, make it run"]
