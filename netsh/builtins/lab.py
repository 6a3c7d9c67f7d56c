"""Show the lab: its buses, who is on them, their addresses.

`lab seed 7`, in a lab with nothing in it yet, sets what all its chance comes from (`save` writes this line).

Examples:

    lab                  # the lab as it is now
    lab --svg lab.svg    # draw it into a file, for a browser; - for standard output
    lab --dot lab.dot    # as text for Graphviz

See bus, host, save.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from commands.command import Data, Failure, Usage
from netsh import personality
from netsh.builtins import builtin
from netsh.drawing.dot import dot_of
from netsh.drawing.svg import svg_of
from netsh.shell import ShellContext
from stack.addr import Mac
from stack.dev.files import write_whole
from stack.kern.errors import reason
from stack.lab import Lab
from stack.net.bridge import Bridge
from stack.net.ifnet import Ifnet
from stack.net.vlan import Vlan
from stack.net.wire import Bus

SYNOPSIS = "lab [--svg=file | --dot=file]\nlab seed number"
WORDS = {
    "seed": "what chance comes from: lab seed 7",
    "--svg": "draw it into a file, as SVG",
    "--dot": "write it into a file, as text for Graphviz",
}


class LabRow(NamedTuple):
    """The lab in a line."""

    hosts: int
    buses: int
    seed: int
    clock: str
    now: float


class Segment(NamedTuple):
    """A bus; the ports that follow are on it."""

    bus: str
    networks: tuple[str, ...]
    personality: str


class Port(NamedTuple):
    """An interface, on a bus or on none."""

    bus: str | None
    host: str
    interface: str
    addresses: tuple[str, ...]
    lladdr: Mac | None
    last: bool
    made_of: tuple[str, ...] = ()  # of a bridge, its members; of a VLAN, its parent


class Alone(NamedTuple):
    """A host that has no interface but its loopback."""

    host: str


TABLES: dict[type, str] = {LabRow: "", Segment: "", Port: "", Alone: ""}


class Export(NamedTuple):
    """A file, and which drawing goes there."""

    form: str
    path: str


def parse(argv: list[str]) -> int | Export | None:
    """A seed, a drawing, or nothing."""
    if not argv:
        return None
    option, equals, path = argv[0].partition("=")
    if option in ("--svg", "--dot"):
        paths = [*([path] if equals else []), *argv[1:]]
        if len(paths) != 1 or not paths[0]:
            raise Usage(f"{option}: the name of one file is wanted")
        return Export(option, paths[0])
    if argv[0] != "seed" or len(argv) != 2:
        raise Usage(f"{' '.join(argv)}: not understood; a lab is loaded with 'load', and named at the start by --lab")
    if not (argv[1].isascii() and argv[1].isdigit() and len(argv[1]) < 19):
        raise Usage(f"{argv[1]}: not a seed, which is a whole number of up to 18 digits")
    return int(argv[1])


async def run(ctx: ShellContext, seed: int | Export | None) -> AsyncIterator[LabRow | Segment | Port | Alone | Data]:
    """Show it."""
    lab = ctx.session.lab
    if isinstance(seed, Export):
        text = svg_of(rows_of(lab)) if seed.form == "--svg" else dot_of(rows_of(lab))
        if seed.path == "-":
            yield Data(text.encode())
        else:
            _write(seed.path, text)
    elif seed is None:
        yield LabRow(len(lab.hosts), len(lab.buses), lab.seed, ctx.session.clock.mode, lab.callouts.now)
        for row in rows_of(lab):
            yield row
    elif lab.hosts or lab.buses:
        raise Failure("there are hosts already; a seed is for a lab with nothing in it (netsh --lab none --seed ...)")
    else:
        lab.seed = seed
        lab.rng.seed(seed)


def _write(path: str, text: str) -> None:
    """A new file, whole or not at all."""
    try:
        write_whole(path, text.encode())
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {reason(error)}") from None


def rows_of(lab: Lab) -> Iterator[Segment | Port | Alone]:
    """Buses with their ports, then what is on no bus."""
    for bus in lab.buses.values():
        words = [personality.unparse(bus.personality), "" if bus.carrier else "down"]
        yield Segment(bus.label, networks(bus), " ".join(filter(None, words)))
        for port in bus.ports:
            yield port_of(bus.label, port.ether.hostname, port, port is bus.ports[-1])
    for host in lab.hosts.values():
        interfaces = [ifp for ifp in host.interfaces.values() if not ifp.is_loopback]
        for ifp in interfaces:
            if ifp.linkstr is None:
                yield port_of(None, host.name, ifp, True)
        if not interfaces:
            yield Alone(host.name)


def networks(bus: Bus) -> tuple[str, ...]:
    """The networks of the addresses on a bus."""
    return tuple(dict.fromkeys(str(ifa.prefix) for port in bus.ports for ifa in port.addresses))


def port_of(bus: str | None, host: str, ifp: Ifnet, last: bool) -> Port:
    """An interface as a row."""
    addresses = tuple(f"{ifa.address}/{ifa.plen}" for ifa in ifp.addresses)
    return Port(bus, host, ifp.name, addresses, ifp.lladdr, last, tuple(under(ifp)))


def under(ifp: Ifnet) -> Iterator[str]:
    """The interfaces that an interface is made of."""
    if isinstance(ifp, Bridge):
        yield from (member.ifp.name for member in reversed(ifp.members))
    elif isinstance(ifp, Vlan) and ifp.parent is not None:
        yield ifp.parent.name


def show(row: LabRow | Segment | Port | Alone) -> str:
    """A line of the drawing."""
    match row:
        case LabRow():
            counts = f"{_count(row.hosts, 'host')}, {_count(row.buses, 'bus')}"
            return f"{counts}, seed {row.seed}, clock {row.clock}, {row.now:.6f} s"
        case Segment():
            return "\n" + "  ".join(filter(None, (row.bus, " ".join(row.networks), row.personality)))
        case Port(bus=None):
            place = f"on {' '.join(row.made_of)}" if row.made_of else "on no bus"
            return f"\n{row.host}  {row.interface}  {' '.join(row.addresses) or 'no address'}  {place}"
        case Port():
            corner = "`" if row.last else "|"
            return f" {corner}-- {row.host:<11} {row.interface:<8} {' '.join(row.addresses)}".rstrip()
    return f"\n{row.host}  no interface"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}{'es' if what.endswith('s') else 's'}"


COMMAND = builtin("lab", SYNOPSIS, parse, run, show)
