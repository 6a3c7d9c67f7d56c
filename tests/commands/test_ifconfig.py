"""ifconfig: what its words do, and what it says to words that make no sense."""

from __future__ import annotations

import errno

import pytest

from commands._ifconfig_words import KEYWORDS, MODIFIERS, WORDS
from commands.ifconfig import COMMAND, Interface
from netsh.render.json_rows import fields_of
from stack.addr import Ip4
from stack.host import Host
from stack.lab import Lab
from stack.net.ifnet import IFCAP_NAMES, IFF_UP, Ifnet
from tests.commands.runner import Answer, run


@pytest.fixture
def lab() -> Lab:
    """A host `me` with 10.0.0.2/24 and a neighbour `gw` with 10.0.0.1/24, ready."""
    lab = Lab()
    for name, address in (("me", "10.0.0.2"), ("gw", "10.0.0.1")):
        run(lab, name, f"ifconfig shmif0 create linkstr lan {address}/24")
    run(lab, "gw", "ifconfig -w 20")
    run(lab, "me", "ifconfig -w 20")
    return lab


def addresses(lab: Lab, name: str = "me", interface: str = "shmif0") -> list[str]:
    return [f"{ifa.address}/{ifa.plen}" for ifa in lab[name].interfaces[interface].addresses]


BAD = [
    # words, status, what must be in the one line
    ("shmif0 10.0.0.300", 2, "10.0.0.300: not an address"),
    ("shmif0 10.0.0", 2, "10.0.0: not an address"),
    ("shmif0 010.0.0.1", 2, "010.0.0.1: not an address"),
    ("shmif0 10.0.0.1/33", 2, "33: a prefix length is between 0 and 32"),
    ("shmif0 10.0.0.1/", 2, "not a number"),
    ("shmif0 10.0.0.1/x", 2, "x: not a number"),
    ("shmif0 10.0.0.1 netmask 255.0.255.0", 2, "holes"),
    ("shmif0 10.0.0.1 netmask 256.0.0.0", 2, "256.0.0.0: not a netmask"),
    ("shmif0 10.0.0.1 netmask", 2, "'netmask' requires an argument"),
    ("shmif0 10.0.0.1 broadcast 10.0.0.256", 2, "10.0.0.256: not an address"),
    ("shmif0 10.0.0.1 10.0.0.2 10.0.0.3", 2, "10.0.0.3: one word too many"),
    ("shmif0 10.0.0.1 10.0.0.2", 1, "can't set destination address"),
    ("shmif0 netmask 255.255.255.0", 2, "netmask: goes with an address"),
    ("shmif0 alias", 2, "alias: goes with an address"),
    ("shmif0 upp", 2, "upp: neither a keyword nor a host"),
    ("shmif0 mtu", 2, "'mtu' requires an argument"),
    ("shmif0 mtu big", 2, "big: not a number"),
    ("shmif0 mtu -1", 2, "an MTU in bytes is between 0"),
    ("shmif0 mtu 67", 1, "SIOCSIFMTU: Invalid argument"),
    ("shmif0 mtu 65536", 1, "SIOCSIFMTU: Invalid argument"),
    ("shmif0 link 02:00", 2, "02:00: not a link-layer address"),
    ("shmif0 link ff:ff:ff:ff:ff:ff active", 1, "SIOCALIFADDR: Invalid argument"),
    ("lo0 link 02:00:00:00:00:01", 1, "SIOCALIFADDR: Invalid argument"),
    ("shmif0 active", 2, "active: goes with a link-layer address"),
    ("shmif0 linkstr other", 1, "SIOCSLINKSTR: Device busy"),
    ("shmif0 linkstr ./bus\x07", 2, "no name of a file"),
    ("shmif0 linkstr -x", 2, "a bus's name is"),
    ("lo0 linkstr lan", 1, "SIOCSLINKSTR: Inappropriate ioctl for device"),
    ("shmif0 inet6 fd00::1/64", 2, "there is no IPv6 yet"),
    ("shmif0 media 10baseT", 2, "unknown Ethernet media subtype: 10baseT"),
    ("shmif0 mediaopt full-duplex", 2, "unknown Ethernet media option: full-duplex"),
    ("shmif0 tcp4csum", 1, "SIOCSIFCAP: Invalid argument (shmif0 can do TSO4,LRO)"),
    ("lo0 tso4", 1, "SIOCSIFCAP: Invalid argument (lo0 can do nothing of the kind)"),
    ("shmif0 metric x", 2, "x: not a number"),
    ("shmif0 up create", 2, "create: comes first"),
    ("shmif0 destroy up", 2, "destroy: stands alone"),
    ("shmif0 create", 1, "clone_command: File exists"),
    ("shmif01 create", 1, "clone_command: Invalid argument"),
    ("foo0 create", 1, "the kinds are lo shmif"),
    ("7 create", 1, "clone_command: Invalid argument"),
    ("lo0 destroy", 1, "clone_command: Invalid argument"),
    ("shmif7", 1, "SIOCGIFFLAGS shmif7: Device not configured"),
    ("shmif7 up", 1, "SIOCGIFFLAGS shmif7: Device not configured"),
    ("99", 1, "SIOCGIFFLAGS 99: Device not configured"),
    ("shmif0 10.0.0.77 delete", 1, "SIOCDIFADDR: Can't assign requested address"),
    ("shmif0 10.0.0.2/25 delete", 1, "SIOCDIFADDR: Can't assign requested address"),
    ("shmif0 224.0.0.9", 1, "SIOCAIFADDR: Can't assign requested address"),
    ("-q", 2, "unknown option -- q"),
    ("-w", 2, "option requires an argument -- w"),
    ("-w x", 2, "x: not a number of seconds"),
    ("-w nan", 2, "seconds"),
    ("-w -1", 2, "seconds"),
    ("-a shmif0", 2, "-a takes no interface"),
    ("-a inet6", 2, "there is no IPv6 yet"),
    ("-l shmif0", 2, "-l takes no interface"),
    ("-s shmif0 up", 2, "up: -s only asks"),
]


@pytest.mark.parametrize(("words", "status", "text"), BAD, ids=[words for words, _, _ in BAD])
def test_bad_words_get_one_line(lab: Lab, words: str, status: int, text: str) -> None:
    before = run(lab, "me", "ifconfig -a").text
    answer = run(lab, "me", f"ifconfig {words}")
    assert answer.status == status
    assert len(answer.errors) == 1 and answer.errors[0].startswith("ifconfig: ")
    assert text in answer.errors[0]
    assert answer.lines == []
    assert run(lab, "me", "ifconfig -a").text == before  # nothing was lost


def test_an_address_replaces_the_first_and_an_alias_joins_it(lab: Lab) -> None:
    run(lab, "me", "ifconfig shmif0 10.0.0.3/24")
    assert addresses(lab) == ["10.0.0.3/24"]
    run(lab, "me", "ifconfig shmif0 10.1.0.3/16 alias")
    assert addresses(lab) == ["10.0.0.3/24", "10.1.0.3/16"]
    run(lab, "me", "ifconfig shmif0 10.1.0.3/17")  # one that it has becomes the first
    assert addresses(lab) == ["10.1.0.3/17", "10.0.0.3/24"]


def test_an_address_that_cannot_be_set_leaves_the_old_one(lab: Lab) -> None:
    run(lab, "me", "ifconfig lo0 10.9.9.9/32 alias")
    answer = run(lab, "me", "ifconfig shmif0 10.9.9.9/24")
    assert answer.errors == ["ifconfig: SIOCAIFADDR: File exists"]
    assert addresses(lab) == ["10.0.0.2/24"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("10.7.0.1", "10.7.0.1/8"),
        ("172.16.0.1", "172.16.0.1/16"),
        ("192.0.2.1", "192.0.2.1/24"),
        ("10.7.0.1 netmask 255.255.0.0", "10.7.0.1/16"),
        ("10.7.0.1 netmask 0xffffff00", "10.7.0.1/24"),
        ("inet 10.7.0.1 prefixlen 12", "10.7.0.1/12"),
        ("inet 10.7.0.1/24 netmask 255.255.0.0", "10.7.0.1/16"),
        ("gw", "10.0.0.1/8"),
    ],
)
def test_masks(lab: Lab, words: str, expected: str) -> None:
    assert run(lab, "me", f"ifconfig shmif0 {words}").both == ""
    assert addresses(lab) == [expected]


def test_an_unusual_broadcast_address(lab: Lab) -> None:
    run(lab, "me", "ifconfig shmif0 10.7.0.1/16 broadcast 10.7.0.0")
    assert "\tinet 10.7.0.1/16 broadcast 10.7.0.0 flags 0x1<TENTATIVE>" in run(lab, "me", "ifconfig shmif0").lines


@pytest.mark.parametrize(
    "words", ["10.0.0.2 delete", "10.0.0.2/24 delete", "inet 10.0.0.2 -alias", "delete", "me delete"]
)
def test_an_address_is_deleted(lab: Lab, words: str) -> None:
    assert run(lab, "me", f"ifconfig shmif0 {words}").both == ""
    assert addresses(lab) == []


def test_words_are_done_in_order_until_one_fails(lab: Lab) -> None:
    run(lab, "me", "ifconfig shmif1 create")
    answer = run(lab, "me", "ifconfig shmif1 mtu 1280 linkstr wan 10.5.0.1/24 mtu 66 down")
    assert answer.status == 1
    ifp = lab["me"].interfaces["shmif1"]
    assert (ifp.mtu, ifp.linkstr, addresses(lab, interface="shmif1")) == (1280, "wan", ["10.5.0.1/24"])
    assert ifp.flags & IFF_UP


def test_a_line_that_fails_undoes_its_create(lab: Lab) -> None:
    made = "ifconfig vlan0 create vlan 5 vlanif {} 10.5.0.1/24"
    assert run(lab, "me", made.format("lo0")).status == 1
    assert "vlan0" not in lab["me"].interfaces
    assert run(lab, "me", made.format("shmif0")).status == 0  # put right
    assert run(lab, "me", "ifconfig vlan0 10.5.0.300/24 alias").status == 2
    assert "vlan0" in lab["me"].interfaces


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("vlan0 vlan 6 vlanif shmif0", "SIOCSETVLAN: Device busy (it has tag 5 on shmif0, '-vlanif' gives that up)"),
        ("vlan1 vlan 5 vlanif shmif0", "SIOCSETVLAN: File exists (vlan0 has that tag on shmif0)"),
        ("vlan1 vlan 5 vlanif lo0", "SIOCSETVLAN: Protocol not supported (frames of lo0 bear no tags)"),
        ("vlan1 vlan 5 vlanif vlan1", "SIOCSETVLAN: Protocol not supported (vlan1 is on no other interface, or on "),
        ("vlan1 vlan 5 vlanif shmif9", "SIOCSETVLAN: No such file or directory: there is no shmif9"),
        ("shmif0 vlan 5 vlanif shmif0", "SIOCSETVLAN: Inappropriate ioctl for device (only a vlanN bears a tag)"),
        ("vlan1 mtu 1400", "SIOCSIFMTU: Invalid argument (it is on no interface yet: vlan 5 vlanif shmif0)"),
        ("vlan0 mtu 1501", "SIOCSIFMTU: Invalid argument (it is between 68 and 1500)"),
        ("lo0 mtu 66", "SIOCSIFMTU: Invalid argument (it is between 68 and "),
        ("shmif0 mtu 1400", "SIOCSIFMTU: Device busy (members have the MTU of their bridge: 1500, changed there)"),
    ],
)
def test_what_the_kernel_refuses_of_vlans_and_mtus_comes_with_the_cure(lab: Lab, words: str, text: str) -> None:
    for line in ("ifconfig vlan0 create vlan 5 vlanif shmif0", "ifconfig vlan1 create", "ifconfig bridge0 create",
                 "brconfig bridge0 add shmif0"):  # fmt: skip
        assert run(lab, "me", line).status == 0
    answer = run(lab, "me", f"ifconfig {words}")
    assert answer.status == 1 and answer.errors[0].startswith(f"ifconfig: {text}")


def test_waiting_takes_as_long_as_the_detection(lab: Lab) -> None:
    run(lab, "me", "ifconfig shmif0 10.0.0.9/24 alias")
    before = lab.callouts.now
    assert run(lab, "me", "ifconfig -w 1").errors == ["ifconfig: timed out waiting for addresses"]
    assert lab.callouts.now == pytest.approx(before + 1)
    assert run(lab, "me", "ifconfig -w 20 shmif0").status == 0
    assert before + 4 < lab.callouts.now < before + 8
    run(lab, "me", "ifconfig shmif0 down")
    assert run(lab, "me", "ifconfig -w 0.5").status == 0  # detached is not tentative
    assert run(lab, "me", "ifconfig -W 0.5").status == 1


def test_no_words_show_all(lab: Lab) -> None:
    assert run(lab, "me", "ifconfig").text == run(lab, "me", "ifconfig -a").text


def missing(_host: Host, _name: str, _index: int) -> Ifnet:
    raise OSError("python-pytun is not installed: pip install 'netsh[tap]'")


def forbidden(_host: Host, _name: str, _index: int) -> Ifnet:
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize(
    ("cloner", "line"),
    [
        (missing, "ifconfig: clone_command: python-pytun is not installed: pip install 'netsh[tap]'"),
        (forbidden, "ifconfig: clone_command: Operation not permitted"),
    ],
)
def test_a_device_that_cannot_be_made_says_why(lab: Lab, cloner: object, line: str) -> None:
    lab.cloners["virt"] = cloner  # type: ignore[assignment]
    answer = run(lab, "me", "ifconfig virt0 create")
    assert (answer.errors, answer.status) == ([line], 1)
    assert run(lab, "me", "ifconfig -C").lines == ["lo shmif bridge vlan virt"]


def interface(answer: Answer) -> Interface:
    (row,) = answer.rows
    assert isinstance(row, Interface)
    return row


def test_the_row_says_it_all(lab: Lab) -> None:
    row = interface(run(lab, "me", "ifconfig -v shmif0"))
    assert row.inet[0].address == Ip4.parse("10.0.0.2")
    assert row.flags == ("UP", "BROADCAST", "RUNNING", "SIMPLEX", "MULTICAST")
    assert row.output is not None and row.output.packets == 4
    json = fields_of(row)
    assert json["inet"][0]["broadcast"] == "10.0.0.255"
    assert json["linkstr"] == "lan" and json["link"] == "up"


def test_every_keyword_has_its_help() -> None:
    assert set(WORDS) >= {*KEYWORDS, *MODIFIERS, "alias", "-alias", "delete"}
    assert all(text and text[0].islower() for text in WORDS.values())
    page = COMMAND.run.__globals__["__doc__"]
    assert all(f"    {word}" in page for word in WORDS)


# --- capabilities -----------------------------------------------------------------------------------


def lines_of(lab: Lab, words: str) -> list[str]:
    return [line.strip() for line in run(lab, "me", f"ifconfig {words}").lines]


def test_capabilities_are_switched_and_shown_where_they_are_not_as_usual(lab: Lab) -> None:
    assert not any("enabled" in line for line in lines_of(lab, "shmif0"))
    assert run(lab, "me", "ifconfig shmif0 tso4 -lro").status == 0
    assert lines_of(lab, "shmif0")[1:3] == ["capabilities=100080<TSO4,LRO>", "enabled=80<TSO4>"]
    run(lab, "me", "ifconfig shmif0 -tso4")
    assert lines_of(lab, "shmif0")[1:3] == ["capabilities=100080<TSO4,LRO>", "enabled=0"]
    run(lab, "me", "ifconfig shmif0 lro")
    assert not any("enabled" in line for line in lines_of(lab, "shmif0"))


def test_one_knob_does_it_on_all_interfaces(lab: Lab) -> None:
    assert run(lab, "me", "ifconfig shmif0 tso4").status == 0
    assert run(lab, "me", "sysctl -w net.link.gso=0").status == 0
    assert lines_of(lab, "shmif0")[2] == "enabled=0"
    run(lab, "me", "sysctl -w net.link.gso=1")
    assert not any("enabled" in line for line in lines_of(lab, "shmif0"))


def test_a_long_list_of_capabilities_is_broken_as_snprintb_breaks_it() -> None:
    every = tuple(IFCAP_NAMES.values())
    row = Interface("virt0", 2, (), 0, 1500, None, None, (), capabilities=every, enabled=every[:6])
    assert COMMAND.show(row).splitlines()[1:] == [
        "\tcapabilities=103f80<TSO4,IP4CSUM_Rx,IP4CSUM_Tx,TCP4CSUM_Rx>",
        "\tcapabilities=103f80<TCP4CSUM_Tx,UDP4CSUM_Rx,UDP4CSUM_Tx,LRO>",
        "\tenabled=1f80<TSO4,IP4CSUM_Rx,IP4CSUM_Tx,TCP4CSUM_Rx>",
        "\tenabled=1f80<TCP4CSUM_Tx,UDP4CSUM_Rx>",
    ]
