"""ARP: what is learned, answered, refused and counted (stack/netinet/arp.py)."""

from __future__ import annotations

import pytest

from stack.addr import ETHER_BROADCAST, Mac
from stack.header.arp import ARPOP_REPLY, ARPOP_REQUEST, Arp
from stack.header.ether import ETHERTYPE_ARP
from stack.header.icmp import ICMP_UNREACH, ICMP_UNREACH_HOST
from stack.lab import Lab
from stack.net.ifnet import IFF_NOARP
from stack.net.neighbor import LLE_PUB, LLE_STATIC
from tests.stack.labs import (
    ZERO_MAC,
    Station,
    Watch,
    arptab,
    attach,
    hardware,
    ip4,
    packet,
    pair,
    routed,
    settle,
    udp,
    udp_packet,
    wait,
)

ALIEN = Mac(b"\x02\0\0\0\0\x77")


def test_two_hosts_need_two_frames_of_42_bytes() -> None:
    lab, a, b = pair()
    spy = Station(lab, "lan", sees_all=True)
    sink = udp(b, 9)
    udp(a).sendto(b"x", (ip4("10.0.0.2"), 9))
    settle(lab)
    ask, tell = spy.arps()
    assert (len(ask.frame), len(tell.frame)) == (42, 42)
    ours, theirs = hardware(a.interfaces["shmif0"]), hardware(b.interfaces["shmif0"])
    assert ask.ether == (ETHER_BROADCAST, ours, ETHERTYPE_ARP)
    assert ask.arp == (ARPOP_REQUEST, ours, ip4("10.0.0.1"), ZERO_MAC, ip4("10.0.0.2"))
    assert tell.ether == (ours, theirs, ETHERTYPE_ARP)
    assert tell.arp == (ARPOP_REPLY, theirs, ip4("10.0.0.2"), ours, ip4("10.0.0.1"))
    assert sink.recv(10) == b"x"


def test_counters_have_netbsd_s_names() -> None:
    lab, a, b = pair()
    before = dict(a.arp.stat), dict(b.arp.stat)
    udp(b, 9)
    udp(a).sendto(b"x", (ip4("10.0.0.2"), 9))
    settle(lab)

    def since(host: int) -> dict[str, int]:
        stat = (a, b)[host].arp.stat
        return {name: stat[name] - before[host].get(name, 0) for name in stat if stat[name] > before[host].get(name, 0)}

    assert since(0) == {"sndtotal": 1, "sndrequest": 1, "rcvtotal": 1, "rcvreply": 1, "dfrtotal": 1, "dfrsent": 1}
    assert since(1) == {"rcvtotal": 1, "rcvmcast": 1, "rcvrequest": 1, "sndtotal": 1, "sndreply": 1}


# --- what nobody could honestly say ---------------------------------------------------------------

GOOD = Arp(ARPOP_REQUEST, ALIEN, ip4("10.0.0.9"), ZERO_MAC, ip4("10.0.0.1")).pack()


def arp(
    op: int = ARPOP_REQUEST, spa: str = "10.0.0.9", tpa: str = "10.0.0.1", sha: Mac = ALIEN, tha: Mac = ZERO_MAC
) -> bytes:
    return Arp(op, sha, ip4(spa), tha, ip4(tpa)).pack()


BAD = {
    "short": (GOOD[:27], "rcvbadlen"),
    "nothing": (b"", "rcvbadlen"),
    "hardware length": (GOOD[:4] + b"\x08" + GOOD[5:], "rcvbadlen"),
    "protocol length": (GOOD[:5] + b"\x10" + GOOD[6:], "rcvbadlen"),
    "hardware type": (b"\0\x06" + GOOD[2:], "rcvbadproto"),
    "protocol type": (GOOD[:2] + b"\x86\xdd" + GOOD[4:], "rcvbadproto"),
    "operation 0": (arp(0), "rcvbadop"),
    "RARP": (arp(3), "rcvbadop"),
    "target nobody": (arp(tpa="0.0.0.0"), "rcvzerotpa"),
    "answer from nobody": (arp(ARPOP_REPLY, spa="0.0.0.0"), "rcvzerospa"),
    "sender broadcast": (arp(sha=ETHER_BROADCAST), "rcvbcastsha"),
    "sender a group": (arp(sha=Mac(b"\x01\0\x5e\0\0\1")), "rcvbcastsha"),
    "sender everybody": (arp(spa="255.255.255.255"), "rcvbadspa"),
    "sender the net's broadcast": (arp(spa="10.0.0.255"), "rcvbadspa"),
    "sender a group address": (arp(spa="224.0.0.5"), "rcvbadspa"),
    "our own address": (arp(spa="10.0.0.1"), "rcvlocalspa"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_message_dies_by_name_and_teaches_nothing(name: str) -> None:
    lab = Lab()
    a = lab.add_host("a")
    ifp = attach(lab, a, "lan", "10.0.0.1")
    station = Station(lab, "lan")
    settle(lab)
    station.take()
    watch = Watch(lab)
    message, reason = BAD[name]
    station.send(ifp, ETHERTYPE_ARP, message)
    settle(lab)
    assert watch.reasons("a") == [reason]
    assert a.arp.stat[reason] == 1
    assert not arptab(ifp).entries
    answers = [heard.arp.op for heard in station.arps()]
    assert answers == ([ARPOP_REQUEST] if reason == "rcvlocalspa" else [])  # that one is defended


def test_our_own_hardware_address_come_back() -> None:
    lab, a, _ = pair()
    station, watch = Station(lab, "lan"), Watch(lab)
    ifp = a.interfaces["shmif0"]
    station.arp(ARPOP_REPLY, "10.0.0.1", spa="10.0.0.9", sha=hardware(ifp), to=ifp)
    settle(lab)
    assert watch.reasons("a") == ["rcvlocalsha"]


def test_padding_behind_a_message_is_no_harm() -> None:
    lab, a, _ = pair()
    station = Station(lab, "lan", 9, "10.0.0.9")
    station.send(a.interfaces["shmif0"], ETHERTYPE_ARP, GOOD + bytes(18))
    settle(lab)
    assert a.arp.stat["sndreply"] == 1


def test_senders_from_elsewhere_are_answered_but_not_learned() -> None:
    lab, a, _ = pair()
    ifp = a.interfaces["shmif0"]
    station = Station(lab, "lan", 9, "192.0.2.9")
    station.arp(ARPOP_REQUEST, "10.0.0.1")
    settle(lab)
    assert [heard.arp.spa for heard in station.arps()] == [ip4("10.0.0.1")]
    assert ip4("192.0.2.9") not in arptab(ifp).entries


# --- known neighbours that move ---------------------------------------------------------------------


def test_an_address_that_moves_is_logged_and_counted() -> None:
    lab, a, _ = pair()
    said: list[tuple[str, str]] = []
    lab.probes.log += (lambda host, text: said.append((host, text)),)
    station = Station(lab, "lan", 9, "10.0.0.9")
    station.arp(ARPOP_REQUEST, "10.0.0.1")
    station.arp(ARPOP_REQUEST, "10.0.0.1", sha=ALIEN)
    settle(lab)
    assert said == [("a", f"arp info overwritten for 10.0.0.9 by {ALIEN}")]
    a.sysctl.set("net.inet.arp.log_movements", "0")
    station.arp(ARPOP_REQUEST, "10.0.0.1")
    settle(lab)
    assert (len(said), a.arp.stat["rcvover"]) == (1, 2)


def test_a_gratuitous_message_updates_who_knows_and_teaches_nobody_else() -> None:
    lab, a, b = pair()
    station = Station(lab, "lan", 9, "10.0.0.9")
    station.arp(ARPOP_REQUEST, "10.0.0.1")
    settle(lab)
    station.arp(ARPOP_REQUEST, "10.0.0.9", sha=ALIEN)
    settle(lab)
    assert arptab(a.interfaces["shmif0"]).entries[station.address].lladdr == ALIEN
    assert station.address not in arptab(b.interfaces["shmif0"]).entries


# --- for others -------------------------------------------------------------------------------------


def test_a_published_entry_is_answered_with_its_own_address() -> None:
    lab, a, _ = pair()
    table = arptab(a.interfaces["shmif0"])
    table.set_static(ip4("10.0.0.50"), ALIEN, LLE_STATIC | LLE_PUB)
    station = Station(lab, "lan", 9, "10.0.0.9")
    station.arp(ARPOP_REQUEST, "10.0.0.50")
    settle(lab)
    (heard,) = station.arps()
    assert (heard.arp.sha, heard.arp.spa) == (ALIEN, ip4("10.0.0.50"))
    assert heard.ether.src == hardware(a.interfaces["shmif0"])


def test_a_proxy_answers_and_does_not_use_the_entry_itself() -> None:
    lab, a, _ = pair()
    ifp = a.interfaces["shmif0"]
    arptab(ifp).proxies = {ip4("10.0.0.50"): hardware(ifp)}
    station = Station(lab, "lan", 9, "10.0.0.9", sees_all=True)
    station.arp(ARPOP_REQUEST, "10.0.0.50")
    settle(lab)
    udp(a).sendto(b"x", (ip4("10.0.0.50"), 9))
    settle(lab)
    answer, question = station.arps()
    assert (answer.arp.op, answer.arp.spa, answer.arp.sha) == (ARPOP_REPLY, ip4("10.0.0.50"), hardware(ifp))
    assert (question.arp.op, question.arp.tpa) == (ARPOP_REQUEST, ip4("10.0.0.50"))


def test_an_entry_that_is_not_published_is_not_answered() -> None:
    lab, a, _ = pair()
    arptab(a.interfaces["shmif0"]).set_static(ip4("10.0.0.50"), ALIEN, LLE_STATIC)
    station = Station(lab, "lan", 9, "10.0.0.9")
    station.arp(ARPOP_REQUEST, "10.0.0.50")
    settle(lab)
    assert station.arps() == []


# --- no ARP -----------------------------------------------------------------------------------------


def test_without_arp_nothing_is_asked_answered_or_learned() -> None:
    lab, a, _ = pair()
    ifp = a.interfaces["shmif0"]
    ifp.set_flags(IFF_NOARP)
    station, watch = Station(lab, "lan", 9, "10.0.0.9"), Watch(lab)
    station.arp(ARPOP_REQUEST, "10.0.0.1")
    settle(lab)
    assert watch.reasons("a") == ["rcvnoint"]
    with pytest.raises(OSError, match="unreachable"):
        udp(a).sendto(b"x", (station.address, 9))
    assert (watch.reasons("a"), station.take()) == (["noarp"], [])


# --- a router whose next hop is silent ------------------------------------------------------------------


def test_the_sender_of_a_packet_that_waited_in_vain_is_told() -> None:
    lab, _, r, _ = routed()
    station = Station(lab, "left", 9, "10.0.1.9").known(r.interfaces["shmif0"])
    watch = Watch(lab)
    station.inject(r.interfaces["shmif0"], udp_packet("10.0.1.9", "10.0.2.77"))
    settle(lab)
    assert (watch.reasons(), station.icmps()) == ([], [])
    wait(lab, 3.1)
    assert watch.reasons("r") == ["dfrdropped"]
    (heard,) = station.packets()
    assert (heard.body[0], heard.body[1], heard.ip.src) == (ICMP_UNREACH, ICMP_UNREACH_HOST, ip4("10.0.1.254"))
    assert heard.body[8:28][12:20] == ip4("10.0.1.9").packed + ip4("10.0.2.77").packed
    # and as long as the router remembers, the next is refused at once
    station.inject(r.interfaces["shmif0"], udp_packet("10.0.1.9", "10.0.2.77"))
    settle(lab)
    assert (watch.reasons("r"), station.icmps()) == (["hostdown"], [(ICMP_UNREACH, ICMP_UNREACH_HOST)])


def test_our_own_packets_wait_in_vain_without_a_message() -> None:
    lab, a, _ = pair()
    watch = Watch(lab)
    so = udp(a)
    so.sendto(b"x", (ip4("10.0.0.77"), 9))
    wait(lab, 3.1)
    assert watch.reasons() == ["dfrdropped"]
    with pytest.raises(OSError, match="Host is down"):
        so.sendto(b"x", (ip4("10.0.0.77"), 9))
    assert a.icmp.stat["error"] == 0


def test_packets_of_a_proxy_s_clients_are_forwarded() -> None:
    """Proxy ARP as it is used: a host on the wrong side of a router is reached all the same."""
    lab, a, r, b = routed()
    a.routes.delete(a.routes.unicast(ip4("10.0.9.1")).dst)  # type: ignore[union-attr]
    a.set_address(a.interfaces["shmif0"], ip4("10.0.1.1"), 8, dad=False)  # believes all of 10/8 is on its link
    left = r.interfaces["shmif0"]
    arptab(left).proxies = {ip4("10.0.2.1"): hardware(left)}
    sink = udp(b, 9)
    udp(a).sendto(b"x", (ip4("10.0.2.1"), 9))
    settle(lab)
    assert sink.recv(10) == b"x"


def test_frames_for_a_group_need_no_arp() -> None:
    lab, a, _ = pair()
    station = Station(lab, "lan", sees_all=True)
    udp(a).sendto(b"x", (ip4("224.1.2.3"), 9))
    settle(lab)
    (heard,) = station.take()
    assert heard.ether.dst == Mac(b"\x01\0\x5e\1\2\3")


def test_a_neighbour_s_frames_without_ip_are_none_of_arp_s_business() -> None:
    lab, a, _ = pair()
    station, watch = Station(lab, "lan"), Watch(lab)
    station.send(a.interfaces["shmif0"], 0x86DD, packet("10.0.0.9", "10.0.0.1"))
    settle(lab)
    assert watch.reasons("a") == ["noproto"]
