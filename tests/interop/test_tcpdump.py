"""What Linux and our stack say to each other over a TAP reads in our tcpdump as it does in the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.kern.proc import SIGINT
from stack.lab import Lab
from tests.commands.runner import run
from tests.commands.test_tcpdump_real import differences
from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import needs_program, needs_root_tun

pytestmark = [needs_root_tun, needs_program("tcpdump", "ping", "curl", "traceroute")]


@pytest.fixture
def talk(pair: Pair, tmp_path: Path) -> Path:
    """A capture of all kinds of packets, in both directions."""
    world, path = pair.world, tmp_path / "x.pcapng"
    job = world.start("me", f"tcpdump -i virt0 -w {path}")
    pair.linux.run("ip", "link", "set", "tap0", "down")  # and up: neighbours are solicited, groups are reported
    pair.linux.run("ip", "link", "set", "tap0", "up")
    httpd = world.start("me", "httpd")
    world.linux(pair.linux, "ping", "-c", "2", "-s", "3000", OURS)
    world.linux(pair.linux, "ping", "-c", "2", "-R", OURS)
    world.linux(pair.linux, "ping", "-c", "2", "-T", "tsonly", OURS)
    world.linux(pair.linux, "traceroute", "-n", "-q", "1", OURS)
    world.linux(pair.linux, "curl", "-sS", f"http://{OURS}/")
    world.linux(pair.linux, "curl", "-sS", f"http://{OURS}:81/", status=7)
    world.command("me", f"ping -c 1 {THEIRS}")
    world.command("me", f"nc -z {THEIRS} 99")
    world.command("me", f"traceroute -n -q 1 {THEIRS}")
    for each in (httpd, job):
        each.proc.signal(SIGINT)
        world.finish(each.proc)
    assert job.answer.err.endswith("0 packets dropped by kernel\n")
    return path


def test_the_kernels_packets_read_the_same(talk: Path) -> None:
    text = run(Lab(), "me", f"tcpdump -nv -r {talk}").text
    for words in (
        "ARP",
        "offset 1480",
        "timestamp TS{TSONLY",
        "options (RR",
        "udp port",
        "mss 1460",
        "HTTP/1.1 200",
        "IP6",
    ):
        assert words in text
    for options in ("-n", "-ne", "-nv", "-nvve", "-nS", "-nx", "-nX", "-nA", "-nq"):
        assert differences(talk, options) == []
