"""Send ICMP echo requests to a host and time the replies.  BSD sbin/ping/ping.c.

    -c count     stop after so many replies
    -i interval  seconds between requests (1; 0.01 with -f)
    -w maxwait   stop after so many seconds, whatever came
    -s size      bytes of data in a request (56), at most 65507
    -n           numbers only: do not look for names of addresses
    -o           stop after the first reply
    -q           quiet: nothing but the statistics; -Q leaves out only ICMP errors about our requests
    -v           verbose: show other ICMP messages too, and whole headers
    -f           flood: as fast as replies come; a dot for each request, a backspace for each reply
    -l preload   send so many at once before anything else
    -D           do not let routers fragment
    -T ttl       time to live (255)
    -t tos       type of service
    -R           record the route, in the IP header
    -g gateway   go through this host (loose source route)
    -I address   send from this address, or from that of this interface
    -L           multicasts do not come back to this host
    -r           only to neighbours, never through a router
    -p pattern   up to 16 bytes in hex to fill the data with; -P is random data

Ctrl-C ends it with the statistics.  The status is 0 when a reply came, 2 when none did.

Examples:

    ping -c 3 www
    ping -n -i 0.2 -c 5 -s 1400 10.0.0.1
    ping -R -c 1 www

See RFC 792, RFC 1122 3.2.2.6; ping(8); traceroute.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from commands._getopt import getopt, host, number, one_of, seconds, wrong
from commands._pinger import MAXPACKET, Args, Pinger, PingError, PingReply, PingStart, PingStatistics, Row
from commands.command import Command, Context, Note

SYNOPSIS = (
    "ping [-DfLnoPQqRrv] [-c count] [-g gateway] [-I address] [-i interval] [-l preload] [-p pattern]"
    " [-s size] [-T ttl] [-t tos] [-w maxwait] host"
)

WORDS = {
    "-D": "do not let routers fragment",
    "-f": "as fast as replies come",
    "-L": "multicasts do not come back",
    "-n": "numbers only",
    "-o": "stop after the first reply",
    "-P": "random data",
    "-Q": "no ICMP errors",
    "-q": "nothing but the statistics",
    "-R": "record the route",
    "-r": "only to neighbours",
    "-v": "show other ICMP messages too",
}


def parse(argv: list[str]) -> Args:
    """Read the command line."""
    found, words = getopt("ping", argv, "c:DfLnoPQqRrvg:I:i:l:p:s:T:t:w:")
    values: dict[str, Any] = {}
    for letter, (name, read) in _VALUES.items():
        if letter in found:
            values[name] = read(found[letter])
    if "pattern" in values and "P" in found:
        raise wrong("only one of -P and -p allowed")
    return Args(host(one_of(words, "a host")), frozenset(found) - frozenset(_VALUES), **values)


def _pattern(text: str) -> bytes:
    digits = text if len(text) % 2 == 0 else f"{text[:-1]}0{text[-1]}"  # an odd last digit is a byte
    try:
        pattern = bytes.fromhex(digits) if text.isalnum() else b""
    except ValueError:
        pattern = b""
    if not 1 <= len(pattern) <= 16:
        raise wrong(f"-p {text}: patterns must be specified with 1-32 hex digits")
    return pattern


_VALUES: dict[str, tuple[str, Callable[[str], object]]] = {
    "c": ("limit", lambda text: number(text, "the number of packets", 1)),
    "i": ("interval", lambda text: seconds(text, least=0.0001)),
    "w": ("maxwait", lambda text: seconds(text, least=0.0001)),
    "s": ("size", lambda text: number(text, "the packet size", 0, MAXPACKET)),
    "T": ("ttl", lambda text: number(text, "the ttl", 1, 255)),
    "t": ("tos", lambda text: number(text, "the tos", 0, 255)),
    "l": ("preload", lambda text: number(text, "the preload", 0, 10000)),
    "I": ("source", str),
    "g": ("gateway", host),
    "p": ("pattern", _pattern),
}


async def run(ctx: Context, args: Args) -> AsyncIterator[Row]:
    """Ping, row by row."""
    pinger = Pinger(ctx, args)
    if args.pattern and "q" not in args.flags:
        yield Note(f"PATTERN: 0x{args.pattern.hex()}")
    yield PingStart(pinger.hostname, pinger.whereto, args.size)
    for _ in range(args.preload):
        for row in pinger.send():
            yield row
    while not pinger.over:
        if pinger.is_due():
            for row in pinger.send():
                yield row
        for row in await pinger.receive():
            yield row
    for row in pinger.finish():
        yield row
    ctx.status = 0 if pinger.received else 2


def show(row: PingStart | PingReply | PingError | PingStatistics) -> str:
    """NetBSD's words."""
    match row:
        case PingStart():
            return f"PING {row.host} ({row.address}): {row.size} data bytes"
        case PingReply():
            return _show_reply(row)
        case PingError():
            about = "" if row.seq is None else f" for icmp_seq={row.seq}"
            return "\n".join((f"{row.size} bytes from {row.from_}: {row.message}{about}", *row.details))
    return _show_statistics(row)


def _show_reply(row: PingReply) -> str:
    text = f"{row.size} bytes from {row.from_}: icmp_seq={row.seq}{' DUP!' if row.duplicate else ''} ttl={row.ttl}"
    if row.time is not None:
        text += f" time={row.time:.6f} ms"
    text = "\n".join((text, *row.remarks))
    if row.same_route:
        return text + "\t(same route)"
    return text + ("\nRR: \t" + "\n\t".join(row.route) if row.route else "")


def _show_statistics(row: PingStatistics) -> str:
    text = f"\n----{row.host} PING Statistics----\n"
    text += f"{row.transmitted} packets transmitted, {row.received} packets received, "
    if row.duplicates:
        text += f"+{row.duplicates} duplicates, "
    if row.loss is not None:
        text += f"{row.loss:.1f}% packet loss"
    elif row.transmitted:
        text += "-- somebody's duplicating packets!"
    if row.min is not None:
        text += f"\nround-trip min/avg/max/stddev = {row.min:.6f}/{row.avg:.6f}/{row.max:.6f}/{row.stddev:.6f} ms"
    if row.send_rate is not None:
        text += f"\n  {row.send_rate:.1f} packets/sec sent,  {row.receive_rate:.1f} packets/sec received"
    return text


SERIES = {PingStatistics: lambda row: row.times}  # drawn as bars behind the row

COMMAND = Command("ping", SYNOPSIS, parse, run, show)
