"""Network namespaces, so that a real Linux kernel can be the other end of a test (ip-netns(8), setns(2)).

Whatever a test sends to the kernel stays in a namespace that the test made:

    @needs_root_tun
    def test_kernel_pings_us() -> None:
        with netns() as ns:
            with ns.enter():  # a TAP made here belongs to the namespace
                tap = TunTapDevice(name="tap0", flags=IFF_TAP | IFF_NO_PI)
            ns.run("ip", "addr", "add", "10.0.0.1/24", "dev", "tap0")

The descriptor of the TAP goes on working after `enter` ends, and the process is back where it was.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CLONE_NEWNET = 0x40000000
RUN = Path("/run/netns")  # where ip(8) keeps them
PATIENCE = 5.0  # real seconds that a program gets to end once it was asked to

_libc = ctypes.CDLL(None, use_errno=True)
_serial = itertools.count()


class Netns:
    """One network namespace, with only `lo` in it; made by `netns()`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.children: list[subprocess.Popen[str]] = []

    def run(self, *argv: str, check: bool = True, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run a program inside to its end, its output kept; AssertionError when it fails and `check`."""
        done = subprocess.run(self._inside(argv), capture_output=True, text=True, timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(argv)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def popen(self, *argv: str, pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[str]:
        """Start a program inside, on pipes (stderr goes with stdout); it is ended with the namespace at the latest."""
        child = subprocess.Popen(
            self._inside(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            pass_fds=pass_fds,
        )  # fmt: skip
        self.children.append(child)
        return child

    def wait_up(self, device: str) -> None:
        """Wait until the kernel sends on a cable: not right away when both of its ends are up, but a while later."""
        deadline = time.monotonic() + PATIENCE
        while "state UP" not in (said := self.run("ip", "link", "show", "dev", device).stdout):
            assert time.monotonic() < deadline, said

    @contextlib.contextmanager
    def enter(self) -> Iterator[None]:
        """Be inside, with this thread: sockets and TAPs made now belong to the namespace for good."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            inside = os.open(RUN / self.name, os.O_RDONLY)
            try:
                _setns(inside)
            finally:
                os.close(inside)
            try:
                yield
            finally:
                _setns(before)
        finally:
            os.close(before)

    def end(self) -> None:
        """End what `popen` started, and what that started."""
        for child in self.children:
            child.terminate()
        for child in self.children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(PATIENCE)
        left = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True, check=True).stdout
        for pid in left.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        for child in self.children:
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()

    def _inside(self, argv: tuple[str, ...]) -> list[str]:
        # not `ip netns exec`, which would mount a /sys of its own, and may not in every container
        return ["nsenter", f"--net={RUN / self.name}", "--", *argv]


@contextlib.contextmanager
def netns() -> Iterator[Netns]:
    """A new network namespace, `lo` up; it goes, with all programs in it, when the block ends."""
    namespace = Netns(f"netsh-{os.getpid()}-{next(_serial)}")
    subprocess.run(["ip", "netns", "add", namespace.name], check=True, capture_output=True)
    try:
        namespace.run("ip", "link", "set", "lo", "up")
        yield namespace
    finally:
        namespace.end()
        subprocess.run(["ip", "netns", "delete", namespace.name], check=True, capture_output=True)


def why_no_tun() -> str:
    """What this machine lacks for a TAP in a namespace of its own; empty when it lacks nothing."""
    if os.geteuid() != 0:
        return "not root"
    if not Path("/dev/net/tun").is_char_device():
        return "no /dev/net/tun"
    if shutil.which("ip") is None:
        return "no ip(8)"
    if importlib.util.find_spec("pytun") is None:
        return "no python-pytun"
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode != 0:
        return "may not make network namespaces"
    return ""


def forward(ns: Netns) -> None:
    """Make a kernel a router."""
    with ns.enter():
        Path("/proc/sys/net/ipv4/conf/all/forwarding").write_text("1")


def behind(ns: Netns, far: Netns, mtu: int = 1500) -> None:
    """Make another kernel, 10.8.0.2, one that is behind a first one, 10.8.0.1, which forwards."""
    forward(ns)
    ns.run("ip", "link", "add", "near0", "mtu", str(mtu), "type", "veth", "peer", "name", "far0", "netns", far.name)
    for number, (space, device) in enumerate(((ns, "near0"), (far, "far0")), 1):
        space.run("ip", "addr", "add", f"10.8.0.{number}/24", "dev", device)
        space.run("ip", "link", "set", device, "up")
    far.run("ip", "route", "add", "default", "via", "10.8.0.1")
    ns.wait_up("near0")
    far.wait_up("far0")


_lacking = why_no_tun()
needs_root_tun = pytest.mark.skipif(bool(_lacking), reason=f"needs root and a TAP: {_lacking}")


def why_no_netem() -> str:
    """What this machine lacks for `tc netem`; empty when it lacks nothing."""
    if _lacking or shutil.which("tc") is None:
        return _lacking or "no tc(8)"
    trial = ["unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    return "" if subprocess.run(trial, capture_output=True, check=False).returncode == 0 else "no netem in this kernel"


def why_no_link(kind: str) -> str:
    """What this machine lacks for a kind of interface of Linux's; empty when it lacks nothing."""
    if _lacking:
        return _lacking
    add = f"ip link add trial0 type {kind}"
    if kind == "vlan":  # which wants something to be on, and the loopback takes no tags
        add = "ip link add trial0 type veth && ip link add link trial0 name trial1 type vlan id 5"
    trial = ["unshare", "--net", "sh", "-c", add]
    made = subprocess.run(trial, capture_output=True, check=False).returncode == 0
    return "" if made else f"no {kind} in this kernel"


def needs_link(*kinds: str) -> pytest.MarkDecorator:
    """A mark: skip where the kernel cannot make one of these kinds of interfaces."""
    missing = next(filter(None, map(why_no_link, kinds)), "")
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(kinds)}: {missing}")


_lacking_netem = why_no_netem()
needs_netem = pytest.mark.skipif(bool(_lacking_netem), reason=f"needs tc netem: {_lacking_netem}")


def needs_program(*programs: str) -> pytest.MarkDecorator:
    """A mark: skip where one of these programs of the machine is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:  # os.setns came with Python 3.12
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
