"""Processes: they sleep, are woken, time out, take turns, and end by themselves or by a signal."""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing

import pytest

from stack.callout import Callouts
from stack.kern.pipe import Pipe
from stack.kern.proc import (
    SIGINT,
    SIGKILL,
    SIGTERM,
    Channel,
    Interrupt,
    Nap,
    Proc,
    pause,
    tsleep,
)
from stack.lab import Deadlock, Lab

Body = Coroutine[Nap, bool | None, int]


class World:
    """A clock, processes on it, and what they say with the time."""

    def __init__(self) -> None:
        self.clock = Callouts()
        self.said: list[tuple[float, str]] = []
        self.count = 0

    def say(self, word: str) -> None:
        self.said.append((self.clock.now, word))

    def spawn(self, body: Body) -> Proc:
        self.count += 1
        proc = Proc(self.clock, self.count, "host", ["test"])
        proc.start(body)
        return proc

    def run(self, until: float | None = None) -> None:
        self.clock.advance(until)


@pytest.fixture
def world() -> World:
    return World()


def test_a_process_runs_later_and_ends(world: World) -> None:
    """Starting does not run it: whoever starts one is never run over."""

    async def body() -> int:
        world.say("begun")
        await pause(2)
        world.say("ended")
        return 7

    proc = world.spawn(body())
    assert not world.said
    assert (proc.state, proc.status, proc.wmesg) == ("R", None, "-")
    world.run(1)
    assert (proc.state, proc.status, proc.wmesg) == ("S", None, "nanosleep")
    world.run()
    assert world.said == [(0, "begun"), (2, "ended")]
    assert (proc.state, proc.status) == ("Z", 7)
    assert proc.coro is None


def test_wakeup(world: World) -> None:
    """All who sleep there go on, in the order in which they came, at the same time but not in the same call."""
    channel = Channel("test")

    async def body(name: str) -> int:
        woken = await tsleep(channel)
        world.say(f"{name} {woken}")
        return 0

    procs = [world.spawn(body(name)) for name in "abc"]
    world.run(1)
    assert [proc.wmesg for proc in procs] == ["test"] * 3
    channel.wakeup()
    assert not world.said
    channel.wakeup()
    world.run()
    assert world.said == [(1, "a True"), (1, "b True"), (1, "c True")]
    channel.wakeup()  # nobody is there


def test_timeout(world: World) -> None:
    channel = Channel("test")

    async def body() -> int:
        world.say(f"{await tsleep(channel, timeout=3)}")
        world.say(f"{await tsleep(channel, timeout=3)}")
        world.say(f"{await tsleep(channel, timeout=0)}")
        world.say(f"{await tsleep(channel, timeout=-5)}")
        return 0

    world.spawn(body())
    world.clock.schedule(5, channel.wakeup)
    world.run()
    assert world.said == [(3, "False"), (5, "True"), (5, "False"), (5, "False")]
    assert world.clock.next_due() is None


def test_woken_just_in_time(world: World) -> None:
    """A wakeup and a time-out at the same moment: the first counts, and the process runs once."""
    channel = Channel("test")

    async def body() -> int:
        world.say(f"{await tsleep(channel, timeout=3)}")
        await pause(10)
        return 0

    world.clock.schedule(3, channel.wakeup)
    world.spawn(body())
    world.run()
    assert world.said == [(3, "True")]


def test_several_channels(world: World) -> None:
    first, second = Channel("first"), Channel("second")

    async def body() -> int:
        world.say(f"{await tsleep(first, second, timeout=9)}")
        world.say(f"{await tsleep(first, timeout=9)}")
        return 0

    proc = world.spawn(body())
    world.clock.schedule(1, second.wakeup)
    world.clock.schedule(2, second.wakeup)  # it does not sleep there any more
    world.run()
    assert world.said == [(1, "True"), (10, "False")]
    assert proc.status == 0
    assert not first.sleepers
    assert not second.sleepers


def test_upcall() -> None:
    channel, calls = Channel("test"), []
    channel.upcall = lambda: calls.append(1)
    channel.wakeup()
    channel.wakeup()
    assert len(calls) == 2


def test_taking_turns(world: World) -> None:
    """Who pauses for no time lets all the others run first."""

    async def body(name: str) -> int:
        for _ in range(3):
            world.say(name)
            await pause(0)
        return 0

    for name in "abc":
        world.spawn(body(name))
    world.run()
    assert "".join(word for _, word in world.said) == "abcabcabc"


def test_waiting_for_another(world: World) -> None:
    async def child() -> int:
        await pause(5)
        return 3

    async def parent() -> int:
        proc = world.spawn(child())
        while proc.status is None:
            await tsleep(proc.exited)
        return proc.status + 1

    proc = world.spawn(parent())
    world.run()
    assert proc.status == 4
    assert world.clock.now == 5


# --- signals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("signal", "status"), [(SIGINT, 130), (SIGTERM, 143), (SIGKILL, 137)])
def test_a_signal_ends_it(world: World, signal: int, status: int) -> None:
    async def body() -> int:
        try:
            await pause(100)
        finally:
            world.say("finally")
        return 0

    proc = world.spawn(body())
    world.run(1)
    proc.signal(signal)
    assert proc.status is None
    world.run()
    assert proc.status == status
    assert world.said == [(1, "finally")]
    assert world.clock.now == 1
    proc.signal(signal)  # harmless


def test_a_signal_is_caught(world: World) -> None:
    """As ping does: it says its summary and returns; it may even wait for something on the way."""

    async def body() -> int:
        try:
            await pause(100)
        except Interrupt as interrupt:
            await pause(1)
            world.say(str(interrupt))
        return 5

    proc = world.spawn(body())
    world.run(1)
    proc.signal(SIGINT)
    world.run()
    assert world.said == [(2, "SIGINT")]
    assert proc.status == 5


def test_no_except_exception_catches_it(world: World) -> None:
    async def body() -> int:
        try:
            await pause(100)
        except Exception:
            world.say("caught")
        return 0

    proc = world.spawn(body())
    world.run(1)
    proc.signal(SIGINT)
    world.run()
    assert (proc.status, world.said) == (130, [])


def test_kill_cannot_be_caught(world: World) -> None:
    async def body() -> int:
        try:
            await pause(100)
        except BaseException:
            world.say("no")
        await pause(100)
        world.say("never")
        return 0

    proc = world.spawn(body())
    world.run(1)
    proc.signal(SIGKILL)
    world.run(1000)
    assert proc.status == 137
    assert world.said == [(1, "no")]


def test_a_signal_before_it_began(world: World) -> None:
    async def body() -> int:
        world.say("begun")
        return 0

    for signal in (SIGINT, SIGKILL):
        proc = world.spawn(body())
        proc.signal(signal)
        world.run()
        assert proc.status == 128 + signal
    assert not world.said


def test_a_signal_to_itself(world: World) -> None:
    """It comes at the next sleep."""
    procs: list[Proc] = []

    async def body() -> int:
        procs[0].signal(SIGTERM)
        world.say("still here")
        await pause(100)
        return 0

    procs.append(world.spawn(body()))
    world.run()
    assert world.said == [(0, "still here")]
    assert procs[0].status == 143
    assert world.clock.now == 0


def test_a_signal_and_a_wakeup_at_once(world: World) -> None:
    channel = Channel("test")

    async def body() -> int:
        await tsleep(channel)
        world.say("woken")
        return 0

    proc = world.spawn(body())
    world.run(1)
    channel.wakeup()
    proc.signal(SIGINT)
    world.run()
    assert proc.status == 130


def test_the_second_of_two_signals_counts(world: World) -> None:
    async def body() -> int:
        await pause(100)
        return 0

    proc = world.spawn(body())
    world.run(1)
    proc.signal(SIGINT)
    proc.signal(SIGKILL)
    world.run()
    assert proc.status == 137


def test_kill_reaches_generators(world: World) -> None:
    """Also the asynchronous generator in which a command sleeps is closed at once, not some day."""

    async def rows() -> AsyncGenerator[int, None]:
        try:
            while True:
                yield 1
                await pause(1)
        finally:
            world.say("closed")

    async def body() -> int:
        async for _ in rows():
            pass
        return 0

    proc = world.spawn(body())
    world.run(2.5)
    proc.signal(SIGKILL)
    world.run(2.5)
    assert world.said == [(2.5, "closed")]


# --- ends -------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["return", "raise", "signal", "kill"])
def test_closers_run_however_it_ends(world: World, end: str) -> None:
    """The last opened is closed first; one that fails keeps the others from nothing."""

    def close(name: str) -> Callable[[], None]:
        def closer() -> None:
            world.say(name)
            if name == "second":
                raise OSError

        return closer

    async def body() -> int:
        if end == "return":
            return 0
        if end == "raise":
            raise ZeroDivisionError
        await pause(10)
        return 0

    proc = world.spawn(body())
    proc.closers += [close("first"), close("second"), close("third")]
    world.run(1)
    if proc.status is None:
        proc.signal(SIGKILL if end == "kill" else SIGINT)
    world.run()
    assert [word for _, word in world.said] == ["third", "second", "first"]


def test_a_defect_ends_the_process_alone(world: World) -> None:
    async def body() -> int:
        await pause(1)
        raise ZeroDivisionError("oops")

    proc = world.spawn(body())
    other = world.spawn(_sleeper(2))
    world.run()
    assert proc.status == 1
    assert isinstance(proc.failure, ZeroDivisionError)
    assert other.status == 0


async def _sleeper(seconds: float) -> int:
    await pause(seconds)
    return 0


def test_the_exit_wakes_who_waits(world: World) -> None:
    proc = world.spawn(_sleeper(3))
    proc.exited.upcall = lambda: world.say("exited")
    world.run()
    assert world.said == [(3, "exited")]


def test_many(world: World) -> None:
    """Ten thousand sleepers wake in order and leave nothing in the clock."""
    procs = [world.spawn(_sleeper(number % 10)) for number in range(10_000)]
    world.run()
    assert all(proc.status == 0 for proc in procs)
    assert world.clock.next_due() is None


# --- in a lab ---------------------------------------------------------------------------------


def test_in_a_lab() -> None:
    lab = Lab()
    host = lab.add_host("me")

    async def body(proc: Proc) -> int:
        await pause(float(proc.argv[1]))
        return proc.pid

    first, second = (lab.spawn(host, ["sleep", seconds], body) for seconds in ("2", "1"))
    assert list(lab.procs) == [1, 2]
    assert first.hostname == "me"
    assert lab.run_proc(second) == 2
    assert lab.callouts.now == 1
    assert list(lab.procs) == [1]
    with pytest.raises(ProcessLookupError):
        lab.kill(2, SIGINT)
    lab.kill(1, SIGINT)
    assert lab.run_proc(first) == 130
    assert not lab.procs


def test_nothing_more_can_happen() -> None:
    lab = Lab()

    async def body(proc: Proc) -> int:
        await tsleep(Channel("forever"))
        return 0

    proc = lab.spawn(lab.add_host("me"), ["wait"], body)
    with pytest.raises(Deadlock, match="nothing more can happen"):
        lab.run_proc(proc)


def test_removing_a_host_ends_its_processes() -> None:
    lab = Lab()

    async def body(proc: Proc) -> int:
        await pause(100)
        return 0

    here, there = lab.add_host("here"), lab.add_host("there")
    mine, other = lab.spawn(here, ["sleep"], body), lab.spawn(there, ["sleep"], body)
    lab.run(1)
    lab.remove_host("here")
    lab.run(2)
    assert (mine.status, other.status) == (137, None)


def test_pipe(world: World) -> None:
    pipe = Pipe(b"first ")

    async def body() -> int:
        while data := await pipe.read(8):
            world.say(data.decode())
        world.say("end")
        return 0

    world.spawn(body())
    world.clock.schedule(1, lambda: pipe.write(b"then a longer one"))
    world.clock.schedule(2, lambda: pipe.write(b""))
    world.clock.schedule(3, pipe.close)
    world.clock.schedule(4, lambda: pipe.write(b"lost"))
    world.run()
    assert world.said == [(0, "first "), (1, "then a l"), (1, "onger on"), (1, "e"), (3, "end")]
    assert not pipe.buffer


def test_a_lab_thrown_away_unwinds_its_processes_in_order() -> None:
    ended: list[str] = []

    async def inner() -> AsyncGenerator[int, None]:
        try:
            while True:
                yield 1
                await pause(1.0)
        finally:
            ended.append("inner")

    async def run(proc: Proc) -> int:
        proc.closers.append(lambda: ended.append("closed"))
        async with aclosing(inner()) as rows:
            async for _ in rows:
                pass
        return 0

    lab = Lab()
    lab.spawn(lab.add_host("a"), ["loop"], run)
    lab.run(2.5)
    del lab
    gc.collect()
    assert ended == ["inner", "closed"]


def test_what_ends_the_program_leaves_no_process_that_never_ends() -> None:
    """An exit that a signal of the machine's throws in anywhere: who waits for the process is still woken."""
    world = World()

    async def told() -> int:
        raise SystemExit(143)

    async def waits(other: Proc) -> int:
        while other.status is None:
            await tsleep(other.exited)
        return 7

    told_to = world.spawn(told())
    waiter = world.spawn(waits(told_to))
    with pytest.raises(SystemExit):
        world.clock.advance(1.0)
    world.clock.advance(1.0)
    assert (told_to.status, waiter.status) == (1, 7)
