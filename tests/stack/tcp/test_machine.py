"""TCP against a peer who sends anything: what must be true of a connection stays true, whatever comes.

Nothing raises; numbers keep their order; what is out has a timer; promises of room are kept; what is read is what was
sent; and a connection that is over leaves nothing behind.
"""

from __future__ import annotations

from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from stack.header.checksum import checksum, pseudo4
from stack.header.ip import IPPROTO_TCP, IPTOS_ECN_ECT0
from stack.header.tcp import TH_ACK, TH_CWR, TH_ECE, TH_FIN, TH_PUSH, TH_RST, TH_SYN, TH_URG, Tcp, TcpOptions
from stack.kern.socket import (
    SHUT_RD,
    SHUT_WR,
    SO_KEEPALIVE,
    SO_OOBINLINE,
    SO_RCVBUF,
    SO_SNDBUF,
    SOL_SOCKET,
    SS_NOFDREF,
    Socket,
)
from stack.netinet.tcp_fsm import (
    TCP_STATES,
    TCPS_CLOSE_WAIT,
    TCPS_CLOSED,
    TCPS_ESTABLISHED,
    TCPS_FIN_WAIT_2,
    TCPS_LISTEN,
    TCPS_TIME_WAIT,
)
from stack.netinet.tcp_sack import Scoreboard
from stack.netinet.tcp_seq import SEQ_LEQ, SEQ_MASK, SEQ_SUB
from stack.netinet.tcp_var import TF_SACK, TF_SENTFIN, TF_TSTMP, Tcpcb
from tests.stack.tcp.calls import PEER
from tests.stack.tcp.notation import pattern
from tests.stack.tcp.packetdrill import CLASSIC, US, Drill

FLAGS = [TH_ACK] * 12 + [TH_ACK | TH_PUSH, TH_ACK | TH_FIN, TH_SYN, TH_SYN | TH_ACK]
FLAGS += [TH_RST, TH_FIN, 0, TH_ACK | TH_URG, 0xFF, TH_ACK | TH_ECE, TH_ACK | TH_ECE, TH_ACK | TH_CWR]
NEAR = st.sampled_from([0] * 8 + [-1, 1, -1000, 1000, 2500])
SPOTS = st.integers(-2, 12).map(lambda count: 988 * count) | st.integers(-2000, 9000)
FAR = st.integers(-70000, 70000) | st.integers(0, SEQ_MASK)


Blocks = tuple[tuple[int, int], ...]


class Machine(RuleBasedStateMachine):
    """One connection of ours, its program, and a peer without manners."""

    @initialize(
        active=st.booleans(),
        iss=st.sampled_from([1000, SEQ_MASK - 1500, SEQ_MASK, (1 << 31) - 700]),
        irs=st.sampled_from([5000, SEQ_MASK - 2500, SEQ_MASK, (1 << 31) - 900]),
        rcvbuf=st.sampled_from([1000, 4000, 32768, 100_000]),
        sndbuf=st.sampled_from([1000, 10_000, 60_000]),
        shake=st.sampled_from([True, True, True, False]),
        modern=st.booleans(),
    )
    def begin(self, active: bool, iss: int, irs: int, rcvbuf: int, sndbuf: int, shake: bool, modern: bool) -> None:
        self.drill = Drill("")
        self.tcp = self.drill.host.tcp
        if modern:  # with all the extensions
            for name in CLASSIC:
                self.drill.host.sysctl.set(name, str(self.drill.host.sysctl.default(name)))
            self.tcp.ecn_enable = 1
        self.tos = 0
        self.modern = modern
        self.tcp.fixed_iss = iss
        self.edge: int | None = None  # how far our window has reached
        self.read = self.written = 0
        self.fport = 40000
        so = self.drill.host.socket(1)
        so.setsockopt(SOL_SOCKET, SO_RCVBUF, rcvbuf)
        so.setsockopt(SOL_SOCKET, SO_SNDBUF, sndbuf)
        so.setsockopt(SOL_SOCKET, SO_OOBINLINE, 1)
        so.bind((0, 8080))
        self.so: Socket = so
        if active:
            with suppress(BlockingIOError):
                so.connect((PEER, self.fport))
            assert isinstance(so.pcb, Tcpcb)
            self.tp = so.pcb
            if shake:
                self.inject(TH_SYN | TH_ACK | TH_ECE, irs, iss + 1, 5000, 0)
        else:
            so.listen(3)
            assert isinstance(so.pcb, Tcpcb)
            self.tp = so.pcb
            self.inject(TH_SYN | TH_ECE | TH_CWR, irs, 0, 5000, 0)
            self.inject(TH_ACK, irs + 1, iss + 1, 5000, 0)
            self.so = so.accept()[0]
            assert isinstance(self.so.pcb, Tcpcb)
            self.tp = self.so.pcb

    def inject(self, flags: int, seq: int, ack: int, window: int, size: int, late: int = 0, sack: Blocks = ()) -> None:
        """A segment of the peer's, whose bytes are what its numbers say."""
        seq, ack = seq & SEQ_MASK, ack & SEQ_MASK
        place = 0 if flags & TH_SYN else SEQ_SUB(seq, self.tp.irs + 1 & SEQ_MASK)
        stamp = int(self.drill.now * 1000) + 7
        told = TcpOptions(ts=(stamp - late & SEQ_MASK, stamp - 7), sack=sack)
        if flags & TH_SYN:
            told = TcpOptions(1000, 2, True, (), (stamp, 0))
        agreed = self.modern if self.tp.state == TCPS_LISTEN else self.tp.flags & (TF_TSTMP | TF_SACK)
        options = told.pack() if flags & TH_SYN or agreed else b""
        header = Tcp(self.fport, 8080, seq, ack, 20 + len(options), flags, window, 0, 3).pack()
        old = min(max(-place, 0), size)  # bytes before the first: they say nothing
        segment = header + options + bytes(old) + pattern(place + old, size - old)
        total = checksum(segment, pseudo4(PEER, US, IPPROTO_TCP, len(segment)))
        self.drill._receive(segment[:16] + total.to_bytes(2) + segment[18:], IPPROTO_TCP, self.tos)
        self.drill.lab.run(self.drill.now)

    @rule(flags=st.sampled_from(FLAGS), seq=NEAR, ack=NEAR, window=st.sampled_from([0, 1, 500, 5000, 65535]),
          size=st.sampled_from([0, 0, 1, 500, 1000, 1460]))  # fmt: skip
    def segment(self, flags: int, seq: int, ack: int, window: int, size: int) -> None:
        """One that fits, nearly."""
        self.inject(flags, self.tp.rcv_nxt + seq, self.tp.snd_max + ack, window, size)

    @rule(flags=st.sampled_from(FLAGS), seq=FAR, ack=FAR, window=st.integers(0, 65535), size=st.integers(0, 1460))
    def stray(self, flags: int, seq: int, ack: int, window: int, size: int) -> None:
        """One from anywhere."""
        self.inject(flags, self.tp.rcv_nxt + seq, self.tp.snd_una + ack, window, size)

    @rule(fin=st.booleans(), size=st.sampled_from([0, 0, 300]))
    def politely(self, fin: bool, size: int) -> None:
        """One that acknowledges all, and is what should come next."""
        self.inject(TH_ACK | TH_FIN if fin else TH_ACK, self.tp.rcv_nxt, self.tp.snd_max, 5000, size)

    @rule(spans=st.lists(st.tuples(SPOTS, st.integers(1, 3) | st.sampled_from([500, 988, 1976])), max_size=3),
          late=st.sampled_from([0, 0, 0, 5, -5, 1 << 31]))  # fmt: skip
    def selectively(self, spans: list[tuple[int, int]], late: int) -> None:
        """Blocks that may be true, and a clock that may be."""
        una = self.tp.snd_una
        blocks = tuple((una + at & SEQ_MASK, una + at + size & SEQ_MASK) for at, size in spans)
        self.inject(TH_ACK, self.tp.rcv_nxt, una, self.tp.snd_wnd >> self.tp.snd_scale, 0, late, blocks)

    @rule(tos=st.integers(0, 3))
    def mark(self, tos: int) -> None:
        """From now on a router does this to the peer's packets (RFC 3168 5)."""
        self.tos = tos

    @rule(times=st.integers(1, 5))
    def acks(self, times: int) -> None:
        """Duplicates, for fast retransmit."""
        for _ in range(times):
            self.inject(TH_ACK, self.tp.rcv_nxt, self.tp.snd_una, self.tp.snd_wnd >> self.tp.snd_scale, 0)

    @rule(size=st.sampled_from([1, 100, 1460, 5000, 20_000]), urgent=st.sampled_from([False, False, True]))
    def write(self, size: int, urgent: bool) -> None:
        with suppress(OSError):
            self.written += self.so.send(pattern(self.written, size), oob=urgent)

    @rule(size=st.sampled_from([1, 1000, 65536]))
    def receive(self, size: int) -> None:
        try:
            data = self.so.recv(size)
        except OSError:
            return
        assert data == pattern(self.read, len(data))
        self.read += len(data)

    @rule(how=st.sampled_from(["read", "write", "write", "close", "keepalive"]))
    def end(self, how: str) -> None:
        with suppress(OSError):
            if how == "close":
                self.so.close()
            elif how == "keepalive":
                self.so.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
            else:
                self.so.shutdown(SHUT_RD if how == "read" else SHUT_WR)

    @rule(seconds=st.sampled_from([0.05, 0.3, 1.0, 7.0, 70.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.drill.lab.run(self.drill.now + seconds)

    # --- what stays true ----------------------------------------------------------------------

    @invariant()
    def what_comes_out_is_sound(self) -> None:
        for _, packet in self.drill.tun.sent:
            segment = packet[20:]
            header = Tcp.parse(segment)
            data = segment[header.off :]
            assert len(packet) <= 1500
            assert packet[1] == 0 or (packet[1] == IPTOS_ECN_ECT0 and data and self.tcp.ecn_enable)
            assert checksum(segment, pseudo4(US, PEER, IPPROTO_TCP, len(segment))) % 0xFFFF == 0
            if header.flags & TH_RST or not header.flags & TH_ACK or header.dport != self.fport:
                continue
            if data:
                place = header.seq - self.tp.iss - 1 & SEQ_MASK
                assert data == pattern(place, len(data))
            if header.flags & TH_SYN:
                continue  # its window cannot be scaled, so it may be less
            scale = self.tp.rcv_scale
            edge = header.ack + (header.win << scale) & SEQ_MASK
            if self.edge is not None and self.tp.state > TCPS_LISTEN:
                # a FIN takes a number and no room, and RFC 7323 2.4: scaling cuts off the last bits
                assert SEQ_SUB(edge, self.edge) >= -(1 << scale), "the window shrank"
            self.edge = edge
        self.drill.tun.sent.clear()

    @invariant()
    def numbers_keep_their_order(self) -> None:
        tp = self.tp
        assert SEQ_LEQ(tp.snd_una, tp.snd_nxt)
        assert SEQ_LEQ(tp.snd_nxt, tp.snd_max)
        if tp.state >= TCPS_ESTABLISHED and tp.state != TCPS_TIME_WAIT:
            out = tp.snd_max - tp.snd_una & SEQ_MASK
            assert out <= tp.snd.cc + bool(tp.flags & TF_SENTFIN)
            assert tp.snd_cwnd >= tp.maxseg > 0
        assert tp.rcv.cc <= max(tp.rcv.hiwat, 65535)
        assert self.so.oobmark is None or 0 <= self.so.oobmark <= tp.rcv.cc + 2 * 65535
        if tp.sack is not None:
            assert tp.flags & TF_SACK
            self.scoreboard_is_sound(tp, tp.sack)

    def scoreboard_is_sound(self, tp: Tcpcb, sack: Scoreboard) -> None:
        reached, total = tp.snd_una - 1 & SEQ_MASK, 0  # a peer may take back what it said (RFC 2018 8)
        for start, end in sack.blocks:
            assert SEQ_SUB(start, reached) > 0 and SEQ_SUB(end, start) > 0 and SEQ_SUB(tp.snd_max, end) >= 0
            reached, total = end, total + SEQ_SUB(end, start)
        assert sack.sacked == total
        assert sack.pipe(tp.snd_una, tp.snd_max, tp.maxseg) >= 0

    @invariant()
    def what_is_out_has_a_timer(self) -> None:
        """Or it would hang for ever; and never two of them."""
        tp = self.tp
        assert tp.rexmt.due is None or tp.persist.due is None
        if tp.state not in (TCPS_CLOSED, TCPS_LISTEN, TCPS_TIME_WAIT):
            waits = tp.snd_una != tp.snd_max or tp.snd.cc
            assert bool(waits) == (tp.rexmt.due is not None or tp.persist.due is not None), TCP_STATES[tp.state]
        if tp.state == TCPS_TIME_WAIT:
            assert tp.twomsl.due is not None
        if tp.state == TCPS_FIN_WAIT_2 and tp.so.state & SS_NOFDREF:
            assert tp.twomsl.due is not None

    @invariant()
    def reassembly_is_tidy(self) -> None:
        tp = self.tp
        if tp.reass is not None:
            assert tp.reass or tp.fin_at is not None
            assert tp.state not in (TCPS_CLOSE_WAIT, TCPS_TIME_WAIT)
            reached = tp.rcv_nxt
            for seq, data in tp.reass:
                assert data and SEQ_SUB(seq, reached) >= (1 if reached == tp.rcv_nxt else 0)
                reached = seq + len(data) & SEQ_MASK

    @invariant()
    def the_dead_leave_nothing(self) -> None:
        tp = self.tp
        mine = self.tcp.table.connected.get((US, 8080, PEER, self.fport))
        if tp.state == TCPS_CLOSED:
            assert mine is not tp
            assert all(timer.callout is None for timer in (tp.rexmt, tp.persist, tp.keep, tp.twomsl, tp.delack))
            if isinstance(mine, Tcpcb):  # a new SYN has come to the listener
                self.tp, self.edge = mine, None
        else:
            assert mine is tp


Machine.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
test_machine = Machine.TestCase
