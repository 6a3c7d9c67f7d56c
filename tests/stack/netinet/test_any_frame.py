"""Any bytes into any interface: nothing raises, and every frame comes to an end that has a name.

bench/fuzz.py does the same by the million; this is its short form, with hypothesis to find the smallest
frame that breaks a rule.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.fuzz import Broken, Mutator, Run, World, counters
from stack.addr import ETHER_BROADCAST
from stack.mbuf import Mbuf
from stack.net.ethernet import Ethernet
from tests.stack.labs import ip4, packet, udp_packet

DOORS = 7  # a: lo0, shmif0; r: lo0, shmif0, shmif1; b: lo0, shmif0


def end_of(door: int, frame: bytes) -> str:
    """Put one frame into one interface of a lab; what became of it."""
    world = World(1)
    world.advance(0)
    deaths: list[str] = []
    doors = list(dict.fromkeys(world.doors))
    assert len(doors) == DOORS
    host, ifp = doors[door]

    def died(name: str, protocol: str, reason: str, m: Mbuf | None) -> None:
        if name == host.name:
            deaths.append(f"{protocol}: {reason}")

    world.lab.probes.drop += (died,)
    if isinstance(ifp, Ethernet) and ifp.lladdr is not None and len(frame) >= 6 and frame[0] & 2:
        frame = ifp.lladdr + frame[6:]
    before = counters(host)
    world.inject(host, ifp, frame)
    after = counters(host)
    world.advance(0)
    world.advance(100)
    assert deaths or after != before, "nobody can say what became of it"
    return deaths[0] if deaths else "got somewhere"


which = st.integers(0, DOORS - 1)
good = [
    udp_packet("10.0.1.1", "10.0.2.1"),
    udp_packet("10.0.2.1", "10.0.1.1", options=b"\x07\x07\x04\0\0\0\0\0"),
    packet("10.0.1.1", "10.0.1.254", b"\x08\0\xf7\xff" + bytes(4), proto=1),
    packet("10.0.1.1", "10.0.2.1", bytes(16), off=0x2001),
    packet("10.0.1.1", "10.0.2.1", bytes.fromhex("0050005100000001000000005002200000000000"), proto=6),
    packet("10.0.2.1", "224.0.0.1", b"\x11\x0a\xee\xf5\0\0\0\0", proto=2, ttl=1),
]


@given(which, st.binary(max_size=80))
@settings(max_examples=400)
@example(0, b"")
@example(1, bytes(14))
@example(1, ETHER_BROADCAST + bytes(6) + b"\x08\0")
@example(1, ETHER_BROADCAST + bytes(6) + b"\x08\x06")
def test_any_bytes(door: int, frame: bytes) -> None:
    end_of(door, frame)


@given(which, st.sampled_from([b"\x08\0", b"\x08\x06"]), st.binary(max_size=80))
@settings(max_examples=400)
def test_any_bytes_of_a_protocol(door: int, ethertype: bytes, rest: bytes) -> None:
    end_of(door, b"\x02" + bytes(11) + ethertype + rest)


changed = st.lists(st.tuples(st.integers(0, 79), st.integers(0, 255)), max_size=4)


@given(which, st.sampled_from(good), changed, st.data())
@settings(max_examples=400)
def test_any_change_of_a_good_packet(
    door: int, whole: bytes, changes: list[tuple[int, int]], data: st.DataObject
) -> None:
    frame = bytearray(b"\x02" + bytes(11) + b"\x08\0" + whole)
    for at, value in changes:
        frame[14 + at % len(whole)] = value
    summed = Mutator(World(1).rng, World(1).heard).summed(frame) if data.draw(st.booleans()) else bytes(frame)
    end_of(door, summed[: data.draw(st.integers(14, len(frame)))] if data.draw(st.booleans()) else summed)


@given(which, st.sampled_from(range(256)), st.binary(max_size=60))
@settings(max_examples=300)
def test_any_body_for_any_protocol(door: int, proto: int, body: bytes) -> None:
    for dst in ("10.0.1.1", "10.0.1.254", "10.0.2.1"):
        end_of(door, b"\x02" + bytes(11) + b"\x08\0" + packet("10.0.1.9", dst, body, proto=proto))


@pytest.mark.parametrize("seed", range(3))
def test_a_short_fuzz(seed: int) -> None:
    run = Run(seed)
    for _ in range(4000):
        run.one()
    run.aftermath()
    assert len(run.outcomes) > 40


def test_the_fuzzer_sees_what_it_should() -> None:
    """A frame that vanishes, and one that never ends, are both found."""
    world = World(1)
    world.advance(0)
    host, ifp = next((host, ifp) for host, ifp in world.doors if isinstance(ifp, Ethernet))
    host.ether.demux[b"\x08\0"] = lambda m: None
    before = counters(host)
    world.inject(host, ifp, bytes(ifp.lladdr or b"") + bytes(6) + b"\x08\0" + udp_packet("10.0.1.9", "10.0.1.1"))
    run = Run.__new__(Run)
    run.deaths = []
    with pytest.raises(Broken, match="nobody"):
        run.outcome(before, counters(host))

    def again() -> None:
        world.lab.callouts.soon(again)

    again()
    with pytest.raises(Broken, match="never ends"):
        world.advance(0)


def test_addresses_are_as_the_fuzzer_thinks() -> None:
    world = World(1)
    for host, text in zip(world.hosts, ("10.0.1.1", "10.0.2.254", "10.0.2.1"), strict=True):
        assert host.control.local(ip4(text)) is not None
