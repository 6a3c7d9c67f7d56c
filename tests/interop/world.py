"""A lab with the real Linux kernel on its wires, moved along in real time by the shell's own clock.

    with world() as w:
        me, ns = w.host("me"), w.namespace()
        w.wire(me, "virt0", ns, "10.9.0.2/24", "10.9.0.1/24")
        assert w.command("me", "ping -c 1 10.9.0.1").status == 0
        assert "1 received" in w.linux(ns, "ping", "-c1", "10.9.0.2")

What our side puts on a wire is captured by tcpdump on the kernel's side; when the world ends, it must
have found no bad checksum in it.  A sum that we left to the kernel (stack/dev/vnet.py) stands in its captures as it
came, so it is put in its place first, if what stands there is what the kernel needs for it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from netsh.clock import Clock
from netsh.world import end
from stack.addr import Ip4, Prefix
from stack.dev import pcap, tap
from stack.dev.savefile import Loader
from stack.header.checksum import checksum, partial, pseudo4
from stack.header.ip import IPPROTO_TCP, IPPROTO_UDP
from stack.host import Host
from stack.kern.proc import Proc, pause
from stack.lab import Lab
from stack.mbuf import ETHER_HDR_LEN
from stack.net.bpf import Captured
from stack.net.ethernet import m_devget
from stack.net.ifnet import Ifnet
from stack.net.route import RTF_GATEWAY, RTF_STATIC, RTF_UP, Rtentry
from tests.commands.runner import Answer, Job, start
from tests.interop.netns import Netns, netns

PATIENCE = 20.0  # real seconds for anything that a test waits for
_TICK = 0.005  # how often the machine is asked about what has no descriptor to wait for
_BAD_SUM = re.compile(r"incorrect|bad cksum|bad udp cksum|wrong icmp cksum|\bbad-", re.IGNORECASE)


class Program:
    """A program in a namespace, its output collected while the lab goes on."""

    def __init__(self, clock: Clock, ns: Netns, argv: tuple[str, ...], pass_fds: tuple[int, ...] = ()) -> None:
        self.clock = clock
        self.argv = argv
        self.child = ns.popen(*argv, pass_fds=pass_fds)
        self.output = b""
        self.ended = False  # nobody writes to its output any more
        assert self.child.stdout is not None
        clock.readers[self.child.stdout.fileno()] = self._read

    def _read(self) -> None:
        assert self.child.stdout is not None
        data = os.read(self.child.stdout.fileno(), 1 << 20)
        self.output += data
        if not data:
            self.ended = True
            del self.clock.readers[self.child.stdout.fileno()]

    def close(self) -> None:
        """End its input."""
        assert self.child.stdin is not None
        self.child.stdin.close()

    @property
    def text(self) -> str:
        """What it has said so far, on stdout and stderr."""
        return self.output.decode(errors="replace")

    @property
    def done(self) -> bool:
        """Whether it is over and all of its output is here."""
        return self.ended and self.child.poll() is not None

    def listens(self, port: int, protocol: str = "tcp") -> bool:
        """Whether somebody in the namespace has bound that port."""
        state = "0A" if protocol == "tcp" else "07"
        lines = Path(f"/proc/{self.child.pid}/net/{protocol}").read_text().splitlines()[1:]
        return any(fields[1].endswith(f":{port:04X}") and fields[3] == state for fields in map(str.split, lines))


class World:
    """The lab, its clock, the namespaces on its wires; made by `world()`."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder
        self.lab = Lab()
        tap.register(self.lab)
        self.clock = Clock(self.lab, "real")
        self.captures: list[tuple[Program, Path]] = []
        self.taken: list[str] = []  # MAC addresses of the wires' ends on our side

    # -- making it -----------------------------------------------------------------------------

    def host(self, name: str, *, forwarding: bool = False) -> Host:
        """A host of the lab."""
        host = self.lab.add_host(name)
        if forwarding:
            host.sysctl.set("net.inet.ip.forwarding", "1")
        return host

    def namespace(self) -> Netns:
        """A network namespace."""
        return self.stack.enter_context(netns())

    def plug(self, host: Host, name: str, ns: Netns) -> Ifnet:
        """An interface of a host on a TAP in a namespace, for others to say what it is for."""
        with ns.enter():
            ifp = host.ifcreate(name)
        ifp.up()
        return ifp

    def wire(
        self, host: Host, name: str, ns: Netns, ours: str, theirs: str, *, mtu: int = 1500, capture: bool = True
    ) -> Ifnet:
        """An interface of a host on a TAP in a namespace, both ends with an address; DAD is not waited for."""
        ifp = self.plug(host, name, ns)
        assert ifp.linkstr is not None
        if mtu != 1500:
            ifp.set_mtu(mtu)
            ns.run("ip", "link", "set", ifp.linkstr, "mtu", str(mtu))
        ns.run("ip", "addr", "add", theirs, "dev", ifp.linkstr)
        address, plen = ours.split("/")
        host.set_address(ifp, Ip4.parse(address), int(plen), dad=False)
        ifp.up()
        if capture:
            self.capture(ns, ifp)
        return ifp

    def capture(self, ns: Netns, ifp: Ifnet) -> None:
        """Keep what our side sends on a wire, for the check at the end."""
        path = self.folder / f"{len(self.captures)}.pcap"
        assert ifp.linkstr is not None
        wish = f"ether src {ifp.lladdr}"
        program = self.program(
            ns, "tcpdump", "-Z", "root", "-n", "-U", "--immediate-mode", "-B", "65536", "-i", ifp.linkstr,
            "-w", str(path), wish,
        )  # fmt: skip
        self.captures.append((program, path))
        self.until(lambda: "listening on" in program.text, what="tcpdump to begin")

    def route(self, host: Host, destination: str, gateway: str) -> None:
        """A static route of a host of ours."""
        via = Ip4.parse(gateway)
        ifp, ifa = next((ifp, ifa) for ifp in host.interfaces.values() for ifa in ifp.addresses if ifa.prefix.has(via))
        flags = RTF_UP | RTF_GATEWAY | RTF_STATIC
        host.routes.add(Rtentry(Prefix.parse(destination), ifp, flags, gateway=via, ifa=ifa))

    # -- letting time pass ---------------------------------------------------------------------

    def until(self, done: Callable[[], bool], seconds: float = PATIENCE, what: str = "it") -> None:
        """Let the lab go on until something is true; AssertionError when it takes too long."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}\n{self.story()}"
            tick = Proc(self.lab.callouts, 0, "", ["test"])
            tick.start(_tick())
            self.clock.run(tick, lambda: None)

    def story(self) -> str:
        """The counters of all hosts, for who must find out what went wrong."""
        return "\n".join(
            f"{host.name} {protocol.name}: {dict(protocol.stat)}"
            for host in self.lab.hosts.values()
            for protocol in (host.ether, host.arp, host.ip, host.icmp, host.udp, host.tcp)
        )

    def start(self, host: str, line: str, stdin: bytes | None = b"") -> Job:
        """Start a command of ours; stdin None stays open."""
        return start(self.lab, host, line, stdin=stdin)

    def command(self, host: str, line: str, *, stdin: bytes = b"", seconds: float = PATIENCE) -> Answer:
        """Run a command of ours to its end."""
        job = self.start(host, line, stdin)
        self.finish(job.proc, seconds)
        return job.answer

    def finish(self, proc: Proc, seconds: float = PATIENCE) -> int:
        """Let a process of ours run to its end; its status, and no defect."""
        self.until(lambda: proc.status is not None, seconds, what=" ".join(proc.argv))
        if proc.failure is not None:
            raise proc.failure
        assert proc.status is not None
        return proc.status

    def program(self, ns: Netns, *argv: str) -> Program:
        """Start a program in a namespace."""
        return Program(self.clock, ns, argv)

    def finish_program(self, program: Program, seconds: float = PATIENCE) -> None:
        """Let a program run to its end."""
        try:
            self.until(lambda: program.done, seconds, what=" ".join(program.argv))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{program.text}") from None

    def linux(self, ns: Netns, *argv: str, status: int = 0, seconds: float = PATIENCE) -> str:
        """Run a program in a namespace to its end; what it said, and its status must be that."""
        program = self.program(ns, *argv)
        program.close()
        self.finish_program(program, seconds)
        found = program.child.returncode
        assert found == status, f"{' '.join(argv)}: status {found}\n{program.text}\n{self.story()}"
        return program.text

    # -- the end -------------------------------------------------------------------------------

    def check_sums(self) -> None:
        """What tcpdump saw of us has no bad checksum."""
        for program, path in self.captures:
            program.child.send_signal(signal.SIGINT)
            self.finish_program(program)
            finish_sums(path)
            read = ["tcpdump", "-n", "-vv", "-r", str(path)]
            seen = subprocess.run(read, capture_output=True, text=True, check=True).stdout
            bad = [line for line in seen.splitlines() if _BAD_SUM.search(line)]
            assert not bad, "\n".join(bad[:20])
        self.captures.clear()


def finish_sums(path: Path) -> None:
    """Do what the kernel would do for whoever is not itself: make the TCP and UDP sums that were left to it."""
    loader, frames = Loader(), list[Captured]()
    for frame in loader.feed(path.read_bytes()):
        frames.append(Captured(frame.time / 1e9, "", True, finished(frame.data)))
    pcap.write(str(path), frames)


def finished(frame: bytes) -> bytes:
    """A frame with its sum, if there stands just the pseudo-header's."""
    m = m_devget(frame)
    at = {IPPROTO_TCP: 16, IPPROTO_UDP: 6}.get(m.net[9]) if len(m.net) >= 20 else None
    if at is None or m.net[6] & 0x3F or m.net[7]:
        return frame
    start, size = ETHER_HDR_LEN + len(m.net), int.from_bytes(m.net[2:4]) - len(m.net)
    pseudo = pseudo4(partial(m.net[12:20]), 0, m.net[9], size) % 0xFFFF
    at += start
    if int.from_bytes(frame[at : at + 2]) != pseudo:
        return frame
    return frame[:at] + checksum(frame[start : start + size]).to_bytes(2) + frame[at + 2 :]


async def _tick() -> int:
    await pause(_TICK)
    return 0


@contextlib.contextmanager
def world() -> Iterator[World]:
    """A world; its namespaces and interfaces go with it."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="netsh-")))
        made = World(stack, folder)
        try:
            yield made
            made.check_sums()
        finally:
            end(made.lab)
