"""The bus (stack/net/wire.py): what a personality does to frames, to the microsecond and to the seed."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable
from math import sqrt

import pytest

from stack.addr import ETHER_BROADCAST, Mac
from stack.header.checksum import partial
from stack.header.ether import ETHERTYPE_ARP, ETHERTYPE_IP
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ifnet import IFF_PROMISC, IFF_RUNNING, IFQ_MAXLEN
from stack.net.route import RtMessage
from stack.net.wire import Bus, Personality
from stack.netinet.in_ import IP_ADD_MEMBERSHIP, IP_MULTICAST_TTL, IPPROTO_IP
from tests.stack.labs import Station, Watch, attach, ip4, packet, pair, received, settle, udp, wait

WIRE = 24  # bytes a frame costs beyond its own: preamble, FCS, gap


def two(**personality: float) -> tuple[Lab, Bus, Station, Station]:
    """Two stations on a bus with a personality."""
    lab = Lab()
    bus = lab.bus("lan")
    bus.set(Personality(**personality))  # type: ignore[arg-type]
    return lab, bus, Station(lab, "lan", 1), Station(lab, "lan", 2)


def times(station: Station) -> list[float]:
    return [heard.time for heard in station.take()]


def numbers(station: Station) -> list[int]:
    return [int.from_bytes(heard.payload[:4]) for heard in station.take()]


def number(value: int, size: int = 50) -> bytes:
    return value.to_bytes(4) + bytes(size - 4)


# --- an ideal bus -----------------------------------------------------------------------------------------


def test_an_ideal_bus_takes_no_time_but_never_calls_into_the_neighbour() -> None:
    lab, _, one, other = two()
    one.send(other, 0x88B5, b"x")
    assert other.heard == []
    settle(lab)
    assert times(other) == [0.0]


def test_a_bus_is_no_hub_a_broadcast_is_for_all_and_nobody_hears_himself() -> None:
    lab, bus, one, other = two()
    third = Station(lab, "lan", 3)
    watch = Watch(lab)
    one.send(other, 0x88B5, b"unicast")
    one.send(ETHER_BROADCAST, 0x88B5, b"broadcast")
    one.send(Mac(b"\x01\0\0\0\0\x05"), 0x88B5, b"group")
    one.send(one.mac, 0x88B5, b"to himself")
    one.send(Mac(b"\x02\0\0\0\0\x77"), 0x88B5, b"to nobody")
    settle(lab)
    assert [[heard.payload for heard in station.take()] for station in (one, other, third)] == [
        [], [b"unicast", b"broadcast", b"group"], [b"broadcast", b"group"],
    ]  # fmt: skip
    assert (watch.reasons(), bus.stat["nobody"]) == (["nobody", "nobody"], 2)


def test_who_is_promiscuous_sees_all_once() -> None:
    lab, _, one, other = two()
    spy = Station(lab, "lan", 3, sees_all=True)
    one.send(other, 0x88B5, b"1")
    one.send(spy, 0x88B5, b"2")
    one.send(ETHER_BROADCAST, 0x88B5, b"3")
    settle(lab)
    assert [heard.payload for heard in spy.take()] == [b"1", b"2", b"3"]
    assert [heard.payload for heard in other.take()] == [b"1", b"3"]
    spy.set_flags(0, IFF_PROMISC)
    one.send(other, 0x88B5, b"4")
    settle(lab)
    assert spy.take() == []


def test_two_with_one_hardware_address_both_hear() -> None:
    lab, _, one, other = two()
    twin = Station(lab, "lan", 2)
    one.send(other.mac, 0x88B5, b"x")
    settle(lab)
    assert (len(other.take()), len(twin.take())) == (1, 1)
    other.send(twin.mac, 0x88B5, b"y")  # to his own address: the twin hears
    settle(lab)
    assert (len(other.take()), len(twin.take())) == (0, 1)


def test_a_queue_of_frames_that_nobody_fetches_has_an_end() -> None:
    lab, bus, one, other = two()
    for value in range(IFQ_MAXLEN + 3):
        one.send(other, 0x88B5, number(value))
    settle(lab)
    assert numbers(other) == list(range(IFQ_MAXLEN))
    assert (other.iqdrops, bus.stat["iqdrops"]) == (3, 3)


# --- a cut ------------------------------------------------------------------------------------------------


def test_a_cut_takes_the_carrier_and_what_is_on_its_way() -> None:
    lab, a, b = pair()
    bus = lab.bus("lan")
    bus.set(Personality(delay=0.01))
    said: list[RtMessage] = []
    a.routes.listeners += (said.append,)
    watch = Watch(lab)
    so = udp(b, 5000)
    udp(a).sendto(b"too late", (ip4("10.0.0.2"), 5000))
    lab.run(0.015)  # ARP has asked, and is being answered
    bus.set_carrier(False)
    settle(lab)
    assert not any(host.interfaces["shmif0"].flags & IFF_RUNNING for host in (a, b))
    assert [(message.type, message.flags & IFF_RUNNING) for message in said] == [("RTM_IFINFO", 0)]
    lab.run(0.05)
    assert "nobody" in watch.reasons()
    with pytest.raises(OSError, match="Network is down"):
        udp(a).sendto(b"no", (ip4("10.0.0.2"), 5000))
    bus.set_carrier(True)
    assert all(host.interfaces["shmif0"].flags & IFF_RUNNING for host in (a, b))
    lab.run(20.0)  # their addresses have been looked for anew
    udp(a).sendto(b"again", (ip4("10.0.0.2"), 5000))
    lab.run(21.0)
    assert so.recv(100) == b"again"


def test_who_joins_a_cut_bus_has_no_carrier() -> None:
    lab, a, _ = pair()
    lab.bus("lan").set_carrier(False)
    ifp = attach(lab, lab.add_host("c"), "lan", "10.0.0.3")
    assert not ifp.flags & IFF_RUNNING
    lab.bus("lan").set_carrier(True)
    assert ifp.flags & IFF_RUNNING and a.interfaces["shmif0"].flags & IFF_RUNNING


# --- time -------------------------------------------------------------------------------------------------


def test_delay_is_one_way_and_exact() -> None:
    lab, a, b = pair()
    lab.bus("lan").set(Personality(delay=0.025))
    sink = udp(b, 9)
    udp(a).sendto(b"x", (ip4("10.0.0.2"), 9))  # ARP there and back, then the datagram
    wait(lab, 0.0749)
    assert received(sink) == []
    wait(lab, 0.0002)
    assert received(sink) == [b"x"]


def test_delayed_frames_keep_their_order_and_their_distance() -> None:
    lab, _, one, other = two(delay=0.1)
    for at in (0.0, 0.001, 0.001, 0.25):
        lab.run(at)
        one.send(other, 0x88B5, b"x")
    lab.run(1)
    assert times(other) == pytest.approx([0.1, 0.101, 0.101, 0.35])


def test_a_burst_costs_one_entry_in_the_clock() -> None:
    lab, _, one, other = two(delay=0.1)
    for value in range(100):
        one.send(other, 0x88B5, number(value))
    assert len(lab.callouts.heap) == 1
    lab.run()
    assert numbers(other) == list(range(100))


def test_rate_is_the_time_each_frame_takes_on_a_real_wire() -> None:
    lab, _, one, other = two(rate=1e6, delay=0.01)
    sizes = [46, 1500, 200]
    for size in sizes:
        one.send(other, 0x88B5, bytes(size))
    other.send(one, 0x88B5, bytes(100))  # each sender has its own
    lab.run()
    sending = [(size + 14 + WIRE) * 8 / 1e6 for size in sizes]
    assert times(other) == pytest.approx([sum(sending[: i + 1]) + 0.01 for i in range(3)])
    assert times(one) == pytest.approx([(100 + 14 + WIRE) * 8 / 1e6 + 0.01])


def test_the_queue_counts_frames_not_their_length() -> None:
    lab, bus, one, other = two(rate=1e6, queue=10)
    results = [one.transmit(Mbuf(number(value, 1500), link=other.mac + one.mac + b"\x88\xb5")) for value in range(6)]
    results += [one.transmit(Mbuf(number(value, 40), link=other.mac + one.mac + b"\x88\xb5")) for value in range(6, 14)]
    assert results == [0] * 11 + [errno.ENOBUFS] * 3  # one on its way and ten that wait, long or short
    assert (one.odrops, bus.stat["queuefull"]) == (3, 3)
    lab.run()
    assert numbers(other) == list(range(11))
    assert one.transmit(Mbuf(number(99), link=other.mac + one.mac + b"\x88\xb5")) == 0
    lab.run()
    assert numbers(other) == [99]


def test_a_frame_larger_than_the_wire_carries_is_lost() -> None:
    lab, bus, one, other = two(mtu=576)
    one.send(other, 0x88B5, bytes(577))
    one.send(other, 0x88B5, bytes(576))
    lab.run()
    assert ([len(heard.payload) for heard in other.take()], bus.stat["toobig"]) == ([576], 1)


# --- chance -----------------------------------------------------------------------------------------------

MANY = 4000


def spread(count: int, probability: float) -> float:
    """Six standard deviations: more than that is no chance."""
    return 6 * sqrt(count * probability * (1 - probability))


def run_many(seed: int = 1, gap: float = 0.0, count: int = MANY, **personality: float) -> tuple[Bus, list[int]]:
    """Send many frames, and see which arrive."""
    lab = Lab(seed)
    bus = lab.bus("lan")
    bus.set(Personality(**personality))  # type: ignore[arg-type]
    one, other = Station(lab, "lan", 1), Station(lab, "lan", 2)
    for value in range(count):
        one.send(other, 0x88B5, number(value))
        wait(lab, gap)
    lab.run()
    return bus, numbers(other)


@pytest.mark.parametrize("loss", [0.01, 0.3, 0.9])
def test_loss(loss: float) -> None:
    bus, arrived = run_many(loss=loss)
    assert bus.stat["loss"] == MANY - len(arrived)
    assert abs(bus.stat["loss"] - MANY * loss) < spread(MANY, loss)
    assert arrived == sorted(set(arrived))


def test_certain_loss_and_none() -> None:
    assert run_many(loss=1.0)[1] == []
    assert run_many(delay=0.001, gap=0.0001)[1] == list(range(MANY))


def test_duplication() -> None:
    _, arrived = run_many(duplicate=0.2)
    twice = Counter(arrived)
    assert set(twice) == set(range(MANY)) and set(twice.values()) == {1, 2}
    assert abs(len(arrived) - MANY * 1.2) < spread(MANY, 0.2)
    assert arrived == sorted(arrived)


def test_reordering() -> None:
    _, arrived = run_many(reorder=0.1, delay=0.01, gap=0.0001)
    late = sum(value < max(arrived[:at], default=-1) for at, value in enumerate(arrived))
    assert sorted(arrived) == list(range(MANY))
    assert abs(late - MANY * 0.1) < spread(MANY, 0.1)
    # ten frames a millisecond, held back for one millisecond: overtaken by about ten, never by a hundred
    assert max(abs(value - at) for at, value in enumerate(arrived)) <= 12


def test_reordering_on_a_slow_wire_holds_back_by_frames() -> None:
    _, arrived = run_many(reorder=0.1, rate=1e5, queue=MANY, count=400)
    assert sorted(arrived) == list(range(400))
    assert 3 <= max(at - value for at, value in enumerate(arrived)) <= 5


# --- marking ----------------------------------------------------------------------------------------------

TOS = [0b00, 0b01, 0b10, 0b11]  # not-ECT, ECT(1), ECT(0), CE


def test_a_long_queue_marks_what_may_be_marked_and_the_rest_waits() -> None:
    """RFC 3168 5: the first of a burst is being sent, ecn of them wait, and from the next on they are marked."""
    lab, bus, one, other = two(rate=1e6, queue=8, ecn=3)
    for number in range(12):
        one.inject(other, packet("10.0.0.1", "10.0.0.2", bytes(50), tos=0x28 | 2 - number % 2, ident=number + 1))
    lab.run()
    heard = [heard.ip for heard in other.packets()]
    assert [header.id for header in heard] == list(range(1, 10))  # the ninth waits as the eighth
    assert [header.tos for header in heard] == [0x2A, 0x29, 0x2A, 0x29] + [0x2B] * 5
    assert (bus.stat["ecnmarked"], bus.stat["queuefull"]) == (5, 3)


@pytest.mark.parametrize("tos", TOS)
def test_a_mark_keeps_the_checksum_right(tos: int) -> None:
    lab, bus, one, other = two(rate=1e6, ecn=1)
    for ident in range(1, 2000):
        one.inject(other, packet("10.0.0.1", "10.0.0.2", b"", tos=tos, ident=ident * 32, options=b"\x01\x01\x01\0"))
        if ident % 50 == 0:
            lab.run()
    lab.run()
    heard = other.packets()
    assert len(heard) == 1999 and all(partial(found.payload[: found.ip.hlen]) == 0 for found in heard)
    assert bus.stat["ecnmarked"] == (0 if tos in (0, 3) else 1999 - 40 * 2)
    assert {found.ip.tos for found in heard} == {tos} | ({3} if tos else set())


def test_no_mark_without_a_queue_nor_on_what_is_no_packet() -> None:
    lab, bus, one, other = two(delay=0.1, ecn=1)
    for _ in range(50):
        one.inject(other, packet("10.0.0.1", "10.0.0.2", tos=2))
    bus.set(Personality(rate=1e6, ecn=1))
    for payload in (b"", b"\x45\x02", bytes(60)):
        one.send(other, ETHERTYPE_IP, payload)
        one.send(other, ETHERTYPE_ARP, payload)
    lab.run()
    assert bus.stat["ecnmarked"] == 0 and len(other.take()) == 56


def test_whoever_sent_it_keeps_it_as_it_was() -> None:
    lab, bus, one, other = two(rate=1e6, ecn=1)
    spy = Station(lab, "lan", 3, sees_all=True)
    frames = [Mbuf(b"", net=packet("10.0.0.1", "10.0.0.2", tos=2), link=bytes(spy.mac + one.mac) + b"\x08\0")] * 5
    for m in frames:
        one.transmit(m)
    lab.run()
    assert bus.stat["ecnmarked"] == 3 and frames[0].net[1] == 2
    assert [heard.ip.tos for heard in spy.packets()] == [2, 2, 3, 3, 3] and not other.take()


# --- corruption and chance --------------------------------------------------------------------------------


def test_corruption_flips_a_bit_of_the_packet() -> None:
    lab, bus, one, other = two(corrupt=0.3)
    for _ in range(MANY):
        one.send(other, 0x88B5, bytes(50))
        settle(lab)
    arrived = [int.from_bytes(heard.payload) for heard in other.take()]
    assert len(arrived) == MANY
    flipped = [value for value in arrived if value]
    assert all(value.bit_count() == 1 for value in flipped) and len(set(flipped)) > 300
    assert bus.stat["corrupt"] == len(flipped)
    assert abs(len(flipped) - MANY * 0.3) < spread(MANY, 0.3)


def test_what_was_corrupted_is_found_by_its_checksum() -> None:
    """Though a lab computes no sums; and a name for each death, though ARP is spared."""
    lab, a, b = pair()
    lab.bus("lan").set(Personality(corrupt=1.0))
    watch, sink = Watch(lab), udp(b, 9)
    so = udp(a)
    for _ in range(200):
        so.sendto(b"some words", (ip4("10.0.0.2"), 9))
        wait(lab, 0.01)
    assert received(sink) == []
    deaths = Counter(watch.reasons())
    assert deaths["badsum"] > 100 and deaths.total() >= 200


def test_chance_goes_by_the_seed_and_by_the_bus() -> None:
    def arrivals(seed: int) -> list[int]:
        return run_many(seed, loss=0.1, duplicate=0.1, reorder=0.1, delay=0.001, count=500)[1]

    assert arrivals(7) == arrivals(7) != arrivals(8)


def test_a_personality_must_make_sense() -> None:
    lab = Lab()
    for wrong in (
        Personality(delay=-1), Personality(rate=-1), Personality(loss=1.1), Personality(duplicate=-0.1),
        Personality(reorder=2), Personality(corrupt=1.5), Personality(queue=0), Personality(mtu=67),
        Personality(mtu=65536), Personality(ecn=-1), Personality(ecn=10, queue=10),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            lab.bus("lan").set(wrong)
    assert lab.bus("lan").ideal


# --- coming and going -------------------------------------------------------------------------------------

Leave = Callable[[Lab, Station], object]
LEAVING: dict[str, Leave] = {
    "leaves": lambda lab, station: station.set_linkstr(None),
    "goes down": lambda lab, station: station.down(),
    "is destroyed": lambda lab, station: station.destroy(),
}


@pytest.mark.parametrize("how", LEAVING)
def test_frames_in_flight_when_the_receiver_goes(how: str) -> None:
    lab, _, one, other = two(delay=0.1)
    third = Station(lab, "lan", 3)
    watch = Watch(lab)
    one.send(other, 0x88B5, b"x")
    one.send(ETHER_BROADCAST, 0x88B5, b"y")
    lab.run(0.05)
    LEAVING[how](lab, other)
    lab.run(1)
    assert (other.take(), watch.reasons(), len(third.take())) == ([], ["nobody"], 1)


@pytest.mark.parametrize("how", LEAVING)
def test_frames_in_flight_when_the_sender_goes(how: str) -> None:
    lab, _, one, other = two(delay=0.1)
    one.send(other, 0x88B5, b"x")
    LEAVING[how](lab, one)
    lab.run(1)
    assert len(other.take()) == 1


def test_a_frame_for_a_host_that_goes_at_this_very_moment() -> None:
    """It is in the input queue already; nobody looks at it any more, and it is counted."""
    lab, a, b = pair()
    udp(b, 9)
    so = udp(a)
    so.sendto(b"x", (ip4("10.0.0.2"), 9))
    settle(lab)
    watch = Watch(lab)
    so.sendto(b"x", (ip4("10.0.0.2"), 9))
    lab.remove_host("b")
    settle(lab)
    assert [(death.host, death.reason) for death in watch.deaths] == [("b", "ifdown")]


def test_ports_come_and_go_and_the_bus_keeps_count() -> None:
    lab = Lab()
    host = lab.add_host("a")
    ifp = attach(lab, host, "lan", "10.0.0.1")
    bus = lab.buses["lan"]
    with pytest.raises(OSError, match="Device busy"):
        ifp.set_linkstr("other")
    with pytest.raises(OSError, match="Device busy"):
        lab.remove_bus("lan")
    ifp.set_linkstr(None)
    with pytest.raises(OSError, match="not connected"):
        ifp.set_linkstr(None)
    assert (bus.ports, bus.owners, bus.listeners) == ([], {}, [])
    lab.remove_bus("lan")
    assert "lan" not in lab.buses


def test_a_new_hardware_address_takes_effect_at_once() -> None:
    lab, _, one, other = two()
    new = Mac(b"\x02\0\0\0\0\x44")
    one.send(other.mac, 0x88B5, b"old")
    settle(lab)
    old, other.mac = other.mac, new
    other.set_lladdr(new)
    one.send(old, 0x88B5, b"to the old")
    one.send(new, 0x88B5, b"to the new")
    settle(lab)
    assert [heard.payload for heard in other.take()] == [b"old", b"to the new"]


def test_what_was_in_the_air_is_not_changed_by_who_got_it_first() -> None:
    """Receivers share the parts of a packet, and never a packet."""
    lab, a, b = pair()
    c = lab.add_host("c")
    attach(lab, c, "lan", "10.0.0.3")
    settle(lab)
    sinks = [udp(host, 9) for host in (b, c)]
    for sink in sinks:
        sink.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (ip4("224.1.1.1"), 0))
    spy = Station(lab, "lan", 5, sees_all=True)
    so = udp(a)
    so.setsockopt(IPPROTO_IP, IP_MULTICAST_TTL, 5)
    so.sendto(b"all", (ip4("224.1.1.1"), 9))
    settle(lab)
    assert [received(sink) for sink in sinks] == [[b"all"], [b"all"]]
    assert [heard.ip.ttl for heard in spy.packets()] == [5]


def test_who_joins_another_bus_leaves_its_queue_behind() -> None:
    lab, _, one, other = two(rate=1e4)
    for _ in range(5):
        one.send(other, 0x88B5, bytes(1000))
    one.set_linkstr(None)
    one.set_linkstr("elsewhere")
    lab.bus("elsewhere").set(Personality(rate=1e4))
    third = Station(lab, "elsewhere", 3)
    one.send(third, 0x88B5, bytes(100))
    lab.run()
    assert times(third) == pytest.approx([(100 + 14 + WIRE) * 8 / 1e4])
