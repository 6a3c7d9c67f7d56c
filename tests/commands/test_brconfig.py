"""brconfig: what its verbs do, and what it says to words that make no sense; ifconfig's words for VLANs."""

from __future__ import annotations

import json

import pytest

from commands._brconfig_verbs import VERBS, WORDS
from commands.brconfig import COMMAND, AddressRow, BridgeRow
from netsh.render.json_rows import json_of
from stack.lab import Lab
from stack.net.bridge import Bridge
from stack.net.vlan import Vlan
from tests.commands.runner import run


@pytest.fixture
def lab() -> Lab:
    """A host `s` with bridge0 of shmif0 and shmif1, up, and shmif2 beside it."""
    lab = Lab()
    for number in range(3):
        run(lab, "s", f"ifconfig shmif{number} create linkstr lan{number} up")
    run(lab, "s", "ifconfig bridge0 create")
    run(lab, "s", "brconfig bridge0 add shmif0 add shmif1 up")
    return lab


def bridge(lab: Lab) -> Bridge:
    found = lab["s"].interfaces["bridge0"]
    assert isinstance(found, Bridge)
    return found


def snapshot(lab: Lab) -> str:
    return run(lab, "s", "brconfig -a").text


BAD = [
    # words, status, what must be in the one line
    ("", 2, "a bridge is wanted"),
    ("-a bridge0", 2, "bridge0: one word too many"),
    ("-x", 2, "unknown option -- x"),
    ("shmif0", 2, "shmif0 is not a bridge"),
    ("bridge", 2, "bridge is not a bridge; the name of one is bridge0"),
    ("bridge0x", 1, "unable to get interface flags: Device not configured"),
    ("bridge7", 1, "unable to get interface flags: Device not configured"),
    ("bridge7 up", 1, "unable to get interface flags: Device not configured"),
    ("bridge0 foo", 2, "unknown command: foo ('help brconfig' lists them)"),
    ("bridge0 ADD shmif2", 2, "unknown command: ADD"),
    ("bridge0 -add shmif0", 2, "unknown command: -add"),
    ("bridge0 add", 2, "command add requires 1 argument"),
    ("bridge0 add shmif9", 1, "add shmif9: No such file or directory ('ifconfig -l' lists the interfaces)"),
    ("bridge0 add shmif0", 1, "add shmif0: File exists (it is a member already)"),
    ("bridge1 add shmif0", 1, "add shmif0: Device busy (it is a member of another bridge)"),
    ("bridge0 add lo0", 1, "add lo0: Invalid argument (only Ethernets can be members)"),
    ("bridge0 add bridge0", 1, "add bridge0: Invalid argument (only Ethernets can be members)"),
    ("bridge0 add bridge1", 1, "add bridge1: Invalid argument (only Ethernets can be members)"),
    ("bridge0 add vlan0", 1, "add vlan0: Invalid argument (only Ethernets can be members)"),
    ("bridge0 add shmif3", 1, "add shmif3: Invalid argument (its MTU is 1400, that of bridge0 1500)"),
    ("bridge0 delete", 2, "command delete requires 1 argument"),
    ("bridge0 delete shmif2", 1, "delete shmif2: No such file or directory (it is no member of bridge0)"),
    ("bridge0 delete shmif9", 1, "delete shmif9: No such file or directory"),
    *((f"bridge0 {verb}", 2, f"command {verb} requires 1 argument") for verb in
      ("stp", "-stp", "learn", "-learn", "discover", "-discover", "protect", "-protect", "deladdr", "maxaddr",
       "timeout", "priority", "hellotime", "fwddelay", "maxage")),
    *((f"bridge0 {verb} shmif2", 1, f"{verb} shmif2: No such file or directory (it is no member") for verb in
      ("stp", "-stp", "learn", "-learn", "discover", "-discover", "protect", "-protect")),
    *((f"bridge0 {verb} shmif0", 2, f"command {verb} requires 2 arguments") for verb in
      ("static", "ifpriority", "ifpathcost")),
    *((f"bridge0 {verb} 0", 2, f"0: {verb}'s value is between 1 and 255") for verb in
      ("hellotime", "fwddelay", "maxage")),
    *((f"bridge0 {verb} 256", 2, f"256: {verb}'s value is between 1 and 255") for verb in
      ("hellotime", "fwddelay", "maxage")),
    *((f"bridge0 {verb} many", 2, f"many: not a number; {verb}'s value is wanted") for verb in
      ("hellotime", "fwddelay", "maxage", "priority", "timeout", "maxaddr")),
    *((f"bridge0 {verb} -1", 2, f"-1: {verb}'s value is between 0") for verb in ("priority", "timeout", "maxaddr")),
    ("bridge0 priority 65536", 2, "65536: priority's value is between 0 and 65535"),
    ("bridge0 ifpriority shmif0 256", 2, "256: ifpriority's value is between 0 and 255"),
    ("bridge0 ifpriority shmif2 1", 1, "ifpriority shmif2: No such file or directory"),
    ("bridge0 ifpathcost shmif0 65536", 2, "65536: ifpathcost's value is between 0 and 65535"),
    ("bridge0 ifpathcost shmif9 1", 1, "ifpathcost shmif9: No such file or directory"),
    ("bridge0 static shmif0 02:00", 2, "static: invalid address: 02:00 (one is 02:00:00:00:00:50)"),
    ("bridge0 static shmif2 2:0:0:0:0:1", 1, "static shmif2: No such file or directory"),
    ("bridge0 static shmif0 ff:ff:ff:ff:ff:ff", 1, "Invalid argument (it is a group's, or our own)"),
    ("bridge0 static shmif0 b2:a0:64:6f:11:4d", 1, "Invalid argument (it is a group's, or our own)"),
    ("bridge0 deladdr x", 2, "deladdr: invalid address: x"),
    ("bridge0 deladdr 2:0:0:0:0:1", 1, "deladdr 02:00:00:00:00:01: No such file or directory"),
    ("bridge0 ipf", 1, "ipf: there is no packet filter here"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "status", "text"), BAD, ids=[words for words, _, _ in BAD])
def test_bad_words_are_one_clear_line_and_change_nothing(lab: Lab, words: str, status: int, text: str) -> None:
    run(lab, "s", "ifconfig shmif3 create mtu 1400")
    for name in ("bridge1", "vlan0"):
        run(lab, "s", f"ifconfig {name} create")
    lab["s"].seed = 1
    before = snapshot(lab)
    if "b2:a0" in words:
        words = words.replace("b2:a0:64:6f:11:4d", str(lab["s"].interfaces["shmif0"].lladdr))
    answer = run(lab, "s", f"brconfig {words}")
    assert answer.status == status and not answer.out
    assert len(answer.errors) == 1 and answer.errors[0].startswith("brconfig: ") and text in answer.errors[0]
    assert snapshot(lab) == before


def test_a_bad_word_is_found_before_anything_is_done(lab: Lab) -> None:
    before = snapshot(lab)
    assert run(lab, "s", "brconfig bridge0 delete shmif0 priority 7 nonsense").status == 2
    assert snapshot(lab) == before


def test_words_are_done_in_order_until_one_fails(lab: Lab) -> None:
    answer = run(lab, "s", "brconfig bridge0 add shmif2 delete shmif9 priority 7")
    assert answer.status == 1 and [m.ifp.name for m in bridge(lab).members] == ["shmif2", "shmif1", "shmif0"]
    assert bridge(lab).stp.priority == 0x8000


def test_every_verb_does_what_it_says(lab: Lab) -> None:
    for words, line in [
        ("-learn shmif0", "shmif0 flags=2<DISCOVER>"), ("learn shmif0", "shmif0 flags=3<LEARNING,DISCOVER>"),
        ("-discover shmif0", "shmif0 flags=1<LEARNING>"), ("discover shmif0", "shmif0 flags=3<LEARNING,DISCOVER>"),
        ("protect shmif0", "shmif0 flags=b<LEARNING,DISCOVER,PROTECTED>"),
        ("-protect shmif0", "shmif0 flags=3<LEARNING,DISCOVER>"),
        ("stp shmif0", "shmif0 flags=7<LEARNING,DISCOVER,STP>"),
        ("ifpriority shmif0 16", "port 2 priority 16 path cost 55 listening"),
        ("ifpathcost shmif0 19", "port 2 priority 16 path cost 19 listening"),
        ("-stp shmif0", "port 2 priority 16"), ("-ipf", "ipfilter disabled flags 0x0"),
        ("priority 4096 hellotime 3 fwddelay 10 maxage 30", "priority 4096 hellotime 3 fwddelay 10 maxage 30"),
        ("maxaddr 7 timeout 60", "Address cache (max cache: 7, timeout: 60):"),
        ("static shmif1 2:0:0:0:0:9", "02:00:00:00:00:09 shmif1 0 flags=1<STATIC>"),
        ("down", "bridge0: flags=0<>"), ("up", "bridge0: flags=41<UP,RUNNING>"),
    ]:  # fmt: skip
        answer = run(lab, "s", f"brconfig bridge0 {words}")
        assert (answer.status, answer.both) == (0, "")
        assert any(text.strip() == line for text in snapshot(lab).splitlines()), words
    assert run(lab, "s", "brconfig bridge0 addr").lines == ["\t02:00:00:00:00:09 shmif1 0 flags=1<STATIC>"]
    assert run(lab, "s", "brconfig bridge0 deladdr 2:0:0:0:0:9 addr").lines == []
    run(lab, "s", "brconfig bridge0 delete shmif0 delete shmif1")
    assert "shmif" not in snapshot(lab)


def test_no_room_for_a_static_address(lab: Lab) -> None:
    answer = run(lab, "s", "brconfig bridge0 maxaddr 0 static shmif0 2:0:0:0:0:9")
    assert answer.errors == [
        "brconfig: static shmif0 02:00:00:00:00:09: No space left on device ('brconfig bridge0 maxaddr' makes some)"
    ]


def test_rows_say_who_the_root_is(lab: Lab) -> None:
    run(lab, "s", "brconfig bridge0 stp shmif0 static shmif1 2:0:0:0:0:9")
    (row,) = run(lab, "s", "brconfig bridge0").rows
    assert isinstance(row, BridgeRow) and row.root_cost == 0 and row.root_port is None
    found = json.loads(json_of(row))
    assert found["root"] == f"8000.{lab['s'].interfaces['shmif0'].lladdr}"
    assert found["interfaces"][1]["state"] == "listening" and found["interfaces"][0]["state"] is None
    assert found["addresses"] == [
        {"address": "02:00:00:00:00:09", "interface": "shmif1", "expires": 0, "flags": ["STATIC"]}
    ]
    (address,) = run(lab, "s", "brconfig bridge0 addr").rows
    assert isinstance(address, AddressRow)
    run(lab, "t", f"ifconfig shmif0 create linkstr lan0 link {'02:00:00:00:00:01'} up")
    run(lab, "t", "ifconfig bridge0 create")
    run(lab, "t", "brconfig bridge0 add shmif0 stp shmif0 priority 1 up")
    lab.run(lab.callouts.now + 5)
    answer = run(lab, "s", "brconfig bridge0")
    (row,) = answer.rows
    assert (row.root, row.root_cost, row.root_port) == ("0001.02:00:00:00:00:01", 55, "shmif0")
    assert not any("root" in line for line in answer.lines)  # as in NetBSD's text


def test_without_bridges_there_is_nothing_to_show() -> None:
    answer = run(Lab(), "s", "brconfig -a")
    assert (answer.status, answer.both) == (0, "")


def test_every_verb_has_its_help() -> None:
    assert WORDS.keys() == VERBS.keys()
    documentation = COMMAND.run.__globals__["__doc__"]
    for verb, text in WORDS.items():
        assert f"    {verb} " in documentation and text in documentation


# --- ifconfig's side ------------------------------------------------------------------------------------

BAD_IFCONFIG = [
    ("vlan0 vlan 5", 2, "vlan and vlanif go together, once: vlan 5 vlanif shmif0"),
    ("vlan0 vlanif shmif0", 2, "vlan and vlanif go together"),
    ("vlan0 vlan 5 vlan 6 vlanif shmif0 vlanif shmif1", 2, "vlan and vlanif go together, once"),
    ("vlan0 vlan", 2, "'vlan' requires an argument: vlan tag"),
    ("vlan0 vlan 5 vlanif", 2, "'vlanif' requires an argument"),
    ("vlan0 vlan 0 vlanif shmif2", 2, "0: the tag of a VLAN is between 1 and 4094"),
    ("vlan0 vlan 4095 vlanif shmif2", 2, "4095: the tag of a VLAN is between 1 and 4094"),
    ("vlan0 vlan five vlanif shmif2", 2, "five: not a number; the tag of a VLAN is wanted"),
    ("vlan0 vlan 5 vlanif shmif9", 1, "SIOCSETVLAN: No such file or directory: there is no shmif9"),
    ("vlan0 vlan 5 vlanif lo0", 1, "SIOCSETVLAN: Protocol not supported"),
    ("vlan0 vlan 5 vlanif bridge0", 1, "SIOCSETVLAN: Protocol not supported"),
    ("vlan0 vlan 5 vlanif vlan0", 1, "SIOCSETVLAN: Protocol not supported"),
    ("shmif2 vlan 5 vlanif shmif0", 1, "SIOCSETVLAN: Inappropriate ioctl for device"),
    ("shmif2 -vlanif", 1, "SIOCSETVLAN: Inappropriate ioctl for device"),
    ("bridge0 vlan 5 vlanif shmif0", 1, "SIOCSETVLAN: Inappropriate ioctl for device"),
    ("vlan0 linkstr lan0", 1, "SIOCSLINKSTR: Inappropriate ioctl for device"),
    ("bridge0 linkstr lan0", 1, "SIOCSLINKSTR: Inappropriate ioctl for device"),
    ("vlan0 link 2:0:0:0:0:1", 1, "SIOCALIFADDR: Invalid argument"),
    ("vlan0 mtu 1400", 1, "SIOCSIFMTU: Invalid argument"),
    ("shmif0 mtu 1400", 1, "SIOCSIFMTU: Device busy"),
    ("bridge0 mtu 67", 1, "SIOCSIFMTU: Invalid argument"),
    ("bridge0 create", 1, "clone_command: File exists"),
    ("bridge00 create", 1, "clone_command: Invalid argument"),
    ("bridge7 destroy", 1, "clone_command: Device not configured"),
]


@pytest.mark.parametrize(("words", "status", "text"), BAD_IFCONFIG, ids=[words for words, _, _ in BAD_IFCONFIG])
def test_bad_words_about_vlans_and_bridges(lab: Lab, words: str, status: int, text: str) -> None:
    run(lab, "s", "ifconfig vlan0 create")
    before = run(lab, "s", "ifconfig -a").text
    answer = run(lab, "s", f"ifconfig {words}")
    assert answer.status == status and not answer.out
    assert len(answer.errors) == 1 and answer.errors[0].startswith("ifconfig: ") and text in answer.errors[0]
    assert run(lab, "s", "ifconfig -a").text == before


@pytest.mark.parametrize("words", ["-vlanif", "-vlanif shmif2", "-vlanif up", "-vlanif shmif2 up"])
def test_a_parent_that_is_left_may_be_named(lab: Lab, words: str) -> None:
    run(lab, "s", "ifconfig vlan0 create vlan 5 vlanif shmif2")
    vlan = lab["s"].interfaces["vlan0"]
    assert isinstance(vlan, Vlan) and vlan.parent is lab["s"].interfaces["shmif2"]
    assert run(lab, "s", f"ifconfig vlan0 {words}").status == 0
    assert vlan.parent is None


def test_the_mtu_of_a_bridge_is_its_members(lab: Lab) -> None:
    assert run(lab, "s", "ifconfig bridge0 mtu 9000").status == 0
    assert "mtu 9000" in run(lab, "s", "ifconfig shmif1").text
    assert run(lab, "s", "brconfig bridge0 add shmif2").status == 1


def test_what_goes_away_leaves_nothing_behind(lab: Lab) -> None:
    assert run(lab, "s", "ifconfig shmif0 destroy").status == 0
    assert [member.ifp.name for member in bridge(lab).members] == ["shmif1"]
    assert run(lab, "s", "ifconfig bridge0 destroy").status == 0
    assert "PROMISC" not in run(lab, "s", "ifconfig -a").text
    assert run(lab, "s", "brconfig bridge0").status == 1


def test_statistics_name_what_died(lab: Lab) -> None:
    assert run(lab, "t", "netstat -p bridge").lines == ["bridge:"]
    run(lab, "t", "ifconfig shmif0 create linkstr lan0 10.0.0.1/24")
    run(lab, "s", "ifconfig shmif1 down")
    lab.run(lab.callouts.now + 10)
    assert "\t\tnobody: 4" in run(lab, "s", "netstat -p bridge").lines
    assert run(lab, "s", "netstat -p vlan").lines == ["vlan:"]
