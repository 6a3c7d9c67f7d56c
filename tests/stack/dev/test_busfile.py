"""A bus file between processes: every frame once and in order, whoever dies, whatever happens to the file."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.dev import busfile, buslock
from stack.dev.busfile import BusFile
from stack.dev.buslock import BusLost
from stack.dev.busring import BUS_SIZE, NEW, Ring

PATIENCE = 20.0
FRAME = b"\xff" * 6 + b"\xb2\xa0\0\0\0\1" + b"\x12\x34" + bytes(1500)


def why_not_atomic() -> str:
    """Why this machine cannot have a rump kernel as a peer; empty when it can."""
    try:
        ctypes.CDLL("libatomic.so.1")
    except OSError:
        return "no libatomic.so.1"
    return ""


needs_atomic = pytest.mark.skipif(bool(why_not_atomic()), reason=why_not_atomic())


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "bus")


@pytest.fixture
def bus(path: str) -> Iterator[BusFile]:
    made = BusFile(path)
    yield made
    made.close()


@pytest.fixture
def other(path: str, bus: BusFile) -> Iterator[BusFile]:
    made = BusFile(path)
    yield made
    made.close()


def read(bus: BusFile) -> list[bytes]:
    """All there is."""
    frames: list[bytes] = []
    while True:
        reading = bus.read()
        assert not reading.busy
        frames += reading.frames
        if not reading.more:
            return frames


def fill(bus: BusFile) -> None:
    """Write over the whole ring."""
    for _ in range(20):
        bus.write([FRAME] * 50)


def is_woken(bus: BusFile) -> bool:
    poller = select.poll()
    poller.register(bus.watcher, select.POLLIN)
    return bool(poller.poll(0))


def die(act: Callable[[], object]) -> None:
    """Do something in another process, which dies of it or after it."""
    child = os.fork()
    if child == 0:
        act()
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


# --- one process ------------------------------------------------------------------------------------


def test_a_new_bus_is_made_and_the_last_one_removes_it(path: str) -> None:
    first = BusFile(path)
    content = Path(path).read_bytes()
    assert content == NEW + bytes(BUS_SIZE - len(NEW))
    second = BusFile(path)
    first.close()
    assert Path(path).exists()
    second.close()
    assert not Path(path).exists()


def test_what_we_did_not_make_we_do_not_remove(path: str) -> None:
    Path(path).touch()
    BusFile(path).close()
    assert Path(path).stat().st_size == BUS_SIZE


def test_nobody_removes_a_file_that_another_program_has_open(path: str) -> None:
    bus = BusFile(path)
    try:
        fcntl.fcntl(bus.fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(bus.fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        bus.close()
        pytest.skip(f"this file system has no leases: {error.strerror}")
    with open(path, "r+b"):
        bus.close()
    assert Path(path).exists()


def test_nobody_removes_what_stands_in_its_place(path: str) -> None:
    bus = BusFile(path)
    os.unlink(path)
    Path(path).write_text("precious")
    bus.close()
    assert Path(path).read_text() == "precious"


def test_frames_go_to_the_others(bus: BusFile, other: BusFile) -> None:
    frames = [b"%02d" % number + FRAME for number in range(30)]
    assert bus.write(frames) == 30
    assert is_woken(other) and other.woken()
    assert read(other) == frames
    assert is_woken(bus) and not bus.woken()  # its own are no news
    assert read(bus) == []


def test_who_joins_hears_what_is_sent_from_then_on(bus: BusFile, path: str) -> None:
    bus.write([FRAME])
    late = BusFile(path)
    assert read(late) == []
    bus.write([FRAME[:60]])
    assert read(late) == [FRAME[:60]]
    late.close()


def test_a_burst_that_is_too_large_goes_in_pieces(bus: BusFile, other: BusFile) -> None:
    frames = [FRAME] * 200
    count = bus.write(frames)
    assert 32 < count < 128
    assert read(other) == frames[:count]
    assert bus.write([bytes(65549)] * 3) == 1


def test_too_slow_a_reader_is_told_once(bus: BusFile, other: BusFile) -> None:
    fill(bus)
    reading = other.read()
    assert reading.overrun and reading.more
    rest = 0
    while reading.more:
        rest += len(reading.frames)
        reading = other.read()
        assert not reading.overrun
    assert 600 < rest + len(reading.frames) < 700


def test_no_bus_while_somebody_else_has_it(bus: BusFile, other: BusFile) -> None:
    assert bus.lock.take()
    assert other.write([FRAME]) == 0
    assert other.read().busy
    bus.lock.give()
    assert other.write([FRAME]) == 1
    assert read(bus) == [FRAME]


def count_locks(bus: BusFile, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """One entry each time that it takes the lock."""
    taken: list[bool] = []
    take = bus.lock.take

    def taking() -> bool:
        taken.append(True)
        return take()

    monkeypatch.setattr(bus.lock, "take", taking)
    return taken


def test_where_memory_has_no_order_all_is_read_under_the_lock(
    bus: BusFile, other: BusFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (busfile, buslock):
        monkeypatch.setattr(module, "ORDERED", False)
    taken = count_locks(other, monkeypatch)
    for size in (60, 1514):
        assert bus.write([FRAME[:size]]) == 1
        assert read(other) == [FRAME[:size]]
    assert taken and bus.memory[24:32] == bytes(8)


def test_little_is_read_without_the_lock_unless_somebody_has_it(
    bus: BusFile, other: BusFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not buslock.ORDERED:
        pytest.skip("this machine does not keep the order of memory")
    taken = count_locks(other, monkeypatch)
    bus.write([FRAME] * 2)
    assert (read(other), taken) == ([FRAME] * 2, [])
    bus.write([FRAME] * 3)
    assert (read(other), taken) == ([FRAME] * 3, [True])
    bus.write([FRAME])
    assert bus.lock.take()
    assert other.read().busy and len(taken) == 2
    bus.lock.give()
    assert read(other) == [FRAME] and len(taken) == 2


def test_the_lock_word_is_one_while_we_have_it(bus: BusFile) -> None:
    assert bus.memory[24:32] == bytes(8)
    assert bus.lock.take()
    assert struct.unpack("=II", bus.memory[24:32]) == (1, buslock.HOLDING)
    bus.lock.give()
    assert bus.memory[24:32] == bytes(8)


def test_many_come_and_go_at_once_and_leave_nothing(path: str) -> None:
    for _ in range(10):
        came_reader, came = os.pipe()
        stay, leave = os.pipe()
        children = []
        for _ in range(4):
            child = os.fork()
            if child == 0:
                os.close(leave)
                bus = BusFile(path)
                os.write(came, b"x")
                os.read(stay, 1)
                bus.close()
                os._exit(0)
            children.append(child)
        there = 0
        while there < 4:
            there += len(os.read(came_reader, 4))
        os.close(leave)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
        for end in (came_reader, came, stay):
            os.close(end)
        assert os.listdir(os.path.dirname(path)) == []


# --- files that are none ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"x", "not a bus: it has 1 bytes, a bus has 1048576"),
        (NEW, "not a bus: it has 32 bytes"),
        (b"\x7fELF" + bytes(BUS_SIZE - 4), "not a bus: it begins with 0x464c457f, a bus with 0xca11d054"),
        (bytes(BUS_SIZE - 1) + b"x", "not a bus: it begins with 0x00000000"),
        (NEW[:4] + b"\2" + NEW[5:] + bytes(BUS_SIZE - 32), "a bus of version 2; we know 3"),
        (NEW[:20] + b"\xff" * 4 + NEW[24:] + bytes(BUS_SIZE - 32), "its header points outside of it"),
    ],
)
def test_what_is_no_bus_stays_as_it_was(path: str, content: bytes, words: str) -> None:
    Path(path).write_bytes(content)
    for attempt in (BusFile, busfile.look):
        with pytest.raises((OSError, ValueError), match=words):
            attempt(path)
    assert Path(path).read_bytes() == content


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere/bus")
    os.mkfifo(tmp_path / "fifo")
    for name, words in {
        ".": "Is a directory",
        "fifo": "no regular file",
        "fifo/b": "Not a directory",
        "a/b": "No such directory: mkdir -p",
        "link": "No such directory: mkdir -p .*nowhere$",
    }.items():
        with pytest.raises(OSError, match=words):
            BusFile(f"{tmp_path}/{name}")
    assert sorted(os.listdir(tmp_path)) == ["fifo", "link"]


def test_zeros_are_a_bus_that_nobody_has_begun(path: str) -> None:
    Path(path).write_bytes(bytes(BUS_SIZE))
    BusFile(path).close()
    assert Path(path).read_bytes() == NEW + bytes(BUS_SIZE - len(NEW))


@pytest.mark.parametrize("existed", [False, True])
def test_a_full_disk(path: str, monkeypatch: pytest.MonkeyPatch, existed: bool) -> None:
    def full(fd: int, offset: int, size: int) -> None:
        os.ftruncate(fd, 4096)  # so far it got
        raise OSError(28, "No space left on device")

    if existed:
        Path(path).touch()
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left on device: a bus takes 1 MiB"):
        BusFile(path)
    assert Path(path).exists() == existed and (not existed or Path(path).stat().st_size == 0)


def test_no_permission(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match=r"^Permission denied$"):
        BusFile(path)


@pytest.mark.parametrize("size", [0, 20, 4096, BUS_SIZE - 5000])
def test_a_file_that_is_cut_short(bus: BusFile, other: BusFile, size: int) -> None:
    os.truncate(bus.path, size)
    assert is_woken(other)
    with pytest.raises(BusLost, match="cut short"):
        other.woken()
    with pytest.raises(BusLost, match="cut short"):
        fill(bus)  # until it comes to what is gone
    assert Path(bus.path).stat().st_size == size


def test_a_file_that_is_scribbled_on(bus: BusFile, other: BusFile) -> None:
    bus.write([FRAME])
    with open(bus.path, "r+b") as file:
        file.write(b"scribble, scribble")
    assert is_woken(other) and other.woken()
    with pytest.raises(BusLost, match="begins with 0x69726373"):
        other.read()
    with pytest.raises(BusLost, match="begins with"):
        bus.write([FRAME])


_FAULTS = """
import mmap, os, sys
from stack.dev.busfile import BusFile
bus = BusFile(sys.argv[1])
stranger = os.memfd_create("stranger")
os.ftruncate(stranger, 8192)
memory = mmap.mmap(stranger, 8192)
os.ftruncate(stranger, 0)
memory[5000] if sys.argv[2] == "touch" else os.kill(os.getpid(), 7)
"""


@pytest.mark.parametrize("fault", ["touch", "kill"])
def test_other_faults_of_memory_are_as_deadly_as_ever(path: str, fault: str) -> None:
    done = subprocess.run([sys.executable, "-c", _FAULTS, path, fault], timeout=PATIENCE, check=False)
    assert done.returncode == -signal.SIGBUS


# --- who dies ---------------------------------------------------------------------------------------


def test_who_dies_with_the_lock_is_found_out_at_once(bus: BusFile, path: str) -> None:
    die(lambda: BusFile(path).lock.take())
    assert bus.memory[24:28] == b"\1\0\0\0"
    assert bus.write([FRAME]) == 1
    assert bus.lock.broken == 1 and bus.memory[24:32] == bytes(8)


def test_who_dies_while_it_writes_leaves_a_whole_bus(bus: BusFile, other: BusFile, path: str) -> None:
    fill(bus)
    before = read(other)

    def write_half() -> None:
        def put(ring: Ring, offset: int, data: bytes) -> None:
            ring.memory[32 + offset : 32 + offset + 5000] = data[:5000]
            os.kill(os.getpid(), signal.SIGKILL)

        writer = BusFile(path)
        setattr(Ring, "_put", put)  # noqa: B010 - mypy would have none of the plain assignment
        writer.write([b"\xee" * 1514] * 50)

    die(write_half)
    assert read(other) == []
    bus.write([FRAME[:60]])
    assert read(other) == [FRAME[:60]]
    assert len(before) > 600 and all(packet.frame in (FRAME, FRAME[:60]) for packet in busfile.look(path)[1])


def test_who_dies_taking_the_lock_is_waited_for_a_moment(bus: BusFile, path: str) -> None:
    def take_no_more() -> None:
        dying = BusFile(path)
        dying.lock.take()
        struct.pack_into("=I", dying.memory, 28, buslock.TAKING)

    die(take_no_more)
    begin = time.monotonic()
    assert bus.write([FRAME]) == 0
    while not bus.write([FRAME]):
        assert time.monotonic() - begin < PATIENCE
    assert time.monotonic() - begin >= buslock.SHORT_PATIENCE and bus.lock.broken == 1


def test_a_rump_kernel_that_is_dead_is_waited_for_longer(bus: BusFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buslock, "PATIENCE", 0.1)
    struct.pack_into("=I", bus.memory, 24, 1)
    begin = time.monotonic()
    while not bus.write([FRAME]):
        assert time.monotonic() - begin < PATIENCE
    assert time.monotonic() - begin >= 0.1 and bus.lock.broken == 1


def test_a_rump_kernel_that_works_is_never_disturbed(bus: BusFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buslock, "PATIENCE", 0.05)
    struct.pack_into("=I", bus.memory, 24, 1)
    end = time.monotonic() + 0.2
    generation = 0
    while time.monotonic() < end:
        generation += 1
        struct.pack_into("=Q", bus.memory, 8, generation)  # something happens on the bus
        assert bus.write([FRAME]) == 0
    struct.pack_into("=Q", bus.memory, 8, 0)
    struct.pack_into("=I", bus.memory, 24, 0)
    assert bus.write([FRAME]) == 1 and bus.lock.broken == 0


# --- many processes ---------------------------------------------------------------------------------


def stations(path: str, *words: str) -> dict[str, int]:
    """Let some stations talk to each other; what they counted."""
    program = [sys.executable, "-m", "tests.stack.dev.stations", path, *words]
    done = subprocess.run(program, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, int] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize(
    "words",
    [
        ("2", "--rounds", "300", "--burst", "64"),
        ("5", "--rounds", "100", "--burst", "16"),
        ("30", "--rounds", "6", "--burst", "8"),
        pytest.param(("5", "--rumps", "2", "--rounds", "60", "--burst", "4", "--size", "200"), marks=needs_atomic),
    ],
    ids=["two", "five", "thirty", "with rump kernels"],
)
def test_everyone_sees_every_frame_once_and_in_order(path: str, words: tuple[str, ...]) -> None:
    rounds, burst = (int(words[words.index(option) + 1]) for option in ("--rounds", "--burst"))
    result = stations(path, *words)
    assert result["sent"] == int(words[0]) * rounds * burst
    assert result["overruns"] == result["broken"] == 0
    assert not Path(path).exists()


_WRITER = """
import os, sys
from stack.dev.busfile import BusFile
bus, number = BusFile(sys.argv[1]), 0
print("ready", flush=True)
while True:
    number += 1
    if not bus.write([b"\\xff" * 12 + os.getpid().to_bytes(4) + number.to_bytes(4) + bytes(40)] * 5):
        os.sched_yield()
"""


def test_writers_that_are_killed_at_random_moments_do_not_stop_the_bus(bus: BusFile) -> None:
    def writer() -> subprocess.Popen[str]:
        child = subprocess.Popen([sys.executable, "-c", _WRITER, bus.path], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        return child

    rng = random.Random(1)
    newest: dict[int, int] = {}
    writers = [writer(), writer()]
    for _ in range(12):
        until = time.monotonic() + rng.uniform(0.01, 0.1)
        while time.monotonic() < until or writers[0].pid not in newest:
            assert time.monotonic() < until + PATIENCE, "the bus stands still"
            reading = bus.read()
            for frame in reading.frames:
                pid, number = struct.unpack_from("!II", frame, 12)
                assert number >= newest.get(pid, 0)
                newest[pid] = number
        victim = writers.pop(0)
        victim.kill()
        victim.communicate()
        writers.append(writer())
    for child in writers:
        child.kill()
        child.communicate()
    assert len(newest) >= 12
    busfile.look(bus.path)


_LOSER = """
import sys
from stack.dev.busfile import BusFile
from stack.dev.buslock import BusLost
buses = [BusFile(sys.argv[1]) for _ in range(2)]
print("ready", flush=True)
try:
    while True:
        for bus in buses:
            bus.write([bytes(1514)] * 60)
            bus.read()
            bus.woken()
except BusLost as lost:
    print(lost)
    for bus in buses:
        bus.close(keep=True)
"""


@pytest.mark.parametrize("size", [0, 100, 4096, 500_000])
def test_a_file_that_is_cut_short_at_full_speed_kills_nobody(path: str, size: int) -> None:
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", _LOSER, path], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        os.truncate(path, size)
        said, _ = child.communicate(timeout=PATIENCE)
        assert (said, child.returncode) == ("it was cut short\n", 0)
        os.unlink(path)
