"""TCP input: a segment arrives (BSD netinet/tcp_input.c; RFC 9293 3.10.7, RFC 5681, RFC 5961).

`input` finds the connection and takes the common cases by header prediction; a segment that is not
predicted goes through the steps of tcp_do_segment.py; what is for a listener goes to tcp_syncache.py.
"""

from __future__ import annotations

from stack.addr import Ip4
from stack.header.checksum import partial
from stack.header.ip import IPTOS_ECN_CE, IPTOS_ECN_ECT0, IPTOS_ECN_MASK
from stack.header.tcp import TH_ACK, TH_PUSH, TH_RST, TH_SYN
from stack.kern.sockbuf import Piece
from stack.kern.socket import SS_CANTRCVMORE, SS_NOFDREF, SS_OOBEXPECTED
from stack.mbuf import M_BCAST, M_MCAST, Mbuf
from stack.netinet.ip_output import M32
from stack.netinet.tcp_acks import tcp_open_window, tcp_xmit_timer
from stack.netinet.tcp_do_segment import tcp_grow_rcvbuf
from stack.netinet.tcp_fsm import (
    TCPS_ESTABLISHED,
    TCPS_LISTEN,
    TCPS_TIME_WAIT,
)
from stack.netinet.tcp_output import tcp_ack_data, tcp_output
from stack.netinet.tcp_segment import Segment
from stack.netinet.tcp_seq import SEQ_GT
from stack.netinet.tcp_subr import (
    TCP_HEADER,
    TSTAMP_HDR,
    tcp_agree,
    tcp_close,
)
from stack.netinet.tcp_syncache import TcpSynCache
from stack.netinet.tcp_var import (
    TF_DELACK,
    TF_ECN_PERMIT,
    TF_TSTMP,
    Tcpcb,
)


class TcpInput(TcpSynCache):
    """The receiving half of TCP."""

    def input(self, m: Mbuf, x: int) -> None:
        """A segment for this host (tcp_input)."""
        self.stat["rcvtotal"] += 1
        header = m.transport
        if len(header) < 20 or len(header) != header[12] >> 4 << 2:
            if (header or len(m.data) < 20) and not m.pullup(20):
                return self.drop("rcvshort", m)
            size = (m.transport or m.data)[12] >> 4 << 2
            if size < 20 or not m.pullup(size):
                return self.drop("rcvbadoff", m)
            header = m.transport
        faddr, laddr = x >> 32 & M32, x & M32
        if not m.csum and (partial(header) + partial(m.data) + faddr + laddr + 6 + len(header) + len(m.data)) % 0xFFFF:
            return self.drop("rcvbadsum", m)
        fport, lport, seq, ack, words, window, _, _ = TCP_HEADER.unpack_from(header)
        tp = self.table.connected.get((laddr, lport, faddr, fport))
        if tp is None:
            self.stat["pcbhashmiss"] += 1
            return self._no_connection(Segment(m, x, seq, ack, words & 0xFF, window), lport, fport)
        assert isinstance(tp, Tcpcb)
        if not words & TH_SYN:
            window <<= tp.snd_scale
        if (
            tp.state == TCPS_ESTABLISHED
            and words & 0xF7 == TH_ACK  # perhaps with PSH
            and seq == tp.rcv_nxt
            and tp.snd_nxt == tp.snd_max
            and not tp.in_recovery
            and tp.sack is None
            and (len(header) == 20 if not tp.flags & TF_TSTMP else self._timely(tp, header))
            and self._predicted(tp, m, seq, ack, window, words)
        ):
            return None
        tp.idle_since = self.callouts.now
        seg = Segment(m, x, seq, ack, words & 0xFF, window)
        if tp.state == TCPS_TIME_WAIT and self._reincarnated(tp, seg):
            return self._no_connection(seg, lport, fport, tp.snd_max)
        return self.segment_arrives(tp, seg)

    # --- header prediction --------------------------------------------------------------------

    def _timely(self, tp: Tcpcb, header: bytes) -> bool:
        """Whether a segment's only option is a timestamp, and not an old one (RFC 7323 5.3)."""
        if len(header) != 32 or header[20:24] != TSTAMP_HDR:
            return False
        value = int.from_bytes(header[24:28])
        if value != tp.ts_recent:
            if value - tp.ts_recent & M32 > 0x7FFFFFFF:
                return False
            if tp.rcv_nxt == tp.last_ack_sent:  # 4.3 (2): it spans what we acknowledged last
                tp.ts_recent = value
        tp.ts_recent_age = self.callouts.now
        return True

    def _predicted(self, tp: Tcpcb, m: Mbuf, seq: int, ack: int, window: int, words: int) -> bool:
        """Van Jacobson's two common cases: the next data, or an ack for new data; False when it is neither."""
        data = m.data
        if data:
            if ack != tp.snd_una or tp.reass is not None or len(data) > tp.rcv.hiwat - tp.rcv.cc:
                return False
            if window != tp.snd_wnd:  # it may let something be sent
                return False
            if tp.so.state & (SS_NOFDREF | SS_CANTRCVMORE | SS_OOBEXPECTED):
                return False
            if tp.flags & TF_ECN_PERMIT and not self._unmarked(m):
                return False
            self._predicted_data(tp, data, seq, words, m.gso_size)
            return True
        if not 0 < ack - tp.snd_una & M32 <= tp.snd_max - tp.snd_una & M32 or not window:
            return False
        if tp.rxtshift or not tp.snd_cwnd:
            return False
        self._predicted_ack(tp, seq, ack, window)
        return True

    def _unmarked(self, m: Mbuf) -> bool:
        """Whether no router has marked a segment (RFC 3168 5)."""
        codepoint = m.net[1] & IPTOS_ECN_MASK
        if codepoint == IPTOS_ECN_ECT0:
            self.stat["ecn_ect"] += 1
        return codepoint != IPTOS_ECN_CE

    def _predicted_data(self, tp: Tcpcb, data: Piece, seq: int, words: int, gso_size: int) -> None:
        """The next data in order, and nothing else."""
        stat = self.stat
        stat["preddat"] += 1
        stat["rcvpack"] += 1
        size = len(data)
        stat["rcvbyte"] += size
        tp.idle_since = self.callouts.now
        tp.rcv_nxt = seq + size & M32
        tp.snd_wl1 = seq
        rcv = tp.rcv
        rcv.pieces.append(data)
        rcv.cc += size
        if rcv.auto:
            tcp_grow_rcvbuf(tp, size)
        if rcv.channel.sleepers or rcv.channel.upcall:
            rcv.channel.wakeup()
        if tp.flags & TF_DELACK or gso_size or (self.ack_on_push and words & TH_PUSH):
            tcp_ack_data(tp, gso_size)
        else:
            tp.flags |= TF_DELACK
            tp.delack.set(self.delack_ticks / 100)

    def _predicted_ack(self, tp: Tcpcb, seq: int, ack: int, window: int) -> None:
        """An ack for new data, and nothing else."""
        stat = self.stat
        stat["predack"] += 1
        acked = ack - tp.snd_una & M32
        stat["rcvackpack"] += 1
        stat["rcvackbyte"] += acked
        now = tp.idle_since = self.callouts.now
        if tp.rtttime is not None and SEQ_GT(ack, tp.rtseq):
            tcp_xmit_timer(tp, now - tp.rtttime)
        tcp_open_window(tp, acked)
        tp.snd.drop(acked)
        tp.snd_una = ack
        tp.snd_wnd, tp.snd_wl1, tp.snd_wl2 = window, seq, ack
        if window > tp.max_sndwnd:
            tp.max_sndwnd = window
        tp.dupacks = 0
        tp.rxtshift = 0
        if ack == tp.snd_max:
            tp.rexmt.due = None
        elif tp.persist.due is None:
            tp.rexmt.set(tp.rxtcur)
        if tp.persist.due is not None:
            tp.persist.stop()
        if tp.snd.cc:
            tcp_output(tp)
        channel = tp.snd.channel
        if (channel.sleepers or channel.upcall) and tp.so.writable:
            channel.wakeup()

    # --- no connection, or a listener ---------------------------------------------------------

    def _no_connection(self, seg: Segment, lport: int, fport: int, old: int | None = None) -> None:
        """RFC 9293 3.10.7.1 and 3.10.7.2: CLOSED and LISTEN; `old` is how far the connection before this one came."""
        x = seg.x
        tp = self.table.lookup(x & M32, lport, x >> 32 & M32, fport)
        if seg.m.flags & (M_BCAST | M_MCAST) or Ip4(x & M32).is_multicast:
            return self.drop("rcvbcast", seg.m)  # RFC 1122 4.2.3.10
        if not isinstance(tp, Tcpcb) or tp.state != TCPS_LISTEN:
            self.drop("noport", seg.m)
            return self.reset(seg, lport, fport)
        return self.listen_input(tp, seg, (x & M32, lport, x >> 32 & M32, fport), old)

    def _reincarnated(self, tp: Tcpcb, seg: Segment) -> bool:
        """RFC 9293 3.6.1, RFC 1122 4.2.2.13: a new SYN beyond the old connection may end TIME_WAIT early."""
        if seg.flags & (TH_SYN | TH_RST | TH_ACK) != TH_SYN or not self.rfc6191 or not self._beyond(tp, seg):
            return False
        tcp_close(tp)
        return True

    def _beyond(self, tp: Tcpcb, seg: Segment) -> bool:
        """RFC 6191 2: whether a SYN is younger than all that the connection in TIME_WAIT has sent."""
        larger = SEQ_GT(seg.seq, tp.rcv_nxt)
        ts = tcp_agree(self, seg.told).ts
        if ts is None:
            return larger
        if not tp.flags & TF_TSTMP:
            return True  # what is left of the old one will be found to be without a time
        return SEQ_GT(ts[0], tp.ts_recent) or (ts[0] == tp.ts_recent and larger)
