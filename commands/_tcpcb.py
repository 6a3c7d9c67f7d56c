"""A TCP control block as a row, and as pairs of names and values (BSD netinet/tcp_var.h; RFC 9293 3.3.1).

The left column is what we send, the right one what we receive.  Sequence numbers are shown as distances from the
first of their direction, as tcpdump does, with the number itself in parentheses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from commands.command import Context, Failure
from stack.addr import Ip4
from stack.kern.socket import SO_KEEPALIVE
from stack.lab import is_name
from stack.netinet.tcp_dsack import tcp_reo_wnd
from stack.netinet.tcp_fsm import TCP_STATES, TCPS_ESTABLISHED, TCPS_LISTEN
from stack.netinet.tcp_sack import Block
from stack.netinet.tcp_seq import SEQ_MASK, SEQ_SUB
from stack.netinet.tcp_syncache import TcpSynCache
from stack.netinet.tcp_var import (
    TF_DELACK,
    TF_ECN_PERMIT,
    TF_ECN_SND_CWR,
    TF_ECN_SND_ECE,
    TF_NODELAY,
    TF_SACK,
    TF_SCALE,
    TF_SENTFIN,
    TF_TSTMP,
    TF_URGENT,
    Tcpcb,
)

_UNLIMITED = 65535 << 14  # bytes: an ssthresh that no loss has set yet
_TIMERS = {"rexmt": "rexmt", "persist": "persist", "keep": "keep", "2msl": "twomsl", "delack": "delack"}
_OPTIONS = {TF_SCALE: "window-scale", TF_TSTMP: "timestamps", TF_SACK: "sack", TF_ECN_PERMIT: "ecn"}
_FLAGS = {
    TF_NODELAY: "nodelay", TF_DELACK: "delack", TF_SENTFIN: "sent-fin", TF_ECN_SND_ECE: "ecn-echo",
    TF_ECN_SND_CWR: "cwr-to-send", TF_URGENT: "urgent",
}  # fmt: skip
_WIDTH = 34  # columns of the left pair


class Listener(NamedTuple):
    """A control block that waits for connections; the three counts are of connections."""

    time: float  # the lab's, seconds
    local: Ip4
    local_port: int
    state: str
    waiting: int  # to be accepted
    handshakes: int
    limit: int


class Sending(NamedTuple):
    """The left side of RFC 9293 3.3.1; una, nxt and max count from iss."""

    iss: int
    snd_una: int
    snd_nxt: int
    snd_max: int
    una: int
    nxt: int
    max: int
    snd_wnd: int
    scale: int
    maxseg: int
    queue: int  # bytes in the socket's buffer, and what it holds at most
    buffer: int


class Receiving(NamedTuple):
    """The right side; nxt and adv count from irs."""

    irs: int
    rcv_nxt: int
    rcv_adv: int
    nxt: int
    adv: int
    rcv_wnd: int
    scale: int
    queue: int
    buffer: int
    reassembly: int  # bytes that lie beyond a gap
    reported: tuple[Block, ...]  # what we told the peer that we have of them, counted from irs


class Congestion(NamedTuple):
    """What the network bears (RFC 5681); positions count from iss."""

    control: str
    phase: str
    snd_cwnd: int
    snd_ssthresh: int | None  # None: no loss yet
    flight: int
    dupacks: int
    recover: int | None  # where recovery ends
    sacked: tuple[Block, ...]  # what the peer has beyond a gap
    reordering: int  # bytes by which segments have overtaken each other, at most


class Timing(NamedTuple):
    """RFC 6298's variables and the timers; seconds."""

    srtt: float | None  # None: nothing was measured yet
    rttvar: float | None
    rto: float
    reo_wnd: float | None  # how long what is only overtaken may take; None: not looked at
    rxtshift: int
    idle: float
    ts_recent: int | None
    timers: dict[str, float]  # what is pending, and the time left


class ControlBlock(NamedTuple):
    """A connection; sizes are bytes."""

    time: float  # the lab's, seconds
    local: Ip4
    local_port: int
    foreign: Ip4
    foreign_port: int
    state: str
    send: Sending
    receive: Receiving
    congestion: Congestion
    timing: Timing
    options: tuple[str, ...]  # agreed with the peer
    flags: tuple[str, ...]


# --- finding them -------------------------------------------------------------------------------------


def blocks(ctx: Context) -> list[Tcpcb]:
    """All of this host's, by local port."""
    return [tp for tp in ctx.host.tcp.table if isinstance(tp, Tcpcb)]


def addresses(ctx: Context, name: str) -> set[Ip4]:
    """All addresses of a host of the lab, or the one in dots; Failure when nobody is called so."""
    known = ctx.lab.hosts.get(name) if is_name(name) else None
    if known is None:
        return {ctx.resolve(name)}
    return {ifa.address for ifp in known.interfaces.values() for ifa in ifp.addresses}


def matching(ctx: Context, where: set[Ip4] | None, port: int) -> list[Tcpcb]:
    """Those with an end at a port, of one of these addresses (None: any); a listener takes calls to all of ours."""
    found = []
    for tp in blocks(ctx):
        ours = tp.lport == port and (where is None or tp.laddr in where)
        if not tp.laddr and tp.lport == port and where is not None:
            ours = any(ctx.host.control.local(address) is not None for address in where)
        if ours or (tp.fport == port and (where is None or tp.faddr in where)):
            found.append(tp)
    return found


def exact(ctx: Context, local: tuple[str, int], foreign: tuple[str, int]) -> Tcpcb | None:
    """The connection between two ends."""
    ours, theirs = addresses(ctx, local[0]), addresses(ctx, foreign[0])
    for tp in blocks(ctx):
        if (tp.lport, tp.fport) == (local[1], foreign[1]) and tp.laddr in ours and tp.faddr in theirs:
            return tp
    return None


def none_there(text: str) -> Failure:
    """There is no such connection."""
    return Failure(f"{text}: no such connection ('netstat -an' lists them)")


# --- reading them -------------------------------------------------------------------------------------


def row_of(tp: Tcpcb) -> ControlBlock | Listener:
    """What a control block holds just now."""
    return _listener(tp) if tp.state == TCPS_LISTEN else _connection(tp)


def _listener(tp: Tcpcb) -> Listener:
    so, tcp = tp.so, tp.tcp
    assert isinstance(tcp, TcpSynCache)
    return Listener(tp.now, tp.laddr, tp.lport, TCP_STATES[tp.state], len(so.q or ()), tcp.handshakes(tp), so.qlimit)


def _connection(tp: Tcpcb) -> ControlBlock:
    flags = [name for flag, name in _FLAGS.items() if tp.flags & flag]
    if tp.so.options & SO_KEEPALIVE:
        flags.append("keepalive")
    return ControlBlock(
        tp.now, tp.laddr, tp.lport, tp.faddr, tp.fport, TCP_STATES[tp.state],
        _sending(tp), _receiving(tp), _congestion(tp), _timing(tp),
        tuple(name for flag, name in _OPTIONS.items() if tp.flags & flag), tuple(flags),
    )  # fmt: skip


def _sending(tp: Tcpcb) -> Sending:
    return Sending(
        tp.iss, tp.snd_una, tp.snd_nxt, tp.snd_max,
        tp.snd_una - tp.iss & SEQ_MASK, tp.snd_nxt - tp.iss & SEQ_MASK, tp.snd_max - tp.iss & SEQ_MASK,
        tp.snd_wnd, tp.snd_scale, tp.maxseg, tp.snd.cc, tp.snd.hiwat,
    )  # fmt: skip


def _receiving(tp: Tcpcb) -> Receiving:
    return Receiving(
        tp.irs, tp.rcv_nxt, tp.rcv_adv, tp.rcv_nxt - tp.irs & SEQ_MASK, tp.rcv_adv - tp.irs & SEQ_MASK,
        max(SEQ_SUB(tp.rcv_adv, tp.rcv_nxt), 0), tp.rcv_scale, tp.rcv.cc, tp.rcv.hiwat,
        sum(len(piece) for _, piece in tp.reass or ()), _ranges(tp.sacked, tp.irs),
    )  # fmt: skip


def _congestion(tp: Tcpcb) -> Congestion:
    return Congestion(
        tp.cc.name, phase(tp), tp.snd_cwnd, tp.snd_ssthresh if tp.snd_ssthresh < _UNLIMITED else None,
        tp.snd_max - tp.snd_una & SEQ_MASK, tp.dupacks,
        tp.snd_recover - tp.iss & SEQ_MASK if tp.in_recovery else None,
        _ranges(tp.sack.blocks if tp.sack is not None else (), tp.iss), tp.rack.degree if tp.rack is not None else 0,
    )  # fmt: skip


def _timing(tp: Tcpcb) -> Timing:
    return Timing(
        tp.srtt, None if tp.srtt is None else tp.rttvar, tp.rxtcur, _reo_wnd(tp), tp.rxtshift, tp.now - tp.idle_since,
        tp.ts_recent if tp.flags & TF_TSTMP else None, _timers(tp),
    )  # fmt: skip


def _reo_wnd(tp: Tcpcb) -> float | None:
    """RFC 8985 6.2: the reordering window."""
    looks = tp.tcp.early_retrans and tp.flags & TF_SACK
    return tcp_reo_wnd(tp, tp.srtt) if looks and tp.srtt is not None else None


def phase(tp: Tcpcb) -> str:
    """What the sender is about (RFC 5681 3, RFC 6298 5, RFC 9293 3.8.6.1)."""
    if tp.state < TCPS_ESTABLISHED:
        return "handshake"
    if tp.persist.due is not None:
        return "window probes"
    if not tp.snd_cwnd:
        return "window of one segment marked: waits for the timer"
    if tp.in_recovery:
        return "fast recovery"
    if tp.rxtshift:
        return "retransmission time-out"
    return "slow start" if tp.snd_cwnd < tp.snd_ssthresh else "congestion avoidance"


def _ranges(found: Iterable[Block], first: int) -> tuple[Block, ...]:
    return tuple((start - first & SEQ_MASK, end - first & SEQ_MASK) for start, end in found)


def _timers(tp: Tcpcb) -> dict[str, float]:
    due = {name: getattr(tp, attribute).due for name, attribute in _TIMERS.items()}
    return {name: max(at - tp.now, 0.0) for name, at in due.items() if at is not None}


# --- showing them -------------------------------------------------------------------------------------


def show_listener(row: Listener) -> str:
    """A line, and what waits."""
    where = f"{row.local or '*'}.{row.local_port}"
    return f"{where}  {row.state}  {row.waiting} to be accepted, {row.handshakes} in handshake, at most {row.limit}"


def show_connection(row: ControlBlock) -> str:
    """Pairs in two columns: sending, receiving."""
    ends = f"{row.local}.{row.local_port} -> {row.foreign}.{row.foreign_port}"
    lines = [f"{ends}  {row.state}  at {row.time:.3f} s"]
    for left, right in _pairs(row):
        lines.append(f"    {_pair(left):<{_WIDTH}} {_pair(right)}".rstrip())
    lines += (f"    {_pair(pair)}" for pair in _long_pairs(row))
    return "\n".join(lines)


Pair = tuple[str, object]


def _pair(pair: Pair) -> str:
    return f"{pair[0]:<13} {pair[1]}"


def _pairs(row: ControlBlock) -> Iterator[tuple[Pair, Pair]]:
    send, receive, congestion, timing = row.send, row.receive, row.congestion, row.timing
    yield ("iss", send.iss), ("irs", receive.irs)
    yield ("snd_una", f"{send.una} ({send.snd_una})"), ("rcv_nxt", f"{receive.nxt} ({receive.rcv_nxt})")
    yield ("snd_nxt", f"{send.nxt} ({send.snd_nxt})"), ("rcv_adv", f"{receive.adv} ({receive.rcv_adv})")
    yield ("snd_max", f"{send.max} ({send.snd_max})"), ("reassembly", receive.reassembly)
    yield ("snd_wnd", _window(send.snd_wnd, send.scale)), ("rcv_wnd", _window(receive.rcv_wnd, receive.scale))
    yield ("send buffer", f"{send.queue} of {send.buffer}"), ("recv buffer", f"{receive.queue} of {receive.buffer}")
    yield ("snd_cwnd", congestion.snd_cwnd), ("srtt", _milliseconds(timing.srtt))
    yield ("snd_ssthresh", congestion.snd_ssthresh or "none yet"), ("rttvar", _milliseconds(timing.rttvar))
    yield ("in flight", congestion.flight), ("rto", _milliseconds(timing.rto))
    yield ("maxseg", send.maxseg), ("rxtshift", timing.rxtshift)
    yield ("congctl", congestion.control), ("dupacks", congestion.dupacks)


def _long_pairs(row: ControlBlock) -> Iterator[Pair]:
    """What may take a line; of these, only what there is."""
    recover, timers = row.congestion.recover, row.timing.timers
    yield "phase", row.congestion.phase + ("" if recover is None else f", up to {recover}")
    yield "options", " ".join(row.options) or "none"
    if row.flags:
        yield "flags", " ".join(row.flags)
    if row.congestion.reordering and row.timing.reo_wnd is not None:
        yield "reordering", f"by {row.congestion.reordering} bytes, awaited {_milliseconds(row.timing.reo_wnd)}"
    if row.congestion.sacked:
        yield "sacked", _spans(row.congestion.sacked)
    if row.receive.reported:
        yield "reported", _spans(row.receive.reported)
    yield "timers", ", ".join(f"{name} in {left:.3f} s" for name, left in timers.items()) or "none"


def _window(size: int, scale: int) -> str:
    return f"{size} (scale {scale})" if scale else str(size)


def _milliseconds(seconds: float | None) -> str:
    return "not measured" if seconds is None else f"{seconds * 1000:.3f} ms"


def _spans(ranges: tuple[Block, ...]) -> str:
    return " ".join(f"{start}-{end}" for start, end in ranges)
