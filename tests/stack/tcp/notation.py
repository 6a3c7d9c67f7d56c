"""packetdrill's notation, read: a script is an event a line.

An event begins with its time: absolute, `+` after the event before, a range `+0~+.2` for what may
happen within, or `*` for whenever::

    // a comment
    0.000 `sysctl net.inet.tcp.msl=5`                   a knob of the host
    +0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3        a call that does not wait, and its result
    +0...0.2 read(4, ..., 1000) = 1000                  a call that waits, from when until when
    +0 < S 0:0(0) win 32792 <mss 1460>                  a packet from the peer
    +.1 > S. 0:0(0) ack 1 <mss 1460>                    a packet that must come out, just then
    +0 < icmp unreachable host_unreachable [1:1001(1000)]
    +0 %{ assert snd_cwnd == 2920 }%                    a fact, or a deed, in Python

Sequence numbers count from each side's SYN.  Differences from Google's program: time is exact (a
millisecond of tolerance), a packet the script does not expect is a failure at once, all bytes sent and
read are checked against a pattern, `win` may be left out of an expectation, `< :40001 S` is from
another port of the peer, and `urg N`, `bad_checksum` and `<hex 0203>` make crooked packets.  `[ect0]`,
`[ect1]` or `[ce]` before the flags is RFC 3168's field of the IP header; E and W are TCP's flags ECE and CWR.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from stack.header.tcp import TcpOptions

CODEPOINTS = ("", "ect1", "ect0", "ce")
FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, ".": 16, "U": 32, "E": 64, "W": 128}
_PATTERN = bytes(range(251))  # a prime: what is out of place shows

_EVENT = re.compile(r"(?P<time>\*|\+?[\d.]+?(?:(?:~|\.\.\.)\+?\d*\.?\d+)?)\s+(?P<what>\S.*)")
_TIME = re.compile(r"(?P<plus>\+?)(?P<start>\d*\.?\d+)(?:(?P<kind>~|\.\.\.)\+?(?P<end>\d*\.?\d+))?")
CALL = re.compile(r"(?P<name>\w+)\((?P<args>.*)\) = (?P<value>-?\w+)(?: (?P<errno>E\w+))?(?: \(.*\))?")
ICMP = re.compile(r"< icmp (?P<type>\w+) (?P<code>\w+)(?: mtu (?P<mtu>\d+))? \[(?P<seq>\d+):\d+\(\d+\)\]")
PACKET = re.compile(
    r"(?P<way>[<>]) (?:\[(?P<ecn>ect0|ect1|ce)\] )?(?::(?P<port>\d+) )?(?P<flags>[FSRP.UEW]+)"
    r" (?P<seq>\d+):(?P<end>\d+)\((?P<size>\d+)\)"
    r"(?: ack (?P<ack>\d+))?(?: win (?P<win>\d+))?(?: urg (?P<urg>\d+))?(?: <(?P<options>.*)>)?(?P<bad> bad_checksum)?"
)


def pattern(offset: int, size: int) -> bytes:
    """What both sides say at that place of their stream."""
    return (_PATTERN * (size // 251 + 2))[offset % 251 :][:size]


class Event(NamedTuple):
    """A line of a script; times are in seconds, None for whenever."""

    line: int
    what: str
    relative: bool
    start: float | None
    end: float | None = None
    waits: bool = False  # a call that may block


def parse(text: str) -> list[Event]:
    """The events of a script; ValueError with the line that is none."""
    events = []
    joined = re.sub(r"%\{.*?\}%", lambda code: code[0].replace("\n", "\x1f"), text, flags=re.DOTALL)
    for number, line in enumerate(joined.split("\n"), 1):
        line = line if "%{" in line else line.partition("//")[0]
        if not line.strip():
            continue
        found = _EVENT.fullmatch(line.strip())
        if found is None:
            raise ValueError(f"line {number} is no event: {line}")
        what, time = found["what"].replace("\x1f", "\n"), _TIME.fullmatch(found["time"])
        if time is None:
            events.append(Event(number, what, False, None))
        else:
            start, end = float(time["start"]), float(time["end"]) if time["end"] else None
            events.append(Event(number, what, bool(time["plus"]), start, end, time["kind"] == "..."))
    return events


def matches(found: re.Match[str], seen: str) -> bool:
    """Whether a packet is the one expected: `win` and options count only as far as they are named."""
    packet = PACKET.fullmatch(seen)
    assert packet is not None
    if any(found[part] != packet[part] for part in ("ecn", "seq", "end", "size", "ack", "urg")):
        return False
    if set(found["flags"]) != set(packet["flags"]) or (found["win"] and found["win"] != packet["win"]):
        return False
    return bool(found["options"] == "..." or found["options"] == packet["options"])


def pack_options(text: str, iss: int = 0) -> bytes:
    """The bytes of options as a script writes them, padded to 4; SACK blocks count from `iss`."""
    out = b""
    for option in filter(None, (part.strip() for part in text.split(","))):
        word, *numbers = option.split()
        if word == "hex":
            out += bytes.fromhex(numbers[0])
        elif word == "mss":
            out += TcpOptions(mss=int(numbers[0])).pack()
        elif word in ("nop", "eol"):
            out += b"\1" if word == "nop" else b"\0"
        elif word == "sackOK":
            out += b"\4\2"
        elif word == "wscale":
            out += bytes((3, 3, int(numbers[0])))
        elif word == "sack":
            edges = [(int(edge) + iss & 0xFFFFFFFF).to_bytes(4) for span in numbers for edge in span.split(":")]
            out += bytes((5, 2 + 4 * len(edges))) + b"".join(edges)
        elif word == "TS":
            out += b"\x08\x0a" + int(numbers[1]).to_bytes(4) + int(numbers[3]).to_bytes(4)
        else:
            raise ValueError(f"no option: {option}")
    return out + bytes(-len(out) % 4)
