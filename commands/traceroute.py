"""Find the routers on the way to a host.  BSD usr.sbin/traceroute, by Van Jacobson.

Packets with a short time to live die on the way, and whoever drops one says so.  `*` is no answer in time;
`!N` `!H` `!P` network, host, protocol unreachable, `!F` fragmentation needed, `!S` source route failed,
`!X` prohibited, `!<9>` another code; `!` an answer that came with the last of its own time to live.

    -n           numbers only: do not look for names of addresses
    -I           probe with ICMP echo requests instead of UDP
    -f first     begin with this time to live (1)
    -m max       end with that one (net.inet.ip.ttl)
    -q probes    so many at each (3)
    -w seconds   wait so long for an answer (5)
    -p port      the UDP ports from the next on are unlikely to be used (33434)
    -g gateway   go through this host (loose source route), up to 8 times
    -s address   send from this address
    -t tos       type of service
    -l           show the time to live of the answers
    -F           do not let routers fragment
    -P           find the MTU on the way: packets as long as will go through
    length       bytes of a packet (40)

Examples:

    traceroute www
    traceroute -n -I -q 1 203.0.113.80
    traceroute -P www

See RFC 792, RFC 1812 4.3.3, RFC 1191; traceroute(8); ping.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from commands._getopt import getopt, host, number, seconds, too_many, wrong
from commands._icmp import quoted
from commands.command import Command, Context, Failure
from stack.addr import Ip4
from stack.header.icmp import (
    ICMP_ECHO,
    ICMP_ECHOREPLY,
    ICMP_TIMXCEED,
    ICMP_TIMXCEED_INTRANS,
    ICMP_UNREACH,
    ICMP_UNREACH_FILTER_PROHIB,
    ICMP_UNREACH_HOST,
    ICMP_UNREACH_NEEDFRAG,
    ICMP_UNREACH_NET,
    ICMP_UNREACH_PORT,
    ICMP_UNREACH_PROTOCOL,
    ICMP_UNREACH_SRCFAIL,
    Icmp,
    build,
)
from stack.header.ip import IPOPT_LSRR, IPOPT_MINOFF, IPOPT_NOP, IPPROTO_ICMP, IPPROTO_UDP
from stack.header.ip import Ip as IpHeader
from stack.kern.errors import strerror
from stack.kern.proc import Interrupt
from stack.kern.socket import SO_RCVBUF, SO_SNDBUF, SOCK_DGRAM, SOCK_RAW, SOL_SOCKET, Socket
from stack.kern.syscalls import recvmsg
from stack.netinet.in_ import IP_DONTFRAG, IP_OPTIONS, IP_TOS, IP_TTL, IPPROTO_IP

SYNOPSIS = (
    "traceroute [-FIlnP] [-f first] [-g gateway] [-m max] [-p port] [-q probes] [-s address] [-t tos]"
    " [-w seconds] host [length]"
)
WORDS = {
    "-F": "do not let routers fragment",
    "-I": "probe with ICMP instead of UDP",
    "-l": "show the time to live of the answers",
    "-n": "numbers only",
    "-P": "find the MTU on the way",
}
_SHORTEST = 28  # bytes: an IP header, and one of ICMP or UDP
_GATEWAYS = 8  # that fit into the IP header
_NOTES = {
    ICMP_UNREACH_NET: "!N", ICMP_UNREACH_HOST: "!H", ICMP_UNREACH_PROTOCOL: "!P", ICMP_UNREACH_PORT: "",
    ICMP_UNREACH_NEEDFRAG: "!F", ICMP_UNREACH_SRCFAIL: "!S", ICMP_UNREACH_FILTER_PROHIB: "!X",
}  # fmt: skip


class Args(NamedTuple):
    """What the user asked for."""

    host: str
    flags: frozenset[str] = frozenset()  # the options without a value
    length: int = 40
    first: int = 1
    last: int | None = None
    probes: int = 3
    wait: float = 5.0
    port: int = 33434
    gateways: tuple[str, ...] = ()
    source: str | None = None
    tos: int = 0


class TraceStart(NamedTuple):
    """Where the trace leads."""

    host: str
    address: Ip4
    source: Ip4 | None
    hops: int
    length: int


class Probe(NamedTuple):
    """A packet that was sent, and who answered (None: nobody); `time` in ms, `note` as `!H`."""

    from_: Ip4 | None = None
    name: str | None = None
    time: float | None = None
    ttl: int | None = None  # of the answer
    note: str = ""


class Hop(NamedTuple):
    """All probes with one time to live; `names` and `ttls` are what the line shows."""

    hop: int
    probes: tuple[Probe, ...]
    names: bool = True
    ttls: bool = False


class NarrowLink(NamedTuple):
    """A link too narrow for our packets: the hop is tried again with shorter ones (-P)."""

    mtu: int


Row = TraceStart | Hop | NarrowLink


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    gateways: list[str] = []
    found, words = getopt("traceroute", _without_gateways(argv, gateways), "f:Fg:Ilm:np:Pq:s:t:w:")
    if "g" in found:  # written as -gHOST, or behind other letters
        gateways.append(host(found.pop("g")))
    values: dict[str, Any] = {name: read(found[letter]) for letter, (name, read) in _VALUES.items() if letter in found}
    if not words:
        raise wrong("a host is missing")
    if len(words) > 2:
        raise too_many(next((word for word in words if word.startswith("-")), words[2]))
    if len(words) == 2:
        values["length"] = number(words[1], "the packet length", _SHORTEST, 65535)
    args = Args(host(words[0]), frozenset(found) - frozenset(_VALUES), gateways=tuple(gateways), **values)
    if args.last is not None and args.first > args.last:
        raise wrong(f"-f {args.first}: first ttl is beyond the last, {args.last}")
    if len(gateways) > _GATEWAYS:
        raise wrong(f"no more than {_GATEWAYS} gateways")
    return args


def _without_gateways(argv: list[str], gateways: list[str]) -> list[str]:
    """The command line without `-g gateway`, the one option that may come several times."""
    rest = list(argv)
    while "-g" in rest[:-1]:  # getopt keeps the last of each
        at = rest.index("-g")
        gateways.append(host(rest[at + 1]))
        del rest[at : at + 2]
    return rest


_VALUES: dict[str, tuple[str, Callable[[str], object]]] = {
    "f": ("first", lambda text: number(text, "the first ttl", 1, 255)),
    "m": ("last", lambda text: number(text, "the max ttl", 1, 255)),
    "p": ("port", lambda text: number(text, "the port", 1, 65535)),
    "q": ("probes", lambda text: number(text, "the number of probes", 1, 100)),
    "s": ("source", host),
    "t": ("tos", lambda text: number(text, "the tos", 0, 255)),
    "w": ("wait", lambda text: seconds(text, least=0.001)),
}


async def run(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """Hop after hop, until we are there or cannot get on."""
    tracer = Tracer(ctx, args)
    yield TraceStart(args.host, tracer.whereto, tracer.source, tracer.last, tracer.length)
    ttl = args.first
    while ttl <= tracer.last and not tracer.over:
        probes: list[Probe] = []
        try:
            while len(probes) < args.probes and tracer.narrow is None:
                probes.append(await tracer.probe(ttl))
        except Interrupt:
            if probes:
                yield Hop(ttl, tuple(probes), "n" not in args.flags, "l" in args.flags)
            raise
        yield Hop(ttl, tuple(probes), "n" not in args.flags, "l" in args.flags)
        if tracer.narrow is not None:
            yield NarrowLink(tracer.shorten())
        else:
            ttl += 1
            tracer.judge()


class Tracer:
    """The state of one trace."""

    def __init__(self, ctx: Context, args: Args) -> None:
        self.ctx = ctx
        self.args = args
        self.whereto = ctx.resolve(args.host)
        self.source = ctx.resolve(args.source) if args.source is not None else None
        self.options = self._options([ctx.resolve(name) for name in args.gateways])
        self.last = args.last or ctx.host.ip.default_ttl
        self.ident = ctx.proc.pid & 0xFFFF
        self.discovers = "P" in args.flags
        self.length = self._mtu() if self.discovers else args.length
        self.icmp = ctx.socket(SOCK_RAW, IPPROTO_ICMP)
        self.icmp.setsockopt(SOL_SOCKET, SO_RCVBUF, 1 << 18)
        self.out = self._open()
        self.seq = 0
        self.arrived = self.unreachable = 0  # probes of this hop that ended so
        self.narrow: int | None = None  # the MTU that a router told us of
        self.over = False

    def _options(self, gateways: list[Ip4]) -> bytes:
        """The source route of -g: all stops, and the destination last."""
        if not gateways:
            return b""
        stops = b"".join(stop.packed for stop in (*gateways, self.whereto))
        return bytes((IPOPT_NOP, IPOPT_LSRR, 3 + len(stops), IPOPT_MINOFF)) + stops

    def _mtu(self) -> int:
        """The longest packet that can leave."""
        rt = self.ctx.host.routes.lookup(self.whereto)
        return self.args.length if rt is None else min(rt.mtu or rt.ifp.mtu, 65535)

    def _open(self) -> Socket:
        """The socket that probes leave by."""
        echo = "I" in self.args.flags
        so = self.ctx.socket(SOCK_RAW if echo else SOCK_DGRAM, IPPROTO_ICMP if echo else 0)
        so.setsockopt(SOL_SOCKET, SO_SNDBUF, 1 << 16)
        so.bind((self.source or 0, 0))
        so.setsockopt(IPPROTO_IP, IP_TOS, self.args.tos)
        so.setsockopt(IPPROTO_IP, IP_DONTFRAG, int(self.discovers or "F" in self.args.flags))
        if self.options:
            so.setsockopt(IPPROTO_IP, IP_OPTIONS, self.options)
        return so

    async def probe(self, ttl: int) -> Probe:
        """Send a packet and wait for an answer to it."""
        begun = self.ctx.now
        self._send(ttl)
        while (left := begun + self.args.wait - self.ctx.now) > 0:
            try:
                record = await recvmsg(self.icmp, timeout=left)
            except BlockingIOError:
                break
            header = IpHeader.parse(record.data)
            note = self._answer(header, record.data[header.hlen :])
            if note is not None:
                name = None if "n" in self.args.flags else self.ctx.name_of(header.src)
                return Probe(header.src, name, round((self.ctx.now - begun) * 1000, 6), header.ttl, note)
        return Probe()

    def _send(self, ttl: int) -> None:
        self.seq += 1
        size = max(self.length - _SHORTEST - (len(self.options) - 4 if self.options else 0), 0)
        data = bytes((self.seq & 0xFF, ttl)).ljust(size, b"\0")[:size]
        self.out.setsockopt(IPPROTO_IP, IP_TTL, ttl)
        if "I" in self.args.flags:
            data = build(ICMP_ECHO, 0, self.ident << 16 | self.seq & 0xFFFF, data)
        try:
            self.out.sendto(data, (self.whereto, 0 if "I" in self.args.flags else self._port))
        except OSError as error:
            raise Failure(f"sendto: {strerror(error.errno or 0)}") from None

    @property
    def _port(self) -> int:
        """Where the present probe goes; never 0."""
        return (self.args.port + self.seq - 1) % 65535 + 1

    def _answer(self, header: IpHeader, message: bytes) -> str | None:
        """What an ICMP message says of the present probe, as a note; None when it says nothing of it (packet_ok)."""
        if len(message) < 8:
            return None
        icmp = Icmp.parse(message)
        last_breath = "!" if header.ttl <= 1 else ""
        if icmp.type == ICMP_ECHOREPLY and "I" in self.args.flags:
            if icmp.rest != self.ident << 16 | self.seq & 0xFFFF:
                return None
            self.arrived += 1
            return last_breath
        if not self._is_about_us(message):
            return None
        if icmp.type == ICMP_TIMXCEED and icmp.code == ICMP_TIMXCEED_INTRANS:
            return ""
        if icmp.type != ICMP_UNREACH:
            return None
        if icmp.code in (ICMP_UNREACH_PORT, ICMP_UNREACH_PROTOCOL):
            self.arrived += 1
            return last_breath if icmp.code == ICMP_UNREACH_PORT else _NOTES[icmp.code]
        if icmp.code == ICMP_UNREACH_NEEDFRAG and self.discovers and self.length > _SHORTEST:
            self.narrow = icmp.nextmtu
            return ""
        self.unreachable += 1
        return _NOTES.get(icmp.code, f"!<{icmp.code}>")

    def _is_about_us(self, message: bytes) -> bool:
        """Whether an error quotes the present probe."""
        packet = quoted(message)
        if packet is None or len(packet.data) < 8:
            return False
        if "I" in self.args.flags:
            echo = packet.echo
            return echo is not None and echo.rest == self.ident << 16 | self.seq & 0xFFFF
        ports = self.out.getsockname()[1] << 16 | self._port
        return packet.header.p == IPPROTO_UDP and int.from_bytes(packet.data[:4]) == ports

    def judge(self) -> None:
        """Whether the hop was the last."""
        self.over = self.arrived > 0 or self.unreachable >= (self.args.probes + 1) // 2
        self.arrived = self.unreachable = 0

    def shorten(self) -> int:
        """Make packets that fit the narrow link; a router that does not say how narrow it is gets guesses."""
        told, self.narrow = self.narrow or 0, None
        self.arrived = self.unreachable = 0
        if _SHORTEST <= told < self.length:
            self.length = told
        else:
            self.length = next((mtu for mtu in _MTUS if mtu < self.length), _SHORTEST)
        return self.length


_MTUS = (17914, 8166, 4464, 4352, 2048, 2002, 1536, 1500, 1492, 1480, 1280, 1006, 576, 552, 544, 512, 508, 296, 68)


def show(row: Row) -> str:
    """NetBSD's words."""
    match row:
        case TraceStart():
            source = f" from {row.source}" if row.source is not None else ""
            return f"traceroute to {row.host} ({row.address}){source}, {row.hops} hops max, {row.length} byte packets"
        case NarrowLink():
            return f"fragmentation required and DF set, next hop MTU = {row.mtu}"
    return _show_hop(row)


def _show_hop(row: Hop) -> str:
    """A line: whoever answers is named when it is another one than before."""
    text = f"{row.hop:2d} "
    last: Ip4 | None = None
    for probe in row.probes:
        if probe.from_ is None:
            text += " *"
            continue
        if probe.from_ != last:
            text += f" {probe.name or probe.from_} ({probe.from_})" if row.names else f" {probe.from_}"
            last = probe.from_
        text += f"  {probe.time:.3f} ms"
        if row.ttls:
            text += f" (ttl = {probe.ttl})"
        if probe.note:
            text += f" {probe.note}"
    return text


COMMAND = Command("traceroute", SYNOPSIS, parse, run, show)
