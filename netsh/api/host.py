"""A host of a lab, with every command as a method.

The words are those of the command line, an argument each; numbers, addresses and hosts may be given as such:

    r1.route("add", "default", "10.0.0.254")
    r1.ping("-c", 3, "-i", 0.5, www)

A method returns the rows when the command is over, time having moved on, and raises CommandFailed for a status
other than 0.  What has no end of its own (httpd, routed, tcpdump without -c) is for `start`, which returns a job.
"""

from __future__ import annotations

from typing import Any

import stack.host
from commands import (
    _pinger,
    arp,
    brconfig,
    drops,
    explain,
    fetch,
    hostname,
    ifconfig,
    kill,
    ladder,
    nc,
    netstat,
    packet,
    ps,
    replay,
    route,
    rtquery,
    send,
    sysctl,
    tcpdrop,
    tcpdump,
    tcpstat,
    trace,
    traceroute,
    ttcp,
)
from commands._neighbors import ArpEntry
from netsh.api.call import Running, Word
from netsh.api.rows import Rows
from netsh.session import Session
from stack.net.ifnet import Ifnet
from stack.net.route import RouteTable


class Job:
    """A command that goes on while time does."""

    def __init__(self, running: Running) -> None:
        self._running = running

    @property
    def rows(self) -> Rows[Any]:
        """What it has said so far."""
        return self._running.rows

    @property
    def over(self) -> bool:
        """Whether it has ended by itself."""
        return self._running.proc.status is not None

    def wait(self) -> Rows[Any]:
        """Let time pass until it is over; CommandFailed unless all was well."""
        return self._running.finish()

    def stop(self) -> Rows[Any]:
        """End it as Ctrl-C does; all its rows."""
        return self._running.stop()


class Host:
    """A host of a lab; `stack` is the thing itself, for what no command tells."""

    def __init__(self, session: Session, host: stack.host.Host) -> None:
        self._session = session
        self.stack = host

    @property
    def name(self) -> str:
        """The lab's name for it."""
        return self.stack.name

    @property
    def interfaces(self) -> dict[str, Ifnet]:
        """Its interfaces by name."""
        return self.stack.interfaces

    @property
    def routes(self) -> RouteTable:
        """Its routing table."""
        return self.stack.routes

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        addresses = [str(ifa.address) for ifp in self.interfaces.values() for ifa in ifp.addresses]
        return f"<host {self.name}: {' '.join(addresses)}>"

    def _repr_html_(self) -> str:
        """Its interfaces, for a notebook."""
        return f"<b>{self.name}</b>{self.ifconfig()._repr_html_()}"

    def run(self, *words: Word, stdin: bytes = b"") -> Rows[Any]:
        """Run a command, by name, to its end: `run("ping", "-c", 1, "www")`."""
        return Running(self._session, self.stack, words, stdin).finish()

    def start(self, *words: Word, stdin: bytes = b"") -> Job:
        """Start a command and do not wait: `www.start("httpd")`."""
        return Job(Running(self._session, self.stack, words, stdin))

    # --- every command ------------------------------------------------------------------------

    def arp(self, *words: Word) -> Rows[ArpEntry | arp.Done]:
        """The ARP table: `arp("-an")`, `arp("-d", "10.0.0.1")`."""
        return self.run("arp", *words)

    def brconfig(self, *words: Word) -> Rows[brconfig.BridgeRow | brconfig.AddressRow]:
        """Bridges: `brconfig("bridge0", "add", "shmif0")`, `brconfig("-a")`."""
        return self.run("brconfig", *words)

    def drops(self, *words: Word) -> Rows[drops.Row]:
        """What was dropped, where and why."""
        return self.run("drops", *words)

    def explain(self, *words: Word) -> Rows[explain.Row]:
        """The journey of a packet in sentences: `explain(7)`, or of one step: `explain("7.3")`."""
        return self.run("explain", *words)

    def fetch(self, *words: Word) -> Rows[fetch.Row]:
        """A page; its bytes are the rows' `data`: `fetch("-qo", "-", "http://www/").data`."""
        return self.run("fetch", *words)

    def hostname(self, *words: Word) -> Rows[hostname.Hostname]:
        """What it calls itself."""
        return self.run("hostname", *words)

    def ifconfig(self, *words: Word) -> Rows[ifconfig.Interface | ifconfig.Names]:
        """Interfaces; without words all of them: `ifconfig("shmif0", "10.0.0.1/24")`."""
        return self.run("ifconfig", *(words or ("-a",)))

    def kill(self, *words: Word) -> Rows[kill.Signals]:
        """A signal for a process: `kill(12)`, `kill("-KILL", 12)`."""
        return self.run("kill", *words)

    def ladder(self, *words: Word) -> Rows[ladder.Row]:
        """Who says what to whom, as a chart of messages."""
        return self.run("ladder", *words)

    def nc(self, *words: Word, stdin: bytes = b"") -> Rows[nc.Row]:
        """A connection that sends `stdin` and returns what came as `data`."""
        return self.run("nc", *words, stdin=stdin)

    def netstat(self, *words: Word) -> Rows[netstat.Row]:
        """Sockets, `-r` routes, `-i` interfaces, `-s` statistics."""
        return self.run("netstat", *words)

    def packet(self, *words: Word) -> Rows[packet.Field]:
        """One packet that was captured, field by field."""
        return self.run("packet", *words)

    def ping(self, *words: Word) -> Rows[_pinger.Row]:
        """Echo requests: `ping("-c", 3, "www")`; CommandFailed with status 2 when nothing comes back."""
        return self.run("ping", *words)

    def ps(self, *words: Word) -> Rows[ps.Process]:
        """Its processes."""
        return self.run("ps", *words)

    def python(self, *words: Word, stdin: bytes = b"") -> Rows[Any]:
        """An unmodified Python program, whose network this host is; what it prints is the rows' `data`."""
        return self.run("python", *words, stdin=stdin)

    def replay(self, *words: Word) -> Rows[replay.Replayed]:
        """The frames of a file, sent from an interface at their times."""
        return self.run("replay", *words)

    def route(self, *words: Word) -> Rows[route.Row]:
        """Routes: `route("show")`, `route("get", "10.0.0.9")`, `route("add", "default", "10.0.0.254")`."""
        return self.run("route", *words)

    def rtquery(self, *words: Word) -> Rows[rtquery.Answer | rtquery.Entry]:
        """What a routing daemon knows, by RIP."""
        return self.run("rtquery", *words)

    def send(self, *words: Word) -> Rows[send.Row]:
        """Packets in scapy's notation: `send('IP(dst="www")/ICMP()')`."""
        return self.run("send", *words)

    def sysctl(self, *words: Word) -> Rows[sysctl.Row]:
        """Knobs: `sysctl("net.inet.ip.ttl")`, `sysctl("-w", "net.inet.ip.ttl=3")`."""
        return self.run("sysctl", *words)

    def tcpdrop(self, *words: Word) -> Rows[tcpdrop.Dropped | tcpdrop.Droppable]:
        """Drop connections: local address and port, then the peer's."""
        return self.run("tcpdrop", *words)

    def tcpdump(self, *words: Word) -> Rows[tcpdump.Row]:
        """Packets; `-c N` gives it an end, `start("tcpdump", ...)` none."""
        return self.run("tcpdump", *words)

    def tcpstat(self, *words: Word) -> Rows[tcpstat.Row]:
        """TCP's control blocks."""
        return self.run("tcpstat", *words)

    def trace(self, *words: Word) -> Rows[trace.Row]:
        """Packets followed through the stacks: `trace("on", "icmp")`, `trace("show", 7)`."""
        return self.run("trace", *words)

    def traceroute(self, *words: Word) -> Rows[traceroute.Row]:
        """The routers on the way."""
        return self.run("traceroute", *words)

    def ttcp(self, *words: Word, stdin: bytes = b"") -> Rows[ttcp.Row]:
        """What a connection carries: `ttcp("-t", "www")` against a `start("ttcp", "-r")` there."""
        return self.run("ttcp", *words, stdin=stdin)
