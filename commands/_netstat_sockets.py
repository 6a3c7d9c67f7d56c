"""Sockets as netstat lists them (usr.bin/netstat/inet.c)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from commands._getopt import number
from commands.command import Context
from stack.addr import Ip4
from stack.netinet.pcb import Inpcb, PcbTable
from stack.netinet.tcp_fsm import TCP_STATES, TCPS_LISTEN
from stack.netinet.tcp_var import Tcpcb

HEADING = "Proto Recv-Q Send-Q  Local Address          Foreign Address        State"

SERVICES = {  # of /etc/services, what one meets here
    7: "echo", 9: "discard", 13: "daytime", 20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 37: "time",
    53: "domain", 67: "bootps", 68: "bootpc", 69: "tftp", 79: "finger", 80: "http", 110: "pop3", 123: "ntp",
    143: "imap", 161: "snmp", 179: "bgp", 443: "https", 514: "syslog", 520: "router",
}  # fmt: skip


def port_number(word: str, what: str = "a port") -> int:
    """A port by its number, or by the service that netstat shows in its place."""
    named = next((port for port, service in SERVICES.items() if service == word), None)
    return named if named is not None else number(word, what, 1, 65535)


class Connection(NamedTuple):
    """A socket: its queues in bytes, its ends, and the state of its connection."""

    proto: str
    recv_q: int
    send_q: int
    local: Ip4
    local_port: int
    foreign: Ip4
    foreign_port: int
    state: str | None
    local_host: str | None  # names are there without -n, where they are known
    local_service: str | None
    foreign_host: str | None
    foreign_service: str | None


def sockets(ctx: Context, *, servers: bool, numeric: bool) -> Iterator[Connection]:
    """TCP's, then UDP's; without `servers` only those that have a local address and do not listen."""
    for proto, table in (("tcp", ctx.host.tcp.table), ("udp", ctx.host.udp.table)):
        for inp in _newest_first(table):
            listens = not inp.laddr or (isinstance(inp, Tcpcb) and inp.state == TCPS_LISTEN)
            if servers or not listens:
                yield _line(ctx, proto, inp, numeric)


def _newest_first(table: PcbTable) -> Iterator[Inpcb]:
    """By port, and of those that share one, the newest first, as BSD's queue of control blocks."""
    for port in sorted(table.ports):
        yield from reversed(table.ports[port].everybody)


def _line(ctx: Context, proto: str, inp: Inpcb, numeric: bool) -> Connection:
    def name(address: Ip4) -> str | None:
        return None if numeric or not address else ctx.name_of(address)

    def service(port: int) -> str | None:
        return None if numeric else SERVICES.get(port)

    return Connection(
        proto, inp.so.rcv.cc, inp.so.snd.cc, inp.laddr, inp.lport, inp.faddr, inp.fport,
        TCP_STATES[inp.state] if isinstance(inp, Tcpcb) else None,
        name(inp.laddr), service(inp.lport), name(inp.faddr), service(inp.fport),
    )  # fmt: skip


def show_socket(row: Connection) -> str:
    """A line, its columns as NetBSD's."""
    local = _end(row.local_host, row.local, row.local_service, row.local_port)
    foreign = _end(row.foreign_host, row.foreign, row.foreign_service, row.foreign_port)
    text = f"{row.proto:<5} {row.recv_q:>6} {row.send_q:>6}  {local:<22.22} {foreign:<22.22}"
    return text if row.state is None else f"{text} {row.state}"


def _end(host: str | None, address: Ip4, service: str | None, port: int) -> str:
    """`10.0.0.1.80`, `www.http`, `*.*`."""
    return f"{host or (str(address) if address else '*'):.16}.{service or port or '*'}"
