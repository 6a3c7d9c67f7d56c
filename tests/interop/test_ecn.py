"""Explicit congestion notification between our TCP and the kernel's, over a bus of ours that marks (RFC 3168).

    me --- marking bus --- gw --- TAP --- Linux
"""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.addr import Prefix
from stack.net.wire import Personality
from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import Netns, needs_program, needs_root_tun
from tests.interop.test_loss import both_ways
from tests.interop.world import World

pytestmark = [needs_root_tun, needs_program("tcpdump", "curl")]

MARKING = Personality(delay=0.01, rate=20e6, queue=200, ecn=10)
SIZE = 2 << 20


def counter(linux: Netns, table: str, name: str) -> int:
    """A counter of the kernel's, which counts in a namespace apart."""
    rows = [line.split() for line in linux.run("cat", "/proc/net/netstat").stdout.splitlines()]
    names, values = (row for row in rows if row[0] == f"{table}:")
    return int(values[names.index(name)])


@pytest.mark.parametrize(("ours", "theirs"), [(1, 1), (0, 1), (1, 0)])
def test_both_understand_the_marks_of_a_bus(w: World, tmp_path: Path, ours: int, theirs: int) -> None:
    """Where both want it nothing is lost in the queue, each sees marks of the other's data; else there are none."""
    me, gw, linux = w.host("me"), w.host("gw", forwarding=True), w.namespace()
    virt = w.wire(gw, "virt0", linux, f"{OURS}/24", f"{THEIRS}/24")
    w.lab.link(me, gw, Prefix.parse("10.7.0.0/24"), MARKING)
    w.route(me, "0.0.0.0/0", "10.7.0.2")
    linux.run("ip", "route", "add", "10.7.0.0/24", "via", OURS)
    linux.run("sysctl", "-qw", f"net.ipv4.tcp_ecn={theirs}")
    me.tcp.ecn_enable = ours
    both_ways(Pair(w, me, linux, virt), "10.7.0.1", tmp_path, SIZE)
    stat, agreed = me.tcp.stat, ours and theirs
    assert stat["ecn_shs"] == (2 if agreed else 0)
    assert bool(stat["ecn_ce"]) == bool(counter(linux, "IpExt", "InCEPkts")) == bool(agreed)
    assert bool(w.lab.buses["me-gw"].stat["ecnmarked"]) == bool(agreed)
    if agreed:
        assert counter(linux, "TcpExt", "TCPDeliveredCE") > 0  # it heard of our echoes
