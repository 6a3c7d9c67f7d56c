"""What tcpdump's printers share: options, names, bytes that may be missing (netdissect.h, print.c, util-print.c).

A printer is a function of a `Netdissect`, of the bytes that were kept from its header on, and of the length that they
had; it is called as in tcpdump.  One that asks for a byte that was not kept ends there, and `[|tcp]` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from commands._netstat_sockets import SERVICES
from stack.addr import Ip4


class Truncated(Exception):
    """A byte is wanted that was not captured."""


class Options(NamedTuple):
    """How packets are shown: the flags of the same letters, those that may be repeated as numbers."""

    numeric: bool = False  # -n
    link: bool = False  # -e
    verbose: int = 0  # -v
    quick: bool = False  # -q
    absolute: bool = False  # -S
    stamp: int = 0  # -t
    hex: int = 0  # -x
    hex_ascii: int = 0  # -X
    ascii: int = 0  # -A
    numbered: bool = False  # -#


class Conversation:
    """Where the two directions of a TCP connection began, to count from there (struct tcp_seq_hash)."""

    __slots__ = ("ack", "seq")

    def __init__(self, seq: int, ack: int) -> None:
        self.seq = seq
        self.ack = ack


class Netdissect:
    """One run of printers: what is printed, and what is remembered from packet to packet (netdissect_options)."""

    def __init__(self, options: Options, name_of: Callable[[int], str | None]) -> None:
        self.options = options
        self.verbose = options.verbose
        self.name_of = name_of
        self.out: list[str] = []
        self.protocol = ""  # whose bytes are looked at
        self.conversations: dict[tuple[int, int, int, int], Conversation] = {}
        self.begin()

    def begin(self) -> None:
        """A new packet."""
        self.out.clear()
        self.source = self.destination = ""  # of the outermost packet, for rows
        self.name = ""  # and its protocol

    def put(self, text: str) -> None:
        """Print."""
        self.out.append(text)

    def trunc(self) -> None:
        """There is no more of it (nd_print_trunc)."""
        self.out.append(f" [|{self.protocol}]")

    def invalid(self) -> None:
        """It makes no sense (nd_print_invalid)."""
        self.out.append(" (invalid)")

    def address(self, data: bytes, at: int) -> str:
        """An IPv4 address in a packet, by its name perhaps (ipaddr_string)."""
        return self.ip_name(u32(data, at))

    def ip_name(self, address: int) -> str:
        """An address, by its name perhaps."""
        name = None if self.options.numeric else self.name_of(address)
        return name or str(Ip4(address))

    def port(self, number: int) -> str:
        """A port, by the name of its service perhaps (tcpport_string)."""
        return str(number) if self.options.numeric else SERVICES.get(number, str(number))

    def mac(self, data: bytes, at: int = 0) -> str:
        """An Ethernet address (mac_string)."""
        address = need(data, at, 6)
        if not self.options.numeric and address == b"\xff" * 6:
            return "Broadcast"
        return address.hex(":")


def need(data: bytes, at: int, size: int) -> bytes:
    """So many bytes from a place on."""
    if at + size > len(data):
        raise Truncated
    return data[at : at + size]


def u8(data: bytes, at: int) -> int:
    """A byte (GET_U_1)."""
    if at >= len(data):
        raise Truncated
    return data[at]


def u16(data: bytes, at: int) -> int:
    """Two bytes (GET_BE_U_2)."""
    return int.from_bytes(need(data, at, 2))


def u32(data: bytes, at: int) -> int:
    """Four bytes (GET_BE_U_4)."""
    return int.from_bytes(need(data, at, 4))


def bits(value: int, names: Mapping[int, str], none: str = "none", between: str = ", ") -> str:
    """The names of the bits that are set (bittok2str)."""
    return between.join(name for bit, name in names.items() if value & bit) or none


def plural(count: int, what: str) -> str:
    """`1 packet`, `2 packets` (PLURAL_SUFFIX)."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def in_cksum(data: bytes, initial: int = 0) -> int:
    """The Internet checksum over data with its checksum in it: 0 when that is right (in_cksum.c)."""
    total = int.from_bytes(data + b"\0" if len(data) & 1 else data) + initial
    return 0 if total and total % 0xFFFF == 0 else 0xFFFF - total % 0xFFFF


def shouldbe(found: int, computed: int) -> int:
    """What stands in a header, made right (in_cksum_shouldbe)."""
    total = found + computed
    total = (total & 0xFFFF) + (total >> 16)
    return total + (total >> 16) & 0xFFFF


def relative_time(seconds: int) -> str:
    """`1d2h`, `3m20s` (unsigned_relts_print)."""
    if seconds == 0:
        return "0s"
    text = ""
    for size, letter in ((604800, "w"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        if seconds >= size:
            text += f"{seconds // size}{letter}"
            seconds %= size
    return text


def printable(data: bytes) -> str:
    """Characters, those that cannot be printed as ^A and M-a (fn_printn)."""
    return "".join(_character(byte) for byte in data)


def _character(byte: int) -> str:
    low = byte & 0x7F
    text = chr(low) if 0x20 <= low <= 0x7E else f"^{chr(low ^ 0x40)}"
    return f"M-{text}" if byte & 0x80 else text


def hex_lines(data: bytes, indent: str = "\n\t") -> str:
    """`-x`: sixteen bytes a line, in pairs (hex_print)."""
    return "".join(f"{indent}0x{at:04x}:  {data[at : at + 16].hex(' ', -2)}" for at in range(0, len(data), 16))


def hex_ascii_lines(data: bytes, indent: str = "\n\t") -> str:
    """`-X`: the same, with the characters (hex_and_ascii_print)."""
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        lines.append(f"{indent}0x{at:04x}:  {row.hex(' ', -2):<39}  {_graphic(row)}")
    return "".join(lines)


_GRAPHIC = bytes(byte if 0x21 <= byte <= 0x7E else ord(".") for byte in range(256))


def _graphic(data: bytes) -> str:
    return data.translate(_GRAPHIC).decode()


def ascii_text(data: bytes) -> str:
    """`-A`: as text, what is none as dots (ascii_print).

    Of the end of a line only the newline is left, and nothing of a carriage return that is one of the last two bytes.
    """
    text = "".join(chr(byte) if 0x20 <= byte <= 0x7E or byte in b"\t\n\r" else "." for byte in data)
    text = text.replace("\r\n", "\n")
    return "\n" + text[:-2].replace("\r", ".") + text[-2:].replace("\r", "")
