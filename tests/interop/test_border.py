"""The mesh between two real networks, as the rump tutorial has it: net1 - virt0, r1 - ... - rN, virt1 - net2."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from netsh.topology.network import Border, Network, build, free_net, plen_for
from netsh.topology.shapes import Chain, Mesh, Shape
from stack.addr import Ip4
from tests.interop.netns import Netns, needs_program, needs_root_tun
from tests.interop.test_router import hops, serve
from tests.interop.world import World

pytestmark = [needs_root_tun, needs_program("traceroute", "curl")]

BORDERS = (Border("virt0", Ip4.parse("192.168.1.254"), 24), Border("virt1", Ip4.parse("192.168.2.254"), 24))


class Ends(NamedTuple):
    """The two networks."""

    net1: Netns
    net2: Netns


def between(w: World, shape: Shape) -> Ends:
    """Two namespaces, joined by a network of ours alone."""
    ends = Ends(w.namespace(), w.namespace())
    net = free_net(w.lab, plen_for(shape, False))
    assert net is not None
    steps = build(w.lab, Network(shape, net, borders=BORDERS))
    for _ in range(shape.count):
        next(steps)
    for number, (ns, name) in enumerate(zip(ends, (shape.name(0), shape.name(shape.count - 1)), strict=True)):
        w.lab[name].control.dad_count = 0
        with ns.enter():
            next(steps)
        ns.run("ip", "addr", "add", f"192.168.{number + 1}.1/24", "dev", f"tap{number}")
        ns.run("ip", "route", "add", "default", "via", f"192.168.{number + 1}.254")
    for _ in steps:
        pass
    for number, (ns, name) in enumerate(zip(ends, (shape.name(0), shape.name(shape.count - 1)), strict=True)):
        w.capture(ns, w.lab[name].interfaces[f"virt{number}"])
    return ends


@pytest.mark.parametrize(("shape", "routers"), [(Chain(6), 6), (Mesh((3, 4)), 6)], ids=["chain", "grid"])
def test_two_networks_meet(w: World, shape: Shape, routers: int, tmp_path: Path) -> None:
    ends = between(w, shape)
    assert "3 received" in w.linux(ends.net1, "ping", "-c3", "-i0.05", "192.168.2.1")
    traced = hops(w.linux(ends.net1, "traceroute", "-n", "-q", "1", "-w", "2", "192.168.2.1"))
    assert len(traced) == routers + 1 and traced[-1] == "192.168.2.1" and "*" not in traced
    middle = w.lab[shape.name(shape.count // 2)].interfaces["shmif0"].addresses[0].address
    assert "2 received" in w.linux(ends.net2, "ping", "-c2", "-i0.05", str(middle))
    data = os.urandom(1 << 20)
    (tmp_path / "file").write_bytes(data)
    serve(w, ends.net2, tmp_path, "192.168.2.1")
    w.linux(ends.net1, "curl", "-sS", "-o", str(tmp_path / "got"), "http://192.168.2.1:8000/file")
    assert (tmp_path / "got").read_bytes() == data
