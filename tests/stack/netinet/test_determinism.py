"""Same seed, same commands: the same frames, byte for byte; and no state but that of the lab's own objects."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import stack
from stack.addr import Prefix
from stack.header.icmp import ICMP_ECHO, build
from stack.header.ip import IPPROTO_ICMP
from stack.kern.proc import Proc, pause
from stack.kern.socket import SOCK_DGRAM, SOCK_RAW, SOCK_STREAM
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab
from stack.net.bpf import Capture, Captured
from stack.net.wire import Personality
from stack.netinet.in_ import IP_ADD_MEMBERSHIP, IPPROTO_IP
from tests.stack.labs import attach, ip4

ROOT = Path(stack.__file__).parent.parent


def busy(
    seed: int, look: Callable[[Lab], object] = lambda lab: None
) -> tuple[list[Captured], list[tuple[str, str, str]]]:
    """A lab with all that is left to chance: what every interface saw, and what died; somebody may look on."""
    lab = Lab(seed)
    look(lab)
    a, r, b = (lab.add_host(name) for name in "arb")
    deaths: list[tuple[str, str, str]] = []
    lab.probes.drop += (lambda host, protocol, reason, m: deaths.append((host, protocol, reason)),)
    attach(lab, a, "left", "10.0.1.1", dad=True)
    attach(lab, r, "left", "10.0.1.254", dad=True)
    attach(lab, r, "right", "10.0.2.254", dad=True)
    attach(lab, b, "right", "10.0.2.1", dad=True)
    a.add_route(Prefix.parse("default"), ip4("10.0.1.254"))
    b.add_route(Prefix.parse("default"), ip4("10.0.2.254"))
    lab.bus("left").set(Personality(delay=0.003, loss=0.03, duplicate=0.02, reorder=0.03))
    lab.bus("right").set(Personality(delay=0.001, rate=2e6, queue=20, loss=0.02))
    capture = Capture(lambda: lab.callouts.now, [ifp for host in (a, r, b) for ifp in host.interfaces.values()])

    async def server(proc: Proc) -> int:
        so = b.socket(SOCK_STREAM)
        so.bind((0, 80))
        so.listen()
        for _ in range(3):
            child, _ = await accept(so)
            while data := await recv(child, 5000):
                await sendall(child, data)
            child.close()
        return 0

    async def client(proc: Proc) -> int:
        so = a.socket(SOCK_STREAM)
        await connect(so, (ip4("10.0.2.1"), 80))
        await sendall(so, b"0123456789" * 3000)
        so.shutdown(1)
        while await recv(so, 5000):
            pass
        so.close()
        return 0

    async def others(proc: Proc) -> int:
        ping, udp = a.socket(SOCK_RAW, IPPROTO_ICMP), b.socket(SOCK_DGRAM)
        udp.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, (ip4("239.1.1.1"), 0))
        for number in range(20):
            ping.sendto(build(ICMP_ECHO, 0, number, bytes(2000)), (ip4("10.0.2.1"), 0))
            udp.sendto(bytes(3000), (ip4("10.0.1.1"), 7))
            await pause(0.3)
        return 0

    lab.spawn(b, ["server"], server)
    for host, program in ((a, client), (a, client), (a, client), (a, others)):
        lab.spawn(host, ["program"], program)
    lab.run(300)
    return capture.frames, deaths


def test_two_runs_are_one() -> None:
    first, second = busy(7), busy(7)
    assert len(first[0]) > 500 and {reason for _, _, reason in first[1]} >= {"loss", "noport"}
    assert first == second


def test_another_seed_is_another_run() -> None:
    assert busy(7)[0] != busy(8)[0]


def test_the_order_of_hashes_is_nothing_to_us() -> None:
    """Strings hash anew in every process; a set that is walked anywhere would show."""
    program = f"import {__name__} as test; print(test.busy(7))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


# --- no state outside the lab -----------------------------------------------------------------------------------


def modules() -> Iterator[ModuleType]:
    """Every module of the stack, but for devices."""
    for info in pkgutil.walk_packages(stack.__path__, "stack."):
        if not info.name.startswith("stack.dev") and not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def state() -> dict[str, str]:
    """All that could change at module level or on a class: containers, numbers, words."""
    found = {}
    for module in modules():
        for name, value in vars(module).items():
            if name.startswith("__"):
                continue
            if isinstance(value, dict | list | set | bytearray | int | str | tuple):
                found[f"{module.__name__}.{name}"] = repr(value)
            elif isinstance(value, type) and value.__module__ == module.__name__:
                for attribute, held in vars(value).items():
                    if isinstance(held, dict | list | set | bytearray | int | str) and not attribute.startswith("__"):
                        found[f"{module.__name__}.{name}.{attribute}"] = repr(held)
    return found


def test_a_busy_lab_changes_nothing_outside_itself() -> None:
    before = state()
    assert len(before) > 500
    busy(9)
    after = state()
    assert after == before
