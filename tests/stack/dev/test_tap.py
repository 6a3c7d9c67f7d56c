"""virtN without a kernel behind it: a socket pair plays the TAP, so that bursts and refusals can be seen."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator

import pytest

from stack.addr import Ip4
from stack.dev import tap, vnet
from stack.dev.tap import BURST, Virt
from stack.host import Host
from stack.lab import Lab
from stack.mbuf import CSUM_TCP, Mbuf
from stack.net.ethernet import m_devget
from stack.net.gso import frames
from stack.net.ifnet import IFCAP_LRO, IFCAP_TSO4, IFF_RUNNING
from tests.stack.net.test_gso import noise, packet

ADDRESS = Ip4.parse("10.9.0.2")
STRANGE = b"\x12\x34"  # an ethertype that nobody takes


class Wire:
    """A TAP that is none: the test holds its far end."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.near.setblocking(False)
        self.far.setblocking(False)

    def fileno(self) -> int:
        return self.near.fileno()

    def up(self) -> None:
        pass

    def close(self) -> None:
        self.near.close()


class Bench:
    """A host with virt0 on such a wire."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lab = Lab()
        tap.register(self.lab)
        self.asked: list[str] = []
        self.wires: list[Wire] = []
        monkeypatch.setattr(tap, "open_tap", self.open_tap)
        self.me: Host = self.lab.add_host("me")
        ifp = self.me.ifcreate("virt0")
        assert isinstance(ifp, Virt)
        self.virt: Virt = ifp
        self.me.set_address(ifp, ADDRESS, 24, dad=False)
        ifp.up()
        self.lab.run(0)
        self.drain()

    def open_tap(self, name: str, wished: int = 0) -> Wire:
        self.asked.append(name)
        self.wires.append(Wire())
        return self.wires[-1]

    def drain(self) -> list[bytes]:
        """What has come out at the far end."""
        frames = []
        try:
            while frame := self.wires[-1].far.recv(65536):
                frames.append(frame)
        except BlockingIOError:
            pass
        return frames

    def drops(self) -> dict[str, int]:
        return dict(self.me.ether.stat)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(monkeypatch)
    yield made
    for wire in made.wires:
        wire.near.close()
        wire.far.close()


def test_the_unit_names_the_tap(bench: Bench) -> None:
    assert bench.asked == ["tap0"] and bench.virt.linkstr == "tap0"
    assert bench.me.cloners()[-1] == "virt"
    assert list(bench.lab.readers) == [bench.virt.fd]
    assert bench.virt.lladdr == bench.me.new_lladdr("virt0")


def test_a_wakeup_takes_a_burst_and_no_more(bench: Bench) -> None:
    assert bench.virt.lladdr is not None
    frame = bench.virt.lladdr + b"\xb2\xa0\0\0\0\2" + STRANGE
    wire = bench.wires[0]
    for _ in range(BURST + 10):
        wire.far.send(frame)
    for taken in (BURST, BURST + 10, BURST + 10):
        bench.lab.readers[bench.virt.fd]()
        bench.lab.run(0)
        assert bench.virt.ipackets == taken and bench.drops() == {"noproto": taken}


def test_short_frames_are_counted(bench: Bench) -> None:
    bench.wires[0].far.send(b"short")
    bench.virt.receive()
    assert bench.virt.ierrors == 1 and bench.drops() == {"tooshort": 1}


def test_frames_leave_whole(bench: Bench) -> None:
    m = Mbuf(b"data", b"transport", b"net", b"\xff" * 12 + STRANGE)
    assert bench.virt.transmit(m) == 0
    assert bench.drain() == [b"\xff" * 12 + STRANGE + b"nettransportdata"]


def test_a_full_queue_is_a_named_drop(bench: Bench) -> None:
    errors = [bench.virt.transmit(Mbuf(b"x" * 1000, link=b"\xff" * 12 + STRANGE)) for _ in range(1000)]
    full = errors.count(errno.ENOBUFS)
    assert full and set(errors) == {0, errno.ENOBUFS}
    assert bench.drops() == {"tapfull": full} and bench.virt.odrops == full
    assert bench.me.interfaces["virt0"].runs


@pytest.mark.parametrize(
    ("number", "reason", "told"),
    [
        (errno.ENOBUFS, "tapfull", errno.ENOBUFS),
        (errno.ENOMEM, "tapfull", errno.ENOBUFS),
        (errno.EIO, "tapdown", errno.ENETDOWN),
        (errno.EBADF, "taperror", errno.ENETDOWN),
    ],
)
def test_what_the_kernel_refuses(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int, reason: str, told: int
) -> None:
    def write(_fd: int, _data: bytes) -> int:
        raise OSError(number, "no")

    monkeypatch.setattr("stack.dev.tap.os.write", write)
    assert bench.virt.transmit(Mbuf(b"", link=b"\xff" * 12 + STRANGE)) == told
    assert bench.drops() == {reason: 1}
    assert (bench.virt.odrops, bench.virt.oerrors) == ((1, 0) if reason == "tapfull" else (0, 1))


def test_a_device_that_vanishes_is_let_go(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_fd: int, _size: int) -> bytes:
        raise OSError(errno.EBADFD, "File descriptor in bad state")

    said: list[str] = []
    bench.lab.probes.log += (lambda host, message: said.append(f"{host}: {message}"),)
    monkeypatch.setattr("stack.dev.tap.os.read", read)
    bench.virt.receive()
    assert said == ["me: virt0: tap0: File descriptor in bad state; detached"]
    assert not bench.lab.readers and not bench.virt.flags & IFF_RUNNING and bench.virt.linkstr is None
    assert bench.virt.transmit(Mbuf(b"", link=b"\xff" * 12 + STRANGE)) == errno.ENETDOWN


def test_destroy_closes_the_descriptor(bench: Bench) -> None:
    bench.me.ifdestroy("virt0")
    assert not bench.lab.readers
    assert bench.wires[0].near.fileno() == -1
    assert bench.wires[0].far.recv(1) == b""


def test_linkstr_goes_over_to_another_tap(bench: Bench) -> None:
    bench.virt.set_linkstr("tap0")  # where it is: as a saved lab says it
    assert len(bench.asked) == 1
    bench.virt.set_linkstr("tap7")
    assert bench.asked == ["tap0", "tap7"] and bench.virt.linkstr == "tap7"
    assert bench.wires[0].near.fileno() == -1
    assert list(bench.lab.readers) == [bench.wires[1].fileno()]
    assert bench.virt.runs


def test_linkstr_may_be_taken_away(bench: Bench) -> None:
    bench.virt.set_linkstr(None)
    assert not bench.lab.readers and not bench.virt.runs
    with pytest.raises(OSError, match="not connected"):
        bench.virt.set_linkstr(None)


def test_who_takes_the_place_of_a_lab_takes_its_taps(bench: Bench) -> None:
    heir = Lab()
    tap.register(heir)
    heir.predecessor = bench.lab
    me, you = heir.add_host("me"), heir.add_host("you")
    virt = me.ifcreate("virt0")
    assert isinstance(virt, Virt) and bench.asked == ["tap0"] and virt.device is not None
    virt.device.up()
    assert virt.fd != bench.virt.fd and list(heir.readers) == [virt.fd]
    virt.up()
    bench.me.ifdestroy("virt0")
    bench.wires[0].far.send(bytes(virt.lladdr or b"") + bytes(6) + STRANGE + bytes(46))
    heir.readers[virt.fd]()
    heir.run(0)
    assert virt.ipackets == 1 and not bench.lab.readers
    you.ifcreate("virt0")  # one TAP is for one of them: another is asked for
    assert bench.asked == ["tap0", "tap0"]
    me.ifdestroy("virt0")
    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        bench.wires[0].far.send(bytes(60))  # nobody has it any more


def test_limits_of_the_mtu(bench: Bench) -> None:
    bench.virt.set_mtu(68)
    bench.virt.set_mtu(65521)
    for mtu in (67, 65522):
        with pytest.raises(OSError, match="Invalid argument"):
            bench.virt.set_mtu(mtu)


def test_without_pytun_one_line_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytun", None)
    lab = Lab()
    tap.register(lab)
    with pytest.raises(OSError) as caught:
        lab.add_host("me").ifcreate("virt0")
    assert str(caught.value) == "python-pytun is not installed: pip install 'netsh[tap]'"
    assert list(lab["me"].interfaces) == ["lo0"] and not lab.readers


@pytest.mark.parametrize(
    ("number", "existed", "words"),
    [
        (errno.ENOENT, False, "tap3: this machine has no /dev/net/tun: modprobe tun"),
        (
            errno.EPERM,
            False,
            "tap3: not permitted: be root, or let root make it: ip tuntap add tap3 mode tap user $USER",
        ),
        (errno.EBUSY, True, "tap3: somebody else is attached to it already"),
        (errno.EINVAL, True, "tap3: it exists and is no TAP"),
        (errno.E2BIG, False, "tap3: no"),
    ],
)
def test_what_is_wrong_and_the_cure(monkeypatch: pytest.MonkeyPatch, number: int, existed: bool, words: str) -> None:
    def refuse(name: str, flags: int) -> None:
        raise OSError(number, "no")

    monkeypatch.setitem(sys.modules, "pytun", type(sys)("pytun"))
    for name, value in (("IFF_NO_PI", 0), ("IFF_TAP", 0), ("TunTapDevice", refuse)):
        monkeypatch.setattr(f"pytun.{name}", value, raising=False)
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "tap3")] if existed else [])
    with pytest.raises(OSError) as caught:
        tap.open_tap("tap3")
    assert str(caught.value) == words


@pytest.mark.parametrize("name", ["", "x" * 16, "a/b", "tap%d", "täp", "a\nb", "a b"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(OSError, match="a TAP's name has"):
        tap.open_tap(name)


# --- with the header ----------------------------------------------------------------------------------


def with_header(bench: Bench) -> None:
    """Let the device be one whose frames have a header."""
    bench.virt.vnet = True
    bench.virt.set_capenable(vnet.CAPABILITIES)


def test_super_segments_go_through_the_device(bench: Bench) -> None:
    with_header(bench)
    m = packet(noise(10_000), 1000)
    assert bench.virt.transmit(m) == 0
    (raw,) = bench.drain()
    assert raw == b"".join(vnet.parts(m, vnet.CAPABILITIES)) and raw[1] == vnet.GSO_TCPV4
    bench.virt.set_capenable(vnet.CAPABILITIES & ~IFCAP_TSO4)
    assert bench.virt.transmit(m) == 0
    assert [raw[vnet.HEADER_LEN :] for raw in bench.drain()] == [half_summed(frame) for frame in frames(m)]
    bench.virt.vnet = False
    assert bench.virt.transmit(m) == 0
    assert bench.drain() == frames(m)


@pytest.mark.parametrize(("size", "gso_size"), [(0, 0), (255, 0), (144, 48)])
def test_small_packets_go_through_the_device(bench: Bench, size: int, gso_size: int) -> None:
    with_header(bench)
    m = packet(noise(size), gso_size)
    assert bench.virt.transmit(m) == 0
    (raw,) = bench.drain()
    assert raw == (b"".join(vnet.parts(m, vnet.CAPABILITIES)) if gso_size else vnet.PLAIN + m.frame())
    assert raw[1] == (vnet.GSO_TCPV4 if gso_size else 0)


def half_summed(frame: bytes) -> bytes:
    """With the pseudo-header's sum in its place."""
    return b"".join(vnet.parts(_open(frame), vnet.CAPABILITIES))[vnet.HEADER_LEN :]


def _open(frame: bytes) -> Mbuf:
    m = m_devget(frame)
    m.transport, m.csum = m.transport[:16] + b"\0\0" + m.transport[18:], CSUM_TCP
    return m


def test_large_frames_stay_in_their_clusters(bench: Bench) -> None:
    with_header(bench)
    came: list[Mbuf] = []
    bench.virt.taps += (lambda _ifp, m, _out: came.append(m),)
    for size in (10_000, 50, 20_000):
        bench.wires[0].far.send(b"".join(vnet.parts(packet(noise(size), 1000), vnet.CAPABILITIES)))
    bench.virt.receive()
    bench.lab.run(0)
    assert [isinstance(m.data, memoryview) for m in came] == [True, False, True]
    assert [bytes(m.data) for m in came] == [noise(10_000), noise(50), noise(20_000)]
    assert len(bench.virt.clusters.lent) == 2


def test_nonsense_before_a_frame_is_counted(bench: Bench) -> None:
    with_header(bench)
    bench.wires[0].far.send(bytes((vnet.NEEDS_CSUM, 3)) + bytes(100))
    bench.wires[0].far.send(bytes(12))
    bench.virt.receive()
    assert bench.virt.ierrors == 2 and bench.drops() == {"badvnet": 1, "tooshort": 1}


def test_a_burst_of_segments_is_joined_if_it_may_be(bench: Bench) -> None:
    came: list[int] = []
    bench.virt.taps += (lambda _ifp, m, _out: came.append(m.gso_size),)
    for lro in (True, False):
        bench.virt.set_capenable(IFCAP_LRO * lro)
        for frame in frames(packet(noise(3000), 1000)):
            bench.wires[0].far.send(frame)
        bench.virt.receive()
        bench.lab.run(0)
    assert came == [1000, 0, 0, 0]
