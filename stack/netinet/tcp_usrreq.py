"""TCP for its sockets: the verbs (BSD netinet/tcp_usrreq.c; RFC 9293 3.9.1)."""

from __future__ import annotations

import errno
from typing import cast

from stack.addr import Ip4
from stack.header.ip import IPPROTO_TCP, IPTOS_ECN_MASK, Ip
from stack.kern.errors import oserror
from stack.kern.sockbuf import Piece
from stack.kern.socket import SO_KEEPALIVE, SO_OOBINLINE, SOL_SOCKET, SS_CANTRCVMORE, Address, Socket
from stack.netinet.in_ import (
    IPPROTO_IP,
    TCP_CONGCTL,
    TCP_INFO,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINIT,
    TCP_KEEPINTVL,
    TCP_MAXSEG,
    TCP_NODELAY,
)
from stack.netinet.ip_mtudisc import icmp_mtudisc
from stack.netinet.ip_output import M32
from stack.netinet.pcb import Inpcb
from stack.netinet.tcp_fsm import (
    TCPS_CLOSE_WAIT,
    TCPS_CLOSED,
    TCPS_ESTABLISHED,
    TCPS_FIN_WAIT_1,
    TCPS_FIN_WAIT_2,
    TCPS_LAST_ACK,
    TCPS_LISTEN,
    TCPS_SYN_RECEIVED,
    TCPS_SYN_SENT,
    TCPS_TIME_WAIT,
)
from stack.netinet.tcp_info import tcp_fill_info
from stack.netinet.tcp_input import TcpInput
from stack.netinet.tcp_output import tcp_ack, tcp_output, tcp_window_opened
from stack.netinet.tcp_seq import SEQ_GEQ, SEQ_LT
from stack.netinet.tcp_subr import tcp_close, tcp_drop, tcp_mtudisc, tcp_rcv_scale
from stack.netinet.tcp_timer import TIMERS
from stack.netinet.tcp_var import CONGCTL, TF_CONGCTL, TF_NODELAY, TF_URGENT, TF_URGNOW, Tcpcb, Urgent

_KEEP = {TCP_KEEPIDLE: "idle", TCP_KEEPINTVL: "interval", TCP_KEEPCNT: "probes", TCP_KEEPINIT: "init"}
_KEEP_MOST = 1 << 30  # seconds, or probes


class Tcp(TcpInput):
    """TCP of one host."""

    timers = TIMERS

    def tcpcb(self, so: Socket) -> Tcpcb:
        """The control block of a socket of ours; ENOTCONN when its connection is over."""
        if so.pcb is None:
            raise oserror(errno.ENOTCONN)
        return cast(Tcpcb, so.pcb)

    def attach(self, so: Socket) -> None:
        """A new socket (tcp_attach)."""
        so.pcb = Tcpcb(so, self)

    def detach(self, so: Socket) -> None:
        """The socket is closed: so is whatever it still is (tcp_detach)."""
        tp = cast(Tcpcb | None, so.pcb)
        if tp is None:
            return
        if tp.state in (TCPS_CLOSED, TCPS_LISTEN, TCPS_SYN_SENT):
            self.syn_cache_cleanup(tp)
            tcp_close(tp)
        elif tp.state == TCPS_FIN_WAIT_2 and tp.twomsl.due is None:
            tp.twomsl.set(tp.keepalive.longest)
        so.pcb = None

    def abort(self, so: Socket) -> None:
        """End the connection by a reset (tcp_abort)."""
        tp = cast(Tcpcb | None, so.pcb)
        if tp is not None:
            self.syn_cache_cleanup(tp)
            if tp.state not in (TCPS_CLOSED, TCPS_TIME_WAIT):
                tcp_drop(tp, errno.ECONNABORTED)
            else:
                tcp_close(tp)
            so.pcb = None

    def bind(self, so: Socket, address: Address) -> None:
        """Take a local address and port."""
        if Ip4(address[0]).is_multicast:
            raise oserror(errno.EAFNOSUPPORT)
        self.table.bind(self.tcpcb(so), address)

    def listen(self, so: Socket) -> None:
        """Wait for connections (tcp_listen)."""
        tp = self.tcpcb(so)
        if tp.state not in (TCPS_CLOSED, TCPS_LISTEN):
            raise oserror(errno.EINVAL)
        if not tp.lport:
            self.table.bind(tp, (0, 0))
        if tp.state == TCPS_CLOSED:
            self.set_state(tp, TCPS_LISTEN)

    def connect(self, so: Socket, address: Address) -> None:
        """Begin the handshake (tcp_connect)."""
        tp = self.tcpcb(so)
        faddr = Ip4(address[0])
        if faddr.is_multicast or (faddr and self.ip.routes.is_broadcast(faddr)):
            raise oserror(errno.EAFNOSUPPORT)
        self.table.connect(tp, address)
        so.isconnecting()
        self.stat["connattempt"] += 1
        self.set_state(tp, TCPS_SYN_SENT)
        tp.keep.set(tp.keepalive.init)
        tp.iss = tp.snd_una = tp.snd_nxt = tp.snd_max = tp.snd_recover = self.new_iss(tp.key)
        tp.rcv_scale = tcp_rcv_scale(tp)
        error = tcp_output(tp)
        if error:
            tcp_close(tp)
            raise oserror(error)

    def disconnect(self, so: Socket) -> None:
        """The socket is closed: our side ends in good order (tcp_disconnect)."""
        tp = self.tcpcb(so)
        if tp.state < TCPS_ESTABLISHED and tp.state != TCPS_SYN_RECEIVED:
            tcp_close(tp)
            so.pcb = None
            return
        unread = tp.rcv.cc
        so.isdisconnecting()
        tp.rcv.flush()
        if unread and tp.state != TCPS_SYN_RECEIVED:
            tcp_drop(tp, 0)  # RFC 1122 4.2.2.13: data was lost, so the peer must learn it (RFC 2525 2.17)
            return
        self._usrclosed(tp)
        if tp.state != TCPS_CLOSED:
            tcp_output(tp)

    def shutdown(self, so: Socket) -> None:
        """No more will be sent: FIN, after all that is buffered."""
        tp = self.tcpcb(so)
        so.cantsendmore()
        self._usrclosed(tp)
        if tp.state != TCPS_CLOSED:
            tcp_output(tp)

    def _usrclosed(self, tp: Tcpcb) -> None:
        """Our side closes (tcp_usrclosed): the arrows marked `CLOSE` in RFC 9293's figure 5."""
        if tp.state in (TCPS_CLOSED, TCPS_LISTEN, TCPS_SYN_SENT):
            tcp_close(tp)
        elif tp.state == TCPS_ESTABLISHED:
            self.set_state(tp, TCPS_FIN_WAIT_1)  # SYN_RECEIVED goes there when our SYN is acknowledged
        elif tp.state == TCPS_CLOSE_WAIT:
            self.set_state(tp, TCPS_LAST_ACK)
        elif tp.state == TCPS_FIN_WAIT_2 and tp.so.state & SS_CANTRCVMORE:
            tp.twomsl.set(tp.keepalive.longest)

    def rcvd(self, so: Socket) -> None:
        """The program has read: perhaps the peer wants to know of the room."""
        tp = cast(Tcpcb | None, so.pcb)
        if tp is not None and tp.state >= TCPS_ESTABLISHED and not so.state & SS_CANTRCVMORE and tcp_window_opened(tp):
            tcp_ack(tp, "sndwinup")

    def send(self, so: Socket, data: Piece, address: Address | None) -> None:
        """Send bytes, when the windows let them."""
        tp = self.tcpcb(so)
        tp.snd.append(data)
        if tp.snd.auto and tp.snd.cc >= tp.snd.hiwat // 8 * 7:
            self._grow_sndbuf(tp)
        out = tp.snd_max - tp.snd_una & M32
        if out and min(tp.snd_wnd, tp.snd_cwnd) - out < tp.maxseg and tp.state == TCPS_ESTABLISHED:
            if not tp.flags & TF_NODELAY and tp.rexmt.due is not None:
                return  # Nagle: an ack will send it
        error = tcp_output(tp)
        if error:
            raise oserror(error)

    def sendoob(self, so: Socket, data: Piece) -> None:
        """Send bytes of which the last is urgent (MSG_OOB); a closed window does not keep the peer from learning it."""
        tp = self.tcpcb(so)
        tp.snd.append(data)
        if self.urgent:
            tp.urgent = tp.urgent or Urgent()
            tp.urgent.snd_up = tp.snd_una + tp.snd.cc & M32
            tp.flags |= TF_URGENT | TF_URGNOW
        error = tcp_output(tp)
        tp.flags &= ~TF_URGNOW
        if error:
            raise oserror(error)

    def rcvoob(self, so: Socket, *, peek: bool) -> bytes:
        """The urgent byte; EINVAL when none was announced, or it was read; EWOULDBLOCK when it has not come yet."""
        urgent = self.tcpcb(so).urgent
        if so.oobmark is None or so.options & SO_OOBINLINE or urgent is None or urgent.taken:
            raise oserror(errno.EINVAL)
        if not urgent.byte:
            raise oserror(errno.EAGAIN)
        urgent.taken = not peek
        return urgent.byte

    def _grow_sndbuf(self, tp: Tcpcb) -> None:
        """A full buffer that the peer's window and the network would let be larger grows (NetBSD's sendbuf_auto)."""
        room = min(tp.snd_wnd, tp.snd_cwnd) - (tp.snd_max - tp.snd_una & M32)
        if self.sendbuf_auto and tp.snd_wnd * 5 // 4 >= tp.snd.hiwat < self.sendbuf_max and tp.snd.cc >= room:
            tp.snd.hiwat = min(tp.snd.hiwat + self.sendbuf_inc, self.sendbuf_max)

    def sockaddr(self, so: Socket) -> Address:
        """The local address and port."""
        tp = cast(Tcpcb | None, so.pcb)
        if tp is None:
            raise oserror(errno.EINVAL)
        return tp.local

    def peeraddr(self, so: Socket) -> Address:
        """The peer's address and port; ENOTCONN when it is not (or no longer) connected."""
        tp = self.tcpcb(so)
        if tp.state in (TCPS_CLOSED, TCPS_LISTEN):
            raise oserror(errno.ENOTCONN)
        return tp.foreign

    def setopt(self, so: Socket, level: int, option: int, value: object) -> None:
        """Set an option of TCP or of IP (tcp_ctloutput)."""
        tp = self.tcpcb(so)
        if level == SOL_SOCKET:
            self._keepalive(tp, on=bool(value))
        elif level == IPPROTO_IP:
            self.table.setopt(tp, level, option, value)
            tp.tos &= ~IPTOS_ECN_MASK  # RFC 3168 6.1: these bits are not a program's, but ours
            tp.template = 0
        elif level != IPPROTO_TCP:
            raise oserror(errno.ENOPROTOOPT)
        elif option == TCP_NODELAY:
            tp.flags = tp.flags | TF_NODELAY if value else tp.flags & ~TF_NODELAY
            if value and tp.state >= TCPS_ESTABLISHED:
                tcp_output(tp)
        elif option == TCP_MAXSEG:
            if not isinstance(value, int) or not self.minmss <= value <= 65495:
                raise oserror(errno.EINVAL)
            tp.maxopd = value
            tp.maxseg = min(tp.maxseg, value)
        elif option == TCP_CONGCTL:
            if not isinstance(value, str) or value not in CONGCTL:
                raise oserror(errno.EINVAL)
            tp.cc = CONGCTL[value]()  # the windows stay as they are
            tp.flags |= TF_CONGCTL
        elif option in _KEEP:
            self._set_keepalive(tp, option, value)
        else:
            raise oserror(errno.ENOPROTOOPT)

    def _set_keepalive(self, tp: Tcpcb, option: int, value: object) -> None:
        """One of TCP_KEEPIDLE and its kin: seconds, or a count."""
        if not isinstance(value, int) or not 0 < value <= _KEEP_MOST:
            raise oserror(errno.EINVAL)
        tp.keepopts = tp.keepalive._replace(**{_KEEP[option]: value})
        if option == TCP_KEEPINIT and tp.state in (TCPS_SYN_SENT, TCPS_SYN_RECEIVED):
            tp.keep.set(value)
        elif option == TCP_KEEPIDLE and tp.so.options & SO_KEEPALIVE:
            self._keepalive(tp, on=True)

    def _keepalive(self, tp: Tcpcb, *, on: bool) -> None:
        """SO_KEEPALIVE was switched: a connection nobody asks about costs no timer."""
        if tp.state >= TCPS_ESTABLISHED:
            if on:
                silent = self.callouts.now - tp.idle_since
                tp.keep.set(max(tp.keepalive.idle - silent, 0.0))
            else:
                tp.keep.discard()

    def getopt(self, so: Socket, level: int, option: int) -> object:
        """Read an option of TCP or of IP."""
        tp = self.tcpcb(so)
        if level == IPPROTO_IP:
            return self.table.getopt(tp, level, option)
        if level == IPPROTO_TCP and option == TCP_NODELAY:
            return int(bool(tp.flags & TF_NODELAY))
        if level == IPPROTO_TCP and option == TCP_MAXSEG:
            return tp.maxseg
        if level == IPPROTO_TCP and option == TCP_CONGCTL:
            return tp.cc.name
        if level == IPPROTO_TCP and option == TCP_INFO:
            return tcp_fill_info(tp)
        if level == IPPROTO_TCP and option in _KEEP:
            return int(getattr(tp.keepalive, _KEEP[option]))
        raise oserror(errno.ENOPROTOOPT)

    def ctlinput(self, error: int, about: Ip, quoted: bytes, mtu: int) -> None:
        """An ICMP error about a segment of ours (tcp_ctlinput; RFC 5927 4): believed only if it quotes what is out."""
        if len(quoted) < 8 or not error:
            return
        lport, fport = int.from_bytes(quoted[:2]), int.from_bytes(quoted[2:4])
        key = about.src, lport, about.dst, fport
        seq = int.from_bytes(quoted[4:8])
        tp: Inpcb | None = self.table.connected.get(key)
        if not isinstance(tp, Tcpcb):
            return self.syn_cache_unreach(key, seq, error)
        if not (SEQ_GEQ(seq, tp.snd_una) and SEQ_LT(seq, tp.snd_max)):
            return self.drop("badicmp")
        if error == errno.EMSGSIZE:
            icmp_mtudisc(self.ip, about, mtu)
            if tcp_mtudisc(tp):
                tcp_output(tp)
            return None
        if tp.state in (TCPS_SYN_SENT, TCPS_SYN_RECEIVED) and error in (errno.ECONNREFUSED, errno.EHOSTUNREACH):
            if error == errno.ECONNREFUSED or tp.rxtshift > 3:  # RFC 1122 4.2.3.9: hard, or soft for long
                return tcp_drop(tp, error)
        tp.softerror = error
        return None
