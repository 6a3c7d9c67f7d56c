"""Broadcast, multicast and IGMP (stack/netinet/igmp.py, ip_output.py; RFC 919, 1112, 2236)."""

from __future__ import annotations

import errno

import pytest
from scapy.layers.igmp import IGMP as ScapyIgmp
from scapy.layers.inet import IP as ScapyIp

from stack.addr import ETHER_BROADCAST, Mac, Prefix
from stack.header.igmp import IGMP_LEAVE, IGMP_MEMBERSHIP_QUERY, IGMP_V1_REPORT, IGMP_V2_REPORT, Igmp
from stack.header.ip import IPPROTO_IGMP
from stack.host import Host
from stack.kern.socket import SO_BROADCAST, SO_REUSEADDR, SO_REUSEPORT, SOCK_DGRAM, SOL_SOCKET, Socket
from stack.lab import Lab
from stack.netinet.in_ import (
    IP_ADD_MEMBERSHIP,
    IP_DROP_MEMBERSHIP,
    IP_MULTICAST_IF,
    IP_MULTICAST_LOOP,
    IP_MULTICAST_TTL,
    IP_TTL,
    IPPROTO_IP,
)
from tests.stack.labs import (
    Heard,
    One,
    Station,
    Watch,
    attach,
    group_mac,
    ip4,
    packet,
    pair,
    raw,
    received,
    routed,
    settle,
    udp,
    udp_packet,
    wait,
)

GROUP = ip4("239.1.2.3")
ALERT = b"\x94\x04\0\0"


class Member(One):
    """A host that is asked for its groups."""

    def __init__(self) -> None:
        super().__init__(sees_all=True)

    def join(self, group: str = "239.1.2.3") -> Socket:
        so = self.a.socket(SOCK_DGRAM)
        so.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (ip4(group), 0))
        settle(self.lab)
        return so

    def say(self, kind: int, group: str, *, to: str, code: int = 0, src: str = "10.0.0.9") -> None:
        """An IGMP message from the station."""
        body = Igmp(kind, code, 0, ip4(group)).pack()
        self.station.inject(group_mac(to), packet(src, to, body, proto=IPPROTO_IGMP, ttl=1, options=ALERT))
        settle(self.lab)

    def query(self, seconds: float, group: str = "0.0.0.0") -> None:
        to = "224.0.0.1" if group == "0.0.0.0" else group
        self.say(IGMP_MEMBERSHIP_QUERY, group, to=to, code=round(seconds * 10))

    def said(self) -> list[tuple[int, str]]:
        """What the host said: type and group, each message checked."""
        found = []
        for heard in self.station.packets():
            message = Igmp.parse(heard.body)
            assert (heard.ip.ttl, heard.ip.options, heard.ip.p) == (1, ALERT, IPPROTO_IGMP)
            assert heard.ether.dst == group_mac(str(heard.ip.dst))
            to = "224.0.0.2" if message.type == IGMP_LEAVE else str(message.group)  # RFC 2236 9
            assert (str(heard.ip.dst), str(heard.ip.src)) == (to, "10.0.0.1")
            found.append((message.type, str(message.group)))
        return found


# --- IGMP -------------------------------------------------------------------------------------------------------


def test_who_joins_says_so_twice() -> None:
    """RFC 2236 3: at once, and again within ten seconds, in case the first was lost."""
    one = Member()
    one.join()
    assert one.said() == [(IGMP_V2_REPORT, "239.1.2.3")]
    wait(one.lab, 10)
    assert one.said() == [(IGMP_V2_REPORT, "239.1.2.3")]
    wait(one.lab, 1000)
    assert one.said() == []
    assert one.a.igmp.stat["snd_reports"] == 2


def test_only_the_first_who_joins_and_the_last_who_leaves_are_heard_of() -> None:
    one = Member()
    sockets = [one.join(), one.join()]
    wait(one.lab, 20)
    assert len(one.said()) == 2
    sockets[0].setsockopt(IPPROTO_IP, IP_DROP_MEMBERSHIP, (GROUP, 0))
    settle(one.lab)
    assert (one.said(), one.ifp.in_group(GROUP)) == ([], True)
    sockets[1].close()
    settle(one.lab)
    assert (one.said(), one.ifp.in_group(GROUP)) == ([(IGMP_LEAVE, "239.1.2.3")], False)


def test_a_query_is_answered_within_its_time_by_every_group() -> None:
    one = Member()
    for group in ("239.1.2.3", "239.4.5.6"):
        one.join(group)
    wait(one.lab, 20)
    one.station.take()
    begin = one.lab.callouts.now
    one.query(5)
    wait(one.lab, 5)
    times = [heard.time - begin for heard in one.station.heard]
    assert {group for _, group in one.said()} == {"239.1.2.3", "239.4.5.6"}
    assert all(0 < time <= 5 for time in times) and len(set(times)) == 2


def test_a_query_for_one_group() -> None:
    one = Member()
    for group in ("239.1.2.3", "239.4.5.6"):
        one.join(group)
    wait(one.lab, 20)
    one.station.take()
    one.query(1, "239.4.5.6")
    wait(one.lab, 1)
    assert one.said() == [(IGMP_V2_REPORT, "239.4.5.6")]


def test_a_router_of_version_1_is_answered_in_its_own_language() -> None:
    """RFC 2236 4: ten seconds to answer, reports of version 1, no leaving; until it has been silent for 400 seconds."""
    one = Member()
    so, other = one.join(), one.join("239.4.5.6")
    wait(one.lab, 20)
    one.station.take()
    one.query(0)
    due = next(member.timer.due for member in one.a.igmp.members.values() if member.timer)
    assert 0 < due - one.lab.callouts.now <= 10
    wait(one.lab, 10)
    assert sorted(one.said()) == [(IGMP_V1_REPORT, "239.1.2.3"), (IGMP_V1_REPORT, "239.4.5.6")]
    so.close()
    settle(one.lab)
    assert one.said() == []
    wait(one.lab, 400)
    other.close()
    settle(one.lab)
    assert one.said() == [(IGMP_LEAVE, "239.4.5.6")]


def test_a_timer_that_runs_is_only_ever_made_shorter() -> None:
    """RFC 2236 3."""
    one = Member()
    one.join()
    wait(one.lab, 20)
    one.query(20)
    (member,) = one.a.igmp.members.values()
    assert member.timer is not None
    first = member.timer
    one.query(25)
    assert member.timer is first
    one.query(0.1)
    assert member.timer is not first and member.timer.due <= one.lab.callouts.now + 0.1


@pytest.mark.parametrize("version", [IGMP_V1_REPORT, IGMP_V2_REPORT])
def test_who_hears_another_s_report_need_not_report_nor_leave(version: int) -> None:
    one = Member()
    so = one.join()
    wait(one.lab, 20)
    one.station.take()
    one.query(10)
    one.say(version, "239.1.2.3", to="239.1.2.3")
    wait(one.lab, 20)
    assert one.said() == []
    so.close()
    settle(one.lab)
    assert one.said() == []  # the other was the last to report: it will say when it leaves
    assert one.a.igmp.stat["rcv_ourreports"] == 1


def test_all_hosts_are_in_their_group_and_never_say_so() -> None:
    one = Member()
    one.query(0.1)
    wait(one.lab, 1)
    assert one.said() == []
    assert one.ifp.in_group(ip4("224.0.0.1"))


BAD: dict[str, tuple[bytes, str]] = {
    "short": (b"\x11\0\0", "rcv_tooshort"),
    "sum": (Igmp(0x11).pack()[:7] + b"\x01", "rcv_badsum"),
    "query for no group": (Igmp(0x11, 10, 0, ip4("10.0.0.1")).pack(), "rcv_badqueries"),
    "report of no group": (Igmp(0x16, 0, 0, ip4("10.0.0.1")).pack(), "rcv_badreports"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_messages(name: str) -> None:
    body, reason = BAD[name]
    one = Member()
    one.station.inject(group_mac("224.0.0.1"), packet("10.0.0.9", "224.0.0.1", body, proto=IPPROTO_IGMP, ttl=1))
    settle(one.lab)
    assert one.watch.reasons() == [reason]


def test_raw_sockets_see_igmp() -> None:
    one = Member()
    so = raw(one.a, IPPROTO_IGMP)
    one.query(1)
    assert [whole[24] for whole in received(so)] == [IGMP_MEMBERSHIP_QUERY]


def test_scapy_reads_our_report() -> None:
    one = Member()
    one.join()
    (heard,) = one.station.packets()
    read = ScapyIp(heard.payload)
    message = ScapyIgmp(bytes(read.payload))
    assert (message.type, message.gaddr, read.ttl) == (0x16, "239.1.2.3", 1)


def test_a_report_before_there_is_an_address() -> None:
    """RFC 2236 leaves it open; BSD sends it from 0.0.0.0."""
    one = Member()
    one.a.delete_address(one.ifp, ip4("10.0.0.1"))
    one.a.igmp.join(one.ifp, GROUP)
    settle(one.lab)
    (heard,) = one.station.packets()
    assert str(heard.ip.src) == "0.0.0.0"


def test_an_interface_that_goes_takes_its_memberships_and_closing_is_no_harm() -> None:
    one = Member()
    so = one.join()
    one.a.ifdestroy("shmif0")
    one.station.take()
    again = attach(one.lab, one.a, "lan", "10.0.0.1")
    one.a.igmp.join(again, GROUP)
    so.close()
    assert again.in_group(GROUP) and list(one.a.igmp.members) == [("shmif0", GROUP)]
    wait(one.lab, 20)


MEMBERSHIP_ERRORS: dict[str, tuple[int, object, int]] = {
    "no group": (IP_ADD_MEMBERSHIP, (ip4("10.0.0.1"), 0), errno.EINVAL),
    "not an address of ours": (IP_ADD_MEMBERSHIP, (GROUP, ip4("10.9.9.9")), errno.EADDRNOTAVAIL),
    "never joined": (IP_DROP_MEMBERSHIP, (GROUP, 0), errno.EADDRNOTAVAIL),
    "a number": (IP_ADD_MEMBERSHIP, 7, errno.EINVAL),
    "words": (IP_ADD_MEMBERSHIP, ("239.1.2.3", "lan"), errno.EINVAL),
    "interface by no address": (IP_MULTICAST_IF, ip4("10.9.9.9"), errno.EADDRNOTAVAIL),
    "TTL 256": (IP_MULTICAST_TTL, 256, errno.EINVAL),
    "TTL -1": (IP_MULTICAST_TTL, -1, errno.EINVAL),
}


@pytest.mark.parametrize("name", MEMBERSHIP_ERRORS)
def test_memberships_that_cannot_be(name: str) -> None:
    option, value, error = MEMBERSHIP_ERRORS[name]
    _, a, _ = pair()
    with pytest.raises(OSError) as caught:
        udp(a).setsockopt(IPPROTO_IP, option, value)
    assert caught.value.errno == error


def test_joining_twice() -> None:
    one = Member()
    so = one.join()
    with pytest.raises(OSError, match="Address already in use"):
        so.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (GROUP, 0))


def test_a_host_without_an_interface_cannot_join() -> None:
    lab = Lab()
    with pytest.raises(OSError, match="Can't assign"):
        udp(lab.add_host("a")).setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (GROUP, 0))


# --- groups, from host to host ----------------------------------------------------------------------------------


def member(host: Host, port: int = 9, group: str = "239.1.2.3") -> Socket:
    """A socket in a group, on a port that others may have too."""
    so = host.socket(SOCK_DGRAM)
    so.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)
    so.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (ip4(group), 0))
    so.bind((0, port))
    return so


def test_a_datagram_for_a_group_is_for_all_its_members_and_nobody_else() -> None:
    lab, a, b = pair()
    ours, theirs, another, elsewhere = member(a), member(b), member(b), member(b, group="239.1.2.4")
    outsider, other_port = udp(b, 10), member(b, 11)
    udp(a).sendto(b"all", (GROUP, 9))
    settle(lab)
    sockets = (ours, theirs, another, elsewhere, outsider, other_port)
    assert [received(so) for so in sockets] == [[b"all"], [b"all"], [b"all"], [], [], []]


def test_loop_can_be_switched_off() -> None:
    lab, a, b = pair()
    ours, theirs = member(a), member(b)
    so = udp(a)
    so.setsockopt(IPPROTO_IP, IP_MULTICAST_LOOP, 0)
    so.sendto(b"all", (GROUP, 9))
    settle(lab)
    assert [received(so) for so in (ours, theirs)] == [[], [b"all"]]


def test_ttl_of_groups_is_their_own() -> None:
    one = Member()
    so = udp(one.a)
    so.setsockopt(IPPROTO_IP, IP_TTL, 99)
    so.sendto(b"x", (GROUP, 9))
    so.setsockopt(IPPROTO_IP, IP_MULTICAST_TTL, 7)
    so.sendto(b"x", (GROUP, 9))
    settle(one.lab)
    assert [heard.ip.ttl for heard in one.station.packets()] == [1, 7]


def test_ttl_0_does_not_leave_the_host() -> None:
    """RFC 1112 6.1."""
    one = Member()
    ours, so = member(one.a), udp(one.a)
    settle(one.lab)
    one.station.take()
    so.setsockopt(IPPROTO_IP, IP_MULTICAST_TTL, 0)
    so.sendto(b"x", (GROUP, 9))
    settle(one.lab)
    assert (received(ours), one.station.take(), one.watch.reasons()) == ([b"x"], [], ["ttl0"])


def test_groups_are_not_forwarded() -> None:
    lab, a, r, b = routed()
    theirs = member(b)
    so = udp(a)
    so.setsockopt(IPPROTO_IP, IP_MULTICAST_TTL, 9)
    r.igmp.join(r.interfaces["shmif0"], GROUP)
    so.sendto(b"x", (GROUP, 9))
    settle(lab)
    assert (received(theirs), r.ip.forwarded) == ([], 0)


def test_a_group_goes_out_where_one_says() -> None:
    lab, a, b = pair()
    other = lab.add_host("c")
    attach(lab, other, "side", "10.5.0.2")
    attach(lab, a, "side", "10.5.0.1")
    on_lan, on_side = member(b), member(other)
    so = udp(a)
    so.sendto(b"by default", (GROUP, 9))
    so.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, ip4("10.5.0.1"))
    so.sendto(b"by choice", (GROUP, 9))
    settle(lab)
    assert (received(on_lan), on_side.recvfrom(100)[1][0]) == ([b"by default"], ip4("10.5.0.1"))
    a.add_route(Prefix.parse("224.0.0.0/4"), ip4("10.5.0.2"))
    so.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, 0)
    so.sendto(b"by route", (GROUP, 9))
    settle(lab)
    assert received(on_side) == [b"by route"]


def test_a_member_hears_only_where_it_joined() -> None:
    lab, a, b = pair()
    attach(lab, a, "side", "10.5.0.1")
    on_side = a.socket(SOCK_DGRAM)
    on_side.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)
    on_side.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (GROUP, ip4("10.5.0.1")))
    on_side.bind((0, 9))
    on_lan = member(a)  # on shmif0, the first
    udp(b).sendto(b"x", (GROUP, 9))
    settle(lab)
    assert (received(on_lan), received(on_side)) == ([b"x"], [])


def test_bound_to_the_group_itself() -> None:
    lab, a, b = pair()
    so = b.socket(SOCK_DGRAM)
    so.bind((GROUP, 9))
    so.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (GROUP, 0))
    sender = udp(a)
    sender.sendto(b"group", (GROUP, 9))
    sender.sendto(b"alone", (ip4("10.0.0.2"), 9))
    settle(lab)
    assert received(so) == [b"group"]
    so.sendto(b"answer", (ip4("10.0.0.1"), 1))
    assert so.getsockname() == (GROUP, 9)


def test_a_host_without_any_route_reaches_groups_all_the_same() -> None:
    one = Member()
    udp(one.a).sendto(b"x", (ip4("224.0.0.251"), 5353))
    settle(one.lab)
    (heard,) = one.station.packets()
    assert heard.ether.dst == Mac(b"\x01\0\x5e\0\0\xfb")


def test_a_datagram_longer_than_the_link_is_cut_for_a_group() -> None:
    lab, a, b = pair()
    theirs = member(b)
    udp(a).sendto(bytes(4000), (GROUP, 9))
    settle(lab)
    assert [len(data) for data in received(theirs)] == [4000]


# --- everybody --------------------------------------------------------------------------------------------------


def shouting(host: Host, port: int = 0) -> Socket:
    so = udp(host, port)
    so.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)
    return so


@pytest.mark.parametrize("dst", ["10.0.0.255", "255.255.255.255"])
def test_a_program_must_say_that_it_means_everybody(dst: str) -> None:
    lab, a, b = pair()
    watch = Watch(lab)
    sinks = udp(a, 9), udp(b, 9)
    with pytest.raises(PermissionError, match="Permission denied"):
        udp(a).sendto(b"x", (ip4(dst), 9))
    assert watch.reasons() == ["nobroadcast"]
    shouting(a).sendto(b"x", (ip4(dst), 9))
    settle(lab)
    assert [received(sink) for sink in sinks] == [[b"x"], [b"x"]]  # ourselves too, once


def test_the_limited_broadcast_goes_out_of_one_interface() -> None:
    lab = Lab()
    a = lab.add_host("a")
    attach(lab, a, "one", "10.1.0.1")
    attach(lab, a, "two", "10.2.0.1")
    stations = [Station(lab, bus, 9) for bus in ("one", "two")]
    settle(lab)
    for station in stations:
        station.take()
    so = shouting(a)
    so.sendto(b"x", (ip4("255.255.255.255"), 9))
    so.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, ip4("10.2.0.1"))
    so.sendto(b"x", (ip4("255.255.255.255"), 9))
    so.sendto(b"x", (ip4("10.1.0.255"), 9))  # a net has its own link, whatever one says
    settle(lab)

    def heard(station: Station) -> list[tuple[Mac, str, str]]:
        return [(found.ether.dst, str(found.ip.src), str(found.ip.dst)) for found in station.packets()]

    assert heard(stations[0]) == [
        (ETHER_BROADCAST, "10.1.0.1", "255.255.255.255"), (ETHER_BROADCAST, "10.1.0.1", "10.1.0.255"),
    ]  # fmt: skip
    assert heard(stations[1]) == [(ETHER_BROADCAST, "10.2.0.1", "255.255.255.255")]


def test_the_limited_broadcast_goes_where_the_default_route_points() -> None:
    lab = Lab()
    a = lab.add_host("a")
    attach(lab, a, "one", "10.1.0.1")
    attach(lab, a, "two", "10.2.0.1")
    station = Station(lab, "two", 9)
    a.add_route(Prefix.parse("default"), ip4("10.2.0.9"))
    settle(lab)
    station.take()
    shouting(a).sendto(b"x", (ip4("255.255.255.255"), 9))
    settle(lab)
    assert [str(heard.ip.src) for heard in station.packets()] == ["10.2.0.1"]


def test_a_broadcast_is_never_cut() -> None:
    _, a, _ = pair()
    with pytest.raises(OSError, match="Message too long"):
        shouting(a).sendto(bytes(1473), (ip4("10.0.0.255"), 9))
    shouting(a).sendto(bytes(1472), (ip4("10.0.0.255"), 9))


def test_nobody_to_shout_to() -> None:
    lab = Lab()
    with pytest.raises(OSError, match="No route to host"):
        shouting(lab.add_host("a")).sendto(b"x", (ip4("255.255.255.255"), 9))


def test_a_directed_broadcast_crosses_a_router_that_lets_it() -> None:
    lab, a, r, b = routed()
    sink = udp(b, 9)
    so = udp(a)  # to us it is an address like any other
    watch = Watch(lab)
    so.sendto(b"x", (ip4("10.0.2.255"), 9))
    settle(lab)
    assert (received(sink), watch.reasons()) == ([], ["directedbcast"])
    r.sysctl.set("net.inet.ip.directed-broadcast", "1")
    so.sendto(b"x", (ip4("10.0.2.255"), 9))
    settle(lab)
    assert received(sink) == [b"x"]


def test_a_broadcast_of_our_own_choice() -> None:
    """BSD's old custom: all zeros."""
    lab, a, b = pair()
    for host, last in ((a, 1), (b, 2)):
        host.set_address(host.interfaces["shmif0"], ip4(f"10.9.0.{last}"), 24, broadcast=ip4("10.9.0.0"), dad=False)
    sink = udp(b, 9)
    shouting(a).sendto(b"x", (ip4("10.9.0.0"), 9))
    settle(lab)
    assert received(sink) == [b"x"]


def test_a_broadcast_reaches_each_socket_of_the_port_that_is_not_bound_elsewhere() -> None:
    lab, a, b = pair()
    sockets = []
    for address in ("0.0.0.0", "10.0.0.2", "10.0.0.255"):
        so = b.socket(SOCK_DGRAM)
        so.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        so.bind((ip4(address), 9))
        sockets.append(so)
    shouting(a).sendto(b"x", (ip4("10.0.0.255"), 9))
    settle(lab)
    assert [received(so) for so in sockets] == [[b"x"], [], [b"x"]]


def test_what_comes_by_broadcast_is_marked_as_such_by_the_link() -> None:
    one = Member()
    sink = udp(one.a, 9)
    one.station.inject(ETHER_BROADCAST, udp_packet("10.0.0.9", "255.255.255.255"))
    settle(one.lab)
    found: list[Heard] = one.station.take()
    assert (received(sink), found) == ([b"hello"], [])
