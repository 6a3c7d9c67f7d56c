"""A lab as a script: what is saved rebuilds the same lab, and a script that fails changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commands import command
from netsh import home, saved
from stack.addr import Ip4, Mac, Prefix
from stack.lab import Lab
from stack.net.ethernet import Ethernet
from stack.net.ifnet import IFCAP_TSO4, IFF_LINK0, IFF_NOARP
from stack.net.neighbor import LLE_STATIC
from stack.net.route import RTF_BLACKHOLE, RTF_GATEWAY, RTF_HOST, RTF_STATIC, RTF_UP, Rtentry
from stack.net.wire import Personality
from tests.netsh.toys import Toys

needs_commands = pytest.mark.skipif(
    not {"ifconfig", "route", "arp", "sysctl", "hostname"} <= set(command.names()),
    reason="the commands of a saved lab are not there yet",
)


def at_home() -> Toys:
    session = Toys(Lab(7))
    home.build(session)
    return session


def elaborate() -> Toys:
    """A lab with something of everything."""
    session = at_home()
    lab = session.lab
    me, gw = lab["me"], lab["gw"]
    lab.bus("lan").set(Personality(0.01, 1e7, 0.01, 0.02, 0.005, 0.03, 50, 20, 9000))
    lab.bus("wan").set_carrier(False)
    lab.bus("empty").set(Personality(loss=1 / 3))
    me.hostname = "me.example"
    me.sysctl.set("net.inet.ip.ttl", "99")
    gw.sysctl.set("net.inet.ip.dad_count", "5")
    shmif0 = me.interfaces["shmif0"]
    assert isinstance(shmif0, Ethernet)
    shmif0.set_lladdr(Mac.parse("02:00:00:00:00:01"))
    shmif0.set_mtu(9000)
    me.set_address(shmif0, Ip4.parse("10.7.0.1"), 16, broadcast=Ip4.parse("10.7.0.255"), alias=True, dad=False)
    assert shmif0.arptab is not None
    shmif0.arptab.set_static(Ip4.parse("10.0.0.77"), Mac.parse("02:00:00:00:00:77"), LLE_STATIC)
    flags = RTF_UP | RTF_GATEWAY | RTF_STATIC
    via = shmif0.addresses[0]
    gateway = Ip4.parse("10.0.0.1")
    me.routes.add(Rtentry(Prefix.parse("192.168.0.0/16"), shmif0, flags, gateway=gateway, ifa=via, mtu=1400))
    me.routes.add(
        Rtentry(Prefix.parse("192.0.2.1/32"), shmif0, flags | RTF_HOST | RTF_BLACKHOLE, gateway=gateway, ifa=via)
    )
    me.routes.add(Rtentry(Prefix.parse("10.6.0.0/16"), shmif0, RTF_UP | RTF_STATIC, ifa=via))
    shmif0.arptab.proxies = {Ip4.parse("10.0.0.88"): Mac.parse("02:00:00:00:00:88")}
    idle = gw.ifcreate("shmif7")
    idle.set_flags(IFF_NOARP | IFF_LINK0)
    idle.set_capenable(IFCAP_TSO4)
    gw.interfaces["shmif1"].down()
    lone = lab.add_host("lone")
    lone.ifcreate("shmif0")
    lone.sysctl.set("net.link.gso", "0")
    session.host = gw
    return session


BRIDGED = """\
ifconfig vlan0 create; ifconfig shmif0 create mtu 9000 up; ifconfig shmif1 create mtu 1400; ifconfig shmif2 create
ifconfig vlan1 create; ifconfig vlan1 vlan 4094 vlanif shmif0; ifconfig vlan1 mtu 2000
ifconfig vlan0 vlan 7 vlanif vlan1; ifconfig vlan0 10.7.0.1/24 link 02:00:00:00:00:07
ifconfig vlan2 create; ifconfig vlan3 create vlan 9 vlanif shmif0; ifconfig vlan3 down; ifconfig vlan3 -vlanif
ifconfig bridge1 create; ifconfig bridge0 create mtu 1400; ifconfig bridge1 10.6.0.1/24
brconfig bridge0 priority 4096 hellotime 3 fwddelay 10 maxage 30 maxaddr 10000000 timeout 0 add shmif1
brconfig bridge0 stp shmif1 -learn shmif1 -discover shmif1 protect shmif1 ifpriority shmif1 1 ifpathcost shmif1 0
brconfig bridge0 static shmif1 02:00:00:00:00:66; brconfig bridge1 add shmif2 up
"""


def bridged() -> Toys:
    """A lab with bridges and VLANs."""
    session = Toys(Lab(7))
    assert session.run(f"host s\n{BRIDGED}") == 0, session.err
    return session


HOME = """\
# A lab of netsh: 'load FILE' rebuilds it, 'netsh --lab FILE' starts in it.
lab seed 7

bus lan delay 100us
bus wan delay 5ms

host me
sysctl -w net.inet.ip.dad_count=0
ifconfig shmif0 create
ifconfig shmif0 link MAC active
ifconfig shmif0 linkstr lan
ifconfig shmif0 inet 10.0.0.2/24
sysctl -w net.inet.ip.dad_count=3
route add default 10.0.0.1
"""


def test_a_saved_lab_is_a_script() -> None:
    text = saved.script_of(at_home())
    mac = str(at_home().lab["me"].interfaces["shmif0"].lladdr)
    assert text.startswith(HOME.replace("MAC", mac))
    assert text.endswith("\nwww httpd &\n\nhost me\n")


def test_all_of_a_lab_is_in_the_script() -> None:
    text = saved.script_of(elaborate())
    for line in (
        "bus lan delay 10ms rate 10Mbit/s loss 1% duplicate 2% reorder 0.5% corrupt 3% queue 50 ecn 20 mtu 9000",
        "hostname me.example",
        "sysctl -w net.inet.ip.ttl=99",
        "sysctl -w net.inet.ip.dad_count=5",
        "ifconfig shmif0 link 02:00:00:00:00:01 active",
        "ifconfig shmif0 mtu 9000",
        "ifconfig shmif0 inet 10.7.0.1/16 broadcast 10.7.0.255 alias",
        "arp -s 10.0.0.77 02:00:00:00:00:77",
        "route add -net 192.168.0.0/16 10.0.0.1 -mtu 1400",
        "route add -host 192.0.2.1 10.0.0.1 -blackhole",
        "route add -net 10.6.0.0/16 -interface 10.0.0.2",
        "arp -s 10.0.0.88 02:00:00:00:00:88 pub proxy",
        "ifconfig shmif7 create",
        "ifconfig shmif7 -arp",
        "ifconfig shmif7 link0",
        "ifconfig shmif7 tso4 -lro",
        "sysctl -w net.link.gso=0\nifconfig shmif0 create\nifconfig shmif0 link",
        "ifconfig shmif1 down",
        "host lone",
        "link wan down",
    ):
        assert f"\n{line}\n" in text or f"\n{line} " in text
    assert text.endswith("\nhost gw\n")


def test_bridges_and_vlans_are_in_the_script() -> None:
    text = saved.script_of(bridged())
    for line in (
        "ifconfig vlan1 vlan 4094 vlanif shmif0\nifconfig vlan1 mtu 2000\nifconfig vlan0 vlan 7 vlanif vlan1",
        "ifconfig vlan0 link 02:00:00:00:00:07 active",
        "brconfig bridge0 priority 4096 hellotime 3 fwddelay 10 maxage 30 maxaddr 10000000 timeout 0",
        "brconfig bridge0 add shmif1 -learn shmif1 -discover shmif1 protect shmif1 stp shmif1 ifpriority shmif1 1 "
        "ifpathcost shmif1 0",
        "brconfig bridge0 static shmif1 02:00:00:00:00:66",
        "ifconfig bridge1 inet 10.6.0.1/24",
        "brconfig bridge1 add shmif2",
    ):
        assert f"\n{line}\n" in text
    assert "bridge0 up" not in text and "vlan2 vlan" not in text


def test_saving_writes_the_file_whole_or_not_at_all(tmp_path: Path) -> None:
    session = at_home()
    path = tmp_path / "lab.netsh"
    assert session.run(f"save {path}") == 0
    assert path.read_text() == saved.script_of(session)
    assert os.listdir(tmp_path) == ["lab.netsh"]
    assert session.run(f"save {tmp_path}") == 1
    assert session.err == f"save: {tmp_path}: Is a directory\n"


@needs_commands
@pytest.mark.parametrize("make", [at_home, elaborate, bridged])
def test_what_is_saved_rebuilds_the_lab(make: object, tmp_path: Path) -> None:
    assert callable(make)
    session: Toys = make()
    first, second = tmp_path / "first", tmp_path / "second"
    assert session.run(f"save {first}") == 0
    other = Toys(Lab())
    assert other.run(f"load {first}; save {second}") == 0, other.err
    assert second.read_text() == first.read_text()
    assert other.out == ""
    assert other.lab.callouts.now == 0.0


@needs_commands
def test_a_loaded_lab_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "lab"
    at_home().run(f"save {path}")
    session = Toys()
    assert session.run(f"count 99 & load {path}; host | head -1; ping -c 1 www > /dev/null && echo there") == 0, (
        session.err
    )
    assert session.out.endswith("* me          10.0.0.2\nthere\n")
    assert session.jobs.table == {}


def test_loading_a_simple_lab_moves_the_session_there(tmp_path: Path) -> None:
    path = tmp_path / "lab"
    path.write_text("lab seed 9\nbus x delay 1ms\nhost p\nlink p q\nhost q\n")
    session = Toys()
    old = session.lab
    assert session.run(f"count 99 & sleep 1; load {path}; host; count 1; lab | head -1") == 0, session.err
    assert session.lab is not old
    assert session.lab.seed == 9
    assert "  p           10.255.0.1\n* q           10.255.0.2\n0.0 1\n2 hosts, 2 buses, seed 9" in session.out
    assert old.procs == {}
    assert old.hosts == {}
    assert session.run("say x") == 0
    assert session.out == "q: x\n"


def test_loading_in_a_script(tmp_path: Path) -> None:
    lab, script = tmp_path / "lab", tmp_path / "script"
    lab.write_text("host p\n")
    script.write_text(f"load {lab}\nsay x\nsleep 1\nsay y\n")
    session = Toys()
    assert session.run(f"source {script}; say z") == 0
    assert session.out == "p: x\np: y\np: z\n"


@pytest.mark.parametrize("text", ["host p\nnope\nhost q\n", "host 'p\n", "sleep 1\nwait %9\n", "host p\nforever\n"])
def test_a_script_that_fails_changes_nothing(text: str, tmp_path: Path) -> None:
    path = tmp_path / "lab"
    path.write_text(text)
    session = Toys()
    lab = session.lab
    assert session.run(f"load {path}; say x") == 0
    assert session.lab is lab
    assert session.out == "a: x\n"
    first, second = session.err.splitlines()
    assert first.startswith(f"{path}:")
    assert second == f"load: {path}: not loaded; the lab is as it was"
