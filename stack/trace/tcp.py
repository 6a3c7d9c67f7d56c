"""The doors of TCP, and what a segment changes in a connection's control block."""

from __future__ import annotations

from types import FrameType
from typing import NamedTuple

from stack.header.tcp import TH_ACK, TH_FIN, TH_PUSH, TH_RST, TH_SYN, TH_URG
from stack.kern.sockbuf import Piece
from stack.kern.socket import Socket
from stack.mbuf import Mbuf
from stack.netinet import tcp_output, tcp_reass, tcp_subr
from stack.netinet.tcp_acks import TcpAcks
from stack.netinet.tcp_do_segment import TcpSegments
from stack.netinet.tcp_fsm import TCP_STATES
from stack.netinet.tcp_input import TcpInput
from stack.netinet.tcp_segment import Segment
from stack.netinet.tcp_subr import TCP_HEADER
from stack.netinet.tcp_syncache import SynCache, TcpSynCache
from stack.netinet.tcp_timer import TIMERS
from stack.netinet.tcp_usrreq import Tcp
from stack.netinet.tcp_var import Key, TcpBase, Tcpcb
from stack.trace.door import Facts, door
from stack.trace.ip import end, socket_name
from stack.trace.link import error_of

M32 = 0xFFFFFFFF
_FLAGS = {TH_FIN: "F", TH_SYN: "S", TH_RST: "R", TH_PUSH: "P", TH_URG: "U", TH_ACK: "."}


def flag_letters(flags: int) -> str:
    """TCP's flags as tcpdump writes them: `S.`, `F.`, `none`."""
    return "".join(letter for flag, letter in _FLAGS.items() if flags & flag) or "none"


class Variables(NamedTuple):
    """What is told of a control block; sequence numbers count from the connection's first."""

    state: str
    snd_una: int
    snd_nxt: int
    snd_max: int
    snd_wnd: int
    snd_cwnd: int
    snd_ssthresh: int
    dupacks: int
    rcv_nxt: int
    srtt_ms: float | None
    rxtcur_ms: float
    rxtshift: int


def variables(tp: Tcpcb) -> Variables:
    """A control block as it is now."""
    return Variables(
        TCP_STATES[tp.state], tp.snd_una - tp.iss & M32, tp.snd_nxt - tp.iss & M32, tp.snd_max - tp.iss & M32,
        tp.snd_wnd, tp.snd_cwnd, tp.snd_ssthresh, tp.dupacks, tp.rcv_nxt - tp.irs & M32,
        None if tp.srtt is None else round(tp.srtt * 1e3, 3), round(tp.rxtcur * 1e3, 3), tp.rxtshift,
    )  # fmt: skip


def _changes(before: Variables, after: Variables, facts: Facts) -> None:
    """Note the variables that are not what they were."""
    for name, old, new in zip(Variables._fields, before, after, strict=True):
        if old != new:
            facts[name] = f"{'-' if old is None else old}>{new}"


class _Connection(NamedTuple):
    """A connection as a segment finds it."""

    key: Key
    tp: Tcpcb | None
    before: Variables | None


def _input(frame: FrameType, facts: Facts) -> object:
    """The segment's header, and the connection that it is for."""
    tcp: TcpInput = frame.f_locals["self"]
    m: Mbuf = frame.f_locals["m"]
    x: int = frame.f_locals["x"]
    header = m.transport if len(m.transport) >= 20 else m.payload()
    if len(header) < 20:
        return None
    sport, dport, seq, ack, words, window, _, _ = TCP_HEADER.unpack_from(header)
    size = len(m.transport) + len(m.data) - (words >> 12 << 2)
    facts["sport"], facts["dport"], facts["flags"] = sport, dport, flag_letters(words & 0x3F)
    key = x & M32, dport, x >> 32 & M32, sport
    tp = tcp.table.connected.get(key)
    if not isinstance(tp, Tcpcb):
        tp = None
    facts["seq"] = seq if tp is None or words & TH_SYN else seq - tp.irs & M32
    if words & TH_ACK:
        facts["ack"] = ack if tp is None else ack - tp.iss & M32
    facts["win"], facts["data"] = window, max(size, 0)
    return _Connection(key, tp, variables(tp) if tp is not None else None)


def _took(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    """What the segment has changed."""
    if not isinstance(before, _Connection):
        return ""
    tcp: TcpInput = frame.f_locals["self"]
    tp = before.tp
    if tp is None:
        new = tcp.table.connected.get(before.key)
        if not isinstance(new, Tcpcb):
            return ""
        tp, facts["state"] = new, TCP_STATES[new.state]
    elif before.before is not None:
        _changes(before.before, variables(tp), facts)
    return f"taken by {socket_name(tcp.name, tp)}"


def _block(frame: FrameType, facts: Facts) -> object:
    """A function that works on a control block: what it changes there."""
    tp: Tcpcb = frame.f_locals["tp"]
    facts["connection"] = f"{end(tp.laddr, tp.lport)} {end(tp.faddr, tp.fport)}"
    return variables(tp)


def _changed(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    if isinstance(before, Variables):
        _changes(before, variables(frame.f_locals["tp"]), facts)
    return ""


def _segment(frame: FrameType, facts: Facts) -> None:
    tp: Tcpcb = frame.f_locals["tp"]
    seg: Segment = frame.f_locals["seg"]
    facts["state"] = TCP_STATES[tp.state]
    facts["expects"], facts["seq"] = tp.rcv_nxt - tp.irs & M32, seg.seq - tp.irs & M32


def _ack(frame: FrameType, facts: Facts) -> None:
    tp: Tcpcb = frame.f_locals["tp"]
    seg: Segment = frame.f_locals["seg"]
    facts["ack"], facts["snd_una"] = seg.ack - tp.iss & M32, tp.snd_una - tp.iss & M32
    facts["snd_max"] = tp.snd_max - tp.iss & M32


def _listen(frame: FrameType, facts: Facts) -> None:
    tcp: TcpSynCache = frame.f_locals["self"]
    listener: Tcpcb = frame.f_locals["listener"]
    facts["socket"] = socket_name(tcp.name, listener)


def _heard(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    return f"taken by {facts['socket']}"


def _syn_ack(frame: FrameType, facts: Facts) -> None:
    sc: SynCache = frame.f_locals["sc"]
    laddr, lport, faddr, fport = sc.key
    facts["connection"], facts["rxtshift"] = f"{end(laddr, lport)} {end(faddr, fport)}", sc.rxtshift
    facts["flags"] = flag_letters(frame.f_locals["flags"] | TH_ACK)


def _failed(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    return error_of(value)


def _output(frame: FrameType, facts: Facts) -> object:
    tp: Tcpcb = frame.f_locals["tp"]
    facts["state"], facts["buffered"] = TCP_STATES[tp.state], tp.snd.cc
    facts["out"], facts["snd_wnd"], facts["snd_cwnd"] = tp.snd_max - tp.snd_una & M32, tp.snd_wnd, tp.snd_cwnd
    return tp.tcp.stat.get("sndtotal", 0)


def _put_out(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    tp: Tcpcb = frame.f_locals["tp"]
    sent = tp.tcp.stat.get("sndtotal", 0) - (before if isinstance(before, int) else 0)
    facts["segments"] = sent
    return error_of(value) or ("" if sent else "nothing to send")


def _append(frame: FrameType, facts: Facts) -> object:
    tp: Tcpcb = frame.f_locals["tp"]
    data: Piece = frame.f_locals["seg"].data if "seg" in frame.f_locals else frame.f_locals["data"]
    facts["socket"], facts["data"] = socket_name(tp.tcp.name, tp), len(data)
    return tp.rcv.cc


def _appended(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    tp: Tcpcb = frame.f_locals["tp"]
    facts["buffered"] = tp.rcv.cc
    return f"delivered to {facts['socket']}" if tp.rcv.cc != before else ""


def _reass(frame: FrameType, facts: Facts) -> None:
    tp: Tcpcb = frame.f_locals["tp"]
    facts["seq"], facts["rcv_nxt"] = frame.f_locals["seq"] - tp.irs & M32, tp.rcv_nxt - tp.irs & M32
    facts["data"] = len(frame.f_locals["data"])


def _reassembled(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    tp: Tcpcb = frame.f_locals["tp"]
    facts["rcv_nxt"] = f"{facts['rcv_nxt']}>{tp.rcv_nxt - tp.irs & M32}"
    return "waits for what is missing before it" if tp.reass else ""


def _state(frame: FrameType, facts: Facts) -> None:
    laddr, lport, faddr, fport = frame.f_locals["key"]
    facts["connection"] = f"{end(laddr, lport)} {end(faddr, fport)}"
    facts["state"] = f"{TCP_STATES[frame.f_locals['old']]}>{TCP_STATES[frame.f_locals['new']]}"


def _respond(frame: FrameType, facts: Facts) -> None:
    facts["flags"] = flag_letters(frame.f_locals["flags"])


def _user(frame: FrameType, facts: Facts) -> None:
    so: Socket = frame.f_locals["so"]
    tp = so.pcb
    if isinstance(tp, Tcpcb):
        facts["socket"] = socket_name(tp.tcp.name, tp)
    data = frame.f_locals.get("data")
    if data is not None:
        facts["data"] = len(data)


_TIMERS = {
    "rexmt": "No ack came in time[: {rxtcur_ms} ms]. What is missing is sent again from its first byte.",
    "persist": "The peer's window is still closed: it is probed with one byte.",
    "keep": "Nothing was heard for long: is the peer still there?",
    "2msl": "Twice the longest life of a segment has passed: nothing of the old connection is under way any more.",
    "delack": "The ack that was kept back can wait no longer.",
    "tail": "Nothing was heard for two round trips: perhaps the end of what was sent is lost.",
}

TCP = (
    door(
        TcpInput.input, "TCP gets a segment from port {sport} for port {dport}: flags {flags}, {data} bytes of data[, "
        "sequence number {seq}].[ The connection's state: {state}.]", _input, _took, rfc="RFC 9293 3.10.7",
    ),
    door(
        TcpInput._predicted_data, "It is the very next data and nothing else (header prediction): {data} bytes go to "
        "the socket {socket}.", _append, _appended, bsd="sbappendstream", rfc="RFC 9293 3.10.7.4",
        file="kern/uipc_socket2.c",
    ),
    door(
        TcpInput._predicted_ack, "It is an ack for new data and nothing else (header prediction).", rfc="RFC 5681 3.1",
        bsd="tcp_input",
    ),
    door(
        TcpSegments.segment_arrives, "Step by step, since it is not one of the two common cases: the connection is "
        "{state}, and expects the number {expects}; this one begins with {seq}.", _segment, bsd="tcp_do_segment",
        rfc="RFC 9293 3.10.7.4",
    ),
    door(
        TcpSynCache.listen_input, "No connection has these ends, but {socket} listens.", _listen, _heard,
    ),
    door(
        TcpSynCache._syn_cache_send, "The listener answers with the flags {flags}; of the connection only a note is "
        "made until its handshake is done.", _syn_ack, _failed, rfc="RFC 4987 3.5",
    ),
    door(
        TcpSynCache._syn_cache_get, "The handshake is done: the note becomes a connection, and a socket to accept.",
        rfc="RFC 9293 3.5",
    ),
    door(
        TcpAcks.ack_arrives, "It acknowledges what we sent before {ack}; up to {snd_una} was acknowledged already, of "
        "{snd_max} that were sent.", _ack, rfc="RFC 9293 3.10.7.4",
    ),
    door(
        TcpAcks._fast_retransmit, "Enough duplicate acks: what is missing is sent again without waiting for the timer.",
        _block, _changed, rfc="RFC 5681 3.2",
    ),
    door(
        TcpSegments._append, "The data is in order: {data} bytes go to the socket {socket}.", _append, _appended,
        bsd="sbappendstream", rfc="RFC 9293 3.10.7.4", file="kern/uipc_socket2.c",
    ),
    door(
        tcp_reass.tcp_reass, "The segment begins with {seq}, and {rcv_nxt} is what is expected: what lies beyond a gap "
        "is kept until the gap is filled.", _reass, _reassembled, rfc="RFC 9293 3.10.7.4",
    ),
    door(TcpBase.trace_state, "The connection goes {state}.", _state, bsd="tcp_state_change", rfc="RFC 9293 3.3.2",
         file="netinet/tcp_subr.c"),
    door(Tcp.connect, "A program connects its socket.", _user, bsd="tcp_usr_connect", rfc="RFC 9293 3.10.1"),
    door(Tcp.send, "A program gives its socket {data} bytes.", _user, bsd="tcp_usr_send", rfc="RFC 9293 3.10.2"),
    door(Tcp.disconnect, "A program closes its socket.", _user, bsd="tcp_usr_disconnect", rfc="RFC 9293 3.10.4"),
    door(Tcp.shutdown, "A program says that it sends no more.", _user, bsd="tcp_usr_shutdown", rfc="RFC 9293 3.10.4"),
    door(
        tcp_output.tcp_output, "May anything be sent? {buffered} bytes are in the buffer, {out} of them are out; the "
        "peer has room for {snd_wnd}, the network for {snd_cwnd}.[ Segments sent: {segments}.]", _output, _put_out,
        bsd="tcp_output", rfc="RFC 9293 3.8.6.2.1",
    ),
    door(tcp_output.tcp_ack, "What has come is acknowledged at once.", bsd="tcp_output", rfc="RFC 5681 4.2"),
    door(tcp_subr.tcp_respond, "A bare segment goes back, with the flags {flags}.", _respond, rfc="RFC 9293 3.5.2"),
    door(tcp_subr.tcp_drop, "The connection is given up.", _block, _changed, rfc="RFC 9293 3.8.3"),
    door(tcp_subr.tcp_close, "The connection is over: nothing of it is left.", _block, rfc="RFC 9293 3.6"),
    *(door(function, _TIMERS[name], _block, _changed) for name, function in TIMERS.items()),
)  # fmt: skip
