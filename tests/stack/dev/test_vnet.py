"""The header before a TAP's frames: what it says in either direction, and what makes no sense."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from struct import Struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stack.dev import tap, vnet
from stack.dev.cluster import Clusters
from stack.dev.tap import Virt
from stack.dev.vnet import DATA_VALID, GSO_ECN, GSO_TCPV4, HEADER_LEN, NEEDS_CSUM, PLAIN, packets, parts
from stack.header.checksum import partial
from stack.header.ip import Ip
from stack.header.tcp import TH_ACK, TH_CWR
from stack.mbuf import CSUM_TCP, CSUM_UDP, Mbuf
from stack.net.gso import frames
from stack.net.ifnet import IFCAP_LRO, IFCAP_CSUM_TCPv4_Rx, IFCAP_CSUM_TCPv4_Tx, IFCAP_CSUM_UDPv4_Rx
from tests.stack.labs import ip4, routed, udp_packet
from tests.stack.net.test_gso import LINK, noise, packet, sums_hold

ALL = vnet.CAPABILITIES
HEADER = Struct("=BBHHHH")


def given_to_the_kernel(m: Mbuf, capenable: int = ALL) -> bytes:
    return b"".join(parts(m, capenable))


def from_the_kernel(raw: bytes, capenable: int = ALL) -> list[Mbuf]:
    return packets(memoryview(raw), capenable)


def udp_mbuf(size: int) -> Mbuf:
    whole = udp_packet("10.0.0.1", "10.0.0.2", data=noise(size))
    m = Mbuf(whole[28:], whole[20:26] + b"\0\0", whole[:20], LINK)
    m.csum = CSUM_UDP
    return m


# --- there and back -------------------------------------------------------------------------------


@given(st.integers(1, 60_000), st.sampled_from([0, 48, 700, 1448]), st.sampled_from([TH_ACK, TH_ACK | TH_CWR]))
@example(144, 48, TH_ACK)  # little to sum, but still three segments
def test_what_one_side_leaves_the_other_finds(size: int, gso_size: int, flags: int) -> None:
    m = packet(noise(size), gso_size if size > gso_size else 0, flags)
    raw = given_to_the_kernel(m)
    (found,) = from_the_kernel(raw)
    assert found.frame() == m.frame() and found.gso_size == m.gso_size
    assert found.csum == (CSUM_TCP if raw[0] else 0)
    assert isinstance(found.data, memoryview) is (len(raw) >= vnet.LENT_FROM)
    kind = HEADER.unpack_from(raw)[1]
    assert kind == (0 if not m.gso_size else GSO_TCPV4 | GSO_ECN if flags & TH_CWR else GSO_TCPV4)


@pytest.mark.parametrize("m", [packet(noise(1000), 0), udp_mbuf(1000)], ids=["tcp", "udp"])
def test_a_sum_that_is_left_is_half_made(m: Mbuf) -> None:
    """What stands in its place is the sum of the pseudo-header: with all that follows summed, it comes right."""
    raw = given_to_the_kernel(m)
    flags, kind, header_len, gso_size, start, offset = HEADER.unpack_from(raw)
    assert (flags, kind, gso_size, start, offset) == (NEEDS_CSUM, 0, 0, 34, m.csum)
    assert header_len == 34 + len(m.transport)
    frame = raw[HEADER_LEN:]
    made = 0xFFFF - partial(frame[start:])
    assert made.to_bytes(2) == m.frame()[start + offset : start + offset + 2]


@pytest.mark.parametrize("capenable", [0, IFCAP_CSUM_TCPv4_Rx])
def test_without_the_capability_sums_are_made_here(capenable: int) -> None:
    m = packet(noise(1000), 0)
    assert given_to_the_kernel(m, capenable) == PLAIN + m.frame()
    small = packet(noise(100), 0)
    assert given_to_the_kernel(small, IFCAP_CSUM_TCPv4_Tx) == PLAIN + small.frame()  # nor where it is little work


@pytest.mark.parametrize(
    ("m", "able"), [(packet(noise(1000), 0), IFCAP_CSUM_TCPv4_Rx), (udp_mbuf(1000), IFCAP_CSUM_UDPv4_Rx)]
)
def test_a_sum_that_the_kernel_leaves(m: Mbuf, able: int) -> None:
    raw = given_to_the_kernel(m)
    (kept,), (made,) = from_the_kernel(raw, able), from_the_kernel(raw, ALL & ~able)
    assert kept.csum == m.csum and made.csum == 0
    assert kept.frame() == made.frame() == m.frame()


def test_a_sum_that_the_kernel_has_seen() -> None:
    frame = packet(noise(1000), 0).frame()
    wrong = frame[:-1] + bytes((frame[-1] ^ 1,))
    (m,) = from_the_kernel(HEADER.pack(DATA_VALID, 0, 0, 0, 0, 0) + wrong)
    assert m.csum == CSUM_TCP and m.data == wrong[54:]
    (m,) = from_the_kernel(PLAIN + wrong)
    assert m.csum == 0  # it will be found out


def test_without_lro_super_segments_are_cut_at_the_door() -> None:
    m = packet(noise(10_000), 1000)
    found = from_the_kernel(given_to_the_kernel(m), ALL & ~IFCAP_LRO)
    assert [each.frame() for each in found] == frames(m) and not any(each.gso_size for each in found)


# --- what only the machine's own links have ---------------------------------------------------------


def tagged(raw: bytes) -> bytes:
    """The same with a VLAN's tag."""
    flags, kind, header_len, gso_size, start, offset = HEADER.unpack_from(raw)
    vnet_header = HEADER.pack(flags, kind, header_len + 4, gso_size, start + 4, offset)
    return vnet_header + raw[HEADER_LEN:][:12] + b"\x81\0\0\5" + raw[HEADER_LEN + 12 :]


@pytest.mark.parametrize("gso_size", [0, 1000])
def test_of_a_vlan_they_come_as_wire_frames(gso_size: int) -> None:
    m = packet(noise(10_000), gso_size)
    found = from_the_kernel(tagged(given_to_the_kernel(m)))
    untagged = [frame[:12] + frame[16:] for frame in (each.frame() for each in found)]
    assert untagged == frames(m) and all(map(sums_hold, untagged))
    assert {each.frame()[12:16] for each in found} == {b"\x81\0\0\5"}


def test_a_sum_of_a_protocol_that_we_do_not_know() -> None:
    body = b"\0\0" + noise(98)  # whose sum belongs at the front
    frame = LINK[:12] + b"\x86\xdd" + bytes(40) + body
    (m,) = from_the_kernel(HEADER.pack(NEEDS_CSUM, 0, 0, 0, 54, 0) + frame)
    assert partial(m.frame()[54:]) == 0 and m.frame()[56:] == frame[56:]


# --- nonsense ---------------------------------------------------------------------------------------

SUPER = given_to_the_kernel(packet(noise(3000), 1000))


@pytest.mark.parametrize(
    "raw",
    [
        HEADER.pack(NEEDS_CSUM, 3, 0, 1000, 34, 16) + SUPER[10:],  # UDP
        HEADER.pack(NEEDS_CSUM, GSO_TCPV4, 0, 0, 34, 16) + SUPER[10:],  # segments of nothing
        HEADER.pack(0, GSO_TCPV4, 0, 1000, 34, 16) + SUPER[10:],  # with their sum made
        SUPER[:64],  # no data
        SUPER[:60],  # not even a header
        SUPER[:22] + b"\x86\xdd" + SUPER[24:],  # of another protocol
        SUPER[:33] + b"\x11" + SUPER[34:],
        SUPER[:56] + b"\x10" + SUPER[57:],  # a header shorter than a header
        SUPER[:56] + b"\xf0" + SUPER[57:80],  # longer than the frame
        HEADER.pack(NEEDS_CSUM, 0, 0, 0, 34, 5000) + SUPER[10:],  # a sum beyond the end
    ],
    ids=range(10),
)  # fmt: skip
def test_what_no_kernel_sends(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"sum|super-segment"):
        from_the_kernel(raw)


@given(st.binary(min_size=HEADER_LEN + 14, max_size=200), st.integers(0, 3), st.integers(0, 200), st.integers(0, 40))
def test_any_bytes_are_a_packet_or_nonsense(raw: bytes, flags: int, start: int, offset: int) -> None:
    for first in (raw[:10], HEADER.pack(flags, raw[1] & 1, 0, raw[2], start, offset)):
        try:
            found = from_the_kernel(first + raw[10:])
        except ValueError:
            continue
        assert found and all(m.len + len(m.link) == len(m.frame()) for m in found)


def test_a_descriptor_that_is_no_tap_has_no_header() -> None:
    assert not vnet.has_header(sys.stderr.fileno() if sys.stderr.fileno() >= 0 else 2)


# --- clusters ---------------------------------------------------------------------------------------


def test_a_cluster_comes_back_when_nobody_holds_a_view() -> None:
    clusters = Clusters(100)
    first = clusters.get()
    view = memoryview(first)[:10]
    clusters.lend(first)
    inner, number = view[2:4], id(first)
    del first, view
    second = clusters.get()
    assert id(second) != number  # `inner` still looks into it
    del inner
    assert id(clusters.get()) == number


# --- anything, all the way through a host -------------------------------------------------------------


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


class Gateway:
    """A router that bridges, too: what comes in by virt0 may be for it, for the bus, or for the other members."""

    def __init__(self) -> None:
        self.lab, self.a, self.r, self.b = routed()
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.near.setblocking(False)
        self.far.setblocking(False)
        self.virts = [self._virt(name) for name in ("virt0", "virt1")]

    def _virt(self, name: str) -> Virt:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tap, "open_tap", lambda _name, _wished=0: self)
            tap.register(self.lab)
            virt = self.r.ifcreate(name)
        assert isinstance(virt, Virt)
        virt.vnet = True
        self.r.set_address(virt, ip4({"virt0": "10.0.7.1", "virt1": "10.0.17.1"}[name]), 24, dad=False)
        virt.up()
        return virt

    def fileno(self) -> int:
        return self.near.fileno()

    def up(self) -> None:
        pass

    def close(self) -> None:
        self.near.close()
        self.far.close()

    def take(self, raw: bytes) -> None:
        """A read has brought this."""
        self.far.send(raw)
        self.virts[0].receive()
        self.lab.run(self.lab.callouts.now + 0.01)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.far.recv(1 << 17)


@settings(max_examples=300)
@given(
    st.sampled_from(["10.0.1.1", "10.0.2.1", "10.0.7.1", "10.0.17.9", "192.0.2.1"]),
    st.integers(0, 3000), st.booleans(),
    st.lists(st.tuples(st.integers(0, 70), st.integers(0, 255)), max_size=4), st.integers(0, 3000),
)  # fmt: skip
def test_whatever_is_wrong_with_it_it_is_dropped_or_passed_on(
    gateway: Gateway, target: str, size: int, good: bool, changes: list[tuple[int, int]], cut: int
) -> None:
    m = packet(noise(size), 700 if size > 700 else 0, TH_ACK)
    link = (gateway.virts[0].lladdr or b"") + LINK[6:]
    net = Ip.parse(m.net)._replace(dst=ip4(target)).pack()
    raw = bytearray(b"".join((*parts(m, ALL)[:1], link, net, *parts(m, ALL)[3:])))
    for at, value in [] if good else changes:
        raw[at % len(raw)] = value
    gateway.take(bytes(raw if good else raw[: max(len(raw) - cut, 1)]))
    assert not gateway.lab.callouts.ready
