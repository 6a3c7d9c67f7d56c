"""Labs from Python: every command is a method, its rows are typed, and time is the lab's."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from commands import command
from commands._pinger import PingReply, PingStatistics
from commands._routes import Route
from commands.ifconfig import Interface
from netsh.api import CommandFailed, Host, Lab

NO_METHODS = {"httpd", "routed"}  # they have no end of their own: Host.start


def test_every_command_is_a_method() -> None:
    missing = [name for name in command.names() if name not in NO_METHODS and not hasattr(Host, name)]
    assert not missing
    for name in set(command.names()) - NO_METHODS:
        method = getattr(Host, name)
        assert method.__doc__ and "Rows[" in inspect.signature(method).return_annotation


def test_rows_are_typed_and_read_as_bsd_prints_them() -> None:
    with Lab.home() as home:
        rows = home["me"].ping("-c", 2, "www")
        assert [reply.seq for reply in rows.of(PingReply)] == [0, 1]
        assert rows.only(PingStatistics).received == 2
        assert "2 packets transmitted, 2 packets received" in str(rows) == repr(rows)
        with pytest.raises(LookupError, match="2 rows are of type PingReply"):
            rows.only(PingReply)
        assert all(isinstance(row, Route) for row in home["gw"].netstat("-rn"))
        (interface,) = home["me"].ifconfig("shmif0").of(Interface)
        assert interface.name == "shmif0" and interface.mtu == 1500


def test_a_lab_is_built_and_its_clock_jumps() -> None:
    with Lab(seed=3) as lab:
        a, b = lab.host("a"), lab.host("b")
        lab.link(a, b, "10.0.0.0/30", delay="500ms")
        lab.sleep(10)  # until the addresses are proven
        assert a.ping("-c", 1, b).only(PingStatistics).min == 2000.0  # ARP goes the same way
        assert lab.now == 12.0
        assert len(lab) == 2 and "a" in lab and [host.name for host in lab] == ["a", "b"]
        assert repr(lab) == "<lab: 2 hosts, 1 buses, 12 s>"


def test_what_fails_says_why() -> None:
    with Lab.home() as home:
        with pytest.raises(CommandFailed, match="nobody: Host name lookup failure") as failed:
            home["me"].ping("nobody")
        assert failed.value.status == 1
        with pytest.raises(CommandFailed) as silent:
            home["me"].ping("-c", 1, "10.0.0.99")
        assert silent.value.status == 2
        assert silent.value.rows.only(PingStatistics).received == 0
        with pytest.raises(CommandFailed, match="-a for all"):
            home["me"].arp()
        with pytest.raises(LookupError, match="pong: unknown command"):
            home["me"].run("pong")
        with pytest.raises(CommandFailed, match="nothing more can happen"):
            home["me"].nc("-lu", 99)


def test_jobs_captures_and_waiting() -> None:
    with Lab.home() as home:
        echo = home["www"].start("nc", "-l", 99)
        seen = home.capture("bus:wan", "tcp port 99")
        home["me"].nc("-N", "www", 99, stdin=b"hello")
        assert echo.wait().data == b"hello" and echo.over
        assert len(seen) > 6 and "Flags [S]" in seen.text
        before = len(seen.stop())
        home["me"].run("nc", "-z", "www", 80)
        assert len(seen) == before
        home.wait_until(lambda: home.now > 30)
        with pytest.raises(TimeoutError, match="not within 1 seconds"):
            home.wait_until(lambda: False, timeout=1)


def test_the_shell_is_there_too(tmp_path: Path) -> None:
    with Lab() as lab:
        lab.run("chain", 4)
        assert lab.lines("for i in 1..4 { r$i hostname }") == "r1\nr2\nr3\nr4\n"
        with pytest.raises(CommandFailed, match=r"lines:2: netsh: nope: unknown command"):
            lab.lines("echo x\nnope\n")
        lab.lines(f"save {tmp_path}/four")
    with Lab.load(f"{tmp_path}/four") as again:
        assert len(again) == 4
    (tmp_path / "five").write_text("nope\n")
    with pytest.raises(ValueError, match="nope: unknown command"):
        Lab.load(f"{tmp_path}/five")


def test_a_line_as_input() -> None:
    with Lab.home() as home:
        said = home.lines("www nc -k -u -l 70 &\nx=there; nc -u -w 1 www 70 <<< \"hello $x\"")
        assert said == "hello there\n"


def test_a_notebook_shows_them() -> None:
    with Lab.home() as home:
        page = home["gw"].route("show")._repr_html_()
        assert "<pre" in page and "203.0.113" in page and "color:" in page
        assert "shmif1" in home["gw"]._repr_html_() and "lan" in home._repr_html_()
