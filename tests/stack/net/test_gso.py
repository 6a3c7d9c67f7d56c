"""Super-segments: cut, they are to the byte what TCP sends by itself; joined, they are what was cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stack.header.checksum import partial
from stack.header.ip import IP_DF, IP_MF, IPPROTO_ICMP, IPPROTO_TCP, Ip
from stack.header.tcp import TH_ACK, TH_CWR, TH_ECE, TH_FIN, TH_PUSH, Tcp, TcpOptions
from stack.host import Host
from stack.kern.socket import SO_SNDBUF, SOCK_STREAM, SOL_SOCKET
from stack.lab import Lab
from stack.mbuf import CSUM_TCP, Mbuf
from stack.net.bpf import Bpf, Capture
from stack.net.ethernet import m_devget
from stack.net.gro import join
from stack.net.gso import fits, frames, segments
from stack.net.ifnet import IFCAP_LRO, IFCAP_TSO4, IFCAP_CSUM_TCPv4_Tx, Ifnet
from stack.net.vlan import Vlan
from stack.net.wire import Personality
from stack.netinet.ip_output import ip_template
from stack.netinet.tcp_var import TF_ECN_SND_ECE, Tcpcb
from tests.stack.labs import Station, attach, ip4, pair, routed, settle
from tests.stack.net.bridges import make_bridge

SRC, DST = ip4("10.0.0.1"), ip4("10.0.0.2")
LINK = b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0"
LATER = 0.5  # seconds: a handshake is over, and the connection not idle for long


def sums_hold(frame: bytes) -> bool:
    """Whether the IP and the TCP sum of a frame are right."""
    size = (frame[14] & 15) << 2
    net, rest = frame[14 : 14 + size], frame[14 + size :]
    return partial(net) == 0 and (partial(net[12:20]) + IPPROTO_TCP + len(rest) + partial(rest)) % 0xFFFF == 0


def noise(size: int) -> bytes:
    return bytes(number * 7 % 251 for number in range(size))


# --- what TCP would have sent ---------------------------------------------------------------------


class Way(NamedTuple):
    """How a connection is made."""

    mtu: int = 1500
    stamps: bool = True
    ecn: bool = False
    ident: int = 7
    size: int = 0


def connected(lab: Lab, a: Host, b: Host) -> Tcpcb:
    """A connection from a to b that may send as much as it likes."""
    listener = b.socket(SOCK_STREAM)
    listener.bind((0, 80))
    listener.listen()
    so = a.socket(SOCK_STREAM)
    so.setsockopt(SOL_SOCKET, SO_SNDBUF, 262144)
    with pytest.raises(BlockingIOError):
        so.connect((DST, 80))
    lab.run(lab.callouts.now + LATER)
    tp = cast(Tcpcb, so.pcb)
    tp.snd_cwnd = tp.snd_wnd = 1 << 18
    return tp


def sent(way: Way, *, tso: bool) -> tuple[list[bytes], list[int]]:
    """The frames that leave at once when a program writes so much; and the gso_size of what left."""
    lab, a, b = pair()
    for host in (a, b):
        host.interfaces["shmif0"].set_mtu(way.mtu)
        host.sysctl.set("net.inet.tcp.timestamps", str(int(way.stamps)))
        host.sysctl.set("net.inet.tcp.ecn.enable", str(int(way.ecn)))
    a.tcp.fixed_iss = 0xFFFFF000  # numbers wrap on the way
    a.interfaces["shmif0"].set_capenable(IFCAP_TSO4 if tso else 0)
    tp = connected(lab, a, b)
    if way.ecn:
        tp.flags |= TF_ECN_SND_ECE
    a.ip.ident = way.ident
    left: list[int] = []
    a.interfaces["shmif0"].taps += (lambda _ifp, m, _out: left.append(m.gso_size),)
    capture = Capture(lambda: 0.0, a.interfaces.values())
    tp.so.send(noise(way.size))
    return [each.frame for each in capture.frames], left


@settings(max_examples=40, deadline=None)
@given(
    st.builds(
        Way, st.integers(256, 20_000) | st.just(65521), st.booleans(), st.booleans(), st.sampled_from([7, 0xFFF0]),
        st.integers(1, 200_000),
    )
)  # fmt: skip
@example(Way(ecn=True, ident=0xFFF0, size=200_000))
@example(Way(size=2 * 1448))
@example(Way(stamps=False, size=14_601))
def test_cut_they_are_what_tcp_sends_by_itself(way: Way) -> None:
    plain, each = sent(way, tso=False)
    cut, some = sent(way, tso=True)
    assert cut == plain and all(map(sums_hold, cut))
    assert not any(each)
    assert any(some) == (way.mtu < 30_000 and way.size >= 2 * (way.mtu - 40 - 12 * way.stamps))


def test_without_the_capability_tcp_makes_none() -> None:
    _, left = sent(Way(size=100_000), tso=False)
    assert left == [0] * 69  # and a little that waits for an ack


# --- cutting --------------------------------------------------------------------------------------


def packet(
    data: bytes, gso_size: int, flags: int = TH_ACK, *, seq: int = 1, ident: int = 1, off: int = IP_DF,
    options: bytes = b"", net_options: bytes = b"", sport: int = 5001,
) -> Mbuf:  # fmt: skip
    """A segment, or a super-segment, as it is on its way."""
    tcp = Tcp(sport, 80, seq, 99, 20 + len(options), flags, 4096).pack() + options
    length = 20 + len(net_options) + len(tcp) + len(data)
    net = Ip(0, length, ident, off, 64, IPPROTO_TCP, src=SRC, dst=DST, options=net_options).pack()
    m = Mbuf(data, tcp, net, LINK)
    m.csum, m.gso_size = CSUM_TCP, gso_size
    return m


@given(
    st.integers(1, 3000), st.integers(1, 1000), st.sampled_from([0, 0xFFFFFF00]), st.integers(0, 0xFFFF),
    st.sampled_from([b"", TcpOptions(ts=(1, 2)).pack(), TcpOptions(sack=((1, 2),), ts=(1, 2)).pack()]),
    st.sampled_from([b"", b"\x94\x04\0\0", b"\1" * 40]), st.integers(0, 0xFF), st.booleans(),
)  # fmt: skip
def test_cut_and_put_together_it_is_what_it_was(
    size: int, gso_size: int, seq: int, ident: int, options: bytes, net_options: bytes, flags: int, view: bool
) -> None:
    data = noise(size)
    m = packet(data, gso_size, flags, seq=seq, ident=ident, options=options, net_options=net_options)
    if view:
        m.data = memoryview(data)
    pieces = [m_devget(frame) for frame in frames(m)]
    count = len(pieces)
    at = len(options) + 20
    bodies = [piece.payload() for piece in pieces]
    assert b"".join(body[at:] for body in bodies) == data and count == -(-size // gso_size)
    heads = [Tcp.parse(body) for body in bodies]
    nets = [Ip.parse(piece.net) for piece in pieces]
    assert all(map(sums_hold, frames(m)))
    assert [head.seq for head in heads] == [seq + number * gso_size & 0xFFFFFFFF for number in range(count)]
    assert [net.id for net in nets] == [ident + number & 0xFFFF for number in range(count)]
    assert {body[20:at] for body in bodies} == {options} and {len(piece.net) for piece in pieces} == {len(m.net)}
    ends, begins = TH_PUSH | TH_FIN, TH_CWR
    assert heads[-1].flags & ends == flags & ends and heads[0].flags & begins == flags & begins
    assert not any(head.flags & ends for head in heads[:-1]) and not any(head.flags & begins for head in heads[1:])
    assert {head.flags & ~(ends | begins) for head in heads} == {flags & ~(ends | begins)}
    assert all(piece.len <= len(m.net) + at + gso_size for piece in pieces)


def test_a_packet_that_is_no_super_segment_is_left_alone() -> None:
    m = packet(b"data", 0)
    assert segments(m) == [m]


def test_it_is_its_segments_that_must_fit() -> None:
    m = packet(bytes(10_000), 1448)
    assert fits(m, 1488) and not fits(m, 1487) and fits(packet(bytes(100), 0), 140) and not fits(packet(b"x", 0), 40)


# --- joining --------------------------------------------------------------------------------------


def wire(m: Mbuf) -> list[Mbuf]:
    """What a device that knows nothing of all this brings in."""
    return [m_devget(frame) for frame in frames(m)]


def bytes_of(packets: list[Mbuf]) -> list[bytes]:
    return [frame for m in packets for frame in frames(m)]


@given(
    st.integers(2, 60_000), st.integers(200, 1460), st.sampled_from([TH_ACK, TH_ACK | TH_PUSH]),
    st.sampled_from([0, 0xFFFFF000]), st.sampled_from([0, 0xFFFE]), st.booleans(),
)  # fmt: skip
def test_joined_it_is_what_it_was_before_it_was_cut(
    size: int, gso_size: int, flags: int, seq: int, ident: int, stamps: bool
) -> None:
    m = packet(
        noise(size), gso_size, flags, seq=seq, ident=ident, options=TcpOptions(ts=(5, 6)).pack() if stamps else b""
    )  # fmt: skip
    cut = wire(m)
    (joined,) = join(cut)
    assert (joined.gso_size, joined.len) == ((gso_size, m.len) if len(cut) > 1 else (0, m.len))
    assert joined.frame() == m.frame()


class Frame(NamedTuple):
    """One frame of a burst, and what is odd about it."""

    flow: int
    size: int
    odd: str


ODD = ["", "", "", "", "", "push", "fin", "ece", "gap", "again", "ident", "sum", "stamp", "empty", "padded"]
FRAMES = st.builds(Frame, st.integers(0, 2), st.sampled_from([100, 100, 100, 60, 200]), st.sampled_from(ODD))


@settings(max_examples=150)
@given(st.lists(FRAMES, max_size=25), st.booleans())
def test_whatever_comes_no_flow_is_changed(burst: list[Frame], open_sums: bool) -> None:
    """Of each flow all frames leave in their order, to the byte; also those that are broken."""
    seqs, idents = [0xFFFFFF00] * 3, [0xFFF8] * 3
    packets: list[Mbuf] = []
    for flow, size, odd in burst:
        flags = TH_ACK | {"push": TH_PUSH, "fin": TH_FIN, "ece": TH_ECE}.get(odd, 0)
        seqs[flow] += {"gap": 100, "again": -100}.get(odd, 0)
        idents[flow] += odd == "ident"
        stamp = TcpOptions(ts=(odd == "stamp", 6)).pack()
        data = b"" if odd == "empty" else noise(size)
        seq, ident = seqs[flow] & 0xFFFFFFFF, idents[flow] & 0xFFFF
        m = packet(data, 0, flags, seq=seq, ident=ident, options=stamp, sport=flow + 1)
        frame = bytearray(m.frame())
        if odd == "sum":
            frame[-1] ^= 1
        if odd == "padded":
            frame += bytes(6)
        seqs[flow] += len(data)
        idents[flow] += 1
        packets.append(m_devget(bytes(frame)))
        if open_sums and odd not in ("sum", "padded"):
            packets[-1] = m
    before = bytes_of([m.copy() for m in packets])
    after = bytes_of(join(packets))
    for flow in range(3):
        port = (flow + 1).to_bytes(2)
        assert [frame for frame in after if frame[34:36] == port] == [frame for frame in before if frame[34:36] == port]


def test_what_is_no_plain_segment_is_not_joined() -> None:
    fragments = [packet(noise(96), 0, ident=3, off=IP_MF, seq=1), packet(noise(96), 0, ident=4, off=IP_MF, seq=97)]
    larger = [packet(noise(96), 0, ident=3), packet(noise(200), 0, ident=4, seq=97)]
    supers = [packet(noise(96), 48, ident=3), packet(noise(96), 48, ident=5, seq=97)]
    for burst in (fragments, larger, supers, [packet(b"", 0, ident=3), packet(b"", 0, ident=4)]):
        assert join(list(burst)) == burst
        assert [m.gso_size for m in burst] in ([0, 0], [48, 48])


def test_no_packet_grows_beyond_what_ip_can_say() -> None:
    cut = wire(packet(noise(60_000), 1000)) + wire(packet(noise(60_000), 1000, seq=60_001, ident=61))
    joined = join(cut)
    assert [len(m.data) for m in joined] == [65_000, 55_000]


# --- on its way -----------------------------------------------------------------------------------


def super_segment(lab: Lab, a: Host, target: str) -> None:
    """Send one of 20 segments, as TCP would."""
    m = Mbuf(noise(20_000), Tcp(5001, 80, 1, 99, 20, TH_ACK, 4096).pack())
    m.csum, m.gso_size = CSUM_TCP, 1000
    template = ip_template(int(next(iter(a.interfaces["shmif0"].addresses)).address), ip4(target), IPPROTO_TCP, 64)
    assert a.ip.output(m, template) == 0
    lab.run(lab.callouts.now + 1)


def arrived(ifp: Ifnet) -> list[tuple[int, int]]:
    """The size and gso_size of the TCP data that an interface receives from now on."""
    sizes: list[tuple[int, int]] = []

    def tap(_ifp: Ifnet, m: Mbuf, outgoing: bool) -> None:
        if not outgoing and len(m.net) >= 20 and m.net[9] == IPPROTO_TCP:
            sizes.append((len(m.data), m.gso_size))

    ifp.taps += (tap,)
    return sizes


WHOLE, CUT = [(20_000, 1000)], [(1000, 0)] * 20


def test_a_lab_carries_it_as_it_is_and_a_capture_sees_the_wire() -> None:
    for captured in (False, True):
        lab, a, r, b = routed()
        came = arrived(b.interfaces["shmif0"])
        capture = Capture(lambda: 0.0, r.interfaces.values() if captured else [])
        bpf = Bpf(lambda: 0.0, 1 << 20)
        bpf.attach(r.interfaces["shmif1"], "r", None)
        super_segment(lab, a, "10.0.2.1")
        assert came == WHOLE and r.ip.forwarded == 2  # and the answer
        found = [each.frame for each in capture.frames if len(each.frame) > 1000]
        assert len(found) == 40 * captured and all(map(sums_hold, found))
        assert len([frame for frame in bpf.take() if frame.length == 1054]) == 20


def personality(lab: Lab, _r: Host) -> None:
    lab.bus("right").set(Personality(delay=0.01))


def one_who_takes_none(lab: Lab, _r: Host) -> None:
    Station(lab, "right", 9).set_capenable(0)


def sysctl_of_the_router(_lab: Lab, r: Host) -> None:
    r.sysctl.set("net.link.gso", "0")
    assert {ifp.capenable for ifp in r.interfaces.values()} == {0} == {r.ifcreate("shmif7").capenable}


def sysctl_off_and_on(lab: Lab, r: Host) -> None:
    sysctl_of_the_router(lab, r)
    r.sysctl.set("net.link.gso", "1")


@pytest.mark.parametrize(
    ("change", "comes"),
    [(personality, CUT), (one_who_takes_none, CUT), (sysctl_of_the_router, CUT), (sysctl_off_and_on, WHOLE)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_where_only_wire_frames_go_it_is_cut(
    change: Callable[[Lab, Host], None], comes: list[tuple[int, int]]
) -> None:
    lab, a, r, b = routed()
    change(lab, r)
    came = arrived(b.interfaces["shmif0"])
    super_segment(lab, a, "10.0.2.1")
    assert came == comes


def test_a_vlan_cuts_it() -> None:
    lab = Lab()
    vlans: list[Vlan] = []
    for name, number in (("a", 1), ("b", 2)):
        host = lab.add_host(name)
        attach(lab, host, "lan", f"10.0.0.{number}")
        ifp = host.ifcreate("vlan0")
        assert isinstance(ifp, Vlan)
        ifp.configure(host.interfaces["shmif0"], 5)
        host.set_address(ifp, ip4(f"10.5.0.{number}"), 24, dad=False)
        vlans.append(ifp)
    settle(lab)
    came = arrived(vlans[1])
    super_segment(lab, lab["a"], "10.5.0.2")
    assert came == CUT


def test_a_bridge_passes_it_on_and_minds_the_mtu() -> None:
    for mtu, comes in ((1500, WHOLE), (1000, [])):
        lab = Lab()
        a, b = lab.add_host("a"), lab.add_host("b")
        attach(lab, a, "left", "10.0.0.1")
        attach(lab, b, "right", "10.0.0.2")
        bridge = make_bridge(lab, "sw", "left", "right")
        bridge.set_mtu(mtu)
        came = arrived(b.interfaces["shmif0"])
        super_segment(lab, a, "10.0.0.2")
        assert came == comes
        assert bridge.bridging.stat["toobig"] == (not comes)


@pytest.mark.parametrize("df", [True, False])
def test_a_router_before_a_narrow_link(df: bool) -> None:
    """What does not fit is told of by its first segment, or cut twice."""
    lab, a, r, b = routed()
    r.interfaces["shmif1"].set_mtu(600)
    came = arrived(b.interfaces["shmif0"])
    capture = Capture(lambda: 0.0, [a.interfaces["shmif0"]])
    m = Mbuf(noise(20_000), Tcp(5001, 80, 1, 99, 20, TH_ACK, 4096).pack())
    m.csum, m.gso_size = CSUM_TCP, 1000
    a.ip.output(m, ip_template(ip4("10.0.1.1"), ip4("10.0.2.1"), IPPROTO_TCP, 64, off=IP_DF if df else 0))
    lab.run(lab.callouts.now + 1)
    if df:
        assert r.ip.stat["cantfrag"] == 1 and not came
        told = next(each.frame for each in capture.frames if each.frame[23] == IPPROTO_ICMP)
        quoted = Ip.parse(told[42:62])
        first = next(each.frame for each in capture.frames if each.frame[23] == IPPROTO_TCP)
        assert told[42:70] == first[14:42] and quoted.len == 1040
    else:
        assert r.ip.stat["ofragments"] == 40 and b.ip.stat["reassembled"] == 20


def test_our_own_narrow_link() -> None:
    """TCP hears of it as of any segment that is too big, and sends smaller ones."""
    lab, a, b = pair()
    a.interfaces["shmif0"].set_capenable(IFCAP_TSO4)
    tp = connected(lab, a, b)
    a.interfaces["shmif0"].set_mtu(600)
    came = arrived(b.interfaces["shmif0"])
    tp.so.send(noise(20_000))
    lab.run(lab.callouts.now + 60)
    assert tp.snd_una == tp.snd_max and tp.maxseg == 548
    assert max(came) == (548, 0)  # all of them are retransmissions


def test_only_what_a_device_can_may_be_switched_on() -> None:
    _, a, _ = pair()
    ifp = a.interfaces["shmif0"]
    with pytest.raises(OSError, match="Invalid argument"):
        ifp.set_capenable(IFCAP_CSUM_TCPv4_Tx)
    with pytest.raises(OSError, match="Invalid argument"):
        a.interfaces["lo0"].set_capenable(IFCAP_TSO4)
    assert ifp.capenable == IFCAP_LRO
