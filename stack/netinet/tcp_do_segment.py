"""A segment for a connection, step by step (BSD netinet/tcp_input.c; FreeBSD calls this part tcp_do_segment).

Each step of RFC 9293 3.10.7.3 and 3.10.7.4 is a function that says whether to go on with the next.
Read also RFC 5961 (what a segment must prove); what its ack then means is in tcp_acks.py.
"""

from __future__ import annotations

import errno

from stack.header.tcp import TH_ACK, TH_CWR, TH_ECE, TH_FIN, TH_PUSH, TH_RST, TH_SYN, TH_URG
from stack.kern.socket import SO_KEEPALIVE, SS_CANTRCVMORE, SS_CANTSENDMORE, SS_NOFDREF, SS_OOBEXPECTED
from stack.mbuf import M_BCAST, M_MCAST
from stack.netinet.ip_output import M32
from stack.netinet.tcp_acks import TcpAcks, tcp_xmit_timer
from stack.netinet.tcp_dsack import tcp_dsack_report
from stack.netinet.tcp_ecn import tcp_ecn_agree, tcp_ecn_data
from stack.netinet.tcp_fsm import (
    TCPS_CLOSE_WAIT,
    TCPS_CLOSED,
    TCPS_CLOSING,
    TCPS_ESTABLISHED,
    TCPS_FIN_WAIT_1,
    TCPS_FIN_WAIT_2,
    TCPS_LAST_ACK,
    TCPS_SYN_RECEIVED,
    TCPS_SYN_SENT,
    TCPS_TIME_WAIT,
)
from stack.netinet.tcp_output import tcp_output
from stack.netinet.tcp_reass import tcp_reass
from stack.netinet.tcp_segment import Segment
from stack.netinet.tcp_seq import SEQ_GEQ, SEQ_GT, SEQ_LEQ, SEQ_LT, SEQ_SUB
from stack.netinet.tcp_subr import (
    tcp_agree,
    tcp_close,
    tcp_drop,
    tcp_options_from_peer,
    tcp_reset_peer,
    tcp_respond,
)
from stack.netinet.tcp_urgent import tcp_pulloutofband, tcp_urgent_arrives
from stack.netinet.tcp_var import (
    TCP_PAWS_IDLE,
    TCPTV_RTO_SYN,
    TF_ACKNOW,
    TF_DELACK,
    TF_ECN_PERMIT,
    TF_TSTMP,
    Tcpcb,
)


class TcpSegments(TcpAcks):
    """What arrives for connections that exist."""

    def segment_arrives(self, tp: Tcpcb, seg: Segment) -> None:
        """A segment for a connection, step by step."""
        if tp.state == TCPS_SYN_SENT:
            if not self._syn_sent(tp, seg):
                return
        elif not (
            self._check_paws(tp, seg)
            and self._acceptable(tp, seg)
            and self._note_time(tp, seg)
            and self._check_rst(tp, seg)
            and self._check_syn(tp, seg)
        ):
            return
        if not seg.flags & TH_ACK:
            return self.drop("rcvnoack", seg.m)
        if not tp.flags & TF_ECN_PERMIT:
            seg.flags &= ~(TH_ECE | TH_CWR)
        if not self._check_ack(tp, seg):
            return
        self._process_text(tp, seg)
        closing = tp.state > TCPS_CLOSE_WAIT  # our FIN is out, or may have to go now
        if tp.state != TCPS_CLOSED and (tp.flags & TF_ACKNOW or tp.snd.cc or closing):
            tcp_output(tp)

    def _syn_sent(self, tp: Tcpcb, seg: Segment) -> bool:
        """3.10.7.3: the answer to our SYN, or the peer's own (simultaneous open)."""
        if seg.flags & TH_ACK and (SEQ_LEQ(seg.ack, tp.iss) or SEQ_GT(seg.ack, tp.snd_max)):
            self.drop("rcvbadack", seg.m)
            self.reset(seg, tp.lport, tp.fport)
            return False
        if seg.flags & TH_RST:
            if seg.flags & TH_ACK:
                tcp_drop(tp, errno.ECONNREFUSED)
            else:
                self.drop("rcvbadrst", seg.m)
            return False
        if not seg.flags & TH_SYN:
            self.drop("rcvnosyn", seg.m)
            return False
        self._syn_came(tp, seg)
        tp.flags |= TF_ACKNOW
        if seg.flags & TH_ACK:
            self._syn_acked(tp)
            self._established(tp)
            return True
        tp.rexmt.stop()
        tp.rtttime = None
        tp.snd_nxt = tp.snd_una  # our SYN again, now with an ack
        self.set_state(tp, TCPS_SYN_RECEIVED)
        tcp_output(tp)
        return False

    def _syn_came(self, tp: Tcpcb, seg: Segment) -> None:
        """Take over what a SYN says: where the peer begins, and its options."""
        tp.irs = seg.seq
        tp.rcv_nxt = tp.rcv_adv = seg.seq + 1 & M32
        tp.snd_wnd = tp.max_sndwnd = seg.window
        tp.snd_wl1, tp.snd_wl2 = seg.seq, tp.snd_una
        tcp_options_from_peer(tp, tcp_agree(self, seg.told))
        tcp_ecn_agree(tp, seg.flags)
        seg.seq = seg.seq + 1 & M32
        seg.flags &= ~(TH_SYN | TH_ECE | TH_CWR)

    def reset(self, seg: Segment, lport: int, fport: int) -> None:
        """RFC 9293 3.5.2 group 1: say that there is no such connection, but not too often."""
        if seg.flags & TH_RST or seg.m.flags & (M_BCAST | M_MCAST):
            return
        if not self.in_rate("rst", self.rstppslimit):
            return self.drop("rstlimit", seg.m)
        if seg.flags & TH_ACK:
            tcp_respond(self, seg.x, lport, fport, seg.ack, 0, TH_RST)
        else:
            tcp_respond(self, seg.x, lport, fport, 0, seg.seq + seg.length, TH_RST | TH_ACK)
        return None

    def _established(self, tp: Tcpcb) -> None:
        """The handshake is done."""
        self.stat["connects"] += 1
        if tp.flags & TF_ECN_PERMIT:
            self.stat["ecn_shs"] += 1
        self.set_state(tp, TCPS_ESTABLISHED)
        if tp.so.options & SO_KEEPALIVE:
            tp.keep.set(tp.keepalive.idle)
        else:
            tp.keep.discard()
        tp.so.isconnected()

    def _syn_acked(self, tp: Tcpcb) -> None:
        """Our SYN has arrived.  RFC 5681 3.1: that alone does not open the congestion window."""
        if tp.rtttime is not None:
            tcp_xmit_timer(tp, self.callouts.now - tp.rtttime)
        if tp.rxtshift:  # but it had to be sent again
            tp.snd_cwnd = tp.maxseg
            tp.rxtcur = TCPTV_RTO_SYN
            tp.rxtshift = 0
        tp.snd_una = tp.snd_nxt = tp.snd_max
        tp.rexmt.stop()

    def _check_paws(self, tp: Tcpcb, seg: Segment) -> bool:
        """RFC 7323 5.3: a segment from the past is dropped, by the peer's own clock; 3.2: so is one without a time."""
        if not tp.flags & TF_TSTMP or seg.flags & TH_RST:
            return True
        if seg.told.ts is None:
            if seg.flags & TH_SYN:
                return True
            self.drop("rcvnotstamp", seg.m)
            return False
        if SEQ_GEQ(seg.told.ts[0], tp.ts_recent):
            return True
        if self.callouts.now - tp.ts_recent_age > TCP_PAWS_IDLE:
            tp.ts_recent = seg.told.ts[0]
            return True
        self.stat["rcvduppack"] += 1
        self.stat["rcvdupbyte"] += len(seg.data)
        self.drop("pawsdrop", seg.m)
        if seg.data and SEQ_LEQ(seg.seq + len(seg.data) & M32, tp.rcv_nxt):
            tcp_dsack_report(tp, seg.seq, seg.seq + len(seg.data) & M32)
        if not seg.bare:
            self._ack_unacceptable(tp, seg)
            tcp_output(tp)
        return False

    def _note_time(self, tp: Tcpcb, seg: Segment) -> bool:
        """RFC 7323 4.3, 5.3 R3: the time of a segment in the window that spans what we acknowledged last."""
        if tp.flags & TF_TSTMP and seg.told.ts is not None and SEQ_GEQ(seg.told.ts[0], tp.ts_recent):
            end = seg.first + len(seg.m.data) + (not seg.bare) & M32
            if SEQ_LEQ(seg.first, tp.last_ack_sent) and SEQ_LEQ(tp.last_ack_sent, end):
                tp.ts_recent, tp.ts_recent_age = seg.told.ts[0], self.callouts.now
        return True

    def _acceptable(self, tp: Tcpcb, seg: Segment) -> bool:
        """First, check the sequence number: trim the segment to the window; an ack for one outside of it."""
        window = min(tp.rcv.space, tp.max_window)
        window = max(window, SEQ_SUB(tp.rcv_adv, tp.rcv_nxt))
        before = SEQ_SUB(tp.rcv_nxt, seg.seq)
        if before > 0 and not self._trim_front(tp, seg, before):
            return False
        beyond = SEQ_SUB(seg.seq + seg.length & M32, tp.rcv_nxt + window & M32)
        if beyond > 0:
            return self._trim_back(tp, seg, beyond, window)
        return True

    def _trim_front(self, tp: Tcpcb, seg: Segment, before: int) -> bool:
        """Cut off what we have had already; False when the segment ends here."""
        if seg.flags & TH_SYN:
            if tp.state != TCPS_SYN_RECEIVED or seg.seq != tp.irs:
                return self._challenge(tp, seg, "rcvsyn")  # RFC 5961 4.2
            if not seg.flags & TH_ECE:
                tp.flags &= ~TF_ECN_PERMIT  # RFC 3168 6.1.1.1: it has given up to ask
            if not seg.flags & TH_ACK:
                return self._syn_again(tp, seg)
            seg.flags &= ~(TH_SYN | TH_ECE | TH_CWR)
            seg.seq = seg.seq + 1 & M32
            before -= 1
            tp.flags |= TF_ACKNOW
        if not before:
            return True
        size = len(seg.data)
        if before > size or (before == size and not seg.flags & TH_FIN):
            if seg.flags & TH_FIN and tp.state == TCPS_TIME_WAIT:
                tp.twomsl.set(2.0 * self.msl)  # 3.10.7.4 eighth: our ack of it was lost
            seg.flags &= ~TH_FIN
            self.stat["rcvduppack"] += 1
            self.stat["rcvdupbyte"] += size
            if seg.flags & TH_RST:
                self.drop("rcvbadrst", seg.m)
                return False
            if size:
                tcp_dsack_report(tp, seg.seq, seg.seq + size & M32)
            if size or before > size:
                self._ack_unacceptable(tp, seg)  # ours may have been lost; or it is a keepalive probe
            seg.data = b""
            seg.seq = tp.rcv_nxt
            return True  # the ack in it may still be news
        self.stat["rcvpartduppack"] += 1
        self.stat["rcvpartdupbyte"] += before
        tcp_dsack_report(tp, seg.seq, tp.rcv_nxt)
        seg.data = seg.data[before:]
        seg.seq = seg.seq + before & M32
        return True

    def _syn_again(self, tp: Tcpcb, seg: Segment) -> bool:
        """The peer did not hear our SYN-ACK: say it again, and do not wait for the timer."""
        self.drop("rcvduppack", seg.m)
        tp.snd_nxt = tp.snd_una
        tp.rtttime = None
        tcp_output(tp)
        return False

    def _trim_back(self, tp: Tcpcb, seg: Segment, beyond: int, window: int) -> bool:
        """Cut off what we have no room for; False when nothing is left, except a probe of a closed window."""
        self.stat["rcvpackafterwin"] += 1
        length = seg.length
        self.stat["rcvbyteafterwin"] += min(beyond, length)
        if beyond >= length:
            if not (window == 0 and seg.seq == tp.rcv_nxt):
                return self._out_of_window(tp, seg)
            self.stat["rcvwinprobe"] += 1
            tp.flags |= TF_ACKNOW
        keep = len(seg.data) - (beyond - bool(seg.flags & TH_FIN))
        seg.data = seg.data[: max(keep, 0)]
        seg.flags &= ~(TH_PUSH | TH_FIN)
        return True

    def _out_of_window(self, tp: Tcpcb, seg: Segment) -> bool:
        """3.10.7.4 first: not acceptable, so an ack, unless it is a reset."""
        self.drop("rcvafterwin", seg.m)
        if not seg.flags & TH_RST:
            self._ack_unacceptable(tp, seg)
            tcp_output(tp)
        return False

    def _ack_unacceptable(self, tp: Tcpcb, seg: Segment) -> None:
        """Say where we are; but without data not too often (RFC 5961 7), or two ends that disagree would never stop.

        What they would send each other for ever are bare acks, and FINs, which every ack of a closing end repeats.
        """
        if seg.m.data or self.in_rate("unacceptable", self.ackdropppslimit):
            tp.flags |= TF_ACKNOW

    def _check_rst(self, tp: Tcpcb, seg: Segment) -> bool:
        """Second, the RST bit: RFC 5961 3.2, only the very next sequence number is believed."""
        if not seg.flags & TH_RST:
            return True
        if tp.state == TCPS_TIME_WAIT and self.rfc1337:
            self.drop("rcvrstwait", seg.m)  # RFC 1337 3 (F1): it may answer an ack of ours to an old duplicate
            return False
        if seg.seq != tp.rcv_nxt:
            return self._challenge(tp, seg, "rcvbadrst")
        if tp.state in (TCPS_CLOSING, TCPS_LAST_ACK, TCPS_TIME_WAIT):
            tcp_close(tp)
            return False
        error = errno.ECONNREFUSED if tp.state == TCPS_SYN_RECEIVED else errno.ECONNRESET
        self.stat["drops"] += 1
        tp.so.error = error
        tcp_close(tp)
        return False

    def _check_syn(self, tp: Tcpcb, seg: Segment) -> bool:
        """Fourth, the SYN bit: RFC 5961 4.2, in a synchronized state it proves nothing."""
        if not seg.flags & TH_SYN:
            return True
        return self._challenge(tp, seg, "rcvsyn")

    def _challenge(self, tp: Tcpcb, seg: Segment, reason: str) -> bool:
        """Drop a segment and ask the true peer where we are: a challenge ack (RFC 5961 7: not too often)."""
        self.drop(reason, seg.m)
        if self.in_rate("challenge", self.ackdropppslimit):
            self.stat["challengeack"] += 1
            tp.flags |= TF_ACKNOW
            tcp_output(tp)
        return False

    # --- fifth, the ACK field -----------------------------------------------------------------

    def _check_ack(self, tp: Tcpcb, seg: Segment) -> bool:
        """What the peer has got; False when the segment (or the connection) ends here."""
        ack = seg.ack
        if tp.state == TCPS_SYN_RECEIVED:
            if not (SEQ_LT(tp.snd_una, ack) and SEQ_LEQ(ack, tp.snd_max)):
                self.drop("rcvbadack", seg.m)
                self.reset(seg, tp.lport, tp.fport)
                return False
            self._established_passively(tp, seg)
        if SEQ_GT(ack, tp.snd_max):
            return self._challenge(tp, seg, "rcvacktoomuch")
        if SEQ_LT(ack, tp.snd_una - tp.max_sndwnd & M32):
            return self._challenge(tp, seg, "rcvoldack")  # RFC 5961 5.2: a blind guess
        return self.ack_arrives(tp, seg)

    def _established_passively(self, tp: Tcpcb, seg: Segment) -> None:
        """SYN_RECEIVED and our SYN is acknowledged."""
        if tp.so.head is not None:
            self.stat["accepts"] += 1
        tp.snd_wl1 = seg.first - 1 & M32
        self._syn_acked(tp)
        if tp.so.state & SS_CANTSENDMORE:  # 3.10.4: it was closed meanwhile
            self.stat["connects"] += 1
            self.set_state(tp, TCPS_FIN_WAIT_1)
            tcp_output(tp)
        else:
            self._established(tp)

    # --- sixth to eighth, URG, the text and the FIN -------------------------------------------

    def _process_text(self, tp: Tcpcb, seg: Segment) -> None:
        """Take in the urgent pointer, data and FIN, in order or not."""
        if seg.flags & TH_URG:
            tcp_urgent_arrives(tp, seg)
        if not seg.data and not seg.flags & TH_FIN:
            return
        if tp.state in (TCPS_CLOSE_WAIT, TCPS_CLOSING, TCPS_LAST_ACK, TCPS_TIME_WAIT):
            # the peer has said already that nothing more comes
            tp.flags |= TF_ACKNOW
            return
        if seg.data and tp.so.state & SS_NOFDREF:
            self.drop("rcvafterclose", seg.m)  # RFC 9293 3.6.1: nobody will ever read it
            tcp_reset_peer(tp)
            tcp_close(tp)
            return
        if seg.data and tp.flags & TF_ECN_PERMIT:
            tcp_ecn_data(tp, seg)
        flags = seg.flags
        if seg.seq == tp.rcv_nxt and tp.reass is None:
            self._append(tp, seg)
            fin = bool(flags & TH_FIN)
        else:
            fin = tcp_reass(tp, seg.seq, seg.data, flags)
            tp.rcv.channel.wakeup()
        if fin:
            self._fin_came(tp)

    def _append(self, tp: Tcpcb, seg: Segment) -> None:
        """Data in order, for the program."""
        data = seg.data
        if not data:
            return
        self.stat["rcvpack"] += 1
        self.stat["rcvbyte"] += len(data)
        size = len(data)
        if tp.so.state & SS_OOBEXPECTED:
            data = tcp_pulloutofband(tp, data)
        tp.rcv_nxt = tp.rcv_nxt + size & M32
        if not tp.so.state & SS_CANTRCVMORE:
            tp.rcv.append(data)
        if tp.rcv.auto:
            tcp_grow_rcvbuf(tp, size)
        tp.rcv.channel.wakeup()
        if tp.flags & TF_DELACK or seg.m.gso_size or (self.ack_on_push and seg.flags & TH_PUSH):
            tp.flags |= TF_ACKNOW  # RFC 1122 4.2.3.2: at least every second segment
        else:
            tp.flags |= TF_DELACK
            tp.delack.set(self.delack_ticks / 100)

    def _fin_came(self, tp: Tcpcb) -> None:
        """The peer will send no more: the arrows `rcv FIN` of figure 5."""
        tp.rcv_nxt = tp.rcv_nxt + 1 & M32
        tp.flags |= TF_ACKNOW
        tp.so.cantrcvmore()
        if tp.state in (TCPS_SYN_RECEIVED, TCPS_ESTABLISHED):
            self.set_state(tp, TCPS_CLOSE_WAIT)
        elif tp.state == TCPS_FIN_WAIT_1:
            self.set_state(tp, TCPS_CLOSING)
        elif tp.state == TCPS_FIN_WAIT_2:
            self.time_wait(tp)

def tcp_grow_rcvbuf(tp: Tcpcb, size: int) -> None:
    """A buffer that does not hold twice what came in a round trip grows (NetBSD's recvbuf_auto).

    Twice, since slow start will double it; by NetBSD's steps of recvbuf_inc alone it would stay far behind.  As much
    as the buffer holds is enough of a round: a receiver's srtt is mostly the SYN's, and that may have waited for ARP.
    """
    tp.rfbuf_cnt += size
    tcp = tp.tcp
    now = tcp.callouts.now
    if tp.srtt is None or not tcp.recvbuf_auto or (now - tp.rfbuf_since < tp.srtt and tp.rfbuf_cnt < tp.rcv.hiwat):
        return
    if 2 * tp.rfbuf_cnt > tp.rcv.hiwat and tp.rcv.hiwat < tcp.recvbuf_max:
        tp.rcv.hiwat = min(max(tp.rcv.hiwat + tcp.recvbuf_inc, 2 * tp.rfbuf_cnt), tcp.recvbuf_max)
    tp.rfbuf_cnt, tp.rfbuf_since = 0, now
