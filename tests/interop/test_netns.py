"""The tests' own tool: a namespace holds what was made inside, and leaves nothing behind."""

from __future__ import annotations

import os
import select
import socket
import subprocess

import pytest

from tests.interop.netns import PATIENCE, Netns, needs_root_tun, netns

pytestmark = needs_root_tun


def namespaces() -> str:
    return subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout


def here() -> str:
    """Which namespace this thread is in."""
    return os.readlink("/proc/thread-self/ns/net")


def test_tap_made_inside_lives_inside() -> None:
    from pytun import IFF_NO_PI, IFF_TAP, TunTapDevice

    with netns() as ns:
        with ns.enter():
            tap = TunTapDevice(flags=IFF_TAP | IFF_NO_PI)
            assert {name for _, name in socket.if_nameindex()} == {"lo", tap.name}
        try:
            assert tap.name in ns.run("ip", "-brief", "link").stdout
        finally:
            tap.close()
        assert tap.name not in ns.run("ip", "-brief", "link").stdout


def test_a_namespace_goes_with_its_programs() -> None:
    with netns() as ns:
        child = ns.popen("sh", "-c", "sleep 1000 & echo $!; cat")
        assert child.stdout is not None
        grandchild = os.pidfd_open(int(child.stdout.readline()))
        assert ns.name in namespaces()
    assert child.returncode is not None
    assert select.select([grandchild], [], [], PATIENCE)[0], "it lives on"
    os.close(grandchild)
    assert ns.name not in namespaces()


def test_leaves_the_namespace_after_an_error() -> None:
    def fail(ns: Netns) -> None:
        with ns.enter():
            assert here() != before
            raise RuntimeError

    before = here()
    with netns() as ns, pytest.raises(RuntimeError):
        fail(ns)
    assert here() == before


def test_a_program_that_fails_says_why() -> None:
    with netns() as ns:
        with pytest.raises(AssertionError, match="nosuch0"):
            ns.run("ip", "link", "show", "nosuch0")
        assert ns.run("false", check=False).returncode == 1
