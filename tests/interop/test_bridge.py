"""Bridges and VLANs with Linux on the other side of a TAP: its bridge, ours, both in one spanning tree; tags.

Everything is in namespaces; `sw` is one that holds a Linux bridge, `far` one behind a veth of it.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

from commands.brconfig import BridgeRow
from stack.addr import Ip4, Mac
from stack.dev import shmif
from stack.host import Host
from stack.net.bridge import Bridge
from tests.interop.netns import Netns, needs_link, needs_program, needs_root_tun
from tests.interop.world import World

pytestmark = [needs_root_tun, needs_link("bridge", "veth"), needs_program("tcpdump", "ping", "curl")]

# The least times that Linux takes (net/bridge/br_private.h), in hundredths of a second; and the same for us.
LINUX_STP = {"stp_state": "1", "forward_delay": "200", "hello_time": "100", "max_age": "600"}
OUR_TIMES = "fwddelay 2 hellotime 1 maxage 6"


def linux_bridge(ns: Netns, *ports: str, **settings: str) -> None:
    """A bridge br0 of Linux's between interfaces of a namespace."""
    words = [word for setting in settings.items() for word in setting]
    ns.run("ip", "link", "add", "br0", "type", "bridge", *words)
    for port in ports:
        ns.run("ip", "link", "set", port, "master", "br0", "up")
    ns.run("ip", "link", "set", "br0", "up")


def far_host(w: World, sw: Netns, address: str) -> Netns:
    """A namespace with an address, at the end of a cable `cable` of another namespace."""
    far = w.namespace()
    sw.run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "eth0", "netns", far.name)
    far.run("ip", "addr", "add", address, "dev", "eth0")
    far.run("ip", "link", "set", "eth0", "up")
    return far


def give(host: Host, name: str, address: str) -> None:
    """An address for an interface of ours, at once."""
    dots, plen = address.split("/")
    host.set_address(host.interfaces[name], Ip4.parse(dots), int(plen), dad=False)


def pings(w: World, ns: Netns, address: str, *options: str) -> str:
    """Ping from a namespace until it answers, then five times more: every one is answered, and once."""
    for _ in range(30):
        trial = w.program(ns, "ping", "-n", "-c1", "-W1", *options, address)
        trial.close()
        w.finish_program(trial)
        if trial.child.returncode == 0:
            break
    said = w.linux(ns, "ping", "-n", "-c5", "-i0.02", *options, address)
    assert "5 received" in said and "DUP" not in said, said
    return said


# --- the lab behind a bridge of Linux's -------------------------------------------------------------------


def test_a_lab_host_behind_a_linux_bridge(w: World) -> None:
    """me - virt0 - tap0 - Linux bridge - veth - another namespace."""
    me, sw = w.host("me"), w.namespace()
    w.plug(me, "virt0", sw)
    far = far_host(w, sw, "10.9.0.1/24")
    linux_bridge(sw, "tap0", "cable")
    give(me, "virt0", "10.9.0.2/24")
    w.capture(sw, me.interfaces["virt0"])
    pings(w, far, "10.9.0.2")
    answer = w.command("me", "ping -n -c 3 -i 0.05 10.9.0.1")
    assert answer.status == 0 and "3 packets received" in answer.text


def test_the_tutorials_router_between_two_networks(w: World, tmp_path: Path) -> None:
    """net1 - veth - Linux bridge - tap0 - virt0 (gw) virt1 - tap1 - Linux bridge - veth - net2."""
    gw, sw1, sw2 = w.host("gw", forwarding=True), w.namespace(), w.namespace()
    w.plug(gw, "virt0", sw1)
    w.plug(gw, "virt1", sw2)
    a, b = far_host(w, sw1, "10.1.0.1/24"), far_host(w, sw2, "10.2.0.1/24")
    linux_bridge(sw1, "tap0", "cable")
    linux_bridge(sw2, "tap1", "cable")
    give(gw, "virt0", "10.1.0.254/24")
    give(gw, "virt1", "10.2.0.254/24")
    a.run("ip", "route", "add", "default", "via", "10.1.0.254")
    b.run("ip", "route", "add", "default", "via", "10.2.0.254")
    assert "ttl=63" in pings(w, a, "10.2.0.1")
    assert "ttl=63" in pings(w, b, "10.1.0.1")
    transfer(w, a, b, "10.2.0.1", tmp_path)
    assert gw.interfaces["virt0"].obytes > 1 << 20


def transfer(w: World, a: Netns, b: Netns, address: str, folder: Path, size: int = 1 << 20) -> None:
    """a fetches a file from b."""
    data = os.urandom(size)
    (folder / "file").write_bytes(data)
    server = w.program(b, sys.executable, "-m", "http.server", "-b", address, "-d", str(folder), "8000")
    w.until(lambda: server.listens(8000), what="the web server")
    w.linux(a, "curl", "-sS", "-o", str(folder / "got"), f"http://{address}:8000/file")
    assert (folder / "got").read_bytes() == data


# --- a bridge of ours -------------------------------------------------------------------------------------


def our_bridge(w: World, *namespaces: Netns, words: str = "") -> Bridge:
    """Host `s` with bridge0 between a TAP in each namespace: virt0 (tap0), virt1 (tap1) and so on."""
    s = w.host("s")
    for number, ns in enumerate(namespaces):
        w.plug(s, f"virt{number}", ns)
    assert w.command("s", "ifconfig bridge0 create").status == 0
    adds = " ".join(f"add virt{number}" for number in range(len(namespaces)))
    answer = w.command("s", f"brconfig bridge0 {adds} {words} up")
    assert answer.status == 0, answer.err
    bridge = s.interfaces["bridge0"]
    assert isinstance(bridge, Bridge)
    return bridge


def lladdr_of(ns: Netns, name: str) -> str:
    found = re.search(r"link/ether (\S+)", ns.run("ip", "link", "show", name).stdout)
    assert found is not None
    return found[1]


def test_our_bridge_between_two_kernels(w: World, tmp_path: Path) -> None:
    a, b = w.namespace(), w.namespace()
    bridge = our_bridge(w, a, b)
    a.run("ip", "addr", "add", "10.9.0.1/24", "dev", "tap0")
    b.run("ip", "addr", "add", "10.9.0.2/24", "dev", "tap1")
    assert "ttl=64" in pings(w, a, "10.9.0.2")
    assert "ttl=64" in pings(w, b, "10.9.0.1", "-s", "20000")
    transfer(w, a, b, "10.9.0.2", tmp_path, 5 << 20)
    known = {node.member.ifp.name: str(node.lladdr) for node in bridge.rtable.nodes.values()}
    assert known == {"virt0": lladdr_of(a, "tap0"), "virt1": lladdr_of(b, "tap1")}
    assert bridge.bridging.stat["fwdqfull"] == 0


def test_the_address_of_our_bridge_is_reached_from_both_kernels(w: World) -> None:
    a, b = w.namespace(), w.namespace()
    our_bridge(w, a, b)
    a.run("ip", "addr", "add", "10.9.0.1/24", "dev", "tap0")
    b.run("ip", "addr", "add", "10.9.0.2/24", "dev", "tap1")
    give(w.lab["s"], "bridge0", "10.9.0.9/24")
    for ns, address in ((a, "10.9.0.1"), (b, "10.9.0.2")):
        pings(w, ns, "10.9.0.9")
        assert w.command("s", f"ping -n -c 3 -i 0.05 {address}").status == 0


def test_a_bus_file_and_a_tap_in_one_bridge(w: World, tmp_path: Path) -> None:
    """A lab in another process - bus file - our bridge - tap0 - Linux, untagged and in VLAN 7."""
    ns, bus = w.namespace(), tmp_path / "bus1"
    shmif.register(w.lab)
    our_bridge(w, ns)
    for line in (f"ifconfig shmif0 create linkstr {bus} up", "brconfig bridge0 add shmif0"):
        assert w.command("s", line).status == 0
    ns.run("ip", "addr", "add", "10.9.0.1/24", "dev", "tap0")
    lines = f"""host far; sysctl -q -w net.inet.ip.dad_count=0; ifconfig shmif0 create linkstr {bus} 10.9.0.2/24
        ifconfig vlan0 create vlan 7 vlanif shmif0; ifconfig vlan0 10.7.0.2/24; ping -c 1000000 -q 10.9.0.1"""
    there = w.program(ns, sys.executable, "-m", "netsh", "--lab", "none", "-c", lines)
    pings(w, ns, "10.9.0.2")
    pings(w, ns, "10.9.0.2", "-s", "20000")
    assert w.command("s", "ifconfig vlan0 create vlan 7 vlanif shmif0").status == 0
    give(w.lab["s"], "vlan0", "10.7.0.3/24")
    assert w.command("s", "ping -n -c 3 -i 0.05 10.7.0.2").status == 0
    there.child.send_signal(signal.SIGINT)
    w.finish_program(there)
    assert " 0.0% packet loss" in there.text
    assert w.command("s", "ifconfig shmif0 destroy").status == 0
    assert not bus.exists()


# --- one spanning tree ------------------------------------------------------------------------------------


def linux_says(ns: Netns, what: str) -> str:
    """A value of `ip -d link show br0`."""
    found = re.search(rf"\b{what} (\S+)", ns.run("ip", "-d", "link", "show", "br0").stdout)
    assert found is not None
    return found[1]


def ours_says(w: World) -> BridgeRow:
    (row,) = w.command("s", "brconfig bridge0").rows
    assert isinstance(row, BridgeRow)
    return row


def states(w: World) -> list[str | None]:
    return [member.state for member in reversed(ours_says(w).interfaces)]


def port_state(ns: Netns, port: str) -> str:
    found = re.search(r" state (\w+)", ns.run("bridge", "link", "show", "dev", port).stdout)
    return found[1] if found is not None else ""


def test_linux_takes_us_for_the_root(w: World) -> None:
    sw = w.namespace()
    our_bridge(w, sw, words=f"stp virt0 priority 4096 {OUR_TIMES}")
    linux_bridge(sw, "tap0", **LINUX_STP)
    w.until(lambda: linux_says(sw, "root_port") == "1", what="Linux to find its root")
    assert int(linux_says(sw, "root_path_cost")) > 0
    w.until(lambda: states(w) == ["forwarding"] and port_state(sw, "tap0") == "forwarding", what="both to forward")
    assert (ours_says(w).root_port, ours_says(w).root_cost) == (None, 0)
    no_complaints(w)


def test_we_take_linux_for_the_root(w: World) -> None:
    sw = w.namespace()
    our_bridge(w, sw, words=f"stp virt0 priority 61440 {OUR_TIMES}")
    linux_bridge(sw, "tap0", **LINUX_STP)
    w.until(lambda: ours_says(w).root_port == "virt0", what="us to find our root")
    row, (priority, lladdr) = ours_says(w), linux_says(sw, "bridge_id").split(".")
    assert row.root == f"{priority}.{Mac.parse(lladdr)}" and row.root_cost == 55
    w.until(lambda: states(w) == ["forwarding"] and port_state(sw, "tap0") == "forwarding", what="both to forward")
    assert linux_says(sw, "root_port") == "0"
    no_complaints(w)


def no_complaints(w: World) -> None:
    """Nothing that Linux said was strange to us."""
    bridging = w.lab["s"].bridging
    assert bridging is not None and not {"badbpdu", "oldbpdu", "ownbpdu"} & bridging.stat.keys()


def test_a_loop_through_both_has_one_path_and_heals(w: World) -> None:
    """Two cables between our bridge and Linux's: one forwards; when it is cut, the other does."""
    sw = w.namespace()
    our_bridge(w, sw, sw, words=f"stp virt0 stp virt1 priority 61440 {OUR_TIMES}")
    linux_bridge(sw, "tap0", "tap1", **LINUX_STP)
    sw.run("ip", "addr", "add", "10.9.0.1/24", "dev", "br0")
    give(w.lab["s"], "bridge0", "10.9.0.9/24")
    w.until(lambda: states(w) == ["forwarding", "blocking"], what="one path")
    w.until(lambda: port_state(sw, "tap0") == "forwarding", what="Linux to forward")
    pings(w, sw, "10.9.0.9")
    w.lab["s"].interfaces["virt0"].set_linkstr(None)
    w.until(lambda: states(w) == ["disabled", "forwarding"], what="the other path")
    pings(w, sw, "10.9.0.9")


def test_linux_hears_of_a_change_and_acknowledges_it(w: World) -> None:
    sw, leaf = w.namespace(), w.namespace()
    bridge = our_bridge(w, sw, leaf, words=f"stp virt0 stp virt1 priority 61440 {OUR_TIMES}")
    linux_bridge(sw, "tap0", **LINUX_STP)
    w.until(lambda: states(w) == ["forwarding", "forwarding"], what="both to forward")
    w.until(lambda: linux_says(sw, "topology_change") == "1", what="Linux to hear of it")
    w.until(lambda: bridge.stp.topology_change and not bridge.stp.tcn_timer.active, what="its acknowledgement")


# --- tags -------------------------------------------------------------------------------------------------

PING_IN_TAGS = """
import sys
from scapy.all import ARP, ICMP, IP, Dot1Q, Ether, Raw, get_if_hwaddr, srp, conf
conf.verb = 0
me = get_if_hwaddr("tap0")
head = Ether(src=me, dst="ff:ff:ff:ff:ff:ff") / Dot1Q(vlan=5)
for _ in range(20):
    answered, _ = srp(head / ARP(hwsrc=me, psrc="10.5.0.1", pdst="10.5.0.2"), iface="tap0", timeout=0.5)
    if answered:
        break
reply = answered[0][1]
assert reply[Dot1Q].vlan == 5 and reply[ARP].op == 2, reply.show2(dump=True)
echo = Ether(src=me, dst=reply.src) / Dot1Q(vlan=5, prio=3) / IP(src="10.5.0.1", dst="10.5.0.2") / ICMP(id=7, seq=9)
answered, _ = srp(echo / Raw(b"x" * 1000), iface="tap0", timeout=5)
reply = answered[0][1]
assert (reply[Dot1Q].vlan, reply[ICMP].type, reply[ICMP].seq, len(reply[Raw].load)) == (5, 0, 9, 1000)
print("answered in tags")
"""


def our_vlan(w: World, ns: Netns) -> None:
    """me with 10.5.0.2 on VLAN 5 of a TAP."""
    me = w.host("me")
    w.plug(me, "virt0", ns)
    assert w.command("me", "ifconfig vlan0 create vlan 5 vlanif virt0").status == 0
    give(me, "vlan0", "10.5.0.2/24")


def test_scapy_pings_in_tags(w: World) -> None:
    """Also where the kernel knows no VLANs: the frames themselves."""
    ns = w.namespace()
    our_vlan(w, ns)
    assert "answered in tags" in w.linux(ns, sys.executable, "-c", PING_IN_TAGS)


@needs_link("vlan")
def test_tagged_pings_both_ways(w: World) -> None:
    ns = w.namespace()
    our_vlan(w, ns)
    ns.run("ip", "link", "add", "link", "tap0", "name", "tap0.5", "type", "vlan", "id", "5")
    ns.run("ip", "addr", "add", "10.5.0.1/24", "dev", "tap0.5")
    ns.run("ip", "link", "set", "tap0.5", "up")
    pings(w, ns, "10.5.0.2")
    pings(w, ns, "10.5.0.2", "-s", "1472", "-M", "do")
    assert w.command("me", "ping -n -c 3 -i 0.05 -s 1472 -D 10.5.0.1").status == 0
    w.capture(ns, w.lab["me"].interfaces["virt0"])
    pings(w, ns, "10.5.0.2", "-s", "5000")


def test_tags_of_ours_cross_a_bridge_of_linux(w: World) -> None:
    """me and you have a VLAN each, and a Linux bridge that knows nothing of them between."""
    sw = w.namespace()
    our_vlan(w, sw)
    you = w.host("you")
    w.plug(you, "virt1", sw)
    linux_bridge(sw, "tap0", "tap1")
    assert w.command("you", "ifconfig vlan0 create vlan 5 vlanif virt1").status == 0
    give(you, "vlan0", "10.5.0.1/24")
    for host, address in (("you", "10.5.0.2"), ("me", "10.5.0.1")):
        w.until(lambda: w.command(host, f"ping -n -c 1 -o -w 1 {address}").status == 0, what="the bridge")  # noqa: B023
        answer = w.command(host, f"ping -n -c 3 -i 0.05 -s 1472 -D {address}")
        assert answer.status == 0 and "3 packets received" in answer.text
