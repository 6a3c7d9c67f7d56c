"""A lab: hosts, the buses between them, their processes, one clock, one seed.

A lab does nothing by itself: whoever drives it moves the clock (`run`, `run_proc`, or a driver outside
that follows the wall clock and watches `readers`).
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Coroutine
from typing import NamedTuple

from stack.addr import Ip4, Prefix
from stack.callout import Callouts
from stack.host import Cloner, Host, Machine
from stack.kern.errors import oserror
from stack.kern.proc import SIGKILL, Nap, Proc
from stack.mbuf import Mbuf
from stack.net.ifnet import Ifnet
from stack.net.route import RTF_LOCAL
from stack.net.wire import IDEAL, Bus, Personality
from stack.probe import Probes

LONG = 0.5  # real seconds that a thread may compute before what is due at the same moment may happen
_LINKS = Prefix.parse("10.255.0.0/16")  # `link` numbers new wires from here, a /30 each


def _no_files(name: str) -> Bus:
    raise OSError(f"{name}: this lab has no buses in files")


class Stop(NamedTuple):
    """Where a lab stands still: in the midst of a function of the stack, with a packet in hand perhaps."""

    host: str  # or `bus:lan`
    function: str  # BSD's name, ours where BSD has none
    path: str  # below the project's root
    line: int
    m: Mbuf | None
    why: str  # what stopped it: `break 1`, `step`
    what: str  # what has happened: a drop, another state; "" when the function has only been entered
    about: str  # what the function says of itself
    seen: Mbuf | None  # the packet with its header, where it gets that later


class Deadlock(RuntimeError):
    """Somebody waits, and nothing is pending anywhere: time has nothing to move on to."""


class Programs:
    """The programs of the real machine that run on hosts of a lab (stack/dev/sysproxy.py), for whoever drives it."""

    def __init__(self) -> None:
        self.readers: dict[int, Callable[[], None]] = {}  # descriptors to watch, and what to call
        self.working: dict[object, float] = {}  # threads that compute, and since when, if a driver has noted that
        self.slow: set[object] = set()  # those of them that have done so for long
        self.spent: dict[object, float] = {}  # how long some have done so before, at this moment of the lab's
        self.moment = 0.0
        self.outside = 0  # threads that wait for something that is not of the lab, too
        self.expecting: list[Callable[[], bool]] = []  # of each program: whether a signal may come from one it started
        self.rate: float | None = None  # virtual seconds a real one; None: fast

    @property
    def computing(self) -> bool:
        """Whether a thread is at work: until it asks for something, fast time stands still."""
        return bool(self.working)

    @property
    def held(self) -> bool:
        """Whether nothing else may happen, either: not for the sake of those that compute for long."""
        return len(self.working) > len(self.slow)

    def begin(self, thread: object) -> None:
        """A thread begins to compute."""
        self.working[thread] = 0.0

    def end(self, thread: object, now: float = 0.0) -> None:
        """It does so no more; `now` is given of those whose time at one moment of the lab's is to be added up."""
        since = self.working.pop(thread)
        self.slow.discard(thread)
        if now and since:
            self.spent[thread] = self.spent.get(thread, 0.0) + now - since

    def look(self, now: float, moment: float) -> float:
        """Note who computes now, by a clock of the machine's, and who has done so for long; when to look again."""
        if moment != self.moment:
            self.moment = moment
            self.spent.clear()
        soonest = LONG
        for thread, since in self.working.items():
            if not since:
                self.working[thread] = since = now
            left = LONG - self.spent.get(thread, 0.0) - (now - since)
            if left <= 0:
                self.slow.add(thread)
            soonest = min(soonest, max(left, 0.0))
        return soonest


class Lab:
    """A world of hosts in one process."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        self.callouts = Callouts()
        self.probes = Probes()
        self.rng = random.Random(seed)
        self.hosts: dict[str, Host] = {}
        self.buses: dict[str, Bus] = {}
        self.procs: dict[int, Proc] = {}
        self.next_pid = 1
        self.next_link: int | None = None  # where the next link's addresses begin
        self.cloners: dict[str, Cloner] = {}
        self.readers: dict[int, Callable[[], None]] = {}  # descriptors of devices: what to call when readable
        self.writers: dict[int, Callable[[], None]] = {}  # and when writable
        self.programs = Programs()
        self.open_bus: Callable[[str], Bus] = _no_files
        self.recent: object | None = None  # what tcpdump has seen last, a Recent of stack.net.bpf
        self.stopped: Stop | None = None  # where it stands still in mid-air
        self.trace: object | None = None  # who follows packets through it, a Recorder of stack.trace.recorder
        self.machine: Machine | None = None  # the machine's own sockets, when a host has used them
        self.predecessor: Lab | None = None  # whose place it takes, and with it what that has of the machine

    @property
    def has_devices(self) -> bool:
        """Whether something of the real machine is at work in it, which keeps real time."""
        return bool(self.readers or self.writers or (self.machine is not None and self.machine.busy))

    # --- hosts and buses ----------------------------------------------------------------------

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def add_host(self, name: str) -> Host:
        """A new host with nothing but a loopback; OSError EEXIST, ValueError for a name that is none."""
        if name in self.hosts:
            raise oserror(errno.EEXIST)
        if not is_name(name):
            raise ValueError(f"{name}: a host's name is letters, digits, `-` and `_`, and begins with a letter")
        host = self.hosts[name] = Host(
            name, seed=self.seed, callouts=self.callouts, probes=self.probes, rng=self.rng, find_bus=self.bus,
            cloners=self.cloners,
        )  # fmt: skip
        return host

    def remove_host(self, name: str) -> None:
        """End a host: its processes, then its interfaces; KeyError when there is none."""
        host = self.hosts[name]
        for proc in [proc for proc in self.procs.values() if proc.hostname == name]:
            proc.signal(SIGKILL)
        for ifname in [ifname for ifname in host.interfaces if ifname != "lo0"]:
            host.ifdestroy(ifname)
        del self.hosts[name]

    def bus(self, name: str) -> Bus:
        """The bus of that name, made when it is new; a name with a `/` is that of a file, which may have several."""
        if "/" in name:
            bus = self.open_bus(name)
            self.buses[bus.label] = bus
            return bus
        found = self.buses.get(name)
        if found is None:
            found = self.buses[name] = Bus(name, self.callouts, self.probes, self.seed)
        return found

    def remove_bus(self, name: str) -> None:
        """Take a bus away; OSError EBUSY while somebody is on it, KeyError when there is none."""
        if self.buses[name].ports:
            raise oserror(errno.EBUSY)
        del self.buses[name]

    def link(
        self, a: Host, b: Host, prefix: Prefix | None = None, personality: Personality | None = None
    ) -> tuple[Ifnet, Ifnet]:
        """A new bus `A-B` between two hosts, numbered from a prefix (or the next free /30).

        ValueError for a personality that makes no sense; OSError EADDRNOTAVAIL, EEXIST for addresses that
        cannot be; then all is as before.
        """
        if personality is not None:
            personality.check()
        prefix = prefix or self._free_prefix()
        if prefix.plen > 31:
            raise oserror(errno.EADDRNOTAVAIL)
        bus = self.bus(self._bus_name(f"{a.name}-{b.name}"))
        bus.set(personality or IDEAL)
        ends: list[Ifnet] = []
        try:
            for number, host in enumerate((a, b), 0 if prefix.plen == 31 else 1):
                ends.append(host.ifcreate(next_unit(host, "shmif")))
                ends[-1].set_linkstr(bus.label)
                host.set_address(ends[-1], Ip4(prefix.net + number), prefix.plen, dad=False)
        except OSError:
            for ifp, host in zip(ends, (a, b), strict=False):
                host.ifdestroy(ifp.name)
            self.remove_bus(bus.label)
            raise
        return ends[0], ends[1]

    def _bus_name(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self.buses:
            name, number = f"{wanted}.{number}", number + 1
        return name

    def _free_prefix(self) -> Prefix:
        """The next /30 to number a link from: beyond what was in use when the first one was asked for."""
        if self.next_link is None:
            interfaces = [ifp for host in self.hosts.values() for ifp in host.interfaces.values()]
            used = [ifa.address for ifp in interfaces for ifa in ifp.addresses if _LINKS.has(ifa.address)]
            self.next_link = max((int(address) + 4 & ~3 for address in used), default=int(_LINKS.net))
        prefix = Prefix(Ip4(self.next_link), 30)
        if not _LINKS.has(prefix.net):
            raise oserror(errno.EADDRNOTAVAIL)
        self.next_link += 4
        return prefix

    # --- names --------------------------------------------------------------------------------

    def resolve(self, name: str, asker: Host | None = None) -> Ip4:
        """The address of a name: dots, or a host of the lab, by its address nearest to who asks.

        OSError ENOENT when nobody is called so, EADDRNOTAVAIL when that host has no address yet.
        Who uses the machine's sockets asks the machine.
        """
        if asker is not None and asker.machine is not None:
            return asker.machine.resolve(name)
        try:
            return Ip4.parse(name)
        except ValueError:
            pass
        host = self.hosts.get(name)
        if host is None:  # RFC 4343: names that differ in their case alone are the same, and libraries make them small
            small = name.lower()
            host = next((other for known, other in self.hosts.items() if known.lower() == small), None)
            if host is None and small == "localhost" and asker is not None:
                return Ip4(0x7F000001)
        if host is None:
            raise oserror(errno.ENOENT)
        everything = [ifa.address for ifp in host.interfaces.values() for ifa in ifp.addresses]
        addresses = [address for address in everything if not address.is_loopback]
        if host is asker or not addresses:
            addresses = addresses or [Ip4(0x7F000001)] if host is asker else addresses
        if not addresses:
            raise oserror(errno.EADDRNOTAVAIL)
        return self._nearest(addresses, asker)

    def _nearest(self, addresses: list[Ip4], asker: Host | None) -> Ip4:
        """One on a network the asker is on, if that works, else the first."""
        if asker is not None:
            for address in addresses:
                rt = asker.routes.unicast(address)
                if rt is not None and (rt.flags & RTF_LOCAL or (not rt.nexthop and rt.ifp.runs)):
                    return address
        return addresses[0]

    def name_of(self, address: int, asker: Host | None = None) -> str | None:
        """The name of the host that has an address."""
        if asker is not None and asker.machine is not None:
            return asker.machine.name_of(address)
        if address >> 24 == 127:
            return "localhost" if address == 0x7F000001 else None
        for host in self.hosts.values():
            if host.control.local(address) is not None:
                return host.name
        return None

    # --- processes ----------------------------------------------------------------------------

    def spawn(self, host: Host, argv: list[str], make: Callable[[Proc], Coroutine[Nap, bool | None, int]]) -> Proc:
        """Start a process on a host; it runs as soon as somebody moves the clock."""
        proc = Proc(self.callouts, self.next_pid, host.name, argv)
        self.next_pid += 1
        self.procs[proc.pid] = proc
        proc.closers.append(lambda: self._reap(proc.pid))
        proc.start(make(proc))
        return proc

    def _reap(self, pid: int) -> None:
        self.procs.pop(pid, None)

    def kill(self, pid: int, signal: int) -> None:
        """Send a process a signal; OSError ESRCH when there is none of that number."""
        if pid not in self.procs:
            raise oserror(errno.ESRCH)
        self.procs[pid].signal(signal)

    # --- time ---------------------------------------------------------------------------------

    def run(self, until: float | None = None) -> None:
        """Let virtual time pass, to a moment or until nothing is left to happen."""
        self.callouts.advance(until)

    def run_proc(self, proc: Proc) -> int:
        """Let virtual time pass until a process ends; its status.  Deadlock when it never can."""
        callouts = self.callouts
        while proc.status is None:
            if callouts.next_due() is None:
                raise Deadlock("nothing more can happen")
            callouts.advance(None, 1)
        return proc.status


def is_name(text: str) -> bool:
    """Whether a text may name a host."""
    return text[:1].isalpha() and text.isascii() and all(char.isalnum() or char in "-_" for char in text)


def next_unit(host: Host, kind: str) -> str:
    """The name of the next interface of a kind that a host does not have yet."""
    unit = 0
    while f"{kind}{unit}" in host.interfaces:
        unit += 1
    return f"{kind}{unit}"
