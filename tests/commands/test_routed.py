"""RIP: the table's rules and timers, the daemon on small labs, then networks that learn, break and heal."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands._rip import GARBAGE, TIMEOUT, UPDATE, RipTable
from netsh.topology.network import Network, build, free_net, plen_for
from netsh.topology.shapes import Chain, Mesh, Ring, Shape, Tree
from stack.addr import Ip4, Prefix
from stack.header.rip import (
    HOPCNT_INFINITY,
    INADDR_RIP_GROUP,
    RIP_AF_AUTH,
    RIP_PORT,
    RIPCMD_REQUEST,
    RIPCMD_RESPONSE,
    WHOLE_TABLE,
    Netinfo,
    Rip,
    netinfo,
)
from stack.host import Host
from stack.kern.proc import SIGKILL, SIGTERM
from stack.kern.socket import SO_REUSEPORT, SOCK_DGRAM, SOL_SOCKET, Socket
from stack.lab import Lab
from stack.net.route import RTF_DYNAMIC, RTF_GATEWAY, RTF_LOCAL, RTF_PROTO1, RTF_STATIC
from stack.netinet.in_ import IP_ADD_MEMBERSHIP, IP_MULTICAST_IF, IPPROTO_IP
from tests.commands.runner import Job, run, start
from tests.stack.labs import attach, ip4

OURS = RTF_DYNAMIC | RTF_PROTO1


def net(text: str) -> Prefix:
    return Prefix.parse(text)


# --- the table --------------------------------------------------------------------------------------

A, B = ip4("10.0.0.2"), ip4("10.0.1.2")
DST = net("10.9.0.0/16")


@pytest.fixture
def table() -> RipTable:
    return RipTable(Random(1), 0.0)


def said(table: RipTable, ifname: str, *, changed: bool = False) -> dict[Prefix, int]:
    return {entry.prefix: entry.metric for entry in table.nets(ifname, changed=changed)}


def test_a_nearer_way_is_taken(table: RipTable) -> None:
    table.hear(DST, 5, A, "a", 0, 0.0)
    table.hear(DST, 5, B, "b", 0, 1.0)
    assert table.routes[DST].gateway == A
    table.hear(DST, 4, B, "b", 0, 2.0)
    assert (table.routes[DST].gateway, table.routes[DST].metric) == (B, 4)
    table.hear(DST, 9, B, "b", 0, 3.0)  # its own gateway is believed, whatever it says
    assert table.routes[DST].metric == 9


def test_what_is_out_of_reach_is_not_learned(table: RipTable) -> None:
    table.hear(DST, 16, A, "a", 0, 0.0)
    table.hear(net("10.8.0.0/16"), 400, A, "a", 0, 0.0)
    assert not table.routes and not table.trigger_wanted


def test_what_is_ours_is_nearest(table: RipTable) -> None:
    table.set_own({DST: (1, "a")}, 0.0)
    table.hear(DST, 1, B, "b", 0, 0.0)
    assert not table.routes[DST].gateway
    table.set_own({}, 1.0)
    assert table.routes[DST].metric == HOPCNT_INFINITY
    table.hear(DST, 3, B, "b", 0, 2.0)
    assert table.routes[DST].gateway == B
    table.set_own({DST: (1, "a")}, 3.0)
    assert not table.routes[DST].gateway and table.routes[DST].deadline is None


def test_the_times_are_the_standards() -> None:
    assert (UPDATE, TIMEOUT, GARBAGE, HOPCNT_INFINITY) == (30.0, 180.0, 120.0, 16)  # RFC 2453 3.6, 3.8


def test_split_horizon_with_poisoned_reverse(table: RipTable) -> None:
    table.set_own({net("10.0.0.0/24"): (1, "a")}, 0.0)
    table.hear(DST, 2, A, "a", 0, 0.0)
    assert said(table, "a") == {net("10.0.0.0/24"): 1, DST: 16}
    assert said(table, "b") == {net("10.0.0.0/24"): 1, DST: 2}


def test_a_route_times_out_and_is_forgotten(table: RipTable) -> None:
    table.hear(DST, 2, A, "a", 0, 0.0)
    table.hear(DST, 2, A, "a", 0, 100.0)
    table.expire(100.0 + TIMEOUT - 0.1)
    assert table.routes[DST].is_good
    table.expire(100.0 + TIMEOUT)
    assert not table.routes[DST].is_good and said(table, "b") == {DST: 16}
    table.hear(DST, 16, A, "a", 0, 200.0 + TIMEOUT)  # it does not begin anew
    table.expire(100.0 + TIMEOUT + GARBAGE)
    assert not table.routes


def test_while_it_is_forgotten_another_way_may_be_found(table: RipTable) -> None:
    table.hear(DST, 2, A, "a", 0, 0.0)
    table.hear(DST, 16, A, "a", 0, 1.0)
    table.hear(DST, 15, B, "b", 0, 2.0)
    assert (table.routes[DST].gateway, table.routes[DST].deadline) == (B, 2.0 + TIMEOUT)


def test_halfway_to_its_end_an_equal_way_is_taken(table: RipTable) -> None:
    table.hear(DST, 2, A, "a", 0, 0.0)
    table.hear(DST, 2, B, "b", 0, TIMEOUT / 2)
    assert table.routes[DST].gateway == A
    table.hear(DST, 2, B, "b", 0, TIMEOUT / 2 + 1)
    assert table.routes[DST].gateway == B


def test_triggered_updates_have_what_is_new_and_wait_for_each_other(table: RipTable) -> None:
    table.set_own({net("10.0.0.0/24"): (1, "a")}, 0.0)
    assert table.take_update(0.0) == "triggered"
    table.told()
    assert table.take_update(0.5) == ""
    table.hear(DST, 2, A, "a", 0, 0.5)
    assert said(table, "b", changed=True) == {DST: 2}
    assert table.take_update(0.9) == ""  # RFC 2453 3.10.1: 1 to 5 seconds
    assert 1.0 <= table.trigger_after <= 5.0 and table.next_due() == table.trigger_after
    assert table.take_update(5.0) == "triggered"


def test_regular_updates_are_not_in_step() -> None:
    dues = set()
    for seed in range(50):
        table, now = RipTable(Random(seed), 0.0), 0.0
        for _ in range(4):
            last, now = now, table.update_due
            assert UPDATE - 5 <= now - last <= UPDATE + 5
            assert table.take_update(now) == "regular"
        dues.add(round(now, 3))
    assert len(dues) == 50


# --- the daemon, next to a neighbour in our hands -----------------------------------------------------


class Speaker:
    """A neighbour that says what a test wants, and keeps what it hears."""

    def __init__(self, lab: Lab, address: str = "10.0.0.2", port: int = RIP_PORT) -> None:
        self.host = lab.hosts.get("s") or lab.add_host("s")
        if not self.host.control.local(ip4(address)):
            attach(lab, self.host, "lan", address)
        self.so: Socket = self.host.socket(SOCK_DGRAM)
        self.so.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)
        self.so.bind((0, port))
        self.so.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, ip4(address))
        self.so.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (INADDR_RIP_GROUP, ip4(address)))

    def send(self, message: Rip | bytes, to: Ip4 = INADDR_RIP_GROUP) -> None:
        self.so.sendto(message.pack() if isinstance(message, Rip) else message, (to, RIP_PORT))

    def say(self, destination: str, metric: int) -> None:
        self.send(Rip(RIPCMD_RESPONSE, (netinfo(net(destination), metric),)))

    def heard(self) -> Iterator[Rip]:
        while self.so.readable:
            yield Rip.parse(self.so.recvmsg().data)

    def routes(self) -> dict[str, int]:
        """What the last word on each destination was."""
        return {str(entry.prefix): entry.metric for m in self.heard() if m.command == 2 for entry in m.nets}


def alone(options: str = "") -> tuple[Lab, Host, Speaker, Job]:
    """`r`, a router (10.0.0.1 on `lan`, 10.0.1.1 on `far`) that runs routed, and a speaker on `lan`."""
    lab = Lab()
    r = lab.add_host("r")
    attach(lab, r, "lan", "10.0.0.1")
    attach(lab, r, "far", "10.0.1.1")
    speaker = Speaker(lab)
    job = start(lab, "r", f"routed {options}")
    return lab, r, speaker, job


def learned(host: Host) -> dict[str, str]:
    return {str(rt.dst): str(rt.gateway) for rt in host.routes if rt.flags & OURS == OURS}


def test_it_asks_first_and_then_tells_what_it_has() -> None:
    lab, _, speaker, _ = alone()
    lab.run(1.0)
    request, *others = speaker.heard()
    assert request == Rip(RIPCMD_REQUEST, (WHOLE_TABLE,))
    assert [message.command for message in others] == [RIPCMD_RESPONSE]
    assert {str(entry.prefix): entry.metric for entry in others[0].nets} == {"10.0.0.0/24": 1, "10.0.1.0/24": 1}


def test_what_is_heard_is_a_route_and_is_told_on_with_one_more() -> None:
    lab, r, speaker, _ = alone()
    lab.run(10.0)
    speaker.say("10.9.0.0/16", 3)
    speaker.say("10.8.0.1/32", 14)
    speaker.say("10.7.0.0/16", 15)
    lab.run(11.0)
    assert learned(r) == {"10.8.0.1/32": "10.0.0.2", "10.9.0.0/16": "10.0.0.2"}
    shown = run(lab, "r", "netstat -rn").text
    assert "10.9/16            10.0.0.2           UGD1 " in shown and " UGHD1 " in shown
    answer = run(lab, "s", "rtquery -n 10.0.0.1")
    assert answer.lines == [
        "10.0.0.1: RIPv2 84 bytes", "  10.0.0/24          metric  1", "  10.0.1/24          metric  1",
        "  10.9/16            metric  4", "  10.8.0.1/32        metric 15",
    ]  # fmt: skip
    speaker.say("10.9.0.0/16", 16)
    lab.run(20.0)
    assert learned(r) == {"10.8.0.1/32": "10.0.0.2"}
    assert speaker.routes()["10.9.0.0/16"] == 16


def test_who_falls_silent_is_forgotten() -> None:
    lab, r, speaker, _ = alone()
    lab.run(10.0)
    speaker.say("10.9.0.0/16", 3)
    lab.run(10.0 + TIMEOUT - 1)
    assert learned(r)
    lab.run(10.0 + TIMEOUT + 1)
    assert not learned(r)
    assert "10.9.0.0/16" in speaker.routes()
    lab.run(10.0 + TIMEOUT + GARBAGE + 1)
    speaker.routes()
    lab.run(10.0 + TIMEOUT + GARBAGE + 60)
    assert set(speaker.routes()) == {"10.0.0.0/24", "10.0.1.0/24"}


def test_regular_updates() -> None:
    lab, r, _, _ = alone()
    lab.run(600.0)
    assert r.rip is not None
    assert 17 <= r.rip.stat["snd_regular"] <= 24
    assert r.rip.stat["snd_triggered"] == 1


AUTH = Rip(RIPCMD_RESPONSE, (Netinfo(RIP_AF_AUTH, 2, Ip4(0), Ip4(0), Ip4(0), 0), netinfo(DST, 1))).pack()


def response(*entries: Netinfo) -> bytes:
    return Rip(RIPCMD_RESPONSE, entries).pack()


GARBAGE_MESSAGES = [
    (b"", "badlen"), (b"\x02\x02", "badlen"), (b"\x02\x02\0\0" + bytes(21), "badlen"),
    (b"\x02\x02\0\0" + bytes(26 * 20), "toolong"), (b"\x02\x01\0\0" + bytes(20), "badversion"),
    (b"\x09\x02\0\0" + bytes(20), "badcommand"), (AUTH, "authenticated"),
    (response(Netinfo(7, 0, DST.net, DST.mask, Ip4(0), 1)), "badfamily"),
    (response(netinfo(DST, 0)), "badmetric"), (response(netinfo(DST, 17)), "badmetric"),
    (response(netinfo(DST, 0xFFFFFFFF)), "badmetric"), (response(netinfo(net("127.0.0.0/8"), 1)), "badnet"),
    (response(netinfo(net("224.0.0.0/4"), 1)), "badnet"), (response(netinfo(net("0.0.0.0/8"), 1)), "badnet"),
    (response(Netinfo(2, 0, Ip4(DST.net + 1), DST.mask, Ip4(0), 1)), "badnet"),
    (response(Netinfo(2, 0, DST.net, ip4("255.0.255.0"), Ip4(0), 1)), "badnet"),
    (Rip(RIPCMD_REQUEST, (WHOLE_TABLE._replace(metric=3),)).pack(), "badfamily"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "reason"), GARBAGE_MESSAGES)
def test_garbage_has_a_name(data: bytes, reason: str) -> None:
    lab, r, speaker, job = alone()
    lab.run(1.0)
    rip = r.rip
    assert rip is not None
    before = dict(rip.stat)
    speaker.send(data)
    lab.run(1.1)
    risen = {name for name, count in rip.stat.items() if count != before.get(name, 0)}
    assert reason in risen and risen <= {reason, "ipackets", "rcv_responses", "rcv_requests"}
    assert rip.stat[reason] == 1
    assert not learned(r)
    assert job.proc.status is None


prefixes = st.builds(Prefix.of, st.integers(0, 2**32 - 1), st.integers(0, 32))
MESSAGES = st.one_of(
    st.binary(max_size=600),
    st.binary(max_size=200).map(lambda data: b"\x02\x02\0\0" + data[: len(data) // 20 * 20]),
    st.lists(st.builds(netinfo, prefixes, st.integers(0, 18)))
    .map(lambda nets: Rip(RIPCMD_RESPONSE, tuple(nets[:25])).pack()),
    st.integers(1, 2).map(lambda command: bytes((command, 2, 0, 0)) + bytes(20)),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(MESSAGES, max_size=6))
def test_whatever_comes_it_goes_on(said: list[bytes]) -> None:
    lab, r, speaker, job = alone("-t")
    lab.run(1.0)
    for data in said:
        speaker.send(data)
    speaker.say("192.0.2.0/24", 1)
    lab.run(40.0)
    assert job.proc.status is None
    assert learned(r)["192.0.2.0/24"] == "10.0.0.2"
    assert r.rip is not None and r.rip.stat["ipackets"] == len(said) + 1
    for line in ("netstat -rn", "route -n show", "netstat -s -p rip"):
        assert run(lab, "r", line).status == 0
    job.proc.signal(SIGTERM)
    lab.run(41.0)
    assert not learned(r)


def test_only_neighbours_and_only_from_the_port() -> None:
    lab, r, _, _ = alone()
    far = Speaker(lab, "10.77.0.9")
    odd = Speaker(lab, "10.0.0.2", 5200)
    lab.run(1.0)
    far.so.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, ip4("10.77.0.9"))
    far.say("10.9.0.0/16", 1)
    odd.say("10.9.0.0/16", 1)
    lab.run(2.0)
    assert r.rip is not None
    assert (r.rip.stat["notneighbor"], r.rip.stat["badport"]) == (1, 1)
    assert not learned(r)


def test_what_it_says_itself_is_no_news() -> None:
    lab, r, _, _ = alone()
    attach(lab, r, "lan", "10.0.2.1")  # hears what the other interface on that bus says
    lab.run(1.0)
    assert r.rip is not None and r.rip.stat["ourown"] > 0
    assert not learned(r)


def test_who_cannot_be_reached_is_not_answered() -> None:
    lab, r, _, job = alone()
    far = Speaker(lab, "10.77.0.9", 5200)
    lab.run(1.0)
    far.so.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, ip4("10.77.0.9"))
    far.send(Rip(RIPCMD_REQUEST, (WHOLE_TABLE,)))
    lab.run(2.0)
    assert r.rip is not None and r.rip.stat["odropped"] == 1
    assert job.proc.status is None


def test_a_better_next_hop_on_the_link_is_taken() -> None:
    lab, r, speaker, _ = alone()
    lab.run(1.0)
    there, elsewhere = ip4("10.0.0.77"), ip4("192.0.2.1")
    speaker.send(response(netinfo(DST, 1, nexthop=there), netinfo(net("10.8.0.0/16"), 1, nexthop=elsewhere)))
    lab.run(2.0)
    assert learned(r) == {"10.8.0.0/16": "10.0.0.2", "10.9.0.0/16": "10.0.0.77"}


def test_questions_about_some() -> None:
    lab, _, speaker, _ = alone()
    lab.run(1.0)
    speaker.routes()
    asked = [netinfo(net(text), 16) for text in ("10.0.1.0/24", "10.99.0.0/16")]
    speaker.send(Rip(RIPCMD_REQUEST, (*asked, Netinfo(9, 0, Ip4(0), Ip4(0), Ip4(0), 2))), ip4("10.0.0.1"))
    lab.run(1.1)
    (answer,) = speaker.heard()
    assert [entry.metric for entry in answer.nets] == [1, 16, 16]


def test_static_routes_are_told_and_stay() -> None:
    lab, r, speaker, _ = alone()
    r.add_route(DST, ip4("10.0.1.9"))
    r.add_route(net("default"), ip4("10.0.1.9"))
    lab.run(1.0)
    assert speaker.routes().items() >= {"10.9.0.0/16": 1, "0.0.0.0/0": 1}.items()
    speaker.say("10.9.0.0/16", 1)
    lab.run(2.0)
    assert not learned(r)
    rt = r.routes.exact(DST)
    assert rt is not None and rt.flags & RTF_STATIC
    r.routes.delete(DST)
    lab.run(9.0)
    assert speaker.routes()["10.9.0.0/16"] == 16
    speaker.say("10.9.0.0/16", 1)
    lab.run(10.0)
    assert learned(r) == {"10.9.0.0/16": "10.0.0.2"}


@pytest.mark.parametrize(
    ("options", "forwarding", "told"),
    [("", 1, {"10.0.0.0/24", "10.0.1.0/24"}), ("", 0, set()), ("-q", 1, set()),
     ("-s", 0, {"10.0.0.0/24", "10.0.1.0/24"}), ("-g", 0, {"0.0.0.0/0", "10.0.0.0/24", "10.0.1.0/24"})],
)  # fmt: skip
def test_who_supplies(options: str, forwarding: int, told: set[str]) -> None:
    lab, r, speaker, _ = alone(options)
    r.ip.forwarding = forwarding
    lab.run(60.0)
    speaker.say("10.9.0.0/16", 1)
    lab.run(60.5)
    assert learned(r) == {"10.9.0.0/16": "10.0.0.2"}
    assert set(speaker.routes()) - {"10.9.0.0/16"} == told


def test_ended_it_takes_its_routes_along() -> None:
    lab, r, speaker, job = alone()
    lab.run(1.0)
    speaker.say("10.9.0.0/16", 1)
    lab.run(20.0)
    speaker.routes()
    job.proc.signal(SIGTERM)
    lab.run(21.0)
    assert job.proc.status == 143
    assert not learned(r) and not r.routes.listeners
    assert set(speaker.routes().values()) == {16}


def test_killed_it_leaves_them_to_the_next() -> None:
    lab, r, speaker, job = alone()
    lab.run(1.0)
    speaker.say("10.9.0.0/16", 1)
    lab.run(2.0)
    job.proc.signal(SIGKILL)
    lab.run(3.0)
    assert learned(r) and not r.routes.listeners
    start(lab, "r", "routed")
    lab.run(4.0)
    assert not learned(r)


def test_one_a_host() -> None:
    lab, _, _, _ = alone()
    lab.run(1.0)
    answer = run(lab, "r", "routed")
    assert answer.errors == ["routed: port 520: Address already in use ('ps' shows who runs)"]
    assert answer.status == 1


def test_it_tells_what_it_does() -> None:
    lab, _, speaker, job = alone("-t")
    lab.run(1.0)
    speaker.say("10.9.0.0/16", 2)
    lab.run(2.0)
    speaker.say("10.9.0.0/16", 5)
    lab.run(3.0)
    speaker.say("10.9.0.0/16", 16)
    lab.run(4.0)
    line = "10.9.0.0/16        --> 10.0.0.2        metric="
    assert job.answer.lines == [f"Add {line}3  shmif0", f"Chg {line}6  shmif0", f"Del {line}16 shmif0"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("routed x", "routed: x: one word too many"),
        ("routed -x", "routed: unknown option -- x"),
        ("routed -qs", "routed: -q is to be quiet, -s and -g are not"),
        ("rtquery", "rtquery: the host to ask is missing"),
        ("rtquery -r x r", "rtquery: x: not a destination"),
        ("rtquery -w -1 r", "rtquery: -1: seconds are at least"),
        ("rtquery -w", "rtquery: option requires an argument"),
    ],
)
def test_wrong_words(line: str, complaint: str) -> None:
    lab = Lab()
    answer = run(lab, "r", line)
    assert answer.status == 2 and len(answer.errors) == 1
    assert answer.errors[0].startswith(complaint)


def test_nobody_answers() -> None:
    lab, _, _, job = alone()
    job.proc.signal(SIGKILL)
    answer = run(lab, "s", "rtquery -w 2 10.0.0.1")
    assert (answer.status, lab.callouts.now) == (1, 2.0)
    assert answer.errors == ["rtquery: 10.0.0.1: no answer: does 'routed' run there, and is there a way to it?"]


def test_an_interface_that_is_down_is_gone_round() -> None:
    """Our end is down, and the other end does not know: its network is reached another way, until we are up again."""
    lab, r, speaker, _ = alone()
    lab.run(1.0)
    r.interfaces["shmif1"].down()
    speaker.say("10.0.1.0/24", 2)
    lab.run(10.0)
    assert learned(r) == {"10.0.1.0/24": "10.0.0.2"}
    r.interfaces["shmif1"].up()
    lab.run(11.0)
    assert not learned(r)
    rt = r.routes.exact(net("10.0.1.0/24"))
    assert rt is not None and rt.ifp.name == "shmif1" and not rt.flags & RTF_GATEWAY
    assert speaker.routes()["10.0.1.0/24"] == 1


def test_an_interface_that_goes_takes_its_routes() -> None:
    lab, r, speaker, job = alone()
    lab.run(1.0)
    speaker.say("10.9.0.0/16", 2)
    lab.run(2.0)
    r.ifdestroy("shmif0")
    lab.run(3.0)
    assert not learned(r) and job.proc.status is None
    attach(lab, r, "lan", "10.0.0.1")
    lab.run(4.0)
    speaker.say("10.9.0.0/16", 2)
    lab.run(5.0)
    assert learned(r) == {"10.9.0.0/16": "10.0.0.2"}


# --- networks ---------------------------------------------------------------------------------------


def network(shape: Shape, seed: int = 1) -> Lab:
    lab = Lab(seed)
    prefix = free_net(lab, plen_for(shape, True))
    assert prefix is not None
    for _ in build(lab, Network(shape, prefix, routed=True)):
        pass
    for name in lab.hosts:
        start(lab, name, "routed")
    return lab


def ident(host: Host) -> Ip4:
    return next(ifa.address for ifa in host.interfaces["lo0"].addresses if not ifa.address.is_loopback)


def hops(lab: Lab, a: str, b: str) -> int | None:
    """How many links a packet passes to the other's own address; None when it does not get there."""
    host, target = lab[a], ident(lab[b])
    interfaces = ((other, ifp) for other in lab.hosts.values() for ifp in other.interfaces.values())
    owners = {ifa.address: other for other, ifp in interfaces for ifa in ifp.addresses}
    for steps in range(64):
        rt = host.routes.unicast(target)
        if rt is None or not rt.ifp.runs:
            return None
        if rt.flags & RTF_LOCAL:
            return steps
        following = owners.get(rt.gateway or target)
        if following is None:
            return None
        host = following
    raise AssertionError("it goes round")


@pytest.mark.parametrize(
    "shape", [Chain(2), Chain(8), Chain(15), Ring(9), Mesh((4, 4)), Mesh((2, 2, 2)), Tree(2, 3)],
    ids=lambda shape: f"{type(shape).__name__}-{shape.count}",
)  # fmt: skip
def test_all_is_learned_by_shortest_paths(shape: Shape) -> None:
    lab = network(shape)
    lab.run(90.0)
    for a in range(shape.count):
        for b in range(shape.count):
            at, steps = a, 0
            while at != b:
                following = shape.next_hop(at, b)
                assert following is not None
                at, steps = following, steps + 1
            assert hops(lab, shape.name(a), shape.name(b)) == steps
    assert run(lab, shape.name(0), f"ping -qc 1 {shape.name(shape.count - 1)}").status == 0


def test_too_far_is_too_far() -> None:
    lab = network(Chain(17))
    lab.run(120.0)
    assert hops(lab, "r1", "r15") == 14
    assert hops(lab, "r1", "r16") is None


@pytest.mark.parametrize("seed", range(4))
def test_a_cut_heals_and_a_mended_wire_is_used_again(seed: int) -> None:
    lab = network(Ring(8), seed)
    lab.run(90.0)
    assert hops(lab, "r1", "r2") == 1
    lab.buses["r1-r2"].set_carrier(False)
    lab.run(90.0 + 35.0 + 4 * 5.0 + 1.0)  # r5 still knows a way: at its next update r6 learns it, then r7, r8, r1
    assert hops(lab, "r1", "r2") == 7
    assert run(lab, "r1", "ping -qc 1 r2").status == 0
    lab.buses["r1-r2"].set_carrier(True)
    lab.run(lab.callouts.now + 60.0)
    assert hops(lab, "r1", "r2") == 1
    assert hops(lab, "r8", "r3") == 3


def test_a_dead_router_is_gone_round() -> None:
    """Nobody sees it die: its wires carry, its routes time out."""
    shape = Mesh((3, 3))
    lab = network(shape)
    lab.run(90.0)
    lab.remove_host("r2_2")
    lab.run(90.0 + TIMEOUT + 60.0)
    for a in lab.hosts:
        for b in lab.hosts:
            assert hops(lab, a, b) is not None
    assert hops(lab, "r2_1", "r2_3") == 4


def test_a_killed_daemon_is_no_router() -> None:
    lab = network(Ring(4))
    lab.run(60.0)
    daemon = next(proc for proc in lab.procs.values() if proc.hostname == "r2" and proc.argv[0] == "routed")
    daemon.signal(SIGTERM)
    lab.run(62.0)  # it says so itself
    assert hops(lab, "r1", "r3") in (None, 2)
    lab.run(110.0)
    assert hops(lab, "r1", "r3") == 2
    assert all(str(rt.gateway) != str(ident(lab["r2"])) for rt in lab["r1"].routes if rt.dst.has(ident(lab["r3"])))


@pytest.mark.parametrize("seed", range(4))
def test_counting_to_infinity_has_an_end(seed: int) -> None:
    """Behind a loop of three, where poisoned reverse does not help: r1 - r2 - r3 - r1, and r4 on r1."""
    lab = network(Ring(3), seed)
    stub = lab.add_host("r4")
    lab.link(lab["r1"], stub)
    stub.set_address(stub.interfaces["lo0"], ip4("10.99.0.4"), 32, alias=True)
    start(lab, "r4", "routed -s")
    lab.run(90.0)
    assert hops(lab, "r2", "r4") == 2
    sent = {name: host.udp.stat["opackets"] for name, host in lab.hosts.items()}
    lab.buses["r1-r4"].set_carrier(False)
    lab.run(90.0 + 16 * 5.0)  # each step up takes a triggered update, which waits 5 s at most
    for name in ("r1", "r2", "r3"):
        assert lab[name].routes.unicast(ip4("10.99.0.4")) is None
        assert lab[name].udp.stat["opackets"] - sent[name] < 2 * 16 + 2 * 4
    lab.run(90.0 + 80.0 + TIMEOUT + GARBAGE)
    assert "10.99.0.4" not in run(lab, "r2", "rtquery -n r1").text
