"""Other people's stacks at the same work, for bench.performance: slirp4netns, pasta, Mininet, PyTCP, scapy, dpkt.

`make peers` installs them; those that are not here are named and left out.  What sends anything does it in network
namespaces that are made here, as root.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bench import peer
from bench.peers import PORT, iperf3
from bench.tap import FLOOD, flood
from tests.interop.netns import Netns, netns

MININET_PYTHON = "/usr/bin/python3"  # the one that Debian's package is for
PYTCP = "10.9.0.2"
PATIENCE = 20.0  # seconds that a program has to be ready
_HERE = Path(__file__).parent
_MAC, _NEXT = b"\xb2\xa0\0\0\0\1", b"\xb2\xa0\0\0\0\3"


def lacking(*programs: str, module: str = "") -> str:
    """Why somebody else's program cannot be measured on this machine; empty when it can."""
    absent = [program for program in programs if shutil.which(program) is None]
    if module and importlib.util.find_spec(module) is None:
        absent.append(module)
    return f"no {', '.join(absent)}" if absent else ""


# --- the machine's own sockets under a stack in userspace ----------------------------------------------


def slirp4netns(seconds: float, *words: str) -> float:
    """Gbit/s between a namespace behind slirp4netns and a program outside."""
    with netns() as outside, netns() as inside:
        name = f"/run/netns/{inside.name}"
        argv = "slirp4netns", "--configure", "--mtu=65520", "--netns-type=path", name, "tap0"
        return _through(outside, inside, argv, "10.0.2.2", seconds, words)


def pasta(seconds: float, *words: str) -> float:
    """Gbit/s between a namespace behind pasta and a program outside."""
    with netns() as outside, netns() as inside:
        outside.run("ip", "link", "add", "out0", "type", "veth", "peer", "name", "out1")  # what it takes for the world
        outside.run("ip", "addr", "add", "10.7.0.2/24", "dev", "out0")
        for device in ("out0", "out1"):
            outside.run("ip", "link", "set", device, "up")
        outside.run("ip", "route", "add", "default", "via", "10.7.0.1")
        inside.run("sysctl", "-q", "-w", "net.ipv4.tcp_wmem=4096 262144 262144")  # with more of it a stream stalls
        options = "--config-net", "--runas", "0:0", "-f", "-4", "-I", "tap0", "--netns-only"
        argv = "pasta", *options, "--netns", f"/run/netns/{inside.name}"
        return _through(outside, inside, argv, "10.7.0.1", seconds, words)


def _through(
    outside: Netns, inside: Netns, argv: tuple[str, ...], address: str, seconds: float, words: tuple[str, ...]
) -> float:
    """One stream between a namespace and what is outside, where the loopback is at that address."""
    child = outside.popen(*argv)
    _until(lambda: "tap0" in inside.run("ip", "-4", "addr").stdout, child)
    return iperf3(inside, outside, address, seconds, *words)


def _until(ready: Callable[[], bool], child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert child.poll() is None and time.monotonic() < deadline, f"{child.args!r} is not ready"
        time.sleep(0.02)


# --- a stack in Python ---------------------------------------------------------------------------------


@contextmanager
def _pytcp(seconds: float = 0) -> Iterator[tuple[Netns, IO[str]]]:
    """A namespace with PyTCP at 10.9.0.2, behind its TAP, and what that prints."""
    with netns() as ns:
        ns.run("ip", "tuntap", "add", "tap0", "mode", "tap")
        ns.run("ip", "addr", "add", "10.9.0.1/24", "dev", "tap0")
        ns.run("ip", "link", "set", "tap0", "up")
        program = str(_HERE / "pytcp_end.py")
        child = ns.popen(sys.executable, "-O", program, "tap0", f"{PYTCP}/24", str(PORT), str(seconds))
        assert child.stdout is not None
        while "listening" not in child.stdout.readline():
            assert child.poll() is None
        yield ns, child.stdout


def pytcp(seconds: float) -> float:
    """Gbit/s from the kernel to a program on PyTCP."""
    with _pytcp(seconds) as (ns, said):
        ns.popen(sys.executable, str(Path(peer.__file__)), "source", PYTCP, str(PORT))
        return float(said.readline()) / 1e9


def pytcp_ping() -> float:
    """Microseconds of a ping to PyTCP, one after the other."""
    with _pytcp() as (ns, _):
        return flood(ns.run("ping", *FLOOD, PYTCP).stdout)


# --- hosts ---------------------------------------------------------------------------------------------


def mininet(hosts: int) -> float:
    """Milliseconds to make one of so many hosts of Mininet, on one switch."""
    with netns() as ns:
        return float(ns.run(MININET_PYTHON, str(_HERE / "mininet_end.py"), str(hosts), timeout=120).stdout)


# --- one hop -------------------------------------------------------------------------------------------


def scapy_hops(count: int) -> float:
    """Hops a second of a router that takes frames apart and builds them with scapy."""
    from scapy.layers.inet import IP, TCP
    from scapy.layers.l2 import Ether

    frame = bytes(Ether(src=_MAC, dst=_NEXT) / IP(dst="10.0.0.1") / TCP() / bytes(10))
    begin = time.perf_counter()
    for _ in range(count):
        packet = Ether(frame)
        packet[IP].ttl -= 1
        del packet[IP].chksum
        packet.dst = _NEXT
        bytes(packet)
    return count / (time.perf_counter() - begin)


def dpkt_hops(count: int) -> float:
    """The same with dpkt."""
    from dpkt.ethernet import Ethernet
    from dpkt.ip import IP
    from dpkt.tcp import TCP

    inner = IP(src=b"\x0a\0\0\2", dst=b"\x0a\0\0\1", p=6, data=TCP(data=bytes(10)))
    inner.len = len(inner)
    frame = bytes(Ethernet(src=_MAC, dst=_NEXT, data=inner))
    begin = time.perf_counter()
    for _ in range(count):
        packet = Ethernet(frame)
        packet.data.ttl -= 1
        packet.data.sum = 0
        packet.dst = _NEXT
        bytes(packet)
    return count / (time.perf_counter() - begin)
