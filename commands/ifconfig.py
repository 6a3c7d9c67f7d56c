"""Show interfaces and configure them: addresses, MTU, the bus they are on.

    -a  all        -l  names only     -b  only with broadcast   -d  only down       -u  only up
    -s  only with a link; status 1 when the one named has none   -v  with counters   -z  and clear them
    -C  kinds that can be created     -N  names for addresses   -m  media           -L  lifetimes (IPv6's)
    -w SECONDS  wait until no address is tentative       -W  nor detached

A name may be an interface's number.  Several words are done in order.  virtN is on the machine's TAP device tapN.

Examples:

    ifconfig -a                                    # all of them
    ifconfig shmif0                                # one
    ifconfig shmif1 create linkstr side            # make one and join the bus `side`
    ifconfig shmif1 10.7.0.1/24                    # give it an address, in the place of its first
    ifconfig shmif1 10.7.0.9/24 alias              # one more
    ifconfig shmif1 10.7.0.9 delete                # take it away
    ifconfig shmif1 mtu 1400 up                    # several words are done in order
    ifconfig vlan0 create vlan 5 vlanif shmif1     # make one of shmif1's frames with tag 5
    ifconfig bridge0 create                        # make a bridge: see brconfig
    ifconfig shmif1 -tso4                          # send wire frames, no super-segments
    ifconfig -w 10                                 # wait until no address is tentative
    ifconfig -l -u                                 # the names of those that are up

See RFC 894, RFC 5227; ifconfig(8); brconfig, route.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from commands._getopt import add_to_page, getopt, seconds, wrong
from commands._ifconfig_words import KEYWORDS, WORDS, Setting, Step, ioctl, parse_words, set_address
from commands.command import Command, Context, Failure
from stack.addr import Ip4, Mac
from stack.kern.proc import pause
from stack.net.bridge import Bridge
from stack.net.ethernet import Ethernet
from stack.net.ifnet import (
    IFCAP_NAMES,
    IFF_LOOPBACK,
    IFF_NAMES,
    IFF_POINTOPOINT,
    IFF_UP,
    IN_IFF_DETACHED,
    IN_IFF_NAMES,
    IN_IFF_TENTATIVE,
    LINK_STATE_DOWN,
    Ifaddr,
    Ifnet,
)
from stack.net.vlan import Vlan
from stack.net.wire import Shmif

SYNOPSIS = """ifconfig [-LmNsvz] interface [inet]
ifconfig -a [-bdLmNsuvz] [inet]
ifconfig -l [-bdsu]
ifconfig -C
ifconfig -w seconds [interface]
ifconfig interface create|destroy
ifconfig interface [inet] address[/bits] [netmask mask] [broadcast address] [alias | -alias | delete]
ifconfig interface keyword ..."""

_KEYWORDS = "\n".join(f"    {word:<13} {text}" for word, text in WORDS.items())
__doc__ = add_to_page(__doc__ or "", f"Keywords:\n\n{_KEYWORDS}")

_BITS_WIDTH = 55  # MAX_PRINT_LEN
_POLL = 0.125  # seconds between two looks at tentative addresses


class Args(NamedTuple):
    """What is asked: options by letter, the interface ("" for all), and what to do to it."""

    options: dict[str, str]
    interface: str
    steps: list[Step]


class Address(NamedTuple):
    """An address of an interface; `names` are those of the address itself, the far end and the broadcast, for -N."""

    address: Ip4
    prefixlen: int
    destination: Ip4 | None
    broadcast: Ip4 | None
    flags: tuple[str, ...]
    names: tuple[str | None, ...] = ()


class Traffic(NamedTuple):
    """What went one way."""

    packets: int
    bytes: int
    multicasts: int
    errors: int
    drops: int
    collisions: int = 0


class Interface(NamedTuple):
    """An interface with its addresses, at a time of the lab's; `link` and words on traffic come with -v."""

    name: str
    ifindex: int
    flags: tuple[str, ...]
    metric: int
    mtu: int
    address: Mac | None
    linkstr: str | None
    inet: tuple[Address, ...]
    link: str | None = None
    media: tuple[str, ...] = ()
    input: Traffic | None = None
    output: Traffic | None = None
    vlan: int | None = None
    parent: str | None = None
    capabilities: tuple[str, ...] = ()
    enabled: tuple[str, ...] = ()
    time: float = 0.0


class Names(NamedTuple):
    """Names of interfaces, or of kinds of them."""

    names: tuple[str, ...]


TABLES: dict[type, str] = {Interface: ""}


# --- parse ------------------------------------------------------------------------------------------


def parse(argv: list[str]) -> Args:
    """Options, an interface, keywords."""
    options, words = getopt("ifconfig", argv, "abdlmNsuvzCLw:W:")
    for letter in "wW":
        if letter in options:
            seconds(options[letter])
    if "C" in options or "l" in options or "a" in options:
        if words[:1] == ["inet6"]:
            raise wrong("inet6: there is no IPv6 yet")
        if words and (words != ["inet"] or "C" in options):
            raise wrong(f"{words[0]}: -{next(letter for letter in 'Cla' if letter in options)} takes no interface")
        return Args(options, "", [])
    if not words:
        return Args(options, "", [])
    if not words[0]:
        raise wrong("the name of an interface is empty ('ifconfig -l' lists them)")
    steps = [] if words[1:] == ["inet"] else parse_words(words[1:])
    if steps and "s" in options:
        raise wrong(f"{words[1]}: -s only asks for the link")
    return Args(options, words[0], steps)


# --- run --------------------------------------------------------------------------------------------


async def run(ctx: Context, args: Args) -> AsyncIterator[Interface | Names]:
    """Show or do."""
    options = args.options
    if "C" in options:
        yield Names(tuple(ctx.host.cloners()))
    elif "w" in options or "W" in options:
        await _wait(ctx, args)
    elif args.steps:
        _configure(ctx, args)
    elif args.interface:
        ifp = _find(ctx, args.interface)
        if "s" in options:
            ctx.status = int(not _linked(ifp))
        else:
            yield row_of(ctx, ifp, options)
    elif "l" in options:
        yield Names(tuple(ifp.name for ifp in _chosen(ctx, options)))
    else:
        for ifp in _chosen(ctx, options):
            yield row_of(ctx, ifp, options)


def _find(ctx: Context, name: str) -> Ifnet:
    with ioctl(f"SIOCGIFFLAGS {name}"):
        return ctx.host.interface(name)


def _linked(ifp: Ifnet) -> bool:
    """Whether it has a link; one without the notion is taken to have it."""
    return not isinstance(ifp, Ethernet) or ifp.link_state != LINK_STATE_DOWN


def _chosen(ctx: Context, options: dict[str, str]) -> Iterator[Ifnet]:
    """The interfaces that -b, -d, -u and -s let through."""
    for ifp in list(ctx.host.interfaces.values()):
        if "b" in options and ifp.flags & (IFF_POINTOPOINT | IFF_LOOPBACK):
            continue
        if ("d" in options and ifp.flags & IFF_UP) or ("u" in options and not ifp.flags & IFF_UP):
            continue
        if "s" not in options or _linked(ifp):
            yield ifp


def _configure(ctx: Context, args: Args) -> None:
    """Do what the words say, one after the other; the first that fails is the last, and undoes `create`."""
    name = args.interface
    made = args.steps[0].word == "create"
    if made:
        kind = name.rstrip("0123456789")
        if kind not in ctx.host.cloners():
            raise Failure(f"clone_command: Invalid argument ({name}: the kinds are {' '.join(ctx.host.cloners())})")
        with ioctl("clone_command"):
            ctx.host.ifcreate(name)
    elif args.steps[0].word == "destroy":
        with ioctl("clone_command"):
            ctx.host.interface(name)
    at = Setting(ctx, _find(ctx, name))
    try:
        for step in args.steps:
            if step.word:
                KEYWORDS[step.word].act(at, step.value)
            else:
                set_address(at, step.value)
    except Failure:
        if made:  # so that the same line, put right, does not find it there already
            ctx.host.ifdestroy(name)
        raise


async def _wait(ctx: Context, args: Args) -> None:
    """Sleep until the addresses can be used, or the time is up."""
    limit = float(args.options.get("W") or args.options.get("w") or 0)
    flags = IN_IFF_TENTATIVE | (IN_IFF_DETACHED if "W" in args.options else 0)
    deadline = ctx.now + limit
    chosen = [_find(ctx, args.interface)] if args.interface else list(ctx.host.interfaces.values())
    while any(ifa.flags & flags for ifp in chosen for ifa in ifp.addresses):
        if ctx.now >= deadline:
            raise Failure("timed out waiting for addresses")
        await pause(min(_POLL, deadline - ctx.now))


# --- rows -------------------------------------------------------------------------------------------


def row_of(ctx: Context, ifp: Ifnet, options: dict[str, str]) -> Interface:
    """An interface as a row."""
    ethernet = isinstance(ifp, Ethernet) and not isinstance(ifp, (Bridge, Vlan))  # and so has a medium
    row = Interface(
        ifp.name, ifp.index, words_of(ifp.flags, IFF_NAMES), ifp.metric, ifp.mtu, ifp.lladdr, ifp.linkstr,
        tuple(_address(ctx, ifa, "N" in options) for ifa in ifp.addresses),
        media=("Ethernet autoselect",) if ethernet and not options.keys().isdisjoint("vzm") else (), time=ctx.now,
        input=Traffic(ifp.ipackets, ifp.ibytes, ifp.imcasts, ifp.ierrors, ifp.iqdrops),
        output=Traffic(ifp.opackets, ifp.obytes, ifp.omcasts, ifp.oerrors, ifp.odrops, ifp.collisions),
    )  # fmt: skip
    if "m" in options and ethernet:
        row = row._replace(media=(*row.media, "media autoselect"))
    if not options.keys().isdisjoint("vz"):
        row = row._replace(link=("unknown", "down", "up")[ifp.link_state])
    if ifp.capabilities and _capable(ifp):
        able, enabled = ifp.capabilities, ifp.capabilities & ifp.capenable
        row = row._replace(capabilities=words_of(able, IFCAP_NAMES), enabled=words_of(enabled, IFCAP_NAMES))
    if isinstance(ifp, Vlan) and ifp.parent is not None:
        row = row._replace(vlan=ifp.vid, parent=ifp.parent.name)
    if "z" in options:
        ifp.zero()
    return row


def _capable(ifp: Ifnet) -> bool:
    """Whether its capabilities are worth a line; those of an interface on a bus are only when they were changed."""
    return not isinstance(ifp, Shmif) or ifp.capenable != ifp.capusual


def words_of(flags: int, names: dict[int, str]) -> tuple[str, ...]:
    """The words of the bits that are set."""
    return tuple(word for bit, word in names.items() if flags & bit)


def _address(ctx: Context, ifa: Ifaddr, named: bool) -> Address:
    addresses = (ifa.address, ifa.destination, ifa.broadcast)
    names = tuple(None if each is None else ctx.name_of(each) for each in addresses) if named else ()
    flags = words_of(ifa.flags, IN_IFF_NAMES)
    return Address(ifa.address, ifa.plen, ifa.destination, ifa.broadcast, flags, names)


# --- show -------------------------------------------------------------------------------------------


def show(row: Interface | Names) -> str:
    """As NetBSD's ifconfig."""
    if isinstance(row, Names):
        return " ".join(row.names)
    return "\n".join(_lines(row))


def _lines(row: Interface) -> Iterator[str]:
    metric = f" metric {row.metric}" if row.metric else ""
    yield f"{row.name}: flags={_bits(row.flags, IFF_NAMES)}{metric} mtu {row.mtu}"
    if row.capabilities:
        yield from (f"\tcapabilities={line}" for line in _bit_lines(row.capabilities, IFCAP_NAMES))
        yield from (f"\tenabled={line}" for line in _bit_lines(row.enabled, IFCAP_NAMES))
    if row.vlan is not None:
        yield f"\tvlan: {row.vlan} parent: {row.parent}"
    if row.address is not None:
        yield f"\taddress: {row.address}"
    if row.linkstr is not None:
        yield f"\tlinkstr: {row.linkstr}"
    if row.link is not None:
        yield f"\tlinkstate: {row.link}"
    if row.media:
        yield f"\tmedia: {row.media[0]}"
        if row.media[1:]:
            yield "\tsupported Ethernet media:"
            yield from (f"\t\t{each}" for each in row.media[1:])
    if row.link is not None and row.input is not None and row.output is not None:
        yield f"\tinput: {_traffic(row.input)}"
        yield f"\toutput: {_traffic(row.output)}"
    for address in row.inet:
        yield _address_line(address)


def _bits(words: tuple[str, ...], names: dict[int, str]) -> str:
    """snprintb(3): `0x8802<BROADCAST,SIMPLEX,MULTICAST>`, and 0x0 alone."""
    value = sum(bit for bit, word in names.items() if word in words)
    return f"{value:#x}<{','.join(words)}>" if words else "0x0"


def _bit_lines(words: tuple[str, ...], names: dict[int, str]) -> Iterator[str]:
    """snprintb_m(3): `3f80<TSO4,IP4CSUM_Rx>`, in lines that begin with the number, and 0 alone."""
    value = f"{sum(bit for bit, word in names.items() if word in words):x}"
    line: list[str] = []
    for word in words:
        if line and len(f"{value}<{','.join((*line, word))}>") > _BITS_WIDTH:
            yield f"{value}<{','.join(line)}>"
            line = []
        line.append(word)
    yield f"{value}<{','.join(line)}>" if line else value


def _address_line(row: Address) -> str:
    own, far, everybody = (*row.names, None, None, None)[:3]
    text = f"\tinet {own or row.address}/{row.prefixlen}"
    if row.destination is not None:
        text += f" -> {far or row.destination}"
    if row.broadcast is not None:
        text += f" broadcast {everybody or row.broadcast}"
    return f"{text} flags {_bits(row.flags, IN_IFF_NAMES)}"


def _traffic(row: Traffic) -> str:
    """Packets and bytes always, the rest when there is some."""
    always = [plural(row.packets, "packet"), plural(row.bytes, "byte")]
    nouns = ("multicast", "error", "queue drop", "collision")
    return ", ".join([*always, *(plural(count, noun) for count, noun in zip(row[2:], nouns, strict=True) if count)])


def plural(count: int, noun: str) -> str:
    """A number and its noun, which has an `s` unless it is one."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


COMMAND = Command("ifconfig", SYNOPSIS, parse, run, show)
