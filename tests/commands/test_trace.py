"""trace and explain: golden texts of whole journeys, and what is said of what cannot be."""

from __future__ import annotations

import cProfile
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands._trace import recorder_of
from netsh.render.json_rows import json_of
from stack.kern.proc import SIGINT, Proc, pause
from stack.kern.socket import SOCK_STREAM
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab
from stack.net.ethernet import Ethernet
from stack.net.wire import Personality
from tests.commands import labs
from tests.commands.runner import Answer, finish, replay, run, start

TRACES = Path(__file__).parent.parent / "traces"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    sys.setprofile(None)  # a test that failed may have left it


def talk(lab: Lab, client: str, server: str, data: bytes, before: Callable[[], None] = lambda: None) -> Proc:
    """One connection: the client sends, and the server answers with how much it got; both close.

    `before` is done when the connection is there, a second before the data.
    """

    async def serve(proc: Proc) -> int:
        listener = lab[server].socket(SOCK_STREAM)
        proc.closers.append(listener.close)
        listener.bind((0, 80))
        listener.listen()
        so, _ = await accept(listener)
        got = 0
        while got < len(data):
            got += len(await recv(so, 65536))
        await sendall(so, str(got).encode())
        so.close()
        return 0

    async def ask(proc: Proc) -> int:
        so = lab[client].socket(SOCK_STREAM)
        await connect(so, (lab.resolve(server, lab[client]), 80))
        await pause(1)
        before()
        await sendall(so, data)
        while await recv(so, 65536):
            pass
        so.close()
        await pause(40)
        return 0

    lab.spawn(lab[server], ["serve"], serve)
    return lab.spawn(lab[client], ["ask"], ask)


def unsettled(lab: Lab) -> None:
    """r2 forgets its neighbour, and the wire behind r4 has room for two frames, for half a second; all is traced."""
    link = lab["r2"].interfaces["shmif1"]
    assert isinstance(link, Ethernet) and link.arptab is not None
    link.arptab.flush()
    wire = lab.buses["r4-r5"]
    wire.set(Personality(rate=1e6, queue=1, delay=0.001))
    lab.callouts.schedule(0.5, lambda: wire.set(Personality(delay=0.001)))
    recorder_of(lab).start()


def five_routers() -> Lab:
    """a, r1 to r5 and b in a row; the wire in the middle is too narrow for what a sends, which may be cut."""
    lab = labs.chain("a", "r1", "r2", "r3", "r4", "r5", "b", delay=0.001)
    lab["r3"].interfaces["shmif1"].set_mtu(400)
    lab["r4"].interfaces["shmif0"].set_mtu(400)
    lab["a"].ip.mtudisc = 0
    return lab


def unlucky() -> Lab:
    """Where a packet was cut, had to wait, lost a fragment, and was sent again; the trace is off again."""
    lab = five_routers()
    lab.run_proc(talk(lab, "a", "b", bytes(1000), lambda: unsettled(lab)))
    recorder_of(lab).stop()
    return lab


def connection() -> Answer:
    """What a live trace shows of a whole connection."""
    lab = labs.chain("a", "b", delay=0.001)
    lab["a"].tcp.msl = lab["b"].tcp.msl = 5
    job = start(lab, "a", "trace -f tcp")
    lab.run(0.0)
    lab.run_proc(talk(lab, "a", "b", b"hello"))
    job.proc.signal(SIGINT)
    return finish(lab, job)


def test_the_journey_of_a_packet_that_has_bad_luck() -> None:
    """Fragments, five routers, a wait for ARP, a lost fragment, the same bytes again, an ICMP error."""
    replay(TRACES / "journey.txt", unlucky())


def test_the_trace_of_a_connection_from_syn_to_time_wait() -> None:
    answer = connection()
    assert answer.text == (TRACES / "connection.txt").read_text()
    assert answer.status == 0 and answer.err == ""


def test_a_ping_is_explained() -> None:
    lab = labs.chain("a", "r", "b", delay=0.001)
    run(lab, "a", "trace on icmp")
    assert run(lab, "a", "ping -c 1 b").status == 0
    replay(TRACES / "explained.txt", lab)


def test_a_part_leads_to_the_whole() -> None:
    lab = unlucky()
    for part in ("4", "6"):  # fragments of 1
        assert run(lab, "a", f"trace show {part}").lines == run(lab, "a", "trace show 1").lines
    again = run(lab, "a", "trace -n show 11").lines
    assert again[0].startswith("#11 (the bytes of #1 again) IP 10.0.0.1.")


def test_rows_are_for_json() -> None:
    lab = labs.pair()
    run(lab, "a", "trace on icmp")
    run(lab, "a", "ping -c 1 b")
    rows = [json.loads(json_of(row)) for row in run(lab, "a", "trace show 1").rows]
    assert rows[0]["type"] == "traced-packet" and rows[0]["fate"] == "answered"
    output = next(row for row in rows if row.get("function") == "ip_output")
    assert output["facts"]["route"] == "10.0.0.0/24" and output["file"] == "stack/netinet/ip_output.py"
    state, *packets = run(lab, "a", "trace").rows
    assert state.on and state.filter == "icmp" and state.packets == len(recorder_of(lab).packets)
    assert packets[0].text == "IP a > b: ICMP echo request, id 2, seq 0, length 64"
    run(lab, "a", "trace off")
    assert run(lab, "a", "trace").rows[0].on is False


def test_live_steps_end_when_there_were_enough() -> None:
    lab = labs.pair()
    job = start(lab, "a", "trace -f -c 3")
    lab.run(0.0)
    run(lab, "a", "ping -c 1 b")
    assert [line.split()[3].rstrip(":") for line in finish(lab, job).lines] == ["rip_output", "ip_output", "rtalloc1"]
    assert recorder_of(lab).hook is None


def test_a_terminal_is_shown_no_more_than_a_person_can_read() -> None:
    lab = labs.pair()
    job = start(lab, "a", "trace -f", terminal=True)
    lab.run(0.0)
    run(lab, "a", "ping -i 0.001 -c 200 b")
    job.proc.signal(SIGINT)
    answer = finish(lab, job)
    steps = recorder_of(lab).count
    missed = sum(int(line.split()[1]) for line in answer.errors)
    assert missed > 1000 and len(answer.lines) + missed == steps
    assert all(line.endswith(" more steps came too quickly to be shown; 'trace' has them") for line in answer.errors)


def test_live_leaves_a_trace_on_that_was_on() -> None:
    lab = labs.pair()
    run(lab, "a", "trace on")
    job = start(lab, "a", "trace -f")
    lab.run(0.0)
    job.proc.signal(SIGINT)
    assert finish(lab, job).status == 0
    assert run(lab, "a", "trace").rows[0].on
    run(lab, "a", "trace off")


@pytest.mark.parametrize(
    ("line", "error", "status"),
    [
        ("trace up", "trace: up: trace on, off, show or path; 'trace -f' is live", 2),
        ("trace show", "trace: the serial of a packet is missing", 2),
        ("trace show 1 2", "trace: 2: one word too many", 2),
        ("trace show 1", "trace: there is no packet 1: nothing was traced yet; 'trace on' begins", 1),
        ("trace show -1", "trace: there is no packet -1: nothing was traced yet; 'trace on' begins", 1),
        ("trace path a", "trace: two hosts are wanted", 2),
        ("trace path x b", "trace: x: no such host; 'host' lists them", 1),
        ("trace path a x", "trace: x: no host of that name, and no address", 1),
        ("trace -c 3 on", "trace: -c goes with the list of packets, and with -f", 2),
        ("trace -c x", "trace: x: not a number; the count is wanted", 2),
        ("trace on host x", "trace: unknown host 'x'; a filter knows the hosts of the lab, and addresses", 1),
        ("trace -x", "trace: unknown option -- x ('help trace' lists them)", 2),
        ("explain", "explain: the lab is not stopped; 'explain N' tells of a packet of the trace", 2),
        ("explain 1.2", "explain: there is no packet 1: nothing was traced yet; 'trace on' begins", 1),
    ],
)
def test_wrong_words(line: str, error: str, status: int) -> None:
    answer = run(labs.pair(), "a", line)
    assert (answer.err, answer.status, answer.out) == (f"{error}\n", status, b"")


def test_what_is_not_in_the_trace() -> None:
    lab = labs.pair()
    run(lab, "a", "trace on")
    run(lab, "a", "ping -c 1 b")
    run(lab, "a", "trace off")
    assert (
        run(lab, "a", "explain 99").err == "explain: there is no packet 99 in the trace; 'trace' lists the last ones\n"
    )
    assert run(lab, "a", "explain 1.99").err.startswith("explain: there is no step 1.99: packet 1 has ")
    assert run(lab, "a", f"trace show {'9' * 5000}").status == 1


def test_a_profiler_and_a_trace_cannot_both_be() -> None:
    lab = labs.pair()
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        answer = run(lab, "a", "trace on")
    finally:
        profiler.disable()
    assert answer.err == "trace: Python's profiler is at work, and there can be only one of both\n"


# --- ways -------------------------------------------------------------------------------------------


def test_the_way_over_routers() -> None:
    lab = labs.chain("a", "r", "b")
    run(lab, "r", "route add 10.0/16 10.0.0.1")
    assert (
        run(lab, "a", "trace path a b").text
        == """\
a
|  10.0.1.0/24 via 10.0.0.2 on shmif0
|  bus:a-r
r (10.0.0.2 on shmif0)
|  10.0.1.0/24 on shmif1, which beats 10.0.0.0/16
|  bus:r-b
b (10.0.1.2 on shmif0): here
"""
    )


def test_ways_that_end_too_early() -> None:
    lab = labs.chain("a", "r", "b")
    assert run(lab, "a", "trace path a 9.9.9.9").lines == ["a: no route"]
    assert run(lab, "a", "trace path r 10.0.1.77").lines[0] == "r: nobody on the link of shmif1 has 10.0.1.77"
    lab["r"].ip.forwarding = 0
    assert run(lab, "a", "trace path a b").lines[-1] == (
        "r (10.0.0.2 on shmif0): no router: net.inet.ip.forwarding is 0"
    )
    lab["r"].interfaces["shmif0"].down()
    assert run(lab, "a", "trace path a b").lines[0] == "a: nobody on the link of shmif0 has 10.0.0.2"
    run(lab, "a", "route add 9.9.9.9 127.0.0.1 -reject")
    assert run(lab, "a", "trace path a 9.9.9.9").lines == ["a: the route rejects"]


def test_a_way_that_goes_round() -> None:
    lab = labs.pair()
    run(lab, "a", "route add 9/8 10.0.0.2")
    run(lab, "b", "route add 9/8 10.0.0.1")
    lines = run(lab, "a", "trace path a 9.9.9.9").lines
    assert len(lines) == 3 * 255 + 1 and lines[-1].endswith("it goes round and round")


def test_a_way_through_bridges_and_vlans() -> None:
    lab = Lab()
    for name, wire, address in (("a", "left", "10.0.0.1"), ("b", "right", "10.0.0.2")):
        labs.attach(lab, name, wire, address)
    switch = lab.add_host("sw")
    for wire in ("left", "right"):
        switch.ifcreate(f"shmif{len(switch.interfaces)}").set_linkstr(wire)
    run(lab, "sw", "ifconfig shmif1 up")
    run(lab, "sw", "ifconfig shmif2 up")
    run(lab, "sw", "ifconfig bridge0 create")
    run(lab, "sw", "brconfig bridge0 add shmif1 add shmif2 up")
    assert run(lab, "a", "trace path a b").lines == [
        "a",
        "|  10.0.0.0/24 on shmif0",
        "|  bus:left - sw - bus:right",
        "b (10.0.0.2 on shmif0): here",
    ]


TRUNK = (
    "a ifconfig shmif0 create linkstr left 10.0.0.1/24", "b ifconfig shmif0 create linkstr right 10.0.0.2/24",
    *(f"{sw} ifconfig shmif0 create linkstr {wire} up" for sw, wire in (("s1", "left"), ("s2", "right"))),
    *(f"{sw} ifconfig shmif1 create linkstr trunk up" for sw in ("s1", "s2")),
    *(f"{sw} ifconfig bridge0 create" for sw in ("s1", "s2")),
    "s1 ifconfig vlan0 create vlan 5 vlanif shmif1 up",
    *(f"{sw} brconfig bridge0 add shmif0 add vlan0 up" for sw in ("s1", "s2")),
)  # fmt: skip


@pytest.mark.parametrize(("tag", "end"), [(5, "b (10.0.0.2 on shmif0): here"), (6, "nobody on the link of shmif0")])
def test_a_way_over_a_trunk(tag: int, end: str) -> None:
    lab = Lab()
    for name in ("a", "b", "s1", "s2"):
        lab.add_host(name)
    for line in (*TRUNK[:9], f"s2 ifconfig vlan0 create vlan {tag} vlanif shmif1 up", *TRUNK[9:]):
        host, _, words = line.partition(" ")
        run(lab, host, words)
    lines = run(lab, "a", "trace path a b").lines
    assert end in lines[-1 if tag == 5 else 0]
    if tag == 5:
        assert lines[2] == "|  bus:left - s1 - bus:trunk - s2 - bus:right"


def test_a_way_by_a_router_on_a_stick() -> None:
    lab = Lab()
    for name in ("a", "r"):
        lab.add_host(name)
        run(lab, name, "ifconfig shmif0 create linkstr lan up")
        for vid in (5, 6):
            run(lab, name, f"ifconfig vlan{vid} create vlan {vid} vlanif shmif0 up")
    run(lab, "r", "ifconfig vlan5 10.0.5.1/24")
    run(lab, "r", "ifconfig vlan6 10.0.6.1/24")
    run(lab, "a", "ifconfig vlan5 10.0.5.2/24")
    assert run(lab, "a", "trace path a 10.0.5.1").lines[-1] == "r (10.0.5.1 on vlan5): here"
    run(lab, "a", "ifconfig vlan6 10.0.5.3/24")
    run(lab, "a", "ifconfig vlan5 destroy")
    assert "nobody on the link of vlan6" in run(lab, "a", "trace path a 10.0.5.1").lines[0]
