"""What a sender learns of reordering, as numbers (RFC 8985 6.2, RFC 3708)."""

from __future__ import annotations

from stack.netinet.tcp_rack import Rack

RTT, SRTT = 0.04, 0.1
WINDOW = 10_000


def recovery(rack: Rack, una: int, *, resent: int = 1000) -> None:
    rack.begin(una, una + WINDOW, (WINDOW, 1 << 30))
    rack.again += resent


def test_the_window_grows_once_a_round_trip_up_to_one() -> None:
    rack = Rack()
    assert rack.reo_wnd(RTT, SRTT) == RTT / 4
    rack.needless(0, 1000)
    rack.needless(999, 2000)
    assert rack.reo_wnd(RTT, SRTT) == 2 * RTT / 4
    for una in range(1000, 100_000, 1000):
        rack.needless(una, una + 1000)
    assert rack.reo_wnd(RTT, SRTT) == SRTT


def test_the_first_sign_of_reordering_does_not_widen_it() -> None:
    """What was sent again before we knew says nothing of how long to wait."""
    rack = Rack()
    assert rack.overtaken(3000, 0, 5000) and not rack.overtaken(2000, 0, 6000)
    assert rack.degree == 3000
    rack.needless(4999, 9000)
    assert rack.mult == 1
    rack.needless(5000, 9000)
    assert rack.mult == 2


def test_it_is_the_least_again_after_16_good_recoveries() -> None:
    rack = Rack()
    rack.needless(0, 1000)
    for number in range(16):
        assert rack.mult == 2
        recovery(rack, number * WINDOW)
    assert rack.mult == 1


def test_what_was_sent_again_is_counted_off() -> None:
    rack = Rack()
    assert not rack.reported(0, 1000)  # nothing ever was
    recovery(rack, 50_000, resent=2000)
    assert not rack.reported(49_000, 50_000) and not rack.reported(59_500, 60_500)
    assert rack.reported(50_000, 51_000) and rack.again == 1000
    assert rack.reported(59_000, 60_000) and rack.again == 0
    assert not rack.reported(51_000, 52_000)  # that one was doubled on its way


def test_it_works_across_the_wrap() -> None:
    rack = Rack()
    rack.begin(0xFFFFF000, 0x1000, (WINDOW, 1 << 30))
    rack.again = 1000
    assert rack.reported(0xFFFFFF00, 0x100)
    rack.needless(0xFFFFFF00, 0x100)
    rack.needless(0x80, 0x1000)
    assert rack.mult == 2
    rack.needless(0x100, 0x1000)
    assert rack.mult == 3


def test_bytes_open_the_window_once() -> None:
    rack = Rack()
    rack.credit = 3000
    assert [rack.uncounted(acked) for acked in (1000, 4000, 1000)] == [0, 2000, 1000]
