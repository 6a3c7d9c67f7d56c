"""The shell's own commands: hosts, buses, links, the clock, the drawing."""

from __future__ import annotations

import json

import pytest

from netsh import home
from netsh.builtins import find, module_of, names
from stack.lab import Lab
from tests.netsh.toys import Toys


def at_home() -> Toys:
    session = Toys(Lab())
    home.build(session)
    return session


DRAWING = """\
3 hosts, 2 buses, seed 1, clock fast, 0.000000 s

lan  10.0.0.0/24  delay 100us
 |-- me          shmif0   10.0.0.2/24
 `-- gw          shmif0   10.0.0.1/24

wan  203.0.113.0/24  delay 5ms
 |-- gw          shmif1   203.0.113.1/24
 `-- www         shmif0   203.0.113.80/24
"""

LAN = "lan  10.0.0.0/24  delay 100us"


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("lab", DRAWING),
        ("host", "* me          10.0.0.2\n  gw          10.0.0.1 203.0.113.1\n  www         203.0.113.80\n"),
        ("host gw; host -d gw; host", "* me          10.0.0.2\n  www         203.0.113.80\n"),
        ("host new; host | grep new", "* new\n"),
        ("host -q", "me\ngw\nwww\n"),
        ("host -q | json | tail -1", '{"type": "host-name", "host": "www"}\n'),
        ("for h in $(host -q) { $h hostname }", "me\ngw\nwww\n"),
        ("bus", "lan: delay 100us\n\tme:shmif0 gw:shmif0\nwan: delay 5ms\n\tgw:shmif1 www:shmif0\n"),
        ("bus lan", "lan: delay 100us\n\tme:shmif0 gw:shmif0\n"),
        ("bus x; bus x", "x: ideal\n"),
        (
            "bus x delay 9ms rate 1.5Mbit/s loss 1% duplicate 2% reorder 0.5% corrupt 3% queue 50 ecn 9 mtu 900; bus x",
            "x: delay 9ms rate 1.5Mbit/s loss 1% duplicate 2% reorder 0.5% corrupt 3% queue 50 ecn 9 mtu 900\n",
        ),
        ("bus x delay 10ms loss 1%; bus x loss 0% rate 1kbit/s; bus x", "x: delay 10ms rate 1kbit/s\n"),
        ("bus x delay 10ms; bus x ideal loss 5%; bus x", "x: loss 5%\n"),
        ("bus x; bus -d x; bus | wc -l", "      4\n"),
        ("link a b; bus a-b", "a-b: ideal\n\ta:shmif0 b:shmif0\n"),
        ("link a b; link a b; lab | grep 255.0.4", "a-b.2  10.255.0.4/30\n"),
        (
            "link me r 10.9.0.0/24 delay 1s mtu 1500; lab | tail -3",
            "me-r  10.9.0.0/24  delay 1s mtu 1500\n"
            " |-- me          shmif1   10.9.0.1/24\n `-- r           shmif0   10.9.0.2/24\n",
        ),
        ("link a b 10.9.0.0/31; lab | grep 10.9.0.0/31 | tail -1", " |-- a           shmif0   10.9.0.0/31\n"),
        ("link lan down; lab | grep ^lan; ifconfig shmif0 | head -1 | grep -cv RUNNING", f"{LAN} down\n1\n"),
        ("link lan down; link lan up; lab | grep ^lan; sleep 10; ping -qc 1 gw | grep -c ' 0.0%'", f"{LAN}\n1\n"),
        ("host down; link down a; link a down; bus | grep a-down:", "a-down: ideal\n"),
        ("host x; lab | tail -2", "\nx  no interface\n"),
        ("clock | !cut -c1-21", "clock fast: 0.000000 \n"),
        ("clock x10; lab | head -1 | !cut -d, -f4", " clock x10\n"),
        ("sleep 250ms; clock | !cut -c1-20", "clock fast: 0.250000\n"),
        ("sleep 19m; sleep 1.5h; clock | !cut -c1-22", "clock fast: 6540.00000\n"),
        ("help lab | head -2", "usage: lab [--svg=file | --dot=file]\n       lab seed number\n"),
        ("help wc | head -3", "usage: wc [-clw]\n\nHow many lines, words and bytes.\n"),
        ("help quit | head -1", "usage: exit [status]\n"),
        ("help | grep '^  echo '", "  echo          Write words to the standard output\n"),
    ],
)
def test_at_home(line: str, out: str) -> None:
    told(line, out)


def test_a_bridge_and_a_vlan_are_drawn_with_what_they_are_made_of() -> None:
    make = "gw ifconfig bridge0 create; gw brconfig bridge0 add shmif0 add shmif1; gw ifconfig vlan0 create"
    line = f"{make}; gw ifconfig vlan0 vlan 5 vlanif shmif1; gw ifconfig vlan1 create; lab | tail -5"
    drawn = ("bridge0  no address  on shmif0 shmif1", "vlan0  no address  on shmif1", "vlan1  no address  on no bus")
    told(line, "\n".join(f"gw  {text}\n" for text in drawn))


def told(line: str, out: str) -> None:
    session = at_home()
    assert session.run(line) == 0, session.err
    assert session.out == out
    assert session.err == ""


@pytest.mark.parametrize(
    ("line", "complaint", "status"),
    [
        ("host a b", "host: b: one host is wanted; to run a command on a: a b", 2),
        ("host -q gw", "host: gw: -q is of all hosts", 2),
        ("host 1x", "host: 1x: a host's name is letters, digits, `-` and `_`, and begins with a letter", 1),
        ("host for", "host: for: a command is called so; a host of that name could not be spoken to", 1),
        ("host while", "host: while: a command is called so; a host of that name could not be spoken to", 1),
        ("link ping b", "link: ping: a command is called so; a host of that name could not be spoken to", 1),
        ("host lab", "host: lab: a command is called so; a host of that name could not be spoken to", 1),
        ("host -d nobody", "host: nobody: no such host; 'host' lists them", 1),
        ("host -d", "host: the name of one host is wanted", 2),
        ("host -x", "host: -x: unknown option", 2),
        ("bus lan dealy 1ms", "bus: dealy: unknown word; did you mean delay?", 2),
        ("bus lan colour red", "bus: colour: unknown word; it is one of delay, rate, loss", 2),
        ("bus lan delay", "bus: delay: its value is missing; the time a frame takes, one way: 10ms", 2),
        ("bus lan delay 10", "bus: delay 10: the unit is missing; it is one of s, ms, us, ns, as in 10ms", 2),
        ("bus lan rate 10M", "bus: rate 10M: M is no unit here; it is one of Gbit/s, Mbit/s", 2),
        ("bus lan ecn 100", "bus: lan: ecn marks before the queue is full: less than 100 frames; 0 is never", 1),
        ("bus lan ecn some", "bus: ecn some: not a whole number", 2),
        ("bus lan loss 200%", "bus: lan: loss, duplicate, reorder and corrupt are between 0% and 100%", 1),
        ("bus lan queue 0", "bus: lan: the queue holds at least one frame", 1),
        ("bus lan mtu 10", "bus: lan: the MTU is between 68 and 65535", 1),
        ("bus lan mtu 1500B", "bus: mtu 1500B: not a whole number", 2),
        ("bus 9x", "bus: 9x: the name of a bus is letters", 1),
        ("bus /tmp/x delay 1ms", "bus: /tmp/x: a bus in a file does nothing to frames", 1),
        ("bus -d lan", "bus: lan: Device busy: somebody is on it", 1),
        ("bus -d nope", "bus: nope: no such bus; 'bus' lists them", 1),
        ("link a", "link: two hosts are wanted", 2),
        ("link a a", "link: a: a host is not linked to itself", 2),
        ("link a b 10.0.0.300/24", "link: 10.0.0.300/24: not a prefix, such as 10.0.1.0/24", 2),
        ("link a b 10.0.0.0/32", "link: 10.0.0.0/32: too small for two hosts", 2),
        ("link a b 224.0.0.0/24", "link: 224.0.0.0/24: not for hosts", 2),
        ("link a b 10.0.0.0/24", "link: 10.0.0.0/24: 10.0.0.2 is me's already", 1),
        ("link nope down", "link: nope: no such bus; 'bus' lists them", 1),
        ("link lan sideways", "link: sideways: what is done to the bus lan is down or up", 2),
        ("link a 9b", "link: 9b: a host's name is letters", 1),
        ("link a b delay 10ms loss", "link: loss: its value is missing", 2),
        ("link a b loss 101%", "link: loss, duplicate, reorder and corrupt are between", 2),
        ("clock slow", "clock: slow: a clock is real, fast, or a rate such as x0.1 or x10", 2),
        ("clock real fast", "clock: fast: one mode is wanted", 2),
        ("lab seed 3", "lab: there are hosts already", 1),
        ("lab seed x", "lab: x: not a seed, which is a whole number", 2),
        ("lab home", "lab: home: not understood; a lab is loaded with 'load'", 2),
        ("help nope", "help: nope: unknown command", 1),
        ("help a b", "help: b: one command is wanted", 2),
        ("save", "save: the name of one file is wanted", 2),
        ("load a b", "load: the name of one file is wanted", 2),
        ("load /no/such", "load: /no/such: No such file or directory", 1),
        ("save /no/such/file", "save: /no/such/file: No such file or directory", 1),
    ],
)
def test_nonsense(line: str, complaint: str, status: int) -> None:
    session = at_home()
    before = session.lab.hosts.keys() | set()
    assert session.run(line) == status
    err = session.err
    assert err.startswith(complaint)
    assert err.count("\n") == 1
    assert session.lab.hosts.keys() == before
    assert "tmp" not in str(session.lab.buses)


def test_the_list_of_commands_is_in_columns_and_whole_sentences() -> None:
    session = at_home()
    assert session.run("help") == 0
    listed = [line for line in session.out.splitlines() if line[2:15].strip() in names()]
    assert len(listed) == len(names())
    assert "  chain         Build a line of routers: r1 - r2 - ... - rN" in listed
    assert all(line[15] == " " != line[16] and not line.endswith(".") for line in listed)


def test_a_device_keeps_the_clock_real() -> None:
    session = at_home()
    session.lab.readers[0] = lambda: None
    assert session.run("clock fast") == 1
    assert session.err == "clock: a lab with a real device, bus file or socket in it runs on the real clock\n"


def test_removing_the_host_one_is_on() -> None:
    session = Toys()
    assert session.run("count 99 & host -d a; say x; host -d b; say y") == 1
    assert session.out.endswith("b: x\n")
    assert session.err == "say: there is no host to run it on; 'host NAME' makes one\n"
    assert session.run("sleep 1; jobs") == 0
    assert "Killed" in session.out


def test_a_command_says_when_it_ends_with_its_host() -> None:
    session = Toys()
    assert session.run("for x in 1 { sleep 2; host -d a } & count 99") == 137
    assert session.err == "count: ended with its host: a was removed\n"


def test_every_row_is_json() -> None:
    session = at_home()
    session.run(
        "lab | json; host | json; bus | json; clock | json; help | json; help lab | json; sleep 1 & jobs | json"
    )
    rows = [json.loads(line) for line in session.out.splitlines()]
    assert {row["type"] for row in rows} >= {
        "lab-row", "segment", "port", "host-row", "bus-row", "clock-row", "summary", "page", "job-row",
    }  # fmt: skip
    summaries = {row["command"]: row["text"] for row in rows if row["type"] == "summary"}
    assert all(0 < len(summaries[name]) < 66 for name in names())


def test_every_builtin_has_what_a_command_has() -> None:
    for name in names():
        command = find(name)
        assert command is not None
        assert command.name == name
        assert all(form.split()[0] == name for form in command.synopsis.splitlines())
    assert module_of("quit") == "exit"
    assert module_of("nope") is None


def test_home_is_the_same_each_time() -> None:
    def macs() -> list[str]:
        lab = at_home().lab
        return [str(ifp.lladdr) for host in lab.hosts.values() for ifp in host.interfaces.values()]

    assert macs() == macs()
    assert len(set(macs())) == 5
