"""What TCP tells a program about its connection: TCP_INFO (BSD netinet/tcp_usrreq.c, tcp_fill_info; tcp(4)).

NetBSD has taken the structure over from Linux, its names and units with it: times in microseconds (`last_` ones in
milliseconds), windows and what is out in segments.
"""

from __future__ import annotations

from typing import NamedTuple

from stack.netinet.tcp_seq import SEQ_MASK, SEQ_SUB
from stack.netinet.tcp_subr import tcp_mss
from stack.netinet.tcp_var import TF_ECN_PERMIT, TF_SACK, TF_SCALE, TF_TSTMP, Tcpcb

TCPI_OPT_TIMESTAMPS, TCPI_OPT_SACK, TCPI_OPT_WSCALE, TCPI_OPT_ECN = 1, 2, 4, 8
_OPTIONS = {
    TF_TSTMP: TCPI_OPT_TIMESTAMPS, TF_SACK: TCPI_OPT_SACK, TF_SCALE: TCPI_OPT_WSCALE, TF_ECN_PERMIT: TCPI_OPT_ECN,
}  # fmt: skip
_OPEN, _DISORDER, _RECOVERY, _LOSS = 0, 1, 3, 4
_UNLIMITED = 65535 << 14  # bytes: an ssthresh that no loss has set yet
_INFINITE = 0x7FFFFFFF


class TcpInfo(NamedTuple):
    """struct tcp_info."""

    state: int  # BSD's
    ca_state: int
    retransmits: int  # of what is out now
    probes: int
    backoff: int
    options: int
    snd_wscale: int
    rcv_wscale: int
    rto: int
    ato: int
    snd_mss: int
    rcv_mss: int
    unacked: int
    sacked: int
    retrans: int
    last_data_recv: int
    pmtu: int
    rcv_ssthresh: int
    rtt: int
    rttvar: int
    snd_ssthresh: int
    snd_cwnd: int
    advmss: int
    reordering: int
    rcv_space: int
    total_retrans: int
    bytes_acked: int
    bytes_received: int
    notsent_bytes: int


def tcp_fill_info(tp: Tcpcb) -> TcpInfo:
    """All that there is to tell."""
    out, mss, offer = SEQ_SUB(tp.snd_max, tp.snd_una), tp.maxseg, tcp_mss(tp)
    silent = int((tp.now - tp.idle_since) * 1e3)
    recovering = _LOSS if tp.rxtshift else _RECOVERY if tp.in_recovery else _DISORDER if tp.dupacks else _OPEN
    return TcpInfo(
        state=tp.state, ca_state=recovering, retransmits=tp.rxtshift, probes=tp.keepprobes, backoff=tp.rxtshift,
        options=sum(theirs for ours, theirs in _OPTIONS.items() if tp.flags & ours),
        snd_wscale=tp.snd_scale, rcv_wscale=tp.rcv_scale,
        rto=int(tp.rxtcur * 1e6), ato=tp.tcp.delack_ticks * 10_000, snd_mss=mss, rcv_mss=mss,
        unacked=-(-out // mss), sacked=-(-tp.sack.sacked // mss) if tp.sack is not None else 0, retrans=tp.rxtshift,
        last_data_recv=silent, pmtu=offer + 40, rcv_ssthresh=tp.rcv.hiwat,
        rtt=int((tp.srtt or 0.0) * 1e6), rttvar=int(tp.rttvar * 1e6),
        snd_ssthresh=_INFINITE if tp.snd_ssthresh >= _UNLIMITED else tp.snd_ssthresh // mss,
        snd_cwnd=max(tp.snd_cwnd // mss, 1), advmss=offer, reordering=3, rcv_space=tp.rcv.space,
        total_retrans=tp.rexmits, bytes_acked=max((tp.snd_una - tp.iss & SEQ_MASK) - 1, 0),
        bytes_received=max((tp.rcv_nxt - tp.irs & SEQ_MASK) - 1, 0), notsent_bytes=max(tp.snd.cc - out, 0),
    )  # fmt: skip
