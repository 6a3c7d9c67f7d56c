"""The spanning tree: one path only, the same tree everywhere, and how long it takes to find another one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.addr import Mac
from stack.header.bpdu import (
    BSTP_ETHERADDR,
    BSTP_FLAG_TC,
    BSTP_FLAG_TCA,
    BSTP_MSGTYPE_TCN,
    TCN,
    TICKS,
    Config,
    bpdu_type,
    bridge_id,
)
from stack.lab import Lab
from stack.net.bridge import IFBIF_STP, Bridge
from stack.net.ethernet import Ethernet
from stack.net.stp_port import (
    BSTP_IFSTATE_BLOCKING,
    BSTP_IFSTATE_FORWARDING,
    STATE_NAMES,
)
from stack.net.wire import Personality, Shmif
from tests.stack.labs import Heard, Station, Watch, ip4, settle, wait
from tests.stack.net.bridges import ethernet, heard, make_bridge, member, say, states, where

FORWARD_DELAY, MAX_AGE, HELLO = 15.0, 20.0, 2.0
LISTENS_AND_LEARNS = 2 * FORWARD_DELAY
WORST = MAX_AGE + LISTENS_AND_LEARNS + HELLO  # 802.1D 8.1.1: until a failed path is replaced


def ring(count: int = 4) -> tuple[Lab, list[Bridge], list[Station]]:
    """Bridges s0, s1 ... in a ring, sN between busN and bus N+1, and a station on each bus; s0 is to be the root."""
    lab = Lab()
    bridges = [
        make_bridge(lab, f"s{at}", f"bus{at}", f"bus{(at + 1) % count}", stp=True, priority=0x1000 * (at + 1))
        for at in range(count)
    ]
    return lab, bridges, [Station(lab, f"bus{at}", at + 1) for at in range(count)]


def blocked(bridges: list[Bridge]) -> list[str]:
    """The ports that block."""
    return [port.name for bridge in bridges for port in bridge.members if port.state == BSTP_IFSTATE_BLOCKING]


def every_port_has(bridges: list[Bridge], *allowed: int) -> bool:
    return all(port.state in allowed for bridge in bridges for port in bridge.members)


def bpdus(station: Station) -> list[Config]:
    """The configuration messages among what a station heard."""
    frames = [seen for seen in station.take() if seen.ether.dst == BSTP_ETHERADDR]
    return [Config.parse(seen.payload) for seen in frames if bpdu_type(seen.payload) != BSTP_MSGTYPE_TCN]


def tcns(frames: list[Heard]) -> int:
    return sum(seen.ether.dst == BSTP_ETHERADDR and seen.payload == TCN for seen in frames)


# --- a tree ---------------------------------------------------------------------------------------------


def test_of_a_ring_one_port_blocks_and_every_station_is_heard_once() -> None:
    lab, bridges, stations = ring()
    wait(lab, LISTENS_AND_LEARNS + 1)
    root = bridges[0].stp.bridge_id
    assert all(bridge.stp.designated_root == root for bridge in bridges)
    assert [bridge.stp.root_path_cost for bridge in bridges] == [0, 55, 110, 55]
    assert blocked(bridges) == ["bridge0 shmif1"] and bridges[2].members[0].state == BSTP_IFSTATE_BLOCKING
    assert every_port_has(bridges, BSTP_IFSTATE_BLOCKING, BSTP_IFSTATE_FORWARDING)
    heard(*stations)
    for station in stations:
        say(station)
        assert heard(*stations) == [int(other is not station) for other in stations]
    for here in stations:
        for there in stations:
            if here is not there:
                say(here, there.mac)
                assert heard(*stations) == [int(other is there) for other in stations]


def test_states_and_their_times() -> None:
    lab, bridges, (one, two, *_) = ring()
    first = bridges[0]
    assert states(first) == ["listening", "listening"]
    say(one)
    assert heard(two) == [0] and not where(first)
    wait(lab, FORWARD_DELAY)
    assert states(first) == ["learning", "learning"]
    watch = Watch(lab)
    say(one)
    assert heard(two) == [0] and where(first) == {"01": "shmif0"}
    assert set(watch.reasons()) == {"learning"}
    wait(lab, FORWARD_DELAY - 0.01)
    assert states(first) == ["learning", "learning"]
    wait(lab, 0.01)
    assert states(first) == ["forwarding", "forwarding"]


def test_the_tree_is_traced_state_by_state() -> None:
    lab = Lab()
    seen: list[tuple[str, ...]] = []
    lab.probes.state += (lambda *words: seen.append(words),)
    make_bridge(lab, "s", "bus", stp=True)
    wait(lab, 40)
    changes = [(old, new) for host, protocol, name, old, new in seen]
    assert changes == [
        ("forwarding", "disabled"), ("disabled", "blocking"), ("blocking", "listening"), ("listening", "learning"),
        ("learning", "forwarding"),
    ]  # fmt: skip
    assert set(seen[0][:3]) == {"s", "stp", "bridge0 shmif0"}


def test_the_root_says_hello_and_others_pass_it_on() -> None:
    lab, bridges, stations = ring()
    wait(lab, LISTENS_AND_LEARNS + MAX_AGE + FORWARD_DELAY + 1)
    for station in stations:
        station.take()
    wait(lab, 10)
    said = [bpdus(station) for station in stations]
    assert [len(messages) for messages in said] == [5, 5, 5, 5]
    root = bridges[0].stp.bridge_id
    for messages, sender, cost, age in zip(said, (0, 0, 1, 3), (0, 0, 55, 55), (0, 0, 1, 1), strict=True):
        bridge = bridges[sender].stp.bridge_id
        for message in messages:
            assert (message.flags, message.root, message.cost, message.bridge) == (0, root, cost, bridge)
            assert message.message_age == age * TICKS
            assert (message.max_age, message.hello_time, message.forward_delay) == (20 << 8, 2 << 8, 15 << 8)


def test_two_links_between_two_bridges_the_lower_port_wins() -> None:
    lab = Lab()
    root = make_bridge(lab, "root", "x", "y", stp=True, priority=1)
    leaf = make_bridge(lab, "leaf", "x", "y", stp=True)
    wait(lab, 40)
    assert (states(root), states(leaf)) == (["forwarding"] * 2, ["forwarding", "blocking"])
    root.stp.set_port_priority(member(root, 1), 16)
    wait(lab, 40)
    assert states(leaf) == ["blocking", "forwarding"]
    leaf.stp.set_path_cost(member(leaf, 0), 10)
    wait(lab, 40)
    assert states(leaf) == ["forwarding", "blocking"]


def test_a_bridge_with_two_ports_on_one_segment_blocks_one() -> None:
    lab = Lab()
    bridge = make_bridge(lab, "s", "x", "x", "y", stp=True)
    one, two = Station(lab, "x", 1), Station(lab, "y", 2)
    wait(lab, 40)
    assert states(bridge) == ["forwarding", "blocking", "forwarding"]
    say(one)
    assert heard(two) == [1]
    assert lab.callouts.next_due() is not None


def test_ports_have_numbers_of_their_own_however_many_interfaces_there_were() -> None:
    lab = Lab()
    bridge = make_bridge(lab, "s", "x", stp=True)
    while lab["s"].next_index & 0xFF != bridge.members[0].number:
        lab["s"].ifcreate("shmif9")
        lab["s"].ifdestroy("shmif9")
    assert ethernet_on(lab, bridge, "x").index > 255
    first = bridge.members[1].number
    assert bridge.members[0].number == first + 1
    wait(lab, 40)
    assert states(bridge) == ["forwarding", "blocking"]


def ethernet_on(lab: Lab, bridge: Bridge, bus: str) -> Ethernet:
    """One more member of s's bridge, with STP."""
    ifp = lab["s"].ifcreate("shmif1")
    assert isinstance(ifp, Ethernet)
    ifp.set_linkstr(bus)
    ifp.up()
    bridge.add(ifp)
    bridge.set_member_flags(bridge.member(ifp), bridge.member(ifp).flags | IFBIF_STP)
    return ifp


def test_a_member_without_stp_is_part_of_the_bridge_and_not_of_the_tree() -> None:
    lab, bridges, stations = ring(2)
    bridge = bridges[0]
    bridge.set_member_flags(member(bridge, 0), member(bridge, 0).flags & ~IFBIF_STP)
    assert states(bridge) == ["forwarding", "listening"]
    wait(lab, 40)
    stations[0].take()
    wait(lab, 10)
    assert not [found for found in bpdus(stations[0]) if found.bridge == bridge.stp.bridge_id]


def test_the_cost_of_a_path_is_by_the_rate_of_its_link() -> None:
    """802.1D table 8-5; 55 where a link has no rate, as NetBSD says of all."""
    lab = Lab()
    bridge = make_bridge(lab, "s", "bus", stp=True)
    port = member(bridge, 0)
    rates = {0: 55, 1e6: 1000, 64e3: 15625, 9600: 65535, 4e6: 250, 10e6: 100, 16e6: 62, 100e6: 19, 1e9: 4, 2e11: 2}
    for rate, cost in rates.items():
        lab.bus("bus").set(Personality(rate=rate))
        assert port.path_cost == cost
    bridge.stp.set_path_cost(port, 7)
    assert port.path_cost == 7


def test_slow_links_are_avoided() -> None:
    lab = Lab()
    lab.bus("slow").set(Personality(rate=10e6))
    for name in ("fast1", "fast2"):
        lab.bus(name).set(Personality(rate=1e9))
    make_bridge(lab, "root", "slow", "fast1", stp=True, priority=1)
    make_bridge(lab, "middle", "fast1", "fast2", stp=True, priority=2)
    leaf = make_bridge(lab, "leaf", "slow", "fast2", stp=True, priority=3)
    wait(lab, 60)
    assert states(leaf) == ["blocking", "forwarding"] and leaf.stp.root_path_cost == 8


# --- changes --------------------------------------------------------------------------------------------


def settled_ring() -> tuple[Lab, list[Bridge], list[Station]]:
    """A ring that has long found its tree."""
    lab, bridges, stations = ring()
    wait(lab, 200)
    heard(*stations)
    return lab, bridges, stations


def test_a_link_that_fails_at_a_bridge_is_replaced_in_two_forward_delays() -> None:
    """s2 reaches the root by s1; then its other port, which blocked, takes over."""
    lab, bridges, stations = settled_ring()
    ethernet(lab["s2"], "shmif0").down()
    assert states(bridges[2]) == ["disabled", "listening"]
    say(stations[2])
    assert heard(stations[0]) == [1]  # the segment itself is whole, by s1
    wait(lab, LISTENS_AND_LEARNS + 0.1)
    assert states(bridges[2]) == ["disabled", "forwarding"]
    assert not blocked(bridges)
    ethernet(lab["s2"], "shmif0").up()
    wait(lab, WORST)
    assert len(blocked(bridges)) == 1


def test_the_root_dies_and_another_one_is_there_in_the_standards_time() -> None:
    lab, bridges, stations = settled_ring()
    for name in ("shmif0", "shmif1"):
        lab["s0"].interfaces[name].set_linkstr(None)
    second = bridges[1].stp.bridge_id
    wait(lab, MAX_AGE - HELLO - 1)
    assert all(bridge.stp.designated_root != second for bridge in bridges[1:])
    wait(lab, HELLO + 2)
    assert all(bridge.stp.designated_root == second for bridge in bridges[1:])
    wait(lab, WORST - MAX_AGE)
    heard(*stations)
    say(stations[1])
    assert heard(*stations) == [1, 0, 1, 1]
    assert not blocked(bridges)


def test_a_better_root_comes() -> None:
    lab, bridges, stations = settled_ring()
    bridges[2].set_priority(0)
    assert all(bridge.stp.designated_root != bridges[2].stp.bridge_id for bridge in bridges[:2])
    wait(lab, 2)
    assert all(bridge.stp.designated_root == bridges[2].stp.bridge_id for bridge in bridges)
    wait(lab, WORST)
    assert blocked(bridges) == ["bridge0 shmif0"] and bridges[0].stp.root_path_cost == 110
    say(stations[0])
    assert heard(*stations) == [0, 1, 1, 1]


def test_the_old_root_is_not_believed_after_its_messages_are_too_old() -> None:
    lab, bridges, _ = settled_ring()
    bridges[0].set_priority(0xFFFF)
    wait(lab, MAX_AGE + 5)
    assert all(bridge.stp.designated_root == bridges[1].stp.bridge_id for bridge in bridges)


def test_a_change_is_told_to_the_root_and_by_it_to_all() -> None:
    lab, bridges, stations = settled_ring()
    ethernet(lab["s2"], "shmif0").down()
    wait(lab, LISTENS_AND_LEARNS - 0.1)
    for station in stations:
        station.take()
    wait(lab, 0.2)  # its other port forwards now: it says so on bus 3, and s3 on bus 0
    assert [tcns(list(station.heard)) for station in stations] == [1, 0, 0, 1]
    acknowledged = [message for message in bpdus(stations[3]) if message.flags & BSTP_FLAG_TCA]
    assert len(acknowledged) == 1
    assert bridges[0].stp.topology_change
    wait(lab, 5)
    assert not any(bridge.stp.tcn_timer.active for bridge in bridges)
    assert all(bridge.stp.topology_change for bridge in bridges)
    assert all(message.flags & BSTP_FLAG_TC for message in bpdus(stations[1])[-2:])
    wait(lab, MAX_AGE + FORWARD_DELAY)
    assert not any(bridge.stp.topology_change for bridge in bridges)


def test_while_the_topology_changes_addresses_age_fast() -> None:
    lab, bridges, stations = settled_ring()
    first = bridges[0]
    say(stations[0])
    bridges[0].set_static(ethernet(lab["s0"], "shmif1"), Mac.parse("02:00:00:00:00:66"))
    wait(lab, 20)
    assert where(first) == {"01": "shmif0", "66": "shmif1"}
    say(stations[1])
    first.stp.topology_change_detection()
    assert where(first) == {"02": "shmif1", "66": "shmif1"}
    wait(lab, 14)
    assert where(first) == {"02": "shmif1", "66": "shmif1"}
    say(stations[3])
    wait(lab, 2)
    assert where(first) == {"04": "shmif0", "66": "shmif1"}


def test_what_was_old_while_the_topology_changed_is_gone_after_it_though_nobody_looked() -> None:
    lab, bridges, stations = settled_ring()
    say(stations[0])
    bridges[0].stp.topology_change_detection()
    wait(lab, 60)
    assert not bridges[0].stp.topology_change and not where(bridges[0])
    assert not where(bridges[2])


def test_a_station_that_the_new_tree_puts_elsewhere_is_found_again() -> None:
    lab, _, stations = settled_ring()
    say(stations[2])
    say(stations[0], stations[2].mac)
    heard(*stations)
    lab["s1"].interfaces["shmif1"].set_linkstr(None)  # bus 2 was served by s1; s2 takes over
    wait(lab, WORST)
    say(stations[0], stations[2].mac)
    assert heard(stations[2]) == [1]


def test_stp_comes_and_goes_at_any_moment() -> None:
    lab, bridges, stations = settled_ring()
    for bridge in bridges:
        for port in bridge.members:
            bridge.set_member_flags(port, port.flags & ~IFBIF_STP)
    assert every_port_has(bridges, BSTP_IFSTATE_FORWARDING)
    assert not any(bridge.stp.running for bridge in bridges)
    assert lab.callouts.next_due() is None
    for bridge in bridges:
        for port in bridge.members:
            bridge.set_member_flags(port, port.flags | IFBIF_STP)
    wait(lab, WORST)
    assert len(blocked(bridges)) == 1
    say(stations[0])
    assert heard(*stations) == [0, 1, 1, 1]
    bridges[0].down()
    assert states(bridges[0]) == ["disabled", "disabled"]
    wait(lab, WORST)
    assert not blocked(bridges)
    lab.remove_host("s1")
    wait(lab, WORST)


def test_other_times_of_the_root_are_everybodys() -> None:
    lab, bridges, _ = ring()
    first = bridges[0].stp
    first.bridge_hello_time, first.bridge_forward_delay, first.bridge_max_age = 1.0, 4.0, 6.0
    first.set_times()
    wait(lab, 1)
    assert [(b.stp.hello_time, b.stp.forward_delay, b.stp.max_age) for b in bridges] == [(1.0, 4.0, 6.0)] * 4
    ethernet(lab["s2"], "shmif0").down()
    ethernet(lab["s2"], "shmif0").up()
    wait(lab, 9)
    assert states(bridges[2])[0] == "forwarding"


def test_the_address_of_the_bridge_is_the_lowest_of_its_ports() -> None:
    lab = Lab()
    bridge = make_bridge(lab, "s", "x", "y", stp=True)
    shmif0 = ethernet(lab["s"], "shmif0")
    shmif0.set_lladdr(Mac.parse("00:00:00:00:00:01"))
    assert bridge.stp.bridge_id == bridge_id(0x8000, shmif0.lladdr or b"")
    bridge.delete(shmif0)
    assert bridge.stp.bridge_id == bridge_id(0x8000, ethernet(lab["s"], "shmif1").lladdr or b"")


def test_a_blocked_port_is_deaf_but_for_the_host_itself() -> None:
    lab = Lab()
    make_bridge(lab, "root", "x", "y", stp=True, priority=1)
    leaf = make_bridge(lab, "leaf", "x", "y", stp=True)
    station = Station(lab, "y", 3)
    wait(lab, 40)
    assert states(leaf) == ["forwarding", "blocking"]
    watch = Watch(lab)
    say(station, Mac.parse("02:00:00:00:00:77"))
    assert "blocked" in watch.reasons("leaf") and where(leaf)["03"] == "shmif0"
    lab["leaf"].set_address(ethernet(lab["leaf"], "shmif1"), ip4("10.0.0.1"), 24, dad=False)
    settle(lab)
    station.take()
    station.arp(1, "10.0.0.1", spa="10.0.0.9")
    settle(lab)
    assert len(station.arps()) >= 1


# --- messages that should not be ------------------------------------------------------------------------


def listener() -> tuple[Lab, Bridge, Station, Watch]:
    lab = Lab()
    bridge = make_bridge(lab, "s", "bus", stp=True)
    station = Station(lab, "bus", 1)
    wait(lab, 40)
    station.take()
    return lab, bridge, station, Watch(lab)


GOOD = Config(0, 1, 0, 1, 0x8001, 0, 20 << 8, 2 << 8, 15 << 8)


def tell(station: Station, data: bytes, length: int | None = None) -> None:
    station.send(BSTP_ETHERADDR, len(data) if length is None else length, data)
    station.ether.callouts.advance(station.ether.callouts.now)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "badbpdu"),
        (GOOD.pack()[:-1], "badbpdu"),
        (GOOD.pack()[:6], "badbpdu"),
        (b"\xaa\xaa" + GOOD.pack()[2:], "badbpdu"),
        (GOOD.pack()[:6] + b"\x02" + GOOD.pack()[7:], "badbpdu"),
        (GOOD._replace(message_age=20 << 8).pack(), "oldbpdu"),
        (GOOD._replace(max_age=0).pack(), "oldbpdu"),
    ],
)
def test_bad_messages_are_dropped_by_name(data: bytes, reason: str) -> None:
    _, bridge, station, watch = listener()
    tell(station, data)
    assert watch.reasons("s") == [reason]
    assert bridge.stp.root_bridge


def test_a_length_that_is_a_lie() -> None:
    _, bridge, station, watch = listener()
    tell(station, GOOD.pack(), 10)
    assert watch.reasons("s") == ["badbpdu"] and bridge.stp.root_bridge
    tell(station, GOOD.pack() + bytes(8), 38)  # padded
    assert not bridge.stp.root_bridge


def test_a_message_that_is_taken_in_when_the_wire_is_cut_already() -> None:
    _, bridge, station, watch = listener()
    port = member(bridge, 0).ifp
    assert isinstance(port, Shmif) and port.bus is not None
    station.send(BSTP_ETHERADDR, len(GOOD.pack()), GOOD.pack())  # it waits for the software interrupt
    port.bus.set_carrier(False)
    station.ether.callouts.advance(station.ether.callouts.now)
    assert watch.reasons("s") == ["disabled"] and bridge.stp.root_bridge


def test_our_own_message_says_nothing_new() -> None:
    _, bridge, station, watch = listener()
    mine = GOOD._replace(bridge=bridge.stp.bridge_id, port=member(bridge, 0).port_id)
    tell(station, mine.pack())
    assert watch.reasons("s") == ["ownbpdu"] and bridge.stp.root_bridge


def test_who_is_wrong_is_told_at_once() -> None:
    lab, bridge, station, _ = listener()
    wait(lab, 1.5)  # since the last hello, and so beyond the hold time
    station.take()
    tell(station, GOOD._replace(root=1 << 63 | 1 << 62, bridge=1 << 63 | 1 << 62).pack())
    assert [message.root for message in bpdus(station)] == [bridge.stp.bridge_id]


def test_no_more_than_one_message_a_second() -> None:
    lab, _, station, _ = listener()
    worse = GOOD._replace(root=1 << 63 | 1 << 62, bridge=1 << 63 | 1 << 62).pack()
    for _ in range(100):
        tell(station, worse)
        wait(lab, 0.1)
    assert len(bpdus(station)) <= 11


def test_a_root_that_does_not_answer_is_told_again() -> None:
    lab, bridge, station, _ = listener()
    assert bridge.stp.topology_change_detected  # its port forwards since 10 s
    tell(station, GOOD.pack())
    assert tcns(station.take()) == 1
    for _ in range(3):
        wait(lab, HELLO)
        assert tcns(station.take()) == 1
        tell(station, GOOD.pack())
    tell(station, GOOD._replace(flags=BSTP_FLAG_TCA).pack())  # it has heard
    wait(lab, 3 * HELLO)
    assert tcns(station.take()) == 0


def test_news_that_would_be_too_old_are_not_passed_on() -> None:
    lab = Lab()
    bridge = make_bridge(lab, "s", "bus", "far", stp=True)
    station, other = Station(lab, "bus", 1), Station(lab, "far", 2)
    wait(lab, 1.5)  # since the first hello, and so beyond the hold time
    for age, passed in ((17, 1), (18, 1), (19, 0)):  # 802.1D 8.6.1.3.3: the bridge makes it a second older
        tell(station, GOOD._replace(message_age=age << 8).pack())
        assert bridge.stp.root_port is member(bridge, 0)
        assert len([message for message in bpdus(other) if message.message_age == age + 1 << 8]) == passed
        wait(lab, 1.1)
        other.take()


def test_the_root_tells_of_a_change_for_so_long() -> None:
    lab, bridge, _, _ = listener()
    wait(lab, MAX_AGE + FORWARD_DELAY)
    bridge.stp.topology_change_detection()
    wait(lab, MAX_AGE + FORWARD_DELAY - 0.1)  # 802.1D 8.5.3.13
    assert bridge.stp.topology_change
    wait(lab, 0.2)
    assert not bridge.stp.topology_change


def test_a_root_that_would_have_no_delay() -> None:
    """Times of nothing at all, in a message of a better root: states are left at once, and time goes on."""
    lab, bridge, station, _ = listener()
    tell(station, GOOD._replace(forward_delay=0, hello_time=0, max_age=1).pack())
    assert bridge.stp.forward_delay == 0
    wait(lab, 10)
    assert bridge.stp.root_bridge and bridge.stp.forward_delay == FORWARD_DELAY


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=45) | st.builds(Config, *([st.integers(0, 255)] + [st.integers(0, 2**63)]
    + [st.integers(0, 2**31)] + [st.integers(0, 2**63)] + [st.integers(0, 65535)] * 5)), max_size=8))  # fmt: skip
def test_any_message(messages: list[bytes | Config]) -> None:
    lab, bridge, station, _ = listener()
    for message in messages:
        tell(station, message if isinstance(message, bytes) else message.pack())
        wait(lab, 0.5)
    wait(lab, 400)
    assert bridge.stp.root_bridge and states(bridge) == ["forwarding"]


# --- any network ----------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=4), min_size=1, max_size=6))
def test_of_any_network_a_tree_remains(nets: list[list[int]]) -> None:
    """Every station is heard once by each that it is connected to, and by no other."""
    lab = Lab()
    bridges = [make_bridge(lab, f"s{n}", *(f"bus{b}" for b in buses), stp=True) for n, buses in enumerate(nets)]
    stations = [Station(lab, f"bus{at}", at + 1) for at in range(5)]
    wait(lab, 3 * WORST)
    parts: list[set[int]] = [{at} for at in range(5)]
    for buses in nets:
        joined = set().union(*(part for part in parts if part & set(buses)))
        parts = [part for part in parts if not part & set(buses)] + [joined]
    for at, station in enumerate(stations):
        heard(*stations)
        say(station)
        part = next(part for part in parts if at in part)
        assert heard(*stations) == [int(other in part and other != at) for other in range(5)]
    assert {STATE_NAMES[port.state] for bridge in bridges for port in bridge.members} <= {"forwarding", "blocking"}
