"""FRR's ripd and our routed teach each other their routes, over a TAP in a namespace."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from netsh.topology.network import Border, Network, build
from netsh.topology.shapes import Chain
from stack.addr import Ip4, Prefix
from stack.host import Host
from stack.net.route import RTF_PROTO1
from tests.interop.netns import Netns, needs_root_tun
from tests.interop.world import World

DAEMONS = Path("/usr/lib/frr")

pytestmark = [
    needs_root_tun,
    pytest.mark.skipif(not (DAEMONS / "ripd").exists(), reason="needs FRR's ripd (apt-get install frr)"),
]

NET = Prefix.parse("10.7.0.0/24")
RIPD = """\
router rip
 version 2
 timers basic 5 15 10
 network 10.9.0.0/24
 network 10.8.0.0/24
"""


class Scene(NamedTuple):
    """r1 - r2 - r3 of ours, r1 on a TAP; behind it the kernel with FRR, and 10.8.0.0/24."""

    w: World
    linux: Netns

    def learned(self, name: str) -> dict[str, str]:
        """What one of ours has learned."""
        host: Host = self.w.lab[name]
        return {str(rt.dst): str(rt.gateway) for rt in host.routes if rt.flags & RTF_PROTO1}

    def taught(self) -> str:
        """What the kernel has learned, as ip(8) shows it."""
        return self.linux.run("ip", "route", "show", "proto", "rip").stdout


    def frr(self, config: str) -> None:
        """Start FRR."""
        _daemon(self.w, self.linux, "zebra", "")
        _daemon(self.w, self.linux, "ripd", config)


@pytest.fixture
def scene(w: World) -> Scene:
    linux = w.namespace()
    network = Network(Chain(3), NET, routed=True, borders=(Border("virt0", Ip4.parse("10.9.0.2"), 24),))
    with linux.enter():
        for step in build(w.lab, network):
            if step == ("r1",):
                w.lab["r1"].control.dad_count = 0
    linux.run("ip", "addr", "add", "10.9.0.1/24", "dev", "tap0")
    linux.run("ip", "link", "add", "far0", "type", "veth", "peer", "name", "far1")
    linux.run("ip", "addr", "add", "10.8.0.1/24", "dev", "far0")
    linux.run("ip", "link", "set", "far0", "up")
    linux.run("ip", "link", "set", "far1", "up")
    linux.wait_up("far0")
    w.capture(linux, w.lab["r1"].interfaces["virt0"])
    return Scene(w, linux)


def _daemon(w: World, ns: Netns, name: str, config: str) -> None:
    """One of FRR's, with all its files in the world's folder; it gives up root's rights, so that is made its own."""
    folder = w.folder / "frr"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.conf").write_text(config)
    w.folder.chmod(0o755)
    shutil.chown(folder, "frr", "frr")
    program = w.program(
        ns, str(DAEMONS / name), "-u", "frr", "-g", "frr", "-P", "0", "--log", "stdout", "-f", f"{folder}/{name}.conf",
        "-i", f"{folder}/{name}.pid", "-z", f"{folder}/zserv.api", "--vty_socket", str(folder),
    )  # fmt: skip
    w.until(lambda: "starting: vty" in program.text, what=f"{name} to start")


def test_routes_go_both_ways_and_go_away(scene: Scene) -> None:
    w = scene.w
    scene.frr(RIPD)
    for name in ("r1", "r2", "r3"):
        w.start(name, "routed")
    w.until(lambda: "10.8.0.0/24" in scene.learned("r3"), what="r3 to learn of FRR's network")
    assert scene.learned("r1")["10.8.0.0/24"] == "10.9.0.1"
    ident = next(ifa.address for ifa in w.lab["r3"].interfaces["lo0"].addresses if not ifa.address.is_loopback)
    w.until(lambda: f"{ident} " in scene.taught(), what="FRR to learn of r3")
    assert f"{ident} nhid" in scene.taught() or f"{ident} via 10.9.0.2" in scene.taught()
    assert "2 received" in w.linux(scene.linux, "ping", "-c2", "-i0.05", "-I", "10.8.0.1", str(ident))
    assert w.command("r3", "ping -qc 2 -i 0.05 10.8.0.1").status == 0
    shown = w.command("r1", "rtquery -n -w 1 10.9.0.1").text  # FRR answers who asks, too
    assert "10.8/24            metric  1" in shown.replace("10.8.0/24 ", "10.8/24   ")

    status = w.linux(scene.linux, "vtysh", "--vty_socket", str(w.folder / "frr"), "-c", "show ip rip status")
    neighbour = next(line.split() for line in status.splitlines() if line.split()[:1] == ["10.9.0.2"])
    assert neighbour[1:3] == ["0", "0"], status  # bad packets, bad routes
    w.lab.buses["r2-r3"].set_carrier(False)
    w.until(lambda: f"{ident} " not in scene.taught(), what="FRR to hear that r3 is gone")
    scene.linux.run("ip", "link", "set", "far0", "down")
    w.until(lambda: "10.8.0.0/24" not in scene.learned("r2"), what="r2 to hear that FRR's network is gone")
    rip = w.lab["r1"].rip
    assert rip is not None
    assert not [name for name in rip.stat if name.startswith("bad") or name == "notneighbor"]


def test_authenticated_messages_are_refused(scene: Scene) -> None:
    """RFC 2453 5.2: who has not been told to authenticate drops them; and we are strangers to the other side."""
    w = scene.w
    scene.frr(f"interface tap0\n ip rip authentication mode text\n ip rip authentication string x\nexit\n{RIPD}")
    w.start("r1", "routed")
    w.until(lambda: w.lab["r1"].rip is not None, what="routed to start")
    rip = w.lab["r1"].rip
    assert rip is not None
    w.until(lambda: rip.stat["authenticated"] > 0, what="messages of FRR's")
    assert not scene.learned("r1") and not scene.taught()
    assert "discarded for being authenticated" in w.command("r1", "netstat -s -p rip").text
