"""`netsh router` and `netsh bridge` between two kernels: each TAP's other end lives in a namespace of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.interop.netns import PATIENCE, Netns, needs_program, needs_root_tun, netns

pytestmark = [needs_root_tun, needs_program("ping", "nsenter")]


@contextmanager
def appliance(*words: str) -> Iterator[tuple[subprocess.Popen[str], Netns, Netns]]:
    """The program at work, and the two namespaces that tap0 and tap1 were taken to."""
    with netns() as middle, netns() as left, netns() as right:
        program = middle.popen(sys.executable, "-m", "netsh", *words, "-w", "0.05")
        assert program.stdout is not None
        assert "input" in program.stdout.readline()  # it shows its counters, so it is set up
        for device, namespace in (("tap0", left), ("tap1", right)):
            middle.run("ip", "link", "set", device, "netns", namespace.name)
        yield program, left, right


def address(namespace: Netns, device: str, prefix: str, gateway: str = "") -> None:
    """Give the kernel's side of a TAP its address, and a way to all else."""
    namespace.run("ip", "addr", "add", prefix, "dev", device)
    namespace.run("ip", "link", "set", device, "up")
    if gateway:
        namespace.run("ip", "route", "add", "default", "via", gateway)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_router_between_two_kernels(number: int) -> None:
    words = ("router", "virt0", "192.168.1.1/24", "virt1", "192.168.2.1/24")
    with appliance(*words, "--route", "10.0.0.0/8", "192.168.2.2") as (program, left, right):
        address(left, "tap0", "192.168.1.2/24", "192.168.1.1")
        address(right, "tap1", "192.168.2.2/24", "192.168.2.1")
        right.run("ip", "addr", "add", "10.9.9.9/32", "dev", "lo")
        assert "ttl=63" in left.run("ping", "-c2", "-i0.02", "192.168.2.2").stdout
        assert "ttl=63" in left.run("ping", "-c1", "10.9.9.9").stdout
        program.send_signal(number)
        assert program.wait(PATIENCE) == 0


def test_a_bridge_between_two_kernels() -> None:
    with appliance("bridge", "virt0", "virt1", "192.168.1.1/24") as (_, left, right):
        address(left, "tap0", "192.168.1.2/24")
        address(right, "tap1", "192.168.1.3/24")
        assert "ttl=64" in left.run("ping", "-c2", "-i0.02", "192.168.1.3").stdout
        assert "ttl=255" in right.run("ping", "-c1", "192.168.1.1").stdout


def test_its_prompt_is_that_of_the_router() -> None:
    with netns() as ns:
        words = ("router", "virt0", "192.168.1.1/24", "virt1", "192.168.2.1/24", "-i")
        done = ns.run(sys.executable, "-m", "netsh", *words, check=False)
        assert done.returncode == 1 and "standard input is no terminal" in done.stderr
