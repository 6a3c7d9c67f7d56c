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
                                      │ flags    broadcast running simplex  │
                                      │          multicast                  │
                                      ╰─────────────────────────────────────╯
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
