"""route: what it makes of its words, what the monitor hears, and what it says to words that make no sense."""

from __future__ import annotations

import pytest

from commands._route_words import WORDS, network
from commands._routes import netname
from commands.route import COMMAND
from netsh.saved import route_words
from stack.addr import Ip4, Prefix
from stack.kern.proc import SIGINT
from stack.lab import Lab
from stack.net.route import RTF_BLACKHOLE, RTF_CONNECTED, RTF_GATEWAY, RTF_HOST, RTF_REJECT, RTF_STATIC, Rtentry
from tests.commands.labs import neighbors
from tests.commands.runner import finish, run, start


@pytest.fixture
def lab() -> Lab:
    """A host `me` with 10.0.0.2/24, its neighbour `gw` with 10.0.0.1/24."""
    return neighbors()


def route(lab: Lab, prefix: str) -> Rtentry:
    found = lab["me"].routes.exact(Prefix.parse(prefix))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("words", "prefix", "said"),
    [
        ("default gw", "default", "net default: gateway gw"),
        ("10.9/16 10.0.0.1", "10.9/16", "net 10.9: gateway 10.0.0.1"),
        ("10.9.1.1/16 gw", "10.9/16", "net 10.9.1.1: gateway gw"),
        ("-net 10.9.0.0/16 gw", "10.9/16", "net 10.9.0.0: gateway gw"),
        ("-net 10.9.0.0 -netmask 255.255.0.0 gw", "10.9/16", "net 10.9.0.0: gateway gw"),
        ("-net 10.9.0.0 -netmask 0xffff0000 gw", "10.9/16", "net 10.9.0.0: gateway gw"),
        ("-net 10.9.0.0 gw 255.255.0.0", "10.9/16", "net 10.9.0.0: gateway gw"),
        ("-net 10.9.0.0 -prefixlen 16 gw", "10.9/16", "net 10.9.0.0: gateway gw"),
        ("-net -dst 10.9.0.0 -prefixlen 16 -gateway gw", "10.9/16", "net 10.9.0.0: gateway gw"),
        ("-inet -net 10.9 gw", "10.9/16", "net 10.9: gateway gw"),
        ("-net 172.16 gw", "172.16/16", "net 172.16: gateway gw"),
        ("-net 11 gw", "11/8", "net 11: gateway gw"),
        ("11.0.0.0 gw", "11/8", "net 11.0.0.0: gateway gw"),
        ("192.0.2.0 gw", "192.0.2/24", "net 192.0.2.0: gateway gw"),
        ("10.9.0.7 gw", "10.9.0.7/32", "host 10.9.0.7: gateway gw"),
        ("10.9.0.7/32 gw", "10.9.0.7/32", "host 10.9.0.7: gateway gw"),
        ("-host 11.0.0.0 gw", "11.0.0.0/32", "host 11.0.0.0: gateway gw"),
    ],
)
def test_destinations(lab: Lab, words: str, prefix: str, said: str) -> None:
    answer = run(lab, "me", f"route add {words}")
    assert (answer.lines, answer.errors, answer.status) == ([f"add {said}"], [], 0)
    rt = route(lab, prefix)
    assert rt.gateway == Ip4.parse("10.0.0.1")
    assert bool(rt.flags & RTF_HOST) == said.startswith("host")
    destination = words.replace(" gw", "").replace(" -gateway", "").replace(" 10.0.0.1", "")
    deleted = run(lab, "me", f"route delete {destination}" if "255.255.0.0" not in words else "route delete 10.9/16")
    assert deleted.status == 0
    assert lab["me"].routes.exact(Prefix.parse(prefix)) is None


@pytest.mark.parametrize(
    ("words", "on"),
    [
        ("10.9/16 127.0.0.1 -reject", RTF_REJECT | RTF_GATEWAY | RTF_STATIC),
        ("10.9/16 127.0.0.1 -blackhole", RTF_BLACKHOLE | RTF_GATEWAY | RTF_STATIC),
        ("10.9/16 127.0.0.1 -reject -noreject -blackhole", RTF_BLACKHOLE | RTF_GATEWAY | RTF_STATIC),
        ("10.9/16 gw -nostatic", RTF_GATEWAY),
        ("10.9/16 10.0.0.2 -iface", RTF_STATIC),
        ("10.9/16 -interface shmif0 -cloning", RTF_STATIC | RTF_CONNECTED),
        ("10.9/16 -link link#2", RTF_STATIC),
        ("10.9/16 -iface 2 -mtu 1300", RTF_STATIC),
    ],
)
def test_flags_and_interfaces(lab: Lab, words: str, on: int) -> None:
    assert run(lab, "me", f"route add {words}").status == 0
    rt = route(lab, "10.9/16")
    every = RTF_REJECT | RTF_BLACKHOLE | RTF_GATEWAY | RTF_STATIC | RTF_CONNECTED
    assert rt.flags & every == on
    assert rt.ifa is not None
    # what `save` writes makes the same route again
    run(lab, "me", "route -q delete 10.9/16")
    assert run(lab, "me", f"route add {route_words(rt)}").status == 0
    same = route(lab, "10.9/16")
    assert (same.ifp, same.ifa, same.nexthop, same.mtu) == (rt.ifp, rt.ifa, rt.nexthop, rt.mtu)


def test_our_own_address_on_another_interface_may_be_chosen(lab: Lab) -> None:
    run(lab, "me", "ifconfig lo0 192.0.2.7/32 alias")
    assert run(lab, "me", "route add 10.9/16 gw -ifa 192.0.2.7").status == 0
    rt = route(lab, "10.9/16")
    assert rt.ifa is not None and rt.ifa.address == Ip4.parse("192.0.2.7")
    assert rt.ifp.name == "shmif0"
    # a gateway on no net of ours, but behind an interface that is named
    assert run(lab, "me", "route add 10.8/16 198.51.100.1 -ifp shmif0").status == 0
    assert route(lab, "10.8/16").ifp.name == "shmif0"


def test_a_change_keeps_what_it_does_not_name(lab: Lab) -> None:
    run(lab, "me", "route add 10.9/16 gw -mtu 1400")
    rt = route(lab, "10.9/16")
    rt.use = 7
    run(lab, "me", "route change 10.9/16 10.0.0.77")
    assert route(lab, "10.9/16") is rt
    assert (rt.gateway, rt.mtu, rt.use) == (Ip4.parse("10.0.0.77"), 1400, 7)
    run(lab, "me", "route change 10.9/16 -mtu 0 -reject")
    assert (rt.gateway, rt.mtu, rt.flags & RTF_REJECT) == (Ip4.parse("10.0.0.77"), 0, RTF_REJECT)
    run(lab, "me", "route change 10.9/16 -noreject")
    assert not rt.flags & RTF_REJECT
    run(lab, "me", "route change 10.9/16 10.0.0.2 -iface")
    assert rt.gateway is None and not rt.flags & RTF_GATEWAY
    lines = run(lab, "me", "netstat -rn").lines
    assert "10.9/16            link#2             US          -        7      -  shmif0" in lines


BAD = [
    ("", "a command is missing"),
    ("ad", "botched keyword: ad (commands are"),
    ("-x show", "unknown option -- x"),
    ("add", "missing destination specification"),
    ("add 10.9/16", "missing gateway specification"),
    ("add 10.9/16 gw 255.255.0.0 9", "9: one word too many"),
    ("add 10.9 gw", "10.9: bad value"),
    ("add 10.9.0.0.0/16 gw", "10.9.0.0.0: bad value"),
    ("add 10.9/33 gw", "33: a prefix length"),
    ("add 10.256/16 gw", "bad value"),
    ("add 10.9/16 10.0.0.256", "10.0.0.256: bad value"),
    ("add gw/24 10.0.0.1", "gw/24: the name of a host"),
    ("add -net gw 10.0.0.1", "gw: the name of a host"),
    ("add -host 10.9/16 gw", "-host and -net conflict"),
    ("add -host -net 10.9.0.0 gw", "-host and -net conflict"),
    ("add -net 10.9.0.0 -netmask 255.0.255.0 gw", "holes"),
    ("add -net 10.9.0.0 gw -netmask", "-netmask: a value is missing"),
    ("add 10.9/16 gw -color blue", "botched keyword: color"),
    ("add 10.9/16 gw -mtu 67", "67: every link carries 68 bytes"),
    ("add 10.9/16 gw -mtu x", "x: not a number"),
    ("add 10.9/16 gw -ifa 1.2.3", "1.2.3: bad value"),
    ("add -inet6 default fd00::1", "there is no IPv6 yet"),
    ("add 10.0.0.9 02:00:00:00:00 -link", "02:00:00:00:00: bad value"),
    ("show -inet6", "there is no IPv6 yet"),
    ("show -fast", "botched keyword: fast"),
    ("monitor -d", "botched keyword: -d"),
    ("monitor -c", "-c: one number of messages"),
    ("monitor -c 0", "0: a number of messages is between 1"),
]


@pytest.mark.parametrize(("words", "text"), BAD, ids=[words or "nothing" for words, _ in BAD])
def test_bad_words_get_one_line(lab: Lab, words: str, text: str) -> None:
    before = run(lab, "me", "netstat -rn").text
    answer = run(lab, "me", f"route {words}")
    assert answer.status == 2 and answer.lines == []
    assert len(answer.errors) == 1 and answer.errors[0].startswith("route: ")
    assert text in answer.errors[0]
    assert run(lab, "me", "netstat -rn").text == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("add 10.9/16 nobody", "nobody: Host name lookup failure"),
        ("add nobody gw", "nobody: Host name lookup failure"),
        ("add 10.9/16 shmif7 -iface", "shmif7: Host name lookup failure"),
        ("add 10.9/16 7 -iface", "7: no such interface"),
        ("add 10.9/16 gw -ifp shmif7", "shmif7: no such interface"),
        ("get 198.51.100.1", "writing to routing socket: not in table"),
    ],
)
def test_what_is_not_there(lab: Lab, words: str, why: str) -> None:
    answer = run(lab, "me", f"route {words}")
    assert answer.status == 1 and len(answer.errors) == 1
    assert why in answer.errors[0]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("add 10.9/16 198.51.100.1", "Network is unreachable"),
        ("add 10.9/16 gw -ifa 10.0.0.1", "Can't assign requested address"),
        ("add 10.0.0.0/24 gw", "File exists"),
        ("delete 10.7/16", "not in table"),
        ("change 10.7/16 gw", "not in table"),
        ("delete 10.0.0.2", "Operation not permitted"),
        ("change 127.0.0.1 gw", "Operation not permitted"),
        ("add 10.9.9.9 02:00:00:00:00:01 -link", "Network is unreachable"),
        ("delete 10.0.0.9 02:00:00:00:00:01 -link", "not in table"),
    ],
)
def test_what_the_kernel_refuses(lab: Lab, words: str, why: str) -> None:
    answer = run(lab, "me", f"route {words}")
    assert answer.status == 1
    assert answer.errors == [f"route: writing to routing socket: {why}"]
    assert len(answer.lines) == 1 and answer.lines[0].endswith(f": {why}")


def test_a_link_route_is_a_neighbour(lab: Lab) -> None:
    assert run(lab, "me", "route add 10.0.0.9 02:00:00:00:00:09 -link -proxy").status == 0
    assert run(lab, "me", "arp -n 10.0.0.9").lines == [
        "? (10.0.0.9) at 02:00:00:00:00:09 on shmif0 permanent published"
    ]
    assert run(lab, "me", "route change 10.0.0.9 02:00:00:00:00:0a -link").status == 0
    assert run(lab, "me", "arp -n 10.0.0.9").lines == ["? (10.0.0.9) at 02:00:00:00:00:0a on shmif0 permanent"]
    assert run(lab, "me", "route delete 10.0.0.9").status == 0
    assert run(lab, "me", "arp -n 10.0.0.9").status == 1


def test_the_monitor_hears_what_happens(lab: Lab) -> None:
    job = start(lab, "me", "route -n monitor -c 3")
    lab.run(lab.callouts.now)
    for words in ("route -q add default gw", "route -q change default 10.0.0.9", "ifconfig shmif0 down"):
        run(lab, "me", words)
    answer = finish(lab, job)
    assert answer.status == 0
    assert answer.lines[:5] == [
        "got message of size 168 on Thu Jan  1 00:00:00 1970",
        "RTM_ADD: Add Route: len 168, pid 6, seq 0, errno 0, flags: 0x843<UP,GATEWAY,DONE,STATIC>",
        "locks: 0 inits: 0",
        "sockaddrs: 0x7<DST,GATEWAY,NETMASK>",
        " default 10.0.0.1 default",
    ]
    assert [row.type for row in answer.rows] == ["RTM_ADD", "RTM_CHANGE", "RTM_IFINFO"]
    assert answer.lines[-1].endswith(
        "if# 2, carrier: no carrier, flags: 0x8802<BROADCAST,SIMPLEX,MULTICAST>"
    )
    assert lab["me"].routes.listeners == ()


def test_the_monitor_hears_of_interfaces_that_come_and_go(lab: Lab) -> None:
    job = start(lab, "me", "route monitor")
    lab.run(lab.callouts.now)
    run(lab, "me", "ifconfig vlan7 create")
    run(lab, "me", "ifconfig vlan7 destroy")
    lab.run(lab.callouts.now)
    answer = job.answer
    assert answer.lines == [
        "got message of size 24 on Thu Jan  1 00:00:00 1970",
        "RTM_IFANNOUNCE: iface arrival/departure: len 24, if# 3, what: arrival",
        "got message of size 24 on Thu Jan  1 00:00:00 1970",
        "RTM_IFANNOUNCE: iface arrival/departure: len 24, if# 3, what: departure",
    ]
    assert [(row.interface, row.link) for row in answer.rows] == [("vlan7", "arrival"), ("vlan7", "departure")]


def test_the_monitor_hears_of_addresses(lab: Lab) -> None:
    job = start(lab, "me", "route monitor")
    lab.run(lab.callouts.now)
    run(lab, "me", "ifconfig shmif0 10.3.0.1/16 alias")
    run(lab, "me", "ifconfig shmif0 10.3.0.1 delete")
    lab.run(lab.callouts.now)
    types = [row.type for row in job.answer.rows]
    assert types.count("RTM_NEWADDR") == types.count("RTM_DELADDR") == 1
    assert " 255.255.0.0 shmif0 10.3.0.1 10.3.255.255" in job.answer.lines


def test_an_interrupt_ends_the_monitor(lab: Lab) -> None:
    job = start(lab, "me", "route monitor")
    lab.run(lab.callouts.now)
    assert lab["me"].routes.listeners != ()
    job.proc.signal(SIGINT)
    assert finish(lab, job).status == 128 + SIGINT
    assert lab["me"].routes.listeners == ()


@pytest.mark.parametrize(
    ("prefix", "text"),
    [
        ("default", "default"),
        ("10.0.0.0/8", "10/8"),
        ("10.0.0.0/9", "10.0/9"),
        ("172.16.0.0/12", "172.16/12"),
        ("10.0.1.0/24", "10.0.1/24"),
        ("10.0.1.0/25", "10.0.1.0/25"),
        ("0.0.0.0/1", "0/1"),
    ],
)
def test_nets_are_written_short(prefix: str, text: str) -> None:
    assert netname(Prefix.parse(prefix)) == text
    assert Prefix.parse(text) == Prefix.parse(prefix)


@pytest.mark.parametrize(
    ("word", "expected"), [("10", "10/8"), ("172", "172/16"), ("192.0", "192/24"), ("10.1.2", "10.1.2/24")]
)
def test_short_nets_have_the_length_of_their_class(word: str, expected: str) -> None:
    assert network(word, None, short=True) == Prefix.parse(expected)


def test_every_keyword_has_its_help() -> None:
    page = COMMAND.run.__globals__["__doc__"]
    assert all(f"    {word}" in page for word in WORDS)
