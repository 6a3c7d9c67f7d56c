"""VLANs: whose frame it is, what an interface takes over from its parent, and bridges of VLANs."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.addr import ETHER_BROADCAST, Mac
from stack.header.arp import ARPOP_REQUEST
from stack.header.dot1q import Dot1q
from stack.header.ether import ETHERTYPE_ARP, ETHERTYPE_IP, ETHERTYPE_VLAN
from stack.host import Host
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.bpf import Capture
from stack.net.bridge import Bridge
from stack.net.ethernet import m_devget
from stack.net.ifnet import (
    IFF_PROMISC,
    IFF_RUNNING,
    IFF_UP,
    IN_IFF_DETACHED,
    IN_IFF_TENTATIVE,
    LINK_STATE_DOWN,
    LINK_STATE_UP,
)
from stack.net.vlan import Vlan, untag
from stack.net.wire import Personality
from tests.stack.labs import Station, Watch, attach, echo, ip4, packet, received, settle, udp, udp_packet
from tests.stack.net.bridges import STRANGE, ethernet, heard, make_bridge, say
from tests.stack.net.test_gso import noise
from tests.stack.net.test_gso import packet as tcp_segment

STRANGER = Mac.parse("02:00:00:00:00:77")


def vlan(host: Host, name: str, parent: str, vid: int, address: str = "") -> Vlan:
    """A VLAN of a host, with an address if one is given."""
    ifp = host.ifcreate(name)
    assert isinstance(ifp, Vlan)
    ifp.configure(host.interfaces[parent], vid)
    if address:
        host.set_address(ifp, ip4(address), 24, dad=False)
    return ifp


def pair(vid: int = 5, other: int = 5) -> tuple[Lab, Vlan, Vlan]:
    """a and b on a bus, with 10.5.0.1 and 10.5.0.2 on a VLAN each."""
    lab = Lab()
    for name, address in (("a", "10.0.0.1"), ("b", "10.0.0.2")):
        attach(lab, lab.add_host(name), "lan", address)
    made = lab, vlan(lab["a"], "vlan0", "shmif0", vid, "10.5.0.1"), vlan(lab["b"], "vlan0", "shmif0", other, "10.5.0.2")
    settle(lab)
    return made


def reaches(lab: Lab, address: str, data: bytes = b"hello") -> bool:
    """Whether a datagram of a's arrives at b."""
    so, sender = udp(lab["b"], 9), udp(lab["a"])
    sender.sendto(data, (ip4(address), 9))
    settle(lab)
    found = received(so) == [data]
    so.close()
    sender.close()
    return found


def test_hosts_with_one_tag_hear_each_other() -> None:
    lab, _, _ = pair()
    assert reaches(lab, "10.5.0.2") and reaches(lab, "10.0.0.2")
    assert reaches(lab, "10.5.0.2", bytes(9000))  # in fragments


def test_hosts_with_different_tags_do_not() -> None:
    lab, _, _ = pair(5, 6)
    watch = Watch(lab)
    assert not reaches(lab, "10.5.0.2")
    assert watch.reasons("b") == ["novlan"]


def test_frames_bear_the_tag() -> None:
    lab, a, _ = pair(0xABC, 0xABC)
    station = Station(lab, "lan", 9, sees_all=True)
    assert a.parent is not None
    tagged, inside = Capture(lambda: 0.0, [a.parent]), Capture(lambda: 0.0, [a])
    reaches(lab, "10.5.0.2")
    sent = [seen.frame for seen in tagged.frames if seen.outgoing]
    assert [seen.frame for seen in inside.frames if seen.outgoing] == [frame[:12] + frame[16:] for frame in sent]
    tags = [Dot1q.parse(frame[14:]) for frame in sent]
    assert [(tag.vid, tag.type, tag.pcp, tag.dei) for tag in tags] == [(0xABC, t, 0, 0) for t in (0x806, 0x800)]
    assert all(frame[12:14] == ETHERTYPE_VLAN.to_bytes(2) for frame in sent)
    assert [seen.frame for seen in station.take()][: len(sent)] != []


def from_outside(frame: bytes) -> tuple[Lab, Watch]:
    """a gets a frame in one piece, as a TAP delivers it."""
    lab, a, _ = pair()
    watch = Watch(lab)
    assert a.parent is not None
    a.parent.input_frame(frame)
    settle(lab)
    return lab, watch


def frame_for(lab_vlan: Mac, tag: bytes, body: bytes) -> bytes:
    return lab_vlan + STRANGER + ETHERTYPE_VLAN.to_bytes(2) + tag + body


def mac_of_a() -> Mac:
    lladdr = pair()[1].lladdr
    assert lladdr is not None
    return lladdr


@pytest.mark.parametrize("tci", ["0005", "e005", "1005", "f005"])
def test_priorities_do_not_matter(tci: str) -> None:
    tag = bytes.fromhex(tci) + ETHERTYPE_IP.to_bytes(2)
    lab, watch = from_outside(frame_for(mac_of_a(), tag, udp_packet("10.5.0.2", "10.5.0.1")))
    assert lab["a"].udp.stat["noport"] == 1 and set(watch.reasons("a")) == {"noport"}


def test_a_tag_of_a_priority_alone_is_no_vlan() -> None:
    """802.1Q 9.3.2.3: VID 0 says only how urgent a frame is."""
    tag = b"\xe0\0" + ETHERTYPE_IP.to_bytes(2)
    lab, _ = from_outside(frame_for(mac_of_a(), tag, udp_packet("10.0.0.2", "10.0.0.1")))
    assert lab["a"].udp.stat["noport"] == 1
    nested = (b"\xe0\0" + ETHERTYPE_VLAN.to_bytes(2)) * 10000
    lab, watch = from_outside(frame_for(mac_of_a(), nested, b""))
    assert watch.reasons("a") == ["novlan"]


@pytest.mark.parametrize("tag", ["", "00", "0005", "000508"])
def test_a_frame_that_ends_in_its_tag(tag: str) -> None:
    _, watch = from_outside(frame_for(mac_of_a(), bytes.fromhex(tag), b""))
    assert watch.reasons("a") == ["tooshort"]


@given(st.binary(max_size=80))
def test_any_tagged_frame(data: bytes) -> None:
    lab, a, b = pair()
    vlan(lab["a"], "vlan1", "vlan0", 5)
    for to in (ETHER_BROADCAST, a.lladdr or b"", STRANGER):
        assert a.parent is not None
        a.parent.input_frame(to + STRANGER + ETHERTYPE_VLAN.to_bytes(2) + data)
    settle(lab)
    assert b.parent is not None and reaches(lab, "10.5.0.2")


def test_a_tagged_frame_without_any_vlan_has_no_protocol() -> None:
    lab = Lab()
    ifp = attach(lab, lab.add_host("a"), "lan", "10.0.0.1")
    watch = Watch(lab)
    Station(lab, "lan", 9).send(ifp, ETHERTYPE_VLAN, b"\0\5\x08\0" + packet("10.0.0.9", "10.0.0.1"))
    settle(lab)
    assert watch.reasons("a") == ["noproto"]


def test_vlans_in_vlans() -> None:
    lab, a, b = pair()
    vlan(lab["a"], "vlan1", "vlan0", 7, "10.7.0.1")
    vlan(lab["b"], "vlan1", "vlan0", 7, "10.7.0.2")
    settle(lab)
    assert a.parent is not None and b.parent is not None
    capture = Capture(lambda: 0.0, [a.parent])
    assert reaches(lab, "10.7.0.2")
    assert capture.frames[-1].frame[12:22] == bytes.fromhex("8100 0005 8100 0007 0800")


# --- configuration --------------------------------------------------------------------------------------


def test_what_is_taken_over_from_the_parent() -> None:
    lab = Lab()
    host = lab.add_host("a")
    parent = host.ifcreate("shmif0")
    parent.set_linkstr("lan")
    parent.set_mtu(9000)
    ifp = host.ifcreate("vlan0")
    assert isinstance(ifp, Vlan)
    assert (ifp.lladdr, ifp.flags & (IFF_UP | IFF_RUNNING), ifp.link_state) == (None, 0, LINK_STATE_DOWN)
    ifp.configure(parent, 5)
    assert (ifp.lladdr, ifp.mtu, ifp.flags & IFF_UP, ifp.link_state) == (parent.lladdr, 9000, 0, LINK_STATE_DOWN)
    parent.up()
    assert not ifp.flags & IFF_UP and ifp.link_state == LINK_STATE_UP
    ifp.up()
    assert ifp.runs
    lab.bus("lan").set(Personality(rate=1e6))
    assert ifp.baudrate == 1e6
    parent.set_linkstr(None)
    assert not ifp.runs and ifp.link_state == LINK_STATE_DOWN
    parent.set_linkstr("lan")
    assert ifp.runs


def test_the_mtu_is_at_most_the_parents() -> None:
    lab, a, _ = pair()
    assert a.parent is not None
    with pytest.raises(OSError) as error:
        a.set_mtu(1501)
    assert error.value.errno == errno.EINVAL
    a.set_mtu(1400)
    a.parent.set_mtu(9000)
    assert a.mtu == 1400
    a.parent.set_mtu(1300)
    assert a.mtu == 1300
    a.parent.set_mtu(1500)
    a.set_mtu(1500)
    lab["a"].ifdestroy("shmif0")
    with pytest.raises(OSError) as error:
        a.set_mtu(1500)
    assert error.value.errno == errno.EINVAL


def test_the_largest_packet_fits_with_its_tag() -> None:
    lab, _, b = pair()
    assert reaches(lab, "10.5.0.2", bytes(1500 - 28))
    assert b.parent is not None and lab["b"].ip.stat["fragments"] == 0


def test_what_cannot_be() -> None:
    lab, a, _ = pair()
    host, lan = lab["a"], lab["a"].interfaces["shmif0"]
    fresh = host.ifcreate("vlan1")
    assert isinstance(fresh, Vlan)
    tries = ((a, lan, 6, errno.EBUSY), (fresh, lan, 5, errno.EEXIST), (fresh, lan, 0, errno.EINVAL),
             (fresh, lan, 4095, errno.EINVAL), (fresh, lan, -1, errno.EINVAL),
             (fresh, host.interfaces["lo0"], 5, errno.EPROTONOSUPPORT), (fresh, fresh, 5, errno.EPROTONOSUPPORT),
             (fresh, host.ifcreate("bridge0"), 5, errno.EPROTONOSUPPORT))  # fmt: skip
    for who, parent, vid, wanted in tries:
        with pytest.raises(OSError) as error:
            who.configure(parent, vid)
        assert error.value.errno == wanted
    assert fresh.parent is None
    fresh.configure(a, 5)
    a.unconfigure()
    with pytest.raises(OSError) as error:
        a.configure(fresh, 5)  # each on the other
    assert error.value.errno in (errno.EINVAL, errno.EPROTONOSUPPORT)


def test_an_address_waits_for_the_parent() -> None:
    lab, a, _ = pair()
    late = lab["a"].ifcreate("vlan1")
    assert isinstance(late, Vlan) and a.parent is not None
    ifa = lab["a"].set_address(late, ip4("10.6.0.1"), 24)
    assert ifa.flags == IN_IFF_DETACHED
    late.configure(a.parent, 6)
    assert ifa.flags == IN_IFF_TENTATIVE
    lab.run()
    assert not ifa.flags
    late.unconfigure()
    assert ifa.flags == IN_IFF_DETACHED


def test_leaving_the_parent() -> None:
    lab, a, _ = pair()
    parent = a.parent
    assert parent is not None
    a.unconfigure()
    assert (a.parent, a.lladdr, a.runs, parent.watchers) == (None, None, False, lab["a"].watchers)
    assert a.addresses[0].flags
    a.unconfigure()  # nothing to leave
    with pytest.raises(OSError, match="Network is down"):
        udp(lab["a"]).sendto(b"", (ip4("10.5.0.2"), 9))
    a.configure(parent, 5)
    a.up()
    lab.run()
    assert reaches(lab, "10.5.0.2")


def test_parents_and_vlans_go_in_any_order() -> None:
    lab, a, b = pair()
    lab["a"].ifdestroy("shmif0")
    assert a.parent is None and not a.runs
    lab["a"].ifdestroy("vlan0")
    lab["b"].ifdestroy("vlan0")
    assert lab["b"].vlans is not None and not lab["b"].vlans.table and b.parent is None
    lab["b"].ifdestroy("shmif0")


def test_the_address_follows_the_parents_until_it_has_one_of_its_own() -> None:
    lab, a, _ = pair()
    parent = a.parent
    assert parent is not None
    parent.set_lladdr(Mac.parse("02:00:00:00:00:01"))
    assert a.lladdr == parent.lladdr and not parent.flags & IFF_PROMISC
    assert reaches(lab, "10.5.0.2")
    a.set_lladdr(Mac.parse("02:00:00:00:00:02"))
    settle(lab)
    assert parent.flags & IFF_PROMISC  # or it would not hear what is for us
    assert reaches(lab, "10.5.0.2")
    so = udp(lab["a"], 7)
    udp(lab["b"]).sendto(b"back", (ip4("10.5.0.1"), 7))
    settle(lab)
    assert received(so) == [b"back"]
    parent.set_lladdr(Mac.parse("02:00:00:00:00:03"))
    assert str(a.lladdr) == "02:00:00:00:00:02"
    a.unconfigure()
    assert not parent.flags & IFF_PROMISC
    with pytest.raises(OSError):
        a.set_lladdr(Mac.parse("02:00:00:00:00:04"))


def test_a_vlan_that_is_down_hears_nothing() -> None:
    lab, _, b = pair()
    watch = Watch(lab)
    b.down()
    assert not reaches(lab, "10.5.0.2") and "ifdown" in watch.reasons("b")


# --- with bridges ---------------------------------------------------------------------------------------


def trunk() -> tuple[Lab, list[Station]]:
    """s bridges VLAN 5 of the bus `trunk` to `five` and VLAN 6 to `six`; a station on each of the three."""
    lab = Lab()
    host = lab.add_host("s")
    for number, bus in enumerate(("trunk", "five", "six")):
        ifp = host.ifcreate(f"shmif{number}")
        ifp.set_linkstr(bus)
        ifp.up()
    for number, (vid, name) in enumerate(((5, "shmif1"), (6, "shmif2"))):
        bridge = host.ifcreate(f"bridge{number}")
        assert isinstance(bridge, Bridge)
        bridge.add(vlan(host, f"vlan{number}", "shmif0", vid))
        bridge.add(host.interfaces[name])
        bridge.up()
    return lab, [Station(lab, bus, number, sees_all=True) for number, bus in enumerate(("trunk", "five", "six"), 1)]


def test_a_bridge_of_vlans_takes_tags_off_and_puts_them_on() -> None:
    lab, (wire, five, six) = trunk()
    assert ethernet(lab["s"], "shmif0").flags & IFF_PROMISC
    say(five)
    tagged = [seen.frame for seen in wire.take()]
    assert [frame[12:18].hex() for frame in tagged] == ["8100000588b5"] and heard(six) == [0]
    wire.transmit(Mbuf(b"answer", link=five.mac + wire.mac + bytes.fromhex("8100000588b5")))
    settle(lab)
    assert heard(five, six) == [1, 0]
    wire.send(STRANGER, ETHERTYPE_VLAN, bytes.fromhex("000688b5") + b"as from outside")
    settle(lab)
    assert heard(five, six) == [0, 1]
    assert where_is(lab, "bridge0", wire.mac) == "vlan0" and where_is(lab, "bridge1", wire.mac) == "vlan1"


def where_is(lab: Lab, name: str, mac: Mac) -> str:
    bridge = lab["s"].interfaces[name]
    assert isinstance(bridge, Bridge)
    return bridge.rtable.nodes[mac].member.ifp.name


def test_tagged_frames_pass_a_bridge_as_they_are() -> None:
    lab = Lab()
    make_bridge(lab, "s", "one", "two")
    for name, bus, address in (("a", "one", "10.0.0.1"), ("b", "two", "10.0.0.2")):
        attach(lab, lab.add_host(name), bus, address)
    vlan(lab["a"], "vlan0", "shmif0", 5, "10.5.0.1")
    vlan(lab["b"], "vlan0", "shmif0", 5, "10.5.0.2")
    settle(lab)
    assert reaches(lab, "10.5.0.2", bytes(1472))


def test_a_vlan_on_a_members_side_is_reached_too() -> None:
    """The host that bridges has a VLAN on one of the members, and hears its broadcasts and what is for it alone."""
    lab = Lab()
    make_bridge(lab, "b", "one", "two")
    attach(lab, lab.add_host("a"), "one", "10.0.0.1")
    vlan(lab["a"], "vlan0", "shmif0", 5, "10.5.0.1")
    vlan(lab["b"], "vlan0", "shmif0", 5, "10.5.0.2")
    settle(lab)
    assert reaches(lab, "10.5.0.2")


def test_a_bridge_of_a_vlan_and_its_own_parent_does_not_recurse() -> None:
    lab = Lab()
    bridge = make_bridge(lab, "s", "one")
    bridge.add(vlan(lab["s"], "vlan0", "shmif0", 5))
    one = Station(lab, "one", 1)
    say(one)
    one.send(ETHER_BROADCAST, ETHERTYPE_VLAN, bytes.fromhex("000588b5"))
    one.arp(ARPOP_REQUEST, "10.0.0.1")
    settle(lab)
    assert {seen.ether.type for seen in one.take()} <= {STRANGE, ETHERTYPE_VLAN, ETHERTYPE_ARP}


def test_an_echo_is_answered_on_a_vlan() -> None:
    lab, a, _ = pair()
    assert a.parent is not None
    station = Station(lab, "lan", 9, "10.5.0.9")
    assert a.arptab is not None
    a.arptab.set_static(ip4("10.5.0.9"), station.mac, 2)
    link = (a.lladdr or b"") + station.mac + bytes.fromhex("810000050800")
    request = echo("10.5.0.9", "10.5.0.1")
    station.transmit(Mbuf(request[20:], net=request[:20], link=link))
    settle(lab)
    answers = [seen.frame for seen in station.take() if seen.frame[12:18].hex() == "810000050800"]
    assert len(answers) == 1 and answers[0][18 + 20] == 0


def test_a_segment_from_outside_keeps_all_of_its_parts() -> None:
    """A frame that bears its tag in one piece may be a TCP segment, which is split further."""
    frame = tcp_segment(noise(100), 0).frame()
    m = m_devget(frame[:12] + b"\x81\0\0\5" + frame[12:])
    assert untag(m).vid == 5
    assert m.frame() == frame and len(m.transport) == 20
