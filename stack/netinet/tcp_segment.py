"""A segment that has arrived, as the steps of tcp_input see it (RFC 9293 3.3.1, SEG.SEQ and its kin)."""

from __future__ import annotations

from stack.header.tcp import TH_FIN, TH_SYN, TcpOptions
from stack.kern.sockbuf import Piece
from stack.mbuf import Mbuf

NO_OPTIONS = TcpOptions()


class Segment:
    """A segment on its way through the steps; trimming changes `seq`, `data` and `flags`, not `first` and `bare`."""

    __slots__ = ("ack", "bare", "data", "first", "flags", "m", "seq", "told", "window", "x")

    def __init__(self, m: Mbuf, x: int, seq: int, ack: int, flags: int, window: int) -> None:
        self.m = m
        self.x = x
        self.seq = self.first = seq
        self.ack = ack
        self.flags = flags
        self.bare = not m.data and not flags & (TH_SYN | TH_FIN)
        self.window = window
        self.data: Piece = m.data
        self.told = TcpOptions.parse(m.transport[20:]) if len(m.transport) > 20 else NO_OPTIONS

    @property
    def length(self) -> int:
        """What it takes of the sequence space (SEG.LEN)."""
        return len(self.data) + bool(self.flags & TH_SYN) + bool(self.flags & TH_FIN)
