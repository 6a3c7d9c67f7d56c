"""TCP's control block, its knobs, and the door of its states (BSD netinet/tcp_var.h, tcp_timer.h; RFC 9293 3.3.1)."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping

from stack.callout import Callout, Callouts
from stack.header.tcp import TCP_MSS
from stack.kern.sockbuf import Piece, StreamBuf
from stack.kern.socket import Socket
from stack.kern.sysctl import Variable
from stack.mbuf import Mbuf
from stack.netinet.ip_output import IpOutput
from stack.netinet.pcb import Inpcb, PcbDefaults, PcbTable, Services
from stack.netinet.tcp_congctl import CongestionControl, Reno
from stack.netinet.tcp_fsm import TCP_STATES, TCPS_CLOSED
from stack.probe import Probes, Protocol

# Tcpcb.flags (tcp_var.h)
TF_ACKNOW = 0x0001  # ack the peer at once
TF_DELACK = 0x0002  # ack, but try to delay it
TF_NODELAY = 0x0004  # do not wait for small segments to grow (RFC 1122 4.2.3.4)
TF_SENTFIN = 0x0010  # our FIN has been sent
TF_FORCE = 0x0020  # send a byte into a closed window (t_force)

# seconds (tcp_timer.h)
TCPTV_RTO = 1.0  # RFC 6298 2.1: before the first measurement
TCPTV_RTO_SYN = 3.0  # RFC 6298 5.7: when data begins, if a SYN was lost
TCPTV_MIN, TCPTV_REXMTMAX = 1.0, 64.0  # RFC 6298 2.4, 2.5
TCPTV_PERSMIN, TCPTV_PERSMAX = 5.0, 60.0
TCP_MAXRXTSHIFT = 12  # retransmissions before a connection is given up
TCP_BACKOFF = (1, 2, 4, 8, 16, 32, 64, 64, 64, 64, 64, 64, 64)
TCP_ISSINCR = 64000  # from an old connection's last number to a new one's first
PR_SLOWHZ = 2  # keepalive's knobs count half seconds

SYSCTLS = {
    "net.inet.tcp.sendspace": Variable("tcp", "sendspace", "send buffer by default, bytes", 1),
    "net.inet.tcp.recvspace": Variable("tcp", "recvspace", "receive buffer by default, bytes", 1),
    "net.inet.tcp.mssdflt": Variable("tcp", "mssdflt", "segment size for a peer that names none", 32, 65495),
    "net.inet.tcp.minmss": Variable("tcp", "minmss", "smallest segment size we believe in", 32, 65495),
    "net.inet.tcp.init_win": Variable("tcp", "init_win", "initial congestion window, segments", 1, 64),
    "net.inet.tcp.ack_on_push": Variable("tcp", "ack_on_push", "ack segments with PSH at once", 0, 1),
    "net.inet.tcp.delack_ticks": Variable("tcp", "delack_ticks", "delay of an ack, hundredths of a second", 0, 50),
    "net.inet.tcp.keepidle": Variable("tcp", "keepidle", "idle time before keepalive probes, half seconds", 1),
    "net.inet.tcp.keepintvl": Variable("tcp", "keepintvl", "time between probes, half seconds", 1),
    "net.inet.tcp.keepcnt": Variable("tcp", "keepcnt", "probes before a connection is dropped", 0, 1000),
    "net.inet.tcp.keepinit": Variable("tcp", "keepinit", "time to set up a connection, half seconds", 1),
    "net.inet.tcp.slowhz": Variable("tcp", "slowhz", "what keepalive's knobs count", writable=False),
    "net.inet.tcp.rstppslimit": Variable("tcp", "rstppslimit", "resets sent a second; -1: any", -1),
    "net.inet.tcp.ackdropppslimit": Variable("tcp", "ackdropppslimit", "challenge acks a second; -1: any", -1),
    "net.inet.tcp.msl": Variable("tcp", "msl", "maximum segment lifetime, seconds", 1, 600),
    "net.inet.tcp.congctl.available": Variable("tcp", "congctl_available", "congestion controls", writable=False),
}


class Timer:
    """A timer that is set far more often than it runs out: setting it later costs no heap entry."""

    __slots__ = ("callout", "callouts", "due", "function")

    def __init__(self, callouts: Callouts, function: Callable[[], None]) -> None:
        self.callouts = callouts
        self.function = function
        self.due: float | None = None
        self.callout: Callout | None = None

    def set(self, seconds: float) -> None:
        """Run out that much later."""
        due = self.due = self.callouts.now + seconds
        callout = self.callout
        if callout is None:
            self.callout = self.callouts.schedule_at(due, self._fire)
        elif callout.due > due:
            callout.stop()
            self.callout = self.callouts.schedule_at(due, self._fire)

    def stop(self) -> None:
        """Do not run out."""
        self.due = None

    def discard(self) -> None:
        """Stop, and leave nothing behind in the clock."""
        self.due = None
        if self.callout is not None:
            self.callout.stop()
            self.callout = None

    def _fire(self) -> None:
        self.callout = None
        due = self.due
        if due is None:
            return
        if due > self.callouts.now:
            self.callout = self.callouts.schedule_at(due, self._fire)
        else:
            self.due = None
            self.function()


class Tcpcb(Inpcb):
    """One connection; its names are RFC 9293 3.3.1's and BSD's.

    ::

        sent:      snd_una ........ snd_nxt ....... snd_una + snd_wnd        snd_max: highest ever sent
        received:  irs ...... rcv_nxt ...... rcv_adv (what the peer may send up to)
    """

    __slots__ = (
        "cc",
        "delack",
        "dupacks",
        "fin_at",
        "flags",
        "idle_since",
        "in_recovery",
        "irs",
        "iss",
        "keep",
        "keepprobes",
        "last_ack_sent",
        "max_sndwnd",
        "maxopd",
        "maxseg",
        "persist",
        "rcv",
        "rcv_adv",
        "rcv_nxt",
        "reass",
        "rexmt",
        "rtseq",
        "rtttime",
        "rttvar",
        "rxtcur",
        "rxtshift",
        "snd",
        "snd_cwnd",
        "snd_max",
        "snd_nxt",
        "snd_recover",
        "snd_ssthresh",
        "snd_una",
        "snd_wl1",
        "snd_wl2",
        "snd_wnd",
        "softerror",
        "srtt",
        "state",
        "tcp",
        "template",
        "twomsl",
    )  # fmt: skip

    def __init__(self, so: Socket, tcp: TcpBase) -> None:
        super().__init__(so, tcp.ip.default_ttl)
        assert isinstance(so.rcv, StreamBuf)
        self.tcp = tcp
        self.rcv: StreamBuf = so.rcv
        self.snd: StreamBuf = so.snd
        self.state = TCPS_CLOSED
        self.flags = 0
        self.template = 0  # the IP header of what we send (ip_template); 0 until it is known
        self.maxseg = tcp.mssdflt  # bytes of data in a segment we send
        self.maxopd = 0  # TCP_MAXSEG, when a program set it
        # sending (SND.UNA, SND.NXT, ...)
        self.iss = self.snd_una = self.snd_nxt = self.snd_max = 0
        self.snd_wnd = self.snd_wl1 = self.snd_wl2 = self.max_sndwnd = 0
        # receiving (RCV.NXT, RCV.WND is what the buffer has room for)
        self.irs = self.rcv_nxt = self.rcv_adv = self.last_ack_sent = 0
        self.reass: list[tuple[int, Piece]] | None = None  # what lies beyond a gap, by sequence number
        self.fin_at: int | None = None  # where the peer's FIN is, when it lies beyond a gap
        # congestion (RFC 5681)
        self.cc: CongestionControl = tcp.congestion
        self.snd_cwnd = tcp.mssdflt
        self.snd_ssthresh = 65535 << 14
        self.dupacks = 0
        self.snd_recover = 0
        self.in_recovery = False
        # timing (RFC 6298), seconds
        self.rtttime: float | None = None  # when the segment being timed was sent
        self.rtseq = 0
        self.srtt: float | None = None
        self.rttvar = 0.0
        self.rxtcur = TCPTV_RTO
        self.rxtshift = 0
        self.softerror = 0
        self.idle_since = tcp.callouts.now
        self.keepprobes = 0
        timers = tcp.timers
        self.rexmt = Timer(tcp.callouts, lambda: timers["rexmt"](self))
        self.persist = Timer(tcp.callouts, lambda: timers["persist"](self))
        self.keep = Timer(tcp.callouts, lambda: timers["keep"](self))
        self.twomsl = Timer(tcp.callouts, lambda: timers["2msl"](self))
        self.delack = Timer(tcp.callouts, lambda: timers["delack"](self))


class TcpBase(Protocol):
    """What all parts of TCP on one host share: knobs, the table of connections, the door of states."""

    name = "tcp"
    sendspace = 32768
    recvspace = 32768
    mssdflt = TCP_MSS
    minmss = 216
    init_win = 4
    ack_on_push = 0
    delack_ticks = 20
    keepidle = 14400
    keepintvl = 150
    keepcnt = 8
    keepinit = 150
    slowhz = PR_SLOWHZ
    rstppslimit = 100
    ackdropppslimit = 100
    msl = 30
    congctl_available = "reno"
    fixed_iss: int | None = None  # where connections begin to count, for those who want to choose it

    congestion: CongestionControl = Reno()
    timers: Mapping[str, Callable[[Tcpcb], None]]  # what runs when a named timer runs out (tcp_timer_funcs)
    raw_input: Callable[[Mbuf, int], bool]

    def __init__(
        self, hostname: str, probes: Probes, callouts: Callouts, ip: IpOutput, services: Services, defaults: PcbDefaults
    ) -> None:
        super().__init__(hostname, probes)
        self.callouts = callouts
        self.ip = ip
        self.table = PcbTable(services, defaults)
        self.rng: random.Random = services.rng
        self.secret: bytes | None = None  # RFC 6528's key, made when first needed
        self.rates: dict[str, tuple[int, int]] | None = None  # what is limited: this second, and how many in it

    def set_state(self, tp: Tcpcb, new: int) -> None:
        """The only way a connection changes its state (tcp_state_change)."""
        old, tp.state = tp.state, new
        if self.probes.state:
            which = f"{tp.laddr}.{tp.lport} {tp.faddr}.{tp.fport}"
            for trace in self.probes.state:
                trace(self.hostname, "tcp", which, TCP_STATES[old], TCP_STATES[new])

    def new_iss(self, tp: Tcpcb) -> int:
        """The initial sequence number: RFC 6528, a clock of 4 microseconds and a keyed hash of who it is between."""
        if self.fixed_iss is not None:
            return self.fixed_iss
        if self.secret is None:
            self.secret = self.rng.randbytes(16)
        who = b"%d %d %d %d" % (tp.laddr, tp.lport, tp.faddr, tp.fport)
        mixed = hashlib.blake2s(who, key=self.secret, digest_size=4).digest()
        return int(self.callouts.now * 250_000) + int.from_bytes(mixed) & 0xFFFFFFFF

    def in_rate(self, what: str, limit: int) -> bool:
        """Whether one more of something is allowed this second (ppsratecheck)."""
        if limit < 0:
            return True
        if self.rates is None:
            self.rates = {}
        second, count = self.rates.get(what, (-1, 0))
        now = int(self.callouts.now)
        count = count + 1 if second == now else 1
        self.rates[what] = now, count
        return count <= limit
