"""TCP's control block, what TCP's parts share, the door of its states (BSD tcp_var.h, tcp_timer.h; RFC 9293 3.3.1)."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from math import inf
from typing import NamedTuple

from stack.addr import Ip4
from stack.callout import Callout, Callouts
from stack.header.tcp import TCP_MAXWIN, TCP_MSS
from stack.kern.sockbuf import Piece, StreamBuf
from stack.kern.socket import Socket
from stack.mbuf import Mbuf
from stack.netinet.ip_output import IpOutput
from stack.netinet.pcb import Inpcb, PcbDefaults, PcbTable, Services
from stack.netinet.tcp_congctl import CongestionControl, NewReno, Reno
from stack.netinet.tcp_cubic import Cubic
from stack.netinet.tcp_fsm import TCP_STATES, TCPS_CLOSED
from stack.netinet.tcp_rack import Rack
from stack.netinet.tcp_sack import Block, Scoreboard
from stack.probe import Probes, Protocol

# Tcpcb.flags (tcp_var.h)
TF_ACKNOW = 0x0001  # ack the peer at once
TF_DELACK = 0x0002  # ack, but try to delay it
TF_BURST = 0x0008  # an ack waits for the end of the burst that its data came in
TF_NODELAY = 0x0004  # do not wait for small segments to grow (RFC 1122 4.2.3.4)
TF_SENTFIN = 0x0010  # our FIN has been sent
TF_FORCE = 0x0020  # send a byte into a closed window (t_force)
TF_BLACKHOLE = 0x0200  # path MTU discovery was given up: nobody tells us (RFC 2923 2.1)
TF_SCALE = 0x0040  # both sides scale their windows (RFC 7323 2)
TF_TSTMP = 0x0080  # both sides send timestamps (RFC 7323 3)
TF_SACK = 0x0100  # both sides acknowledge selectively (RFC 2018)
TF_DSACK = 0x10000  # the first block of `sacked` is of a duplicate, and to be said once (RFC 2883)
TF_CONGCTL = 0x2000  # a program chose the congestion control (TCP_CONGCTL)
TF_ECN_PERMIT = 0x0400  # both sides can tell congestion without a loss (RFC 3168)
TF_ECN_SND_CWR = 0x0800  # say with the next new data that the window was reduced
TF_ECN_SND_ECE = 0x1000  # say with every ack that a mark has come
TF_URGENT = 0x4000  # urgent data is on its way: the peer has not acknowledged all of it (RFC 9293 3.8.5)
TF_URGNOW = 0x8000  # a program just said so: the peer is to know at once (t_force)

# seconds (tcp_timer.h)
TCPTV_RTO = 1.0  # RFC 6298 2.1: before the first measurement
TCPTV_RTO_SYN = 3.0  # RFC 6298 5.7: when data begins, if a SYN was lost
TCPTV_MIN, TCPTV_REXMTMAX = 1.0, 64.0  # RFC 6298 2.4, 2.5
TCPTV_PERSMIN, TCPTV_PERSMAX = 5.0, 60.0
TCP_MAXRXTSHIFT = 12  # retransmissions before a connection is given up
TCP_BACKOFF = (1, 2, 4, 8, 16, 32, 64, 64, 64, 64, 64, 64, 64)
TCP_PAWS_IDLE = 24 * 86400.0  # RFC 7323 5.5: older timestamps prove nothing
TCP_ISSINCR = 64000  # from an old connection's last number to a new one's first
PR_SLOWHZ = 2  # keepalive's knobs count half seconds

Key = tuple[int, int, int, int]  # a connection: laddr, lport, faddr, fport

CONGCTL: Mapping[str, Callable[[], CongestionControl]] = {"reno": Reno, "newreno": NewReno, "cubic": Cubic}


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
        "abc_limit",
        "burst",
        "burst_acks",
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
        "keepopts",
        "keepprobes",
        "last_ack_sent",
        "max_sndwnd",
        "max_window",
        "maxopd",
        "maxseg",
        "persist",
        "pto",
        "rack",
        "rcv",
        "rcv_adv",
        "rcv_nxt",
        "rcv_scale",
        "reass",
        "rexmits",
        "rexmt",
        "rfbuf_cnt",
        "rfbuf_since",
        "rtseq",
        "rttlow",
        "rtttime",
        "rttvar",
        "rxtcur",
        "rxtshift",
        "sack",
        "sacked",
        "snd",
        "snd_cwnd",
        "snd_cwr",
        "snd_max",
        "snd_nxt",
        "snd_recover",
        "snd_scale",
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
        "ts_offset",
        "ts_recent",
        "ts_recent_age",
        "twomsl",
        "undo",
        "urgent",
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
        # options both sides agreed on (RFC 7323, RFC 2018)
        self.snd_scale = self.rcv_scale = 0
        self.max_window = TCP_MAXWIN  # what we can advertise at most, bytes; goes with rcv_scale
        self.ts_recent = 0  # what the peer's clock said last (TS.Recent), and when we heard it
        self.ts_recent_age = 0.0
        self.ts_offset = 0  # RFC 7323 7: our clock does not tell how long we have been up
        self.sack: Scoreboard | None = None  # what the peer has beyond a gap; None while it has nothing
        self.sacked: tuple[Block, ...] = ()  # what we told it that we have, newest first
        # sending (SND.UNA, SND.NXT, ...)
        self.iss = self.snd_una = self.snd_nxt = self.snd_max = 0
        self.snd_wnd = self.snd_wl1 = self.snd_wl2 = self.max_sndwnd = 0
        # receiving (RCV.NXT, RCV.WND is what the buffer has room for)
        self.irs = self.rcv_nxt = self.rcv_adv = self.last_ack_sent = 0
        self.reass: list[tuple[int, Piece]] | None = None  # what lies beyond a gap, by sequence number
        self.burst = self.burst_acks = 0  # in which event data came last, and how often it was acknowledged in that
        self.fin_at: int | None = None  # where the peer's FIN is, when it lies beyond a gap
        # congestion (RFC 5681)
        self.abc_limit = 2 if tcp.abc_enable and tcp.abc_aggressive else 1  # RFC 3465 2.2, L
        self.cc: CongestionControl = CONGCTL[tcp.congctl_selected]()
        self.snd_cwnd = tcp.mssdflt
        self.snd_ssthresh = 65535 << 14
        self.dupacks = 0
        self.snd_recover = 0
        self.in_recovery = False
        self.rack: Rack | None = None  # what we know of the order in which segments arrive
        self.undo: tuple[int, int, int] | None = None  # pipe and ssthresh before it, and what our clock said
        self.snd_cwr = 0  # with ECN: where the window ends that has cost a reduction
        # timing (RFC 6298), seconds
        self.rtttime: float | None = None  # when the segment being timed was sent
        self.rtseq = 0
        self.srtt: float | None = None
        self.rttvar = 0.0
        self.rttlow = inf  # the least there was
        self.rxtcur = TCPTV_RTO
        self.pto: Callout | None = None  # runs while data is out (tcp_tail)
        self.rxtshift = self.rexmits = 0  # of what is out, and segments that were ever sent again (t_sndrexmitpack)
        self.softerror = 0
        self.urgent: Urgent | None = None
        self.rfbuf_since = tcp.callouts.now  # receive buffer sizing: when this round began, bytes since
        self.rfbuf_cnt = 0
        self.idle_since = tcp.callouts.now
        self.keepprobes = 0
        self.keepopts: Keepalive | None = None  # what a program chose for this connection
        timers = tcp.timers
        self.rexmt = Timer(tcp.callouts, lambda: timers["rexmt"](self))
        self.persist = Timer(tcp.callouts, lambda: timers["persist"](self))
        self.keep = Timer(tcp.callouts, lambda: timers["keep"](self))
        self.twomsl = Timer(tcp.callouts, lambda: timers["2msl"](self))
        self.delack = Timer(tcp.callouts, lambda: timers["delack"](self))

    def inherit(self, listener: Tcpcb) -> None:
        """What was set for a listener is set for the connections that it takes (sonewconn)."""
        self.ttl, self.tos, self.more, self.maxopd = listener.ttl, listener.tos, listener.more, listener.maxopd
        self.flags |= listener.flags
        self.keepopts = listener.keepopts
        if listener.flags & TF_CONGCTL:
            self.cc = CONGCTL[listener.cc.name]()

    @property
    def keepalive(self) -> Keepalive:
        """How this connection finds out that nobody is there any more."""
        return self.keepopts or self.tcp.keepalive

    @property
    def key(self) -> Key:
        """Between whom it is."""
        return self.laddr, self.lport, self.faddr, self.fport

    @property
    def now(self) -> float:
        """The lab's time, seconds."""
        return self.tcp.callouts.now

    @property
    def ts_val(self) -> int:
        """Our timestamp clock, in milliseconds (RFC 7323 5.4)."""
        return int(self.tcp.callouts.now * 1000) + self.ts_offset & 0xFFFFFFFF


class Urgent:
    """Where a connection's urgent data ends, both ways (snd_up, rcv_up), and the byte of it that was received."""

    __slots__ = ("byte", "rcv_up", "snd_up", "taken")

    def __init__(self) -> None:
        self.snd_up = self.rcv_up = 0
        self.byte = b""  # t_iobc; empty while it has not come
        self.taken = False  # it was read (TCPOOB_HADDATA)


class Keepalive(NamedTuple):
    """When a silent peer is asked and when it is given up, in seconds (TCP_KEEPIDLE and its kin)."""

    idle: float  # until the first probe
    interval: float  # between probes
    probes: int  # without an answer
    init: float  # until a handshake is given up

    @property
    def longest(self) -> float:
        """How long probes last that nobody answers (t_maxidle)."""
        return self.probes * self.interval


class TcpBase(Protocol):
    """What all parts of TCP on one host share: knobs, the table of connections, the door of states."""

    name = "tcp"
    sendspace = 32768
    recvspace = 32768
    mssdflt = TCP_MSS
    minmss = 216
    syn_cache_limit = 10255  # NetBSD's 35 for each of 293 buckets
    syn_bucket_limit = 105
    rst_on_sock_fail = 0
    init_win = 10
    rfc1323 = 1
    win_scale = 1
    timestamps = 1
    sack_enable = 1
    sack_lrd = 1  # FreeBSD's name
    sack_dsack = 1
    rack_enable = 1  # FreeBSD's name for the subtree
    early_retrans = 1  # Linux's name
    eifel = 1
    pmtud_blackhole_detection = 1  # FreeBSD's name
    rexmit_min = 1000  # FreeBSD's name; RFC 6298 2.4: it SHOULD be a second
    recvbuf_auto = 1
    recvbuf_inc = 16384
    recvbuf_max = 262144
    sendbuf_auto = 1
    sendbuf_inc = 8192
    sendbuf_max = 262144
    urgent = 1
    rfc1337 = 0
    rfc6191 = 1
    rfc3042 = 1
    newcwv = 1
    cwm = 0
    cwm_burstsize = 4
    ecn_enable = 0
    ecn_maxretries = 1
    abc_enable = 1
    abc_aggressive = 1
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
    congctl_available = " ".join(CONGCTL)
    congctl_selected = "newreno"
    fixed_iss: int | None = None  # where connections begin to count, for those who want to choose it

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

    @property
    def keepalive(self) -> Keepalive:
        """What holds where a program has not chosen."""
        idle, interval, init = self.keepidle / PR_SLOWHZ, self.keepintvl / PR_SLOWHZ, self.keepinit / PR_SLOWHZ
        return Keepalive(idle, interval, self.keepcnt, init)

    def set_state(self, tp: Tcpcb, new: int) -> None:
        """The only way a connection changes its state (tcp_state_change)."""
        old, tp.state = tp.state, new
        self.trace_state(tp.key, old, new)

    def trace_state(self, key: Key, old: int, new: int) -> None:
        """Tell whoever listens that a connection is in another state."""
        if self.probes.state:
            which = f"{Ip4(key[0])}.{key[1]} {Ip4(key[2])}.{key[3]}"
            for trace in self.probes.state:
                trace(self.hostname, "tcp", which, TCP_STATES[old], TCP_STATES[new])

    def new_iss(self, key: Key) -> int:
        """The initial sequence number: RFC 6528, a clock of 4 microseconds and a keyed hash of who it is between."""
        if self.fixed_iss is not None:
            return self.fixed_iss
        if self.secret is None:
            self.secret = self.rng.randbytes(16)
        who = b"%d %d %d %d" % key
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
