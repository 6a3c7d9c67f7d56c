"""Urgent data: a pointer into the stream, and the one byte before it (BSD netinet/tcp_input.c, tcp_usrreq.c).

Read first: RFC 6093 2 and 3, RFC 9293 3.8.5.  TCP itself only says "hurry up to here": the pointer is the number of the
byte behind the urgent data.  BSD made of it a byte beside the stream, which recv(MSG_OOB) reads, with a mark where it
was; SO_OOBINLINE leaves it in the stream, and then the mark is all there is (RFC 6093 6: do that).

::

    received:  ......... rcv_nxt ......... [urgent byte] rcv_up         oobmark: bytes a reader has before that byte
    sent:      snd_una ......... snd_nxt ............... snd_up         TF_URGENT: the peer has not got all of it
"""

from __future__ import annotations

from stack.kern.sockbuf import Piece
from stack.kern.socket import SO_OOBINLINE, SS_CANTRCVMORE, SS_NOFDREF, SS_OOBEXPECTED
from stack.netinet.ip_output import M32
from stack.netinet.tcp_fsm import TCPS_ESTABLISHED, TCPS_FIN_WAIT_1, TCPS_FIN_WAIT_2
from stack.netinet.tcp_segment import Segment
from stack.netinet.tcp_seq import SEQ_GEQ, SEQ_GT, SEQ_SUB
from stack.netinet.tcp_var import TF_URGENT, Tcpcb, Urgent

_FURTHEST = 0xFFFF  # what the header can say; segments to come say more


def tcp_urgent_arrives(tp: Tcpcb, seg: Segment) -> None:
    """3.10.7.4 sixth, the URG bit: a pointer beyond the last one moves the mark, whether its byte is here or not."""
    so = tp.so
    if not tp.tcp.urgent or so.state & (SS_CANTRCVMORE | SS_NOFDREF):
        return
    if tp.state not in (TCPS_ESTABLISHED, TCPS_FIN_WAIT_1, TCPS_FIN_WAIT_2):
        return
    pointer = int.from_bytes(seg.m.transport[18:20])
    up = seg.first + pointer & M32
    ahead = SEQ_SUB(up, tp.rcv_nxt)
    if not pointer or ahead <= 0:
        return  # what it points to has come long ago
    urgent = tp.urgent = tp.urgent or Urgent()
    if so.oobmark is not None and SEQ_GEQ(urgent.rcv_up, up):
        return
    tp.tcp.stat["rcvurg"] += 1
    urgent.rcv_up = up
    urgent.byte, urgent.taken = b"", False  # a byte that nobody fetched gives way to the next
    so.hasoutofband(tp.rcv.cc + ahead - 1)


def tcp_pulloutofband(tp: Tcpcb, data: Piece) -> Piece:
    """Take the urgent byte out of data that begins at RCV.NXT, if it is there (tcp_pulloutofband)."""
    so, urgent = tp.so, tp.urgent
    assert urgent is not None
    at = SEQ_SUB(urgent.rcv_up, tp.rcv_nxt) - 1
    if at >= len(data):
        return data
    so.state &= ~SS_OOBEXPECTED
    if so.options & SO_OOBINLINE:
        return data
    urgent.byte = bytes(data[at : at + 1])
    return b"".join((data[:at], data[at + 1 :]))


def tcp_urgent_pointer(tp: Tcpcb, seq: int) -> int:
    """How far behind `seq` the urgent data ends, for the header of a segment; 0 when it ends before."""
    urgent = tp.urgent
    assert urgent is not None
    if SEQ_GEQ(tp.snd_una, urgent.snd_up):
        tp.flags &= ~TF_URGENT
        return 0
    return min(max(SEQ_SUB(urgent.snd_up, seq), 0), _FURTHEST)


def tcp_urgent_waits(tp: Tcpcb, length: int) -> bool:
    """Whether a segment of tcp_sendoob's should leave: with urgent data, or alone to announce it (t_force)."""
    return not length or (tp.urgent is not None and SEQ_GT(tp.urgent.snd_up, tp.snd_nxt))
