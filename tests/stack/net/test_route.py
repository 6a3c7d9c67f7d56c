"""The routing table (stack/net/route.py): longest match against a naive model, and a cache that never lies."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.addr import Ip4, Prefix
from stack.callout import Callouts
from stack.host import Host
from stack.net.ifnet import Ifaddr
from stack.net.loopback import Loopback
from stack.net.route import (
    RTF_BLACKHOLE,
    RTF_BROADCAST,
    RTF_DONE,
    RTF_GATEWAY,
    RTF_HOST,
    RTF_LOCAL,
    RTF_MULTICAST,
    RTF_REJECT,
    RTF_STATIC,
    RTF_UP,
    RouteTable,
    Rtentry,
    RtMessage,
)
from tests.stack.labs import Station, Watch, attach, ip4, pair, received, routed, settle, udp, udp_packet

# few bits, so that prefixes meet; the first octets are everybody's
addresses = st.tuples(st.sampled_from([1, 10, 10, 192, 223]), st.integers(0, 7), st.integers(0, 3)).map(
    lambda parts: Ip4(parts[0] << 24 | parts[1] << 13 | parts[2])
)
prefixes = st.tuples(addresses, st.integers(0, 32)).map(lambda pair: Prefix.of(*pair))


def empty() -> tuple[RouteTable, Loopback]:
    """A table of its own, and an interface for its routes."""
    ifp = Loopback("lo0", 1, Callouts())
    return RouteTable(ifp), ifp


class Naive:
    """What a table promises, in as many words."""

    def __init__(self) -> None:
        self.routes: dict[Prefix, Rtentry] = {}

    def lookup(self, dst: int) -> Rtentry | None:
        fits = [prefix for prefix in self.routes if prefix.has(dst)]
        return self.routes[max(fits, key=lambda prefix: prefix.plen)] if fits else None


steps = st.lists(st.tuples(st.sampled_from("aaadl"), prefixes, addresses), max_size=60)


@given(steps)
@settings(max_examples=300)
def test_every_lookup_is_the_longest_match_whatever_was_changed_before(steps: list[tuple[str, Prefix, Ip4]]) -> None:
    table, ifp = empty()
    naive = Naive()
    asked: set[Ip4] = set()
    for step, prefix, address in steps:
        if step == "a" and prefix not in naive.routes:
            naive.routes[prefix] = Rtentry(prefix, ifp, RTF_UP)
            table.add(naive.routes[prefix])
        elif step == "a":
            with pytest.raises(FileExistsError):
                table.add(Rtentry(prefix, ifp, RTF_UP))
        elif step == "d" and prefix in naive.routes:
            assert table.delete(prefix) is naive.routes.pop(prefix)
        elif step == "d":
            with pytest.raises(OSError) as caught:
                table.delete(prefix)
            assert caught.value.errno == errno.ESRCH
        asked.add(address)  # all that was ever asked is warm, and asked again after every change
        for dst in asked:
            assert table.lookup(dst) is naive.lookup(dst)
    assert len(table) == len(naive.routes)
    assert [rt.dst for rt in table] == sorted(naive.routes)
    assert all(table.exact(prefix) is rt for prefix, rt in naive.routes.items())


def test_the_cache_has_an_end() -> None:
    table, ifp = empty()
    default = Rtentry(Prefix.parse("default"), ifp, RTF_UP)
    table.add(default)
    for number in range(20_000):
        assert table.lookup(0x0A000000 + number) is default
    assert len(table.cache) <= 8192


def test_what_has_no_route_is_not_remembered() -> None:
    table, _ = empty()
    assert (table.lookup(ip4("10.0.0.1")), table.cache) == (None, {})


def test_everybody_groups_and_nobody_need_no_route() -> None:
    table, _ = empty()
    found = [table.lookup(ip4(address)) for address in ("255.255.255.255", "0.0.0.0", "224.0.0.1", "239.1.1.1")]
    wanted = [RTF_BROADCAST, RTF_BROADCAST, RTF_MULTICAST, RTF_MULTICAST]
    assert [rt is not None and rt.flags & (RTF_BROADCAST | RTF_MULTICAST) for rt in found] == wanted
    assert list(table) == []  # and no listing shows them


@pytest.mark.parametrize("address", ["127.0.0.2", "127.255.255.255", "0.0.0.1", "240.0.0.1", "255.255.255.254"])
def test_no_default_route_leads_to_nobody(address: str) -> None:
    """RFC 1122 3.2.1.3, RFC 1812 5.3.7."""
    lab, a, r, _ = routed()
    watch = Watch(lab)
    with pytest.raises(OSError, match="No route to host"):
        udp(a).sendto(b"x", (ip4(address), 9))
    assert watch.reasons() == ["reject"]
    station = Station(lab, "left", 9, "10.0.1.9").known(r.interfaces["shmif0"])
    station.inject(r.interfaces["shmif0"], udp_packet("10.0.1.9", address))
    settle(lab)
    assert (watch.reasons(), station.take()) == (["badaddr"], [])


def test_a_net_s_broadcast_is_there_as_long_as_its_address() -> None:
    table, ifp = empty()
    ifa = Ifaddr(ifp, ip4("10.0.0.1"), 24)
    assert table.lookup(ip4("10.0.0.255")) is None
    table.set_broadcast(ip4("10.0.0.255"), ifa)
    rt = table.lookup(ip4("10.0.0.255"))
    assert rt is not None and rt.ifa is ifa and rt.flags & RTF_BROADCAST
    table.set_broadcast(ip4("10.0.0.255"), None)
    assert table.lookup(ip4("10.0.0.255")) is None


# --- messages -----------------------------------------------------------------------------------------


def test_who_listens_is_told_of_every_change() -> None:
    table, ifp = empty()
    told: list[RtMessage] = []
    table.listeners += (told.append,)
    rt = Rtentry(Prefix.parse("10.0.0.0/8"), ifp, RTF_UP | RTF_GATEWAY, gateway=ip4("10.9.9.9"))
    table.add(rt, pid=7)
    table.delete(rt.dst)
    assert [(message.type, message.pid) for message in told] == [("RTM_ADD", 7), ("RTM_DELETE", 0)]
    assert told[0] == RtMessage(
        "RTM_ADD", rt.dst, ip4("10.9.9.9"), "lo0", 1, RTF_UP | RTF_GATEWAY | RTF_DONE, None, pid=7
    )
    assert not told[1].flags & RTF_UP
    with pytest.raises(OSError, match="No such process"):
        table.delete(rt.dst)
    assert len(told) == 2


# --- as packets see it ----------------------------------------------------------------------------------


def test_a_more_special_route_wins_and_its_uses_are_counted() -> None:
    lab, a, b = pair()
    third = lab.add_host("c")
    attach(lab, third, "lan", "10.0.0.3")
    for host in (b, third):
        host.set_address(host.interfaces["lo0"], ip4("192.0.2.1"), 32, alias=True)
    net = a.add_route(Prefix.parse("192.0.2.0/24"), ip4("10.0.0.2"))
    sinks = udp(b, 9), udp(third, 9)
    so = udp(a)
    so.sendto(b"net", (ip4("192.0.2.1"), 9))
    special = a.add_route(Prefix.parse("192.0.2.1/32"), ip4("10.0.0.3"))  # the cache is warm
    so.sendto(b"host", (ip4("192.0.2.1"), 9))
    settle(lab)
    a.routes.delete(special.dst)
    so.sendto(b"net again", (ip4("192.0.2.1"), 9))
    settle(lab)
    assert [received(sink) for sink in sinks] == [[b"net", b"net again"], [b"host"]]
    assert (net.use, special.use) == (2, 1)


def test_a_route_s_own_mtu() -> None:
    lab, a, b = pair()
    sink = udp(b, 9)
    rt = a.routes.unicast(ip4("10.0.0.2"))
    assert rt is not None
    rt.mtu = 576
    a.routes.changed()
    udp(a).sendto(bytes(1000), (ip4("10.0.0.2"), 9))
    settle(lab)
    assert (len(received(sink)[0]), a.ip.stat["ofragments"]) == (1000, 2)


def test_no_route_is_wider_than_its_link() -> None:
    lab, a, b = pair()
    sink = udp(b, 9)
    rt = a.routes.unicast(ip4("10.0.0.2"))
    assert rt is not None
    rt.mtu = 1400
    a.interfaces["shmif0"].set_mtu(1000)
    spy = Station(lab, "lan", sees_all=True)
    udp(a).sendto(bytes(1300), (ip4("10.0.0.2"), 9))
    settle(lab)
    assert max(heard.ip.len for heard in spy.packets()) <= 1000
    assert (len(received(sink)), rt.mtu) == (1, 0)


REFUSALS: dict[str, tuple[int, int, str, list[tuple[int, int]]]] = {
    "reject": (RTF_REJECT, errno.ENETUNREACH, "reject", [(3, 1)]),
    "blackhole": (RTF_BLACKHOLE, 0, "blackhole", []),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_routes_that_lead_nowhere(name: str) -> None:
    flag, error, reason, told = REFUSALS[name]
    lab, a, r, _ = routed()
    for host in (a, r):
        rt = Rtentry(Prefix.parse("192.0.2.0/24"), host.interfaces["lo0"], RTF_UP | RTF_STATIC | flag)
        host.routes.add(rt)
    watch = Watch(lab)
    seen = 0
    try:
        udp(a).sendto(b"x", (ip4("192.0.2.1"), 9))
    except OSError as refused:
        seen = refused.errno or 0
    assert (seen, watch.reasons()) == (error, [reason])
    station = Station(lab, "left", 9, "10.0.1.9").known(r.interfaces["shmif0"])
    station.inject(r.interfaces["shmif0"], udp_packet("10.0.1.9", "192.0.2.1"))
    settle(lab)
    assert (watch.reasons(), station.icmps()) == ([reason], told)


@pytest.mark.parametrize(
    ("plen", "interface", "flags", "error"),
    [
        (24, "lo0", RTF_GATEWAY, errno.ENETUNREACH),
        (32, "lo0", RTF_GATEWAY | RTF_HOST, errno.EHOSTUNREACH),
        (24, "shmif0", RTF_GATEWAY, errno.EHOSTUNREACH),
        (24, "shmif0", 0, errno.EHOSTDOWN),
    ],
)
def test_what_a_refused_program_hears(plen: int, interface: str, flags: int, error: int) -> None:
    """NetBSD net/route.c, rt_check_reject_route."""
    _, a, _, _ = routed()
    prefix = Prefix.parse(f"192.0.2.{0 if plen < 32 else 1}/{plen}")
    a.routes.add(Rtentry(prefix, a.interfaces[interface], RTF_UP | RTF_STATIC | RTF_REJECT | flags))
    with pytest.raises(OSError) as refused:
        udp(a).sendto(b"x", (ip4("192.0.2.1"), 9))
    assert refused.value.errno == error


def test_a_gateway_must_be_a_neighbour() -> None:
    _, a, _, _ = routed()
    for gateway in ("10.0.2.1", "10.0.1.1"):  # behind another, or ourselves
        with pytest.raises(OSError, match="Network is unreachable"):
            a.add_route(Prefix.parse("192.0.2.0/24"), ip4(gateway))


Change = Callable[[Host], object]
CHANGES: dict[str, tuple[Change, bool]] = {
    "nothing": (lambda r: None, True),
    "route deleted": (lambda r: r.routes.delete(Prefix.parse("10.0.2.0/24")), False),
    "address deleted": (lambda r: r.delete_address(r.interfaces["shmif1"], ip4("10.0.2.254")), False),
    "interface down": (lambda r: r.interfaces["shmif1"].down(), False),
    "interface destroyed": (lambda r: r.ifdestroy("shmif1"), False),
    "link gone": (lambda r: r.interfaces["shmif1"].set_linkstr(None), False),
    "host route added": (lambda r: r.add_route(Prefix.parse("10.0.2.1/32"), ip4("10.0.1.77")), False),
    "another route added": (lambda r: r.add_route(Prefix.parse("10.0.3.0/24"), ip4("10.0.1.77")), True),
    "destination becomes ours": (
        lambda r: r.set_address(r.interfaces["lo0"], ip4("10.0.2.1"), 32, alias=True), False,
    ),
    "destination becomes a broadcast": (
        lambda r: r.set_address(
            r.interfaces["shmif0"], ip4("10.0.3.1"), 24, broadcast=ip4("10.0.2.1"), alias=True, dad=False
        ), False,
    ),
    "MTU": (lambda r: r.interfaces["shmif1"].set_mtu(1000), True),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_warm_cache_sees_every_change(name: str) -> None:
    change, arrives = CHANGES[name]
    lab, a, r, b = routed()
    sink, so = udp(b, 9), udp(a)
    so.sendto(b"warm", (ip4("10.0.2.1"), 9))
    settle(lab)
    assert received(sink) == [b"warm"]
    change(r)
    so.sendto(b"after", (ip4("10.0.2.1"), 9))
    settle(lab)
    assert received(sink) == [b"after"] * arrives


def test_own_addresses_are_local_routes() -> None:
    _, a, _ = pair()
    rt = a.routes.lookup(ip4("10.0.0.1"))
    assert rt is not None and rt.flags & RTF_LOCAL and rt.ifp.name == "lo0"
