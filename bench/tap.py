"""Through TAPs, with the kernel at the other end: endpoints, a router, a bridge, a line of 100 routers, pings.

    python -m bench.tap [--seconds 3] [--repeat 3] [--only router]

Every row is run in network namespaces that it makes itself, as root.  `plain` rows have every offload of ours and of
the kernel's switched off, so that each frame of 1500 bytes is read and written by itself; in `joined` ones it sends
such frames, and we join them (stack/net/gro.py).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench import peer
from bench.chains import chain
from bench.measure import Figure, calibrate, figure, report
from stack.addr import Ip4, Prefix
from stack.dev import vnet
from stack.host import Host
from stack.kern.socket import SOCK_STREAM
from stack.kern.syscalls import accept, recv, sendall
from stack.net.bridge import Bridge
from tests.interop.netns import Netns, why_no_tun
from tests.interop.world import World, world

PORT = 5001
OURS, THEIRS = "10.9.0.2", "10.9.0.1"
PIECE = bytes(131072)
BUFFER = 4 << 20  # bytes that buffers may grow to, as Linux's do by themselves
WARM = 0.5  # seconds of a stream before it is measured
FEATURES = ("tx", "tso", "gso", "gro")
FLOOD = "-f", "-c", "1000", "-q"  # one after the other
FAR_TTL = "/proc/sys/net/ipv4/ip_default_ttl"


class Mode(NamedTuple):
    """What is switched on: of ours, and whether of the kernel's."""

    ours: int
    theirs: bool


MODES = {
    "super-segments": Mode(vnet.CAPABILITIES, True),
    "joined": Mode(vnet.CAPABILITIES, False),
    "plain": Mode(0, False),
}


def switch(w: World, mode: Mode, *namespaces: Netns) -> None:
    """Switch what both sides do."""
    for host in w.lab.hosts.values():
        for ifp in host.interfaces.values():
            if ifp.kind == "virt":
                ifp.set_capenable(mode.ours)
    for number, ns in enumerate(namespaces):
        for feature in () if mode.theirs else FEATURES:
            ns.run("ethtool", "-K", f"tap{number}", feature, "off")


# --- endpoints ------------------------------------------------------------------------------------


def endpoint(direction: str, mode: Mode, seconds: float) -> float:
    """Gbit/s of one stream between a program of ours and one of the kernel's."""
    with world() as w:
        me, ns = w.host("me"), w.namespace()
        for knob in ("sendbuf_max", "recvbuf_max"):
            me.sysctl.set(f"net.inet.tcp.{knob}", str(BUFFER))
        w.wire(me, "virt0", ns, f"{OURS}/24", f"{THEIRS}/24", capture=False)
        switch(w, mode, ns)
        moved, begin = [0], [0.0]
        proc = w.lab.spawn(me, ["end"], lambda proc: _end(me, direction, seconds, moved, begin))
        program = w.program(ns, sys.executable, str(Path(peer.__file__)), _OTHER[direction], OURS, str(PORT))
        w.finish(proc, seconds + 20)
        elapsed = time.perf_counter() - begin[0]
        program.child.kill()
        return moved[0] * 8 / elapsed / 1e9


_OTHER = {"out": "sink", "in": "source"}


async def _end(me: Host, direction: str, seconds: float, moved: list[int], begin: list[float]) -> int:
    listener = me.socket(SOCK_STREAM)
    listener.bind((0, PORT))
    listener.listen()
    so, _ = await accept(listener)
    started = time.perf_counter()
    while (now := time.perf_counter()) < started + WARM + seconds:
        if not begin[0] and now > started + WARM:
            begin[0], moved[0] = now, 0
        if direction == "out":
            await sendall(so, PIECE)
            moved[0] += len(PIECE)
        else:
            moved[0] += len(await recv(so, 2 * len(PIECE)))
    return 0


# --- between two kernels ----------------------------------------------------------------------------


def router(w: World) -> tuple[Netns, Netns, str]:
    """One router; who sends, who takes, and at what address."""
    return routers(w, 1)


def routers(w: World, count: int) -> tuple[Netns, Netns, str]:
    """A line of them."""
    near, far = w.namespace(), w.namespace()
    hosts = chain(w.lab, count) if count > 1 else [w.host("gw")]
    for number, (host, ns) in enumerate(zip((hosts[0], hosts[-1]), (near, far), strict=True)):
        net = f"10.{250 + number}.0"
        w.wire(host, f"virt{number}", ns, f"{net}.254/24", f"{net}.1/24", capture=False)
        ns.run("ip", "route", "add", "default", "via", f"{net}.254")
        with ns.enter():
            Path(FAR_TTL).write_text("255")
    for number, host in enumerate(hosts):
        host.sysctl.set("net.inet.ip.forwarding", "1")
        if number < count - 1:
            host.add_route(Prefix.parse("10.251.0.0/24"), Ip4(0x0A000000 + 4 * number + 2))
        if number:
            host.add_route(Prefix.parse("10.250.0.0/24"), Ip4(0x0A000000 + 4 * (number - 1) + 1))
    return near, far, "10.251.0.1"


def bridge(w: World) -> tuple[Netns, Netns, str]:
    """A bridge."""
    sw, near, far = w.host("sw"), w.namespace(), w.namespace()
    made = sw.ifcreate("bridge0")
    assert isinstance(made, Bridge)
    for number, ns in enumerate((near, far)):
        made.add(w.plug(sw, f"virt{number}", ns))
        ns.run("ip", "addr", "add", f"10.1.0.{number + 1}/24", "dev", f"tap{number}")
    made.up()
    return near, far, "10.1.0.2"


def through(build: Callable[[World], tuple[Netns, Netns, str]], mode: Mode, seconds: float) -> float:
    """Gbit/s of iperf3 between two kernels."""
    with world() as w:
        near, far, address = build(w)
        switch(w, mode, near, far)
        server = w.program(far, "iperf3", "-s", "-1", "-p", str(PORT), "--forceflush")
        w.until(lambda: "listening" in server.text, what="iperf3")
        w.linux(near, "ping", "-c", "1", address)
        argv = "iperf3", "-c", address, "-p", str(PORT), "-t", f"{max(1, seconds):.0f}", "-O", "1", "-J"
        told = json.loads(w.linux(near, *argv, seconds=seconds + 30))["end"]
        retransmits = told["sum_sent"]["retransmits"]
        if retransmits:
            print(f"  ({retransmits} retransmits)", file=sys.stderr)
        return float(told["sum_received"]["bits_per_second"]) / 1e9


def ping() -> float:
    """Microseconds of a ping to a host of ours, one after the other."""
    with world() as w:
        me, ns = w.host("me"), w.namespace()
        w.wire(me, "virt0", ns, f"{OURS}/24", f"{THEIRS}/24", capture=False)
        return flood(w.linux(ns, "ping", *FLOOD, OURS))


def flood(said: str) -> float:
    """The mean round trip of `ping FLOOD`, in microseconds."""
    found = re.search(r"= [\d.]+/([\d.]+)/", said)
    assert found is not None, said
    return float(found[1]) * 1000


class Row(NamedTuple):
    """One figure: how it is measured, its unit, and what is wanted."""

    run: Callable[[float], float]
    target: str = ""
    unit: str = "Gbit/s"


def hundred(w: World) -> tuple[Netns, Netns, str]:
    """A line of 100 routers."""
    return routers(w, 100)


BUILDS = {"router": router, "bridge": bridge, "100 routers": hundred}


def _endpoint(direction: str, mode: str) -> Callable[[float], float]:
    return lambda seconds: endpoint(direction, MODES[mode], seconds)


def _through(build: Callable[[World], tuple[Netns, Netns, str]], mode: str) -> Callable[[float], float]:
    return lambda seconds: through(build, MODES[mode], seconds)


ROWS = {
    "to the kernel, super-segments": Row(_endpoint("out", "super-segments"), "10"),
    "from the kernel, super-segments": Row(_endpoint("in", "super-segments"), "6"),
    "from the kernel, joined": Row(_endpoint("in", "joined")),
    "to the kernel, plain": Row(_endpoint("out", "plain"), "0.5"),
    "from the kernel, plain": Row(_endpoint("in", "plain"), "0.5"),
    "router, super-segments": Row(_through(router, "super-segments"), "10"),
    "router, joined": Row(_through(router, "joined"), "0.94"),
    "router, plain": Row(_through(router, "plain"), "0.94"),
    "bridge, super-segments": Row(_through(bridge, "super-segments"), "10"),
    "100 routers, super-segments": Row(_through(hundred, "super-segments"), "1"),
    "ping": Row(lambda _: ping(), "100", "us"),
}


def main() -> None:
    """Measure the rows that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object a figure")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each stream (default: 3)")
    parser.add_argument("--only", default="", help="rows with these words in them")
    args = parser.parse_args()
    lacking = why_no_tun()
    if lacking:
        parser.error(f"not on this machine: {lacking}")
    before = calibrate()
    figures: list[Figure] = []
    for name, row in ROWS.items():
        if args.only in name:
            figures.append(figure(name, partial(row.run, args.seconds), args.repeat, row.unit, row.target))
    report("tap", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
