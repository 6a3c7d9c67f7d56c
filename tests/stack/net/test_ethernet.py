"""Ethernet and loopback: which frames are ours, what is counted, what a tap sees; and the packet itself."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.addr import ETHER_BROADCAST, Mac
from stack.header.checksum import partial
from stack.header.ether import ETHERTYPE_IP, multicast_mac
from stack.header.ip import IPPROTO_TCP, IPPROTO_UDP, Ip
from stack.header.tcp import Tcp
from stack.header.udp import Udp
from stack.host import Host
from stack.lab import Lab
from stack.mbuf import CSUM_TCP, CSUM_UDP, Mbuf
from stack.net.bpf import Capture
from stack.net.ethernet import Ethernet
from stack.net.ifnet import IFF_ALLMULTI, IFF_PROMISC, IFQ_MAXLEN, Ifnet
from stack.netinet.in_ import IP_ADD_MEMBERSHIP, IPPROTO_IP
from tests.stack.labs import (
    Station,
    Watch,
    attach,
    group_mac,
    hardware,
    ip4,
    packet,
    pair,
    received,
    settle,
    udp,
    udp_packet,
    wait,
)


def ethernet(host: Host, name: str = "shmif0") -> Ethernet:
    ifp = host.interfaces[name]
    assert isinstance(ifp, Ethernet)
    return ifp


def one() -> tuple[Lab, Host, Ethernet, Station, Watch]:
    """A host with 10.0.0.1 and a station beside it."""
    lab = Lab()
    a = lab.add_host("a")
    attach(lab, a, "lan", "10.0.0.1")
    station = Station(lab, "lan", 9, "10.0.0.9", sees_all=True)
    settle(lab)
    station.take()
    return lab, a, ethernet(a), station, Watch(lab)


def frame(to: Mac, ethertype: int, payload: bytes) -> bytes:
    return to + b"\x02\0\0\0\0\x09" + ethertype.to_bytes(2) + payload


# --- input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(14))
def test_a_frame_shorter_than_its_header(size: int) -> None:
    _, _, ifp, _, watch = one()
    ifp.input_frame(bytes(size))
    assert (watch.reasons(), ifp.ierrors, ifp.ipackets) == (["tooshort"], 1, 0)


def test_frames_for_others_are_dropped_even_if_we_see_them() -> None:
    lab, _, ifp, _, watch = one()
    ifp.set_flags(IFF_PROMISC)
    ifp.input_frame(frame(Mac(b"\x02\0\0\0\0\x55"), ETHERTYPE_IP, udp_packet("10.0.0.9", "10.0.0.1")))
    settle(lab)
    assert (watch.reasons(), ifp.ipackets) == (["notforus"], 1)


@pytest.mark.parametrize("ethertype", [0, 46, 0x05DC, 0x0600, 0x86DD, 0x8100, 0x88CC, 0xFFFF])
def test_types_nobody_asked_for(ethertype: int) -> None:
    lab, _, ifp, station, watch = one()
    station.send(ifp, ethertype, b"?")
    settle(lab)
    assert watch.reasons() == ["noproto"]


GROUPS = {
    "all hosts": ("224.0.0.1", ""),
    "joined": ("224.5.6.7", ""),
    "same address on the link": ("225.5.6.7", "notmember"),  # RFC 1112 6.4: 32 groups share one
    "not joined": ("224.5.6.8", "notforus"),
}


@pytest.mark.parametrize("name", GROUPS)
def test_groups_are_filtered_as_far_as_the_link_can(name: str) -> None:
    group, reason = GROUPS[name]
    lab, a, ifp, station, watch = one()
    a.igmp.join(ifp, ip4("224.5.6.7"))
    if not reason:
        udp(a, 9).setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (ip4(group), ip4("10.0.0.1")))
    station.inject(group_mac(group), udp_packet("10.0.0.9", group, ttl=1))
    settle(lab)
    assert watch.reasons() == ([reason] if reason else [])
    ifp.set_flags(IFF_ALLMULTI)
    station.inject(group_mac(group), udp_packet("10.0.0.9", group, ttl=1))
    settle(lab)
    assert watch.reasons() == (["notmember"] if reason else [])


def test_counters() -> None:
    lab, a, ifp, station, _ = one()
    ifp.zero()
    station.known(ifp)
    so = udp(a, 9)
    station.inject(ifp, udp_packet("10.0.0.9", "10.0.0.1"))
    station.inject(ETHER_BROADCAST, udp_packet("10.0.0.9", "10.0.0.255"))
    so.sendto(b"hello", (ip4("10.0.0.9"), 9))
    so.sendto(b"hello", (ip4("224.9.9.9"), 9))
    settle(lab)
    assert (ifp.ipackets, ifp.ibytes, ifp.imcasts) == (2, 2 * 47, 1)
    assert (ifp.opackets, ifp.obytes, ifp.omcasts) == (2, 2 * 47, 1)
    assert (ifp.ierrors, ifp.oerrors, ifp.iqdrops, ifp.odrops) == (0, 0, 0, 0)


def test_an_interface_that_is_down_neither_sends_nor_hears() -> None:
    lab, a, ifp, station, watch = one()
    so = udp(a)
    ifp.input_frame(frame(hardware(ifp), ETHERTYPE_IP, udp_packet("10.0.0.9", "10.0.0.1")))
    ifp.down()
    settle(lab)
    assert watch.reasons() == ["ifdown"]
    with pytest.raises(OSError, match="Network is down"):
        so.sendto(b"x", (ip4("10.0.0.9"), 9))
    assert ifp.output(Mbuf(b"", net=packet("10.0.0.1", "10.0.0.9")), ip4("10.0.0.9")) == errno.ENETDOWN
    assert watch.reasons() == ["badsource", "ifdown"]
    station.inject(ifp, udp_packet("10.0.0.9", "10.0.0.1"))
    settle(lab)
    assert watch.reasons() == ["nobody"]  # the bus knows who listens


def test_a_driver_that_splits_headers_as_they_say_is_understood() -> None:
    """input_frame splits by the length the header claims, whatever it claims."""
    for first in range(256):
        lab, _, ifp, _, watch = one()
        ifp.input_frame(frame(hardware(ifp), ETHERTYPE_IP, bytes((first,)) + udp_packet("10.0.0.9", "10.0.0.1")[1:]))
        settle(lab)
        assert len(watch.reasons("a")) == 1


# --- taps -------------------------------------------------------------------------------------------------


def test_a_tap_sees_what_goes_out_and_what_comes_in_whole() -> None:
    lab, a, b = pair()
    captures = [Capture(lambda: lab.callouts.now, [host.interfaces["shmif0"]]) for host in (a, b)]
    udp(b, 9)
    udp(a).sendto(b"data", (ip4("10.0.0.2"), 9))
    settle(lab)
    ours, theirs = captures
    assert [captured.outgoing for captured in ours.frames] == [True, False, True]
    assert [captured.outgoing for captured in theirs.frames] == [False, True, False]
    assert [captured.frame for captured in ours.frames] == [captured.frame for captured in theirs.frames]
    datagram = ours.frames[2].frame[14:]
    assert partial(datagram[:20]) == 0  # every sum is in place, though nobody needed it
    pseudo = partial(datagram[12:20]) + IPPROTO_UDP + len(datagram) - 20
    assert (partial(datagram[20:]) + pseudo) % 0xFFFF == 0
    ours.close()
    udp(a).sendto(b"more", (ip4("10.0.0.2"), 9))
    settle(lab)
    assert (len(ours.frames), len(theirs.frames)) == (3, 4)


# --- loopback ---------------------------------------------------------------------------------------------


def test_loopback_takes_a_turn_of_its_own() -> None:
    lab, a, _ = pair()
    sink = udp(a, 9)
    udp(a).sendto(b"x", (ip4("127.0.0.1"), 9))
    assert received(sink) == []
    settle(lab)
    assert received(sink) == [b"x"]


def test_our_own_addresses_go_by_loopback_even_if_the_link_is_dead() -> None:
    lab, a, _ = pair()
    spy = Station(lab, "lan", sees_all=True)
    sink = udp(a, 9)
    udp(a).sendto(b"x", (ip4("10.0.0.1"), 9))
    settle(lab)
    assert (received(sink), spy.take()) == ([b"x"], [])


def test_loopback_down_and_full() -> None:
    lab, a, _ = pair()
    watch = Watch(lab)
    lo0 = a.interfaces["lo0"]
    so = udp(a)
    for number in range(IFQ_MAXLEN + 1):
        try:
            so.sendto(b"x", (ip4("127.0.0.1"), 9))
        except OSError as error:
            assert (error.errno, number) == (errno.ENOBUFS, IFQ_MAXLEN)
    assert watch.reasons() == ["iqdrops"]
    lo0.down()
    with pytest.raises(OSError, match="Network is down"):
        so.sendto(b"x", (ip4("127.0.0.1"), 9))
    assert watch.reasons() == ["ifdown"]
    assert (lo0.iqdrops, lo0.opackets, lo0.obytes) == (1, IFQ_MAXLEN + 1, 29 * (IFQ_MAXLEN + 1))


def test_a_second_loopback() -> None:
    lab, a, b = pair()
    lo1 = a.ifcreate("lo1")
    a.set_address(lo1, ip4("192.0.2.1"), 32)
    sink = udp(a, 9)
    b.add_route(a.routes.exact(a.routes.unicast(ip4("192.0.2.1")).dst).dst, ip4("10.0.0.1"))  # type: ignore[union-attr]
    udp(b).sendto(b"x", (ip4("192.0.2.1"), 9))
    settle(lab)
    assert received(sink) == [b"x"]
    with pytest.raises(OSError, match="Invalid argument"):
        a.ifdestroy("lo0")
    a.ifdestroy("lo1")
    assert "lo1" not in a.interfaces


# --- interfaces -------------------------------------------------------------------------------------------


def test_interfaces_are_created_by_kind_and_unit() -> None:
    lab = Lab()
    a = lab.add_host("a")
    for name in ("shmif", "shmif00", "shmif-1", "eth0", "shmif123456", "", "0"):
        with pytest.raises(OSError, match="Invalid argument"):
            a.ifcreate(name)
    assert [a.ifcreate(name).index for name in ("shmif3", "shmif0", "lo7")] == [2, 3, 4]
    with pytest.raises(OSError, match="File exists"):
        a.ifcreate("shmif3")
    with pytest.raises(OSError, match="Device not configured"):
        a.ifdestroy("shmif9")
    assert a.interface("3").name == "shmif0"
    assert list(a.interfaces) == ["lo0", "shmif3", "shmif0", "lo7"]


def test_hardware_addresses_are_the_same_in_every_run_and_differ() -> None:
    def addresses(seed: int) -> list[Mac]:
        lab = Lab(seed)
        return [hardware(lab.add_host(name).ifcreate(unit)) for name in "ab" for unit in ("shmif0",)]

    assert addresses(1) == addresses(1) != addresses(2)
    assert len(set(addresses(1))) == 2 and all(address[:2] == b"\xb2\xa0" for address in addresses(1))


def test_an_mtu_has_its_limits() -> None:
    _, a, _ = pair()
    ifp: Ifnet = a.interfaces["shmif0"]
    for mtu in (67, 0, -1, 65536):
        with pytest.raises(OSError, match="Invalid argument"):
            ifp.set_mtu(mtu)
    ifp.set_mtu(68)
    with pytest.raises(OSError, match="Invalid argument"):
        ifp.set_lladdr(multicast_mac(ip4("224.0.0.1")))


# --- the packet -------------------------------------------------------------------------------------------

PAYLOAD = b"a payload of an odd length...."[:29]


def tcp_mbuf() -> Mbuf:
    """A segment whose checksum is still to be computed, as TCP sends it."""
    header = Ip(len=40 + len(PAYLOAD), p=IPPROTO_TCP, src=ip4("10.0.0.1"), dst=ip4("10.0.0.2"))
    m = Mbuf(PAYLOAD, Tcp(1, 2, 3, 4).pack(), header.pack())
    m.csum = CSUM_TCP
    return m


def good_sum(net: bytes, payload: bytes) -> bool:
    return (partial(payload) + partial(net[12:20]) + net[9] + len(payload)) % 0xFFFF == 0


def test_a_sum_left_open_is_right_wherever_it_is_wanted() -> None:
    m = tcp_mbuf()
    assert good_sum(m.net, m.payload()) and good_sum(m.net, m.frame()[20:]) and good_sum(m.net, m.copy().payload())
    assert m.transport[16:18] == b"\0\0"  # and nobody has written it into the packet
    udp_part = Udp(1, 2, 8 + len(PAYLOAD)).pack()
    other = Mbuf(memoryview(PAYLOAD), udp_part, Ip(p=IPPROTO_UDP, src=ip4("10.0.0.1")).pack())
    other.csum = CSUM_UDP
    assert good_sum(other.net, other.payload())


@given(st.integers(0, 80), st.integers(0, 80))
def test_pullup_moves_the_border_and_nothing_else(split: int, size: int) -> None:
    whole = tcp_mbuf()
    data, net = whole.payload(), whole.net
    m = Mbuf(memoryview(data)[split:], data[:split], net)
    assert m.pullup(size) == (size <= len(data))
    assert m.payload() == data
    assert m.net + m.payload() == whole.frame() and m.len == len(m.frame())
    assert len(m.transport) == (size if size <= len(data) else 0) or size == split


def test_pullup_finishes_the_sum_before_the_border_moves() -> None:
    for size in (8, 24):
        m = tcp_mbuf()
        assert m.pullup(size) and not m.csum
        assert good_sum(m.net, m.transport + bytes(m.data))
    m = tcp_mbuf()
    assert m.pullup(20) and m.csum == CSUM_TCP  # where it is already: there is nothing to finish


SPLITS = ["as it should be", "header in the data", "all in the header", "header cut in two", "a view"]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("options", [b"", b"\x01\x01\x01\x00"], ids=["plain", "options"])
def test_a_packet_split_anywhere_arrives(split: str, options: bytes) -> None:
    lab, a, ifp, station, watch = one()
    sink = udp(a, 9)
    whole = udp_packet("10.0.0.9", "10.0.0.1", data=b"whole", options=options)
    hlen = 20 + len(options)
    m = {
        "as it should be": Mbuf(whole[hlen:], net=whole[:hlen]),
        "header in the data": Mbuf(whole),
        "all in the header": Mbuf(b"", net=whole),
        "header cut in two": Mbuf(whole[11:], net=whole[:11]),
        "a view": Mbuf(memoryview(whole)[hlen:], whole[hlen:hlen], whole[:hlen]),
    }[split]
    m.link = hardware(ifp) + station.mac + b"\x08\0"
    station.transmit(m)
    wait(lab, 0)
    assert (received(sink), watch.reasons()) == ([b"whole"], [])
