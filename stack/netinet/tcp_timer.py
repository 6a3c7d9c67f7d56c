"""TCP's timers (BSD netinet/tcp_timer.c; RFC 6298 5, RFC 9293 3.8.3, 3.8.4, 3.8.6.1)."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping

from stack.kern.socket import SO_KEEPALIVE
from stack.netinet.ip_output import M32
from stack.netinet.tcp_ecn import tcp_ecn_reduced, tcp_ecn_waited
from stack.netinet.tcp_fsm import TCPS_ESTABLISHED, TCPS_FIN_WAIT_2, TCPS_TIME_WAIT
from stack.netinet.tcp_output import tcp_output, tcp_probe, tcp_rexmtval, tcp_setpersist
from stack.netinet.tcp_recovery import tcp_tail
from stack.netinet.tcp_subr import tcp_close, tcp_drop
from stack.netinet.tcp_var import (
    TCP_BACKOFF,
    TCP_MAXRXTSHIFT,
    TCPTV_MIN,
    TCPTV_REXMTMAX,
    TF_ACKNOW,
    TF_BLACKHOLE,
    TF_FORCE,
    Tcpcb,
)

_BEAR_WITH = 3  # times that a first SYN cannot even be sent, as with unreachables (tcp_notify)
_TICK = 0.001  # seconds: BSD's timers know no less, and what a sum of floats leaves over would never pass
_FORGET_RTT_AFTER = TCP_MAXRXTSHIFT // 4  # RFC 1122 4.2.3.5, R1: then the way may have changed


def tcp_rexmt(tp: Tcpcb) -> None:
    """No ack came in time: send again from the first byte that is missing (tcp_timer_rexmt; RFC 6298 5.4 to 5.7)."""
    tcp = tp.tcp
    if tcp_ecn_waited(tp):
        tcp_output(tp)
        return None
    tp.rxtshift += 1
    if tp.rxtshift > TCP_MAXRXTSHIFT:
        tp.rxtshift = TCP_MAXRXTSHIFT
        tcp.stat["timeoutdrop"] += 1
        return tcp_drop(tp, tp.softerror or errno.ETIMEDOUT)
    tcp.stat["rexmttimeo"] += 1
    tp.rxtcur = min(2 * tp.rxtcur, TCPTV_REXMTMAX)
    if tp.rxtshift > _FORGET_RTT_AFTER:
        tp.srtt = None
        _give_up_mtudisc(tp)
    flight = tp.snd_max - tp.snd_una & M32
    tp.snd_nxt = tp.snd_una
    tp.snd_recover = tp.snd_max  # RFC 6582 4: later duplicates are of what we send again now
    tp.in_recovery = False
    tp.sack = None  # RFC 2018 8: the peer may throw away what it has beyond a gap
    tp.rtttime = None  # Karn
    tp.flags |= TF_ACKNOW
    if tp.state >= TCPS_ESTABLISHED:
        tp.cc.slow_retransmit(tp, min(flight, tp.snd_wnd))
        tcp_ecn_reduced(tp)
    tp.rexmt.set(tp.rxtcur)
    error = tcp_output(tp)
    if error and tp.rxtshift > _BEAR_WITH:
        tcp_drop(tp, error)
    return None


def _give_up_mtudisc(tp: Tcpcb) -> None:
    """Nothing comes through: perhaps it is too big, and the router's word is lost (RFC 2923 2.1)."""
    tcp = tp.tcp
    if not tcp.ip.mtudisc or not tcp.pmtud_blackhole_detection:
        return
    if not tp.flags & TF_BLACKHOLE and tp.state >= TCPS_ESTABLISHED:
        tcp.stat["pmtublackhole"] += 1
        tp.flags |= TF_BLACKHOLE
        tp.maxseg = min(tp.maxseg, tcp.mssdflt)
        tp.template = 0


def tcp_persist(tp: Tcpcb) -> None:
    """The window is still closed: a probe of one byte (tcp_timer_persist; RFC 9293 3.8.6.1)."""
    tcp = tp.tcp
    tcp.stat["persisttimeo"] += 1
    silent = tcp.callouts.now - tp.idle_since
    if tp.rxtshift >= TCP_MAXRXTSHIFT and silent >= max(tcp_rexmtval(tp), TCPTV_MIN) * sum(TCP_BACKOFF):
        tcp.stat["persistdrops"] += 1
        return tcp_drop(tp, errno.ETIMEDOUT)
    tcp_setpersist(tp)
    tp.flags |= TF_FORCE
    tp.snd_nxt = tp.snd_una
    tcp_output(tp)
    tp.flags &= ~TF_FORCE
    return None


def tcp_keep(tp: Tcpcb) -> None:
    """Not connected in time, or silent for long: is the peer still there? (tcp_timer_keep; RFC 9293 3.8.4)"""
    tcp = tp.tcp
    tcp.stat["keeptimeo"] += 1
    if tp.state < TCPS_ESTABLISHED:
        tcp.stat["keepdrops"] += 1
        return tcp_drop(tp, errno.ETIMEDOUT)
    if not tp.so.options & SO_KEEPALIVE or tp.state > TCPS_FIN_WAIT_2:
        return None
    keep = tp.keepalive
    alive_for = keep.idle - (tcp.callouts.now - tp.idle_since)
    if alive_for > _TICK:  # it has been heard of
        tp.keepprobes = 0
        tp.keep.set(alive_for)
        return None
    if tp.keepprobes >= keep.probes:
        tcp.stat["keepdrops"] += 1
        return tcp_drop(tp, errno.ETIMEDOUT)
    tp.keepprobes += 1
    tcp.stat["keepprobe"] += 1
    tcp_probe(tp)
    tp.keep.set(keep.interval)
    return None


def tcp_2msl(tp: Tcpcb) -> None:
    """TIME_WAIT is over; or nobody is left to wait for the peer's FIN (tcp_timer_2msl; FIN_WAIT_2)."""
    if tp.state == TCPS_TIME_WAIT or tp.state == TCPS_FIN_WAIT_2:
        tcp_close(tp)


def tcp_delack(tp: Tcpcb) -> None:
    """The ack can wait no longer (tcp_timer_delack; RFC 1122 4.2.3.2)."""
    tp.tcp.stat["delack"] += 1
    tp.flags |= TF_ACKNOW
    tcp_output(tp)


TIMERS: Mapping[str, Callable[[Tcpcb], None]] = {
    "rexmt": tcp_rexmt,
    "persist": tcp_persist,
    "keep": tcp_keep,
    "2msl": tcp_2msl,
    "delack": tcp_delack,
    "tail": tcp_tail,
}
