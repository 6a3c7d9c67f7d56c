"""Connect to a port, or listen on one, and pass bytes both ways.  BSD usr.bin/nc, netcat.

    -l          listen, and take one connection
    -k          with -l: then take the next one
    -u          UDP instead of TCP
    -z          only see whether somebody listens; a range of ports may be given
    -v          say what happens
    -w timeout  give up when nothing happens for so many seconds; the first caller may come when he will
    -s address  connect from this address
    -p port     connect from this port; with -l: listen there
    -d          do not read standard input
    -n          addresses only, no names
    -4 -N       are understood, and the way it is anyway

Standard input is sent; at its end the connection is half closed, and what still comes is read to its end.
UDP knows no end: there -w ends it, or Ctrl-C.  Files are given by the shell's `<` and `>`.  A port may be a service,
by the name that netstat shows.

Examples:

    gw nc -l 9000 > received &
    echo hello > file
    nc gw 9000 < file
    nc -zv www 79-81
    gw nc -lu 9000 &
    nc -u -w 1 gw 9000 <<< hello

See RFC 9293, RFC 768; nc(1); sockets.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from typing import NamedTuple

from commands._getopt import getopt, host, seconds, too_many, wrong
from commands._netstat_sockets import SERVICES, port_number
from commands._relay import Relay
from commands.command import Command, Complaint, Context, Data, Failure
from stack.addr import Ip4
from stack.kern.errors import strerror
from stack.kern.socket import SO_REUSEADDR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, Socket
from stack.kern.syscalls import accept, connect, recv, recvfrom

SYNOPSIS = (
    "nc [-4dNnuvz] [-p port] [-s source] [-w timeout] host port[-port]\n"
    "nc -l [-4dkNnuv] [-p port] [-w timeout] [address] [port]"
)
WORDS = {
    "-d": "do not read standard input",
    "-k": "take the next connection, too",
    "-l": "listen",
    "-n": "addresses only, no names",
    "-u": "UDP",
    "-v": "say what happens",
    "-z": "only see whether somebody listens",
}
_PROBE = 1.0  # seconds that a closed UDP port has to say so


class Args(NamedTuple):
    """What the user asked for; `ports` is one port, or several."""

    flags: frozenset[str]
    host: str | None
    ports: range
    source: str | None = None
    port: int = 0  # our own
    timeout: float | None = None


class Listening(NamedTuple):
    """We wait (-v)."""

    address: Ip4
    port: int


class Received(NamedTuple):
    """Somebody has come (-v)."""

    from_: Ip4
    port: int
    name: str | None = None


class Connected(NamedTuple):
    """We got through (-v, -z)."""

    host: str
    port: int
    protocol: str


Row = Listening | Received | Connected | Data | Complaint


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    found, words = getopt("nc", argv, "46dklNnp:s:uvw:z")
    flags = frozenset(found) - {"p", "s", "w"}
    if "6" in flags:
        raise wrong("-6: IPv6 is not spoken here yet")
    own = port_number(found["p"], "the port") if "p" in found else 0
    source = host(found["s"]) if "s" in found else None
    timeout = seconds(found["w"], least=0.001) if "w" in found else None
    if "l" in flags:
        return _parse_listener(flags, words, source, own, timeout)
    if "k" in flags:
        raise wrong("must use -l with -k")
    if len(words) != 2:
        raise too_many(words[2]) if len(words) > 2 else wrong("a host and a port are wanted")
    return Args(flags, host(words[0]), _ports(words[1]), source, own, timeout)


def _parse_listener(
    flags: frozenset[str], words: list[str], source: str | None, own: int, timeout: float | None
) -> Args:
    if source is not None or "z" in flags:
        raise wrong(f"cannot use -{'z' if 'z' in flags else 's'} and -l")
    if own:
        words = [*words, str(own)]
    if not words:
        raise wrong("a port is missing")
    if len(words) > 2:
        raise too_many(words[2])
    port = port_number(words[-1], "the port")
    return Args(flags, host(words[0]) if len(words) == 2 else None, range(port, port + 1), timeout=timeout)


def _ports(text: str) -> range:
    """A port, or a range of them, in whatever order."""
    first, dash, last = (text, "", "") if text in SERVICES.values() else text.partition("-")  # ftp-data is one
    if dash and not (first and last):
        raise wrong(f"{text}: a range has two ports, as in 79-81")
    low = port_number(first)
    high = port_number(last) if dash else low
    return range(min(low, high), max(low, high) + 1)


async def run(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """Listen or connect."""
    caller = Caller(ctx, args)
    if "l" not in args.flags:
        rows = caller.connect()
    elif "u" in args.flags:
        rows = caller.listen_udp()
    else:
        rows = caller.listen_tcp()
    async with aclosing(rows):
        async for row in rows:
            yield row


class Caller:
    """nc at work."""

    def __init__(self, ctx: Context, args: Args) -> None:
        self.ctx = ctx
        self.args = args
        self.flags = args.flags
        self.stdin = None if "d" in args.flags else ctx.stdin
        self.kind = SOCK_DGRAM if "u" in args.flags else SOCK_STREAM
        self.protocol = "udp" if "u" in args.flags else "tcp"
        self.address = self._resolve(args.host) if args.host is not None else Ip4(0)
        self.source = self._resolve(args.source) if args.source is not None else Ip4(0)
        self.open: list[Socket] = []
        ctx.proc.closers.append(self.close)

    def _resolve(self, name: str) -> Ip4:
        if "n" not in self.flags:
            return self.ctx.resolve(name)
        try:
            return Ip4.parse(name)
        except ValueError:
            raise Failure(f"{name}: a name, and -n wants an address") from None

    def close(self) -> None:
        """Let all sockets go."""
        while self.open:
            self.open.pop().close()

    def _socket(self, address: Ip4, port: int) -> Socket:
        so = self.ctx.host.socket(self.kind)
        self.open.append(so)
        if "l" in self.flags:
            so.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        if address or port:
            so.bind((address, port))
        return so

    def _relay(self, so: Socket) -> AsyncGenerator[Data, None]:
        return Relay(so, self.stdin, self.args.timeout).run()

    # --- connecting -----------------------------------------------------------------------------------

    async def connect(self) -> AsyncGenerator[Row, None]:
        """Try one port after the other; the status is 0 when one could be reached."""
        self.ctx.status = 1
        for port in self.args.ports:
            so = self._socket(self.source, self.args.port)
            try:
                await connect(so, (self.address, port), self.args.timeout)
                if "z" in self.flags and self.kind == SOCK_DGRAM:
                    await self._probe(so)
            except OSError as error:
                if self.flags & {"v"} or "z" not in self.flags:
                    yield Complaint(self._failed(port, error))
            else:
                self.ctx.status = 0
                if self.flags & {"v", "z"}:
                    yield Connected(self.args.host or "", port, self.protocol)
                if "z" not in self.flags:
                    async with aclosing(self._relay(so)) as rows:
                        async for row in rows:
                            yield row
            finally:
                self.close()

    async def _probe(self, so: Socket) -> None:
        """Send something to a UDP port; a closed one says so, an open one mostly nothing (udptest)."""
        so.send(b"X")
        try:
            await recv(so, 1, timeout=self.args.timeout or _PROBE)
        except BlockingIOError:
            return

    def _failed(self, port: int, error: OSError) -> str:
        return f"connect to {self.args.host} port {port} ({self.protocol}) failed: {strerror(error.errno or 0)}"

    # --- listening ------------------------------------------------------------------------------------

    def _announce(self) -> Iterable[Listening]:
        return [Listening(self.address, self.args.ports.start)] if "v" in self.flags else []

    def _greet(self, address: tuple[int, int]) -> Iterable[Received]:
        if "v" not in self.flags:
            return []
        name = None if "n" in self.flags else self.ctx.name_of(address[0])
        return [Received(Ip4(address[0]), address[1], name)]

    async def listen_tcp(self) -> AsyncGenerator[Row, None]:
        """Take a connection, with -k one after the other."""
        listener = self._socket(self.address, self.args.ports.start)
        listener.listen()
        for announcement in self._announce():
            yield announcement
        while True:
            so, peer = await self._accept(listener)
            for greeting in self._greet(peer):
                yield greeting
            async with aclosing(self._relay(so)) as rows:
                async for row in rows:
                    yield row
            so.close()
            if "k" not in self.flags:
                return
            self.open.remove(so)

    async def _accept(self, listener: Socket) -> tuple[Socket, tuple[int, int]]:
        """The next caller; without -k there will be no other."""
        so, peer = await accept(listener)
        if "k" not in self.flags:
            self.close()
        self.open.append(so)
        return so, peer

    async def listen_udp(self) -> AsyncGenerator[Row, None]:
        """Take datagrams: of the first who sends one, with -k of everybody."""
        so = self._socket(self.address, self.args.ports.start)
        for announcement in self._announce():
            yield announcement
        known: set[tuple[int, int]] = set()
        while True:
            try:
                data, peer = await recvfrom(so, 65536, self.args.timeout if known else None)
            except BlockingIOError:
                return
            if peer not in known:
                known.add(peer)
                for greeting in self._greet(peer):
                    yield greeting
            yield Data(data)
            if "k" not in self.flags:
                break
        so.connect(peer)
        async with aclosing(self._relay(so)) as rows:
            async for row in rows:
                yield row


def show(row: Listening | Received | Connected) -> str:
    """OpenBSD's words."""
    match row:
        case Listening():
            return f"Listening on {row.address} {row.port}"
        case Received():
            return f"Connection received on {row.name or row.from_} {row.port}"
    return f"Connection to {row.host} {row.port} port [{row.protocol}/*] succeeded!"


COMMAND = Command("nc", SYNOPSIS, parse, run, show)
