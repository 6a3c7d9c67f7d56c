"""Reassembly against a model: whatever pieces come in whatever order, each byte is delivered once and in its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.header.tcp import TH_FIN
from stack.kern.socket import SOCK_STREAM
from stack.lab import Lab
from stack.netinet.tcp_dsack import tcp_dsack_pending
from stack.netinet.tcp_reass import tcp_reass
from stack.netinet.tcp_seq import SEQ_MASK
from stack.netinet.tcp_var import TF_SACK, Tcpcb
from tests.stack.tcp.notation import pattern

SIZE = 60


def connection(start: int) -> Tcpcb:
    tp = Lab().add_host("host").socket(SOCK_STREAM).pcb
    assert isinstance(tp, Tcpcb)
    tp.rcv_nxt = start & SEQ_MASK
    return tp


PIECES = st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(1, 20)), max_size=40)


@given(PIECES, st.sampled_from([0, -30, -SIZE, -1, 1 << 31]), st.none() | st.integers(0, 40))
def test_any_pieces(pieces: list[tuple[int, int]], start: int, fin_after: int | None) -> None:
    """As the window has it: nothing begins before what is wanted next, nothing reaches beyond the end."""
    tp, here, whole, ended = connection(start), set[int](), pattern(0, SIZE), False
    for number, (at, size) in enumerate([*pieces, (0, SIZE)]):
        wanted = tp.rcv_nxt - start & SEQ_MASK
        at, end = max(at, wanted), min(at + size, SIZE)
        if number == fin_after and number < len(pieces):
            at = end = SIZE  # an early FIN alone
        if end < at:
            continue
        fin = end == SIZE and (number == fin_after or number == len(pieces))
        here |= set(range(at, end))
        if tcp_reass(tp, start + at & SEQ_MASK, whole[at:end], TH_FIN if fin else 0):
            ended = True
            break
        in_order = next(place for place in range(SIZE + 1) if place not in here)
        assert tp.rcv_nxt == start + in_order & SEQ_MASK
        assert bytes(tp.rcv.copy(0, tp.rcv.cc)) == whole[:in_order]
        kept = {seq - start + place & SEQ_MASK for seq, data in tp.reass or () for place in range(len(data))}
        assert kept == {place for place in here if place > in_order}
        assert sum(len(data) for _, data in tp.reass or ()) == len(kept)
    assert ended
    assert bytes(tp.rcv.copy(0, tp.rcv.cc)) == whole
    assert tp.reass is None


@given(PIECES)
def test_duplicates_are_reported(pieces: list[tuple[int, int]]) -> None:
    """RFC 2883 4: the first block is a part of the segment that was here already; nothing else is a duplicate."""
    tp, here = connection(1000), set[int]()
    tp.flags |= TF_SACK
    for at, size in pieces:
        at, segment = max(at, 1), set(range(max(at, 1), at + size))
        if not segment:
            continue
        tcp_reass(tp, 1000 + at, bytes(len(segment)), 0)
        twice = tcp_dsack_pending(tp)
        if twice is None:
            assert not segment & here
        else:
            block = set(range(twice[0] - 1000, twice[1] - 1000))
            assert block and block <= segment & here
            assert min(block) == min(segment & here)
            assert tp.sacked[0][0] <= twice[0] and twice[1] <= tp.sacked[0][1]
        here |= segment
        assert tcp_dsack_pending(tp) is None


def test_a_large_window_waits_behind_a_gap() -> None:
    """As many full segments as the buffer holds, however many; of small ones no more than of large ones."""
    tp = connection(0)
    tp.rcv.hiwat = 4 << 20
    most = tp.rcv.hiwat // tp.maxseg
    for number in range(most):
        tcp_reass(tp, (number + 1) * tp.maxseg, bytes(tp.maxseg), 0)
    assert tp.reass is not None and len(tp.reass) == most
    tcp_reass(tp, (most + 1) * tp.maxseg, b"x", 0)
    assert len(tp.reass) == most
    assert tp.tcp.stat["rcvmemdrop"] == 1


def test_the_first_copy_wins() -> None:
    """Bytes that are here already are not replaced by others that claim their place."""
    tp = connection(100)
    tcp_reass(tp, 110, b"bbbbb", 0)
    tcp_reass(tp, 105, b"x" * 20, 0)
    tcp_reass(tp, 100, b"aaaaa", 0)
    assert tp.rcv.take(100) == b"aaaaa" + b"xxxxx" + b"bbbbb" + b"x" * 10


def test_the_first_fin_wins() -> None:
    tp = connection(100)
    assert not tcp_reass(tp, 110, b"end", TH_FIN)
    assert not tcp_reass(tp, 105, b"", TH_FIN)
    assert not tcp_reass(tp, 100, b"01234", 0)
    assert tcp_reass(tp, 105, b"56789", 0)
    assert tp.rcv_nxt == 113


def test_data_beyond_the_fin() -> None:
    """A peer that contradicts itself still comes to its end."""
    tp = connection(100)
    assert not tcp_reass(tp, 110, b"", TH_FIN)
    assert not tcp_reass(tp, 105, b"x" * 20, 0)
    assert tcp_reass(tp, 100, b"01234", 0)
    assert tp.reass is None


def test_there_is_an_end_to_it() -> None:
    """A peer that sends every second byte does not fill our memory, and loses nothing by it."""
    tp = connection(0)
    for number in range(2000):
        tcp_reass(tp, 1 + 2 * number, b"x", 0)
    assert len(tp.reass or ()) == 1024
    assert tp.tcp.stat["rcvmemdrop"] == 2000 - 1024
    tcp_reass(tp, 0, b"y" * 4001, 0)
    assert tp.rcv_nxt == 4001


@pytest.mark.parametrize("size", [1, 10])
def test_exact_repetitions(size: int) -> None:
    tp = connection(0)
    for _ in range(3):
        tcp_reass(tp, 50, bytes(size), 0)
    assert tp.reass == [(50, bytes(size))]
