"""A served lab in network namespaces: reached from another machine, and with a real device in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.netns import Netns, needs_link, needs_root_tun, netns

NETSH = (sys.executable, "-m", "netsh")


@pytest.fixture
def two() -> Iterator[tuple[Netns, Netns]]:
    """Two machines on a wire."""
    with netns() as a, netns() as b:
        a.run("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", b.name)
        for number, machine in enumerate((a, b), 1):
            machine.run("ip", "addr", "add", f"10.77.0.{number}/24", "dev", "wire")
            machine.run("ip", "link", "set", "wire", "up")
            machine.run("ip", "link", "set", "lo", "up")
        a.wait_up("wire")
        b.wait_up("wire")
        yield a, b


def serve(machine: Netns, url: str, *words: str) -> list[str]:
    """Serve a lab there, as long as the machine is; what it says before it can be used."""
    said = [""]
    server = machine.popen(*NETSH, "serve", url, *words)
    while not said[-1].startswith("serving "):
        assert server.stdout is not None
        said.append(server.stdout.readline())
        assert said[-1], said
    return said[1:]


@needs_link("veth")
def test_other_machines_come_in_only_when_that_is_meant(two: tuple[Netns, Netns]) -> None:
    a, b = two
    url = "tcp://10.77.0.1:7000"
    refused = a.run(*NETSH, "serve", url, "-d", check=False)
    assert refused.returncode == 1
    assert refused.stderr == f"netsh: {url}: other machines could reach it; --public if that is meant\n"
    other = "tcp://10.77.0.1:7001"
    daemon = a.run(*NETSH, "serve", other, "--public", "-d")
    warning = f"netsh: warning: {other}: anybody who reaches this address can run the lab\n"
    assert (daemon.stdout, daemon.stderr) == ("", warning)
    assert b.run(*NETSH, "-s", other, "--", "halt").stderr == ""
    assert serve(a, url, "--public") == [
        f"netsh: warning: {url}: anybody who reaches this address can run the lab\n", f"serving {url}\n",
    ]  # fmt: skip
    assert b.run(*NETSH, "-s", url, "-c", "fetch http://www/ | head -1").stdout == "<!doctype html>\n"
    assert b.run(*NETSH, "-s", url, "-c", "echo x > made", check=False).stderr.startswith("netsh: made: not over TCP")
    assert b.run(*NETSH, "-s", url, "-c", "ifconfig virt0 create", check=False).returncode == 1
    assert b.run(*NETSH, "-s", url, "--", "halt").stderr == ""


@needs_root_tun
def test_a_tap_of_a_served_lab_lives_as_long_as_the_lab(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/lab"
    with netns() as machine:
        serve(machine, url, "--lab", "none", "--host", "me")
        machine.run(*NETSH, "-s", url, "-c", "ifconfig virt0 create; ifconfig virt0 10.99.0.2/24; ifconfig -w 10")
        machine.run("ip", "addr", "add", "10.99.0.1/24", "dev", "tap0")
        assert machine.run(*NETSH, "-s", url, "--", "ping", "-c", "1", "10.99.0.1").returncode == 0
        assert machine.run(*NETSH, "-s", url, "--", "clock", "x10", check=False).returncode == 1
        machine.run(*NETSH, "-s", url, "--", "halt")
        assert machine.run("ip", "link", "show", "tap0", check=False).returncode != 0
    assert not (tmp_path / "lab").exists()
