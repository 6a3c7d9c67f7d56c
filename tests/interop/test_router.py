"""Between two kernels, a router of ours; and what routers tell hosts: hops, MTUs, better ways, dead ends.

    a                     gw                     b
10.1.0.1 --- virt0 10.1.0.254  10.2.0.254 virt1 --- 10.2.0.1
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from stack.addr import Ip4, Prefix
from stack.host import Host
from stack.net.route import RTF_DYNAMIC, RTF_GATEWAY
from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import Netns, behind, forward, needs_program, needs_root_tun
from tests.interop.world import World

pytestmark = [needs_root_tun, needs_program("tcpdump", "ping", "traceroute", "curl")]

MEGABYTE = 1 << 20


class Path2(NamedTuple):
    """Two kernels with our router between them."""

    world: World
    gw: Host
    a: Netns
    b: Netns


@pytest.fixture
def path(w: World) -> Path2:
    gw, a, b = w.host("gw", forwarding=True), w.namespace(), w.namespace()
    w.wire(gw, "virt0", a, "10.1.0.254/24", "10.1.0.1/24")
    w.wire(gw, "virt1", b, "10.2.0.254/24", "10.2.0.1/24")
    a.run("ip", "route", "add", "default", "via", "10.1.0.254")
    b.run("ip", "route", "add", "default", "via", "10.2.0.254")
    return Path2(w, gw, a, b)


def serve(w: World, ns: Netns, folder: Path, address: str) -> None:
    """A web server of the machine's in a namespace, on port 8000."""
    server = w.program(ns, sys.executable, "-m", "http.server", "-b", address, "-d", str(folder), "8000")
    w.until(lambda: server.listens(8000), what="the web server")


def hops(said: str) -> list[str]:
    """The addresses in traceroute's lines."""
    return [line.split()[1] for line in said.splitlines()[1:]]


def test_ping_through_us(path: Path2) -> None:
    said = path.world.linux(path.a, "ping", "-c5", "-i0.01", "10.2.0.1")
    assert "5 received" in said and "ttl=63" in said
    said = path.world.linux(path.b, "ping", "-c2", "-i0.01", "-s", "30000", "10.1.0.1")
    assert "2 received" in said
    assert path.gw.ip.stat["reassembled"] == 0  # RFC 1812 5.2.6: a router does not put together


@pytest.mark.parametrize("kind", ["--udp", "--icmp", "--tcp"])
def test_linux_traces_a_route_through_us(path: Path2, kind: str) -> None:
    said = path.world.linux(path.a, "traceroute", "-n", kind, "-q", "2", "-w", "1", "10.2.0.1")
    assert hops(said) == ["10.1.0.254", "10.2.0.1"] and "*" not in said


def test_a_transfer_through_us(path: Path2, tmp_path: Path) -> None:
    data = os.urandom(10 * MEGABYTE)
    (tmp_path / "file").write_bytes(data)
    serve(path.world, path.b, tmp_path, "10.2.0.1")
    path.world.linux(path.a, "curl", "-sS", "-o", str(tmp_path / "got"), "http://10.2.0.1:8000/file")
    assert (tmp_path / "got").read_bytes() == data
    assert path.gw.interfaces["virt0"].obytes > 10 * MEGABYTE


def test_the_mtu_of_the_path_is_found(path: Path2, tmp_path: Path) -> None:
    """RFC 1191: behind us the way is narrower, and the sender learns it from our fragmentation needed."""
    w = path.world
    path.gw.interfaces["virt1"].set_mtu(1200)
    data = os.urandom(MEGABYTE)
    (tmp_path / "file").write_bytes(data)
    serve(w, path.a, tmp_path, "10.1.0.1")
    w.linux(path.b, "curl", "-sS", "-o", str(tmp_path / "got"), "http://10.1.0.1:8000/file")
    assert (tmp_path / "got").read_bytes() == data
    assert "mtu 1200" in path.a.run("ip", "route", "get", "10.2.0.1").stdout


def test_we_cut_what_is_too_big(path: Path2) -> None:
    path.gw.interfaces["virt1"].set_mtu(576)
    assert "2 received" in path.world.linux(path.a, "ping", "-c2", "-i0.01", "-M", "dont", "-s", "4000", "10.2.0.1")
    assert path.gw.ip.stat["fragmented"] >= 2


def test_linux_hears_of_dead_ends(path: Path2) -> None:
    w, gw, a = path.world, path.gw, path.a
    assert w.command("gw", "route add -net 192.0.2.0/24 127.0.0.1 -reject").status == 0
    assert "Unreachable" in w.linux(a, "ping", "-c1", "-W1", "192.0.2.1", status=1)
    assert "From 10.1.0.254" in (said := w.linux(a, "ping", "-c1", "-W1", "203.0.113.9", status=1)), said
    assert "Time to live exceeded" in w.linux(a, "ping", "-c1", "-t1", "10.2.0.1", status=1)
    # nobody is there: ARP gives up, and who waits behind it is told
    assert "Destination Host Unreachable" in w.linux(a, "ping", "-c1", "-W5", "10.2.0.77", status=1)
    assert gw.ip.forwarded == 1  # the last one, which had to wait for ARP


def test_linux_takes_our_redirect(path: Path2) -> None:
    """RFC 792, RFC 1812 5.2.7.2: there is a nearer gateway on the wire that it came by."""
    w, a = path.world, path.a
    w.route(path.gw, "198.51.100.0/24", "10.1.0.77")
    a.run("ip", "neigh", "add", "10.1.0.77", "lladdr", "02:00:00:00:00:77", "dev", "tap0")
    said = w.linux(a, "ping", "-c1", "-W0.2", "198.51.100.9", status=1)
    assert "Redirect Host(New nexthop: 10.1.0.77)" in said
    assert "via 10.1.0.77" in a.run("ip", "route", "get", "198.51.100.9").stdout


def test_we_take_a_redirect(pair: Pair) -> None:
    w, ns = pair.world, pair.linux
    forward(ns)
    ns.run("ip", "route", "add", "198.51.100.0/24", "via", "10.9.0.77")
    w.route(pair.me, "0.0.0.0/0", THEIRS)
    w.command("me", "ping -c 1 -w 1 198.51.100.9")
    rt = pair.me.routes.lookup(Ip4.parse("198.51.100.9"))
    assert rt is not None
    assert rt.flags & (RTF_DYNAMIC | RTF_GATEWAY) == RTF_DYNAMIC | RTF_GATEWAY
    assert rt.gateway == Ip4.parse("10.9.0.77") and rt.dst == Prefix.parse("198.51.100.9/32")


def test_linux_routes_for_us(pair: Pair) -> None:
    """A second kernel on a wire of its own behind the first."""
    w = pair.world
    far = w.namespace()
    behind(pair.linux, far)
    w.route(pair.me, "0.0.0.0/0", THEIRS)
    answer = w.command("me", "ping -c 3 -i 0.01 10.8.0.2")
    assert answer.status == 0 and "ttl=63" in answer.text, answer.both
    assert "1 received" in w.linux(far, "ping", "-c1", OURS)


@pytest.mark.parametrize("option", ["", "-I "])
def test_we_trace_a_route_through_linux(pair: Pair, option: str) -> None:
    w = pair.world
    behind(pair.linux, w.namespace())
    w.route(pair.me, "0.0.0.0/0", THEIRS)
    answer = w.command("me", f"traceroute -n {option}-q 1 -w 2 10.8.0.2")
    assert answer.status == 0
    assert hops(f"{answer.err}{answer.text}") == [THEIRS, "10.8.0.2"]
