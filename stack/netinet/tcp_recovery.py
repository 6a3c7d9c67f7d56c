"""Loss recovery with selective acknowledgements: what to send next, and how much (RFC 6675 5).

BSD has this inside tcp_output; here it is apart, since it asks other questions: not "what follows what was
sent", but "what is missing at the other end, and is there room in the network".
"""

from __future__ import annotations

from stack.header.tcp import TH_ACK, TH_FIN
from stack.netinet.ip_output import M32
from stack.netinet.tcp_dsack import tcp_scoreboard
from stack.netinet.tcp_fsm import TCPS_ESTABLISHED
from stack.netinet.tcp_output import tcp_await_tail, tcp_data_size, tcp_send
from stack.netinet.tcp_sack import Block, Scoreboard
from stack.netinet.tcp_seq import SEQ_SUB
from stack.netinet.tcp_var import TF_SENTFIN, Tcpcb


def tcp_sack_output(tp: Tcpcb) -> None:
    """Send while the pipe has room for a segment: first what is lost, then new data, then what may be lost (C)."""
    scoreboard = tp.sack
    if scoreboard is None:
        return
    mss = tp.maxseg
    if tp.tcp.sack_lrd and scoreboard.resent:
        _lost_again(tp, scoreboard)
    pipe = scoreboard.pipe(tp.snd_una, tp.snd_max, mss)
    while tp.snd_cwnd - pipe >= mss:
        hole = scoreboard.next_hole(tp.snd_una, mss)
        if hole is not None:
            sent = _send_hole(tp, scoreboard, hole)
        else:
            sent = _send_new(tp)
            if not sent and scoreboard.ordered:
                hole = scoreboard.next_hole(tp.snd_una, mss, only_lost=False)
                sent = _send_hole(tp, scoreboard, hole) if hole is not None else 0
        if not sent:
            return
        pipe += sent


def _lost_again(tp: Tcpcb, scoreboard: Scoreboard) -> None:
    """What was lost twice is sent a third time without the timer's help (FreeBSD's tcp_sack_lost_retransmission)."""
    high = scoreboard.find_lost_again(tp.snd_una, tp.maxseg)
    hole = scoreboard.next_hole(tp.snd_una, tp.maxseg)
    if high is None or hole is None:
        return
    tp.tcp.stat["sack_lostrexmt"] += 1
    if SEQ_SUB(high, scoreboard.cut) >= 0:
        # RFC 5681 4.3: the loss of a retransmission is a second sign of congestion; but once a round trip
        scoreboard.cut = tp.snd_max
        tp.cc.fast_retransmit(tp, min(SEQ_SUB(tp.snd_max, tp.snd_una), tp.snd_cwnd))
        tp.snd_cwnd = tp.snd_ssthresh
    _send_hole(tp, scoreboard, hole)  # whatever the pipe holds, as when recovery began
    tp.rexmt.set(tp.rxtcur)


def tcp_sack_first(tp: Tcpcb) -> None:
    """Recovery begins: the first segment that is missing goes out whatever the pipe holds (4.3)."""
    scoreboard = tp.sack
    if scoreboard is None:
        return
    hole = scoreboard.next_hole(tp.snd_una, tp.maxseg, only_lost=False)
    if hole is None:
        end = min(SEQ_SUB(tp.snd_max, tp.snd_una), tp.maxseg)
        hole = tp.snd_una, tp.snd_una + end & M32
    _send_hole(tp, scoreboard, hole)


def _send_hole(tp: Tcpcb, scoreboard: Scoreboard, hole: Block) -> int:
    """Send a piece again; the bytes that went out."""
    start, end = hole
    size = _send_at(tp, start, SEQ_SUB(end, start))
    if size:
        tp.tcp.stat["sack_rexmits"] += 1
        tp.tcp.stat["sack_rexmit_bytes"] += size
        scoreboard.sent_again(start, start + size & M32, tp.snd_max)
        if tp.rack is not None:
            tp.rack.again += size
    return size


def _send_new(tp: Tcpcb) -> int:
    """Send a segment that was never sent, if there is one and the peer has room for it."""
    offset = SEQ_SUB(tp.snd_max, tp.snd_una)
    size = min(tp.snd.cc - offset, tp.snd_wnd - offset, tp.maxseg)
    if size <= 0 or (size < tp.maxseg and offset + size < tp.snd.cc):
        return 0
    return _send_at(tp, tp.snd_max, size)


def _send_at(tp: Tcpcb, seq: int, size: int) -> int:
    """Send bytes from a sequence number on (or the FIN, when it is there); what it took of the sequence space."""
    offset = SEQ_SUB(seq, tp.snd_una)
    length = min(size, tp.snd.cc - offset, tcp_data_size(tp))
    flags = TH_ACK
    if 0 < length < size and tp.flags & TF_SENTFIN and offset + length == tp.snd.cc:
        flags = TH_ACK | TH_FIN
    if length <= 0:
        if not tp.flags & TF_SENTFIN:
            return 0
        length, flags = 0, TH_ACK | TH_FIN
    tp.snd_nxt = seq
    tcp_send(tp, flags, offset, length, tp.snd.cc)
    size = SEQ_SUB(tp.snd_nxt, seq)
    tp.snd_nxt = tp.snd_max
    return max(size, 0)


# --- tail loss probes ---------------------------------------------------------------------------

_MAX_ACK_DELAY = 0.2  # seconds that a peer may keep its ack of a single segment back
_LEAST_PROBE_TIME = 0.01  # seconds, where a round trip takes no time at all


def tcp_tail(tp: Tcpcb) -> None:
    """Nothing was heard for two round trips: a segment more may bring the ack that tells (RFC 8985 7.2, 7.3).

    What is lost at the end of a flight leaves no trace in acks, nor does an ack that was lost itself; so the
    retransmission timer would have to run out.  This one runs as long as that does, and looks when it was set.
    """
    tp.pto = None
    due = tp.rexmt.due
    if due is None or tp.srtt is None:
        return
    wait = max(2 * tp.srtt, _LEAST_PROBE_TIME)
    if SEQ_SUB(tp.snd_max, tp.snd_una) <= tp.maxseg:
        wait += _MAX_ACK_DELAY
    heard = due - tp.rxtcur
    if heard + wait > tp.now:
        wait = heard + wait - tp.now
    elif tp.snd_cwnd and tp.sack is None and not tp.in_recovery and not tp.rxtshift and tp.state >= TCPS_ESTABLISHED:
        _send_tail_probe(tp)
    tcp_await_tail(tp, wait)


def _send_tail_probe(tp: Tcpcb) -> None:
    """A segment of new data, be there room in the congestion window or not; else the last one once more."""
    high, offset = tp.snd_max, SEQ_SUB(tp.snd_max, tp.snd_una)
    again = not _send_new(tp)
    if again:
        size = min(offset, tp.maxseg)
        tp.rtttime = None  # Karn
        if not _send_at(tp, high - size & M32, size):
            return
    tp.tcp.stat["tailprobe"] += 1
    tcp_scoreboard(tp).probe = tp.snd_max, again
    tp.rexmt.set(tp.rxtcur)
