"""Captures: what a tap on an interface keeps (BSD net/bpf.c, net/bpfdesc.h).

`ifp.taps` is a tuple of functions, called with every frame that an interface sends or receives;
this is the one place where frames are captured.  A tap must take the bytes it wants at once
(`frames(m)`), since the packet goes on its way and is changed there.  Of a super-segment it
sees the frames of the wire, while that itself goes on as it is: to look on changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from stack.kern.proc import Channel
from stack.mbuf import Mbuf
from stack.net.bpf_filter import Insn, bpf_filter
from stack.net.gso import frames
from stack.net.ifnet import Ifnet, Tap
from stack.net.wire import Bus

DLT_NULL, DLT_EN10MB = 0, 1  # net/dlt.h: four bytes of address family before a packet; Ethernet
_AF_INET = (2).to_bytes(4, "little")  # what lo0's frames begin with
_RECENT = 16 << 20  # bytes of packets that are looked at afterwards,
_OVERHEAD = 400  # with what Python needs for each
_DEATHS = 10_000
SNAPLEN = 262144  # bytes of a frame that are kept unless less is asked for


class Captured(NamedTuple):
    """A frame as it was seen on an interface."""

    time: float  # seconds of the lab's clock
    interface: str
    outgoing: bool
    frame: bytes


class Capture:
    """Keeps every frame that passes the given interfaces, until it is closed."""

    def __init__(self, now: Callable[[], float], interfaces: Iterable[Ifnet]) -> None:
        self.now = now
        self.interfaces = list(interfaces)
        self.frames: list[Captured] = []
        for ifp in self.interfaces:
            ifp.taps += (self.tap,)

    def tap(self, ifp: Ifnet, m: Mbuf, outgoing: bool) -> None:
        """See one frame, or those of a super-segment."""
        self.frames += [Captured(self.now(), ifp.name, outgoing, frame) for frame in frames(m)]

    def close(self) -> None:
        """Take the taps off."""
        for ifp in self.interfaces:
            ifp.taps = tuple(tap for tap in ifp.taps if tap != self.tap)


class Source(NamedTuple):
    """Where frames are seen: an interface of a host, or a bus (host "")."""

    host: str
    interface: str
    linktype: int

    def __str__(self) -> str:
        return f"{self.host}:{self.interface}" if self.host else self.interface


class Frame(NamedTuple):
    """A frame as a capture has it, from the wire or from a file."""

    time: int  # nanoseconds; of the lab's clock, or since 1970
    source: int  # which of the capture's sources
    outgoing: bool | None  # None: nobody knows
    data: bytes  # what was kept of it
    length: int  # what it had on the wire
    comment: str = ""


class Death(NamedTuple):
    """A packet that was dropped while a capture saw it go."""

    time: int  # nanoseconds of the lab's clock
    frames: int  # how many had been seen by then
    place: str  # the host, or the bus
    protocol: str
    reason: str
    data: bytes  # the packet


class Recent:
    """What a capture has seen last, for who looks at its packets afterwards; they are counted from 1."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self.frames: deque[Frame] = deque()
        self.deaths: deque[Death] = deque(maxlen=_DEATHS)
        self.size = 0
        self.count = 0

    def add(self, frames: Sequence[Frame]) -> None:
        """More were seen; the oldest are forgotten when it becomes too much."""
        kept = self.frames
        kept.extend(frames)
        self.count += len(frames)
        self.size += sum(len(frame.data) + _OVERHEAD for frame in frames)
        while self.size > _RECENT:
            self.size -= len(kept.popleft().data) + _OVERHEAD

    def find(self, number: int) -> Frame | None:
        """A packet by its number; None when there is none, or not any more."""
        at = number - 1 - (self.count - len(self.frames))
        return self.frames[at] if 0 <= at < len(self.frames) else None


class Bpf:
    """A capture that a filter chooses from, with a buffer that is read now and then (struct bpf_d).

    `limit` is how many bytes may wait; what comes on top is counted as dropped.
    """

    def __init__(self, now: Callable[[], float], limit: int, snaplen: int = SNAPLEN) -> None:
        self.now = now
        self.limit = limit
        self.snaplen = snaplen
        self.sources: list[Source] = []
        self.frames: list[Frame] = []
        self.size = 0  # bytes in the buffer
        self.received = 0  # all frames that were seen (bs_recv)
        self.dropped = 0  # frames that found no room (bs_drop)
        self.readable = Channel("bpf")
        self._detach: list[Callable[[], None]] = []

    def attach(self, ifp: Ifnet, host: str, program: Sequence[Insn] | None) -> None:
        """See the frames of an interface, in and out (bpf_setif, bpf_setf)."""
        tap = self._tap(Source(host, ifp.name, linktype_of(ifp)), program)
        ifp.taps += (tap,)

        def detach() -> None:
            ifp.taps = tuple(each for each in ifp.taps if each is not tap)

        self._detach.append(detach)

    def attach_bus(self, bus: Bus, program: Sequence[Insn] | None) -> None:
        """See each frame that is sent on a bus, once."""
        tap = self._tap(Source("", f"bus:{bus.label}", DLT_EN10MB), program)

        def sent(ifp: Ifnet, m: Mbuf, outgoing: bool) -> None:
            if outgoing:
                tap(ifp, m, True)

        bus.add_tap(sent)
        self._detach.append(lambda: bus.remove_tap(sent))

    def _tap(self, source: Source, program: Sequence[Insn] | None) -> Tap:
        number = len(self.sources)
        self.sources.append(source)
        header = _AF_INET if source.linktype == DLT_NULL else b""

        def tap(_ifp: Ifnet, m: Mbuf, outgoing: bool) -> None:
            for frame in frames(m):
                self.received += 1
                data = header + frame
                keep = length = len(data)
                if program is not None:
                    keep = bpf_filter(program, data, length)
                if keep:
                    self._catch(number, outgoing, data, min(keep, self.snaplen))

        return tap

    def _catch(self, number: int, outgoing: bool, data: bytes, keep: int) -> None:
        """Copy a frame into the buffer, if there is room (catchpacket)."""
        length = len(data)
        if keep < length:
            data = data[:keep]
        if self.size + len(data) > self.limit:
            self.dropped += 1
            return
        self.size += len(data)
        self.frames.append(Frame(round(self.now() * 1e9), number, outgoing, data, length))
        self.readable.wakeup()

    def take(self) -> list[Frame]:
        """What there is, at once (bpf_read); the buffer is empty then."""
        frames, self.frames, self.size = self.frames, [], 0
        return frames

    def close(self) -> None:
        """See no more; what is in the buffer stays."""
        for detach in self._detach:
            detach()
        self._detach.clear()


def linktype_of(ifp: Ifnet) -> int:
    """What its frames begin with."""
    return DLT_NULL if ifp.is_loopback else DLT_EN10MB
