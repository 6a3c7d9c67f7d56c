"""The two bits of RFC 3168 in the IP header: kept by forwarding and by fragments, TCP's own, and lost by nobody."""

from __future__ import annotations

import pytest

from stack.header.checksum import partial
from stack.header.ip import IP_MF, IPPROTO_TCP, Ip
from stack.kern.socket import SOCK_RAW, SOCK_STREAM
from stack.netinet.in_ import IP_TOS, IPPROTO_IP
from tests.stack.labs import Station, Watch, ip4, packet, pair, received, routed, settle, udp

PROTO = 99
NOT, ECT1, ECT0, CE = range(4)
LOST = None

# the codepoints of the pieces, and of the whole (RFC 3168 5.3; what mixes the others it leaves to us)
MIXTURES = [
    ((NOT, NOT, NOT), NOT),
    ((ECT0, ECT0, ECT0), ECT0),
    ((ECT1, ECT1, ECT1), ECT1),
    ((CE, CE, CE), CE),
    ((CE, ECT0, ECT0), CE),
    ((ECT0, CE, ECT0), CE),
    ((ECT0, ECT0, CE), CE),
    ((ECT1, ECT1, CE), CE),
    ((NOT, CE, ECT0), LOST),
    ((CE, NOT, NOT), LOST),
    ((NOT, NOT, CE), LOST),
    ((ECT0, ECT1, ECT0), ECT0),
    ((NOT, ECT0, ECT0), NOT),
]


@pytest.mark.parametrize(("pieces", "whole"), MIXTURES)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_fragments_do_not_lose_a_mark(pieces: tuple[int, ...], whole: int | None, order: tuple[int, ...]) -> None:
    lab, a, _ = pair()
    station = Station(lab, "lan", 9, "10.0.0.9").known(a.interfaces["shmif0"])
    so, watch = a.socket(SOCK_RAW, PROTO), Watch(lab)
    for number in order:
        off = number | (IP_MF if number < 2 else 0)
        piece = packet("10.0.0.9", "10.0.0.1", b"12345678", proto=PROTO, off=off, tos=0x28 | pieces[number])
        station.inject(a.interfaces["shmif0"], piece)
    settle(lab)
    if whole is LOST:
        assert (received(so), watch.reasons(), a.ip.stat["fragecn"]) == ([], ["fragecn"] * 3, 3)
    else:
        (got,) = received(so)
        assert (Ip.parse(got).tos, partial(got[:20]), watch.reasons()) == (0x28 | whole, 0, [])


@pytest.mark.parametrize("codepoint", [NOT, ECT1, ECT0, CE])
@pytest.mark.parametrize("mtu", [1500, 300])
def test_a_router_leaves_them_alone(codepoint: int, mtu: int) -> None:
    lab, a, r, b = routed()
    for host, name in ((r, "shmif1"), (b, "shmif0")):
        host.interfaces[name].set_mtu(mtu)
    spy = Station(lab, "right", 7, sees_all=True)
    so = udp(a)
    so.setsockopt(IPPROTO_IP, IP_TOS, 0xB8 | codepoint)
    so.sendto(bytes(1000), (ip4("10.0.2.1"), 9))
    settle(lab)
    heard = [heard.ip for heard in spy.packets() if heard.ip.p == 17]
    assert len(heard) == (1 if mtu == 1500 else 4)
    assert all(header.tos == 0xB8 | codepoint and header.ttl == 63 for header in heard)


@pytest.mark.parametrize("agreed", [True, False])
def test_a_program_chooses_the_service_of_tcp_but_not_these_bits(agreed: bool) -> None:
    lab, a, b = pair()
    a.tcp.ecn_enable, b.tcp.ecn_enable = 1, int(agreed)
    spy = Station(lab, "lan", 7, sees_all=True)
    listener, so = b.socket(SOCK_STREAM), a.socket(SOCK_STREAM)
    listener.bind((0, 80))
    listener.listen()
    so.setsockopt(IPPROTO_IP, IP_TOS, 0xB8 | CE)
    assert so.getsockopt(IPPROTO_IP, IP_TOS) == 0xB8
    with pytest.raises(BlockingIOError):
        so.connect((ip4("10.0.0.2"), 80))
    settle(lab)
    so.send(b"hello")
    so.setsockopt(IPPROTO_IP, IP_TOS, 0x10 | ECT1)
    so.send(b"again")
    lab.run(lab.callouts.now + 1)
    ours = [heard.ip for heard in spy.packets() if heard.ip.p == IPPROTO_TCP and heard.ip.src == ip4("10.0.0.1")]
    mark = ECT0 if agreed else NOT
    assert [header.tos for header in ours] == [0xB8, 0xB8, 0xB8 | mark, 0x10 | mark]
