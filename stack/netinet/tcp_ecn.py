"""Explicit congestion notification: the network says that it is full, and need not drop to say so (RFC 3168 6.1).

BSD has these lines in tcp_input.c and tcp_output.c.  What one direction looks like::

    SYN ECE CWR  ->                      who can do it says so, and so does who answers: TF_ECN_PERMIT
                 <-  SYN ACK ECE
    data, ECT(0) ->                      a router with a long queue turns ECT(0) into CE
                 <-  ACK ECE, ACK ECE    the receiver says it in every ack, TF_ECN_SND_ECE ...
    data, CWR    ->                      ... until it hears that the window was reduced, TF_ECN_SND_CWR
"""

from __future__ import annotations

from stack.header.ip import IPTOS_ECN_CE, IPTOS_ECN_ECT0, IPTOS_ECN_MASK
from stack.header.tcp import TH_ACK, TH_CWR, TH_ECE
from stack.netinet.ip_output import M32
from stack.netinet.tcp_segment import Segment
from stack.netinet.tcp_seq import SEQ_GT, SEQ_LT
from stack.netinet.tcp_var import TF_ECN_PERMIT, TF_ECN_SND_CWR, TF_ECN_SND_ECE, Tcpcb

_ECT0 = IPTOS_ECN_ECT0 << 144  # where it stands in the IP header as a number


def tcp_ecn_syn(tp: Tcpcb, flags: int) -> int:
    """What our SYN or SYN-ACK says of ECN (6.1.1)."""
    if flags & TH_ACK:
        return TH_ECE if tp.flags & TF_ECN_PERMIT else 0
    return TH_ECE | TH_CWR if _asks(tp) else 0


def _asks(tp: Tcpcb) -> bool:
    """Whether our SYN asks for ECN; 6.1.1.1: not when SYNs that did were lost, somebody may drop them for it."""
    return bool(tp.tcp.ecn_enable) and tp.rxtshift <= tp.tcp.ecn_maxretries


def tcp_ecn_agree(tp: Tcpcb, flags: int) -> None:
    """A SYN-ACK has come, or a SYN that crossed ours; 6.1.1: an answer with both flags is a mirror, and no consent."""
    asked = TH_ECE if flags & TH_ACK else TH_ECE | TH_CWR
    if _asks(tp) and flags & (TH_ECE | TH_CWR) == asked:
        tp.flags |= TF_ECN_PERMIT
        tp.snd_cwr = tp.iss + 1 & M32  # the SYN itself is never marked


def tcp_ecn_data(tp: Tcpcb, seg: Segment) -> None:
    """Data in the window has come (what is outside of it says nothing, 6.1.5): 6.1.3, was it marked?"""
    if seg.flags & TH_CWR:
        tp.flags &= ~TF_ECN_SND_ECE
    codepoint = seg.x >> 144 & IPTOS_ECN_MASK
    if codepoint == IPTOS_ECN_CE:
        tp.flags |= TF_ECN_SND_ECE
        tp.tcp.stat["ecn_ce"] += 1
    elif codepoint == IPTOS_ECN_ECT0:
        tp.tcp.stat["ecn_ect"] += 1


def tcp_ecn_echo(tp: Tcpcb, ack: int) -> None:
    """An ack says that something was marked: 6.1.2, like a loss, but once a window, and nothing is sent again.

    A window of one segment cannot be halved: then the retransmission timer lets the next segment leave.
    """
    if not SEQ_GT(ack, tp.snd_cwr):
        return
    least = 0 < tp.snd_cwnd <= tp.maxseg
    tp.cc.congestion_exp(tp, min(tp.snd_max - tp.snd_una & M32, tp.snd_wnd))
    tcp_ecn_reduced(tp)
    if least:
        tp.snd_cwnd = 0
        tp.rexmt.set(tp.rxtcur)


def tcp_ecn_waited(tp: Tcpcb) -> bool:
    """The retransmission timer has run out; whether new data were only waiting for that."""
    if tp.snd_cwnd:
        return False
    tp.snd_cwnd = tp.maxseg
    return tp.snd_una == tp.snd_max


def tcp_ecn_reduced(tp: Tcpcb) -> None:
    """The congestion window was reduced, for whatever reason; the peer is told with the next new data."""
    if tp.flags & TF_ECN_PERMIT:
        tp.snd_cwr = tp.snd_max
        tp.flags |= TF_ECN_SND_CWR


def tcp_ecn_spares(tp: Tcpcb) -> bool:
    """Whether a loss is of a window that has cost a reduction already (6.1.2: one for all that it tells us)."""
    return bool(tp.flags & TF_ECN_PERMIT) and SEQ_LT(tp.snd_una, tp.snd_cwr)


def tcp_ecn_output(tp: Tcpcb, fresh: int) -> tuple[int, int]:
    """What goes with segments, `fresh` of them with new data: flags, and bits for the IP header.

    6.1.4 to 6.1.6: no pure ack, no retransmission and no probe of a window may bear ECT or CWR.
    """
    flags = TH_ECE if tp.flags & TF_ECN_SND_ECE else 0
    if not fresh:
        return flags, 0
    if tp.flags & TF_ECN_SND_CWR:
        tp.flags &= ~TF_ECN_SND_CWR
        flags |= TH_CWR
    tp.tcp.stat["ecn_ect"] += fresh
    return flags, _ECT0
