"""Packets as rows: the time, the place, what the printers say, the bytes (tcpdump.c, print.c, util-print.c)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import gmtime, localtime, struct_time
from typing import NamedTuple

from commands._tcpdump_core import Netdissect, Options, Truncated, ascii_text, hex_ascii_lines, hex_lines
from commands._tcpdump_link import ether_print, null_print, raw_print
from stack.net.bpf import DLT_EN10MB, DLT_NULL, Frame, Source

DLT_RAW, DLT_LOOP = 101, 108
_PRINTERS: dict[int, Callable[[Netdissect, bytes, int], int]] = {
    DLT_NULL: null_print, DLT_EN10MB: ether_print, DLT_RAW: raw_print, DLT_LOOP: null_print,
}  # fmt: skip
LINKTYPES = {
    DLT_NULL: "NULL (BSD loopback)", DLT_EN10MB: "EN10MB (Ethernet)", DLT_RAW: "RAW (Raw IP)",
    DLT_LOOP: "LOOP (OpenBSD loopback)",
}  # fmt: skip
_SECOND, _DAY = 1_000_000_000, 86400


class Packet(NamedTuple):
    """A packet that was captured: when, in seconds; where; who to whom, and how it reads."""

    number: int
    time: float
    host: str | None
    interface: str | None
    direction: str | None
    length: int
    captured: int
    source: str | None
    destination: str | None
    protocol: str | None
    text: str
    data: str | None  # in hex; only with -x, -X or -A


class Lines:
    """Makes rows of frames, one after the other."""

    def __init__(
        self,
        options: Options,
        name_of: Callable[[int], str | None],
        *,
        places: bool = False,
        local: bool = False,
        home: str = "",
    ) -> None:
        self.options = options
        self.ndo = Netdissect(options, name_of)
        self.places = places  # say where each was seen
        self.home = home  # the host that need not be named
        self.calendar: Callable[[float], struct_time] = localtime if local else gmtime  # a lab has no time zone
        self.begun = False  # it has been said what is read
        self.count = 0
        self.before = 0  # microseconds, for -ttt and -ttttt

    def row(self, frame: Frame, sources: Sequence[Source]) -> Packet:
        """One packet; ValueError when frames of its link type cannot be read."""
        source, ndo, options = sources[frame.source], self.ndo, self.options
        printer = _PRINTERS.get(source.linktype)
        if printer is None:
            raise ValueError(f"packets of link type {source.linktype} cannot be shown; Ethernet and loopback can")
        self.count += 1
        ndo.begin()
        data = frame.data
        try:
            header = printer(ndo, data, frame.length)
        except Truncated:
            ndo.trunc()
            header = _header_size(source.linktype, data)
        number = f"{self.count:5}  " if options.numbered else ""
        stamp = self._stamp(frame.time)
        where = self._where(source, frame.outgoing) if self.places else ""
        text = f"{number}{stamp}{where}{''.join(ndo.out)}{dump(options, data, header)}"
        shown = options.hex or options.hex_ascii or options.ascii
        direction = None if frame.outgoing is None else "out" if frame.outgoing else "in"
        return Packet(
            self.count,
            frame.time / _SECOND,
            source.host or None,
            source.interface or None,
            direction,
            frame.length,
            len(data),
            ndo.source or None,
            ndo.destination or None,
            ndo.name or None,
            text,
            data.hex() if shown else None,
        )

    def _where(self, source: Source, outgoing: bool | None) -> str:
        """As tcpdump has it for `-i any`: the interface and the direction."""
        place = source.interface if source.host == self.home else str(source)
        way = "?" if outgoing is None else "Out" if outgoing else "In"
        return f"{place:<5} {way:<3} "

    def _stamp(self, time: int) -> str:
        """When, as -t asks for it (ts_print)."""
        kind = self.options.stamp
        if kind == 1:
            return ""
        micro = time // 1000
        seconds, fraction = divmod(micro, 1_000_000)
        if kind == 2:
            return f"{seconds}.{fraction:06} "
        if kind in (3, 5):
            before = self.before if self.count > 1 else micro
            if kind == 3 or self.count == 1:
                self.before = micro
            return _delta(micro - before)
        t = self.calendar(seconds)
        date = f"{t.tm_year:04}-{t.tm_mon:02}-{t.tm_mday:02} " if kind == 4 else ""
        return f"{date}{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}.{fraction:06} "


def _delta(micro: int) -> str:
    sign = "-" if micro < 0 else " "
    seconds, fraction = divmod(abs(micro), 1_000_000)
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06} "


def _header_size(linktype: int, data: bytes) -> int:
    """How much of a frame is link header when its printer gave up."""
    if linktype != DLT_EN10MB:
        return 0 if linktype == DLT_RAW else 4
    at = 12
    while data[at : at + 2] in (b"\x81\x00", b"\x88\xa8", b"\x91\x00", b"\x92\x00"):
        at += 4
    return at + 2


def dump(options: Options, data: bytes, header: int) -> str:
    """The bytes, as -x, -X and -A ask for them; given twice they take the link header with them."""
    for level, show in ((options.hex_ascii, hex_ascii_lines), (options.hex, hex_lines), (options.ascii, ascii_text)):
        if level:
            return show(data if level > 1 else data[header:])
    return ""
