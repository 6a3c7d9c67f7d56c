"""Checks on live labs: what holds, what does not, and that asking leaves no trace."""

from __future__ import annotations

import io

import pytest

from netsh import home
from netsh.lessons import checks
from netsh.lessons.bench import Bench, Verdict
from netsh.render.printer import Printer
from netsh.saved import script_of
from netsh.session import Session
from stack.lab import Lab


def session(*lines: str) -> Session:
    """The built-in lab after some lines."""
    screen = io.StringIO()
    made = Session(Lab(), Printer("text", screen, screen))
    home.build(made)
    for line in lines:
        made.run(line)
    return made


def verdict(made: Session, text: str, *after: str) -> Verdict:
    """What a check says; lines of `after` are typed once its task has begun."""
    bench = Bench(made.lab, lambda proc: made.clock.run(proc, made.stuck))
    check = checks.parse(text)
    checks.begin([check], bench)
    for line in after:
        made.run(line)
    try:
        return check.verdict(bench)
    finally:
        bench.close()


SWITCH = (
    "host s", "ifconfig shmif0 create linkstr lan up", "ifconfig shmif1 create linkstr wan up",
    "ifconfig bridge0 create", "brconfig bridge0 add shmif0 add shmif1 stp shmif0 stp shmif1",
)  # fmt: skip
TRANSFER = ("bus wan rate 1Mbit/s", "www ttcp -r -s &", "ttcp -t -s -n 100000 www &", "sleep 1")


@pytest.mark.parametrize(
    ("text", "holds", "lines"),
    [
        ("reachable me www", True, ()),
        ("reachable me 203.0.113.80", True, ()),
        ("reachable me www", False, ("link wan down",)),
        ("reachable me 10.0.0.77", False, ()),
        ("not reachable me 10.0.0.77", True, ()),
        ("not reachable me nobody", False, ()),  # a host that is not there is no success
        ("path me www via gw", True, ()),
        ("path me gw direct", True, ()),
        ("path me www direct", False, ()),
        ("path me www via www", False, ()),
        ("route me default via gw", True, ()),
        ("route me default via 10.0.0.1", True, ()),
        ("route me www via gw on shmif0", True, ()),
        ("route me www via gw on shmif1", False, ()),
        ("route me gw via gw", False, ()),  # it is on our own link
        ("route me 10.9.0.0/16", False, ()),
        ("route me 10.9.0.0/16 via gw", True, ("route add -net 10.9.0.0/16 10.0.0.1",)),
        ("not route me default", True, ("route delete default",)),
        ("arp me gw", False, ()),
        ("arp me gw", True, ("ping -c 1 gw",)),
        ("arp me gw at gw", True, ("ping -c 1 gw",)),
        ("arp me gw at www", False, ("ping -c 1 gw",)),
        ("arp me gw at 02:00:00:00:00:01", True, ("arp -s gw 02:00:00:00:00:01",)),
        ("arp me 10.0.0.77", False, ("ping -c 1 10.0.0.77",)),  # incomplete
        ("address me 10.0.0.2", True, ()),
        ("address me 10.0.0.2/24", True, ()),
        ("address me 10.0.0.2/16", False, ()),
        ("address me 10.0.0.0/24", True, ()),
        ("address me 10.0.0.0/16", False, ()),
        ("address gw on shmif1 203.0.113.1", True, ()),
        ("address gw on shmif0 203.0.113.1", False, ()),
        ("address me on shmif7 10.0.0.2", False, ()),
        ("address me 10.0.0.9", False, ("ifconfig shmif0 10.0.0.9/24",)),  # tentative
        ("address me 10.0.0.9", True, ("ifconfig shmif0 10.0.0.9/24", "sleep 8")),
        ("address me 10.0.0.1", False, ("ifconfig shmif0 10.0.0.1/24", "sleep 8")),  # duplicated
        ("bridge me root", False, ()),
        ("bridge s member shmif1", True, SWITCH),
        ("bridge s bridge0 member shmif1", True, SWITCH),
        ("bridge s member shmif2", False, SWITCH),
        ("bridge s root", False, SWITCH),  # it is down
        ("bridge s root", True, (*SWITCH, "brconfig bridge0 up", "sleep 5")),
        ("bridge s listening shmif1", True, (*SWITCH, "brconfig bridge0 up", "sleep 5")),
        ("bridge s forwarding shmif1", True, (*SWITCH, "brconfig bridge0 up", "sleep 60")),
        ("port www 80", True, ()),
        ("port www tcp http", True, ()),
        ("port www udp 80", False, ()),
        ("port www udp 53", True, ("www nc -l -u -p 53 &", "sleep 1")),
        ("port me 80", False, ()),
        ("connection me ESTABLISHED", False, ()),
        ("connection me to www:5001 ESTABLISHED", True, TRANSFER),
        ("connection me to www:5002 ESTABLISHED", False, TRANSFER),
        ("connection www to me ESTABLISHED", True, TRANSFER),
        ("connection www LISTEN", True, ()),
        ("http me http://www/", True, ()),
        ("http me http://www/ 200 body 'www'", True, ()),
        ("http me http://www/ body 'no such words'", False, ()),
        ("http me http://www/nothing 404", True, ()),
        ("http me http://www/nothing", False, ()),
        ("http me http://gw/", False, ()),
        ("sysctl gw net.inet.ip.forwarding = 1", True, ()),
        ("sysctl me net.inet.ip.forwarding = 0", False, ()),
        ("sysctl me net.inet.ip.ttl < 64", True, ("sysctl -w net.inet.ip.ttl=9",)),
        ("sysctl me net.inet.ip.ttl != 64", False, ()),
        ("sysctl me net.nothing = 1", False, ()),
        ("throughput me www >= 1Mbit/s", True, ()),
        ("throughput me www >= 1Mbit/s cubic buffers 50 window 100000", False, ("bus wan rate 100kbit/s",)),
        ("latency me www <= 11ms", True, ()),
        ("latency me www <= 9ms", False, ()),
        ("latency me www >= 100ms max", True, ("bus wan delay 50ms",)),
        ("latency me www <= 15ms loaded", False, ("bus wan rate 2Mbit/s queue 100",)),
        ("latency me nobody <= 15ms", False, ()),
        ("says me 'route -n get www' 'gateway: 10.0.0.1'", True, ()),
        ("says me 'route -n get www' 'gateway: 10.0.0.9'", False, ()),
        ("says me 'nonsense' 'x'", False, ()),
    ],
)  # fmt: skip
def test_what_holds(text: str, holds: bool, lines: tuple[str, ...]) -> None:
    found = verdict(session(*lines), text)
    assert found.holds is holds, found.seen
    assert found.seen


@pytest.mark.parametrize(
    ("text", "holds", "after"),
    [
        ("counter gw ip forward >= 2", True, ("ping -c 1 www",)),
        ("counter gw ip forward >= 3", False, ("ping -c 1 www",)),
        ("counter gw ip forward = 0", True, ()),
        ("counter x ip forward = 0", False, ()),
        ("counter x icmp deliver = 0", True, ("host x",)),
        ("capture me:shmif0 'icmp' = 2", True, ("ping -c 1 gw",)),
        ("capture bus:lan 'icmp and host gw' = 2", True, ("ping -c 1 gw",)),
        ("capture lab 'icmp' >= 4", True, ("ping -c 1 gw",)),
        ("capture lab 'tcp' > 0", False, ("ping -c 1 gw",)),
        ("capture bus:new 'icmp' > 0", False, ()),
        ("capture me:shmif0 'nonsense' > 0", False, ("ping -c 1 gw",)),
    ],
)
def test_what_is_counted_since_the_task_began(text: str, holds: bool, after: tuple[str, ...]) -> None:
    found = verdict(session("ping -c 5 www"), text, *after)
    assert found.holds is holds, found.seen


@pytest.mark.parametrize(
    "text",
    ["reachable me www", "http me http://www/", "throughput me www > 1kbit/s", "latency me www > 1ms loaded",
     "path me www via gw", "says me 'ping -c 3 gw' 'from'"],
)  # fmt: skip
def test_what_is_sent_leaves_no_trace(text: str) -> None:
    """Neither the clock nor a table nor a counter nor a process of the learner's lab is another one afterwards."""
    made = session("bus wan rate 2Mbit/s", "ping -c 1 gw")

    def state() -> object:
        lab = made.lab
        counters = [dict(each.stat) for host in lab.hosts.values() for each in (host.ip, host.tcp, host.arp, host.icmp)]
        packets = [ifp.opackets for host in lab.hosts.values() for ifp in host.interfaces.values()]
        tables = [list(table.entries) for host in lab.hosts.values() for table in host.arp.tables()]
        clock = lab.callouts
        return clock.now, clock.events, lab.rng.getstate(), counters, packets, tables, [*lab.procs], script_of(made)

    before = state()
    assert verdict(made, text).holds
    assert state() == before


def test_the_prompt_of_an_empty_lab_is_no_trouble() -> None:
    made = Session(Lab(), Printer("text", io.StringIO(), io.StringIO()))
    assert not verdict(made, "capture lab 'icmp' > 0").holds
    assert not verdict(made, "reachable a b").holds
