"""In fast time the lab waits for programs behind a `|`: what happens does not depend on how fast they are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from netsh import patience, program
from netsh.patience import Patience
from tests.netsh.test_builtins import at_home
from tests.netsh.toys import Toys


@pytest.fixture
def session() -> Iterator[Toys]:
    made = at_home()
    yield made
    made.end_jobs()


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not much may wait for a program before its feeder has to."""
    monkeypatch.setattr(program, "_ENOUGH", 10_000)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, a program is waited for."""
    monkeypatch.setattr(patience, "PATIENCE", 60.0)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does nothing for a moment waits for something else."""
    monkeypatch.setattr(patience, "PATIENCE", 0.1)


def now(session: Toys) -> float:
    return session.lab.callouts.now


@pytest.mark.usefixtures("patient")
def test_no_time_passes_while_a_program_behind_a_pipe_works(session: Toys, tmp_path: Path) -> None:
    session.run(f"ping -n -i 0.1 www > {tmp_path}/pings &")
    before = now(session)
    assert session.run("echo one | !sh -c 'sleep 0.2; cat; sleep 0.2; cat'") == 0
    assert session.out == "one\n" and now(session) == before
    assert session.run("sleep 1; kill %1; wait") == 0
    assert (tmp_path / "pings").read_text().count(" bytes from ") in (10, 11)


@pytest.mark.usefixtures("patient")
def test_a_slow_program_holds_up_the_lab_and_not_only_its_feeder() -> None:
    times = []
    for slow in ("", "sleep 0.2;"):
        session = at_home()
        session.run("count 100000 0.01 > /dev/null &")
        # more than waits for a program at once, so its feeder must wait for it
        assert session.run(f"for i in 1..100 {{ help ping }} | !sh -c '{slow} cat >/dev/null; {slow}'") == 0
        times.append(now(session))
        session.end_jobs()
    assert times[0] == times[1]


@pytest.mark.usefixtures("hasty")
def test_a_program_that_waits_for_the_lab_gets_what_it_waits_for(session: Toys, tmp_path: Path) -> None:
    wall = time.monotonic()
    session.run(f"{{ sleep 0.3; echo here > {tmp_path}/file }} &")
    before = now(session)
    assert session.run(f"echo | !sh -c 'until test -s {tmp_path}/file; do sleep 0.02; done; cat {tmp_path}/file'") == 0
    assert session.out == "here\n"
    assert time.monotonic() - wall >= 0.4  # time went on, a second a second
    assert 0.3 <= now(session) - before < 100


@pytest.mark.usefixtures("hasty")
def test_one_in_the_background_is_not_waited_for_in_vain(session: Toys) -> None:
    wall = time.monotonic()
    session.run("for i in 1..100 { help ping } | !sleep 60 &")
    before = now(session)
    assert session.run("sleep 1000") == 0
    assert now(session) == before + 1000
    assert session.run("kill -KILL %1") == 0
    assert time.monotonic() - wall < 50


@pytest.mark.usefixtures("patient")
def test_one_in_the_background_that_has_all_it_gets_holds_nothing_up(session: Toys) -> None:
    wall = time.monotonic()
    session.run("echo | !sleep 60 &")
    session.run("sleep 1000; kill -KILL %1")
    assert time.monotonic() - wall < 50


@pytest.mark.usefixtures("hasty")
def test_an_interrupt_ends_the_wait(session: Toys) -> None:
    session.run("ping www > /dev/null &")
    line = session.start("echo | !sleep 60")
    for seconds in (0.1, 0.2):  # the first is for the program, which has it from the terminal itself
        session.lab.callouts.schedule(seconds, lambda: line.signal(2))
    wall = time.monotonic()
    assert session.finish(line) == 143
    assert time.monotonic() - wall < 50


# --- how long -----------------------------------------------------------------------------------------


class Toy:
    """A program that somebody waits for."""

    def __init__(self, stirred: float, *, in_front: bool = True, behind: bool = True) -> None:
        self.stirred = stirred
        self.in_front = in_front
        self.behind = behind


def test_how_long_time_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: wall)
    held = Patience()
    assert held.left(5.0, 6.0) == 0
    toy = Toy(99.0)
    held.awaited.append(toy)
    assert held.left(5.0, 5.0) == 0  # what is due now happens
    assert held.left(5.0, 6.0) == patience.PATIENCE - 1
    wall = 99 + patience.PATIENCE + 0.25
    assert held.left(5.0, 6.0) == 0.75  # it goes on, a second a second
    wall += 0.5
    assert held.left(5.0, 6.0) == 0.25
    assert held.left(5.0, 5.5) == 0
    toy.stirred = wall
    assert held.left(5.5, 6.0) == patience.PATIENCE
    toy.in_front = False
    wall += patience.PATIENCE
    assert held.left(5.5, 600.0) == 0
    toy.stirred, toy.behind = wall, False
    assert held.left(5.5, 600.0) == 0
