"""What an acknowledgement means: news, loss, the network's room and the peer's (BSD netinet/tcp_input.c).

Read first: RFC 5681 2 and 3, RFC 6298, RFC 6582, RFC 6675 5.  By now the segment has been found acceptable, and
its ack to lie between what was acknowledged and what was sent.
"""

from __future__ import annotations

from stack.header.tcp import TH_ECE
from stack.kern.socket import SS_CANTRCVMORE
from stack.netinet.ip_output import M32
from stack.netinet.tcp_dsack import (
    tcp_dsack_arrives,
    tcp_dsack_of,
    tcp_eifel,
    tcp_overtaken,
    tcp_reo_wnd,
    tcp_scoreboard,
)
from stack.netinet.tcp_ecn import tcp_ecn_echo, tcp_ecn_reduced, tcp_ecn_spares
from stack.netinet.tcp_fsm import (
    TCPS_CLOSING,
    TCPS_FIN_WAIT_1,
    TCPS_FIN_WAIT_2,
    TCPS_LAST_ACK,
    TCPS_TIME_WAIT,
)
from stack.netinet.tcp_output import tcp_output
from stack.netinet.tcp_rack import Rack
from stack.netinet.tcp_recovery import tcp_sack_first, tcp_sack_output
from stack.netinet.tcp_sack import DUPTHRESH, Block, Scoreboard
from stack.netinet.tcp_segment import Segment
from stack.netinet.tcp_seq import SEQ_GT, SEQ_LEQ, SEQ_LT, SEQ_SUB
from stack.netinet.tcp_subr import tcp_cancel_timers, tcp_close
from stack.netinet.tcp_var import TCPTV_REXMTMAX, TF_SACK, TF_TSTMP, TcpBase, Tcpcb

_TICK = 1e-6  # seconds: what a sum of floats leaves over would never pass


class TcpAcks(TcpBase):
    """What acks do to a connection."""

    def ack_arrives(self, tp: Tcpcb, seg: Segment) -> bool:
        """Take in the ACK field, the window and the blocks of a segment; False when the connection has ended by it."""
        if seg.flags & TH_ECE:
            tcp_ecn_echo(tp, seg.ack)
        if tp.sack is not None and tp.sack.probe is not None:
            self._judge_probe(tp, tp.sack, seg)
        if seg.told.sack and tp.flags & TF_SACK:
            twice = tcp_dsack_of(seg)
            if twice is not None:
                tcp_dsack_arrives(tp, twice)
        news = bool(tp.flags & TF_SACK) and self._update_scoreboard(tp, seg)
        if SEQ_LEQ(seg.ack, tp.snd_una):
            self._duplicate_ack(tp, seg, news)
        elif not self._new_ack(tp, seg):
            return False
        elif news and not tp.in_recovery:
            self._count_duplicate(tp)  # RFC 6675 5: also where the cumulative ack moves
        self._update_window(tp, seg)
        if news:
            self._await_order(tp)
        return True

    def _update_scoreboard(self, tp: Tcpcb, seg: Segment) -> bool:
        """Take in the blocks of an ack; True when they tell something new (RFC 6675 5, Update)."""
        scoreboard = tp.sack
        if scoreboard is None:
            if not seg.told.sack:
                return False
            scoreboard = tcp_scoreboard(tp)
        una = seg.ack if SEQ_GT(seg.ack, tp.snd_una) else tp.snd_una
        missing, sacked = self._missing(tp, scoreboard), scoreboard.sacked
        news = scoreboard.update(una, tp.snd_max, seg.told.sack)
        if missing:
            self._watch_order(tp, scoreboard, missing, una)
        if not (scoreboard.ordered or tp.rack is None or una != tp.snd_una or tp.in_recovery or seg.flags & TH_ECE):
            tp.rack.credit += scoreboard.sacked - sacked
            tcp_open_window(tp, scoreboard.sacked - sacked)  # it is there, and the ack may be long in coming
        if not scoreboard.blocks and not tp.in_recovery and scoreboard.probe is None:
            tp.sack = None
        return news

    def _missing(self, tp: Tcpcb, scoreboard: Scoreboard) -> list[Block]:
        """What was overtaken if it comes now, but was never sent again; and the highest block at the end."""
        if (
            not scoreboard.blocks
            or tp.in_recovery
            or not self.rack_enable
            or not self.early_retrans
            or scoreboard.probe is not None
            or tp.snd_nxt != tp.snd_max
            or SEQ_LT(tp.snd_una, tp.snd_recover)
        ):
            return []
        return [*scoreboard.holes(tp.snd_una, scoreboard.blocks[-1][0]), scoreboard.blocks[-1]]

    def _watch_order(self, tp: Tcpcb, scoreboard: Scoreboard, missing: list[Block], una: int) -> None:
        """RFC 8985 6.2 step 3: has something arrived that lies below what was there before?"""
        high = missing.pop()[1]
        for start, _ in missing:
            if SEQ_LT(start, una) or scoreboard.is_sacked(start):
                tp.rack = tp.rack or Rack()
                tcp_overtaken(tp, tp.rack, SEQ_SUB(high, start))
                return

    def _judge_probe(self, tp: Tcpcb, scoreboard: Scoreboard, seg: Segment) -> None:
        """RFC 8985 7.4: was a tail loss probe only early, or has it repaired a loss, which is a sign of congestion?"""
        assert scoreboard.probe is not None
        end, again = scoreboard.probe
        if SEQ_LT(seg.ack, end):
            return
        arrived_twice = bool(seg.told.sack) and SEQ_LEQ(seg.told.sack[0][1], seg.ack)  # RFC 2883
        if again and not arrived_twice:
            if seg.ack == end and SEQ_GT(end, tp.snd_una):
                return  # the next one will tell
            if SEQ_GT(seg.ack, end):
                tp.cc.fast_retransmit(tp, min(SEQ_SUB(tp.snd_max, tp.snd_una), tp.snd_cwnd))
                tp.snd_cwnd = tp.snd_ssthresh
        scoreboard.probe = None

    def _duplicate_ack(self, tp: Tcpcb, seg: Segment, news: bool) -> None:
        """RFC 5681 2: no data, no window news, something out: each says that a segment has left the network.

        With SACK it is the blocks that say so, whatever else the segment bears (RFC 6675 2, DupAcks).
        """
        if not news and (not seg.bare or seg.window != tp.snd_wnd or seg.ack != tp.snd_una or tp.flags & TF_SACK):
            return
        self._count_duplicate(tp)

    def _count_duplicate(self, tp: Tcpcb) -> None:
        """One more segment has left the network, and not the one that is missing."""
        if tp.rexmt.due is None or tp.snd_una == tp.snd_max:  # nothing is out, or only a probe of a closed window
            tp.dupacks = 0
            return
        self.stat["rcvdupack"] += 1
        tp.dupacks += 1
        if tp.in_recovery and tp.flags & TF_SACK:
            tcp_sack_output(tp)
        elif tp.in_recovery:
            tp.cc.duplicate_ack(tp)
            tcp_output(tp)
        elif tp.sack is not None and tp.sack.loss_edge(tp.snd_una, tp.maxseg) != tp.snd_una:
            self._fast_retransmit(tp)
        elif tp.sack is not None and not tp.sack.ordered:
            self._transmit_beyond(tp, tp.sack.sacked)
        elif tp.dupacks == DUPTHRESH:
            self._fast_retransmit(tp)
        elif tp.dupacks < DUPTHRESH and self.rfc3042:
            window = min(SEQ_SUB(tp.snd_max, tp.snd_una), tp.snd_cwnd)
            self._transmit_beyond(tp, window - tp.snd_cwnd + tp.dupacks * tp.maxseg)

    def _await_order(self, tp: Tcpcb) -> None:
        """Few duplicates may be all there will be: a quarter of a round trip later, a gap is a loss (RFC 8985 6.2)."""
        scoreboard = tp.sack
        if scoreboard is None or not scoreboard.blocks or tp.srtt is None or not self.early_retrans:
            return
        wait = tcp_reo_wnd(tp, tp.srtt)
        if scoreboard.reported(self.callouts.now, wait / 4):
            self.callouts.schedule(wait, lambda: self._order_is_late(tp, scoreboard))

    def _order_is_late(self, tp: Tcpcb, scoreboard: Scoreboard) -> None:
        """What is still missing below what was there so long ago has not been overtaken, it is lost."""
        if tp.sack is not scoreboard or tp.rexmt.due is None or tp.srtt is None:
            scoreboard.marks.clear()
            return
        wait, now = tcp_reo_wnd(tp, tp.srtt), self.callouts.now
        scoreboard.time_tells(now - wait + _TICK)
        if tp.in_recovery:
            tcp_sack_output(tp)
        elif scoreboard.loss_edge(tp.snd_una, tp.maxseg) != tp.snd_una:
            self._fast_retransmit(tp)
        if scoreboard.marks:
            due = max(scoreboard.marks[0][0] + wait, now + _TICK)
            self.callouts.schedule_at(due, lambda: self._order_is_late(tp, scoreboard))

    def _transmit_beyond(self, tp: Tcpcb, room: int) -> None:
        """Let new segments leave that have so much room beyond the window, for as much has left the network.

        RFC 3042: the first two duplicates each let one leave, so that a third may come.  RFC 4653: where
        duplicates mean little, each does.
        """
        window = tp.snd_cwnd
        tp.snd_cwnd = window + room
        tcp_output(tp)
        tp.snd_cwnd = window

    def _fast_retransmit(self, tp: Tcpcb) -> None:
        """RFC 5681 3.2, RFC 6582 3.2 step 2: but not for what a time-out has sent again."""
        if SEQ_LT(tp.snd_una, tp.snd_recover) or (tp.snd_una == tp.snd_recover and not tp.flags & TF_SACK):
            return  # with SACK there are no such duplicates (RFC 6675 5.1)
        self.stat["fastrexmt"] += 1
        # RFC 5681 3.2 step 2: what limited transmit sent beyond the window does not count
        flight = min(tp.snd_max - tp.snd_una & M32, tp.snd_wnd, tp.snd_cwnd)
        tp.undo = (flight, tp.snd_ssthresh, tp.ts_val) if tp.flags & TF_TSTMP and self.eifel else None
        tp.in_recovery = True
        tp.rexmt.stop()
        tp.rtttime = None
        if tp.flags & TF_SACK or tp.cc.partial_acks:
            tp.snd_recover = tp.snd_max  # RFC 6582 3.2 step 2, RFC 6675 5 (4.1): RecoveryPoint
        if tcp_ecn_spares(tp):
            tp.snd_cwnd = tp.snd_ssthresh + DUPTHRESH * tp.maxseg
        else:
            if tp.flags & TF_SACK and self.rack_enable:
                tp.rack = tp.rack or Rack()
                tp.rack.begin(tp.snd_una, tp.snd_max, (flight, tp.snd_ssthresh))
            tp.cc.fast_retransmit(tp, flight)
            tcp_ecn_reduced(tp)
        if tp.flags & TF_SACK:
            tp.snd_cwnd = tp.snd_ssthresh
            tcp_scoreboard(tp).begin(tp.snd_max)
            tcp_sack_first(tp)
            tcp_sack_output(tp)
        else:
            self._retransmit_first(tp)
        if tp.rexmt.due is None:
            tp.rexmt.set(tp.rxtcur)

    def _retransmit_first(self, tp: Tcpcb) -> None:
        """Send the first segment that is missing again, and that alone; then go on where we were."""
        onxt, window = tp.snd_nxt, tp.snd_cwnd
        tp.snd_nxt = tp.snd_una
        tp.snd_cwnd = tp.maxseg
        tcp_output(tp)
        tp.snd_cwnd = window
        if SEQ_GT(onxt, tp.snd_nxt):
            tp.snd_nxt = onxt

    def _new_ack(self, tp: Tcpcb, seg: Segment) -> bool:
        """Something new is acknowledged; False when that was the connection's end."""
        ack = seg.ack
        acked = ack - tp.snd_una & M32
        self.stat["rcvackpack"] += 1
        self.stat["rcvackbyte"] += acked
        if tp.rtttime is not None:
            if SEQ_GT(ack, tp.rtseq):
                tcp_xmit_timer(tp, self.callouts.now - tp.rtttime)
        elif tp.flags & TF_TSTMP and seg.told.ts is not None and seg.told.ts[1]:
            # RFC 7323 4: also where Karn could not tell which copy was acknowledged
            tcp_xmit_timer(tp, max(SEQ_SUB(tp.ts_val, seg.told.ts[1]), 0) / 1000)
        tp.rxtshift = 0
        taken_back = tp.undo is not None and tcp_eifel(tp, tp.undo, seg)
        if not tp.snd_cwnd:
            pass  # the timer is to let the next segment leave (RFC 3168 6.1.2)
        elif ack == tp.snd_max:
            tp.rexmt.stop()
        elif tp.persist.due is None:
            tp.rexmt.set(tp.rxtcur)
        partial = tp.in_recovery and bool(tp.flags & TF_SACK or tp.cc.partial_acks) and SEQ_LT(ack, tp.snd_recover)
        if partial and not tp.flags & TF_SACK:
            tp.cc.partial_ack(tp, acked)
        elif tp.in_recovery and not partial:
            tp.in_recovery = False
            tp.cc.recovered(tp, tp.snd_max - ack & M32)
        elif tp.snd_cwnd and not (partial or taken_back or seg.flags & TH_ECE):  # RFC 3168 6.1.2: ECE opens no window
            tcp_open_window(tp, acked if tp.rack is None else tp.rack.uncounted(acked))
        if not partial:
            tp.dupacks = 0
            if tp.sack is not None and not tp.sack.blocks and tp.sack.probe is None:
                tp.sack = None
        fin_acked = acked > tp.snd.cc
        tp.snd_wnd = max(tp.snd_wnd - acked, 0)
        tp.snd.drop(min(acked, tp.snd.cc))
        tp.snd_una = ack
        if SEQ_LT(tp.snd_nxt, ack):
            tp.snd_nxt = ack
        if partial:
            self._go_on_recovering(tp)
        if not tp.snd.cc:
            tp.persist.stop()  # the last byte was a probe
        if tp.so.writable:
            tp.snd.channel.wakeup()
        return not fin_acked or self._fin_acked(tp)

    def _go_on_recovering(self, tp: Tcpcb) -> None:
        """A partial ack: the next segment that is missing (RFC 6582 3.2 step 3, RFC 6675 5 step (C))."""
        self.stat["partialacks"] += 1
        if tp.flags & TF_SACK:
            tcp_sack_output(tp)
        else:
            self._retransmit_first(tp)
            tcp_output(tp)

    def _fin_acked(self, tp: Tcpcb) -> bool:
        """Our FIN is acknowledged: the arrows `rcv ACK of FIN` of figure 5."""
        if tp.state == TCPS_FIN_WAIT_1:
            self.set_state(tp, TCPS_FIN_WAIT_2)
            if tp.so.state & SS_CANTRCVMORE:
                tp.so.isdisconnected()
                tp.twomsl.set(tp.keepalive.longest)
        elif tp.state == TCPS_CLOSING:
            self.time_wait(tp)
        elif tp.state == TCPS_LAST_ACK:
            tcp_close(tp)
            return False
        return True

    def _update_window(self, tp: Tcpcb, seg: Segment) -> None:
        """3.10.7.4: SND.WND, from the newest segment only."""
        newer = SEQ_LT(tp.snd_wl2, seg.ack) or (tp.snd_wl2 == seg.ack and seg.window > tp.snd_wnd)
        if SEQ_LT(tp.snd_wl1, seg.first) or (tp.snd_wl1 == seg.first and newer):
            if seg.bare and tp.snd_wl2 == seg.ack and seg.window > tp.snd_wnd:
                self.stat["rcvwinupd"] += 1
            tp.snd_wnd, tp.snd_wl1, tp.snd_wl2 = seg.window, seg.first, seg.ack
            tp.max_sndwnd = max(tp.max_sndwnd, seg.window)
            if tp.snd_wnd and tp.persist.due is not None:
                tp.persist.stop()
                tp.rxtshift = 0
                tp.snd_nxt = tp.snd_una
            if tp.snd.cc:
                tcp_output(tp)

    def time_wait(self, tp: Tcpcb) -> None:
        """Both sides are done: stay for 2MSL, so that old segments die."""
        self.set_state(tp, TCPS_TIME_WAIT)
        tcp_cancel_timers(tp)
        tp.delack.stop()
        tp.twomsl.set(2.0 * self.msl)
        tp.so.isdisconnected()


def tcp_open_window(tp: Tcpcb, acked: int) -> None:
    """New data is being acknowledged: the congestion window opens, if half of it was used (RFC 7661)."""
    if tp.tcp.newcwv and 2 * (tp.snd_max - tp.snd_una & M32) < tp.snd_cwnd:
        tp.cc.unused(tp)
    else:
        tp.cc.newack(tp, acked)


def tcp_xmit_timer(tp: Tcpcb, rtt: float) -> None:
    """A round trip was measured (RFC 6298 2; seconds)."""
    tp.tcp.stat["rttupdated"] += 1
    tp.softerror = 0  # the way is there: what was said of it is old
    tp.rtttime = None
    if rtt < tp.rttlow:
        tp.rttlow = rtt
    if tp.srtt is None:
        tp.srtt, tp.rttvar = rtt, rtt / 2
    else:
        tp.rttvar += (abs(tp.srtt - rtt) - tp.rttvar) / 4
        tp.srtt += (rtt - tp.srtt) / 8
    tp.rxtcur = min(max(tp.srtt + 4 * tp.rttvar, tp.tcp.rexmit_min / 1000), TCPTV_REXMTMAX)
    if SEQ_LT(tp.snd_recover, tp.snd_una):
        tp.snd_recover = tp.snd_una - 1 & M32  # so that it does not come to lie ahead when numbers wrap
    if SEQ_LT(tp.snd_cwr, tp.snd_una):
        tp.snd_cwr = tp.snd_una - 1 & M32
