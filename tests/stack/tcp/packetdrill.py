"""packetdrill's notation (see notation.py) played against one host of our stack, in virtual time.

The host's one interface is a wire to the script, as packetdrill's own is a TUN device.  When something
is not as the script says, `Violation` tells every step so far with its time, and what was seen.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from stack.addr import Ip4
from stack.header import icmp
from stack.header.checksum import checksum, partial, pseudo4
from stack.header.ip import IPPROTO_ICMP, IPPROTO_TCP, IPTOS_ECN_MASK, Ip
from stack.header.tcp import TH_ACK, TH_SYN, TH_URG, Tcp, TcpOptions
from stack.kern.proc import Proc
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ifnet import IFF_RUNNING, IFF_UP, Ifnet
from stack.netinet.tcp_fsm import TCP_STATES
from stack.netinet.tcp_var import Tcpcb
from tests.stack.tcp.calls import PEER, PORT, Calls, Mismatch
from tests.stack.tcp.notation import CALL, CODEPOINTS, FLAGS, ICMP, PACKET, Event, matches, pack_options, parse, pattern

US = Ip4.parse("192.0.2.1")
PEER_PORT = 40000
TOLERANCE = 0.001  # seconds
M32 = 0xFFFFFFFF


class Violation(AssertionError):
    """The script is right, so the stack is wrong; the message tells the story so far."""


class Tun(Ifnet):
    """The wire to the script: what goes out is kept with its time; `error` makes sending fail."""

    kind = "tun"
    __slots__ = ("error", "lab", "sent")

    def __init__(self, name: str, index: int, lab: Lab) -> None:
        super().__init__(name, index, 0, 1500, None)
        self.lab = lab
        self.sent: list[tuple[float, bytes]] = []
        self.error = 0

    def init(self) -> None:
        self.flags = self.flags | IFF_RUNNING if self.flags & IFF_UP else self.flags & ~IFF_RUNNING

    def output(self, m: Mbuf, nexthop: int) -> int:
        if not self.error:
            self.sent.append((self.lab.callouts.now, m.frame()))
        return self.error


class Flow:
    """A connection as the script sees it: the ports, and where each side began to count."""

    def __init__(self, lport: int, fport: int) -> None:
        self.lport = lport
        self.fport = fport
        self.irs = self.iss = 0
        self.fresh = True  # our next SYN says where we begin
        self.tp: Tcpcb | None = None


class Waiting(NamedTuple):
    """A call that blocks, or did."""

    step: int
    until: float
    expected: str
    proc: Proc
    outcome: list[tuple[float, str]]


# Scripts begin with the TCP of RFC 9293 and RFC 5681 alone; one about an extension switches it on
CLASSIC = {
    "net.inet.tcp.rfc1323": "0",
    "net.inet.tcp.sack.enable": "0",
    "net.inet.tcp.rfc3042": "0",
    "net.inet.tcp.sack.lrd": "0",
    "net.inet.tcp.sack.dsack": "0",
    "net.inet.tcp.rack.enable": "0",
    "net.inet.tcp.early_retrans": "0",
    "net.inet.tcp.abc.enable": "0",
    "net.inet.tcp.newcwv": "0",
    "net.inet.tcp.congctl.selected": "reno",
    "net.inet.tcp.init_win": "4",
    "net.inet.tcp.recvbuf_auto": "0",
    "net.inet.tcp.sendbuf_auto": "0",
}


class Drill:
    """Runs one script against a host of its own."""

    def __init__(self, text: str, name: str = "script") -> None:
        self.name = name
        self.events = parse(text)
        self.lab = Lab()
        self.lab.cloners["tun"] = lambda host, ifname, index: Tun(ifname, index, self.lab)
        self.host = self.lab.add_host("us")
        tun = self.host.ifcreate("tun0")
        assert isinstance(tun, Tun)
        self.tun = tun
        self.host.set_address(tun, US, 24, dad=False)
        tun.sent.clear()  # joins of groups
        for name, value in CLASSIC.items():
            self.host.sysctl.set(name, value)
        self.flows: dict[int, Flow] = {}
        self.flow = self._flow(PORT, PEER_PORT)
        self.calls = Calls(self.host)
        self.waiting: list[Waiting] = []
        self.names: dict[str, Any] = {}  # what else scripts may use in their Python
        self.story: list[str] = []

    # --- the story ----------------------------------------------------------------------------

    def run(self) -> None:
        """Play all events; Violation at the first thing that is not as the script says."""
        last = 0.0
        for event in self.events:
            self._watch()
            base = last if event.relative else 0.0
            at = self.now if event.start is None else base + event.start
            until = None if event.end is None else base + event.end
            self.story.append(f"{at:10.3f}  {event.what}")
            if event.what.startswith(">"):
                last = self._expect(event.what, at, 1e9 if event.start is None else until)
                continue
            self._pass_time(at)
            last = at
            if event.what.startswith("<"):
                self._inject(event.what)
            elif event.what.startswith("%{"):
                self._python(event.what[2:-2])
            elif event.what.startswith("`"):
                self._shell(event.what.strip("`"))
            else:
                self._call(event, at if until is None else until)
        self._settle(max((call.until + 2 * TOLERANCE for call in self.waiting), default=self.now))
        self._nothing_more()

    @property
    def now(self) -> float:
        return self.lab.callouts.now

    def fail(self, why: str, step: int = -1) -> None:
        """Tell every step so far, and what is wrong with the marked one."""
        step %= len(self.story)
        lines = [f"{'>>' if number == step else '  '}{line}" for number, line in enumerate(self.story)]
        raise Violation("\n".join((f"{self.name}: at {self.now:.3f}: {why}", *lines)))

    def _pass_time(self, at: float) -> None:
        """Go on to the time of an event; what comes out before it is unexpected."""
        self._settle(at)
        self._nothing_more()

    def _settle(self, until: float) -> None:
        """Let time pass, and see what became of calls that wait: one that should have ended must have."""
        self.lab.run(until)
        for call in list(self.waiting):
            if call.outcome:
                self.waiting.remove(call)
                ended, result = call.outcome[0]
                if result != call.expected:
                    self.fail(f"it was {result} at {ended:.3f}", call.step)
                if abs(ended - call.until) > TOLERANCE:
                    self.fail(f"it ended at {ended:.3f}", call.step)
            elif until > call.until + TOLERANCE:
                self.fail("it still waits", call.step)

    def _nothing_more(self) -> None:
        for when, packet in self.tun.sent:
            self.fail(f"nothing says that this comes out:\n{when:10.3f}  {self._describe(packet)}")

    # --- packets ------------------------------------------------------------------------------

    def _flow(self, lport: int, fport: int) -> Flow:
        return self.flows.setdefault(fport, Flow(lport, fport))

    def _inject(self, what: str) -> None:
        """Build a packet of the peer's and put it in."""
        if what.startswith("< icmp"):
            return self._inject_icmp(what)
        found = PACKET.fullmatch(what)
        if found is None:
            raise ValueError(f"no packet: {what}")
        if found["port"]:
            self.flow = self._flow(PORT, int(found["port"]))
        flow, flags = self.flow, sum(FLAGS[letter] for letter in found["flags"])
        seq, size = int(found["seq"]), int(found["size"])
        assert int(found["end"]) == seq + size
        options = pack_options(found["options"] or "", flow.iss)
        ack = flow.iss + int(found["ack"]) if found["ack"] else 0
        header = Tcp(flow.fport, flow.lport, flow.irs + seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 20 + len(options), flags)
        header = header._replace(win=int(found["win"] or 0), urp=int(found["urg"] or 0))
        if flags & TH_SYN and not flags & TH_ACK:
            flow.fresh = True
        data = pattern(max(seq - 1, 0) if not flags & TH_SYN else seq, size)
        segment = header.pack() + options + data
        cksum = checksum(segment, pseudo4(PEER, US, IPPROTO_TCP, len(segment))) ^ bool(found["bad"])
        codepoint = CODEPOINTS.index(found["ecn"] or "")
        self._receive(segment[:16] + cksum.to_bytes(2) + segment[18:], IPPROTO_TCP, codepoint)
        return None

    def _inject_icmp(self, what: str) -> None:
        found = ICMP.fullmatch(what)
        if found is None:
            raise ValueError(f"no packet: {what}")
        names = {word: code for code, word in enumerate(icmp.ICMP_CODE_NAMES[3])}
        code = names[found["code"].removesuffix("_unreachable").replace("frag_needed", "needfrag")]
        seq = self.flow.iss + int(found["seq"]) & 0xFFFFFFFF
        about = Ip(0, 1500, 1, 0, 64, IPPROTO_TCP, 0, US, PEER).pack()
        about += Tcp(self.flow.lport, self.flow.fport, seq).pack()[:8]
        self._receive(icmp.build(3, code, int(found["mtu"] or 0), about), IPPROTO_ICMP)

    def _receive(self, payload: bytes, proto: int, tos: int = 0) -> None:
        net = Ip(tos, 20 + len(payload), 1, 0, 64, proto, 0, PEER, US).pack()
        m = Mbuf(payload, b"", net)
        m.rcvif = self.tun
        self.host.ip.input(m)

    def _expect(self, what: str, at: float, until: float | None) -> float:
        """Wait for a packet; the time at which it came."""
        latest = (at if until is None else until) + TOLERANCE
        callouts, sent = self.lab.callouts, self.tun.sent
        while not sent and (due := callouts.next_due()) is not None and due <= latest:
            callouts.advance(due, 1)
        if not sent:
            self.fail("nothing came out")
        when, packet = sent.pop(0)
        seen = self._describe(packet)
        self.story[-1] = f"{when:10.3f}  {what}"
        if not at - TOLERANCE <= when <= latest:
            self.fail(f"it should have come at {at:.3f}:\n{when:10.3f}  {seen}")
        found = PACKET.fullmatch(what)
        if found is None:
            raise ValueError(f"no packet: {what}")
        if not matches(found, seen):
            self.fail(f"this came instead:\n{when:10.3f}  {seen}")
        return when if until is not None else at

    def _describe(self, packet: bytes) -> str:
        """A packet of ours in the script's notation; its checksums and bytes must be right."""
        ip = Ip.parse(packet)
        segment = packet[20:]
        if partial(packet[:20]) or (partial(segment) + pseudo4(ip.src, ip.dst, ip.p, len(segment))) % 0xFFFF:
            self.fail("a bad checksum came out")
        tcp = Tcp.parse(segment)
        flow = self.flow = self._flow(tcp.sport, tcp.dport)
        if tcp.flags & TH_SYN and flow.fresh:
            flow.iss, flow.fresh = tcp.seq, False
        data = segment[tcp.off :]
        seq = tcp.seq - flow.iss & 0xFFFFFFFF
        if data and data != pattern(seq - 1 + bool(tcp.flags & TH_SYN), len(data)):
            self.fail(f"the {len(data)} bytes from {seq} on are not what was written")
        flags = "".join(letter for letter, bit in FLAGS.items() if tcp.flags & bit)
        codepoint = CODEPOINTS[ip.tos & IPTOS_ECN_MASK]
        way = f"> [{codepoint}]" if codepoint else ">"
        words = [way, flags, f"{seq}:{seq + len(data) & 0xFFFFFFFF}({len(data)})"]
        if tcp.flags & TH_ACK:
            words.append(f"ack {tcp.ack - flow.irs & 0xFFFFFFFF}")
        words.append(f"win {tcp.win}")
        if tcp.flags & TH_URG:
            words.append(f"urg {tcp.urp}")
        if tcp.off > 20:
            words.append(f"<{TcpOptions.parse(segment[20 : tcp.off])}>")
        return " ".join(words)

    # --- calls --------------------------------------------------------------------------------

    def _call(self, event: Event, until: float) -> None:
        """Make a call; one with a range of times may wait, and is looked at again when it must have ended."""
        found = CALL.fullmatch(event.what)
        if found is None:
            raise ValueError(f"no call: {event.what}")
        name, args = found["name"], [word.strip() for word in re.split(r",(?![^{\[]*[}\]])", found["args"])]
        expected = f"-1 {found['errno']}" if found["errno"] else found["value"]
        try:
            if event.waits:
                self._begin(name, args, until, expected)
            elif (result := self.calls.call(name, args)) != expected and name != "fcntl":
                self.fail(f"it was {result}")
        except Mismatch as error:
            self.fail(str(error))
        if name == "connect":
            self._follow(args[0])

    def _begin(self, name: str, args: list[str], until: float, expected: str) -> None:
        """Make a call that waits, and let it go as far as it can at once."""
        outcome: list[tuple[float, str]] = []

        async def body(proc: Proc) -> int:
            try:
                result = await self.calls.wait(name, args)
            except Mismatch as error:
                result = str(error)
            outcome.append((self.now, result))
            return 0

        proc = self.lab.spawn(self.lab["us"], [name], body)
        self.waiting.append(Waiting(len(self.story) - 1, until, expected, proc, outcome))
        while proc.state == "R":
            self.lab.callouts.advance(self.now, 1)

    def _follow(self, fd: str) -> None:
        """The packets that come now are of the connection which a call has begun."""
        pcb = self.calls.files[int(fd)].pcb
        if isinstance(pcb, Tcpcb) and pcb.fport:
            self.flow = self._flow(pcb.lport, PORT)

    # --- facts --------------------------------------------------------------------------------

    def _shell(self, line: str) -> None:
        """Only sysctl is known."""
        for setting in line.split()[1:]:
            name, _, value = setting.partition("=")
            self.host.sysctl.set(name, value)

    def _watch(self) -> None:
        """Keep hold of the connection that is talked about, for what is asked when it is over."""
        tp = self.host.tcp.table.connected.get((US, self.flow.lport, PEER, self.flow.fport))
        if isinstance(tp, Tcpcb):
            self.flow.tp = tp

    def _python(self, code: str) -> None:
        """Run Python among the names of the connection: snd_cwnd, rto, state, stat, tcp, tp, sc, tun ..."""
        self._watch()
        flow = self.flow
        names = self.names | {"tcp": self.host.tcp, "stat": self.host.tcp.stat, "tun": self.tun, "flow": flow}
        names |= {"host": self.host, "files": self.calls.files, "tp": flow.tp, "lab": self.lab}
        sc = names["sc"] = self.host.tcp.syn_cache_lookup((US, flow.lport, PEER, flow.fport))
        names["state"] = "CLOSED"
        if flow.tp is not None:
            slots = [name for cls in type(flow.tp).__mro__ for name in getattr(cls, "__slots__", ())]
            names |= {name: getattr(flow.tp, name) for name in slots if name not in names}
            names |= {"state": TCP_STATES[flow.tp.state], "rto": flow.tp.rxtcur}
        if sc is not None:  # a handshake of a listener's has no control block yet
            names |= {"state": "SYN_RCVD", "iss": sc.iss, "irs": sc.irs}
        try:
            exec("\n".join(line.strip() for line in code.strip().splitlines()), names)
        except AssertionError:
            words = [word for word in re.findall(r"[a-z_]\w*", code) if isinstance(names.get(word), (int, float, str))]
            self.fail(", ".join(f"{word} is {names[word]!r}" for word in dict.fromkeys(words)) or "it is not so")
