"""TCP's small parts: segments without a connection, ends of connections, sizes (BSD netinet/tcp_subr.c)."""

from __future__ import annotations

import errno
from struct import Struct

from stack.header.ip import IP_DF, IPPROTO_TCP
from stack.header.tcp import TCP_MAX_WINSHIFT, TCP_MAXWIN, TCPOLEN_TSTAMP_APPA, TH_ACK, TH_RST, TcpOptions
from stack.mbuf import CSUM_TCP, Mbuf
from stack.netinet.ip_output import M32, ip_template
from stack.netinet.tcp_fsm import TCPS_CLOSED, TCPS_SYN_RECEIVED
from stack.netinet.tcp_var import TF_BLACKHOLE, TF_SACK, TF_SCALE, TF_TSTMP, TcpBase, Tcpcb

TCP_HEADER = Struct("!HHIIHHHH")
TCP_HEADER_TSTAMP = Struct("!HHIIHHHH4sII")  # with RFC 7323 appendix A's option: TSTAMP_HDR, value, echo
TSTAMP_HDR = TcpOptions(ts=(0, 0)).pack()[:4]


def tcp_respond(
    tcp: TcpBase, x: int, sport: int, dport: int, seq: int, ack: int, flags: int, window: int = 0
) -> None:
    """Send a bare segment back to where a packet (its IP header `x`) came from (tcp_respond)."""
    m = Mbuf(b"", TCP_HEADER.pack(sport, dport, seq & M32, ack & M32, 5 << 12 | flags, window, 0, 0))
    m.csum = CSUM_TCP
    tcp.stat["sndtotal"] += 1
    tcp.stat["sndctrl"] += 1
    tcp.ip.output(m, ip_template(x & M32, x >> 32 & M32, IPPROTO_TCP, tcp.ip.default_ttl))


def tcp_template(tp: Tcpcb) -> int:
    """The IP header of all that a connection sends; made anew when its options change."""
    df = IP_DF if tp.tcp.ip.mtudisc and not tp.flags & TF_BLACKHOLE else tp.df  # RFC 1191 2
    tp.template = ip_template(tp.laddr, tp.faddr, IPPROTO_TCP, tp.ttl, tp.tos, df)
    return tp.template


def tcp_mss(tp: Tcpcb) -> int:
    """The segment size we offer our peer."""
    return tcp_mss_to_advertise(tp, tp.faddr)


def tcp_mss_to_advertise(tp: Tcpcb, faddr: int) -> int:
    """The segment size to offer: what the way's MTU leaves (RFC 9293 3.7.1)."""
    rt = tp.tcp.ip.routes.lookup(faddr)
    mtu = (rt.mtu or rt.ifp.mtu) if rt is not None else 576
    offer = max(mtu - 40 - len(tp.more.options), tp.tcp.minmss)  # RFC 6691
    return min(offer, tp.maxopd) if tp.maxopd else offer


def tcp_mss_from_peer(tp: Tcpcb, offer: int | None) -> None:
    """Take the peer's offer into account; without one it takes mssdflt (RFC 9293 MUST-15)."""
    peer = max(offer, tp.tcp.minmss) if offer is not None else tp.tcp.mssdflt
    tp.maxseg = min(peer, tcp_mss(tp))
    if tp.flags & TF_TSTMP:
        tp.maxseg -= TCPOLEN_TSTAMP_APPA
    tp.snd_cwnd = tcp_initial_window(tp)


def tcp_mtudisc(tp: Tcpcb) -> bool:
    """The way's MTU is another now: smaller segments, if they must be; what was too big is sent again (tcp_mtudisc)."""
    size = min(tp.maxseg, tcp_mss(tp) - (TCPOLEN_TSTAMP_APPA if tp.flags & TF_TSTMP else 0))
    if size == tp.maxseg:
        return False
    tp.maxseg = size
    tp.snd_nxt = tp.snd_una
    tp.rtttime = None  # Karn
    tp.sack = None
    tp.in_recovery = False  # RFC 1191 6.4: it was no sign of congestion
    return True


def tcp_initial_window(tp: Tcpcb) -> int:
    """RFC 6928 2: ten segments, or 14600 bytes where segments are large; init_win says how many."""
    count = tp.tcp.init_win
    return min(count * tp.maxseg, max(2 * tp.maxseg, count * 1460))


def tcp_syn_options(tp: Tcpcb, flags: int) -> bytes:
    """The options of a SYN: all that we offer; of a SYN-ACK: what the peer offered too."""
    tcp, answer = tp.tcp, bool(flags & TH_ACK)
    wscale = ts = None
    if tp.flags & TF_SCALE if answer else tcp.rfc1323 and tcp.win_scale:
        wscale = tp.rcv_scale
    if tp.flags & TF_TSTMP if answer else tcp.rfc1323 and tcp.timestamps:
        ts = tp.ts_val, tp.ts_recent if answer else 0
    sack_ok = bool(tp.flags & TF_SACK if answer else tcp.sack_enable)
    return TcpOptions(tcp_mss(tp), wscale, sack_ok, (), ts).pack()


def tcp_rcv_scale(tp: Tcpcb) -> int:
    """The least scale by which all of the buffer, as large as it may grow, can be advertised; settled once."""
    largest = max(tp.rcv.hiwat, tp.tcp.recvbuf_max if tp.tcp.recvbuf_auto and tp.rcv.auto else 0)
    scale = 0
    while scale < TCP_MAX_WINSHIFT and TCP_MAXWIN << scale < largest:
        scale += 1
    return scale


def tcp_agree(tcp: TcpBase, told: TcpOptions) -> TcpOptions:
    """Of the options of a peer's SYN those that we offer too (RFC 7323 2.2, 3.2; RFC 2018 2)."""
    mss, wscale, sack_ok, _, ts = told
    if not tcp.rfc1323 or not tcp.win_scale:
        wscale = None
    if not tcp.rfc1323 or not tcp.timestamps:
        ts = None
    return TcpOptions(mss, wscale, sack_ok and bool(tcp.sack_enable), (), ts)


def tcp_options_from_peer(tp: Tcpcb, agreed: TcpOptions) -> None:
    """Do as was agreed."""
    tp.flags &= ~(TF_SCALE | TF_TSTMP | TF_SACK)
    if agreed.wscale is not None:
        tp.flags |= TF_SCALE
        tp.snd_scale = min(agreed.wscale, TCP_MAX_WINSHIFT)
    else:
        tp.rcv_scale = 0
    tp.max_window = TCP_MAXWIN << tp.rcv_scale
    if agreed.ts is not None:
        tp.flags |= TF_TSTMP
        tp.ts_recent, tp.ts_recent_age = agreed.ts[0], tp.tcp.callouts.now
    if agreed.sack_ok:
        tp.flags |= TF_SACK
    tcp_mss_from_peer(tp, agreed.mss)


def tcp_drop(tp: Tcpcb, error: int) -> None:
    """Give a connection up, with a reset where the peer knows of it, and tell the program why (tcp_drop)."""
    tcp = tp.tcp
    if tp.state >= TCPS_SYN_RECEIVED:
        tcp.stat["drops"] += 1
        tcp_reset_peer(tp)
        tcp.set_state(tp, TCPS_CLOSED)
    else:
        tcp.stat["conndrops"] += 1
    if error == errno.ETIMEDOUT and tp.softerror:
        error = tp.softerror
    tp.so.error = error
    tcp_close(tp)


def tcp_reset_peer(tp: Tcpcb) -> None:
    """Send the reset that ends a connection."""
    x = ip_template(tp.faddr, tp.laddr, IPPROTO_TCP, 0)
    tcp_respond(tp.tcp, x, tp.lport, tp.fport, tp.snd_nxt, tp.rcv_nxt, TH_RST | TH_ACK)


def tcp_close(tp: Tcpcb) -> None:
    """The connection is over: nothing of it is left (tcp_close)."""
    tcp, so = tp.tcp, tp.so
    if tp.state != TCPS_CLOSED:
        tcp.set_state(tp, TCPS_CLOSED)
    for timer in (tp.rexmt, tp.persist, tp.keep, tp.twomsl, tp.delack):
        timer.discard()
    tp.reass = None
    tcp.stat["closed"] += 1
    tcp.table.detach(tp)
    so.pcb = None
    so.isdisconnected()


def tcp_cancel_timers(tp: Tcpcb) -> None:
    """Only 2MSL may still run (tcp_canceltimers)."""
    for timer in (tp.rexmt, tp.persist, tp.keep, tp.twomsl):
        timer.stop()
