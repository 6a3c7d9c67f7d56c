"""netstat: statistics in NetBSD's words, sockets, interfaces, intervals."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from commands._netstat_stats import BLOCKS, Count, Statistics, protocol_of, show_statistics, statistics
from stack.addr import Ip4
from stack.header.icmp import ICMP_NAMES
from stack.kern.proc import Proc
from stack.kern.socket import SOCK_DGRAM, SOCK_STREAM, Socket
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab
from stack.net.wire import Personality
from tests.commands.labs import neighbors
from tests.commands.runner import finish, run, start

GOLDEN = Path(__file__).parent.parent / "sessions" / "statistics.netbsd"


@pytest.fixture
def lab() -> Lab:
    """A host `me` with 10.0.0.2/24, its neighbour `gw` with 10.0.0.1/24."""
    return neighbors()


# --- statistics, as NetBSD printed them --------------------------------------------------------------


def golden_blocks() -> Iterator[str]:
    yield from re.findall(r"^\w+:\n(?:\t.*\n)+", GOLDEN.read_text(), re.MULTILINE)


def from_text(block: str) -> Statistics:
    """The counters that make a block: its numbers under the names that stand in our lines."""
    protocol, _, text = block.partition(":\n")
    counters: dict[str, int] = {}
    lines = iter(BLOCKS[protocol].splitlines())
    template = ""
    for line in text.splitlines():
        histogram = re.fullmatch(r"\t\t(\w+): (\d+)", line)
        if line.endswith("histogram:"):
            template = next(lines)
        elif histogram is not None:
            assert histogram[1] in ICMP_NAMES
            counters[f"{template[1:].partition(' ')[0]}_{histogram[1]}"] = int(histogram[2])
        else:
            template = next(lines)
            while template.startswith("@"):
                template = next(lines)
            names = [name for name, spec in re.findall(r"\{(\w+)(:?)\w*\}", template) if not spec]
            numbers = map(int, re.findall(r"(?<![(\w])\d+(?= )|(?<=\()\d+|(?<=for )\d+|(?<=of )\d+", line))
            counters |= dict(zip(names, numbers, strict=False))
    return Statistics(protocol, counters, {}, {})


@pytest.mark.parametrize("block", list(golden_blocks()), ids=lambda block: block.partition(":")[0])
def test_statistics_read_as_netbsd_prints_them(block: str) -> None:
    assert show_statistics(from_text(block)) + "\n" == block


def test_nouns_have_their_endings() -> None:
    text = "{n} entr{n:ies}, {n} miss{n:es}, {n} packet{n:s}"
    assert text.format(n=Count(1)) == "1 entry, 1 miss, 1 packet"
    assert text.format(n=Count(0)) == "0 entries, 0 misses, 0 packets"
    assert text.format(n=Count(2)) == "2 entries, 2 misses, 2 packets"


def test_what_only_we_count_stands_at_the_end_and_drops_are_called_so(lab: Lab) -> None:
    stat = lab["me"].ip.stat
    stat |= defaultdict(int, {"notforward": 1, "linkbcast": 2, "fragdup": 3, "badsource": 4, "ttl": 5, "notmember": 6})
    lines = run(lab, "me", "netstat -p ip").lines
    assert "\t3 packets not forwardable" in lines
    assert "\t3 fragments dropped (dup or out of space)" in lines
    assert "\t4 datagrams with bad address in header" in lines
    assert lines[-3:] == ["\tDropped:", "\t\tnotmember: 6", "\t\tttl: 5"]
    lab["me"].ip.stat["oddity"] = 7
    assert run(lab, "me", "netstat -p ip").lines[-2:] == ["\tOther counters:", "\t\toddity: 7"]


def test_twice_s_leaves_the_zeroes_out(lab: Lab) -> None:
    run(lab, "me", "ping -q -n -c 3 gw")
    lines = run(lab, "gw", "netstat -ss").lines
    assert "\t\techo: 3" in lines and "\t3 message responses generated" in lines
    assert not any(re.match(r"\t+0 ", line) for line in lines)


def test_every_counter_that_a_busy_host_has_is_shown(lab: Lab) -> None:
    talk(lab)
    run(lab, "me", "ping -q -n -c 1 -s 9000 gw")
    run(lab, "me", "ping -q -n -c 1 10.0.0.99")
    for host in lab.hosts.values():
        for name in BLOCKS:
            found = statistics(host, name)
            protocol = protocol_of(host, name)
            for key, count in protocol.stat.items() if protocol is not None else ():
                hidden = (name, key) == ("rawip", "delivered")
                shown = found.counters.get(key, 0) or found.others.get(key, 0) or found.drops.get(key, 0)
                assert hidden or not count or shown, f"{name}: {key}"


# lines of NetBSD's for what our TCP has not (yet): they say 0
NOT_KEPT = {"badsig", "goodsig", "connsdrained", "delayed_free", "sc_delayed_free"}


def test_every_line_of_tcp_has_its_counter_in_the_stack() -> None:
    """A counter that is renamed there leaves a line here that says 0 for ever."""
    text = "".join(path.read_text() for path in (Path(__file__).parents[2] / "stack" / "netinet").glob("tcp_*.py"))
    counted = set(re.findall(r'"(\w+)"', text))
    for key in re.findall(r"\{(\w+)", BLOCKS["tcp"]):
        assert key in NOT_KEPT or key in counted, key


def test_a_transfer_over_a_bad_wire_in_figures(lab: Lab) -> None:
    lab.buses["lan"].set(Personality(delay=0.01, loss=0.03, reorder=0.01))
    job = start(lab, "gw", "ttcp -r -s")
    assert run(lab, "me", "ttcp -t -s -n 200 gw").status == 0
    finish(lab, job)
    ours, theirs = statistics(lab["me"], "tcp"), statistics(lab["gw"], "tcp")
    assert ours.counters["connattempt"] == theirs.counters["accepts"] == 1
    assert ours.counters["sndbyte"] == theirs.counters["rcvbyte"] == 200 * 8192
    assert ours.counters["sndrexmitpack"] >= ours.others["sack_rexmits"] > 0
    assert ours.others["fastrexmt"] > 0 and ours.counters["rcvdupack"] > 0 and theirs.counters["rcvoopack"] > 0
    assert theirs.counters["pcbhashmiss"] == 2  # the SYN and the ack of the SYN-ACK, which the SYN cache had
    shown = run(lab, "me", "netstat -s -p tcp").text
    assert re.search(r"\n\tOther counters:\n(\t\t\w+: \d+\n)*\t\tfastrexmt: \d+\n", shown)


# --- sockets -----------------------------------------------------------------------------------------


def spawn(lab: Lab, host: str, make: Coroutine[Any, Any, int]) -> Proc:
    return lab.spawn(lab[host], ["test"], lambda _proc: make)


def talk(lab: Lab) -> tuple[Socket, Socket]:
    """A connection from `me` to port 80 of `gw`, with bytes that nobody has read yet."""
    server = lab["gw"].socket(SOCK_STREAM)
    server.bind((Ip4(0), 80))
    server.listen()
    client = lab["me"].socket(SOCK_STREAM)
    client.bind((Ip4(0), 50000))

    async def serve() -> int:
        so, _ = await accept(server)
        children.append(so)
        await recv(so, 2)
        return 0

    async def call() -> int:
        await connect(client, (Ip4.parse("10.0.0.1"), 80))
        await sendall(client, b"hello")
        return 0

    children: list[Socket] = []
    spawn(lab, "gw", serve())
    spawn(lab, "me", call())
    lab.run(lab.callouts.now + 1)
    return client, children[0]


def test_sockets_in_numbers(lab: Lab) -> None:
    talk(lab)
    so = lab["gw"].socket(SOCK_DGRAM)
    so.bind((Ip4(0), 53))
    assert run(lab, "gw", "netstat -an").text == (
        "Active Internet connections (including servers)\n"
        "Proto Recv-Q Send-Q  Local Address          Foreign Address        State\n"
        "tcp        3      0  10.0.0.1.80            10.0.0.2.50000         ESTABLISHED\n"
        "tcp        0      0  *.80                   *.*                    LISTEN\n"
        "udp        0      0  *.53                   *.*                   \n"
    )


def test_sockets_by_name_and_without_servers(lab: Lab) -> None:
    talk(lab)
    assert run(lab, "gw", "netstat").lines == [
        "Active Internet connections",
        "Proto Recv-Q Send-Q  Local Address          Foreign Address        State",
        "tcp        3      0  gw.http                me.50000               ESTABLISHED",
    ]
    assert run(lab, "me", "netstat -f inet").lines[2:] == [
        "tcp        0      0  me.50000               gw.http                ESTABLISHED",
    ]


def test_states_follow_the_connection(lab: Lab) -> None:
    client, child = talk(lab)
    client.close()
    lab.run(lab.callouts.now + 0.5)
    assert [row.state for row in run(lab, "me", "netstat -n").rows[2:]] == ["FIN_WAIT_2"]
    assert [row.state for row in run(lab, "gw", "netstat -n").rows[2:]] == ["CLOSE_WAIT"]
    child.recv(10)
    child.close()
    lab.run(lab.callouts.now + 0.5)
    assert [row.state for row in run(lab, "me", "netstat -n").rows[2:]] == ["TIME_WAIT"]
    assert run(lab, "gw", "netstat -n").rows[2:] == []


# --- interfaces --------------------------------------------------------------------------------------


def test_interfaces(lab: Lab) -> None:
    run(lab, "me", "ping -q -n -c 2 gw")
    run(lab, "me", "ifconfig shmif1 create")
    own = lab["me"].interfaces["shmif0"].lladdr
    assert run(lab, "me", "netstat -i").lines[:5] == [
        "Name  Mtu   Network       Address              Ipkts Ierrs    Opkts Oerrs Colls",
        "lo0   33624<Link>                                 0     0        0     0     0",
        "lo0   33624127/8         localhost                0     0        0     0     0",
        f"shmif0 1500 <Link>        {own}        4     0        4     0     0",
        "shmif0 1500 10.0.0/24     me                       4     0        4     0     0",
    ]
    assert run(lab, "me", "netstat -in").lines[5].startswith("shmif1* 1500 <Link>        b2:a0:")
    assert run(lab, "me", "netstat -ibd -I shmif0").lines == [
        "Name  Mtu   Network       Address               Ibytes     Obytes Drops",
        f"shmif0 1500 <Link>        {own}        280        280     0",
        "shmif0 1500 10.0.0/24     me                       280        280     0",
    ]


def test_interfaces_with_their_groups(lab: Lab) -> None:
    lines = run(lab, "me", "netstat -ian -I shmif0").lines
    assert lines[-1] == "                          224.0.0.1         "


def test_an_interface_again_and_again(lab: Lab) -> None:
    lab.callouts.schedule(1.5, lambda: lab["gw"].arp.announce(lab["gw"].interfaces["shmif0"], Ip4.parse("10.0.0.1")))
    answer = run(lab, "me", "netstat -w 1 -I shmif0", interrupt=3.5)
    assert answer.status == 130
    assert answer.lines == [
        "   input  (shmif0)    output            input   (Total)    output",
        " packets  errs  packets  errs colls   packets  errs  packets  errs colls",
        "       1     0        1     0     0         1     0        1     0     0",
        "       0     0        0     0     0         0     0        0     0     0",
        "       1     0        0     0     0         1     0        0     0     0",
        "       0     0        0     0     0         0     0        0     0     0",
    ]
    assert [row.time for row in answer.rows[2:]] == [0.0, 1.0, 2.0, 3.0]


def test_the_banner_comes_again(lab: Lab) -> None:
    lines = run(lab, "me", "netstat -b 1", interrupt=25).lines
    assert len(lines) == 25 + 4
    assert [number for number, line in enumerate(lines) if "input" in line] == [0, 23]


def test_an_interval_ends_with_its_interface(lab: Lab) -> None:
    run(lab, "me", "ifconfig shmif1 create")
    lab.callouts.schedule(2.5, lambda: lab["me"].ifdestroy("shmif1"))
    answer = run(lab, "me", "netstat -w 1 -I shmif1")
    assert answer.status == 0 and len(answer.lines) == 2 + 3


BAD = [
    ("-X", 2, "unknown option -- X"),
    ("-p", 2, "option requires an argument -- p"),
    ("-p sctp", 2, "sctp: unknown or uninstrumented protocol"),
    ("-f", 2, "option requires an argument -- f"),
    ("-f inet6", 2, "there is no IPv6 yet"),
    ("-f ipx", 2, "ipx: unknown address family"),
    ("-w 0", 2, "seconds are at least"),
    ("-w soon", 2, "soon: not a number of seconds"),
    ("soon", 2, "soon: not a number of seconds"),
    ("-w 1 2", 2, "2: one word too many"),
    ("-I shmif7", 1, "shmif7: unknown interface"),
    ("-w 1 -I shmif7", 1, "shmif7: unknown interface"),
]


@pytest.mark.parametrize(("words", "status", "text"), BAD, ids=[words for words, _, _ in BAD])
def test_bad_words_get_one_line(lab: Lab, words: str, status: int, text: str) -> None:
    answer = run(lab, "me", f"netstat {words}")
    assert (answer.status, answer.lines) == (status, [])
    assert len(answer.errors) == 1 and answer.errors[0].startswith("netstat: ")
    assert text in answer.errors[0]
