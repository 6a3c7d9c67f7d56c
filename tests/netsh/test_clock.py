"""The drive: fast time jumps, real time follows the wall clock, and the real machine is waited for."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from netsh.clock import Clock
from netsh.mode import parse_mode
from netsh.signals import Signals
from stack.kern.pipe import Pipe
from stack.kern.proc import Channel, Interrupt, Nap, Proc, pause, tsleep
from stack.lab import Lab


def never() -> None:
    pytest.fail("it is not stuck")


def spawn(lab: Lab, coro: Coroutine[Nap, bool | None, int]) -> Proc:
    proc = Proc(lab.callouts, 1, "", ["test"])
    proc.start(coro)
    return proc


async def naps(count: int, seconds: float) -> int:
    for _ in range(count):
        await pause(seconds)
    return 5


@pytest.mark.parametrize(("text", "rate"), [("fast", None), ("real", 1.0), ("x0.1", 0.1), ("x10", 10.0), ("x1", 1.0)])
def test_modes(text: str, rate: float | None) -> None:
    assert parse_mode(text) == rate


@pytest.mark.parametrize("text", ["", "slow", "x", "x0", "x-1", "xnan", "xinf", "x1e99", "10", "Real"])
def test_no_modes(text: str) -> None:
    with pytest.raises(ValueError, match="a clock is real, fast, or a rate"):
        parse_mode(text)


def test_fast_time_jumps() -> None:
    lab = Lab()
    began = time.monotonic()
    assert Clock(lab).run(spawn(lab, naps(100, 3600.0)), never) == 5
    assert lab.callouts.now == 360000.0
    assert time.monotonic() - began < 1.0


def test_fast_time_stops_where_the_process_does() -> None:
    lab = Lab()
    late: list[float] = []
    lab.callouts.schedule(10.0, lambda: late.append(lab.callouts.now))
    Clock(lab).run(spawn(lab, naps(1, 1.0)), never)
    assert lab.callouts.now == 1.0
    assert late == []


def test_fast_time_is_stuck_when_nothing_is_pending() -> None:
    lab = Lab()
    channel = Channel("test")
    calls: list[float] = []

    async def wait() -> int:
        await tsleep(channel)
        return 3

    def stuck() -> None:
        calls.append(lab.callouts.now)
        channel.wakeup()

    assert Clock(lab).run(spawn(lab, wait()), stuck) == 3
    assert calls == [0.0]


@pytest.mark.parametrize(("mode", "virtual"), [("real", 0.03), ("x10", 0.3), ("x0.1", 0.003)])
def test_real_time_takes_its_time(mode: str, virtual: float) -> None:
    lab = Lab()
    began = time.monotonic()
    assert Clock(lab, mode).run(spawn(lab, naps(3, virtual / 3)), never) == 5
    assert 0.03 <= time.monotonic() - began < 1.0
    assert lab.callouts.now >= virtual


def test_time_is_fresh_in_each_event() -> None:
    lab = Lab()
    seen: list[float] = []

    def work() -> None:
        seen.append(lab.callouts.now)
        time.sleep(0.005)

    for _ in range(3):
        lab.callouts.soon(work)
    Clock(lab, "real").run(spawn(lab, naps(1, 0.001)), never)
    assert seen[0] + 0.004 < seen[1] < seen[1] + 0.004 < seen[2]


def test_changing_the_mode_keeps_the_time() -> None:
    lab = Lab()
    clock = Clock(lab)
    clock.run(spawn(lab, naps(1, 1000.0)), never)
    clock.set_mode("real")
    assert clock.pump() is None
    assert 1000.0 <= lab.callouts.now < 1001.0
    lab.callouts.schedule(0.02, lambda: None)
    wait = clock.pump()
    assert wait is not None
    assert 0.0 < wait <= 0.02
    clock.set_mode("fast")
    assert clock.pump() is None
    assert lab.callouts.next_due() is not None


def test_pump_stops_when_its_budget_is_spent() -> None:
    lab = Lab()
    clock = Clock(lab, "real")
    done: list[int] = []
    for number in range(10):
        lab.callouts.soon(lambda number=number: done.append(number))  # type: ignore[misc]
    assert clock.pump(4) == 0.0
    assert done == [0, 1, 2, 3]
    assert clock.pump() is None
    assert len(done) == 10


def test_work_without_end_leaves_time_for_keys_and_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece of work may be a burst of 64 frames, 0.6 ms; the machine is looked at 50 times a second at the least."""
    lab = Lab()
    wall = [100.0]
    monkeypatch.setattr("netsh.clock.time.monotonic", lambda: wall[0])
    clock = Clock(lab, "real")
    for cost in (0.0006, 0.00001):
        done = 0

        def work() -> None:
            nonlocal done
            done += 1
            wall[0] += cost  # noqa: B023
            lab.callouts.soon(work)

        lab.callouts.ready.clear()
        lab.callouts.soon(work)
        begin = wall[0]
        assert clock.pump() == 0.0
        assert 0.005 <= wall[0] - begin < 0.02
        assert done >= min(16, 0.005 / cost)


def test_a_device_is_heard_in_the_last_part_of_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab()
    reader, writer = os.pipe()
    heard: list[bytes] = []
    lab.readers[reader] = lambda: heard.append(os.read(reader, 10))
    doze = select.select

    def frame_comes(*words: Any) -> Any:  # when poll(2), which counts milliseconds, has given up already
        if not heard:
            os.write(writer, b"frame")
        return doze(*words)

    async def wait() -> int:
        for _ in range(1000):
            if not heard:
                await pause(0.0009)
        return 0

    monkeypatch.setattr(select, "select", frame_comes)
    Clock(lab, "real").run(spawn(lab, wait()), never)
    assert heard == [b"frame"]
    os.close(reader)
    os.close(writer)


def ask(monkeypatch: pytest.MonkeyPatch, instead: Callable[[int | None], object]) -> None:
    """Where poll(2) would be waited in, something is called with how long, and nobody waits."""
    poll = select.poll

    class Poller:
        def __init__(self) -> None:
            self.poller = poll()
            self.register = self.poller.register

        def poll(self, wait: int | None) -> list[tuple[int, int]]:
            instead(wait)
            return self.poller.poll(0)

    monkeypatch.setattr(select, "poll", Poller)


def test_a_turn_asks_the_machine_once_and_waits_only_with_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab()
    reader, writer = os.pipe()
    heard: list[bytes] = []
    asked: list[int | None] = []
    ask(monkeypatch, asked.append)
    lab.readers[reader] = lambda: lab.callouts.soon(lambda: heard.append(os.read(reader, 5)))
    clock = Clock(lab, "real")
    for turn in range(3):
        os.write(writer, b"frame")
        clock.turn(100, lambda: None, 7.0)
        assert heard == [b"frame"] * turn  # what has come is done in the next turn
    os.write(writer, b"frame")
    clock.turn(0, lambda: None, 7.0)  # more to do than it may
    other, extra = os.pipe()
    clock.readers[other] = lambda: heard.append(os.read(other, 10))
    os.write(extra, b"more")
    clock.turn(100, lambda: None, 7.0)  # who waits is looked up anew
    assert heard == [b"frame"] * 4 + [b"more"]
    assert asked == [7000, 7000, 7000, 0, 7000]
    for descriptor in (reader, writer, other, extra):
        os.close(descriptor)


def test_alone_it_goes_on_until_something_else_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab()
    (reader, writer), (other, extra), (third, _) = pipes = [os.pipe() for _ in range(3)]
    heard: list[bytes] = []
    asked: list[int | None] = []
    happens: list[Callable[[], object]] = []

    def wait_for(wait: int | None) -> None:
        asked.append(wait)
        happens.pop(0)()

    def come() -> None:
        heard.append(os.read(other, 5))
        clock.readers[third] = never

    def turn(*steps: Callable[[], object]) -> list[int | None]:
        asked.clear()
        happens[:] = steps
        clock.turn(100, lambda: None, 7.0, alone=True)
        assert not happens
        return list(asked)

    ask(monkeypatch, wait_for)
    lab.readers[reader] = lambda: lab.callouts.soon(lambda: heard.append(os.read(reader, 5)))
    clock = Clock(lab, "real")
    clock.readers[other] = come
    frame, knock = lambda: os.write(writer, b"frame"), lambda: os.write(extra, b"knock")
    assert turn(frame, frame, frame, knock) == [7000] * 4
    assert heard == [b"frame"] * 3  # each is done before the next is waited for
    assert turn(lambda: None) == [7000]
    assert heard[3:] == [b"knock"]  # somebody has come, so it does not go on
    del clock.readers[third]
    due = lab.callouts.schedule_at(clock.reading() + 0.05, lambda: heard.append(b"timer")).due
    waits = turn(frame, lambda: [None for _ in iter(lambda: clock.reading() < due, False)])
    assert len(waits) == 2 and (waits[0] or 0) <= 50
    assert turn(knock) == [7000] and heard[4:] == [b"frame", b"timer", b"knock"]  # it was there first
    del clock.readers[third]
    lab.procs[1] = spawn(lab, naps(1, 60.0))
    assert len(turn(frame)) == 1  # a process may do anything
    for pair in pipes:
        for descriptor in pair:
            os.close(descriptor)


def test_a_device_forces_real_time() -> None:
    lab = Lab()
    clock = Clock(lab)
    reader, writer = os.pipe()
    got: list[bytes] = []
    channel = Channel("device")

    def read() -> None:
        got.append(os.read(reader, 10))
        channel.wakeup()

    async def wait() -> int:
        lab.readers[reader] = read
        await pause(0.01)
        assert clock.mode == "real"
        os.write(writer, b"frame")
        await tsleep(channel)
        return 0

    began = time.monotonic()
    assert clock.run(spawn(lab, wait()), never) == 0
    assert time.monotonic() - began >= 0.01
    assert got == [b"frame"]
    with pytest.raises(ValueError, match="real device"):
        clock.set_mode("fast")
    clock.set_mode("real")
    lab.readers.clear()
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("mode", ["fast", "real"])
def test_input_is_read_only_while_somebody_waits_for_it(mode: str) -> None:
    lab = Lab()
    clock = Clock(lab, mode)
    reader, writer = os.pipe()
    pipe = Pipe()
    clock.feed(pipe, reader)
    os.write(writer, b"early")
    clock.run(spawn(lab, naps(3, 0.001)), never)
    assert not pipe.buffer

    async def read() -> int:
        data = await pipe.read()
        data += await pipe.read()
        assert data == b"earlylate"
        assert await pipe.read() == b""
        return 7

    def write() -> None:
        time.sleep(0.02)
        os.write(writer, b"late")
        time.sleep(0.02)
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    assert clock.run(spawn(lab, read()), never) == 7
    thread.join()
    clock.forget(pipe)
    assert clock.inputs == {}
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(reader)


def test_input_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 200_000)
    lab = Lab()
    clock = Clock(lab)
    pipe = Pipe()
    clock.feed(pipe, os.open(path, os.O_RDONLY))

    async def read() -> int:
        size = 0
        while data := await pipe.read():
            size += len(data)
        return int(size == 200_000)

    assert clock.run(spawn(lab, read()), never) == 1
    clock.forget(pipe)


@pytest.fixture
def signals() -> Iterator[Signals]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    caught = Signals()
    caught.catch()
    yield caught
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)
    assert caught.awake is not None
    for descriptor in caught.awake:
        os.close(descriptor)


@pytest.mark.parametrize("mode", ["fast", "real"])
def test_a_signal_goes_to_the_process(mode: str, signals: Signals) -> None:
    lab = Lab()
    clock = Clock(lab, mode, signals)
    caught: list[int] = []

    async def work() -> int:
        """In fast time it never lets the clock wait; in real time, the clock waits in poll(2)."""
        threading.Timer(0.02, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        for _ in range(2):
            try:
                while True:
                    await pause(0.0 if mode == "fast" else 10.0)
            except Interrupt as interrupt:
                caught.append(interrupt.signal)
                os.kill(os.getpid(), signal.SIGTERM)
        return 9

    assert clock.run(spawn(lab, work()), never) == 9
    assert caught == [signal.SIGINT, signal.SIGTERM]


def test_a_signal_that_comes_just_before_the_clock_waits(signals: Signals) -> None:
    """Python has not run its handler when poll(2) begins: as when another thread's C is what the signal interrupts."""
    lab = Lab()
    clock = Clock(lab, "real", signals)
    other = threading.Thread(target=time.sleep, args=(1.0,))

    async def work() -> int:
        other.start()
        assert other.ident is not None
        thread = other.ident
        threading.Timer(0.05, lambda: signal.pthread_kill(thread, signal.SIGINT)).start()
        try:
            await pause(60.0)
        except Interrupt:
            return 9
        return 1

    begin = time.monotonic()
    assert clock.run(spawn(lab, work()), never) == 9
    assert time.monotonic() - begin < 30
    other.join()


def test_a_stale_interrupt_is_forgotten(signals: Signals) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    lab = Lab()
    assert Clock(lab, "fast", signals).run(spawn(lab, naps(1, 1.0)), never) == 5


def test_terminate_while_nothing_runs_ends_the_program(signals: Signals) -> None:
    with pytest.raises(SystemExit) as caught:
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.code == 143


def test_what_is_buffered_is_seen_before_the_clock_waits() -> None:
    lab = Lab()
    clock = Clock(lab, "real")
    seen: list[float] = []
    clock.before_waiting = lambda: seen.append(lab.callouts.now)
    clock.run(spawn(lab, naps(2, 0.005)), never)
    assert len(seen) >= 2
