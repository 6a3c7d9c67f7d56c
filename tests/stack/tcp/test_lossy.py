"""TCP over wires that lose, reorder, duplicate, delay, corrupt: what was sent arrives, or there is an errno."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.lab import Lab
from stack.net.wire import Personality
from tests.stack.tcp.conversation import Fate, Mischief, Side, Talk, counters
from tests.stack.tcp.notation import pattern
from tests.stack.tcp.packetdrill import CLASSIC

MEGABYTE = 1_000_000
ROUGH = Personality(delay=0.010, loss=0.05, reorder=0.05, duplicate=0.02)


def two_streams(seed: int, size: int) -> tuple[Side, Side]:
    rng = random.Random(seed)
    return Side(rng.randbytes(size)), Side(rng.randbytes(size))


@pytest.mark.parametrize("first", range(0, 200, 10))
def test_a_megabyte_both_ways(first: int) -> None:
    """Through 5 % loss, 5 % reordering and 2 % duplication, for 200 seeds, ten a test."""
    for seed in range(first, first + 10):
        talk = Talk(Lab(seed), *two_streams(seed, MEGABYTE))
        talk.run(ROUGH)
        assert talk.intact, f"seed {seed}"
        assert not talk.errors[0] | talk.errors[1]
        assert not talk.leaks


@pytest.mark.parametrize(
    "personality",
    [
        Personality(),
        Personality(delay=0.3),
        Personality(delay=0.010, loss=0.25),
        Personality(delay=0.050, reorder=0.5, duplicate=0.3, loss=0.05),
        Personality(delay=0.050, rate=1e6, queue=5),
        Personality(delay=0.200, rate=5e5, loss=0.1, reorder=0.2),
        Personality(reorder=0.3, duplicate=0.9),
    ],
    ids=repr,
)
def test_other_wires(personality: Personality) -> None:
    for seed in range(5):
        talk = Talk(Lab(seed), *two_streams(seed, 60_000))
        talk.run(personality)
        assert talk.intact and not talk.errors[0] | talk.errors[1] and not talk.leaks, f"seed {seed}"


KNOBS: dict[str, dict[str, str]] = {
    "all": {},
    "classic": CLASSIC,
    "newreno": CLASSIC | {"net.inet.tcp.congctl.selected": "newreno", "net.inet.tcp.rfc3042": "1"},
    "sack": CLASSIC | {"net.inet.tcp.sack.enable": "1"},
    "timestamps": CLASSIC | {"net.inet.tcp.rfc1323": "1"},
    "cubic": {"net.inet.tcp.congctl.selected": "cubic"},
    "ecn": {"net.inet.tcp.ecn.enable": "1"},
    "cwm": {"net.inet.tcp.cwm": "1", "net.inet.tcp.cwm_burstsize": "2"},
}


@pytest.mark.parametrize("knobs", [name for name in KNOBS if name != "all"])
def test_other_knobs(knobs: str) -> None:
    """With each of TCP's extensions alone, and with none, what is sent arrives too."""
    for seed in range(10):
        talk = Talk(Lab(seed), *two_streams(seed, 300_000), knobs=KNOBS[knobs])
        talk.run(ROUGH)
        assert talk.intact and not talk.errors[0] | talk.errors[1] and not talk.leaks, f"seed {seed}"


def test_same_seed_same_frames() -> None:
    """A run is the same run every time, to the last counter and the last microsecond."""
    runs = []
    for _ in range(2):
        talk = Talk(Lab(7), *two_streams(7, 200_000))
        talk.run(ROUGH)
        runs.append((talk.lab.callouts.now, talk.lab.callouts.events, [dict(host.tcp.stat) for host in talk.hosts]))
    assert runs[0] == runs[1]


def corrupting(seed: int) -> Iterator[Fate]:
    rng = random.Random(seed)
    while True:
        yield Fate("corrupt", rng.randrange(1500 * 8)) if rng.random() < 0.1 else Fate()


@pytest.mark.parametrize("seed", range(5))
def test_corrupted_frames_die_by_their_checksum(seed: int) -> None:
    lab = Lab(seed)
    bus = Mischief(lab, corrupting(seed), Fate())
    talk = Talk(lab, *two_streams(seed, 200_000), bus)
    talk.run()
    assert talk.intact and not talk.leaks
    assert bus.corrupted > 20
    # a bit of the version, of a length or of an offset is found before the sum is looked at
    assert 0.9 * bus.corrupted <= sum(counters(host) for host in talk.hosts) <= bus.corrupted


UNREACHED = {errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH}
FATES = st.one_of(
    st.just(Fate()),
    st.just(Fate("lost")),
    st.just(Fate("twice")),
    st.integers(0, 5000).map(lambda ms: Fate("late", ms)),
    st.just(Fate("marked")),
    st.integers(0, 12000).map(lambda bit: Fate("corrupt", bit)),
)
SIDES = st.builds(
    Side,
    data=st.binary(max_size=40) | st.integers(0, 20_000).map(lambda size: pattern(0, size)),
    chunk=st.integers(1, 50).map(lambda n: n * n * 10),
    rest=st.sampled_from([0.0, 0.0, 0.001, 0.5]),
    bite=st.sampled_from([100, 1000, 65536]),
    rcvbuf=st.sampled_from([500, 2000, 32768, 200_000]),
    sndbuf=st.sampled_from([1, 1000, 5000, 32768]),
    keepalive=st.just(True),
    leaves=st.none(),
)


@settings(max_examples=150)
@given(
    fates=st.lists(FATES, max_size=60), client=SIDES, server=SIDES, mtu=st.sampled_from([296, 576, 1500]),
    knobs=st.sampled_from(["all", "all", *KNOBS]),
)  # fmt: skip
def test_any_schedule(fates: list[Fate], client: Side, server: Side, mtu: int, knobs: str) -> None:
    """Whatever becomes of the first frames, both streams arrive; unless not even the handshake came about in time."""
    lab = Lab()
    talk = Talk(lab, client, server, Mischief(lab, fates, Fate()), mtu, KNOBS[knobs])
    talk.run()
    if talk.errors[0] | talk.errors[1]:
        assert talk.errors[0] <= UNREACHED, talk.errors
        assert not talk.got[0] and not talk.got[1]
    else:
        assert talk.intact
    assert not talk.leaks


@settings(max_examples=150)
@given(
    fates=st.lists(FATES, max_size=60), client=SIDES, server=SIDES, leaves=st.integers(0, 5000),
    who=st.integers(0, 2), knobs=st.sampled_from(["all", "classic"]),
)  # fmt: skip
def test_somebody_leaves(fates: list[Fate], client: Side, server: Side, leaves: int, who: int, knobs: str) -> None:
    """Who closes in the middle of it all ends the conversation for both, with an errno that says so."""
    lab = Lab()
    if who != 1:
        client = client._replace(leaves=leaves)
    if who != 0:
        server = server._replace(leaves=leaves)
    talk = Talk(lab, client, server, Mischief(lab, fates, Fate()), knobs=KNOBS[knobs])
    talk.run()
    assert client.data.startswith(talk.got[1])
    assert server.data.startswith(talk.got[0])
    for errors in talk.errors:
        assert errors <= UNREACHED | {errno.ECONNRESET, errno.EPIPE, errno.EBADF, errno.ENOTCONN}
    assert not talk.leaks


@settings(max_examples=150)
@given(fates=st.lists(FATES, max_size=60), client=SIDES, server=SIDES, knobs=st.sampled_from(["all", "classic"]))
def test_the_wire_is_cut(fates: list[Fate], client: Side, server: Side, knobs: str) -> None:
    """After so many frames nothing passes any more: both sides end, with an errno or with all there was."""
    lab = Lab()
    talk = Talk(lab, client, server, Mischief(lab, fates, Fate("lost")), knobs=KNOBS[knobs])
    for host in talk.hosts:
        host.tcp.keepidle, host.tcp.keepintvl = 200, 20
    talk.run()
    assert client.data.startswith(talk.got[1])
    assert server.data.startswith(talk.got[0])
    for errors in talk.errors:
        assert errors <= UNREACHED | {errno.EPIPE, errno.ENOTCONN}
    if not talk.errors[0] | talk.errors[1] and len(fates) > 3:
        assert talk.intact or not talk.got[0] + talk.got[1]
    assert not talk.leaks


# each side has its own, on or off
SWITCHES = [
    "win_scale", "timestamps", "sack.enable", "sack.lrd", "sack.dsack", "rack.enable", "early_retrans", "eifel",
    "rfc3042", "abc.enable", "ecn.enable", "ack_on_push", "recvbuf_auto", "sendbuf_auto",
]  # fmt: skip
KNOBS_OF_ONE = st.fixed_dictionaries(
    {"congctl.selected": st.sampled_from(["reno", "newreno", "cubic"]), "init_win": st.sampled_from(["1", "4", "10"])},
    optional={name: st.sampled_from(["0", "1"]) for name in SWITCHES},
)
ISS = st.integers(-30_000, 30_000).map(lambda number: number & 0xFFFFFFFF) | st.integers(0, 0xFFFFFFFF)
WIRES = st.builds(
    Personality,
    delay=st.sampled_from([0.0, 0.0001, 0.02, 0.4]),
    rate=st.sampled_from([0.0, 0.0, 1e5, 1e7]),
    loss=st.floats(0, 0.25),
    duplicate=st.floats(0, 0.5),
    reorder=st.floats(0, 0.5),
    corrupt=st.floats(0, 0.15),
    queue=st.integers(4, 50),
    ecn=st.sampled_from([0, 0, 3]),
    mtu=st.just(65535),
)


@settings(max_examples=120)
@given(
    wire=WIRES, seed=st.integers(0, 999), sides=st.tuples(SIDES, SIDES), mtu=st.sampled_from([296, 576, 1500]),
    knobs=st.tuples(KNOBS_OF_ONE, KNOBS_OF_ONE), iss=st.tuples(ISS, ISS),
)  # fmt: skip
def test_any_wire(
    wire: Personality, seed: int, sides: tuple[Side, Side], mtu: int, knobs: tuple[dict[str, str], dict[str, str]],
    iss: tuple[int, int],
) -> None:  # fmt: skip
    """However bad a wire is all the time, whatever each side has switched on, wherever numbers wrap."""
    talk = Talk(Lab(seed), *sides, mtu=mtu)
    for host, wishes, number in zip(talk.hosts, knobs, iss, strict=True):
        host.tcp.fixed_iss = number
        for name, value in wishes.items():
            host.sysctl.set(f"net.inet.tcp.{name}", value)
    talk.run(wire)
    assert sides[0].data.startswith(talk.got[1]) and sides[1].data.startswith(talk.got[0])
    errors = talk.errors[0] | talk.errors[1]
    assert errors <= UNREACHED | {errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN}
    assert talk.intact or errors or not (talk.got[0] or talk.got[1])
    assert not talk.leaks
