"""The packet in hand: found among the arguments of a function that was stopped, shown, and changed.

What a function was told about the packet beside it (its IP header as a number, the header that it is to get) is
changed along with it.
"""

from __future__ import annotations

from commands._tcpdump_core import Options
from commands._tcpdump_lines import DLT_RAW, Lines
from netsh.trap import Call
from stack.header.checksum import partial
from stack.header.ether import ETHERTYPE_IP
from stack.header.tcp import TH_SYN
from stack.mbuf import CSUM_NONE, CSUM_TCP, Mbuf
from stack.net.bpf import DLT_EN10MB, Frame, Source
from stack.net.ethernet import m_devget
from stack.netinet.tcp_segment import Segment
from stack.netinet.tcp_subr import TCP_HEADER
from stack.netinet.tcp_var import Tcpcb
from stack.probe import Protocol

# what leads from a thing of the stack's to the protocol of the host that it belongs to
_ABOVE = ("ether", "tcp", "inet", "ifp", "ip", "protocol")
_NO_LINK = bytes(12) + ETHERTYPE_IP.to_bytes(2)
# arguments of TCP's functions that a segment of the same connection leaves as they are
_SETTLED = {"self", "tp", "seg", "lport", "fport", "listener", "key", "sc", "old"}
_TEMPLATE = ~(0xFFFFFFFF << 112 | 0xFFFF << 64)  # without length, identification and checksum


def protocol_of(thing: object) -> Protocol | None:
    """The protocol that something belongs to, whose host is its own."""
    for _ in range(len(_ABOVE)):
        if thing is None or isinstance(thing, Protocol):
            return thing
        thing = next((above for name in _ABOVE if (above := getattr(thing, name, None)) is not None), None)
    return None


def packet_of(call: Call) -> Mbuf | None:
    """The packet that a function was called with."""
    m = call.get("m")
    if isinstance(m, Mbuf):
        return m
    segment = call.get("seg")
    return segment.m if isinstance(segment, Segment) else None


def whole(call: Call, m: Mbuf) -> Mbuf:
    """The packet with the header that it will get, if it has none yet."""
    template = call.get("template")
    if m.net or not isinstance(template, int):
        return m
    copy = m.copy()
    x = template | m.len + 20 << 128
    copy.net = (x | 0xFFFF - partial(x.to_bytes(20)) % 0xFFFF << 64).to_bytes(20)
    copy.len += 20
    return copy


def bytes_of(m: Mbuf, *, summed: bool = True) -> tuple[bytes, int]:
    """A packet's bytes, and of which link type they are; a sum that is not made yet need not be made for a look."""
    data = m.frame() if summed else b"".join((m.link, m.net, m.transport, m.data))
    return data, DLT_EN10MB if m.link else DLT_RAW


def line_of(m: Mbuf) -> str:
    """A packet in a line, as tcpdump has it."""
    data, linktype = bytes_of(m)
    lines = Lines(Options(numeric=True, stamp=1), lambda _address: None)
    return lines.row(Frame(0, 0, None, data, len(data)), [Source("", "", linktype)]).text


def change(call: Call, data: bytes) -> None:
    """Let the packet in hand have other bytes; ValueError where nobody would look at them any more."""
    m, segment = packet_of(call), call.get("seg")
    if m is None or isinstance(segment, Segment) and not _untouched(call, segment):
        raise ValueError("some of it has been used already; stop it earlier, in tcp_input")
    x = call.get("x")
    follows = isinstance(x, int) and x == int.from_bytes(m.net[:20])
    made = not m.net and isinstance(call.get("template"), int)
    fresh = m_devget(data if m.link else _NO_LINK + data)
    if isinstance(segment, Segment):
        _check_segment(fresh, m)
        _read_again(call, segment, fresh)
    m.net, m.transport, m.data = fresh.net, fresh.transport, fresh.data
    m.csum = CSUM_TCP if m.gso_size else CSUM_NONE  # each of its segments will have a sum of its own
    if m.link:
        m.link = fresh.link
    m.len = fresh.len
    if follows:
        call.set("x", int.from_bytes(m.net[:20]))
    if made:
        call.set("template", int.from_bytes(m.net[:20]) & _TEMPLATE)
        m.net, m.len = b"", m.len - len(fresh.net)


# -- segments, whose headers have been read ---------------------------------------------------------------


def _untouched(call: Call, segment: Segment) -> bool:
    """Whether nothing was taken off a segment, and a function was told nothing that was found out from it."""
    whole = segment.seq == segment.first and len(segment.data) == len(segment.m.data)
    return whole and set(call.names) <= _SETTLED


def _check_segment(fresh: Mbuf, m: Mbuf) -> None:
    """ValueError when it is no segment of the same connection any more."""
    header = fresh.transport or bytes(fresh.data[:20])
    size = header[12] >> 4 << 2 if len(header) >= 20 else 0
    if fresh.net[9:10] + fresh.net[12:20] + header[:4] != m.net[9:10] + m.net[12:20] + m.transport[:4]:
        raise ValueError("its connection has been found already; stop it earlier, in tcp_input")
    if size < 20 or not fresh.pullup(size):
        raise ValueError("this is no TCP header")


def _read_again(call: Call, segment: Segment, fresh: Mbuf) -> None:
    """A segment as tcp_input would have read it from these bytes."""
    tp, m = call.get("tp"), segment.m
    forgotten = m.transport[13] & ~segment.flags  # bits that the connection does not speak
    _, _, seq, ack, words, window, _, _ = TCP_HEADER.unpack_from(fresh.transport)
    if isinstance(tp, Tcpcb) and not words & TH_SYN:
        window <<= tp.snd_scale
    read = Segment(fresh, int.from_bytes(fresh.net[:20]), seq, ack, words & 0xFF & ~forgotten, window)
    for name in ("x", "seq", "first", "ack", "flags", "bare", "window", "data", "told"):
        setattr(segment, name, getattr(read, name))
