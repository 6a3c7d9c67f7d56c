"""The words that completion offers, from a live session on the lab `home`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from netsh import home
from netsh.prompt.candidates import candidates
from netsh.render.printer import Printer
from netsh.session import Session
from stack.lab import Lab


@pytest.fixture
def session() -> Session:
    lab = Lab()
    session = Session(lab, Printer("text", io.StringIO(), io.StringIO()))
    home.build(session)
    return session


def texts(line: str, session: Session) -> list[str]:
    return [candidate.text for candidate in candidates(line, session)]


def helps(line: str, session: Session) -> dict[str, str]:
    return {candidate.text: candidate.help for candidate in candidates(line, session)}


def test_commands_and_hosts_begin_a_line(session: Session) -> None:
    assert "ping" in texts("p", session)
    assert texts("gw", session) == []  # it is there already
    assert "gw" in texts("g", session)
    assert {"help", "lab", "for", "me", "www", "ifconfig"} <= set(texts("", session))


def test_commands_follow_a_host(session: Session) -> None:
    assert "ping" in texts("gw p", session)
    assert "www" not in texts("gw w", session)


def test_hosts_say_their_addresses(session: Session) -> None:
    assert helps("ping ", session) == {"me": "10.0.0.2", "gw": "10.0.0.1, 203.0.113.1", "www": "203.0.113.80"}


def test_interfaces_are_those_of_the_host_the_line_is_for(session: Session) -> None:
    assert texts("ifconfig s", session) == ["shmif0"]
    assert texts("gw ifconfig s", session) == ["shmif0", "shmif1"]
    assert helps("gw ifconfig s", session)["shmif1"] == "203.0.113.1/24"


def test_commands_say_what_they_are_for(session: Session) -> None:
    assert all(help and len(help) < 80 and not help.startswith('"') for help in helps("", session).values())


def test_bridges_are_completed_verb_by_verb(session: Session) -> None:
    assert session.run("gw ifconfig bridge0 create") == 0
    assert texts("gw brconfig ", session) == ["bridge0"]  # and no other interface
    assert {"add", "delete", "stp", "up"} <= set(texts("gw brconfig bridge0 ", session))
    assert "-stp" in texts("gw brconfig bridge0 -", session)
    for verb in ("add", "delete", "static", "-learn", "ifpathcost"):
        assert "shmif1" in texts(f"gw brconfig bridge0 {verb} ", session)
    assert not texts("gw brconfig bridge0 priority ", session)
    assert "me" in texts("route delete ", session)  # `delete` means something else there
    assert texts("gw ifconfig vlan0 create vlan 5 vlanif sh", session) == ["shmif0", "shmif1"]
    assert helps("gw brconfig bridge0 stp", session) == {}
    assert "spanning tree" in helps("gw brconfig bridge0 st", session)["stp"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("ifconfig shmif0 ali", "alias"),
        ("route a", "add"),
        ("ping -", "-c"),
        ("ps | gr", "grep"),
        ("route show --l", "--live"),
        ("watch -", "-n"),
        ("watch rou", "route"),
        ("watch -n 1s -c 3 rou", "route"),
        ("watch route sh", "show"),
        ("watch gw rou", "route"),
        ("gw watch ifconfig shmi", "shmif1"),
        ("lab --s", "--svg"),
        ("fetch ht", "http://www/"),
        ("fetch https:", "https://www/"),
        ("fetch --ca", "--ca-cert="),
        ("fetch --no-verify-p", "--no-verify-peer"),
        ("sysctl net.inet.ip.for", "net.inet.ip.forwarding"),
        ("bus l", "lan"),
        ("host w", "www"),
        ("help pi", "ping"),
        ("help dro", "drop"),
        ("help drop badsu", "badsum"),
        ("help drop ip/badsu", "ip/badsum"),
        ("help drop ip tt", "ttl"),
        ("help drop tc", "tcp"),
        ("source tcp_inp", "tcp_input"),
        ("source Ip.forw", "Ip.forward"),
        ("source Tcpc", "Tcpcb"),
        ("source dr", "drop"),
        ("source drop tt", "ttl"),
        ("drops -", "-f"),
        ("drops -p tc", "tcp"),
        ("drops w", "www"),
        ("ping ${na", "${name}"),
        ("for h in m", "me"),
        ("for h i", "in"),
        ('ping "ww', '"www'),
        ("link me g", "gw"),
    ],
)
def test_a_word_that_fits(line: str, text: str, session: Session) -> None:
    session.scope.variables["name"] = "www"
    assert text in texts(line, session)


def test_options_say_what_they_do(session: Session) -> None:
    fetch, httpd = helps("fetch -", session), helps("httpd -", session)
    assert fetch["-T"] == "seconds  give up when nothing happens for so long (60)"
    assert fetch["-c"].startswith("go on with a download") and fetch["--ca-cert="].startswith("whose certificates")
    assert httpd["-Z"].startswith("cert key  speak TLS") and httpd["-p"] == "port  listen there (80, with -Z 443)"


def test_jobs_and_processes(session: Session) -> None:
    session.run("sleep 100 &")
    job = session.jobs.running()[0]
    assert helps("kill %", session) == {f"%{job.number}": "sleep 100"}
    assert str(job.proc.pid) in texts("kill ", session)


def test_files(session: Session, tmp_path: Path) -> None:
    (tmp_path / "one lab.netsh").touch()
    (tmp_path / "two").mkdir()
    (tmp_path / ".hidden").touch()
    assert texts(f"source {tmp_path}/", session) == [f"'{tmp_path}/one lab.netsh'", f"{tmp_path}/two/"]
    assert texts(f"source {tmp_path}/.h", session) == [f"{tmp_path}/.hidden"]
    assert texts("source /no/such/", session) == []


def test_a_thousand_are_enough(session: Session) -> None:
    for number in range(1200):
        session.lab.add_host(f"h{number}")
    assert len(texts("ping h", session)) == 1000


def test_whatever_is_typed_nothing_breaks(session: Session) -> None:
    line = "gw ping -c 3 \"w' $x | grep > f; for h in a { ifconfig shmif0 -} && $((1 <<'\\"
    for end in range(len(line) + 1):
        texts(line[:end], session)


def test_networks_and_their_wires(session: Session) -> None:
    assert session.run("chain 3") == 0
    assert {"chain", "ring", "star", "tree", "grid", "matrix", "random", "routed", "rtquery"} <= set(texts("", session))
    assert texts("chain ", session) == [] and texts("grid 3 ", session) == []
    assert {"delay", "loss", "--routed"} <= set(texts("grid 3 4 ", session))
    assert texts("chain 3 --p", session) == ["--processes", "--print"]
    assert texts("chain 3 delay ", session) == []
    assert {"r1-r2", "r2-r3", "gw"} <= set(texts("link ", session))
    assert texts("link r1-r2 d", session) == ["down", "delay", "duplicate"]
    assert "r3" in texts("r1 rtquery ", session) and "r3" in texts("r1 rtquery -w 2 ", session)
    assert "listen only" in helps("r1 routed -", session)["-q"]


def test_tcpdump_knows_where_packets_pass_and_what_filters_are_made_of(session: Session) -> None:
    assert texts("tcpdump -i ", session)[:4] == ["lo0", "shmif0", "any", "bus:lan"]
    assert texts("tcpdump -i gw:s", session) == ["gw:shmif0", "gw:shmif1"]
    assert helps("tcpdump -i bus:", session) == {"bus:lan": "2 ports", "bus:wan": "2 ports"}
    assert texts("tcpdump -n host w", session) == ["www"]
    assert {"icmp", "igmp", "ip"} == set(texts("tcpdump -n i", session))
    assert "link header" in helps("tcpdump -", session)["-e"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("send IP(d", ["IP(dst="]),
        ("send IP(dst='gw', tt", ["IP(dst='gw', ttl="]),
        ("send IP(dst='w", ["IP(dst='www"]),
        ('gw send shmif0 Ether()/IP(dst="gw") / TC', ['Ether()/IP(dst="gw") / TCP(']),
        ("send IP(options=[IPOption_R", ["IP(options=[IPOption_RR("]),
        ("send gw:shmif1", []),
        ("send IP(ttl=", []),
        ("send IP(dst='gw', ttl=2) | wc -", []),
    ],
)
def test_packets_are_completed_layer_by_layer(line: str, found: list[str], session: Session) -> None:
    assert [text for text in texts(line, session) if "(" in text] == found


def test_a_packet_begins_with_a_layer_behind_a_place_perhaps(session: Session) -> None:
    assert {"IP(", "Ether(", "gw:shmif1"} <= set(texts("send ", session))
    assert {"IP(", "Ether("} <= set(texts("send -c 2 gw:shmif1 ", session))
