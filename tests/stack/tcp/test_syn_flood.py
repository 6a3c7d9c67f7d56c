"""A flood of forged SYNs: memory is bounded, old connections go on, new ones are made (a million: bench/flood.py)."""

from __future__ import annotations

import pytest

from bench.flood import A_TURN, Flood

TURNS = 80


@pytest.fixture
def flood() -> Flood:
    return Flood()


def test_a_flood_is_survived(flood: Flood) -> None:
    tcp, callouts = flood.server.tcp, flood.lab.callouts
    flood.server.sysctl.set("net.inet.tcp.syn_cache_limit", "3000")
    for _ in range(TURNS):
        flood.turn([flood.syn() for _ in range(A_TURN)])
        assert len(callouts.heap) < 3 * 3000
    assert flood.most == 3000
    assert tcp.stat["sc_added"] == TURNS * A_TURN + len(flood.waits) + 1 + (flood.connecting is not None)
    assert tcp.stat["sc_overflowed"] + tcp.stat["sc_bucketoverflow"] + 3000 + len(flood.waits) >= TURNS * A_TURN
    flood.settle()
    assert flood.sent == flood.received == TURNS * 80
    assert len(flood.waits) >= 2 and max(flood.waits) < 0.032  # three times 10 ms
    assert len(list(tcp.table)) <= 3 + len(flood.waits)


def test_after_a_flood_all_is_as_before(flood: Flood) -> None:
    tcp = flood.server.tcp
    flood.turn([flood.syn() for _ in range(200)])
    assert tcp.syn_cache is not None and tcp.syn_cache.count >= 200
    flood.settle()
    flood.lab.run(flood.lab.callouts.now + 80)  # keepinit
    assert tcp.syn_cache.count == 0 and not tcp.syn_cache.buckets
    assert tcp.stat["sc_timed_out"] == 200
    assert tcp.stat["sc_retransmitted"] == 200 * 6
    assert flood.old_server.pcb in list(tcp.table)


def test_a_bucket_is_bounded(flood: Flood) -> None:
    """Who knows which SYNs fall into one bucket fills that alone."""
    tcp = flood.server.tcp
    flood.server.sysctl.set("net.inet.tcp.syn_bucket_limit", "3")
    for _ in range(20):
        flood.turn([flood.syn() for _ in range(A_TURN)])
    assert tcp.syn_cache is not None
    assert max(len(bucket) for bucket in tcp.syn_cache.buckets.values()) == 3
    assert tcp.syn_cache.count == sum(len(bucket) for bucket in tcp.syn_cache.buckets.values()) <= 3 * 293


def test_a_limit_that_was_lowered_holds_from_the_next_syn_on(flood: Flood) -> None:
    tcp = flood.server.tcp
    flood.turn([flood.syn() for _ in range(50)])
    flood.server.sysctl.set("net.inet.tcp.syn_cache_limit", "10")
    flood.turn([flood.syn()])
    assert tcp.syn_cache is not None and tcp.syn_cache.count <= 10


def test_the_listener_goes_and_its_handshakes_with_it(flood: Flood) -> None:
    tcp = flood.server.tcp
    flood.turn([flood.syn() for _ in range(50)])
    flood.listener.close()
    assert tcp.syn_cache is not None and tcp.syn_cache.count == 0
    assert not tcp.syn_cache.buckets
