"""Sequence numbers: comparisons hold wherever in the 32 bits they fall, above all about 2^32."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stack.netinet.tcp_seq import SEQ_GEQ, SEQ_GT, SEQ_LEQ, SEQ_LT, SEQ_MASK, SEQ_SUB

NEAR = st.integers(-70000, 70000).map(lambda number: number & SEQ_MASK)
NUMBERS = NEAR | st.integers(0, SEQ_MASK)
STEPS = st.integers(1, (1 << 31) - 1)


@given(NUMBERS, STEPS)
def test_later_is_later(number: int, step: int) -> None:
    later = number + step & SEQ_MASK
    assert SEQ_LT(number, later) and SEQ_LEQ(number, later) and SEQ_GT(later, number) and SEQ_GEQ(later, number)
    assert not (SEQ_LT(later, number) or SEQ_LEQ(later, number) or SEQ_GT(number, later) or SEQ_GEQ(number, later))


@given(NUMBERS)
def test_equal(number: int) -> None:
    assert SEQ_LEQ(number, number) and SEQ_GEQ(number, number)
    assert not SEQ_LT(number, number) and not SEQ_GT(number, number)
    assert SEQ_SUB(number, number) == 0


@given(NUMBERS, st.integers(-(1 << 31) + 1, (1 << 31) - 1))
def test_distance(number: int, distance: int) -> None:
    assert SEQ_SUB(number + distance & SEQ_MASK, number) == distance


@given(NUMBERS, NUMBERS)
def test_the_four_agree(a: int, b: int) -> None:
    if a - b & SEQ_MASK == 1 << 31:  # as far as can be: neither before nor after
        return
    assert SEQ_LT(a, b) == (SEQ_SUB(a, b) < 0) == SEQ_GT(b, a)
    assert SEQ_LEQ(a, b) == (SEQ_SUB(a, b) <= 0) == (not SEQ_GT(a, b)) == SEQ_GEQ(b, a)
