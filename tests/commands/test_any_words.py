"""Whatever words a command is given, it answers: with a status, in whole lines, never with a traceback."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netsh.render.json_rows import json_of
from stack.lab import Lab
from tests.commands.runner import run

COMMANDS = [
    "ifconfig", "brconfig", "route", "arp", "netstat", "sysctl", "hostname", "ps", "kill", "tcpstat",
    "tcpdrop", "rtquery",
]  # fmt: skip

WORDS = (
    "-a -n -s -d -f -i -I -L -l -p -q -r -v -w -z -C -N -m -b -u -W -c -- - -an -rn -ss -dv -W0 -w1 -Ishmif0 "
    "me gw nobody lo0 shmif0 shmif1 shmif7 1 2 3 99 0 -1 65536 1e9 nan 0x10 1.5 link#2 default inet inet6 "
    "10.0.0.1 10.0.0.2 10.0.0.9 10.0.0.0/24 10.9/16 10.9 10 0.0.0.0 0.0.0.0/0 255.255.255.255 224.0.0.1 127.0.0.1 "
    "10.0.0.300 10.0.0.9/32 10.0.0.9/0 10.0.0.9/31 02:00:00:00:00:09 ff:ff:ff:ff:ff:ff 0:0:0:0:0:0 "
    "up down create destroy mtu 1500 68 linkstr lan wan a/b -linkstr link active arp -arp debug link0 metric media "
    "autoselect netmask 255.255.255.0 0xffffff00 255.0.255.0 prefixlen broadcast alias -alias delete "
    "add change get show flush flushall monitor -net -host -inet -netmask -prefixlen -dst -gateway -iface -ifp -ifa "
    "-link -proxy -reject -noreject -blackhole -cloning -nostatic -mtu temp pub proxy auto "
    "tcp udp ip icmp igmp ether in net kern net.inet.ip net.inet.ip.ttl net.inet.ip.ttl=9 kern.hostname=x x=y . "
    "bridge0 bridge1 vlan0 vlan -vlanif vlanif add delete stp -stp static learn -learn discover protect maxaddr "
    "timeout flush flushall deladdr addr priority hellotime fwddelay maxage ifpriority ifpathcost ipf 4 255 4095 "
    "TERM INT KILL -TERM -9 %1 \u00e9 \u0664"
)


def lab() -> Lab:
    """A host `me` with 10.0.0.2/24, its neighbour `gw` with 10.0.0.1/24."""
    made = Lab()
    for name, address in (("me", "10.0.0.2"), ("gw", "10.0.0.1")):
        run(made, name, "sysctl -q -w net.inet.ip.dad_count=0")
        run(made, name, f"ifconfig shmif0 create linkstr lan {address}/24")
        run(made, name, "ifconfig bridge0 create")
    return made


ANYTHING = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=6)
words = st.lists(st.sampled_from(WORDS.split()) | ANYTHING, max_size=6)


@pytest.mark.parametrize("name", COMMANDS)
@given(lines=st.lists(words, min_size=1, max_size=4))
@example(lines=[["shmif0", "destroy"], ["shmif0"], ["-a"]])
@example(lines=[["bridge0", "create"], ["vlan0", "create"], ["vlan0", "vlan", "4", "vlanif", "shmif0"]])
@example(lines=[["add", "default", "-iface", "lo0"], ["get", "10.9.9.9"], ["show"]])
@settings(max_examples=60)
def test_a_command_answers(name: str, lines: list[list[str]]) -> None:
    made = lab()
    for line in lines:
        answer = run(made, "me", [name, *line], interrupt=30.0)
        assert answer.status in (0, 1, 2, 130)
        assert answer.status != 2 or (len(answer.errors) == 1 and not answer.out)
        assert all(error.startswith(f"{name}: ") for error in answer.errors)
        for row in answer.rows:
            assert "\n" not in json_of(row)
    for check in ("ifconfig -a", "brconfig -a", "netstat -rn", "arp -an", "route -n get 10.9.9.9"):
        assert run(made, "me", check).status in (0, 1)
