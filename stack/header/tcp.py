"""The TCP header and its options (BSD netinet/tcp.h; RFC 9293 3.1, 7323 2 and 3, 2018 2 and 3, 3168 6.1)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, Self

TH_FIN = 0x01
TH_SYN = 0x02
TH_RST = 0x04
TH_PUSH = 0x08
TH_ACK = 0x10
TH_URG = 0x20
TH_ECE = 0x40
TH_CWR = 0x80

TCPOPT_EOL = 0
TCPOPT_NOP = 1
TCPOPT_MAXSEG = 2
TCPOPT_WINDOW = 3
TCPOPT_SACK_PERMITTED = 4
TCPOPT_SACK = 5
TCPOPT_TIMESTAMP = 8

TCPOLEN_MAXSEG = 4
TCPOLEN_WINDOW = 3
TCPOLEN_SACK_PERMITTED = 2
TCPOLEN_TIMESTAMP = 10
TCPOLEN_TSTAMP_APPA = 12  # RFC 7323 appendix A: with two NOPs before it

MAX_TCPOPTLEN = 40
TCP_MSS = 536  # RFC 1122 4.2.2.6: what a peer without the option takes; NetBSD's header says 512
TCP_MAXWIN = 65535
TCP_MAX_WINSHIFT = 14  # RFC 7323 2.3

# tcpdump's letters, in its order
_LETTERS = (
    (TH_FIN, "F"),
    (TH_SYN, "S"),
    (TH_RST, "R"),
    (TH_PUSH, "P"),
    (TH_ACK, "."),
    (TH_URG, "U"),
    (TH_ECE, "E"),
    (TH_CWR, "W"),
)

_TCP = Struct("!HHIIHHHH")
LENGTH = _TCP.size


class Tcp(NamedTuple):
    """struct tcphdr; the options follow it, up to `off`.

    ::

         0                   1                   2                   3
         0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |          Source Port          |       Destination Port        |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |                        Sequence Number                        |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |                    Acknowledgment Number                      |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |  Data |       |C|E|U|A|P|R|S|F|                               |
        | Offset| Rsrvd |W|C|R|C|S|S|Y|I|            Window             |
        |       |       |R|E|G|K|H|T|N|N|                               |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |           Checksum            |         Urgent Pointer        |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
        |                    Options                    |    Padding    |
        +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    """

    sport: int
    dport: int
    seq: int = 0
    ack: int = 0
    off: int = 20  # bytes of header, options and all
    flags: int = 0
    win: int = 0  # as on the wire, not scaled
    sum: int = 0
    urp: int = 0

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Self:
        """Read the first 20 bytes; ValueError for fewer, and for an offset into them.

        Whether the segment holds `off` bytes is for the caller to see.
        """
        if len(data) < 20:
            raise ValueError("short TCP header")
        sport, dport, seq, ack, off_flags, win, cksum, urp = _TCP.unpack_from(data)
        if off_flags < 0x5000:
            raise ValueError("bad data offset")
        return cls(sport, dport, seq, ack, off_flags >> 12 << 2, off_flags & 0xFF, win, cksum, urp)

    def pack(self) -> bytes:
        """The 20 bytes without options; the checksum stands as it is, for it needs all the rest."""
        sport, dport, seq, ack, off, flags, win, cksum, urp = self
        return _TCP.pack(sport, dport, seq, ack, off << 10 | flags, win, cksum, urp)

    def __str__(self) -> str:
        ack = f", ack {self.ack}" if self.flags & TH_ACK else ""
        urg = f", urg {self.urp}" if self.flags & TH_URG else ""
        return f"{self.sport} > {self.dport}: Flags [{flags_str(self.flags)}], seq {self.seq}{ack}, win {self.win}{urg}"


def flags_str(flags: int) -> str:
    """The flags as tcpdump writes them: `S.` for a SYN with an ACK, `none` for none."""
    return "".join(letter for bit, letter in _LETTERS if flags & bit) or "none"


_MAXSEG = Struct("!BBH")
_TSTAMP = Struct("!BBBBII")  # with its two NOPs
_BLOCK = Struct("!II")
_TSTAMP_HDR = bytes((TCPOPT_NOP, TCPOPT_NOP, TCPOPT_TIMESTAMP, TCPOLEN_TIMESTAMP))


class TcpOptions(NamedTuple):
    """What the options of one segment say; None or empty for what they do not mention."""

    mss: int | None = None
    wscale: int | None = None  # as sent: RFC 7323 2.3 has the receiver cut it to 14
    sack_ok: bool = False
    sack: tuple[tuple[int, int], ...] = ()  # (left edge, right edge), newest first
    ts: tuple[int, int] | None = None  # (TSval, TSecr)

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Self:
        """Read the bytes behind the header, never raising (tcp_dooptions).

        A length that cannot be ends the list; an option of the wrong length, or unknown, is passed over.
        """
        if len(data) == TCPOLEN_TSTAMP_APPA and data[:4] == _TSTAMP_HDR:  # nearly every segment
            return cls(ts=_BLOCK.unpack_from(data, 4))
        mss = wscale = ts = None
        sack_ok = False
        sack: tuple[tuple[int, int], ...] = ()
        for kind, option in _split(data):
            size = len(option)
            if kind == TCPOPT_MAXSEG and size == TCPOLEN_MAXSEG:
                mss = option[2] << 8 | option[3]
            elif kind == TCPOPT_WINDOW and size == TCPOLEN_WINDOW:
                wscale = option[2]
            elif kind == TCPOPT_SACK_PERMITTED and size == TCPOLEN_SACK_PERMITTED:
                sack_ok = True
            elif kind == TCPOPT_SACK and size > 2 and size % 8 == 2:
                sack = tuple(_BLOCK.iter_unpack(option[2:]))
            elif kind == TCPOPT_TIMESTAMP and size == TCPOLEN_TIMESTAMP:
                ts = _BLOCK.unpack_from(option, 2)
        return cls(mss, wscale, sack_ok, sack, ts)

    def pack(self) -> bytes:
        """The bytes, a multiple of 4 and 40 at most, each 32-bit value on its boundary as in BSD.

        SACK blocks that find no room are left out (RFC 2018 4: as many as will fit).
        """
        mss, wscale, sack_ok, sack, ts = self
        out = b""
        if mss is not None:
            out += _MAXSEG.pack(TCPOPT_MAXSEG, TCPOLEN_MAXSEG, mss)
        if wscale is not None:
            out += bytes((TCPOPT_NOP, TCPOPT_WINDOW, TCPOLEN_WINDOW, wscale))
        # SACK-permitted has the two bytes where else the two NOPs before a timestamp stand
        lead = (TCPOPT_SACK_PERMITTED, TCPOLEN_SACK_PERMITTED) if sack_ok else (TCPOPT_NOP, TCPOPT_NOP)
        if ts is not None:
            out += _TSTAMP.pack(*lead, TCPOPT_TIMESTAMP, TCPOLEN_TIMESTAMP, *ts)
        elif sack_ok:
            out += bytes((TCPOPT_NOP, TCPOPT_NOP, *lead))
        blocks = sack[: (MAX_TCPOPTLEN - len(out) - 4) // 8] if sack else ()
        if blocks:
            out += bytes((TCPOPT_NOP, TCPOPT_NOP, TCPOPT_SACK, 2 + 8 * len(blocks)))
            out += b"".join(_BLOCK.pack(left, right) for left, right in blocks)
        return out

    def __str__(self) -> str:
        words = []
        if self.mss is not None:
            words.append(f"mss {self.mss}")
        if self.wscale is not None:
            words.append(f"wscale {self.wscale}")
        if self.sack_ok:
            words.append("sackOK")
        if self.ts is not None:
            words.append(f"TS val {self.ts[0]} ecr {self.ts[1]}")
        if self.sack:
            edges = "".join(f"{{{left}:{right}}}" for left, right in self.sack)
            words.append(f"sack {len(self.sack)} {edges}")
        return ",".join(words)


def _split(data: bytes | memoryview) -> list[tuple[int, bytes]]:
    """The options as (kind, the whole of it), without NOPs, up to EOL or to a length that cannot be."""
    found = []
    at = 0
    end = len(data)
    while at < end and (kind := data[at]) != TCPOPT_EOL:
        if kind == TCPOPT_NOP:
            at += 1
            continue
        size = data[at + 1] if at + 1 < end else 0
        if size < 2 or at + size > end:
            break
        found.append((kind, bytes(data[at : at + size])))
        at += size
    return found
