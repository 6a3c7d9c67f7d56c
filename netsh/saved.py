"""A lab as a script of commands that rebuilds it: what `save` writes and `load` runs.

The script is made to be read, compared and edited: a host a paragraph, in the order in which they were made.
Addresses are entered with duplicate address detection off, so that loading takes no time of the lab's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TextIO

from commands._ifconfig_words import CAPABILITIES
from commands.command import Command, Complaint
from netsh import personality
from netsh.clock import Clock
from netsh.render.printer import Printer
from netsh.session import Session
from netsh.signals import Signals
from netsh.state import State
from netsh.words import quote
from netsh.world import end
from stack.addr import INADDR_LOOPBACK, Ip4
from stack.dev import tap
from stack.dev.shmif import FileBus
from stack.host import Host
from stack.kern.proc import Interrupt, Proc, pause
from stack.lab import Lab
from stack.net.bridge import IFBIF_DISCOVER, IFBIF_LEARNING, IFBIF_PROTECTED, IFBIF_STP, Bridge, Member
from stack.net.bridge_rt import BRIDGE_RTABLE_MAX, BRIDGE_RTABLE_TIMEOUT, IFBAF_STATIC
from stack.net.ethernet import Ethernet
from stack.net.ifnet import IFCAP_GSO, IFF_DEBUG, IFF_LINK0, IFF_LINK1, IFF_LINK2, IFF_NOARP, IFF_UP, Ifaddr, Ifnet
from stack.net.neighbor import LLE_PUB, LLE_STATIC
from stack.net.route import RTF_BLACKHOLE, RTF_GATEWAY, RTF_HOST, RTF_REJECT, RTF_STATIC, Rtentry
from stack.net.stp_port import (
    BSTP_DEFAULT_BRIDGE_PRIORITY,
    BSTP_DEFAULT_FORWARD_DELAY,
    BSTP_DEFAULT_HELLO_TIME,
    BSTP_DEFAULT_MAX_AGE,
    BSTP_DEFAULT_PORT_PRIORITY,
)
from stack.net.vlan import Vlan
from stack.net.wire import Shmif

_DAD = "net.inet.ip.dad_count"
_SERVERS = {"httpd", "routed"}  # jobs that belong to the lab; a ping in the background is somebody's experiment
_FLAGS = {IFF_NOARP: "-arp", IFF_DEBUG: "debug", IFF_LINK0: "link0", IFF_LINK1: "link1", IFF_LINK2: "link2"}
_MTU = {"lo": 33624}  # of interfaces that nobody changed; Ethernets have 1500

_MEMBER_FLAGS = (
    (IFBIF_LEARNING, True, "-learn"), (IFBIF_DISCOVER, True, "-discover"), (IFBIF_PROTECTED, False, "protect"),
    (IFBIF_STP, False, "stp"),
)  # fmt: skip


_TURN, _WAIT = 500, 0.005  # pieces of work, and seconds, between two turns of others while a lab is loaded


class NotLoaded(Exception):
    """The script of a lab failed; what was wrong has been said."""


def script_of(session: State) -> str:
    """The script that rebuilds the session's lab."""
    lab = session.lab
    paragraphs = [
        ["# A lab of netsh: 'load FILE' rebuilds it, 'netsh --lab FILE' starts in it.", f"lab seed {lab.seed}"],
        [
            f"bus {bus.label} {personality.unparse(bus.personality) or 'ideal'}"
            for bus in lab.buses.values()
            if "/" not in bus.label  # a file is made by who joins it
        ],
        *(list(lines_of(host)) for host in lab.hosts.values()),
        [f"link {bus.label} down" for bus in lab.buses.values() if not bus.carrier and "/" not in bus.label],
        [f"{host} {' '.join(map(quote, argv))} &" for host, argv in servers(session)],
        [f"host {session.host.name}"] if session.host is not None else [],
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines) + "\n"


def servers(session: State) -> Iterator[tuple[str, list[str]]]:
    """What serves in the lab: its host, its words."""
    world = session.world
    jobs = {job.proc.pid for each in world.sessions for job in each.jobs.running()}
    for proc in session.lab.procs.values():
        if proc.pid in world.daemons or (proc.pid in jobs and is_server(proc)):
            yield proc.hostname, proc.argv


def is_server(proc: Proc) -> bool:
    """Whether a job in the background serves, so that the lab would not be the same without it."""
    return proc.argv[0] in _SERVERS or (proc.argv[0] == "nc" and any(word.startswith("-l") for word in proc.argv[1:]))


def lines_of(host: Host) -> Iterator[str]:
    """The commands that make a host what it is."""
    yield f"host {host.name}"
    if host.hostname != host.name:
        yield f"hostname {quote(host.hostname)}"
    sysctl = host.sysctl
    dad = sysctl.get(_DAD)
    quiet = dad != 0 and any(ifp.addresses for ifp in host.interfaces.values() if not ifp.is_loopback)
    for name in sysctl.walk():
        if sysctl.variable(name).writable and sysctl.default(name) not in (None, sysctl.get(name)):
            if name != _DAD or not quiet:
                yield f"sysctl -w {quote(f'{name}={sysctl.get(name)}')}"
    if quiet:
        yield f"sysctl -w {_DAD}=0"
    vlans = [ifp for ifp in host.interfaces.values() if isinstance(ifp, Vlan)]
    for ifp in host.interfaces.values():
        yield from create_lines(ifp)
        yield from capability_lines(host, ifp)
        if not isinstance(ifp, Vlan):
            yield from interface_lines(ifp)
    for vlan in sorted(vlans, key=depth_of):  # their parents must be there
        yield from interface_lines(vlan)
    for ifp in host.interfaces.values():
        if isinstance(ifp, Bridge):
            yield from bridge_lines(ifp)
    if quiet:
        yield f"sysctl -w {_DAD}={dad}"
    yield from route_lines(host)
    yield from arp_lines(host)
    if host.machine is not None:
        yield "sockets host"  # the last of all: the other commands need the stack


def create_lines(ifp: Ifnet) -> Iterator[str]:
    """The command that makes an interface."""
    if ifp.name != "lo0":
        yield f"ifconfig {ifp.name} create"


def capability_lines(host: Host, ifp: Ifnet) -> Iterator[str]:
    """The command that switches what its device does for it, where that is not as usual."""
    if isinstance(ifp, Ethernet):
        usual = ifp.capusual if host.gso else ifp.capusual & ~IFCAP_GSO
        changed = (ifp.capenable ^ usual) & ifp.capabilities
        bits = {word: bit for word, (bit, _) in CAPABILITIES.items() if bit & changed == bit and not bit & (bit - 1)}
        words = [word if ifp.capenable & bit else f"-{word}" for word, bit in bits.items()]
        if words:
            yield f"ifconfig {ifp.name} {' '.join(words)}"


def depth_of(ifp: Ifnet | None) -> int:
    """How many VLANs are one inside the other."""
    return 1 + depth_of(ifp.parent) if isinstance(ifp, Vlan) else 0


def interface_lines(ifp: Ifnet) -> Iterator[str]:
    """The commands that make an interface what it is."""
    set_up = f"ifconfig {ifp.name}"
    parent = ifp.parent if isinstance(ifp, Vlan) else None
    if isinstance(ifp, Vlan) and parent is not None:
        yield f"{set_up} vlan {ifp.vid} vlanif {parent.name}"
    if ifp.lladdr is not None and (parent is None or ifp.lladdr != parent.lladdr):
        yield f"{set_up} link {ifp.lladdr} active"
    if ifp.linkstr is not None:
        yield f"{set_up} linkstr {quote(_linkstr(ifp, ifp.linkstr))}"
    if ifp.mtu != (_MTU.get(ifp.kind, 1500) if parent is None else parent.mtu):
        yield f"{set_up} mtu {ifp.mtu}"
    for flag, word in _FLAGS.items():
        if ifp.flags & flag:
            yield f"{set_up} {word}"
    if ifp.name == "lo0" and ifp.find(INADDR_LOOPBACK) is None:
        yield f"{set_up} inet 127.0.0.1 delete"
    fresh = [ifa for ifa in ifp.addresses if ifp.name != "lo0" or ifa.address != INADDR_LOOPBACK]
    for ifa in fresh:
        alias = " alias" if ifa is not ifp.addresses[0] else ""
        yield f"{set_up} inet {address_words(ifa)}{alias}"
    comes_up = bool(ifp.addresses) or ifp.name == "lo0" or (parent is not None and bool(parent.flags & IFF_UP))
    if bool(ifp.flags & IFF_UP) is not comes_up:
        yield f"{set_up} {'down' if comes_up else 'up'}"


def _linkstr(ifp: Ifnet, typed: str) -> str:
    """The name of its bus as it was typed; of a bus file that is called otherwise from here, the whole path."""
    bus = ifp.bus if isinstance(ifp, Shmif) else None
    return bus.path if isinstance(bus, FileBus) and os.path.realpath(typed) != bus.path else typed


def bridge_lines(bridge: Bridge) -> Iterator[str]:
    """The commands that make a bridge what it is: its own settings, its members, its static addresses."""
    set_up, stp, rtable = f"brconfig {bridge.name}", bridge.stp, bridge.rtable
    settings = (
        ("priority", stp.priority, BSTP_DEFAULT_BRIDGE_PRIORITY),
        ("hellotime", stp.bridge_hello_time, BSTP_DEFAULT_HELLO_TIME),
        ("fwddelay", stp.bridge_forward_delay, BSTP_DEFAULT_FORWARD_DELAY),
        ("maxage", stp.bridge_max_age, BSTP_DEFAULT_MAX_AGE),
        ("maxaddr", rtable.maxaddr, BRIDGE_RTABLE_MAX),
        ("timeout", rtable.timeout, BRIDGE_RTABLE_TIMEOUT),
    )
    words = [f"{word} {int(value)}" for word, value, usual in settings if value != usual]
    if words:
        yield f"{set_up} {' '.join(words)}"
    for member in reversed(bridge.members):
        yield f"{set_up} {' '.join(member_words(member))}"
    for node in rtable.nodes.values():
        if node.flags & IFBAF_STATIC:
            yield f"{set_up} static {node.member.ifp.name} {node.lladdr}"


def member_words(member: Member) -> Iterator[str]:
    """A member of a bridge, as `brconfig` takes it."""
    name = member.ifp.name
    yield f"add {name}"
    for flag, usual, word in _MEMBER_FLAGS:
        if bool(member.flags & flag) is not usual:
            yield f"{word} {name}"
    if member.priority != BSTP_DEFAULT_PORT_PRIORITY:
        yield f"ifpriority {name} {member.priority}"
    if member.cost is not None:
        yield f"ifpathcost {name} {member.cost}"


def address_words(ifa: Ifaddr) -> str:
    """An address with its prefix, and the broadcast address when it is an unusual one."""
    text = f"{ifa.address}/{ifa.plen}"
    if ifa.broadcast is not None and ifa.broadcast != ifa.prefix.broadcast:
        text += f" broadcast {ifa.broadcast}"
    return text


def route_lines(host: Host) -> Iterator[str]:
    """The static routes: first those whose gateway is on a link of ours, since others may need them."""
    static = [rt for rt in host.routes if rt.flags & RTF_STATIC]
    direct = [rt for rt in static if rt.gateway is None or any(ifp.on_link(rt.gateway) for ifp in _links(host))]
    for rt in [*direct, *(rt for rt in static if rt not in direct)]:
        yield f"route add {route_words(rt)}"


def _links(host: Host) -> list[Ifnet]:
    return [ifp for ifp in host.interfaces.values() if not ifp.is_loopback]


def route_words(rt: Rtentry) -> str:
    """A route as `route add` takes it."""
    if rt.dst.plen == 0:
        text = "default"
    else:
        text = f"-host {rt.dst.net}" if rt.flags & RTF_HOST else f"-net {rt.dst}"
    if rt.flags & RTF_GATEWAY:
        text += f" {rt.gateway}"
    elif rt.ifa is not None:
        text += f" -interface {rt.ifa.address}"
    text += " -reject" if rt.flags & RTF_REJECT else " -blackhole" if rt.flags & RTF_BLACKHOLE else ""
    return text + (f" -mtu {rt.mtu}" if rt.mtu else "")


def arp_lines(host: Host) -> Iterator[str]:
    """The neighbours that were entered by hand."""
    for ifp in _links(host):
        table = ifp.arptab if isinstance(ifp, Ethernet) else None
        if table is None:
            continue
        for entry in table.entries.values():
            if entry.flags & LLE_STATIC and entry.lladdr is not None:
                yield f"arp -s {Ip4(entry.address)} {entry.lladdr}" + (" pub" if entry.flags & LLE_PUB else "")
        for address, lladdr in (table.proxies or {}).items():
            yield f"arp -s {Ip4(address)} {lladdr} pub proxy"


def begin(text: str, source: str, session: State, signals: Signals) -> tuple[Session, Proc]:
    """Start to run the script of a lab, in a new lab of its own."""
    lab = Lab()
    lab.predecessor = session.lab
    clock = Clock(lab, "fast", signals)
    fresh = Session(lab, Muted(session.printer.out, session.printer.err), clock=clock)
    return fresh, fresh.start(text, source)


def load(text: str, source: str, session: State) -> Session:
    """Run the script of a lab to its end; NotLoaded when it fails."""
    fresh, proc = begin(text, source, session, session.clock.signals)
    return loaded(fresh, fresh.finish(proc), session)


async def load_in_turns(text: str, source: str, session: State) -> Session:
    """The same in a process, which lets others have their turn; NotLoaded when it fails, or is interrupted."""
    fresh, proc = begin(text, source, session, Signals())
    try:
        while proc.status is None:
            fresh.clock.run_some(proc, fresh.stuck, budget=_TURN, longest=_WAIT)
            try:
                await pause(0)
            except Interrupt as interrupt:
                proc.signal(interrupt.signal)
    finally:
        if proc.status is None:
            _give_up(fresh, session)
    return loaded(fresh, fresh.over(proc), session)


def _give_up(fresh: Session, session: State) -> None:
    """What was made is nothing; the session's lab has its devices for itself again."""
    end(fresh.lab)
    tap.settle(session.lab)


def loaded(fresh: Session, status: int, session: State) -> Session:
    """The script has ended: what was started belongs to the lab now; NotLoaded when it failed."""
    if status:
        _give_up(fresh, session)
        raise NotLoaded
    for job in fresh.jobs.running():
        fresh.world.daemons[job.proc.pid] = job.proc.argv
    return fresh


def adopt(session: State, fresh: Session) -> None:
    """Let a session go on in the lab that `load` made, and with it all who share its world."""
    fresh.lab.predecessor = None
    session.world.use(fresh.lab)
    tap.settle(fresh.lab)
    session.host = fresh.host
    session.world.daemons = fresh.world.daemons


class Muted(Printer):
    """A printer that only complains."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        super().__init__("text", out, err)

    def row(self, command: Command, row: object, *, host: str, job: int | None = None) -> None:
        """Drop it, unless it is a complaint."""
        if isinstance(row, Complaint):
            self.complaint(command.name, row.text)

    def write(self, data: str | bytes) -> None:
        """Drop it."""
