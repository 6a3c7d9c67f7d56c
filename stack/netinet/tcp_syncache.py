"""Handshakes of listeners: what a SYN said, until our SYN-ACK is answered (BSD netinet/tcp_syncache.c).

Read first: RFC 4987 2, 3.4 and 3.5, RFC 9293 3.10.7.2, and 3.10.7.4 for what SYN-RECEIVED does.  A SYN for a listener
makes an entry here and no socket; the ack that completes the handshake makes socket and control block as they would
have become, and goes on as any other segment does.  Anybody can send a SYN and forge its source, so the cache is
bounded: an entry that finds no room takes that of the oldest one in its bucket.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from functools import partial

from stack.addr import Ip4
from stack.callout import Callout
from stack.header.ip import IP_DF, IPPROTO_TCP
from stack.header.tcp import TCP_MAXWIN, TH_ACK, TH_CWR, TH_ECE, TH_FIN, TH_RST, TH_SYN, TcpOptions
from stack.mbuf import CSUM_TCP, Mbuf
from stack.netinet.ip_output import M32, ip_template
from stack.netinet.tcp_do_segment import TcpSegments
from stack.netinet.tcp_fsm import TCPS_CLOSED, TCPS_LISTEN, TCPS_SYN_RECEIVED
from stack.netinet.tcp_segment import Segment
from stack.netinet.tcp_seq import SEQ_LEQ, SEQ_LT, SEQ_SUB
from stack.netinet.tcp_subr import (
    TCP_HEADER,
    tcp_agree,
    tcp_mss_to_advertise,
    tcp_options_from_peer,
    tcp_rcv_scale,
    tcp_respond,
)
from stack.netinet.tcp_var import (
    TCP_BACKOFF,
    TCP_ISSINCR,
    TCP_MAXRXTSHIFT,
    TCPTV_RTO,
    TF_ECN_PERMIT,
    Key,
    Tcpcb,
)

TCP_SYN_HASH_SIZE = 293
_ECN = TH_ECE | TH_CWR
_BEAR_WITH = 3  # retransmissions until a second unreachable is believed (tcp_notify)


class SynCache:
    """A connection in SYN-RECEIVED (struct syn_cache)."""

    __slots__ = (
        "agreed", "due", "ecn", "irs", "iss", "key", "listener", "peer_window", "place", "rcv_scale", "rtttime",
        "rxtshift", "unreach", "until", "window",
    )  # fmt: skip

    def __init__(self, key: Key, listener: Tcpcb, seg: Segment, iss: int) -> None:
        tcp = listener.tcp
        self.key = key
        self.place = 0  # its bucket
        self.listener = listener
        self.iss = iss
        self.irs = seg.seq
        self.agreed = tcp_agree(tcp, seg.told)
        self.ecn = bool(tcp.ecn_enable) and seg.flags & _ECN == _ECN  # RFC 3168 6.1.1
        self.peer_window = seg.window
        self.window = min(listener.rcv.space, TCP_MAXWIN)
        self.rcv_scale = tcp_rcv_scale(listener) if self.agreed.wscale is not None else 0
        now = tcp.callouts.now
        self.until = now + listener.keepalive.init  # then it is given up
        self.rtttime: float | None = now  # None: what was sent twice is not timed (Karn)
        self.rxtshift = 0
        self.unreach = False  # an ICMP error came
        self.due = 0.0  # when its timer runs out


class SynCacheTable:
    """The entries of one host, in buckets, the oldest first (tcp_syn_cache)."""

    __slots__ = ("buckets", "count", "secret", "timers")

    def __init__(self, secret: int) -> None:
        self.buckets: dict[int, dict[Key, SynCache]] = {}  # those that are not empty
        self.count = 0
        self.secret = secret  # nobody chooses the bucket he floods
        # by when they are due: those that came at one time share a callout
        self.timers: dict[float, tuple[Callout, dict[SynCache, None]]] = {}

    def __iter__(self) -> Iterator[SynCache]:
        for bucket in self.buckets.values():
            yield from bucket.values()

    def place(self, key: Key) -> int:
        """The number of an entry's bucket."""
        return hash((self.secret, key)) % TCP_SYN_HASH_SIZE

    def lookup(self, key: Key) -> SynCache | None:
        """The entry of a connection."""
        bucket = self.buckets.get(self.place(key))
        return bucket.get(key) if bucket is not None else None

    def insert(self, sc: SynCache) -> None:
        """Put an entry in, the youngest of its bucket."""
        sc.place = self.place(sc.key)
        self.buckets.setdefault(sc.place, {})[sc.key] = sc
        self.count += 1

    def remove(self, sc: SynCache) -> None:
        """Take it out, and stop its timer (syn_cache_rm)."""
        bucket = self.buckets[sc.place]
        del bucket[sc.key]
        if not bucket:
            del self.buckets[sc.place]
        self.count -= 1
        self.stop(sc)

    def stop(self, sc: SynCache) -> None:
        """Stop its timer."""
        callout, others = self.timers[sc.due]
        del others[sc]
        if not others:
            callout.stop()
            del self.timers[sc.due]

    def oldest(self, sc: SynCache) -> SynCache:
        """What makes room for an entry: the oldest of its bucket, or of the bucket that was not empty for longest."""
        bucket = self.buckets[sc.place]
        if len(bucket) == 1:
            bucket = next(other for other in self.buckets.values() if other is not bucket)
        return next(iter(bucket.values()))


class TcpSynCache(TcpSegments):
    """LISTEN, and SYN-RECEIVED after it."""

    syn_cache: SynCacheTable | None = None  # made when the first SYN comes

    def listen_input(self, listener: Tcpcb, seg: Segment, key: Key, old: int | None) -> None:
        """RFC 9293 3.10.7.2; `old` is how far the connection before this one came."""
        flags = seg.flags
        sc = self.syn_cache_lookup(key)
        if sc is not None:
            return self._in_handshake(sc, listener, seg)
        if flags & TH_RST:
            return self.drop("badsyn", seg.m)
        if flags & TH_ACK:
            self.drop("badsyn", seg.m)
            return self.reset(seg, key[1], key[3])
        if not key[3] or not flags & TH_SYN or flags & TH_FIN or key[:2] == key[2:]:
            return self.drop("badsyn", seg.m)
        if not listener.so.has_room:
            return self.drop("listenoverflow", seg.m)  # RFC 9293 leaves it to us; a retry may find room
        return self._syn_cache_add(listener, seg, key, old)

    def syn_cache_lookup(self, key: Key) -> SynCache | None:
        """The handshake between two ends."""
        table = self.syn_cache
        return table.lookup(key) if table is not None and table.count else None

    def handshakes(self, listener: Tcpcb) -> int:
        """How many handshakes a listener is in."""
        return sum(sc.listener is listener for sc in self.syn_cache or ())

    # --- entries come and go ------------------------------------------------------------------

    def _syn_cache_add(self, listener: Tcpcb, seg: Segment, key: Key, old: int | None) -> None:
        """A SYN: answer it and remember it; data in it will come again (syn_cache_add)."""
        iss = self.new_iss(key)
        if old is not None and SEQ_LEQ(iss, old):
            iss = old + TCP_ISSINCR & M32  # RFC 9293 3.6.1: beyond all that the old one used
        sc = SynCache(key, listener, seg, iss)
        if self._syn_cache_send(sc, TH_SYN | TH_ACK):
            return self.drop("sc_dropped", seg.m)
        self.stat["segstimed"] += 1
        self._syn_cache_insert(sc)
        self.trace_state(key, TCPS_LISTEN, TCPS_SYN_RECEIVED)
        return None

    def _syn_cache_insert(self, sc: SynCache) -> None:
        """Put an entry in; the oldest makes room for it (syn_cache_insert)."""
        table = self.syn_cache
        if table is None or not table.count:
            table = self.syn_cache = SynCacheTable(self.rng.getrandbits(61))
        table.insert(sc)
        bucket = table.buckets[sc.place]
        while len(bucket) > self.syn_bucket_limit:
            self._forget(table.oldest(sc))
            self.drop("sc_bucketoverflow")
        while table.count > self.syn_cache_limit:
            self._forget(table.oldest(sc))
            self.drop("sc_overflowed")
        self.stat["sc_added"] += 1
        if len(bucket) > 1:
            self.stat["sc_collisions"] += 1
        self._arm(table, sc)

    def _forget(self, sc: SynCache) -> None:
        """A handshake came to nothing."""
        assert self.syn_cache is not None
        self.syn_cache.remove(sc)
        self.trace_state(sc.key, TCPS_SYN_RECEIVED, TCPS_CLOSED)

    def _give_up(self, sc: SynCache) -> None:
        """It is we who end a handshake: the peer may think that it is done, so it is told."""
        self._forget(sc)
        laddr, lport, faddr, fport = sc.key
        x = ip_template(faddr, laddr, IPPROTO_TCP, 0)
        tcp_respond(self, x, lport, fport, sc.iss + 1, sc.irs + 1, TH_RST | TH_ACK)

    def syn_cache_cleanup(self, listener: Tcpcb) -> None:
        """A listener goes, and its handshakes with it."""
        if listener.state != TCPS_LISTEN:
            return
        for sc in [sc for sc in self.syn_cache or () if sc.listener is listener]:
            self._give_up(sc)

    def _arm(self, table: SynCacheTable, sc: SynCache) -> None:
        """When to send the SYN-ACK again, or to give up, which is after `keepinit` at the latest (RFC 6298 5.5)."""
        due = sc.due = min(self.callouts.now + TCPTV_RTO * TCP_BACKOFF[sc.rxtshift], sc.until)
        if due not in table.timers:
            table.timers[due] = self.callouts.schedule_at(due, partial(self._syn_cache_timers, table, due)), {}
        table.timers[due][1][sc] = None

    def _syn_cache_timers(self, table: SynCacheTable, due: float) -> None:
        """No answers to SYN-ACKs."""
        waiting = table.timers[due][1]
        for sc in list(waiting):
            if sc in waiting:
                self._syn_cache_timer(table, sc)

    def _syn_cache_timer(self, table: SynCacheTable, sc: SynCache) -> None:
        """No answer to our SYN-ACK."""
        if self.callouts.now >= sc.until or sc.rxtshift >= TCP_MAXRXTSHIFT:
            self.stat["sc_timed_out"] += 1
            return self._give_up(sc)
        table.stop(sc)
        sc.rxtshift += 1
        sc.rtttime = None
        self.stat["sc_retransmitted"] += 1
        self._arm(table, sc)
        self._syn_cache_send(sc, TH_SYN | TH_ACK)
        return None

    def syn_cache_unreach(self, key: Key, seq: int, error: int) -> None:
        """An ICMP error about our SYN-ACK (RFC 1122 4.2.3.9): a hard one ends it, a soft one that stays does too."""
        sc = self.syn_cache_lookup(key)
        if sc is None:
            return
        if seq != sc.iss:
            return self.drop("badicmp")
        if error == errno.ECONNREFUSED or (error != errno.EMSGSIZE and sc.unreach and sc.rxtshift >= _BEAR_WITH):
            self._forget(sc)
            self.stat["sc_unreach"] += 1
        sc.unreach = True
        return None

    # --- segments for them --------------------------------------------------------------------

    def _in_handshake(self, sc: SynCache, listener: Tcpcb, seg: Segment) -> None:
        """RFC 9293 3.10.7.4 for SYN-RECEIVED: what leaves a handshake alone, what ends it, what completes it."""
        flags = seg.flags
        if flags & (TH_SYN | TH_ACK | TH_RST) == TH_SYN and seg.seq == sc.irs:
            return self._dupe_syn(sc, seg)
        at = SEQ_SUB(seg.seq, sc.irs + 1 & M32)
        acceptable = -1 <= at < sc.window + (not seg.length)  # -1 is a keepalive probe: the ack in it is news
        if flags & TH_RST:
            if not at:  # RFC 5961 3.2: only the very next number is believed
                self._forget(sc)
                return self.drop("sc_reset", seg.m)
            return self._challenge_sc(sc, seg, "rcvbadrst") if acceptable else self.drop("rcvbadrst", seg.m)
        if not acceptable:
            return self._challenge_sc(sc, seg, "rcvafterwin")
        if flags & TH_SYN:
            if at < 0:
                return self._challenge_sc(sc, seg, "rcvsyn")
            self._forget(sc)  # fourth: it returns to LISTEN
            return self.drop("rcvsyn", seg.m)
        if not flags & TH_ACK:
            return self.drop("rcvnoack", seg.m)
        if seg.ack != sc.iss + 1 & M32:
            self.drop("rcvbadack", seg.m)
            return self.reset(seg, sc.key[1], sc.key[3])
        if sc.agreed.ts is not None:
            if seg.told.ts is None:
                return self.drop("rcvnotstamp", seg.m)  # RFC 7323 3.2
            if SEQ_LT(seg.told.ts[0], sc.agreed.ts[0]):
                return self._challenge_sc(sc, seg, "pawsdrop")
        return self._syn_cache_get(sc, listener, seg)

    def _dupe_syn(self, sc: SynCache, seg: Segment) -> None:
        """The peer did not hear our SYN-ACK: say it again, and do not wait for the timer."""
        self.drop("sc_dupesyn", seg.m)
        if sc.agreed.ts is not None and seg.told.ts is not None:
            sc.agreed = sc.agreed._replace(ts=seg.told.ts)
        sc.ecn = sc.ecn and bool(seg.flags & TH_ECE)  # RFC 3168 6.1.1.1: it may have given up to ask
        sc.rtttime = None
        self._syn_cache_send(sc, TH_SYN | TH_ACK)

    def _challenge_sc(self, sc: SynCache, seg: Segment, reason: str) -> None:
        """Drop a segment and say where we are, but not too often (RFC 5961 7)."""
        self.drop(reason, seg.m)
        if self.in_rate("challenge", self.ackdropppslimit):
            self.stat["challengeack"] += 1
            self._syn_cache_send(sc, TH_ACK)

    def _syn_cache_get(self, sc: SynCache, listener: Tcpcb, seg: Segment) -> None:
        """The handshake is done: the connection as its SYN would have made it (syn_cache_get)."""
        so = listener.so.newconn()
        if so is None:
            if not self.rst_on_sock_fail:  # our SYN-ACK will come again, and by then there may be room
                return self.drop("listenoverflow", seg.m)
            self._give_up(sc)
            return self.drop("sc_aborted", seg.m)
        assert self.syn_cache is not None
        self.syn_cache.remove(sc)
        self.stat["sc_completed"] += 1
        tp = so.pcb
        assert isinstance(tp, Tcpcb)
        laddr, lport, faddr, fport = sc.key
        tp.inherit(listener)
        self.table.adopt(tp, lport, Ip4(laddr), Ip4(faddr), fport)
        tp.iss = tp.snd_una = tp.snd_wl2 = tp.snd_recover = tp.rtseq = sc.iss
        tp.snd_nxt = tp.snd_max = sc.iss + 1 & M32
        tp.irs = tp.snd_wl1 = sc.irs
        tp.rcv_nxt = tp.last_ack_sent = sc.irs + 1 & M32
        tp.rcv_adv = tp.rcv_nxt + sc.window & M32
        tp.snd_wnd = tp.max_sndwnd = sc.peer_window
        tp.rcv_scale = sc.rcv_scale
        tcp_options_from_peer(tp, sc.agreed)
        if sc.ecn:
            tp.flags |= TF_ECN_PERMIT
            tp.snd_cwr = tp.snd_nxt
        tp.rtttime, tp.rxtshift = sc.rtttime, sc.rxtshift
        tp.state = TCPS_SYN_RECEIVED  # it was told when the SYN came
        seg.window <<= tp.snd_scale
        return self.segment_arrives(tp, seg)

    def _syn_cache_send(self, sc: SynCache, flags: int) -> int:
        """Send a SYN-ACK, or an ack; 0 or an errno (syn_cache_respond)."""
        listener, agreed = sc.listener, sc.agreed
        laddr, lport, faddr, fport = sc.key
        ts = agreed.ts and (int(self.callouts.now * 1000) & M32, agreed.ts[0])
        if flags & TH_SYN:
            mss = tcp_mss_to_advertise(listener, faddr)
            flags |= TH_ECE if sc.ecn else 0
            wscale = sc.rcv_scale if agreed.wscale is not None else None
            seq, window, options = sc.iss, sc.window, TcpOptions(mss, wscale, agreed.sack_ok, (), ts).pack()
        else:
            seq, window, options = sc.iss + 1 & M32, sc.window >> sc.rcv_scale, TcpOptions(ts=ts).pack()
        words = 20 + len(options) << 10 | flags
        m = Mbuf(b"", TCP_HEADER.pack(lport, fport, seq, sc.irs + 1 & M32, words, window, 0, 0) + options)
        m.csum = CSUM_TCP
        self.stat["sndtotal"] += 1
        self.stat["sndctrl" if flags & TH_SYN else "sndacks"] += 1
        df = IP_DF if self.ip.mtudisc else listener.df
        return self.ip.output(m, ip_template(laddr, faddr, IPPROTO_TCP, listener.ttl, listener.tos, df), listener.more)
