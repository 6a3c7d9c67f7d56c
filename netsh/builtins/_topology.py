"""What the builders of networks have in common: their words, what they would need, building and writing it."""

from __future__ import annotations

import gc
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from commands._getopt import add_to_page
from commands.command import Command, Failure, Usage
from netsh import personality
from netsh.builtins import builtin
from netsh.builtins._stacks import Stacks, run_stacks
from netsh.builtins.link import prefix_of
from netsh.shell import ShellContext
from netsh.topology.chance import Random, Unconnected
from netsh.topology.network import (
    MAX_TTL,
    Border,
    Daemon,
    Network,
    build,
    free_net,
    lines,
    plen_for,
)
from netsh.topology.shapes import Shape
from stack.addr import Ip4, Prefix
from stack.host import Host
from stack.kern.errors import reason
from stack.kern.proc import pause
from stack.lab import Lab
from stack.net.ifnet import unit_of
from stack.net.wire import Personality

OPTIONS = (
    "[prefix] [--routed] [--border interface address] [--processes [folder]] [--print] [--yes] " + personality.SYNOPSIS
)
WORDS = {
    **personality.WORDS,
    "--routed": "routes by RIP, with routed on each router, in the place of static ones",
    "--border": "an interface of the first router (again: of the last): --border virt0 10.1.0.254/24",
    "--processes": "one stack a process, over bus files in a folder: --processes ./mesh",
    "--print": "write the commands that build it",
    "--yes": "however large it is",
}

_LONG = [word for word in WORDS if word.startswith("--")]

_HELP = """\
    prefix               number it from this network: 10.7.0.0/16 (else the first in 10/8 that nobody is on)
    delay 2ms ...        what each link does to frames, as with 'bus'
    --routed             no static routes; each router runs routed and learns them ('sleep 60' gives it time)
    --border virt0 10.1.0.254/24   an interface to the outside, of the first router; a second one is of the last
    --processes ./mesh   one stack a process, over bus files in that folder (else in one of its own), each served
                         at a socket there (netsh -s unix://mesh/r1 ...), until this command is interrupted
    --print              write the commands that build it
    --yes                go on, though it is very large

Each router has a block of addresses, cut into /30s for links; what lies in one direction is a few prefixes.  Its
static routes follow shortest paths.  A network that is longer than packets live gets a larger net.inet.ip.ttl."""

MOST = 1_000_000  # of what is counted
_RIP_REACH = 14  # RFC 2453 3.2: 16 is infinity, and our own addresses are 1 away
_SHORTEST = 8  # bits of a prefix that all may share
_LARGE = 2e9  # bytes; what takes more waits for a --yes
_PROCESS = 6.5e6, 0.03  # what one takes: bytes, seconds
_ROUTE, _LEARNED = (180.0, 6e-6), (550.0, 75e-6)  # the same of a route
_ROUTER = re.compile(r"r\d+(_\d+)*")  # what all routers are called
_PATCH = 100  # steps between two looks at the rest of the world
_SLOW, _AGAIN, _WIDTH = 0.5, 0.1, 40  # of the progress bar: seconds, seconds, columns


Make = Callable[[int], Shape]  # a shape of a seed


class Args(NamedTuple):
    """A shape, made once the lab's seed is known, and what it is built with."""

    shape: Make
    prefix: Prefix | None = None
    routed: bool = False
    borders: tuple[Border, ...] = ()
    folder: str | None = None  # of processes, if that is what is wanted; empty for one of its own
    print: bool = False
    yes: bool = False
    bus: Personality = Personality()


class Reach(NamedTuple):
    """The ends are further apart than packets go by themselves: the TTL is changed, or RIP is short of it."""

    links: int  # between the routers that are furthest apart
    ttl: int
    enough: bool


class RipReach(NamedTuple):
    """RIP does not reach from end to end."""

    links: int


class ScriptLine(NamedTuple):
    """A command that does a part of it."""

    text: str


Row = Reach | RipReach | ScriptLine | Stacks


def builder(name: str, numbers: str, names: tuple[str, ...], shape: Callable[..., Make]) -> Command:
    """The command that builds a shape of so many numbers, which its synopsis and its complaints call that."""

    def parse_words(argv: list[str]) -> Args:
        return parse(argv, names, shape)

    return builtin(name, f"{name} {numbers} {OPTIONS}", parse_words, rows, show)


def with_options(text: str) -> str:
    """The page of a builder, with what is true of all of them before its examples."""
    return add_to_page(text, _HELP)


# --- words ----------------------------------------------------------------------------------------


def parse(argv: list[str], names: tuple[str, ...], shape: Callable[..., Make]) -> Args:
    """So many numbers, which are called that; then a prefix, options, and words about wires in any order."""
    numbers: list[int] = []
    words = list(argv)
    for name in names:
        if not words or words[0] in WORDS:
            raise Usage(f"the number of {name} is missing")
        numbers.append(number(words.pop(0), name))
    return _options(words, Args(shape(*numbers)))


def number(word: str, what: str) -> int:
    """A count, from 1 to a million."""
    if not (word.isascii() and word.isdigit()) or not 1 <= int(word[:12]) <= MOST:
        raise Usage(f"{word}: the number of {what} is between 1 and {MOST}")
    return int(word)


def _options(words: list[str], args: Args) -> Args:
    wire: list[str] = []
    while words:
        word = words.pop(0)
        if word == "--border":
            args = args._replace(borders=(*args.borders, _border(words)))
        elif word == "--processes":
            args = args._replace(folder=_folder(words))
        elif word == "--routed":
            args = args._replace(routed=True)
        elif word == "--print":
            args = args._replace(print=True)
        elif word == "--yes":
            args = args._replace(yes=True)
        elif word.startswith("-"):
            raise Usage(f"{word}: unknown option; there are {', '.join(_LONG)}")
        elif word[:1].isdigit() and args.prefix is None:
            args = args._replace(prefix=prefix_of(word))
        else:
            wire += [word, *words[:1]]
            del words[:1]
    if len(args.borders) > 2:
        raise Usage("two borders at most: one of the first router, one of the last")
    if wire and args.folder is not None:
        raise Usage(f"{wire[0]}: not with --processes: a bus in a file does nothing to frames")
    try:
        return args._replace(bus=personality.changed(Personality(), personality.parse(wire)))
    except ValueError as error:
        raise Usage(str(error)) from None


def _folder(words: list[str]) -> str:
    """The folder behind --processes, which has a / in its name; empty when there is none."""
    word = words[0] if words else ""
    if "/" in word and not (word[0].isdigit() and word.count("/") == 1):  # that is a prefix
        return words.pop(0)
    if word and "/" not in word and word not in WORDS:
        raise Usage(f"{word}: the name of a folder has a / in it, such as ./{word}")
    return ""


def _border(words: list[str]) -> Border:
    if len(words) < 2:
        raise Usage("--border takes an interface and its address, such as: --border virt0 10.1.0.254/24")
    interface, text = words.pop(0), words.pop(0)
    address, slash, plen = text.partition("/")
    try:
        if not slash:
            raise ValueError
        return Border(interface, Ip4.parse(address), Prefix.parse(f"0.0.0.0/{plen}").plen)
    except ValueError:
        raise Usage(f"{text}: not an address with its length, such as 10.1.0.254/24") from None


# --- doing it -------------------------------------------------------------------------------------


async def rows(ctx: ShellContext, args: Args) -> AsyncIterator[Row]:
    """Build it, or write how it is built."""
    lab = ctx.session.lab
    shape = args.shape(lab.seed)
    network = _network(lab, shape, args)
    _refuse_large(shape, args)
    if isinstance(shape, Random):
        await _draw(ctx, shape)
    if args.print:
        async for line in _script(ctx, network):
            yield line
        return
    if args.folder is None:
        await _build(ctx, network)
        if ctx.session.host is None:
            ctx.session.host = lab.hosts[shape.name(0)]
    if args.routed and shape.longest > _RIP_REACH:
        yield RipReach(shape.longest)
    if network.ttl is not None:
        yield Reach(shape.longest, network.ttl, shape.longest <= MAX_TTL)
    if args.folder is not None:
        async for stacks in run_stacks(ctx, network, args.folder):
            yield stacks


async def _draw(ctx: ShellContext, shape: Random) -> None:
    bar = Bar(ctx, shape.count)
    try:
        for done, _ in enumerate(shape.draw()):
            bar.draw(min(done, shape.count))
            await pause(0)
    except Unconnected:
        raise Failure("chance gave no network in one piece; more links a router make one likely") from None
    finally:
        bar.clear()


def _refuse_large(shape: Shape, args: Args) -> None:
    """Say what something huge would need, and wait for a --yes."""
    memory = 3000.0 * shape.count + 8500.0 * shape.wires
    seconds = 30e-6 * shape.count + 70e-6 * shape.wires
    routes = shape.routes
    if args.routed:  # what all of them will have learned after a minute
        routes = round(shape.near(_RIP_REACH) * (shape.count + shape.wires))
    each = _LEARNED if args.routed else _ROUTE
    memory, seconds = memory + each[0] * routes, seconds + each[1] * routes
    if args.folder is not None:
        memory, seconds = memory + _PROCESS[0] * shape.count, seconds + _PROCESS[1] * shape.count
    if memory > _LARGE and not args.yes and not args.print:
        size = f"{memory / 1e9:.1f} GB" if memory >= 1e9 else f"{memory / 1e6:.0f} MB"
        spent = f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"
        raise Failure(
            f"{shape.count} routers with {shape.wires} links and some {routes} routes would take about {size} "
            f"of memory and {spent}; --yes goes on"
        )


def _network(lab: Lab, shape: Shape, args: Args) -> Network:
    """The shape with numbers that nobody in the lab has."""
    plen = plen_for(shape, args.routed)
    if plen < _SHORTEST:
        raise Failure(f"{shape.count:.6g} routers: there are not so many addresses")
    if any(map(_ROUTER.fullmatch, lab.hosts)):  # else a million names need not be looked at
        taken = next((name for name in map(shape.name, range(shape.count)) if name in lab.hosts), None)
        if taken is not None:
            raise Failure(f"there is a host {taken} already")
    net = args.prefix or free_net(lab, plen)
    if net is None:
        cure = f"give it another, such as 11.0.0.0/{plen}"
        raise Failure(f"it needs a /{plen} of its own, and there is none left in 10.0.0.0/8; {cure}")
    try:
        network = Network(shape, net, bus=args.bus, borders=args.borders, routed=args.routed)
    except ValueError as error:
        raise Failure(str(error)) from None
    _refuse_taken(list(lab.hosts.values()), net)
    _check_borders(lab, network)
    return network


def _refuse_taken(hosts: list[Host], net: Prefix) -> None:
    for host in hosts:
        for ifp in host.interfaces.values():
            for ifa in ifp.addresses:
                if net.has(ifa.address):
                    raise Failure(f"{net}: {ifa.address} is {host.name}'s already")


def _check_borders(lab: Lab, network: Network) -> None:
    seen = [network.net]
    for border in network.borders:
        if unit_of(border.interface, lab.cloners) is None:
            raise Failure(f"{border.interface}: no interface to the outside; one is called {' or '.join(lab.cloners)}0")
        for other in seen:
            if other.has(border.net.net) or border.net.has(other.net):
                raise Failure(f"{border.net}: overlaps {other}")
        seen.append(border.net)


async def _build(ctx: ShellContext, network: Network) -> None:
    """Take the steps, in patches; whoever ends us between two of them finds the lab as it was."""
    session, bar = ctx.session, Bar(ctx, network.size)
    collecting = gc.isenabled()
    steps = build(session.lab, network)
    daemons: list[str] = []
    whole = False
    try:
        gc.disable()  # nothing of all this is garbage, and looking for some takes as long as building
        for done, step in enumerate(steps, 1):
            if isinstance(step, Daemon):
                daemons.append(step.name)
            if not done % _PATCH:
                bar.draw(done)
                await pause(0)
        whole = True
    except (OSError, ValueError) as error:
        raise Failure(reason(error)) from None
    except KeyError as gone:
        raise Failure(f"{gone.args[0]}: somebody has removed it meanwhile") from None
    finally:
        if not whole:
            bar.take_back()
        steps.close()
        if collecting:
            gc.enable()
            if bar.drawn and not whole:
                gc.collect()  # now, while somebody is told why nothing happens: it may take as long as they were built
        bar.clear()
    for name in daemons:
        session.serve(session.lab.hosts[name], ["routed"])


async def _script(ctx: ShellContext, network: Network) -> AsyncIterator[ScriptLine]:
    for done, step in enumerate(network.steps()):
        for text in lines(step):
            yield ScriptLine(text)
        if not done % _PATCH:
            await pause(0)
    here = ctx.session.host
    yield ScriptLine(f"host {here.name if here is not None else network.shape.name(0)}")


class Bar:
    """A progress bar on standard error, when that is a terminal, somebody waits there, and it takes a while."""

    def __init__(self, ctx: ShellContext, total: int) -> None:
        self.out = ctx.session.printer.err
        self.shown = self.out.isatty() and not ctx.background
        self.total = total
        self.due = time.monotonic() + _SLOW
        self.drawn = False

    def draw(self, done: int) -> None:
        """Draw it again, if it is time."""
        if time.monotonic() < self.due or not self.shown:
            return
        share = done / self.total
        self._write(f"{share:4.0%} [{'#' * int(share * _WIDTH):<{_WIDTH}}]")
        self.drawn, self.due = True, time.monotonic() + _AGAIN

    def take_back(self) -> None:
        """Say that what has been built goes again."""
        if self.drawn:
            self._write(f"{'interrupted; what there is of it is taken back':<{_WIDTH + 8}}")

    def clear(self) -> None:
        """Leave the line as if it had never been."""
        if self.drawn:
            self._write(f"{' ' * (_WIDTH + 8)}\r")

    def _write(self, text: str) -> None:
        self.out.write(f"\r{text}")
        self.out.flush()


def show(row: Row) -> str:
    """A sentence, or a line of the script."""
    if isinstance(row, Stacks):
        example = f"netsh -s unix://{row.folder}/{row.first} -- ping {row.address}"
        return f"{row.stacks} stacks, each in a process of its own, until this is interrupted; try: {example}"
    if isinstance(row, ScriptLine):
        return row.text
    if isinstance(row, RipReach):
        return f"RIP reaches {_RIP_REACH} links far, and the ends are {row.links} apart: they will not know each other"
    text = f"net.inet.ip.ttl is {row.ttl} on all of them, for the ends are {row.links} links apart"
    return text if row.enough else f"{text}; packets do not get that far"
