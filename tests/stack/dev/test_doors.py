"""A traced packet tells of the devices that it goes through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.dev import vnet
from stack.dev.doors import DEVICES, DOORS
from stack.kern.socket import SOCK_DGRAM
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ifnet import IFCAP_GSO
from stack.trace.door import sentence
from stack.trace.doors import find
from stack.trace.recorder import Recorder
from stack.trace.steps import Packet, Step
from tests.commands.runner import run
from tests.stack.dev.test_shmif import World, file_bus, world
from tests.stack.dev.test_tap import ADDRESS, Bench, bench
from tests.stack.labs import udp, udp_packet
from tests.stack.net.test_gso import noise, packet

__all__ = ["bench", "world"]  # fixtures


class Traces:
    """The recorders of a test."""

    def __init__(self) -> None:
        self.recorders: list[Recorder] = []

    def start(self, lab: Lab) -> Recorder:
        self.recorders.append(Recorder(lab, DOORS))
        self.recorders[-1].start()
        return self.recorders[-1]


@pytest.fixture
def traces() -> Iterator[Traces]:
    made = Traces()
    yield made
    for recorder in made.recorders:
        recorder.stop()


def told(recorder: Recorder, function: str) -> list[tuple[Step, Packet]]:
    """The steps in a function, and whose they are."""
    recorder.settle()
    return [(step, recorder.packets[step.serial]) for step in recorder.steps if step.door.bsd == function]


def test_what_the_kernel_sends_and_gets(bench: Bench, traces: Traces) -> None:
    recorder = traces.start(bench.lab)
    assert bench.virt.lladdr is not None
    frame = bench.virt.lladdr + b"\xb2\xa0\0\0\0\2\x08\0" + udp_packet("10.9.0.1", str(ADDRESS))
    bench.wires[0].far.send(frame)
    bench.virt.receive()
    bench.lab.run(0)
    ((step, got),) = told(recorder, "virtif_receiver")
    assert (
        sentence(step.door.tell, step.facts) == "The machine's kernel has sent a frame on tap0, and virt0 has read it."
    )
    assert (step.place, step.host, step.path) == (1, "me", "stack/dev/tap.py")
    ((step, question),) = told(recorder, "virtif_start")  # the error wants to know where 10.9.0.1 is
    assert step.verdict == question.fate == "left the lab by tap0"
    assert question.cause and recorder.packets[question.cause].cause == got.serial


def test_a_super_segment_is_the_kernels_to_cut_or_ours(bench: Bench, traces: Traces) -> None:
    recorder = traces.start(bench.lab)
    size = 1000

    def send() -> Step:
        bench.virt.transmit(packet(noise(4 * size), size))
        return told(recorder, "virtif_start")[-1][0]

    bench.virt.vnet = True  # as if the device had room for it
    bench.virt.capenable = vnet.CAPABILITIES
    step = send()
    assert step.facts["segments"] == 4 and step.facts["how"] == "the kernel makes its checksum"
    assert step.verdict == "left the lab by tap0"
    bench.virt.capenable &= ~IFCAP_GSO
    send()
    whole, *segments = told(recorder, "virtif_start")[-5:]
    assert whole[0].facts["how"] == "cut here, since the kernel is not to" and not whole[0].verdict
    assert [packet.cause for _, packet in segments] == [whole[1].serial] * 4
    assert {packet.fate for _, packet in segments} == {"left the lab by tap0"}
    bench.virt.vnet = False


def test_what_the_kernel_does_not_take(bench: Bench, traces: Traces) -> None:
    recorder = traces.start(bench.lab)
    bench.wires[0].far.close()
    assert bench.virt.transmit(Mbuf(b"data", b"", b"", b"\xff" * 12 + b"\x12\x34"))
    ((step, lost),) = told(recorder, "virtif_start")
    assert step.verdict == "Network is down" and lost.fate == "dropped: ether/taperror"


def test_through_a_bus_file(world: World, traces: Traces) -> None:
    here, there = world.lab("10.0.0.1", "10.0.0.2"), world.lab("10.0.0.3")
    assert all(world.ping(here, "h0", f"-c 1 10.0.0.{host}")[-2].startswith("1 packets") for host in (2, 3))
    sent, got = traces.start(here), traces.start(there)
    so = here["h0"].socket(SOCK_DGRAM)
    taker = udp(there["h0"], 9)
    so.sendto(b"hello", (there.resolve("10.0.0.3"), 9))
    world.until(lambda: taker.readable)
    ((step, packet),) = told(sent, "shmif_start")
    assert "to" not in step.facts and step.facts["queue"] == 0
    assert packet.fate == f"left the lab by {file_bus(here).label}"
    ((step, packet),) = told(got, "shmif_rcv")
    assert step.facts["to"] == "h0:shmif0" and step.host == f"bus:{file_bus(there).label}"
    assert packet.fate.startswith("delivered to udp")


def test_a_neighbour_on_the_same_bus_file_is_told_of(world: World, traces: Traces) -> None:
    lab = world.lab("10.0.0.1", "10.0.0.2")
    assert world.ping(lab, "h0", "-c 1 10.0.0.2")
    recorder = traces.start(lab)
    taker = udp(lab["h1"], 9)
    lab["h0"].socket(SOCK_DGRAM).sendto(b"hello", (lab.resolve("10.0.0.2"), 9))
    world.until(lambda: taker.readable)
    ((step, packet),) = told(recorder, "shmif_start")
    assert step.facts["to"] == "h1:shmif0" and packet.fate.startswith("delivered to udp")


def test_the_commands_know_them(bench: Bench) -> None:
    assert [find(door.bsd, DOORS) for door in DEVICES] == [
        [door for door in DEVICES if door.bsd == name]
        for name in ("virtif_start", "virtif_receiver", "shmif_start", "shmif_rcv")
    ]
    run(bench.lab, "me", "trace on")
    bench.wires[0].far.send(b"\xff" * 12 + b"\x12\x34")
    bench.virt.receive()
    bench.lab.run(0)
    run(bench.lab, "me", "trace off")
    assert "virt0 has read it" in "\n".join(run(bench.lab, "me", "explain 1").lines)
