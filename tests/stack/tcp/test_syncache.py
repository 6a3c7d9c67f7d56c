"""The SYN cache against peers who send anything: its books stay right, and nothing is left when the listener goes."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from stack.header.checksum import checksum, pseudo4
from stack.header.ip import IPPROTO_TCP
from stack.header.tcp import TH_ACK, TH_CWR, TH_ECE, TH_FIN, TH_PUSH, TH_RST, TH_SYN, Tcp, TcpOptions
from stack.kern.socket import Socket
from stack.netinet.tcp_fsm import TCPS_ESTABLISHED, TCPS_SYN_RECEIVED
from stack.netinet.tcp_seq import SEQ_MASK
from stack.netinet.tcp_var import Tcpcb
from tests.stack.tcp.calls import PEER
from tests.stack.tcp.packetdrill import CLASSIC, US, Drill

PORTS = st.integers(40000, 40003)
FLAGS = [TH_SYN, TH_SYN, TH_SYN | TH_ECE | TH_CWR, TH_ACK, TH_ACK, TH_ACK, TH_ACK | TH_PUSH, TH_ACK | TH_FIN]
FLAGS += [TH_RST, TH_RST | TH_ACK, TH_SYN | TH_ACK, TH_FIN, 0, 0xFF, TH_SYN | TH_FIN]
KNOBS = {
    "syn_cache_limit": ("1", "2", "100"), "syn_bucket_limit": ("1", "100"), "syncache.rst_on_sock_fail": ("0", "1"),
    "rfc1323": ("0", "1"), "sack.enable": ("0", "1"), "ecn.enable": ("0", "1"),
}  # fmt: skip


class Machine(RuleBasedStateMachine):
    """A listener of ours, and peers without manners."""

    @initialize(backlog=st.integers(0, 3), iss=st.sampled_from([1000, SEQ_MASK, (1 << 31) - 1]))
    def begin(self, backlog: int, iss: int) -> None:
        self.drill = Drill("")
        self.tcp = self.drill.host.tcp
        for name in CLASSIC:
            self.drill.host.sysctl.set(name, str(self.drill.host.sysctl.default(name)))
        self.tcp.fixed_iss = iss
        self.backlog = backlog
        self.listener: Socket = self.drill.host.socket(1)
        self.listener.bind((0, 8080))
        self.listener.listen(backlog)
        self.accepted: list[Socket] = []

    @rule(port=PORTS, flags=st.sampled_from(FLAGS), seq=st.sampled_from([0, 1, 1, 1, 2, 500, 90_000, -1, 1 << 31]),
          ack=st.sampled_from([1, 1, 1, 0, 2, 1 << 31]), size=st.sampled_from([0, 0, 0, 1, 1000]),
          stamp=st.sampled_from([None, 7, 7, 8, 6]))  # fmt: skip
    def segment(self, port: int, flags: int, seq: int, ack: int, size: int, stamp: int | None) -> None:
        """Counted from 5000, where all of them begin, and from where we do."""
        told = TcpOptions(ts=None if stamp is None else (stamp, 0))
        if flags & TH_SYN:
            seq, told = 0 if seq < 2 else seq, TcpOptions(1000, 3, True, (), told.ts)
        options = told.pack()
        assert self.tcp.fixed_iss is not None
        number = self.tcp.fixed_iss + ack if flags & TH_ACK else 0
        header = Tcp(port, 8080, 5000 + seq & SEQ_MASK, number & SEQ_MASK, 20 + len(options), flags, 3000).pack()
        whole = header + options + bytes(size)
        total = checksum(whole, pseudo4(PEER, US, IPPROTO_TCP, len(whole)))
        self.drill._receive(whole[:16] + total.to_bytes(2) + whole[18:], IPPROTO_TCP)

    @rule(port=PORTS)
    def politely(self, port: int) -> None:
        """A handshake as it should be."""
        self.segment(port, TH_SYN, 0, 0, 0, 7)
        self.segment(port, TH_ACK, 1, 1, 0, 7)

    @rule(port=PORTS, late=st.booleans(), hard=st.booleans())
    def unreachable(self, port: int, late: bool, hard: bool) -> None:
        self.drill.flow = self.drill._flow(8080, port)
        assert self.tcp.fixed_iss is not None
        self.drill.flow.iss = self.tcp.fixed_iss
        words = "port_unreachable" if hard else "host_unreachable"
        self.drill._inject_icmp(f"< icmp unreachable {words} [{int(late)}:{int(late)}(0)]")

    @rule()
    def accept(self) -> None:
        with suppress(OSError):
            self.accepted.append(self.listener.accept()[0])

    @rule()
    def close(self) -> None:
        if self.accepted:
            self.accepted.pop(0).close()

    @rule(choice=st.sampled_from([(name, value) for name, values in KNOBS.items() for value in values]))
    def turn(self, choice: tuple[str, str]) -> None:
        self.drill.host.sysctl.set(f"net.inet.tcp.{choice[0]}", choice[1])

    @rule(seconds=st.sampled_from([0.3, 1.0, 7.0, 80.0]))
    def wait(self, seconds: float) -> None:
        self.drill.lab.run(self.drill.now + seconds)

    @invariant()
    def the_books_are_right(self) -> None:
        table = self.tcp.syn_cache
        if table is None:
            return
        entries = list(table)
        assert table.count == len(entries) and all(table.buckets.values())
        assert sum(len(waiting) for _, waiting in table.timers.values()) == table.count
        for sc in entries:
            assert table.lookup(sc.key) is sc
            callout, waiting = table.timers[sc.due]
            assert callout.pending and sc in waiting
            assert sc.key not in self.tcp.table.connected
            assert sc.listener is self.listener.pcb

    @invariant()
    def the_backlog_is_bounded_and_whole(self) -> None:
        assert self.listener.q is not None
        assert len(self.listener.q) <= 3 * self.backlog // 2 + 1
        for tp in self.tcp.table.connected.values():
            assert isinstance(tp, Tcpcb)
            assert tp.state >= TCPS_ESTABLISHED > TCPS_SYN_RECEIVED

    def teardown(self) -> None:
        if not hasattr(self, "listener"):
            return
        self.listener.close()
        assert self.tcp.syn_cache is None or self.tcp.syn_cache.count == 0
        for so in self.accepted:
            so.close()
        self.drill.lab.run(self.drill.now + 5000)
        assert not list(self.tcp.table)
        assert self.drill.lab.callouts.next_due() is None


Machine.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
test_machine = Machine.TestCase
