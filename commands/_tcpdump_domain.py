"""DNS in tcpdump's words (print-domain.c; RFC 1035 4)."""

from __future__ import annotations

from commands._tcpdump_core import Netdissect, Truncated, need, printable, relative_time, u8, u16, u32
from stack.addr import Ip4

DOMAIN = 53
_OPERATIONS = (
    "", " inv_q", " stat", " op3", " notify", " update", " op6", " op7", " op8", " updateA", " updateD", " updateDA",
    " updateM", " updateMA", " zoneInit", " zoneRef",
)  # fmt: skip
_ANSWERS = (
    "", " FormErr", " ServFail", " NXDomain", " NotImp", " Refused", " YXDomain", " YXRRSet", " NXRRSet", " NotAuth",
    " NotZone", " Resp11", " Resp12", " Resp13", " Resp14", " NoChange",
)  # fmt: skip
_TYPES = {
    1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR", 10: "NULL", 11: "WKS",
    12: "PTR", 13: "HINFO", 14: "MINFO", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 35: "NAPTR", 39: "DNAME",
    41: "OPT", 43: "DS", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 64: "SVCB", 65: "HTTPS", 251: "IXFR", 252: "AXFR",
    255: "ANY", 257: "CAA",
}  # fmt: skip
_CLASSES = {1: "IN", 3: "CHAOS", 4: "HS", 255: "ANY"}
_HEADER = 12
_A, _NS, _CNAME, _SOA, _PTR, _MX, _TXT, _AAAA, _SRV, _OPT = 1, 2, 5, 6, 12, 15, 16, 28, 33, 41


class _Cut(Truncated):
    """A name that was cut off: what there is of it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class _Over(Exception):
    """A record's fixed part was cut off: the line ends there, as if there were no more."""


def domain_print(ndo: Netdissect, data: bytes, length: int) -> None:
    """A message."""
    ndo.protocol = "domain"
    if length < _HEADER:
        ndo.put(f"domain [length {length} < {_HEADER}]")
        return ndo.invalid()
    try:
        _message(ndo, data)
    except Truncated:
        return ndo.trunc()
    except _Over:
        pass
    return ndo.put(f" ({length})")


def _message(ndo: Netdissect, data: bytes) -> None:
    ident, flags, *counts = (u16(data, at) for at in range(0, 12, 2))
    operation = _OPERATIONS[flags >> 11 & 15]
    questions, answers, authorities, additional = counts
    if flags & 0x8000:
        ndo.put(f"{ident}{operation}{_ANSWERS[flags & 15]}{'*' if flags & 0x400 else ''}{'' if flags & 0x80 else '-'}")
        ndo.put(f"{'|' if flags & 0x200 else ''}{'$' if flags & 0x20 else ''}")
        if questions != 1:
            ndo.put(f" [{questions}q]")
        at = 12
        for number in range(questions):
            if ndo.verbose > 1:
                ndo.put(" q:" if not number else ",")
            at = _question(ndo, data, at) if ndo.verbose > 1 else _name(data, at)[1] + 4
        ndo.put(f" {answers}/{authorities}/{additional}")
        at = _records(ndo, data, at, answers, "")
    else:
        ndo.put(f"{ident}{operation}{'+' if flags & 0x100 else ''}{'%' if flags & 0x10 else ''}")
        if flags & 0x6CF:
            ndo.put(f" [b2&3=0x{flags:x}]")
        for count, normal, letter in zip(
            (answers, questions, authorities, additional), (0, 1, 0, 0), "aqn", strict=False
        ):
            ndo.put(f" [{count}{letter}]" if count != normal else "")
        ndo.put(f" [{additional}au]" if additional else "")
        at = 12
        for _ in range(questions):
            at = _question(ndo, data, at)
        if ndo.verbose > 1:
            at = _records(ndo, data, at, answers, "")
    if ndo.verbose > 1:
        at = _records(ndo, data, at, authorities, " ns:")
        _records(ndo, data, at, additional, " ar:")


def _question(ndo: Netdissect, data: bytes, at: int) -> int:
    name, at = _name(data, at)
    kind, family = u16(data, at), u16(data, at + 2)
    ndo.put(f" {_TYPES.get(kind, f'Type{kind}')}")
    if family != 1:
        ndo.put(f" {_CLASSES.get(family, f'(Class {family})')}")
    ndo.put(f"? {name}")
    return at + 4


def _records(ndo: Netdissect, data: bytes, at: int, count: int, heading: str) -> int:
    for number in range(count):
        ndo.put(heading if not number else ",")
        at = _record(ndo, data, at)
    return at


def _record(ndo: Netdissect, data: bytes, at: int) -> int:
    try:
        name, at = _name(data, at)
    except _Cut as cut:
        ndo.put(f" {cut.name}" if ndo.verbose else "")
        raise _Over from None
    if ndo.verbose:
        ndo.put(f" {name}")
    if at + 10 > len(data):
        raise _Over
    kind, family, ttl, size = u16(data, at), u16(data, at + 2), u32(data, at + 4), u16(data, at + 8)
    if kind != _OPT:
        if family & 0x7FFF != 1:
            ndo.put(f" {_CLASSES.get(family & 0x7FFF, f'(Class {family & 0x7FFF})')}")
        if family & 0x8000:
            ndo.put(" (Cache flush)")
        if ndo.verbose > 2:
            ndo.put(f" [{relative_time(ttl)}]")
    ndo.put(f" {_TYPES.get(kind, f'Type{kind}')}")
    at += 10
    _value(ndo, data, at, kind, family, size)
    return at + size


def _value(ndo: Netdissect, data: bytes, at: int, kind: int, family: int, size: int) -> None:
    need(data, at, size)
    if kind == _A:
        ndo.put(f" {Ip4(u32(data, at))}" if ndo.options.numeric else f" {ndo.address(data, at)}")
    elif kind in (_NS, _CNAME, _PTR):
        ndo.put(f" {_name(data, at)[0]}")
    elif kind == _MX:
        ndo.put(f" {_name(data, at + 2)[0]} {u16(data, at)}")
    elif kind == _TXT:
        end = at + size
        while at < end:
            ndo.put(f' "{printable(need(data, at + 1, u8(data, at)))}"')
            at += 1 + data[at]
    elif kind == _SRV:
        ndo.put(f" {_name(data, at + 6)[0]}:{u16(data, at + 4)} {u16(data, at)} {u16(data, at + 2)}")
    elif kind == _SOA and ndo.verbose:
        primary, at = _name(data, at)
        mailbox, at = _name(data, at)
        ndo.put(f" {primary} {mailbox}{''.join(f' {u32(data, at + each)}' for each in range(0, 20, 4))}")
    elif kind == _AAAA:
        ndo.put(f" {ip6_text(need(data, at, 16))}")
    elif kind == _OPT:
        ndo.put(f" UDPsize={family}")


def _name(data: bytes, at: int) -> tuple[str, int]:
    """A name, and where what follows it begins."""
    labels, end, limit = list[str](), 0, len(data)
    while True:
        size = data[at] if at < len(data) else 0xFF
        if at + (size if size < 0x40 else 1) >= len(data) and size:
            raise _Cut("".join(f"{label}." for label in labels))
        if size & 0xC0 == 0xC0:
            end = end or at + 2
            at = u16(data, at) & 0x3FFF
            limit -= 1
            if limit < 0:
                return "<LOOP>", end
            continue
        if size & 0xC0:
            raise Truncated
        at += 1
        if not size:
            return (".".join(labels) + "."), end or at
        labels.append(printable(need(data, at, size)))
        at += size


def ip6_text(address: bytes) -> str:
    """An IPv6 address in its shortest form (RFC 5952)."""
    words = [int.from_bytes(address[at : at + 2]) for at in range(0, 16, 2)]
    best, size = 0, 0
    for start in range(8):
        run = next((n for n in range(8 - start) if words[start + n]), 8 - start)
        if run > size:
            best, size = start, run
    if address[:12] == bytes(10) + b"\xff\xff" or (address[:12] == bytes(12) and words[6]):
        return f"::{'ffff:' if words[5] else ''}{'.'.join(str(byte) for byte in address[12:])}"
    texts = [f"{word:x}" for word in words]
    if size < 2:
        return ":".join(texts)
    return f"{':'.join(texts[:best])}::{':'.join(texts[best + size :])}"
