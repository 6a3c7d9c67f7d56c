"""What ttcp does, and how it says so (ttcp.c, in the public domain)."""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

from commands._tcpcb import phase
from commands.command import Complaint, Context, Data, Failure
from stack.addr import Ip4
from stack.dev.stopwatch import Stopwatch
from stack.header.ip import IPPROTO_TCP
from stack.kern.errors import strerror
from stack.kern.proc import Interrupt, pause
from stack.kern.socket import SO_RCVBUF, SO_REUSEADDR, SO_SNDBUF, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, Socket
from stack.kern.syscalls import accept, connect, recv, recvfrom, sendall
from stack.netinet.in_ import TCP_CONGCTL, TCP_NODELAY
from stack.netinet.tcp_var import Tcpcb

_MARKER = 4  # bytes of a datagram that means the beginning or the end
_ENDINGS = 5  # such datagrams at the end: some may be lost
_FULL = 0.018  # seconds until a full queue is tried again (ttcp.c: delay)
_SETTLE = 0.2  # seconds until datagrams follow the first one: ARP on the way holds few of them back
_SAME = 0.01  # seconds, and the share, by which two readings of the real clock may differ
_UNITS = {"k": "Kbit", "m": "Mbit", "g": "Gbit", "K": "KB", "M": "MB", "G": "GB"}


class Plan(NamedTuple):
    """What the user asked for."""

    host: str | None  # None: receive
    protocol: str
    buflen: int
    nbuf: int
    port: int
    sockbufsize: int | None
    format: str
    flags: frozenset[str]
    congctl: str | None = None

    @property
    def role(self) -> str:
        """As ttcp calls itself."""
        return "r" if self.host is None else "t"


class Opening(NamedTuple):
    """What is going to be done."""

    role: str  # t transmits, r receives
    protocol: str
    target: str | None
    port: int
    buflen: int
    nbuf: int
    sockbufsize: int | None


class Step(NamedTuple):
    """Something on the way is done."""

    role: str
    text: str


class Accepted(NamedTuple):
    """Somebody came."""

    role: str
    address: Ip4
    port: int


class Transfer(NamedTuple):
    """What was moved.  Rates are bytes a second, None when no time went by; lab_* are None where that time is real."""

    role: str
    protocol: str
    bytes: int
    seconds: float  # real
    rate: float
    lab_seconds: float | None
    lab_rate: float | None
    calls: int  # of write or read
    format: str
    cpu_seconds: float | None = None  # -v, of the whole lab
    tcp: str | None = None  # -v


Row = Opening | Step | Accepted | Transfer | Data | Complaint


class Tester:
    """ttcp at work (its globals)."""

    def __init__(self, ctx: Context, plan: Plan) -> None:
        self.ctx = ctx
        self.plan = plan
        self.role = plan.role
        self.udp = plan.protocol == "udp"
        self.address = ctx.resolve(plan.host) if plan.host is not None else Ip4(0)
        self.bytes = self.calls = 0
        self.markers = 0
        self.pattern = pattern(plan.buflen) if "s" in plan.flags else b""
        self.so = ctx.socket(SOCK_DGRAM if self.udp else SOCK_STREAM)
        self.start()

    def start(self) -> None:
        """The time counts from here (prep_timer)."""
        self.watch = Stopwatch()
        self.lab_began = self.ctx.now

    async def run(self) -> AsyncGenerator[Row, None]:
        """All of it; when it is interrupted or breaks, what was moved by then is still said."""
        plan = self.plan
        yield Opening(
            self.role, plan.protocol, plan.host, plan.port, plan.buflen, plan.nbuf, plan.sockbufsize
        )  # fmt: skip
        for step in self._prepare():
            yield step
        yield await self._connect() if plan.host is not None else await self._accept()
        self.start()
        broken: OSError | None = None
        interrupt: Interrupt | None = None
        try:
            if plan.host is not None:
                await self._transmit()
            else:
                async with aclosing(self._receive()) as pieces:
                    async for data in pieces:
                        yield data
        except OSError as error:
            broken = error
        except Interrupt as caught:
            interrupt = caught
        transfer = self._transfer()
        if self.udp and plan.host is not None:
            await self._say_end()
        for row in self._closing(transfer, broken):
            yield row
        if interrupt is not None:
            raise interrupt

    def _closing(self, transfer: Transfer, broken: OSError | None) -> list[Row]:
        """The summary, and what went wrong."""
        rows: list[Row] = [transfer]
        if broken is not None:
            self.ctx.status = 1
            rows.append(Complaint(f"IO: {strerror(broken.errno or 0)}"))
        elif self.plan.host is not None and not self.bytes and not self.pattern:
            rows.append(Complaint("there was nothing on standard input (-s sends a pattern)"))
        return rows

    # --- before ---------------------------------------------------------------------------------------

    def _prepare(self) -> list[Step]:
        """Set the socket up, and say each step of it."""
        plan, so, done = self.plan, self.so, ["socket"]
        if plan.host is None:
            so.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
            so.bind((0, plan.port))
        if plan.sockbufsize is not None:
            option = SO_RCVBUF if plan.host is None else SO_SNDBUF
            so.setsockopt(SOL_SOCKET, option, plan.sockbufsize)
            done.append("rcvbuf" if plan.host is None else "sndbuf")
        if "D" in plan.flags and not self.udp:
            so.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            done.append("nodelay")
        if plan.congctl is not None:
            self._choose(plan.congctl)
            done.append("congctl")
        return [Step(self.role, text) for text in done]

    def _choose(self, congctl: str) -> None:
        """Which there are is for the host's sockets to say: the machine has others than our stack."""
        try:
            self.so.setsockopt(IPPROTO_TCP, TCP_CONGCTL, congctl)
        except OSError as error:
            cure = "('sysctl net.inet.tcp.congctl.available' lists them)" if self.ctx.host.machine is None else ""
            raise Failure(f"{congctl}: no such congestion control {cure}".rstrip()) from error

    async def _connect(self) -> Step:
        await connect(self.so, (self.address, self.plan.port))
        return Step(self.role, "connect")

    async def _accept(self) -> Step | Accepted:
        """Take the first caller of TCP; of UDP there is none."""
        if self.udp:
            return Step(self.role, "bind")
        self.so.listen(0)
        so, (address, port) = await accept(self.so)
        self.ctx.proc.closers.append(so.close)
        self.so.close()
        self.so = so
        return Accepted(self.role, Ip4(address), port)

    # --- transmitting ---------------------------------------------------------------------------------

    async def _transmit(self) -> None:
        """A pattern so many times, or standard input to its end."""
        if self.udp:
            await self._mark()
            await pause(_SETTLE)
            self.start()
        left = self.plan.nbuf if self.pattern else 1
        while left:
            data = self.pattern or await self.ctx.stdin.read(self.plan.buflen)
            if not data:
                return
            await self._write(data)
            self.bytes += len(data)
            left -= bool(self.pattern)

    async def _write(self, data: bytes) -> None:
        """One write (Nwrite); a datagram waits for a queue that is full."""
        self.calls += 1
        if not self.udp:
            return await sendall(self.so, data)
        while not self._send(data):
            self.calls += 1
            await pause(_FULL)
        await pause(0)  # the others must have their turn: nothing else makes a sender of datagrams wait
        return None

    def _send(self, data: bytes) -> bool:
        try:
            self.so.send(data)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            return False
        return True

    async def _mark(self) -> None:
        """A datagram too short for data: the beginning, or the end."""
        await self._write(pattern(_MARKER))

    async def _say_end(self) -> None:
        """Tell the receiver that it is over, whatever else has happened."""
        try:
            for _ in range(_ENDINGS):
                await self._mark()
                await pause(_FULL)  # the receiver's buffer may be full: it must have its turn, or it never ends
        except OSError:  # nobody hears it
            return

    # --- receiving ------------------------------------------------------------------------------------

    async def _receive(self) -> AsyncGenerator[Data, None]:
        """To the end; with -s it is thrown away."""
        keep = "s" not in self.plan.flags
        while data := await (self._datagram() if self.udp else self._read()):
            self.bytes += len(data)
            if keep:
                yield Data(data)

    async def _read(self) -> bytes:
        self.calls += 1
        return await recv(self.so, self.plan.buflen)

    async def _datagram(self) -> bytes:
        """The next with data in it; b"" at the end.

        A marker is the beginning until data has come, and the end from then on; when none comes at all, the third
        is the end, since one may have been duplicated.
        """
        while True:
            self.calls += 1
            data, _ = await recvfrom(self.so, self.plan.buflen)
            if len(data) > _MARKER:
                if not self.bytes:
                    self.start()
                return data
            self.markers += 1
            if self.bytes or self.markers > 2:
                return b""

    # --- afterwards -----------------------------------------------------------------------------------

    def _transfer(self) -> Transfer:
        """The figures (read_timer)."""
        real, lab = self.watch.wall, self.ctx.now - self.lab_began
        verbose = "v" in self.plan.flags
        clock = self.ctx.lab.callouts.clock  # lent by who moves the time, unless it jumps
        differ = clock is None or abs(real - lab) > max(_SAME, _SAME * max(real, lab))
        if self.ctx.lab.has_devices:  # the same clock, read when a busy machine came to it
            differ = False
        return Transfer(
            self.role, self.plan.protocol, self.bytes, real, self.bytes / max(real, 0.001),
            lab if differ else None, self.bytes / lab if differ and lab > 0 else None, self.calls, self.plan.format,
            self.watch.cpu if verbose else None, _tcp(self.so) if verbose else None,
        )  # fmt: skip


def pattern(size: int) -> bytes:
    """Printable characters again and again (ttcp.c: pattern)."""
    printable = bytes(range(32, 127))
    return (printable * (size // len(printable) + 1))[:size]


def _tcp(so: Socket) -> str | None:
    """What TCP knows at the end of it."""
    tp = so.pcb
    if not isinstance(tp, Tcpcb):
        return None
    srtt = "not measured" if tp.srtt is None else f"{tp.srtt * 1000:.3f} ms"
    return f"maxseg={tp.maxseg}, cwnd={tp.snd_cwnd}, {tp.cc.name}, {phase(tp)}, srtt {srtt}"


# --- in ttcp's words ----------------------------------------------------------------------------------


def show_row(row: Opening | Step | Accepted | Transfer) -> str:
    """A row as ttcp prints it."""
    me = f"ttcp-{row.role}:"
    match row:
        case Opening():
            return f"{me} {_opening(row)}"
        case Step():
            return f"{me} {row.text}"
        case Accepted():
            return f"{me} accept from {row.address}"
    return "\n".join(f"{me} {line}" for line in _figures(row))


def _opening(row: Opening) -> str:
    buffer = "" if row.sockbufsize is None else f", sockbufsize={row.sockbufsize}"
    target = "" if row.target is None else f"  -> {row.target}"
    return f"buflen={row.buflen}, nbuf={row.nbuf}, align=16384/0, port={row.port}{buffer}  {row.protocol}{target}"


def _figures(row: Transfer) -> list[str]:
    real = max(row.seconds, 0.001)
    lines = [f"{row.bytes} bytes in {row.seconds:.2f} real seconds = {rate(row.rate, row.format)}/sec +++"]
    if row.lab_rate is not None and row.lab_seconds is not None:
        lines.append(f"{row.bytes} bytes in {row.lab_seconds:.2f} lab seconds = {rate(row.lab_rate, row.format)}/sec")
    elif row.lab_seconds is not None:
        lines.append(f"{row.bytes} bytes in 0.00 lab seconds: nothing made them wait")
    if row.cpu_seconds is not None:
        busy = row.bytes / max(row.cpu_seconds, 0.001)
        lines.append(f"{row.bytes} bytes in {row.cpu_seconds:.2f} CPU seconds = {rate(busy, row.format)}/cpu sec")
    each, pace = 1000 * row.seconds / max(row.calls, 1), row.calls / real
    lines.append(f"{row.calls} I/O calls, msec/call = {each:.2f}, calls/sec = {pace:.2f}")
    return lines if row.tcp is None else [*lines, row.tcp]


def rate(bytes_a_second: float, format: str) -> str:
    """A rate in the unit of -f (ttcp.c: outfmt)."""
    scale = 1024.0 ** ("kmg".index(format.lower()) + 1)
    return f"{bytes_a_second * (8 if format.islower() else 1) / scale:.2f} {_UNITS[format]}"
