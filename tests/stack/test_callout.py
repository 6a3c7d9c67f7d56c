"""The clock: what runs when, in which order, and how much of it at once."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from stack.callout import Callout, Callouts


class Log:
    """A clock, and what ran on it with its time."""

    def __init__(self) -> None:
        self.clock = Callouts()
        self.ran: list[tuple[float, str]] = []

    def note(self, word: str) -> Callable[[], None]:
        return lambda: self.ran.append((self.clock.now, word))

    @property
    def words(self) -> list[str]:
        return [word for _, word in self.ran]


def test_in_order_of_time() -> None:
    log = Log()
    for due in (3, 1, 2):
        log.clock.schedule(due, log.note(f"at {due}"))
    assert log.clock.next_due() == 1
    assert not log.clock.advance()
    assert log.ran == [(1, "at 1"), (2, "at 2"), (3, "at 3")]
    assert log.clock.next_due() is None
    assert log.clock.now == 3


def test_equal_times_in_order_of_scheduling() -> None:
    log = Log()
    for number in range(100):
        log.clock.schedule_at(5.0, log.note(str(number)))
    log.clock.advance()
    assert log.words == [str(number) for number in range(100)]


def test_soon_runs_before_time_moves() -> None:
    """What is ready runs in turn, also what it makes ready; only then the next timer."""
    log = Log()

    def first() -> None:
        log.note("first")()
        log.clock.soon(log.note("third"))

    log.clock.schedule(1, log.note("timer"))
    log.clock.soon(first)
    log.clock.soon(log.note("second"))
    assert log.clock.next_due() == 0
    log.clock.advance()
    assert log.ran == [(0, "first"), (0, "second"), (0, "third"), (1, "timer")]


def test_what_a_timer_makes_ready_comes_before_its_equals() -> None:
    """A packet's own consequences come before the next thing of the same moment."""
    log = Log()
    log.clock.schedule(1, lambda: log.clock.soon(log.note("consequence")))
    log.clock.schedule(1, log.note("other"))
    log.clock.advance()
    assert log.words == ["consequence", "other"]


def test_until() -> None:
    """Time stands where it was told to, and what is due just then has run."""
    log = Log()
    for due in (1, 2, 3):
        log.clock.schedule(due, log.note(str(due)))
    assert not log.clock.advance(2)
    assert log.words == ["1", "2"]
    assert log.clock.now == 2
    assert not log.clock.advance(2.5)
    assert log.clock.now == 2.5
    log.clock.advance(1)  # the past is left alone
    assert log.clock.now == 2.5
    log.clock.advance(10)
    assert log.ran[-1] == (3, "3")
    assert log.clock.now == 10


def test_nothing_to_do() -> None:
    clock = Callouts(7.0)
    assert clock.next_due() is None
    assert not clock.advance()
    assert clock.now == 7.0


def test_the_past_is_now() -> None:
    log = Log()
    log.clock.advance(10)
    log.clock.schedule_at(3, log.note("late"))
    log.clock.schedule(-1, log.note("later"))
    log.clock.schedule(0, log.note("now"))
    log.clock.advance()
    assert log.ran == [(10, "late"), (10, "later"), (10, "now")]


def test_budget() -> None:
    """So many pieces and no more; the rest is not forgotten, and time does not run ahead of it."""
    log = Log()
    for number in range(5):
        log.clock.schedule(number, log.note(str(number)))
    assert log.clock.advance(100, 2)
    assert log.words == ["0", "1"]
    assert log.clock.now == 1
    assert log.clock.advance(100, 0)
    assert log.clock.advance(100, 2)
    assert not log.clock.advance(100, 2)
    assert log.words == ["0", "1", "2", "3", "4"]
    assert log.clock.now == 100
    assert log.clock.events == 5


def test_budget_and_what_is_ready() -> None:
    log = Log()
    for number in range(4):
        log.clock.soon(log.note(str(number)))
    assert log.clock.advance(None, 3)
    assert log.words == ["0", "1", "2"]
    assert log.clock.next_due() == log.clock.now
    assert not log.clock.advance(None, 3)


def test_stop() -> None:
    log = Log()
    first, second = log.clock.schedule(1, log.note("1")), log.clock.schedule(2, log.note("2"))
    assert first.pending
    first.stop()
    first.stop()
    assert not first.pending
    assert log.clock.next_due() == 2
    log.clock.advance()
    assert log.words == ["2"]
    assert not second.pending
    second.stop()
    log.clock.schedule(1, log.note("3"))
    log.clock.advance()
    assert log.words == ["2", "3"]


def test_stop_of_an_equal() -> None:
    """What runs first may stop what is due at the same moment."""
    log = Log()
    second: list[Callout] = []
    log.clock.schedule(1, lambda: second[0].stop())
    second.append(log.clock.schedule(1, log.note("never")))
    log.clock.advance()
    assert not log.ran


def test_stopped_callouts_do_not_fill_the_heap() -> None:
    """A timer that is set and stopped a million times costs no memory (and keeps no time)."""
    clock = Callouts()
    kept = clock.schedule(1e6, lambda: None)
    for _ in range(10_000):
        clock.schedule(1000, lambda: None).stop()
    assert len(clock.heap) < 200
    assert clock.next_due() == 1e6
    kept.stop()
    assert clock.next_due() is None
    assert clock.stopped == 0


def test_a_lent_clock() -> None:
    """With a clock that runs by itself, `now` follows it, and never goes back."""
    log, readings = Log(), iter([5.0, 4.0, 6.5])
    log.clock.clock = lambda: next(readings)
    for word in "abc":
        log.clock.soon(log.note(word))
    log.clock.advance(10)
    assert log.ran == [(5.0, "a"), (5.0, "b"), (6.5, "c")]


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=60), st.integers(1, 7))
def test_any_schedule(plan: list[tuple[int, bool]], budget: int) -> None:
    """However it is cut into budgets, what is not stopped runs once, by time and then by order."""
    log = Log()
    callouts = [log.clock.schedule_at(due, log.note(str(number))) for number, (due, _) in enumerate(plan)]
    for callout, (_, stopped) in zip(callouts, plan, strict=True):
        if stopped:
            callout.stop()
    while log.clock.advance(None, budget):
        pass
    expected = sorted((due, number) for number, (due, stopped) in enumerate(plan) if not stopped)
    assert log.ran == [(due, str(number)) for due, number in expected]
