"""The recorder: follows packets through the hosts of a lab, while it is on.

It listens at the doors (stack/trace/doors.py), and notes for each that a packet goes through what can be read there:
a step.  Packets get serials as they are made, and each remembers the serial of the one that was in hand then: its
cause.  What a process does that a packet has woken, and what a connection's timer does, is because of that packet;
and a segment sent again is because of the one that carried its bytes first.

A filter is asked once for a packet; all that is caused by one that it takes is wanted, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from types import CodeType, FrameType

from stack.header.ip import IPPROTO_TCP
from stack.header.tcp import TH_FIN, TH_SYN
from stack.kern.proc import Channel, Proc
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net import gso
from stack.net.bridge import Bridge
from stack.net.ethernet import Ethernet, m_devget
from stack.net.vlan import Vlan
from stack.net.wire import Bus, Shmif
from stack.netinet import ip_output
from stack.netinet.arp import Arp
from stack.netinet.icmp import Icmp
from stack.netinet.ip_output import IpOutput
from stack.netinet.ip_reass import Reassembly
from stack.netinet.tcp_input import TcpInput
from stack.netinet.tcp_subr import TCP_HEADER
from stack.netinet.tcp_syncache import SynCache
from stack.netinet.tcp_var import Key, Tcpcb
from stack.trace.door import Door, packet_of, path_of, place_of, protocol_of
from stack.trace.doors import DOORS, DROP
from stack.trace.hook import Hook, hook, look_away, look_on
from stack.trace.steps import AGAIN, ANSWER, ASKS, COPY, ERROR, FRAGMENT, SEGMENT, SENT, SNAPLEN, WHOLE, Packet, Step

Filter = Callable[[bytes], bool]  # a whole frame: is it wanted?

MOST = 100_000  # steps, and packets, that are remembered
_PENDING = 1000  # steps of packets of which it is not known yet whether they are wanted
_BETWEEN = 3  # frames that may stand between two functions of the stack
_OUTSIDE = 4096  # frames that are outside of the lab, and may come back
_FLIGHT = 512  # segments of a connection that are remembered, in case they are sent again
_NO_LINK = bytes(12) + b"\x08\x00"  # stands for the link header where a packet has none (yet)
_ADDRESSES = (1 << 64) - 1

# Who makes packets, how what they make is related to its cause, and where that stands; else it is what is in hand.
_MAKERS: dict[CodeType, tuple[str, str]] = {
    Mbuf.copy.__code__: (COPY, "self"),
    Bus._corrupted.__code__: (COPY, "m"),
    ip_output.fragment.__code__: (FRAGMENT, "m"),
    gso.segments.__code__: (SEGMENT, "m"),
    Reassembly._join.__code__: (WHOLE, ""),
    Icmp.error.__code__: (ERROR, "m"),
    Icmp._echo.__code__: (ANSWER, "m"),
    Icmp._tstamp.__code__: (ANSWER, "m"),
    Icmp._maskreq.__code__: (ANSWER, "m"),
}
_ARP_SEND = Arp._send.__code__
_DEVGET = m_devget.__code__
_OUTPUT, _TCP_INPUT = IpOutput.output.__code__, TcpInput.input.__code__
_COPY = Mbuf.copy.__code__
_CARRIERS = {Bus.deliver.__code__, Bridge._flood.__code__}  # what they hand on is a copy, even when it is the only one
_TRANSMITS = {Ethernet.transmit.__code__, Shmif.transmit.__code__}
_RUN = Proc._run.__code__
_JOIN, _FREED = Reassembly._join.__code__, Arp.nd_sent.__code__
_ENDS = ("delivered", "dropped", "answered")  # verdicts that say what became of a packet,
_ELSE = ("waits", "taken", "left")  # and those that do so when nothing else has


class Visit:
    """A door that is open now, or a process that runs: what is in hand there."""

    __slots__ = ("before", "depth", "frame", "host", "outermost", "serial", "step")

    def __init__(self, frame: FrameType, host: str, serial: int, depth: int) -> None:
        self.frame = frame
        self.host = host
        self.serial = serial  # of the packet in hand; 0 for none
        self.depth = depth
        self.outermost = True  # not within another
        self.step: Step | None = None
        self.before: object = None

    def holds(self, serial: int) -> bool:
        """Whether a packet is in hand here, or was made here as the first."""
        return serial == self.serial or self.step is not None and serial == self.step.serial


class Recorder:
    """The trace of a lab."""

    def __init__(self, lab: Lab, doors: Mapping[CodeType, Door] = DOORS) -> None:
        self.lab = lab
        self.doors = doors
        self.steps: deque[Step] = deque(maxlen=MOST)
        self.packets: dict[int, Packet] = {}
        self.serial = 0
        self.number = 0
        self.count = 0  # steps that were kept so far
        self.grown = Channel("trace")  # woken when there are more steps
        self.filter: Filter | None = None
        self.text = ""  # the filter as it was typed
        self.hook: Hook | None = None  # while it is on
        self.visits: list[Visit] = []
        self.event: list[Step] = []  # of what happens just now
        self.fresh: list[Packet] = []  # of which it is not known yet whether they are wanted
        self.pending: list[Step] = []  # theirs
        self.outside: dict[bytes, int] = {}  # frames that left the lab, by their bytes
        self.woken: dict[int, int] = {}  # processes, by what woke them
        self.heard: dict[tuple[str, Key], int] = {}  # the last segment that a connection got
        self.flows: dict[tuple[int, bytes], deque[tuple[int, int, int]]] = {}  # first number, size, serial

    # --- on and off ---------------------------------------------------------------------------

    def start(self, wanted: Filter | None = None, text: str = "") -> None:
        """Follow the packets that a filter takes (None: all); OSError EBUSY when Python's profiler is at work."""
        self.filter, self.text = wanted, text
        if self.hook is not None:
            return
        self.hook = hook()
        look_on(self.lab.probes)
        for code in self.doors:
            self.hook.listen(code, self._enter, self._leave)
        self.hook.listen(Mbuf.__init__.__code__, self._made)
        self.hook.listen(_JOIN, leave=self._joined)
        self.hook.listen(Channel.wakeup.__code__, self._wakes)
        self.hook.listen(Proc.start.__code__, self._starts)
        self.hook.listen(_RUN, self._runs, self._leave)

    def stop(self) -> None:
        """Follow no more; what was seen is kept."""
        listened, self.hook = self.hook, None
        if listened is None:
            return
        look_away(self.lab.probes)
        for code in self.doors:
            listened.ignore(code, self._enter, self._leave)
        listened.ignore(Mbuf.__init__.__code__, self._made)
        listened.ignore(_JOIN, leave=self._joined)
        listened.ignore(Channel.wakeup.__code__, self._wakes)
        listened.ignore(Proc.start.__code__, self._starts)
        listened.ignore(_RUN, self._runs, self._leave)
        self.visits.clear()
        self.settle()
        for table in (self.outside, self.woken, self.heard, self.flows):
            table.clear()

    # --- doors --------------------------------------------------------------------------------

    def _enter(self, frame: FrameType) -> None:
        """A door opens."""
        visits = self.visits
        outer = self._outer(frame)
        protocol = protocol_of(frame)
        if protocol is None:
            if outer is None:
                return
            host = outer.host
        elif protocol.probes is not self.lab.probes:
            return
        else:
            host = place_of(protocol)
        m = packet_of(frame)
        packet = self._sight(m, host) if m is not None else None
        if packet is not None:
            serial = packet.serial
        else:
            serial = outer.serial if outer is not None else self._remembered(frame, host)
            packet = self.packets.get(serial)
        visit = Visit(frame, host, serial, outer.depth if outer is not None and outer.holds(serial) else 0)
        visit.outermost = outer is None
        visits.append(visit)
        code = frame.f_code
        if m is not None and packet is not None:
            if code is _OUTPUT:
                self._sends(frame, m, packet)
            elif code in _TRANSMITS:
                self._goes_out(frame.f_locals["self"], m, packet)
        if packet is not None and packet.wanted is False:
            return
        door = self.doors[code]
        if outer is not None and outer.step is not None and outer.step.function == door.bsd and outer.holds(serial):
            return  # one function of BSD's that is two of ours
        self._step(visit, door)
        if code is _FREED and visit.step is not None and packet is not None and outer is not None:
            visit.step.facts["reply"], packet.fate = outer.serial, ""
            reply = self.packets.get(outer.serial)
            if reply is not None:
                reply.wanted = reply.wanted or packet.wanted

    def _outer(self, frame: FrameType) -> Visit | None:
        """The visit that a function is called in; None for none, such as while another one stands still."""
        outer = self.visits[-1] if self.visits else None
        if outer is not None:
            back = frame.f_back
            while back is not None:
                if back is outer.frame:
                    return outer
                back = back.f_back
        return None

    def _step(self, visit: Visit, door: Door) -> None:
        """Note a step, and what can be read off it."""
        self.number += 1
        step = Step(self.number, self.lab.callouts.now, visit.host, visit.depth, door)
        packet = self.packets.get(visit.serial)
        if packet is not None:
            step.belongs(packet)
        visit.depth += 1
        visit.step = step
        self.event.append(step)
        if door is DROP:
            _whence(step, visit.frame, self.doors)
        if door.look is not None:
            try:
                visit.before = door.look(visit.frame, step.facts)
            except Exception as defect:  # ours, and no reason to stop the stack
                step.facts["defect"] = repr(defect)
        if visit.frame.f_code is _TCP_INPUT and isinstance(visit.before, tuple):
            self.heard[visit.host, visit.before[0]] = visit.serial

    def _leave(self, frame: FrameType, value: object) -> None:
        """A door closes."""
        visits = self.visits
        if not visits or visits[-1].frame is not frame:
            return
        visit = visits.pop()
        step = visit.step
        if step is not None:
            door = step.door
            if door is not DROP:
                step.line = frame.f_lineno  # where it left
            if door.seen is not None:
                try:
                    step.verdict = door.seen(frame, value, step.facts, visit.before)
                except Exception as defect:
                    step.facts.setdefault("defect", repr(defect))
            if step.verdict.startswith(_ENDS + _ELSE) and (packet := self.packets.get(step.serial)) is not None:
                if step.verdict.startswith(_ENDS) or not packet.fate or packet.fate.startswith(_ELSE):
                    packet.fate = step.verdict
        if visit.outermost:
            self.settle()

    def _remembered(self, frame: FrameType, host: str) -> int:
        """A timer has run out: it is because of what its connection heard last."""
        here = frame.f_locals
        owner = here.get("tp", here.get("sc"))
        return self.heard.get((host, owner.key), 0) if isinstance(owner, Tcpcb | SynCache) else 0

    # --- packets ------------------------------------------------------------------------------

    def _sight(self, m: Mbuf, host: str) -> Packet:
        """What is known of a packet; one that was there before the trace is a new one."""
        serial = getattr(m, "serial", 0)
        packet = self.packets.get(serial)
        if packet is None and not serial and m.link and self.outside:
            packet = self.packets.get(self.outside.pop(m.frame(), 0))
            if packet is not None:  # it went out of the lab, and is back
                m.serial, m.cause = packet.serial, packet.cause
        if packet is None:
            if serial <= 0:
                self.serial += 1
                m.serial, m.cause = self.serial, -serial  # its copy went on in its place (see _keeps)
            kind = COPY if serial < 0 else SENT
            packet = self._know(Packet(m.serial, m.cause, kind, self.number, self.lab.callouts.now, host, m))
            _snap(packet)
        return packet

    def _goes_out(self, ifp: Ethernet, m: Mbuf, packet: Packet) -> None:
        """A frame leaves the lab, into a file or a device: it may come back elsewhere."""
        if m.gso_size or isinstance(ifp, Shmif) and (ifp.bus is None or type(ifp.bus) is Bus):
            return
        if not isinstance(ifp, Vlan | Bridge):
            if len(self.outside) >= _OUTSIDE:
                del self.outside[next(iter(self.outside))]
            self.outside[m.frame()] = packet.serial

    def _know(self, packet: Packet) -> Packet:
        packets = self.packets
        if len(packets) >= MOST:
            del packets[next(iter(packets))]
        packets[packet.serial] = packet
        if self.filter is None:
            packet.wanted = True
        else:
            cause = packets.get(packet.cause)
            packet.wanted = True if cause is not None and cause.wanted else None
        self.fresh.append(packet)
        return packet

    def _made(self, frame: FrameType) -> None:
        """A packet is made: it gets its serial, and its cause."""
        visit = self._outer(frame)
        maker = _caller(frame)
        if visit is None or maker is None:
            return  # not of this lab, as far as one can tell; it will be seen
        if maker.f_code is _DEVGET and (above := _caller(maker)) is not None and above.f_code in _MAKERS:
            maker = above
        kind, origin = _MAKERS.get(maker.f_code, (SENT, ""))
        cause = visit.serial
        if origin:
            cause = self._sight(maker.f_locals[origin], visit.host).serial
        elif maker.f_code is _ARP_SEND:
            kind = ASKS if maker.f_locals["op"] == 1 else ANSWER
        m: Mbuf = frame.f_locals["self"]
        if maker.f_code is _COPY and self._keeps(m, maker):
            return
        self.serial += 1
        m.serial, m.cause = self.serial, cause
        packet = self._know(Packet(self.serial, cause, kind, self.number, self.lab.callouts.now, visit.host, m))
        for each in self.visits:
            if each.step is not None and not each.step.serial:
                each.step.belongs(packet)  # what led to it is the beginning of its journey

    def _keeps(self, copy: Mbuf, maker: FrameType) -> bool:
        """The only copy that a bus or a bridge hands on is the packet itself, and keeps its serial."""
        carrier = _caller(maker)
        if carrier is None:
            return False
        if carrier.f_code in _CARRIERS:
            if len(carrier.f_locals["takers"]) != 1:
                return False
        elif not isinstance(carrier.f_locals.get("self"), Bus):  # one in a file: the first of us that takes it
            return False
        m: Mbuf = maker.f_locals["self"]
        copy.serial, copy.cause = m.serial, m.cause
        m.serial = -m.serial  # should it be handed on once more, that is another one
        return True

    def _joined(self, frame: FrameType, value: object) -> None:
        """Fragments were put together."""
        if isinstance(value, Mbuf) and (whole := self.packets.get(getattr(value, "serial", 0))) is not None:
            order: list[Mbuf] = frame.f_locals["order"]
            whole.parts = tuple(getattr(piece, "serial", 0) for piece in order)
            for serial in whole.parts:
                if (part := self.packets.get(serial)) is not None:
                    part.fate = f"part of #{whole.serial}"

    def _sends(self, frame: FrameType, m: Mbuf, packet: Packet) -> None:
        """A packet gets its IP header; perhaps its bytes have been sent before."""
        template: int = frame.f_locals["template"]
        packet.header = template.to_bytes(20)
        if template >> 80 & 0xFF != IPPROTO_TCP or len(m.transport) < 20:
            return
        _, _, seq, _, words, _, _, _ = TCP_HEADER.unpack_from(m.transport)
        size = len(m.data) + bool(words & TH_SYN) + bool(words & TH_FIN)
        if not size:
            return
        flow = self.flows.setdefault((template & _ADDRESSES, m.transport[:4]), deque(maxlen=_FLIGHT))
        if flow and (flow[-1][0] + flow[-1][1] - seq & 0xFFFFFFFF) - 1 < 1 << 31:
            first = next((serial for at, length, serial in flow if _overlap(at, length, seq, size)), 0)
            if first and first < packet.serial and first in self.packets:
                packet.cause, packet.kind, m.cause = first, AGAIN, first
                packet.wanted = packet.wanted or self.packets[first].wanted
                return
        flow.append((seq, size, packet.serial))

    # --- processes ----------------------------------------------------------------------------

    def _wakes(self, frame: FrameType) -> None:
        """Somebody wakes those who sleep on a channel."""
        channel: Channel = frame.f_locals["self"]
        visit = self._outer(frame)
        if channel.sleepers and visit is not None and visit.serial and visit.frame.f_code is not _RUN:
            for proc in channel.sleepers:  # but what one process tells another is not a packet's doing
                self.woken[id(proc)] = visit.serial

    def _starts(self, frame: FrameType) -> None:
        """A process begins: because of what woke the one that starts it."""
        visit = self._outer(frame)
        if visit is not None and visit.serial:
            self.woken[id(frame.f_locals["self"])] = visit.serial

    def _runs(self, frame: FrameType) -> None:
        """A process goes on: what it does is because of the packet that woke it."""
        proc: Proc = frame.f_locals["self"]
        if proc.callouts is self.lab.callouts and self._outer(frame) is None:
            self.visits.append(Visit(frame, proc.hostname, self.woken.pop(id(proc), 0), 0))

    # --- what is wanted -----------------------------------------------------------------------

    def settle(self) -> None:
        """An event is over, or somebody wants to know how far it is: keep those of its steps that are wanted."""
        for packet in self.fresh:
            self._decide(packet)
        self.fresh = [packet for packet in self.fresh if packet.m is not None][-_PENDING:]
        waiting, self.pending = self.pending + self.event, []
        self.event = []
        before = self.count
        for step in waiting:
            owner = self.packets.get(step.serial)
            wanted = owner.wanted if owner is not None else self.filter is None
            if wanted:
                self.steps.append(step)
                self.count += 1
            elif wanted is None:
                self.pending.append(step)
        del self.pending[:-_PENDING]
        if self.count > before:
            self.grown.wakeup()

    def _decide(self, packet: Packet) -> None:
        """Note how a packet begins, and ask the filter for it, as soon as it has a header."""
        m = packet.m
        if m is None:
            return
        if not packet.frame and not _snap(packet):
            return
        packet.m = None
        if packet.wanted is None and self.filter is not None:
            cause = self.packets.get(packet.cause)
            packet.wanted = bool(cause is not None and cause.wanted) or self.filter(packet.frame)
        packet.frame = packet.frame[:SNAPLEN]


def _snap(packet: Packet) -> bool:
    """Note the bytes of a packet; False when it has no header yet."""
    m = packet.m
    if m is None:
        return False
    if m.net or m.link and not m.csum:
        packet.frame = m.frame() if m.link else _NO_LINK + m.frame()
    elif packet.header:
        packet.frame = b"".join((_NO_LINK, packet.header, m.transport, m.data))
    else:
        return False
    packet.length = len(packet.frame)
    return True


def _caller(frame: FrameType) -> FrameType | None:
    """Who has called a function: one of the stack's, though somebody stands between them (a trap)."""
    back = frame.f_back
    for _ in range(_BETWEEN):
        if back is None or "/stack/" in back.f_code.co_filename:
            break
        back = back.f_back
    return back if back is not None else frame.f_back


def _overlap(at: int, length: int, seq: int, size: int) -> bool:
    """Whether two pieces of the sequence space have bytes in common."""
    ahead = seq - at & 0xFFFFFFFF
    return ahead < length or -ahead & 0xFFFFFFFF < size


def _whence(step: Step, frame: FrameType, doors: Mapping[CodeType, Door]) -> None:
    """The line that drops: of the function that gave the reason, not of those that hand it on."""
    back = frame.f_back
    while back is not None and "reason" in back.f_code.co_varnames[: back.f_code.co_argcount]:
        back = back.f_back
    if back is not None:
        door = doors.get(back.f_code)
        step.function = door.bsd if door is not None else back.f_code.co_qualname
        step.name, step.path, step.line = back.f_code.co_qualname, path_of(back.f_code), back.f_lineno
