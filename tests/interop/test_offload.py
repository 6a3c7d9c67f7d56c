"""Super-segments and sums that are left to the other side, to and from the real kernel: on and off, on either side.

Whatever is switched how, a stream arrives whole, nothing is sent twice for a loss, and the kernel sees no bad sum.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from stack.addr import Ip4
from stack.dev import vnet
from stack.dev.tap import Virt
from stack.host import Host
from stack.kern.proc import Proc, pause
from stack.kern.socket import SOCK_STREAM
from stack.kern.syscalls import accept, recv
from stack.net.bridge import Bridge
from stack.net.ifnet import IFCAP_GSO, IFCAP_LRO, IFCAP_TSO4
from tests.interop import stream
from tests.interop.bulk import Bulk, Report
from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import Netns, behind, needs_program, needs_root_tun
from tests.interop.stream import digest_of
from tests.interop.world import Program, World

pytestmark = [needs_root_tun, needs_program("tcpdump", "ethtool")]

STREAM = str(Path(stream.__file__))
PORT = 5001
SIZE = 3 << 20
ALL = vnet.CAPABILITIES
SUMS = ALL & ~IFCAP_GSO


def switch_off(ns: Netns, device: str, *features: str) -> None:
    """Have the kernel do without on a device."""
    for feature in features:
        ns.run("ethtool", "-K", device, feature, "off")


def kernel(w: World, ns: Netns, role: str, *words: str, size: int = SIZE) -> Program:
    """The kernel's end of a stream."""
    program = w.program(ns, sys.executable, STREAM, "-b", str(size), role, *words, str(PORT))
    if "-l" in words:
        w.until(lambda: program.listens(PORT), what="the kernel's end")
    return program


def stream_between(w: World, me: Host, ns: Netns, ours: str, theirs: str, direction: str, size: int = SIZE) -> None:
    """A stream between a host of ours and the kernel; it must arrive whole."""
    far = kernel(w, ns, "sink" if direction == "out" else "source", "-l", theirs, size=size)
    bulk = Bulk(w.lab, me, PORT, Ip4.parse(theirs))
    w.finish(bulk.source(size) if direction == "out" else bulk.sink())
    w.finish_program(far)
    assert bulk.report is not None
    told = Report.of(far.text)
    assert (bulk.report.bytes, told.bytes) == (size, size) and bulk.report.sha256 == told.sha256, ours


def nothing_lost(w: World, *namespaces: Netns) -> None:
    """No retransmission but those of somebody who waited too long; no frame dropped; no bad sum found."""
    for host in w.lab.hosts.values():
        assert not host.tcp.stat["fastrexmt"] and not host.tcp.stat["rcvbadsum"]
        assert not host.ether.stat["tapfull"] and not host.ether.stat["badvnet"]
        assert not any(ifp.iqdrops or ifp.oerrors for ifp in host.interfaces.values())
    for ns in namespaces:
        counted = counters(ns)
        assert not counted["TCPFastRetrans"] and not counted["TCPSlowStartRetrans"] and not counted["InCsumErrors"]


def counters(ns: Netns) -> dict[str, int]:
    """What the kernel counts of TCP in a namespace."""
    found: dict[str, int] = {}
    for name in ("snmp", "netstat"):
        lines = [line.split() for line in ns.run("cat", f"/proc/net/{name}").stdout.splitlines()]
        for names, values in zip(lines[::2], lines[1::2], strict=True):
            if names[0] in ("Tcp:", "TcpExt:"):
                found |= {key: int(value) for key, value in zip(names[1:], values[1:], strict=True)}
    return found


# --- a stream of our own ----------------------------------------------------------------------------


class Case(NamedTuple):
    """Who does what."""

    direction: str
    ours: int  # what is switched on
    theirs: tuple[str, ...] = ()  # what the kernel does without


CASES = [
    *(Case(direction, ours) for direction in ("out", "in") for ours in (ALL, 0, SUMS, IFCAP_LRO, ALL & ~IFCAP_LRO)),
    *(Case(direction, ours, ("tx", "tso", "gso")) for direction in ("out", "in") for ours in (ALL, 0)),
    *(Case(direction, ALL, ("gro", "tso")) for direction in ("out", "in")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.direction}-{case.ours:x}-{'-'.join(case.theirs)}")
def test_a_stream_with_the_kernel(pair: Pair, case: Case) -> None:
    w, ns = pair.world, pair.linux
    pair.virt.set_capenable(case.ours)
    switch_off(ns, "tap0", *case.theirs)
    seen: list[int] = []
    pair.virt.taps += (lambda _ifp, m, _out: seen.append(m.gso_size),)
    stream_between(w, pair.me, ns, OURS, THEIRS, case.direction)
    made = case.ours & (IFCAP_TSO4 if case.direction == "out" else IFCAP_LRO)
    assert any(seen) is bool(made) and set(seen) - {0} <= {1448}
    nothing_lost(w, ns)


@pytest.mark.parametrize("mtu", [576, 9000, 65521])
@pytest.mark.parametrize("direction", ["out", "in"])
def test_any_mtu(w: World, mtu: int, direction: str) -> None:
    me, ns = w.host("me"), w.namespace()
    ifp = w.wire(me, "virt0", ns, f"{OURS}/24", f"{THEIRS}/24", mtu=mtu)
    seen: list[tuple[int, int]] = []
    ifp.taps += (lambda _ifp, m, _out: seen.append((m.gso_size, m.len)),)
    stream_between(w, me, ns, OURS, THEIRS, direction)
    sizes = {size for size, _ in seen} - {0}
    assert sizes == {mtu - 52} if mtu < 40_000 else max(sizes, default=0) < mtu
    assert all(length <= mtu for size, length in seen if not size)
    nothing_lost(w, ns)


@pytest.mark.parametrize("direction", ["out", "in"])
def test_a_device_without_the_header(w: World, direction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vnet, "IFF_VNET_HDR", 0)
    me, ns = w.host("me"), w.namespace()
    ifp = w.wire(me, "virt0", ns, f"{OURS}/24", f"{THEIRS}/24")
    assert isinstance(ifp, Virt) and not ifp.vnet and ifp.capabilities == IFCAP_LRO
    stream_between(w, me, ns, OURS, THEIRS, direction)
    nothing_lost(w, ns)


@pytest.mark.parametrize("kind", [(), ("multi_queue",)], ids=["", "multi_queue"])
def test_a_device_that_somebody_made(w: World, kind: tuple[str, ...]) -> None:
    """It is used as well as it can be, and left as it was."""
    me, ns = w.host("me"), w.namespace()
    ns.run("ip", "tuntap", "add", "dev", "tap0", "mode", "tap", *kind)
    before = ns.run("ethtool", "-k", "tap0").stdout
    w.wire(me, "virt0", ns, f"{OURS}/24", f"{THEIRS}/24", capture=False)
    ns.run("ip", "link", "set", "tap0", "up")
    stream_between(w, me, ns, OURS, THEIRS, "in")
    assert "tcp-segmentation-offload: on" in ns.run("ethtool", "-k", "tap0").stdout
    me.ifdestroy("virt0")
    left = ns.run("ethtool", "-k", "tap0").stdout
    assert "tcp-segmentation-offload: off" in left and "tx-checksumming: off" in left
    assert before.count("\n") == left.count("\n")


# --- through us -----------------------------------------------------------------------------------------


def between(w: World, kind: str, ours: tuple[int, int], theirs: tuple[str, ...]) -> tuple[Netns, Netns, str]:
    """Two kernels with a router or a bridge of ours between them; the second one's address."""
    gw, a, b = w.host("gw", forwarding=True), w.namespace(), w.namespace()
    if kind == "router":
        w.wire(gw, "virt0", a, "10.1.0.254/24", "10.1.0.1/24")
        w.wire(gw, "virt1", b, "10.2.0.254/24", "10.2.0.1/24")
        a.run("ip", "route", "add", "default", "via", "10.1.0.254")
        b.run("ip", "route", "add", "default", "via", "10.2.0.254")
        far = "10.2.0.1"
    else:
        bridge = gw.ifcreate("bridge0")
        assert isinstance(bridge, Bridge)
        for number, ns in enumerate((a, b)):
            bridge.add(w.plug(gw, f"virt{number}", ns))
            ns.run("ip", "addr", "add", f"10.1.0.{number + 1}/24", "dev", f"tap{number}")
        bridge.up()
        far = "10.1.0.2"
    for number, (ns, capenable) in enumerate(zip((a, b), ours, strict=True)):
        gw.interfaces[f"virt{number}"].set_capenable(capenable)
        switch_off(ns, f"tap{number}", *theirs)
    return a, b, far


@pytest.mark.parametrize(
    ("kind", "ours", "theirs"),
    [
        ("router", (ALL, ALL), ()), ("router", (ALL, 0), ()), ("router", (0, ALL), ()),
        ("router", (SUMS, IFCAP_LRO), ()), ("router", (ALL, ALL), ("tx", "tso", "gso")),
        ("bridge", (ALL, ALL), ()), ("bridge", (ALL, SUMS), ()), ("bridge", (IFCAP_LRO, 0), ("tx", "tso", "gso")),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value)) or "all",
)  # fmt: skip
def test_a_stream_through_us(w: World, kind: str, ours: tuple[int, int], theirs: tuple[str, ...]) -> None:
    a, b, far = between(w, kind, ours, theirs)
    sink = kernel(w, b, "sink", "-l", far)
    source = kernel(w, a, "source", far)
    for program in (source, sink):
        w.finish_program(program)
    assert Report.of(sink.text).sha256 == Report.of(source.text).sha256 and Report.of(sink.text).bytes == SIZE
    nothing_lost(w, a, b)


def test_what_the_kernel_cuts_for_us_is_right_on_the_next_wire(w: World) -> None:
    """Behind a Linux router whose next device can do nothing itself, each segment has its own good sum."""
    me, ns, far = w.host("me"), w.namespace(), w.namespace()
    w.wire(me, "virt0", ns, f"{OURS}/24", f"{THEIRS}/24", capture=False)
    w.route(me, "0.0.0.0/0", THEIRS)
    behind(ns, far)
    switch_off(ns, "near0", "tx", "tso", "gso")
    wish = f"src host {OURS} and greater 200"
    capture = w.program(far, "tcpdump", "-Z", "root", "-n", "-vv", "-l", "-i", "far0", wish)
    w.until(lambda: "listening on" in capture.text, what="tcpdump to begin")
    stream_between(w, me, far, OURS, "10.8.0.2", "out", size=300_000)
    w.until(lambda: capture.text.count("(correct)") >= 300_000 // 1448, what="the capture")
    assert "incorrect" not in capture.text and capture.text.count("length 1448") >= 300_000 // 1448


def test_we_find_the_mtu_behind_a_router_of_the_kernels(w: World) -> None:
    me, ns, far = w.host("me"), w.namespace(), w.namespace()
    w.wire(me, "virt0", ns, f"{OURS}/24", f"{THEIRS}/24")
    w.route(me, "0.0.0.0/0", THEIRS)
    behind(ns, far, mtu=1000)
    far.run("ip", "route", "change", "default", "via", "10.8.0.1", "advmss", "1460")
    seen: set[int] = set()
    me.interfaces["virt0"].taps += (lambda _ifp, m, out: seen.add(m.gso_size) if out else None,)
    stream_between(w, me, far, OURS, "10.8.0.2", "out")
    assert seen - {0} == {1448, 948} and me.ip.stat["pmtuchg"] == 1


# --- the other side is slow, or gone ----------------------------------------------------------------------

SLOW_SINK = """\
import hashlib, socket, sys, time
so = socket.create_server((sys.argv[1], int(sys.argv[2])))
so.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
peer, digest = so.accept()[0], hashlib.sha256()
while data := peer.recv(100_000):
    digest.update(data)
    time.sleep(0.005)
print(digest.hexdigest())
"""


def test_a_slow_receiver_of_the_kernels(pair: Pair) -> None:
    w = pair.world
    sink = w.program(pair.linux, sys.executable, "-c", SLOW_SINK, THEIRS, str(PORT))
    w.until(lambda: sink.listens(PORT), what="the sink")
    bulk = Bulk(w.lab, pair.me, PORT, Ip4.parse(THEIRS))
    w.finish(bulk.source(SIZE))
    w.finish_program(sink)
    assert bulk.report is not None and sink.text.strip() == bulk.report.sha256
    nothing_lost(w, pair.linux)


def test_a_slow_receiver_of_ours(pair: Pair) -> None:
    """What is not read yet stays in clusters, and those are as many as the window has room for."""
    w, got, most = pair.world, bytearray(), 0

    async def sink(_proc: Proc) -> int:
        nonlocal most
        so = pair.me.socket(SOCK_STREAM)
        so.bind((0, PORT))
        so.listen()
        peer, _ = await accept(so)
        while data := await recv(peer, 100_000):
            got.extend(data)
            assert isinstance(pair.virt, Virt)
            most = max(most, len(pair.virt.clusters.lent))
            await pause(0.005)
        return 0

    proc = w.lab.spawn(pair.me, ["sink"], sink)
    source = kernel(w, pair.linux, "source", OURS)
    w.finish(proc)
    w.until(lambda: len(got) == SIZE, what="all of it")
    assert digest_of(SIZE) == hashlib.sha256(got).digest()
    assert 0 < most < 40
    source.child.kill()
    nothing_lost(w, pair.linux)


@pytest.mark.parametrize("direction", ["out", "in"])
def test_the_device_vanishes_in_the_middle(w: World, direction: str) -> None:
    me, ns = w.host("me"), w.namespace()
    ifp = w.wire(me, "virt0", ns, f"{OURS}/24", f"{THEIRS}/24", capture=False)
    said: list[str] = []
    w.lab.probes.log += (lambda _host, message: said.append(message),)
    far = kernel(w, ns, "sink" if direction == "out" else "source", "-l", THEIRS, size=1 << 30)
    bulk = Bulk(w.lab, me, PORT, Ip4.parse(THEIRS))
    proc = bulk.source(1 << 30) if direction == "out" else bulk.sink()
    w.until(lambda: ifp.obytes + ifp.ibytes > SIZE, what="some of it")
    ns.run("ip", "link", "delete", "tap0")
    w.until(lambda: bool(said), what="the lab to notice")
    assert said[0].startswith("virt0: tap0: ") and not ifp.runs and not w.lab.readers
    assert proc.status is None and proc.failure is None  # TCP does not give up so soon
    assert w.command("me", "ping -c 1 127.0.0.1").status == 0
    far.child.kill()
