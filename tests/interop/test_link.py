"""The wire itself and the neighbours on it: TAPs made, attached and let go; ARP and duplicate address detection."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import Netns, needs_program, needs_root_tun
from tests.interop.world import World

pytestmark = [needs_root_tun, needs_program("tcpdump", "ping")]


def links(ns: Netns) -> str:
    return ns.run("ip", "-brief", "link").stdout


def mac_of(ns: Netns, name: str) -> str:
    """The kernel's own address on its side of a TAP."""
    return ns.run("ip", "-brief", "link", "show", name).stdout.split()[2]


# --- the device -------------------------------------------------------------------------------------


def test_a_tap_is_made_and_goes_with_the_interface(w: World) -> None:
    me, ns = w.host("me"), w.namespace()
    ifp = w.wire(me, "virt3", ns, "10.9.0.2/24", "10.9.0.1/24")
    assert ifp.linkstr == "tap3" and ifp.runs
    assert "tap3             UP" in links(ns).replace("UNKNOWN", "UP")
    assert str(ifp.lladdr) != mac_of(ns, "tap3")
    me.ifdestroy("virt3")
    assert "tap3" not in links(ns) and not w.lab.readers


def test_a_tap_that_existed_is_left_as_it_was(w: World) -> None:
    me, ns = w.host("me"), w.namespace()
    ns.run("ip", "tuntap", "add", "dev", "tap0", "mode", "tap")
    ns.run("ip", "link", "set", "tap0", "mtu", "1400")
    with ns.enter():
        me.ifcreate("virt0")
    assert "DOWN" in links(ns)  # it was not ours to bring up
    me.ifdestroy("virt0")
    left = ns.run("ip", "link", "show", "tap0").stdout
    assert "mtu 1400" in left and "state DOWN" in left


def test_a_tap_belongs_to_one(w: World) -> None:
    me, you, ns = w.host("me"), w.host("you"), w.namespace()
    ns.run("ip", "link", "add", "tap5", "type", "bridge")
    with ns.enter():
        me.ifcreate("virt0")
        with pytest.raises(OSError, match="tap0: somebody else is attached"):
            you.ifcreate("virt0")
        with pytest.raises(OSError, match="tap5: it exists and is no TAP"):
            you.ifcreate("virt5")
        ifp = you.ifcreate("virt1")
        with pytest.raises(OSError, match="tap0: somebody else is attached"):
            ifp.set_linkstr("tap0")
        assert ifp.linkstr == "tap1"  # where it was


def test_without_permission_one_line_says_so(w: World) -> None:
    me, ns = w.host("me"), w.namespace()
    with ns.enter():
        os.seteuid(65534)
        try:
            with pytest.raises(OSError, match="tap0: not permitted: be root"):
                me.ifcreate("virt0")
        finally:
            os.seteuid(0)


def test_a_tap_that_is_deleted_under_us(w: World) -> None:
    said: list[str] = []
    w.lab.probes.log += (lambda _host, message: said.append(message),)
    me, ns = w.host("me"), w.namespace()
    ifp = w.wire(me, "virt0", ns, "10.9.0.2/24", "10.9.0.1/24", capture=False)
    ns.run("ip", "link", "delete", "tap0")
    w.until(lambda: bool(said))
    assert said == ["virt0: tap0: File descriptor in bad state; detached"]
    assert not w.lab.readers and not ifp.runs


def test_the_kernels_side_is_down(pair: Pair) -> None:
    pair.linux.run("ip", "link", "set", "tap0", "down")
    assert pair.world.command("me", f"ping -c 1 -w 1 {THEIRS}").status != 0
    assert pair.me.ether.stat["tapdown"] and pair.virt.oerrors


# --- neighbours -------------------------------------------------------------------------------------


def test_arp_both_ways(pair: Pair) -> None:
    w, ns = pair.world, pair.linux
    w.linux(ns, "ping", "-c1", OURS)
    assert f"lladdr {pair.virt.lladdr}" in ns.run("ip", "neigh", "show", OURS).stdout
    ns.run("ip", "addr", "add", "10.9.0.3/24", "dev", "tap0")
    assert w.command("me", "ping -c 1 10.9.0.3").status == 0
    told = w.command("me", "arp -an").text
    assert f"(10.9.0.3) at {mac_of(ns, 'tap0')}" in told and "virt0" in told
    assert f"({THEIRS}) at {mac_of(ns, 'tap0')}" in told


def test_a_new_mac_is_learned(pair: Pair) -> None:
    """Linux changes its address and says so by gratuitous ARP."""
    w, ns = pair.world, pair.linux
    w.linux(ns, "ping", "-c1", OURS)
    with ns.enter():
        Path("/proc/sys/net/ipv4/conf/tap0/arp_notify").write_text("1")
    ns.run("ip", "link", "set", "tap0", "address", "02:00:00:00:00:77")
    w.until(lambda: "02:00:00:00:00:77" in w.command("me", "arp -an").text, what="the new address")


def test_nobody_answers(pair: Pair) -> None:
    w, ns = pair.world, pair.linux
    ping = w.start("me", "ping -c 1 -w 1 10.9.0.98")
    assert "Destination Host Unreachable" in w.linux(ns, "ping", "-c1", "-W4", "10.9.0.99", status=1)
    assert w.finish(ping.proc) == 2
    assert "? (10.9.0.98) at (incomplete) on virt0" in w.command("me", "arp -an").text


def test_an_address_that_linux_has_is_a_duplicate(pair: Pair) -> None:
    w = pair.world
    said: list[str] = []
    w.lab.probes.log += (lambda _host, message: said.append(message),)
    assert w.command("me", f"ifconfig virt0 inet {THEIRS}/24 alias").status == 0
    assert "TENTATIVE" in w.command("me", "ifconfig virt0").text
    w.until(lambda: "DUPLICATED" in w.command("me", "ifconfig virt0").text, what="the duplicate to be found")
    assert any(mac_of(pair.linux, "tap0") in line and THEIRS in line for line in said), said
    pair.linux.run("ip", "addr", "add", "10.9.0.3/24", "dev", "tap0")
    assert "1 received" in w.linux(pair.linux, "ping", "-c1", "-I", "10.9.0.3", OURS)  # the first address goes on


def test_we_defend_our_address(pair: Pair) -> None:
    """Linux takes our address and announces it: we say so, and stay."""
    w, ns = pair.world, pair.linux
    said: list[str] = []
    w.lab.probes.log += (lambda _host, message: said.append(message),)
    with ns.enter():
        Path("/proc/sys/net/ipv4/conf/tap0/arp_notify").write_text("1")
    ns.run("ip", "addr", "add", f"{OURS}/24", "dev", "tap0")
    ns.run("ip", "link", "set", "tap0", "address", "02:00:00:00:00:78")
    w.until(lambda: any("02:00:00:00:00:78" in line for line in said), what="our complaint")
    assert "DUPLICATED" not in w.command("me", "ifconfig virt0").text
