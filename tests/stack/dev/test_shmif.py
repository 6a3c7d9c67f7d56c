"""Labs that share a bus file, in one process: who hears whom, and what happens when the file is lost."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.addr import Mac, Prefix
from stack.dev import libpcap, shmif
from stack.dev.busfile import BusFile
from stack.dev.shmif import FileBus
from stack.header.ip import IPPROTO_TCP
from stack.lab import Lab
from stack.mbuf import CSUM_TCP, Mbuf
from stack.net.bpf import DLT_EN10MB, Bpf, Capture
from stack.net.ifnet import IFF_RUNNING, IFQ_MAXLEN, Ifnet
from stack.net.wire import Shmif
from stack.netinet.ip_output import ip_template
from tests.commands.runner import run, start
from tests.stack.labs import attach, ip4, udp
from tests.stack.net.test_gso import noise, packet

STRANGE = b"\x12\x34"
ALL = b"\xff" * 6


class World:
    """Labs on one bus file; time moves in all of them alike."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.labs: list[Lab] = []
        self.said: list[tuple[str, str]] = []

    def lab(self, *addresses: str) -> Lab:
        """A lab with a host for each address."""
        lab = Lab(1)
        shmif.register(lab)
        lab.probes.log += (lambda name, text: self.said.append((name, text)),)
        self.labs.append(lab)
        for number, address in enumerate(addresses):
            attach(lab, lab.add_host(f"h{number}"), self.path, address)
        self.settle()
        return lab

    def settle(self) -> None:
        """Until nothing more happens at this time."""
        busy = True
        while busy:
            busy = False
            for lab in self.labs:
                lab.callouts.advance(lab.callouts.now)
                poller = select.poll()
                for descriptor in lab.readers:
                    poller.register(descriptor, select.POLLIN)
                for descriptor, _ in poller.poll(0):
                    lab.readers[descriptor]()
                    busy = True

    def until(self, done: Callable[[], bool], limit: float = 20.0) -> None:
        """Move time in small steps until something is so."""
        while not done():
            for lab in self.labs:
                assert lab.callouts.now < limit
                lab.callouts.advance(lab.callouts.now + 0.01)
            self.settle()

    def ping(self, lab: Lab, host: str, words: str) -> list[str]:
        """Run ping on a host; what it prints."""
        job = start(lab, host, f"ping -n {words}")
        self.until(lambda: job.answer.status is not None)
        return job.answer.lines

    def end(self) -> None:
        for lab in self.labs:
            for name in list(lab.hosts):
                lab.remove_host(name)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(str(tmp_path / "bus"))
    yield made
    made.end()


def port(lab: Lab, host: str = "h0") -> Shmif:
    ifp = lab[host].interfaces["shmif0"]
    assert isinstance(ifp, Shmif)
    return ifp


def file_bus(lab: Lab) -> FileBus:
    (bus,) = lab.buses.values()
    assert isinstance(bus, FileBus)
    return bus


def heard(ifp: Ifnet) -> list[bytes]:
    """The frames of our strange type that an interface receives from now on."""
    frames: list[bytes] = []

    def tap(_: Ifnet, m: Mbuf, outgoing: bool) -> None:
        if not outgoing and m.link[12:] == STRANGE:
            frames.append(m.frame())

    ifp.taps += (tap,)
    return frames


def send(ifp: Shmif, to: bytes, data: bytes = b"data") -> int:
    assert ifp.lladdr is not None
    return ifp.transmit(Mbuf(data, link=to + ifp.lladdr + STRANGE))


# --- the bus ----------------------------------------------------------------------------------------


def test_hosts_of_two_labs_ping_each_other(world: World) -> None:
    a, b = world.lab("10.0.0.1", "10.0.0.2"), world.lab("10.0.0.3")
    for lab, host, address in ((a, "h0", "10.0.0.3"), (b, "h0", "10.0.0.2"), (a, "h1", "10.0.0.1")):
        assert "2 packets transmitted, 2 packets received, 0.0% packet loss" in world.ping(lab, host, f"-c 2 {address}")
    assert not any(lab[name].ether.stat for lab in world.labs for name in lab.hosts)


def test_a_capture_of_the_bus_has_each_frame_once_whoever_sent_it(world: World) -> None:
    near, far = world.lab("10.0.0.1", "10.0.0.3"), world.lab("10.0.0.2")
    bpf = Bpf(lambda: near.callouts.now, 1 << 20)
    bpf.attach_bus(file_bus(near), libpcap.compile_filter("icmp", DLT_EN10MB, 65535))
    world.ping(far, "h0", "-c 2 10.0.0.1")
    world.ping(near, "h1", "-c 1 10.0.0.1")
    assert [frame.data[29] for frame in bpf.take()] == [2, 1, 2, 1, 3, 1]  # the senders' last numbers
    bpf.close()
    world.ping(far, "h0", "-c 1 10.0.0.1")
    assert bpf.take() == []


def test_a_frame_goes_to_whom_it_is_meant_for(world: World) -> None:
    a, b = world.lab("10.0.0.1", "10.0.0.2"), world.lab("10.0.0.3", "10.0.0.4")
    ports = [port(lab, host) for lab in (a, b) for host in ("h0", "h1")]
    told = [heard(ifp) for ifp in ports]
    for receiver in ports:
        assert receiver.lladdr is not None
        assert send(ports[0], receiver.lladdr, b"to one") == 0
    assert send(ports[0], ALL, b"to all") == 0
    world.settle()
    assert [len(frames) for frames in told] == [0, 2, 2, 2]
    ports[3].set_flags(0x100)  # promiscuous
    assert ports[2].lladdr is not None
    send(ports[0], ports[2].lladdr)
    world.settle()
    assert [len(frames) for frames in told] == [0, 2, 3, 3]


def test_many_frames_stay_in_order(world: World) -> None:
    a, b = world.lab("10.0.0.1"), world.lab("10.0.0.2")
    told = heard(port(b))
    sent = [number.to_bytes(2) + bytes(1498) for number in range(250)]
    for data in sent:
        assert send(port(a), ALL, data) == 0
    world.settle()
    assert [frame[14:] for frame in told] == sent


def test_a_file_on_a_bus_is_real_time(world: World) -> None:
    lab = world.lab("10.0.0.1")
    assert lab.has_devices and list(lab.readers) == [file_bus(lab).file.watcher]  # type: ignore[union-attr]
    port(lab).set_linkstr(None)
    assert not lab.has_devices and not lab.buses and not Path(world.path).exists()
    port(lab).set_linkstr(world.path)
    lab["h0"].ifdestroy("shmif0")
    assert not lab.has_devices and not lab.buses and not Path(world.path).exists()


def test_labs_of_one_seed_have_different_addresses(world: World) -> None:
    a, b = world.lab("10.0.0.1"), world.lab("10.0.0.2")
    first, second = port(a).lladdr, port(b).lladdr
    assert first != second
    assert first is not None and second is not None and first[:2] == second[:2] == b"\xb2\xa0"


def test_an_address_that_was_given_is_kept(world: World) -> None:
    lab = world.lab()
    mine = Mac.parse("02:00:00:00:00:07")
    host = lab.add_host("h0")
    ifp = host.ifcreate("shmif0")
    ifp.set_lladdr(mine)
    ifp.set_linkstr(world.path)
    assert ifp.lladdr == mine
    ifp.set_linkstr(None)
    ifp.set_linkstr("lan")
    assert ifp.lladdr == mine


def test_what_waits_is_sent_when_the_last_one_leaves(world: World) -> None:
    a, b = world.lab("10.0.0.1"), world.lab("10.0.0.2")
    told = heard(port(b))
    for _ in range(200):
        send(port(a), ALL, bytes(1500))
    a["h0"].ifdestroy("shmif0")
    world.settle()
    assert len(told) == 200


def test_a_bus_that_is_busy_is_tried_again(world: World) -> None:
    a, b = world.lab("10.0.0.1"), world.lab("10.0.0.2")
    told = heard(port(b))
    holder = BusFile(world.path)
    assert holder.lock.take()
    assert [send(port(a), ALL) for _ in range(IFQ_MAXLEN + 3)] == [0] * IFQ_MAXLEN + [errno.ENOBUFS] * 3
    assert dict(a["h0"].ether.stat) == {"busfull": 3} and port(a).odrops == 3
    for lab in (a, b):
        lab.callouts.advance(lab.callouts.now + 0.01)
    assert told == []
    holder.lock.give()
    world.until(lambda: len(told) == IFQ_MAXLEN)
    holder.close()


def test_an_overrun_is_counted(world: World) -> None:
    a, b = world.lab("10.0.0.1"), world.lab("10.0.0.2")
    told = heard(port(b))
    for number in range(8):
        for _ in range(100):
            send(port(a), ALL, number.to_bytes(2) + bytes(1498))
        a.callouts.advance(a.callouts.now)
    world.settle()
    assert dict(b["h0"].ether.stat) == {"overrun": 1, "noproto": len(told)} and port(b).ierrors == 1
    assert 600 < len(told) < 700
    assert "\t\toverrun: 1" in run(b, "h0", "netstat -s -p ether").lines


# --- its loss ---------------------------------------------------------------------------------------


def cut(path: str) -> None:
    os.truncate(path, 5000)


def scribble(path: str) -> None:
    with open(path, "r+b") as file:
        file.write(b"scribble, scribble")


@pytest.mark.parametrize(("spoil", "words"), [(cut, "it was cut short"), (scribble, "not a bus: it begins with")])
def test_a_lost_file_is_a_lost_link(world: World, spoil: Callable[[str], None], words: str) -> None:
    lab = world.lab("10.0.0.1", "10.0.0.2")
    spoil(world.path)
    spoilt = Path(world.path).read_bytes()
    world.settle()
    for host in ("h0", "h1"):
        assert not port(lab, host).flags & IFF_RUNNING and port(lab, host).linkstr == world.path
    assert len(world.said) == 1
    assert world.said[0][0] == world.path and world.said[0][1].startswith(words)
    assert send(port(lab), ALL) == errno.ENETDOWN and lab["h0"].ether.stat["ifdown"] == 1
    assert not lab.readers
    port(lab).set_linkstr(None)
    with pytest.raises(OSError, match="not a bus"):
        port(lab).set_linkstr(world.path)
    assert port(lab).linkstr is None
    assert Path(world.path).read_bytes() == spoilt
    os.unlink(world.path)
    port(lab).set_linkstr(world.path)  # which is a new one, and the other comes back to life with it
    assert port(lab).flags & port(lab, "h1").flags & IFF_RUNNING
    told = heard(port(lab, "h1"))
    send(port(lab), ALL)
    world.settle()
    assert len(told) == 1


def test_a_loss_that_a_sender_finds_out(world: World) -> None:
    lab = world.lab("10.0.0.1")
    cut(world.path)
    for _ in range(50):
        send(port(lab), ALL, bytes(1500))
    lab.callouts.advance(lab.callouts.now)
    assert not port(lab).flags & IFF_RUNNING and len(world.said) == 1
    lab["h0"].ifdestroy("shmif0")
    assert Path(world.path).exists() and not lab.buses


def test_a_file_that_cannot_be_had_leaves_nothing_behind(world: World) -> None:
    lab = world.lab()
    ifp = lab.add_host("h0").ifcreate("shmif0")
    before = ifp.lladdr
    Path(world.path).write_text("no bus")
    with pytest.raises(OSError, match=f"^{world.path}: not a bus: it has 6 bytes"):
        ifp.set_linkstr(world.path)
    assert (ifp.linkstr, ifp.lladdr, lab.buses, lab.readers) == (None, before, {}, {})
    ifp.set_linkstr("lan")
    assert ifp.linkstr == "lan"


def test_a_lab_that_nobody_gave_files_has_none() -> None:
    ifp = Lab().add_host("a").ifcreate("shmif0")
    with pytest.raises(OSError, match="no buses in files"):
        ifp.set_linkstr("./bus")


def test_a_wire_that_is_cut_and_mended(world: World) -> None:
    a, b = world.lab("10.0.0.1"), world.lab("10.0.0.2")
    told = heard(port(b))
    file_bus(b).set_carrier(False)
    send(port(a), ALL)
    world.settle()
    assert told == [] and send(port(b), ALL) == errno.ENETDOWN
    file_bus(b).set_carrier(True)
    send(port(a), ALL)
    world.settle()
    assert len(told) == 1 and send(port(b), ALL) == 0
    cut(world.path)
    world.settle()
    file_bus(a).set_carrier(True)
    assert not port(a).flags & IFF_RUNNING


def test_into_a_file_go_wire_frames(world: World) -> None:
    """A super-segment is cut: other processes, perhaps of other programs, read the file."""
    near, far = world.lab("10.0.0.1", "10.0.0.3"), world.lab("10.0.0.2")
    world.ping(near, "h0", "-c 1 10.0.0.2")
    came = heard_tcp(port(far)), heard_tcp(port(near, "h1"))
    for target in ("10.0.0.2", "10.0.0.3"):
        m = Mbuf(noise(3000), packet(b"", 0).transport)
        m.csum, m.gso_size = CSUM_TCP, 1000
        near["h0"].ip.output(m, ip_template(ip4("10.0.0.1"), ip4(target), IPPROTO_TCP, 64))
    world.settle()
    assert came == ([1000] * 3, [1000] * 3)


def heard_tcp(ifp: Ifnet) -> list[int]:
    """The sizes of the TCP data that an interface receives from now on."""
    sizes: list[int] = []

    def tap(_: Ifnet, m: Mbuf, outgoing: bool) -> None:
        if not outgoing and len(m.net) >= 20 and m.net[9] == IPPROTO_TCP:
            sizes.append(len(m.data))

    ifp.taps += (tap,)
    return sizes


def test_what_a_router_forwards_in_a_burst_goes_into_the_file_too(world: World) -> None:
    """Also what is for a neighbour in the same lab: somebody else may listen."""
    near, far = world.lab("10.0.0.1", "10.0.0.3"), world.lab("10.0.0.2")
    inner = near.add_host("inner")
    attach(near, inner, "inside", "10.1.0.2")
    attach(near, near["h0"], "inside", "10.1.0.1")
    inner.add_route(Prefix.parse("default"), ip4("10.1.0.1"))
    so = udp(inner)
    so.sendto(b"first", (ip4("10.0.0.3"), 9))
    world.settle()
    port(far).promisc(True)
    capture = Capture(lambda: 0.0, [port(far)])
    for _ in range(5):
        so.sendto(b"one of a burst", (ip4("10.0.0.3"), 9))
    world.settle()
    assert sum(b"one of a burst" in each.frame for each in capture.frames) == 5
