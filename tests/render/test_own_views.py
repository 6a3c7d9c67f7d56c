"""Golden pictures of the views that know their rows, from live labs."""

from __future__ import annotations

import io
import re

import pytest

from netsh import home
from netsh.builtins.source import COMMAND as SOURCE
from netsh.builtins.source import SourceLine
from netsh.render.printer import Printer
from netsh.session import Session
from stack.lab import Lab


def drawn(line: str, width: int = 80) -> str:
    """What a line prints in the rich format, in the lab `home`."""
    out = io.StringIO()
    session = Session(Lab(), Printer("rich", out, out, width=width))
    home.build(session)
    session.run(line)
    return "\n".join(text.rstrip() for text in out.getvalue().splitlines()) + "\n"


INTERFACES = """\
╭─ lo0 up ──────────────────────────╮ ╭─ shmif0 up ─────────────────────────╮
│ inet   127.0.0.1/8                │ │ inet     10.0.0.2/24                │
│ mtu    33624                      │ │ bus      lan                        │
│ flags  loopback running multicast │ │ address  b2:a0:8f:27:9c:2b          │
╰───────────────────────────────────╯ │ mtu      1500                       │
                                      │ out      1 packet, 42 B             │
                                      │ flags    broadcast running simplex  │
                                      │          multicast                  │
                                      ╰─────────────────────────────────────╯
"""

CONTEST = """\
to 203.0.113.80 www out of shmif1 from 203.0.113.1
   destination     bits
──────────────────────────────────────────────────────────────────────────────
→  203.0.113.0/24  11001011.00000000.01110001           longest match, 24 bits
   203.0.0.0/16    11001011.00000000                    shorter, 16 bits
   203.0.113.1/32  11001011.00000000.01110001.00000001  differs in bit 26
   10.0.0.0/24     00001010.00000000.00000000           differs in bit 1
   10.0.0.1/32     00001010.00000000.00000000.00000001  differs in bit 1
   127.0.0.1/32    01111111.00000000.00000000.00000001  differs in bit 1
"""

COUNTERS = """\
ip
1  total packet received
1  packet for this host
1  packet sent from this host
   Other counters:
1    oddity
1  ttl  its time to live is used up on the way
zeroes are left out; '| text' has them
"""

HOME = """\
4 hosts, 2 buses, seed 1, clock fast, 0.000000 s

╭────╮
│ me ├╴shmif0  10.0.0.2/24 ────────────╮  lan  10.0.0.0/24  delay 100us
╰────╯                                 │
╭────╮                                 │
│ gw ├╴shmif0   10.0.0.1/24 ───────────╯
│    ├╴shmif1   203.0.113.1/24 ────────╮  wan  203.0.113.0/24  delay 5ms
│    ├╴bridge0  no address  on no bus  │
╰────╯                                 │
╭─────╮                                │
│ www ├╴shmif0  203.0.113.80/24 ───────╯
╰─────╯
╭───╮
│ x │
╰───╯
"""

NARROW = """\
3 hosts, 2 buses, seed 1, clock fast,
0.000000 s

╭────╮
│ me ├╴shmif0  10.0.0.2/24 ──────╮  lan
╰────╯                           │
╭────╮                           │
│ gw ├╴shmif0  10.0.0.1/24 ──────╯
│    ├╴shmif1  203.0.113.1/24 ───╮  wan
╰────╯                           │
╭─────╮                          │
│ www ├╴shmif0  203.0.113.80/24 ─╯
╰─────╯
"""

ROUTES = """\
Routes
destination           gateway       interface   kind        flags     mtu
─────────────────────────────────────────────────────────────────────────
default               10.0.0.1 gw   shmif0      default     UG
10.0.0.0/24           link#2        shmif0      connected   U
10.0.0.2 me           link#2        lo0         local       UHl
127.0.0.1 localhost   lo0           lo0         local       UHl     33624
"""

TRAFFIC = """\
Interfaces
name     is     mtu   network     address               ipkts   opkts
─────────────────────────────────────────────────────────────────────
lo0      up   33624   <Link>                                0       0
                      127/8       127.0.0.1 localhost
shmif0   up    1500   <Link>      b2:a0:8f:27:9c:2b         0       1
                      10.0.0/24   10.0.0.2 me
"""

BUSES = """\
Buses
name   does          ports
───────────────────────────────
lan    delay 100us   me:shmif0
                     gw:shmif0
wan    delay 5ms     gw:shmif1
                     www:shmif0
"""

BRIDGES = """\
Bridges
bridge0 up  root 8000.b2:a0:24:97:20:e3: itself
member   state       cost   priority   flags
────────────────────────────────────────────────────────────
shmif2                           128   learning discover
shmif0   listening     55        128   learning discover stp
address             interface   expires   flags
────────────────────────────────────────────────
02:00:00:00:00:09   shmif2            0   STATIC
bridge1 down
"""


def test_a_picture_of_bridges() -> None:
    make = "gw ifconfig shmif2 create; gw ifconfig bridge0 create; gw ifconfig bridge1 create"
    words = "add shmif0 add shmif2 stp shmif0 static shmif2 2:0:0:0:0:9 up"
    assert drawn(f"{make}; gw brconfig bridge0 {words}; gw brconfig -a") == BRIDGES


@pytest.mark.parametrize(
    ("line", "picture"), [("ifconfig -a", INTERFACES), ("route show", ROUTES), ("netstat -i", TRAFFIC), ("bus", BUSES)]
)
def test_a_picture(line: str, picture: str) -> None:
    assert drawn(line) == picture


@pytest.mark.parametrize(
    "line", ["ifconfig -av", "bus", "host", "route show", "arp -a", "www netstat -a", "netstat -i", "ps"]
)
@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_nothing_is_wider_than_the_window(line: str, width: int) -> None:
    assert max(map(len, drawn(line, width).splitlines())) <= width


@pytest.mark.parametrize(
    ("line", "width", "picture"),
    [
        ("gw route -q add 203.0/16 10.0.0.2; gw route get www", 80, CONTEST),
        ("gw ifconfig bridge0 create; host x; lab", 80, HOME),
        ("lab", 40, NARROW),
    ],
)
def test_a_picture_in_a_window(line: str, width: int, picture: str) -> None:
    assert drawn(line, width) == picture


def test_a_picture_of_counters() -> None:
    out = io.StringIO()
    session = Session(Lab(), Printer("rich", out, out, width=80))
    home.build(session)
    session.run("ping -qc 1 www | wc")
    session.lab["me"].ip.stat |= {"ttl": 1, "oddity": 1}
    out.truncate(0)
    out.seek(0)
    session.run("netstat -p ip")
    assert "\n".join(text.rstrip() for text in out.getvalue().splitlines()) + "\n" == COUNTERS


def test_rates_are_those_since_the_last_look() -> None:
    ping = "ping -q -n -i 0.1 -c 11 www | wc"
    cards = drawn(f"ping -qc 1 www | wc; sleep 5; ifconfig shmif0; {ping}; ifconfig shmif0")
    rates = [line for line in cards.splitlines() if "packets/s" in line]
    assert len(rates) == 4
    assert [round(float(line.split()[1])) for line in rates] == [1, 1, 11, 11]


def test_a_large_lab_is_an_outline() -> None:
    out = io.StringIO()
    session = Session(Lab(), Printer("rich", out, out, width=80))
    session.run("chain 60; lab")
    assert "╭──" not in out.getvalue() and " ╰─ r60 " in out.getvalue()


def test_an_interface_that_is_down_says_so() -> None:
    assert "shmif0 down" in drawn("ifconfig shmif0 down; ifconfig shmif0")


DROPS = """\
Drops
host   protocol   reason   count   why
──────────────────────────────────────────────────────────────────
gw     ip         ttl          1   its time to live is used up on
                                   the way
www    tcp        noport       1   no connection, and nobody
                                   listens on that port
"""


def test_the_sentence_of_a_drop_takes_more_lines_where_it_must() -> None:
    assert drawn("traceroute -m 1 -q 1 www | wc; nc -z www 99; drops", 66).endswith(DROPS)


def test_drops_in_a_narrow_window_are_cards() -> None:
    cards = drawn("nc -z www 99; drops", 40)
    assert "count" in cards
    assert all(len(line) <= 40 for line in cards.splitlines()[-6:])


LISTING = """\
  7 def f():
❱ 8     return "a long line that goes on
    behind the end of the window"
"""


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("coloured", [False, True])
def test_source(coloured: bool) -> None:
    out = Screen() if coloured else io.StringIO()
    printer = Printer("rich", out, out, width=46, environ={"TERM": "xterm-256color"})
    for number, text in (7, "def f():"), (8, '    return "a long line that goes on behind the end of the window"'):
        printer.row(SOURCE, SourceLine("x.py", number, text, number == 8), host="me")
    printer.end(SOURCE)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert "\n".join(line.rstrip() for line in plain.splitlines()) + "\n" == LISTING
    assert ("\x1b[94mdef\x1b[0m" in out.getvalue()) == coloured
