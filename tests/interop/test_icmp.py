"""ICMP and fragments between us and the kernel: echoes of every size, unreachables, and what sockets hear of them."""

from __future__ import annotations

import errno
import socket

import pytest

from stack.addr import Ip4
from stack.kern import syscalls
from stack.kern.proc import Proc
from stack.kern.socket import SOCK_DGRAM, SOCK_STREAM
from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import needs_program, needs_root_tun

pytestmark = [needs_root_tun, needs_program("tcpdump", "ping")]

SIZES = [1, 56, 1472, 1473, 8000, 60000]
NOBODY = 9  # a port where nobody listens


@pytest.mark.parametrize("size", SIZES)
def test_linux_pings_us(pair: Pair, size: int) -> None:
    said = pair.world.linux(pair.linux, "ping", "-c3", "-i0.01", "-s", str(size), OURS)
    assert "3 received" in said and f"{size + 8} bytes from {OURS}" in said
    assert pair.me.ip.stat["reassembled"] == (3 if size > 1472 else 0)


@pytest.mark.parametrize("size", SIZES)
def test_we_ping_linux(pair: Pair, size: int) -> None:
    answer = pair.world.command("me", f"ping -c 3 -i 0.01 -s {size} {THEIRS}")
    assert answer.status == 0 and "3 packets transmitted, 3 packets received" in answer.text
    assert f"{size + 8} bytes from {THEIRS}" in answer.text


def test_a_hundred_quick_pings_both_ways_at_once(pair: Pair) -> None:
    w = pair.world
    program = w.program(pair.linux, "ping", "-q", "-c100", "-i0.002", OURS)
    answer = w.command("me", f"ping -q -c 100 -i 0.002 {THEIRS}")
    w.finish_program(program)
    assert "100 received, 0% packet loss" in program.text
    assert "100 packets transmitted, 100 packets received, 0.0% packet loss" in answer.text


def test_linux_floods_us(pair: Pair) -> None:
    said = pair.world.linux(pair.linux, "ping", "-q", "-f", "-c1000", OURS)
    assert "1000 received, 0% packet loss" in said


def test_large_frames(pair: Pair) -> None:
    w, ns = pair.world, pair.linux
    w.wire(pair.me, "virt1", ns, "10.9.1.2/24", "10.9.1.1/24", mtu=9000)
    assert "1 received" in w.linux(ns, "ping", "-c1", "-s", "8972", "-M", "do", "10.9.1.2")
    assert w.command("me", "ping -c 1 -D -s 8972 10.9.1.1").status == 0
    assert pair.me.ip.stat["fragmented"] == 0


def test_options_are_answered(pair: Pair) -> None:
    """Linux records the route and times there and back (RFC 791 3.1)."""
    said = pair.world.linux(pair.linux, "ping", "-c1", "-R", OURS)
    assert said.count(OURS) > 2 and "1 received" in said
    assert "1 received" in pair.world.linux(pair.linux, "ping", "-c1", "-T", "tsandaddr", OURS)


def test_linux_hears_that_nobody_listens(pair: Pair) -> None:
    """UDP to a closed port: our port unreachable becomes ECONNREFUSED there; TCP's is a reset."""
    with pair.linux.enter():
        udp, tcp = (socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))
    with udp, tcp:
        udp.setblocking(False)
        udp.connect((OURS, NOBODY))
        udp.send(b"?")
        assert _error_of(pair, udp) == errno.ECONNREFUSED
        tcp.setblocking(False)
        with pytest.raises(BlockingIOError):
            tcp.connect((OURS, NOBODY))
        assert _error_of(pair, tcp) == errno.ECONNREFUSED


def _error_of(pair: Pair, so: socket.socket) -> int:
    """The error that a socket of the kernel's comes to have."""
    errors: list[int] = []

    def look() -> bool:
        errors.append(so.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        return errors[-1] != 0

    pair.world.until(look, what="an error on the kernel's socket")
    return errors[-1]


@pytest.mark.parametrize("kind", [SOCK_DGRAM, SOCK_STREAM])
def test_we_hear_that_nobody_listens(pair: Pair, kind: int) -> None:
    async def ask(_proc: Proc) -> int:
        so = pair.me.socket(kind)
        try:
            await syscalls.connect(so, (Ip4.parse(THEIRS), NOBODY))
            await syscalls.send(so, b"?")
            await syscalls.recv(so, 100, timeout=5.0)
        except ConnectionRefusedError:
            return 7
        finally:
            so.close()
        return 0

    assert pair.world.finish(pair.world.lab.spawn(pair.me, ["ask"], ask)) == 7


def test_linux_forwards_for_nobody(pair: Pair) -> None:
    """Linux, as our gateway without a route, says unreachable; so do we as Linux's."""
    w, ns = pair.world, pair.linux
    with ns.enter():
        _set("/proc/sys/net/ipv4/conf/all/forwarding", "1")
    w.route(pair.me, "192.0.2.0/24", THEIRS)
    answer = w.command("me", "ping -c 1 -w 1 192.0.2.1")
    assert answer.status != 0 and "Unreachable" in answer.text
    pair.me.sysctl.set("net.inet.ip.forwarding", "1")
    ns.run("ip", "route", "add", "198.51.100.0/24", "via", OURS)
    assert "Destination Net Unreachable" in w.linux(ns, "ping", "-c1", "198.51.100.1", status=1)


def _set(path: str, value: str) -> None:
    with open(path, "w") as file:
        file.write(value)
