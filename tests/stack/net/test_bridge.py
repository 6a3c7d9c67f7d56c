"""Bridges: who hears what, what is learned and forgotten, and that a storm has bounds."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.addr import ETHER_BROADCAST, Ip4, Mac
from stack.header.arp import ARPOP_REPLY, ARPOP_REQUEST
from stack.header.bpdu import BSTP_ETHERADDR
from stack.header.ether import ETHERTYPE_VLAN
from stack.kern.socket import SO_BROADCAST, SOL_SOCKET
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.bpf import Capture
from stack.net.bridge import (
    FORWARD_BURST,
    FORWARD_PAUSE,
    IFBIF_DISCOVER,
    IFBIF_LEARNING,
    IFBIF_PROTECTED,
    Bridge,
)
from stack.net.ifnet import IFF_PROMISC, IFF_RUNNING, IFF_UP, LINK_STATE_DOWN, LINK_STATE_UP
from stack.net.vlan import Vlan
from stack.net.wire import IDEAL, Personality
from tests.stack.labs import Station, Watch, arptab, attach, echo, ip4, received, settle, udp, wait
from tests.stack.net.bridges import STRANGE, ethernet, heard, make_bridge, member, say, where

NOBODY = Mac.parse("02:00:00:00:00:77")


def three() -> tuple[Lab, Bridge, list[Station]]:
    """A bridge between three buses with a station each: 1, 2 and 3."""
    lab = Lab()
    bridge = make_bridge(lab, "s", "one", "two", "three")
    buses = enumerate(("one", "two", "three"), 1)
    return lab, bridge, [Station(lab, bus, number, sees_all=True) for number, bus in buses]


def clear(bridge: Bridge, *off: int, flag: int) -> None:
    for number in off:
        bridge.set_member_flags(member(bridge, number), member(bridge, number).flags & ~flag)


# --- learning -------------------------------------------------------------------------------------------


def test_what_is_for_everybody_goes_everywhere() -> None:
    _, bridge, stations = three()
    one = stations[0]
    for to in (ETHER_BROADCAST, Mac.parse("01:00:5e:00:00:09"), NOBODY):
        say(one, to)
        assert heard(*stations) == [0, 1, 1]
    assert (bridge.ipackets, bridge.opackets) == (3, 6)


def test_a_known_station_is_heard_alone() -> None:
    _, bridge, (one, two, three_) = three()
    say(two)
    assert heard(one, two, three_) == [1, 0, 1]
    say(one, two.mac)
    assert heard(one, two, three_) == [0, 1, 0]
    assert where(bridge) == {"02": "shmif1", "01": "shmif0"}


def test_neighbours_on_one_segment_are_left_alone() -> None:
    lab, _, (one, two, three_) = three()
    other = Station(lab, "one", 4)
    watch = Watch(lab)
    say(other)
    heard(one, two, three_)
    watch.reasons()
    say(one, other.mac)
    assert heard(other, two, three_) == [1, 0, 0]
    assert watch.reasons("s") == ["samesegment"]


def test_a_station_moves() -> None:
    _, bridge, (one, two, three_) = three()
    say(one)
    assert where(bridge)["01"] == "shmif0"
    one.set_linkstr(None)
    one.set_linkstr("three")
    heard(one, two, three_)
    say(two, one.mac)
    assert heard(one, two) == [0, 0]  # it has not spoken there yet
    say(one, two.mac)
    assert heard(two, three_) == [1, 1]
    say(two, one.mac)
    assert heard(one, two) == [1, 0]
    assert where(bridge)["01"] == "shmif2"


@pytest.mark.parametrize("source", ["00:00:00:00:00:00", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff"])
def test_what_no_station_can_be_called_is_not_learned(source: str) -> None:
    _, bridge, (one, two, _) = three()
    one.mac = Mac.parse(source)
    say(one)
    assert heard(two) == [1] and not where(bridge)


def test_not_learning() -> None:
    _, bridge, (one, two, three_) = three()
    clear(bridge, 0, flag=IFBIF_LEARNING)
    say(one)
    say(two)
    heard(one, two, three_)
    assert where(bridge) == {"02": "shmif1"}
    say(two, one.mac)
    assert heard(one, two, three_) == [1, 0, 1]


def test_not_discovering() -> None:
    _, bridge, (one, two, three_) = three()
    clear(bridge, 1, flag=IFBIF_DISCOVER)
    say(one, NOBODY)
    assert heard(two, three_) == [0, 1]
    say(one)
    assert heard(two, three_) == [1, 1]
    say(two)
    heard(one, three_)
    say(one, two.mac)
    assert heard(two, three_) == [1, 0]


def test_protected_members_hear_nothing_of_each_other() -> None:
    """NetBSD's tests/net/if_bridge/t_bridge.sh, protection."""
    lab, bridge, (one, two, three_) = three()
    for number in (0, 2):
        bridge.set_member_flags(member(bridge, number), member(bridge, number).flags | IFBIF_PROTECTED)
    say(one, NOBODY)
    assert heard(two, three_) == [1, 0]
    say(one)
    assert heard(two, three_) == [1, 0]
    say(three_)
    heard(one, two)
    watch = Watch(lab)
    say(one, three_.mac)
    assert heard(two, three_) == [0, 0] and watch.reasons("s") == ["protected"]
    clear(bridge, 2, flag=IFBIF_PROTECTED)
    say(one, three_.mac)
    assert heard(two, three_) == [0, 1]


# --- ageing, limits, static addresses ------------------------------------------------------------------


def test_the_silent_are_forgotten_to_the_second() -> None:
    lab, bridge, (one, two, three_) = three()
    say(one)
    wait(lab, 1000)
    say(two)
    wait(lab, 199.9)
    assert where(bridge) == {"01": "shmif0", "02": "shmif1"}
    wait(lab, 0.1)
    assert where(bridge) == {"02": "shmif1"}
    heard(one, two, three_)
    say(two, one.mac)
    assert heard(one, three_) == [1, 1]


def test_who_speaks_is_remembered() -> None:
    lab, bridge, (one, _, _) = three()
    for _ in range(5):
        say(one)
        wait(lab, 1199)
    assert where(bridge) == {"01": "shmif0"}


def test_another_timeout_holds_for_what_is_learned_then() -> None:
    lab, bridge, (one, two, _) = three()
    say(one)
    bridge.rtable.timeout = 10
    say(two)
    wait(lab, 11)
    assert where(bridge) == {"01": "shmif0"}
    bridge.rtable.timeout = 0  # never
    say(two)
    wait(lab, 1e6)
    assert where(bridge) == {"02": "shmif1"}


def test_an_idle_bridge_needs_no_timer() -> None:
    lab, _, (one, _, _) = three()
    say(one)
    assert lab.callouts.next_due() is None


def test_a_full_cache_learns_nothing_until_there_is_room() -> None:
    lab, bridge, (one, two, three_) = three()
    bridge.rtable.set_maxaddr(2)
    say(one)
    wait(lab, 600)
    say(two)
    say(three_)
    assert where(bridge) == {"01": "shmif0", "02": "shmif1"}
    assert bridge.bridging.stat["cachefull"] == 1
    wait(lab, 600)  # the first is too old
    say(three_)
    assert where(bridge) == {"02": "shmif1", "03": "shmif2"}
    bridge.rtable.set_maxaddr(1)
    assert where(bridge) == {"03": "shmif2"}


def test_a_static_address_stays_where_it_is() -> None:
    lab, bridge, (one, two, three_) = three()
    bridge.set_static(ethernet(lab["s"], "shmif1"), one.mac)
    say(one)
    wait(lab, 1e5)
    assert where(bridge) == {"01": "shmif1"}
    heard(one, two, three_)
    say(three_, one.mac)
    assert heard(one, two) == [0, 1]
    bridge.rtable.flush()
    assert where(bridge) == {"01": "shmif1"}
    bridge.rtable.flush(static=True)
    assert not where(bridge)


def test_bad_static_addresses() -> None:
    lab, bridge, (one, two, _) = three()
    shmif0 = ethernet(lab["s"], "shmif0")
    assert shmif0.lladdr is not None
    for lladdr in (ETHER_BROADCAST, Mac(bytes(6)), shmif0.lladdr):
        with pytest.raises(OSError) as error:
            bridge.set_static(shmif0, lladdr)
        assert error.value.errno == errno.EINVAL
    with pytest.raises(OSError) as error:
        bridge.set_static(lab["s"].interfaces["lo0"], one.mac)
    assert error.value.errno == errno.ENOENT
    bridge.rtable.set_maxaddr(0)
    with pytest.raises(OSError) as error:
        bridge.set_static(shmif0, two.mac)
    assert error.value.errno == errno.ENOSPC


def test_an_address_is_deleted() -> None:
    _, bridge, (one, _, _) = three()
    say(one)
    bridge.rtable.delete(one.mac)
    assert not where(bridge)
    with pytest.raises(OSError) as error:
        bridge.rtable.delete(one.mac)
    assert error.value.errno == errno.ENOENT


def test_when_a_link_goes_down_its_stations_are_looked_for_elsewhere() -> None:
    lab, bridge, (one, two, three_) = three()
    say(one)
    bridge.set_static(ethernet(lab["s"], "shmif0"), NOBODY)
    ethernet(lab["s"], "shmif0").down()
    assert where(bridge) == {"77": "shmif0"}
    heard(one, two, three_)
    say(two, one.mac)
    assert heard(one, three_) == [0, 1]
    watch = Watch(lab)
    say(two, NOBODY)
    assert watch.reasons("s") == ["ifdown"]


# --- the bridge and its members -------------------------------------------------------------------------


def test_members_come_and_go() -> None:
    lab, bridge, (one, two, three_) = three()
    shmif1 = ethernet(lab["s"], "shmif1")
    assert shmif1.flags & IFF_PROMISC
    say(two)
    bridge.delete(shmif1)
    assert not shmif1.flags & IFF_PROMISC and shmif1.bridge is None and not where(bridge)
    heard(one, two, three_)
    say(one)
    say(two)
    assert heard(one, two, three_) == [0, 0, 1]
    with pytest.raises(OSError) as error:
        bridge.delete(shmif1)
    assert error.value.errno == errno.ENOENT


def test_who_cannot_be_a_member() -> None:
    lab, bridge, _ = three()
    host = lab["s"]
    shmif0 = ethernet(host, "shmif0")
    other = host.ifcreate("bridge1")
    assert isinstance(other, Bridge)
    small = host.ifcreate("shmif7")
    small.set_mtu(1400)
    tries = ((bridge, shmif0, errno.EEXIST), (other, shmif0, errno.EBUSY), (bridge, other, errno.EINVAL),
             (bridge, bridge, errno.EINVAL), (bridge, host.interfaces["lo0"], errno.EINVAL),
             (bridge, small, errno.EINVAL), (bridge, host.ifcreate("vlan0"), errno.EINVAL))  # fmt: skip
    for who, ifp, wanted in tries:
        with pytest.raises(OSError) as error:
            who.add(ifp)
        assert error.value.errno == wanted
    assert len(bridge.members) == 3 and not other.members


def test_members_have_the_mtu_of_the_bridge() -> None:
    lab, bridge, _ = three()
    shmif0 = ethernet(lab["s"], "shmif0")
    with pytest.raises(OSError) as error:
        shmif0.set_mtu(1400)
    assert error.value.errno == errno.EBUSY
    bridge.set_mtu(9000)
    assert [found.ifp.mtu for found in bridge.members] == [9000, 9000, 9000]


def test_a_member_that_cannot_have_that_mtu_keeps_it_from_all() -> None:
    lab, bridge, _ = three()
    vlan = lab["s"].ifcreate("vlan0")
    parent = lab["s"].ifcreate("shmif9")
    vlan.configure(parent, 5)  # type: ignore[attr-defined]
    bridge.add(vlan)
    with pytest.raises(OSError) as error:
        bridge.set_mtu(9000)
    assert error.value.errno == errno.EINVAL
    assert {bridge.mtu, *(found.ifp.mtu for found in bridge.members)} == {1500}


def test_a_frame_that_is_too_long_for_the_other_side() -> None:
    lab, bridge, (one, two, _) = three()
    watch = Watch(lab)
    say(one, two.mac, bytes(1500))
    one.send(two.mac, ETHERTYPE_VLAN, bytes(1504))
    settle(lab)
    assert len(two.take()) == 2 and watch.reasons("s") == []
    say(one, two.mac, bytes(1501))
    one.send(two.mac, ETHERTYPE_VLAN, bytes(1505))
    settle(lab)
    assert not two.take() and watch.reasons("s") == ["toobig", "toobig"]
    assert bridge.ipackets == 4


def test_a_bridge_that_is_down_forwards_nothing_and_forgets() -> None:
    _, bridge, (one, two, _) = three()
    say(one)
    assert bridge.link_state == LINK_STATE_UP
    bridge.down()
    assert bridge.flags & (IFF_UP | IFF_RUNNING) == 0 and not where(bridge)
    heard(two)
    say(one)
    assert heard(two) == [0]
    bridge.up()
    say(one)
    assert heard(two) == [1]


def test_the_link_state_is_that_of_the_best_member() -> None:
    lab, bridge, _ = three()
    for name in ("shmif0", "shmif1", "shmif2"):
        assert bridge.link_state == LINK_STATE_UP
        lab["s"].interfaces[name].down()
    assert bridge.link_state == LINK_STATE_DOWN


def test_interfaces_that_go_away_leave_their_bridge() -> None:
    lab, bridge, (one, two, three_) = three()
    say(two)
    lab["s"].ifdestroy("shmif1")
    assert len(bridge.members) == 2 and not where(bridge)
    heard(two, three_)
    say(one)
    assert heard(two, three_) == [0, 1]
    lab["s"].ifdestroy("bridge0")
    assert ethernet(lab["s"], "shmif0").bridge is None
    assert not ethernet(lab["s"], "shmif0").flags & IFF_PROMISC
    lab.remove_host("s")


def test_frames_that_no_bridge_relays() -> None:
    """802.1D 7.12.6: those to the sixteen reserved addresses; but without a spanning tree we let its messages pass."""
    lab, _, (one, two, three_) = three()
    watch = Watch(lab)
    for last in range(1, 16):
        say(one, Mac(BSTP_ETHERADDR[:5] + bytes((last,))))
    assert heard(two, three_) == [0, 0] and watch.reasons("s") == ["reserved"] * 15
    say(one, Mac(BSTP_ETHERADDR[:5] + b"\x10"))
    say(one, BSTP_ETHERADDR)
    assert heard(two, three_) == [2, 2]


def test_a_tap_on_the_bridge_sees_what_passes() -> None:
    lab, bridge, (one, two, _) = three()
    capture = Capture(lambda: lab.callouts.now, [bridge])
    say(one, two.mac, b"look")
    assert [(seen.interface, seen.frame[14:]) for seen in capture.frames] == [("bridge0", b"look")]


# --- the host that bridges ------------------------------------------------------------------------------


def with_host(*, on: str) -> tuple[Lab, Bridge]:
    """a (10.0.0.1) - one - s - two - b (10.0.0.2), and s has 10.0.0.3 on an interface."""
    lab = Lab()
    bridge = make_bridge(lab, "s", "one", "two")
    for name, bus, address in (("a", "one", "10.0.0.1"), ("b", "two", "10.0.0.2")):
        attach(lab, lab.add_host(name), bus, address)
    lab["s"].set_address(lab["s"].interfaces[on], ip4("10.0.0.3"), 24, dad=False)
    settle(lab)
    return lab, bridge


def talk(lab: Lab, sender: str, receiver: str, address: str) -> list[bytes]:
    """A datagram there and one back."""
    here, there = udp(lab[sender], 9), udp(lab[receiver], 9)
    here.sendto(b"there", (ip4(address), 9))
    settle(lab)
    found = []
    while there.readable:
        data, name = there.recvfrom(100)
        found.append(data)
        there.sendto(b"back", name)
    settle(lab)
    found += received(here)
    here.close()
    there.close()
    return found


@pytest.mark.parametrize("on", ["bridge0", "shmif0", "shmif1"])
def test_the_host_is_reached_from_both_sides_wherever_its_address_is(on: str) -> None:
    """NetBSD's t_bridge.sh, member_ipv4 (PR 48104), and the address of the bridge itself."""
    lab, bridge = with_host(on=on)
    assert talk(lab, "a", "s", "10.0.0.3") == [b"there", b"back"]
    assert talk(lab, "b", "s", "10.0.0.3") == [b"there", b"back"]
    assert talk(lab, "s", "a", "10.0.0.1") == [b"there", b"back"]
    assert talk(lab, "s", "b", "10.0.0.2") == [b"there", b"back"]
    assert talk(lab, "a", "b", "10.0.0.2") == [b"there", b"back"]
    known = arptab(lab["b"].interfaces["shmif0"]).entries[ip4("10.0.0.3")]
    assert known.lladdr == lab["s"].interfaces[on].lladdr
    assert not {str(lladdr) for lladdr in bridge.rtable.nodes} & {str(lladdr) for lladdr in bridge.own}


@pytest.mark.parametrize("on", ["bridge0", "shmif0"])
def test_a_broadcast_is_heard_once_by_everybody(on: str) -> None:
    lab, _ = with_host(on=on)
    sockets = [udp(lab[name], 9) for name in ("s", "b")]
    sender = udp(lab["a"])
    sender.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)
    sender.sendto(b"all", (Ip4(0xFFFFFFFF), 9))
    sender.sendto(b"net", (ip4("10.0.0.255"), 9))
    settle(lab)
    assert [received(so) for so in sockets] == [[b"all", b"net"]] * 2


def test_a_bridge_without_an_address_is_no_station() -> None:
    lab, bridge, _ = three()
    assert bridge.lladdr is None and bridge.flags == IFF_UP | IFF_RUNNING
    lab["s"].set_address(bridge, ip4("10.0.0.3"), 24)
    assert bridge.lladdr == lab["s"].new_lladdr("bridge0")
    bridge.set_lladdr(NOBODY)
    assert bridge.own[NOBODY] is bridge
    with pytest.raises(OSError):
        bridge.set_lladdr(ETHER_BROADCAST)


def test_the_host_talks_past_a_bridge_that_is_down() -> None:
    lab, bridge = with_host(on="shmif0")
    bridge.down()
    assert talk(lab, "s", "a", "10.0.0.1") == [b"there", b"back"]
    assert talk(lab, "a", "s", "10.0.0.3") == [b"there", b"back"]
    assert talk(lab, "a", "b", "10.0.0.2") == []


def test_duplicate_addresses_are_found_through_a_bridge() -> None:
    lab, bridge = with_host(on="bridge0")
    late = attach(lab, lab.add_host("late"), "two", "10.0.0.1", dad=True)
    wait(lab, 10)
    assert late.addresses[0].flags and not lab["a"].interfaces["shmif0"].addresses[0].flags
    lab["s"].set_address(bridge, ip4("10.0.0.2"), 24)
    wait(lab, 10)
    assert bridge.addresses[0].flags


def test_a_member_shows_its_taps_and_counters_what_leaves_by_it() -> None:
    lab, _ = with_host(on="shmif0")
    shmif0, shmif1 = ethernet(lab["s"], "shmif0"), ethernet(lab["s"], "shmif1")
    assert talk(lab, "s", "b", "10.0.0.2")
    shmif0.zero()
    shmif1.zero()
    capture = Capture(lambda: lab.callouts.now, [shmif0, shmif1])
    assert talk(lab, "s", "b", "10.0.0.2")
    assert {seen.interface for seen in capture.frames} == {"shmif1"}
    assert (shmif0.opackets, shmif1.opackets, shmif1.ipackets) == (0, 1, 1)


def test_a_transfer_goes_through_with_sums_that_nobody_computed() -> None:
    """Segments keep their parts on their way, also the sum that is still to be filled in."""
    lab, _ = with_host(on="bridge0")
    shmif = ethernet(lab["a"], "shmif0")
    capture = Capture(lambda: lab.callouts.now, [ethernet(lab["b"], "shmif0")])
    station = Station(lab, "one", 8, "10.0.0.8")
    station.known(shmif)
    station.inject(ETHER_BROADCAST, echo("10.0.0.8", "10.0.0.2"))
    assert talk(lab, "a", "b", "10.0.0.2")
    from_a = [seen.frame for seen in capture.frames if seen.frame[23:24] == b"\x11" and not seen.outgoing]
    assert from_a and from_a[0][40:42] != b"\0\0"


# --- storms ---------------------------------------------------------------------------------------------


def ring(count: int = 4, personality: Personality = IDEAL) -> tuple[Lab, list[Bridge], Station]:
    """Bridges in a ring, s0 between bus0 and bus1 and so on, and a station on bus0."""
    lab = Lab()
    for number in range(count):
        lab.bus(f"bus{number}").set(personality)
    bridges = [make_bridge(lab, f"s{at}", f"bus{at}", f"bus{(at + 1) % count}") for at in range(count)]
    return lab, bridges, Station(lab, "bus0", 1)


def test_a_storm_on_ideal_wires_lets_time_go_on() -> None:
    lab, bridges, station = ring()
    station.send(ETHER_BROADCAST, STRANGE, b"round and round")
    wait(lab, 5 * FORWARD_PAUSE)
    most = 6 * FORWARD_BURST
    assert all(FORWARD_BURST <= bridge.ipackets <= most for bridge in bridges)
    for number in range(400):
        station.send(ETHER_BROADCAST, STRANGE, b"%d" % number)
    wait(lab, 5 * FORWARD_PAUSE)
    assert all(bridge.ipackets <= 2 * most for bridge in bridges)
    assert sum(bridge.bridging.stat["fwdqfull"] for bridge in bridges) > 0  # the queue bounds it


@pytest.mark.parametrize("personality", [IDEAL, Personality(delay=0.001), Personality(rate=1e6, queue=20)])
def test_a_storm_ends_when_the_loop_is_cut(personality: Personality) -> None:
    lab, bridges, station = ring(4, personality)
    for number in range(100):
        station.send(ETHER_BROADCAST, STRANGE, b"%d" % number)
    wait(lab, 0.05)
    before = [bridge.ipackets for bridge in bridges]
    wait(lab, 0.05)
    assert all(bridge.ipackets > count for bridge, count in zip(bridges, before, strict=True))  # it goes on
    ethernet(lab["s2"], "shmif1").down()
    wait(lab, 1)
    assert lab.callouts.next_due() is None
    before = [bridge.ipackets for bridge in bridges]
    wait(lab, 10)
    assert [bridge.ipackets for bridge in bridges] == before
    station.take()
    far = Station(lab, "bus2", 2)
    say(station)
    wait(lab, 1)
    assert heard(far) == [1]


def test_what_waits_in_a_bridge_dies_with_it() -> None:
    lab, bridges, station = ring(2)
    for number in range(100):
        station.send(ETHER_BROADCAST, STRANGE, b"%d" % number)
    settle(lab)
    assert bridges[0].fwdq
    watch = Watch(lab)
    bridges[0].delete(ethernet(lab["s0"], "shmif0"))
    assert "notmember" in watch.reasons()
    bridges[0].down()
    assert not bridges[0].fwdq
    lab.run()
    assert lab.callouts.next_due() is None


def test_a_frame_of_ours_that_comes_round_is_dropped() -> None:
    lab, bridge = with_host(on="shmif0")
    second = Station(lab, "two", 9)
    mine = bridge.members[0].ifp.lladdr
    assert mine is not None
    watch = Watch(lab)
    second.transmit(Mbuf(b"mine", link=ETHER_BROADCAST + mine + STRANGE.to_bytes(2)))
    settle(lab)
    assert "ownframe" in watch.reasons("s")


# --- anything at any moment -----------------------------------------------------------------------------

MACS = st.sampled_from(
    [b"\xff" * 6, bytes(6), b"\x01\x80\xc2\0\0\0", b"\x01\0\x5e\0\0\1", b"\x02\0\0\0\0\1", b"\x02\0\0\0\0\2", b"own"]
) | st.binary(min_size=6, max_size=6)  # fmt: skip
TYPES = st.sampled_from([b"\x08\0", b"\x08\6", b"\x81\0", b"\0\x26", b"\x88\xb5"]) | st.binary(min_size=2, max_size=2)
FRAMES = st.tuples(st.integers(0, 2), MACS, MACS, TYPES, st.binary(max_size=60))


@settings(max_examples=60, deadline=None)
@given(st.lists(FRAMES, max_size=30), st.booleans())
def test_any_frames(frames: list[tuple[int, bytes, bytes, bytes, bytes]], stp: bool) -> None:
    """Whatever comes, it ends as a delivery or as a drop with a name, and the bridge works on."""
    lab = Lab()
    bridge = make_bridge(lab, "s", "one", "two", "three", stp=stp)
    stations = [Station(lab, bus, number) for number, bus in enumerate(("one", "two", "three"), 1)]
    vlan = lab["s"].ifcreate("vlan0")
    vlan.configure(ethernet(lab["s"], "shmif0"), 5)  # type: ignore[attr-defined]
    lab["s"].set_address(bridge, ip4("10.0.0.1"), 24, dad=False)
    own = bridge.lladdr or b""
    for number, dst, src, ethertype, data in frames:
        head = b"".join(own if mac == b"own" else mac for mac in (dst, src))
        ethernet(lab["s"], f"shmif{number}").input_frame(head + ethertype + data)
        wait(lab, 1)
    wait(lab, 1300)
    heard(*stations)
    say(stations[0])
    assert heard(*stations) == [0, 1, 1]
    stations[0].arp(ARPOP_REQUEST, "10.0.0.1", spa="10.0.0.9")
    settle(lab)
    assert [found.arp.sha for found in stations[0].arps() if found.arp.op == ARPOP_REPLY] == [own]


class Upheaval:
    """Three hosts with bridges and VLANs on three buses, and somebody who cannot leave them alone."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.lab = Lab(seed)
        for bus in "xyz":
            self.lab.bus(bus).set(Personality(rate=1e6, queue=10))
        self.stations = [Station(self.lab, bus, number) for number, bus in enumerate("xyz", 1)]
        for name in "abc":
            host = self.lab.add_host(name)
            for kind in ("shmif0", "shmif1", "bridge0", "vlan0"):
                host.ifcreate(kind)

    def step(self) -> None:
        """Do something to somebody; what cannot be is refused with an errno."""
        rng, host = self.rng, self.lab[self.rng.choice("abc")]
        ifp = rng.choice(list(host.interfaces.values()))
        bridges = [found for found in host.interfaces.values() if isinstance(found, Bridge)]
        bridge = rng.choice(bridges) if bridges else host.ifcreate("bridge0")
        assert isinstance(bridge, Bridge)
        member_of = rng.choice(bridge.members) if bridge.members else None
        doings: list[Callable[[], object]] = [
            ifp.up, ifp.up, ifp.up, ifp.down, bridge.up, bridge.up, lambda: ifp.set_linkstr(rng.choice("xyz")),
            lambda: ifp.set_linkstr(rng.choice("xyz")), lambda: ifp.set_linkstr(None), lambda: bridge.add(ifp),
            lambda: bridge.add(ifp), lambda: bridge.add(ifp), lambda: bridge.delete(ifp),
            lambda: ifp.set_mtu(rng.choice((1400, 1500, 1500))), lambda: host.ifdestroy(ifp.name),
            lambda: host.ifcreate(rng.choice(("shmif0", "shmif1", "bridge0", "bridge1", "vlan0", "vlan1"))),
            lambda: ifp.set_lladdr(Mac(b"\x02\0\0\0" + rng.randbytes(2))),
            lambda: host.set_address(ifp, Ip4(0x0A000000 | rng.randrange(1, 250)), 24),
            lambda: bridge.set_priority(rng.randrange(65536)), lambda: bridge.rtable.set_maxaddr(rng.randrange(5)),
            lambda: bridge.set_static(ifp, Mac(b"\x02\0\0\0\0" + rng.randbytes(1))),
        ]  # fmt: skip
        if isinstance(ifp, Vlan):
            doings += [lambda: ifp.configure(rng.choice(list(host.interfaces.values())), rng.randrange(1, 4))] * 3
            doings.append(ifp.unconfigure)
        if member_of is not None:
            doings += [lambda: bridge.set_member_flags(member_of, rng.randrange(16))] * 3
            doings.append(lambda: bridge.stp.set_path_cost(member_of, rng.randrange(100)))
            doings.append(lambda: bridge.stp.set_port_priority(member_of, rng.randrange(256)))
        with suppress(OSError):
            rng.choice(doings)()

    def bridges(self) -> list[Bridge]:
        """All there are now."""
        interfaces = [ifp for host in self.lab.hosts.values() for ifp in host.interfaces.values()]
        return [ifp for ifp in interfaces if isinstance(ifp, Bridge)]

    def talk(self) -> None:
        """Frames of all kinds."""
        for station in self.stations:
            to = self.rng.choice((ETHER_BROADCAST, NOBODY, self.rng.choice(self.stations).mac))
            station.send(to, STRANGE, b"x" * self.rng.randrange(100))
            station.send(to, ETHERTYPE_VLAN, b"\0\1\x88\xb5")
            station.take()


@pytest.mark.parametrize("seed", range(20))
def test_bridges_and_vlans_change_at_any_moment(seed: int) -> None:
    world = Upheaval(seed)
    lab = world.lab
    for _ in range(150):
        world.step()
        for bridge in world.bridges():
            assert {found.ifp.mtu for found in bridge.members} <= {bridge.mtu}
            assert all(found.ifp.bridge is found and found.ifp.flags & IFF_PROMISC for found in bridge.members)
            assert {node.member for node in bridge.rtable.nodes.values()} <= set(bridge.members)
        world.talk()
        wait(lab, world.rng.choice((0.0, 0.01, 0.3, 3.0)) if world.rng.random() < 0.5 else 0.001)
    for host in lab.hosts.values():
        for name in [name for name in host.interfaces if name.startswith("bridge")]:
            host.ifdestroy(name)
        for name in [name for name in host.interfaces if name.startswith("vlan")]:
            host.ifdestroy(name)
        assert host.vlans is None or not host.vlans.table
        for ifp in host.interfaces.values():
            assert (ifp.pcount, ifp.flags & IFF_PROMISC, ifp.watchers) == (0, 0, host.watchers)
    lab.run(lab.callouts.now + 5000)
    assert lab.callouts.next_due() is None
