"""Addresses: duplicate address detection as RFC 5227 asks, and the routes they bring (stack/netinet/in_control.py).

state       event                                       becomes     what is heard
----------  ------------------------------------------  ----------  -----------------------------
(new)       on a link that runs                         tentative   three probes, in time
(new)       on a link that does not                     detached
(new)       without detection                           ready       an announcement
tentative   nobody objects                              ready       an announcement
tentative   somebody answers a probe                    duplicated  nothing more
tentative   somebody announces it                       duplicated  nothing more
tentative   somebody probes for it too                  duplicated  nothing more
tentative   the link goes                               detached    nothing more
ready       somebody else uses it                       ready       an announcement, once in 10 s
ready       somebody probes for it                      ready       an answer
ready       the link goes                               detached
detached    the link comes                              tentative   three probes
duplicated  the link goes and comes                     tentative   three probes
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from itertools import pairwise

import pytest

from stack.addr import INADDR_ANY, Ip4, Mac, Prefix
from stack.header.arp import ARPOP_REPLY, ARPOP_REQUEST
from stack.host import Host
from stack.kern.socket import SO_BROADCAST, SOL_SOCKET
from stack.lab import Lab
from stack.net.ifnet import (
    IFF_BROADCAST,
    IFF_NOARP,
    IFF_POINTOPOINT,
    IN_IFF_DETACHED,
    IN_IFF_DUPLICATED,
    IN_IFF_TENTATIVE,
    Ifaddr,
    Ifnet,
)
from stack.net.route import RTF_CONNECTED, RTF_LOCAL, RTF_STATIC, RTF_UP, Rtentry, RtMessage
from tests.stack.labs import Station, Watch, arptab, attach, ip4, pair, received, routed, settle, udp, udp_packet, wait

ALIEN = Mac(b"\x02\0\0\0\0\x77")
STATES = {
    0: "ready", IN_IFF_TENTATIVE: "tentative", IN_IFF_DUPLICATED: "duplicated", IN_IFF_DETACHED: "detached",
}  # fmt: skip


class Claim:
    """A host that claims 10.0.0.1, and a station that hears it."""

    def __init__(self, seed: int = 1) -> None:
        self.lab = Lab(seed)
        self.host = self.lab.add_host("a")
        self.ifp = self.host.ifcreate("shmif0")
        self.station = Station(self.lab, "lan", 9, "10.0.0.9", sees_all=True)
        self.watch = Watch(self.lab)

    def join(self) -> None:
        self.ifp.set_linkstr("lan")

    def leave(self) -> None:
        self.ifp.set_linkstr(None)

    def claim(self, *, dad: bool = True) -> Ifaddr:
        return self.host.set_address(self.ifp, ip4("10.0.0.1"), 24, dad=dad)

    @property
    def state(self) -> str:
        return STATES[self.ifp.addresses[0].flags]

    def object_by_answer(self) -> None:
        self.station.arp(ARPOP_REPLY, "0.0.0.0", spa="10.0.0.1", to=self.ifp)
        settle(self.lab)

    def object_by_announcement(self) -> None:
        self.station.arp(ARPOP_REQUEST, "10.0.0.1", spa="10.0.0.1")
        settle(self.lab)

    def probe(self) -> None:
        self.station.arp(ARPOP_REQUEST, "10.0.0.1", spa="0.0.0.0")
        settle(self.lab)

    def enter(self, state: str) -> None:
        """Get into a state."""
        if state != "(new)":
            if state != "detached":
                self.join()
            self.claim(dad=state != "ready")
            settle(self.lab)
            if state == "duplicated":
                wait(self.lab, 1.5)
                self.object_by_answer()
            assert self.state == state
        self.station.take()

    def happen(self, event: str) -> None:
        """Let an event of the table happen, and time enough for what follows."""
        for step in {
            "on a link that runs": (self.join, self.claim),
            "on a link that does not": (self.claim,),
            "without detection": (self.join, lambda: self.claim(dad=False)),
            "nobody objects": (lambda: wait(self.lab, 10),),
            "somebody answers a probe": (lambda: wait(self.lab, 1.5), self.take, self.object_by_answer),
            "somebody announces it": (self.object_by_announcement,),
            "somebody probes for it too": (self.probe,),
            "somebody else uses it": (self.object_by_announcement, self.object_by_announcement),
            "somebody probes for it": (self.probe,),
            "the link goes": (self.leave,),
            "the link comes": (self.join,),
            "the link goes and comes": (self.leave, self.join),
        }[event]:
            step()
        self.now_state = self.state if event != "nobody objects" else ""
        wait(self.lab, 4.5 if self.state == "tentative" else 8)

    def take(self) -> None:
        self.station.take()

    def said(self) -> str:
        """What was heard, in the words of the table."""
        probes = announcements = answers = 0
        for frame in self.station.arps():
            if frame.arp.op == ARPOP_REPLY:
                answers += 1
            elif frame.arp.spa == INADDR_ANY:
                probes += 1
            elif frame.arp.spa == frame.arp.tpa:
                announcements += 1
        return f"{probes} probes, {announcements} announcements, {answers} answers"


ROWS = [tuple(re.split(r"\s{2,}", line)) for line in (__doc__ or "").splitlines()[4:] if line]
HEARD = {
    "three probes, in time": (3, 0, 0),
    "three probes": (3, 0, 0),
    "an announcement": (0, 1, 0),
    "an announcement, once in 10 s": (0, 1, 0),
    "nothing more": (0, 0, 0),
    "an answer": (0, 0, 1),
    "": (0, 0, 0),
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}, {row[1]}")
def test_row(row: tuple[str, ...]) -> None:
    claim = Claim()
    claim.enter(row[0])
    claim.happen(row[1])
    said = claim.said()
    probes, announcements, answers = HEARD[row[3] if len(row) > 3 else ""]
    if row[1] == "nobody objects":  # the probes of the state before are in it
        probes = 3
    assert (claim.now_state or claim.state) == row[2]
    # what the station itself says is heard too, by nobody: it does not hear itself
    assert said == f"{probes} probes, {announcements} announcements, {answers} answers"


def test_probes_are_timed_as_rfc_5227_asks() -> None:
    for seed in range(20):
        claim = Claim(seed)
        claim.join()
        claim.claim()
        wait(claim.lab, 20)
        first, second, third, announcement = claim.station.arps()
        assert 0 <= first.time <= 1  # PROBE_WAIT
        assert all(1 <= later.time - earlier.time <= 2 for earlier, later in ((first, second), (second, third)))
        assert announcement.time - third.time == pytest.approx(2)  # ANNOUNCE_WAIT
        assert {frame.arp.tpa for frame in (first, second, third)} == {ip4("10.0.0.1")}
        assert {frame.arp.spa for frame in (first, second, third)} == {INADDR_ANY}


def test_two_hosts_that_start_together_never_both_have_it() -> None:
    for seed in range(20):
        lab = Lab(seed)
        addresses = [attach(lab, lab.add_host(name), "lan", "10.0.0.1", dad=True).addresses[0] for name in "ab"]
        wait(lab, 20)
        states = {STATES[ifa.flags] for ifa in addresses}
        assert states in ({"ready", "duplicated"}, {"duplicated"})


def test_a_duplicate_is_logged_never_used_and_never_answered_for() -> None:
    claim = Claim()
    said: list[str] = []
    claim.lab.probes.log += (lambda host, text: said.append(text),)
    claim.enter("duplicated")
    assert said == [f"shmif0: DAD duplicate address 10.0.0.1 from {claim.station.mac}"]
    assert claim.watch.reasons() == ["rcvlocalspa"]
    with pytest.raises(OSError, match="Can't assign"):
        udp(claim.host).sendto(b"x", (ip4("10.0.0.9"), 9))
    with pytest.raises(OSError, match="Can't assign"):
        udp(claim.host, 7, "10.0.0.1")
    claim.station.arp(ARPOP_REQUEST, "10.0.0.1")
    claim.station.inject(claim.ifp, udp_packet("10.0.0.9", "10.0.0.1"))
    settle(claim.lab)
    assert (claim.watch.reasons(), claim.station.take()) == (["badsource", "badaddr"], [])


def test_what_is_sent_from_a_tentative_address_waits_and_then_goes() -> None:
    claim = Claim()
    claim.join()
    claim.claim()
    claim.station.known(claim.ifp)
    so = udp(claim.host)
    for number in range(70):
        try:
            so.sendto(b"%d" % number, (ip4("10.0.0.9"), 9))
        except OSError as error:
            assert (error.errno, number >= 64) == (errno.ENOBUFS, True)
    wait(claim.lab, 1)
    assert claim.station.packets() == []
    wait(claim.lab, 10)
    assert [frame.body[8:] for frame in claim.station.packets()] == [b"%d" % number for number in range(64)]
    assert claim.watch.reasons() == ["tentative"] * 6


@pytest.mark.parametrize(
    ("end", "reasons"),
    [
        (Claim.object_by_answer, ["duplicated", "rcvlocalspa"]),
        (Claim.leave, ["ifdown"]),
        (lambda claim: claim.host.delete_address(claim.ifp, ip4("10.0.0.1")), ["addrgone"]),
    ],
    ids=["duplicate", "link down", "deleted"],
)
def test_what_waited_in_vain_is_counted(end: Callable[[Claim], None], reasons: list[str]) -> None:
    claim = Claim()
    claim.join()
    claim.claim()
    udp(claim.host).sendto(b"x", (ip4("10.0.0.9"), 9))
    end(claim)
    wait(claim.lab, 20)
    assert claim.watch.reasons() == reasons
    assert claim.station.packets() == []


def test_a_broadcast_that_waited_is_heard_by_ourselves_once() -> None:
    claim = Claim()
    claim.join()
    claim.claim()
    so = udp(claim.host, 9)
    so.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)
    so.sendto(b"all", (ip4("10.0.0.255"), 9))
    wait(claim.lab, 20)
    assert (received(so), len(claim.station.packets())) == ([b"all"], 1)


@pytest.mark.parametrize("state", ["tentative", "detached"])
def test_what_is_for_ourselves_does_not_wait(state: str) -> None:
    claim = Claim()
    claim.enter(state)
    sink = udp(claim.host, 9)
    udp(claim.host).sendto(b"x", (ip4("10.0.0.1"), 9))
    settle(claim.lab)
    assert (received(sink), claim.watch.reasons()) == ([b"x"], [])


def test_another_address_of_the_host_is_not_held_up() -> None:
    lab, a, b = pair()
    attach(lab, a, "other", "10.7.0.1", dad=True)
    sink = udp(b, 9)
    udp(a).sendto(b"x", (ip4("10.0.0.2"), 9))
    settle(lab)
    assert received(sink) == [b"x"]


def test_a_claim_is_defended_once_in_ten_seconds_each_address_for_itself() -> None:
    claim = Claim()
    claim.enter("ready")
    claim.host.set_address(claim.ifp, ip4("10.0.0.2"), 24, alias=True, dad=False)
    settle(claim.lab)
    claim.station.take()
    for second in range(12):
        claim.object_by_announcement()
        if second == 1:
            claim.station.arp(ARPOP_REQUEST, "10.0.0.2", spa="10.0.0.2")
        wait(claim.lab, 1)
    heard = [(int(frame.time), str(frame.arp.spa)) for frame in claim.station.arps()]
    assert heard == [(0, "10.0.0.1"), (1, "10.0.0.2"), (10, "10.0.0.1")]
    assert claim.host.arp.stat["rcvlocalspa"] == 13


def test_detection_can_be_switched_off() -> None:
    claim = Claim()
    claim.host.sysctl.set("net.inet.ip.dad_count", "0")
    claim.join()
    claim.claim()
    assert claim.state == "ready"
    settle(claim.lab)
    assert claim.said() == "0 probes, 1 announcements, 0 answers"


def test_without_arp_there_is_nothing_to_detect() -> None:
    claim = Claim()
    claim.join()
    claim.ifp.set_flags(IFF_NOARP)
    claim.claim()
    assert claim.state == "ready"


def test_a_detached_address_is_not_used() -> None:
    claim = Claim()
    claim.claim()
    with pytest.raises(OSError, match="Network is down"):
        udp(claim.host).sendto(b"x", (ip4("10.0.0.9"), 9))
    assert claim.watch.reasons() == ["badsource"]


def test_a_second_address_on_a_link_that_is_down_is_detached_too() -> None:
    claim = Claim()
    claim.claim()
    second = claim.host.set_address(claim.ifp, ip4("10.0.0.2"), 24, alias=True)
    assert STATES[second.flags] == "detached"
    claim.join()
    assert STATES[second.flags] == "tentative"
    wait(claim.lab, 20)
    assert STATES[second.flags] == "ready" and claim.host.ip.unready is None  # the fast way is open again


# --- routes -------------------------------------------------------------------------------------------


def routes(host: Host) -> dict[str, str]:
    """The table, loopback left out: destination -> interface, gateway or `local`."""
    found = {}
    for rt in host.routes:
        if rt.dst.net.is_loopback:
            continue
        where = "local" if rt.flags & RTF_LOCAL else str(rt.gateway or rt.ifp.name)
        found[str(rt.dst)] = where
    return found


def make(*bus: str) -> tuple[Lab, Host, list[Ifnet]]:
    """A host with interfaces on buses."""
    lab = Lab()
    host = lab.add_host("h")
    interfaces = []
    for number, name in enumerate(bus):
        ifp = host.ifcreate(f"shmif{number}")
        ifp.set_linkstr(name)
        interfaces.append(ifp)
    return lab, host, interfaces


def test_an_address_brings_its_net_and_itself() -> None:
    _, host, (ifp,) = make("x")
    ifa = host.set_address(ifp, ip4("10.1.2.3"), 20, dad=False)
    assert routes(host) == {"10.1.0.0/20": "shmif0", "10.1.2.3/32": "local"}
    net, local = host.routes.exact(Prefix.parse("10.1.0.0/20")), host.routes.exact(Prefix.parse("10.1.2.3/32"))
    assert net is not None and net.flags == RTF_UP | RTF_CONNECTED and net.ifa is ifa
    assert local is not None and local.ifp.name == "lo0"
    assert ifa.broadcast == ip4("10.1.15.255")
    host.delete_address(ifp, ip4("10.1.2.3"))
    assert routes(host) == {}
    assert host.routes.lookup(ip4("10.1.15.255")) is None


@pytest.mark.parametrize("plen", [31, 32])
def test_a_link_of_two_has_no_broadcast(plen: int) -> None:
    _, host, (ifp,) = make("x")
    ifa = host.set_address(ifp, ip4("10.0.0.0"), plen, dad=False)
    assert ifa.broadcast is None
    assert ("10.0.0.0/31" in routes(host)) == (plen == 31)


def test_two_addresses_on_one_net_and_the_heir() -> None:
    _, host, (ifp,) = make("x")
    host.set_address(ifp, ip4("10.0.0.1"), 24, dad=False)
    second = host.set_address(ifp, ip4("10.0.0.2"), 24, alias=True, dad=False)
    host.delete_address(ifp, ip4("10.0.0.1"))
    rt = host.routes.lookup(ip4("10.0.0.99"))
    assert rt is not None and rt.ifa is second
    everybody = host.routes.lookup(ip4("10.0.0.255"))
    assert everybody is not None and everybody.ifa is second
    host.delete_address(ifp, ip4("10.0.0.2"))
    assert routes(host) == {}


def test_two_interfaces_on_one_net_and_the_heir() -> None:
    _, host, (first, other) = make("x", "x")
    host.set_address(first, ip4("10.0.0.1"), 24, dad=False)
    host.set_address(other, ip4("10.0.0.2"), 24, dad=False)
    assert routes(host)["10.0.0.0/24"] == "shmif0"
    host.ifdestroy("shmif0")
    assert routes(host) == {"10.0.0.0/24": "shmif1", "10.0.0.2/32": "local"}


def test_a_net_s_route_that_was_deleted_by_hand_stays_deleted() -> None:
    _, host, (first, other) = make("x", "y")
    host.set_address(first, ip4("10.0.0.1"), 24, dad=False)
    host.set_address(other, ip4("10.1.0.1"), 24, dad=False)
    host.routes.delete(Prefix.parse("10.0.0.0/24"))
    host.delete_address(other, ip4("10.1.0.1"))
    assert routes(host) == {"10.0.0.1/32": "local"}


def test_static_routes_follow_the_gateway_s_net_to_its_next_address() -> None:
    _, host, (ifp,) = make("x")
    told: list[RtMessage] = []
    host.set_address(ifp, ip4("10.0.0.1"), 24, dad=False)
    host.set_address(ifp, ip4("10.0.0.2"), 24, alias=True, dad=False)
    rt = host.add_route(Prefix.parse("default"), ip4("10.0.0.9"))
    host.routes.listeners += (told.append,)
    host.delete_address(ifp, ip4("10.0.0.1"))
    assert rt.ifa is not None and rt.ifa.address == ip4("10.0.0.2")
    assert ("RTM_CHANGE", Prefix.parse("default")) in [(message.type, message.dst) for message in told]
    host.delete_address(ifp, ip4("10.0.0.2"))
    assert routes(host) == {}


def test_an_address_takes_the_place_of_a_host_route() -> None:
    _, host, (ifp,) = make("x")
    host.set_address(ifp, ip4("10.0.0.1"), 24, dad=False)
    host.add_route(Prefix.parse("10.9.9.9/32"), ip4("10.0.0.9"))
    host.set_address(ifp, ip4("10.9.9.9"), 32, alias=True, dad=False)
    assert routes(host)["10.9.9.9/32"] == "local"


def test_a_point_to_point_link() -> None:
    _, host, (ifp,) = make("x")
    ifp.set_flags(IFF_POINTOPOINT | IFF_NOARP, IFF_BROADCAST)
    ifa = host.set_address(ifp, ip4("10.0.0.1"), 32, dst=ip4("10.7.7.7"), dad=False)
    assert routes(host) == {"10.0.0.1/32": "local", "10.7.7.7/32": "shmif0"}
    assert (ifa.broadcast, ifp.on_link(ip4("10.7.7.7"))) == (None, ifa)
    so = udp(host)
    so.connect((ip4("10.7.7.7"), 9))
    assert so.getsockname()[0] == ip4("10.0.0.1")
    host.delete_address(ifp, ip4("10.0.0.1"))
    assert routes(host) == {}


def test_the_other_end_means_nothing_where_there_are_many() -> None:
    _, host, (ifp,) = make("x")
    ifa = host.set_address(ifp, ip4("10.0.0.1"), 24, dst=ip4("10.7.7.7"), dad=False)
    assert (ifa.destination, "10.0.0.0/24" in routes(host)) == (None, True)


def test_all_the_world_on_one_link() -> None:
    _, host, (ifp,) = make("x")
    ifa = host.set_address(ifp, ip4("10.0.0.1"), 0, dad=False)
    rt = host.routes.lookup(ip4("192.0.2.1"))
    assert rt is not None and rt.ifa is ifa and not rt.nexthop
    with pytest.raises(OSError, match="Can't assign"):
        host.set_address(ifp, ip4("10.0.0.2"), -1, alias=True)


def test_a_new_primary_address_takes_the_old_one_s_place() -> None:
    _, host, (ifp,) = make("x")
    host.set_address(ifp, ip4("10.0.0.1"), 24, dad=False)
    host.set_address(ifp, ip4("10.0.0.7"), 24, alias=True, dad=False)
    host.set_address(ifp, ip4("10.1.0.1"), 16, dad=False)
    assert [str(ifa.address) for ifa in ifp.addresses] == ["10.1.0.1", "10.0.0.7"]
    assert "10.0.0.1/32" not in routes(host)


@pytest.mark.parametrize(
    ("address", "plen", "error"),
    [
        ("224.0.0.1", 4, errno.EADDRNOTAVAIL),
        ("255.255.255.255", 32, errno.EADDRNOTAVAIL),
        ("0.0.0.0", 8, errno.EADDRNOTAVAIL),
        ("0.1.2.3", 8, errno.EADDRNOTAVAIL),
        ("127.0.0.5", 8, errno.EADDRNOTAVAIL),
        ("240.0.0.1", 8, errno.EADDRNOTAVAIL),
        ("10.0.0.255", 24, errno.EADDRNOTAVAIL),  # everybody on the net that is there already
        ("10.0.0.2", 33, errno.EADDRNOTAVAIL),
        ("10.5.0.1", 24, errno.EEXIST),  # the other interface has it
    ],
)
def test_an_address_that_cannot_be_leaves_all_as_it_was(address: str, plen: int, error: int) -> None:
    _, host, (ifp, other) = make("x", "y")
    host.set_address(ifp, ip4("10.0.0.1"), 24, dad=False)
    host.set_address(other, ip4("10.5.0.1"), 24, dad=False)
    before = routes(host)
    for alias in (True, False):
        with pytest.raises(OSError) as caught:
            host.set_address(ifp, ip4(address), plen, alias=alias)
        assert caught.value.errno == error
        assert (routes(host), [str(ifa.address) for ifa in ifp.addresses]) == (before, ["10.0.0.1"])


def test_what_an_interface_does_not_have_it_cannot_lose() -> None:
    _, host, (ifp,) = make("x")
    with pytest.raises(OSError, match="Can't assign"):
        host.delete_address(ifp, ip4("10.0.0.1"))


def test_loopback_takes_aliases() -> None:
    lab, host, _ = make()
    host.set_address(host.interfaces["lo0"], ip4("10.9.9.9"), 32, alias=True)
    sink = udp(host, 9)
    udp(host).sendto(b"x", (ip4("10.9.9.9"), 9))
    settle(lab)
    assert received(sink) == [b"x"]


def test_changes_are_told_to_who_listens() -> None:
    _, host, (ifp,) = make("x")
    told: list[RtMessage] = []
    host.routes.listeners += (told.append,)
    host.set_address(ifp, ip4("10.0.0.1"), 24, dad=False)
    host.delete_address(ifp, ip4("10.0.0.1"))
    ifp.set_mtu(1400)
    assert [(message.type, str(message.dst or "")) for message in told] == [
        ("RTM_ADD", "10.0.0.1/32"),
        ("RTM_ADD", "10.0.0.0/24"),
        ("RTM_NEWADDR", "10.0.0.0/24"),
        ("RTM_IFINFO", ""),
        ("RTM_DELETE", "10.0.0.1/32"),
        ("RTM_DELETE", "10.0.0.0/24"),
        ("RTM_DELADDR", "10.0.0.0/24"),
        ("RTM_IFINFO", ""),
    ]


def test_an_interface_that_goes_takes_all_that_was_on_it() -> None:
    lab, _, r, _ = routed()
    watch = Watch(lab)
    left = r.interfaces["shmif0"]
    r.routes.add(Rtentry(Prefix.parse("10.8.0.0/16"), left, RTF_UP | RTF_STATIC))
    r.ifdestroy("shmif0")
    assert routes(r) == {"10.0.2.0/24": "shmif1", "10.0.2.254/32": "local"}
    assert not arptab(left).entries
    assert lab.buses["left"].ports and left not in lab.buses["left"].ports
    wait(lab, 100)
    assert watch.reasons() == []


def test_addresses_alternate_while_the_cache_is_warm() -> None:
    lab, a, b = pair()
    sink = udp(b, 9)
    so = udp(a)
    for old, new in pairwise(["10.0.0.1", "10.0.0.11", "10.0.0.21", "10.0.0.31"]):
        so.sendto(old.encode(), (ip4("10.0.0.2"), 9))
        settle(lab)
        data, (source, _) = sink.recvfrom(100)
        assert (data.decode(), Ip4(source)) == (old, ip4(old))
        a.set_address(a.interfaces["shmif0"], ip4(new), 24, dad=False)
