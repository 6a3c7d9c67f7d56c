"""Send packets that are written as scapy has them, and show what is answered.

    -c count     send it so many times
    -i interval  so many seconds between packets (0.01, and between rounds 1)
    -w wait      wait so long for answers (1s)
    -n           numbers only: no names of hosts and services

Names in it are those of layers and their fields; values are numbers, texts, lists, tuples.  Hosts of the lab are known
by their names.  What is left out is filled in: our addresses, the next hop's link address, lengths, checksums.

Examples:

    send IP(dst="www")/ICMP()                             # goes where the routes say
    send IP(dst="www", ttl=(1, 3))/UDP(dport=33434)       # one packet for each of 1, 2, 3
    send IP(dst="www")/TCP(dport=[79, 80], flags="S")
    send shmif0 Ether()/IP(dst="10.0.0.1")/TCP(dport=80, flags="S")
    send gw:shmif1 ARP(pdst="203.0.113.80")               # another host's interface
    send Ether(type=0x88b5)/"any text"

See packet, tcpdump, replay.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from commands import _send_parse
from commands._getopt import getopt, number, wrong
from commands._send_fill import Ready, fill
from commands._send_layers import LAYERS
from commands._tcpdump_core import Options
from commands._tcpdump_lines import DLT_RAW, Lines
from commands._tcpdump_places import places_of
from commands.command import Command, Context, Failure
from stack.addr import Ip4
from stack.dev.craft import BadField, Crafted, Dissected, LayerSpec, craft
from stack.header.ip import IPPROTO_RAW
from stack.host import Host
from stack.kern.errors import strerror
from stack.kern.proc import Interrupt, tsleep
from stack.kern.socket import SO_BROADCAST, SOCK_RAW, SOL_SOCKET, Socket
from stack.net.bpf import DLT_EN10MB, DLT_NULL, Bpf, Frame, Source
from stack.net.ethernet import m_devget
from stack.net.ifnet import Ifnet
from stack.net.wire import Bus
from stack.netinet.in_ import IP_HDRINCL, IPPROTO_IP

SYNOPSIS = "send [-n] [-c count] [-i interval] [-w wait] [place] expression"

_TIME = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(s|ms|us)?")
_UNITS = {None: 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}
_BUFFER = 16 << 20
_GAP = 0.01  # seconds between the packets of a round


class Args(NamedTuple):
    """The command line."""

    rounds: int
    interval: float | None
    wait: float
    numeric: bool
    place: str | None
    text: str
    stack: _send_parse.Stack


class Sent(NamedTuple):
    """A packet that was sent."""

    number: int
    time: float
    host: str
    interface: str | None  # None: where the routes say
    length: int
    data: str  # in hex
    text: str


class Answered(NamedTuple):
    """A packet that answers one: whose, and after how many seconds."""

    number: int
    time: float
    after: float
    host: str | None
    address: str | None
    text: str


class Total(NamedTuple):
    """How many there were."""

    sent: int
    answered: int


Row = Sent | Answered | Total


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    found, words = getopt("send", argv, "c:i:nw:")
    if not words:
        raise wrong("a packet is missing, such as IP(dst='10.0.0.1')/ICMP()")
    place = words.pop(0) if len(words) > 1 and "(" not in words[0] else None
    text = " ".join(words)
    try:
        stack = _send_parse.parse(text)
    except _send_parse.Wrong as error:
        raise wrong(str(error), line=text, column=error.column) from None
    return Args(
        number(found.get("c", "1"), "the count", 1),
        _seconds(found["i"]) if "i" in found else None,
        _seconds(found.get("w", "1s")),
        "n" in found,
        place,
        text,
        stack,
    )


def _seconds(word: str) -> float:
    found = _TIME.fullmatch(word)
    if found is None or float(found[1]) > 1e6:
        raise wrong(f"{word}: not a time; 1s is a second, 100ms a tenth of one")
    return float(found[1]) * _UNITS[found[2]]


def run(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """Make the packets, send them, and wait; a signal finds the generator that has to do with it."""
    host, ifp = ctx.host, None
    if args.place is not None:
        name, ifp = _place(ctx, args.place)
        host = ctx.lab.hosts[name]
    packets = _crafted(ctx, host, args)
    return Sender(ctx, args, host, ifp, packets).run()


def _place(ctx: Context, word: str) -> tuple[str, Ifnet]:
    host, place = places_of(ctx, word, lab=False)[0]
    if isinstance(place, Bus) or word.endswith("any"):
        raise Failure(f"{word}: a packet is sent from one interface, such as {ctx.host.name}:shmif0")
    return host, place


def _crafted(ctx: Context, host: Host, args: Args) -> list[Crafted]:
    """The packets of the expression; Failure with a mark at what is wrong."""

    def resolve(name: str) -> str | None:
        try:
            return str(ctx.lab.resolve(name, host))
        except OSError:
            return None

    try:
        return craft(_specs(args.stack), resolve)
    except BadField as error:
        raise _marked(error, args) from None


def _marked(error: BadField, args: Args) -> Failure:
    """What is wrong, with a mark at the place."""
    layers = args.stack.layers
    chosen = layers if error.layer < 0 else layers[error.layer : error.layer + 1]
    setting = next((each for layer in chosen for each in layer.settings if each.name == error.field), None)
    if setting is None:
        column = chosen[0].column
    else:
        column = setting.column if "no field" in str(error) else setting.value_column
    return wrong(str(error), line=args.text, column=column)


def _specs(stack: _send_parse.Stack) -> tuple[LayerSpec, ...]:
    """Layers with plain values."""
    return tuple(
        LayerSpec(layer.name, {each.name: _plain(each.value) for each in layer.settings}) for layer in stack.layers
    )


def _plain(value: object) -> object:
    if isinstance(value, _send_parse.Stack):
        return _specs(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    return value


class Sender:
    """Packets, and what they bring about."""

    def __init__(self, ctx: Context, args: Args, host: Host, ifp: Ifnet | None, packets: list[Crafted]) -> None:
        self.ctx = ctx
        self.args = args
        self.host = host
        self.ifp = ifp
        self.packets = packets
        self.lines = Lines(Options(numeric=args.numeric, stamp=1), ctx.name_of)
        self.bpf = Bpf(lambda: ctx.now, _BUFFER)
        self.socket: Socket | None = None
        self.asked: list[tuple[float, bytes, Dissected]] = []  # when, its source, and the packet
        self.answered: set[int] = set()
        self.open_ended = False  # more than one may answer

    async def run(self) -> AsyncIterator[Row]:
        """Send them all, and wait for the answers to the last."""
        for ifp in self.host.interfaces.values():
            self.bpf.attach(ifp, self.host.name, None)
        try:
            try:
                for at in range(self.args.rounds * len(self.packets)):
                    if at:
                        async for row in self._wait(self._pause(at)):
                            yield row
                    yield await self._send(self.packets[at % len(self.packets)])
                async for row in self._wait(self.args.wait, all=True):
                    yield row
            except Interrupt:
                pass
            yield Total(len(self.asked), len(self.answered))
        finally:
            self.bpf.close()
            if self.socket is not None:
                self.socket.close()

    def _pause(self, at: int) -> float:
        """How long to wait before the packet of that number."""
        if self.args.interval is not None:
            return self.args.interval
        return _GAP if at % len(self.packets) else 1.0

    async def _send(self, packet: Crafted) -> Sent:
        try:
            ready = await fill(self.ctx, self.host, self.ifp, packet)
        except BadField as error:
            raise _marked(error, self.args) from None
        now = self.ctx.now
        linktype = DLT_RAW if ready.interface is None else DLT_EN10MB
        text = self.lines.row(Frame(0, 0, True, ready.data, len(ready.data)), [Source("", "", linktype)]).text
        request = Dissected(ready.data, linktype)
        source = _addresses(ready.data, linktype)[0]
        self.asked.append((now, source, request))
        self.open_ended = self.open_ended or ready.destination.is_multicast or self._is_broadcast(ready)
        self._out(ready)
        name = None if ready.interface is None else ready.interface.name
        return Sent(len(self.asked), now, self.host.name, name, len(ready.data), ready.data.hex(), text)

    def _is_broadcast(self, ready: Ready) -> bool:
        return any(ifp.is_broadcast(ready.destination) for ifp in self.host.interfaces.values())

    def _out(self, ready: Ready) -> None:
        """To the interface, or through ip_output as a raw packet."""
        if ready.interface is not None:
            ready.interface.send_frame(m_devget(ready.data))
            return
        if self.socket is None:
            self.socket = self.host.socket(SOCK_RAW, IPPROTO_RAW)
            self.socket.setsockopt(IPPROTO_IP, IP_HDRINCL, 1)
            self.socket.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)
        try:
            self.socket.sendto(ready.data, (ready.destination, 0))
        except OSError as error:
            raise Failure(f"{ready.destination}: {strerror(error.errno or 0)}") from None

    async def _wait(self, seconds: float, *, all: bool = False) -> AsyncIterator[Row]:
        """Show answers for a time, or until there is nothing more to come."""
        deadline = self.ctx.now + seconds
        while True:
            for row in self._answers():
                yield row
            left = deadline - self.ctx.now
            if left <= 0 or (all and not self.open_ended and len(self.answered) == len(self.asked)):
                return
            await tsleep(self.bpf.readable, timeout=left)

    def _answers(self) -> Iterator[Answered]:
        """The answers among what has come."""
        for frame in self.bpf.take():
            source = self.bpf.sources[frame.source]
            if frame.outgoing and source.linktype != DLT_NULL:
                continue
            sender, receiver = _addresses(frame.data, source.linktype)
            candidates = [at for at, (_, ours, _) in enumerate(self.asked) if ours == receiver]
            if not candidates:
                continue
            came = Dissected(frame.data, source.linktype)
            number = next((at for at in reversed(candidates) if came.answers(self.asked[at][2])), None)
            if number is not None:
                self.answered.add(number)
                yield self._answer(number, frame, source, sender)

    def _answer(self, number: int, frame: Frame, source: Source, sender: bytes) -> Answered:
        packet = self.lines.row(frame._replace(source=0), [source])
        time = frame.time / 1e9
        address = Ip4.from_bytes(sender) if sender else None
        host = self.ctx.name_of(address) if address else packet.source
        after = max(time - self.asked[number][0], 0.0)
        return Answered(number + 1, time, round(after, 9), host, None if address is None else str(address), packet.text)


def _addresses(data: bytes, linktype: int) -> tuple[bytes, bytes]:
    """Source and destination of an IP packet; nothing for others."""
    at = {DLT_EN10MB: 14, DLT_NULL: 4}.get(linktype, 0)
    if linktype == DLT_EN10MB and data[12:14] == b"\x81\x00":
        at = 18
    if linktype == DLT_EN10MB and data[at - 2 : at] != b"\x08\x00":
        return b"", b""
    return data[at + 12 : at + 16], data[at + 16 : at + 20]


def show(row: Row) -> str:
    """Its line."""
    match row:
        case Sent():
            return f"sent {row.number}: {row.text}"
        case Answered():
            who = row.host or row.address or "somebody"
            return f"{who} answers {row.number} after {row.after * 1e3:.3f} ms: {row.text}"
    return f"{row.sent} packet{'s' * (row.sent != 1)} sent, {row.answered or 'none'} answered"


__all__ = ["COMMAND", "LAYERS"]

COMMAND = Command("send", SYNOPSIS, parse, run, show)
