"""What stands at an arrow of a ladder: the kind of a packet and its numbers, in few words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from commands._ladder_journey import Journey
from commands._tcpdump_core import Options
from commands._tcpdump_lines import Lines
from stack.header.ip import IP_MF, IP_OFFMASK, IPPROTO_NAMES, IPPROTO_TCP, IPPROTO_UDP
from stack.net.bpf import Frame, Source

_FLAGS = ((0x80, "CWR"), (0x40, "ECE"), (0x20, "URG"), (0x08, "PSH"), (0x04, "RST"), (0x02, "SYN"), (0x01, "FIN"))
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_M32 = 0xFFFFFFFF
_ADDRESSES = re.compile(r"^IP6? \S+ > \S+: ")
_NEEDLESS = re.compile(r"(?:, )?length:? \d+$|, id \d+(?=,)|(?<=^ARP), Request|(?<=^ARP), Reply|^ICMP6?,? ")
_HTTP = re.compile(r": HTTP: (.*)")


class Label(NamedTuple):
    """The words, and for TCP the numbers in them, counted from the beginning of the connection."""

    text: str
    protocol: str
    length: int  # bytes of data
    source: str | None
    destination: str | None
    flags: str | None = None
    seq: int | None = None
    ack: int | None = None
    again: bool = False  # these bytes were sent before


class Labels:
    """Remembers the connections, so that numbers can be counted from their beginning."""

    def __init__(self, name_of: Callable[[int], str | None], *, numeric: bool, absolute: bool) -> None:
        self.absolute = absolute
        self.lines = Lines(Options(numeric=numeric, stamp=1), name_of)
        self.first: dict[bytes, int] = {}  # the first sequence number of each direction,
        self.highest: dict[bytes, int] = {}  # and how far it has come

    def of(self, journey: Journey) -> Label:
        """The label of a packet."""
        frame = Frame(0, 0, None, journey.frame, journey.length)
        try:
            packet = self.lines.row(frame, [Source("", "", journey.linktype)])
        except ValueError:
            return Label("?", "?", journey.length, None, None)
        net = journey.seen.net
        protocol = packet.protocol or "?"
        ends = packet.source, packet.destination
        size = (net[0] & 15) * 4 if net and net[0] >> 4 == 4 else 0
        if size >= 20:
            payload, length = net[size:], max(int.from_bytes(net[2:4]) - size, 0)
            offset = int.from_bytes(net[6:8])
            if offset & (IP_MF | IP_OFFMASK):
                kind = IPPROTO_NAMES.get(net[9], str(net[9]))
                where = (offset & IP_OFFMASK) * 8
                return Label(f"{kind} fragment, {where}:{where + length}", protocol, length, *ends)
            if net[9] == IPPROTO_TCP and len(payload) >= 20:
                return self._tcp(net, payload, length, packet.text, ends)
            if net[9] == IPPROTO_UDP and len(payload) >= 8 and packet.text.endswith(f": UDP, length {length - 8}"):
                ports = int.from_bytes(payload[:2]), int.from_bytes(payload[2:4])
                return Label(f"UDP {ports[0]} > {ports[1]}, {length - 8} bytes", protocol, length - 8, *ends)
            return Label(_short(packet.text), protocol, length, *ends)
        return Label(_short(packet.text), protocol, journey.length, *ends)

    def _tcp(self, net: bytes, tcp: bytes, length: int, text: str, ends: tuple[str | None, str | None]) -> Label:
        """`SYN 0 ACK 1`, `PSH 1:113 ACK 1`: each flag with its number."""
        flags, size = tcp[13], length - (tcp[12] >> 4) * 4
        seq, ack = int.from_bytes(tcp[4:8]), int.from_bytes(tcp[8:12])
        here, there = net[12:20] + tcp[:4], net[16:20] + net[12:16] + tcp[2:4] + tcp[:2]
        again = self._again(here, seq, size, flags)
        self.first.setdefault(here, seq)
        if flags & _ACK:
            self.first.setdefault(there, ack - 1 & _M32 if flags & _SYN else ack)
        if not self.absolute:
            seq, ack = seq - self.first.get(here, seq) & _M32, ack - self.first.get(there, ack) & _M32
        words = [name for bit, name in _FLAGS if flags & bit]
        if size > 0:
            words.append(f"{seq}:{seq + size}")
        elif flags & (_SYN | _FIN | _RST):
            words.append(str(seq))
        if flags & _ACK:
            words.append(f"ACK {ack}")
        said = f", {found[1]}" if (found := _HTTP.search(text)) is not None else ""
        more = (f", {size} bytes" if size > 0 else "") + (", window 0" if _is_shut(tcp) else "")
        names = "|".join([*(name for bit, name in _FLAGS if flags & bit), *(["ACK"] if flags & _ACK else [])])
        return Label(
            " ".join(words) + more + (", again" if again else "") + said,
            "TCP", max(size, 0), *ends, names, seq, ack if flags & _ACK else None, again,
        )  # fmt: skip

    def _again(self, here: bytes, seq: int, size: int, flags: int) -> bool:
        """Whether all of a segment was sent before; where a connection begins, its numbers begin, too."""
        if flags & _SYN and self.first.get(here) != seq:
            self.first[here] = seq
            self.highest.pop(here, None)
        end = seq + max(size, 0) + bool(flags & _SYN) + bool(flags & _FIN) & _M32
        if end == seq or flags & _RST:
            return False
        highest = self.highest.setdefault(here, end - 1 & _M32)
        if end - highest - 1 & _M32 < 1 << 31:
            self.highest[here] = end
            return False
        return True


def _is_shut(tcp: bytes) -> bool:
    """A window of nothing, where a window is told."""
    return tcp[14:16] == b"\0\0" and not tcp[13] & _RST


def _short(text: str) -> str:
    """tcpdump's words without what the arrow says itself."""
    return _NEEDLESS.sub("", _ADDRESSES.sub("", text.split("\n")[0], count=1)).strip(", ")
