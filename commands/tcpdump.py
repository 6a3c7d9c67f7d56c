"""Show the packets that pass an interface, a bus, or the whole lab.  NetBSD tcpdump(8), pcap-filter(7).

    -i place      where: shmif0, HOST:shmif0, bus:lan, or any for all interfaces of this host; --lab is all of all hosts
    -n            numbers only: no names of hosts and services
    -e            the link header, too
    -v            more of each packet; -vv and -vvv still more
    -q            less of each packet
    -S            TCP's sequence numbers as they are, not counted from the beginning
    -t            no time; -tt seconds, -ttt since the packet before, -tttt with the date, -ttttt since the first
    -x            the bytes in hex, too; -xx with the link header
    -X            in hex and as text; -XX with the link header
    -A            as text; -AA with the link header
    -#            number the packets
    -c count      stop after so many packets
    -s snaplen    keep so many bytes of a packet (262144)
    -B size       keep at most so many KiB of packets that were not shown yet (262144)
    -p            do not put the interface into promiscuous mode
    -l            a line at a time, which is always so; -U the same for -w
    -w file       write the packets to a file that Wireshark can read, pcapng if it is called so, and - is a pipe
    -r file       read packets from such a file
    -d            print the filter as a program of the BPF machine; -dd for C, -ddd as numbers
    -D            list the interfaces

The rest of the line is a filter, in which hosts of the lab are known by their names.  Ctrl-C ends it, and says how many
packets there were.

Examples:

    tcpdump -n -i shmif0 icmp or arp &
    ping -c 2 www
    kill -INT %1
    tcpdump -i any -c 10 host www and tcp port 80 &
    fetch -q -o page.html http://www/
    tcpdump -d icmp and host www
    tcpdump -i bus:lan -w lan.pcapng &
    tcpdump -w - | !wireshark -k -i -

See tcpdump(8), pcap-filter(7), bpf(4); ladder, packet, trace.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import chain
from typing import NamedTuple

from commands._getopt import getopt, number, wrong
from commands._tcpdump_core import Options, plural
from commands._tcpdump_filter import Filter, resolved
from commands._tcpdump_lines import LINKTYPES, Lines, Packet
from commands._tcpdump_places import Place, linktype_at, netmask_of, places_of
from commands._tcpdump_sink import Sink
from commands.command import Command, Complaint, Context, Data, ErrorData, Failure, Note
from stack.dev import savefile
from stack.host import Host
from stack.kern.errors import reason
from stack.kern.proc import Interrupt, pause, tsleep
from stack.net.bpf import DLT_EN10MB, SNAPLEN, Bpf, Frame, Recent, Source, linktype_of
from stack.net.bpf_filter import bpf_filter
from stack.net.ifnet import IFF_LOOPBACK, IFF_RUNNING, IFF_UP, Ifnet
from stack.net.wire import Bus

SYNOPSIS = (
    "tcpdump [-AdDelnpqStUvxX] [-#] [-B size] [-c count] [-i place] [-r file] [-s snaplen] [-w file] [--lab]"
    " [filter ...]"
)

WORDS = {
    "--lab": "all interfaces of all hosts, those made later, too",
    "host": "from or to a host",
    "net": "from or to a network",
    "port": "from or to a port",
    "portrange": "from or to a port of a range",
    "src": "where it comes from",
    "dst": "where it goes",
    "and": "both",
    "or": "one of both",
    "not": "not",
    "ether": "of the link header",
    "ip": "IPv4 packets",
    "arp": "ARP packets",
    "icmp": "ICMP messages",
    "igmp": "IGMP messages",
    "tcp": "TCP segments",
    "udp": "UDP datagrams",
    "stp": "messages of the spanning tree",
    "vlan": "frames with a tag, of a VLAN",
    "broadcast": "to everybody on the link",
    "multicast": "to a group",
    "greater": "at least so many bytes",
    "less": "at most so many bytes",
}

_BUFFER = 262144  # KiB


class Args(NamedTuple):
    """The command line."""

    options: Options
    interface: str | None
    lab: bool
    limit: int | None
    snaplen: int
    buffer: int
    promisc: bool
    read: str | None
    write: str | None
    dump: int
    list: bool
    filter: str
    line: str  # as it was typed


class Interface(NamedTuple):
    """A line of -D."""

    number: int
    name: str
    state: tuple[str, ...]


class Instruction(NamedTuple):
    """A line of -d: what the BPF machine does."""

    number: int
    code: int
    jt: int
    jf: int
    k: int
    text: str


Row = Packet | Interface | Instruction | Note | Complaint | Data | ErrorData


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    found, words = getopt("tcpdump", argv, "#AB:c:dDei:lnpqr:Ss:tUvw:xX", ("lab",))
    if "lab" in found and "i" in found:
        raise wrong("--lab is all interfaces, -i is one")
    if "r" in found and ("lab" in found or "i" in found):
        raise wrong("-r reads a file, which has no interfaces to choose from")
    if found.get("r", "-") == found.get("w") != "-":
        raise wrong(f"{found['w']}: -r and -w cannot name the same file")
    count = {letter: len(found.get(letter, "")) for letter in "tvxXAd"}
    options = Options(
        "n" in found, "e" in found, count["v"], "q" in found, "S" in found, count["t"], count["x"], count["X"],
        count["A"], "#" in found,
    )  # fmt: skip
    return Args(
        options,
        found.get("i"),
        "lab" in found,
        number(found["c"], "the packet count", 1) if "c" in found else None,
        number(found.get("s", "0"), "the snapshot length", 0, SNAPLEN) or SNAPLEN,
        number(found.get("B", str(_BUFFER)), "the size in KiB", 1, 1 << 22) << 10,
        "p" not in found,
        found.get("r"),
        found.get("w"),
        count["d"],
        "D" in found,
        " ".join(words),
        " ".join(["tcpdump", *argv]),
    )


def run(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """Capture, or read what was captured; a signal finds the generator that has to do with it, not one around it."""
    if args.list:
        return _each(_interfaces(ctx.host))
    text = resolved(ctx, args.filter)
    if args.read is not None and not args.dump:
        return _read(ctx, args, Filter(text, args.snaplen))
    places = places_of(ctx, args.interface, lab=args.lab)
    chosen = Filter(text, args.snaplen, netmask_of(places))
    if args.dump:
        return _each(_program(args, chosen, linktype_at(places[0][1])))
    return _capture(ctx, args, chosen, places)


async def _each(rows: Iterator[Row]) -> AsyncIterator[Row]:
    for row in rows:
        yield row


# --- what there is -----------------------------------------------------------------------------------------


def _interfaces(host: Host) -> Iterator[Interface]:
    for at, ifp in enumerate(host.interfaces.values(), 1):
        names = {IFF_UP: "Up", IFF_RUNNING: "Running", IFF_LOOPBACK: "Loopback"}
        yield Interface(at, ifp.name, tuple(name for bit, name in names.items() if ifp.flags & bit))


def _program(args: Args, chosen: Filter, linktype: int) -> Iterator[Note | Instruction]:
    """A filter as a program: in words, as C has it, or as numbers."""
    from stack.dev import libpcap  # ctypes takes 10 ms to import

    if args.read is not None:
        loader = savefile.Loader()
        _load(loader, next(savefile.chunks(args.read), b""), Filter("", args.snaplen))
        linktype = loader.sources[0].linktype if loader.sources else linktype
    program = chosen.compile(linktype)
    if args.dump > 2:
        yield Note(str(len(program)))
    for at, (insn, text) in enumerate(zip(program, libpcap.image(program), strict=True)):
        if args.dump == 2:
            text = f"{{ {insn.code:#x}, {insn.jt}, {insn.jf}, 0x{insn.k:08x} }},"
        elif args.dump > 2:
            text = f"{insn.code} {insn.jt} {insn.jf} {insn.k}"
        yield Instruction(at, *insn, text)


# --- from the wire ---------------------------------------------------------------------------------------


async def _capture(ctx: Context, args: Args, chosen: Filter, places: list[Place]) -> AsyncIterator[Row]:
    bpf = Bpf(lambda: ctx.now, args.buffer, args.snaplen)
    for linktype in {linktype_at(place) for _, place in places}:
        chosen.program(linktype)  # what is wrong with it, before anything is made
    sink = _sink(args, bpf.sources)
    for host, place in places:
        if isinstance(place, Bus):
            bpf.attach_bus(place, chosen.program(DLT_EN10MB))
        else:
            bpf.attach(place, host, chosen.program(linktype_of(place)))
    ctx.proc.closers.append(bpf.close)
    _watch_for_more(ctx, args, chosen, bpf)
    _promiscuous(ctx, args, places)
    lines = Lines(args.options, ctx.name_of, places=len(places) > 1, home="" if args.lab else ctx.host.name)
    recent = ctx.lab.recent = Recent(bpf.sources)
    captured = 0
    rows: Iterator[Row] = iter(())

    def more() -> Iterator[Row]:
        nonlocal captured
        frames = bpf.take()
        if args.limit is not None:
            del frames[args.limit - captured :]
        captured += len(frames)
        recent.add(frames)
        return sink.write(frames) if sink is not None else (lines.row(frame, bpf.sources) for frame in frames)

    try:
        if sink is not None:
            for data in sink.begin():
                yield data
        for row in _listening(args, bpf.sources):
            yield row
        try:
            while args.limit is None or captured < args.limit:
                if not bpf.frames:
                    await tsleep(bpf.readable)
                rows = more()
                for row in rows:
                    yield row
        except Interrupt:
            bpf.close()
            for row in chain(rows, more()):  # the rest of what was being shown, and what has come since
                yield row
        bpf.close()
        yield ErrorData(f"{plural(captured, 'packet')} captured\n{plural(bpf.received, 'packet')} received by filter\n"
                        f"{plural(bpf.dropped, 'packet')} dropped by kernel\n".encode())  # fmt: skip
    except GeneratorExit:  # nobody takes any more; a text's reader knows that it is head
        ctx.last_words = f"standard output: nobody reads it; {plural(captured, 'packet')} captured" * (sink is not None)
        raise
    finally:
        bpf.close()
        if sink is not None:  # killed, perhaps: what is in the buffer belongs into the file
            sink.close(bpf.take() if args.limit is None else [])


def _watch_for_more(ctx: Context, args: Args, chosen: Filter, bpf: Bpf) -> None:
    """Where all interfaces are meant, those that are made later are, too; but not ones that the file cannot hold."""
    host, _, word = (args.interface or "").rpartition(":")
    if not args.lab and word != "any":
        return
    held = {source.linktype for source in bpf.sources}
    probes = ctx.lab.probes

    def attached(name: str, ifp: object) -> None:
        if isinstance(ifp, Ifnet) and (args.lab or name == (host or ctx.host.name)) and linktype_of(ifp) in held:
            bpf.attach(ifp, name, chosen.program(linktype_of(ifp)))

    probes.attach += (attached,)
    ctx.proc.closers.append(
        lambda: setattr(probes, "attach", tuple(each for each in probes.attach if each is not attached))
    )


def _promiscuous(ctx: Context, args: Args, places: list[Place]) -> None:
    """One interface alone sees all frames of its link, unless -p says not to; it is put back in the end."""
    place = places[0][1]
    if len(places) == 1 and args.promisc and not isinstance(place, Bus) and not place.is_loopback:
        place.promisc(True)
        ctx.proc.closers.append(lambda: place.promisc(False))


def _listening(args: Args, sources: list[Source]) -> Iterator[Row]:
    """What is said on stderr before the first packet."""
    where = "the whole lab" if args.lab else args.interface or sources[0].interface
    linktypes = {source.linktype for source in sources}
    kind = " and ".join(LINKTYPES[linktype] for linktype in sorted(linktypes, reverse=True))
    if args.write is None and not args.options.verbose:
        yield Complaint("verbose output suppressed, use -v[v]... for full protocol decode")
    text = f"listening on {where}, link-type {kind}, snapshot length {args.snaplen} bytes"
    yield ErrorData(f"{text}\n".encode()) if args.write is None and not args.options.verbose else Complaint(text)


def _sink(args: Args, sources: list[Source]) -> Sink | None:
    return None if args.write is None else Sink(args.write, sources, args.snaplen, args.line)


# --- from a file -----------------------------------------------------------------------------------------


async def _read(ctx: Context, args: Args, chosen: Filter) -> AsyncIterator[Row]:
    assert args.read is not None
    loader = savefile.Loader()
    sink: Sink | None = None
    recent = ctx.lab.recent = Recent(loader.sources)
    lines = Lines(args.options, ctx.name_of, local=True)
    count = 0
    try:
        async for piece in _stdin(ctx) if args.read == "-" else _pieces(args.read):
            frames, problem = _load(loader, piece, chosen)
            if loader.sources and not lines.begun:
                lines.begun = True
                yield _reading(args.read, loader)
                if args.write is not None:
                    sink = Sink(args.write, loader.sources, loader.snaplen, args.line)
                    for data in sink.begin():
                        yield data
            if args.limit is not None:
                del frames[args.limit - count :]
            count += len(frames)
            recent.add(frames)
            for row in _rows(lines, sink, frames, loader):
                yield row
            if problem:
                raise Failure(f"{args.read}: {problem}")
            if count == args.limit:
                break
            await pause(0)  # others have their turn, and Ctrl-C is heard
    finally:
        if sink is not None:
            sink.close()


def _load(loader: savefile.Loader, piece: bytes, chosen: Filter) -> tuple[list[Frame], str]:
    """The frames of a piece that are wanted, and what is wrong behind them; an empty piece is the end."""
    frames: list[Frame] = []
    try:
        if not piece:
            loader.end()
        for frame in loader.feed(piece):
            program = chosen.program(loader.sources[frame.source].linktype)
            if program is None or bpf_filter(program, frame.data, frame.length):
                frames.append(frame)
    except ValueError as error:
        return frames, str(error)
    return frames, ""


def _rows(lines: Lines, sink: Sink | None, frames: list[Frame], loader: savefile.Loader) -> Iterator[Row]:
    if sink is not None:
        yield from sink.write(frames)
        return
    lines.places = sum(bool(source.interface) for source in loader.sources) > 1
    for frame in frames:
        try:
            yield lines.row(frame, loader.sources)
        except ValueError as error:
            raise Failure(str(error)) from None


def _reading(name: str, loader: savefile.Loader) -> Row:
    linktype = loader.sources[0].linktype
    kind = LINKTYPES.get(linktype, f"{linktype}")
    return ErrorData(f"reading from file {name}, link-type {kind}, snapshot length {loader.snaplen}\n".encode())


async def _stdin(ctx: Context) -> AsyncIterator[bytes]:
    while data := await ctx.stdin.read():
        yield data
    yield b""


async def _pieces(path: str) -> AsyncIterator[bytes]:
    try:
        for data in savefile.chunks(path):
            yield data
    except OSError as error:
        raise Failure(f"{path}: {reason(error)}") from None
    yield b""


# --- how it reads ----------------------------------------------------------------------------------------


def show(row: Packet | Interface | Instruction) -> str:
    """tcpdump's words."""
    match row:
        case Packet():
            return row.text
        case Interface():
            return f"{row.number}.{row.name} [{', '.join(row.state)}]"
    return row.text


COMMAND = Command("tcpdump", SYNOPSIS, parse, run, show)
