"""Whatever is typed wrongly is answered by one line that says so, and a status; nothing is lost by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import command
from netsh import home, saved
from stack.lab import Lab
from tests.netsh.toys import Toys

TABLE = [
    ("pnig www", 127, "netsh: pnig: unknown command (did you mean ping?)"),
    ("ping", 2, "ping: "),
    ("ping nowhere", 1, "ping: nowhere: "),
    ("ping -c x www", 2, "ping: x: "),
    ("ping -Z www", 2, "ping: "),
    ("ifconfig nope0", 1, "ifconfig: "),
    ("ifconfig nope0 create", 1, "ifconfig: "),
    ("ifconfig shmif0 inet 10.0.0.300/24", 2, "ifconfig: 10.0.0.300: "),
    ("ifconfig shmif0 inet 10.0.0.1/33", 2, "ifconfig: 33: "),
    ("ifconfig shmif0 inet 10.0.0.1 netmask 255.0.255.0", 2, "ifconfig: 255.0.255.0: "),
    ("ifconfig shmif0 mtu", 2, "ifconfig: "),
    ("route add default", 2, "route: "),
    ("route add 10.9/16 10.99.0.1", 1, "route: "),
    ("route frobnicate", 2, "route: "),
    ("arp -s 10.0.0.9 xx", 2, "arp: "),
    ("sysctl no.such", 1, "sysctl: "),
    ("sysctl -w net.inet.ip.ttl=999", 1, "sysctl: "),
    ("hostname a b", 2, "hostname: "),
    ("netstat -Z", 2, "netstat: "),
    ("kill 99", 1, "kill: 99: "),
    ("kill %9", 2, "kill: %9: "),
    ("traceroute nowhere", 1, "traceroute: nowhere: "),
    ("traceroute", 2, "traceroute: "),
    ("nc www 81", 1, "nc: "),
    ("nc", 2, "nc: "),
    ("fetch", 2, "fetch: "),
    ("fetch http://nowhere/", 1, "fetch: http://nowhere/: "),
    ("fetch http://www:81/", 1, "fetch: http://www:81/: Connection refused"),
    ("fetch nonsense://www/", 1, "fetch: "),
    ("httpd -p x", 2, "httpd: x: "),
    ("httpd /no/such/folder", 1, "httpd: /no/such/folder: "),
    ("tcpdump -Z", 2, "tcpdump: "),
    ("source /no/such", 1, "source: /no/such: No such file or directory"),
    ("load /no/such", 1, "load: /no/such: No such file or directory"),
    ("load /dev/zero", 1, "load: /dev/zero: this is no file, and has more than 16 million letters"),
    ("source /dev/zero", 1, "source: /dev/zero: this is no file, and has more than 16 million letters"),
    ("save /no/such/file", 1, "save: /no/such/file: No such file or directory"),
    ("bus lan delay 10", 2, "bus: delay 10: the unit is missing"),
    ("link me gw 10.0.0.0/33", 2, "link: 10.0.0.0/33: not a prefix"),
    ("PING www", 127, "netsh: PING: unknown command (did you mean ping?)"),
    ("ping www -c 1", 2, "ping: -c: one word too many; options stand first"),
    ("traceroute www -m 3", 2, "traceroute: -m: one word too many; options stand first"),
    ("fetch http://www/ -v", 2, "fetch: -v: not a URL; options stand first"),
    ("ping -w 1e10 www", 2, "ping: 1e10: seconds are at most 1000000000"),
    ("ifconfig ''", 2, "ifconfig: the name of an interface is empty"),
    ("sysctl ''", 1, "sysctl: top level name '' in '' is invalid"),
    ("fetch http://[::1]/", 1, "fetch: http://[::1]/: there is no IPv6 yet"),
    ("fetch http://www/\udcff", 1, "fetch: http://www/%FF: 404 Not Found"),
    ("sleep 1e18", 2, "sleep: 1e18: more than 1000000000 seconds"),
    ("bus lan delay 1e9s", 1, "bus: lan: a delay is at most 1000000 s"),
    ("bus lan rate 0.5bit/s", 1, "bus: lan: a delay is at most 1000000 s, and a rate at least 1 bit/s"),
    ("x\x1b[31m\by", 127, "netsh: x^[[31m^Hy: unknown command"),
    ("ifconfig shmif0 linkstr wan", 1, "ifconfig: SIOCSLINKSTR: Device busy: it is on lan, '-linkstr' leaves that"),
    ("echo a | head -x", 2, "head: unknown option -- x"),
    ("echo a" + " | grep a" * 60, 2, "netsh: column 458: more than 50 filters"),
    ("echo 'x", 2, "netsh: column 6: the quote ' is not closed"),
]


def at_home() -> Toys:
    session = Toys(Lab())
    home.build(session)
    return session


@pytest.mark.parametrize(("line", "status", "begin"), TABLE)
def test_one_line(line: str, status: int, begin: str) -> None:
    session = at_home()
    name = line.split()[0]
    if session.find(name) is None and status != 127:
        pytest.skip(f"there is no {name} yet")
    before = saved.script_of(session)
    assert session.run(line) == status
    err = session.err
    assert err.startswith(begin)
    assert err.count("\n") == 1
    assert "internal error" not in err
    assert saved.script_of(session) == before


@pytest.mark.skipif("nc" not in command.names(), reason="there is no nc yet")
@pytest.mark.parametrize(
    "answer", ["", "HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nshort", "garbage\r\n\r\n", "\0" * 9]
)
def test_a_server_that_makes_no_sense(answer: str, tmp_path: Path) -> None:
    path = tmp_path / "answer"
    path.write_text(answer)
    session = at_home()
    assert session.run(f"www nc -l 8080 < {path} & sleep 10ms; fetch http://www:8080/") == 1
    err = session.err
    assert err.startswith("fetch: http://www:8080/: ")
    assert err.count("\n") == 1
