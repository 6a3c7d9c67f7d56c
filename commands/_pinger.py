"""What ping does: a `Pinger` sends requests, waits, and makes a row of all that comes (sbin/ping/ping.c)."""

from __future__ import annotations

import math
import random
from collections import deque
from typing import NamedTuple

from commands._icmp import describe, dump, quoted
from commands.command import Complaint, Context, Data, Failure, Note
from stack.addr import Ip4
from stack.header.icmp import ICMP_ECHO, ICMP_ECHOREPLY, Icmp, build
from stack.header.ip import (
    IPOPT_LSRR,
    IPOPT_MINOFF,
    IPOPT_NOP,
    IPOPT_RR,
    IPPROTO_ICMP,
    MAX_IPOPTLEN,
    MAXTTL,
    OptionError,
)
from stack.header.ip import Ip as IpHeader
from stack.header.ip import options as ip_options
from stack.kern.errors import strerror
from stack.kern.proc import SIGINT, Interrupt
from stack.kern.socket import SO_BROADCAST, SO_DONTROUTE, SO_RCVBUF, SO_SNDBUF, SOCK_RAW, SOL_SOCKET, Socket
from stack.kern.syscalls import recvmsg
from stack.netinet.in_ import (
    IP_DONTFRAG,
    IP_MULTICAST_IF,
    IP_MULTICAST_LOOP,
    IP_MULTICAST_TTL,
    IP_OPTIONS,
    IP_TOS,
    IP_TTL,
    IPPROTO_IP,
)

MAXPACKET = 65507  # bytes of data: 65535 without the IP and the ICMP header
_STAMP = 8  # bytes of data that say when the request left, in ns
_FLOOD_INTERVAL = 0.01
_CLOSE_ENOUGH = 0.0001  # seconds; a request is not put off for less
_FOREVER = 1 << 62
_RECENT = 60  # requests of which the summary tells how long each took


class Args(NamedTuple):
    """What the user asked for."""

    host: str
    flags: frozenset[str] = frozenset()  # the options without a value
    limit: int = _FOREVER
    interval: float | None = None
    maxwait: float | None = None
    size: int = 56
    ttl: int | None = None
    tos: int = 0
    preload: int = 0
    source: str | None = None
    gateway: str | None = None
    pattern: bytes = b""


class PingStart(NamedTuple):
    """Who is asked, with how many bytes."""

    host: str
    address: Ip4
    size: int


class PingReply(NamedTuple):
    """A reply; `time` is in ms, None when the request had no room for a time stamp."""

    size: int  # of the ICMP message, bytes
    from_: Ip4
    seq: int
    ttl: int
    time: float | None
    duplicate: bool = False
    remarks: tuple[str, ...] = ()  # what is wrong with it
    route: tuple[str, ...] = ()  # recorded on the way there and back
    same_route: bool = False


class PingError(NamedTuple):
    """Another ICMP message; `seq` is of the request that an error is about."""

    size: int
    from_: str
    message: str
    seq: int | None = None
    details: tuple[str, ...] = ()


class PingStatistics(NamedTuple):
    """The summary; times are in ms, rates (of -f) in packets a second."""

    host: str
    transmitted: int
    received: int
    duplicates: int
    loss: float | None  # per cent
    min: float | None = None
    avg: float | None = None
    max: float | None = None
    stddev: float | None = None
    send_rate: float | None = None
    receive_rate: float | None = None
    times: tuple[float | None, ...] = ()  # of the last requests; None for one without a reply


Row = PingStart | PingReply | PingError | PingStatistics | Note | Complaint | Data


class Pinger:
    """The state of one ping (ping.c's globals)."""

    def __init__(self, ctx: Context, args: Args) -> None:
        self.ctx = ctx
        self.args = args
        self.flags = args.flags
        self.whereto = ctx.resolve(args.host)
        self.gateway = ctx.resolve(args.gateway) if args.gateway is not None else None
        self.hostname = self._hostname()
        self.options = self._options()
        self.so = self._open()
        self.ident = ctx.proc.pid & 0xFFFF  # no two of a lab have the same, so none takes the other's replies
        self.fill = self._fill()
        self.rng = random.Random(self.ident)
        self.flood = "f" in self.flags
        self.interval = args.interval or (_FLOOD_INTERVAL if self.flood else 1.0)
        self.count = args.limit + args.preload
        self.deadline = None if args.maxwait is None else ctx.now + args.maxwait
        self.dots = Dots(ctx.terminal)
        self.over = self.leaving = False
        self.transmitted = self.received = self.repeats = 0
        self.caught_up = True  # the last request has its reply
        self.next_tx: float | None = None
        self.first_tx = self.last_tx = self.first_rx = self.last_rx = 0.0
        self.seen: set[int] = set()  # sequence numbers that have their reply
        self.next_seq = 0  # the one expected next, for gaps
        self.times: list[float] = [0, math.inf, 0.0, 0.0, 0.0]  # how many, least, most, sum, sum of squares; seconds
        self.recent: deque[tuple[int, float]] = deque(maxlen=_RECENT)  # sequence numbers, and how long they took
        self.route: tuple[str, ...] = ()
        self.told_of_options = False  # that they do not come back

    # --- setting up -----------------------------------------------------------------------------------

    def _hostname(self) -> str:
        """What the host is called: as typed, or by its name when it was typed in dots."""
        if self.args.host != str(self.whereto) or "n" in self.flags:
            return self.args.host
        return self.ctx.name_of(self.whereto) or self.args.host

    def _options(self) -> bytes:
        """The IP options of -g and -R."""
        found = b""
        if self.gateway is not None:
            stops = self.gateway.packed + self.whereto.packed
            found = bytes((IPOPT_LSRR, 3 + len(stops), IPOPT_MINOFF)) + stops + bytes((IPOPT_NOP,))
        if "R" in self.flags:
            length = MAX_IPOPTLEN - 1 - len(found)
            found += bytes((IPOPT_RR, length, IPOPT_MINOFF))
            found = found.ljust(MAX_IPOPTLEN, b"\0")
        return found

    def _open(self) -> Socket:
        """The raw socket, with all that was asked for."""
        so = self.ctx.socket(SOCK_RAW, IPPROTO_ICMP)
        so.setsockopt(SOL_SOCKET, SO_RCVBUF, 1 << 18)
        so.setsockopt(SOL_SOCKET, SO_SNDBUF, 1 << 16)
        so.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)
        so.setsockopt(SOL_SOCKET, SO_DONTROUTE, int("r" in self.flags))
        settings: list[tuple[int, object]] = [
            (IP_TTL, self.args.ttl or MAXTTL),
            (IP_TOS, self.args.tos),
            (IP_DONTFRAG, int("D" in self.flags)),
            (IP_OPTIONS, self.options),
            (IP_MULTICAST_LOOP, int("L" not in self.flags)),
            (IP_MULTICAST_TTL, self.args.ttl or 1),
        ]
        if self.args.source is not None:
            source = self._source(self.args.source)
            so.bind((source, 0))
            settings.append((IP_MULTICAST_IF, source))
        for option, value in settings:
            so.setsockopt(IPPROTO_IP, option, value)
        return so

    def _source(self, text: str) -> Ip4:
        ifp = self.ctx.host.interfaces.get(text)
        if ifp is None:
            return self.ctx.resolve(text)
        if not ifp.addresses:
            raise Failure(f"{text}: it has no address")
        return ifp.addresses[0].address

    def _fill(self) -> bytes:
        """What stands behind the time stamp in every request."""
        size = self.args.size - self._stamp_size
        pattern = self.args.pattern or bytes((_STAMP + i) & 0xFF for i in range(256))
        return (pattern * (size // len(pattern) + 1))[:size]

    @property
    def _stamp_size(self) -> int:
        return _STAMP if self.args.size >= _STAMP else 0

    # --- sending (pinger) -----------------------------------------------------------------------------

    def is_due(self) -> bool:
        """Whether a request should leave now."""
        now = self.ctx.now
        if self.transmitted >= self.count or (self.deadline is not None and now >= self.deadline):
            return False
        if self.next_tx is None or self.next_tx - now <= _CLOSE_ENOUGH:
            return True
        return self.flood and self.caught_up

    def send(self) -> list[Row]:
        """Send a request; what went wrong, if something did."""
        now = self.ctx.now
        if "P" in self.flags:
            self.fill = self.rng.randbytes(len(self.fill))
        stamp = round(now * 1e9).to_bytes(_STAMP)[: self._stamp_size]
        seq = self.transmitted & 0xFFFF
        message = build(ICMP_ECHO, 0, self.ident << 16 | seq, stamp + self.fill)
        rows: list[Row] = []
        try:
            self.so.sendto(message, (self.whereto, 0))
        except OSError as error:
            rows += [*self.dots.flush(line=True), Complaint(f"sendto: {strerror(error.errno or 0)}")]
        self.caught_up = False
        self.seen.discard(seq)
        self.transmitted += 1
        self.last_tx = now
        if self.next_tx is None:
            self.first_tx = self.next_tx = now
        # always at the same fraction of the second; extras when we are a little behind, else we skip some
        if self.next_tx - now <= self.interval:
            self.next_tx += self.interval
            while self.next_tx - now < -0.1:
                self.next_tx += self.interval
        return rows + self._dot(1)

    def _dot(self, step: int) -> list[Row]:
        return self.dots.move(step, self.ctx.now) if self.flood and "q" not in self.flags else []

    # --- receiving (doit, pr_pack) --------------------------------------------------------------------

    async def receive(self) -> list[Row]:
        """Wait for a packet until it is time to do something else, and see what it is."""
        wait = self._patience()
        if wait <= 0 and not self.is_due():
            self.over = True
            return []
        try:
            record = await recvmsg(self.so, timeout=max(wait, 0.0))
        except BlockingIOError:
            return []
        except OSError as error:
            self.over = True
            return [*self.dots.flush(line=True), Complaint(f"recvfrom: {strerror(error.errno or 0)}")]
        except Interrupt as interrupt:
            self._interrupted(interrupt)
            return []
        rows = self._packet(record.data)
        if self.received >= self.count or (self.received and "o" in self.flags):
            self.over = True
        return rows

    def _patience(self) -> float:
        """Seconds until the next request, or until we give up; 0 or less when that is now."""
        now = self.ctx.now
        left = math.inf if self.deadline is None else self.deadline - now
        if self.transmitted < self.count and left > 0:
            return min(left, max((self.next_tx or now) - now, 0.0))
        # for the last reply wait twice as long as the worst case seen, or ten times the interval
        most = 2 * self.times[2]
        patience = most if self.leaving else max(most, 10 * self.interval)
        return min(left, self.last_tx + patience - now)  # in this order: waited for, it is exactly 0

    def _interrupted(self, interrupt: Interrupt) -> None:
        """Ctrl-C: what is on its way may still come; the second one is meant (prefinish)."""
        if interrupt.signal != SIGINT:
            raise interrupt
        if self.caught_up or not self.received or self.leaving:
            self.over = True
        self.leaving = True
        self.count = min(self.count, self.transmitted)

    def _packet(self, packet: bytes) -> list[Row]:
        header = IpHeader.parse(packet)
        message = packet[header.hlen :]
        if len(message) < 8:
            return [Note(f"packet too short ({len(packet)} bytes) from {header.src}")] if "v" in self.flags else []
        icmp = Icmp.parse(message)
        if icmp.type == ICMP_ECHOREPLY:
            return self._reply(header, icmp, message) if icmp.id == self.ident else []
        return self._other(header, icmp, message)

    def _reply(self, header: IpHeader, icmp: Icmp, message: bytes) -> list[Row]:
        """An answer to one of our requests."""
        self.last_rx = self.ctx.now
        self.first_rx = self.first_rx or self.last_rx
        if icmp.seq == (self.transmitted - 1) & 0xFFFF:
            self.caught_up = True
        time = self._time(message)
        if time is not None:
            self.recent.append((icmp.seq, time))
        duplicate = icmp.seq in self.seen
        self.seen.add(icmp.seq)
        rows: list[Row] = []
        if duplicate:
            self.repeats += 1
        else:
            self.received += 1
            rows += self._gap(icmp.seq)
        if "q" in self.flags:
            return rows
        remarks = (*self._wrong_length(header), *self._wrong_data(message))
        if self.flood and not remarks:
            return rows + self._dot(-1)
        route, self.route = self.route, self._recorded(header) or self.route
        same = bool(route) and route == self.route
        reply = PingReply(len(message), header.src, icmp.seq, header.ttl, time, duplicate, remarks)
        reply = reply._replace(same_route=same, route=() if same else self.route)
        return [*rows, *self.dots.flush(line=True), reply]

    def _time(self, message: bytes) -> float | None:
        """The round trip in ms, by the request's own time stamp."""
        stamp = message[8 : 8 + self._stamp_size]
        if len(stamp) < _STAMP:
            return None
        trip = self.ctx.now - int.from_bytes(stamp) / 1e9
        if trip < -1e-6:
            return None  # that is no stamp of ours
        trip = max(trip, 0.0)
        count, least, most, total, squares = self.times
        self.times = [count + 1, min(least, trip), max(most, trip), total + trip, squares + trip * trip]
        return round(trip * 1000, 6)

    def _last_times(self) -> tuple[float | None, ...]:
        """How long the last requests took."""
        took = dict(self.recent)
        return tuple(took.get(seq & 0xFFFF) for seq in range(max(self.transmitted - _RECENT, 0), self.transmitted))

    def _gap(self, seq: int) -> list[Row]:
        """`-v` says which replies are missing before this one."""
        gap = seq - self.next_seq & 0xFFFF
        if gap >= 0x8000:
            return []
        first, self.next_seq = self.next_seq, seq + 1 & 0xFFFF
        if not gap or "v" not in self.flags:
            return []
        return [Note(f"[*** sequence gap of {gap} packets from {first} ... {seq - 1 & 0xFFFF} ***]")]

    def _wrong_length(self, header: IpHeader) -> tuple[str, ...]:
        """A reply that is not as long as its request; of missing options it is said only once."""
        options = len(self.options) - (4 if self.gateway is not None else 0)  # the first stop is in the header
        sent = 28 + options + self.args.size
        if header.len == sent:
            return ()
        if not options or header.len != sent - options:
            return (f"wrong total length {header.len} instead of {sent}",)
        if self.told_of_options:
            return ()
        self.told_of_options = True
        return (f"remote host does not support {'record' if 'R' in self.flags else 'source'} route",)

    def _wrong_data(self, message: bytes) -> tuple[str, ...]:
        """A reply that does not bring back what was sent: the first bad byte, and all of them."""
        data = message[8:]
        if "P" in self.flags or len(data) < self.args.size or data[self._stamp_size : self.args.size] == self.fill:
            return ()
        got = data[self._stamp_size : self.args.size]
        at = next(at for at, byte in enumerate(self.fill) if byte != got[at])
        return (
            f"wrong data byte #{at} should have been {self.fill[at]:#x} but was {got[at]:#x}",
            *("\t" + "".join(f"{byte:2x} " for byte in data[line : line + 16]) for line in range(0, len(data), 16)),
        )

    def _recorded(self, header: IpHeader) -> tuple[str, ...]:
        """The route in a record-route option."""
        try:
            found = dict(ip_options(header.options))
        except OptionError:
            return ()
        option = found.get(IPOPT_RR, b"")
        if len(option) < 3:
            return ()
        stops = (option[at : at + 4] for at in range(3, min(option[2] - 1, len(option)), 4))
        return tuple(self._name(Ip4(int.from_bytes(stop))) for stop in stops if len(stop) == 4)

    def _other(self, header: IpHeader, icmp: Icmp, message: bytes) -> list[Row]:
        """Another ICMP message: an error about a request of ours, or (-v) anything (ck_pr_icmph)."""
        about = quoted(message)
        echo = about.echo if about is not None else None
        ours = echo is not None and echo.id == self.ident
        if "v" not in self.flags and (not ours or self.flags & {"q", "Q"}):
            return []
        details = dump(about) if about is not None and "v" in self.flags else ()
        seq = echo.seq if echo is not None and ours else None
        error = PingError(len(message), self._name(header.src), describe(icmp, self._name), seq, details)
        return [*self.dots.flush(line=True), error]

    def _name(self, address: Ip4) -> str:
        """An address, and its name before it if it has one (pr_addr)."""
        name = None if "n" in self.flags else self.ctx.name_of(address)
        return str(address) if name is None else f"{name} ({address})"

    # --- the end (summary) ----------------------------------------------------------------------------

    def finish(self) -> list[Row]:
        """The statistics."""
        rows = self.dots.flush(line=True)
        sent, received = self.transmitted, self.received
        loss = None if not sent or received > sent else (sent - received) * 100 / sent
        found = PingStatistics(self.hostname, sent, received, self.repeats, loss, times=self._last_times())
        count, least, most, total, squares = self.times
        if count:
            average = total / count
            variance = max(squares - count * average * average, 0.0) / (count - 1) if count > 1 else 0.0
            ms = [round(value * 1000, 6) for value in (least, average, most, math.sqrt(variance))]
            found = found._replace(min=ms[0], avg=ms[1], max=ms[2], stddev=ms[3])
        if count and self.flood:
            sending, receiving = self.last_tx - self.first_tx or 0.0001, self.last_rx - self.first_rx or 0.0001
            found = found._replace(send_rate=sent / sending, receive_rate=received / receiving)
        return [*rows, found]


class Dots:
    """The dots of -f: one is added for each request, one taken away for each reply (jiggle)."""

    def __init__(self, live: bool) -> None:
        self.live = live  # somebody watches the cursor move; else the dots come out as a line
        self.pending = 0
        self.shown = 0
        self.flushed = -math.inf
        self.text = ""

    def move(self, step: int, now: float) -> list[Row]:
        """A dot more or less; they are shown now and then."""
        if self.shown + self.pending + step < 0:
            return []  # never back up into what stands before them
        self.pending += step
        if now - self.flushed <= 0.2:
            return []
        self.flushed = now
        return self.flush()

    def flush(self, *, line: bool = False) -> list[Row]:
        """Show what is pending; `line` also ends the line that they stand on."""
        moved = "." * self.pending or "\b" * -self.pending
        self.shown += self.pending
        self.pending = 0
        self.text += moved
        rows: list[Row] = [Data(moved.encode())] if self.live and moved else []
        if line and self.text:
            rows.append(Note("" if self.live else self.text))
            self.text, self.shown = "", 0
        return rows
