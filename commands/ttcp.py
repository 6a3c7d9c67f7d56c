"""Measure what a connection carries: send bytes or take them, and time it.

    -t             transmit to a host         -r  receive
    -s             send a pattern (-r: throw it away); without it standard input is sent, and output written
    -u             UDP instead of TCP
    -l buflen      bytes of one write or read (8192)
    -n numbufs     writes of -s (2048)
    -p port        5001 unless said otherwise
    -b sockbufsize bytes of the socket's buffer
    -f format      of the rate: k, m, g for bits, K, M, G for bytes
    -C congctl     how it learns what the network bears: reno, newreno or cubic (TCP_CONGCTL)
    -D             do not wait for small segments to grow (TCP_NODELAY)
    -v             say more: processor time, and what TCP knows at the end

The seconds are real ones.  Where the lab's time runs otherwise, a second line has those of the lab: that is what
the same wires would have given, and it is the same in every run.

Examples:

    gw ttcp -r -s &
    ttcp -t -s gw
    gw ttcp -r -s -u &
    ttcp -t -s -u -l 1024 -n 500 -f m 10.0.0.1

See RFC 9293; tcp(4), udp(4); tcpstat.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from commands._getopt import getopt, host, number, one_of, wrong
from commands._tester import Accepted, Opening, Plan, Step, Tester, Transfer, show_row
from commands.command import Command, Complaint, Context, Data

CONGESTION_CONTROLS = {
    "reno": "RFC 5681's congestion control",
    "newreno": "with RFC 6582's recovery of several losses",
    "cubic": "RFC 9438: by the time since the last loss",
}
SYNOPSIS = """ttcp -t [-Dsuv] [-b sockbufsize] [-C congctl] [-f format] [-l buflen] [-n numbufs] [-p port] host
ttcp -r [-suv] [-b sockbufsize] [-f format] [-l buflen] [-p port]"""
WORDS = {
    **CONGESTION_CONTROLS,
    "-C": "the congestion control",
    "-D": "do not wait for small segments to grow",
    "-r": "receive",
    "-s": "a pattern, instead of standard input and output",
    "-t": "transmit",
    "-u": "UDP",
    "-v": "say more",
}
_MOST_BUFFER = 16 << 20  # bytes
_UDP_LEAST = 5  # bytes: shorter datagrams mean the beginning and the end

Row = Opening | Step | Accepted | Transfer | Data | Complaint


def parse(argv: list[str]) -> Plan:
    """Read the command line."""
    found, words = getopt("ttcp", argv, "b:C:Df:l:n:p:rstuv")
    if "t" in found and "r" in found:
        raise wrong("-t and -r: one of them")
    if "t" not in found and "r" not in found:
        raise wrong("-t (transmit) or -r (receive) is missing")
    if "r" in found and words:
        raise wrong(f"{words[0]}: -r takes no host; it hears them all")
    if found.get("f", "K") not in tuple("kmgKMG"):
        raise wrong(f"{found['f']}: a format is k, m or g (bits), or K, M or G (bytes)")
    if "C" in found and ("r" in found or "u" in found):
        raise wrong("-C: it is the sender of TCP who needs it")
    size = number(found.get("l", "8192"), "the length of a buffer", 1, _MOST_BUFFER)
    return Plan(
        host(one_of(words, "a host to send to")) if "t" in found else None,
        "udp" if "u" in found else "tcp",
        max(size, _UDP_LEAST) if "u" in found else size,
        number(found.get("n", "2048"), "the number of buffers", 0),
        number(found.get("p", "5001"), "the port", 1, 65535),
        number(found["b"], "the size of the socket's buffer", 1, _MOST_BUFFER) if "b" in found else None,
        found.get("f", "K"),
        frozenset(found) & {"D", "s", "v"},
        found.get("C"),
    )


async def run(ctx: Context, plan: Plan) -> AsyncIterator[Row]:
    """Send or receive.  Where the bytes are on standard output, all else goes to standard error."""
    tester = Tester(ctx, plan)
    rows: AsyncGenerator[Row, None] = tester.run()
    aside = plan.host is None and "s" not in plan.flags
    async with aclosing(rows):
        async for row in rows:
            if aside and not isinstance(row, Data | Complaint):
                for line in show_row(row).splitlines():
                    yield Complaint(line.removeprefix("ttcp-r: "))
            else:
                yield row


def show(row: Opening | Step | Accepted | Transfer) -> str:
    """ttcp's own words."""
    return show_row(row)


COMMAND = Command("ttcp", SYNOPSIS, parse, run, show)
