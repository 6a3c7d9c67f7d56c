"""How many acks the data of one burst get: RFC 1122 4.2.3.2, RFC 5681 4.2, and where few are enough."""

from __future__ import annotations

from itertools import pairwise

import pytest

from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ifnet import IFCAP_GSO, IFCAP_LRO, Ifnet
from stack.net.wire import Personality
from tests.stack.labs import pair
from tests.stack.net.test_gso import connected, noise

SEGMENT = 1448
SLOW = 0.05


def acks_of(lab: Lab, segments: int, *, extra: int = 0, tso: bool = False) -> list[int]:
    """How many segments each ack acknowledges, when so many arrive at once."""
    a, b = lab["a"], lab["b"]
    a.interfaces["shmif0"].set_capenable(IFCAP_GSO if tso else IFCAP_LRO)
    b.sysctl.set("net.inet.tcp.recvspace", "262144")
    tp = connected(lab, a, b)
    tp.so.send(noise(2 * SEGMENT))  # the first data are not predicted
    lab.run(lab.callouts.now + 0.5)
    numbers: list[int] = []

    def tap(_ifp: Ifnet, m: Mbuf, outgoing: bool) -> None:
        if outgoing and not m.data and m.transport:
            numbers.append(int.from_bytes(m.transport[8:12]))

    b.interfaces["shmif0"].taps += (tap,)
    before = lab.callouts.now
    first = tp.snd_nxt
    tp.so.send(noise(segments * SEGMENT + extra))
    lab.run(before + 2 * lab.bus("lan").personality.delay + 0.001)
    edges = [0, *(((number - first) & 0xFFFFFFFF) // SEGMENT for number in numbers)]
    return [later - sooner for sooner, later in pairwise(edges)]


@pytest.mark.parametrize("segments", [1, 2, 3, 10, 16, 17])
def test_every_second_segment_is_acknowledged_at_once(segments: int) -> None:
    lab, _, _ = pair()
    assert acks_of(lab, segments)[:8] == [2] * (segments // 2)


@pytest.mark.parametrize("segments", [18, 19, 100, 101])
def test_of_a_large_burst_from_somebody_near_the_rest_is_acknowledged_together(segments: int) -> None:
    lab, _, _ = pair()
    acks = acks_of(lab, segments)
    assert acks == [2] * 8 + [segments - 16]


def test_the_acks_to_somebody_far_are_his_clock() -> None:
    lab, _, _ = pair()
    lab.bus("lan").set(Personality(delay=SLOW))
    assert acks_of(lab, 100) == [2] * 50


@pytest.mark.parametrize(("segments", "acks"), [(2, [2]), (45, [45]), (100, [100]), (135, [135])])
def test_super_segments_of_one_burst_have_one_ack(segments: int, acks: list[int]) -> None:
    lab, _, _ = pair()
    assert acks_of(lab, segments, tso=True) == acks


def test_the_ack_of_a_burst_is_not_sent_twice_when_the_program_answers() -> None:
    """What goes the other way meanwhile carries it."""
    lab, a, b = pair()
    a.interfaces["shmif0"].set_capenable(IFCAP_GSO)
    tp = connected(lab, a, b)
    so = next(iter(b.tcp.table.connected.values())).so

    def answer() -> None:
        so.send(b"answer")

    so.rcv.channel.upcall = answer
    sent: list[int] = []
    b.interfaces["shmif0"].taps += (lambda _ifp, m, out: sent.append(len(m.data)) if out else None,)
    tp.so.send(noise(20 * SEGMENT))
    lab.run(lab.callouts.now)
    assert sent == [6]
