"""What a trace remembers: serials and causes that make sense, and a stack that does not know that it is watched."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.fuzz import Run, counters
from stack.dev import shmif
from stack.header.ip import IPPROTO_UDP
from stack.kern.proc import Proc
from stack.kern.socket import SOCK_DGRAM, SOCK_STREAM
from stack.kern.syscalls import accept, connect, recv, recvfrom, sendall
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ethernet import Ethernet
from stack.net.ifnet import IFCAP_GSO, IFF_RUNNING
from stack.net.wire import Personality
from stack.netinet.in_ import IP_TTL, IPPROTO_IP
from stack.trace.journey import Journeys
from stack.trace.recorder import Filter, Recorder
from stack.trace.steps import AGAIN, ANSWER, ASKS, COPY, ERROR, FRAGMENT, SEGMENT, SENT, WHOLE, Packet
from tests.commands import labs
from tests.stack.labs import ip4, routed, settle
from tests.stack.netinet.test_determinism import busy


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    left = sys.getprofile()
    sys.setprofile(None)
    assert left is None


def watched(lab: Lab, wanted: Filter | None = None) -> Recorder:
    recorder = Recorder(lab)
    recorder.start(wanted)
    return recorder


def check(recorder: Recorder) -> None:
    """What holds of every trace."""
    packets = recorder.packets
    for serial, packet in packets.items():
        assert packet.serial == serial
        assert packet.cause == 0 or packet.cause < serial and packet.cause in packets
        assert packet.cause or packet.kind in (SENT, ASKS), packet.kind
        assert all(part in packets and part < serial for part in packet.parts)
        assert packet.kind != WHOLE or packet.cause in packet.parts
    numbers = [step.number for step in recorder.steps]
    assert len(set(numbers)) == len(numbers)
    places = {(step.serial, step.place) for step in recorder.steps if step.serial}
    assert len(places) == sum(bool(step.serial) for step in recorder.steps)
    for step in recorder.steps:
        assert "defect" not in step.facts, (step.function, step.facts)
        assert not step.serial or packets[step.serial].wanted
        assert step.line > 0 and step.path.startswith("stack/")
    assert not recorder.visits and not recorder.event


# --- a stack that is watched does what it always does ----------------------------------------------


def test_the_same_frames_leave_whether_somebody_looks_or_not() -> None:
    recorders: list[Recorder] = []
    alone = busy(7)
    seen = busy(7, lambda lab: recorders.append(watched(lab)))
    recorders[0].stop()
    assert seen == alone
    check(recorders[0])
    kinds = {packet.kind for packet in recorders[0].packets.values()}
    assert kinds >= {SENT, COPY, FRAGMENT, WHOLE, ERROR, ANSWER, ASKS, AGAIN}


def test_the_same_is_counted_whether_somebody_looks_or_not() -> None:
    runs = []
    for look in (False, True):
        lab, a, r, b = routed()
        recorder = watched(lab) if look else None
        so = a.socket(SOCK_DGRAM)
        for size in (10, 3000, 100):
            so.sendto(bytes(size), (lab.resolve("b"), 9))
        lab.run(lab.callouts.now + 5)
        if recorder is not None:
            recorder.stop()
            check(recorder)
        for _ in range(3):
            so.sendto(bytes(100), (lab.resolve("b"), 9))
        lab.run(lab.callouts.now + 5)
        runs.append([counters(host) for host in (a, r, b)])
    assert runs[0] == runs[1]


def test_bursts_take_the_long_way_only_while_it_is_on() -> None:
    lab, _, _, _ = routed()
    recorder = Recorder(lab)
    assert not lab.probes.receive
    recorder.start()
    recorder.start()
    assert len(lab.probes.receive) == 1
    recorder.stop()
    recorder.stop()
    assert not lab.probes.receive


def test_a_packet_that_nobody_traced_has_no_serial() -> None:
    lab, _, _, _ = routed()
    recorder = Recorder(lab)
    recorder.start()
    recorder.stop()
    assert not hasattr(Mbuf(b""), "serial")


def test_another_lab_is_not_seen() -> None:
    ours, theirs = routed()[0], routed()[0]
    recorder, other = watched(ours), watched(theirs)
    theirs["a"].socket(SOCK_DGRAM).sendto(b"x", (theirs.resolve("b"), 9))
    settle(theirs)
    recorder.stop()
    other.stop()
    assert not recorder.steps and other.steps


# --- causes -----------------------------------------------------------------------------------------


def only(recorder: Recorder, kind: str) -> Packet:
    (found,) = (packet for packet in recorder.packets.values() if packet.kind == kind)
    return found


def test_an_error_is_because_of_the_packet_that_it_is_about() -> None:
    lab, a, _, _ = routed()
    recorder = watched(lab)
    a.socket(SOCK_DGRAM).sendto(b"x", (lab.resolve("b"), 9))
    settle(lab)
    recorder.stop()
    error = only(recorder, ERROR)
    begun = Journeys(recorder).beginning(recorder.packets[error.cause])
    assert begun.host == "a" and begun.frame[23] == IPPROTO_UDP
    assert begun.fate == "dropped: udp/noport"


def test_a_program_that_a_packet_has_woken_acts_because_of_it() -> None:
    lab = labs.pair()
    recorder = watched(lab)

    async def echo(proc: Proc) -> int:
        so = lab["b"].socket(SOCK_DGRAM)
        so.bind((0, 7))
        data, sender = await recvfrom(so, 100)
        so.sendto(data, sender)
        return 0

    lab.spawn(lab["b"], ["echo"], echo)
    lab.run(1.0)
    so = lab["a"].socket(SOCK_DGRAM)
    so.sendto(b"ping", (lab.resolve("b"), 7))
    lab.run(2.0)
    recorder.stop()
    check(recorder)
    asked, answer = (packet for packet in recorder.packets.values() if packet.frame[23] == IPPROTO_UDP)
    assert asked.cause == 0 and answer.cause == asked.serial
    assert asked.fate == "delivered to udp *.7" and answer.fate.startswith("delivered to udp *.")


def test_a_filter_takes_a_packet_and_what_it_causes() -> None:
    lab, a, _, _ = routed()
    recorder = watched(lab, lambda frame: frame[23] == IPPROTO_UDP)
    a.socket(SOCK_DGRAM).sendto(b"x", (lab.resolve("b"), 9))
    settle(lab)
    recorder.start(lambda frame: False)
    count = recorder.count
    a.socket(SOCK_DGRAM).sendto(b"x", (lab.resolve("b"), 9))
    settle(lab)
    recorder.stop()
    check(recorder)
    assert recorder.count == count
    assert [packet.wanted for packet in recorder.packets.values() if packet.kind == ERROR] == [True, False]
    assert {step.host for step in recorder.steps} >= {"a", "r", "b"}


class Cable(Ethernet):
    """A device whose frames are bytes, which come in at another's: a TAP, and what is behind it."""

    kind = "cable"
    __slots__ = ("end",)
    end: Cable | None

    def start(self, m: Mbuf) -> int:
        """Send it."""
        frame, end = m.frame(), self.end
        assert end is not None
        self.ether.callouts.schedule(0.001, lambda: end.input_frame(frame))
        return 0

    def init(self) -> None:
        """It always runs."""
        self.flags |= IFF_RUNNING


def test_a_frame_that_was_outside_of_the_lab_is_the_same_packet() -> None:
    lab = Lab()
    lab.cloners["cable"] = lambda host, name, index: Cable(name, index, host.new_lladdr(name), host.ether)
    ends: list[Cable] = []
    for name, address in (("a", "10.0.0.1"), ("b", "10.0.0.2")):
        ifp = lab.add_host(name).ifcreate("cable0")
        assert isinstance(ifp, Cable)
        ifp.end = ends[0] if ends else ifp
        ends.append(ifp)
        lab[name].set_address(ifp, ip4(address), 24, dad=False)
    ends[0].end = ends[1]
    recorder = watched(lab)
    lab["a"].socket(SOCK_DGRAM).sendto(b"x", (ip4("10.0.0.2"), 9))
    lab.run(1.0)
    recorder.stop()
    check(recorder)
    sent = next(packet for packet in recorder.packets.values() if packet.frame[23] == IPPROTO_UDP)
    assert {step.host for step in recorder.steps if step.serial == sent.serial} == {"a", "b"}
    assert only(recorder, ERROR).cause == sent.serial


def test_through_a_file_within_a_lab(tmp_path: Path) -> None:
    lab = Lab()
    shmif.register(lab)
    for name, address in (("a", "10.0.0.1"), ("b", "10.0.0.2")):
        labs.attach(lab, name, str(tmp_path / "bus"), address)
    recorder = watched(lab)
    try:
        lab["a"].socket(SOCK_DGRAM).sendto(b"x", (ip4("10.0.0.2"), 9))
        lab.run(lab.callouts.now + 1)
    finally:
        recorder.stop()
        for name in "ab":
            lab.remove_host(name)
    check(recorder)
    sent = next(packet for packet in recorder.packets.values() if packet.frame[23] == IPPROTO_UDP)
    assert {step.host for step in recorder.steps if step.serial == sent.serial} >= {"a", "b"}


hosts = st.integers(2, 5)
wires = st.tuples(*(st.sampled_from([0.0, much]) for much in (0.001, 0.2, 0.3, 0.2, 0.1))).map(
    lambda wire: Personality(delay=wire[0], loss=wire[1], duplicate=wire[2], reorder=wire[3], corrupt=wire[4])
)
sends = st.lists(st.tuples(st.sampled_from([1, 700, 4000]), st.integers(1, 6)), min_size=1, max_size=4)


@given(hosts, wires, sends, st.booleans(), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_every_cause_exists_and_is_older(
    count: int, wire: Personality, datagrams: list[tuple[int, int]], filtered: bool, seed: int
) -> None:
    lab = labs.chain(*(f"h{number}" for number in range(count)), seed=seed)
    for bus in lab.buses.values():
        bus.set(wire)
    first, last = lab["h0"], lab[f"h{count - 1}"]
    recorder = watched(lab, (lambda frame: len(frame) > 100) if filtered else None)

    async def server(proc: Proc) -> int:
        listener = last.socket(SOCK_STREAM)
        proc.closers.append(listener.close)
        listener.bind((0, 80))
        listener.listen()
        so, _ = await accept(listener)
        while data := await recv(so, 5000):
            await sendall(so, data)
        so.close()
        return 0

    async def client(proc: Proc) -> int:
        udp, tcp = first.socket(SOCK_DGRAM), first.socket(SOCK_STREAM)
        for size, ttl in datagrams:
            udp.setsockopt(IPPROTO_IP, IP_TTL, ttl)
            udp.sendto(bytes(size), (lab.resolve(last.name, first), 9))
        await connect(tcp, (lab.resolve(last.name, first), 80))
        await sendall(tcp, bytes(3000))
        tcp.shutdown(1)
        while await recv(tcp, 5000):
            pass
        return 0

    lab.spawn(last, ["server"], server)
    lab.spawn(first, ["client"], client)
    try:
        lab.run(40.0)
    finally:
        recorder.stop()
    check(recorder)
    journeys = Journeys(recorder)
    for packet in recorder.packets.values():
        told = list(journeys.tell(packet)) if packet.wanted else []
        steps = [leg.step.number for leg in told if leg.step is not None]
        assert len(set(steps)) == len(steps)


def test_any_frame_can_be_told() -> None:
    run = Run(5)
    recorder = watched(run.world.lab)
    try:
        for _ in range(1500):
            run.one()
    finally:
        recorder.stop()
    check(recorder)


def test_segments_of_a_super_segment_are_told() -> None:
    lab, a, _, b = routed()
    a.interfaces["shmif0"].set_capenable(IFCAP_GSO)
    recorder = watched(lab)
    listener, so = b.socket(SOCK_STREAM), a.socket(SOCK_STREAM)
    listener.bind((0, 80))
    listener.listen()
    with suppress(BlockingIOError):
        so.connect((lab.resolve("b"), 80))
    lab.run(lab.callouts.now + 1)
    lab.bus("right").set(Personality(delay=0.001))  # which wants wire frames
    so.send(bytes(10000))
    lab.run(lab.callouts.now + 1)
    recorder.stop()
    check(recorder)
    cut = [packet for packet in recorder.packets.values() if packet.kind == SEGMENT]
    assert len(cut) > 3 and {recorder.packets[packet.cause].host for packet in cut} == {"a"}
    assert all(packet.fate.startswith(("taken by tcp", "delivered to tcp")) for packet in cut)
