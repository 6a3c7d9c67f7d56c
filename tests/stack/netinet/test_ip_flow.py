"""The fast way through a router: the same frames and counters as by the long one, and when it is taken.

bench/flows.py compares the two by the million frames; this is its short form.
"""

from __future__ import annotations

import errno

import pytest

from bench.flows import OUTSIDE, Side, Twins, run
from bench.fuzz import Broken
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ethernet import Ethernet
from stack.net.ifnet import Ifnet
from stack.netinet.ip_flow import Flow, IpFlow
from tests.stack.labs import received, routed, udp, udp_packet


@pytest.mark.parametrize("seed", range(4))
def test_both_ways_do_the_same(seed: int) -> None:
    twins = Twins(seed)
    while twins.frames < 9000:
        twins.burst()
        if twins.rng.random() < 0.5:
            twins.shake()
    assert any(host.ip.forwarded > 500 for host in twins.sides[1].lab.hosts.values())


def test_a_difference_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(self: IpFlow, ifp: Ethernet, flow: Flow, packets: int, size: int) -> None:
        self.forwarded += packets

    monkeypatch.setattr(IpFlow, "_count", forgetful)
    with pytest.raises(Broken):
        run(1, 5000, print)


def long_ways(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts by which packets are forwarded the long way from now on."""
    found: list[str] = []
    forward = IpFlow.forward

    def seen(self: IpFlow, m: Mbuf, x: int, rt: object) -> None:
        found.append(self.hostname)
        forward(self, m, x, rt)  # type: ignore[arg-type]

    monkeypatch.setattr(IpFlow, "forward", seen)
    return found


def tap(ifp: Ifnet, m: Mbuf, sent: bool) -> None:
    """A capture that keeps nothing."""


@pytest.mark.parametrize("on_looker", ["nobody", "sysctl", "capture before", "capture behind", "probe"])
def test_who_looks_on_sees_every_packet(on_looker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lab, a, r, b = routed()
    so, sink = udp(a), udp(b, 9)
    so.connect((b.interfaces["shmif0"].addresses[0].address, 9))
    so.send(b"first")  # ARP
    lab.run(1)
    found = long_ways(lab, monkeypatch)
    match on_looker:
        case "sysctl":
            r.sysctl.set("net.inet.ip.maxflows", "0")
        case "capture before":
            r.interfaces["shmif0"].taps += (tap,)
        case "capture behind":
            r.interfaces["shmif1"].taps += (tap,)
        case "probe":
            lab.probes.receive += (lambda host, protocol, m: None,)
    for number in range(20):
        so.send(b"%d" % number)
    lab.run(2)
    assert len(received(sink)) == 21 and r.ip.forwarded == 21
    assert found == ([] if on_looker == "nobody" else ["r"] * 20)


def test_a_full_queue_drops_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    lab, a, r, b = routed()
    so, sink = udp(a), udp(b, 9)
    so.connect((b.interfaces["shmif0"].addresses[0].address, 9))
    so.send(b"first")
    lab.run(1)
    far = b.interfaces["shmif0"]
    assert isinstance(far, Ethernet)
    monkeypatch.setattr("stack.netinet.ip_flow.IFQ_MAXLEN", 5)
    for number in range(8):
        so.send(b"%d" % number)
    lab.run(2)
    assert received(sink) == [b"first", b"0", b"1", b"2", b"3", b"4"]
    assert far.iqdrops == 3 and lab.bus("right").stat["iqdrops"] == 3 and r.ip.forwarded == 9


def test_a_device_takes_a_flow_and_says_what_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    side = Side(256)
    found = long_ways(side.lab, monkeypatch)
    r, near = side.lab["r"], side.doors[0]
    assert near.name == "shmif0" and near.lladdr is not None
    link = near.lladdr + bytes(6) + b"\x08\x00"
    frames = [link + udp_packet("10.0.1.1", OUTSIDE, data=b"%d" % number, ident=255 * number) for number in range(2)]
    side.put(0, [frames[0]] * 6)
    assert r.ip.forwarded == 6 and found == []
    assert [frame[12:14] for _, where, frame in side.seen if where == "dev0"][-6:] == [b"\x08\0"] * 6
    side.device.error = errno.ENETDOWN
    side.put(0, frames * 2)
    assert r.ip.forwarded == 8 and r.ip.stat["cantforward"] == 2 and side.died.count(("r", "ether", "tapfull")) == 2
    assert r.icmp.stat["error"] == 2 and found == []
