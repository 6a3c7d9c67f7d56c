"""TCP output: what may be sent now, and sending it (BSD netinet/tcp_output.c; RFC 9293 3.8, RFC 1122 4.2)."""

from __future__ import annotations

import errno

from stack.header.ip import IP_MAXPACKET
from stack.header.tcp import TCP_MAXWIN, TH_ACK, TH_ECE, TH_FIN, TH_PUSH, TH_RST, TH_SYN, TH_URG, TcpOptions
from stack.kern.sockbuf import Piece
from stack.mbuf import CSUM_TCP, Mbuf
from stack.net.ifnet import IFCAP_TSO4
from stack.netinet.ip_output import M16, M32, PLAIN
from stack.netinet.tcp_dsack import tcp_dsack_pending
from stack.netinet.tcp_ecn import tcp_ecn_output, tcp_ecn_syn
from stack.netinet.tcp_fsm import TCP_OUTFLAGS, TCPS_CLOSED, TCPS_ESTABLISHED, TCPS_SYN_RECEIVED
from stack.netinet.tcp_seq import SEQ_GT, SEQ_LT, SEQ_SUB
from stack.netinet.tcp_subr import (
    TCP_HEADER,
    TCP_HEADER_TSTAMP,
    TSTAMP_HDR,
    tcp_initial_window,
    tcp_mtudisc,
    tcp_syn_options,
    tcp_template,
)
from stack.netinet.tcp_urgent import tcp_urgent_pointer, tcp_urgent_waits
from stack.netinet.tcp_var import (
    TCP_BACKOFF,
    TCPTV_PERSMAX,
    TCPTV_PERSMIN,
    TF_ACKNOW,
    TF_BURST,
    TF_DELACK,
    TF_ECN_PERMIT,
    TF_ECN_SND_CWR,
    TF_ECN_SND_ECE,
    TF_FORCE,
    TF_NODELAY,
    TF_SACK,
    TF_SENTFIN,
    TF_TSTMP,
    TF_URGENT,
    TF_URGNOW,
    Tcpcb,
)

_HEADERS_MOST = 20 + 60  # before a super-segment's data
_BURST_ACKS = 8  # sent at once, of one burst
_NEAR = 0.01  # seconds of a round trip to somebody near


def tcp_output(tp: Tcpcb) -> int:
    """Send all that may be sent now; 0, or the errno of a connection that never came about."""
    if tp.tcp.cwm:
        _monitor(tp)
    elif tp.snd_max == tp.snd_una and tp.tcp.callouts.now - tp.idle_since >= tp.rxtcur:
        # RFC 5681 4.1: after a pause the network is asked anew
        tp.snd_cwnd = min(tp.snd_cwnd, tcp_initial_window(tp))
    while True:
        flags = TCP_OUTFLAGS[tp.state]
        offset = tp.snd_nxt - tp.snd_una & M32
        window = min(tp.snd_wnd, tp.snd_cwnd)
        buffered = tp.snd.cc
        if tp.flags & TF_FORCE:
            window = window or 1
        length = min(buffered, window) - offset
        if tp.state < TCPS_ESTABLISHED:
            length = 0
            if offset:
                flags &= ~TH_SYN  # it is out: this is an ack alone
        elif length < 0:
            length = _beyond_window(tp)
            offset = tp.snd_nxt - tp.snd_una & M32
        size = tcp_data_size(tp)
        more = length > size
        if more:
            plain = tp.template and not tp.flags & (TF_FORCE | TF_ECN_SND_CWR | TF_URGENT)
            if plain and tp.snd_nxt == tp.snd_max and tp.state == TCPS_ESTABLISHED:
                sent = _send_run(tp, offset, size, length // size)
                if not sent or not tp.flags & TF_NODELAY:
                    return 0  # what is left is less than a segment: it waits for an ack (Nagle)
                continue
            length = size
        if flags & TH_FIN and (offset + length < buffered or (tp.flags & TF_SENTFIN and tp.snd_nxt == tp.snd_max)):
            # data first; and once it is out, it is the timer that sends it again: 4.4BSD repeats it in every ack,
            # and two closing ends that disagree would answer each other's for ever
            flags &= ~TH_FIN
        worth = length == size or _worth_sending(tp, flags, offset, length, buffered)
        error = tcp_send(tp, flags, offset, length, buffered) if worth else 0
        if buffered and not (worth and length) and tp.rexmt.due is None and tp.persist.due is None:
            tp.rxtshift = 0
            tcp_setpersist(tp)  # no ack will come and let it go on
        if error or not (worth and more) or tp.flags & TF_FORCE:
            return error


def _monitor(tp: Tcpcb) -> None:
    """Congestion window monitoring (Hughes, Touch and Heidemann; BSD's tcp_cwm): so much more than what is out."""
    tp.snd_cwnd = min(tp.snd_cwnd, tp.tcp.cwm_burstsize * tp.maxseg + (tp.snd_nxt - tp.snd_una & M32))


def _beyond_window(tp: Tcpcb) -> int:
    """More is out than the window lets: it shrank (or that is our FIN).  A closed one is the persist timer's."""
    if tp.snd_wnd == 0 and tp.snd.cc:
        tp.snd_nxt = tp.snd_una
        if tp.persist.due is None:
            tp.rexmt.stop()
            tp.rxtshift = 0
            tcp_setpersist(tp)
    return 0


def _worth_sending(tp: Tcpcb, flags: int, offset: int, length: int, buffered: int) -> bool:
    """Whether a segment should leave now: RFC 9293 3.8.6.2.1 (sender's silly windows), 3.7.4 (Nagle), 3.8.6.2.2."""
    if tp.flags & TF_URGNOW and tcp_urgent_waits(tp, length):
        return True
    if length:
        if tp.flags & TF_FORCE:
            return True
        idle = tp.snd_una == tp.snd_max
        if (idle or tp.flags & TF_NODELAY) and offset + length >= buffered:
            return True
        if tp.max_sndwnd and length >= tp.max_sndwnd // 2:
            return True
        if SEQ_LT(tp.snd_nxt, tp.snd_max):
            return True  # a retransmission
    if tp.flags & TF_ACKNOW or flags & TH_RST:
        return True
    if flags & TH_SYN and tp.snd_nxt == tp.snd_una:
        return True
    if flags & TH_FIN and (not tp.flags & TF_SENTFIN or tp.snd_nxt == tp.snd_una):
        return True
    return tp.state >= TCPS_SYN_RECEIVED and tcp_window_opened(tp)


def tcp_window_opened(tp: Tcpcb) -> bool:
    """RFC 9293 3.8.6.2.2: the peer is told of room when it is worth two segments, or half of what there can be."""
    most = tp.max_window
    room = min(tp.rcv.space, most) - max(SEQ_SUB(tp.rcv_adv, tp.rcv_nxt), 0)
    return room >= 2 * tp.maxseg or 2 * room >= min(tp.rcv.hiwat, most)


def _window(tp: Tcpcb) -> int:
    """The window to advertise: never a silly one, never less than was promised (RFC 9293 3.8.6)."""
    window = tp.rcv.space
    if window < tp.rcv.hiwat // 4 and window < tp.maxseg:
        window = 0
    if window > tp.max_window:
        window = tp.max_window
    promised = tp.rcv_adv - tp.rcv_nxt & M32
    return promised if window < promised < 1 << 31 else window


def _options(tp: Tcpcb) -> bytes:
    """The options of a segment that is no SYN: the time (RFC 7323 3.2), and what lies beyond a gap (RFC 2018 3)."""
    if tp.sacked:
        options = TcpOptions(sack=tp.sacked, ts=(tp.ts_val, tp.ts_recent) if tp.flags & TF_TSTMP else None).pack()
        if tcp_dsack_pending(tp):
            tp.tcp.stat["sack_dsacksent"] += 1
        return options
    return TcpOptions(ts=(tp.ts_val, tp.ts_recent)).pack() if tp.flags & TF_TSTMP else b""


def tcp_data_size(tp: Tcpcb) -> int:
    """Bytes of data in a full segment: SACK blocks take from its room (RFC 9293 3.7.1)."""
    return tp.maxseg - 4 - 8 * len(tp.sacked) if tp.sacked else tp.maxseg


def tcp_send(tp: Tcpcb, flags: int, offset: int, length: int, buffered: int) -> int:
    """Build one segment, send it, and remember that it is out."""
    tcp = tp.tcp
    stat = tcp.stat
    data: Piece = b""
    options = _options(tp)
    again = tp.snd_nxt != tp.snd_max and SEQ_LT(tp.snd_nxt, tp.snd_max)
    if length:
        data = tp.snd.copy(offset, length)
        if offset + length == buffered:
            flags |= TH_PUSH  # RFC 9293 3.9.1: the last there is
        _count_data(tp, length, again)
    elif flags & (TH_SYN | TH_FIN | TH_RST):
        stat["sndctrl"] += 1
        if flags & TH_SYN:
            options = tcp_syn_options(tp, flags)
            flags |= tcp_ecn_syn(tp, flags)
    elif tp.flags & TF_ACKNOW:
        stat["sndacks"] += 1
    else:
        stat["sndurg" if tp.flags & TF_URGNOW else "sndwinup"] += 1
    window = _window(tp) if not flags & TH_SYN else min(tp.rcv.space, TCP_MAXWIN)
    seq = tp.snd_nxt if length or flags & (TH_SYN | TH_FIN) or tp.persist.due is not None else tp.snd_max
    template = tp.template or tcp_template(tp)
    if tp.flags & TF_ECN_PERMIT and not flags & TH_SYN:
        fresh = length and not again and not (tp.flags & TF_FORCE and length == 1)
        marks, codepoint = tcp_ecn_output(tp, int(bool(fresh)))
        flags, template = flags | marks, template | codepoint
    urp = tcp_urgent_pointer(tp, seq) if tp.flags & TF_URGENT else 0
    if urp:
        flags |= TH_URG
    words = 20 + len(options) << 10 | flags
    shown = window if flags & TH_SYN else window >> tp.rcv_scale  # RFC 7323 2.2: a SYN's is never scaled
    header = TCP_HEADER.pack(tp.lport, tp.fport, seq, tp.rcv_nxt if flags & TH_ACK else 0, words, shown, 0, urp)
    m = Mbuf(data, header + options)
    m.csum = CSUM_TCP
    _account(tp, flags, length)
    stat["sndtotal"] += 1
    error = tcp.ip.output(m, template, tp.more)
    if error:
        return _not_sent(tp, error)
    _acknowledged(tp, window)
    return 0


def _acknowledged(tp: Tcpcb, window: int) -> None:
    """What has come is acknowledged, and a window promised, with what just left."""
    if window and SEQ_GT(tp.rcv_nxt + window & M32, tp.rcv_adv):
        tp.rcv_adv = tp.rcv_nxt + window & M32
    tp.last_ack_sent = tp.rcv_nxt
    tp.flags &= ~(TF_ACKNOW | TF_DELACK)
    tp.delack.due = None


def _header(tp: Tcpcb, flags: int, seq: int, window: int) -> bytes:
    """The header of a segment of an established connection, with its options."""
    window >>= tp.rcv_scale
    if not tp.flags & TF_TSTMP or tp.sacked:
        options = _options(tp)
        words = 20 + len(options) << 10 | flags
        return TCP_HEADER.pack(tp.lport, tp.fport, seq, tp.rcv_nxt, words, window, 0, 0) + options
    value = int(tp.tcp.callouts.now * 1000) + tp.ts_offset & M32
    return TCP_HEADER_TSTAMP.pack(
        tp.lport, tp.fport, seq, tp.rcv_nxt, 8 << 12 | flags, window, 0, 0, TSTAMP_HDR, value, tp.ts_recent
    )


def _send_run(tp: Tcpcb, offset: int, size: int, count: int) -> bool:
    """A run of full segments of new data, which is all a bulk transfer sends; False when IP would not have one.

    Where the interface takes them, they are super-segments.
    """
    tcp, seq, copy, buffered = tp.tcp, tp.snd_nxt, tp.snd.copy, tp.snd.cc
    window = _window(tp)
    _acknowledged(tp, window)
    flags, template = TH_ACK, tp.template
    if tp.flags & TF_ECN_PERMIT:
        marks, codepoint = tcp_ecn_output(tp, count)
        flags, template = flags | marks, template | codepoint
    most = size * tcp_tso(tp, size) if count > 1 else size
    end = offset + count * size
    while offset < end:
        length = min(most, end - offset)
        push = TH_PUSH if offset + length == buffered else 0
        m = Mbuf(copy(offset, length), _header(tp, flags | push, seq, window))
        m.csum = CSUM_TCP
        _account(tp, 0, length)
        if length > size:
            m.gso_size = size
            error = tcp.ip.output(m, template, tp.more)
            tcp.ip.ident = tcp.ip.ident + length // size - 1 & M16  # each of its segments has one
        else:
            error = tcp.ip.output(m, template, tp.more)
        if error:
            _not_sent(tp, error)
            return False
        seq = tp.snd_nxt
        offset += length
    stat = tcp.stat
    stat["sndtotal"] += count
    stat["sndpack"] += count
    stat["sndbyte"] += count * size
    return True


def tcp_tso(tp: Tcpcb, size: int) -> int:
    """How many segments of a size may go down as one: more than one where the interface takes super-segments."""
    rt = tp.tcp.ip.cache.get(tp.faddr)
    if rt is None or not rt.ifp.capenable & IFCAP_TSO4 or tp.more is not PLAIN:
        return 1
    return (IP_MAXPACKET - _HEADERS_MOST) // size or 1


def tcp_ack(tp: Tcpcb, counter: str = "sndacks") -> None:
    """Acknowledge at once; by itself, unless there is data that may carry it."""
    if tp.snd.cc or not tp.template or tp.flags & TF_SENTFIN:
        tp.flags |= TF_ACKNOW
        tcp_output(tp)
        return
    window = _window(tp)
    m = Mbuf(b"", _header(tp, _ack_flags(tp), tp.snd_max, window))
    m.csum = CSUM_TCP
    stat = tp.tcp.stat
    stat["sndtotal"] += 1
    stat[counter] += 1
    _acknowledged(tp, window)
    tp.tcp.ip.output(m, tp.template, tp.more)


def tcp_ack_data(tp: Tcpcb, gso_size: int) -> None:
    """Data have come of which no more may wait for their ack: RFC 1122 4.2.3.2, at least every second segment.

    RFC 5681 4.2 says SHOULD, for acks clock the sender and open its window.  Of a burst that came all at once from
    somebody near they clock nothing: those of its first segments leave, and one for all others when it is over.
    A super-segment is so many segments, and its ack is one of those.
    """
    callouts = tp.tcp.callouts
    if tp.burst != callouts.events:
        tp.burst, tp.burst_acks = callouts.events, 0
    tp.burst_acks += 1
    if not gso_size and (tp.burst_acks <= _BURST_ACKS or tp.srtt is None or tp.srtt > _NEAR):
        return tcp_ack(tp)
    if not tp.flags & TF_BURST:
        tp.flags |= TF_BURST
        callouts.soon(lambda: _burst_over(tp))
    return None


def _burst_over(tp: Tcpcb) -> None:
    """All that came in one go is in."""
    tp.flags &= ~TF_BURST
    if tp.rcv_nxt != tp.last_ack_sent and tp.state != TCPS_CLOSED:
        tcp_ack(tp)


def _ack_flags(tp: Tcpcb) -> int:
    return TH_ACK | TH_ECE if tp.flags & TF_ECN_SND_ECE else TH_ACK


def tcp_probe(tp: Tcpcb) -> None:
    """Send what must be answered: an empty segment with a number the peer has had already (RFC 9293 3.8.4)."""
    m = Mbuf(b"", _header(tp, _ack_flags(tp), tp.snd_una - 1 & M32, _window(tp)))
    m.csum = CSUM_TCP
    tp.tcp.stat["sndtotal"] += 1
    tp.tcp.stat["sndctrl"] += 1
    tp.tcp.ip.output(m, tp.template or tcp_template(tp), tp.more)


def _count_data(tp: Tcpcb, length: int, again: bool) -> None:
    stat = tp.tcp.stat
    if tp.flags & TF_FORCE and length == 1:
        stat["sndprobe"] += 1
    elif again:
        tp.rexmits += 1
        stat["sndrexmitpack"] += 1
        stat["sndrexmitbyte"] += length
    else:
        stat["sndpack"] += 1
        stat["sndbyte"] += length


def _account(tp: Tcpcb, flags: int, length: int) -> None:
    """Move SND.NXT over what is sent, time it, and see that its timer runs."""
    start = tp.snd_nxt
    if flags & (TH_SYN | TH_FIN):
        tp.snd_nxt = tp.snd_nxt + 1 & M32
        if flags & TH_FIN:
            tp.flags |= TF_SENTFIN
    elif not length:
        return
    tp.snd_nxt = tp.snd_nxt + length & M32
    if tp.flags & TF_FORCE and tp.persist.due is not None:
        # a probe of a closed window is no retransmission: the persist timer sends the next
        if SEQ_GT(tp.snd_nxt, tp.snd_max):
            tp.snd_max = tp.snd_nxt
        return
    if tp.snd_max - tp.snd_nxt & M32 > 0x7FFFFFFF:
        tp.snd_max = tp.snd_nxt
        if tp.rtttime is None:  # RFC 6298 3: time one segment at a time, and never a retransmitted one
            tp.rtttime = tp.tcp.callouts.now
            tp.rtseq = start
            tp.tcp.stat["segstimed"] += 1
    if tp.rexmt.due is None and tp.snd_nxt != tp.snd_una:
        tp.rexmt.set(tp.rxtcur)
        if tp.pto is None and tp.flags & TF_SACK and tp.srtt is not None and tp.tcp.early_retrans:
            tcp_await_tail(tp, 2 * tp.srtt)  # or a little later
        if tp.persist.due is not None:
            tp.persist.stop()
            tp.rxtshift = 0


def tcp_await_tail(tp: Tcpcb, seconds: float) -> None:
    """Look after that time whether the end of what is out has been lost: tcp_tail."""
    tp.pto = tp.tcp.callouts.schedule(seconds, lambda: tp.tcp.timers["tail"](tp))


def _not_sent(tp: Tcpcb, error: int) -> int:
    """IP would not have it: a full queue or a dead route is a loss like any other, once connected."""
    if error == errno.ENOBUFS:
        tp.tcp.stat["selfquench"] += 1
        tp.snd_cwnd = tp.maxseg
    elif error == errno.EMSGSIZE and tcp_mtudisc(tp):
        pass  # our own interface bears less than it did; the timer sends it again, in smaller pieces
    elif tp.state >= TCPS_SYN_RECEIVED:
        tp.softerror = error
    else:
        return error
    if tp.rexmt.due is None and tp.persist.due is None and tp.snd_nxt != tp.snd_una:
        tp.rexmt.set(tp.rxtcur)
    return 0


def tcp_rexmtval(tp: Tcpcb) -> float:
    """The retransmission time-out without back-off and without bounds (TCP_REXMTVAL)."""
    return tp.srtt + 4 * tp.rttvar if tp.srtt is not None else tp.rxtcur


def tcp_setpersist(tp: Tcpcb) -> None:
    """Probe a closed window after a while, then after a longer one (RFC 9293 3.8.6.1)."""
    tp.persist.set(min(max(tcp_rexmtval(tp) * TCP_BACKOFF[tp.rxtshift], TCPTV_PERSMIN), TCPTV_PERSMAX))
    if tp.rxtshift < len(TCP_BACKOFF) - 1:
        tp.rxtshift += 1
