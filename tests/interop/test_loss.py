"""Transfers over wires that lose, delay, repeat and reorder, the kernel's TCP against ours.

Linux's own netem makes such a wire where the kernel has it.  Everywhere, a bus of ours with a
personality does, between the host that talks and a router of ours with the TAP:

    me --- lossy bus --- gw --- TAP --- Linux
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from stack.addr import Prefix
from stack.net.wire import Personality
from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import needs_netem, needs_program, needs_root_tun
from tests.interop.test_web import serve
from tests.interop.world import World

pytestmark = [needs_root_tun, needs_program("tcpdump", "curl", "tc")]

MEGABYTE = 1 << 20
SECONDS = 60.0


class Wire(NamedTuple):
    """What a bus does, and how many bytes go through it each way."""

    personality: Personality
    size: int


WIRES = {
    "lossy": Wire(Personality(delay=0.002, loss=0.01), 2 * MEGABYTE),
    "shuffled": Wire(Personality(delay=0.002, reorder=0.05, duplicate=0.02), 5 * MEGABYTE),
    "bad": Wire(Personality(delay=0.005, loss=0.03, reorder=0.02, duplicate=0.01), MEGABYTE // 2),
    "slow": Wire(Personality(delay=0.01, rate=20e6, queue=6), 2 * MEGABYTE),
}


def both_ways(pair: Pair, ours: str, folder: Path, size: int) -> None:
    """A file of noise goes from Linux to us, while another goes from us to Linux."""
    w, served = pair.world, folder / "served"
    served.mkdir()
    (served / "noise").write_bytes(os.urandom(size))
    url = serve(w, pair.linux, served)
    w.start("me", f"httpd {served}")
    curl = w.program(pair.linux, "curl", "-sS", "-o", f"{folder}/theirs", f"http://{ours}/noise")
    answer = w.command("me", f"fetch -o {folder}/ours {url}/noise", seconds=SECONDS)
    assert answer.status == 0, answer.err
    w.finish_program(curl, SECONDS)
    assert curl.child.returncode == 0, curl.text
    assert (folder / "ours").read_bytes() == (folder / "theirs").read_bytes() == (served / "noise").read_bytes()


def shape(pair: Pair, wish: str) -> None:
    """Let the kernel do that to what it sends us (tc(8))."""
    pair.linux.run("tc", "qdisc", "add", "dev", "tap0", "root", *wish.split())


@pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)
def test_over_a_bus_of_ours(w: World, tmp_path: Path, wire: Wire) -> None:
    me, gw, linux = w.host("me"), w.host("gw", forwarding=True), w.namespace()
    virt = w.wire(gw, "virt0", linux, f"{OURS}/24", f"{THEIRS}/24")
    w.lab.link(me, gw, Prefix.parse("10.7.0.0/24"), wire.personality)
    w.route(me, "0.0.0.0/0", "10.7.0.2")
    linux.run("ip", "route", "add", "10.7.0.0/24", "via", OURS)
    both_ways(Pair(w, me, linux, virt), "10.7.0.1", tmp_path, wire.size)
    lost, queued = (w.lab.buses["me-gw"].stat[reason] for reason in ("loss", "queuefull"))
    assert bool(lost) == bool(wire.personality.loss)
    assert bool(queued) == bool(wire.personality.rate)


def test_linux_has_a_narrow_queue(pair: Pair, tmp_path: Path) -> None:
    """What overflows there is lost before it reaches us."""
    shape(pair, "tbf rate 40mbit burst 6kb limit 20kb")
    both_ways(pair, OURS, tmp_path, 5 * MEGABYTE)
    assert "dropped 0" not in pair.linux.run("tc", "-s", "qdisc", "show", "dev", "tap0").stdout


@needs_netem
@pytest.mark.parametrize(
    ("wish", "size"),
    [
        ("delay 5ms", 5 * MEGABYTE),
        ("delay 2ms loss 1%", 2 * MEGABYTE),
        ("delay 2ms loss 3%", MEGABYTE // 2),
        ("delay 5ms reorder 25% 50%", 2 * MEGABYTE),
    ],
)
def test_over_netem(pair: Pair, tmp_path: Path, wish: str, size: int) -> None:
    shape(pair, f"netem limit 10000 {wish}")
    both_ways(pair, OURS, tmp_path, size)
